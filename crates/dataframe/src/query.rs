//! A query in flight.

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use arrow::error::ArrowError;
use esker_datatypes::Result;
use esker_physical_plan::{Delivery, PhysicalPlan, RunningQuery, start};
use esker_runtime::{OperatorSnapshot, ProgressSnapshot};

use crate::{ExecutionContext, Table};

/// A query in flight. Dropping it cancels it.
///
/// ```
/// use esker_dataframe::prelude::*;
/// # fn main() -> Result<()> {
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/employee.csv");
/// let query = ExecutionContext::new().csv(path)?.start()?;
/// // .. do something else ..
/// let table = query.wait()?;
/// assert_eq!(table.num_rows(), 4);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Query {
    running: RunningQuery,
    schema: ArrowSchemaRef,
    /// Keeps the workers alive.
    _context: ExecutionContext,
}

impl Query {
    pub(crate) fn start(
        context: ExecutionContext,
        plan: &PhysicalPlan,
        schema: ArrowSchemaRef,
        delivery: Delivery,
    ) -> Result<Self> {
        let shared = context.new_query();
        let running = start(plan, schema.clone(), shared, context.batch_size(), delivery)?;
        Ok(Self {
            running,
            schema,
            _context: context,
        })
    }

    /// Asks the query to stop. Whoever waits for it gets `Cancelled`.
    pub fn cancel(&self) {
        self.running.cancel();
    }

    /// How far it has come: rows and bytes read, splits done of those known.
    pub fn progress(&self) -> ProgressSnapshot {
        self.running.context().progress().snapshot()
    }

    /// What each operator did so far, by the order of the plan.
    pub fn metrics(&self) -> Vec<OperatorSnapshot> {
        self.running.context().metrics().snapshot()
    }

    /// The names and types of the result.
    pub fn schema(&self) -> &ArrowSchemaRef {
        &self.schema
    }

    /// Waits for the end and gives all rows (that [`stream`](Self::stream) has not given).
    ///
    /// # Errors
    /// What went wrong while running; `Cancelled`.
    pub fn wait(&self) -> Result<Table> {
        Ok(Table::new(self.schema.clone(), self.running.collect()?))
    }

    /// The rows, batch by batch.
    pub fn stream(self) -> ResultStream {
        ResultStream {
            query: self,
            ended: false,
        }
    }
}

/// The rows of a query, batch by batch, in order. Dropping it ends the query.
#[derive(Debug)]
pub struct ResultStream {
    query: Query,
    ended: bool,
}

impl ResultStream {
    /// The names and types of the result.
    pub fn schema(&self) -> &ArrowSchemaRef {
        self.query.schema()
    }

    /// The query behind it.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The same rows for whoever takes Arrow's `RecordBatchReader`.
    pub fn into_reader(self) -> ResultReader {
        ResultReader { stream: self }
    }
}

impl Iterator for ResultStream {
    type Item = Result<RecordBatch>;

    /// The next batch, as soon as there is one. After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.query.running.next_batch().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The rows of a query as an Arrow `RecordBatchReader`, batch by batch, in order. Dropping it ends
/// the query.
///
/// An error of the query is an [`ArrowError::ExternalError`] that holds the [`Error`]; after it there
/// is nothing more.
///
/// [`Error`]: crate::Error
#[derive(Debug)]
pub struct ResultReader {
    stream: ResultStream,
}

impl ResultReader {
    /// The query behind it.
    pub fn query(&self) -> &Query {
        self.stream.query()
    }
}

impl Iterator for ResultReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.stream.next()?;
        Some(item.map_err(|error| ArrowError::ExternalError(Box::new(error))))
    }
}

impl RecordBatchReader for ResultReader {
    fn schema(&self) -> ArrowSchemaRef {
        self.stream.schema().clone()
    }
}
