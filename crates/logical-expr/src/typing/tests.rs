//! Tests of typing and coercion: the rules S4 and S5, case by case.

use std::collections::HashMap;

use arrow::datatypes::TimeUnit;
use esker_datatypes::{Field, Name};

use super::*;
use crate::const_eval::evaluate_row;
use crate::test_util::{double, fail_on, total};
use crate::{IntoOperand, col, lit, resolve, when};

/// A column of each type; `n` may be null. Each comes with a value.
fn columns() -> Vec<(Field, ScalarValue)> {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let number = |data_type: &DataType| cast_literal(&ScalarValue::from(3i64), data_type).unwrap();
    let text = |data_type: &DataType| cast_literal(&ScalarValue::from("x"), data_type).unwrap();
    let day = |data_type: &DataType| cast_literal(&ScalarValue::date(7), data_type).unwrap();
    let mut columns: Vec<(Field, ScalarValue)> = [
        ("i8", DataType::Int8),
        ("i16", DataType::Int16),
        ("i32", DataType::Int32),
        ("i64", DataType::Int64),
        ("u8", DataType::UInt8),
        ("u16", DataType::UInt16),
        ("u32", DataType::UInt32),
        ("u64", DataType::UInt64),
        ("f32", DataType::Float32),
        ("f64", DataType::Float64),
        ("d", DataType::Decimal128(5, 2)),
        ("d4", DataType::Decimal128(10, 4)),
        ("wide", DataType::Decimal256(40, 2)),
        ("exact", DataType::Decimal128(38, 30)),
    ]
    .into_iter()
    .map(|(name, data_type)| {
        let value = number(&data_type);
        (Field::new(name, data_type, false), value)
    })
    .collect();
    let mut add = |name: &str, data_type: DataType, value: ScalarValue| {
        columns.push((Field::new(name, data_type, false), value));
    };
    add("t", DataType::Utf8View, text(&DataType::Utf8View));
    add("t8", DataType::Utf8, text(&DataType::Utf8));
    add("tag", dictionary, text(&DataType::Utf8));
    add("day", DataType::Date32, ScalarValue::date(7));
    add("ts", micros.clone(), day(&micros));
    add("tz", zoned.clone(), ScalarValue::null(&zoned));
    add("b", DataType::Boolean, true.into());
    columns.push((Field::new("n", DataType::Int64, true), None::<i64>.into()));
    columns
}

fn schema() -> (Schema, HashMap<Name, ScalarValue>) {
    let columns = columns();
    let values = columns
        .iter()
        .map(|(f, v)| (f.name().clone(), v.clone()))
        .collect();
    (
        columns.into_iter().map(|(field, _)| field).collect(),
        values,
    )
}

/// The type, `?` behind it where nulls may be, and the expression with its casts; or the error.
fn check(expr: Expr, want: Result<(&str, &str), &str>) {
    let (schema, values) = schema();
    let expr = resolve(expr, &schema).unwrap();
    let typed = expr_type(&expr, &schema);
    let (typed, want) = match (typed, want) {
        (Ok(typed), Ok(want)) => (typed, want),
        (Err(error), Err(want)) => return assert!(error.to_string().contains(want), "{error}"),
        (typed, want) => panic!("{expr}: {typed:?} instead of {want:?}"),
    };
    let question = if typed.nullable { "?" } else { "" };
    let coerced = coerce(expr.clone(), &schema).unwrap();
    let got = (
        format!("{}{question}", typed.data_type),
        coerced.data.to_string(),
    );
    assert_eq!((got.0.as_str(), got.1.as_str()), want, "{expr}");
    assert_eq!(coerced.changed, !coerced.data.same_as(&expr), "{expr}");

    assert_eq!(expr_type(&coerced.data, &schema).unwrap(), typed, "{expr}");
    let again = coerce(coerced.data.clone(), &schema).unwrap();
    assert!(!again.changed, "coerced twice: {expr} is {}", again.data);

    if expr.has_aggregate() {
        return;
    }
    let value = evaluate_row(&coerced.data, &schema, &|c| Ok(values[c.name()].clone()));
    let value = value.unwrap_or_else(|error| panic!("{expr}: {error}"));
    assert_eq!(
        value.data_type(),
        esker_datatypes::value_type(&typed.data_type),
        "{expr}"
    );
    assert!(
        typed.nullable || !value.is_null() || expr.to_string().contains("tz"),
        "{expr}"
    );
}

