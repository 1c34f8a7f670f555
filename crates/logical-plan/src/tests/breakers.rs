//! Aggregations, joins, sorts and distincts: their text, their columns, their mistakes.

use esker_datatypes::{DataType, Result};
use esker_logical_expr::test_util::total;
use esker_logical_expr::{Expr, col, lit};

use super::{employee, table};
use crate::{
    AggregateOptions, Distinct, Join, JoinOptions, JoinType, LogicalPlan, LogicalPlanBuilder, Side,
    check_invariants, join_plan,
};

#[track_caller]
fn fails<T>(result: Result<T>, want: &str) {
    match result {
        Ok(_) => panic!("no error, where {want} was expected"),
        Err(error) => assert_eq!(error.to_string(), want),
    }
}

/// The plan's text, and its columns.
#[track_caller]
fn check(plan: Result<LogicalPlan>, text: &str, columns: &str) {
    let plan = plan.unwrap();
    check_invariants(&plan).unwrap();
    assert_eq!(plan.to_string(), text);
    assert_eq!(plan.schema().to_string(), columns);
}

fn aggregate(
    keys: impl IntoIterator<Item = Expr>,
    exprs: impl IntoIterator<Item = Expr>,
) -> Result<LogicalPlan> {
    let options = AggregateOptions::default();
    Ok(employee().aggregate(keys, exprs, options)?.build())
}

const EMPLOYEE: &str = "    Scan: employee; projection=None\n";

#[test]
fn groups_are_keys_and_then_aggregates() {
    let exprs = [total(col("salary")).alias("t"), total(col("id"))];
    check(
        aggregate([col("state"), (col("id") % 2).alias("odd")], exprs),
        &format!(
            "Aggregate: groupExpr=[#state, #id % 2 as odd], \
             aggregateExpr=[TOTAL(#salary) as t, TOTAL(#id)]\n{EMPLOYEE}"
        ),
        "state: Utf8View?, odd: Int64?, t: Int64?, id_total: Int64?",
    );
    check(
        aggregate([], [total(col("salary"))]),
        &format!("Aggregate: groupExpr=[], aggregateExpr=[TOTAL(#salary)]\n{EMPLOYEE}"),
        "salary_total: Int64?",
    );
    let options = AggregateOptions {
        maintain_order: true,
        sorted: true,
    };
    let plan = employee().aggregate([col("state")], [], options).unwrap();
    check(
        Ok(plan.build()),
        &format!(
            "Aggregate: groupExpr=[#state], aggregateExpr=[], maintain_order=true, sorted=true\n\
             {EMPLOYEE}"
        ),
        "state: Utf8View?",
    );
}

#[test]
fn expressions_around_aggregates_are_computed_above() {
    // Each call once; keys are found whole, and columns of keys within.
    let exprs = [
        total(col("salary")) - total(col("id")),
        (total(col("salary")) + (col("id") % 2) + 1).alias("x"),
        lit(1).alias("one"),
    ];
    check(
        aggregate([col("state"), (col("id") % 2).alias("odd")], exprs),
        &format!(
            "Projection: #state, #odd, #salary_total - #id_total as salary_total, \
             #salary_total + #odd + 1 as x, 1 as one\n    \
             Aggregate: groupExpr=[#state, #id % 2 as odd], \
             aggregateExpr=[TOTAL(#salary), TOTAL(#id)]\n    {EMPLOYEE}"
        )
        .replace(" as salary_total", ""),
        "state: Utf8View?, odd: Int64?, salary_total: Int64?, x: Int64?, one: Int32",
    );
    check(
        aggregate([col("state")], [col("state").eq("CO").alias("co")]),
        &format!(
            "Projection: #state, #state = 'CO' as co\n    \
             Aggregate: groupExpr=[#state], aggregateExpr=[]\n    {EMPLOYEE}"
        ),
        "state: Utf8View?, co: Boolean?",
    );
}

