//! Tests of the builders.

use esker_datatypes::{DataType, ScalarValue};

use super::*;
use crate::test_util;

#[test]
fn values_stand_on_either_side() {
    let check = |expr: Expr, want: &str| assert_eq!(expr.to_string(), want);
    check(col("a") + 1, "#a + 1");
    check(10 - col("a"), "10 - #a");
    check(0.5 * col("a"), "0.5 * #a");
    check(lit(1i64) / col("a") % 2u8, "Int64(1) / #a % UInt8(2)");
    // The value on the left has a type at once, so that methods can be called.
    check((1 - col("a")).alias("b"), "1 - #a as b");
    check((0.5 * col("a")).alias("b"), "0.5 * #a as b");
    check(col("a") & true | false, "#a AND TRUE OR FALSE");
    check(true & col("a"), "TRUE AND #a");
    check(-!col("a"), "-(NOT #a)");
    check(col("a").eq("x").not(), "NOT #a = 'x'");
    check(col("a").eq(None::<i64>), "#a = Int64(NULL)");
    let b = col("b");
    check(col("a").eq(&b) | b, "#a = #b OR #b");
    check(col("a").not_in(["x", "y"]), "#a NOT IN ('x', 'y')");
    check(col("a").is_in(Vec::<Expr>::new()), "#a IN ()");
    check(col("a").between(1, col("b")), "#a BETWEEN 1 AND #b");
    check(col("a").not_between(1, 2), "#a NOT BETWEEN 1 AND 2");
    check(col("a").cast(DataType::Int8), "CAST(#a AS Int8)");
    check(col("a").try_cast(DataType::Int8), "TRY_CAST(#a AS Int8)");
    check(
        col("a").lt(ScalarValue::date(0)),
        "#a < Date32('1970-01-01')",
    );
    check(when("a").then("b").end(), "CASE WHEN #a THEN 'b' END");
}

#[test]
fn names_are_wanted_or_operands() {
    let name = |e: &dyn Fn() -> Expr, want: &str| assert_eq!(e().to_string(), want);
    name(&|| "a".into_expr(), "#a");
    name(&|| String::from("a").into_expr(), "#a");
    name(&|| (&col("a")).into_expr(), "#a");
    name(&|| "a".into_operand(), "'a'");
    name(&|| String::from("a").into_operand(), "'a'");
    name(&|| Some(1u8).into_operand(), "UInt8(1)");
}

#[test]
fn unnamed_results_are_named() {
    let check = |expr: Expr, want: &str| assert_eq!(expr.output_name(), want, "{expr}");
    check(col("a"), "a");
    check(col("a").alias("b"), "b");
    check(col("a").alias("b").alias("c"), "c");
    check(col("a").alias("b") + 1, "b");
    check(1 + col("b") * col("a"), "b");
    check(lit(1) + 1, "literal");
    check(test_util::double(col("a") + 1), "a");
    check(test_util::double(lit(1)), "double");
    check(lit(1) + test_util::double(lit(1)), "double");
    check(test_util::double(lit(1)) + col("a"), "a");
    check(test_util::total(col("a") + col("b")), "a_total");
    check(test_util::total(lit(1)), "total");
    check(1 + test_util::total(test_util::double(col("a"))), "a_total");
    check(when(col("a").gt(1)).then(col("b")).end(), "a");
    check(col("a").is_in([col("b")]).not(), "a");
}
