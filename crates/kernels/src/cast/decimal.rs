//! Decimals from and to integers, floats and decimals.
//!
//! Widths up to 128 bits compute in `i128`, `Decimal256` on either side in `i256`.

use std::fmt::{Display, Write as _};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, AsArray};
use arrow::compute::DecimalCast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type, i256,
};
use esker_datatypes::{Result, decimal_parts, format_float};

use super::flat::{Converted, Cx, astray, map_rows, map_values, retype};
use super::number::NumberTo;
use crate::parse::{POWERS_F64, parse_decimal_wide, parse_f32, parse_f64, write_decimal};
use crate::vector::Cost;

/// Runs a body with `$D` the Arrow type of a decimal.
macro_rules! with_decimal {
    ($data_type:expr, $D:ident => $body:expr, else $other:expr) => {
        match $data_type {
            DataType::Decimal32(_, _) => {
                type $D = Decimal32Type;
                $body
            }
            DataType::Decimal64(_, _) => {
                type $D = Decimal64Type;
                $body
            }
            DataType::Decimal128(_, _) => {
                type $D = Decimal128Type;
                $body
            }
            DataType::Decimal256(_, _) => {
                type $D = Decimal256Type;
                $body
            }
            _ => $other,
        }
    };
}
pub(super) use with_decimal;

/// An integer, float or decimal to a decimal.
pub(super) fn to_decimal(array: &ArrayRef, to: &DataType, cx: &mut Cx<'_>) -> Result<Converted> {
    let from = array.data_type();
    let wide = [from, to]
        .iter()
        .any(|t| matches!(t, DataType::Decimal256(_, _)));
    with_decimal!(to, O => {
        if wide { into::<O, i256>(array, to, cx) } else { into::<O, i128>(array, to, cx) }
    }, else Err(astray(from, to)))
}

/// A decimal to an integer (toward zero) or float (the nearest).
pub(super) fn from_decimal(array: &ArrayRef, to: &DataType, cx: &mut Cx<'_>) -> Result<Converted> {
    match array.data_type() {
        DataType::Decimal256(_, _) => out_of::<i256>(array, to, cx),
        _ => out_of::<i128>(array, to, cx),
    }
}

/// The digits that decimals are computed in.
trait Wide: ArrowNativeTypeOp + DecimalCast + Display {}
impl Wide for i128 {}
impl Wide for i256 {}

