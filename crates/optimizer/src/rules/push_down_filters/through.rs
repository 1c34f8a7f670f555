//! Filters through nodes that compute or choose their rows from one input, or pass those of several.

use std::collections::HashMap;
use std::sync::Arc;

use esker_datatypes::{ColumnId, Field, Result, Schema};
use esker_logical_expr::tree::{self, TreeNode, Visit};
use esker_logical_expr::{Expr, columns_of, substitute};
use esker_logical_plan::{
    Aggregate, Distinct, LogicalPlan, PlanNode, Projection, Sort, Union, Unnest,
};

use super::{Conjunct, Pushed, may_pass};
use crate::expressions::{agrees_on_equals, is_infallible, is_trivial, is_volatile};

pub(super) fn through_projection(projection: Projection, pending: Vec<Conjunct>) -> Result<Pushed> {
    let by = computed_by(projection.schema().fields(), projection.exprs());
    let schema = Arc::clone(projection.schema());
    let below = |conjunct: &Conjunct| replaced(&conjunct.expr, &by);
    split(LogicalPlan::Projection(projection), pending, &schema, below)
}

/// What is about keys only goes below: it keeps or drops whole groups. Without keys there is a row
/// even when the input has none.
pub(super) fn through_aggregate(aggregate: Aggregate, pending: Vec<Conjunct>) -> Result<Pushed> {
    if aggregate.keys().is_empty() {
        return Ok(Pushed::nothing(LogicalPlan::Aggregate(aggregate), pending));
    }
    let schema = Arc::clone(aggregate.schema());
    let by = computed_by(schema.fields(), aggregate.keys());
    let below = |conjunct: &Conjunct| match agrees_on_equals(&conjunct.expr, &schema) {
        true => replaced(&conjunct.expr, &by),
        false => Ok(None),
    };
    split(LogicalPlan::Aggregate(aggregate), pending, &schema, below)
}

/// What is about the columns in which rows differ keeps or drops all rows of a kind.
pub(super) fn through_distinct(distinct: Distinct, pending: Vec<Conjunct>) -> Result<Pushed> {
    let schema = Arc::clone(distinct.schema());
    let keys = distinct.key_ids();
    let below = |conjunct: &Conjunct| {
        let columns = columns_of(&conjunct.expr)?;
        let goes = columns.iter().all(|id| keys.contains(id))
            && !is_volatile(&conjunct.expr)
            && agrees_on_equals(&conjunct.expr, &schema);
        Ok(goes.then(|| conjunct.expr.clone()))
    };
    split(LogicalPlan::Distinct(distinct), pending, &schema, below)
}

/// What is not about the values of lists keeps or drops all rows that are made of one. If both can
/// fail, it stays: below it would fail first.
pub(super) fn through_unnest(unnest: Unnest, pending: Vec<Conjunct>) -> Result<Pushed> {
    let schema = Arc::clone(unnest.schema());
    let input = Arc::clone(unnest.input().schema());
    let fallible = unnest.is_fallible();
    let below = |conjunct: &Conjunct| {
        let mut columns = columns_of(&conjunct.expr)?.into_iter();
        let goes = columns.all(|id| input.index_of(id).is_some())
            && !is_volatile(&conjunct.expr)
            && (!fallible || is_infallible(&conjunct.expr, &input));
        Ok(goes.then(|| conjunct.expr.clone()))
    };
    split(LogicalPlan::Unnest(unnest), pending, &schema, below)
}

/// The first rows of an order depend on all others: only a full sort is passed.
pub(super) fn through_sort(sort: Sort, pending: Vec<Conjunct>) -> Result<Pushed> {
    if sort.fetch().is_some() {
        return Ok(Pushed::nothing(LogicalPlan::Sort(sort), pending));
    }
    let schema = Arc::clone(sort.schema());
    let below =
        |conjunct: &Conjunct| Ok((!is_volatile(&conjunct.expr)).then(|| conjunct.expr.clone()));
    split(LogicalPlan::Sort(sort), pending, &schema, below)
}