#[test]
fn numbers_beside_numbers() {
    check(col("i8") + 1, Ok(("Int8", "#i8 + Int8(1)")));
    check(1 + col("i8"), Ok(("Int8", "Int8(1) + #i8")));
    check(
        col("i8") + 300,
        Ok(("Int16", "CAST(#i8 AS Int16) + Int16(300)")),
    );
    check(col("u8") + 1, Ok(("UInt8", "#u8 + UInt8(1)")));
    check(
        col("u8") + -1,
        Ok(("Int16", "CAST(#u8 AS Int16) + Int16(-1)")),
    );
    check(col("u64") * 2, Ok(("UInt64", "#u64 * UInt64(2)")));
    check(col("n") + 1, Ok(("Int64?", "#n + Int64(1)")));
    check(
        col("i8") + col("i16"),
        Ok(("Int16", "CAST(#i8 AS Int16) + #i16")),
    );
    check(
        col("i8") + col("u8"),
        Ok(("Int16", "CAST(#i8 AS Int16) + CAST(#u8 AS Int16)")),
    );
    check(
        col("i64") + col("u64"),
        Ok(("Int64", "#i64 + CAST(#u64 AS Int64)")),
    );
    check(
        col("i32") / 2,
        Ok(("Float64", "CAST(#i32 AS Float64) / 2.0")),
    );
    check(col("i32") % 2, Ok(("Int32?", "#i32 % 2")));
    check(
        col("i32") * 0.5,
        Ok(("Float64", "CAST(#i32 AS Float64) * 0.5")),
    );
    check(col("f32") * 0.1, Ok(("Float32", "#f32 * Float32(0.1)")));
    check(
        col("f64") * 0.1f32,
        Ok(("Float64", "#f64 * 0.10000000149011612")),
    );
    check(col("f32") + 1, Ok(("Float32", "#f32 + Float32(1.0)")));
    check(
        col("f32") + 16_777_217,
        Ok(("Float64", "CAST(#f32 AS Float64) + 16777217.0")),
    );
    check(
        col("f32") + col("i8"),
        Ok(("Float64", "CAST(#f32 AS Float64) + CAST(#i8 AS Float64)")),
    );
    check(lit(1i8) + 2i64, Ok(("Int64", "Int64(1) + Int64(2)")));
    check(col("i8") + None::<i64>, Ok(("Int8?", "#i8 + Int8(NULL)")));
    check(
        col("i8") + None::<f64>,
        Ok(("Float64?", "CAST(#i8 AS Float64) + Float64(NULL)")),
    );
    check(
        col("i8") + lit(ScalarValue::null(&DataType::Null)),
        Ok(("Int8?", "#i8 + Int8(NULL)")),
    );
    check(-col("i8"), Ok(("Int8", "-#i8")));
    check(-col("u8"), Ok(("Int16", "-CAST(#u8 AS Int16)")));
    check(-col("u64"), Ok(("Int64", "-CAST(#u64 AS Int64)")));
    check(-col("t"), Err("- takes numbers, not Utf8View"));
    check(col("t") + 1, Err("text never becomes a number"));
    check(col("day") + 1, Err("date and time arithmetic"));
    check(col("b") + 1, Err("cannot compute Boolean + Int32"));
}

#[test]
fn decimals() {
    check(
        col("d") + 1,
        Ok(("Decimal128(6, 2)", "#d + Decimal(1, 1, 0)")),
    );
    check(col("d") + col("d4"), Ok(("Decimal128(11, 4)", "#d + #d4")));
    check(col("d") * col("d4"), Ok(("Decimal128(15, 6)", "#d * #d4")));
    check(col("d") / col("d4"), Ok(("Float64", "#d / #d4")));
    check(
        col("d") * 0.05,
        Ok(("Decimal128(7, 4)", "#d * Decimal(0.05, 2, 2)")),
    );
    check(
        col("d") + col("i32"),
        Ok(("Decimal128(13, 2)", "#d + CAST(#i32 AS Decimal128(10, 0))")),
    );
    check(
        col("d") * col("f64"),
        Ok(("Float64", "CAST(#d AS Float64) * #f64")),
    );
    check(
        col("wide") + col("d"),
        Ok(("Decimal256(41, 2)", "#wide + CAST(#d AS Decimal256(5, 2))")),
    );
    check(
        col("exact") * col("exact"),
        Err("60 digits behind the point, more than 38"),
    );
    check(col("d") % col("d4"), Ok(("Decimal128(10, 4)?", "#d % #d4")));
    check(-col("d"), Ok(("Decimal128(5, 2)", "-#d")));
    check(
        col("d").eq(0.05),
        Ok(("Boolean", "#d = Decimal(0.05, 5, 2)")),
    );
    check(
        col("d").gt(0.001),
        Ok((
            "Boolean",
            "CAST(#d AS Decimal128(6, 3)) > Decimal(0.001, 6, 3)",
        )),
    );
    check(
        col("d").between(0.05, 7),
        Ok((
            "Boolean",
            "#d BETWEEN Decimal(0.05, 5, 2) AND Decimal(7.00, 5, 2)",
        )),
    );
}

