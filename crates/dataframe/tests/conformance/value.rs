//! Values as the cases compare them: numbers by value, dates as their midnight.

use std::fmt;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::{
    DataType, Date32Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use esker_dataframe::prelude::ScalarValue;
use serde_json::Value as Json;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A value such that two of them are equal when the cases say so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// An integer, or a float that is one.
    Whole(i128),
    /// The bits of a float that is no integer; there is one NaN.
    Float(u64),
    Text(String),
    /// Microseconds since 1970: a timestamp, or the midnight of a date.
    Instant(i64),
    /// Microseconds since midnight.
    Time(i64),
    List(Vec<Value>),
}

impl Value {
    /// The value that a case writes.
    pub(crate) fn from_json(json: &Json) -> Result<Self, String> {
        let unknown = || format!("the case holds {json}, which is no value");
        Ok(match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match number.as_i128() {
                Some(whole) => Self::Whole(whole),
                None => Self::of_float(float(json).ok_or_else(unknown)?),
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::List(
                items
                    .iter()
                    .map(Self::from_json)
                    .collect::<Result<_, _>>()?,
            ),
            Json::Object(_) => float(json)
                .map(Self::of_float)
                .or_else(|| micros(json).map(Self::Instant))
                .or_else(|| time(json).map(Self::Time))
                .ok_or_else(unknown)?,
        })
    }

    /// The value of an array at a row.
    pub(crate) fn from_array(array: &dyn Array, row: usize) -> Result<Self, String> {
        let scalar = ScalarValue::from_array(array, row).map_err(|error| error.to_string())?;
        if scalar.is_null() {
            return Ok(Self::Null);
        }
        let in_type = |to| cast(scalar.as_array(), &to).map_err(|error| error.to_string());
        match scalar.data_type() {
            DataType::List(_) => {
                let items = scalar.as_array().as_list::<i32>().value(0);
                let items = (0..items.len()).map(|i| Self::from_array(items.as_ref(), i));
                return Ok(Self::List(items.collect::<Result<_, _>>()?));
            }
            DataType::Date32 | DataType::Timestamp(_, None) => {
                let array = in_type(DataType::Timestamp(TimeUnit::Microsecond, None))?;
                let array = array.as_primitive::<TimestampMicrosecondType>();
                return Ok(Self::Instant(array.value(0)));
            }
            DataType::Time32(_) | DataType::Time64(_) => {
                let array = in_type(DataType::Time64(TimeUnit::Microsecond))?;
                let array = array.as_primitive::<Time64MicrosecondType>();
                return Ok(Self::Time(array.value(0)));
            }
            _ => {}
        }
        let value = scalar.as_bool().map(Self::Bool);
        let value = value.or_else(|| scalar.as_i128().map(Self::Whole));
        let value = value.or_else(|| scalar.as_f64().map(Self::of_float));
        let value = value.or_else(|| scalar.as_str().map(|text| Self::Text(text.to_owned())));
        value.ok_or_else(|| format!("no case has a {}", scalar.data_type()))
    }

    fn of_float(value: f64) -> Self {
        // Beyond 2^126 both sides are floats, so that the bits decide.
        if value.fract() == 0.0 && value.abs() < 2f64.powi(126) {
            Self::Whole(value as i128)
        } else if value.is_nan() {
            Self::Float(f64::NAN.to_bits())
        } else {
            Self::Float(value.to_bits())
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Whole(value) => write!(f, "{value}"),
            Self::Float(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Instant(micros) => write!(f, "instant({micros} us)"),
            Self::Time(micros) => write!(f, "time({micros} us)"),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{item}")?;
                }
                f.write_str("]")
            }
        }
    }
}

/// A number, or `{"$f": "nan" | "inf" | "-inf"}`.
pub(crate) fn float(json: &Json) -> Option<f64> {
    json.as_f64().or_else(|| tagged(json, "$f")?.parse().ok())
}

/// The days since 1970 of `{"$date": "2024-01-15"}`.
pub(crate) fn days(json: &Json) -> Option<i32> {
    Date32Type::parse(tagged(json, "$date")?)
}

/// The microseconds since midnight of `{"$time": "13:45:30.5"}`.
pub(crate) fn time(json: &Json) -> Option<i64> {
    Time64MicrosecondType::parse(tagged(json, "$time")?)
}

/// The microseconds since 1970 of `{"$dt": "2024-01-15T13:45:30.5"}`, or of a date's midnight.
pub(crate) fn micros(json: &Json) -> Option<i64> {
    if let Some(days) = days(json) {
        return Some(i64::from(days) * MICROS_PER_DAY);
    }
    let (date, time) = tagged(json, "$dt")?.split_once(['T', ' '])?;
    let midnight = i64::from(Date32Type::parse(date)?) * MICROS_PER_DAY;
    Some(midnight + Time64MicrosecondType::parse(time)?)
}

/// The text of `{tag: text}`.
fn tagged<'a>(json: &'a Json, tag: &str) -> Option<&'a str> {
    json.get(tag)?.as_str()
}
