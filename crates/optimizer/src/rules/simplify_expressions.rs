//! Expressions become smaller: constants are folded, logic and comparisons simplified.

mod comparison;
mod logic;
mod node;

use std::sync::Arc;

use esker_datatypes::{Result, Schema};
use esker_logical_expr::function::Volatility;
use esker_logical_expr::tree::{self, Transformed, TreeNode};
use esker_logical_expr::{Expr, evaluate_constant, expr_type};
use esker_logical_plan::LogicalPlan;

use crate::expressions::{input_schema, named};
use crate::rule::OptimizerRule;

/// Simplifies the expressions of all nodes, and the filters that keep nothing.
///
/// * What uses no column is computed once, by the kernels that would compute it for each row. What
///   fails stays, and fails when (and if) a row is computed.
/// * Kleene logic: `x AND TRUE` is `x`, `x AND FALSE` is `FALSE`, `NOT (a < b)` is `a >= b`; a term
///   that a filter names twice is asked once.
/// * Comparisons: a literal goes to the right; `CAST(#small AS Int64) > Int64(5)` compares `#small`
///   itself; `x IN (1)` is `x = 1`. `x = x` stays, unless `x` is never null.
///
/// A filter that is never true becomes a limit of no rows, and so does an inner or semi join whose
/// condition is not. Terms and keys that are there twice are dropped, and sort keys that are the
/// same for all rows; of a join with a `sorted` hint all keys stay.
///
/// ```text
/// Filter: NOT (Int64(1) + Int64(2) < #a) AND TRUE        Filter: #a <= Int64(3)
///     Scan: t; projection=None                               Scan: t; projection=None
///
/// Filter: #a > Int64(1) AND FALSE                        Limit: 0
///     Scan: t; projection=None                               Scan: t; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SimplifyExpressions;

impl OptimizerRule for SimplifyExpressions {
    fn name(&self) -> &'static str {
        "simplify_expressions"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up(|node| {
            let Transformed { data, changed } = simplify_node(node)?;
            let new = match data {
                LogicalPlan::Filter(filter) => node::simplify_filter(filter)?,
                LogicalPlan::Join(join) => node::simplify_join(join)?,
                LogicalPlan::Sort(sort) => node::simplify_sort(sort)?,
                LogicalPlan::Scan(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Distinct(_)
                | LogicalPlan::Unnest(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Union(_)
                | LogicalPlan::Shared(_)
                | LogicalPlan::Extension(_) => Transformed::no(data),
            };
            Ok(Transformed {
                changed: changed || new.changed,
                ..new
            })
        })
    }
}

fn simplify_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let input = input_schema(&node);
    // The columns of a projection and of an aggregation keep their names.
    let columns = match &node {
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => Some(Arc::clone(node.schema())),
        LogicalPlan::Scan(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Shared(_)
        | LogicalPlan::Extension(_) => None,
    };
    let mut position = 0;
    node.map_exprs(|expr| {
        let column = columns.as_ref().and_then(|columns| columns.field(position));
        position += 1;
        let new = simplify(expr, &input)?;
        Ok(match column {
            Some(column) if new.changed => Transformed::yes(named(new.data, column)),
            _ => new,
        })
    })
}

/// Simplifies an expression from its leaves up.
pub(crate) fn simplify(expr: Expr, schema: &Schema) -> Result<Transformed<Expr>> {
    tree::transform_up(expr, |node| {
        let mut node = node;
        let mut changed = false;
        for step in [
            drop_aliases,
            fold_constant,
            logic::simplify,
            comparison::simplify,
        ] {
            let new = step(node, schema);
            node = new.data;
            changed |= new.changed;
        }
        Ok(Transformed {
            data: node,
            changed,
        })
    })
}

/// Names within an expression mean nothing.
fn drop_aliases(mut node: Expr, _schema: &Schema) -> Transformed<Expr> {
    let mut changed = false;
    node.for_each_child_mut(&mut |child| {
        while let Expr::Alias(alias) = &**child {
            let below = alias.expr.clone();
            *child = below;
            changed = true;
        }
    });
    Transformed {
        data: node,
        changed,
    }
}

/// A node over literals becomes its value; one that fails stays, and so does one of an encoded type,
/// which no literal has.
fn fold_constant(node: Expr, schema: &Schema) -> Transformed<Expr> {
    let foldable = match &node {
        Expr::Column(_) | Expr::Literal(_) | Expr::Alias(_) | Expr::Aggregate(_) => false,
        Expr::Function(call) => call.function.properties().volatility == Volatility::Immutable,
        Expr::Binary(_)
        | Expr::Unary(_)
        | Expr::Cast(_)
        | Expr::Case(_)
        | Expr::InList(_)
        | Expr::Between(_) => true,
    };
    let mut literals = true;
    node.for_each_child(&mut |child| literals &= child.as_literal().is_some());
    if !foldable || !literals {
        return Transformed::no(node);
    }
    match evaluate_constant(&node) {
        Ok(value) if expr_type(&node, schema).is_ok_and(|t| t.data_type == *value.data_type()) => {
            Transformed::yes(Expr::Literal(value))
        }
        Ok(_) | Err(_) => Transformed::no(node),
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
