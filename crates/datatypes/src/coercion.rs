//! The coercion lattice: which type holds the values of two types (S4, S5).

use std::sync::Arc;

use arrow::array::{Float32Array, Float64Array};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, TimeUnit};

use crate::{ScalarValue, value_type};

/// The smallest type that holds the values of both, or `None` when no type does so silently.
///
/// | left | right | result |
/// |---|---|---|
/// | any `T` | `T`, `Null` | `T` |
/// | integer | integer, same sign | the wider |
/// | signed | unsigned | the smallest signed type that holds both (`Int64` beside `UInt64`) |
/// | `Float32`, `Float64` | any integer, the other float | `Float64` |
/// | decimal | integer | decimal wide enough for both |
/// | decimal | decimal | the larger scale, whole digits as needed, precision capped |
/// | decimal | float | `Float64` |
/// | string | string of another layout | `Utf8View` (binary likewise) |
/// | date | timestamp without zone | that timestamp |
/// | timestamp | timestamp | the finer unit; zones must both be there or both be absent |
/// | list of `A` | list of `B` | list of what holds both |
///
/// Dictionary and run-end wrappers count as the type of their values. Text never becomes a number
/// or a date.
pub fn common_type(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType as T;
    let (left, right) = (value_type(left), value_type(right));
    if left == right {
        return Some(left.clone());
    }
    match (left, right) {
        (T::Null, other) | (other, T::Null) => Some(other.clone()),
        (l, r) if l.is_integer() && r.is_integer() => Some(common_integer(l, r)),
        (l, r) if l.is_floating() && r.is_floating() => Some(common_float(l, r)),
        (l, r) if is_decimal(l) || is_decimal(r) => common_decimal(l, r),
        (l, r) if l.is_numeric() && r.is_numeric() => Some(T::Float64),
        (l, r) if is_string(l) && is_string(r) => Some(T::Utf8View),
        (l, r) if is_binary(l) && is_binary(r) => Some(T::BinaryView),
        (T::Date32, T::Date64) | (T::Date64, T::Date32) => Some(T::Date64),
        (T::Date32 | T::Date64, T::Timestamp(unit, None))
        | (T::Timestamp(unit, None), T::Date32 | T::Date64) => {
            // A `Date64` counts milliseconds: keep them.
            Some(T::Timestamp(finer(*unit, date_unit(left, right)), None))
        }
        (T::Timestamp(lu, lz), T::Timestamp(ru, rz)) if lz.is_some() == rz.is_some() => {
            Some(T::Timestamp(finer(*lu, *ru), lz.clone()))
        }
        (T::Time32(_) | T::Time64(_), T::Time32(_) | T::Time64(_)) => {
            let unit = finer(time_unit(left), time_unit(right));
            Some(match unit {
                TimeUnit::Second | TimeUnit::Millisecond => T::Time32(unit),
                TimeUnit::Microsecond | TimeUnit::Nanosecond => T::Time64(unit),
            })
        }
        (T::Duration(l), T::Duration(r)) => Some(T::Duration(finer(*l, *r))),
        (T::List(l), T::List(r)) => {
            let item = common_type(l.data_type(), r.data_type())?;
            let nullable = l.is_nullable() || r.is_nullable();
            let field = l
                .as_ref()
                .clone()
                .with_data_type(item)
                .with_nullable(nullable);
            Some(T::List(Arc::new(field)))
        }
        _ => None,
    }
}

/// The type in which values of both compare exactly: the [common type](common_type), made wider
/// where that has no room for some of them. `UInt64` beside a signed type is compared as a decimal,
/// and decimals of many digits as `Decimal256`.
pub fn comparison_type(left: &DataType, right: &DataType) -> Option<DataType> {
    let (left, right) = (value_type(left), value_type(right));
    let unsigned = *left == DataType::UInt64 || *right == DataType::UInt64;
    if unsigned && (left.is_signed_integer() || right.is_signed_integer()) {
        return Some(DataType::Decimal128(20, 0));
    }
    let common = common_type(left, right)?;
    let (DataType::Decimal128(precision, scale), Some(l), Some(r)) =
        (&common, as_decimal_parts(left), as_decimal_parts(right))
    else {
        return Some(common);
    };
    let whole = whole_digits(l).max(whole_digits(r));
    if whole + i32::from(*scale) > i32::from(*precision) {
        return Some(decimal_type(whole, *scale, true));
    }
    Some(common)
}

/// Whether a type is one of Arrow's string types.
pub fn is_string(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// Whether a type is one of Arrow's binary types.
pub fn is_binary(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
    )
}

/// Whether a type is a decimal of any width.
pub fn is_decimal(data_type: &DataType) -> bool {
    decimal_parts(data_type).is_some()
}

/// Precision and scale of a decimal type of any width.
pub fn decimal_parts(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => Some((*p, *s)),
        _ => None,
    }
}