fn into<O, W>(array: &ArrayRef, to: &DataType, cx: &mut Cx<'_>) -> Result<Converted>
where
    O: ArrowPrimitiveType<Native: DecimalCast>,
    W: Wide,
{
    let from = array.data_type();
    let Some((precision, scale)) = decimal_parts(to) else {
        return Err(astray(from, to));
    };
    let narrow = |digits: W| O::Native::from_decimal(digits);
    let (array, failed) = if let Some((from_precision, from_scale)) = decimal_parts(from) {
        if from_scale == scale
            && from_precision <= precision
            && array.as_primitive_opt::<O>().is_some()
        {
            return Ok(Converted {
                array: retype(array, to)?,
                failed: Vec::new(),
            });
        }
        let rescale = Rescale::<W>::new(from_scale, scale, precision);
        with_decimal!(from, I => {
            map_values::<I, O>(array.as_primitive::<I>(), Cost::Dear, cx, |value| {
                narrow(rescale.apply(W::from_decimal(value)?)?)
            })
        }, else return Err(astray(from, to)))
    } else if from.is_floating() {
        let read = |text: &str| narrow(parse_decimal_wide::<W>(text.as_bytes(), precision, scale)?);
        let mut text = String::new();
        match from {
            DataType::Float32 => {
                let array = array.as_primitive::<Float32Type>();
                map_rows::<O>(array, cx, |row| {
                    text.clear();
                    let _ = write!(text, "{:?}", array.value(row));
                    read(&text)
                })
            }
            _ => {
                let cast = super::number::number(array, &DataType::Float64, cx)?.array;
                let array = cast.as_primitive::<Float64Type>();
                map_rows::<O>(array, cx, |row| read(&format_float(array.value(row))))
            }
        }
    } else {
        let rescale = Rescale::<W>::new(0, scale, precision);
        macro_rules! integer {
            ($I:ty) => {
                map_values::<$I, O>(array.as_primitive::<$I>(), Cost::Dear, cx, |value| {
                    narrow(rescale.apply(W::from_decimal(i128::from(value))?)?)
                })
            };
        }
        match from {
            DataType::Int8 => integer!(Int8Type),
            DataType::Int16 => integer!(Int16Type),
            DataType::Int32 => integer!(Int32Type),
            DataType::Int64 => integer!(Int64Type),
            DataType::UInt8 => integer!(UInt8Type),
            DataType::UInt16 => integer!(UInt16Type),
            DataType::UInt32 => integer!(UInt32Type),
            DataType::UInt64 => integer!(UInt64Type),
            _ => return Err(astray(from, to)),
        }
    };
    Ok(Converted {
        array: Arc::new(array.with_data_type(to.clone())),
        failed,
    })
}

/// A step from one scale to another, with the range of a precision.
struct Rescale<W> {
    step: Step<W>,
    /// The first number of too many digits.
    limit: Option<W>,
}

enum Step<W> {
    Multiply(W),
    /// By 10^n, and half of it.
    Divide(W, W),
    /// By a power of ten beyond what the digits hold: only zero survives.
    Overflow,
    /// By a power of ten of which no value has a half.
    Vanish,
}

impl<W: Wide> Rescale<W> {
    fn new(from: i8, to: i8, precision: u8) -> Self {
        let ten = W::usize_as(10);
        let power = ten.pow_checked(u32::from(from.abs_diff(to)));
        let step = match power {
            Ok(power) if to >= from => Step::Multiply(power),
            Ok(power) => Step::Divide(power, power.div_wrapping(W::usize_as(2))),
            Err(_) if to >= from => Step::Overflow,
            Err(_) => Step::Vanish,
        };
        Self {
            step,
            limit: ten.pow_checked(precision.into()).ok(),
        }
    }

    /// The digits at the other scale, rounded half away from zero.
    fn apply(&self, digits: W) -> Option<W> {
        let result = match self.step {
            Step::Multiply(power) => digits.mul_checked(power).ok()?,
            Step::Divide(power, half) => {
                let (quotient, rest) = (digits.div_wrapping(power), digits.mod_wrapping(power));
                // A power of ten is even (or 1, and then there is no rest).
                if rest != W::ZERO && rest.is_ge(half) {
                    quotient.add_wrapping(W::ONE)
                } else if rest != W::ZERO && rest.is_le(half.neg_wrapping()) {
                    quotient.sub_wrapping(W::ONE)
                } else {
                    quotient
                }
            }
            Step::Overflow if digits != W::ZERO => return None,
            Step::Overflow | Step::Vanish => W::ZERO,
        };
        match self.limit {
            Some(limit) if result.is_ge(limit) || result.is_le(limit.neg_wrapping()) => None,
            Some(_) | None => Some(result),
        }
    }
}

fn out_of<W: Wide>(array: &ArrayRef, to: &DataType, cx: &mut Cx<'_>) -> Result<Converted> {
    let from = array.data_type();
    let Some((_, scale)) = decimal_parts(from) else {
        return Err(astray(from, to));
    };
    let power = W::usize_as(10)
        .pow_checked(scale.unsigned_abs().into())
        .ok();
    let whole = |digits: W| match (scale < 0, power) {
        (false, Some(power)) => Some(digits.div_wrapping(power)),
        (true, Some(power)) => digits.mul_checked(power).ok(),
        (false, None) => Some(W::ZERO),
        (true, None) => (digits == W::ZERO).then_some(digits),
    };
    let (array, failed): (ArrayRef, _) = with_decimal!(from, I => {
        let array = array.as_primitive::<I>();
        macro_rules! integer {
            ($O:ty) => {{
                let (array, failed) = map_values::<I, $O>(array, Cost::Dear, cx, |value| {
                    let whole = DecimalCast::to_i128(whole(W::from_decimal(value)?)?)?;
                    <$O as ArrowPrimitiveType>::Native::try_from(whole).ok()
                });
                (Arc::new(array), failed)
            }};
        }
        macro_rules! float {
            ($O:ty) => {{
                let mut text = String::new();
                let (array, failed) = map_rows::<$O>(array, cx, |row| {
                    <$O>::of(W::from_decimal(array.value(row))?, scale, &mut text)
                });
                (Arc::new(array), failed)
            }};
        }
        match to {
            DataType::Int8 => integer!(Int8Type),
            DataType::Int16 => integer!(Int16Type),
            DataType::Int32 => integer!(Int32Type),
            DataType::Int64 => integer!(Int64Type),
            DataType::UInt8 => integer!(UInt8Type),
            DataType::UInt16 => integer!(UInt16Type),
            DataType::UInt32 => integer!(UInt32Type),
            DataType::UInt64 => integer!(UInt64Type),
            DataType::Float16 => float!(Float16Type),
            DataType::Float32 => float!(Float32Type),
            DataType::Float64 => float!(Float64Type),
            _ => return Err(astray(from, to)),
        }
    }, else return Err(astray(from, to)));
    Ok(Converted { array, failed })
}

/// The float nearest to a decimal.
trait DecimalFloat: ArrowPrimitiveType {
    fn of<W: Wide>(digits: W, scale: i8, text: &mut String) -> Option<Self::Native>;
}

impl DecimalFloat for Float64Type {
    fn of<W: Wide>(digits: W, scale: i8, text: &mut String) -> Option<f64> {
        // Both operands are exact below these bounds, so the quotient is rounded once.
        if let Some(small) = DecimalCast::to_i64(digits)
            && small.unsigned_abs() < 1 << f64::MANTISSA_DIGITS
            && let Ok(places) = usize::try_from(scale)
            && let Some(power) = POWERS_F64.get(places)
        {
            return Some(small as f64 / power);
        }
        text.clear();
        write_decimal(text, digits, scale);
        parse_f64(text.as_bytes())
    }
}

impl DecimalFloat for Float32Type {
    fn of<W: Wide>(digits: W, scale: i8, text: &mut String) -> Option<f32> {
        text.clear();
        write_decimal(text, digits, scale);
        parse_f32(text.as_bytes())
    }
}

impl DecimalFloat for Float16Type {
    fn of<W: Wide>(digits: W, scale: i8, text: &mut String) -> Option<Self::Native> {
        let float = Float64Type::of(digits, scale, text)?;
        <Float64Type as NumberTo<Float16Type>>::number_to(float)
    }
}
