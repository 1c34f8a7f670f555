//! Integers, floats and truth values among each other.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use esker_datatypes::Result;

use super::flat::{Converted, Cx, astray, map_rows, map_values};
use crate::vector::Cost;

/// Half-precision floats: Arrow's alias of the type names no path that we depend on.
pub(super) type F16 = <Float16Type as ArrowPrimitiveType>::Native;

/// Runs a body with `$T` the Arrow type of an integer or float.
macro_rules! with_number {
    ($data_type:expr, $T:ident => $body:expr, else $other:expr) => {
        match $data_type {
            DataType::Int8 => {
                type $T = Int8Type;
                $body
            }
            DataType::Int16 => {
                type $T = Int16Type;
                $body
            }
            DataType::Int32 => {
                type $T = Int32Type;
                $body
            }
            DataType::Int64 => {
                type $T = Int64Type;
                $body
            }
            DataType::UInt8 => {
                type $T = UInt8Type;
                $body
            }
            DataType::UInt16 => {
                type $T = UInt16Type;
                $body
            }
            DataType::UInt32 => {
                type $T = UInt32Type;
                $body
            }
            DataType::UInt64 => {
                type $T = UInt64Type;
                $body
            }
            DataType::Float16 => {
                type $T = Float16Type;
                $body
            }
            DataType::Float32 => {
                type $T = Float32Type;
                $body
            }
            DataType::Float64 => {
                type $T = Float64Type;
                $body
            }
            _ => $other,
        }
    };
}
pub(super) use with_number;

/// An integer or float to another.
pub(super) fn number(array: &ArrayRef, to: &DataType, cx: &mut Cx<'_>) -> Result<Converted> {
    let wrong = || Err(astray(array.data_type(), to));
    with_number!(array.data_type(), I => with_number!(to, O => {
        let from = array.as_primitive::<I>();
        let (array, failed) =
            map_values::<I, O>(from, Cost::Cheap, cx, <I as NumberTo<O>>::number_to);
        Ok(Converted { failed, ..Converted::sound(array) })
    }, else wrong()), else wrong())
}

/// False is 0, true is 1.
pub(super) fn from_bool(array: &ArrayRef, to: &DataType, cx: &mut Cx<'_>) -> Result<Converted> {
    let values = array.as_boolean();
    with_number!(to, O => {
        let (array, _) = map_rows::<O>(array, cx, |row| {
            <UInt8Type as NumberTo<O>>::number_to(values.value(row).into())
        });
        Ok(Converted::sound(array))
    }, else Err(astray(array.data_type(), to)))
}

/// What is not zero is true, NaN included.
pub(super) fn to_bool(array: &ArrayRef) -> Result<Converted> {
    with_number!(array.data_type(), I => {
        let array = array.as_primitive::<I>();
        let zero = <I as ArrowPrimitiveType>::Native::default();
        let values: BooleanBuffer = array.values().iter().map(|&value| value != zero).collect();
        Ok(Converted::sound(BooleanArray::new(values, array.nulls().cloned())))
    }, else Err(astray(array.data_type(), &DataType::Boolean)))
}

/// The numbers of a type in another, `None` where one does not fit. Of Arrow's types rather than
/// of the native ones: the native type of `Float16` has no path here.
pub(super) trait NumberTo<O: ArrowPrimitiveType>: ArrowPrimitiveType {
    fn number_to(value: Self::Native) -> Option<O::Native>;
}

/// `from, to: convert;`
macro_rules! numbers {
    ($($from:ty, $to:ty: $convert:expr;)*) => {$(
        impl NumberTo<$to> for $from {
            #[inline]
            fn number_to(value: Native<$from>) -> Option<Native<$to>> {
                $convert(value)
            }
        }
    )*};
}

/// Toward zero. Both bounds are powers of two (or 0) and exact; NaN is not between them.
macro_rules! float_to_integer {
    ($value:expr, $float:ty, $integer:ty) => {{
        let below = <$integer>::MIN as $float;
        let above = (<$integer>::MAX as u128 + 1) as $float;
        let whole = $value.trunc();
        (whole >= below && whole < above).then_some(whole as $integer)
    }};
}

macro_rules! integers {
    ($($integer:ty, $native:ty;)*) => {$(
        integers!(@to $integer: Int8Type, i8; Int16Type, i16; Int32Type, i32; Int64Type, i64;
            UInt8Type, u8; UInt16Type, u16; UInt32Type, u32; UInt64Type, u64;);
        numbers! {
            $integer, Float64Type: |v| Some(v as f64);
            $integer, Float32Type: |v| Some(v as f32);
            // Any integer that a half can hold is exact in between.
            $integer, Float16Type: |v| finite_half(F16::from_f64(v as f64));
            Float64Type, $integer: |v: f64| float_to_integer!(v, f64, $native);
            Float32Type, $integer: |v: f32| float_to_integer!(v, f32, $native);
            Float16Type, $integer: |v: F16| float_to_integer!(v.to_f32(), f32, $native);
        }
    )*};
    (@to $from:ty: $($to:ty, $native:ty;)*) => {
        numbers! { $($from, $to: |v| <$native>::try_from(v).ok();)* }
    };
}

integers! {
    Int8Type, i8; Int16Type, i16; Int32Type, i32; Int64Type, i64;
    UInt8Type, u8; UInt16Type, u16; UInt32Type, u32; UInt64Type, u64;
}

numbers! {
    Float64Type, Float64Type: Some;
    Float64Type, Float32Type: narrow_single;
    Float64Type, Float16Type: |v: f64| narrow_half(v, F16::from_f64(v));
    Float32Type, Float64Type: |v| Some(f64::from(v));
    Float32Type, Float32Type: Some;
    Float32Type, Float16Type: |v: f32| narrow_half(v.into(), F16::from_f32(v));
    Float16Type, Float64Type: |v: F16| Some(v.to_f64());
    Float16Type, Float32Type: |v: F16| Some(v.to_f32());
    Float16Type, Float16Type: Some;
}

/// The native type of one of Arrow's.
type Native<T> = <T as ArrowPrimitiveType>::Native;

/// A finite value must not become infinite.
fn narrow_single(value: f64) -> Option<f32> {
    let single = value as f32;
    (single.is_finite() || !value.is_finite()).then_some(single)
}

fn narrow_half(value: f64, half: F16) -> Option<F16> {
    (half.is_finite() || !value.is_finite()).then_some(half)
}

fn finite_half(half: F16) -> Option<F16> {
    half.is_finite().then_some(half)
}
