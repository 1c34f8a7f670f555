//! `mean(x)`: the exact sum divided by the count.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::Float64Array;
use arrow::datatypes::Int64Type;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};
use esker_logical_expr::Interval;
use esker_logical_expr::function::{AggregateFunction, GroupsAccumulator, Signature};

use super::bounds::any_of_type;
use super::common::{
    bytes_of, check_range, columns, counts_column, grow, only, states_of_rows, typed, validity,
};
use super::count::add_ones;
use super::rows::with_valid;
use super::sums::{Sums, sum_type, sums_of};

/// See [`AggregateExpr::mean`](super::AggregateExpr::mean).
#[derive(Debug)]
pub(crate) struct Mean;

impl AggregateFunction for Mean {
    fn name(&self) -> &str {
        "mean"
    }

    fn signature(&self) -> Signature {
        Signature::numeric(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        sum_type(only("mean", args)?).map(|_| DataType::Float64)
    }

    fn bounds(&self, args: &[Interval], _rows: u64) -> Option<Interval> {
        any_of_type(self, args)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(MeanGroups::new(only("mean", args)?.clone())?))
    }
}

struct MeanGroups {
    data_type: DataType,
    sums: Box<dyn Sums>,
    counts: Vec<i64>,
}

impl MeanGroups {
    fn new(data_type: DataType) -> Result<Self> {
        Ok(Self {
            sums: sums_of(&data_type)?,
            counts: Vec::new(),
            data_type,
        })
    }

    fn resize(&mut self, n_groups: usize) {
        self.sums.resize(n_groups);
        grow(&mut self.counts, n_groups, 0);
    }
}

impl GroupsAccumulator for MeanGroups {
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let [column] = columns(values)?;
        self.resize(n_groups);
        with_valid(column, groups, selection, buffers, |rows, _| {
            add_ones(&mut self.counts, rows.groups);
            self.sums.add(rows)
        })
    }

    /// The last column of the state is the counts.
    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        self.resize(n_groups);
        let Some((counts, sums)) = state.split_last() else {
            return Err(Error::internal("merging a mean without its state"));
        };
        let buffers = &mut Buffers::default();
        let all = Selection::all(groups.len());
        with_valid(counts, groups, &all, buffers, |rows, _| {
            let values = typed::<Int64Type>(rows.array)?.values();
            rows.for_each(values, |group, value| self.counts[group] += value);
            Ok(())
        })?;
        self.sums.merge(groups, sums, buffers)
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        check_range(&groups, self.counts.len())?;
        let mut columns = self.sums.state(groups.clone(), None);
        columns.push(counts_column(&self.counts[groups]));
        Ok(columns)
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.counts.len())?;
        let counts = &self.counts[groups.clone()];
        let flags: Vec<bool> = counts.iter().map(|&count| count > 0).collect();
        let mut means = self.sums.floats(groups);
        for (mean, &count) in means.iter_mut().zip(counts) {
            *mean /= count as f64;
        }
        let means = Float64Array::new(means.into(), validity(&flags));
        Ok(Column::flat(Arc::new(means)))
    }

    fn size(&self) -> usize {
        self.sums.size() + bytes_of(&self.counts)
    }

    fn reset(&mut self, groups: Range<usize>) -> Result<()> {
        check_range(&groups, self.counts.len())?;
        self.sums.reset(groups.clone());
        self.counts[groups].fill(0);
        Ok(())
    }

    fn convert_to_state(&self, values: &[Column], selection: &Selection) -> Result<Vec<Column>> {
        states_of_rows(Self::new(self.data_type.clone())?, values, selection)
    }
}
