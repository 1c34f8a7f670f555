//! Which pairs of types have a cast, and by which way: the one table that `can_cast` and `cast`
//! both read.

use arrow::array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    validate_decimal_precision_and_scale,
};
use arrow::datatypes::{DataType, Fields, IntervalUnit, TimeUnit};
use esker_datatypes::{is_binary, is_decimal, is_string, value_type};

use super::can_cast;
use crate::parse::zone_offset;

/// The way from a type to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The types are the same.
    Same,
    /// From `Null`.
    Null,
    /// Integers and floats among each other.
    Number,
    /// `Boolean` to an integer or float.
    FromBool,
    /// An integer or float to `Boolean`.
    ToBool,
    /// An integer, float or decimal to a decimal.
    ToDecimal,
    /// A decimal to an integer or float.
    FromDecimal,
    /// Text and binary in their layouts.
    Bytes,
    /// Text to a value.
    Read,
    /// A value to text.
    Format,
    /// Dates, times, timestamps and durations among each other.
    Temporal,
    /// An integer to a count of days or units, or back.
    Count,
    /// What Arrow casts as we do: intervals.
    Arrow,
    /// Lists of any width.
    List,
    /// Structs: for each field of the result, the position of its source.
    Struct(Vec<usize>),
    /// Maps.
    Map,
}

/// The way between two plain types, or `None`.
pub(super) fn route(from: &DataType, to: &DataType) -> Option<Route> {
    use DataType as T;
    if from == to {
        return Some(Route::Same);
    }
    if !is_valid(to) {
        return None;
    }
    let number = |t: &T| t.is_integer() || t.is_floating();
    match (from, to) {
        (T::Null, _) => Some(Route::Null),
        (f, t) if number(f) && number(t) => Some(Route::Number),
        (T::Boolean, t) if number(t) => Some(Route::FromBool),
        (f, T::Boolean) if number(f) => Some(Route::ToBool),
        (f, t) if is_decimal(t) && (number(f) || is_decimal(f)) => Some(Route::ToDecimal),
        (f, t) if is_decimal(f) && number(t) => Some(Route::FromDecimal),
        (f, t) if is_bytes(f) && is_bytes(t) => Some(Route::Bytes),
        (f, T::Interval(_)) if is_string(f) => Some(Route::Arrow),
        (f, t) if is_string(f) => is_read(t).then_some(Route::Read),
        (f, t) if is_string(t) => is_formatted(f).then_some(Route::Format),
        (f, t) if is_temporal(f) && is_temporal(t) => has_temporal(f, t).then_some(Route::Temporal),
        (f, t) if f.is_integer() && is_temporal(t) => Some(Route::Count),
        (f, t) if is_temporal(f) && t.is_integer() => Some(Route::Count),
        (
            T::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime),
            T::Interval(IntervalUnit::MonthDayNano),
        ) => Some(Route::Arrow),
        (T::FixedSizeList(f, n), T::FixedSizeList(t, m)) => {
            (n == m && can_cast(f.data_type(), t.data_type())).then_some(Route::List)
        }
        (T::List(f) | T::LargeList(f) | T::FixedSizeList(f, _), T::List(t) | T::LargeList(t)) => {
            can_cast(f.data_type(), t.data_type()).then_some(Route::List)
        }
        (T::Struct(f), T::Struct(t)) => fields(f, t).map(Route::Struct),
        (T::Map(f, f_sorted), T::Map(t, t_sorted)) => {
            (f_sorted == t_sorted && can_cast(f.data_type(), t.data_type())).then_some(Route::Map)
        }
        _ => None,
    }
}

/// Where each field of a struct comes from: the field of its name when all have one, else the field
/// at its position.
fn fields(from: &Fields, to: &Fields) -> Option<Vec<usize>> {
    if from.len() != to.len() {
        return None;
    }
    let by_name = |name: &str| from.iter().position(|f| f.name() == name);
    let sources = to
        .iter()
        .map(|t| by_name(t.name()))
        .collect::<Option<Vec<_>>>()
        .unwrap_or_else(|| (0..from.len()).collect());
    let castable = sources.iter().zip(to).all(|(&at, t)| {
        from.get(at)
            .is_some_and(|f| can_cast(f.data_type(), t.data_type()))
    });
    castable.then_some(sources)
}

/// Whether a type is one that arrays can have, as far as its parameters go.
fn is_valid(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::Decimal32(p, s) => validate_decimal_precision_and_scale::<Decimal32Type>(*p, *s).is_ok(),
        T::Decimal64(p, s) => validate_decimal_precision_and_scale::<Decimal64Type>(*p, *s).is_ok(),
        T::Decimal128(p, s) => {
            validate_decimal_precision_and_scale::<Decimal128Type>(*p, *s).is_ok()
        }
        T::Decimal256(p, s) => {
            validate_decimal_precision_and_scale::<Decimal256Type>(*p, *s).is_ok()
        }
        T::Time32(unit) => matches!(unit, TimeUnit::Second | TimeUnit::Millisecond),
        T::Time64(unit) => matches!(unit, TimeUnit::Microsecond | TimeUnit::Nanosecond),
        T::FixedSizeBinary(size) => *size >= 0,
        _ => true,
    }
}

fn is_bytes(data_type: &DataType) -> bool {
    is_string(data_type) || is_binary(data_type)
}

fn is_temporal(data_type: &DataType) -> bool {
    data_type.is_temporal() && !matches!(data_type, DataType::Interval(_))
}

/// Whether text is read as this type.
fn is_read(to: &DataType) -> bool {
    use DataType as T;
    match to {
        T::Timestamp(_, zone) => zone.as_ref().is_none_or(|z| zone_offset(z).is_some()),
        T::Boolean | T::Date32 | T::Date64 | T::Time32(_) | T::Time64(_) => true,
        to => to.is_numeric(),
    }
}

/// Whether this type is written as text.
fn is_formatted(from: &DataType) -> bool {
    match from {
        DataType::Timestamp(_, zone) => zone.as_ref().is_none_or(|z| zone_offset(z).is_some()),
        DataType::Boolean => true,
        from => from.is_primitive(),
    }
}

/// Whether there is a way between two different temporal types.
fn has_temporal(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let known =
        |zone: &Option<std::sync::Arc<str>>| zone.as_ref().is_none_or(|z| zone_offset(z).is_some());
    match (from, to) {
        (T::Date32 | T::Date64, T::Date32 | T::Date64) => true,
        (T::Date32 | T::Date64, T::Timestamp(_, zone)) => known(zone),
        (T::Timestamp(_, zone), T::Date32 | T::Date64 | T::Time32(_) | T::Time64(_)) => known(zone),
        // An instant stays what it is, in whatever zone; a local time needs to know the zone.
        (T::Timestamp(_, from), T::Timestamp(_, to)) => {
            from.is_some() == to.is_some() || (known(from) && known(to))
        }
        (T::Time32(_) | T::Time64(_), T::Time32(_) | T::Time64(_)) => true,
        (T::Duration(_), T::Duration(_)) => true,
        _ => false,
    }
}

/// The type of a list's items.
pub(super) fn item_type(data_type: &DataType) -> Option<&DataType> {
    match value_type(data_type) {
        DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) => {
            Some(f.data_type())
        }
        _ => None,
    }
}
