//! The parsers against the standard library and a walk through the calendar.

use super::*;
use arrow::datatypes::TimeUnit;
use proptest::prelude::*;

#[test]
fn integers() {
    let check =
        |text: &str, want: Option<i64>| assert_eq!(parse_i64(text.as_bytes()), want, "{text}");
    check("0", Some(0));
    check("-0", Some(0));
    check("+7", Some(7));
    check("000000000000000000000000000012", Some(12));
    check("9223372036854775807", Some(i64::MAX));
    check("-9223372036854775808", Some(i64::MIN));
    check("9223372036854775808", None);
    check("-9223372036854775809", None);
    check("99999999999999999999999999999999999999999", None);
    for bad in [
        "",
        "+",
        "-",
        "--1",
        "+-1",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x10",
        "1_000",
        "1\u{0663}",
    ] {
        check(bad, None);
    }
    let check =
        |text: &str, want: Option<u64>| assert_eq!(parse_u64(text.as_bytes()), want, "{text}");
    check("18446744073709551615", Some(u64::MAX));
    check("18446744073709551616", None);
    check("-0", Some(0));
    check("-1", None);
}

#[test]
fn floats() {
    let check = |text: &str, want: Option<f64>| {
        let got = parse_f64(text.as_bytes());
        assert_eq!(
            got.map(f64::to_bits),
            want.map(f64::to_bits),
            "{text}: {got:?}"
        );
    };
    check("0", Some(0.0));
    check("-0", Some(-0.0));
    check("-0.000", Some(-0.0));
    check("1.", Some(1.0));
    check(".5", Some(0.5));
    check("0.1", Some(0.1));
    check("1e3", Some(1000.0));
    check("1E+3", Some(1000.0));
    check("123456789012345678", Some(123456789012345680.0));
    check("9007199254740993", Some(9007199254740992.0));
    check("1.7976931348623157e308", Some(f64::MAX));
    check("1.8e308", None);
    check("5e-324", Some(5e-324));
    check("1e-400", Some(0.0));
    check("inf", Some(f64::INFINITY));
    check("-Infinity", Some(f64::NEG_INFINITY));
    check("NaN", Some(f64::NAN));
    for bad in [
        "", ".", "+", "1e", "e5", "1.2.3", " 1", "1 ", "0x1", "1,5", "nanx", "--1",
    ] {
        check(bad, None);
    }
    assert_eq!(parse_f32(b"3.4028235e38"), Some(f32::MAX));
    assert_eq!(parse_f32(b"1e-45"), Some(f32::from_bits(1)));
    assert_eq!(parse_f32(b"1e39"), None);
}

#[test]
fn booleans() {
    let check = |text: &str, want: Option<bool>| assert_eq!(parse_bool(text.as_bytes()), want);
    check("true", Some(true));
    check("FALSE", Some(false));
    check("True", Some(true));
    for bad in ["", "t", "1", "yes", "true "] {
        check(bad, None);
    }
}

