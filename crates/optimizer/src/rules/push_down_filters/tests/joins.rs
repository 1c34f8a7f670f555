//! Filters above joins, and conditions of joins.

use esker_logical_expr::test_util::fail_on;
use esker_logical_expr::{Expr, col, lit};
use esker_logical_plan::{Join, JoinType, LogicalPlan};

use super::check;
use crate::test_util::{filter, join, random, side};

const ALL: [JoinType; 6] = [
    JoinType::Inner,
    JoinType::Left,
    JoinType::Right,
    JoinType::Full,
    JoinType::Semi,
    JoinType::Anti,
];

fn join_of(join_type: JoinType, condition: Option<Expr>) -> Join {
    join(side("l"), side("r"), join_type, &[("la", "ra")], condition)
}

fn all_of(predicates: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::all_of(predicates).unwrap()
}

#[test]
fn filters_above_go_into_sides_that_are_not_padded() {
    let plans = ALL.map(|join_type| {
        let plan = LogicalPlan::Join(join_of(join_type, None));
        let left = col("lb").gt(1);
        let predicate = match join_type.is_left_only() {
            true => left,
            false => left.and(col("rb").gt(2)),
        };
        check(filter(plan, predicate))
    });
    insta::assert_snapshot!(plans.join("\n"), @r"
    Join: type=Inner, on=[(#la, #ra)]
        Filter: #lb > Int64(1)
            Scan: l; projection=None
        Filter: #rb > Int64(2)
            Scan: r; projection=None

    Filter: #rb > Int64(2)
        Join: type=Left, on=[(#la, #ra)]
            Filter: #lb > Int64(1)
                Scan: l; projection=None
            Scan: r; projection=None

    Filter: #lb > Int64(1)
        Join: type=Right, on=[(#la, #ra)]
            Scan: l; projection=None
            Filter: #rb > Int64(2)
                Scan: r; projection=None

    Filter: #lb > Int64(1) AND #rb > Int64(2)
        Join: type=Full, on=[(#la, #ra)]
            Scan: l; projection=None
            Scan: r; projection=None

    Join: type=Semi, on=[(#la, #ra)]
        Filter: #lb > Int64(1)
            Scan: l; projection=None
        Scan: r; projection=None

    Join: type=Anti, on=[(#la, #ra)]
        Filter: #lb > Int64(1)
            Scan: l; projection=None
        Scan: r; projection=None
    ");
}

#[test]
fn conditions_go_into_sides_that_are_not_preserved() {
    let plans = ALL.map(|join_type| {
        let condition = col("lb")
            .gt(1)
            .and(col("rb").gt(2))
            .and(col("ld").lt(col("rd")));
        check(LogicalPlan::Join(join_of(join_type, Some(condition))))
    });
    insta::assert_snapshot!(plans.join("\n"), @r"
    Join: type=Inner, on=[(#la, #ra)], filter=#ld < #rd
        Filter: #lb > Int64(1)
            Scan: l; projection=None
        Filter: #rb > Int64(2)
            Scan: r; projection=None

    Join: type=Left, on=[(#la, #ra)], filter=#lb > Int64(1) AND #ld < #rd
        Scan: l; projection=None
        Filter: #rb > Int64(2)
            Scan: r; projection=None

    Join: type=Right, on=[(#la, #ra)], filter=#rb > Int64(2) AND #ld < #rd
        Filter: #lb > Int64(1)
            Scan: l; projection=None
        Scan: r; projection=None

    Join: type=Full, on=[(#la, #ra)], filter=#lb > Int64(1) AND #rb > Int64(2) AND #ld < #rd
        Scan: l; projection=None
        Scan: r; projection=None

    Join: type=Semi, on=[(#la, #ra)], filter=#ld < #rd
        Filter: #lb > Int64(1)
            Scan: l; projection=None
        Filter: #rb > Int64(2)
            Scan: r; projection=None

    Join: type=Anti, on=[(#la, #ra)], filter=#lb > Int64(1) AND #ld < #rd
        Scan: l; projection=None
        Filter: #rb > Int64(2)
            Scan: r; projection=None
    ");
}

#[test]
fn what_is_about_both_sides_joins_the_condition_of_an_inner_join() {
    let both = || col("lb").eq(col("rb"));
    let plan = LogicalPlan::Join(join_of(JoinType::Inner, Some(col("ld").lt(col("rd")))));
    insta::assert_snapshot!(check(filter(plan, both().and(col("lf").gt(col("rf"))))), @r"
    Join: type=Inner, on=[(#la, #ra)], filter=#ld < #rd AND #lb = #rb AND #lf > #rf
        Scan: l; projection=None
        Scan: r; projection=None
    ");
    let plan = LogicalPlan::Join(join_of(JoinType::Left, None));
    insta::assert_snapshot!(check(filter(plan, both())), @r"
    Filter: #lb = #rb
        Join: type=Left, on=[(#la, #ra)]
            Scan: l; projection=None
            Scan: r; projection=None
    ");
}

#[test]
fn what_can_fail_sees_no_rows_that_the_join_drops() {
    let fails = |name: &str| fail_on(col(name), 3).gt(0);
    let plan = LogicalPlan::Join(join_of(JoinType::Inner, Some(fails("lb").and(fails("rb")))));
    let both = (col("la") + col("ra")).gt(1);
    insta::assert_snapshot!(check(filter(plan, all_of([fails("la"), both, col("lb").gt(1)]))), @r"
    Filter: fail_on(#la, value=3) > Int64(0) AND #la + #ra > Int64(1)
        Join: type=Inner, on=[(#la, #ra)], filter=fail_on(#lb, value=3) > Int64(0) AND fail_on(#rb, value=3) > Int64(0)
            Filter: #lb > Int64(1)
                Scan: l; projection=None
            Scan: r; projection=None
    ");
    for join_type in [JoinType::Semi, JoinType::Anti] {
        let plan = filter(LogicalPlan::Join(join_of(join_type, None)), fails("la"));
        let text = check(plan);
        assert!(text.starts_with("Filter: fail_on"), "{text}");
    }
}

#[test]
fn what_can_fail_goes_into_a_side_of_which_each_row_is_seen() {
    let fails = |name: &str| fail_on(col(name), 3).gt(0);
    let predicate = all_of([fails("la"), col("rb").gt(1), fails("lb")]);
    let plan = LogicalPlan::Join(join_of(JoinType::Left, None));
    insta::assert_snapshot!(check(filter(plan, predicate)), @r"
    Filter: #rb > Int64(1) AND fail_on(#lb, value=3) > Int64(0)
        Join: type=Left, on=[(#la, #ra)]
            Filter: fail_on(#la, value=3) > Int64(0)
                Scan: l; projection=None
            Scan: r; projection=None
    ");
    let plan = LogicalPlan::Join(join_of(JoinType::Right, None));
    insta::assert_snapshot!(check(filter(plan, fails("ra"))), @r"
    Join: type=Right, on=[(#la, #ra)]
        Scan: l; projection=None
        Filter: fail_on(#ra, value=3) > Int64(0)
            Scan: r; projection=None
    ");
}

#[test]
fn what_is_volatile_stays() {
    let condition = random().lt(0.5).and(random().lt(col("rf")));
    let plan = LogicalPlan::Join(join_of(JoinType::Inner, Some(condition)));
    insta::assert_snapshot!(check(filter(plan, random().gt(col("lf")))), @r"
    Filter: random() > #lf
        Join: type=Inner, on=[(#la, #ra)], filter=random() < 0.5 AND random() < #rf
            Scan: l; projection=None
            Scan: r; projection=None
    ");
}

#[test]
fn a_single_right_side_is_left_alone() {
    let condition = col("lb").lt(col("rb")).and(col("rd").gt(1));
    let plan = join(side("l"), side("r"), JoinType::Inner, &[], Some(condition));
    let plan = LogicalPlan::Join(plan.with_single(true));
    let predicate = all_of([col("lb").gt(1), col("rb").gt(1), col("lf").gt(col("rf"))]);
    insta::assert_snapshot!(check(filter(plan, predicate)), @r"
    Filter: #rb > Int64(1) AND #lf > #rf
        Join: type=Inner, on=[], filter=#lb < #rb AND #rd > 1, single=true
            Filter: #lb > Int64(1)
                Scan: l; projection=None
            Scan: r; projection=None
    ");
}

#[test]
fn options_of_a_join_stay() {
    let plan = join_of(JoinType::Inner, None)
        .with_nulls_equal(true)
        .with_maintain_order(true)
        .with_sorted(true);
    let predicate = all_of([col("lb").gt(1), col("la").lt(col("rb"))]);
    insta::assert_snapshot!(check(filter(LogicalPlan::Join(plan), predicate)), @r"
    Join: type=Inner, on=[(#la, #ra)], filter=#la < #rb, nulls_equal=true, maintain_order=true, sorted=true
        Filter: #lb > Int64(1)
            Scan: l; projection=None
        Scan: r; projection=None
    ");
}

#[test]
fn a_constant_goes_to_one_side() {
    let plan = LogicalPlan::Join(join_of(JoinType::Right, None));
    insta::assert_snapshot!(check(filter(plan, lit(1).gt(2))), @r"
    Join: type=Right, on=[(#la, #ra)]
        Scan: l; projection=None
        Filter: 1 > 2
            Scan: r; projection=None
    ");
}
