//! Sorts whose order nobody sees go.

use esker_datatypes::{Field, Result};
use esker_logical_expr::Expr;
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::{Aggregate, Distinct, JoinType, LogicalPlan, PlanNode};

use crate::descend::{Visited, descend};
use crate::expressions::equals_are_same;
use crate::rule::OptimizerRule;

/// Drops a full sort where what is above it neither keeps the order of the rows nor depends on it:
/// below an aggregation without order-sensitive functions, a join that promises no order, a
/// `Distinct` of whole rows of which equal ones are the same to the bit.
///
/// An order is kept where it is promised (`maintain_order`), where it is claimed (`sorted`, also
/// through joins that promise none), below a limit, and below another sort, which is stable.
///
/// ```text
/// Aggregate: groupExpr=[#a], aggregateExpr=[SUM(#b)]    Aggregate: groupExpr=[#a], aggregateExpr=[SUM(#b)]
///     Sort: #b ASC NULLS LAST                               Scan: t; projection=None
///         Scan: t; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DropSorts;

impl OptimizerRule for DropSorts {
    fn name(&self) -> &'static str {
        "drop_sorts"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        descend(plan, Wanted::Kept, visit)
    }
}

/// What is wanted of the order of a node's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wanted {
    /// Nothing: they may come in any.
    Any,
    /// That they stay in it, as far as nodes promise that.
    #[default]
    Kept,
    /// That they stay in it also where no node promises it: a claim above relies on it, and holds for
    /// the plan as it was written.
    Claimed,
}

/// Visits a node, with what is wanted of its rows.
fn visit(plan: LogicalPlan, wanted: Wanted) -> Result<Visited<Wanted>> {
    let mut node = plan;
    let mut changed = false;
    let any_unless = |kept: bool| if kept { Wanted::Kept } else { Wanted::Any };
    let free = |maintain_order: bool| wanted == Wanted::Any || !maintain_order;
    if wanted == Wanted::Any {
        while let LogicalPlan::Sort(ref sort) = node
            && sort.fetch().is_none()
        {
            let below = LogicalPlan::clone(sort.input());
            node = below;
            changed = true;
        }
    }
    let inputs = match &node {
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::Unnest(_) => {
            vec![wanted]
        }
        LogicalPlan::Union(union) => vec![wanted; union.inputs().len()],
        LogicalPlan::Aggregate(aggregate) if aggregate.sorted() => vec![Wanted::Claimed],
        LogicalPlan::Aggregate(aggregate) => {
            let free = free(aggregate.maintain_order());
            vec![any_unless(!free || !ignores_order(aggregate))]
        }
        LogicalPlan::Distinct(distinct) if distinct.sorted() => vec![Wanted::Claimed],
        LogicalPlan::Distinct(distinct) => {
            let free = free(distinct.maintain_order());
            vec![any_unless(!free || !keeps_any(distinct))]
        }
        LogicalPlan::Join(join) if join.sorted() => vec![Wanted::Claimed; 2],
        LogicalPlan::Join(join) => {
            let sides = match wanted {
                Wanted::Claimed => Wanted::Claimed,
                Wanted::Any | Wanted::Kept => any_unless(!free(join.maintain_order())),
            };
            // The order of the right rows shows in pairs only.
            let right = match join.join_type() {
                JoinType::Semi | JoinType::Anti => Wanted::Any,
                JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => sides,
            };
            vec![sides, right]
        }
        LogicalPlan::Limit(_) => vec![match wanted {
            Wanted::Claimed => Wanted::Claimed,
            Wanted::Any | Wanted::Kept => Wanted::Kept,
        }],
        LogicalPlan::Sort(_) => vec![Wanted::Kept],
        LogicalPlan::Scan(_) | LogicalPlan::Shared(_) | LogicalPlan::Extension(_) => {
            node.inputs().iter().map(|_| Wanted::Kept).collect()
        }
    };
    Ok(Visited {
        node,
        inputs,
        above: None,
        changed,
    })
}

/// Whether the groups are the same for rows in any order.
fn ignores_order(aggregate: &Aggregate) -> bool {
    let keys = aggregate
        .schema()
        .fields()
        .iter()
        .take(aggregate.keys().len());
    let of_order = |expr: &Expr| {
        let Expr::Aggregate(call) = expr.unaliased() else {
            return true;
        };
        call.function.properties().order_sensitive
    };
    same_to_the_bit(keys) && !aggregate.aggregates().iter().any(of_order)
}

/// Whether it is all the same which row of a kind is there.
fn keeps_any(distinct: &Distinct) -> bool {
    distinct.on().is_none() && same_to_the_bit(distinct.schema().fields())
}

