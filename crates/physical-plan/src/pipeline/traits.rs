//! The traits on which every operator hangs: source, operator, sink.
//!
//! Each is an immutable description, shared by all workers, that opens a *local* state for one
//! worker; the two stand side by side in the operator's file. What the workers of one query share
//! is made with the description, so a physical plan runs once.

use std::fmt::Debug;
use std::sync::Arc;

use esker_datatypes::{Batch, Result};
use esker_runtime::TaskContext;

pub use esker_logical_plan::SinkStatus;

/// Where a pipeline's batches come from.
pub trait Source: Send + Sync + Debug {
    /// The state of one worker.
    ///
    /// # Errors
    /// Whatever keeps it from reading.
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSource>>;

    /// How it runs on input without end.
    fn streaming(&self) -> Streaming {
        Streaming::Append
    }
}

/// One worker's side of a [`Source`].
pub trait LocalSource: Send {
    /// Puts the next batch into `out`, its [order](esker_datatypes::Order) included: ordinals
    /// ascend, and the last batch of each split is marked, even when it has no rows. On an error
    /// the order of `out` says in which split it happened; when it is blocked in a split of which
    /// it has given nothing yet, in which one that is.
    ///
    /// # Errors
    /// Whatever went wrong while reading.
    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<SourceStatus>;

    /// What all workers' sides together have to say of their work, beside what is counted.
    fn describe(&self) -> Option<String> {
        None
    }
}

/// What a source gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceStatus {
    /// A batch.
    More,
    /// None yet: the task's waker will be called.
    Blocked,
    /// None any more, for this worker. All workers together had this many splits.
    Finished {
        /// The number of splits.
        splits: u64,
    },
}

/// A step between source and sink: batch in, batches out, nothing held back for long.
pub trait Operator: Send + Sync + Debug {
    /// The state of one worker.
    ///
    /// # Errors
    /// Whatever keeps it from running.
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>>;

    /// Whether its input must be without a selection, and in batches that are worth their cost.
    fn needs_dense(&self) -> bool {
        false
    }

    /// Whether it sets order and marks of its output itself. For the others the driver does: the
    /// output stands where its input stood.
    fn keeps_order_itself(&self) -> bool {
        false
    }

    /// Whether it may answer [`OpStatus::Finished`] before its input ends.
    fn may_finish_early(&self) -> bool {
        false
    }

    /// How it runs on input without end.
    fn streaming(&self) -> Streaming {
        Streaming::Append
    }
}

/// One worker's side of an [`Operator`].
pub trait LocalOperator: Send {
    /// Computes `out` from `input`, from which it may take the columns.
    ///
    /// # Errors
    /// Whatever went wrong with a row.
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        cx: &mut TaskContext,
    ) -> Result<OpStatus>;

    /// The worker's input has ended: puts what is left into `out`. Called until it answers
    /// [`OpStatus::NeedInput`].
    ///
    /// # Errors
    /// Whatever went wrong with a row.
    fn flush(&mut self, _out: &mut Batch, _cx: &mut TaskContext) -> Result<OpStatus> {
        Ok(OpStatus::NeedInput)
    }
}

/// What an operator wants next. In each case `out` may hold a batch, or none (no rows).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpStatus {
    /// The next input.
    NeedInput,
    /// To be called again with what it left of this input: there is more output.
    HaveMore,
    /// Nothing: no further input of any worker can change the output.
    Finished,
}

/// Where a pipeline ends.
pub trait Sink: Send + Sync + Debug {
    /// The state of one worker.
    ///
    /// # Errors
    /// Whatever keeps it from running.
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSink>>;

    /// All workers have combined: what is left to do, as tasks that may run side by side. When those
    /// of a stage are done, the next stage is asked for, from 0 on, until one has no tasks.
    ///
    /// # Errors
    /// Whatever went wrong.
    fn finalize(&self, _stage: usize, _cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        Ok(Vec::new())
    }

    /// The query failed or was cancelled: removes what would otherwise stay behind it. Called before
    /// whoever waits for the query hears of it, also on sinks that never ran.
    fn abort(&self) {}

    /// The source of the pipeline that goes on behind it; `None` where the query ends. Opened only
    /// after the tasks of `finalize` are done.
    fn output_source(&self) -> Option<Arc<dyn Source>> {
        None
    }

    /// How many bytes it holds for what comes behind it, once it is finalized: for the metrics.
    fn held(&self) -> u64 {
        0
    }

    /// Whether its input must be without a selection, and in batches that are worth their cost.
    fn needs_dense(&self) -> bool {
        false
    }

    /// How it runs on input without end.
    fn streaming(&self) -> Streaming {
        Streaming::Append
    }
}

/// Work of a [`Sink`] between its input and its output.
pub type FinalizeTask = Box<dyn FnOnce(&mut TaskContext) -> Result<()> + Send>;

/// One worker's side of a [`Sink`].
pub trait LocalSink: Send {
    /// Takes a batch, from which it may take the columns. On [`SinkStatus::Blocked`] it took
    /// nothing, and is offered the same batch again.
    ///
    /// # Errors
    /// Whatever went wrong with a row; `ResourcesExhausted`.
    fn consume(&mut self, input: &mut Batch, cx: &mut TaskContext) -> Result<SinkStatus>;

    /// Memory is short: frees up to `bytes`, or spills them, and says how much that was.
    ///
    /// # Errors
    /// `Io`.
    fn reclaim(&mut self, _bytes: u64, _cx: &mut TaskContext) -> Result<u64> {
        Ok(0)
    }

    /// The worker's input has ended: hands its state to the sink.
    ///
    /// # Errors
    /// Whatever went wrong.
    fn combine(self: Box<Self>, cx: &mut TaskContext) -> Result<()>;
}

/// How an operator runs on input without end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Streaming {
    /// Rows it gave stay.
    Append,
    /// It takes rows back: its batches have a change column.
    Update,
    /// Not at all, for this reason.
    Refuse(&'static str),
}
