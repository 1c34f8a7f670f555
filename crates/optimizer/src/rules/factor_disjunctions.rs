//! What all branches of an `OR` ask for is asked for once.

use esker_datatypes::{Result, Schema};
use esker_logical_expr::tree::Transformed;
use esker_logical_expr::{BinaryOp, Expr};
use esker_logical_plan::{Filter, LogicalPlan, PlanNode};

use crate::expressions::{ExprSet, any_of, is_infallible, is_volatile};
use crate::rule::OptimizerRule;

/// Takes out of an `OR` the terms that each of its branches has, in filters and in the conditions of
/// joins: so they are asked once, may go into one side of a join, or become its keys. Kleene logic is
/// distributive: the two are the same, also where a term is null. A term that can fail stays, since
/// it may stand behind one that keeps it from failing.
///
/// ```text
/// Filter: #a = 1 AND #b = 2 OR #a = 1 AND #b = 3       Filter: #a = 1 AND (#b = 2 OR #b = 3)
///     Scan: t; projection=None                             Scan: t; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FactorDisjunctions;

impl OptimizerRule for FactorDisjunctions {
    fn name(&self) -> &'static str {
        "factor_disjunctions"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up(|node| match node {
            LogicalPlan::Filter(filter) => {
                let new = factor_terms(filter.predicate(), filter.schema())?;
                let Some(predicate) = new else {
                    return Ok(Transformed::no(LogicalPlan::Filter(filter)));
                };
                let (_, input, origin) = filter.into_parts();
                let new = LogicalPlan::Filter(Filter::try_new(predicate, input.into_inner())?);
                Ok(Transformed::yes(new.with_origin(origin)))
            }
            LogicalPlan::Join(join) => {
                let new = match join.filter() {
                    Some(condition) => factor_terms(condition, &join.both_sides())?,
                    None => None,
                };
                let Some(condition) = new else {
                    return Ok(Transformed::no(LogicalPlan::Join(join)));
                };
                let on = join.on().to_vec();
                let new = join.with_condition(on, Some(condition));
                Ok(Transformed::yes(LogicalPlan::Join(new)))
            }
            LogicalPlan::Scan(_)
            | LogicalPlan::Projection(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => Ok(Transformed::no(node)),
        })
    }
}

/// The predicate with each of its terms factored; `None` when that changes nothing.
pub(crate) fn factor_terms(predicate: &Expr, schema: &Schema) -> Result<Option<Expr>> {
    let mut changed = false;
    let mut terms = Vec::new();
    for term in predicate.conjuncts() {
        match factor(term, schema)? {
            Some(new) => {
                changed = true;
                terms.push(new);
            }
            None => terms.push(term.clone()),
        }
    }
    Ok(if changed { Expr::all_of(terms) } else { None })
}

