//! Columns that nobody uses are not read.

use std::collections::HashSet;
use std::sync::Arc;

use esker_datatypes::{ColumnId, Field, Result, Schema};
use esker_logical_expr::tree::Transformed;
use esker_logical_expr::{Expr, columns_of};
use esker_logical_plan::{Aggregate, Join, LogicalPlan, PlanNode, Projection, Scan, Union};

use crate::descend::{Above, Visited, descend};
use crate::rule::OptimizerRule;

/// Relations that are read in several places.
mod shared;

/// Carries the columns that are used down the plan: scans read only those (in the source's order),
/// projections and aggregations within the plan compute only those, and all inputs of a union give
/// the same ones. A column that only a pushed-down filter uses is the scan's own business. The
/// columns of the whole plan stay, and the keys of an aggregation; a `Distinct` of whole rows uses
/// all of its columns. A shared relation gives what is used in any of the places where it is read.
///
/// Filters, sorts, joins and a `Distinct` on some columns give what they use themselves besides what
/// is wanted. That costs nothing but where rows are copied: below a join, a sort and a `Distinct`,
/// and above a join, a projection drops what is not wanted.
///
/// ```text
/// Join: type=Semi, on=[(#id, #customer)]   Join: type=Semi, on=[(#id, #customer)]
///     Scan: c; projection=None                 Scan: c; projection=None
///     Filter: #price > 5                       Projection: #customer
///         Scan: o; projection=None                 Filter: #price > 5
///                                                      Scan: o; projection=[customer, price]
/// ```
///
/// ```text
/// Projection: #id                          Projection: #id
///     Filter: #state = 'CO'                    Filter: #state = 'CO'
///         Scan: employee; projection=None          Scan: employee; projection=[id, state]
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PushDownProjections;

impl OptimizerRule for PushDownProjections {
    fn name(&self) -> &'static str {
        "push_down_projections"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let shared = shared::positions_used(&plan)?;
        let all = Used::all_of(&plan);
        descend(plan, all, |node, used| prune(node, used, &shared))
    }
}

/// The columns of a node that are used above it.
struct Used {
    ids: HashSet<ColumnId>,
    surplus: Surplus,
}

/// What happens to columns that a node gives although they are not used above it.
enum Surplus {
    /// Who is above leaves them out, or copies no rows.
    Ignored,
    /// The same, but if a join gives them, it has copied them: they are dropped right above it.
    DroppedAboveJoins,
    /// They would be copied: they are dropped.
    Dropped,
    /// A union matches by position: the node gives these columns, no other, and in this order.
    Exactly(Vec<ColumnId>),
}

impl Used {
    fn these(ids: HashSet<ColumnId>, surplus: Surplus) -> Self {
        Self { ids, surplus }
    }

    fn all_of(plan: &LogicalPlan) -> Self {
        let ids = plan.schema().fields().iter().map(Field::id).collect();
        Self::these(ids, Surplus::Ignored)
    }

    fn by<'a>(exprs: impl IntoIterator<Item = &'a Expr>, surplus: Surplus) -> Result<Self> {
        Self::these(HashSet::new(), surplus).and_by(exprs)
    }

    /// These, and what the expressions use.
    fn and_by<'a>(mut self, exprs: impl IntoIterator<Item = &'a Expr>) -> Result<Self> {
        for expr in exprs {
            self.ids.extend(columns_of(expr)?);
        }
        Ok(self)
    }
}

