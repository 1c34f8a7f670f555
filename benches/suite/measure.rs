//! Wall time, CPU time and memory of a query's runs, as a line of JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use esker_dataframe::prelude::*;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::args::Args;
use crate::tables::Tables;
use crate::{Frame, Work};

/// Runs a query once to warm up and then as often as asked; each run in a context of its own, which
/// opens the files anew. The answer is written once more at the end, when it is wanted.
///
/// # Errors
/// Those of the query.
pub(crate) fn measure(name: &str, args: &Args, work: Work) -> Result<String> {
    let output = Output::new(args, name, work);
    let resident = status("VmRSS:");
    reset_peak();
    let (mut runs, mut cpu, mut rows, mut first) = (Vec::new(), Vec::new(), 0, 0.0);
    for run in 0..=args.runs {
        output.remove();
        let (clock, busy) = (now(), cpu_seconds());
        let context = context(args)?;
        let tables = Tables::new(args, &context);
        match work {
            Work::Rows(frame) => {
                let table = frame(&tables)?.collect()?;
                rows = table.num_rows();
                record(run, clock, busy, &mut first, &mut runs, &mut cpu);
                drop(table);
            }
            Work::File(_, frame, write) => {
                rows = write(&frame(&tables)?, &output.path)?.rows;
                record(run, clock, busy, &mut first, &mut runs, &mut cpu);
            }
        }
    }
    let peak = status("VmHWM:");
    if let (Some(folder), Work::Rows(frame)) = (&args.answers, work) {
        write_answer(name, args, folder, frame)?;
    }
    Ok(json!({
        "q": name, "runs": runs, "first": first, "cpu": cpu, "rows": rows,
        "rss0_mb": resident, "peak_mb": peak,
    })
    .to_string())
}

/// The physical plan of a query, and what each operator of it did in a run.
///
/// # Errors
/// Those of the query.
pub(crate) fn explain(args: &Args, frame: Frame) -> Result<String> {
    let context = context(args)?;
    let frame = frame(&Tables::new(args, &context))?;
    frame.collect()?;
    Ok(frame.explain_analyze()?.to_string())
}

/// The line of a query that did not run.
pub(crate) fn error_line(name: &str, message: &str) -> String {
    json!({ "q": name, "error": message }).to_string()
}

fn context(args: &Args) -> Result<ExecutionContext> {
    ExecutionContext::builder().threads(args.threads).build()
}

/// Keeps the times of a run, the first of which is the warm-up.
fn record(
    run: usize,
    clock: Instant,
    busy: f64,
    first: &mut f64,
    runs: &mut Vec<f64>,
    cpu: &mut Vec<f64>,
) {
    let (wall, busy) = (seconds_since(clock), cpu_seconds() - busy);
    if run == 0 {
        *first = wall;
    } else {
        runs.push(wall);
        cpu.push(busy);
    }
}

/// Writes the answer where it is looked at, untimed.
fn write_answer(name: &str, args: &Args, folder: &str, frame: Frame) -> Result<()> {
    let context = context(args)?;
    let path = Path::new(folder).join(format!("{name}.parquet"));
    frame(&Tables::new(args, &context))?.write_parquet(path)?;
    Ok(())
}

/// The file that a query writes: kept where answers are wanted, else removed.
struct Output {
    path: PathBuf,
    kept: bool,
}

impl Output {
    fn new(args: &Args, name: &str, work: Work) -> Self {
        let extension = match work {
            Work::Rows(_) => "none",
            Work::File(extension, _, _) => extension,
        };
        let path = match &args.answers {
            Some(folder) => Path::new(folder).join(format!("{name}.{extension}")),
            None => {
                let folder = Path::new(&args.data).join("out");
                if matches!(work, Work::File(..)) {
                    // Where that fails the query says so.
                    let _ = fs::create_dir_all(&folder);
                }
                folder.join(format!("esker-{}.{extension}", std::process::id()))
            }
        };
        Self {
            path,
            kept: args.answers.is_some(),
        }
    }

    fn remove(&self) {
        // There may be none.
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.kept {
            self.remove();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measuring is what the program is for"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "measuring is what the program is for"
)]
fn seconds_since(clock: Instant) -> f64 {
    clock.elapsed().as_secs_f64()
}

/// What all threads of the process have computed so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Lets the peak of the resident memory start anew.
fn reset_peak() {
    // Where that is not to be had (not on Linux) the peak is that of the whole process.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// A line of the process's status, in MB.
fn status(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let kilobytes = found.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}
