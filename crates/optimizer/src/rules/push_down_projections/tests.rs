//! Golden plans of `push_down_projections`.

use super::*;
use crate::test_util::{
    aggregate, apply, distinct, filter, join, limit, project, random, scan, side, sort, union,
    unnest,
};
use esker_logical_expr::col;
use esker_logical_expr::test_util::{double, total};
use esker_logical_plan::JoinType;

fn check(plan: LogicalPlan) -> String {
    apply(PushDownProjections, plan)
}

#[test]
fn scans_read_what_is_used_in_their_own_order() {
    let plan = project(filter(scan("t"), col("d").gt(1)), [col("s"), col("a")]);
    insta::assert_snapshot!(check(plan), @r"
    Projection: #s, #a
        Filter: #d > 1
            Scan: t; projection=[a, d, s]
    ");
}

#[test]
fn a_plan_that_gives_all_reads_all() {
    insta::assert_snapshot!(check(filter(scan("t"), col("d").gt(1))), @r"
    Filter: #d > 1
        Scan: t; projection=None
    ");
}

#[test]
fn without_columns_only_rows_are_counted() {
    let plan = project(limit(0, 2, scan("t")), Vec::new());
    let want = "Projection: \n    Limit: 2\n        Scan: t; projection=[]\n";
    assert_eq!(check(plan), want);
}

#[test]
fn unused_expressions_are_not_computed() {
    let inner = project(scan("t"), [col("a"), double(col("f")).alias("g"), col("b")]);
    insta::assert_snapshot!(check(project(inner, [col("b")])), @r"
    Projection: #b
        Projection: #b
            Scan: t; projection=[b]
    ");
}

#[test]
fn the_inputs_of_a_union_stay_alike() {
    let inputs = [
        scan("t"),
        filter(scan("u"), col("d").gt(1)),
        project_all(scan("v")),
    ];
    insta::assert_snapshot!(check(project(union(inputs), [col("s"), col("b")])), @r"
    Projection: #s, #b
        Union
            Scan: t; projection=[b, s]
            Projection: #b, #s
                Filter: #d > 1
                    Scan: u; projection=[b, d, s]
            Projection: #b, #s
                Scan: v; projection=[b, s]
    ");
}

fn project_all(plan: LogicalPlan) -> LogicalPlan {
    let columns: Vec<Expr> = plan.schema().fields().iter().map(Expr::column).collect();
    project(plan, columns)
}

#[test]
fn unused_aggregates_are_not_computed_but_keys_stay() {
    let sums = [total(col("b")).alias("tb"), total(col("f")).alias("tf")];
    let plan = aggregate(scan("t"), [col("a"), col("d") + 1], sums);
    insta::assert_snapshot!(check(project(plan, [col("tf")])), @r"
    Projection: #tf
        Aggregate: groupExpr=[#a, #d + 1], aggregateExpr=[TOTAL(#f) as tf]
            Scan: t; projection=[a, d, f]
    ");
}

#[test]
fn a_global_aggregation_keeps_its_row() {
    let sums = [total(col("b")).alias("tb"), total(col("f")).alias("tf")];
    let plan = aggregate(scan("t"), Vec::new(), sums);
    let want = "Projection: \n    Aggregate: groupExpr=[], aggregateExpr=[TOTAL(#b) as tb]\n        \
                Scan: t; projection=[b]\n";
    assert_eq!(check(project(plan, Vec::new())), want);
}

#[test]
fn sides_of_a_join_give_what_is_used_and_no_more() {
    let left = filter(side("l"), col("ls").eq("CO"));
    let right = filter(side("r"), col("ra").gt(1));
    let filter = col("ld").lt(col("rd"));
    let plan = join(left, right, JoinType::Inner, &[("la", "ra")], Some(filter));
    insta::assert_snapshot!(check(project(LogicalPlan::Join(plan), [col("rf"), col("lb")])), @r"
    Projection: #rf, #lb
        Join: type=Inner, on=[(#la, #ra)], filter=#ld < #rd
            Projection: #la, #lb, #ld
                Filter: #ls = 'CO'
                    Scan: l; projection=[la, lb, ld, ls]
            Filter: #ra > Int64(1)
                Scan: r; projection=[ra, rd, rf]
    ");
}

#[test]
fn a_semi_join_needs_keys_only() {
    let plan = join(
        side("l"),
        filter(side("r"), col("rb").gt(1)),
        JoinType::Semi,
        &[("la", "ra")],
        None,
    );
    insta::assert_snapshot!(check(LogicalPlan::Join(plan)), @r"
    Join: type=Semi, on=[(#la, #ra)]
        Scan: l; projection=None
        Projection: #ra
            Filter: #rb > Int64(1)
                Scan: r; projection=[ra, rb]
    ");
}

#[test]
fn a_join_of_joins_carries_no_keys() {
    let first = join(side("l"), side("m"), JoinType::Inner, &[("la", "ma")], None);
    let second = join(
        LogicalPlan::Join(first),
        side("r"),
        JoinType::Left,
        &[("mb", "rb")],
        None,
    );
    let plan = filter(LogicalPlan::Join(second), col("rd").is_null());
    insta::assert_snapshot!(check(aggregate(plan, [col("lb")], [total(col("mf")).alias("t")])), @r"
    Aggregate: groupExpr=[#lb], aggregateExpr=[TOTAL(#mf) as t]
        Projection: #lb, #mf
            Filter: #rd IS NULL
                Join: type=Left, on=[(#mb, #rb)]
                    Projection: #lb, #mb, #mf
                        Join: type=Inner, on=[(#la, #ma)]
                            Scan: l; projection=[la, lb]
                            Scan: m; projection=[ma, mb, mf]
                    Scan: r; projection=[rb, rd]
    ");
}

#[test]
fn a_join_without_used_columns_counts_pairs() {
    let plan = join(
        side("l"),
        filter(side("r"), col("ra").gt(1)),
        JoinType::Inner,
        &[],
        None,
    );
    let want = "Projection: \n    Join: type=Cross\n        Scan: l; projection=[]\n        \
                Projection: \n            Filter: #ra > Int64(1)\n                \
                Scan: r; projection=[ra]\n";
    assert_eq!(check(project(LogicalPlan::Join(plan), Vec::new())), want);
}

#[test]
fn a_sort_copies_no_column_of_a_filter() {
    let plan = sort(filter(scan("t"), col("s").eq("CO")), [col("d").asc()]);
    insta::assert_snapshot!(check(project(limit(0, 5, plan), [col("a")])), @r"
    Projection: #a
        Limit: 5
            Sort: #d ASC NULLS LAST
                Projection: #a, #d
                    Filter: #s = 'CO'
                        Scan: t; projection=[a, d, s]
    ");
}

#[test]
fn a_distinct_of_whole_rows_needs_all() {
    let rows = distinct(project(scan("t"), [col("a"), col("b")]), &[]);
    insta::assert_snapshot!(check(project(rows, [col("a")])), @r"
    Projection: #a
        Distinct
            Projection: #a, #b
                Scan: t; projection=[a, b]
    ");
}

#[test]
fn a_distinct_on_columns_needs_those() {
    let plan = distinct(filter(scan("t"), col("s").eq("CO")), &["b"]);
    insta::assert_snapshot!(check(project(plan, [col("a")])), @r"
    Projection: #a
        Distinct: on=[#b]
            Projection: #a, #b
                Filter: #s = 'CO'
                    Scan: t; projection=[a, b, s]
    ");
}

#[test]
fn together_with_the_other_rules_it_comes_to_rest() {
    // Filters and limits pass the projections that it puts above joins.
    let on = [("la", "ra")];
    let plan = join(side("l"), side("r"), JoinType::Left, &on, None);
    let plan = filter(
        LogicalPlan::Join(plan),
        col("rb").is_null().and(random().gt(0.5)),
    );
    let plan = limit(0, 5, filter(plan, col("rd").is_null()));
    let plan = aggregate(plan, [col("lb")], [total(col("lf")).alias("t")]);
    insta::assert_snapshot!(check(plan.clone()), @r"
    Aggregate: groupExpr=[#lb], aggregateExpr=[TOTAL(#lf) as t]
        Projection: #lb, #lf
            Limit: 5
                Filter: #rd IS NULL
                    Filter: #rb IS NULL AND random() > 0.5
                        Join: type=Left, on=[(#la, #ra)]
                            Scan: l; projection=[la, lb, lf]
                            Scan: r; projection=[ra, rb, rd]
    ");
    insta::assert_snapshot!(crate::tests::check(plan), @r"
    Aggregate: groupExpr=[#lb], aggregateExpr=[TOTAL(#lf) as t]
        Projection: #lb, #lf
            Limit: 5
                Filter: #rb IS NULL AND random() > 0.5 AND #rd IS NULL
                    Join: type=Left, on=[(#la, #ra)]
                        Scan: l; projection=[la, lb, lf]
                        Scan: r; projection=[ra, rb, rd]
    ");
}

#[test]
fn a_list_says_how_often_rows_come() {
    insta::assert_snapshot!(check(project(unnest(&["l"]), [col("a")])), @r"
    Projection: #a
        Unnest: #l
            Scan: t; projection=[a, l]
    ");
    insta::assert_snapshot!(check(project(unnest(&["l", "m"]), [col("m")])), @r"
    Projection: #m
        Unnest: #l, #m
            Scan: t; projection=[l, m]
    ");
}
