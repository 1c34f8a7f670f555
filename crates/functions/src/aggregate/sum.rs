//! `sum(x)`: the exact sum, in the widest type of its kind.

use std::ops::Range;

use esker_datatypes::{Buffers, Column, DataType, Result, Selection};
use esker_logical_expr::Interval;
use esker_logical_expr::function::{AggregateFunction, GroupsAccumulator, Signature};

use super::common::{Seen, check_range, columns, only, states_of_rows};
use super::rows::with_valid;
use super::sums::{Sums, sum_type, sums_of};

/// See [`AggregateExpr::sum`](super::AggregateExpr::sum).
#[derive(Debug)]
pub(crate) struct Sum;

impl AggregateFunction for Sum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> Signature {
        Signature::numeric(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        sum_type(only("sum", args)?)
    }

    fn bounds(&self, args: &[Interval], rows: u64) -> Option<Interval> {
        args.first()?
            .sum_of(rows, &sum_type(args.first()?.data_type()).ok()?)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(SumGroups::new(only("sum", args)?.clone())?))
    }
}

struct SumGroups {
    data_type: DataType,
    sums: Box<dyn Sums>,
    seen: Seen,
}

impl SumGroups {
    fn new(data_type: DataType) -> Result<Self> {
        Ok(Self {
            sums: sums_of(&data_type)?,
            seen: Seen::default(),
            data_type,
        })
    }

    fn resize(&mut self, n_groups: usize) {
        self.sums.resize(n_groups);
        self.seen.resize(n_groups);
    }
}

impl GroupsAccumulator for SumGroups {
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
            self.seen.mark(rows.groups);
            self.sums.add(rows)
        })
    }

    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        self.resize(n_groups);
        let buffers = &mut Buffers::default();
        if let Some(first) = state.first() {
            let all = Selection::all(groups.len());
            with_valid(first, groups, &all, buffers, |rows, _| {
                self.seen.mark(rows.groups);
                Ok(())
            })?;
        }
        self.sums.merge(groups, state, buffers)
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        check_range(&groups, self.seen.len())?;
        Ok(self.sums.state(groups.clone(), self.seen.nulls(groups)))
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.seen.len())?;
        let nulls = self.seen.nulls(groups.clone());
        Ok(Column::flat(self.sums.sums(groups, nulls)?))
    }

    fn size(&self) -> usize {
        self.sums.size() + self.seen.size()
    }

    fn reset(&mut self, groups: Range<usize>) -> Result<()> {
        check_range(&groups, self.seen.len())?;
        self.sums.reset(groups.clone());
        self.seen.reset(groups);
        Ok(())
    }

    fn convert_to_state(&self, values: &[Column], selection: &Selection) -> Result<Vec<Column>> {
        states_of_rows(Self::new(self.data_type.clone())?, values, selection)
    }
}