fn prune(plan: LogicalPlan, used: Used, shared: &shared::Positions) -> Result<Visited<Used>> {
    let Used { ids, surplus } = used;
    let (above, surplus) = dropping(&plan, &ids, surplus);
    let (node, inputs, changed) = match plan {
        LogicalPlan::Scan(scan) => {
            let (scan, changed) = prune_scan(scan, &ids)?;
            (scan, vec![], changed)
        }
        LogicalPlan::Projection(projection) => prune_projection(projection, &ids)?,
        LogicalPlan::Filter(filter) => {
            let used = Used::these(ids, surplus).and_by([filter.predicate()])?;
            (LogicalPlan::Filter(filter), vec![used], false)
        }
        LogicalPlan::Aggregate(aggregate) => prune_aggregate(aggregate, &ids)?,
        LogicalPlan::Join(join) => {
            let inputs = used_by_join(&join, &ids)?;
            (LogicalPlan::Join(join), inputs, false)
        }
        LogicalPlan::Sort(sort) => {
            let keys = sort.keys().iter().map(|key| &key.expr);
            let used = Used::these(ids, Surplus::Dropped).and_by(keys)?;
            (LogicalPlan::Sort(sort), vec![used], false)
        }
        LogicalPlan::Distinct(distinct) => {
            let used = match distinct.on() {
                Some(on) => Used::these(ids, Surplus::Dropped).and_by(on)?,
                None => Used::all_of(distinct.input()),
            };
            (LogicalPlan::Distinct(distinct), vec![used], false)
        }
        // Rows are repeated. A list is used even when its values are not: it says how often.
        LogicalPlan::Unnest(unnest) => {
            let used = Used::these(ids, Surplus::Dropped).and_by(unnest.columns())?;
            (LogicalPlan::Unnest(unnest), vec![used], false)
        }
        LogicalPlan::Limit(limit) => {
            let used = Used::these(ids, surplus);
            (LogicalPlan::Limit(limit), vec![used], false)
        }
        LogicalPlan::Union(union) => prune_union(union, &ids),
        LogicalPlan::Shared(node) => shared::prune(node, shared),
        LogicalPlan::Extension(extension) => {
            // Nobody knows what it does with its inputs.
            let inputs = extension
                .inputs()
                .iter()
                .map(|input| Used::all_of(input))
                .collect();
            (LogicalPlan::Extension(extension), inputs, false)
        }
    };
    Ok(Visited {
        node,
        inputs,
        above,
        changed,
    })
}

/// What drops a node's surplus right above it, if that is the place; and what happens to that of the
/// nodes below it which pass on their input's columns.
fn dropping(
    plan: &LogicalPlan,
    ids: &HashSet<ColumnId>,
    surplus: Surplus,
) -> (Option<Above>, Surplus) {
    let exactly = match surplus {
        Surplus::Ignored => return (None, Surplus::Ignored),
        // Filters and limits would go below the projection.
        Surplus::DroppedAboveJoins if !is_join_below_filters(plan) => {
            return (None, Surplus::Ignored);
        }
        Surplus::DroppedAboveJoins | Surplus::Dropped => {
            let fields = plan.schema().fields().iter().map(Field::id);
            fields.filter(|id| ids.contains(id)).collect()
        }
        Surplus::Exactly(exactly) => exactly,
    };
    let above: Above = Box::new(move |plan| cut(plan, &exactly));
    (Some(above), Surplus::Ignored)
}

