//! Temporal kernels against a calendar that counts days one by one, over every type and encoding.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array};
use arrow::compute;
use esker_datatypes::{Buffers, Column, DataType, Result, ScalarValue, Selection, TimeUnit};
use proptest::prelude::*;

use super::*;
use crate::testing::{Plain, recipes};

/// A moment as a calendar on the wall has it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wall {
    year: i64,
    month: i64,
    day: i64,
    ordinal: i64,
    /// Days since 1970-01-01.
    days: i128,
    /// Nanoseconds since midnight.
    nanos: i128,
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const NANOS_PER_DAY: i128 = 86_400_000_000_000;
/// The days of 400 years.
const CYCLE: i128 = 146_097;

impl Wall {
    /// Walks from a year's first day to the day, year by year and month by month.
    fn of(days: i128, nanos: i128) -> Self {
        let cycles = days.div_euclid(CYCLE);
        let mut left = days.rem_euclid(CYCLE) as i64;
        let mut year = 1970;
        while left >= 365 + i64::from(leap(year)) {
            left -= 365 + i64::from(leap(year));
            year += 1;
        }
        let (ordinal, mut month) = (left + 1, 1);
        while left >= month_days(year, month) {
            left -= month_days(year, month);
            month += 1;
        }
        Self {
            year: year + 400 * cycles as i64,
            month,
            day: left + 1,
            ordinal,
            days,
            nanos,
        }
    }

    /// The day of a date.
    fn days_of(year: i64, month: i64, day: i64) -> i128 {
        let cycles = (year - 1970).div_euclid(400);
        let within = 1970 + (year - 1970).rem_euclid(400);
        let years: i64 = (1970..within).map(|y| 365 + i64::from(leap(y))).sum();
        let months: i64 = (1..month).map(|m| month_days(within, m)).sum();
        i128::from(cycles) * CYCLE + i128::from(years + months + day - 1)
    }

    fn part(&self, part: DatePart) -> i64 {
        let weekday = (self.days + 3).rem_euclid(7) as i64;
        let thursday = || Self::of(self.days - i128::from(weekday) + 3, 0);
        let nanos = self.nanos as i64;
        match part {
            DatePart::Year => self.year,
            DatePart::Quarter => (self.month - 1) / 3 + 1,
            DatePart::Month => self.month,
            // The week is that of its Thursday, of which a year has so many before.
            DatePart::Week => (thursday().ordinal - 1) / 7 + 1,
            DatePart::IsoYear => thursday().year,
            DatePart::Day => self.day,
            DatePart::Weekday => weekday,
            DatePart::IsoWeekday => weekday + 1,
            DatePart::DayOfYear => self.ordinal,
            DatePart::Hour => nanos / 3_600_000_000_000,
            DatePart::Minute => nanos / 60_000_000_000 % 60,
            DatePart::Second => nanos / 1_000_000_000 % 60,
            DatePart::Millisecond => nanos / 1_000_000 % 1_000,
            DatePart::Microsecond => nanos / 1_000 % 1_000_000,
            DatePart::Nanosecond => nanos % 1_000_000_000,
        }
    }
}

/// Nanoseconds of one count of a type, and how far its local time is ahead.
fn meaning(data_type: &DataType) -> (i128, i128) {
    let nanos = |unit: TimeUnit| match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    let hour = 3_600_000_000_000;
    match data_type {
        DataType::Date32 => (NANOS_PER_DAY, 0),
        DataType::Date64 => (1_000_000, 0),
        DataType::Timestamp(unit, None) => (nanos(*unit), 0),
        DataType::Timestamp(unit, Some(zone)) => match zone.as_ref() {
            "+05:30" => (nanos(*unit), 5 * hour + hour / 2),
            "-08:00" => (nanos(*unit), -8 * hour),
            _ => (nanos(*unit), 0),
        },
        other => panic!("{other}"),
    }
}

fn types() -> Vec<DataType> {
    let units = [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ];
    let zones = [
        None,
        Some("UTC".into()),
        Some("+05:30".into()),
        Some("-08:00".into()),
    ];
    let mut types = vec![DataType::Date32, DataType::Date64];
    for unit in units {
        types.extend(
            zones
                .iter()
                .map(|zone| DataType::Timestamp(unit, zone.clone())),
        );
    }
    types
}

/// The wall calendar's moment of a count.
fn wall(data_type: &DataType, count: i64) -> Wall {
    let (nanos, ahead) = meaning(data_type);
    let local = i128::from(count) * nanos + ahead;
    Wall::of(
        local.div_euclid(NANOS_PER_DAY),
        local.rem_euclid(NANOS_PER_DAY),
    )
}

