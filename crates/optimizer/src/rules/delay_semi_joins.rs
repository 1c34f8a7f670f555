//! Semi and anti joins behind the inner joins that leave less for them to do.

use esker_datatypes::Result;
use esker_logical_expr::Expr;
use esker_logical_expr::tree::{self, Transformed};
use esker_logical_plan::{Join, JoinType, LogicalPlan, PlanChild, PlanNode};

use super::reorder_joins::{is_free, only_chooses, owners, with_columns};
use crate::cost::Estimates;
use crate::descend::{Visited, descend};
use crate::expressions::is_infallible;
use crate::reliance::Reliance;
use crate::rule::OptimizerRule;

/// An inner join must leave at most this share of the rows of a side.
const FEW: f64 = 0.5;

/// Puts a semi or anti join above an inner join that it is an input of, where the inner join leaves
/// at most half of the rows, and fewer than the other does. What the semi join then keeps fits a
/// small table, of whose keys scans of its other side can be told.
///
/// Nothing is done where the numbers of rows are not known, where an order of rows is promised or a
/// claim above relies on it, where inputs are claimed to be sorted, where a right side must have a
/// single row, and where a key or condition can fail.
///
/// ```text
/// Join: type=Inner, on=[(#s, #id)]           Join: type=Semi, on=[(#o, #order)]
///     Join: type=Semi, on=[(#o, #order)]         Join: type=Inner, on=[(#s, #id)]
///         Scan: lines; projection=None               Scan: lines; projection=None
///         Scan: orders; projection=None              Filter: #name = 'x'
///     Filter: #name = 'x'                                Scan: suppliers; projection=None
///         Scan: suppliers; projection=None       Scan: orders; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DelaySemiJoins;

impl OptimizerRule for DelaySemiJoins {
    fn name(&self) -> &'static str {
        "delay_semi_joins"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let is_semi = |node: &LogicalPlan| matches!(node, LogicalPlan::Join(join) if join.join_type().is_left_only());
        if !tree::any(&plan, is_semi) {
            return Ok(Transformed::no(plan));
        }
        let estimates = Estimates::of(&plan)?;
        descend(plan, Reliance::default(), |node, above| {
            let delayed = match &node {
                LogicalPlan::Join(join) if above.is_none() && is_free(&node) => {
                    delay(&node, join, &estimates)?
                }
                LogicalPlan::Join(_)
                | LogicalPlan::Scan(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Distinct(_)
                | LogicalPlan::Union(_)
                | LogicalPlan::Unnest(_)
                | LogicalPlan::Shared(_)
                | LogicalPlan::Extension(_) => None,
            };
            let changed = delayed.is_some();
            let node = delayed.unwrap_or(node);
            Ok(Visited {
                inputs: above.inputs_of(&node),
                node,
                above: None,
                changed,
            })
        })
    }
}

/// The semi join that a side of an inner join is, above the inner join with what it reads; `None`
/// where it stays. The new inner join is looked at next.
fn delay(node: &LogicalPlan, join: &Join, estimates: &Estimates) -> Result<Option<LogicalPlan>> {
    let Some(rows) = estimates.of_inputs(node).rows else {
        return Ok(None);
    };
    let mut inputs = vec![join.left().clone(), join.right().clone()];
    let found = inputs.iter_mut().find_map(|side| {
        let semi = delayed(side, rows, estimates)?.clone();
        *side = semi.left().clone();
        Some(semi)
    });
    let Some(semi) = found else {
        return Ok(None);
    };
    // The right side of a semi join is hidden, and a projection hides columns, too: what comes to
    // stand side by side must not have the same ones.
    let mut relations = inputs.clone();
    relations.push(semi.right().clone());
    if owners(&relations).is_none() {
        return Ok(None);
    }
    let joined = node.clone().with_inputs(inputs)?.with_origin(node.origin());
    let (right, semi) = (semi.right().clone(), LogicalPlan::Join(semi));
    let origin = semi.origin();
    let semi = semi
        .with_inputs([joined.into(), right])?
        .with_origin(origin);
    with_columns(semi, join.schema()).map(Some)
}

