//! Tests of intervals: tables, and random expressions on random values within random bounds.

use std::collections::HashMap;

use esker_datatypes::{ErrorKind, Result, Schema};
use proptest::prelude::*;

use super::*;
use crate::const_eval::evaluate_row;
use crate::test_util::{double, fail_on};
use crate::typing::cast_literal;
use crate::{ColumnRef, coerce, col, lit, resolve, when};

const DECIMAL: DataType = DataType::Decimal128(5, 2);

fn schema() -> Schema {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Schema::new(vec![
        field("i", DataType::Int8),
        field("j", DataType::Int64),
        field("f", DataType::Float64),
        field("g", DataType::Float32),
        field("d", DECIMAL),
        field("t", DataType::Utf8View),
        field("k", DataType::Date32),
        field("b", DataType::Boolean),
        field("u", DataType::UInt64),
        field("e", DataType::Decimal128(38, 30)),
        field("x", DataType::Decimal128(38, -5)),
    ])
}

/// A prepared expression, and its bounds where columns are in these intervals.
fn bounded(expr: Expr, columns: &[(&str, Interval)]) -> (Interval, bool) {
    let schema = schema();
    let expr = resolve(expr, &schema).unwrap();
    let expr = coerce(expr, &schema).unwrap().data;
    let column = |id: ColumnId| {
        let field = schema.field_of(id).unwrap();
        let given = columns
            .iter()
            .find(|(name, _)| *name == field.name().as_ref());
        given.map_or_else(
            || Interval::of_field(field),
            |(_, interval)| interval.clone(),
        )
    };
    (bounds(&expr, &column), cannot_fail(&expr, &column))
}

fn ints(data_type: DataType, low: i64, high: i64) -> Interval {
    let bound = |n: i64| Some(cast_literal(&n.into(), &data_type).unwrap());
    Interval::between(&data_type, bound(low), bound(high))
}

fn floats(low: f64, high: f64) -> Interval {
    Interval::between(&DataType::Float64, Some(low.into()), Some(high.into()))
}

fn text(interval: &Interval) -> String {
    let mut parts = Vec::new();
    if interval.data_type == DataType::Boolean {
        parts.extend(interval.may_be_true().then(|| "TRUE".to_owned()));
        parts.extend(interval.may_be_false().then(|| "FALSE".to_owned()));
    } else if interval.value {
        let end = |end: Option<&ScalarValue>| {
            end.map_or_else(String::new, |v| {
                esker_datatypes::format_value(v.as_array(), 0)
            })
        };
        parts.push(format!(
            "{}..{}",
            end(interval.lower()),
            end(interval.upper())
        ));
    }
    parts.extend(interval.nan.then(|| "NaN".to_owned()));
    parts.extend(interval.null.then(|| "NULL".to_owned()));
    parts.join(" ")
}

