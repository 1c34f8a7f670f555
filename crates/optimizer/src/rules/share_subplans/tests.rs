//! Tests of what is shared, and of what is not.

use esker_logical_expr::test_util::total;
use esker_logical_expr::{Expr, col};
use esker_logical_plan::{JoinOptions, JoinType, LogicalPlan, join_plan};

use super::ShareSubplans;
use crate::test_util::{
    aggregate, apply, distinct, filter, first, join, limit, project, random, scan, scan_of_rows,
    side, side_of_rows, sort, union,
};
use crate::{Analyzer, Optimizer};

fn check(plan: LogicalPlan) -> String {
    apply(ShareSubplans, plan)
}

/// How many relations are shared.
fn shared(plan: LogicalPlan) -> usize {
    let text = check(plan);
    let mut keys: Vec<&str> = text.lines().map(str::trim).collect();
    keys.retain(|line| line.starts_with("Shared: ") && !line.ends_with("above"));
    keys.len()
}

fn sums(input: LogicalPlan) -> LogicalPlan {
    aggregate(input, [col("a")], [total(col("b")).alias("t")])
}

/// A join with its own maximum, as a frame makes it that is used twice.
fn with_its_total(plan: LogicalPlan, column: &str) -> LogicalPlan {
    let most = aggregate(plan.clone(), Vec::new(), [total(col(column)).alias("most")]);
    let most = filter(most, col("most").gt(0));
    join_plan(plan, most, JoinOptions::new(JoinType::Left)).unwrap()
}