/// The count of a day and a time of it, in local time; `None` beyond the type.
fn count_of(data_type: &DataType, days: i128, nanos: i128) -> Option<i64> {
    let (per_count, ahead) = meaning(data_type);
    let count = (days * NANOS_PER_DAY + nanos - ahead).div_euclid(per_count);
    match data_type {
        DataType::Date32 => i32::try_from(count).ok().map(i64::from),
        _ => i64::try_from(count).ok(),
    }
}

/// Counts near the edges of days and years, anywhere within some 10,000 years, and at the ends of the
/// type.
fn counts(data_type: DataType) -> impl Strategy<Value = ArrayRef> {
    let day = prop_oneof![-800_000..3_000_000i128, -800..800i128];
    let nanos = prop_oneof![Just(0), Just(NANOS_PER_DAY - 1), 0..NANOS_PER_DAY];
    prop::collection::vec((day, nanos), 1..40).prop_map(move |moments| {
        let count = |&(day, nanos): &(i128, i128)| count_of(&data_type, day, nanos);
        let mut counts: Vec<i64> = moments.iter().filter_map(count).collect();
        let (first, last) = match data_type {
            DataType::Date32 => (i32::MIN.into(), i32::MAX.into()),
            _ => (i64::MIN, i64::MAX),
        };
        counts.push(0);
        counts.extend([first, last, first + 1, last - 1]);
        let counts = Int64Array::from(counts);
        let narrow: ArrayRef = match data_type {
            DataType::Date32 => compute::cast(&counts, &DataType::Int32).unwrap(),
            _ => Arc::new(counts),
        };
        compute::cast(&narrow, &data_type).unwrap()
    })
}

fn typed() -> impl Strategy<Value = (DataType, ArrayRef)> {
    prop::sample::select(types()).prop_flat_map(move |t| (Just(t.clone()), counts(t)))
}

fn count_at(column: &Column, row: usize) -> Option<i64> {
    match Plain::at(column, row) {
        Plain::Int(count) => Some(count as i64),
        _ => None,
    }
}

/// Compares the selected rows; a row for which the oracle has no value must make the call fail.
fn check(
    column: &Column,
    selection: &Selection,
    kernel: impl Fn(&Selection, &mut Buffers) -> Result<Column>,
    oracle: impl Fn(usize, i64) -> Option<i64>,
) {
    let want = |row| count_at(column, row).map(|count| oracle(row, count));
    match kernel(selection, &mut Buffers::default()) {
        Ok(got) => {
            assert_eq!(got.len(), selection.len());
            for row in selection.iter() {
                let (got, want) = (count_at(&got, row), want(row));
                assert_eq!(got.map(Some), want, "row {row} of {column:?}");
            }
        }
        Err(error) => {
            assert!(error.to_string().contains("overflow"), "{error}");
            assert!(
                selection.iter().any(|row| want(row) == Some(None)),
                "{error}"
            );
        }
    }
}

