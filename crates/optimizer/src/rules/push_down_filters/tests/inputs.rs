//! Filters through aggregations, sorts and `Distinct`.

use esker_datatypes::DataType;
use esker_logical_expr::test_util::{double, fail_on, total};
use esker_logical_expr::{Expr, col, lit};
use esker_logical_plan::{Aggregate, LogicalPlan, Sort};

use super::check;
use crate::test_util::{aggregate, distinct, filter, project, random, scan, sort};

fn sums(keys: impl IntoIterator<Item = Expr>) -> LogicalPlan {
    aggregate(scan("t"), keys, [total(col("b")).alias("t")])
}

#[test]
fn what_is_about_keys_goes_below_an_aggregation() {
    let plan = sums([col("a"), double(col("f")).alias("g"), col("s")]);
    let predicate = col("t").gt(3).and(col("a").lt(5)).and(col("g").gt(1));
    insta::assert_snapshot!(check(filter(plan, predicate.and(col("s").eq(col("s"))))), @r"
    Filter: #t > Int64(3)
        Aggregate: groupExpr=[#a, double(#f) as g, #s], aggregateExpr=[TOTAL(#b) as t]
            Filter: #a < Int64(5) AND double(#f) > 1.0 AND #s = #s
                Scan: t; projection=None
    ");
}

#[test]
fn an_aggregation_without_keys_stops_a_filter() {
    let none: [Expr; 0] = [];
    let plan = aggregate(scan("t"), none, [total(col("b")).alias("t")]);
    insta::assert_snapshot!(check(filter(plan, col("t").gt(3))), @r"
    Filter: #t > Int64(3)
        Aggregate: groupExpr=[], aggregateExpr=[TOTAL(#b) as t]
            Scan: t; projection=None
    ");
}

#[test]
fn a_volatile_key_stops_a_filter() {
    let plan = sums([random().alias("r"), col("a")]);
    insta::assert_snapshot!(check(filter(plan, col("r").gt(0.5))), @r"
    Filter: #r > 0.5
        Aggregate: groupExpr=[random() as r, #a], aggregateExpr=[TOTAL(#b) as t]
            Scan: t; projection=None
    ");
    let plan = sums([col("a")]);
    insta::assert_snapshot!(check(filter(plan, random().gt(col("a")))), @r"
    Filter: random() > CAST(#a AS Float64)
        Aggregate: groupExpr=[#a], aggregateExpr=[TOTAL(#b) as t]
            Scan: t; projection=None
    ");
}

#[test]
fn what_can_fail_does_not_pass_what_stays() {
    let fails = || fail_on(col("a"), 3).gt(0);
    insta::assert_snapshot!(check(filter(sums([col("a")]), fails().and(col("t").gt(1)))), @r"
    Filter: #t > Int64(1)
        Aggregate: groupExpr=[#a], aggregateExpr=[TOTAL(#b) as t]
            Filter: fail_on(#a, value=3) > Int64(0)
                Scan: t; projection=None
    ");
    insta::assert_snapshot!(check(filter(sums([col("a")]), col("t").gt(1).and(fails()))), @r"
    Filter: #t > Int64(1) AND fail_on(#a, value=3) > Int64(0)
        Aggregate: groupExpr=[#a], aggregateExpr=[TOTAL(#b) as t]
            Scan: t; projection=None
    ");
}

#[test]
fn what_tells_equal_floats_apart_stays() {
    // 1 / -0.0 is not 1 / 0.0, and both zeros are in one group.
    let stays = [
        (lit(1.0) / col("f")).gt(0),
        col("f").cast(DataType::Utf8View).eq("0.0"),
        double(col("f")).gt(1),
    ];
    let goes = [
        (-col("f")).gt(0),
        col("f").is_null().or(col("f").is_in([1.0, 2.0])),
        col("f").between(0, 1),
        (col("a") / 2).gt(1),
    ];
    for (predicates, first) in [(stays.to_vec(), "Filter"), (goes.to_vec(), "Aggregate")] {
        for predicate in predicates {
            let text = check(filter(sums([col("f"), col("a")]), predicate));
            assert!(text.starts_with(first), "{text}");
        }
    }
}

#[test]
fn options_of_an_aggregation_stay() {
    let plan = Aggregate::try_new([col("a")], [total(col("b")).alias("t")], scan("t")).unwrap();
    let plan = LogicalPlan::Aggregate(plan.with_maintain_order(true).with_sorted(true));
    insta::assert_snapshot!(check(filter(plan, col("a").gt(3))), @r"
    Aggregate: groupExpr=[#a], aggregateExpr=[TOTAL(#b) as t], maintain_order=true, sorted=true
        Filter: #a > Int64(3)
            Scan: t; projection=None
    ");
}

#[test]
fn what_is_about_the_distinct_columns_goes_below() {
    let plan = distinct(project(scan("t"), [col("a"), col("f")]), &[]);
    insta::assert_snapshot!(check(filter(plan, col("a").gt(1).and(col("f").lt(2)))), @r"
    Distinct
        Projection: #a, #f
            Filter: #a > Int64(1) AND #f < 2.0
                Scan: t; projection=None
    ");
    let plan = distinct(project(scan("t"), [col("a"), col("b")]), &["a"]);
    insta::assert_snapshot!(check(filter(plan, col("b").gt(1).and(col("a").gt(1)))), @r"
    Filter: #b > Int64(1)
        Distinct: on=[#a]
            Projection: #a, #b
                Filter: #a > Int64(1)
                    Scan: t; projection=None
    ");
}

#[test]
fn what_tells_equal_rows_apart_stays_above_distinct() {
    let plan = distinct(project(scan("t"), [col("a"), col("f")]), &[]);
    insta::assert_snapshot!(check(filter(plan, (col("f") / 2).gt(1).and(random().gt(0.5)))), @r"
    Filter: #f / 2.0 > 1.0 AND random() > 0.5
        Distinct
            Projection: #a, #f
                Scan: t; projection=None
    ");
}

#[test]
fn a_full_sort_lets_filters_pass() {
    let plan = sort(scan("t"), [col("a").desc()]);
    let predicate = fail_on(col("a"), 3)
        .gt(0)
        .and(random().gt(0.5))
        .and(col("b").gt(1));
    insta::assert_snapshot!(check(filter(plan, predicate)), @r"
    Filter: random() > 0.5
        Sort: #a DESC NULLS LAST
            Filter: fail_on(#a, value=3) > Int64(0) AND #b > Int64(1)
                Scan: t; projection=None
    ");
}

#[test]
fn the_first_rows_of_an_order_stop_filters() {
    let plan = Sort::try_new([col("a").asc()], Some(5), scan("t")).unwrap();
    insta::assert_snapshot!(check(filter(LogicalPlan::Sort(plan), col("b").gt(1))), @r"
    Filter: #b > Int64(1)
        Sort: #a ASC NULLS LAST; fetch=5
            Scan: t; projection=None
    ");
}
