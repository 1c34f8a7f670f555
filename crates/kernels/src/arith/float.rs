//! Arithmetic of floats: IEEE, nothing to check.

use arrow::array::{ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType};
use arrow::datatypes::{Float16Type, Float32Type, Float64Type};
use esker_datatypes::{Buffers, Column, Selection};

use super::unary::Unary;
use super::{ArithOp, Call, Failure};
use crate::vector::{Cost, Input, map1, map2, primitive, union_nulls};

/// A float type; the operations that IEEE does not have go through `f64`, which holds every value
/// and product of the narrower ones.
pub(super) trait Real: ArrowPrimitiveType<Native: ArrowNativeTypeOp> {
    /// The value, exactly.
    fn widen(value: Self::Native) -> f64;
    /// The nearest value.
    fn nearest(value: f64) -> Self::Native;
    /// The value without its sign.
    fn magnitude(value: Self::Native) -> Self::Native;
}

impl Real for Float16Type {
    fn widen(value: Self::Native) -> f64 {
        value.to_f64()
    }
    fn nearest(value: f64) -> Self::Native {
        Self::Native::from_f64(value)
    }
    fn magnitude(value: Self::Native) -> Self::Native {
        Self::Native::from_bits(value.to_bits() & 0x7fff)
    }
}

impl Real for Float32Type {
    fn widen(value: f32) -> f64 {
        f64::from(value)
    }
    fn nearest(value: f64) -> f32 {
        value as f32
    }
    fn magnitude(value: f32) -> f32 {
        value.abs()
    }
}

impl Real for Float64Type {
    fn widen(value: f64) -> f64 {
        value
    }
    fn nearest(value: f64) -> f64 {
        value
    }
    fn magnitude(value: f64) -> f64 {
        value.abs()
    }
}

pub(super) fn binary<T: Real>(
    op: ArithOp,
    call: &Call<'_>,
    buffers: &mut Buffers,
) -> Result<Column, Failure> {
    let (left, right) = (call.left.operand::<T>()?, call.right.operand::<T>()?);
    let (all, cheap, dear) = (call.selection, Cost::Cheap, Cost::Dear);
    let values = match op {
        ArithOp::Add => map2(left, right, all, cheap, buffers, T::Native::add_wrapping),
        ArithOp::Sub => map2(left, right, all, cheap, buffers, T::Native::sub_wrapping),
        ArithOp::Mul => map2(left, right, all, cheap, buffers, T::Native::mul_wrapping),
        ArithOp::Div => map2(left, right, all, cheap, buffers, T::Native::div_wrapping),
        ArithOp::Rem => map2(left, right, all, dear, buffers, T::Native::mod_wrapping),
        ArithOp::FloorDiv => map2(
            left,
            right,
            all,
            dear,
            buffers,
            |a: T::Native, b: T::Native| T::nearest(floor_div(T::widen(a), T::widen(b))),
        ),
        ArithOp::FloorMod => map2(
            left,
            right,
            all,
            dear,
            buffers,
            |a: T::Native, b: T::Native| T::nearest(floor_mod(T::widen(a), T::widen(b))),
        ),
    };
    let nulls = union_nulls(call.left.nulls(), call.right.nulls());
    Ok(primitive::<T>(values, nulls, call.out)?)
}

pub(super) fn unary<T: Real>(
    op: Unary,
    array: &ArrayRef,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column, Failure> {
    let input = Input::flat(array);
    let values = input.primitive::<T>()?.values();
    let values = match op {
        Unary::Negate => map1(
            values,
            selection,
            Cost::Cheap,
            buffers,
            ArrowNativeTypeOp::neg_wrapping,
        ),
        Unary::Abs => map1(values, selection, Cost::Cheap, buffers, T::magnitude),
    };
    Ok(primitive::<T>(
        values,
        input.nulls().cloned(),
        array.data_type(),
    )?)
}

/// The floor of the exact quotient, which `(a / b).floor()` is not: `1 / 0.1` rounds up to 10, but
/// 0.1 goes only 9 times into 1. The steps are those of CPython's `float_divmod`.
fn floor_div(a: f64, b: f64) -> f64 {
    let quotient = a / b;
    if b == 0.0 || b.is_nan() || !a.is_finite() {
        return quotient.floor();
    }
    let rest = a % b;
    let mut whole = (a - rest) / b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
        whole -= 1.0;
    }
    if whole == 0.0 {
        return 0.0_f64.copysign(quotient);
    }
    // `whole` is a whole number but for the rounding of the division.
    let floor = whole.floor();
    if whole - floor > 0.5 {
        floor + 1.0
    } else {
        floor
    }
}

/// What [`floor_div`] leaves: it has the sign of `b`.
fn floor_mod(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        return 0.0_f64.copysign(b);
    }
    if (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}