/// The decimal precision and scale in which a type's values are exact: a decimal's own, and
/// (digits, 0) for an integer type.
pub fn as_decimal_parts(data_type: &DataType) -> Option<(u8, i8)> {
    let digits = match data_type {
        DataType::Int8 | DataType::UInt8 => 3,
        DataType::Int16 | DataType::UInt16 => 5,
        DataType::Int32 | DataType::UInt32 => 10,
        DataType::Int64 => 19,
        DataType::UInt64 => 20,
        _ => return decimal_parts(data_type),
    };
    Some((digits, 0))
}

/// A decimal of `whole` digits before the point and `scale` behind it: `Decimal128`, or
/// `Decimal256` when `wide`; the precision is capped at what the width holds, the scale never cut.
pub fn decimal_type(whole: i32, scale: i8, wide: bool) -> DataType {
    let max = if wide {
        DECIMAL256_MAX_PRECISION
    } else {
        DECIMAL128_MAX_PRECISION
    };
    let precision = (whole + i32::from(scale)).clamp(1, i32::from(max)) as u8;
    if wide {
        DataType::Decimal256(precision, scale)
    } else {
        DataType::Decimal128(precision, scale)
    }
}

/// The value of an integer literal in another integer or float type, when it fits exactly.
///
/// A literal takes the type of the column beside it: `col("i8") + 1` stays `Int8`.
pub fn literal_as(value: &ScalarValue, data_type: &DataType) -> Option<ScalarValue> {
    let number = value.as_i128()?;
    macro_rules! fit {
        ($native:ty) => {
            <$native>::try_from(number).ok().map(ScalarValue::from)
        };
    }
    match value_type(data_type) {
        DataType::Int8 => fit!(i8),
        DataType::Int16 => fit!(i16),
        DataType::Int32 => fit!(i32),
        DataType::Int64 => fit!(i64),
        DataType::UInt8 => fit!(u8),
        DataType::UInt16 => fit!(u16),
        DataType::UInt32 => fit!(u32),
        DataType::UInt64 => fit!(u64),
        DataType::Float32 => {
            let float = number as f32;
            (float as i128 == number).then(|| scalar(Arc::new(Float32Array::from(vec![float]))))
        }
        DataType::Float64 => {
            let float = number as f64;
            (float as i128 == number).then(|| scalar(Arc::new(Float64Array::from(vec![float]))))
        }
        _ => None,
    }
}

fn scalar(array: arrow::array::ArrayRef) -> ScalarValue {
    ScalarValue::from_array(&array, 0).unwrap_or_else(|_| ScalarValue::null(array.data_type()))
}

fn integer_bits(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Int8 | DataType::UInt8 => 8,
        DataType::Int16 | DataType::UInt16 => 16,
        DataType::Int32 | DataType::UInt32 => 32,
        _ => 64,
    }
}

fn signed(bits: u8) -> DataType {
    match bits {
        8 => DataType::Int8,
        16 => DataType::Int16,
        32 => DataType::Int32,
        _ => DataType::Int64,
    }
}

fn common_integer(left: &DataType, right: &DataType) -> DataType {
    let (lb, rb) = (integer_bits(left), integer_bits(right));
    match (left.is_signed_integer(), right.is_signed_integer()) {
        (true, true) | (false, false) => {
            if lb >= rb {
                left.clone()
            } else {
                right.clone()
            }
        }
        (true, false) => signed(lb.max(rb.saturating_mul(2))),
        (false, true) => signed(rb.max(lb.saturating_mul(2))),
    }
}

fn common_float(left: &DataType, right: &DataType) -> DataType {
    match (left, right) {
        (DataType::Float64, _) | (_, DataType::Float64) => DataType::Float64,
        _ => DataType::Float32,
    }
}

fn common_decimal(left: &DataType, right: &DataType) -> Option<DataType> {
    if left.is_floating() || right.is_floating() {
        return Some(DataType::Float64);
    }
    let (l, r) = (as_decimal_parts(left)?, as_decimal_parts(right)?);
    let whole = whole_digits(l).max(whole_digits(r));
    let wide = [left, right]
        .iter()
        .any(|t| matches!(t, DataType::Decimal256(_, _)));
    Some(decimal_type(whole, l.1.max(r.1), wide))
}

/// How many digits stand before the point.
fn whole_digits((precision, scale): (u8, i8)) -> i32 {
    i32::from(precision) - i32::from(scale)
}

fn finer(left: TimeUnit, right: TimeUnit) -> TimeUnit {
    left.max(right)
}

fn date_unit(left: &DataType, right: &DataType) -> TimeUnit {
    match (left, right) {
        (DataType::Date64, _) | (_, DataType::Date64) => TimeUnit::Millisecond,
        _ => TimeUnit::Second,
    }
}