/// `(a AND b) OR (a AND c)` as `a AND (b OR c)`; `None` when the branches have nothing in common.
fn factor(term: &Expr, schema: &Schema) -> Result<Option<Expr>> {
    let branches: Vec<Vec<&Expr>> = match term.unaliased() {
        Expr::Binary(binary) if binary.op == BinaryOp::Or => {
            let branches = term.unaliased().terms(BinaryOp::Or).into_iter();
            branches.map(Expr::conjuncts).collect()
        }
        Expr::Binary(_)
        | Expr::Column(_)
        | Expr::Literal(_)
        | Expr::Alias(_)
        | Expr::Unary(_)
        | Expr::Cast(_)
        | Expr::Case(_)
        | Expr::InList(_)
        | Expr::Between(_)
        | Expr::Function(_)
        | Expr::Aggregate(_) => return Ok(None),
    };
    let Some((first, others)) = branches.split_first() else {
        return Ok(None);
    };
    let mut common: Vec<&Expr> = Vec::new();
    let mut seen = ExprSet::default();
    for term in first {
        if !is_volatile(term) && is_infallible(term, schema) && seen.insert(term)? {
            common.push(term);
        }
    }
    for branch in others {
        if common.is_empty() {
            return Ok(None);
        }
        let mut terms = ExprSet::default();
        for term in branch {
            terms.insert(term)?;
        }
        let mut kept = Vec::with_capacity(common.len());
        for term in common {
            if terms.contains(term)? {
                kept.push(term);
            }
        }
        common = kept;
    }
    if common.is_empty() {
        return Ok(None);
    }
    let mut taken = ExprSet::default();
    for term in &common {
        taken.insert(term)?;
    }
    let mut rests = Vec::with_capacity(branches.len());
    for branch in &branches {
        let mut rest = Vec::new();
        for term in branch {
            if !taken.contains(term)? {
                rest.push(Expr::clone(term));
            }
        }
        rests.push(Expr::all_of(rest));
    }
    // A branch without a rest is TRUE where the common terms are, and so is the whole.
    let rest: Option<Vec<Expr>> = rests.into_iter().collect();
    let terms = common.into_iter().cloned();
    Ok(Expr::all_of(terms.chain(rest.and_then(any_of))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{apply, filter, join, random, scan, side};
    use esker_logical_expr::col;
    use esker_logical_expr::test_util::fail_on;
    use esker_logical_plan::JoinType;

    fn check(predicate: Expr) -> String {
        apply(FactorDisjunctions, filter(scan("t"), predicate))
    }

    fn is(name: &str, value: i64) -> Expr {
        col(name).eq(value)
    }

    #[test]
    fn common_terms_come_first() {
        let plan = is("a", 1)
            .and(is("b", 2))
            .and(col("p"))
            .or(is("k", 3).and(col("p")).and(is("a", 1)));
        insta::assert_snapshot!(check(plan), @r"
        Filter: #a = Int64(1) AND #p AND (#b = Int64(2) OR #k = Int64(3))
            Scan: t; projection=None
        ");
        let three = is("a", 1).or(is("b", 2).and(is("a", 1))).or(is("a", 1));
        insta::assert_snapshot!(check(three.and(col("p"))), @r"
        Filter: #a = Int64(1) AND #p
            Scan: t; projection=None
        ");
    }

    #[test]
    fn what_only_some_have_stays() {
        let some = is("a", 1).and(is("b", 2)).or(is("a", 1).and(is("b", 3)));
        insta::assert_snapshot!(check(some.or(is("k", 3))), @r"
        Filter: #a = Int64(1) AND #b = Int64(2) OR #a = Int64(1) AND #b = Int64(3) OR #k = Int64(3)
            Scan: t; projection=None
        ");
    }

    #[test]
    fn what_can_fail_or_differ_stays() {
        let risky = || fail_on(col("a"), 3).gt(0);
        let plan = is("b", 2).and(risky()).or(is("b", 3).and(risky()));
        assert!(check(plan).contains("OR #b = Int64(3) AND"));
        let volatile = || random().gt(0.5);
        let plan = volatile().and(is("b", 2)).or(volatile().and(is("b", 3)));
        assert!(check(plan).contains(" OR random() > 0.5 AND"));
        // The rest may fail, behind what was before it.
        let plan = is("b", 2).and(risky()).or(is("b", 2).and(is("a", 1)));
        assert!(check(plan).contains("Filter: #b = Int64(2) AND ("));
    }

    #[test]
    fn conditions_of_joins() {
        let keys = || col("la").eq(col("ra"));
        let condition = keys()
            .and(col("lb").eq(1i64))
            .or(keys().and(col("rb").eq(2i64)));
        let plan = join(
            side("l"),
            side("r"),
            JoinType::Left,
            &[("lk", "rk")],
            Some(condition),
        );
        insta::assert_snapshot!(apply(FactorDisjunctions, LogicalPlan::Join(plan)), @r"
        Join: type=Left, on=[(#lk, #rk)], filter=#la = #ra AND (#lb = Int64(1) OR #rb = Int64(2))
            Scan: l; projection=None
            Scan: r; projection=None
        ");
    }
}
