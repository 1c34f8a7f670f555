//! Mistakes that constructors find, and the schemas that they compute.

use std::sync::Arc;

use esker_datatypes::{DataType, Field, Result, Schema};
use esker_logical_expr::test_util::total;
use esker_logical_expr::{col, lit};

use super::{employee, sample, table};
use crate::{LogicalPlan, LogicalPlanBuilder, Projection, Scan, Union};

#[track_caller]
fn fails<T>(result: Result<T>, want: &str) {
    match result {
        Ok(_) => panic!("no error, where {want} was expected"),
        Err(error) => assert_eq!(error.to_string(), want),
    }
}

#[track_caller]
fn check(plan: &LogicalPlan, want: &str) {
    assert_eq!(plan.schema().to_string(), want);
}

/// Two columns of the same name, told apart by qualifiers.
fn joined() -> LogicalPlanBuilder {
    let id = |qualifier: &str| {
        Field::new("id", DataType::Int64, false).with_qualifiers([Arc::from(qualifier)])
    };
    let schema = Schema::new(vec![id("o"), id("c")]);
    LogicalPlanBuilder::scan("joined", Arc::new(crate::MemTable::empty(&schema)))
}

#[test]
fn names_must_mean_one_column() {
    fails(
        employee().filter(col("stat").eq("CO")),
        "column 'stat' not found: did you mean 'state'?",
    );
    fails(
        employee().project([col("id"), col("nothing") + 1]),
        "column 'nothing' not found: the columns are id, first_name, last_name, state, salary",
    );
    fails(
        joined().filter(col("id").gt(1)),
        "column 'id' is ambiguous: it could be 'o.id' or 'c.id'",
    );
    fails(
        joined().project([col("id")]),
        "column 'id' is ambiguous: it could be 'o.id' or 'c.id'",
    );
    fails(
        sample(vec![col("stat")], employee().build()),
        "column 'stat' not found: did you mean 'state'?",
    );
    assert!(joined().filter(col("o.id").gt(1)).is_ok());
}

#[test]
fn columns_of_other_frames_are_refused() {
    let foreign = employee();
    let column = esker_logical_expr::Expr::column(&foreign.schema().fields()[0]);
    let error = employee().filter(column.gt(1)).unwrap_err();
    assert!(error.to_string().contains("'id'"), "{error}");
}

#[test]
fn filters_take_truth_values() {
    fails(
        employee().filter(col("salary") + 1),
        "a filter takes a truth value, not Int64 (in expression #salary + 1)",
    );
    fails(
        employee().filter(total(col("salary")).gt(1)),
        "a filter takes no aggregate: aggregate first, then filter its result (in expression \
         TOTAL(#salary) > 1)",
    );
    let error = employee()
        .filter(col("state").gt(1))
        .err()
        .map(|e| e.to_string());
    assert!(error.is_some_and(|e| e.contains("Utf8View") && e.contains("#state > 1")));
    assert!(employee().filter(lit(None::<bool>)).is_ok());
    let null = lit(esker_datatypes::ScalarValue::null(&DataType::Null));
    assert!(employee().filter(null).is_ok());
    assert!(employee().filter(lit(true)).is_ok());
}

#[test]
fn projections_name_each_column_once() {
    fails(
        employee().project([col("id"), col("salary").alias("id")]),
        "two columns are named 'id': give one another name with .alias(..)",
    );
    fails(
        employee().project([col("salary") + 1, col("salary") * 2]),
        "two columns are named 'salary': give one another name with .alias(..)",
    );
    fails(
        employee().project([total(col("salary"))]),
        "a projection takes no aggregate: aggregate first, then compute with its result (in expression \
         TOTAL(#salary))",
    );
    fails(
        joined().alias("j"),
        "two columns are named 'j.id': give one another name with .alias(..)",
    );
    assert!(joined().project([col("o.id"), col("c.id")]).is_ok());
}