#[test]
fn what_is_no_aggregation() {
    fails(
        aggregate([col("state")], [col("salary") + total(col("id"))]),
        "column 'salary' is neither a key nor inside an aggregate: add it to the keys, or say \
         which of its values is meant, with first() or another aggregate (in expression #salary + \
         TOTAL(#id))",
    );
    fails(
        aggregate([total(col("id"))], []),
        "rows cannot be grouped by an aggregate (in expression TOTAL(#id))",
    );
    fails(
        aggregate([], [total(total(col("id")))]),
        "an aggregate takes no other aggregate (in expression TOTAL(TOTAL(#id)))",
    );
    fails(
        aggregate([col("stat")], []),
        "column 'stat' not found: did you mean 'state'?",
    );
    fails(
        aggregate([], [total(col("id")), total(col("id"))]),
        "two columns are named 'id_total': give one another name with .alias(..)",
    );
}

fn sides() -> (LogicalPlan, LogicalPlan) {
    let left = table("l", &[("id", DataType::Int64), ("v", DataType::Utf8View)]);
    let right = table("r", &[("id", DataType::Int64), ("v", DataType::Float64)]);
    (left, right)
}

fn on(names: &[&str]) -> Vec<(Expr, Expr)> {
    names.iter().map(|name| (col(*name), col(*name))).collect()
}

fn join(join_type: JoinType, change: impl FnOnce(&mut JoinOptions)) -> Result<LogicalPlan> {
    let (left, right) = sides();
    let mut options = JoinOptions::new(join_type);
    options.on = on(&["id"]);
    change(&mut options);
    join_plan(left, right, options)
}

const SCANS: &str = "        Scan: l; projection=None\n        Scan: r; projection=None\n";

#[test]
fn keys_of_one_name_become_one_column() {
    let text = |columns: &str, of_type: &str| {
        format!("Projection: {columns}\n    Join: type={of_type}, on=[(#id, #id)]\n{SCANS}")
    };
    check(
        join(JoinType::Inner, |_| {}),
        &text("#id, #v, #v as v_right", "Inner"),
        "id: Int64, v: Utf8View, v_right: Float64",
    );
    check(
        join(JoinType::Left, |options| options.suffix = "_r".into()),
        &text("#id, #v, #v as v_r", "Left"),
        "id: Int64, v: Utf8View, v_r: Float64?",
    );
    check(
        join(JoinType::Right, |_| {}),
        &text("#id, #v, #v as v_right", "Right"),
        "id: Int64, v: Utf8View?, v_right: Float64",
    );
    let case = "CASE WHEN #id IS NOT NULL THEN #id ELSE #id END as id";
    check(
        join(JoinType::Full, |_| {}),
        &text(&format!("{case}, #v, #v as v_right"), "Full"),
        "id: Int64?, v: Utf8View?, v_right: Float64?",
    );
    check(
        join(JoinType::Inner, |options| options.coalesce = false),
        &text("#id, #v, #id as id_right, #v as v_right", "Inner"),
        "id: Int64, v: Utf8View, id_right: Int64, v_right: Float64",
    );
    for (join_type, name) in [(JoinType::Semi, "Semi"), (JoinType::Anti, "Anti")] {
        check(
            join(join_type, |_| {}),
            &format!("Join: type={name}, on=[(#id, #id)]\n{SCANS}").replace("        ", "    "),
            "id: Int64, v: Utf8View",
        );
    }
}

#[test]
fn qualifiers_keep_equal_names_apart() {
    let (left, right) = sides();
    let alias = |plan, name: &str| {
        LogicalPlanBuilder::from_plan(plan)
            .alias(name)
            .unwrap()
            .build()
    };
    let mut options = JoinOptions::new(JoinType::Inner);
    options.on = on(&["id"]);
    options.filter = Some(col("c.v").gt(1).and(col("id").gt(0)));
    let plan = join_plan(alias(left, "o"), alias(right, "c"), options).unwrap();
    assert_eq!(
        plan.schema().to_string(),
        "o.id: Int64, o.v: Utf8View, c.v: Float64"
    );
    for name in ["id", "o.id", "c.id", "o.v", "c.v"] {
        assert!(plan.schema().resolve(name).is_ok(), "{name}");
    }
    fails(
        plan.schema().resolve("v"),
        "column 'v' is ambiguous: it could be 'o.v' or 'c.v'",
    );
}

