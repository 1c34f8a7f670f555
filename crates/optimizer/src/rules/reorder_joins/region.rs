//! Inner joins that follow each other, taken apart into relations and conditions, and put together
//! in another order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use esker_datatypes::{ColumnId, Error, Result, Schema};
use esker_logical_expr::{Expr, columns_of};
use esker_logical_plan::{Join, JoinType, LogicalPlan, Origin, PlanChild, PlanNode, Projection};

use super::search::{Graph, MAX_RELATIONS, Order, Set};
use super::twins::Twins;
use crate::cost::{Estimate, Estimates, selectivity, values_of};
use crate::expressions::{is_infallible, is_volatile, named};

/// A new order must cost less than this share of the old one.
const BETTER: f64 = 0.9;

/// Joins whose order is free, taken apart.
pub(super) struct Region {
    relations: Vec<PlanChild>,
    keys: Vec<Key>,
    conditions: Vec<(Set, Expr)>,
    graph: Graph,
    /// As the joins stand.
    order: Order,
}

/// An equality of keys of two relations.
struct Key {
    left: (Set, Expr),
    right: (Set, Expr),
    /// The call of the join that it is of.
    origin: Option<Origin>,
}

/// Whether a node is a join that may change places with others.
pub(in crate::rules) fn is_free(plan: &LogicalPlan) -> bool {
    let LogicalPlan::Join(join) = plan else {
        return false;
    };
    let plain = join.join_type() == JoinType::Inner
        && !join.on().is_empty()
        && !join.maintain_order()
        && !join.sorted()
        && !join.single()
        && !join.nulls_equal();
    let columns =
        |(left, right): &(Expr, Expr)| left.as_column().is_some() && right.as_column().is_some();
    if !plain || (join.filter().is_none() && join.on().iter().all(columns)) {
        return plain;
    }
    let both = join.both_sides();
    let safe = |expr: &Expr| !is_volatile(expr) && is_infallible(expr, &both);
    let mut keys = join.on().iter().flat_map(|(left, right)| [left, right]);
    keys.all(safe) && join.filter().is_none_or(safe)
}

/// Whether a projection gives columns of its input as they are.
pub(in crate::rules) fn only_chooses(projection: &Projection) -> bool {
    let columns = projection.schema().fields().iter().zip(projection.exprs());
    let mut columns = columns.map(|(field, expr)| expr.unaliased().as_column() == Some(field.id()));
    columns.all(|same| same)
}

/// The plan below a projection to columns of it, unless these are all, in this order.
pub(in crate::rules) fn with_columns(
    plan: LogicalPlan,
    schema: &Arc<Schema>,
) -> Result<LogicalPlan> {
    let below = Arc::clone(plan.schema());
    let ids = |schema: &Schema| -> Vec<ColumnId> {
        schema.fields().iter().map(|field| field.id()).collect()
    };
    if ids(&below) == ids(schema) {
        return Ok(plan);
    }
    let columns = schema.fields().iter().map(|field| {
        let column = below.field_of(field.id()).map(Expr::column);
        let column = column.ok_or_else(|| Error::internal("a join lost a column"))?;
        Ok(named(column, field))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let origin = plan.origin();
    let plan = Projection::from_parts(columns, Arc::clone(schema), plan.into())?;
    Ok(LogicalPlan::Projection(plan).with_origin(origin))
}

/// The free join that an input is, below projections that choose columns, unless it is computed more
/// than once.
fn join_below<'a>(input: &'a PlanChild, twins: &Twins) -> Option<&'a Join> {
    let mut plan: &LogicalPlan = input;
    while let LogicalPlan::Projection(projection) = plan
        && only_chooses(projection)
    {
        plan = projection.input();
    }
    match plan {
        LogicalPlan::Join(join) if is_free(plan) && !twins.contains(plan) => Some(join),
        LogicalPlan::Join(_)
        | LogicalPlan::Scan(_)
        | LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Shared(_)
        | LogicalPlan::Extension(_) => None,
    }
}