/// The semi or anti join that a side is, below a projection that chooses columns, if the inner join
/// of that side, which has so many rows, should come first.
fn delayed<'a>(side: &'a PlanChild, rows: f64, estimates: &Estimates) -> Option<&'a Join> {
    let mut input = side;
    if let LogicalPlan::Projection(projection) = &**side
        && only_chooses(projection)
    {
        input = projection.input();
    }
    let plan: &LogicalPlan = input;
    let LogicalPlan::Join(join) = plan else {
        return None;
    };
    let kind = matches!(join.join_type(), JoinType::Semi | JoinType::Anti);
    let plain = kind && !join.maintain_order() && !join.sorted() && !join.single();
    let (left, right) = (join.left().schema(), join.right().schema());
    let keys = join.on().iter();
    let mut keys = keys.map(|(l, r)| is_infallible(l, left) && is_infallible(r, right));
    let both = join.both_sides();
    let free = |filter: &Expr| is_infallible(filter, &both);
    if !plain || !keys.all(|safe| safe) || !join.filter().is_none_or(free) {
        return None;
    }
    let of = |input: &PlanChild| estimates.get(input).rows;
    let (before, after) = (of(join.left())?, of(input)?);
    let share = rows / after.max(1.0);
    (share <= FEW && before * share < after).then_some(join)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{apply, filter, join, limit, side, side_of_rows, side_with};
    use esker_datatypes::ColumnStatistics;
    use esker_logical_expr::col;
    use esker_logical_expr::test_util::fail_on;

    /// Lines that have an order, of the suppliers of whom some are wanted.
    fn lines(semi: JoinType, orders: LogicalPlan, suppliers: LogicalPlan) -> LogicalPlan {
        let lines = join(side_of_rows("l", 6000), orders, semi, &[("la", "oa")], None);
        let on = [("lb", "sa")];
        LogicalPlan::Join(join(
            LogicalPlan::Join(lines),
            suppliers,
            JoinType::Inner,
            &on,
            None,
        ))
    }

    fn few(suppliers: LogicalPlan) -> LogicalPlan {
        filter(suppliers, col("sk").eq(1i64).and(col("sd").eq(2.0)))
    }

    fn check(plan: LogicalPlan) -> String {
        apply(DelaySemiJoins, plan)
    }

    fn moves(plan: LogicalPlan) -> bool {
        !check(plan).starts_with("Join: type=Inner")
    }

    #[test]
    fn what_leaves_few_rows_comes_first() {
        let plan = lines(
            JoinType::Semi,
            side_of_rows("o", 1500),
            few(side_of_rows("s", 100)),
        );
        insta::assert_snapshot!(check(plan), @r"
        Join: type=Semi, on=[(#la, #oa)]
            Join: type=Inner, on=[(#lb, #sa)]
                Scan: l; projection=None
                Filter: #sk = Int64(1) AND CAST(#sd AS Float64) = 2.0
                    Scan: s; projection=None
            Scan: o; projection=None
        ");
    }

    #[test]
    fn several_move_one_after_the_other() {
        let orders = || side_of_rows("o", 1500);
        let all = join(
            side_of_rows("l", 6000),
            orders(),
            JoinType::Semi,
            &[("la", "oa")],
            None,
        );
        let other = side_of_rows("x", 1500);
        let all = join(
            LogicalPlan::Join(all),
            other,
            JoinType::Anti,
            &[("la", "xa")],
            None,
        );
        let on = [("sa", "lb")];
        let suppliers = few(side_of_rows("s", 100));
        let plan = join(
            suppliers,
            LogicalPlan::Join(all),
            JoinType::Inner,
            &on,
            None,
        );
        insta::assert_snapshot!(check(LogicalPlan::Join(plan)), @r"
        Join: type=Anti, on=[(#la, #xa)]
            Join: type=Semi, on=[(#la, #oa)]
                Join: type=Inner, on=[(#sa, #lb)]
                    Filter: #sk = Int64(1) AND CAST(#sd AS Float64) = 2.0
                        Scan: s; projection=None
                    Scan: l; projection=None
                Scan: o; projection=None
            Scan: x; projection=None
        ");
    }

    #[test]
    fn others_stay() {
        let orders = |rows| side_of_rows("o", rows);
        let suppliers = || few(side_of_rows("s", 100));
        assert!(moves(lines(JoinType::Anti, orders(1500), suppliers())));
        // All suppliers, fewer orders, no numbers of rows.
        assert!(!moves(lines(
            JoinType::Semi,
            orders(1500),
            side_of_rows("s", 100)
        )));
        let keys = ColumnStatistics {
            min: Some(1i64.into()),
            max: Some(6000i64.into()),
            ..ColumnStatistics::default()
        };
        let known = side_with("l", 6000, vec![keys]);
        let semi = join(known, orders(10), JoinType::Semi, &[("la", "oa")], None);
        let half = filter(side_of_rows("s", 6000), col("sd").gt(2.0));
        let (semi, on) = (LogicalPlan::Join(semi), [("lb", "sa")]);
        let plan = join(semi, half, JoinType::Inner, &on, None);
        assert!(!moves(LogicalPlan::Join(plan)));
        assert!(!moves(lines(JoinType::Semi, orders(1500), few(side("s")))));
        assert!(!moves(lines(JoinType::Inner, orders(1500), suppliers())));
        let limited = limit(0, 3, lines(JoinType::Semi, orders(1500), suppliers()));
        assert!(!check(limited).contains("    Join: type=Semi, on=[(#la, #oa)]\n        Join"));
    }

    /// A relation that stands on both sides keeps its columns apart only as long as one of them is
    /// hidden.
    #[test]
    fn relations_that_meet_themselves_stay() {
        let (orders, on) = (side_of_rows("o", 1500), [("la", "oa")]);
        let lines = side_of_rows("l", 6000);
        let semi = join(lines, orders.clone(), JoinType::Semi, &on, None);
        let wanted = filter(orders, col("ok").eq(1i64).and(col("od").eq(2.0)));
        let on = [("lb", "ob")];
        let plan = join(LogicalPlan::Join(semi), wanted, JoinType::Inner, &on, None);
        assert!(!moves(LogicalPlan::Join(plan)));
    }

    #[test]
    fn what_can_fail_stays() {
        let orders = side_of_rows("o", 1500);
        let fails = Some(fail_on(col("la"), 1).eq(col("oa")));
        let semi = join(
            side_of_rows("l", 6000),
            orders,
            JoinType::Semi,
            &[("la", "oa")],
            fails,
        );
        let on = [("lb", "sa")];
        let suppliers = few(side_of_rows("s", 100));
        let plan = join(
            LogicalPlan::Join(semi),
            suppliers,
            JoinType::Inner,
            &on,
            None,
        );
        assert!(!moves(LogicalPlan::Join(plan)));
    }
}
