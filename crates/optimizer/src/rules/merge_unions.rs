//! A union of unions becomes one union.

use esker_datatypes::Result;
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::{LogicalPlan, PlanChild, Union};

use crate::rule::OptimizerRule;

/// Puts the inputs of a union within a union in its place: the order of the rows stays.
///
/// ```text
/// Union                       Union
///     Union                       Scan: a; projection=None
///         Scan: a                 Scan: b; projection=None
///         Scan: b                 Scan: c; projection=None
///     Scan: c
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MergeUnions;

impl OptimizerRule for MergeUnions {
    fn name(&self) -> &'static str {
        "merge_unions"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        // From above, so that a tower of unions is merged once.
        plan.transform_down(|node| match node {
            LogicalPlan::Union(union) => Ok(merge(union)),
            LogicalPlan::Scan(_)
            | LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => Ok(Transformed::no(node)),
        })
    }
}

fn merge(union: Union) -> Transformed<LogicalPlan> {
    let (inputs, schema, origin) = union.into_parts();
    let types = |input: &PlanChild| {
        let pairs = schema.fields().iter().zip(input.schema().fields());
        pairs
            .into_iter()
            .all(|(a, b)| a.data_type() == b.data_type())
    };
    let mut merged = Vec::with_capacity(inputs.len());
    let mut todo: Vec<PlanChild> = inputs.into_iter().rev().collect();
    let mut changed = false;
    while let Some(input) = todo.pop() {
        if let LogicalPlan::Union(inner) = &*input
            && inner.inputs().iter().all(types)
        {
            changed = true;
            todo.extend(inner.inputs().iter().rev().cloned());
        } else {
            merged.push(input);
        }
    }
    let union = LogicalPlan::Union(Union::from_parts(merged, schema)).with_origin(origin);
    Transformed {
        data: union,
        changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{apply, limit, scan, union};

    #[test]
    fn a_tower_becomes_one() {
        let tower = union([
            union([scan("a"), scan("b")]),
            union([scan("c"), union([scan("d")])]),
        ]);
        insta::assert_snapshot!(apply(MergeUnions, tower), @r"
        Union
            Scan: a; projection=None
            Scan: b; projection=None
            Scan: c; projection=None
            Scan: d; projection=None
        ");
    }

    #[test]
    fn a_limit_between_stays() {
        let plan = union([limit(0, 5, union([scan("a"), scan("b")])), scan("c")]);
        insta::assert_snapshot!(apply(MergeUnions, plan), @r"
        Union
            Limit: 5
                Union
                    Scan: a; projection=None
                    Scan: b; projection=None
            Scan: c; projection=None
        ");
    }
}
