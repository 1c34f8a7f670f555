//! The smaller side of a join is the one to build a table of.

use esker_datatypes::Result;
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::{Join, LogicalPlan, PlanNode, Side};

use crate::cost::rows_of;
use crate::rule::OptimizerRule;

/// Lets a join build its table of the left side where that is estimated to have less than half the
/// rows of the right one, which is the side built of otherwise. Nothing is done where either number
/// is not known, where the order of the result is promised (it is that of the side that is not built
/// of), where the inputs are claimed to be sorted, or the right side must have a single row.
///
/// ```text
/// Join: type=Inner, on=[(#id, #customer)]          Join: type=Inner, on=[(#id, #customer)]; build=left
///     Scan: c; projection=None                         Scan: c; projection=None
///     Scan: o; projection=None                         Scan: o; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ChooseBuildSide;

impl OptimizerRule for ChooseBuildSide {
    fn name(&self) -> &'static str {
        "choose_build_side"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        // Of the nodes visited whose parents are not yet: each takes those of its inputs.
        let mut rows: Vec<Option<f64>> = Vec::new();
        plan.transform_up(|node| {
            let first = rows.len().saturating_sub(node.inputs().len());
            let inputs = rows.split_off(first);
            rows.push(rows_of(&node, &inputs));
            Ok(match node {
                LogicalPlan::Join(join) => choose(join, &inputs),
                LogicalPlan::Scan(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Distinct(_)
                | LogicalPlan::Union(_)
                | LogicalPlan::Extension(_) => Transformed::no(node),
            })
        })
    }
}

fn choose(join: Join, rows: &[Option<f64>]) -> Transformed<LogicalPlan> {
    let free = !join.maintain_order() && !join.sorted() && !join.single();
    let smaller = matches!(rows, [Some(left), Some(right)] if left * 2.0 < *right);
    let build = (free && smaller).then_some(Side::Left);
    if join.build() == build || join.build() == Some(Side::Right) {
        return Transformed::no(LogicalPlan::Join(join));
    }
    let origin = join.origin();
    Transformed::yes(LogicalPlan::Join(join.with_build(build)).with_origin(origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{apply, filter, join, limit, side, side_of_rows};
    use esker_logical_expr::col;
    use esker_logical_plan::JoinType;

    fn check(plan: Join) -> String {
        apply(ChooseBuildSide, LogicalPlan::Join(plan))
    }

    fn of_rows(left: u64, right: u64) -> Join {
        let (left, right) = (side_of_rows("l", left), side_of_rows("r", right));
        join(left, right, JoinType::Inner, &[("la", "ra")], None)
    }

    fn builds_left(plan: Join) -> bool {
        check(plan).contains("build=left")
    }

    #[test]
    fn the_clearly_smaller_side_is_built_of() {
        insta::assert_snapshot!(check(of_rows(10, 100)), @r"
        Join: type=Inner, on=[(#la, #ra)]; build=left
            Scan: l; projection=None
            Scan: r; projection=None
        ");
        assert!(!builds_left(of_rows(50, 100)));
        assert!(!builds_left(of_rows(100, 10)));
        assert!(!builds_left(of_rows(0, 0)));
    }

    #[test]
    fn any_type_may() {
        for join_type in [
            JoinType::Left,
            JoinType::Right,
            JoinType::Full,
            JoinType::Semi,
            JoinType::Anti,
        ] {
            assert!(builds_left(of_rows(10, 100).with_type(join_type)));
        }
    }

    #[test]
    fn some_joins_build_right() {
        assert!(!builds_left(of_rows(10, 100).with_maintain_order(true)));
        assert!(!builds_left(of_rows(10, 100).with_sorted(true)));
        assert!(!builds_left(of_rows(10, 100).with_single(true)));
        assert!(!builds_left(of_rows(10, 100).with_build(Some(Side::Right))));
    }

    #[test]
    fn an_unknown_side_is_not_built_of() {
        let on = [("la", "ra")];
        let unknown = |left, right| join(left, right, JoinType::Inner, &on, None);
        assert!(!builds_left(unknown(side("l"), side_of_rows("r", 100))));
        assert!(!builds_left(unknown(side_of_rows("l", 1), side("r"))));
    }

    #[test]
    fn a_choice_follows_the_plan() {
        assert!(!builds_left(of_rows(100, 100).with_build(Some(Side::Left))));
    }

    #[test]
    fn rows_are_those_below() {
        let left = filter(side_of_rows("l", 100), col("lb").eq(1));
        let inner = join(
            left,
            side_of_rows("m", 50),
            JoinType::Inner,
            &[("la", "ma")],
            None,
        );
        let right = limit(0, 500, side_of_rows("r", 1000));
        let plan = join(
            LogicalPlan::Join(inner),
            right,
            JoinType::Inner,
            &[("la", "ra")],
            None,
        );
        insta::assert_snapshot!(check(plan), @r"
        Join: type=Inner, on=[(#la, #ra)]; build=left
            Join: type=Inner, on=[(#la, #ma)]; build=left
                Filter: #lb = Int64(1)
                    Scan: l; projection=None
                Scan: m; projection=None
            Limit: 500
                Scan: r; projection=None
        ");
    }
}
