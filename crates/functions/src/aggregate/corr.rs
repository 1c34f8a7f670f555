//! `corr(x, y)`: how closely two columns follow a line.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to, and \
              rows below those of the columns"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, Float64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::Float64Type;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};
use esker_logical_expr::Interval;
use esker_logical_expr::function::{AggregateFunction, GroupsAccumulator, Signature};

use super::bounds::any_of_type;
use super::common::{bytes_of, check_range, columns, grow, states_of_rows, typed, validity};
use super::floats::{as_floats, float_column, float_state, float_type};
use super::rows::{keep, same_rows};

/// See [`corr`](super::corr).
#[derive(Debug)]
pub(crate) struct Corr;

impl AggregateFunction for Corr {
    fn name(&self) -> &str {
        "corr"
    }

    /// Each argument as it is: two numbers need no type in common.
    fn signature(&self) -> Signature {
        Signature::any(2..=2)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [_, _] => float_type("corr", args),
            _ => Err(Error::internal("corr() takes two arguments")),
        }
    }

    fn bounds(&self, args: &[Interval], _rows: u64) -> Option<Interval> {
        any_of_type(self, args)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        self.return_type(args)?;
        Ok(Box::new(CorrGroups::default()))
    }
}

/// What is known of a group's pairs; `moments.rs` says how it is brought together.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    means: [f64; 2],
    /// The sums of the squared distances from each mean.
    squares: [f64; 2],
    /// The sum of the products of the distances.
    products: f64,
}

impl Moments {
    #[inline]
    fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        let share = 1.0 / self.count;
        let (dx, dy) = (x - self.means[0], y - self.means[1]);
        self.means[0] += dx * share;
        self.means[1] += dy * share;
        let left = y - self.means[1];
        self.squares[0] += dx * (x - self.means[0]);
        self.squares[1] += dy * left;
        self.products += dx * left;
    }

    fn merge(&mut self, other: &Self) {
        if self.count == 0.0 {
            *self = *other;
        } else if other.count > 0.0 {
            let count = self.count + other.count;
            let share = other.count / count;
            let weight = self.count * share;
            let dx = other.means[0] - self.means[0];
            let dy = other.means[1] - self.means[1];
            self.means[0] += dx * share;
            self.means[1] += dy * share;
            self.squares[0] += other.squares[0] + dx * dx * weight;
            self.squares[1] += other.squares[1] + dy * dy * weight;
            self.products += other.products + dx * dy * weight;
            self.count = count;
        }
    }

    /// NaN where one side does not vary, and of infinities.
    fn correlation(&self) -> f64 {
        let [x, y] = self.squares;
        // Roots first: the product of two squares may be too great or too small.
        let ratio = self.products / (x.sqrt() * y.sqrt());
        if ratio.is_finite() {
            ratio.clamp(-1.0, 1.0)
        } else {
            f64::NAN
        }
    }
}

#[derive(Default)]
struct CorrGroups {
    states: Vec<Moments>,
}

impl CorrGroups {
    fn column(&self, groups: Range<usize>, value: impl Fn(&Moments) -> f64) -> Column {
        float_column(self.states[groups].iter().map(value))
    }
}

impl GroupsAccumulator for CorrGroups {
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let [x, y] = columns(values)?;
        same_rows(x, groups, selection)?;
        same_rows(y, groups, selection)?;
        grow(&mut self.states, n_groups, Moments::default());
        let (x, y) = (
            as_floats(x, selection, buffers)?,
            as_floats(y, selection, buffers)?,
        );
        let (flat_x, flat_y) = (x.to_flat(), y.to_flat());
        let (xs, ys) = (
            typed::<Float64Type>(&flat_x)?,
            typed::<Float64Type>(&flat_y)?,
        );
        let nulls = NullBuffer::union(xs.nulls(), ys.nulls()).filter(|n| n.null_count() > 0);
        let (xs, ys) = (xs.values(), ys.values());
        let states = &mut self.states;
        match (nulls, selection.rows()) {
            (None, None) => {
                for (&group, (&x, &y)) in groups.iter().zip(xs.iter().zip(ys)) {
                    states[group as usize].add(x, y);
                }
            }
            (None, Some(rows)) => {
                for (&group, &row) in groups.iter().zip(rows) {
                    states[group as usize].add(xs[row as usize], ys[row as usize]);
                }
            }
            (Some(nulls), _) => {
                let valid = |row| nulls.is_valid(row);
                let (kept, rows) = keep(groups, selection, valid, |row| row as u32, buffers);
                for (&group, &row) in kept.iter().zip(&rows) {
                    states[group as usize].add(xs[row as usize], ys[row as usize]);
                }
                buffers.give(kept);
                buffers.give(rows);
            }
        }
        drop((flat_x, flat_y));
        buffers.recycle_column(x);
        buffers.recycle_column(y);
        Ok(())
    }

    /// The state is the counts, the means, the squares and the products.
    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        let [counts, x, y, xx, yy, xy] = float_state(groups, state)?;
        grow(&mut self.states, n_groups, Moments::default());
        for (at, &group) in groups.iter().enumerate() {
            self.states[group as usize].merge(&Moments {
                count: counts[at],
                means: [x[at], y[at]],
                squares: [xx[at], yy[at]],
                products: xy[at],
            });
        }
        Ok(())
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        check_range(&groups, self.states.len())?;
        let column = |value: fn(&Moments) -> f64| self.column(groups.clone(), value);
        Ok(vec![
            column(|state| state.count),
            column(|state| state.means[0]),
            column(|state| state.means[1]),
            column(|state| state.squares[0]),
            column(|state| state.squares[1]),
            column(|state| state.products),
        ])
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.states.len())?;
        let states = &self.states[groups];
        let flags: Vec<bool> = states.iter().map(|state| state.count > 1.0).collect();
        let values: Vec<f64> = states.iter().map(Moments::correlation).collect();
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
        states_of_rows(Self::default(), values, selection)
    }
}
