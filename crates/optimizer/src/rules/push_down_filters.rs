//! Filters go toward the sources, conjunct by conjunct.

use std::collections::HashMap;
use std::sync::Arc;

use esker_datatypes::{ColumnId, Error, Field, Result, Schema};
use esker_logical_expr::tree::{self, Transformed, TreeNode, Visit};
use esker_logical_expr::{Expr, columns_of, substitute};
use esker_logical_plan::{
    Filter, FilterPushdown, LogicalPlan, Origin, PlanNode, Projection, PushedFilter, Scan, Union,
};

use crate::descend::{Above, Visited, descend};
use crate::expressions::{ExprSet, is_infallible, is_trivial, is_volatile};
use crate::rule::OptimizerRule;

/// Splits filters into conjuncts and carries them down: through projections (the columns replaced by
/// what computes them), into each input of a union, and into scans whose source takes them; filters
/// of one call that meet become one. A limit stops them.
///
/// The order of the conjuncts stays, and one that can fail never sees rows that an earlier one
/// removed. A volatile conjunct, or one over a volatile column, stays where it is.
///
/// ```text
/// Filter: #bonus > 1000.0                          Projection: #id, #salary * 0.1 as bonus
///     Projection: #id, #salary * 0.1 as bonus          Scan: employee; projection=None;
///         Filter: #state = 'CO'                            filters=[#state = 'CO',
///             Scan: employee; projection=None                       #salary * 0.1 > 1000.0]
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PushDownFilters;

impl OptimizerRule for PushDownFilters {
    fn name(&self) -> &'static str {
        "push_down_filters"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        descend(plan, Vec::new(), push)
    }
}

/// A term of a filter, on its way down.
#[derive(Clone)]
struct Conjunct {
    expr: Expr,
    origin: Option<Origin>,
}

/// What became of the conjuncts at a node.
struct Pushed {
    node: LogicalPlan,
    /// Those that go on into each input.
    inputs: Vec<Vec<Conjunct>>,
    /// Those that stay above the node.
    kept: Vec<Conjunct>,
    /// Whether one went on, or into the node.
    moved: bool,
}

impl Pushed {
    fn nothing(node: LogicalPlan, kept: Vec<Conjunct>) -> Self {
        let inputs = node.inputs().iter().map(|_| Vec::new()).collect();
        Self {
            node,
            inputs,
            kept,
            moved: false,
        }
    }
}

