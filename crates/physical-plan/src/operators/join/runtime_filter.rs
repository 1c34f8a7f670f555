//! Filters that a finished build side hands to the scan of the probe side.
//!
//! A probe row without a match, where it is not in the result, need not be read in the first place:
//! of the other columns of such rows nothing is decoded, and row groups whose keys lie elsewhere are
//! left out. The scan starts when the build side is whole, so that the filter is never about a part
//! of it; the join looks at all rows that come, so that a filter may keep rows that it could drop.
//! Whether it is used is decided when the build side is whole, not by what it drops meanwhile: the
//! same rows are read however the workers take turns.

use std::sync::Arc;

use esker_datatypes::{Batch, Buffers, DataType, Result, Selection};
use esker_kernels::hash_table::KeySet;
use esker_logical_plan::{ColumnStats, PredicateProperties, RowPredicate, Verdict};

use super::Shared;
use super::built::Built;

/// Keeps the rows whose value in a key column the build side of a join has.
#[derive(Debug)]
pub(super) struct RuntimeFilter {
    join: Arc<Shared>,
    /// The key's position among those of the join.
    key: usize,
    /// The key's place among the columns that the scan reads.
    columns: [usize; 1],
    data_type: DataType,
    /// How many integers the column may hold, as far as that is known.
    span: u64,
}

impl RuntimeFilter {
    /// A filter by a key of a join, of a column that a scan reads and its type. `span` is how many
    /// integers the column may hold, as far as that is known.
    pub(super) fn new(
        join: Arc<Shared>,
        key: usize,
        (column, data_type): (usize, DataType),
        span: u64,
    ) -> Self {
        Self {
            join,
            key,
            columns: [column],
            data_type,
            span,
        }
    }

    /// The keys, if so few of those that there could be are there that most rows will be dropped: to
    /// decode a column first and the others later costs something too.
    fn keys(&self, built: &Built) -> Option<Arc<KeySet>> {
        let keys = built.keys.get(self.key)?.clone();
        keys.filter(|keys| keys.is_sparse(self.span))
    }

    /// The greatest number whose bits as a key are those of the number itself.
    fn most(&self) -> Option<u64> {
        Some(match self.data_type {
            DataType::Int8 => i8::MAX as u64,
            DataType::Int16 => i16::MAX as u64,
            DataType::Int32 => i32::MAX as u64,
            DataType::Int64 => i64::MAX as u64,
            DataType::UInt8 => u8::MAX.into(),
            DataType::UInt16 => u16::MAX.into(),
            DataType::UInt32 => u32::MAX.into(),
            _ => return None,
        })
    }
}

impl RowPredicate for RuntimeFilter {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn properties(&self) -> PredicateProperties {
        let mut properties = PredicateProperties::default();
        properties.dynamic = true;
        properties
    }

    fn prune(&self, stats: &dyn ColumnStats) -> Verdict {
        let Some(built) = self.join.built.get() else {
            return Verdict::Maybe;
        };
        if built.is_empty() {
            return Verdict::Drop;
        }
        let Some(keys) = self.keys(built) else {
            // As it is, it keeps all rows.
            return Verdict::AllPass;
        };
        let Some((least, greatest)) = keys.bounds().filter(|&(_, last)| Some(last) <= self.most())
        else {
            return Verdict::Maybe;
        };
        let [column] = self.columns;
        let Some(interval) = stats.interval(column) else {
            return Verdict::Maybe;
        };
        let number = |bound: Option<&esker_datatypes::ScalarValue>| bound?.as_i128();
        let below = number(interval.upper()).is_some_and(|upper| upper < i128::from(least));
        let above = number(interval.lower()).is_some_and(|lower| lower > i128::from(greatest));
        if below || above {
            Verdict::Drop
        } else {
            Verdict::Maybe
        }
    }

    fn select(
        &self,
        batch: &Batch,
        selection: &mut Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let Some(built) = self.join.built.get() else {
            return Ok(());
        };
        if built.is_empty() {
            *selection = Selection::none(selection.len());
            return Ok(());
        }
        let Some(keys) = self.keys(built) else {
            return Ok(());
        };
        let [column] = self.columns;
        keys.select(batch.column(column)?, selection, buffers)
    }
}

#[cfg(test)]
mod tests;
