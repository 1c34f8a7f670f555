//! Dates, times, timestamps and durations among each other, and as the counts that they are.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimeUnit};
use esker_datatypes::Result;

use super::flat::{Converted, Cx, astray, map_values, retype};
use super::number::number;
use crate::parse::{per_second, zone_offset};
use crate::vector::Cost;

const DAY_SECONDS: i64 = 86_400;
const DAY_MILLIS: i64 = 86_400_000;

/// A date, time, timestamp or duration to another.
pub(super) fn temporal(array: &ArrayRef, to: &DataType, cx: &mut Cx<'_>) -> Result<Converted> {
    let from = array.data_type();
    let Some(step) = step(from, to) else {
        return Err(astray(from, to));
    };
    let counts = retype(array, &layout(from))?;
    macro_rules! each {
        ($I:ty, $O:ty) => {{
            let counts = counts.as_primitive::<$I>();
            let (array, failed) = map_values::<$I, $O>(counts, Cost::Cheap, cx, |value| {
                step.apply(value.into())?.try_into().ok()
            });
            Converted {
                array: retype(&array, to)?,
                failed,
            }
        }};
    }
    Ok(match (layout(from), layout(to)) {
        (DataType::Int32, DataType::Int32) => each!(Int32Type, Int32Type),
        (DataType::Int32, _) => each!(Int32Type, Int64Type),
        (_, DataType::Int32) => each!(Int64Type, Int32Type),
        _ => each!(Int64Type, Int64Type),
    })
}

/// An integer to the count of days or units that it is, or back.
pub(super) fn count(array: &ArrayRef, to: &DataType, cx: &mut Cx<'_>) -> Result<Converted> {
    let from = array.data_type();
    if from.is_integer() {
        let mut counts = number(array, &layout(to), cx)?;
        if let DataType::Time32(unit) | DataType::Time64(unit) = to {
            counts = times_of_day(counts, *unit, cx)?;
        }
        return Ok(Converted {
            array: retype(&counts.array, to)?,
            failed: counts.failed,
        });
    }
    let counts = retype(array, &layout(from))?;
    if counts.data_type() == to {
        return Ok(Converted {
            array: counts,
            failed: Vec::new(),
        });
    }
    number(&counts, to, cx)
}

/// Counts that lie within a day; the others fail.
fn times_of_day(counts: Converted, unit: TimeUnit, cx: &mut Cx<'_>) -> Result<Converted> {
    let day = DAY_SECONDS * per_second(unit);
    macro_rules! each {
        ($T:ty) => {{
            let counts = counts.array.as_primitive::<$T>();
            let (array, failed) = map_values::<$T, $T>(counts, Cost::Cheap, cx, |value| {
                (0..day).contains(&i64::from(value)).then_some(value)
            });
            (Arc::new(array) as ArrayRef, failed)
        }};
    }
    let (array, mut failed) = match counts.array.data_type() {
        DataType::Int32 => each!(Int32Type),
        _ => each!(Int64Type),
    };
    failed.extend(counts.failed);
    failed.sort_unstable();
    Ok(Converted { array, failed })
}

/// The integers that a temporal type stores.
fn layout(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Date32 | DataType::Time32(_) => DataType::Int32,
        _ => DataType::Int64,
    }
}

/// From a count to another: shifted to local time or from it, cut to a part, and to another unit.
struct Step {
    /// Added first, in the unit of the source.
    before: i64,
    part: Part,
    divide: i64,
    multiply: i64,
    /// Whether division goes toward zero rather than toward the past.
    truncate: bool,
    /// Added last, in the unit of the result.
    after: i64,
}

/// Which part of a local time is wanted.
enum Part {
    All,
    /// The time since midnight; a day in units of the source.
    TimeOfDay(i64),
}

impl Step {
    /// From so many units a second (or a day) to so many.
    fn units(from: i64, to: i64) -> Self {
        let (multiply, divide) = if to >= from {
            (to / from, 1)
        } else {
            (1, from / to)
        };
        Self {
            before: 0,
            part: Part::All,
            multiply,
            divide,
            truncate: false,
            after: 0,
        }
    }

    #[inline]
    fn apply(&self, value: i64) -> Option<i64> {
        let value = value.checked_add(self.before)?;
        let value = match self.part {
            Part::All => value,
            Part::TimeOfDay(day) => value.rem_euclid(day),
        };
        let value = match self.divide {
            1 => value,
            divide if self.truncate => value / divide,
            divide => value.div_euclid(divide),
        };
        value.checked_mul(self.multiply)?.checked_add(self.after)
    }
}

fn step(from: &DataType, to: &DataType) -> Option<Step> {
    use DataType as T;
    // Seconds that local time is ahead of the stored one.
    let ahead = |zone: &Option<Arc<str>>| match zone {
        Some(zone) => zone_offset(zone).map(i64::from),
        None => Some(0),
    };
    Some(match (from, to) {
        (T::Date32, T::Date64) => Step::units(1, DAY_MILLIS),
        (T::Date64, T::Date32) => Step::units(DAY_MILLIS, 1),
        (T::Date32, T::Timestamp(unit, zone)) => Step {
            after: -ahead(zone)? * per_second(*unit),
            ..Step::units(1, DAY_SECONDS * per_second(*unit))
        },
        (T::Date64, T::Timestamp(unit, zone)) => Step {
            after: -ahead(zone)? * per_second(*unit),
            ..Step::units(1_000, per_second(*unit))
        },
        (T::Timestamp(unit, zone), T::Date32) => Step {
            before: ahead(zone)? * per_second(*unit),
            ..Step::units(DAY_SECONDS * per_second(*unit), 1)
        },
        // Whole days, in milliseconds.
        (T::Timestamp(unit, zone), T::Date64) => Step {
            before: ahead(zone)? * per_second(*unit),
            multiply: DAY_MILLIS,
            ..Step::units(DAY_SECONDS * per_second(*unit), 1)
        },
        (T::Timestamp(unit, zone), T::Time32(to) | T::Time64(to)) => Step {
            before: ahead(zone)? * per_second(*unit),
            part: Part::TimeOfDay(DAY_SECONDS * per_second(*unit)),
            ..Step::units(per_second(*unit), per_second(*to))
        },
        (T::Timestamp(from, from_zone), T::Timestamp(to, to_zone)) => {
            let units = Step::units(per_second(*from), per_second(*to));
            match (from_zone.is_some(), to_zone.is_some()) {
                (true, true) | (false, false) => units,
                (false, true) => Step {
                    before: -ahead(to_zone)? * per_second(*from),
                    ..units
                },
                (true, false) => Step {
                    before: ahead(from_zone)? * per_second(*from),
                    ..units
                },
            }
        }
        (T::Time32(from) | T::Time64(from), T::Time32(to) | T::Time64(to)) => {
            Step::units(per_second(*from), per_second(*to))
        }
        (T::Duration(from), T::Duration(to)) => Step {
            truncate: true,
            ..Step::units(per_second(*from), per_second(*to))
        },
        _ => return None,
    })
}