/// A step of taking a tree of joins apart.
enum Step<'a> {
    Open(&'a PlanChild),
    Close(&'a Join),
}

impl Region {
    /// The region below a free join; `None` when there is nothing to choose, or too little is known.
    pub(super) fn of(join: &Join, estimates: &Estimates, twins: &Twins) -> Result<Option<Self>> {
        let mut relations: Vec<PlanChild> = Vec::new();
        let mut joins: Vec<&Join> = Vec::new();
        let mut order = Order::new();
        let mut sets: Vec<Set> = Vec::new();
        let mut todo = vec![
            Step::Close(join),
            Step::Open(join.right()),
            Step::Open(join.left()),
        ];
        while let Some(step) = todo.pop() {
            match step {
                Step::Open(input) => match join_below(input, twins) {
                    Some(join) => todo.extend([
                        Step::Close(join),
                        Step::Open(join.right()),
                        Step::Open(join.left()),
                    ]),
                    None if relations.len() == MAX_RELATIONS => return Ok(None),
                    None => {
                        sets.push(1 << relations.len());
                        relations.push(input.clone());
                    }
                },
                Step::Close(join) => {
                    let (Some(right), Some(left)) = (sets.pop(), sets.pop()) else {
                        return Err(Error::internal("a tree of joins lost a side"));
                    };
                    order.push((left, right));
                    sets.push(left | right);
                    joins.push(join);
                }
            }
        }
        if relations.len() < 3 {
            return Ok(None);
        }
        let Some(owners) = owners(&relations) else {
            return Ok(None);
        };
        let Some((keys, conditions)) = conditions_of(&joins, &owners)? else {
            return Ok(None);
        };
        let Some(graph) = graph_of(&relations, &keys, &conditions, estimates) else {
            return Ok(None);
        };
        Ok(Some(Self {
            relations,
            keys,
            conditions,
            graph,
            order,
        }))
    }

    /// The joins in a better order, with the columns of the plan that they were taken from; `None`
    /// when there is none.
    pub(super) fn reordered(&self, schema: &Arc<Schema>) -> Result<Option<LogicalPlan>> {
        let Some(order) = self.graph.best() else {
            return Ok(None);
        };
        if self.graph.cost(&order) >= BETTER * self.graph.cost(&self.order) {
            return Ok(None);
        }
        with_columns(self.joined(&order)?, schema).map(Some)
    }

    /// The joins in an order, each with the conditions that can be asked there first.
    fn joined(&self, order: &Order) -> Result<LogicalPlan> {
        let mut parts: HashMap<Set, LogicalPlan> = HashMap::new();
        for (at, relation) in self.relations.iter().enumerate() {
            parts.insert(1 << at, LogicalPlan::clone(relation));
        }
        let mut last = None;
        for &(left, right) in order {
            let both = left | right;
            let keys = self.keys.iter().filter_map(|key| key.between(left, right));
            let (on, origins): (Vec<_>, Vec<_>) = keys.unzip();
            let is_new = |of: Set| match both == self.graph.all() {
                // What is about less than two relations has waited for the end.
                true => of & left != of && of & right != of || of.count_ones() < 2,
                false => of & both == of && of & left != of && of & right != of,
            };
            let conditions = self.conditions.iter().filter(|(of, _)| is_new(*of));
            let filter = Expr::all_of(conditions.map(|(_, condition)| condition.clone()));
            let (Some(l), Some(r)) = (parts.remove(&left), parts.remove(&right)) else {
                return Err(Error::internal("an order of joins lost a part"));
            };
            let join = Join::try_new(l, r, JoinType::Inner, on, filter)?;
            let origin = origins.into_iter().flatten().next();
            let join = LogicalPlan::Join(join).with_origin(origin);
            parts.insert(both, join);
            last = Some(both);
        }
        let whole = last.and_then(|last| parts.remove(&last));
        whole.ok_or_else(|| Error::internal("an order of no joins"))
    }
}

impl Key {
    /// The pair of keys, if it is one of a join of these sets.
    fn between(&self, left: Set, right: Set) -> Option<((Expr, Expr), Option<Origin>)> {
        let ((l, left_key), (r, right_key)) = (&self.left, &self.right);
        let pair = if l & left != 0 && r & right != 0 {
            (left_key.clone(), right_key.clone())
        } else if l & right != 0 && r & left != 0 {
            (right_key.clone(), left_key.clone())
        } else {
            return None;
        };
        Some((pair, self.origin))
    }
}

/// Which relation has a column; `None` when two have the same one.
pub(in crate::rules) fn owners(relations: &[PlanChild]) -> Option<HashMap<ColumnId, Set>> {
    let mut owners = HashMap::new();
    for (at, relation) in relations.iter().enumerate() {
        for field in relation.schema().fields() {
            if owners.insert(field.id(), 1 << at).is_some() {
                return None;
            }
        }
    }
    Some(owners)
}

/// The relations that an expression is about.
fn relations_of(expr: &Expr, owners: &HashMap<ColumnId, Set>) -> Result<Set> {
    let columns = columns_of(expr)?;
    let sets = columns.iter().filter_map(|id| owners.get(id));
    Ok(sets.fold(0, |all, set| all | set))
}

type Conditions = (Vec<Key>, Vec<(Set, Expr)>);

/// The keys and conditions of all joins; `None` when a key is about several relations.
fn conditions_of(joins: &[&Join], owners: &HashMap<ColumnId, Set>) -> Result<Option<Conditions>> {
    let (mut keys, mut conditions) = (Vec::new(), Vec::new());
    for join in joins {
        for (left, right) in join.on() {
            let key = Key {
                left: (relations_of(left, owners)?, left.clone()),
                right: (relations_of(right, owners)?, right.clone()),
                origin: join.origin(),
            };
            if key.left.0.count_ones() != 1 || key.right.0.count_ones() != 1 {
                return Ok(None);
            }
            keys.push(key);
        }
        for condition in join.filter().map(Expr::conjuncts).unwrap_or_default() {
            conditions.push((relations_of(condition, owners)?, condition.clone()));
        }
    }
    Ok(Some((keys, conditions)))
}

/// The numbers of rows; `None` when those of a relation are not known.
fn graph_of(
    relations: &[PlanChild],
    keys: &[Key],
    conditions: &[(Set, Expr)],
    estimates: &Estimates,
) -> Option<Graph> {
    let of: Vec<Estimate> = relations.iter().map(|r| estimates.get(r)).collect();
    // No rows at all would make all orders the same.
    let rows = of.iter().map(|estimate| Some(estimate.rows?.max(1.0)));
    let rows = rows.collect::<Option<Vec<f64>>>()?;
    let columns = estimates.columns();
    let pairs: HashSet<Set> = keys.iter().map(|key| key.left.0 | key.right.0).collect();
    let edge = |pair: Set| {
        let of_pair = keys.iter().filter(|key| key.left.0 | key.right.0 == pair);
        let both = of_pair.filter_map(|key| {
            // In one direction, whichever way the keys were written.
            let (first, second) = match key.left.0 < key.right.0 {
                true => (&key.left, &key.right),
                false => (&key.right, &key.left),
            };
            let facts = |(set, expr): &(Set, Expr)| {
                columns.of_key(expr, of.get(set.trailing_zeros() as usize)?)
            };
            Some((facts(first)?, facts(second)?))
        });
        (pair, values_of(both))
    };
    let mut edges: Vec<(Set, f64)> = pairs.into_iter().map(edge).collect();
    // The products of the same numbers in another order differ.
    edges.sort_by_key(|(pair, _)| *pair);
    let shares = conditions.iter();
    let shares = shares.map(|(set, expr)| (*set, selectivity(&[expr], columns).share));
    Some(Graph {
        edges,
        conditions: shares.collect(),
        rows,
    })
}
