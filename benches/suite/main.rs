//! `esker-suite`: the queries of the side-by-side comparison, timed inside the process.
//!
//! One line of JSON a query on standard output. Whoever compares engines calls it once per query,
//! so that no query finds what another left behind.

#![expect(clippy::disallowed_macros, reason = "a program prints its results")]

/// What was asked on the command line.
mod args;
/// The h2o.ai group-by and join queries.
mod h2o;
/// Reading and writing whole files.
mod io;
/// Wall time, CPU time and memory of a run.
mod measure;
/// Sorts and distinct rows.
mod sort;
/// The files of a suite.
mod tables;
/// TPC-H.
mod tpch;

use std::path::Path;
use std::process::ExitCode;

use esker_dataframe::WriteSummary;
use esker_dataframe::prelude::*;

use args::Args;
use tables::Tables;

/// Lets the system's allocator keep memory that is freed, as those of the other engines do: else each
/// run pays anew for the first touch of every page.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator is told by a call of C")]
fn keep_memory() {
    /// What is smaller comes from the heaps; the most that glibc takes.
    const FROM_HEAPS: i32 = 32 << 20;
    /// An empty heap of a thread stays when another would have to be at least as large.
    const HEAP: i32 = 64 << 20;
    // SAFETY: no other thread runs yet, and the options take any number.
    let taken = unsafe {
        [
            libc::mallopt(libc::M_MMAP_THRESHOLD, FROM_HEAPS),
            libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX),
            libc::mallopt(libc::M_TOP_PAD, HEAP),
        ]
    };
    if taken != [1; 3] {
        eprintln!("esker-suite: the allocator does not take its options: {taken:?}");
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_memory() {}

/// A query: the first word of its name, and what is measured.
type Query = (&'static str, Work);

/// What a run of a query does.
#[derive(Clone, Copy)]
enum Work {
    /// Brings the rows of a frame to memory.
    Rows(Frame),
    /// Writes the rows of a frame to a file with this extension.
    File(&'static str, Frame, Write),
}

/// The frame of a query over the tables of its suite.
type Frame = fn(&Tables) -> Result<DataFrame>;

/// How a frame is written.
type Write = fn(&DataFrame, &Path) -> Result<WriteSummary>;

fn main() -> ExitCode {
    keep_memory();
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("esker-suite: {message}");
            return ExitCode::FAILURE;
        }
    };
    for name in args.queries(&all(&args.suite)) {
        println!("{}", run(&args, &name));
    }
    ExitCode::SUCCESS
}

/// The names of a suite's queries, also of those that are not written yet.
fn all(suite: &str) -> Vec<String> {
    let numbered = |letter: &str, range: std::ops::RangeInclusive<u32>, width: usize| {
        range.map(|n| format!("{letter}{n:0width$}")).collect()
    };
    match suite {
        "tpch" => numbered("q", 1..=22, 2),
        "h2o-groupby" => numbered("g", 1..=10, 2),
        "h2o-join" => ["m", "a"]
            .iter()
            .flat_map(|kind| (1..=5).map(move |n| format!("j{n}{kind}")))
            .collect(),
        "csv" => numbered("v", 1..=7, 1),
        "sort" => numbered("s", 1..=8, 1),
        "window" => numbered("w", 1..=7, 1),
        "io" => (1..=11)
            .filter(|n| *n != 8)
            .map(|n| format!("i{n}"))
            .collect(),
        _ => Vec::new(),
    }
}

/// The queries of a suite that are written.
fn written(suite: &str) -> &'static [Query] {
    match suite {
        "tpch" => tpch::QUERIES,
        "h2o-groupby" => h2o::GROUP_BY,
        "h2o-join" => h2o::JOIN,
        "csv" => io::CSV,
        "sort" => sort::QUERIES,
        "io" => io::QUERIES,
        _ => &[],
    }
}

/// Runs a query as often as asked; the line to print.
fn run(args: &Args, name: &str) -> String {
    let known = all(&args.suite).iter().any(|known| known == name);
    let query = written(&args.suite)
        .iter()
        .find(|(known, _)| *known == name);
    let Some((_, work)) = query else {
        let state = if known {
            "is not written yet"
        } else {
            "does not exist"
        };
        return measure::error_line(name, &format!("{} {name} {state}", args.suite));
    };
    let done = match *work {
        Work::Rows(frame) | Work::File(_, frame, _) if args.explain => {
            measure::explain(args, frame)
        }
        work => measure::measure(name, args, work),
    };
    match done {
        Ok(line) => line,
        Err(error) => measure::error_line(name, &error.to_string()),
    }
}
