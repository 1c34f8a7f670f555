//! Five things that the traits must be able to say, each as a small mock that runs: a full join
//! with unmatched build rows, an ordered limit in mid-plan, a spilling sort, an unbounded source,
//! and a CSV writer. Then failures at bad moments, and random plans under stress.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod csv_writer;
mod failures;
mod full_join;
mod join;
mod limit;
mod runtime_filters;
mod sort;
mod sorted;
mod spilling_sort;
mod stress;
mod unbounded;

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef as ArrowSchemaRef};
use esker_datatypes::{Batch, Column, DataType, Field, Result, SchemaRef};
use esker_logical_plan::MemTable;
use esker_physical_plan::{
    Delivery, PhysicalPlan, Role, RunningQuery, ScanExec, ScanOptions, start,
};
use esker_runtime::{MemoryBudget, QueryContext, WorkerPool};

/// A row of nullable integers.
type Row = Vec<Option<i64>>;

/// A schema of nullable integers.
fn schema(names: &[&str]) -> SchemaRef {
    Arc::new(
        names
            .iter()
            .map(|name| Field::new(*name, DataType::Int64, true))
            .collect(),
    )
}

/// Columns of integers, from rows.
fn batch(width: usize, rows: &[Row]) -> Batch {
    let column = |i: usize| {
        let values: Int64Array = rows.iter().map(|row| row[i]).collect();
        Column::flat(Arc::new(values))
    };
    Batch::new((0..width).map(column).collect(), rows.len())
}

/// The selected rows of a batch of integers.
fn rows_of(batch: &Batch) -> Vec<Row> {
    let flat: Vec<_> = batch.columns().iter().map(Column::to_flat).collect();
    let value = |i: usize, row: usize| {
        let column = flat[i].as_primitive::<Int64Type>();
        arrow::array::Array::is_valid(column, row).then(|| column.value(row))
    };
    batch
        .selection()
        .iter()
        .map(|row| (0..flat.len()).map(|i| value(i, row)).collect())
        .collect()
}

/// A scan of rows in memory, in many small splits.
fn scan(id: u32, names: &[&str], splits: &[Vec<Row>], batch_size: usize) -> PhysicalPlan {
    let schema = schema(names);
    let arrow = schema.to_arrow();
    let batches = splits
        .iter()
        .map(|rows| batch(names.len(), rows).to_arrow(&arrow).unwrap());
    let table = MemTable::with_schema(arrow.clone(), batches.collect()).unwrap();
    let table = table.with_split_rows(5);
    let all: Vec<usize> = (0..names.len()).collect();
    let options = ScanOptions {
        schema: Arc::clone(&schema),
        columns: all.clone(),
        projection: all,
        filters: Vec::new(),
        limit: None,
        batch_size,
        dictionary_strings: false,
    };
    let role = Role::Source(Arc::new(ScanExec::new(Arc::new(table), options)));
    PhysicalPlan::new(id, "ScanExec", "memory", role, [], schema)
}

/// A query on a pool of its own, whose workers live as long as this.
struct Runner {
    _pool: WorkerPool,
    query: Arc<QueryContext>,
    batch_size: usize,
}

impl Runner {
    fn new(threads: usize, batch_size: usize, memory: Arc<MemoryBudget>) -> Self {
        let pool = WorkerPool::new(threads);
        let query = QueryContext::new(&pool, memory);
        Self {
            _pool: pool,
            query,
            batch_size,
        }
    }

    fn start(&self, plan: &PhysicalPlan, delivery: Delivery) -> RunningQuery {
        let schema: ArrowSchemaRef = plan.schema().to_arrow();
        start(
            plan,
            schema,
            Arc::clone(&self.query),
            self.batch_size,
            delivery,
        )
        .unwrap()
    }

    /// Like `collect`, also for plans that do not start.
    fn try_collect(&self, plan: &PhysicalPlan) -> Result<Vec<Row>> {
        let schema: ArrowSchemaRef = plan.schema().to_arrow();
        let query = Arc::clone(&self.query);
        let running = start(plan, schema, query, self.batch_size, Delivery::Collect)?;
        Ok(running.collect()?.iter().flat_map(rows_of_arrow).collect())
    }

    fn collect(&self, plan: &PhysicalPlan) -> Result<Vec<Row>> {
        let batches = self.start(plan, Delivery::Collect).collect()?;
        Ok(batches.iter().flat_map(rows_of_arrow).collect())
    }
}

fn rows_of_arrow(batch: &RecordBatch) -> Vec<Row> {
    rows_of(&Batch::from_arrow(batch).unwrap())
}

/// Every number of threads and batch size that a mock runs under.
fn settings() -> impl Iterator<Item = (usize, usize)> {
    [1, 2, 4]
        .into_iter()
        .flat_map(|threads| [1, 3, 1024].map(|batch_size| (threads, batch_size)))
}
