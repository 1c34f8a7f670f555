//! Which joins change places.

use super::*;
use crate::Analyzer;
use crate::test_util::{
    aggregate, apply, filter, join, limit, project, random, side, side_of_rows, sort,
};
use esker_logical_expr::test_util::{fail_on, total};
use esker_logical_expr::{Expr, col};
use esker_logical_plan::{Aggregate, Join, JoinType};

fn on(left: LogicalPlan, right: LogicalPlan, on: &[(&str, &str)]) -> Join {
    join(left, right, JoinType::Inner, on, None)
}

fn joined(left: LogicalPlan, right: LogicalPlan, keys: &[(&str, &str)]) -> LogicalPlan {
    LogicalPlan::Join(on(left, right, keys))
}

fn check(plan: LogicalPlan) -> String {
    apply(ReorderJoins, plan)
}

/// Customers with their orders and lines, of which few are wanted.
fn three(few: impl FnOnce(LogicalPlan) -> LogicalPlan) -> LogicalPlan {
    let orders = joined(
        side_of_rows("c", 150),
        side_of_rows("o", 1500),
        &[("ca", "ob")],
    );
    joined(orders, few(side_of_rows("l", 6000)), &[("oa", "lb")])
}

fn few(lines: LogicalPlan) -> LogicalPlan {
    let wanted = col("ls").eq("x").and(col("lk").eq(2i64));
    filter(lines, wanted.and(col("la").eq(1i64)))
}

fn moves(plan: LogicalPlan) -> bool {
    let before = Analyzer::analyze(plan.clone()).unwrap().to_string();
    check(plan) != before
}

