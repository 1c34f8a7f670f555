//! A plan becomes operators, operators become pipelines, and workers drive batches through them.
#![expect(clippy::disallowed_macros, reason = "examples print")]

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use esker_datatypes::{Error, Result, format_value};
use esker_logical_expr::{coerce, col};
use esker_logical_plan::{Filter, Limit, LogicalPlan, MemTable, Projection, Scan};
use esker_physical_plan::{Delivery, Planner, ResultSink, build_pipelines, start};
use esker_runtime::{MemoryBudget, QueryContext, WorkerPool};

fn main() -> Result<()> {
    // Ten thousand numbers in small splits, so that there is something to share out.
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).map_err(Error::from)?;
    let table = MemTable::try_new(vec![batch])?.with_split_rows(500);

    // The plan, typed by hand: the optimizer is a layer above.
    let scan = LogicalPlan::Scan(Scan::new("numbers", Arc::new(table)));
    let predicate = coerce((col("n") % 7).eq(0), scan.schema())?.data;
    let filter = LogicalPlan::Filter(Filter::try_new(predicate, scan)?);
    let square = coerce((col("n") * col("n")).alias("square"), filter.schema())?.data;
    let projection = LogicalPlan::Projection(Projection::try_new([col("n"), square], filter)?);
    let plan = LogicalPlan::Limit(Limit::new(100, Some(3), projection));

    // Columns become positions.
    let physical = Planner::new(1024).plan(&plan)?;
    println!("{physical}");

    // Workers run whole pipelines; the rows come in the order of the input all the same.
    let pool = WorkerPool::new(4);
    let query = QueryContext::new(&pool, MemoryBudget::unlimited());
    let schema = physical.schema().to_arrow();
    let sink = ResultSink::new(schema.clone(), Delivery::Stream, Arc::clone(&query));
    let pipelines = build_pipelines(&physical, Arc::new(sink), 1024)?;
    println!(
        "{} pipeline(s), {} workers\n",
        pipelines.len(),
        pool.threads()
    );

    // A plan runs once: this one is planned anew.
    let physical = Planner::new(1024).plan(&plan)?;
    let running = start(&physical, schema, query, 1024, Delivery::Stream)?;
    while let Some(batch) = running.next_batch()? {
        for row in 0..batch.num_rows() {
            let values = batch
                .columns()
                .iter()
                .map(|column| format_value(column, row));
            println!("{}", values.collect::<Vec<_>>().join(" | "));
        }
    }

    // What each operator did.
    println!();
    for operator in running.context().metrics().snapshot() {
        let counters = operator.counters;
        println!(
            "{:<16} {:>6} rows in {:>6} rows out",
            operator.name, counters.rows_in, counters.rows_out
        );
    }
    Ok(())
}
