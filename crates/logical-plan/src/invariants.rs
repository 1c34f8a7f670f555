//! What must hold of every plan, and after every rule.

use std::collections::{HashMap, HashSet};

use esker_datatypes::{DataType, Error, Result, Schema, value_type};
use esker_logical_expr::tree::{self, Visit};
use esker_logical_expr::{Expr, columns_of, expr_type};

use crate::node::join_key_type;
use crate::plan::LogicalPlan;

/// Checks that each node uses columns that its inputs have, that its expressions have the types
/// that its schema says, that no schema holds a column twice, and that all places where a shared
/// relation is read have columns of the same types.
///
/// # Errors
/// `Internal`, with the node's line.
pub fn check_invariants(plan: &LogicalPlan) -> Result<()> {
    let mut failed = None;
    let mut shared = HashMap::new();
    let mut check = |node| check_node(node).and_then(|()| check_shared(node, &mut shared));
    tree::visit(plan, |node| match check(node) {
        Ok(()) => Visit::Continue,
        Err(error) => {
            failed = Some(error.in_node(node.line()));
            Visit::Stop
        }
    });
    failed.map_or(Ok(()), Err)
}

/// Checks that two plans give the same columns: identity, name and type, in the same order.
///
/// # Errors
/// `Internal`, with the first column that differs.
pub fn check_same_schema(before: &Schema, after: &Schema) -> Result<()> {
    let same = before.len() == after.len()
        && before.fields().iter().zip(after.fields()).all(|(a, b)| {
            a.id() == b.id() && a.name() == b.name() && a.data_type() == b.data_type()
        });
    if same {
        return Ok(());
    }
    Err(Error::internal(format!(
        "the schema ({before}) became ({after})"
    )))
}

fn check_node(plan: &LogicalPlan) -> Result<()> {
    let mut ids = HashSet::new();
    for field in plan.schema().fields() {
        if !ids.insert(field.id()) {
            return Err(Error::internal(format!(
                "column '{}' is there twice",
                field.name()
            )));
        }
    }
    match plan {
        LogicalPlan::Scan(scan) => {
            for filter in scan.filters() {
                check_boolean(&filter.expr, scan.columns())?;
            }
        }
        LogicalPlan::Filter(filter) => check_boolean(filter.predicate(), filter.input().schema())?,
        LogicalPlan::Projection(projection) => {
            let input = projection.input().schema();
            check_typed(projection.exprs(), plan.schema(), input)?;
        }
        LogicalPlan::Aggregate(aggregate) => {
            let input = aggregate.input().schema();
            let exprs = aggregate.keys().iter().chain(aggregate.aggregates());
            check_typed(exprs, plan.schema(), input)?;
        }
        LogicalPlan::Join(join) => {
            for (left, right) in join.on() {
                check_columns(left, join.left().schema())?;
                check_columns(right, join.right().schema())?;
                let l = expr_type(left, join.left().schema())?.data_type;
                let r = expr_type(right, join.right().schema())?.data_type;
                if join_key_type(&l, &r).is_none() {
                    return Err(Error::internal(format!(
                        "the keys {left} and {right} are {l} and {r}"
                    )));
                }
            }
            if let Some(filter) = join.filter() {
                check_boolean(filter, &join.both_sides())?;
            }
        }
        LogicalPlan::Sort(sort) => {
            for key in sort.keys() {
                check_columns(&key.expr, sort.input().schema())?;
            }
        }
        LogicalPlan::Distinct(distinct) => {
            for key in distinct.on().into_iter().flatten() {
                check_columns(key, distinct.input().schema())?;
            }
        }
        LogicalPlan::Limit(_) => {}
        LogicalPlan::Unnest(unnest) => {
            for column in unnest.columns() {
                check_columns(column, unnest.input().schema())?;
            }
        }
        LogicalPlan::Union(union) => {
            for input in union.inputs() {
                let pairs = union_pairs(plan.schema(), input.schema())?;
                if let Some((a, b)) = pairs.into_iter().find(|(a, b)| a != b) {
                    // Before the analyzer the inputs still have types of their own.
                    if esker_datatypes::common_type(&a, &b).is_none() {
                        return Err(Error::internal(format!(
                            "a union of {a} has an input of {b}"
                        )));
                    }
                }
            }
        }
        LogicalPlan::Shared(_) | LogicalPlan::Extension(_) => {}
    }
    Ok(())
}

/// Checks that a shared relation has the columns that it has in the places before.
fn check_shared<'a>(plan: &'a LogicalPlan, seen: &mut HashMap<u32, &'a LogicalPlan>) -> Result<()> {
    let LogicalPlan::Shared(shared) = plan else {
        return Ok(());
    };
    let first = *seen.entry(shared.key()).or_insert(plan);
    let (here, there) = (plan.schema(), first.schema());
    let mut pairs = here.fields().iter().zip(there.fields());
    if here.len() == there.len() && pairs.all(|(a, b)| a.data_type() == b.data_type()) {
        return Ok(());
    }
    Err(Error::internal(format!(
        "a shared relation is ({there}) in one place and ({here}) in another"
    )))
}

/// Checks that expressions have the types that the schema says.
fn check_typed<'a>(
    exprs: impl IntoIterator<Item = &'a Expr>,
    schema: &Schema,
    input: &Schema,
) -> Result<()> {
    for (expr, field) in exprs.into_iter().zip(schema.fields()) {
        check_columns(expr, input)?;
        let actual = expr_type(expr, input)?;
        if actual.data_type != *field.data_type() {
            return Err(Error::internal(format!(
                "{expr} is {}, not {}",
                actual.data_type,
                field.data_type()
            )));
        }
    }
    Ok(())
}

fn union_pairs(schema: &Schema, input: &Schema) -> Result<Vec<(DataType, DataType)>> {
    if schema.len() != input.len() {
        return Err(Error::internal(
            "the inputs of a union differ in their number of columns",
        ));
    }
    let types = schema.fields().iter().zip(input.fields());
    Ok(types
        .map(|(a, b)| (a.data_type().clone(), b.data_type().clone()))
        .collect())
}

fn check_boolean(predicate: &Expr, schema: &Schema) -> Result<()> {
    check_columns(predicate, schema)?;
    let data_type = expr_type(predicate, schema)?.data_type;
    match value_type(&data_type) {
        DataType::Boolean | DataType::Null => Ok(()),
        other => Err(Error::internal(format!(
            "the predicate {predicate} is {other}"
        ))),
    }
}

fn check_columns(expr: &Expr, schema: &Schema) -> Result<()> {
    for id in columns_of(expr)? {
        if schema.index_of(id).is_none() {
            return Err(Error::internal(format!(
                "{expr} uses a column ({id:?}) that the input ({schema}) does not have"
            )));
        }
    }
    Ok(())
}
