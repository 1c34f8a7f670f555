//! What each operator of a query did, as text.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use esker_datatypes::Result;
use esker_physical_plan::Delivery;
use esker_runtime::{OperatorCounters, OperatorSnapshot, Stopwatch, format_bytes};

use crate::DataFrame;
use crate::table::grouped;

/// What [`DataFrame::explain_analyze`] gives: the physical plan of a query that has run, and what
/// each operator did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainAnalyze {
    /// The operators in the order of the plan text.
    pub operators: Vec<AnalyzedOperator>,
    /// How many rows the result had.
    pub rows: u64,
    /// How long the query took to optimize and plan.
    pub planning: Duration,
    /// How long it took to run.
    pub running: Duration,
}

/// An operator of a physical plan that has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalyzedOperator {
    /// How deep it stands in the plan: 0 for the root.
    pub depth: usize,
    /// Its line of the plan text.
    pub line: String,
    /// What it did, over all workers: the rows of a join that came in are those of both sides, its
    /// time is summed over workers, its bytes are those that it held for what comes behind it.
    pub counters: OperatorCounters,
    /// What a scan says beside: the row groups of its files, and how many of them it left out.
    pub detail: Option<String>,
}

impl fmt::Display for ExplainAnalyze {
    /// A line for each operator: rows in and out, time (summed over workers), bytes held, and the
    /// operator's line of the physical plan.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, [rows_in, rows_out, time, bytes]: [&str; 4]| {
            write!(f, "{rows_in:>13} {rows_out:>13} {time:>10} {bytes:>10}  ")
        };
        writeln!(f, "== Physical plan, as it ran ==")?;
        line(f, ["rows in", "rows out", "time", "bytes"])?;
        writeln!(f, "operator")?;
        for operator in &self.operators {
            let counters = &operator.counters;
            let time = format!("{:.1?}", Duration::from_nanos(counters.nanos));
            let bytes = format_bytes(counters.bytes);
            let rows = [counters.rows_in, counters.rows_out].map(grouped);
            line(f, [&rows[0], &rows[1], &time, &bytes])?;
            let indentation = 4 * operator.depth.min(100);
            write!(f, "{:indentation$}{}", "", operator.line)?;
            match &operator.detail {
                Some(detail) => writeln!(f, " ({detail})")?,
                None => writeln!(f)?,
            }
        }
        write!(
            f,
            "{} rows, planned in {:.1?}, ran in {:.1?}",
            grouped(self.rows),
            self.planning,
            self.running
        )
    }
}

impl DataFrame {
    /// Runs the query, counts its rows, and says what each operator of the physical plan did.
    ///
    /// ```
    /// use esker_dataframe::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/employee.csv");
    /// let df = ExecutionContext::new().csv(path)?.filter(col("salary").gt(10_000));
    /// let analyzed = df.explain_analyze()?;
    /// assert_eq!(analyzed.rows, 3);
    /// println!("{analyzed}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The frame's first mistake, or what went wrong while running.
    pub fn explain_analyze(&self) -> Result<ExplainAnalyze> {
        let clock = Stopwatch::start();
        let plan = self.physical_plan()?;
        let planning = clock.elapsed();
        let clock = Stopwatch::start();
        let mut stream = self.run_plan(&plan, Delivery::Stream)?.stream();
        let mut rows = 0;
        for batch in stream.by_ref() {
            rows += batch?.num_rows() as u64;
        }
        let running = clock.elapsed();
        let metrics = stream.query().metrics().into_iter();
        let mut metrics: HashMap<u32, OperatorSnapshot> =
            metrics.map(|operator| (operator.id, operator)).collect();
        let operators = plan.lines().into_iter().map(|(depth, line, node)| {
            let did = metrics.remove(&node.id());
            AnalyzedOperator {
                depth,
                line,
                counters: did.as_ref().map(|did| did.counters).unwrap_or_default(),
                detail: did.and_then(|did| did.detail),
            }
        });
        Ok(ExplainAnalyze {
            operators: operators.collect(),
            rows,
            planning,
            running,
        })
    }
}