fn same_to_the_bit<'a>(fields: impl IntoIterator<Item = &'a Field>) -> bool {
    fields
        .into_iter()
        .all(|field| equals_are_same(field.data_type()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{
        aggregate, apply, distinct, filter, first, join, limit, project, scan, side, sort, union,
        unnest_of, with_lists,
    };
    use esker_logical_expr::col;
    use esker_logical_expr::test_util::total;
    use esker_logical_plan::Sort;

    fn check(plan: LogicalPlan) -> String {
        apply(DropSorts, plan)
    }

    fn sorted() -> LogicalPlan {
        project(
            sort(scan("t"), [col("b").asc()]),
            [col("a"), col("b"), col("f")],
        )
    }

    fn has_sort(plan: LogicalPlan) -> bool {
        check(plan).contains("Sort: ")
    }

    fn grouped(input: LogicalPlan, key: &str, call: Expr) -> Aggregate {
        Aggregate::try_new([col(key)], [call], input).unwrap()
    }

    #[test]
    fn an_aggregation_sees_no_order() {
        let inputs = union([
            sorted(),
            filter(sort(sorted(), [col("a").desc()]), col("b").gt(1)),
        ]);
        let plan = aggregate(inputs, [col("a")], [total(col("b"))]);
        insta::assert_snapshot!(check(plan), @r"
        Aggregate: groupExpr=[#a], aggregateExpr=[TOTAL(#b)]
            Union
                Projection: #a, #b, #f
                    Scan: t; projection=None
                Filter: #b > Int64(1)
                    Projection: #a, #b, #f
                        Scan: t; projection=None
        ");
    }

    #[test]
    fn values_of_lists_come_in_the_order_of_their_rows() {
        let exploded = || unnest_of(sort(with_lists(), [col("a").asc()]), &["l"]);
        assert!(has_sort(exploded()));
        assert!(!has_sort(aggregate(
            exploded(),
            [col("a")],
            [total(col("l"))]
        )));
    }

    #[test]
    fn unless_it_does() {
        let plain = || grouped(sorted(), "a", total(col("b")).alias("t"));
        let plans = [
            grouped(sorted(), "a", first(col("b"))),
            // Which of -0.0 and 0.0 is the key of their group?
            grouped(sorted(), "f", total(col("b"))),
            plain().with_maintain_order(true),
            plain().with_sorted(true),
            grouped(limit(0, 5, sorted()), "a", total(col("b"))),
        ];
        for plan in plans {
            assert!(has_sort(LogicalPlan::Aggregate(plan)));
        }
        let ordered = LogicalPlan::Aggregate(plain().with_maintain_order(true));
        let above = grouped(ordered, "a", total(col("t")));
        assert!(!has_sort(LogicalPlan::Aggregate(above)));
    }

    #[test]
    fn orders_that_are_seen_stay() {
        assert!(has_sort(sorted()));
        assert!(has_sort(sort(sorted(), [col("a").asc()])));
        let top = LogicalPlan::Sort(Sort::try_new([col("a").asc()], Some(3), scan("t")).unwrap());
        assert!(has_sort(aggregate(top, [col("a")], [total(col("b"))])));
    }

    #[test]
    fn a_join_promises_no_order() {
        let sides = || {
            let left = sort(side("l"), [col("lb").asc()]);
            (left, sort(side("r"), [col("rb").asc()]))
        };
        let of = |join_type| {
            let (left, right) = sides();
            join(left, right, join_type, &[("la", "ra")], None)
        };
        insta::assert_snapshot!(check(LogicalPlan::Join(of(JoinType::Left))), @r"
        Join: type=Left, on=[(#la, #ra)]
            Scan: l; projection=None
            Scan: r; projection=None
        ");
        let ordered = of(JoinType::Left).with_maintain_order(true);
        insta::assert_snapshot!(check(LogicalPlan::Join(ordered)), @r"
        Join: type=Left, on=[(#la, #ra)], maintain_order=true
            Sort: #lb ASC NULLS LAST
                Scan: l; projection=None
            Sort: #rb ASC NULLS LAST
                Scan: r; projection=None
        ");
        let semi = of(JoinType::Semi).with_maintain_order(true);
        insta::assert_snapshot!(check(LogicalPlan::Join(semi)), @r"
        Join: type=Semi, on=[(#la, #ra)], maintain_order=true
            Sort: #lb ASC NULLS LAST
                Scan: l; projection=None
            Scan: r; projection=None
        ");
        let claimed = of(JoinType::Inner).with_sorted(true);
        insta::assert_snapshot!(check(LogicalPlan::Join(claimed)), @r"
        Join: type=Inner, on=[(#la, #ra)], sorted=true
            Sort: #lb ASC NULLS LAST
                Scan: l; projection=None
            Sort: #rb ASC NULLS LAST
                Scan: r; projection=None
        ");
    }

    #[test]
    fn a_claim_reaches_through_what_promises_no_order() {
        let joined = || {
            let left = sort(side("l"), [col("la").asc()]);
            LogicalPlan::Join(join(
                left,
                side("r"),
                JoinType::Inner,
                &[("la", "ra")],
                None,
            ))
        };
        let above = |input| Aggregate::try_new([col("la")], [total(col("lb"))], input).unwrap();
        let claimed = |input| LogicalPlan::Aggregate(above(input).with_sorted(true));
        assert!(!has_sort(LogicalPlan::Aggregate(above(joined()))));
        assert!(has_sort(claimed(joined())));
        assert!(has_sort(claimed(limit(
            0,
            5,
            filter(joined(), col("lb").gt(1))
        ))));
    }

    #[test]
    fn a_distinct_of_same_rows_sees_no_order() {
        let exact = || project(sorted(), [col("a"), col("b")]);
        assert!(!has_sort(distinct(exact(), &[])));
        assert!(has_sort(distinct(exact(), &["a"])));
        assert!(has_sort(distinct(sorted(), &[])));
    }
}
