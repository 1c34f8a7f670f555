//! Parts of dates and times: the year, the hour.

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::datatypes::{ArrowNativeType, Float64Type, Int32Type};
use esker_datatypes::{Buffers, Column, DataType, Result, Selection};

use super::civil::{self, Civil, weekday};
use super::unit::{Counts, DAY, Scale, local_day};
use crate::per_value::{per_value, with_nulls_of};
use crate::vector::{Cost, map1};

/// A part of a date or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatePart {
    /// The year; 0 is the year before 1.
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// The week after ISO 8601, 1 to 53: it starts on Monday, and the first one holds January 4th.
    Week,
    /// The year that the ISO week belongs to.
    IsoYear,
    /// The day of the month, 1 to 31.
    Day,
    /// The day of the week, Monday is 0.
    Weekday,
    /// The day of the week, Monday is 1.
    IsoWeekday,
    /// The day of the year, 1 to 366.
    DayOfYear,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59.
    Second,
    /// Of the second, 0 to 999.
    Millisecond,
    /// Of the second, 0 to 999,999.
    Microsecond,
    /// Of the second, 0 to 999,999,999.
    Nanosecond,
}

impl DatePart {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Year,
        Self::Quarter,
        Self::Month,
        Self::Week,
        Self::IsoYear,
        Self::Day,
        Self::Weekday,
        Self::IsoWeekday,
        Self::DayOfYear,
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Millisecond,
        Self::Microsecond,
        Self::Nanosecond,
    ];

    /// Whether it is a part of the time of day, as times without a date have it.
    pub fn of_time(self) -> bool {
        match self {
            Self::Hour
            | Self::Minute
            | Self::Second
            | Self::Millisecond
            | Self::Microsecond
            | Self::Nanosecond => true,
            Self::Year
            | Self::Quarter
            | Self::Month
            | Self::Week
            | Self::IsoYear
            | Self::Day
            | Self::Weekday
            | Self::IsoWeekday
            | Self::DayOfYear => false,
        }
    }
}

/// A part of each date, time or timestamp, as `Int32`; null for null.
///
/// A date is its midnight. A timestamp with a zone is read in its local time. A year of a timestamp
/// in seconds that `Int32` does not hold is the greatest or smallest that it holds.
///
/// # Errors
/// `Internal` for another type, or a part of the date of a time without one; `Unsupported` for a zone
/// whose offset changes.
///
/// ```
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::temporal::{DatePart, part};
/// let column = Column::constant(ScalarValue::date(10561), 1);
/// let year = part(DatePart::Year, &column, &Selection::all(1), &mut Buffers::default())?;
/// assert_eq!(year.value(0)?.as_i128(), Some(1998));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn part(
    part: DatePart,
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    per_value(column, selection, buffers, |array, selection, buffers| {
        if *array.data_type() == DataType::Null {
            return Ok(new_null_array(&DataType::Int32, array.len()));
        }
        let values = values(part, array, selection, buffers)?;
        with_nulls_of::<Int32Type>(values, array)
    })
}

/// Seconds since 1970-01-01T00:00:00 UTC of each date or timestamp, as `Float64`; null for null.
///
/// # Errors
/// `Internal` for another type.
pub fn epoch_seconds(
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    per_value(column, selection, buffers, |array, selection, buffers| {
        let cheap = Cost::Cheap;
        let out = match (Scale::of(array.data_type())?, Counts::of(array)?) {
            (Scale::Moments { per_second, .. } | Scale::TimeOfDay { per_second }, counts) => {
                let seconds = |count: i64| count as f64 / per_second as f64;
                match counts {
                    Counts::Narrow(counts) => {
                        map1(counts.values(), selection, cheap, buffers, |c: i32| {
                            seconds(c.into())
                        })
                    }
                    Counts::Wide(counts) => {
                        map1(counts.values(), selection, cheap, buffers, seconds)
                    }
                }
            }
            (Scale::Days, Counts::Narrow(days)) => {
                let seconds = |day: i32| (i64::from(day) * DAY) as f64;
                map1(days.values(), selection, cheap, buffers, seconds)
            }
            (Scale::Days, Counts::Wide(days)) => {
                let seconds = |day: i64| day as f64 * DAY as f64;
                map1(days.values(), selection, cheap, buffers, seconds)
            }
        };
        with_nulls_of::<Float64Type>(out, array)
    })
}

