//! Dates, times and timestamps in ISO 8601 form, by integer arithmetic on the civil calendar.

use std::fmt::Write as _;

use arrow::datatypes::TimeUnit;

use super::{digit, split_sign};

const DAY_SECONDS: i64 = 86_400;
const SECOND_NANOS: i64 = 1_000_000_000;

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar; month 1 to 12. Right for
/// years within +-10^15.
///
/// After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, so
/// that the leap day is the last, and 400 years are one cycle of 146097 days.
///
/// ```
/// use esker_kernels::parse::{civil_from_days, days_from_civil};
/// assert_eq!(days_from_civil(1998, 12, 1), 10561);
/// assert_eq!(civil_from_days(10561), (1998, 12, 1));
/// ```
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let (month, day) = (i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day that lie this many days after 1970-01-01: the inverse of
/// [`days_from_civil`], same source.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

/// A date and a time of day, and how far ahead of UTC they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// Seconds from 1970-01-01T00:00:00 to the date and time as written.
    pub seconds: i64,
    /// Nanoseconds since that second.
    pub nanos: u32,
    /// Seconds ahead of UTC, when the text says so (`Z` says 0).
    pub offset: Option<i32>,
}

impl DateTime {
    /// The time as written in a unit since 1970-01-01T00:00:00, finer digits cut off; `None` when
    /// it does not fit.
    pub fn in_unit(&self, unit: TimeUnit) -> Option<i64> {
        let per_second = per_second(unit);
        // Below zero the product may overflow where the sum does not.
        let value = i128::from(self.seconds) * i128::from(per_second)
            + i128::from(i64::from(self.nanos) / (SECOND_NANOS / per_second));
        i64::try_from(value).ok()
    }
}

/// How many of a unit a second has.
pub(crate) fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => SECOND_NANOS,
    }
}

/// Days since 1970-01-01 of an ISO date, `yyyy-mm-dd`. A year outside of 0 to 9999 has a sign and
/// at least four digits.
///
/// ```
/// use esker_kernels::parse::parse_date;
/// assert_eq!(parse_date(b"1998-12-01"), Some(10561));
/// assert_eq!(parse_date(b"1998-02-29"), None);
/// assert_eq!(parse_date(b"1998-2-9"), None);
/// ```
#[inline]
pub fn parse_date(text: &[u8]) -> Option<i32> {
    let (days, rest) = date(text)?;
    if rest.is_empty() {
        i32::try_from(days).ok()
    } else {
        None
    }
}

/// Microseconds since 1970-01-01T00:00:00 of an ISO timestamp without a zone:
/// `yyyy-mm-dd[Thh:mm[:ss[.f..]]]`, a space for the `T`; a date alone is its midnight. Digits
/// behind the sixth of a fraction are cut off. Text with a zone is `None`: see
/// [`parse_datetime`].
///
/// ```
/// use esker_kernels::parse::parse_timestamp;
/// assert_eq!(parse_timestamp(b"1970-01-02 00:00:00.5"), Some(86_400_500_000));
/// assert_eq!(parse_timestamp(b"1970-01-01T00:00:00Z"), None);
/// ```
#[inline]
pub fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let parsed = parse_datetime(text)?;
    if parsed.offset.is_some() {
        None
    } else {
        parsed.in_unit(TimeUnit::Microsecond)
    }
}

/// An ISO timestamp as [`parse_timestamp`] takes it, with `Z` or `+hh:mm` behind a time of day.
#[inline]
pub fn parse_datetime(text: &[u8]) -> Option<DateTime> {
    let (days, rest) = date(text)?;
    let (time, offset) = match rest {
        [] => (0, None),
        [b'T' | b't' | b' ', rest @ ..] => {
            let (nanos, rest) = time(rest)?;
            (
                nanos,
                if rest.is_empty() {
                    None
                } else {
                    Some(offset(rest)?)
                },
            )
        }
        _ => return None,
    };
    // Before 1970 counted from the end of the day: the first second of all lies in a day whose
    // start no longer fits.
    let (days, second) = if days < 0 {
        (days + 1, time / SECOND_NANOS - DAY_SECONDS)
    } else {
        (days, time / SECOND_NANOS)
    };
    let seconds = days.checked_mul(DAY_SECONDS)?.checked_add(second)?;
    Some(DateTime {
        seconds,
        nanos: (time % SECOND_NANOS) as u32,
        offset,
    })
}

/// Nanoseconds since midnight of an ISO time of day: `hh:mm[:ss[.f..]]`, digits behind the ninth
/// of a fraction cut off.
pub fn parse_time(text: &[u8]) -> Option<i64> {
    let (nanos, rest) = time(text)?;
    if rest.is_empty() { Some(nanos) } else { None }
}

/// Seconds ahead of UTC of a zone that has one offset all year: `UTC`, `Z`, `+01:00`, `-0530`,
/// `+02`. A named zone is `None`: its rules are not known here.
pub fn zone_offset(zone: &str) -> Option<i32> {
    match zone {
        "UTC" | "utc" | "Etc/UTC" | "GMT" => Some(0),
        _ => offset(zone.as_bytes()),
    }
}