#[test]
fn comparisons() {
    check(col("i8").eq(1), Ok(("Boolean", "#i8 = Int8(1)")));
    check(
        col("i8").eq(300),
        Ok(("Boolean", "CAST(#i8 AS Int16) = Int16(300)")),
    );
    check(col("n").lt(1), Ok(("Boolean?", "#n < Int64(1)")));
    check(col("i64").lt(col("u64")), Ok(("Boolean", "#i64 < #u64")));
    check(col("u64").gt(-1), Ok(("Boolean", "#u64 > Int64(-1)")));
    check(
        col("exact").lt(1_000_000_000),
        Ok((
            "Boolean",
            "CAST(#exact AS Decimal256(40, 30)) < \
             Decimal256(40, 30)('1000000000.000000000000000000000000000000')",
        )),
    );
    check(
        col("d").eq(0.1f32),
        Ok(("Boolean", "#d = Decimal(0.10, 5, 2)")),
    );
    check(
        col("u64").gt(col("i8")),
        Ok(("Boolean", "#u64 > CAST(#i8 AS Int64)")),
    );
    check(
        col("i64").lt(u64::MAX),
        Ok(("Boolean", "#i64 < UInt64(18446744073709551615)")),
    );
    check(
        col("i64").gt(1.5),
        Ok(("Boolean", "CAST(#i64 AS Float64) > 1.5")),
    );
    check(col("f32").eq(0.1), Ok(("Boolean", "#f32 = Float32(0.1)")));
    check(
        col("f32").lt(1e300),
        Ok(("Boolean", "CAST(#f32 AS Float64) < 1e300")),
    );
    check(col("t").eq("a"), Ok(("Boolean", "#t = 'a'")));
    check(col("t8").eq(col("t")), Ok(("Boolean", "#t8 = #t")));
    check(
        col("tag").eq("a"),
        Ok(("Boolean", "CAST(#tag AS Utf8) = 'a'")),
    );
    check(col("day").lt("1998-09-02"), Err("lit(date)"));
    check("x".into_operand().eq(col("ts")), Err("lit(date)"));
    check(col("t").eq(1), Err("text never becomes a number"));
    check(
        col("day").lt(ScalarValue::date(0)),
        Ok(("Boolean", "#day < Date32('1970-01-01')")),
    );
    check(
        col("day").lt(col("ts")),
        Ok(("Boolean", "CAST(#day AS Timestamp(µs)) < #ts")),
    );
    check(col("ts").lt(col("tz")), Err("cannot compare"));
    check(col("b").eq(1), Err("cannot compare"));
    check(col("b").eq(true), Ok(("Boolean", "#b = TRUE")));
    check(
        col("i8").eq(lit(ScalarValue::null(&DataType::Null))),
        Ok(("Boolean?", "#i8 = Int8(NULL)")),
    );
}

#[test]
fn logic() {
    check(
        col("b") & col("i8").is_null(),
        Ok(("Boolean", "#b AND #i8 IS NULL")),
    );
    check(
        col("b") | lit(None::<bool>),
        Ok(("Boolean?", "#b OR Boolean(NULL)")),
    );
    check(
        col("b") & lit(ScalarValue::null(&DataType::Null)),
        Ok(("Boolean?", "#b AND Boolean(NULL)")),
    );
    check(
        col("b") & col("i8"),
        Err("AND takes truth values, not Boolean and Int8"),
    );
    check(!col("i8"), Err("NOT takes truth values, not Int8"));
    check(!col("b"), Ok(("Boolean", "NOT #b")));
    check(col("n").is_null(), Ok(("Boolean", "#n IS NULL")));
    check(
        col("n").gt(1).is_true(),
        Ok(("Boolean", "(#n > Int64(1)) IS TRUE")),
    );
    check(col("f64").is_nan(), Ok(("Boolean", "#f64 IS NAN")));
    check(col("i8").is_nan(), Err("IS NAN takes floats, not Int8"));
}

