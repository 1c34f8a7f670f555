//! Days as dates of the proleptic Gregorian calendar, by integer arithmetic.

use crate::parse::{civil_from_days, days_from_civil};

/// A day as the calendar has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: u32,
    /// 1 to 31.
    pub(super) day: u32,
    /// The day of the year, 1 to 366.
    pub(super) ordinal: u32,
}

/// Days within this of 1970-01-01 (700,000 years) are [`near`].
const NEAR: i32 = 1 << 28;

/// Whether [`near`] is right for all of them.
pub(super) fn all_near(days: &[i32]) -> bool {
    days.iter()
        .fold(true, |near, &day| near & (-NEAR..=NEAR).contains(&day))
}

/// The day that lies this many days after 1970-01-01, which is at most [`NEAR`] away: no divisions,
/// no branches, 32-bit words but for one product.
///
/// After Cassio Neri and Lorenz Schneider, "Euclidean affine functions and their application to
/// calendar algorithms", Software: Practice and Experience 53 (2023), figure 12; the ordinal is ours.
#[inline]
pub(super) fn near(days: i32) -> Civil {
    /// Cycles of 400 years by which days are moved, so that none is below zero.
    const CYCLES: u32 = 2_000;
    /// From 0000-03-01, so moved, to 1970-01-01.
    const EPOCH: u32 = 719_468 + 146_097 * CYCLES;
    let day = (days as u32).wrapping_add(EPOCH);
    let quarter_days = 4 * day + 3;
    let century = quarter_days / 146_097;
    let quarter_days = (quarter_days % 146_097) | 3;
    let product = 2_939_745 * u64::from(quarter_days);
    let year_of_century = (product >> 32) as u32;
    // From the first of March.
    let day_of_year = product as u32 / 2_939_745 / 4;
    let year = 100 * century + year_of_century;
    let months = 2_141 * day_of_year + 197_913;
    let next = u32::from(day_of_year >= 306);
    // The year that February ends: a leap year counts its 29th in days from March.
    let leap = if year_of_century != 0 {
        year_of_century.is_multiple_of(4)
    } else {
        century.is_multiple_of(4)
    };
    Civil {
        year: i64::from((year + next) as i32 - (400 * CYCLES) as i32),
        month: (months >> 16) - 12 * next,
        day: (months & 0xFFFF) / 2_141 + 1,
        ordinal: if next == 1 {
            day_of_year - 305
        } else {
            day_of_year + 60 + u32::from(leap)
        },
    }
}

/// The day that lies this many days after 1970-01-01.
pub(super) fn far(days: i64) -> Civil {
    let (year, month, day) = civil_from_days(days);
    Civil {
        year,
        month,
        day,
        ordinal: (days - days_from_civil(year, 1, 1) + 1) as u32,
    }
}

/// The day as the calendar has it, by whichever way is right for it.
#[inline]
pub(super) fn civil(days: i64) -> Civil {
    match i32::try_from(days) {
        Ok(days) if (-NEAR..=NEAR).contains(&days) => near(days),
        _ => far(days),
    }
}

/// The day of the week: Monday is 0.
#[inline]
pub(super) fn weekday(days: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    days.wrapping_add(3).rem_euclid(7)
}

/// The number of days between a day and 1970-01-01 once this many months have passed; a day that
/// the month does not have is its last.
pub(super) fn add_months(days: i64, months: i64) -> Option<i64> {
    let date = civil(days);
    let count = (date.year * 12 + i64::from(date.month) - 1).checked_add(months)?;
    let (year, month) = (count.div_euclid(12), count.rem_euclid(12) as u32 + 1);
    // Where days still fit 64 bits.
    if year.abs() > 1_000_000_000_000_000 {
        return None;
    }
    Some(days_from_civil(
        year,
        month,
        date.day.min(days_in_month(year, month)),
    ))
}

fn days_in_month(year: i64, month: u32) -> u32 {
    let (next, then) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    (days_from_civil(next, then, 1) - days_from_civil(year, month, 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree() {
        let check = |day: i32| {
            assert_eq!(near(day), far(day.into()), "{day}");
            assert_eq!(civil(day.into()), far(day.into()));
        };
        // Every day of two cycles of 400 years, and of the ends.
        (-150_000..150_000).for_each(check);
        (-NEAR..-NEAR + 150_000).for_each(check);
        (NEAR - 150_000..=NEAR).for_each(check);
        let leap = far(days_from_civil(2024, 12, 31));
        assert_eq!((leap.year, leap.ordinal), (2024, 366));
        assert_eq!(far(days_from_civil(1900, 12, 31)).ordinal, 365);
        assert_eq!(weekday(0), 3);
        assert_eq!(weekday(-4), 6);
    }

    #[test]
    fn months_end() {
        let day = |(year, month, day)| days_from_civil(year, month, day);
        let check = |from, months, to| assert_eq!(add_months(day(from), months), Some(day(to)));
        check((2024, 1, 31), 1, (2024, 2, 29));
        check((2023, 1, 31), 1, (2023, 2, 28));
        check((2024, 3, 31), -1, (2024, 2, 29));
        check((2024, 2, 29), 12, (2025, 2, 28));
        check((2024, 5, 31), -17, (2022, 12, 31));
        check((-1, 12, 31), 2, (0, 2, 29));
        assert_eq!(add_months(0, i64::MAX), None);
    }
}