fn values(
    part: DatePart,
    array: &ArrayRef,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Vec<i32>> {
    let scale = Scale::of(array.data_type())?;
    Ok(match (scale, Counts::of(array)?) {
        (Scale::Days, Counts::Narrow(days)) => of_days(part, days.values(), selection, buffers),
        (Scale::Moments { per_second, ahead }, Counts::Wide(counts)) if !part.of_time() => {
            let mut days = days(counts.values(), per_second, ahead, buffers);
            let narrow = days.iter().all(|&day| i32::try_from(day).is_ok());
            let result = if narrow {
                let mut near = buffers.take::<i32>(days.len());
                near.extend(days.iter().map(|&day| day as i32));
                let result = of_days(part, &near, selection, buffers);
                buffers.give(near);
                result
            } else {
                of_civil(part, &days, selection, buffers, |day| day, civil::far)
            };
            days.clear();
            buffers.give(days);
            result
        }
        (
            Scale::Moments { per_second, .. } | Scale::TimeOfDay { per_second },
            Counts::Narrow(counts),
        ) => of_time(part, counts.values(), per_second, 0, selection, buffers),
        (Scale::Moments { per_second, ahead }, Counts::Wide(counts)) => {
            of_time(part, counts.values(), per_second, ahead, selection, buffers)
        }
        (Scale::TimeOfDay { per_second }, Counts::Wide(counts)) => {
            of_time(part, counts.values(), per_second, 0, selection, buffers)
        }
        // There are no days of 64 bits.
        (Scale::Days, Counts::Wide(_)) => vec![0; array.len()],
    })
}

/// The local day of each moment. Each unit has a loop of its own, since dividing by a constant is a
/// multiplication.
fn days(counts: &[i64], per_second: i64, ahead: i64, buffers: &mut Buffers) -> Vec<i64> {
    fn each<const PER_DAY: i64>(counts: &[i64], ahead: i64, out: &mut Vec<i64>) {
        let day = |&count: &i64| local_day(count, PER_DAY, ahead);
        out.extend(counts.iter().map(day));
    }
    let mut out = buffers.take::<i64>(counts.len());
    match per_second {
        1 => each::<DAY>(counts, ahead, &mut out),
        1_000 => each::<{ DAY * 1_000 }>(counts, ahead, &mut out),
        1_000_000 => each::<{ DAY * 1_000_000 }>(counts, ahead, &mut out),
        _ => each::<{ DAY * 1_000_000_000 }>(counts, ahead, &mut out),
    }
    out
}

fn of_days(part: DatePart, days: &[i32], selection: &Selection, buffers: &mut Buffers) -> Vec<i32> {
    let wide = |day: i32| i64::from(day);
    if civil::all_near(days) {
        of_civil(part, days, selection, buffers, wide, |day| {
            civil::near(day as i32)
        })
    } else {
        of_civil(part, days, selection, buffers, wide, civil::far)
    }
}

/// A part of the date of each day: one loop for each part.
#[inline]
fn of_civil<D: ArrowNativeType>(
    part: DatePart,
    days: &[D],
    selection: &Selection,
    buffers: &mut Buffers,
    day: impl Fn(D) -> i64 + Copy,
    civil: impl Fn(i64) -> Civil + Copy,
) -> Vec<i32> {
    macro_rules! each {
        ($each:expr) => {{
            let each = $each;
            map1(days, selection, Cost::Cheap, buffers, |d| each(day(d)))
        }};
    }
    let year = |year: i64| year.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    // The Thursday of a week lies in the year and the month that the week belongs to.
    let thursday = move |day: i64| civil(day - weekday(day) + 3);
    match part {
        DatePart::Year => each!(|d| year(civil(d).year)),
        DatePart::Quarter => each!(|d| civil(d).month.div_ceil(3) as i32),
        DatePart::Month => each!(|d| civil(d).month as i32),
        DatePart::Week => each!(|d| thursday(d).ordinal.div_ceil(7) as i32),
        DatePart::IsoYear => each!(|d| year(thursday(d).year)),
        DatePart::Day => each!(|d| civil(d).day as i32),
        DatePart::Weekday => each!(|d| weekday(d) as i32),
        DatePart::IsoWeekday => each!(|d| weekday(d) as i32 + 1),
        DatePart::DayOfYear => each!(|d| civil(d).ordinal as i32),
        // A date is its midnight.
        DatePart::Hour
        | DatePart::Minute
        | DatePart::Second
        | DatePart::Millisecond
        | DatePart::Microsecond
        | DatePart::Nanosecond => each!(|_| 0),
    }
}

/// A part of the time of day of each moment.
fn of_time<C: ArrowNativeType + Into<i64>>(
    part: DatePart,
    counts: &[C],
    per_second: i64,
    ahead: i64,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Vec<i32> {
    match per_second {
        1 => clock::<C, 1>(part, counts, ahead, selection, buffers),
        1_000 => clock::<C, 1_000>(part, counts, ahead, selection, buffers),
        1_000_000 => clock::<C, 1_000_000>(part, counts, ahead, selection, buffers),
        _ => clock::<C, 1_000_000_000>(part, counts, ahead, selection, buffers),
    }
}

fn clock<C: ArrowNativeType + Into<i64>, const PER_SECOND: i64>(
    part: DatePart,
    counts: &[C],
    ahead: i64,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Vec<i32> {
    macro_rules! each {
        ($each:expr) => {{
            let each = $each;
            // First of the day, so that no offset overflows.
            map1(counts, selection, Cost::Cheap, buffers, |count: C| {
                let local = count.into().rem_euclid(DAY * PER_SECOND) + ahead;
                each(local.rem_euclid(DAY * PER_SECOND)) as i32
            })
        }};
    }
    match part {
        DatePart::Hour => each!(|time: i64| time / (3_600 * PER_SECOND)),
        DatePart::Minute => each!(|time: i64| time / (60 * PER_SECOND) % 60),
        DatePart::Second => each!(|time: i64| time / PER_SECOND % 60),
        DatePart::Millisecond => each!(|time: i64| fraction(time % PER_SECOND, PER_SECOND, 1_000)),
        DatePart::Microsecond => {
            each!(|time: i64| fraction(time % PER_SECOND, PER_SECOND, 1_000_000))
        }
        DatePart::Nanosecond => {
            each!(|time: i64| fraction(time % PER_SECOND, PER_SECOND, 1_000_000_000))
        }
        // Typing refuses them.
        DatePart::Year
        | DatePart::Quarter
        | DatePart::Month
        | DatePart::Week
        | DatePart::IsoYear
        | DatePart::Day
        | DatePart::Weekday
        | DatePart::IsoWeekday
        | DatePart::DayOfYear => each!(|_| 0i64),
    }
}

/// A part of a second in another unit, finer digits cut off.
#[inline]
fn fraction(count: i64, per_second: i64, wanted: i64) -> i64 {
    if wanted >= per_second {
        count * (wanted / per_second)
    } else {
        count / (per_second / wanted)
    }
}
