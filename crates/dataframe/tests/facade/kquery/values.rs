//! Types, nulls and what operators make of values.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use esker_dataframe::prelude::*;

use super::{optimized_text, plan_text};
use crate::{batch, collect, context, frame, ints, rows, types};

#[test]
fn kquery_20_arithmetic_of_float32() {
    let column = |values: [f32; 4]| Arc::new(Float32Array::from(values.to_vec())) as ArrayRef;
    let columns = batch([
        ("a", column([1., 2., 4., 3.])),
        ("b", column([11., 22., 44., 33.])),
    ]);
    let df = context(1).from_batches([columns]).unwrap();
    let (a, b) = (|| col("a"), || col("b"));
    let sums = df.select([
        (a() + b()).alias("sum"),
        (a() - b()).alias("difference"),
        (a() * b()).alias("product"),
        (a() / b()).alias("quotient"),
    ]);
    let f32 = DataType::Float32;
    assert_eq!(
        types(&sums),
        [f32.clone(), f32.clone(), f32, DataType::Float64]
    );
    let quotient = 1.0_f64 / 11.0;
    assert_eq!(
        rows(&sums),
        [
            format!("12.0,-10.0,11.0,{quotient}"),
            format!("24.0,-20.0,44.0,{quotient}"),
            format!("48.0,-40.0,176.0,{quotient}"),
            format!("36.0,-30.0,99.0,{quotient}"),
        ]
    );
}

#[test]
fn kquery_22_booleans() {
    let column = |values: [bool; 4]| Arc::new(BooleanArray::from(values.to_vec())) as ArrayRef;
    let columns = batch([
        ("a", column([false, false, true, true])),
        ("b", column([false, true, false, true])),
    ]);
    let df = context(1).from_batches([columns]).unwrap();
    let both = df.select([
        col("a").and("b".into_expr()).alias("and"),
        (col("a") | col("b")).alias("or"),
    ]);
    assert_eq!(
        rows(&both),
        ["false,false", "false,true", "false,true", "true,true"]
    );
}

#[test]
fn kquery_23_comparison_of_every_type() {
    /// `>=` of a small and a great value: both ways and with itself.
    fn check(small_and_great: ArrayRef) {
        let ctx = context(1);
        let data_type = small_and_great.data_type().clone();
        let pick = |rows: &[u64]| {
            let rows = arrow::array::UInt64Array::from(rows.to_vec());
            arrow::compute::take(&small_and_great, &rows, None).unwrap()
        };
        let columns = batch([("a", pick(&[0, 1, 0, 1])), ("b", pick(&[1, 0, 0, 1]))]);
        let df = ctx.from_batches([columns]).unwrap();
        let got = df.select([col("a").gt_eq(col("b"))]);
        assert_eq!(rows(&got), ["false", "true", "true", "true"], "{data_type}");
        let kept = df.filter(col("a").gt_eq(col("b"))).count().unwrap();
        assert_eq!(kept, 3, "{data_type}");
    }
    check(Arc::new(Int8Array::from(vec![i8::MIN, i8::MAX])));
    check(Arc::new(Int16Array::from(vec![i16::MIN, i16::MAX])));
    check(Arc::new(Int32Array::from(vec![i32::MIN, i32::MAX])));
    check(Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX])));
    check(Arc::new(UInt8Array::from(vec![u8::MIN, u8::MAX])));
    check(Arc::new(UInt16Array::from(vec![u16::MIN, u16::MAX])));
    check(Arc::new(UInt32Array::from(vec![u32::MIN, u32::MAX])));
    check(Arc::new(UInt64Array::from(vec![u64::MIN, u64::MAX])));
    check(Arc::new(Float32Array::from(vec![f32::MIN, f32::MAX])));
    check(Arc::new(Float64Array::from(vec![f64::MIN, f64::MAX])));
    check(Arc::new(Float64Array::from(vec![f64::INFINITY, f64::NAN])));
    check(Arc::new(StringArray::from(vec!["", "z"])));
    check(Arc::new(BooleanArray::from(vec![false, true])));
    check(Arc::new(Date32Array::from(vec![i32::MIN, i32::MAX])));
    let decimal = Decimal128Array::from(vec![-(10_i128.pow(38) - 1), 10_i128.pow(38) - 1]);
    check(Arc::new(decimal.with_precision_and_scale(38, 2).unwrap()));
    // -0.0 = 0.0.
    let zeros = batch([
        ("a", Arc::new(Float64Array::from(vec![-0.0])) as _),
        ("b", Arc::new(Float64Array::from(vec![0.0])) as _),
    ]);
    let df = context(1).from_batches([zeros]).unwrap();
    assert_eq!(
        rows(&df.select([col("a").gt_eq(col("b")), col("b").lt_eq(col("a"))])),
        ["true,true"]
    );
}

