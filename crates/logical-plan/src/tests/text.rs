//! Plan text, to the letter.

use esker_datatypes::{DataType, ScalarValue};
use esker_logical_expr::{col, lit, resolve};

use super::{employee, sample, table};
use crate::{Limit, LogicalPlan, LogicalPlanBuilder, Projection, Scan, Union};

#[track_caller]
fn check(plan: &LogicalPlan, want: &str) {
    assert_eq!(plan.to_string(), want);
    assert_eq!(format!("{plan:?}"), want);
}

#[test]
fn a_plan_reads_from_the_result_down() {
    let plan = employee()
        .filter(col("state").eq("CO"))
        .and_then(|plan| plan.project([col("id"), col("first_name"), col("last_name")]))
        .unwrap()
        .build();
    check(
        &plan,
        "Projection: #id, #first_name, #last_name\n    \
             Filter: #state = 'CO'\n        \
                 Scan: employee; projection=None\n",
    );
}

#[test]
fn scans_print_what_was_pushed() {
    let LogicalPlan::Scan(scan) = employee().build() else {
        panic!("a scan")
    };
    let filter = |expr| resolve(expr, scan.columns()).unwrap();
    let filters = vec![filter(col("state").eq("CO")), filter(col("salary").gt(10))];
    let check = |scan: Scan, want: &str| check(&LogicalPlan::Scan(scan), want);
    check(scan.clone(), "Scan: employee; projection=None\n");
    check(
        scan.clone().with_projection(vec![0, 4]).unwrap(),
        "Scan: employee; projection=[id, salary]\n",
    );
    check(
        scan.clone().with_projection(vec![]).unwrap(),
        "Scan: employee; projection=[]\n",
    );
    check(
        scan.clone().with_filters(filters.clone()),
        "Scan: employee; projection=None; filters=[#state = 'CO', #salary > 10]\n",
    );
    check(
        scan.with_projection(vec![0])
            .unwrap()
            .with_filters(filters)
            .with_limit(Some(10)),
        "Scan: employee; projection=[id]; filters=[#state = 'CO', #salary > 10]; limit=10\n",
    );
}

#[test]
fn projections_print_expressions_and_names() {
    let project = |exprs| employee().project(exprs).unwrap().build();
    check(
        &project(vec![
            col("id"),
            (col("salary") * 0.1).alias("bonus"),
            lit("x").alias("a b"),
        ]),
        "Projection: #id, #salary * 0.1 as bonus, 'x' as \"a b\"\n    \
             Scan: employee; projection=None\n",
    );
    check(
        &project(vec![]),
        "Projection: \n    Scan: employee; projection=None\n",
    );
    let day = lit(ScalarValue::date(10561)).alias("day");
    check(
        &project(vec![day, col("salary").cast(DataType::Int32)]),
        "Projection: Date32('1998-12-01') as day, CAST(#salary AS Int32)\n    \
             Scan: employee; projection=None\n",
    );
}

#[test]
fn qualified_frames_print_their_alias() {
    let plan = employee()
        .alias("e")
        .unwrap()
        .filter(col("e.id").eq(1))
        .unwrap()
        .build();
    check(
        &plan,
        "Filter: #e.id = 1\n    \
             Projection: #id, #first_name, #last_name, #state, #salary; alias=e\n        \
                 Scan: employee; projection=None\n",
    );
}

#[test]
fn limits_print_fetch_and_offset() {
    let text = |offset, fetch| {
        let plan = LogicalPlan::Limit(Limit::new(offset, fetch, employee().build())).to_string();
        plan.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(text(0, Some(10)), "Limit: 10");
    assert_eq!(text(5, Some(10)), "Limit: 10, offset=5");
    assert_eq!(text(5, None), "Limit: None, offset=5");
    assert_eq!(text(0, Some(0)), "Limit: 0");
}

#[test]
fn unions_print_their_inputs_in_order() {
    let (a, b) = (
        table("a", &[("x", DataType::Int64)]),
        table("b", &[("x", DataType::Int64)]),
    );
    let filtered = LogicalPlanBuilder::from_plan(a)
        .filter(col("x").gt(1))
        .unwrap()
        .build();
    let limited = LogicalPlan::Union(Union::try_new([filtered, b]).unwrap());
    check(
        &LogicalPlanBuilder::from_plan(limited)
            .limit(0, Some(1))
            .build(),
        "Limit: 1\n    \
             Union\n        \
                 Filter: #x > 1\n            \
                     Scan: a; projection=None\n        \
                 Scan: b; projection=None\n",
    );
}

#[test]
fn extensions_print_themselves() {
    check(
        &sample(vec![col("state")], employee().build()).unwrap(),
        "Sample: every=10, by=[#state]\n    Scan: employee; projection=None\n",
    );
}

#[test]
fn a_hundred_levels_are_indented() {
    let mut plan = employee().build();
    for _ in 0..102 {
        plan = LogicalPlan::Limit(Limit::new(0, Some(1), plan));
    }
    let text = plan.to_string();
    let indents: Vec<usize> = text
        .lines()
        .map(|line| line.len() - line.trim_start().len())
        .collect();
    assert_eq!(indents.len(), 103);
    assert_eq!(indents[99..], [396, 400, 400, 400]);
}

#[test]
fn a_projection_of_a_rule_prints_like_any_other() {
    let LogicalPlan::Projection(projection) = employee().project([col("id")]).unwrap().build()
    else {
        panic!("a projection")
    };
    let (exprs, schema, input, _) = projection.into_parts();
    let again = Projection::from_parts(exprs, schema, input).unwrap();
    check(
        &LogicalPlan::Projection(again),
        "Projection: #id\n    Scan: employee; projection=None\n",
    );
}