#[test]
fn bounds_of_numbers() {
    let check = |expr: Expr, want: &str, safe: bool| {
        let columns = [
            ("i", ints(DataType::Int8, -3, 10)),
            ("j", ints(DataType::Int64, 5, 7).with_null(true)),
            ("f", floats(-1.5, 2.0)),
            ("d", {
                let bound = |n| ScalarValue::decimal(n, 5, 2).ok();
                Interval::between(&DECIMAL, bound(-150), bound(200))
            }),
        ];
        let (interval, cannot_fail) = bounded(expr.clone(), &columns);
        assert_eq!(
            (text(&interval).as_str(), cannot_fail),
            (want, safe),
            "{expr}"
        );
    };
    check(lit(5), "5..5", true);
    check(lit(None::<i32>), "NULL", true);
    check(lit(f64::NAN), "NaN", true);
    check(col("i") + 1, "-2..11", true);
    check(col("i") + 118, "115..127", false);
    check(col("i") - col("i"), "-13..13", true);
    check(col("i") * col("i"), "-30..100", true);
    check(col("i") * -2, "-20..6", true);
    check(-col("i"), "-10..3", true);
    check(col("i") % 4, "-3..3", true);
    // The greatest product is beyond 128 signed bits.
    check(col("u") * col("u"), "0..18446744073709551615 NULL", false);
    check(col("i") % col("i"), "-3..9 NULL", true);
    check(col("j") % 4, "0..3 NULL", true);
    check(col("j") % 0, "NULL", true);
    check(col("i") + col("j"), "2..17 NULL", true);
    check(col("j") * col("j"), "25..49 NULL", true);
    check(col("i") + lit(None::<i8>), "NULL", true);
    check(col("i") / 2, "-1.5..5.0", true);
    check(col("f") * 2.0, "-3.0..4.0", true);
    check(col("f") + f64::INFINITY, "inf..inf", true);
    check(col("f") * f64::INFINITY, "-inf..inf NaN", true);
    check(col("f") / col("f"), ".. NaN", true);
    check(lit(6.0) / col("j"), "0.8571428571428571..1.2 NULL", true);
    check(-col("f"), "-2.0..1.5", true);
    check(col("f") + f64::NAN, "NaN", true);
    check(col("d") + 1, "-0.50..3.00", true);
    check(col("d") * 0.5, "-0.750..1.000", true);
    check(col("d") - col("d"), "-3.50..3.50", true);
    check(col("d") / 2, ".. NaN", true);
    check(col("i").cast(DataType::Int64), "-3..10", true);
    check(col("i").cast(DataType::UInt8), "0..10", false);
    check(col("j").cast(DataType::Int8), "5..7 NULL", true);
    check(col("j").try_cast(DataType::Int8), "5..7 NULL", true);
    check(col("i").try_cast(DataType::UInt8), "0..10 NULL", true);
    check(
        col("i").cast(DataType::Decimal128(6, 2)),
        "-3.00..10.00",
        true,
    );
    check(
        col("i").cast(DataType::Decimal128(2, 1)),
        "-3.0..9.9",
        false,
    );
    check(
        col("d").cast(DataType::Decimal128(6, 3)),
        "-1.500..2.000",
        true,
    );
    check(col("d").cast(DataType::Float64), ".. NaN", true);
    check(col("f").cast(DataType::Float32), "-1.5..2.0", true);
    check(col("f").cast(DataType::Int8), "-128..127", false);
    check(col("i").cast(DataType::Utf8View), "..", true);
    check(col("t").cast(DataType::Int8), "-128..127 NULL", false);
    check(
        col("u").cast(DataType::Decimal128(20, 0)),
        "0..18446744073709551615 NULL",
        true,
    );
    check(col("e").cast(DataType::Decimal256(40, 30)), ".. NULL", true);
    check(col("e").cast(DataType::Float32), ".. NaN NULL", true);
    check(col("x").cast(DataType::Float64), ".. NaN NULL", true);
    check(col("x").cast(DataType::Float32), ".. NaN NULL", false);
    check(double(col("f")), ".. NaN", true);
    check(
        fail_on(col("j"), 3),
        "-9223372036854775808..9223372036854775807 NULL",
        false,
    );
}

