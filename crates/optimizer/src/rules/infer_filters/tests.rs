//! Which filters go to the other side of a join.

use super::*;
use crate::test_util::{apply, filter, join, project, random, scan_with, side};
use esker_logical_expr::test_util::fail_on;
use esker_logical_expr::{col, lit};
use esker_logical_plan::{FilterPushdown, JoinType};

fn check(plan: Join) -> String {
    apply(InferFilters, LogicalPlan::Join(plan))
}

/// A join of a filtered left side.
fn of_left(join_type: JoinType, predicate: Expr) -> Join {
    let left = filter(side("l"), predicate);
    join(left, side("r"), join_type, &[("la", "ra")], None)
}

fn of_right(join_type: JoinType, predicate: Expr) -> Join {
    let right = filter(side("r"), predicate);
    join(side("l"), right, join_type, &[("la", "ra")], None)
}

#[test]
fn a_filter_of_a_key_is_one_of_the_other() {
    insta::assert_snapshot!(check(of_left(JoinType::Inner, col("la").gt(5).and(col("lb").lt(3)))), @r"
    Join: type=Inner, on=[(#la, #ra)]
        Filter: #la > Int64(5) AND #lb < Int64(3)
            Scan: l; projection=None
        Filter: #ra > Int64(5)
            Scan: r; projection=None
    ");
    insta::assert_snapshot!(check(of_right(JoinType::Semi, col("ra").is_in([1i64, 2]))), @r"
    Join: type=Semi, on=[(#la, #ra)]
        Filter: #la IN (Int64(1), Int64(2))
            Scan: l; projection=None
        Filter: #ra IN (Int64(1), Int64(2))
            Scan: r; projection=None
    ");
}

#[test]
fn by_type() {
    let right = |join_type| check(of_left(join_type, col("la").gt(5))).contains("Filter: #ra >");
    let left = |join_type| check(of_right(join_type, col("ra").gt(5))).contains("Filter: #la >");
    let ways = |join_type| (right(join_type), left(join_type));
    assert_eq!(ways(JoinType::Inner), (true, true));
    assert_eq!(ways(JoinType::Semi), (true, true));
    assert_eq!(ways(JoinType::Left), (true, false));
    assert_eq!(ways(JoinType::Anti), (true, false));
    assert_eq!(ways(JoinType::Right), (false, true));
    assert_eq!(ways(JoinType::Full), (false, false));
}

#[test]
fn conditions_and_filters_of_scans_count() {
    let condition = Some(col("la").gt(5));
    let plan = join(
        side("l"),
        side("r"),
        JoinType::Left,
        &[("la", "ra")],
        condition,
    );
    insta::assert_snapshot!(check(plan), @r"
    Join: type=Left, on=[(#la, #ra)], filter=#la > Int64(5)
        Scan: l; projection=None
        Filter: #ra > Int64(5)
            Scan: r; projection=None
    ");
    let scan = scan_with("t", |_| FilterPushdown::Exact);
    let pushed = crate::Optimizer::with_rules([Arc::new(crate::rules::PushDownFilters) as _]);
    let scan = pushed.optimize(filter(scan, col("a").gt(5i64))).unwrap();
    let plan = join(scan, side("r"), JoinType::Inner, &[("a", "ra")], None);
    insta::assert_snapshot!(check(plan), @r"
    Join: type=Inner, on=[(#a, #ra)]
        Scan: t; projection=None; filters=[#a > Int64(5)]
        Filter: #ra > Int64(5)
            Scan: r; projection=None
    ");
}

#[test]
fn through_joins_of_joins() {
    let left = LogicalPlan::Join(of_left(JoinType::Inner, col("la").eq(5)));
    let left = project(left, [col("ra"), col("lb")]);
    let plan = join(left, side("x"), JoinType::Inner, &[("ra", "xa")], None);
    // The left side is asked too, on behalf of the other: the filter goes down and is met again.
    insta::assert_snapshot!(check(plan), @r"
    Join: type=Inner, on=[(#ra, #xa)]
        Projection: #ra, #lb
            Join: type=Inner, on=[(#la, #ra)]
                Filter: #la = Int64(5)
                    Scan: l; projection=None
                Filter: #ra = Int64(5)
                    Scan: r; projection=None
        Filter: #xa = Int64(5)
            Scan: x; projection=None
    ");
}

#[test]
fn keys_that_are_computed_are_asked_for() {
    let left = filter(side("l"), col("la").gt(5i64));
    let right = side("r");
    let key = col("rd").cast(esker_datatypes::DataType::Int64);
    let plan = Join::try_new(left, right, JoinType::Inner, [(col("la"), key)], None).unwrap();
    // As `simplify_expressions` has it.
    insta::assert_snapshot!(check(plan), @r"
    Join: type=Inner, on=[(#la, CAST(#rd AS Int64))]
        Filter: #la > Int64(5)
            Scan: l; projection=None
        Filter: #rd > 5
            Scan: r; projection=None
    ");
}

#[test]
fn null_keys_may_equal() {
    let plan = of_left(JoinType::Inner, col("la").is_null()).with_nulls_equal(true);
    insta::assert_snapshot!(check(plan), @r"
    Join: type=Inner, on=[(#la, #ra)], nulls_equal=true
        Filter: #la IS NULL
            Scan: l; projection=None
        Filter: #ra IS NULL
            Scan: r; projection=None
    ");
}

#[test]
fn what_stays_with_one_side() {
    let stays = |predicate: Expr| {
        let text = check(of_left(JoinType::Inner, predicate));
        assert_eq!(text.matches("Filter: ").count(), 1, "{text}");
    };
    stays(col("lb").gt(5));
    stays(col("la").gt(col("lb")));
    stays(col("la").neq(5));
    stays(col("la").is_not_null());
    stays(fail_on(col("la"), 3).gt(0));
    stays(random().gt(0.5).and(random().lt(col("la"))));
    // Of a key that is never null these are constants.
    for predicate in [col("la").is_null(), col("la").lt(col("la"))] {
        let left = filter(side("l"), predicate);
        let text = check(join(
            left,
            side("r"),
            JoinType::Inner,
            &[("la", "rk")],
            None,
        ));
        assert_eq!(text.matches("Filter: ").count(), 1, "{text}");
    }
    let single = of_left(JoinType::Left, col("la").gt(5)).with_single(true);
    assert!(!check(single).contains("#ra >"));
    // Which zero it is shows in the quotient.
    let float = |predicate| {
        let left = filter(side("l"), predicate);
        check(join(
            left,
            side("r"),
            JoinType::Inner,
            &[("lf", "rf")],
            None,
        ))
    };
    assert!(float(col("lf").gt(0.5)).contains("#rf >"));
    assert!(!float((lit(1.0) / col("lf")).gt(0.5)).contains("Filter: #rf"));
    // Other types are compared in another way.
    let left = filter(side("l"), col("la").gt(5i64));
    let plan = join(left, side("r"), JoinType::Inner, &[("la", "rf")], None);
    assert!(!check(plan).contains("#rf >"));
}
