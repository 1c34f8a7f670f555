//! The smaller side of a join is the one to build a table of.

use esker_datatypes::Result;
use esker_logical_expr::Expr;
use esker_logical_expr::tree::{self, Transformed};
use esker_logical_plan::{Join, LogicalPlan, PlanChild, PlanNode, Side};

use crate::cost::Estimates;
use crate::descend::{Visited, descend};
use crate::expressions::is_infallible;
use crate::reliance::Reliance;
use crate::rule::OptimizerRule;

/// Lets a join build its table of the left side where that is estimated to take less than half the
/// bytes of the right one, which is the side built of otherwise. Nothing is done where either number
/// is not known, where the order of the result is promised (it is that of the side that is not built
/// of) or a claim above relies on it, where the inputs are claimed to be sorted, where the right side
/// must have a single row, where a left key can fail, and below a limit, which would have stopped the
/// left side before it fails.
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
        if !tree::any(&plan, |node| matches!(node, LogicalPlan::Join(_))) {
            return Ok(Transformed::no(plan));
        }
        let estimates = Estimates::of(&plan)?;
        descend(plan, Reliance::default(), |node, above| {
            let inputs = above.inputs_of(&node);
            let Transformed { data, changed } = match node {
                LogicalPlan::Join(join) => choose(join, above, &estimates),
                LogicalPlan::Scan(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Distinct(_)
                | LogicalPlan::Unnest(_)
                | LogicalPlan::Union(_)
                | LogicalPlan::Shared(_)
                | LogicalPlan::Extension(_) => Transformed::no(node),
            };
            Ok(Visited {
                node: data,
                inputs,
                above: None,
                changed,
            })
        })
    }
}

fn choose(join: Join, above: Reliance, estimates: &Estimates) -> Transformed<LogicalPlan> {
    let free = !join.maintain_order() && !join.sorted() && !join.single();
    // The keys of the left side are not computed when there is nothing on the right.
    let safe = |(key, _): &(Expr, Expr)| is_infallible(key, join.left().schema());
    let free = free && above.is_none() && join.on().iter().all(safe);
    let bytes = |side: &PlanChild| estimates.get(side).bytes(side.schema());
    let smaller = match (bytes(join.left()), bytes(join.right())) {
        (Some(left), Some(right)) => left * 2.0 < right,
        (Some(_) | None, Some(_) | None) => false,
    };
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
    use esker_logical_expr::test_util::{fail_on, total};
    use esker_logical_plan::{Aggregate, JoinType};

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
        let (left, right) = (side_of_rows("l", 10), side_of_rows("r", 100));
        let risky = [(fail_on(col("la"), 3), col("ra"))];
        let plan = Join::try_new(left, right, JoinType::Inner, risky, None).unwrap();
        assert!(!builds_left(plan));
    }

    #[test]
    fn what_relies_on_the_left_rows_coming_one_by_one() {
        let joined = || LogicalPlan::Join(of_rows(10, 100));
        let left = |plan| apply(ChooseBuildSide, plan).contains("build=left");
        let grouped =
            |input| Aggregate::try_new([col("la")], [total(col("lb")).alias("lb")], input).unwrap();
        let plain = |input| LogicalPlan::Aggregate(grouped(input));
        let claimed = |input| LogicalPlan::Aggregate(grouped(input).with_sorted(true));
        assert!(left(plain(joined())));
        assert!(!left(claimed(filter(joined(), col("lb").gt(1)))));
        assert!(!left(limit(0, 5, filter(joined(), col("lb").gt(1)))));
        // All rows are taken first.
        assert!(left(limit(0, 5, plain(joined()))));
        assert!(left(claimed(plain(joined()))));
        // The left side of the outer join is limited, the right one is built of.
        let onto = |l, r| LogicalPlan::Join(join(l, r, JoinType::Left, &[("la", "xa")], None));
        assert!(!left(limit(0, 5, onto(joined(), side("x")))));
        let right =
            |l| LogicalPlan::Join(join(side("x"), l, JoinType::Left, &[("xa", "la")], None));
        assert!(left(limit(0, 5, right(joined()))));
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