fn time_unit(data_type: &DataType) -> TimeUnit {
    match data_type {
        DataType::Time32(unit) | DataType::Time64(unit) => *unit,
        _ => TimeUnit::Second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType as T;
    use arrow::datatypes::Field;

    #[test]
    fn the_lattice() {
        let check = |left: T, right: T, want: Option<T>| {
            assert_eq!(common_type(&left, &right), want, "{left} with {right}");
            if !matches!(left, T::Timestamp(_, Some(_))) {
                assert_eq!(common_type(&right, &left), want, "{right} with {left}");
            }
        };
        check(T::Int8, T::Int64, Some(T::Int64));
        check(T::Int8, T::UInt8, Some(T::Int16));
        check(T::Int32, T::UInt8, Some(T::Int32));
        check(T::Int64, T::UInt64, Some(T::Int64));
        check(T::UInt16, T::UInt64, Some(T::UInt64));
        check(T::Float32, T::Int8, Some(T::Float64));
        check(T::Float32, T::Float64, Some(T::Float64));
        check(T::Float16, T::Float32, Some(T::Float32));
        check(T::Null, T::Date32, Some(T::Date32));
        check(
            T::Decimal128(5, 2),
            T::Decimal128(6, 4),
            Some(T::Decimal128(7, 4)),
        );
        check(T::Decimal64(5, 2), T::Int32, Some(T::Decimal128(12, 2)));
        check(T::Decimal256(50, 2), T::Int32, Some(T::Decimal256(50, 2)));
        check(
            T::Decimal128(38, 0),
            T::Decimal128(38, 10),
            Some(T::Decimal128(38, 10)),
        );
        check(T::Decimal128(5, 2), T::Float32, Some(T::Float64));
        check(T::Utf8, T::LargeUtf8, Some(T::Utf8View));
        check(T::Binary, T::FixedSizeBinary(4), Some(T::BinaryView));
        check(T::Utf8, T::Int32, None);
        check(T::Utf8View, T::Date32, None);
        check(T::Boolean, T::Int8, None);
        let timestamp = |unit| T::Timestamp(unit, None);
        let zoned = |unit, zone: &str| T::Timestamp(unit, Some(zone.into()));
        check(
            T::Date32,
            timestamp(TimeUnit::Second),
            Some(timestamp(TimeUnit::Second)),
        );
        check(
            T::Date64,
            timestamp(TimeUnit::Second),
            Some(timestamp(TimeUnit::Millisecond)),
        );
        check(T::Date32, zoned(TimeUnit::Second, "UTC"), None);
        check(
            timestamp(TimeUnit::Second),
            zoned(TimeUnit::Second, "UTC"),
            None,
        );
        check(
            zoned(TimeUnit::Second, "+01:00"),
            zoned(TimeUnit::Nanosecond, "UTC"),
            Some(zoned(TimeUnit::Nanosecond, "+01:00")),
        );
        check(
            T::Time32(TimeUnit::Second),
            T::Time64(TimeUnit::Nanosecond),
            Some(T::Time64(TimeUnit::Nanosecond)),
        );
        let dictionary = T::Dictionary(Box::new(T::Int8), Box::new(T::Utf8));
        check(dictionary, T::Utf8, Some(T::Utf8));
        let list = |item| T::List(Arc::new(Field::new("item", item, true)));
        check(list(T::Int8), list(T::Int16), Some(list(T::Int16)));
        check(list(T::Int8), T::Int8, None);
    }

    #[test]
    fn comparisons_have_room_for_both() {
        let check = |left: T, right: T, want: T| {
            assert_eq!(comparison_type(&left, &right), Some(want.clone()));
            assert_eq!(comparison_type(&right, &left), Some(want));
        };
        check(T::UInt64, T::Int8, T::Decimal128(20, 0));
        check(T::UInt64, T::UInt8, T::UInt64);
        check(T::UInt32, T::Int8, T::Int64);
        check(T::Decimal128(5, 2), T::Int32, T::Decimal128(12, 2));
        check(
            T::Decimal128(38, 0),
            T::Decimal128(38, 10),
            T::Decimal256(48, 10),
        );
        check(T::Decimal128(38, 38), T::Int8, T::Decimal256(41, 38));
        check(T::Decimal128(38, -5), T::Int8, T::Decimal256(43, 0));
        check(
            T::Decimal256(70, 2),
            T::Decimal128(9, 9),
            T::Decimal256(76, 9),
        );
        check(T::Utf8, T::LargeUtf8, T::Utf8View);
    }

    #[test]
    fn literals_take_a_type_they_fit() {
        let check = |value: i64, data_type: T, fits: bool| {
            let got = literal_as(&value.into(), &data_type);
            assert_eq!(got.is_some(), fits, "{value} as {data_type}");
            if let Some(got) = got {
                assert_eq!(got.data_type(), &data_type);
            }
        };
        check(127, T::Int8, true);
        check(128, T::Int8, false);
        check(-1, T::UInt64, false);
        check(5, T::Float32, true);
        check((1 << 24) + 1, T::Float32, false);
        check(i64::MAX, T::Float64, false);
        check(1, T::Utf8, false);
    }
}