/// Visits a node with the conjuncts from above, the last one first: so those of a chain of filters
/// are collected at the end of the list.
fn push(plan: LogicalPlan, from_above: Vec<Conjunct>) -> Result<Visited<Vec<Conjunct>>> {
    let original = plan.clone();
    let arrived = !from_above.is_empty();
    let mut pending = from_above;
    let mut filters = 0;
    let mut below = plan;
    while let LogicalPlan::Filter(filter) = below {
        let (predicate, input, origin) = filter.into_parts();
        let own = predicate.conjuncts().into_iter().rev();
        pending.extend(own.map(|expr| Conjunct {
            expr: expr.clone(),
            origin,
        }));
        below = input.into_inner();
        filters += 1;
    }
    if pending.is_empty() {
        return Ok(Visited::unchanged(original));
    }
    pending.reverse();
    let Pushed {
        node,
        inputs,
        kept,
        moved,
    } = match below {
        LogicalPlan::Scan(scan) => into_scan(scan, pending)?,
        LogicalPlan::Projection(projection) => through_projection(projection, pending)?,
        LogicalPlan::Union(union) => into_union(union, pending)?,
        // The rows behind a limit depend on those before it; an extension is unknown.
        LogicalPlan::Aggregate(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Filter(_) => Pushed::nothing(below, pending),
    };
    if !moved && !arrived && filters == kept.chunk_by(same_call).count() {
        return Ok(Visited::unchanged(original));
    }
    let reversed = |mut list: Vec<Conjunct>| {
        list.reverse();
        list
    };
    let inputs = inputs.into_iter().map(reversed).collect();
    Ok(Visited {
        node,
        inputs,
        above: filter_above(kept),
        changed: true,
    })
}

/// Puts the conjuncts that stay over the node: one filter for each call that asked for some, so that
/// an error shows the right one.
fn filter_above(kept: Vec<Conjunct>) -> Option<Above> {
    if kept.is_empty() {
        return None;
    }
    Some(Box::new(move |plan| {
        let mut plan = plan;
        for calls in kept.chunk_by(same_call) {
            let origin = calls.first().and_then(|conjunct| conjunct.origin);
            let terms = calls.iter().map(|conjunct| conjunct.expr.clone());
            if let Some(predicate) = Expr::all_of(terms) {
                let filter = LogicalPlan::Filter(Filter::try_new(predicate, plan)?);
                plan = filter.with_origin(origin);
            }
        }
        Ok(Transformed::yes(plan))
    }))
}

fn same_call(a: &Conjunct, b: &Conjunct) -> bool {
    a.origin == b.origin
}

/// Whether a conjunct may be evaluated before those that stay: not when it can fail, on a row that
/// one of them would have removed.
fn may_pass(conjunct: &Conjunct, kept: &[Conjunct], schema: &Schema) -> bool {
    kept.is_empty() || is_infallible(&conjunct.expr, schema)
}

fn into_scan(scan: Scan, pending: Vec<Conjunct>) -> Result<Pushed> {
    // Filters come before the limit of a scan.
    if scan.limit().is_some() {
        return Ok(Pushed::nothing(LogicalPlan::Scan(scan), pending));
    }
    let movable: Vec<bool> = pending.iter().map(|c| !is_volatile(&c.expr)).collect();
    let offered = pending
        .iter()
        .zip(&movable)
        .filter(|(_, movable)| **movable);
    let offered: Vec<&Expr> = offered.map(|(conjunct, _)| &conjunct.expr).collect();
    let answers = scan.source().supports_filters(&offered, scan.columns());
    if answers.len() != offered.len() {
        return Err(Error::internal(format!(
            "the source of '{}' answered for {} filters of {}",
            scan.name(),
            answers.len(),
            offered.len()
        )));
    }
    let mut answers = answers.into_iter();
    let mut known = ExprSet::default();
    for filter in scan.filters() {
        known.insert(&filter.expr)?;
    }
    let mut filters = scan.filters().to_vec();
    let (mut kept, mut moved) = (Vec::new(), false);
    for (conjunct, movable) in pending.iter().zip(movable) {
        let answer = match movable {
            true => answers.next().unwrap_or(FilterPushdown::Unsupported),
            false => FilterPushdown::Unsupported,
        };
        let takes = match answer {
            FilterPushdown::Exact | FilterPushdown::Inexact => {
                may_pass(conjunct, &kept, scan.columns())
            }
            FilterPushdown::Unsupported => false,
        };
        if takes && known.insert(&conjunct.expr)? {
            filters.push(PushedFilter {
                expr: conjunct.expr.clone(),
                origin: conjunct.origin,
            });
            moved = true;
        }
        if takes && answer == FilterPushdown::Exact {
            moved = true;
        } else {
            kept.push(conjunct.clone());
        }
    }
    let node = if moved {
        scan.clone().with_filters(filters)
    } else {
        scan.clone()
    };
    Ok(Pushed {
        node: LogicalPlan::Scan(node),
        inputs: vec![],
        kept,
        moved,
    })
}

fn through_projection(projection: Projection, pending: Vec<Conjunct>) -> Result<Pushed> {
    let schema = Arc::clone(projection.schema());
    let columns = schema
        .fields()
        .iter()
        .map(Field::id)
        .zip(projection.exprs());
    let by: HashMap<ColumnId, Expr> = columns
        .map(|(id, expr)| (id, expr.unaliased().clone()))
        .collect();
    let (mut below, mut kept) = (Vec::new(), Vec::new());
    for conjunct in pending {
        match replaced(&conjunct.expr, &by)? {
            Some(expr) if may_pass(&conjunct, &kept, &schema) => {
                below.push(Conjunct { expr, ..conjunct });
            }
            _ => kept.push(conjunct),
        }
    }
    let moved = !below.is_empty();
    Ok(Pushed {
        node: LogicalPlan::Projection(projection),
        inputs: vec![below],
        kept,
        moved,
    })
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

fn into_union(union: Union, pending: Vec<Conjunct>) -> Result<Pushed> {
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

#[cfg(test)]
mod tests;
