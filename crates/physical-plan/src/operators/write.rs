//! The end of a query whose rows are written.

use std::sync::{Arc, OnceLock};

use esker_datatypes::{Batch, Result};
use esker_logical_plan::{SinkWriter, TableSink, WriteSummary};
use esker_runtime::TaskContext;

use crate::pipeline::{FinalizeTask, LocalSink, Sink, SinkStatus};

/// Writes a query's rows to a [`TableSink`], which becomes visible when all are written.
#[derive(Debug)]
pub struct WriteExec {
    sink: Arc<dyn TableSink>,
    summary: OnceLock<WriteSummary>,
}

impl WriteExec {
    /// A sink that writes.
    pub fn new(sink: Arc<dyn TableSink>) -> Self {
        Self {
            sink,
            summary: OnceLock::new(),
        }
    }

    /// What was written, once the query is done.
    pub fn summary(&self) -> Option<WriteSummary> {
        self.summary.get().copied()
    }
}

impl Sink for WriteExec {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        Ok(Box::new(LocalWrite {
            writer: self.sink.open_writer(cx)?,
        }))
    }

    fn finalize(&self, _stage: usize, _cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        let summary = self.sink.finish()?;
        // A physical plan runs once.
        let _ = self.summary.set(summary);
        Ok(Vec::new())
    }

    fn abort(&self) {
        self.sink.abort();
    }

    fn needs_dense(&self) -> bool {
        true
    }
}

struct LocalWrite {
    writer: Box<dyn SinkWriter>,
}

impl LocalSink for LocalWrite {
    fn consume(&mut self, input: &mut Batch, cx: &mut TaskContext) -> Result<SinkStatus> {
        self.writer.write(input, cx)
    }

    fn combine(mut self: Box<Self>, cx: &mut TaskContext) -> Result<()> {
        self.writer.close(cx)
    }
}
