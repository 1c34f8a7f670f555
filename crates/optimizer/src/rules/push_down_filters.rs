//! Filters go toward the sources, conjunct by conjunct.

mod join;
mod scan;
pub(crate) mod through;

use esker_datatypes::{Result, Schema};
use esker_logical_expr::Expr;
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::{Filter, LogicalPlan, Origin};

use crate::descend::{Above, Visited, descend};
use crate::expressions::is_infallible;
use crate::rule::OptimizerRule;

/// Splits filters into conjuncts and carries them down: through projections and aggregations (the
/// columns and keys replaced by what computes them), full sorts and `Distinct`, into each input of a
/// union, into the inputs of joins, and into scans whose source takes them; filters of one call that
/// meet become one. A limit stops them, a sort of which only the first rows are wanted, and an
/// aggregation without keys, which gives a row for no rows. What is not about the values of an
/// unnested list goes below it, but if both can fail: of several lists they may differ in length.
///
/// Through an aggregation goes what is about its keys only, through `Distinct` what is about the
/// columns in which rows must differ; and only if it cannot tell values apart that are equal there
/// (-0.0 and 0.0).
///
/// Into which input of a join a conjunct about one side goes:
///
/// | type | from above | from the join's condition |
/// |---|---|---|
/// | inner | both | both |
/// | left | left | right |
/// | right | right | left |
/// | full | none | none |
/// | semi | left | both |
/// | anti | left | right |
///
/// Nothing goes into a right side that must have a single row. What is about both sides becomes part
/// of an inner join's condition.
///
/// The order of the conjuncts stays, and one that can fail never sees rows that an earlier one, or a
/// join, removed. A volatile conjunct, or one over a volatile column, stays where it is.
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
    // A join has conjuncts of its own.
    if pending.is_empty() && !matches!(below, LogicalPlan::Join(_)) {
        return Ok(Visited::unchanged(original));
    }
    pending.reverse();
    let Pushed {
        node,
        inputs,
        kept,
        moved,
    } = match below {
        LogicalPlan::Scan(scan) => scan::into_scan(scan, pending)?,
        LogicalPlan::Projection(projection) => through::through_projection(projection, pending)?,
        LogicalPlan::Aggregate(aggregate) => through::through_aggregate(aggregate, pending)?,
        LogicalPlan::Join(join) => join::into_join(join, pending)?,
        LogicalPlan::Sort(sort) => through::through_sort(sort, pending)?,
        LogicalPlan::Distinct(distinct) => through::through_distinct(distinct, pending)?,
        LogicalPlan::Unnest(unnest) => through::through_unnest(unnest, pending)?,
        LogicalPlan::Union(union) => through::into_union(union, pending)?,
        // The rows behind a limit depend on those before it; others read a shared relation too; an
        // extension is unknown.
        LogicalPlan::Limit(_)
        | LogicalPlan::Shared(_)
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

#[cfg(test)]
mod tests;
