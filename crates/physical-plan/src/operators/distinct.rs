//! The first row of each kind.

use std::sync::Arc;

use esker_datatypes::Result;
use esker_runtime::TaskContext;

use super::aggregate::{Grouping, HashAggregateExec};
use crate::pipeline::{FinalizeTask, LocalSink, Sink, Source, Streaming};

/// One row for each combination of values in some columns, or in all: of each combination the first
/// row in the order of the input. Of keys that are equal and yet differ (-0.0 and 0.0, NaN of all
/// sorts) one stands for all.
///
/// Rows come in no promised order, or with `maintain_order` in that of the input.
#[derive(Debug)]
pub struct DistinctExec {
    /// Groups without aggregates, of which the other columns of the first row are kept.
    groups: HashAggregateExec,
}

impl DistinctExec {
    /// A sink of the first rows of these groups.
    pub(crate) fn new(spec: Grouping) -> Self {
        Self {
            groups: HashAggregateExec::new(spec),
        }
    }
}

impl Sink for DistinctExec {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        self.groups.open(cx)
    }

    fn finalize(&self, stage: usize, cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        self.groups.finalize(stage, cx)
    }

    fn abort(&self) {
        self.groups.abort();
    }

    fn output_source(&self) -> Option<Arc<dyn Source>> {
        self.groups.output_source()
    }

    fn held(&self) -> u64 {
        self.groups.held()
    }

    fn streaming(&self) -> Streaming {
        self.groups.streaming()
    }
}
