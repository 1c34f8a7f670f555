//! Golden plans of `simplify_joins`.

use esker_datatypes::DataType;
use esker_logical_expr::test_util::{double, fail_on, total};
use esker_logical_expr::{Expr, col, lit, when};
use esker_logical_plan::{Sort, Union};

use super::*;
use crate::test_util::{
    aggregate, apply, distinct, filter, join, limit, project, random, side, sort,
};

fn check(plan: LogicalPlan) -> String {
    apply(SimplifyJoins, plan)
}

fn outer(join_type: JoinType) -> LogicalPlan {
    LogicalPlan::Join(join(side("l"), side("r"), join_type, &[("la", "ra")], None))
}

/// The type of the one join below a filter after the rule.
fn type_below(predicate: Expr, join_type: JoinType) -> String {
    type_in(filter(outer(join_type), predicate))
}

fn type_in(plan: LogicalPlan) -> String {
    let text = check(plan);
    let (_, line) = text.split_once("type=").unwrap();
    line.split(',').next().unwrap().to_owned()
}

#[test]
fn a_filter_that_rejects_padded_rows_narrows_a_join() {
    let (left, right) = (|| col("lb").gt(1), || col("rb").gt(1));
    let narrowed = |predicate: Expr| {
        let types = [JoinType::Left, JoinType::Right, JoinType::Full];
        types
            .map(|join_type| type_below(predicate.clone(), join_type))
            .join(" ")
    };
    assert_eq!(narrowed(left()), "Left Inner Left");
    assert_eq!(narrowed(right()), "Inner Right Right");
    assert_eq!(narrowed(left().and(right())), "Inner Inner Inner");
    assert_eq!(narrowed(left().or(right())), "Left Right Full");
    assert_eq!(narrowed(col("lb").lt(col("rb"))), "Inner Inner Inner");
    assert_eq!(narrowed(random().gt(0.5)), "Left Right Full");
}

#[test]
fn what_rejects_nulls() {
    let rejects = |predicate: Expr| type_below(predicate, JoinType::Left) == "Inner";
    for predicate in [
        col("rb").is_not_null(),
        col("rb").is_null().not(),
        col("rb").eq(1).or(col("rd").gt(2)),
        (col("rb") + 1).gt(col("lb")),
        double(col("rf")).lt(1),
        fail_on(col("rb"), 1).neq(1),
        col("rs").cast(DataType::Int64).gt(1),
        col("rb").is_in([1i64, 2]),
        col("rb").is_in([1i64, 2]).not(),
        col("rb").between(1, 2),
        col("rp"),
        col("rp").not(),
        col("rp").eq(col("lp")),
        col("rf").is_nan(),
    ] {
        assert!(rejects(predicate.clone()), "{predicate}");
    }
    let case = when(col("rb").is_null())
        .then(lit(true))
        .otherwise(col("rb").gt(1));
    for predicate in [
        col("rb").is_null(),
        col("rb").gt(1).or(col("lb").gt(1)),
        col("rb").gt(1).is_null(),
        case,
        col("lb").gt(1),
        col("rp").and(col("lp")).is_null(),
        random().gt(0.5),
    ] {
        assert!(!rejects(predicate.clone()), "{predicate}");
    }
}