/// Sends those conjuncts into the one input that may go there, as `below` says they read there.
fn split(
    node: LogicalPlan,
    pending: Vec<Conjunct>,
    schema: &Schema,
    below: impl Fn(&Conjunct) -> Result<Option<Expr>>,
) -> Result<Pushed> {
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for conjunct in pending {
        match below(&conjunct)? {
            Some(expr) if may_pass(&conjunct, &kept, schema) => {
                gone.push(Conjunct { expr, ..conjunct });
            }
            _ => kept.push(conjunct),
        }
    }
    let moved = !gone.is_empty();
    Ok(Pushed {
        node,
        inputs: vec![gone],
        kept,
        moved,
    })
}

/// What computes each column.
pub(crate) fn computed_by(fields: &[Field], exprs: &[Expr]) -> HashMap<ColumnId, Expr> {
    let columns = fields.iter().map(Field::id).zip(exprs);
    columns
        .map(|(id, expr)| (id, expr.unaliased().clone()))
        .collect()
}

/// A filter that grows beyond this by taking in what computes its columns is not worth it: the same
/// is computed again above.
const MAX_NODES: usize = 128;

/// The predicate over the columns of a projection's input; `None` when it must stay above.
fn replaced(expr: &Expr, by: &HashMap<ColumnId, Expr>) -> Result<Option<Expr>> {
    let columns = columns_of(expr)?;
    let computed: Vec<&Expr> = columns.iter().filter_map(|id| by.get(id)).collect();
    if computed.len() < columns.len() || is_volatile(expr) {
        return Ok(None);
    }
    if columns
        .iter()
        .zip(&computed)
        .all(|(id, expr)| expr.as_column() == Some(*id))
    {
        return Ok(Some(expr.clone()));
    }
    if !computed.iter().all(|expr| is_trivial(expr)) {
        let volatile = computed.iter().any(|expr| is_volatile(expr));
        if volatile || !fits(expr, by) {
            return Ok(None);
        }
    }
    Ok(Some(substitute(expr.clone(), by)?.data))
}

/// Whether the expression stays small when its columns are replaced.
fn fits(expr: &Expr, by: &HashMap<ColumnId, Expr>) -> bool {
    let mut nodes = 0;
    let mut count = |expr: &Expr| {
        tree::visit(expr, |_| {
            nodes += 1;
            if nodes > MAX_NODES {
                Visit::Stop
            } else {
                Visit::Continue
            }
        })
    };
    let too_many = tree::any(expr, |node| {
        match node.as_column().and_then(|id| by.get(&id)) {
            Some(replacement) => count(replacement),
            None => node.is_leaf() && count(node),
        }
    });
    !too_many
}

pub(super) fn into_union(union: Union, pending: Vec<Conjunct>) -> Result<Pushed> {
    let schema = Arc::clone(union.schema());
    let same_types = union.inputs().iter().all(|input| {
        let pairs = schema.fields().iter().zip(input.schema().fields());
        pairs
            .into_iter()
            .all(|(a, b)| a.data_type() == b.data_type())
    });
    if !same_types {
        return Ok(Pushed::nothing(LogicalPlan::Union(union), pending));
    }
    let (mut below, mut kept) = (Vec::new(), Vec::new());
    for conjunct in pending {
        if !is_volatile(&conjunct.expr) && may_pass(&conjunct, &kept, &schema) {
            below.push(conjunct);
        } else {
            kept.push(conjunct);
        }
    }
    let into = |input: &LogicalPlan| -> Result<Vec<Conjunct>> {
        let ids = schema.fields().iter().map(Field::id);
        let by = ids
            .zip(input.schema().fields().iter().map(Expr::column))
            .collect();
        let replaced = |conjunct: &Conjunct| {
            let expr = substitute(conjunct.expr.clone(), &by)?.data;
            Ok(Conjunct {
                expr,
                origin: conjunct.origin,
            })
        };
        below.iter().map(replaced).collect()
    };
    let inputs = union
        .inputs()
        .iter()
        .map(|input| into(input))
        .collect::<Result<_>>()?;
    let moved = !below.is_empty();
    Ok(Pushed {
        node: LogicalPlan::Union(union),
        inputs,
        kept,
        moved,
    })
}
