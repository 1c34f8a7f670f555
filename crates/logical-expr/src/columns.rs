//! Which columns an expression uses, and which ones its names mean.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use esker_datatypes::{ColumnId, Error, Result, Schema};

use crate::expr::{ColumnRef, Expr};
use crate::tree::{self, Transformed, Visit};
use crate::typing::column_field;

/// The expression with each name resolved to the one column it means.
///
/// # Errors
/// `ColumnNotFound` with a suggestion, or `AmbiguousColumn`.
pub fn resolve(expr: Expr, schema: &Schema) -> Result<Expr> {
    let resolved = tree::transform_up(expr, |node| match node {
        Expr::Column(column) if column.id.is_none() => {
            let field = column_field(&column, schema)?;
            let qualifier = (column.name != *field.name())
                .then(|| column.name.split_once('.').map(|(q, _)| q.into()))
                .flatten();
            Ok(Transformed::yes(Expr::Column(ColumnRef {
                qualifier,
                name: Arc::clone(field.name()),
                id: Some(field.id()),
            })))
        }
        Expr::Column(column) => {
            // A column of another frame would compute nonsense.
            column_field(&column, schema)?;
            Ok(Transformed::no(Expr::Column(column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(resolved.data)
}

/// The columns that an expression uses, by id.
///
/// # Errors
/// `Internal` for a name that was not resolved.
pub fn columns_of(expr: &Expr) -> Result<BTreeSet<ColumnId>> {
    let mut ids = BTreeSet::new();
    let mut unresolved = None;
    tree::visit(expr, |node| {
        if let Expr::Column(column) = node {
            match column.id {
                Some(id) => {
                    ids.insert(id);
                }
                None => unresolved = Some(column),
            }
        }
        Visit::Continue
    });
    match unresolved {
        Some(column) => Err(Error::internal(format!(
            "column '{}' is not resolved",
            column.name
        ))),
        None => Ok(ids),
    }
}

/// The expression with columns replaced by what computes them; other columns stay.
///
/// # Errors
/// None of its own.
pub fn substitute(expr: Expr, by: &HashMap<ColumnId, Expr>) -> Result<Transformed<Expr>> {
    tree::transform_up(expr, |node| match &node {
        Expr::Column(column) => match column.id.and_then(|id| by.get(&id)) {
            Some(replacement) => Ok(Transformed::yes(replacement.clone())),
            None => Ok(Transformed::no(node)),
        },
        _ => Ok(Transformed::no(node)),
    })
}

/// The expression over columns of other identity, their names kept for display.
///
/// # Errors
/// None of its own.
pub fn re_id(expr: Expr, ids: &HashMap<ColumnId, ColumnId>) -> Result<Expr> {
    let changed = tree::transform_up(expr, |node| match node {
        Expr::Column(column) => match column.id.and_then(|id| ids.get(&id)) {
            Some(id) => Ok(Transformed::yes(Expr::Column(column.with_id(*id)))),
            None => Ok(Transformed::no(Expr::Column(column))),
        },
        other => Ok(Transformed::no(other)),
    })?;
    Ok(changed.data)
}

#[cfg(test)]
mod tests;
