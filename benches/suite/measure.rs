//! Wall time, CPU time and memory of a query's runs, as a line of JSON.

use std::fs;
use std::path::Path;
use std::time::Instant;

use esker_dataframe::prelude::*;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::args::Args;

/// Runs a query once to warm up and then as often as asked; each run in a context of its own, which
/// opens the files anew. The answer is written once more at the end, when it is wanted.
///
/// # Errors
/// Those of the query.
pub(crate) fn measure(
    name: &str,
    args: &Args,
    frame: impl Fn(&ExecutionContext) -> Result<DataFrame>,
) -> Result<String> {
    let context = || ExecutionContext::builder().threads(args.threads).build();
    let resident = status("VmRSS:");
    reset_peak();
    let (mut runs, mut cpu, mut rows, mut first) = (Vec::new(), Vec::new(), 0, 0.0);
    for run in 0..=args.runs {
        let (wall, busy) = (now(), cpu_seconds());
        let context = context()?;
        let table = frame(&context)?.collect()?;
        let (wall, busy) = (wall.elapsed_seconds(), cpu_seconds() - busy);
        rows = table.num_rows();
        drop(table);
        if run == 0 {
            first = wall;
        } else {
            runs.push(wall);
            cpu.push(busy);
        }
    }
    let peak = status("VmHWM:");
    if let Some(folder) = &args.answers {
        let context = context()?;
        let path = Path::new(folder).join(format!("{name}.parquet"));
        frame(&context)?.write_parquet(path)?;
    }
    Ok(json!({
        "q": name, "runs": runs, "first": first, "cpu": cpu, "rows": rows,
        "rss0_mb": resident, "peak_mb": peak,
    })
    .to_string())
}

/// The line of a query that did not run.
pub(crate) fn error_line(name: &str, message: &str) -> String {
    json!({ "q": name, "error": message }).to_string()
}

/// A point in time.
struct Moment(Instant);

impl Moment {
    #[expect(
        clippy::disallowed_methods,
        reason = "measuring is what the program is for"
    )]
    fn elapsed_seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measuring is what the program is for"
)]
fn now() -> Moment {
    Moment(Instant::now())
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
