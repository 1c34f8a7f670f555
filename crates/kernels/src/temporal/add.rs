//! Moving dates and timestamps by days, months, hours.

#![allow(
    clippy::indexing_slicing,
    reason = "rows come from a selection whose length equals that of the columns, see `same_rows`"
)]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::datatypes::{Int32Type, Int64Type};
use esker_datatypes::{Buffers, Column, Result, ScalarValue, Selection};

use super::civil::add_months;
use super::truncate::{each_count, overflow};
use super::unit::{Counts, DAY, Scale, local_day};
use crate::per_value::per_value;
use crate::vector::{Input, Operand, same_rows, union_nulls};

/// By what a date or a timestamp is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Calendar months: a day that the month does not have is its last.
    Months(i64),
    /// Days of 24 hours.
    Days(i64),
    /// Seconds.
    Seconds(i64),
}

/// Moves each date or timestamp by `amounts` steps (`Int64`, negative ones back), in its own type;
/// null where either is.
///
/// A date is moved by whole days only. The time of day stays when months pass, in local time.
///
/// # Errors
/// `Evaluation` for a moment that the type does not hold; `Internal` for other types; `Unsupported`
/// for a zone whose offset changes.
///
/// ```
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::temporal::{Step, add};
/// let column = Column::constant(ScalarValue::date(10561), 1);
/// let months = Column::constant(ScalarValue::from(-22i64), 1);
/// let (all, buffers) = (Selection::all(1), &mut Buffers::default());
/// let moved = add(&column, Step::Months(1), &months, &all, buffers)?;
/// assert_eq!(moved.value(0)?.to_string(), "Date32('1997-02-01')");
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn add(
    column: &Column,
    step: Step,
    amounts: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let rows = same_rows(&[column, amounts], selection)?;
    let scale = Scale::of(column.value_type())?;
    let null = |column: &Column| column.as_constant().is_some_and(ScalarValue::is_null);
    if null(column) || null(amounts) {
        return Ok(Column::constant(
            ScalarValue::null(column.value_type()),
            rows,
        ));
    }
    let input = Input::new(amounts);
    let amount = input.operand::<Int64Type>()?;
    if let Operand::Constant(amount) = amount {
        // An amount too large for every date is an error only if there is one.
        let by = By::of(step, scale, amount);
        return per_value(column, selection, buffers, |array, selection, buffers| {
            each_count(array, selection, buffers, |count| moved(count, scale, by?))
        });
    }
    let nulls = union_nulls(column.nulls().as_ref(), amounts.nulls().as_ref());
    let array = column.to_flat();
    let by = |row| By::of(step, scale, amount.at(row));
    let moved = match Counts::of(&array)? {
        Counts::Narrow(counts) => {
            each_row::<Int32Type>(&counts, &array, nulls, selection, buffers, |row, count| {
                moved(count.into(), scale, by(row)?)?.try_into().ok()
            })?
        }
        Counts::Wide(counts) => {
            each_row::<Int64Type>(&counts, &array, nulls, selection, buffers, |row, count| {
                moved(count, scale, by(row)?)
            })?
        }
    };
    Ok(Column::flat(moved))
}

fn each_row<T: ArrowPrimitiveType>(
    counts: &PrimitiveArray<T>,
    array: &ArrayRef,
    nulls: Option<NullBuffer>,
    selection: &Selection,
    buffers: &mut Buffers,
    each: impl Fn(usize, T::Native) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let mut out = buffers.take::<T::Native>(counts.len());
    out.resize(counts.len(), T::Native::default());
    for row in selection.iter() {
        if nulls.as_ref().is_none_or(|n| n.is_valid(row)) {
            let moved = each(row, counts.values()[row]);
            out[row] = moved.ok_or_else(|| overflow(array.data_type()))?;
        }
    }
    let moved: ArrayRef = Arc::new(PrimitiveArray::<T>::try_new(out.into(), nulls)?);
    Ok(compute::cast(&moved, array.data_type())?)
}

/// By what a count is moved.
#[derive(Clone, Copy)]
enum By {
    Months(i64),
    /// Of 128 bits, since the sum may fit where this does not.
    Count(i128),
}

impl By {
    fn of(step: Step, scale: Scale, amount: i64) -> Option<Self> {
        let count = |unit: i64, per_unit: i64| {
            let product = i128::from(amount) * i128::from(unit);
            product.checked_mul(per_unit.into()).map(Self::Count)
        };
        Some(match (step, scale) {
            (Step::Months(months), _) => Self::Months(amount.checked_mul(months)?),
            (Step::Days(days), Scale::Days) => count(days, 1)?,
            (Step::Days(days), Scale::Moments { per_second, .. }) => count(days, DAY * per_second)?,
            (Step::Seconds(seconds), Scale::Moments { per_second, .. }) => {
                count(seconds, per_second)?
            }
            // Typing refuses these.
            (Step::Seconds(_), Scale::Days)
            | (Step::Days(_) | Step::Seconds(_), Scale::TimeOfDay { .. }) => return None,
        })
    }
}

#[inline]
fn moved(count: i64, scale: Scale, by: By) -> Option<i64> {
    match (by, scale) {
        (By::Count(by), _) => by.checked_add(count.into())?.try_into().ok(),
        (By::Months(months), Scale::Days) => add_months(count, months),
        (By::Months(months), Scale::Moments { per_second, ahead }) => {
            let per_day = DAY * per_second;
            let day = local_day(count, per_day, ahead);
            let days = i128::from(add_months(day, months)?) - i128::from(day);
            let moved = days * i128::from(per_day) + i128::from(count);
            moved.try_into().ok()
        }
        (By::Months(_), Scale::TimeOfDay { .. }) => None,
    }
}