#[test]
fn a_frame_and_its_own_aggregation() {
    insta::assert_snapshot!(check(with_its_total(sums(scan("t")), "t")), @r"
    Join: type=Left, on=[]
        Shared: 1
            Aggregate: groupExpr=[#a], aggregateExpr=[TOTAL(#b) as t]
                Scan: t; projection=None
        Filter: #most > Int64(0)
            Aggregate: groupExpr=[], aggregateExpr=[TOTAL(#t) as most]
                Shared: 1, as above
    ");
}

#[test]
fn columns_have_identities_of_their_own() {
    let once = || sums(filter(scan_of_rows("t", 10), col("b").gt(1)));
    let plan = once();
    let both = union([plan.clone(), filter(plan, col("t").gt(1))]);
    insta::assert_snapshot!(check(both), @r"
    Union
        Shared: 1
            Aggregate: groupExpr=[#a], aggregateExpr=[TOTAL(#b) as t]
                Filter: #b > Int64(1)
                    Scan: t; projection=None
        Filter: #t > Int64(1)
            Shared: 1, as above
    ");
    // Another source of the same name is another one.
    assert_eq!(shared(union([once(), once()])), 0);
}

#[test]
fn what_differs_is_not_shared_but_what_lies_below() {
    let sums = sums(scan("t"));
    let plan = union([
        filter(sums.clone(), col("t").gt(1)),
        filter(sums.clone(), col("t").gt(2)),
        sort(sums, [col("t").asc()]),
    ]);
    insta::assert_snapshot!(check(plan), @r"
    Union
        Filter: #t > Int64(1)
            Shared: 1
                Aggregate: groupExpr=[#a], aggregateExpr=[TOTAL(#b) as t]
                    Scan: t; projection=None
        Filter: #t > Int64(2)
            Shared: 1, as above
        Sort: #t ASC NULLS LAST
            Shared: 1, as above
    ");
}

#[test]
fn pieces_of_what_is_shared_are_shared_where_they_stand_elsewhere_too() {
    let inner = sums(scan("t"));
    let outer = aggregate(inner.clone(), [col("t")], [total(col("a")).alias("u")]);
    let twice = union([outer.clone(), outer.clone()]);
    assert_eq!(shared(twice.clone()), 1);
    let renamed = project(inner, [col("a").alias("t"), col("t").alias("u")]);
    insta::assert_snapshot!(check(union([twice, renamed])), @r"
    Union
        Union
            Shared: 1
                Aggregate: groupExpr=[#t], aggregateExpr=[TOTAL(#a) as u]
                    Shared: 2
                        Aggregate: groupExpr=[#a], aggregateExpr=[TOTAL(#b) as t]
                            Scan: t; projection=None
            Shared: 1, as above
        Projection: #a as t, #t as u
            Shared: 2, as above
    ");
}

#[test]
fn reading_and_filtering_is_done_again() {
    let plan = project(filter(scan("t"), col("a").gt(1)), [col("a"), col("b") + 1]);
    assert_eq!(shared(union([plan.clone(), plan.clone()])), 0);
    assert_eq!(shared(sums(union([plan.clone(), plan]))), 0);
}

#[test]
fn joins_are_shared_if_their_rows_are_few_and_all_wanted() {
    let joined = |left: u64, right: u64, on: &[(&str, &str)]| {
        let (left, right) = (side_of_rows("l", left), side_of_rows("r", right));
        LogicalPlan::Join(join(left, right, JoinType::Inner, on, None))
    };
    let twice = |plan: LogicalPlan| {
        let sums = aggregate(plan.clone(), [col("la")], [total(col("rb")).alias("t")]);
        let rows = project(plan, [col("la"), col("rb").alias("t")]);
        union([sums, rows])
    };
    let on = [("la", "ra")];
    assert_eq!(shared(twice(joined(1000, 10, &on))), 1);
    assert_eq!(shared(twice(joined(1000, 10, &[]))), 0);
    assert_eq!(shared(twice(joined(100_000_000, 10, &on))), 0);
    let unknown = LogicalPlan::Join(join(side("l"), side("r"), JoinType::Inner, &on, None));
    assert_eq!(shared(twice(unknown)), 0);
    // Twice in a stream of rows: that takes no memory.
    let plan = joined(1000, 10, &on);
    let streamed = union([plan.clone(), plan]);
    assert_eq!(shared(streamed.clone()), 0);
    assert_eq!(shared(aggregate(streamed, [col("la")], Vec::new())), 1);
}

#[test]
fn rows_that_nobody_may_want_are_not_computed() {
    let sums = sums(scan("t"));
    let front = |plan| limit(0, 5, plan);
    assert_eq!(shared(union([sums.clone(), sums.clone()])), 1);
    assert_eq!(shared(union([front(sums.clone()), sums.clone()])), 1);
    assert_eq!(shared(front(union([sums.clone(), sums.clone()]))), 0);
    // All of a sort are wanted below a limit, and none of anything below a limit of none.
    let sorted = |plan| sort(plan, [col("t").asc()]);
    let plan = front(union([sorted(sums.clone()), sums.clone()]));
    assert_eq!(shared(plan), 1);
    let plan = limit(0, 0, union([sorted(sums.clone()), sums]));
    assert_eq!(shared(plan), 0);
}

#[test]
fn what_may_differ_the_next_time_is_not_shared() {
    let drawn = |input| filter(input, random().gt(0.5));
    let twice = |plan: LogicalPlan| union([plan.clone(), plan]);
    assert_eq!(shared(twice(sums(drawn(scan("t"))))), 0);
    assert_eq!(shared(twice(drawn(sums(scan("t"))))), 1);
    // Any first row is as good as another.
    let firsts = aggregate(scan("t"), [col("a")], [first(col("b"))]);
    assert_eq!(shared(twice(firsts)), 1);
    assert_eq!(shared(twice(distinct(scan("t"), &["a"]))), 1);
}

#[test]
fn an_order_that_is_claimed_is_left_alone() {
    let sums = sums(scan("t"));
    let sorted =
        esker_logical_plan::Aggregate::try_new([col("a")], [total(col("t"))], sums.clone());
    let claimed = |on| {
        let node = LogicalPlan::Aggregate(sorted.as_ref().unwrap().clone().with_sorted(on));
        let rows = project(sums.clone(), [col("a"), col("t").alias("t_total")]);
        shared(union([node, rows]))
    };
    assert_eq!((claimed(false), claimed(true)), (1, 0));
}

#[test]
fn columns_that_any_place_uses_stay() {
    let calls: [Expr; 3] = ["b", "d", "k"].map(|name| total(col(name)).alias(name));
    let sums = aggregate(scan("t"), [col("a")], calls);
    let of = |column: &str| project(sums.clone(), [(col(column) + 1).alias("x")]);
    let plan = Analyzer::analyze(union([of("b"), of("d")])).unwrap();
    insta::assert_snapshot!(Optimizer::new().optimize(plan).unwrap(), @r"
    Union
        Projection: #b + Int64(1) as x
            Shared: 1
                Projection: #b, #d
                    Aggregate: groupExpr=[#a], aggregateExpr=[TOTAL(#b) as b, TOTAL(#d) as d]
                        Scan: t; projection=[a, b, d]
        Projection: #d + Int64(1) as x
            Shared: 1, as above
    ");
}