#[test]
fn bounds_of_truth() {
    let check = |expr: Expr, want: &str| {
        let columns = [
            ("i", ints(DataType::Int8, -3, 10)),
            ("j", ints(DataType::Int64, 5, 7).with_null(true)),
            ("f", floats(-1.5, 2.0).with_nan(true)),
            ("g", Interval::unknown(&DataType::Float32).with_null(false)),
            (
                "t",
                Interval::between(&DataType::Utf8View, Some("b".into()), Some("d".into())),
            ),
            (
                "k",
                Interval::between(
                    &DataType::Date32,
                    Some(ScalarValue::date(10)),
                    Some(ScalarValue::date(20)),
                ),
            ),
        ];
        let (interval, _) = bounded(expr.clone(), &columns);
        assert_eq!(text(&interval), want, "{expr}");
    };
    let date = |days| lit(ScalarValue::date(days));
    check(col("i").lt(11), "TRUE");
    check(col("i").lt(10), "TRUE FALSE");
    check(col("i").gt(10), "FALSE");
    check(col("i").gt_eq(10), "TRUE FALSE");
    check(col("i").lt_eq(10), "TRUE");
    check(col("i").eq(11), "FALSE");
    check(col("i").neq(11), "TRUE");
    check(col("i").eq(1000), "FALSE");
    check(col("j").lt(5), "FALSE NULL");
    check(col("j").lt(None::<i64>), "NULL");
    // NaN is the greatest: an upper bound says nothing while it may be there.
    check(col("f").gt(2.5), "TRUE FALSE");
    check(col("f").lt(-1.5), "FALSE");
    check(col("f").gt_eq(-1.5), "TRUE");
    check(col("f").gt(f64::NAN), "FALSE");
    check(col("f").lt_eq(f64::NAN), "TRUE");
    check(col("f").eq(f64::NAN), "TRUE FALSE");
    check(col("f").is_nan(), "TRUE FALSE");
    check(col("g").gt(f32::INFINITY), "TRUE FALSE");
    check(lit(-0.0).eq(0.0), "TRUE");
    check(col("t").lt("b"), "FALSE");
    check(col("t").lt("da"), "TRUE");
    check(col("t").eq("c"), "TRUE FALSE");
    check(col("k").between(date(5), date(9)), "FALSE");
    check(col("k").between(date(5), date(20)), "TRUE");
    check(col("k").not_between(date(5), date(9)), "TRUE");
    check(col("i").is_in([11, 12]), "FALSE");
    check(col("i").not_in([11, 12]), "TRUE");
    check(col("i").is_in([10, 12]), "TRUE FALSE");
    check(col("i").is_in([Some(11), None]), "NULL");
    check(col("i").is_in([Some(10), None]), "TRUE NULL");
    check(col("i").is_null(), "FALSE");
    check(col("i").is_not_null(), "TRUE");
    check(col("j").is_null(), "TRUE FALSE");
    check(col("j").lt(5).is_true(), "FALSE");
    check(col("j").lt(5).is_false(), "TRUE FALSE");
    check(col("i").lt(11) & col("b"), "TRUE FALSE NULL");
    check(col("i").gt(10) & col("b"), "FALSE");
    check(col("i").lt(11) | col("b"), "TRUE");
    check(!col("i").lt(11), "FALSE");
    check(col("i").gt(10).alias("x"), "FALSE");
}

#[test]
fn null_alone_makes_null_alone() {
    let null = |data_type: &DataType| Interval::constant(&ScalarValue::null(data_type));
    let columns = [
        ("f", null(&DataType::Float64)),
        ("j", null(&DataType::Int64)),
        ("t", null(&DataType::Utf8View)),
    ];
    let only_null = |expr: Expr| {
        let interval = bounded(expr, &columns).0;
        !interval.may_be_value() && !interval.may_be_nan() && interval.may_be_null()
    };
    assert!(only_null(double(col("f"))));
    assert!(only_null(fail_on(col("j"), 3)));
    assert!(only_null(col("t").cast(DataType::Int64)));
    assert!(only_null(col("t").try_cast(DataType::Float64) + col("f")));
    assert!(!only_null(double(col("i"))));
    assert!(!only_null(col("i").cast(DataType::Int64)));
    assert!(bounded(col("t").cast(DataType::Int64), &columns).1);
}

#[test]
fn statistics_with_nan_are_not_trusted() {
    let of = |min: f64, max: f64, may_hold_nan: bool| {
        let statistics = ColumnStatistics {
            null_count: Precision::Exact(0),
            min: Some(min.into()),
            max: Some(max.into()),
            may_hold_nan,
            ..ColumnStatistics::default()
        };
        text(&Interval::of_statistics(&DataType::Float64, &statistics))
    };
    assert_eq!(of(1.0, 2.0, false), "1.0..2.0");
    assert_eq!(of(1.0, 2.0, true), "1.0..2.0 NaN");
    assert_eq!(of(1.0, f64::NAN, false), "1.0.. NaN");
    let nothing = Interval::of_statistics(&DataType::Int8, &ColumnStatistics::default());
    assert_eq!(text(&nothing), "-128..127 NULL");
    let foreign = Interval::between(&DataType::Utf8View, Some(1.into()), Some("b".into()));
    assert_eq!(text(&foreign), "..b");
    assert_eq!(text(&ints(DataType::Int8, 2, 1)), "");
}

