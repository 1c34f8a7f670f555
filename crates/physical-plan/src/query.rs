//! A query from plan to rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use esker_datatypes::Result;
use esker_runtime::QueryContext;

use crate::operators::{Delivery, ResultSink};
use crate::pipeline::{Sink, build_pipelines, run_pipelines};
use crate::plan::PhysicalPlan;

/// A query in flight, whose rows are wanted. Dropping it cancels it.
#[derive(Debug)]
pub struct RunningQuery {
    query: Arc<QueryContext>,
    result: ResultSink,
}

/// Starts a plan on the workers of a query and returns at once. The rows come in batches of this
/// schema, whose types must be those of the plan's.
///
/// # Errors
/// `ResourcesExhausted` when no thread can be started; `Internal` for a plan that is not
/// well-formed.
pub fn start(
    plan: &PhysicalPlan,
    schema: ArrowSchemaRef,
    query: Arc<QueryContext>,
    batch_size: usize,
    delivery: Delivery,
) -> Result<RunningQuery> {
    let result = ResultSink::new(schema, delivery, Arc::clone(&query));
    let running = RunningQuery {
        query: Arc::clone(&query),
        result: result.handle(),
    };
    let end = result.handle();
    let pipelines = build_pipelines(plan, Arc::new(result), batch_size)?;
    run_pipelines(pipelines, query, batch_size, move |outcome| {
        end.end(outcome)
    })?;
    Ok(running)
}

/// Runs a plan into a sink and returns when it is done: then nobody writes any more, also when the
/// query has failed or was cancelled.
///
/// # Errors
/// Those of the query.
pub fn run_to_sink(
    plan: &PhysicalPlan,
    sink: Arc<dyn Sink>,
    query: &Arc<QueryContext>,
    batch_size: usize,
) -> Result<()> {
    let outcome = Arc::new(std::sync::OnceLock::new());
    let end = Arc::clone(&outcome);
    let pipelines = build_pipelines(plan, sink, batch_size)?;
    run_pipelines(pipelines, Arc::clone(query), batch_size, move |result| {
        // Called once.
        let _ = end.set(result);
    })?;
    // A cancelled query ends as well, as soon as its tasks have seen that it is.
    query.wait(|| outcome.get().cloned())
}

impl RunningQuery {
    /// The next batch, as soon as there is one; `None` behind the last.
    ///
    /// # Errors
    /// That of the query, behind the rows that come before it; `Cancelled`.
    pub fn next_batch(&self) -> Result<Option<RecordBatch>> {
        self.result.next()
    }

    /// All batches that have not been taken, when the query is done.
    ///
    /// # Errors
    /// That of the query; `Cancelled`.
    pub fn collect(&self) -> Result<Vec<RecordBatch>> {
        self.result.collect()
    }

    /// Whether all work is done (rows may still wait to be taken).
    pub fn is_over(&self) -> bool {
        self.result.is_over()
    }

    /// Asks the query to stop; whoever waits for it gets `Cancelled`.
    pub fn cancel(&self) {
        self.query.cancel();
    }

    /// The query's shared state: metrics, progress, memory.
    pub fn context(&self) -> &Arc<QueryContext> {
        &self.query
    }
}

impl Drop for RunningQuery {
    fn drop(&mut self) {
        self.query.cancel();
    }
}
