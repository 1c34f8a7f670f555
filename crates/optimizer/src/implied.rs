//! Predicates that follow from others: put over the inputs of joins, where they do not hold yet.

use std::sync::Arc;

use esker_datatypes::{Result, Schema};
use esker_logical_expr::tree::Transformed;
use esker_logical_expr::{BinaryOp, Expr, columns_of, substitute};
use esker_logical_plan::{Filter, Join, JoinType, LogicalPlan, Origin, PlanNode};

use crate::descend::{Above, Visited};
use crate::expressions::{agrees_on_equals, is_infallible, is_volatile};
use crate::join_sides::Sides;
use crate::rules::factor_disjunctions::factor_terms;
use crate::rules::push_down_filters::through::computed_by;
use crate::rules::simplify_expressions::simplify;

/// What comes down to a node.
#[derive(Clone, Default)]
pub(crate) struct Implied {
    /// Predicates that are put over the node, and the call they are of.
    placed: Vec<Expr>,
    origin: Option<Origin>,
    /// Predicates over the node's columns: a row for which one is not TRUE does not matter.
    known: Vec<Expr>,
}

/// Predicates that are asked of the left and of the right side of a join.
pub(crate) type OfSides = [Vec<Expr>; 2];

/// So many are carried down: a deep plan would else collect them all.
const MAX_KNOWN: usize = 16;

