//! Integers, floats and truth values from text.

use super::{digit, split_sign};

/// Digits that fit 64 bits whatever they are.
const SAFE_DIGITS: usize = 18;

/// An integer: an optional sign and digits, nothing else.
///
/// ```
/// use esker_kernels::parse::parse_i64;
/// assert_eq!(parse_i64(b"-42"), Some(-42));
/// assert_eq!(parse_i64(b"9223372036854775808"), None);
/// assert_eq!(parse_i64(b" 1"), None);
/// ```
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    let magnitude = magnitude(digits)?;
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// An integer that is not negative: an optional sign and digits; `-0` is 0.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let (negative, digits) = split_sign(text);
    magnitude(digits).filter(|&value| !negative || value == 0)
}

/// At least one digit and nothing else.
#[inline]
fn magnitude(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut value = 0u64;
    if digits.len() <= SAFE_DIGITS {
        for &byte in digits {
            value = value * 10 + u64::from(digit(byte)?);
        }
        return Some(value);
    }
    for &byte in digits {
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit(byte)?))?;
    }
    Some(value)
}

/// A `Float64`: decimal digits with an optional point and exponent, or `inf`, `infinity` or `nan`
/// in any case, with an optional sign. The nearest float is taken; digits that mean a number
/// beyond the largest float are `None`.
///
/// ```
/// use esker_kernels::parse::parse_f64;
/// assert_eq!(parse_f64(b"-1.5e3"), Some(-1500.0));
/// assert_eq!(parse_f64(b"inf"), Some(f64::INFINITY));
/// assert_eq!(parse_f64(b"1e999"), None);
/// assert_eq!(parse_f64(b"1,5"), None);
/// ```
#[inline]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    if let Some((negative, mantissa, fraction)) = short(text)
        && mantissa < 1 << f64::MANTISSA_DIGITS
        && let Some(power) = POWERS_F64.get(fraction)
    {
        // Both operands are exact, so the quotient is rounded once (Clinger, "How to Read Floating
        // Point Numbers Accurately", 1990).
        let value = mantissa as f64 / power;
        return Some(if negative { -value } else { value });
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!value.is_infinite() || spelled(text)).then_some(value)
}

/// A `Float32`, as [`parse_f64`]; the nearest `f32` is taken in one step.
#[inline]
pub fn parse_f32(text: &[u8]) -> Option<f32> {
    if let Some((negative, mantissa, fraction)) = short(text)
        && mantissa < 1 << f32::MANTISSA_DIGITS
        && let Some(power) = POWERS_F32.get(fraction)
    {
        let value = mantissa as f32 / power;
        return Some(if negative { -value } else { value });
    }
    let value: f32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!value.is_infinite() || spelled(text)).then_some(value)
}

/// The powers of ten that a float holds exactly.
pub(crate) const POWERS_F64: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
const POWERS_F32: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

/// Sign, digits without the point, and how many of them stand behind it; `None` for any other
/// form, and for more digits than are safe.
#[inline]
fn short(text: &[u8]) -> Option<(bool, u64, usize)> {
    let (negative, rest) = split_sign(text);
    if rest.len() > SAFE_DIGITS {
        return None;
    }
    let mut mantissa = 0u64;
    let mut point = None;
    for (at, &byte) in rest.iter().enumerate() {
        match digit(byte) {
            Some(value) => mantissa = mantissa * 10 + u64::from(value),
            None if byte == b'.' && point.is_none() => point = Some(at),
            None => return None,
        }
    }
    let digits = rest.len() - usize::from(point.is_some());
    let fraction = point.map_or(0, |at| rest.len() - at - 1);
    (digits > 0).then_some((negative, mantissa, fraction))
}

/// Whether an infinity was written as a word, not as digits that are too many.
fn spelled(text: &[u8]) -> bool {
    !text.iter().any(u8::is_ascii_digit)
}

/// A truth value: `true` or `false`, in any case.
pub fn parse_bool(text: &[u8]) -> Option<bool> {
    match text.len() {
        4 if text.eq_ignore_ascii_case(b"true") => Some(true),
        5 if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}
