//! Limits go toward the sources.

use esker_datatypes::Result;
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::{Limit, LogicalPlan, Origin, PlanChild, Scan, Union};

use crate::rule::OptimizerRule;

/// Merges nested limits, moves limits below projections, gives each input of a union a limit of its
/// own, and tells scans how many rows are wanted. A filter stops a limit.
///
/// ```text
/// Limit: 10, offset=5                Projection: #a
///     Projection: #a                     Limit: 10, offset=5
///         Union                              Union
///             Scan: t                            Limit: 15
///             Scan: u                                Scan: t; projection=None; limit=15
///                                                Limit: 15
///                                                    Scan: u; projection=None; limit=15
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PushDownLimits;

impl OptimizerRule for PushDownLimits {
    fn name(&self) -> &'static str {
        "push_down_limits"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        // A limit that was moved down one node is met again there.
        plan.transform_down(|node| match node {
            LogicalPlan::Limit(limit) => push(limit),
            LogicalPlan::Scan(_)
            | LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Extension(_) => Ok(Transformed::no(node)),
        })
    }
}

fn push(limit: Limit) -> Result<Transformed<LogicalPlan>> {
    let (mut offset, mut fetch, needed) = (limit.offset(), limit.fetch(), limit.needed());
    let original = limit.clone();
    let (mut input, origin) = limit.into_input();
    let mut merged = false;
    while let LogicalPlan::Limit(inner) = &*input {
        // What the inner one leaves, less what the outer one drops.
        let left = inner.fetch().map(|fetch| fetch.saturating_sub(offset));
        fetch = match (fetch, left) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        offset = offset.saturating_add(inner.offset());
        input = inner.input().clone();
        merged = true;
    }
    if merged {
        return Ok(Transformed::yes(over(
            offset,
            fetch,
            input.into_inner(),
            origin,
        )));
    }
    Ok(match input.into_inner() {
        LogicalPlan::Projection(projection) => {
            let below = over(
                offset,
                fetch,
                LogicalPlan::clone(projection.input()),
                origin,
            );
            let projection = LogicalPlan::Projection(projection);
            Transformed::yes(projection.with_inputs([below.into()])?)
        }
        LogicalPlan::Union(union) => match needed.and_then(|n| limit_inputs(&union, n, origin)) {
            Some(union) => Transformed::yes(over(offset, fetch, union, origin)),
            None => Transformed::no(LogicalPlan::Limit(original)),
        },
        LogicalPlan::Scan(scan) => match needed.and_then(|n| limit_scan(scan, n)) {
            Some(scan) => Transformed::yes(over(offset, fetch, scan, origin)),
            None => Transformed::no(LogicalPlan::Limit(original)),
        },
        LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Extension(_) => Transformed::no(LogicalPlan::Limit(original)),
    })
}

fn over(
    offset: u64,
    fetch: Option<u64>,
    input: LogicalPlan,
    origin: Option<Origin>,
) -> LogicalPlan {
    LogicalPlan::Limit(Limit::new(offset, fetch, input)).with_origin(origin)
}

/// The union with a limit over each input that could give more rows; `None` when none could.
fn limit_inputs(union: &Union, rows: u64, origin: Option<Origin>) -> Option<LogicalPlan> {
    if union
        .inputs()
        .iter()
        .all(|input| gives_at_most(input, rows))
    {
        return None;
    }
    let (inputs, schema, union_origin) = union.clone().into_parts();
    let limited = |input: PlanChild| {
        if gives_at_most(&input, rows) {
            return input;
        }
        over(0, Some(rows), input.into_inner(), origin).into()
    };
    let inputs = inputs.into_iter().map(limited).collect();
    Some(LogicalPlan::Union(Union::from_parts(inputs, schema)).with_origin(union_origin))
}

/// The scan told how many rows are wanted; `None` when it knows.
fn limit_scan(scan: Scan, rows: u64) -> Option<LogicalPlan> {
    if scan.limit().is_some_and(|limit| limit <= rows) {
        return None;
    }
    Some(LogicalPlan::Scan(scan.with_limit(Some(rows))))
}

/// Whether a limit holds the rows down already.
fn gives_at_most(plan: &LogicalPlan, rows: u64) -> bool {
    let mut plan = plan;
    loop {
        plan = match plan {
            LogicalPlan::Limit(limit) if limit.fetch().is_some_and(|fetch| fetch <= rows) => {
                return true;
            }
            LogicalPlan::Limit(limit) => limit.input(),
            LogicalPlan::Projection(projection) => projection.input(),
            LogicalPlan::Filter(filter) => filter.input(),
            LogicalPlan::Sort(sort) if sort.fetch().is_some_and(|fetch| fetch <= rows) => {
                return true;
            }
            LogicalPlan::Sort(sort) => sort.input(),
            LogicalPlan::Aggregate(aggregate) => aggregate.input(),
            LogicalPlan::Distinct(distinct) => distinct.input(),
            LogicalPlan::Scan(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Extension(_) => {
                return false;
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{apply, filter, limit, project, scan, skip, union};
    use esker_logical_expr::col;

    fn check(plan: LogicalPlan) -> String {
        apply(PushDownLimits, plan)
    }

    #[test]
    fn nested_limits_merge() {
        let merged = |outer: (u64, u64), inner: (u64, u64)| {
            let plan = limit(outer.0, outer.1, limit(inner.0, inner.1, filtered()));
            check(plan).lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(merged((0, 5), (0, 10)), "Limit: 5");
        assert_eq!(merged((0, 10), (0, 5)), "Limit: 5");
        assert_eq!(merged((3, 10), (2, 5)), "Limit: 2, offset=5");
        assert_eq!(merged((7, 10), (0, 5)), "Limit: 0, offset=7");
        assert_eq!(
            merged((u64::MAX, 10), (2, u64::MAX)),
            format!("Limit: 0, offset={}", u64::MAX)
        );
        let skipped = limit(0, 5, skip(3, skip(2, filtered())));
        assert_eq!(check(skipped).lines().next(), Some("Limit: 5, offset=5"));
    }

    fn filtered() -> LogicalPlan {
        filter(scan("t"), col("a").gt(1))
    }

    #[test]
    fn a_filter_stops_a_limit() {
        insta::assert_snapshot!(check(limit(0, 5, filtered())), @r"
        Limit: 5
            Filter: #a > Int64(1)
                Scan: t; projection=None
        ");
    }

    #[test]
    fn through_projections_into_unions_and_scans() {
        let inner = union([scan("t"), filtered(), limit(0, 3, filtered())]);
        insta::assert_snapshot!(check(limit(5, 10, project(inner, [col("a")]))), @r"
        Projection: #a
            Limit: 10, offset=5
                Union
                    Limit: 15
                        Scan: t; projection=None; limit=15
                    Limit: 15
                        Filter: #a > Int64(1)
                            Scan: t; projection=None
                    Limit: 3
                        Filter: #a > Int64(1)
                            Scan: t; projection=None
        ");
    }

    #[test]
    fn an_offset_alone_tells_scans_nothing() {
        insta::assert_snapshot!(check(skip(5, project(scan("t"), [col("a")]))), @r"
        Projection: #a
            Limit: None, offset=5
                Scan: t; projection=None
        ");
    }

    #[test]
    fn nothing_stays_nothing() {
        insta::assert_snapshot!(check(limit(0, 0, scan("t"))), @r"
        Limit: 0
            Scan: t; projection=None; limit=0
        ");
    }
}