#[test]
fn decimals() {
    let check = |text: &str, precision, scale, want: Option<i128>| {
        assert_eq!(
            parse_decimal(text.as_bytes(), precision, scale),
            want,
            "{text}"
        );
    };
    check("1", 3, 2, Some(100));
    check("9.99", 3, 2, Some(999));
    check("9.994", 3, 2, Some(999));
    check("9.995", 3, 2, None);
    check("-2.345", 5, 2, Some(-235));
    check("-2.3449999", 5, 2, Some(-234));
    check("0.004", 3, 2, Some(0));
    check("0.0005", 3, 2, Some(0));
    check("0.5", 3, 0, Some(1));
    check("-0.5", 3, 0, Some(-1));
    check("0.05", 3, 0, Some(0));
    check("1.5e2", 5, 1, Some(1500));
    check("15e-2", 5, 2, Some(15));
    check("15e-3", 5, 2, Some(2));
    check("15e-999999999999999999999", 5, 2, Some(0));
    check("0e999999999999", 5, 2, Some(0));
    check("1e999999999999", 5, 2, None);
    check("1550", 3, -2, Some(16));
    check("49", 3, -2, Some(0));
    check(".5", 3, 1, Some(5));
    check("5.", 3, 1, Some(50));
    check("+5", 3, 1, Some(50));
    check(
        "00000000000000000000000000000000000000000000000001",
        1,
        0,
        Some(1),
    );
    check(
        "99999999999999999999999999999999999999",
        38,
        0,
        Some(10i128.pow(38) - 1),
    );
    check("100000000000000000000000000000000000000", 38, 0, None);
    for bad in ["", ".", "-", "1e", "e1", "1.2.3", "1 ", "nan", "inf", "1,0"] {
        check(bad, 38, 2, None);
    }
    let check = |digits, scale, want: &str| assert_eq!(format_decimal(digits, scale), want);
    check(0, 0, "0");
    check(0, 2, "0.00");
    check(-5, 2, "-0.05");
    check(-12345, 2, "-123.45");
    check(123, 3, "0.123");
    check(15, -2, "1500");
    check(0, -2, "0");
    check(1, 127, &format!("0.{}1", "0".repeat(126)));
}

#[test]
fn the_calendar_has_no_gaps() {
    // Walk 900 years day by day, counting as people do.
    let (mut year, mut month, mut day) = (1599i64, 12u32, 31u32);
    let mut days = days_from_civil(year, month, day);
    while year < 2500 {
        let leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        let last = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        (year, month, day) = match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            (m, d) if d == last => (year, m + 1, 1),
            (m, d) => (year, m, d + 1),
        };
        days += 1;
        assert_eq!(days_from_civil(year, month, day), days);
        assert_eq!(civil_from_days(days), (year, month, day));
    }
    assert_eq!(days_from_civil(1970, 1, 1), 0);
}

#[test]
fn dates_and_times() {
    let date =
        |text: &str, want: Option<i32>| assert_eq!(parse_date(text.as_bytes()), want, "{text}");
    date("1970-01-01", Some(0));
    date("1998-09-24", Some(10493));
    date("2000-02-29", Some(11016));
    date("1900-02-29", None);
    date("0000-01-01", Some(-719528));
    date("-0001-12-31", Some(-719529));
    date("+10000-01-01", Some(2932897));
    for bad in [
        "",
        "1970",
        "1970-01",
        "1970-1-1",
        "1970-13-01",
        "1970-00-01",
        "1970-01-00",
        "1970-04-31",
        "1970/01/01",
        "01-01-1970",
        "19700101",
        "1970-01-01 ",
        "1970-01-01T00:00:00",
        "+999-01-01",
        "99999-01-01",
        "+9999999-01-01",
    ] {
        date(bad, None);
    }
    let timestamp = |text: &str, want: Option<i64>| {
        assert_eq!(parse_timestamp(text.as_bytes()), want, "{text}")
    };
    timestamp("1970-01-01", Some(0));
    timestamp("1970-01-01T00:01", Some(60_000_000));
    timestamp("1970-01-01 00:00:01", Some(1_000_000));
    timestamp("1970-01-01T00:00:00.000001", Some(1));
    timestamp("1970-01-01T00:00:00.0000019", Some(1));
    timestamp("1969-12-31T23:59:59.999999", Some(-1));
    for bad in [
        "1970-01-01T",
        "1970-01-01T1",
        "1970-01-01T24:00:00",
        "1970-01-01T00:60",
        "1970-01-01X00:00",
        "1970-01-01T00:00:60",
        "1970-01-01T00:00:00.",
        "1970-01-01T00:00:",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00:00+01:00",
        "1970-01-01T00:00:00 ",
        "+300000-01-01",
    ] {
        timestamp(bad, None);
    }
    let offset = |text: &str, want: Option<i32>| {
        assert_eq!(
            parse_datetime(text.as_bytes()).and_then(|d| d.offset),
            want,
            "{text}"
        );
    };
    offset("1970-01-01T00:00:00Z", Some(0));
    offset("1970-01-01 00:00+01:30", Some(5400));
    offset("1970-01-01 00:00:00.5-0100", Some(-3600));
    offset("1970-01-01 00:00:00+02", Some(7200));
    assert_eq!(parse_time(b"23:59:59.5"), Some(86_399_500_000_000));
    assert_eq!(parse_time(b"12:30"), Some(45_000_000_000_000));
    assert_eq!(parse_time(b"24:00"), None);
    assert_eq!(zone_offset("UTC"), Some(0));
    assert_eq!(zone_offset("Europe/Paris"), None);
}

