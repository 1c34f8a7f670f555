//! `count(x)`: how many values there are; nulls count only when asked to.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::Int64Type;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};
use esker_logical_expr::function::{
    AggregateFunction, AggregateProperties, GroupsAccumulator, Signature,
};
use esker_logical_expr::{Expr, Interval, IntoExpr};

use super::bounds::counts;
use super::common::{bytes_of, check_range, columns, counts_column, grow, states_of_rows, typed};
use super::rows::{one_group, with_valid};

/// `count(x)` with its options: how many values a group has, `Int64`, never null.
///
/// ```
/// use esker_functions::Count;
/// assert_eq!(Count::new().of("x").to_string(), "COUNT(#x)");
/// let all = Count::new().nulls(true).of("x");
/// assert_eq!(all.to_string(), "COUNT(#x, nulls=true)");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    nulls: bool,
}

impl Count {
    /// Counts values that are not null.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nulls count, too.
    #[must_use]
    pub fn nulls(mut self, count: bool) -> Self {
        self.nulls = count;
        self
    }

    /// The count of an expression's values.
    pub fn of(self, expr: impl IntoExpr) -> Expr {
        Expr::aggregate(Arc::new(self), [expr.into_expr()])
    }
}

impl AggregateFunction for Count {
    fn name(&self) -> &str {
        "count"
    }

    fn signature(&self) -> Signature {
        Signature::any(1..=1)
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn properties(&self) -> AggregateProperties {
        count_properties()
    }

    fn bounds(&self, _args: &[Interval], rows: u64) -> Option<Interval> {
        counts(rows)
    }

    fn accumulator(&self, _args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(CountGroups::new(!self.nulls)))
    }

    fn options_text(&self) -> Option<String> {
        self.nulls.then(|| "nulls=true".to_owned())
    }
}

/// Counts are never null, and rows can be taken back.
pub(super) fn count_properties() -> AggregateProperties {
    let mut properties = AggregateProperties::default();
    properties.nullable = false;
    properties.retractable = true;
    properties
}

/// The counts of all groups.
pub(super) struct CountGroups {
    counts: Vec<i64>,
    skip_nulls: bool,
}

impl CountGroups {
    /// Counts of rows, or of those whose first value is not null.
    pub(super) fn new(skip_nulls: bool) -> Self {
        Self {
            counts: Vec::new(),
            skip_nulls,
        }
    }

    /// Calls with the groups of the rows that count.
    fn counted(
        &mut self,
        groups: &[u32],
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
        add: fn(&mut [i64], &[u32]),
    ) -> Result<()> {
        if self.skip_nulls {
            let [column] = columns(values)?;
            return with_valid(column, groups, selection, buffers, |rows, _| {
                add(&mut self.counts, rows.groups);
                Ok(())
            });
        }
        if groups.len() != selection.count() {
            return Err(Error::internal("a count without a group for each row"));
        }
        add(&mut self.counts, groups);
        Ok(())
    }
}

/// Adds one to each row's group.
pub(super) fn add_ones(counts: &mut [i64], groups: &[u32]) {
    match one_group(groups) {
        Some(group) => counts[group] += groups.len() as i64,
        None => groups.iter().for_each(|&group| counts[group as usize] += 1),
    }
}

fn take_ones(counts: &mut [i64], groups: &[u32]) {
    groups.iter().for_each(|&group| counts[group as usize] -= 1);
}

impl GroupsAccumulator for CountGroups {
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        grow(&mut self.counts, n_groups, 0);
        self.counted(groups, values, selection, buffers, add_ones)
    }

    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        grow(&mut self.counts, n_groups, 0);
        let [counts] = columns(state)?;
        let all = Selection::all(groups.len());
        with_valid(counts, groups, &all, &mut Buffers::default(), |rows, _| {
            let values = typed::<Int64Type>(rows.array)?.values();
            rows.for_each(values, |group, value| self.counts[group] += value);
            Ok(())
        })
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        Ok(vec![self.finish(groups)?])
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.counts.len())?;
        Ok(counts_column(&self.counts[groups]))
    }

    fn size(&self) -> usize {
        bytes_of(&self.counts)
    }

    fn retract(&mut self, groups: &[u32], values: &[Column], selection: &Selection) -> Result<()> {
        let buffers = &mut Buffers::default();
        self.counted(groups, values, selection, buffers, take_ones)
    }

    fn reset(&mut self, groups: Range<usize>) -> Result<()> {
        check_range(&groups, self.counts.len())?;
        self.counts[groups].fill(0);
        Ok(())
    }

    fn convert_to_state(&self, values: &[Column], selection: &Selection) -> Result<Vec<Column>> {
        states_of_rows(Self::new(self.skip_nulls), values, selection)
    }
}
