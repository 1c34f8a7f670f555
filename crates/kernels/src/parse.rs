//! Text to numbers, dates and times, and back: what casts and the readers of text files share.
//!
//! Every parser takes the *whole* text and trims nothing: `" 1"` is no number. It answers `None`
//! for text that is no such value and for a value that the type does not hold. None allocates.

/// Calendar days, dates, times of day and timestamps.
mod datetime;
/// Decimals, exactly.
mod decimal;
/// Integers, floats and truth values.
mod number;

pub(crate) use datetime::per_second;
pub use datetime::{
    DateTime, civil_from_days, days_from_civil, parse_date, parse_datetime, parse_time,
    parse_timestamp, write_date, write_datetime, write_offset, write_time, zone_offset,
};
pub use decimal::{format_decimal, parse_decimal};
pub(crate) use decimal::{parse_decimal_wide, write_decimal};
pub(crate) use number::POWERS_F64;
pub use number::{parse_bool, parse_f32, parse_f64, parse_i64, parse_u64};

/// A leading sign and the rest: whether it was a minus.
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// The value of an ASCII digit.
fn digit(byte: u8) -> Option<u8> {
    let value = byte.wrapping_sub(b'0');
    (value <= 9).then_some(value)
}

#[cfg(test)]
mod tests;
