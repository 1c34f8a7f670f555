//! Golden plans of `push_down_limits`.

use super::*;
use crate::test_util::{
    aggregate, apply, distinct, filter, join, limit, project, scan, side, skip, sort, union, unnest,
};
use esker_logical_expr::col;
use esker_logical_expr::test_util::total;

fn check(plan: LogicalPlan) -> String {
    apply(PushDownLimits, plan)
}

#[test]
fn nested_limits_merge() {
    let merged = |outer: (u64, u64), inner: (u64, u64)| {
        let plan = limit(outer.0, outer.1, limit(inner.0, inner.1, filtered()));
        check(plan).lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(merged((0, 5), (0, 10)), "Limit: 5");
    assert_eq!(merged((0, 10), (0, 5)), "Limit: 5");
    assert_eq!(merged((3, 10), (2, 5)), "Limit: 2, offset=5");
    assert_eq!(merged((7, 10), (0, 5)), "Limit: 0");
    assert_eq!(merged((u64::MAX, 10), (2, u64::MAX)), "Limit: 0");
    let skipped = limit(0, 5, skip(3, skip(2, filtered())));
    assert_eq!(check(skipped).lines().next(), Some("Limit: 5, offset=5"));
}

fn filtered() -> LogicalPlan {
    filter(scan("t"), col("a").gt(1))
}

#[test]
fn a_filter_stops_a_limit() {
    insta::assert_snapshot!(check(limit(0, 5, filtered())), @r"
    Limit: 5
        Filter: #a > Int64(1)
            Scan: t; projection=None
    ");
}

#[test]
fn through_projections_into_unions_and_scans() {
    let inner = union([scan("t"), filtered(), limit(0, 3, filtered())]);
    insta::assert_snapshot!(check(limit(5, 10, project(inner, [col("a")]))), @r"
    Projection: #a
        Limit: 10, offset=5
            Union
                Limit: 15
                    Scan: t; projection=None; limit=15
                Limit: 15
                    Filter: #a > Int64(1)
                        Scan: t; projection=None
                Limit: 3
                    Filter: #a > Int64(1)
                        Scan: t; projection=None
    ");
}

#[test]
fn an_offset_alone_tells_scans_nothing() {
    insta::assert_snapshot!(check(skip(5, project(scan("t"), [col("a")]))), @r"
    Projection: #a
        Limit: None, offset=5
            Scan: t; projection=None
    ");
}

#[test]
fn nothing_stays_nothing() {
    insta::assert_snapshot!(check(limit(0, 0, scan("t"))), @r"
    Limit: 0
        Scan: t; projection=None; limit=0
    ");
}

fn join_of(join_type: JoinType) -> Join {
    join(side("l"), side("r"), join_type, &[("la", "ra")], None)
}

#[test]
fn a_side_whose_rows_are_all_there_is_limited() {
    let plan = limit(5, 10, LogicalPlan::Join(join_of(JoinType::Left)));
    insta::assert_snapshot!(check(plan), @r"
    Limit: 10, offset=5
        Join: type=Left, on=[(#la, #ra)]
            Limit: 15
                Scan: l; projection=None; limit=15
            Scan: r; projection=None
    ");
    let plan = limit(0, 10, LogicalPlan::Join(join_of(JoinType::Right)));
    insta::assert_snapshot!(check(plan), @r"
    Limit: 10
        Join: type=Right, on=[(#la, #ra)]
            Scan: l; projection=None
            Limit: 10
                Scan: r; projection=None; limit=10
    ");
    let ordered = join_of(JoinType::Left).with_maintain_order(true);
    insta::assert_snapshot!(check(limit(0, 10, LogicalPlan::Join(ordered))), @r"
    Limit: 10
        Join: type=Left, on=[(#la, #ra)], maintain_order=true
            Limit: 10
                Scan: l; projection=None; limit=10
            Scan: r; projection=None
    ");
}

#[test]
fn other_joins_stop_a_limit() {
    let ordered = join_of(JoinType::Right).with_maintain_order(true);
    let others = [
        JoinType::Inner,
        JoinType::Full,
        JoinType::Semi,
        JoinType::Anti,
    ];
    for plan in others.map(join_of).into_iter().chain([ordered]) {
        let plan = LogicalPlan::Join(plan);
        let want = limit(0, 10, plan.clone()).to_string();
        assert_eq!(check(limit(0, 10, plan)), want);
    }
}

#[test]
fn an_aggregation_a_sort_and_a_distinct_stop_a_limit() {
    let plans = [
        aggregate(scan("t"), [col("a")], [total(col("b"))]),
        sort(scan("t"), [col("a").asc()]),
        distinct(scan("t"), &["a"]),
    ];
    for plan in plans {
        let want = limit(0, 10, plan.clone()).to_string();
        assert_eq!(check(limit(0, 10, plan)), want);
    }
}

#[test]
fn nothing_goes_through_everything() {
    let sorted = sort(filter(side("l"), col("lb").gt(1)), [col("la").asc()]);
    let groups = aggregate(side("r"), [col("ra")], [total(col("rb")).alias("t")]);
    let plan = join(sorted, groups, JoinType::Full, &[("la", "ra")], None);
    let plan = distinct(LogicalPlan::Join(plan), &[]);
    insta::assert_snapshot!(check(limit(7, 0, project(plan, [col("t")]))), @r"
    Projection: #t
        Join: type=Full, on=[(#la, #ra)]
            Limit: 0
                Scan: l; projection=None; limit=0
            Aggregate: groupExpr=[#ra], aggregateExpr=[TOTAL(#rb) as t]
                Limit: 0
                    Scan: r; projection=None; limit=0
    ");
}

#[test]
fn nothing_of_a_global_aggregation_stays_above_it() {
    let plan = aggregate(scan("t"), Vec::new(), [total(col("b")).alias("t")]);
    insta::assert_snapshot!(check(limit(0, 0, plan)), @r"
    Limit: 0
        Aggregate: groupExpr=[], aggregateExpr=[TOTAL(#b) as t]
            Scan: t; projection=None
    ");
}

#[test]
fn each_row_makes_a_row_of_its_list() {
    insta::assert_snapshot!(check(limit(5, 10, unnest(&["l"]))), @r"
    Limit: 10, offset=5
        Unnest: #l
            Limit: 15
                Scan: t; projection=None; limit=15
    ");
    insta::assert_snapshot!(check(limit(0, 0, unnest(&["l"]))), @r"
    Unnest: #l
        Limit: 0
            Scan: t; projection=None; limit=0
    ");
}
