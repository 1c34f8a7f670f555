//! Filters into the inputs of a join, from above and from its condition.

use esker_datatypes::Result;
use esker_logical_expr::{Expr, columns_of};
use esker_logical_plan::{Join, JoinType, LogicalPlan, PlanNode, Side};

use super::{Conjunct, Pushed};
use crate::expressions::{is_infallible, is_volatile};
use crate::join_sides::Sides;

pub(super) fn into_join(join: Join, pending: Vec<Conjunct>) -> Result<Pushed> {
    let mut below = [Vec::new(), Vec::new()];
    let condition = split_condition(&join, &mut below)?;
    let mut changed = below.iter().any(|side| !side.is_empty());
    let mut condition: Vec<Expr> = condition.into_iter().cloned().collect();
    let from_above = Sides::of_filter_above(&join);
    let (mut kept, mut moved) = (Vec::new(), changed);
    for conjunct in pending {
        let side = side_of(&conjunct.expr, &join, from_above)?;
        let movable = !is_volatile(&conjunct.expr)
            && (is_infallible(&conjunct.expr, join.schema())
                || (kept.is_empty() && sees_each_row(&join, side)));
        match side {
            Some(side) if movable => {
                into(&mut below, side).push(conjunct);
                moved = true;
            }
            None if movable && join.join_type() == JoinType::Inner && !join.single() => {
                condition.push(conjunct.expr);
                (moved, changed) = (true, true);
            }
            Some(_) | None => kept.push(conjunct),
        }
    }
    let node = if changed {
        let on = join.on().to_vec();
        join.with_condition(on, Expr::all_of(condition))
    } else {
        join
    };
    Ok(Pushed {
        node: LogicalPlan::Join(node),
        inputs: below.into(),
        kept,
        moved,
    })
}

/// Sends the terms of the condition that are about one side there; those that stay come back. The
/// condition sees pairs of rows, an input all of its rows: one that can fail stays.
fn split_condition<'a>(join: &'a Join, below: &mut [Vec<Conjunct>; 2]) -> Result<Vec<&'a Expr>> {
    let Some(filter) = join.filter() else {
        return Ok(Vec::new());
    };
    let both = join.both_sides();
    let allowed = Sides::of_condition(join);
    let mut stays = Vec::new();
    for term in filter.conjuncts() {
        match side_of(term, join, allowed)? {
            Some(side) if !is_volatile(term) && is_infallible(term, &both) => {
                into(below, side).push(Conjunct {
                    expr: term.clone(),
                    origin: join.origin(),
                });
            }
            Some(_) | None => stays.push(term),
        }
    }
    Ok(stays)
}

fn into(below: &mut [Vec<Conjunct>; 2], side: Side) -> &mut Vec<Conjunct> {
    let [left, right] = below;
    match side {
        Side::Left => left,
        Side::Right => right,
    }
}

/// The input whose columns are all that the expression needs, of those that are allowed.
fn side_of(expr: &Expr, join: &Join, allowed: Sides) -> Result<Option<Side>> {
    let columns = columns_of(expr)?;
    let of = |side: &LogicalPlan| {
        columns
            .iter()
            .all(|&id| side.schema().index_of(id).is_some())
    };
    Ok(if allowed.left && of(join.left()) {
        Some(Side::Left)
    } else if allowed.right && of(join.right()) {
        Some(Side::Right)
    } else {
        None
    })
}

/// Whether each row of the side is in the result: what can fail there sees nothing new below.
fn sees_each_row(join: &Join, side: Option<Side>) -> bool {
    let kept = match side {
        Some(Side::Left) => join.join_type().keeps_left(),
        Some(Side::Right) => join.join_type().keeps_right(),
        None => false,
    };
    kept && !join.single()
}