#[test]
fn kquery_25_nulls_in_comparisons() {
    let df = frame(
        &context(1),
        "x",
        Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
    );
    assert_eq!(
        rows(&df.select([col("x").eq(1)])),
        ["true", "NULL", "false"]
    );
    assert_eq!(rows(&df.filter(col("x").eq(1))), ["1"]);
    assert_eq!(rows(&df.filter(!col("x").eq(1))), ["3"]);
    assert_eq!(
        rows(&df.select([col("x").is_null()])),
        ["false", "true", "false"]
    );
}

#[test]
fn kquery_26_kleene() {
    let three = [Some(true), Some(false), None];
    let pairs = three.into_iter().flat_map(|a| three.map(|b| (a, b)));
    let (a, b): (Vec<_>, Vec<_>) = pairs.unzip();
    let columns = batch([
        ("a", Arc::new(BooleanArray::from(a.clone())) as _),
        ("b", Arc::new(BooleanArray::from(b.clone())) as _),
    ]);
    let df = context(1).from_batches([columns]).unwrap();
    let and = |a: Option<bool>, b: Option<bool>| match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    };
    let not = |a: Option<bool>| a.map(|a| !a);
    let text = |value: Option<bool>| value.map_or("NULL".to_owned(), |value| value.to_string());
    let want: Vec<String> = std::iter::zip(a, b)
        .map(|(a, b)| {
            [and(a, b), not(and(not(a), not(b))), not(a)]
                .map(text)
                .join(",")
        })
        .collect();
    let got = df.select([
        col("a").and(col("b")).alias("and"),
        col("a").or(col("b")).alias("or"),
        col("a").not().alias("not"),
    ]);
    assert_eq!(rows(&got), want);
}

#[test]
fn kquery_30_the_null_string() {
    let df = frame(
        &context(1),
        "s",
        Arc::new(StringArray::from(vec![None, Some("null")])),
    );
    assert_eq!(rows(&df.select([col("s").eq("null")])), ["NULL", "true"]);
    assert_eq!(rows(&df.select([col("s").neq("null")])), ["NULL", "false"]);
    assert_eq!(rows(&df.filter(col("s").eq("null"))), ["null"]);
    assert_eq!(df.filter(col("s").is_null()).count().unwrap(), 1);
}

#[test]
fn kquery_31_literals_take_the_columns_type() {
    let df = frame(&context(1), "i", Arc::new(Int32Array::from(vec![4, 6])));
    let df = df.filter(col("i").gt(5i64));
    assert_eq!(
        plan_text(&df),
        "Filter: #i > Int64(5)\n    Scan: memory; projection=None"
    );
    let text = optimized_text(&df);
    assert!(text.contains("#i > 5") && !text.contains("CAST"), "{text}");
    assert_eq!(rows(&df), ["6"]);
}

#[test]
fn kquery_32_planned_types_are_run_time_types() {
    let columns = batch([
        ("i", Arc::new(Int32Array::from(vec![i32::MAX])) as ArrayRef),
        ("l", ints([1])),
    ]);
    let df = context(1).from_batches([columns]).unwrap();
    let sums = df.select([
        (col("i") + col("l")).alias("sum"),
        (col("i") * 1.1).alias("product"),
    ]);
    assert_eq!(types(&sums), [DataType::Int64, DataType::Float64]);
    assert_eq!(
        rows(&sums),
        [format!("2147483648,{}", f64::from(i32::MAX) * 1.1)]
    );
}

