//! The start of the year, the hour.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow::compute;
use arrow::datatypes::{Int32Type, Int64Type};
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};

use super::civil::{civil, weekday};
use super::unit::{Counts, DAY, Scale, TruncateUnit, local_day};
use crate::parse::days_from_civil;
use crate::per_value::per_value;
use crate::vector::{Cost, first_row, map1};

/// The last start of a unit at or before each date or timestamp, in its own type; null for null.
///
/// A timestamp with a zone is truncated in its local time. A date has no hours: those units leave it.
///
/// # Errors
/// `Evaluation` for a start before the first moment that the type holds; `Internal` for another
/// type; `Unsupported` for a zone whose offset changes.
///
/// ```
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::temporal::{TruncateUnit, truncate};
/// let column = Column::constant(ScalarValue::date(10561), 1);
/// let (all, buffers) = (Selection::all(1), &mut Buffers::default());
/// let year = truncate(TruncateUnit::Year, &column, &all, buffers)?;
/// assert_eq!(year.value(0)?.to_string(), "Date32('1998-01-01')");
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn truncate(
    unit: TruncateUnit,
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    per_value(column, selection, buffers, |array, selection, buffers| {
        let scale = Scale::of(array.data_type())?;
        each_count(array, selection, buffers, |count| start(unit, scale, count))
    })
}

/// `each` of every count, as an array of the same type. One without a result is an overflow, if its
/// row counts.
pub(super) fn each_count(
    array: &ArrayRef,
    selection: &Selection,
    buffers: &mut Buffers,
    each: impl Fn(i64) -> Option<i64>,
) -> Result<ArrayRef> {
    match Counts::of(array)? {
        Counts::Narrow(counts) => checked::<Int32Type>(array, &counts, selection, buffers, |c| {
            each(c.into())?.try_into().ok()
        }),
        Counts::Wide(counts) => checked::<Int64Type>(array, &counts, selection, buffers, each),
    }
}

fn checked<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    counts: &PrimitiveArray<T>,
    selection: &Selection,
    buffers: &mut Buffers,
    each: impl Fn(T::Native) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let mut fits = true;
    let out = map1(counts.values(), selection, Cost::Cheap, buffers, |count| {
        let moved = each(count);
        fits &= moved.is_some();
        moved.unwrap_or_default()
    });
    if !fits {
        // A value below a null, or of a row that does not count, may be the one.
        let fails = |row: usize| counts.values().get(row).is_some_and(|c| each(*c).is_none());
        if first_row(selection, counts.nulls(), fails).is_some() {
            return Err(overflow(array.data_type()));
        }
    }
    let moved: ArrayRef = Arc::new(PrimitiveArray::<T>::try_new(
        out.into(),
        counts.nulls().cloned(),
    )?);
    Ok(compute::cast(&moved, array.data_type())?)
}

/// The error for a moment that the type does not hold.
pub(super) fn overflow(data_type: &DataType) -> Error {
    Error::evaluation(format!("overflow: the result is no {data_type}"))
}

/// The start of a unit as a count.
#[inline]
fn start(unit: TruncateUnit, scale: Scale, count: i64) -> Option<i64> {
    match scale {
        Scale::Days => Some(day_start(unit, count)),
        Scale::Moments { per_second, ahead } => {
            let per_day = DAY * per_second;
            let within = |seconds: i64| {
                // First of the unit, so that no offset overflows.
                let unit = seconds * per_second;
                (count.rem_euclid(unit) + ahead).rem_euclid(unit)
            };
            match unit {
                TruncateUnit::Second => count.checked_sub(within(1)),
                TruncateUnit::Minute => count.checked_sub(within(60)),
                TruncateUnit::Hour => count.checked_sub(within(3_600)),
                TruncateUnit::Day => count.checked_sub(within(DAY)),
                TruncateUnit::Year
                | TruncateUnit::Quarter
                | TruncateUnit::Month
                | TruncateUnit::Week => {
                    let day = local_day(count, per_day, ahead);
                    // As many days before the start of the own day.
                    let days = day - day_start(unit, day);
                    let before = days.checked_mul(per_day)?.checked_add(within(DAY))?;
                    count.checked_sub(before)
                }
            }
        }
        // Typing refuses times without a date.
        Scale::TimeOfDay { .. } => Some(count),
    }
}

fn day_start(unit: TruncateUnit, day: i64) -> i64 {
    match unit {
        TruncateUnit::Year => day - i64::from(civil(day).ordinal) + 1,
        TruncateUnit::Quarter => {
            let date = civil(day);
            days_from_civil(date.year, (date.month - 1) / 3 * 3 + 1, 1)
        }
        TruncateUnit::Month => day - i64::from(civil(day).day) + 1,
        TruncateUnit::Week => day - weekday(day),
        TruncateUnit::Day | TruncateUnit::Hour | TruncateUnit::Minute | TruncateUnit::Second => day,
    }
}