#[test]
fn conditions_of_joins_above_reject_too() {
    let on = [("rb", "mb")];
    let above = |join_type| join(outer(JoinType::Left), side("m"), join_type, &on, None);
    insta::assert_snapshot!(check(LogicalPlan::Join(above(JoinType::Inner))), @r"
    Join: type=Inner, on=[(#rb, #mb)]
        Join: type=Inner, on=[(#la, #ra)]
            Scan: l; projection=None
            Scan: r; projection=None
        Scan: m; projection=None
    ");
    for (plan, want) in [
        (above(JoinType::Semi), "Inner"),
        (above(JoinType::Right), "Inner"),
        (above(JoinType::Left), "Left"),
        (above(JoinType::Anti), "Left"),
        (above(JoinType::Full), "Left"),
        (above(JoinType::Inner).with_nulls_equal(true), "Left"),
    ] {
        let text = check(LogicalPlan::Join(plan));
        let line = text.lines().nth(1).unwrap();
        assert!(line.contains(&format!("type={want},")), "{text}");
    }
}

/// A join knows of no columns of its inputs but those that they give: others may be there twice.
#[test]
fn a_column_that_is_dropped_is_not_the_one_beside_the_join() {
    let l = || side("l");
    let shared = l();
    let below = join(
        shared.clone(),
        side("r"),
        JoinType::Right,
        &[("la", "ra")],
        None,
    );
    let below = project(LogicalPlan::Join(below), [col("ra"), col("rb")]);
    let above = |right| join(below.clone(), right, JoinType::Inner, &[("rb", "lb")], None);
    for right in [shared.clone(), l()] {
        let text = check(LogicalPlan::Join(above(right)));
        assert!(text.contains("type=Right"), "{text}");
    }
    let below = join(
        shared.clone(),
        side("r"),
        JoinType::Right,
        &[("la", "ra")],
        None,
    );
    let below = project(LogicalPlan::Join(below), [col("lb"), col("rb")]);
    let above = join(below, l(), JoinType::Inner, &[("lb", "lb")], None);
    let text = check(LogicalPlan::Join(above));
    assert!(!text.contains("type=Right"), "{text}");
}

#[test]
fn what_is_known_goes_down_to_where_rows_are_chosen() {
    let known = || col("rb").gt(1);
    let narrowed = |plan: LogicalPlan| type_in(filter(plan, known()));
    let below = || outer(JoinType::Left);
    assert_eq!(narrowed(sort(below(), [col("la").asc()])), "Inner");
    assert_eq!(narrowed(project(below(), [col("rb"), col("la")])), "Inner");
    assert_eq!(
        narrowed(aggregate(below(), [col("rb")], [total(col("lb"))])),
        "Inner"
    );
    assert_eq!(narrowed(distinct(below(), &["la", "rb"])), "Inner");
    assert_eq!(narrowed(distinct(below(), &["la"])), "Left");
    assert_eq!(narrowed(limit(0, 5, below())), "Left");
    let computed = project(below(), [(col("lb") + 1).alias("rb")]);
    assert_eq!(narrowed(computed), "Left");
    let first = Sort::try_new([col("la").asc()], Some(5), below()).unwrap();
    assert_eq!(narrowed(LogicalPlan::Sort(first)), "Left");
    let union = Union::try_new([below()]).unwrap();
    assert_eq!(narrowed(LogicalPlan::Union(union)), "Left");
    let sums = aggregate(below(), [col("la")], [total(col("rb")).alias("rb")]);
    assert_eq!(narrowed(sums), "Left");
}

#[test]
fn equalities_become_keys() {
    let same = [
        col("rb").eq(col("lb")),
        col("ls").eq(col("rs")),
        double(col("lf")).eq(col("rf")),
    ];
    let rest = [
        col("ld").lt(col("rd")),
        col("lf").eq(1.0),
        col("lk").eq(col("la")),
    ];
    let condition = Expr::all_of(same.into_iter().chain(rest));
    let plan = join(side("l"), side("r"), JoinType::Inner, &[], condition);
    insta::assert_snapshot!(check(LogicalPlan::Join(plan)), @r"
    Join: type=Inner, on=[(#lb, #rb), (#ls, #rs), (double(#lf), #rf)], filter=#ld < #rd AND #lf = 1.0 AND #lk = #la
        Scan: l; projection=None
        Scan: r; projection=None
    ");
    let condition = Some(col("la").eq(col("ra")));
    let plan = join(side("l"), side("r"), JoinType::Full, &[], condition);
    insta::assert_snapshot!(check(LogicalPlan::Join(plan)), @r"
    Join: type=Full, on=[(#la, #ra)]
        Scan: l; projection=None
        Scan: r; projection=None
    ");
}

#[test]
fn what_can_fail_or_is_volatile_is_no_key() {
    let condition = Expr::all_of([
        fail_on(col("la"), 3).eq(col("ra")),
        (col("lf") + random()).eq(col("rf")),
        (col("la") + col("rb")).eq(col("ra")),
    ]);
    let plan = join(side("l"), side("r"), JoinType::Inner, &[], condition);
    insta::assert_snapshot!(check(LogicalPlan::Join(plan)), @r"
    Join: type=Inner, on=[], filter=fail_on(#la, value=3) = #ra AND #lf + random() = #rf AND #la + #rb = #ra
        Scan: l; projection=None
        Scan: r; projection=None
    ");
}

#[test]
fn some_joins_keep_their_keys() {
    let condition = || Some(col("lb").eq(col("rb")));
    let of = || {
        join(
            side("l"),
            side("r"),
            JoinType::Left,
            &[("la", "ra")],
            condition(),
        )
    };
    for plan in [
        of().with_nulls_equal(true),
        of().with_sorted(true),
        of().with_single(true),
    ] {
        let text = check(LogicalPlan::Join(plan));
        assert!(text.contains("on=[(#la, #ra)], filter=#lb = #rb"), "{text}");
    }
    let single = filter(LogicalPlan::Join(of().with_single(true)), col("rb").gt(1));
    assert_eq!(type_in(single), "Left");
}

#[test]
fn options_of_a_join_stay() {
    let plan = join(side("l"), side("r"), JoinType::Left, &[("la", "ra")], None)
        .with_maintain_order(true)
        .with_sorted(true);
    insta::assert_snapshot!(check(filter(LogicalPlan::Join(plan), col("rb").gt(1))), @r"
    Filter: #rb > Int64(1)
        Join: type=Inner, on=[(#la, #ra)], maintain_order=true, sorted=true
            Scan: l; projection=None
            Scan: r; projection=None
    ");
}
