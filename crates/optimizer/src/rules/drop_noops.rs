//! Nodes that do nothing go.

use esker_datatypes::Result;
use esker_logical_expr::Expr;
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::{LogicalPlan, PlanNode, Projection};

use crate::rule::OptimizerRule;

/// Drops projections that give the columns of their input as they are (also those that only give a
/// qualifier: names are resolved by now), filters on `TRUE`, and limits that keep everything.
///
/// ```text
/// Limit: None
///     Filter: TRUE
///         Projection: #a, #b
///             Scan: t; projection=[a, b]       Scan: t; projection=[a, b]
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DropNoops;

impl OptimizerRule for DropNoops {
    fn name(&self) -> &'static str {
        "drop_noops"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up(|node| {
            Ok(match node {
                LogicalPlan::Projection(node) if is_identity(&node) => {
                    let (_, _, input, _) = node.into_parts();
                    Transformed::yes(input.into_inner())
                }
                LogicalPlan::Filter(node) if is_true(node.predicate()) => {
                    let (_, input, _) = node.into_parts();
                    Transformed::yes(input.into_inner())
                }
                LogicalPlan::Limit(node) if node.fetch().is_none() && node.offset() == 0 => {
                    Transformed::yes(node.into_input().0.into_inner())
                }
                LogicalPlan::Scan(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Join(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Distinct(_)
                | LogicalPlan::Unnest(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Union(_)
                | LogicalPlan::Shared(_)
                | LogicalPlan::Extension(_) => Transformed::no(node),
            })
        })
    }
}

/// Whether the input has these very columns, in this order and under these names.
fn is_identity(projection: &Projection) -> bool {
    let (schema, input) = (projection.schema(), projection.input().schema());
    let same = |(expr, (to, from)): (&Expr, (&esker_datatypes::Field, &esker_datatypes::Field))| {
        expr.unaliased().as_column() == Some(from.id())
            && to.id() == from.id()
            && to.name() == from.name()
            && to.data_type() == from.data_type()
    };
    let pairs = schema.fields().iter().zip(input.fields());
    schema.len() == input.len() && projection.exprs().iter().zip(pairs).all(same)
}

fn is_true(predicate: &Expr) -> bool {
    predicate.as_literal().and_then(|value| value.as_bool()) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{apply, filter, project, scan};
    use esker_logical_expr::{col, lit};
    use esker_logical_plan::{Limit, Projection};

    #[test]
    fn nodes_that_do_nothing_go() {
        let all = ["a", "b", "d", "s", "f", "p", "k"].map(col);
        let qualified = Projection::qualified("o", project(scan("t"), all)).unwrap();
        let filtered = filter(LogicalPlan::Projection(qualified), lit(true));
        let plan = LogicalPlan::Limit(Limit::new(0, None, filtered));
        insta::assert_snapshot!(apply(DropNoops, plan), @"Scan: t; projection=None");
    }

    #[test]
    fn another_order_or_name_stays() {
        let swapped = project(
            project(scan("t"), [col("a"), col("b")]),
            [col("b"), col("a")],
        );
        let renamed = project(swapped, [col("b"), col("a").alias("c")]);
        insta::assert_snapshot!(apply(DropNoops, renamed), @r"
        Projection: #b, #a as c
            Projection: #b, #a
                Projection: #a, #b
                    Scan: t; projection=None
        ");
    }
}