#[test]
fn projections_compute_their_schema() {
    let plan = employee()
        .project([
            col("id"),
            col("salary") + 1,
            (col("salary") * 0.5).alias("half"),
            col("id").alias("number"),
            lit("x"),
        ])
        .unwrap()
        .build();
    check(
        &plan,
        "id: Int64, salary: Int64?, half: Float64?, number: Int64, literal: Utf8View",
    );
    let input = plan.inputs()[0].schema();
    let id = |schema: &Schema, i: usize| schema.fields()[i].id();
    assert_eq!(
        id(plan.schema(), 0),
        id(input, 0),
        "a bare column keeps its identity"
    );
    assert_ne!(
        id(plan.schema(), 1),
        id(input, 4),
        "a computed one has its own"
    );
}

#[test]
fn aliases_replace_qualifiers() {
    let plan = employee().project([col("id")]).unwrap().alias("a").unwrap();
    check(&plan.clone().build(), "a.id: Int64");
    let again = plan.alias("b").unwrap();
    check(&again.clone().build(), "b.id: Int64");
    assert!(again.clone().filter(col("a.id").eq(1)).is_err());
    assert!(again.clone().filter(col("b.id").eq(1)).is_ok());
    assert!(again.filter(col("id").eq(1)).is_ok());
}

#[test]
fn unions_match_columns_by_position() {
    use DataType::{Float64, Int32, Int64, Utf8, Utf8View};
    let union = |columns: &[&[(&str, DataType)]]| {
        Union::try_new(columns.iter().map(|c| table("t", c))).map(LogicalPlan::Union)
    };
    fails(union(&[]), "a union needs at least one input");
    fails(
        union(&[&[("a", Int64), ("b", Int64)], &[("a", Int64), ("c", Int64)]]),
        "union matches columns by position: column 2 is 'b' on the left and 'c' on the right",
    );
    fails(
        union(&[
            &[("a", Int64), ("b", Int64)],
            &[("a", Int64), ("b", Utf8View)],
        ]),
        "union: column 'b' is Int64 on the left and Utf8View on the right, which have no common \
         type",
    );
    fails(
        union(&[&[("a", Int64), ("b", Int64)], &[("a", Int64)]]),
        "union needs the same columns on both sides: 2 on the left, 1 on the right; 'b' is only \
         on the left",
    );
    fails(
        union(&[
            &[("a", Int64)],
            &[("a", Int64)],
            &[("a", Int64), ("z", Int64)],
        ]),
        "union needs the same columns on both sides: 1 on the left, 2 on the right; 'z' is only \
         on the right",
    );
    let schema = |columns| union(columns).unwrap().schema().to_string();
    assert_eq!(schema(&[&[("a", Int32)], &[("a", Int64)]]), "a: Int64");
    assert_eq!(schema(&[&[("a", Int32)], &[("a", Float64)]]), "a: Float64");
    assert_eq!(schema(&[&[("a", Utf8)], &[("a", Utf8)]]), "a: Utf8");
    assert_eq!(schema(&[&[("a", Utf8)], &[("a", Utf8View)]]), "a: Utf8View");
}

#[test]
fn a_union_may_hold_nulls_when_an_input_does() {
    let plan = employee().project([col("id")]).unwrap();
    let nulls = employee()
        .project([col("salary").alias("id")])
        .unwrap()
        .build();
    check(&plan.clone().build(), "id: Int64");
    check(&plan.union([nulls]).unwrap().build(), "id: Int64?");
}

#[test]
fn projections_of_scans_must_exist() {
    let LogicalPlan::Scan(scan) = employee().build() else {
        panic!("a scan")
    };
    fails(
        scan.clone().with_projection(vec![5]).map(Scan::schema_text),
        "internal error: column 5 of a source of 5; please report this",
    );
    assert_eq!(
        scan.with_projection(vec![4, 0]).unwrap().schema_text(),
        "salary: Int64?, id: Int64"
    );
}

impl Scan {
    fn schema_text(self) -> String {
        LogicalPlan::Scan(self).schema().to_string()
    }
}

#[test]
fn fields_and_expressions_must_agree_in_number() {
    let plan = employee().build();
    let schema = Arc::clone(plan.schema());
    fails(
        Projection::from_parts(vec![], schema, plan.into()),
        "internal error: 0 expressions for 5 columns; please report this",
    );
}