/// Days of a date at the front, and what follows it.
#[inline]
fn date(text: &[u8]) -> Option<(i64, &[u8])> {
    let (year, rest) = match text {
        [b'+' | b'-', ..] => signed_year(text)?,
        [a, b, c, d, rest @ ..] => (i64::from(two(*a, *b)? * 100 + two(*c, *d)?), rest),
        _ => return None,
    };
    let [b'-', m1, m2, b'-', d1, d2, rest @ ..] = rest else {
        return None;
    };
    let (month, day) = (two(*m1, *m2)?, two(*d1, *d2)?);
    if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    Some((days_from_civil(year, month, day), rest))
}

/// A sign and 4 to 12 digits: the years that timestamps in seconds reach.
fn signed_year(text: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, rest) = split_sign(text);
    let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(4..=12).contains(&count) {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    let mut year = 0i64;
    for &byte in digits {
        year = year * 10 + i64::from(digit(byte)?);
    }
    Some((if negative { -year } else { year }, rest))
}

/// Nanoseconds of a time of day at the front, and what follows it.
#[inline]
fn time(text: &[u8]) -> Option<(i64, &[u8])> {
    let [h1, h2, b':', m1, m2, rest @ ..] = text else {
        return None;
    };
    let (hour, minute) = (two(*h1, *h2)?, two(*m1, *m2)?);
    let (second, rest) = match rest {
        [b':', s1, s2, rest @ ..] => (two(*s1, *s2)?, Some(rest)),
        [b':', ..] => return None,
        _ => (0, None),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(hour * 3_600 + minute * 60 + second);
    let (nanos, rest) = match rest {
        Some([b'.', fraction @ ..]) => nanoseconds(fraction)?,
        Some(rest) => (0, rest),
        None => (0, text.get(5..)?),
    };
    Some((seconds * SECOND_NANOS + nanos, rest))
}

/// The digits of a fraction of a second, at least one.
fn nanoseconds(text: &[u8]) -> Option<(i64, &[u8])> {
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    if digits.is_empty() {
        return None;
    }
    let digits = digits
        .iter()
        .copied()
        .chain(std::iter::repeat(b'0'))
        .take(9);
    Some((
        digits.fold(0, |nanos, byte| nanos * 10 + i64::from(byte - b'0')),
        rest,
    ))
}

/// The whole text as an offset from UTC.
fn offset(text: &[u8]) -> Option<i32> {
    let (hours, minutes) = match text {
        [b'Z' | b'z'] => return Some(0),
        [b'+' | b'-', h1, h2, b':', m1, m2] | [b'+' | b'-', h1, h2, m1, m2] => {
            (two(*h1, *h2)?, two(*m1, *m2)?)
        }
        [b'+' | b'-', h1, h2] => (two(*h1, *h2)?, 0),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 3_600 + minutes * 60) as i32;
    Some(if split_sign(text).0 {
        -seconds
    } else {
        seconds
    })
}

/// Two digits.
#[inline]
fn two(tens: u8, ones: u8) -> Option<u32> {
    Some(u32::from(digit(tens)?) * 10 + u32::from(digit(ones)?))
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Appends the ISO date that lies this many days after 1970-01-01; a year outside of 0 to 9999
/// has a sign.
pub fn write_date(out: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    // Writing to a string does not fail.
    let _ = match year {
        0..=9999 => write!(out, "{year:04}-{month:02}-{day:02}"),
        _ => write!(out, "{year:+05}-{month:02}-{day:02}"),
    };
}

/// Appends an ISO time of day, `hh:mm:ss` and three, six or nine digits of a fraction where it has
/// one.
pub fn write_time(out: &mut String, nanos_of_day: i64) {
    let (seconds, nanos) = (nanos_of_day / SECOND_NANOS, nanos_of_day % SECOND_NANOS);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
    let _ = match nanos {
        0 => Ok(()),
        _ if nanos % 1_000_000 == 0 => write!(out, ".{:03}", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => write!(out, ".{:06}", nanos / 1_000),
        _ => write!(out, ".{nanos:09}"),
    };
}

/// Appends an ISO timestamp, `1998-12-01T12:00:00.5`, of a count of units since
/// 1970-01-01T00:00:00.
pub fn write_datetime(out: &mut String, value: i64, unit: TimeUnit) {
    let per_day = DAY_SECONDS * per_second(unit);
    write_date(out, value.div_euclid(per_day));
    out.push('T');
    write_time(
        out,
        value.rem_euclid(per_day) * (SECOND_NANOS / per_second(unit)),
    );
}

/// Appends an offset from UTC: `Z` for 0, else `+01:00`.
pub fn write_offset(out: &mut String, seconds: i32) {
    if seconds == 0 {
        out.push('Z');
        return;
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    let _ = write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
}