proptest! {
    #[test]
    fn parts((data_type, pool) in typed(), (recipe, selection) in recipes(1)) {
        let column = recipe[0].encoded(&pool);
        for wanted in DatePart::ALL {
            check(
                &column,
                &selection,
                |selection, buffers| part(wanted, &column, selection, buffers),
                |_, count| {
                    let year = wall(&data_type, count).part(wanted);
                    Some(year.clamp(i32::MIN.into(), i32::MAX.into()))
                },
            );
        }
    }

    #[test]
    fn starts((data_type, pool) in typed(), (recipe, selection) in recipes(1)) {
        let column = recipe[0].encoded(&pool);
        for name in ["year", "quarter", "month", "week", "day", "hour", "minute", "second"] {
            let unit = TruncateUnit::from_name(name).unwrap();
            check(
                &column,
                &selection,
                |selection, buffers| truncate(unit, &column, selection, buffers),
                |_, count| {
                    let at = wall(&data_type, count);
                    let days = match name {
                        "year" => Wall::days_of(at.year, 1, 1),
                        "quarter" => Wall::days_of(at.year, (at.month - 1) / 3 * 3 + 1, 1),
                        "month" => Wall::days_of(at.year, at.month, 1),
                        "week" => at.days - i128::from(at.part(DatePart::Weekday)),
                        _ => at.days,
                    };
                    let within = match name {
                        "hour" => 3_600_000_000_000,
                        "minute" => 60_000_000_000,
                        "second" => 1_000_000_000,
                        _ => NANOS_PER_DAY,
                    };
                    count_of(&data_type, days, at.nanos / within * within)
                },
            );
        }
    }

    #[test]
    fn moves(
        (data_type, pool) in typed(),
        (recipe, selection) in recipes(2),
        amounts in prop::collection::vec(prop_oneof![-40..40i64, Just(i64::MAX), Just(i64::MIN), -90_000..90_000i64], 1..5),
    ) {
        let amounts: ArrayRef = Arc::new(Int64Array::from(amounts));
        let (column, amounts) = (recipe[0].encoded(&pool), recipe[1].encoded(&amounts));
        let mut steps = vec![Step::Months(1), Step::Months(12), Step::Days(1), Step::Days(7)];
        if !matches!(data_type, DataType::Date32 | DataType::Date64) {
            steps.extend([Step::Seconds(1), Step::Seconds(3_600)]);
        }
        for step in steps {
            let moved = |row: usize, count: i64| -> Option<Option<i64>> {
                let amount = count_at(&amounts, row)?;
                let at = wall(&data_type, count);
                Some((|| match step {
                    Step::Months(months) => {
                        let total = i128::from(at.year) * 12 + i128::from(at.month) - 1
                            + i128::from(amount) * i128::from(months);
                        let year = i64::try_from(total.div_euclid(12)).ok()?;
                        // No type reaches further.
                        (year.abs() < 400_000_000_000).then_some(())?;
                        let month = total.rem_euclid(12) as i64 + 1;
                        let day = at.day.min(month_days(year, month));
                        count_of(&data_type, Wall::days_of(year, month, day), at.nanos)
                    }
                    Step::Days(days) => {
                        let days = i128::from(amount) * i128::from(days);
                        count_of(&data_type, at.days + days, at.nanos)
                    }
                    Step::Seconds(seconds) => {
                        let nanos = i128::from(amount) * i128::from(seconds) * 1_000_000_000;
                        count_of(&data_type, at.days, at.nanos + nanos)
                    }
                })())
            };
            let run = |selection: &Selection, buffers: &mut Buffers| {
                add(&column, step, &amounts, selection, buffers)
            };
            match run(&selection, &mut Buffers::default()) {
                Ok(got) => for row in selection.iter() {
                    let want = count_at(&column, row).and_then(|count| moved(row, count));
                    assert_eq!(count_at(&got, row).map(Some), want, "{step:?} row {row}");
                },
                Err(error) => {
                    assert!(error.to_string().contains("overflow"), "{error}");
                    let fails = |row| {
                        count_at(&column, row).and_then(|count| moved(row, count)) == Some(None)
                    };
                    assert!(selection.iter().any(fails), "{step:?}: {error}");
                }
            }
        }
    }
}

#[test]
fn months_that_an_overflow_ends() {
    // The last day that `Date32` holds lies in July: a month later is none, a month before is one.
    let last = Column::flat(Arc::new(Date32Array::from(vec![i32::MAX, 0])));
    let months = |n: i64| Column::constant(ScalarValue::from(n), 2);
    let both = Selection::all(2);
    let run = |n: i64, selection: &Selection| {
        add(
            &last,
            Step::Months(1),
            &months(n),
            selection,
            &mut Buffers::default(),
        )
    };
    assert!(run(-1, &both).is_ok());
    let error = run(1, &both).unwrap_err();
    assert_eq!(error.to_string(), "overflow: the result is no Date32");
    assert!(run(1, &Selection::from_rows(2, vec![1])).is_ok());
}

#[test]
fn known_weeks() {
    // From the standard's text and its common examples.
    let check = |(year, month, day), (iso_year, week)| {
        let days = Wall::days_of(year, month, day) as i32;
        let column = Column::flat(Arc::new(Date32Array::from(vec![days])));
        let one = |wanted| {
            let result = part(wanted, &column, &Selection::all(1), &mut Buffers::default());
            count_at(&result.unwrap(), 0).unwrap()
        };
        assert_eq!(
            (one(DatePart::IsoYear), one(DatePart::Week)),
            (iso_year, week)
        );
    };
    check((2005, 1, 1), (2004, 53));
    check((2005, 1, 2), (2004, 53));
    check((2005, 12, 31), (2005, 52));
    check((2007, 1, 1), (2007, 1));
    check((2007, 12, 30), (2007, 52));
    check((2007, 12, 31), (2008, 1));
    check((2008, 12, 29), (2009, 1));
    check((2010, 1, 3), (2009, 53));
    check((2021, 1, 1), (2020, 53));
    check((2024, 2, 29), (2024, 9));
}

