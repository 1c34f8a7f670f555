//! The traits of sinks: where a query's rows are written.

use std::fmt::Debug;

use esker_datatypes::{Batch, Result};
use esker_runtime::TaskContext;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkStatus {
    /// Taken; more is welcome.
    NeedInput,
    /// Not taken: offer it again when the task's waker was called.
    Blocked,
    /// Taken or not, nothing more is wanted.
    Finished,
}

/// A target of rows: a file in some format.
///
/// Batches come from many workers; their [order](esker_datatypes::Order) says where they belong.
/// A sink writes under a temporary name; only `finish` makes the result visible, so that a query
/// that fails leaves what was there before.
pub trait TableSink: Send + Sync + Debug {
    /// What the plan text calls it, such as `csv 'out.csv'`.
    fn describe(&self) -> String;

    /// A writer for one worker.
    ///
    /// # Errors
    /// `Io`.
    fn open_writer(&self, cx: &mut TaskContext) -> Result<Box<dyn SinkWriter>>;

    /// All writers are closed: makes the result visible.
    ///
    /// # Errors
    /// `Io`.
    fn finish(&self) -> Result<WriteSummary>;

    /// The query failed: removes what was written. Errors are not wanted here.
    fn abort(&self);
}

/// One worker's writer.
pub trait SinkWriter: Send {
    /// Writes the selected rows of a batch, in the place that its order says. The last batch of a
    /// split comes even when it has no rows.
    ///
    /// # Errors
    /// `Io`.
    fn write(&mut self, batch: &Batch, cx: &mut TaskContext) -> Result<SinkStatus>;

    /// No more batches come from this worker.
    ///
    /// # Errors
    /// `Io`.
    fn close(&mut self, cx: &mut TaskContext) -> Result<()>;
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteSummary {
    /// How many rows.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
}
