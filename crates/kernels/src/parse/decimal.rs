//! Decimals from text and to text, exactly.

use std::fmt::{Display, Write as _};

use arrow::array::ArrowNativeTypeOp;

use super::{digit, split_sign};

/// The unscaled digits of a decimal of this precision and scale: an optional sign, digits with an
/// optional point, an optional exponent. Fraction digits that the scale has no room for are
/// rounded, half away from zero, as in PostgreSQL; a value that the precision does not hold is
/// `None`.
///
/// ```
/// use esker_kernels::parse::parse_decimal;
/// assert_eq!(parse_decimal(b"-1.5", 5, 2), Some(-150));
/// assert_eq!(parse_decimal(b"2.345", 5, 2), Some(235));
/// assert_eq!(parse_decimal(b"1e3", 5, 0), Some(1000));
/// assert_eq!(parse_decimal(b"1000", 5, 2), None);
/// ```
pub fn parse_decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    parse_decimal_wide::<i128>(text, precision, scale)
}

/// [`parse_decimal`] for any width of digits (`i128`, `i256`).
pub(crate) fn parse_decimal_wide<W: ArrowNativeTypeOp>(
    text: &[u8],
    precision: u8,
    scale: i8,
) -> Option<W> {
    let (negative, rest) = split_sign(text);
    let end = rest
        .iter()
        .position(|b| matches!(b, b'e' | b'E'))
        .unwrap_or(rest.len());
    let (mantissa, exponent) = rest.split_at_checked(end)?;
    let exponent = match exponent {
        [] => 0,
        [_, digits @ ..] => parse_exponent(digits)?,
    };
    let point = mantissa
        .iter()
        .position(|&b| b == b'.')
        .unwrap_or(mantissa.len());
    let (whole, fraction) = mantissa.split_at_checked(point)?;
    let fraction = fraction.get(1..).unwrap_or_default();
    let count = (whole.len() + fraction.len()) as i64;
    if count == 0 {
        return None;
    }
    // The value is `digits * 10^shift` in units of 10^-scale.
    let shift = i64::from(scale) + exponent - fraction.len() as i64;
    let keep = count + shift.min(0);
    let ten = W::usize_as(10);
    let mut value = W::ZERO;
    let mut round_up = false;
    for (at, &byte) in (0i64..).zip(whole.iter().chain(fraction)) {
        let digit = digit(byte)?;
        if at < keep {
            value = value
                .mul_checked(ten)
                .ok()?
                .add_checked(W::usize_as(digit.into()))
                .ok()?;
        } else if at == keep {
            round_up = digit >= 5;
        }
    }
    if round_up {
        value = value.add_checked(W::ONE).ok()?;
    }
    if value != W::ZERO {
        // More than 100 factors overflow every width; do not count to what an exponent may say.
        for _ in 0..shift.clamp(0, 100) {
            value = value.mul_checked(ten).ok()?;
        }
    }
    let limit = ten.pow_checked(precision.into()).ok()?;
    if value.is_ge(limit) {
        return None;
    }
    Some(if negative {
        value.neg_wrapping()
    } else {
        value
    })
}

/// An optional sign and digits, cut to what any shift needs to know.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    const FAR: i64 = 1 << 40;
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for &byte in digits {
        value = (value * 10 + i64::from(digit(byte)?)).min(FAR);
    }
    Some(if negative { -value } else { value })
}

/// A decimal as text, every digit of its scale: `-0.05`, `12`, `1500` (for 15 with scale -2).
///
/// ```
/// use esker_kernels::parse::format_decimal;
/// assert_eq!(format_decimal(-5, 2), "-0.05");
/// assert_eq!(format_decimal(1200, 2), "12.00");
/// ```
pub fn format_decimal(digits: i128, scale: i8) -> String {
    let mut out = String::new();
    write_decimal(&mut out, digits, scale);
    out
}

/// Appends a decimal whose unscaled digits print as an integer.
pub(crate) fn write_decimal(out: &mut String, digits: impl Display, scale: i8) {
    let start = out.len();
    // Writing to a string does not fail.
    let _ = write!(out, "{digits}");
    let start = start + usize::from(out.as_bytes().get(start) == Some(&b'-'));
    let count = out.len() - start;
    let places = usize::from(scale.unsigned_abs());
    if scale < 0 {
        if out.as_bytes().get(start) != Some(&b'0') {
            out.extend(std::iter::repeat_n('0', places));
        }
    } else if places > 0 {
        if count <= places {
            let zeros = places + 1 - count;
            // At most 77 of them.
            out.insert_str(start, ZEROS.get(..zeros).unwrap_or(ZEROS));
        }
        out.insert(out.len() - places, '.');
    }
}

/// As many zeros as the largest scale (127) and one.
const ZEROS: &str = "00000000000000000000000000000000000000000000000000000000000000000000000000000\
                     000000000000000000000000000000000000000000000000000";