#[test]
fn conditions_and_membership() {
    let if_b = || when(col("b"));
    check(
        if_b().then(1).otherwise(2.5),
        Ok(("Float64", "CASE WHEN #b THEN 1.0 ELSE 2.5 END")),
    );
    check(
        if_b().then(col("i8")).otherwise(1),
        Ok(("Int8", "CASE WHEN #b THEN #i8 ELSE Int8(1) END")),
    );
    check(
        if_b().then(1).end(),
        Ok(("Int32?", "CASE WHEN #b THEN 1 END")),
    );
    check(
        if_b().then(col("i8")).otherwise(col("f32")),
        Ok((
            "Float64",
            "CASE WHEN #b THEN CAST(#i8 AS Float64) ELSE CAST(#f32 AS Float64) END",
        )),
    );
    check(
        if_b()
            .then(lit(ScalarValue::null(&DataType::Null)))
            .otherwise(col("t")),
        Ok(("Utf8View?", "CASE WHEN #b THEN Utf8View(NULL) ELSE #t END")),
    );
    check(
        if_b().then("a").otherwise(1),
        Err("the values of CASE have no common type"),
    );
    check(
        when("i8").then(1).end(),
        Err("a condition of CASE is a truth value, not Int8"),
    );
    check(
        col("i8").is_in([1, 2]),
        Ok(("Boolean", "#i8 IN (Int8(1), Int8(2))")),
    );
    check(
        col("i8").is_in([1, 300]),
        Ok(("Boolean", "CAST(#i8 AS Int16) IN (Int16(1), Int16(300))")),
    );
    check(
        col("i8").is_in([Some(1), None]).not(),
        Ok(("Boolean?", "NOT #i8 IN (Int8(1), Int8(NULL))")),
    );
    check(
        col("t").is_in(["a", "b"]),
        Ok(("Boolean", "#t IN ('a', 'b')")),
    );
    check(
        col("t8").is_in(["a"]),
        Ok(("Boolean", "#t8 IN (Utf8('a'))")),
    );
    check(col("t").is_in([1]), Err("IN compares values of one type"));
    check(
        col("u64").is_in([-1, 5]),
        Ok((
            "Boolean",
            "CAST(#u64 AS Decimal128(20, 0)) IN (Decimal(-1, 20, 0), Decimal(5, 20, 0))",
        )),
    );
    check(
        col("i64").is_in([u64::MAX, 5]),
        Ok((
            "Boolean",
            "CAST(#i64 AS Decimal128(20, 0)) IN \
             (Decimal(18446744073709551615, 20, 0), Decimal(5, 20, 0))",
        )),
    );
    check(
        col("u64").between(-1, 5),
        Ok(("Boolean", "#u64 BETWEEN Int64(-1) AND UInt64(5)")),
    );
    check(
        col("i8").between(col("i64"), col("u64")),
        Ok(("Boolean", "CAST(#i8 AS Int64) BETWEEN #i64 AND #u64")),
    );
    check(
        col("exact").between(-1, 1_000_000_000_000i64),
        Ok((
            "Boolean",
            "CAST(#exact AS Decimal256(43, 30)) BETWEEN \
             Decimal256(43, 30)('-1.000000000000000000000000000000') AND \
             Decimal256(43, 30)('1000000000000.000000000000000000000000000000')",
        )),
    );
    check(
        col("i8").between(1, col("i16")),
        Ok(("Boolean", "CAST(#i8 AS Int16) BETWEEN Int16(1) AND #i16")),
    );
    check(
        col("t").between("a", "b"),
        Ok(("Boolean", "#t BETWEEN 'a' AND 'b'")),
    );
    check(
        col("t").between(1, 2),
        Err("BETWEEN compares values of one type"),
    );
}

#[test]
fn casts_calls_and_aliases() {
    check(
        col("i8").cast(DataType::Int64),
        Ok(("Int64", "CAST(#i8 AS Int64)")),
    );
    check(
        col("i8").try_cast(DataType::Int64),
        Ok(("Int64?", "TRY_CAST(#i8 AS Int64)")),
    );
    check(
        col("b").cast(DataType::Date32),
        Err("a Boolean cannot be cast to Date32"),
    );
    check(
        double(col("i8")),
        Ok(("Float64", "double(CAST(#i8 AS Float64))")),
    );
    check(
        double(col("t")),
        Err("double() takes (Float64), not (Utf8View)"),
    );
    check(
        fail_on(lit(1), 2),
        Ok(("Int64", "fail_on(Int64(1), value=2)")),
    );
    check(total(col("i8")), Ok(("Int64?", "TOTAL(#i8)")));
    check(
        total(col("t")),
        Err("total() takes numbers, not (Utf8View)"),
    );
    check(col("i8").alias("x"), Ok(("Int8", "#i8 as x")));
    check(
        (col("i8") + 1).alias("x"),
        Ok(("Int8", "#i8 + Int8(1) as x")),
    );
}

#[test]
fn literals_that_do_not_fit_are_named() {
    let (schema, _) = schema();
    let error = coerce(lit(u64::MAX) + 1i64, &schema)
        .unwrap_err()
        .to_string();
    assert!(error.contains("18446744073709551615"), "{error}");
}

#[test]
fn fields_of_results() {
    let (schema, _) = schema();
    let check = |expr: Expr, name: &str, kept: bool| {
        let expr = resolve(expr, &schema).unwrap();
        let field = expr_field(&expr, &schema).unwrap();
        assert_eq!(field.name().as_ref(), name);
        assert_eq!(schema.index_of(field.id()).is_some(), kept, "{expr}");
    };
    check(col("i8"), "i8", true);
    check(col("i8") + 1, "i8", false);
    check(col("i8").alias("x"), "x", false);
    check(total(col("i8")), "i8_total", false);
}
