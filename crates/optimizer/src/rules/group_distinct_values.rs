//! Distinct values are groups.

use std::sync::Arc;

use esker_datatypes::Result;
use esker_logical_expr::tree::Transformed;
use esker_logical_expr::{AggregateCall, Expr};
use esker_logical_plan::{Aggregate, LogicalPlan, PlanNode};

use crate::descend::{Visited, descend};
use crate::expressions::named;
use crate::rule::OptimizerRule;

/// Lets the only aggregate of all rows that is about distinct values be computed of groups by these
/// values: a grouping is cut into parts that workers merge side by side, which one set is not.
/// Nothing is done where there are groups already, which have sets of their own.
///
/// ```text
/// Aggregate: groupExpr=[], aggregateExpr=[N_UNIQUE(#a)]    Aggregate: groupExpr=[], aggregateExpr=[COUNT(#a)]
///     Scan: t; projection=None                                 Aggregate: groupExpr=[#a], aggregateExpr=[]
///                                                                  Scan: t; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupDistinctValues;

impl OptimizerRule for GroupDistinctValues {
    fn name(&self) -> &'static str {
        "group_distinct_values"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        descend(plan, (), |node, ()| {
            let grouped = match &node {
                LogicalPlan::Aggregate(aggregate) => of_groups(aggregate)?,
                LogicalPlan::Scan(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Join(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Distinct(_)
                | LogicalPlan::Union(_)
                | LogicalPlan::Unnest(_)
                | LogicalPlan::Shared(_)
                | LogicalPlan::Extension(_) => None,
            };
            let Some(grouped) = grouped else {
                return Ok(Visited::unchanged(node));
            };
            let changed = true;
            Ok(Visited {
                changed,
                ..Visited::unchanged(grouped)
            })
        })
    }
}

fn of_groups(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let ([], [expr], [field]) = (
        aggregate.keys(),
        aggregate.aggregates(),
        aggregate.schema().fields(),
    ) else {
        return Ok(None);
    };
    let Expr::Aggregate(AggregateCall { function, args }) = expr.unaliased() else {
        return Ok(None);
    };
    let (Some(function), [value]) = (function.of_distinct(), args.as_slice()) else {
        return Ok(None);
    };
    let (origin, input) = (aggregate.origin(), LogicalPlan::clone(aggregate.input()));
    let groups = Aggregate::try_new([Expr::clone(value)], [], input)?;
    let values = groups.schema().fields().iter().map(Expr::column);
    let counted = named(Expr::aggregate(function, values), field);
    let groups = LogicalPlan::Aggregate(groups).with_origin(origin);
    let schema = Arc::clone(aggregate.schema());
    let plan = Aggregate::from_parts(Vec::new(), vec![counted], schema, groups.into())?;
    Ok(Some(LogicalPlan::Aggregate(plan).with_origin(origin)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{aggregate, apply, scan};
    use esker_logical_expr::test_util::{kinds, total};
    use esker_logical_expr::{col, lit};

    #[test]
    fn the_only_aggregate_of_all_rows() {
        let of = |exprs: Vec<Expr>| apply(GroupDistinctValues, aggregate(scan("t"), [], exprs));
        insta::assert_snapshot!(of(vec![kinds(col("f") + lit(1.0)).alias("n")]), @r"
        Aggregate: groupExpr=[], aggregateExpr=[TOTAL(#f) as n]
            Aggregate: groupExpr=[#f + 1.0], aggregateExpr=[]
                Scan: t; projection=None
        ");
        insta::assert_snapshot!(of(vec![kinds(col("f"))]), @r"
        Aggregate: groupExpr=[], aggregateExpr=[TOTAL(#f) as f_kinds]
            Aggregate: groupExpr=[#f], aggregateExpr=[]
                Scan: t; projection=None
        ");
        let stays = |exprs: Vec<Expr>| assert!(!of(exprs).contains("groupExpr=[#f]"));
        stays(vec![total(col("f"))]);
        stays(vec![kinds(col("f")), total(col("f")).alias("t")]);
        let grouped = aggregate(scan("t"), [col("a")], [kinds(col("f"))]);
        assert!(apply(GroupDistinctValues, grouped).contains("KINDS(#f)"));
    }
}