/// An interval of a type and a value within it: two ends and what lies between them.
fn interval(
    data_type: DataType,
    value: BoxedStrategy<ScalarValue>,
) -> impl Strategy<Value = (Interval, ScalarValue)> {
    let options = (any::<[bool; 2]>(), 0..8u8, 0..8u8);
    (value.clone(), value.clone(), value, options).prop_map(move |(a, b, c, (open, null, nan))| {
        let mut values = [a, b, c];
        values.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap());
        let [low, value, high] = values;
        let bound = |end: ScalarValue, open: bool| (!open).then_some(end);
        let interval = Interval::between(&data_type, bound(low, open[0]), bound(high, open[1]))
            .with_null(null < 3)
            .with_nan(nan < 3);
        let value = match () {
            () if null == 0 => ScalarValue::null(&data_type),
            () if nan == 0 && data_type.is_floating() => {
                cast_literal(&f64::NAN.into(), &data_type).unwrap()
            }
            () => value,
        };
        (interval, value)
    })
}

fn near(low: i64, high: i64) -> impl Strategy<Value = i64> {
    prop_oneof![
        low..=high,
        Just(low),
        Just(high),
        -3i64..4,
        (-200i64..200).prop_map(move |n| n.clamp(low, high))
    ]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        -4.0..4.0f64,
        Just(0.0),
        Just(-0.0),
        Just(1.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        any::<f64>().prop_filter("NaN is set apart", |f| !f.is_nan()),
    ]
}

fn columns() -> impl Strategy<Value = HashMap<String, (Interval, ScalarValue)>> {
    let number = |data_type: DataType, low: i64, high: i64| {
        let to = data_type.clone();
        let value = near(low, high).prop_map(move |n| cast_literal(&n.into(), &to).unwrap());
        interval(data_type, value.boxed())
    };
    let named = |name: &str| {
        let name = name.to_owned();
        move |column: (Interval, ScalarValue)| (name.clone(), column)
    };
    let single = float().prop_map(|f| ScalarValue::from(f as f32));
    let decimal = (-99999i128..=99999).prop_map(|n| ScalarValue::decimal(n, 5, 2).unwrap());
    let words = prop::sample::select(vec!["", "a", "ab", "b", "é"]).prop_map(ScalarValue::from);
    let dates = (-5..5).prop_map(ScalarValue::date);
    (
        number(DataType::Int8, -128, 127).prop_map(named("i")),
        number(DataType::Int64, i64::MIN, i64::MAX).prop_map(named("j")),
        interval(
            DataType::Float64,
            float().prop_map(ScalarValue::from).boxed(),
        )
        .prop_map(named("f")),
        interval(DataType::Float32, single.boxed()).prop_map(named("g")),
        interval(DECIMAL, decimal.boxed()).prop_map(named("d")),
        interval(DataType::Utf8View, words.boxed()).prop_map(named("t")),
        interval(DataType::Date32, dates.boxed()).prop_map(named("k")),
        interval(
            DataType::Boolean,
            any::<bool>().prop_map(ScalarValue::from).boxed(),
        )
        .prop_map(named("b")),
    )
        .prop_map(|(a, b, c, d, e, f, g, h)| HashMap::from([a, b, c, d, e, f, g, h]))
}