#[test]
fn the_smallest_results_come_first() {
    insta::assert_snapshot!(check(three(few)), @r"
    Join: type=Inner, on=[(#ca, #ob)]
        Scan: c; projection=None
        Join: type=Inner, on=[(#oa, #lb)]
            Scan: o; projection=None
            Filter: #ls = 'x' AND #lk = Int64(2) AND #la = Int64(1)
                Scan: l; projection=None
    ");
    assert!(!moves(three(|lines| lines)));
}

#[test]
fn columns_are_those_that_they_were() {
    let named = project(three(few), [col("cs"), col("ls"), col("od")]);
    insta::assert_snapshot!(check(aggregate(named, [col("cs")], [total(col("od"))])), @r"
    Aggregate: groupExpr=[#cs], aggregateExpr=[TOTAL(#od)]
        Projection: #cs, #ls, #od
            Join: type=Inner, on=[(#ca, #ob)]
                Scan: c; projection=None
                Join: type=Inner, on=[(#oa, #lb)]
                    Scan: o; projection=None
                    Filter: #ls = 'x' AND #lk = Int64(2) AND #la = Int64(1)
                        Scan: l; projection=None
    ");
}

#[test]
fn a_projection_between_is_looked_through() {
    let inner = joined(
        side_of_rows("c", 150),
        side_of_rows("o", 1500),
        &[("ca", "ob")],
    );
    let inner = project(inner, [col("oa"), col("cs")]);
    let plan = joined(inner, few(side_of_rows("l", 6000)), &[("oa", "lb")]);
    insta::assert_snapshot!(check(plan), @r"
    Projection: #oa, #cs, #la, #lb, #ld, #ls, #lf, #lp, #lk
        Join: type=Inner, on=[(#ca, #ob)]
            Scan: c; projection=None
            Join: type=Inner, on=[(#oa, #lb)]
                Scan: o; projection=None
                Filter: #ls = 'x' AND #lk = Int64(2) AND #la = Int64(1)
                    Scan: l; projection=None
    ");
    // What is computed between stays where it is.
    let inner = joined(
        side_of_rows("c", 150),
        side_of_rows("o", 1500),
        &[("ca", "ob")],
    );
    let inner = project(inner, [col("oa"), (col("cf") + 1).alias("cs")]);
    assert!(!moves(joined(
        inner,
        few(side_of_rows("l", 6000)),
        &[("oa", "lb")]
    )));
}

#[test]
fn conditions_go_where_they_can_be_asked() {
    let condition = col("cd").gt(col("od")).and(col("cb").lt(col("lk")));
    let inner = joined(
        side_of_rows("c", 150),
        side_of_rows("o", 1500),
        &[("ca", "ob")],
    );
    let lines = few(side_of_rows("l", 6000));
    let plan = join(
        inner,
        lines,
        JoinType::Inner,
        &[("oa", "lb")],
        Some(condition),
    );
    insta::assert_snapshot!(check(LogicalPlan::Join(plan)), @r"
    Join: type=Inner, on=[(#ca, #ob)], filter=#cd > #od AND #cb < #lk
        Scan: c; projection=None
        Join: type=Inner, on=[(#oa, #lb)]
            Scan: o; projection=None
            Filter: #ls = 'x' AND #lk = Int64(2) AND #la = Int64(1)
                Scan: l; projection=None
    ");
}

#[test]
fn what_must_stay() {
    let inner = || {
        on(
            side_of_rows("c", 150),
            side_of_rows("o", 1500),
            &[("ca", "ob")],
        )
    };
    let outer = |inner: Join| {
        let lines = few(side_of_rows("l", 6000));
        on(LogicalPlan::Join(inner), lines, &[("oa", "lb")])
    };
    let moves_inner = |inner: Join| moves(LogicalPlan::Join(outer(inner)));
    assert!(moves_inner(inner()));
    assert!(!moves_inner(inner().with_type(JoinType::Left)));
    assert!(!moves_inner(inner().with_maintain_order(true)));
    assert!(!moves_inner(inner().with_nulls_equal(true)));
    assert!(!moves_inner(inner().with_sorted(true)));
    assert!(!moves_inner(inner().with_single(true)));
    let with = |condition| inner().with_condition(inner().on().to_vec(), Some(condition));
    let resolved = |condition: Expr| {
        let plan = join(side("c"), side("o"), JoinType::Inner, &[], None);
        let both = plan.both_sides();
        esker_logical_expr::resolve(condition, &both).unwrap()
    };
    // Of other columns: what counts is that it may not move.
    let condition = resolved(fail_on(col("ca"), 3).gt(1));
    assert!(!region::is_free(&LogicalPlan::Join(with(condition))));
    let condition = resolved(random().gt(0.5));
    assert!(!region::is_free(&LogicalPlan::Join(with(condition))));
    // Nobody knows how many rows one has.
    let unknown = on(side("c"), side_of_rows("o", 1500), &[("ca", "ob")]);
    assert!(!moves_inner(unknown));
    // Cross joins bring nothing together.
    assert!(!moves_inner(on(
        side_of_rows("c", 150),
        side_of_rows("o", 1500),
        &[]
    )));
}

#[test]
fn below_what_relies_on_the_rows_as_they_come() {
    let grouped = |input| Aggregate::try_new([col("ca")], [total(col("lk"))], input).unwrap();
    assert!(!moves(limit(0, 5, three(few))));
    assert!(moves(limit(0, 5, sort(three(few), [col("ca").asc()]))));
    assert!(moves(LogicalPlan::Aggregate(grouped(three(few)))));
    let claimed = grouped(three(few)).with_sorted(true);
    assert!(!moves(LogicalPlan::Aggregate(claimed)));
}

#[test]
fn the_same_table_twice_may_stand_under_the_same_columns() {
    let orders = side_of_rows("o", 1500);
    let hidden = project(orders.clone(), [(col("ob") + 0).alias("x")]);
    let inner = joined(side_of_rows("c", 150), hidden, &[("ca", "x")]);
    let plan = joined(inner, few(side_of_rows("l", 6000)), &[("x", "lb")]);
    assert!(moves(plan));
    // The projection that hides the columns of one is looked through no more.
    let first = joined(side_of_rows("c", 150), orders.clone(), &[("ca", "ob")]);
    let first = project(first, [col("ca"), col("oa")]);
    let second = joined(few(side_of_rows("l", 6000)), orders, &[("lb", "oa")]);
    let second = project(second, [col("la"), col("ob").alias("ob")]);
    assert!(!moves(joined(first, second, &[("oa", "ob")])));
}

#[test]
fn a_join_that_is_there_twice_stays_whole() {
    // TPC-H 17: lines of few parts, each beside the mean of those of its part.
    let parts = || side_of_rows("p", 200);
    let few = || {
        let wanted = col("ps").eq("x").and(col("pk").eq(2i64));
        filter(parts(), wanted.and(col("pa").eq(1i64)))
    };
    let lines = |parts| joined(parts, side_of_rows("l", 6000), &[("pb", "lb")]);
    let beside_means = |of: LogicalPlan| {
        let of = of.with_fresh_ids().unwrap();
        let means = aggregate(of, [col("pb").alias("x")], [total(col("ld"))]);
        joined(lines(few()), means, &[("pb", "x")])
    };
    assert!(!moves(beside_means(lines(few()))));
    let other_columns = project(lines(few()), [col("pb"), col("ld")]);
    assert!(!moves(beside_means(other_columns)));
    assert!(moves(beside_means(lines(parts()))));
}
