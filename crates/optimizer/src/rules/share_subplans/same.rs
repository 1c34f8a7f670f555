//! Whether two pieces of a plan compute the same, whatever the identities of their columns.

use std::collections::HashMap;

use esker_datatypes::{ColumnId, Result, Schema};
use esker_logical_expr::re_id;
use esker_logical_plan::LogicalPlan;

use super::inputs_of;
use super::pieces::Piece;

/// The pieces at these places, put together with those that compute the same; without those that
/// are alone.
pub(super) fn classes(pieces: &[Piece<'_>], places: &[usize]) -> Result<Vec<Vec<usize>>> {
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for &place in places {
        let mut found = None;
        for (at, class) in classes.iter().enumerate() {
            if let Some(&first) = class.first()
                && same(pieces, first, place)?
            {
                found = Some(at);
                break;
            }
        }
        match found.and_then(|at| classes.get_mut(at)) {
            Some(class) => class.push(place),
            None => classes.push(vec![place]),
        }
    }
    classes.retain(|class| class.len() > 1);
    Ok(classes)
}

fn same(pieces: &[Piece<'_>], a: usize, b: usize) -> Result<bool> {
    let size = pieces.get(a).map_or(0, |piece| piece.size);
    let (Some(left), Some(right)) = (pieces.get(a..a + size), pieces.get(b..b + size)) else {
        return Ok(false);
    };
    // Inputs before what is over them.
    let mut ids = HashMap::new();
    for (left, right) in left.iter().zip(right).rev() {
        if !same_node(left, right, &mut ids)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether two nodes over the same inputs are the same; `ids` are the columns on the right of those
/// on the left.
fn same_node(
    left: &Piece<'_>,
    right: &Piece<'_>,
    ids: &mut HashMap<ColumnId, ColumnId>,
) -> Result<bool> {
    let same_source = left.source == right.source;
    let (left, right) = (left.node, right.node);
    // The line says all of a node but the identity of columns and sources.
    if !same_source || inputs_of(left) != inputs_of(right) || left.line() != right.line() {
        return Ok(false);
    }
    if let (LogicalPlan::Scan(left), LogicalPlan::Scan(right)) = (left, right)
        && !same_columns(left.columns(), right.columns(), ids)
    {
        return Ok(false);
    }
    let (lefts, rights) = (left.exprs(), right.exprs());
    if lefts.len() != rights.len() {
        return Ok(false);
    }
    for (left, right) in lefts.into_iter().zip(rights) {
        if !re_id(left.clone(), ids)?.same_as(right) {
            return Ok(false);
        }
    }
    Ok(same_columns(left.schema(), right.schema(), ids))
}

/// Whether columns agree by position; those on the right are then known by those on the left.
fn same_columns(left: &Schema, right: &Schema, ids: &mut HashMap<ColumnId, ColumnId>) -> bool {
    let mut pairs = left.fields().iter().zip(right.fields());
    left.len() == right.len()
        && pairs.all(|(left, right)| {
            left.data_type() == right.data_type()
                && left.nullable() == right.nullable()
                && *ids.entry(left.id()).or_insert(right.id()) == right.id()
        })
}