#[test]
fn options_are_printed_where_they_differ() {
    let line = |plan: Result<LogicalPlan>| {
        let plan = plan.unwrap().to_string();
        let line = plan.lines().find(|line| line.contains("Join:"));
        line.unwrap_or_default().trim().to_owned()
    };
    assert_eq!(
        line(join(JoinType::Inner, |options| {
            options.filter = Some(col("v_right").gt(1));
            options.nulls_equal = true;
            options.maintain_order = true;
            options.sorted = true;
        })),
        "Join: type=Inner, on=[(#id, #id)], filter=#v_right > 1, nulls_equal=true, \
         maintain_order=true, sorted=true"
    );
    assert_eq!(
        line(join(JoinType::Inner, |options| options.on.clear())),
        "Join: type=Cross"
    );
    assert_eq!(
        line(join(JoinType::Left, |options| {
            options.on.clear();
            options.single = true;
        })),
        "Join: type=Left, on=[], single=true"
    );
    let (left, right) = sides();
    let built = Join::try_new(left, right, JoinType::Semi, on(&["id"]), None).unwrap();
    let built = LogicalPlan::Join(built.with_build(Some(Side::Left)));
    assert_eq!(
        line(Ok(built)),
        "Join: type=Semi, on=[(#id, #id)]; build=left"
    );
}

#[test]
fn what_is_no_join() {
    fails(
        join(JoinType::Inner, |options| options.on = on(&["idd"])),
        "column 'idd' not found: did you mean 'id'?",
    );
    fails(
        join(JoinType::Inner, |options| options.on = on(&["v"])),
        "cannot join #v, which is Utf8View, with #v, which is Float64; cast one side",
    );
    fails(
        join(JoinType::Left, |options| {
            options.filter = Some(col("v_right") + 1)
        }),
        "a join's condition is a truth value, not Float64 (in expression #v_right + 1)",
    );
    fails(
        join(JoinType::Left, |options| {
            options.filter = Some(total(col("id")).gt(1))
        }),
        "a join's condition takes no aggregate (in expression TOTAL(#id) > 1)",
    );
    fails(
        join(JoinType::Left, |options| options.suffix = "".into()),
        "two columns are named 'v': give one another name with .alias(..)",
    );
}

#[test]
fn a_self_join_has_columns_of_its_own() {
    let (left, _) = sides();
    let mut options = JoinOptions::new(JoinType::Inner);
    options.on = vec![(col("id"), col("id") + 1)];
    let plan = join_plan(left.clone(), left, options).unwrap();
    check_invariants(&plan).unwrap();
    assert_eq!(
        plan.schema().to_string(),
        "id: Int64, v: Utf8View, id_right: Int64, v_right: Utf8View"
    );
}

#[test]
fn sorts_and_distincts() {
    let keys = [col("state").desc(), (col("id") % 2).asc().nulls_first()];
    let columns = employee().schema().to_string();
    check(
        employee().sort(keys).map(LogicalPlanBuilder::build),
        &format!("Sort: #state DESC NULLS LAST, #id % 2 ASC NULLS FIRST\n{EMPLOYEE}"),
        &columns,
    );
    let distinct = |on| Distinct::try_new(on, employee().build());
    check(
        distinct(None).map(LogicalPlan::Distinct),
        &format!("Distinct\n{EMPLOYEE}"),
        &columns,
    );
    let some = distinct(Some(vec![col("state"), col("id")])).unwrap();
    let some = some.with_maintain_order(true).with_sorted(true);
    check(
        Ok(LogicalPlan::Distinct(some)),
        &format!("Distinct: on=[#state, #id], maintain_order=true, sorted=true\n{EMPLOYEE}"),
        &columns,
    );
    fails(employee().sort([]), "a sort needs at least one key");
    fails(
        employee().sort([total(col("id")).asc()]),
        "a sort takes no aggregate: aggregate first, then sort its result (in expression \
         TOTAL(#id))",
    );
    fails(distinct(Some(vec![])), "distinct needs at least one column");
    fails(
        distinct(Some(vec![col("id") + 1])),
        "distinct takes columns: compute the expression with with_column() first (in expression \
         #id + 1)",
    );
}
