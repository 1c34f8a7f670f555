//! What must hold, and when it does not.

use std::sync::Arc;

use esker_datatypes::{DataType, Field, Schema};
use esker_logical_expr::{Expr, col, lit};

use super::{employee, table};
use crate::{LogicalPlan, Projection, Shared, Union, check_invariants, check_same_schema};

#[track_caller]
fn broken(plan: &LogicalPlan, want: &str) {
    let error = check_invariants(plan).unwrap_err().to_string();
    assert!(error.contains(want), "{error}");
}

/// A projection as a careless rule makes it.
fn projection(exprs: Vec<Expr>, schema: Schema, input: LogicalPlan) -> LogicalPlan {
    let parts = Projection::from_parts(exprs, Arc::new(schema), input.into());
    LogicalPlan::Projection(parts.unwrap())
}

#[test]
fn plans_of_constructors_hold() {
    let plan = employee()
        .filter(col("state").eq("CO"))
        .and_then(|plan| plan.project([col("id"), col("salary") + 1]))
        .and_then(|plan| plan.alias("e"))
        .map(|plan| plan.limit(1, Some(2)).build())
        .unwrap();
    check_invariants(&plan).unwrap();
    let union = Union::try_new([plan.clone(), plan]).unwrap();
    check_invariants(&LogicalPlan::Union(union)).unwrap();
    let types = [DataType::Int64, DataType::Int32].map(|t| table("t", &[("a", t)]));
    check_invariants(&LogicalPlan::Union(Union::try_new(types).unwrap())).unwrap();
}

#[test]
fn columns_must_be_those_of_the_input() {
    let input = employee().build();
    let foreign = table("other", &[("id", DataType::Int64)]);
    let field = foreign.schema().fields()[0].clone();
    let plan = projection(vec![Expr::column(&field)], Schema::new(vec![field]), input);
    broken(&plan, "that the input (id: Int64, first_name: Utf8View?");
    broken(&plan, "in Projection: #id");
    let unresolved = Schema::new(vec![Field::new("id", DataType::Int64, false)]);
    let plan = projection(vec![col("id")], unresolved, employee().build());
    broken(&plan, "column 'id' is not resolved");
}

#[test]
fn types_must_be_those_of_the_schema() {
    let input = employee().build();
    let id = Expr::column(&input.schema().fields()[0]);
    let schema = Schema::new(vec![Field::new("id", DataType::Utf8View, false)]);
    broken(
        &projection(vec![id], schema, input),
        "#id is Int64, not Utf8View",
    );
    let filter = employee().filter(col("id").gt(1)).unwrap().build();
    let number = filter
        .map_exprs(|_| Ok(esker_logical_expr::tree::Transformed::yes(lit(1))))
        .unwrap()
        .data;
    broken(&number, "the predicate 1 is Int32");
}

#[test]
fn filters_of_scans_must_be_of_its_columns() {
    let LogicalPlan::Scan(scan) = employee().build() else {
        panic!("a scan")
    };
    let other = employee().build();
    let filter = Expr::column(&other.schema().fields()[0]).is_null();
    broken(
        &LogicalPlan::Scan(scan.with_filters(vec![filter])),
        "uses a column",
    );
    // But they may be of columns that are not delivered.
    let LogicalPlan::Scan(scan) = employee().build() else {
        panic!("a scan")
    };
    let filter = Expr::column(&scan.columns().fields()[0]).is_null();
    let scan = scan
        .with_filters(vec![filter])
        .with_projection(vec![1])
        .unwrap();
    check_invariants(&LogicalPlan::Scan(scan)).unwrap();
}

#[test]
fn no_column_is_there_twice() {
    let input = employee().build();
    let field = input.schema().fields()[0].clone();
    let exprs = vec![Expr::column(&field), Expr::column(&field)];
    let schema = Schema::new(vec![field.clone(), field.with_name("again")]);
    broken(
        &projection(exprs, schema, input),
        "column 'again' is there twice",
    );
}

