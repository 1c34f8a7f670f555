//! A projection of a projection becomes one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use esker_datatypes::{ColumnId, Field, Result, SchemaRef};
use esker_logical_expr::tree::{self, Transformed, Visit};
use esker_logical_expr::{Expr, substitute};
use esker_logical_plan::{LogicalPlan, Origin, PlanChild, Projection};

use crate::descend::{Above, Visited, descend};
use crate::expressions::{is_trivial, is_volatile, named};
use crate::rule::OptimizerRule;

/// Puts the expressions of the inner of two projections in place of their columns, where that
/// computes nothing twice: columns and literals may be used often, other expressions once. A
/// volatile expression stays where it is.
///
/// ```text
/// Projection: #x + 1.0, #a                 Projection: #f * 2.0 + 1.0 as x, #a
///     Projection: #a, #f * 2.0 as x            Scan: t; projection=None
///         Scan: t; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MergeProjections;

impl OptimizerRule for MergeProjections {
    fn name(&self) -> &'static str {
        "merge_projections"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        descend(plan, 0, |node, known| match node {
            LogicalPlan::Projection(projection) if known > 0 => Ok(Visited {
                inputs: vec![known - 1],
                ..Visited::unchanged(LogicalPlan::Projection(projection))
            }),
            LogicalPlan::Projection(projection) => merge_chain(projection),
            LogicalPlan::Scan(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => Ok(Visited::unchanged(node)),
        })
    }
}

/// A projection without its input.
struct Columns {
    exprs: Vec<Expr>,
    schema: SchemaRef,
    origin: Option<Origin>,
    volatile: bool,
    merged: bool,
}

impl Columns {
    fn new(exprs: Vec<Expr>, schema: SchemaRef, origin: Option<Origin>) -> Self {
        let volatile = exprs.iter().any(is_volatile);
        Self {
            exprs,
            schema,
            origin,
            volatile,
            merged: false,
        }
    }

    fn over(self, input: PlanChild) -> Result<LogicalPlan> {
        let Self {
            exprs,
            schema,
            origin,
            merged,
            ..
        } = self;
        let named_like =
            |(expr, field): (Expr, &Field)| if merged { named(expr, field) } else { expr };
        let exprs = exprs
            .into_iter()
            .zip(schema.fields())
            .map(named_like)
            .collect();
        let projection = Projection::from_parts(exprs, schema, input)?;
        Ok(LogicalPlan::Projection(projection).with_origin(origin))
    }
}

/// Merges a whole chain of projections at once, from the inner end: there each step costs only what
/// the outer of the two holds, so that a chain of any length is merged in linear time. What is
/// carried down is how many projections follow that are known not to merge.
fn merge_chain(outermost: Projection) -> Result<Visited<usize>> {
    let original = outermost.clone();
    let mut chain = Vec::new();
    let mut next = LogicalPlan::Projection(outermost);
    let below = loop {
        match next {
            LogicalPlan::Projection(projection) => {
                let (exprs, schema, input, origin) = projection.into_parts();
                chain.push(Columns::new(exprs, schema, origin));
                next = input.into_inner();
            }
            below => break below,
        }
    };
    let before = chain.len();
    let mut left: Vec<Columns> = Vec::new();
    while let Some(outer) = chain.pop() {
        let merged = match left.last() {
            Some(inner) => merge(&outer, inner)?,
            None => None,
        };
        match merged {
            Some(merged) => {
                left.pop();
                left.push(merged);
            }
            None => left.push(outer),
        }
    }
    if left.len() == before {
        return Ok(Visited {
            inputs: vec![before - 1],
            ..Visited::unchanged(LogicalPlan::Projection(original))
        });
    }
    stack(left, below)
}

/// The projections, the innermost first, over a plan that is visited next.
fn stack(columns: Vec<Columns>, below: LogicalPlan) -> Result<Visited<usize>> {
    let mut columns = columns.into_iter();
    let Some(innermost) = columns.next() else {
        return Ok(Visited::unchanged(below));
    };
    let above: Above = Box::new(move |plan| {
        let mut plan = plan;
        for next in columns {
            plan = next.over(plan.into())?;
        }
        Ok(Transformed::no(plan))
    });
    let node = innermost.over(below.into())?;
    Ok(Visited {
        node,
        inputs: vec![0],
        above: Some(above),
        changed: true,
    })
}

/// Both in one; `None` when something would be computed twice, or is volatile.
fn merge(outer: &Columns, inner: &Columns) -> Result<Option<Columns>> {
    if inner.volatile {
        return Ok(None);
    }
    let inner_columns = inner
        .schema
        .fields()
        .iter()
        .map(Field::id)
        .zip(&inner.exprs);
    let by: HashMap<ColumnId, Expr> = inner_columns
        .map(|(id, expr)| (id, expr.unaliased().clone()))
        .collect();
    if !each_used_once(&outer.exprs, &by) {
        return Ok(None);
    }
    let substituted = |expr: &Expr| Ok(substitute(expr.clone(), &by)?.data);
    Ok(Some(Columns {
        exprs: outer.exprs.iter().map(substituted).collect::<Result<_>>()?,
        schema: Arc::clone(&outer.schema),
        origin: outer.origin,
        // What was put in is not volatile.
        volatile: outer.volatile,
        merged: true,
    }))
}

/// Whether each column that is computed, not just passed on, is used at most once.
fn each_used_once(exprs: &[Expr], by: &HashMap<ColumnId, Expr>) -> bool {
    let mut seen = HashSet::new();
    let twice = |node: &Expr, seen: &mut HashSet<ColumnId>| {
        let Some(id) = node.as_column() else {
            return false;
        };
        by.get(&id).is_some_and(|expr| !is_trivial(expr)) && !seen.insert(id)
    };
    !exprs.iter().any(|expr| {
        tree::visit(expr, |node| {
            if twice(node, &mut seen) {
                Visit::Stop
            } else {
                Visit::Continue
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{apply, project, random, scan};
    use esker_logical_expr::col;

    fn check(plan: LogicalPlan) -> String {
        apply(MergeProjections, plan)
    }

    #[test]
    fn expressions_used_once_are_put_in_place() {
        let inner = project(scan("t"), [col("a"), (col("f") * 2).alias("x"), col("b")]);
        let plan = project(inner, [col("x") + 1, col("a"), (col("a") + 1).alias("c")]);
        insta::assert_snapshot!(check(plan), @r"
        Projection: #f * 2.0 + 1.0 as x, #a, #a + Int64(1) as c
            Scan: t; projection=None
        ");
    }

    #[test]
    fn names_stay() {
        let inner = project(scan("t"), [(col("a") + col("b")).alias("x"), col("f")]);
        let plan = project(inner, [col("x").alias("y"), col("f").alias("x")]);
        insta::assert_snapshot!(check(plan), @r"
        Projection: #a + #b as y, #f as x
            Scan: t; projection=None
        ");
    }

    #[test]
    fn nothing_is_computed_twice() {
        let twice = project(
            project(scan("t"), [(col("a") + 1).alias("x")]),
            [col("x") * col("x")],
        );
        insta::assert_snapshot!(check(twice), @r"
        Projection: #x * #x
            Projection: #a + Int64(1) as x
                Scan: t; projection=None
        ");
    }

    #[test]
    fn a_volatile_expression_stays() {
        let inner = project(scan("t"), [random().alias("r"), col("a")]);
        let plan = project(project(inner, [col("r"), col("a")]), [col("a"), col("r")]);
        insta::assert_snapshot!(check(plan), @r"
        Projection: #a, #r
            Projection: random() as r, #a
                Scan: t; projection=None
        ");
    }
}
