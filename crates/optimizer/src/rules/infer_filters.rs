//! A filter of one side's key is one of the other's.

use std::collections::HashMap;
use std::sync::Arc;

use esker_datatypes::{ColumnId, Result, Schema, value_type};
use esker_logical_expr::tree::{self, Transformed};
use esker_logical_expr::{BinaryOp, Expr, UnaryOp, columns_of, expr_type, substitute};
use esker_logical_plan::{Join, LogicalPlan, PlanChild};

use crate::descend::descend;
use crate::expressions::{agrees_on_equals, is_infallible, is_small, is_volatile};
use crate::implied::{Implied, OfSides, is_about, known_of, visit};
use crate::join_sides::Sides;
use crate::rule::OptimizerRule;

/// Asks one side of a join for what is known of the other side's key, since the keys of a pair are
/// equal: what cannot be in a pair is left out before the join. The filters are those below the side,
/// those that come from other joins, and the terms of the join's condition.
///
/// | type | left to right | right to left |
/// |---|---|---|
/// | inner, semi | yes | yes |
/// | left, anti | yes | no |
/// | right | no | yes |
/// | full | no | no |
///
/// Only predicates of one column that is a key as it stands, that cannot tell -0.0 from 0.0, cannot
/// fail for the other key, and narrow: `<>` and `IS NOT NULL` do not. Nothing goes into a right side
/// that must have a single row.
///
/// ```text
/// Join: type=Inner, on=[(#id, #customer)]          Join: type=Inner, on=[(#id, #customer)]
///     Filter: #id < 100                                Filter: #id < 100
///         Scan: c; projection=None                         Scan: c; projection=None
///     Scan: o; projection=None                         Filter: #customer < 100
///                                                          Scan: o; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct InferFilters;

impl OptimizerRule for InferFilters {
    fn name(&self) -> &'static str {
        "infer_filters"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let known = Known::of(&plan)?;
        descend(plan, Implied::default(), |node, from_above| {
            visit(node, from_above, &mut |join, above| {
                infer(join, above, &known)
            })
        })
    }
}

/// What the rows of each node that is an input are known to pass, by its address in the plan.
struct Known(HashMap<*const LogicalPlan, Arc<Vec<Expr>>>);

impl Known {
    fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut known = HashMap::new();
        tree::fold(plan, |node, inputs: &[Arc<Vec<Expr>>]| {
            let of_node = known_of(node, inputs, tells)?;
            known.insert(std::ptr::from_ref(node), Arc::clone(&of_node));
            Ok(of_node)
        })?;
        Ok(Self(known))
    }

    fn get(&self, input: &PlanChild) -> Arc<Vec<Expr>> {
        let address: *const LogicalPlan = std::ptr::from_ref(&**input);
        self.0.get(&address).cloned().unwrap_or_default()
    }
}

/// How many nodes a predicate has that is asked of another column too.
const MAX_NODES: usize = 64;

/// Whether a predicate is one to ask of an equal column.
fn tells(predicate: &Expr, schema: &Schema) -> bool {
    is_small(predicate, MAX_NODES)
        && columns_of(predicate).is_ok_and(|columns| columns.len() == 1)
        && narrows(predicate)
        && !is_volatile(predicate)
        && agrees_on_equals(predicate, schema)
}

/// Whether a predicate is likely to keep a few rows only.
fn narrows(predicate: &Expr) -> bool {
    match predicate {
        Expr::Binary(binary) => binary.op != BinaryOp::NotEq,
        Expr::InList(list) => !list.negated,
        Expr::Between(between) => !between.negated,
        Expr::Function(_) | Expr::Case(_) => true,
        Expr::Unary(unary) => unary.op == UnaryOp::IsNull,
        Expr::Column(_)
        | Expr::Literal(_)
        | Expr::Alias(_)
        | Expr::Cast(_)
        | Expr::Aggregate(_) => false,
    }
}

/// What pairs of rows ask of each side, by what is known of the other one.
fn infer(join: &Join, above: &[Expr], known: &Known) -> Result<OfSides> {
    let allowed = Sides::of_condition(join);
    if join.on().is_empty() || (!allowed.left && !allowed.right) {
        return Ok([Vec::new(), Vec::new()]);
    }
    let both = join.both_sides();
    let condition = join.filter().map(Expr::conjuncts).unwrap_or_default();
    let condition = condition.into_iter().filter(|term| tells(term, &both));
    let from_above = Sides::of_filter_above(join);
    let pairs = |side: &PlanChild, above_too: bool| -> Result<Vec<Expr>> {
        let above = above.iter().filter(|expr| above_too && tells(expr, &both));
        let mut of_side = Vec::new();
        for expr in condition.clone().chain(above) {
            if is_about(expr, side.schema())? {
                of_side.push(expr.clone());
            }
        }
        of_side.extend(known.get(side).iter().cloned());
        Ok(of_side)
    };
    let keys = || join.on().iter();
    let mut inferred = [Vec::new(), Vec::new()];
    let [left, right] = &mut inferred;
    if allowed.right {
        let of_left = pairs(join.left(), from_above.left)?;
        *right = replaced(
            &of_left,
            keys().map(|(l, r)| (l, r)),
            join.left(),
            join.right(),
        )?;
    }
    if allowed.left {
        let of_right = pairs(join.right(), from_above.right)?;
        *left = replaced(
            &of_right,
            keys().map(|(l, r)| (r, l)),
            join.right(),
            join.left(),
        )?;
    }
    Ok(inferred)
}

/// The predicates with the key of one side replaced by that of the other.
fn replaced<'a>(
    predicates: &[Expr],
    keys: impl Iterator<Item = (&'a Expr, &'a Expr)>,
    from: &LogicalPlan,
    to: &LogicalPlan,
) -> Result<Vec<Expr>> {
    let mut inferred = Vec::new();
    for (key, other) in keys {
        let Some(id) = key.as_column() else {
            continue;
        };
        if !is_same_type(key, from.schema(), other, to.schema())? || is_volatile(other) {
            continue;
        }
        let by: HashMap<ColumnId, Expr> = [(id, other.clone())].into();
        for predicate in predicates {
            if !columns_of(predicate)?.contains(&id) {
                continue;
            }
            let predicate = substitute(predicate.clone(), &by)?.data;
            if is_infallible(&predicate, to.schema()) {
                inferred.push(predicate);
            }
        }
    }
    Ok(inferred)
}

/// Whether two keys have the same type but for the encoding.
fn is_same_type(key: &Expr, from: &Schema, other: &Expr, to: &Schema) -> Result<bool> {
    let (key, other) = (expr_type(key, from)?, expr_type(other, to)?);
    Ok(value_type(&key.data_type) == value_type(&other.data_type))
}

#[cfg(test)]
mod tests;
