//! The spread of each group's values: count, mean, and squares of the distances from the mean.
//!
//! The squares are never those of the values themselves, of which nothing but rounding would be
//! left once the mean is far greater than the spread. Rows are added as by Welford (*Note on a
//! method for calculating corrected sums of squares and products*, Technometrics 4, 1962), states
//! as by Chan, Golub and LeVeque (*Updating formulae and a pairwise algorithm for computing sample
//! variances*, COMPSTAT 1982).

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::Float64Array;
use esker_datatypes::{Buffers, Column, Result, Selection};
use esker_logical_expr::function::GroupsAccumulator;

use super::common::{bytes_of, check_range, columns, grow, states_of_rows, validity};
use super::floats::{float_column, float_state, with_floats};

/// What is known of a group's values.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    /// The sum of the squared distances from the mean.
    squares: f64,
}

impl Moments {
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
    }

    fn merge(&mut self, other: Self) {
        if self.count == 0.0 {
            *self = other;
        } else if other.count > 0.0 {
            let count = self.count + other.count;
            let distance = other.mean - self.mean;
            let share = other.count / count;
            self.squares += other.squares + distance * distance * self.count * share;
            self.mean += distance * share;
            self.count = count;
        }
    }
}

/// The variance of each group, or its root.
pub(super) struct SpreadGroups {
    states: Vec<Moments>,
    /// What is subtracted from the count.
    ddof: u32,
    root: bool,
}

impl SpreadGroups {
    /// No groups; `root` when deviations are wanted.
    pub(super) fn new(ddof: u32, root: bool) -> Self {
        Self {
            states: Vec::new(),
            ddof,
            root,
        }
    }

    fn column(&self, groups: Range<usize>, value: impl Fn(&Moments) -> f64) -> Column {
        float_column(self.states[groups].iter().map(value))
    }
}

impl GroupsAccumulator for SpreadGroups {
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let [column] = columns(values)?;
        grow(&mut self.states, n_groups, Moments::default());
        let states = &mut self.states;
        with_floats(column, groups, selection, buffers, |rows, values| {
            let Some(group) = rows.one_group() else {
                rows.for_each(values, |group, value| states[group].add(value));
                return Ok(());
            };
            // Those of one group in two passes, without a division for each.
            let count = rows.groups.len() as f64;
            let start = rows.index.map_or(0, |index| index[0] as usize);
            let start = values[start];
            let sum = rows.fold(values, 0.0, |sum, value| sum + (value - start));
            let mean = start + sum / count;
            let squares = rows.fold(values, 0.0, |sum, value| {
                let distance = value - mean;
                sum + distance * distance
            });
            states[group].merge(Moments {
                count,
                mean,
                squares,
            });
            Ok(())
        })
    }

    /// The state is the counts, the means and the squares.
    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        let [counts, means, squares] = float_state(groups, state)?;
        grow(&mut self.states, n_groups, Moments::default());
        for (at, &group) in groups.iter().enumerate() {
            self.states[group as usize].merge(Moments {
                count: counts[at],
                mean: means[at],
                squares: squares[at],
            });
        }
        Ok(())
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        check_range(&groups, self.states.len())?;
        Ok(vec![
            self.column(groups.clone(), |state| state.count),
            self.column(groups.clone(), |state| state.mean),
            self.column(groups, |state| state.squares),
        ])
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.states.len())?;
        let states = &self.states[groups];
        let ddof = f64::from(self.ddof);
        let flags: Vec<bool> = states.iter().map(|state| state.count > ddof).collect();
        let spread = |state: &Moments| {
            let variance = state.squares / (state.count - ddof);
            match variance.is_finite() {
                true if self.root => variance.sqrt(),
                true => variance,
                // Of infinities, and of numbers whose squares are too great.
                false => f64::NAN,
            }
        };
        let values: Vec<f64> = states.iter().map(spread).collect();
        let values = Float64Array::new(values.into(), validity(&flags));
        Ok(Column::flat(Arc::new(values)))
    }

    fn size(&self) -> usize {
        bytes_of(&self.states)
    }

    fn reset(&mut self, groups: Range<usize>) -> Result<()> {
        check_range(&groups, self.states.len())?;
        self.states[groups].fill(Moments::default());
        Ok(())
    }

    fn convert_to_state(&self, values: &[Column], selection: &Selection) -> Result<Vec<Column>> {
        states_of_rows(Self::new(self.ddof, self.root), values, selection)
    }
}
