//! What the counts of each temporal type mean.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute;
use arrow::datatypes::{Int32Type, Int64Type};
use esker_datatypes::{DataType, Error, Result};

use crate::parse::{per_second, zone_offset};

/// The seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// The start of what a moment is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TruncateUnit {
    /// January 1st.
    Year,
    /// January, April, July or October 1st.
    Quarter,
    /// The first of the month.
    Month,
    /// Monday.
    Week,
    /// Midnight.
    Day,
    /// The full hour.
    Hour,
    /// The full minute.
    Minute,
    /// The full second.
    Second,
}

impl TruncateUnit {
    /// The unit of this name: `year`, `quarter`, `month`, `week`, `day`, `hour`, `minute`, `second`.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Year,
            Self::Quarter,
            Self::Month,
            Self::Week,
            Self::Day,
            Self::Hour,
            Self::Minute,
            Self::Second,
        ]
        .into_iter()
        .find(|unit| unit.name() == name)
    }

    /// The name of the unit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
        }
    }
}

/// How an array counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Days since 1970-01-01.
    Days,
    /// Moments since 1970-01-01T00:00:00 in local time less `ahead`, so many `per_second`.
    Moments { per_second: i64, ahead: i64 },
    /// Moments since midnight.
    TimeOfDay { per_second: i64 },
}

impl Scale {
    /// How a type counts.
    pub(super) fn of(data_type: &DataType) -> Result<Self> {
        Ok(match data_type {
            DataType::Date32 => Self::Days,
            DataType::Date64 => Self::Moments {
                per_second: 1_000,
                ahead: 0,
            },
            DataType::Timestamp(unit, zone) => {
                let per_second = per_second(*unit);
                let ahead = match zone {
                    Some(zone) => zone_offset(zone).ok_or_else(|| {
                        Error::unsupported(format!("the local time of zone '{zone}'"))
                    })?,
                    None => 0,
                };
                Self::Moments {
                    per_second,
                    ahead: i64::from(ahead) * per_second,
                }
            }
            DataType::Time32(unit) | DataType::Time64(unit) => Self::TimeOfDay {
                per_second: per_second(*unit),
            },
            other => return Err(Error::internal(format!("{other} is no date or time"))),
        })
    }
}

/// The local day of a moment.
#[inline]
pub(super) fn local_day(count: i64, per_day: i64, ahead: i64) -> i64 {
    match count.checked_add(ahead) {
        Some(local) => local.div_euclid(per_day),
        // The last hours that 64 bits hold.
        None => {
            let local = i128::from(count) + i128::from(ahead);
            local.div_euclid(per_day.into()) as i64
        }
    }
}

/// The counts of a temporal array.
pub(super) enum Counts {
    Narrow(arrow::array::Int32Array),
    Wide(arrow::array::Int64Array),
}

impl Counts {
    /// The counts of an array; shares its buffer.
    pub(super) fn of(array: &ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Date32 | DataType::Time32(_) => Self::Narrow(
                compute::cast(array, &DataType::Int32)?
                    .as_primitive::<Int32Type>()
                    .clone(),
            ),
            _ => Self::Wide(
                compute::cast(array, &DataType::Int64)?
                    .as_primitive::<Int64Type>()
                    .clone(),
            ),
        })
    }
}