/// Visits a node of a walk down the plan: puts over it what was found above, and carries down what
/// is known. `at_join` finds what pairs of rows must pass, given what the rows of the result must.
pub(crate) fn visit(
    plan: LogicalPlan,
    from_above: Implied,
    at_join: &mut dyn FnMut(&Join, &[Expr]) -> Result<OfSides>,
) -> Result<Visited<Implied>> {
    let Implied {
        placed,
        origin,
        mut known,
    } = from_above;
    let changed = !placed.is_empty();
    let above: Option<Above> = Expr::all_of(placed).map(|predicate| -> Above {
        Box::new(move |plan| {
            let filter = LogicalPlan::Filter(Filter::try_new(predicate, plan)?);
            Ok(Transformed::yes(filter.with_origin(origin)))
        })
    });
    let inputs = match &plan {
        LogicalPlan::Join(join) => {
            let found = at_join(join, &known)?;
            let sides = [(join.left(), true), (join.right(), false)];
            let mut inputs = Vec::with_capacity(2);
            for ((side, is_left), found) in sides.into_iter().zip(found) {
                let placed = new_terms(found, side)?;
                let allowed = Sides::of_filter_above(join);
                let allowed = if is_left { allowed.left } else { allowed.right };
                let passed = known.iter().filter(|_| allowed);
                let passed = about(side.schema(), passed.cloned().collect())?;
                let known = placed.iter().cloned().chain(passed);
                inputs.push(Implied {
                    known: known.take(MAX_KNOWN).collect(),
                    placed,
                    origin: join.origin(),
                });
            }
            inputs
        }
        LogicalPlan::Filter(filter) => {
            known.extend(filter.predicate().conjuncts().into_iter().cloned());
            vec![carried(known)]
        }
        LogicalPlan::Projection(projection) => {
            vec![carried(about(projection.input().schema(), known)?)]
        }
        LogicalPlan::Unnest(unnest) => {
            vec![carried(about(unnest.input().schema(), known)?)]
        }
        LogicalPlan::Sort(sort) if sort.fetch().is_none() => vec![carried(known)],
        LogicalPlan::Scan(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Shared(_)
        | LogicalPlan::Extension(_) => Visited::<Implied>::unchanged(plan.clone()).inputs,
    };
    Ok(Visited {
        node: plan,
        inputs,
        above,
        changed,
    })
}

fn carried(mut known: Vec<Expr>) -> Implied {
    known.truncate(MAX_KNOWN);
    Implied {
        known,
        ..Implied::default()
    }
}

/// Those all of whose columns a node's schema has.
fn about(schema: &Schema, known: Vec<Expr>) -> Result<Vec<Expr>> {
    let mut within = Vec::new();
    for expr in known {
        if is_about(&expr, schema)? {
            within.push(expr);
        }
    }
    Ok(within)
}

/// Whether an expression is about columns of this schema and no other.
pub(crate) fn is_about(expr: &Expr, schema: &Schema) -> Result<bool> {
    let columns = columns_of(expr)?;
    Ok(!columns.is_empty() && columns.iter().all(|&id| schema.index_of(id).is_some()))
}

/// The terms of predicates that may be asked of a side and do not hold there.
fn new_terms(predicates: Vec<Expr>, side: &LogicalPlan) -> Result<Vec<Expr>> {
    let mut new: Vec<Expr> = Vec::new();
    for predicate in predicates {
        let normal = normal(predicate, side.schema())?;
        for term in normal.conjuncts() {
            // A constant is about no column: it would not be found again where other rules put it.
            let wanted = term.as_literal().is_none()
                && !is_volatile(term)
                && is_infallible(term, side.schema())
                && !new.iter().any(|other| other.same_as(term));
            if wanted && !holds(term, side)? {
                new.push(term.clone());
            }
        }
    }
    Ok(new)
}

/// The form that other rules give a predicate in the end.
fn normal(predicate: Expr, schema: &Schema) -> Result<Expr> {
    let mut predicate = predicate;
    // Far more rounds than a predicate needs.
    for _ in 0..8 {
        let simpler = simplify(predicate, schema)?;
        let factored = factor_terms(&simpler.data, schema)?;
        if !simpler.changed && factored.is_none() {
            return Ok(simpler.data);
        }
        predicate = factored.unwrap_or(simpler.data);
    }
    Ok(predicate)
}

fn is_true(expr: &Expr) -> bool {
    expr.as_literal().and_then(|value| value.as_bool()) == Some(true)
}

/// How far down [`holds`] looks.
const MAX_NODES: usize = 64;

/// Whether each row of a plan passes a predicate because a filter below says so: where a predicate
/// that is put over the plan would be found again. Also when that is too far down to look.
fn holds(predicate: &Expr, plan: &LogicalPlan) -> Result<bool> {
    let mut todo: Vec<(Expr, &LogicalPlan)> = vec![(predicate.clone(), plan)];
    let mut nodes = 0;
    while let Some((predicate, plan)) = todo.pop() {
        nodes += 1;
        if nodes > MAX_NODES {
            return Ok(true);
        }
        let among = |terms: Vec<&Expr>| terms.into_iter().any(|term| term.same_as(&predicate));
        if is_true(&predicate) {
            continue;
        }
        match plan {
            LogicalPlan::Scan(scan) => {
                let filters = scan.filters().iter();
                if !among(filters.map(|filter| &filter.expr).collect()) {
                    return Ok(false);
                }
            }
            LogicalPlan::Filter(filter) => {
                if !among(filter.predicate().conjuncts()) {
                    todo.push((predicate, filter.input()));
                }
            }
            LogicalPlan::Projection(node) => {
                let by = computed_by(node.schema().fields(), node.exprs());
                let below = substitute(predicate, &by)?.data;
                let below = normal(below, node.input().schema())?;
                let terms = below.conjuncts().into_iter().cloned();
                todo.extend(terms.map(|term| (term, &**node.input())));
            }
            LogicalPlan::Aggregate(node) => {
                let schema = node.schema();
                let keys = schema.fields().iter().take(node.keys().len());
                let keys: Schema = keys.cloned().collect();
                if !is_about(&predicate, &keys)? || !agrees_on_equals(&predicate, schema) {
                    return Ok(false);
                }
                let by = computed_by(keys.fields(), node.keys());
                let below = substitute(predicate, &by)?.data;
                let below = normal(below, node.input().schema())?;
                let terms = below.conjuncts().into_iter().cloned();
                todo.extend(terms.map(|term| (term, &**node.input())));
            }
            LogicalPlan::Join(join) => match side_of(&predicate, join)? {
                Some(side) => {
                    let below = normal(predicate, side.schema())?;
                    let terms = below.conjuncts().into_iter().cloned();
                    todo.extend(terms.map(|term| (term, side)));
                }
                None => {
                    let inner = join.join_type() == JoinType::Inner;
                    let condition = join.filter().map(Expr::conjuncts).unwrap_or_default();
                    if !inner || !(among(condition) || is_key(&predicate, join)) {
                        return Ok(false);
                    }
                }
            },
            LogicalPlan::Sort(node) => todo.push((predicate, node.input())),
            LogicalPlan::Distinct(node) => todo.push((predicate, node.input())),
            LogicalPlan::Unnest(node) => match is_about(&predicate, node.input().schema())? {
                true => todo.push((predicate, node.input())),
                false => return Ok(false),
            },
            LogicalPlan::Limit(node) if node.fetch() == Some(0) => {}
            LogicalPlan::Limit(node) => todo.push((predicate, node.input())),
            LogicalPlan::Union(node) => {
                let ids = node.schema().fields().iter().map(|field| field.id());
                let ids: Vec<_> = ids.collect();
                for input in node.inputs() {
                    let columns = input.schema().fields().iter().map(Expr::column);
                    let by = ids.iter().copied().zip(columns).collect();
                    let below = substitute(predicate.clone(), &by)?.data;
                    let below = normal(below, input.schema())?;
                    let terms = below.conjuncts().into_iter().cloned();
                    todo.extend(terms.map(|term| (term, &**input)));
                }
            }
            LogicalPlan::Shared(_) | LogicalPlan::Extension(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// The input of a join into which a filter above it goes.
fn side_of<'a>(predicate: &Expr, join: &'a Join) -> Result<Option<&'a LogicalPlan>> {
    let allowed = Sides::of_filter_above(join);
    Ok(
        if allowed.left && is_about(predicate, join.left().schema())? {
            Some(join.left())
        } else if allowed.right && is_about(predicate, join.right().schema())? {
            Some(join.right())
        } else {
            None
        },
    )
}

/// Whether a predicate is the equality of a join's keys.
fn is_key(predicate: &Expr, join: &Join) -> bool {
    join.on().iter().any(|(left, right)| {
        let equal = |l: &Expr, r: &Expr| {
            let equal = Expr::binary(l.clone(), BinaryOp::Eq, r.clone());
            equal.same_as(predicate)
        };
        equal(left, right) || equal(right, left)
    })
}

/// What the rows of a node are known to pass, of its filters and those below it: predicates that
/// `wanted` picks, by the terms' input schema.
pub(crate) fn known_of(
    node: &LogicalPlan,
    inputs: &[Arc<Vec<Expr>>],
    wanted: impl Fn(&Expr, &Schema) -> bool,
) -> Result<Arc<Vec<Expr>>> {
    let input = || inputs.first().cloned().unwrap_or_default();
    let passed = |known: &[Expr]| about(node.schema(), known.to_vec());
    let own = |exprs: Vec<&Expr>, schema: &Schema| -> Result<Vec<Expr>> {
        let exprs = exprs.into_iter().filter(|expr| wanted(expr, schema));
        about(node.schema(), exprs.take(MAX_KNOWN).cloned().collect())
    };
    Ok(match node {
        LogicalPlan::Scan(scan) => {
            let filters = scan.filters().iter().map(|filter| &filter.expr);
            Arc::new(own(filters.collect(), scan.columns())?)
        }
        LogicalPlan::Filter(filter) => {
            let mut known = own(filter.predicate().conjuncts(), node.schema())?;
            known.extend(input().iter().cloned());
            known.truncate(MAX_KNOWN);
            Arc::new(known)
        }
        LogicalPlan::Join(join) => {
            let [left, right] = inputs else {
                return Ok(Arc::default());
            };
            let mut known = Vec::new();
            if !join.join_type().keeps_right() {
                known.extend(left.iter().cloned());
            }
            if !join.join_type().keeps_left() && !join.join_type().is_left_only() {
                known.extend(right.iter().cloned());
            }
            known.truncate(MAX_KNOWN);
            Arc::new(known)
        }
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Unnest(_) => {
            Arc::new(passed(&input())?)
        }
        LogicalPlan::Sort(_) | LogicalPlan::Limit(_) | LogicalPlan::Distinct(_) => input(),
        LogicalPlan::Union(_) | LogicalPlan::Shared(_) | LogicalPlan::Extension(_) => {
            Arc::default()
        }
    })
}
