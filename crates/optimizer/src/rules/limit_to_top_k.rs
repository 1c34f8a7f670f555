//! Of a sort only the first rows are computed, when no others are wanted.

use esker_datatypes::Result;
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::{Limit, LogicalPlan, Sort};

use crate::rule::OptimizerRule;

/// Tells a sort how many rows a limit above it wants. Without an offset the limit is done with that.
///
/// ```text
/// Limit: 10                            Sort: #a DESC NULLS LAST; fetch=10
///     Sort: #a DESC NULLS LAST             Scan: t; projection=None
///         Scan: t; projection=None
///
/// Limit: 10, offset=5                  Limit: 10, offset=5
///     Sort: #a DESC NULLS LAST             Sort: #a DESC NULLS LAST; fetch=15
///         Scan: t; projection=None             Scan: t; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LimitToTopK;

impl OptimizerRule for LimitToTopK {
    fn name(&self) -> &'static str {
        "limit_to_top_k"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        plan.transform_down(|node| match node {
            LogicalPlan::Limit(limit) => fetch_less(limit),
            LogicalPlan::Scan(_)
            | LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => Ok(Transformed::no(node)),
        })
    }
}

fn fetch_less(limit: Limit) -> Result<Transformed<LogicalPlan>> {
    // A limit of no rows needs no sort at all: it goes below.
    let (LogicalPlan::Sort(sort), Some(needed @ 1..)) = (&**limit.input(), limit.needed()) else {
        return Ok(Transformed::no(LogicalPlan::Limit(limit)));
    };
    let knows = sort.fetch().is_some_and(|fetch| fetch <= needed);
    if knows && limit.offset() > 0 {
        return Ok(Transformed::no(LogicalPlan::Limit(limit)));
    }
    let fetch = sort.fetch().map_or(needed, |fetch| fetch.min(needed));
    let sort = LogicalPlan::Sort(Sort::clone(sort).with_fetch(Some(fetch)));
    if limit.offset() == 0 {
        return Ok(Transformed::yes(sort));
    }
    let limit = LogicalPlan::Limit(limit).with_inputs([sort.into()])?;
    Ok(Transformed::yes(limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{apply, distinct, filter, limit, project, scan, skip, sort};
    use esker_logical_expr::col;

    fn check(plan: LogicalPlan) -> String {
        apply(LimitToTopK, plan)
    }

    fn sorted() -> LogicalPlan {
        sort(scan("t"), [col("a").desc()])
    }

    #[test]
    fn a_limit_becomes_a_top_k() {
        insta::assert_snapshot!(check(limit(0, 10, sorted())), @r"
        Sort: #a DESC NULLS LAST; fetch=10
            Scan: t; projection=None
        ");
        insta::assert_snapshot!(check(limit(5, 10, sorted())), @r"
        Limit: 10, offset=5
            Sort: #a DESC NULLS LAST; fetch=15
                Scan: t; projection=None
        ");
    }

    #[test]
    fn the_least_of_two_limits_counts() {
        insta::assert_snapshot!(check(limit(0, 10, limit(0, 3, sorted()))), @r"
        Sort: #a DESC NULLS LAST; fetch=3
            Scan: t; projection=None
        ");
        insta::assert_snapshot!(check(limit(2, 3, limit(0, 10, sorted()))), @r"
        Limit: 3, offset=2
            Sort: #a DESC NULLS LAST; fetch=5
                Scan: t; projection=None
        ");
    }

    #[test]
    fn what_lies_between_stops_it() {
        let plans = [
            filter(sorted(), col("b").gt(1)),
            project(sorted(), [col("b")]),
            distinct(sorted(), &["a"]),
        ];
        for plan in plans {
            let text = check(limit(0, 10, plan));
            assert!(!text.contains("fetch"), "{text}");
        }
    }

    #[test]
    fn an_offset_alone_and_no_rows_are_no_top_k() {
        for plan in [skip(5, sorted()), limit(0, 0, sorted())] {
            let text = check(plan);
            assert!(!text.contains("fetch"), "{text}");
        }
    }
}
