//! The order of values, as the comparison kernels have it.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal32Array, Decimal64Array};
use arrow::compute;
use arrow::datatypes::{Decimal32Type, Decimal64Type, Int64Type};
use esker_datatypes::{
    DataType, ScalarValue, decimal_parts, is_binary, is_decimal, is_string, literal_as,
};

/// What a value is ordered by, among values of [comparable] types.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Key<'a> {
    /// Integers, truth values, digits of decimals, units of time.
    Integer(i128),
    /// Floats, no NaN among them; -0.0 equals 0.0.
    Float(f64),
    /// Text and binary.
    Bytes(&'a [u8]),
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.partial_cmp(b),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.partial_cmp(b),
            _ => None,
        }
    }
}

/// Whether values of two types are ordered by their keys.
pub(super) fn comparable(left: &DataType, right: &DataType) -> bool {
    left == right
        || (left.is_integer() && right.is_integer())
        || (is_string(left) && is_string(right))
        || (is_binary(left) && is_binary(right))
        || match (decimal_parts(left), decimal_parts(right)) {
            (Some((_, left)), Some((_, right))) => left == right,
            _ => false,
        }
}

/// The key of a value; `None` for null, NaN and types whose order is not known here.
pub(super) fn key(value: &ScalarValue) -> Option<Key<'_>> {
    if value.is_null() {
        return None;
    }
    let data_type = value.data_type();
    if is_string(data_type) {
        return value.as_str().map(|text| Key::Bytes(text.as_bytes()));
    }
    let array = value.as_array();
    match data_type {
        DataType::Binary => Some(Key::Bytes(array.as_binary::<i32>().value(0))),
        DataType::LargeBinary => Some(Key::Bytes(array.as_binary::<i64>().value(0))),
        DataType::BinaryView => Some(Key::Bytes(array.as_binary_view().value(0))),
        DataType::FixedSizeBinary(_) => Some(Key::Bytes(array.as_fixed_size_binary().value(0))),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => value
            .as_f64()
            .filter(|float| !float.is_nan())
            .map(Key::Float),
        _ => integer(value).map(Key::Integer),
    }
}

/// The integer that stands for a value of an integer, truth, decimal or time type.
pub(super) fn integer(value: &ScalarValue) -> Option<i128> {
    if value.is_null() {
        return None;
    }
    let array = value.as_array();
    match value.data_type() {
        DataType::Boolean => value.as_bool().map(i128::from),
        DataType::Decimal32(_, _) => Some(array.as_primitive::<Decimal32Type>().value(0).into()),
        DataType::Decimal64(_, _) => Some(array.as_primitive::<Decimal64Type>().value(0).into()),
        DataType::Decimal128(_, _) => value.as_decimal_digits(),
        t if t.is_integer() => value.as_i128(),
        t if t.is_temporal() => {
            // Arrow reads the number that a time is.
            let number = compute::cast(array, &DataType::Int64).ok()?;
            number
                .as_primitive_opt::<Int64Type>()
                .map(|number| number.value(0).into())
        }
        _ => None,
    }
}

/// The least and the greatest integer of a type, where types bound them.
pub(super) fn type_range(data_type: &DataType) -> Option<(i128, i128)> {
    let signed = |bits: u32| Some((-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1));
    let unsigned = |bits: u32| Some((0, (1i128 << bits) - 1));
    match data_type {
        DataType::Boolean => Some((0, 1)),
        DataType::Int8 => signed(8),
        DataType::Int16 => signed(16),
        DataType::Int32 => signed(32),
        DataType::Int64 => signed(64),
        DataType::UInt8 => unsigned(8),
        DataType::UInt16 => unsigned(16),
        DataType::UInt32 => unsigned(32),
        DataType::UInt64 => unsigned(64),
        DataType::Decimal32(precision, _)
        | DataType::Decimal64(precision, _)
        | DataType::Decimal128(precision, _) => {
            let above = 10i128.checked_pow((*precision).into())?;
            Some((1 - above, above - 1))
        }
        _ => None,
    }
}

/// The value of an integer, truth or decimal type that stands for this integer, if there is one.
pub(super) fn integer_scalar(integer: i128, data_type: &DataType) -> Option<ScalarValue> {
    match data_type {
        DataType::Boolean => Some(ScalarValue::from(integer != 0)),
        DataType::Decimal128(p, s) => ScalarValue::decimal(integer, *p, *s).ok(),
        DataType::Decimal32(p, s) => {
            let digits = Decimal32Array::from(vec![i32::try_from(integer).ok()?]);
            scalar(Arc::new(digits.with_precision_and_scale(*p, *s).ok()?))
        }
        DataType::Decimal64(p, s) => {
            let digits = Decimal64Array::from(vec![i64::try_from(integer).ok()?]);
            scalar(Arc::new(digits.with_precision_and_scale(*p, *s).ok()?))
        }
        t if t.is_integer() => match i64::try_from(integer) {
            Ok(integer) => literal_as(&integer.into(), t),
            Err(_) => literal_as(&u64::try_from(integer).ok()?.into(), t),
        },
        _ => None,
    }
}

fn scalar(array: ArrayRef) -> Option<ScalarValue> {
    ScalarValue::from_array(&array, 0).ok()
}

/// Whether a type's values are integers, or decimals of which integers are the digits.
pub(super) fn is_exact(data_type: &DataType) -> bool {
    data_type.is_integer() || (is_decimal(data_type) && type_range(data_type).is_some())
}