#[test]
fn kquery_35_division() {
    let ctx = context(1);
    let one = |a: i64, b: i64| {
        ctx.from_batches([batch([("a", ints([a])), ("b", ints([b]))])])
            .unwrap()
    };
    // With columns, with literals, and with constants that are folded.
    let check = |a: i64, b: i64, of: &dyn Fn(Expr, Expr) -> Expr, want: &str| {
        let df = one(a, b);
        for (x, y) in [
            (col("a"), col("b")),
            (col("a"), lit(b)),
            (lit(a), col("b")),
            (lit(a), lit(b)),
        ] {
            let got = df.select([of(x, y).alias("x")]);
            assert_eq!(rows(&got), [want], "{a}, {b}: {got:?}");
        }
    };
    let divide = |a: Expr, b: Expr| a / b;
    check(7, 2, &divide, "3.5");
    check(1, 0, &divide, "inf");
    check(-1, 0, &divide, "-inf");
    let floats = |a: Expr, b: Expr| a.cast(DataType::Float64) / b.cast(DataType::Float64);
    check(1, 0, &floats, "inf");
    let floor_div = |a: Expr, b: Expr| a.floor_div(b);
    check(7, 2, &floor_div, "3");
    check(-7, 2, &floor_div, "-4");
    check(1, 0, &floor_div, "NULL");
    let remainder = |a: Expr, b: Expr| a % b;
    check(7, 3, &remainder, "1");
    check(-7, 3, &remainder, "-1");
    check(1, 0, &remainder, "NULL");
    check(-7, 3, &|a, b| a.floor_mod(b), "2");
}

#[test]
fn kquery_36_casts() {
    let ctx = context(1);
    let bytes = frame(
        &ctx,
        "x",
        Arc::new(Int8Array::from(vec![10, 20, 30, -128, 127])),
    );
    let text = bytes.select([col("x").cast(DataType::Utf8)]);
    assert_eq!(rows(&text), ["10", "20", "30", "-128", "127"]);
    let extremes = [f32::from_bits(1), f32::MAX];
    let floats = frame(&ctx, "x", Arc::new(Float32Array::from(extremes.to_vec())));
    let back = floats.select([col("x").cast(DataType::Utf8View).cast(DataType::Float32)]);
    let batches: Vec<RecordBatch> = collect(&back).into_iter().collect();
    let back = batches[0]
        .column(0)
        .as_any()
        .downcast_ref::<Float32Array>()
        .unwrap();
    assert_eq!(back.values().as_ref(), extremes);

    let abc = frame(&ctx, "x", Arc::new(StringArray::from(vec!["abc"])));
    let error = abc
        .select([col("x").cast(DataType::Int64)])
        .collect()
        .unwrap_err()
        .to_string();
    assert!(error.contains("'abc'"), "{error}");
    assert_eq!(
        rows(&abc.select([col("x").try_cast(DataType::Int64)])),
        ["NULL"]
    );
    let big = frame(&ctx, "x", ints([300]));
    let error = big
        .select([col("x").cast(DataType::Int8)])
        .collect()
        .unwrap_err()
        .to_string();
    assert!(error.contains("300"), "{error}");
    assert_eq!(
        rows(&big.select([col("x").try_cast(DataType::Int8)])),
        ["NULL"]
    );
}

#[test]
fn kquery_38_dates() {
    let days = [10470, 10500, 10531, 10561];
    let columns = batch([
        ("id", ints([1, 2, 3, 4])),
        ("ship_date", Arc::new(Date32Array::from(days.to_vec()))),
    ]);
    let df = context(1).from_batches([columns]).unwrap();
    let last = lit(ScalarValue::date(10561)).dt().add_days(-68);
    let shipped = df.filter(col("ship_date").lt_eq(last));
    assert_eq!(rows(&shipped.select(["id"])), ["1"]);
    // The bound is computed once, when the query is planned.
    assert!(optimized_text(&shipped).contains("#ship_date <= Date32('1998-09-24')"));
    let due = df.select([
        col("ship_date").dt().add_days(30).alias("due"),
        col("ship_date").dt().year().alias("year"),
    ]);
    assert_eq!(types(&due), [DataType::Date32, DataType::Int32]);
    assert_eq!(
        rows(&due),
        [
            "1998-10-01,1998",
            "1998-10-31,1998",
            "1998-12-01,1998",
            "1998-12-31,1998"
        ]
    );
}
