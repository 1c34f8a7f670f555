//! What columns can hold, and how many rows there can be, by what is known of the scans below:
//! enough to prove of most sums and products that they do not overflow.

use std::cell::Cell;

use esker_datatypes::{ColumnId, Precision, Result, Schema};
use esker_logical_expr::{Expr, Interval, bounds, cannot_fail};
use esker_logical_plan::{Aggregate, LogicalPlan, PlanNode, Scan};

use crate::expression::Program;

/// Nodes that are looked at for one expression; columns from further below are known by type.
const NODES: usize = 128;

/// Whether one of these expressions, over the rows of these inputs, may be an error.
pub(super) fn can_fail(exprs: &[&Expr], schema: &Schema, inputs: &[&LogicalPlan]) -> Result<bool> {
    if !Program::compile(exprs, schema)?.is_fallible() {
        return Ok(false);
    }
    let left = Cell::new(NODES);
    let column = |id| of_inputs(inputs, id, &left);
    Ok(!exprs.iter().all(|expr| cannot_fail(expr, &column)))
}

/// What the results of an aggregate call can be; `None` where one may be an error.
pub(super) fn of_aggregate(call: &Expr, input: &LogicalPlan) -> Option<Interval> {
    within_aggregate(call, input, &Cell::new(NODES))
}

fn within_aggregate(call: &Expr, input: &LogicalPlan, left: &Cell<usize>) -> Option<Interval> {
    let Expr::Aggregate(call) = call.unaliased() else {
        return None;
    };
    let column = |id| of_inputs(&[input], id, left);
    let args = call.args.iter().map(|arg| bounds(arg, &column));
    let args: Vec<Interval> = args.collect();
    call.function.bounds(&args, most_rows(input))
}

fn of_inputs(inputs: &[&LogicalPlan], id: ColumnId, left: &Cell<usize>) -> Interval {
    let mut inputs = inputs.iter();
    let input = inputs.find(|input| input.schema().index_of(id).is_some());
    input.map_or_else(Interval::anything, |input| of_column(input, id, left))
}

/// What a column of a plan can hold. `left` nodes may still be looked at.
fn of_column(plan: &LogicalPlan, id: ColumnId, left: &Cell<usize>) -> Interval {
    let (mut plan, mut id, mut null) = (plan, id, false);
    loop {
        let Some(field) = plan.schema().field_of(id) else {
            return Interval::anything();
        };
        let by_type = Interval::of_field(field).with_null(null || field.nullable());
        let Some(fewer) = left.get().checked_sub(1) else {
            return by_type;
        };
        left.set(fewer);
        let (expr, input) = match plan {
            LogicalPlan::Scan(scan) => {
                let known = of_scan(scan, id);
                return known.map_or(by_type, |known| {
                    let null = null || known.may_be_null();
                    known.with_null(null)
                });
            }
            LogicalPlan::Filter(node) => (None, node.input()),
            LogicalPlan::Sort(node) => (None, node.input()),
            LogicalPlan::Limit(node) => (None, node.input()),
            LogicalPlan::Distinct(node) => (None, node.input()),
            LogicalPlan::Join(join) => {
                let join_type = join.join_type();
                let (alone, side) = match join.left().schema().index_of(id) {
                    Some(_) => (join_type.keeps_right(), join.left()),
                    None => (join_type.keeps_left(), join.right()),
                };
                // Null beside rows of the other side that have no match.
                null |= alone;
                (None, side)
            }
            LogicalPlan::Projection(node) => {
                let at = node.schema().index_of(id);
                (at.and_then(|at| node.exprs().get(at)), node.input())
            }
            LogicalPlan::Aggregate(node) => {
                let at = node.schema().index_of(id);
                match at.and_then(|at| node.keys().get(at)) {
                    Some(key) => (Some(key), node.input()),
                    None => {
                        let known = at.and_then(|at| of_call(node, at, left));
                        return known.unwrap_or(by_type);
                    }
                }
            }
            LogicalPlan::Unnest(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => return by_type,
        };
        plan = input;
        let Some(expr) = expr else {
            continue;
        };
        if let Some(column) = expr.unaliased().as_column() {
            id = column;
            continue;
        }
        let known = bounds(expr, &|id| of_column(input, id, left));
        let null = null || known.may_be_null();
        return known.with_null(null);
    }
}

/// Of the aggregate at this place among the columns; null of no rows.
fn of_call(node: &Aggregate, at: usize, left: &Cell<usize>) -> Option<Interval> {
    let call = node.aggregates().get(at.checked_sub(node.keys().len())?)?;
    Some(within_aggregate(call, node.input(), left)?.with_null(true))
}

fn of_scan(scan: &Scan, id: ColumnId) -> Option<Interval> {
    let at = scan.columns().index_of(id)?;
    let data_type = scan.columns().field(at)?.data_type();
    let known = scan.source().properties().statistics.columns;
    Some(Interval::of_statistics(data_type, known.get(at)?))
}

/// More rows there cannot be.
fn most_rows(plan: &LogicalPlan) -> u64 {
    // As many as nobody has.
    const MOST: u64 = i64::MAX as u64;
    let mut plan = plan;
    for _ in 0..NODES {
        plan = match plan {
            LogicalPlan::Scan(scan) => {
                return match scan.source().properties().statistics.rows {
                    Precision::Exact(rows) => rows,
                    Precision::Estimated(_) | Precision::Unknown => MOST,
                };
            }
            LogicalPlan::Filter(node) => node.input(),
            LogicalPlan::Projection(node) => node.input(),
            LogicalPlan::Sort(node) => node.input(),
            LogicalPlan::Limit(node) => node.input(),
            LogicalPlan::Distinct(node) => node.input(),
            LogicalPlan::Aggregate(node) if !node.keys().is_empty() => node.input(),
            LogicalPlan::Join(join) if join.join_type().is_left_only() => join.left(),
            LogicalPlan::Aggregate(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => return MOST,
        };
    }
    MOST
}
