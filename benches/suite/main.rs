//! `esker-suite`: the queries of the side-by-side comparison, timed inside the process.
//!
//! One line of JSON a query on standard output. Whoever compares engines calls it once per query,
//! so that no query finds what another left behind.

#![expect(clippy::disallowed_macros, reason = "a program prints its results")]

/// What was asked on the command line.
mod args;
/// The h2o.ai group-by and join queries.
mod h2o;
/// Wall time, CPU time and memory of a run.
mod measure;
/// TPC-H.
mod tpch;

use std::path::Path;
use std::process::ExitCode;

use esker_dataframe::prelude::*;

use args::Args;

/// The process is a measuring device for an engine that does not choose its user's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a query is run on: the paths of the suite's tables, by name.
type Tables<'a> = &'a dyn Fn(&ExecutionContext, &str) -> Result<DataFrame>;

/// A query: the first word of its name, and the frame it makes.
type Query = (
    &'static str,
    fn(&ExecutionContext, Tables) -> Result<DataFrame>,
);

fn main() -> ExitCode {
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
        "h2o-join" => (1..=5)
            .flat_map(|n| [format!("j{n}m"), format!("j{n}a")])
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
        _ => &[],
    }
}

/// Runs a query as often as asked; the line to print.
fn run(args: &Args, name: &str) -> String {
    let known = all(&args.suite).iter().any(|known| known == name);
    let Some((_, query)) = written(&args.suite)
        .iter()
        .find(|(known, _)| *known == name)
    else {
        let state = if known {
            "is not written yet"
        } else {
            "does not exist"
        };
        return measure::error_line(name, &format!("{} {name} {state}", args.suite));
    };
    match measure::measure(name, args, |context| frame(args, context, *query)) {
        Ok(line) => line,
        Err(error) => measure::error_line(name, &error.to_string()),
    }
}

/// The query's frame over the suite's files, opened anew.
fn frame(
    args: &Args,
    context: &ExecutionContext,
    query: fn(&ExecutionContext, Tables) -> Result<DataFrame>,
) -> Result<DataFrame> {
    let open = |context: &ExecutionContext, table: &str| -> Result<DataFrame> {
        context.parquet(path(args, table))
    };
    query(context, &open)
}

/// Where a table's file is.
fn path(args: &Args, table: &str) -> std::path::PathBuf {
    let data = Path::new(&args.data);
    match args.suite.as_str() {
        "h2o-groupby" => data.join(format!("h2o/G1_{}_{}_0_0.parquet", args.rows_h2o, args.k)),
        "h2o-join" => data.join(format!("h2o/J1_{}_{table}.parquet", args.rows_h2o)),
        _ => data.join(format!("tpch-sf{}/{table}.parquet", args.sf)),
    }
}
