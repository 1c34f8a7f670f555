//! What an `OR` over two sides of a join asks of each of them.

use esker_datatypes::{Result, Schema};
use esker_logical_expr::tree::Transformed;
use esker_logical_expr::{BinaryOp, Expr};
use esker_logical_plan::{Join, LogicalPlan};

use crate::descend::descend;
use crate::expressions::{any_of, is_infallible, is_small, is_volatile};
use crate::implied::{Implied, OfSides, is_about, visit};
use crate::join_sides::Sides;
use crate::rule::OptimizerRule;

/// Asks each side of a join for what every branch of an `OR` asks of it: the rows for which no branch
/// can be TRUE are in no pair that matters. The `OR` itself stays, for it asks for more. This is the
/// shape of TPC-H 7 and 19.
///
/// An `OR` of a few branches only, of terms that cannot fail, and where a side may lose rows.
///
/// ```text
/// Join: type=Inner, on=[(#k, #l)],                  Join: type=Inner, on=[(#k, #l)],
///       filter=#a = 1 AND #b = 2                          filter=#a = 1 AND #b = 2
///           OR #a = 3 AND #b = 4                              OR #a = 3 AND #b = 4
///     Scan: t; projection=None                          Filter: #a = 1 OR #a = 3
///     Scan: u; projection=None                              Scan: t; projection=None
///                                                       Filter: #b = 2 OR #b = 4
///                                                           Scan: u; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SplitDisjunctions;

impl OptimizerRule for SplitDisjunctions {
    fn name(&self) -> &'static str {
        "split_disjunctions"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        descend(plan, Implied::default(), |node, from_above| {
            visit(node, from_above, &mut split)
        })
    }
}

/// How many nodes an `OR` has that is split.
const MAX_NODES: usize = 256;

/// What pairs of rows ask of each side, by the join's condition and by what is known of the result.
fn split(join: &Join, known: &[Expr]) -> Result<OfSides> {
    let both = join.both_sides();
    let condition = join.filter().map(Expr::conjuncts).unwrap_or_default();
    let terms = condition
        .into_iter()
        .map(|term| (term, Sides::of_condition(join)));
    let known = known
        .iter()
        .map(|term| (term, Sides::of_filter_above(join)));
    let [mut left, mut right] = [Vec::new(), Vec::new()];
    for (term, allowed) in terms.chain(known) {
        let term = term.unaliased();
        let is_or = matches!(term, Expr::Binary(binary) if binary.op == BinaryOp::Or);
        if !is_or || !is_small(term, MAX_NODES) {
            continue;
        }
        if allowed.left {
            left.extend(asked_of(term, join.left().schema(), &both)?);
        }
        if allowed.right {
            right.extend(asked_of(term, join.right().schema(), &both)?);
        }
    }
    Ok([left, right])
}

/// What all branches ask of a side; `None` when one asks nothing, or all are about the side alone.
fn asked_of(or: &Expr, side: &Schema, both: &Schema) -> Result<Option<Expr>> {
    if is_about(or, side)? {
        return Ok(None);
    }
    let mut branches = Vec::new();
    for branch in or.terms(BinaryOp::Or) {
        let mut terms = Vec::new();
        for term in branch.conjuncts() {
            if is_about(term, side)? && !is_volatile(term) && is_infallible(term, both) {
                terms.push(term.clone());
            }
        }
        match Expr::all_of(terms) {
            Some(terms) => branches.push(terms),
            None => return Ok(None),
        }
    }
    Ok(any_of(branches))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{apply, filter, join, random, side};
    use esker_logical_expr::col;
    use esker_logical_expr::test_util::fail_on;
    use esker_logical_plan::JoinType;

    fn is(name: &str, value: i64) -> Expr {
        col(name).eq(value)
    }

    fn two() -> Expr {
        is("la", 1)
            .and(is("rb", 2))
            .or(is("rb", 4).and(is("la", 3)).and(is("lb", 5)))
    }

    fn on_condition(join_type: JoinType, condition: Expr) -> String {
        let plan = join(
            side("l"),
            side("r"),
            join_type,
            &[("lk", "rk")],
            Some(condition),
        );
        apply(SplitDisjunctions, LogicalPlan::Join(plan))
    }

    fn above(join_type: JoinType, predicate: Expr) -> String {
        let plan = join(side("l"), side("r"), join_type, &[("lk", "rk")], None);
        apply(
            SplitDisjunctions,
            filter(LogicalPlan::Join(plan), predicate),
        )
    }

    #[test]
    fn each_side_is_asked() {
        insta::assert_snapshot!(on_condition(JoinType::Inner, two()), @r"
        Join: type=Inner, on=[(#lk, #rk)], filter=#la = Int64(1) AND #rb = Int64(2) OR #rb = Int64(4) AND #la = Int64(3) AND #lb = Int64(5)
            Filter: #la = Int64(1) OR #la = Int64(3) AND #lb = Int64(5)
                Scan: l; projection=None
            Filter: #rb = Int64(2) OR #rb = Int64(4)
                Scan: r; projection=None
        ");
        insta::assert_snapshot!(above(JoinType::Inner, two()), @r"
        Filter: #la = Int64(1) AND #rb = Int64(2) OR #rb = Int64(4) AND #la = Int64(3) AND #lb = Int64(5)
            Join: type=Inner, on=[(#lk, #rk)]
                Filter: #la = Int64(1) OR #la = Int64(3) AND #lb = Int64(5)
                    Scan: l; projection=None
                Filter: #rb = Int64(2) OR #rb = Int64(4)
                    Scan: r; projection=None
        ");
    }

    #[test]
    fn a_side_that_keeps_its_rows_is_not() {
        let sides = |text: String| {
            (
                text.contains("Filter: #la = Int64(1) OR"),
                text.contains("Filter: #rb = Int64(2) OR"),
            )
        };
        let of_condition = |join_type| sides(on_condition(join_type, two()));
        assert_eq!(of_condition(JoinType::Left), (false, true));
        assert_eq!(of_condition(JoinType::Right), (true, false));
        assert_eq!(of_condition(JoinType::Full), (false, false));
        assert_eq!(of_condition(JoinType::Semi), (true, true));
        assert_eq!(of_condition(JoinType::Anti), (false, true));
        let above = |join_type| sides(above(join_type, two()));
        assert_eq!(above(JoinType::Left), (true, false));
        assert_eq!(above(JoinType::Right), (false, true));
        assert_eq!(above(JoinType::Full), (false, false));
    }

    #[test]
    fn branches_that_ask_nothing_and_terms_that_may_not_move() {
        let unasked = |condition: Expr| {
            let text = on_condition(JoinType::Inner, condition);
            assert!(!text.contains("Filter: "), "{text}");
        };
        unasked(is("la", 1).or(is("rb", 2)));
        unasked(is("la", 1).or(is("la", 2)));
        unasked(col("la").eq(col("rb")).or(is("la", 2).and(is("rb", 1))));
        let branch = |term: Expr| {
            let first = term.and(col("lb").eq(col("rb")));
            first.or(is("la", 3).and(col("lb").gt(col("rb"))))
        };
        unasked(branch(fail_on(col("la"), 3).gt(0)));
        unasked(branch(random().gt(0.5)));
        let many = (0..200i64).map(|i| is("la", i).and(is("rb", i)));
        unasked(any_of(many).unwrap());
    }
}