#[test]
fn inputs_of_unions_must_fit() {
    let int = |name| table(name, &[("a", DataType::Int64)]);
    let union = Union::try_new([int("x"), int("y")]).unwrap();
    let (_, schema, _) = union.into_parts();
    let text = table("z", &[("a", DataType::Utf8View)]);
    let wrong = Union::from_parts(vec![int("x").into(), text.into()], Arc::clone(&schema));
    broken(
        &LogicalPlan::Union(wrong),
        "a union of Int64 has an input of Utf8View",
    );
    let wide = table("z", &[("a", DataType::Int64), ("b", DataType::Int64)]);
    let wrong = Union::from_parts(vec![int("x").into(), wide.into()], schema);
    broken(
        &LogicalPlan::Union(wrong),
        "differ in their number of columns",
    );
}

#[test]
fn a_violation_deep_down_is_found() {
    let LogicalPlan::Scan(scan) = employee().build() else {
        panic!("a scan")
    };
    let scan = LogicalPlan::Scan(scan.with_filters(vec![lit(1)]));
    let plan = crate::LogicalPlanBuilder::from_plan(scan)
        .limit(0, Some(1))
        .build();
    broken(&plan, "the predicate 1 is Int32");
    broken(&plan, "in Scan: employee");
}

#[test]
fn schemas_are_the_same_or_not() {
    let plan = employee().build();
    let fields = plan.schema().fields();
    let with = |change: fn(Field) -> Field| -> Schema {
        let fields = fields.iter().enumerate();
        fields
            .map(|(i, f)| if i == 2 { change(f.clone()) } else { f.clone() })
            .collect()
    };
    let check = |after: &Schema| check_same_schema(plan.schema(), after);
    assert!(check(&with(|f| f)).is_ok());
    // A rule may learn that there are no nulls, and qualifiers are for names only.
    assert!(check(&with(|f| f.with_nullable(false))).is_ok());
    for after in [
        with(|f| f.with_name("other")),
        with(|f| f.with_type(DataType::Int8)),
        with(|f| f.with_id(esker_datatypes::ColumnId::fresh())),
        Schema::new(fields[1..].to_vec()),
        Schema::new(fields.iter().rev().cloned().collect()),
    ] {
        let error = check(&after).unwrap_err().to_string();
        assert!(
            error.contains("the schema (id: Int64, first_name"),
            "{error}"
        );
    }
}

#[test]
fn a_shared_relation_is_the_same_in_all_places() {
    let shared = |plan| LogicalPlan::Shared(Shared::new(1, plan));
    let place = shared(employee().build());
    let union = |inputs| LogicalPlan::Union(Union::try_new(inputs).unwrap());
    let plan = union([place.clone(), place.clone()]);
    check_invariants(&plan).unwrap();
    assert!(
        plan.to_string().ends_with("    Shared: 1, as above\n"),
        "{plan}"
    );
    let LogicalPlan::Shared(narrow) = place.clone().with_fresh_ids().unwrap() else {
        panic!("it stays what it is")
    };
    assert!(!place.shares_columns_with(&LogicalPlan::Shared(narrow.clone())));
    let narrow = LogicalPlan::Shared(narrow.with_columns_at(&[3, 0]));
    assert_eq!(narrow.schema().to_string(), "state: Utf8View?, id: Int64");
    check_invariants(&narrow).unwrap();
    let columns = || [col("state"), col("id")];
    let of = |plan| {
        crate::LogicalPlanBuilder::from_plan(plan)
            .project(columns())
            .unwrap()
            .build()
    };
    let plan = union([of(place), of(narrow.clone())]);
    broken(&plan, "a shared relation is (");
    // Its columns are those of the input, wherever the input has them.
    let LogicalPlan::Shared(node) = &narrow else {
        panic!("it stays what it is")
    };
    assert_eq!(node.positions().unwrap(), [3, 0]);
    let error = narrow.with_inputs([employee().build().into()]).unwrap_err();
    assert!(error.to_string().contains("has lost a column"), "{error}");
}
