//! A top-k's filter of the scan below: rows that come too late need not be read.
//!
//! Unlike the filters of joins it moves while the scan runs. Which rows it drops depends on how the
//! workers take turns, but all of them stand behind enough others, so that the result does not; nor
//! do errors of expressions, for it is not given to scans beside filters that can fail. The top-k
//! looks at all rows that come, so that the filter may keep rows that it could drop.

use std::sync::Arc;

use esker_datatypes::{Batch, Buffers, Result, Selection};
use esker_logical_plan::{ColumnStats, PredicateProperties, RowPredicate, Verdict};

use super::top_k::Shared;

/// Keeps the rows that may be among the first ones, by their first key.
#[derive(Debug)]
pub(super) struct ThresholdFilter {
    top: Arc<Shared>,
    /// The key's place among the columns that the scan reads.
    columns: [usize; 1],
}

impl ThresholdFilter {
    /// The filter of a column that a scan reads.
    pub(super) fn new(top: Arc<Shared>, column: usize) -> Self {
        Self {
            top,
            columns: [column],
        }
    }
}

impl RowPredicate for ThresholdFilter {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn properties(&self) -> PredicateProperties {
        let mut properties = PredicateProperties::default();
        properties.dynamic = true;
        properties.undecided = self.top.bound().is_none();
        properties
    }

    fn prune(&self, stats: &dyn ColumnStats) -> Verdict {
        let bound = self.top.bound();
        let threshold = bound.as_ref().and_then(|bound| bound.threshold.as_ref());
        let [column] = self.columns;
        match threshold {
            Some(threshold) => threshold.prune(column, stats),
            // The rows that are read before anything is known need no column decoded ahead.
            None => Verdict::AllPass,
        }
    }

    fn select(
        &self,
        batch: &Batch,
        selection: &mut Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let Some(bound) = self.top.bound() else {
            return Ok(());
        };
        let Some(threshold) = &bound.threshold else {
            return Ok(());
        };
        let [column] = self.columns;
        // Of equal rows those of earlier splits are in.
        let exceed = self.top.is_single() && bound.ordinal < batch.order().ordinal;
        threshold.narrow(batch.column(column)?, exceed, selection, buffers)
    }
}
