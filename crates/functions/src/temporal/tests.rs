//! Functions of dates and times: their types, their plan text, and rows in every encoding. The
//! arithmetic is held against a calendar by the kernels' tests.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use esker_datatypes::{ScalarValue, Schema};
use esker_kernels::parse::{civil_from_days, days_from_civil, parse_timestamp};
use esker_logical_expr::{Expr, coerce, col, evaluate_constant, lit};

use super::TemporalExpr;
use crate::testing::{check, typed};

const DAYS: [Option<i32>; 8] = [
    Some(0),
    Some(-1),
    None,
    Some(10561),
    Some(19782),
    Some(-719_529),
    Some(10561),
    Some(1_000_000),
];

fn dates() -> ArrayRef {
    Arc::new(Date32Array::from(DAYS.to_vec()))
}

/// The days of a `Date32`.
fn days(value: &ScalarValue) -> Option<i64> {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Date32Type;
    let array = value.as_array().as_primitive::<Date32Type>();
    array.is_valid(0).then(|| array.value(0).into())
}

fn moment(text: &str) -> ScalarValue {
    let array = TimestampMicrosecondArray::from(vec![parse_timestamp(text.as_bytes())]);
    ScalarValue::from_array(&array, 0).unwrap()
}

#[test]
fn types() {
    use DataType as T;
    let check = |call: Expr, types: &[T], want: &str| match typed(call, types) {
        Ok(got) => assert_eq!(got, want),
        Err(error) => assert!(error.to_string().contains(want), "{error}"),
    };
    let a = || col("a").dt();
    let micros = || T::Timestamp(TimeUnit::Microsecond, None);
    let zoned = |zone: &str| T::Timestamp(TimeUnit::Second, Some(zone.into()));
    check(a().year(), &[T::Date32], "year(#a): Int32");
    check(a().iso_weekday(), &[T::Date64], "iso_weekday(#a): Int32");
    check(
        a().hour(),
        &[T::Time32(TimeUnit::Second)],
        "hour(#a): Int32",
    );
    check(a().month(), &[zoned("+02:00")], "month(#a): Int32");
    check(
        a().day(),
        &[T::Null],
        "day(CAST(#a AS Timestamp(µs))): Int32?",
    );
    check(
        a().truncate("month"),
        &[T::Date32],
        "truncate(#a, unit='month'): Date32",
    );
    check(
        a().strftime("%Y's"),
        &[T::Date32],
        "strftime(#a, format='%Y''s'): Utf8View",
    );
    check(
        a().add_days(-1),
        &[T::Date32],
        "add_days(#a, Int64(-1)): Date32",
    );
    check(
        a().add_months(col("b")),
        &[micros(), T::Int8],
        "add_months(#a, CAST(#b AS Int64)): Timestamp(µs)",
    );
    check(a().date(), &[micros()], "date(#a): Date32");
    check(a().time(), &[micros()], "time(#a): Time64(µs)");
    check(a().time(), &[zoned("UTC")], "time(#a): Time32(s)");
    check(
        a().epoch_seconds(),
        &[T::Date32],
        "epoch_seconds(#a): Float64",
    );
    check(a().day_name(), &[T::Date32], "day_name(#a): Utf8View");

    check(
        a().year(),
        &[T::Utf8],
        "year() takes (date or time), not (Utf8)",
    );
    check(
        a().year(),
        &[T::Time32(TimeUnit::Second)],
        "year() takes a date or a timestamp, not Time32(s)",
    );
    check(
        a().year(),
        &[zoned("Europe/Paris")],
        "year() in the local time of 'Europe/Paris'",
    );
    check(
        a().add_hours(1),
        &[T::Date32],
        "add_hours() takes a timestamp, not Date32",
    );
    check(
        a().add_days(1.5),
        &[T::Date32],
        "add_days() takes (date or time, Int64), not (Date32, Float64)",
    );
    check(
        a().time(),
        &[T::Date32],
        "time() takes a timestamp, not Date32",
    );
    check(a().truncate("fortnight"), &[T::Date32], "not 'fortnight'");
    check(
        a().strftime("%Q"),
        &[T::Date32],
        "'%Q', which stands for nothing",
    );
}