fn number(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["i", "j", "f", "g", "d"]).prop_map(col),
        (-200i64..200).prop_map(lit),
        (-4.0..4.0f64).prop_map(lit),
        prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, 0.05]).prop_map(lit),
        prop::sample::select(vec![lit(None::<i8>), lit(i64::MAX), lit(0.1f32), lit(0i8)]),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let number = number(depth - 1);
    let types = prop::sample::select(vec![
        DataType::Int8,
        DataType::UInt8,
        DataType::Int64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(12, 3),
    ]);
    prop_oneof![
        2 => leaf,
        6 => (number.clone(), number.clone(), 0..5u8).prop_map(|(x, y, op)| match op {
            0 => x + y,
            1 => x - y,
            2 => x * y,
            3 => x / y,
            _ => x % y,
        }),
        1 => number.clone().prop_map(|x| -x),
        2 => (number.clone(), types, any::<bool>()).prop_map(|(x, to, strict)| {
            if strict { x.cast(to) } else { x.try_cast(to) }
        }),
        1 => number.clone().prop_map(double),
        1 => (truth(depth - 1), number.clone(), number).prop_map(|(c, x, y)| {
            when(c).then(x).otherwise(y)
        }),
    ]
    .boxed()
}

fn truth(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        Just(col("b")),
        prop::sample::select(vec![lit(true), lit(false), lit(None::<bool>)]),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let (truth, number) = (truth(depth - 1), number(depth - 1));
    let word = || prop::sample::select(vec![col("t"), lit("a"), lit("b")]);
    let date = || {
        prop_oneof![
            Just(col("k")),
            (-5..5).prop_map(|d| lit(ScalarValue::date(d)))
        ]
    };
    let same = prop_oneof![
        4 => (number.clone(), number.clone(), number.clone()),
        1 => (word(), word(), word()),
        1 => (date(), date(), date()),
        1 => (truth.clone(), truth.clone(), truth.clone()),
    ];
    prop_oneof![
        1 => leaf,
        6 => (same, 0..10u8).prop_map(|((x, y, z), op)| match op {
            0 => x.eq(y),
            1 => x.neq(y),
            2 => x.lt(y),
            3 => x.lt_eq(y),
            4 => x.gt(y),
            5 => x.gt_eq(y),
            6 => x.between(y, z),
            7 => x.not_between(y, z),
            8 => x.is_in([y, z]),
            _ => x.not_in([y, z]),
        }),
        3 => (truth.clone(), truth.clone(), 0..5u8).prop_map(|(x, y, op)| match op {
            0 => x & y,
            1 => x | y,
            2 => !x,
            3 => x.is_true(),
            _ => x.is_false(),
        }),
        1 => (number.clone(), any::<bool>()).prop_map(|(x, null)| {
            if null { x.is_null() } else { x.is_not_null() }
        }),
        1 => number.prop_map(|x| x.cast(DataType::Float64).is_nan()),
    ]
    .boxed()
}

fn check_contained(expr: Expr, columns: &HashMap<String, (Interval, ScalarValue)>) {
    let schema = schema();
    let expr = resolve(expr, &schema).unwrap();
    // A scale that no decimal has, and the like.
    let Ok(coerced) = coerce(expr, &schema) else {
        return;
    };
    let expr = coerced.data;
    let named = |name: &str| columns.get(name).unwrap();
    let of =
        |reference: &ColumnRef| -> Result<ScalarValue> { Ok(named(reference.name()).1.clone()) };
    let column = |id: ColumnId| named(schema.field_of(id).unwrap().name()).0.clone();
    let interval = bounds(&expr, &column);
    match evaluate_row(&expr, &schema, &of) {
        Ok(value) => {
            assert!(
                interval.contains(&value),
                "{expr} gave {value}, not in {}",
                text(&interval)
            );
            assert_eq!(&interval.data_type, value.data_type(), "{expr}");
        }
        Err(error) => {
            let evaluation = matches!(error.kind(), ErrorKind::Evaluation { .. });
            assert!(evaluation, "{expr}: {error}");
            assert!(!cannot_fail(&expr, &column), "{expr} failed: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn numbers_lie_within_their_bounds(expr in number(3), columns in columns()) {
        check_contained(expr, &columns);
    }

    #[test]
    fn truths_lie_within_their_bounds(expr in truth(3), columns in columns()) {
        check_contained(expr, &columns);
    }
}
