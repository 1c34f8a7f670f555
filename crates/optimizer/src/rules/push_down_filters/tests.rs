//! Golden plans of `push_down_filters`.

mod inputs;
mod joins;

use esker_logical_expr::test_util::fail_on;
use esker_logical_expr::{Expr, col, lit};
use esker_logical_plan::FilterPushdown;

use super::*;
use crate::test_util::{apply, filter, limit, project, random, scan, scan_with, union, unnest};

fn check(plan: LogicalPlan) -> String {
    apply(PushDownFilters, plan)
}

/// Takes exactly what is about `a`, roughly what is about `b`.
fn picky(name: &str) -> LogicalPlan {
    scan_with(name, |filter: &Expr| {
        let text = filter.to_string();
        if text.contains("#a") {
            FilterPushdown::Exact
        } else if text.contains("#b") {
            FilterPushdown::Inexact
        } else {
            FilterPushdown::Unsupported
        }
    })
}

#[test]
fn filters_meet_below_a_projection() {
    let inner = project(
        filter(scan("t"), col("s").eq("CO")),
        [col("a"), (col("f") * 2).alias("g")],
    );
    insta::assert_snapshot!(check(filter(inner, col("g").gt(1).and(col("a").lt(5)))), @r"
    Projection: #a, #f * 2.0 as g
        Filter: #s = 'CO' AND #f * 2.0 > 1.0 AND #a < Int64(5)
            Scan: t; projection=None
    ");
}

#[test]
fn a_source_takes_what_it_can() {
    let plan = filter(
        picky("t"),
        col("a").gt(1).and(col("b").gt(2)).and(col("d").gt(3)),
    );
    insta::assert_snapshot!(check(plan), @r"
    Filter: #b > Int64(2) AND #d > 3
        Scan: t; projection=None; filters=[#a > Int64(1), #b > Int64(2)]
    ");
}

#[test]
fn a_failing_conjunct_is_not_moved_ahead() {
    let fails = |name: &str| fail_on(col(name), 3).gt(0);
    let plan = filter(
        picky("t"),
        fails("a")
            .and(col("d").gt(3))
            .and(fails("a"))
            .and(col("a").gt(1)),
    );
    insta::assert_snapshot!(check(plan), @r"
    Filter: #d > 3 AND fail_on(#a, value=3) > Int64(0)
        Scan: t; projection=None; filters=[fail_on(#a, value=3) > Int64(0), #a > Int64(1)]
    ");
}

#[test]
fn nor_ahead_of_one_that_the_scan_takes_roughly() {
    let plan = filter(picky("t"), col("b").gt(2).and(fail_on(col("a"), 3).gt(0)));
    insta::assert_snapshot!(check(plan), @r"
    Filter: #b > Int64(2) AND fail_on(#a, value=3) > Int64(0)
        Scan: t; projection=None; filters=[#b > Int64(2)]
    ");
}

#[test]
fn the_rest_does_not_pass_a_volatile_column_when_it_can_fail() {
    let inner = project(scan("t"), [col("a"), col("b"), random().alias("r")]);
    let predicate = col("r")
        .lt(0.5)
        .and(fail_on(col("a"), 3).gt(0))
        .and(col("b").gt(1));
    insta::assert_snapshot!(check(filter(inner, predicate)), @r"
    Filter: #r < 0.5 AND fail_on(#a, value=3) > Int64(0)
        Projection: #a, #b, random() as r
            Filter: #b > Int64(1)
                Scan: t; projection=None
    ");
}

#[test]
fn a_volatile_conjunct_stays() {
    let inner = project(scan("t"), [col("a")]);
    insta::assert_snapshot!(check(filter(inner, random().lt(0.5).and(col("a").gt(1)))), @r"
    Filter: random() < 0.5
        Projection: #a
            Filter: #a > Int64(1)
                Scan: t; projection=None
    ");
}

#[test]
fn each_input_of_a_union_is_filtered() {
    let renamed = project(scan("u"), [col("b").alias("a"), col("a").alias("b")]);
    let plan = union([project(picky("t"), [col("a"), col("b")]), renamed]);
    insta::assert_snapshot!(check(filter(plan, col("a").gt(1))), @r"
    Union
        Projection: #a, #b
            Scan: t; projection=None; filters=[#a > Int64(1)]
        Projection: #b as a, #a as b
            Filter: #b > Int64(1)
                Scan: u; projection=None
    ");
}

#[test]
fn a_limit_stops_a_filter() {
    let plan = filter(
        limit(0, 5, filter(scan("t"), col("a").gt(1))),
        col("b").gt(1),
    );
    insta::assert_snapshot!(check(plan), @r"
    Filter: #b > Int64(1)
        Limit: 5
            Filter: #a > Int64(1)
                Scan: t; projection=None
    ");
}

#[test]
fn a_chain_of_filters_keeps_its_order() {
    let plan = filter(
        filter(filter(scan("t"), col("a").gt(1)), col("b").gt(2)),
        col("d").gt(3),
    );
    insta::assert_snapshot!(check(plan), @r"
    Filter: #a > Int64(1) AND #b > Int64(2) AND #d > 3
        Scan: t; projection=None
    ");
}

#[test]
fn an_expression_that_would_grow_too_much_stays_above() {
    let many = (0..100).fold(col("f"), |sum, i| sum + lit(f64::from(i)));
    let plan = filter(project(scan("t"), [many.alias("g")]), col("g").gt(1));
    let text = check(plan);
    assert!(
        text.starts_with("Filter: #g > 1.0\n    Projection: "),
        "{text}"
    );
}

#[test]
fn what_is_not_about_values_goes_below_a_list() {
    let plan = unnest(&["l"]);
    let predicate = col("a").gt(1) & col("l").gt(2) & col("m").is_not_null();
    insta::assert_snapshot!(check(filter(plan, predicate)), @r"
    Filter: #l > Int64(2)
        Unnest: #l
            Filter: #a > Int64(1) AND #m IS NOT NULL
                Scan: t; projection=None
    ");
    let plan = filter(unnest(&["l"]), col("a").gt(random()));
    assert!(check(plan).starts_with("Filter"));
}

#[test]
fn what_can_fail_does_not_pass_lists_that_can() {
    let predicate = || (fail_on(col("a"), 3).gt(0)).and(col("a").gt(1));
    // Of several lists one may be longer than another.
    insta::assert_snapshot!(check(filter(unnest(&["l", "m"]), predicate())), @r"
    Filter: fail_on(#a, value=3) > Int64(0)
        Unnest: #l, #m
            Filter: #a > Int64(1)
                Scan: t; projection=None
    ");
    insta::assert_snapshot!(check(filter(unnest(&["l"]), predicate())), @r"
    Unnest: #l
        Filter: fail_on(#a, value=3) > Int64(0) AND #a > Int64(1)
            Scan: t; projection=None
    ");
}