#[test]
fn text_of_moments() {
    let nanos = |text: &str| {
        let parsed = crate::parse::parse_datetime(text.as_bytes()).unwrap();
        parsed.in_unit(TimeUnit::Nanosecond).unwrap()
    };
    let array = arrow::array::TimestampNanosecondArray::from(vec![
        Some(nanos("2024-02-29T13:45:30.123456")),
        Some(nanos("2021-01-01T00:00:00")),
        None,
        Some(nanos("1969-12-31T23:59:59.999999999")),
    ]);
    let column = Column::flat(Arc::new(array));
    let check = |pattern: &str, want: [Option<&str>; 4]| {
        for column in [column.clone(), column.dictionary_encoded()] {
            let all = Selection::all(4);
            let got = format(pattern, &column, &all, &mut Buffers::default()).unwrap();
            let got: Vec<ScalarValue> = (0..4).map(|row| got.value(row).unwrap()).collect();
            let got: Vec<Option<&str>> = got.iter().map(ScalarValue::as_str).collect();
            assert_eq!(got, want, "{pattern}");
        }
    };
    check(
        "%F %T.%f",
        [
            Some("2024-02-29 13:45:30.123456"),
            Some("2021-01-01 00:00:00.000000"),
            None,
            Some("1969-12-31 23:59:59.999999"),
        ],
    );
    check(
        "%a %A %e %b %B %y, %j, %I %p %u %w %G-W%V 100%%",
        [
            Some("Thu Thursday 29 Feb February 24, 060, 01 PM 4 4 2024-W09 100%"),
            Some("Fri Friday  1 Jan January 21, 001, 12 AM 5 5 2020-W53 100%"),
            None,
            Some("Wed Wednesday 31 Dec December 69, 365, 11 PM 3 3 1970-W01 100%"),
        ],
    );
    check("", [Some(""), Some(""), None, Some("")]);
    let some = Selection::from_rows(4, vec![1, 3]);
    let days = day_name(&column, &some, &mut Buffers::default()).unwrap();
    assert_eq!(days.value(3).unwrap().as_str(), Some("Wednesday"));
    let months = month_name(&column, &Selection::all(4), &mut Buffers::default()).unwrap();
    assert_eq!(months.value(0).unwrap().as_str(), Some("February"));
    assert!(months.value(2).unwrap().is_null());
    for pattern in ["%Q", "%", "100%"] {
        assert!(check_format(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn times_of_day() {
    let check = |array: ArrayRef, wanted: DatePart, want: i64| {
        let column = Column::flat(array);
        let got = part(wanted, &column, &Selection::all(1), &mut Buffers::default()).unwrap();
        assert_eq!(count_at(&got, 0), Some(want));
    };
    let millis: ArrayRef = Arc::new(arrow::array::Time32MillisecondArray::from(vec![49_530_250]));
    check(Arc::clone(&millis), DatePart::Hour, 13);
    check(Arc::clone(&millis), DatePart::Minute, 45);
    check(Arc::clone(&millis), DatePart::Second, 30);
    check(millis, DatePart::Microsecond, 250_000);
    let nanos: ArrayRef = Arc::new(arrow::array::Time64NanosecondArray::from(vec![
        1_999_999_999,
    ]));
    check(Arc::clone(&nanos), DatePart::Second, 1);
    check(nanos, DatePart::Millisecond, 999);
    let zone = DataType::Timestamp(TimeUnit::Second, Some("Europe/Paris".into()));
    let column = Column::constant(ScalarValue::null(&zone), 1);
    let year = part(
        DatePart::Year,
        &column,
        &Selection::all(1),
        &mut Buffers::default(),
    );
    assert!(year.unwrap_err().to_string().contains("Europe/Paris"));
}

#[test]
fn seconds_since_1970() {
    let array = arrow::array::TimestampMillisecondArray::from(vec![1_500, -500]);
    let column = Column::flat(Arc::new(array));
    let seconds = epoch_seconds(&column, &Selection::all(2), &mut Buffers::default()).unwrap();
    assert_eq!(seconds.value(0).unwrap().as_f64(), Some(1.5));
    assert_eq!(seconds.value(1).unwrap().as_f64(), Some(-0.5));
    let dates = Column::flat(Arc::new(Date32Array::from(vec![2])));
    let seconds = epoch_seconds(&dates, &Selection::all(1), &mut Buffers::default()).unwrap();
    assert_eq!(seconds.value(0).unwrap().as_f64(), Some(172_800.0));
}