#[test]
fn the_edges_of_the_units() {
    let check = |value: i64, unit| {
        let mut text = String::new();
        write_datetime(&mut text, value, unit);
        let parsed = parse_datetime(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(parsed.in_unit(unit), Some(value), "{text}");
    };
    for unit in [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ] {
        for value in [0, 1, -1, 86_399, -86_401] {
            check(value, unit);
        }
        // Seconds reach 292 billion years; days and years still fit.
        for value in [i64::MAX, i64::MIN] {
            check(value, unit);
        }
    }
}

proptest! {
    #[test]
    fn numbers_read_back(integer: i64, unsigned: u64, double: f64, single: f32, bits: u64) {
        prop_assert_eq!(parse_i64(integer.to_string().as_bytes()), Some(integer));
        prop_assert_eq!(parse_u64(unsigned.to_string().as_bytes()), Some(unsigned));
        for value in [double, f64::from_bits(bits)] {
            let got = parse_f64(format!("{value:?}").as_bytes()).unwrap();
            prop_assert!(got.to_bits() == value.to_bits() || got.is_nan() && value.is_nan());
        }
        let got = parse_f32(format!("{single:?}").as_bytes()).unwrap();
        prop_assert_eq!(got.to_bits(), single.to_bits());
    }

    #[test]
    fn any_digits_read_as_the_standard_library_does(text in "[+-]?[0-9]{0,20}(\\.[0-9]{0,20})?(e[+-]?[0-9]{1,3})?") {
        let want = text.parse::<f64>().ok().filter(|v| v.is_finite());
        prop_assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), want.map(f64::to_bits));
        let want = text.parse::<f32>().ok().filter(|v| v.is_finite());
        prop_assert_eq!(parse_f32(text.as_bytes()).map(f32::to_bits), want.map(f32::to_bits));
        prop_assert_eq!(parse_i64(text.as_bytes()), text.parse::<i64>().ok());
    }

    #[test]
    fn decimals_read_back(digits in -(10i128.pow(38) - 1)..10i128.pow(38), scale in -5i8..38) {
        let text = format_decimal(digits, scale);
        prop_assert_eq!(parse_decimal(text.as_bytes(), 38, scale), Some(digits));
    }

    #[test]
    fn timestamps_read_back(value: i64, days: i32) {
        let mut text = String::new();
        write_date(&mut text, days.into());
        prop_assert_eq!(parse_date(text.as_bytes()), Some(days));
        for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
            let mut text = String::new();
            write_datetime(&mut text, value, unit);
            prop_assert_eq!(parse_datetime(text.as_bytes()).unwrap().in_unit(unit), Some(value));
        }
    }

    #[test]
    fn no_text_panics(text: Vec<u8>) {
        let _ = (parse_i64(&text), parse_u64(&text), parse_f64(&text), parse_f32(&text));
        let _ = (parse_datetime(&text), parse_time(&text), parse_date(&text), parse_bool(&text));
        let _ = (parse_decimal(&text, 38, 127), parse_decimal(&text, 1, -128));
    }
}