#[test]
fn parts_of_dates() {
    let part = |call: Expr, of: fn((i64, u32, u32)) -> i64| {
        check(call, &[dates()], move |row| {
            let part = days(&row[0]).map(|days| of(civil_from_days(days)) as i32);
            Some(ScalarValue::from(part))
        });
    };
    part(col("a").dt().year(), |(year, ..)| year);
    part(col("a").dt().month(), |(_, month, _)| i64::from(month));
    part(col("a").dt().day(), |(.., day)| i64::from(day));
    part(col("a").dt().quarter(), |(_, month, _)| {
        i64::from(month - 1) / 3 + 1
    });
    part(col("a").dt().hour(), |_| 0);
    part(col("a").dt().day_of_year(), |(year, month, day)| {
        days_from_civil(year, month, day) - days_from_civil(year, 1, 1) + 1
    });
}

#[test]
fn moved_dates() {
    let amounts: ArrayRef = Arc::new(Int64Array::from(vec![
        Some(1),
        Some(-1),
        Some(3),
        None,
        Some(i64::MAX),
        Some(0),
        Some(-10_561),
        Some(i64::from(i32::MAX)),
    ]));
    check(
        col("a").dt().add_days(col("b")),
        &[dates(), amounts],
        |row| {
            let (Some(day), Some(amount)) = (days(&row[0]), row[1].as_i128()) else {
                return Some(ScalarValue::null(&DataType::Date32));
            };
            let moved = i32::try_from(i128::from(day) + amount).ok()?;
            Some(ScalarValue::date(moved))
        },
    );
    check(col("a").dt().truncate("month"), &[dates()], |row| {
        Some(match days(&row[0]) {
            Some(day) => {
                let (year, month, _) = civil_from_days(day);
                ScalarValue::date(days_from_civil(year, month, 1) as i32)
            }
            None => ScalarValue::null(&DataType::Date32),
        })
    });
}

#[test]
fn constants_are_folded() {
    let check = |call: Expr, want: &str| {
        let call = coerce(call, &Schema::default()).unwrap().data;
        let got = match evaluate_constant(&call) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        assert!(got.contains(want), "{call}: {got}");
    };
    let day = || lit(ScalarValue::date(10561)).dt();
    let leap = || lit(moment("2024-02-29T13:45:30.123456")).dt();
    check(day().add_days(-68), "Date32('1998-09-24')");
    check(day().add_months(3), "Date32('1999-03-01')");
    check(leap().add_years(1), "'2025-02-28T13:45:30.123456'");
    check(leap().add_months(-12), "'2023-02-28T13:45:30.123456'");
    check(leap().add_weeks(1), "'2024-03-07T13:45:30.123456'");
    check(leap().add_hours(25), "'2024-03-01T14:45:30.123456'");
    check(leap().add_minutes(45), "'2024-02-29T14:30:30.123456'");
    check(leap().add_seconds(90), "'2024-02-29T13:47:00.123456'");
    check(leap().truncate("hour"), "'2024-02-29T13:00:00'");
    check(leap().truncate("week"), "'2024-02-26T00:00:00'");
    check(leap().date(), "Date32('2024-02-29')");
    check(leap().time(), "'13:45:30.123456'");
    check(leap().microsecond(), "123456");
    check(leap().day_name(), "'Thursday'");
    check(leap().month_name(), "'February'");
    check(leap().strftime("%d.%m.%Y"), "'29.02.2024'");
    check(leap().epoch_seconds(), "1709214330.123456");
    check(
        day().add_days(i64::MAX),
        "overflow: the result is no Date32",
    );
    check(
        lit(ScalarValue::null(&DataType::Null)).dt().year(),
        "Int32(NULL)",
    );
    check(
        lit(ScalarValue::null(&DataType::Date32)).dt().day_name(),
        "Utf8View(NULL)",
    );
}
