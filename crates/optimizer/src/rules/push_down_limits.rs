//! Limits go toward the sources.

use esker_datatypes::Result;
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::{Join, JoinType, Limit, LogicalPlan, Origin, PlanChild, Scan, Union};

use crate::rule::OptimizerRule;

/// Merges nested limits, moves limits below projections, gives each input of a union a limit of its
/// own, and tells scans how many rows are wanted. A filter stops a limit.
///
/// Of a left join each left row makes at least one row, and of a right join each right row: that
/// side gets a limit of its own, and so does the input of an unnested list. Not the right side when
/// the order is promised, for there the rows come in the order of the left ones. Other joins, an
/// aggregation, a sort and `Distinct` stop a limit.
///
/// A limit of no rows takes the place of whatever only chooses or orders rows, goes into all inputs
/// of a join, and below an aggregation by keys.
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
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Shared(_)
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
    if fetch == Some(0) {
        return nothing(original);
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
        LogicalPlan::Join(join) => match needed.and_then(|n| limit_side(&join, n, origin)) {
            Some(inputs) => {
                let join = LogicalPlan::Join(join).with_inputs(inputs)?;
                Transformed::yes(over(offset, fetch, join, origin))
            }
            None => Transformed::no(LogicalPlan::Limit(original)),
        },
        LogicalPlan::Unnest(unnest) => {
            match needed.and_then(|n| limited(unnest.input(), n, origin)) {
                Some(input) => {
                    let unnest = LogicalPlan::Unnest(unnest).with_inputs([input])?;
                    Transformed::yes(over(offset, fetch, unnest, origin))
                }
                None => Transformed::no(LogicalPlan::Limit(original)),
            }
        }
        LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Shared(_)
        | LogicalPlan::Extension(_) => Transformed::no(LogicalPlan::Limit(original)),
    })
}

/// A limit of no rows, one node further down, and past those that only choose or order rows.
fn nothing(limit: Limit) -> Result<Transformed<LogicalPlan>> {
    let original = limit.clone();
    let (mut input, origin) = limit.into_input();
    let mut passed = original.offset() > 0;
    loop {
        input = match &*input {
            LogicalPlan::Filter(filter) => filter.input().clone(),
            LogicalPlan::Sort(sort) => sort.input().clone(),
            LogicalPlan::Distinct(distinct) => distinct.input().clone(),
            LogicalPlan::Scan(_)
            | LogicalPlan::Projection(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => break,
        };
        passed = true;
    }
    let none_of =
        |input: &PlanChild| PlanChild::new(over(0, Some(0), LogicalPlan::clone(input), origin));
    Ok(match &*input {
        LogicalPlan::Projection(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Unnest(_) => {
            let below = input.inputs().into_iter().map(none_of);
            Transformed::yes(LogicalPlan::clone(&input).with_inputs(below)?)
        }
        LogicalPlan::Aggregate(aggregate) if !aggregate.keys().is_empty() => {
            let below = none_of(aggregate.input());
            Transformed::yes(LogicalPlan::clone(&input).with_inputs([below])?)
        }
        LogicalPlan::Scan(scan) => match limit_scan(scan.clone(), 0) {
            Some(scan) => Transformed::yes(over(0, Some(0), scan, origin)),
            None => Transformed {
                data: none_of(&input).into_inner(),
                changed: passed,
            },
        },
        // Without keys a row is made of nothing.
        LogicalPlan::Aggregate(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Shared(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Distinct(_) => Transformed {
            data: none_of(&input).into_inner(),
            changed: passed,
        },
    })
}

/// An input with a limit over it; `None` when it could not give more.
fn limited(input: &PlanChild, rows: u64, origin: Option<Origin>) -> Option<PlanChild> {
    let more = !gives_at_most(input, rows);
    more.then(|| PlanChild::new(over(0, Some(rows), LogicalPlan::clone(input), origin)))
}

/// The inputs of a join, that with a limit over it of which each row makes at least one; `None` when
/// there is none, or it could not give more.
fn limit_side(join: &Join, rows: u64, origin: Option<Origin>) -> Option<[PlanChild; 2]> {
    let limited = |side: &PlanChild| limited(side, rows, origin);
    let (left, right) = (join.left().clone(), join.right().clone());
    match join.join_type() {
        JoinType::Left => Some([limited(&left)?, right]),
        JoinType::Right if !join.maintain_order() => Some([left, limited(&right)?]),
        // Some rows make none. Of a full join the rows without a match would be others.
        JoinType::Right | JoinType::Inner | JoinType::Full | JoinType::Semi | JoinType::Anti => {
            None
        }
    }
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
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => {
                return false;
            }
        };
    }
}

#[cfg(test)]
mod tests;
