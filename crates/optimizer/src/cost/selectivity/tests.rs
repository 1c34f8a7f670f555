//! Shares of rows, with and without statistics.

use super::*;
use crate::test_util::{scan_of_rows, side_with};
use esker_datatypes::{ColumnStatistics, DataType, Precision, ScalarValue};
use esker_logical_expr::{Expr, col, lit, resolve};
use esker_logical_plan::LogicalPlan;

fn share(scan: &LogicalPlan, predicate: Expr) -> f64 {
    let mut columns = Columns::default();
    columns.learn(scan);
    let predicate = resolve(predicate, scan.schema()).unwrap();
    let share = selectivity(&predicate.conjuncts(), &columns).share;
    (share * 1e4).round() / 1e4
}

/// 1000 rows, of which `xa` is from 0 to 99, a fifth of it null, and `xb` has 4 values.
fn known() -> LogicalPlan {
    let a = ColumnStatistics {
        null_count: Precision::Exact(200),
        min: Some(0i64.into()),
        max: Some(99i64.into()),
        ..ColumnStatistics::default()
    };
    let b = ColumnStatistics {
        null_count: Precision::Exact(0),
        distinct_count: Precision::Exact(4),
        ..ColumnStatistics::default()
    };
    side_with("x", 1000, vec![a, b])
}

#[test]
fn bounds_and_counts_are_used() {
    let of = |predicate| share(&known(), predicate);
    assert_eq!(of(col("xa").eq(5i64)), 0.008);
    assert_eq!(of(col("xa").is_in([5i64, 6])), 0.016);
    assert_eq!(of(col("xb").eq(5i64)), 0.25);
    assert_eq!(of(col("xb").is_in([1i64, 2, 3, 4, 5])), 1.0);
    assert_eq!(of(col("xa").is_null()), 0.2);
    assert_eq!(of(col("xa").is_not_null()), 0.8);
    assert_eq!(of(col("xa").gt(49.5)), 0.4);
    assert_eq!(of(col("xa").lt(-5i64)), 0.0008);
    assert_eq!(of(col("xa").lt(1000i64)), 0.8);
    assert_eq!(of(col("xa").eq(col("xb"))), 0.008);
}

#[test]
fn bounds_of_one_column_are_taken_together() {
    let of = |predicate| share(&known(), predicate);
    let both = col("xa").gt_eq(33i64).and(col("xa").lt(66i64));
    assert_eq!(of(both.clone()), 0.2667);
    assert_eq!(of(both.and(col("xa").lt(44i64))), 0.0889);
    assert_eq!(of(col("xa").between(0i64, 33i64)), 0.2667);
    let unknown = scan_of_rows("t", 1000);
    let both = col("f").gt_eq(33).and(col("f").lt(66)).and(col("f").lt(60));
    assert_eq!(share(&unknown, both), 0.1);
    assert_eq!(share(&unknown, col("f").gt(33)), 0.3333);
}

#[test]
fn branches_add_up() {
    let either = col("xb").eq(1i64).or(col("xb").eq(2i64));
    assert_eq!(share(&known(), either), 0.4375);
    assert_eq!(share(&known(), col("xb").eq(1i64).not()), 0.75);
    assert_eq!(share(&known(), lit(false)), 0.0);
}

#[test]
fn values_on_one_line() {
    let at = |value: ScalarValue| super::position(&value);
    assert_eq!(at(ScalarValue::date(2)), Some(172_800.0));
    let midnight = lit("1970-01-03T00:00:00").cast(DataType::Timestamp(
        esker_datatypes::TimeUnit::Millisecond,
        None,
    ));
    let midnight = esker_logical_expr::evaluate_constant(&midnight).unwrap();
    assert_eq!(at(midnight), Some(172_800.0));
    assert_eq!(at(ScalarValue::decimal(250, 5, 2).unwrap()), Some(2.5));
    assert_eq!(at(5i32.into()), Some(5.0));
    assert!(at("AIR".into()) < at("AIR REG".into()));
    assert!(at("AIR REG".into()) < at("MAIL".into()));
    assert_eq!(at(true.into()), None);
    assert_eq!(at(f64::NAN.into()), None);
    assert_eq!(at(None::<i64>.into()), None);
}