fn is_join_below_filters(plan: &LogicalPlan) -> bool {
    let mut plan = plan;
    loop {
        plan = match plan {
            LogicalPlan::Join(_) => return true,
            LogicalPlan::Filter(filter) => filter.input(),
            LogicalPlan::Limit(limit) => limit.input(),
            LogicalPlan::Scan(_)
            | LogicalPlan::Projection(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => return false,
        };
    }
}

/// Keeps all keys, for they make the groups, and an aggregate of a global one, for its row.
fn prune_aggregate(
    aggregate: Aggregate,
    ids: &HashSet<ColumnId>,
) -> Result<(LogicalPlan, Vec<Used>, bool)> {
    let keys = aggregate.keys().len();
    let fields = aggregate.schema().fields();
    let is_used = |at: usize| fields.get(keys + at).is_some_and(|f| ids.contains(&f.id()));
    let mut kept: Vec<usize> = (0..aggregate.aggregates().len())
        .filter(|&at| is_used(at))
        .collect();
    if keys == 0 && kept.is_empty() && !aggregate.aggregates().is_empty() {
        kept.push(0);
    }
    let (node, changed) = if kept.len() == aggregate.aggregates().len() {
        (aggregate, false)
    } else {
        (aggregate.with_aggregates_at(&kept), true)
    };
    let exprs = node.keys().iter().chain(node.aggregates());
    let used = Used::by(exprs, Surplus::DroppedAboveJoins)?;
    Ok((LogicalPlan::Aggregate(node), vec![used], changed))
}

/// Of each side what is used above, by the keys and by the condition.
fn used_by_join(join: &Join, ids: &HashSet<ColumnId>) -> Result<Vec<Used>> {
    let keys = join.on().iter().flat_map(|(left, right)| [left, right]);
    let all = Used::these(ids.clone(), Surplus::Ignored).and_by(keys.chain(join.filter()))?;
    let of = |side: &LogicalPlan| {
        let fields = side.schema().fields().iter().map(Field::id);
        let ids = fields.filter(|id| all.ids.contains(id)).collect();
        Used::these(ids, Surplus::Dropped)
    };
    Ok(vec![of(join.left()), of(join.right())])
}

fn prune_scan(scan: Scan, ids: &HashSet<ColumnId>) -> Result<(LogicalPlan, bool)> {
    let columns = Arc::clone(scan.columns());
    let delivered: Vec<usize> = match scan.projection() {
        Some(projection) => projection.to_vec(),
        None => (0..columns.len()).collect(),
    };
    let is_used = |&i: &usize| {
        columns
            .field(i)
            .is_some_and(|field| ids.contains(&field.id()))
    };
    let kept: Vec<usize> = delivered.iter().copied().filter(is_used).collect();
    if kept.len() == delivered.len() {
        return Ok((LogicalPlan::Scan(scan), false));
    }
    Ok((LogicalPlan::Scan(scan.with_projection(kept)?), true))
}

fn prune_projection(
    projection: Projection,
    ids: &HashSet<ColumnId>,
) -> Result<(LogicalPlan, Vec<Used>, bool)> {
    let keep = |field: &Field| ids.contains(&field.id());
    if projection.schema().fields().iter().all(keep) {
        let used = Used::by(projection.exprs(), Surplus::Ignored)?;
        return Ok((LogicalPlan::Projection(projection), vec![used], false));
    }
    let (exprs, schema, input, origin) = projection.into_parts();
    let columns = exprs.into_iter().zip(schema.fields().iter().cloned());
    let (exprs, fields): (Vec<Expr>, Vec<Field>) = columns.filter(|(_, f)| keep(f)).unzip();
    let used = Used::by(&exprs, Surplus::Ignored)?;
    let pruned = Projection::from_parts(exprs, Arc::new(Schema::new(fields)), input)?;
    Ok((
        LogicalPlan::Projection(pruned).with_origin(origin),
        vec![used],
        true,
    ))
}

fn prune_union(union: Union, ids: &HashSet<ColumnId>) -> (LogicalPlan, Vec<Used>, bool) {
    let keep: Vec<bool> = union
        .schema()
        .fields()
        .iter()
        .map(|f| ids.contains(&f.id()))
        .collect();
    if keep.iter().all(|keep| *keep) {
        let inputs = union
            .inputs()
            .iter()
            .map(|input| Used::all_of(input))
            .collect();
        return (LogicalPlan::Union(union), inputs, false);
    }
    let kept = |schema: &Schema| -> Vec<Field> {
        let fields = schema.fields().iter().zip(&keep);
        fields
            .filter(|(_, keep)| **keep)
            .map(|(field, _)| field.clone())
            .collect()
    };
    let (inputs, schema, origin) = union.into_parts();
    let used = inputs.iter().map(|input| {
        let exactly: Vec<ColumnId> = kept(input.schema()).iter().map(Field::id).collect();
        let ids = exactly.iter().copied().collect();
        Used::these(ids, Surplus::Exactly(exactly))
    });
    let used = used.collect();
    let pruned = Union::from_parts(inputs, Arc::new(Schema::new(kept(&schema))));
    (LogicalPlan::Union(pruned).with_origin(origin), used, true)
}

/// The plan with these columns only.
fn cut(plan: LogicalPlan, columns: &[ColumnId]) -> Result<Transformed<LogicalPlan>> {
    let schema = Arc::clone(plan.schema());
    if schema
        .fields()
        .iter()
        .map(Field::id)
        .eq(columns.iter().copied())
    {
        return Ok(Transformed::no(plan));
    }
    let fields: Vec<Field> = columns
        .iter()
        .filter_map(|&id| schema.field_of(id))
        .cloned()
        .collect();
    let exprs = fields.iter().map(Expr::column).collect();
    let origin = plan.origin();
    let cut = Projection::from_parts(exprs, Arc::new(Schema::new(fields)), plan.into())?;
    Ok(Transformed::yes(
        LogicalPlan::Projection(cut).with_origin(origin),
    ))
}

#[cfg(test)]
mod tests;
