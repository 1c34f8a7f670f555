//! Nodes whose expressions are simplified: what is there twice, and what is the same for all rows.

use esker_datatypes::Result;
use esker_logical_expr::tree::Transformed;
use esker_logical_expr::{Expr, columns_of};
use esker_logical_plan::{Filter, Join, JoinType, Limit, LogicalPlan, PlanNode, Sort};

use super::logic::as_truth;
use crate::expressions::{ExprSet, is_volatile};

/// Whether a term is never true.
fn is_never(term: &Expr) -> bool {
    term.as_literal()
        .is_some_and(|value| value.is_null() || value.as_bool() == Some(false))
}

/// Drops the terms that are there twice; a filter with a term that is never true keeps no rows.
pub(super) fn simplify_filter(filter: Filter) -> Result<Transformed<LogicalPlan>> {
    let terms = filter.predicate().conjuncts();
    if terms.iter().any(|term| is_never(term)) {
        let (_, input, origin) = filter.into_parts();
        let nothing = LogicalPlan::Limit(Limit::new(0, Some(0), input.into_inner()));
        return Ok(Transformed::yes(nothing.with_origin(origin)));
    }
    let (mut seen, mut distinct) = (ExprSet::default(), Vec::new());
    for term in &terms {
        if seen.insert(term)? || is_volatile(term) {
            distinct.push(*term);
        }
    }
    if distinct.len() == terms.len() {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    }
    let predicate = Expr::all_of(distinct.into_iter().cloned());
    let (old, input, origin) = filter.clone().into_parts();
    let new = Filter::try_new(predicate.unwrap_or(old), input.into_inner())?;
    Ok(Transformed::yes(
        LogicalPlan::Filter(new).with_origin(origin),
    ))
}

/// Drops keys that are there twice and a condition that is always true. One that is never true makes
/// no pairs.
pub(super) fn simplify_join(join: Join) -> Result<Transformed<LogicalPlan>> {
    let filter = join.filter();
    let never = filter.is_some_and(|f| f.conjuncts().into_iter().any(is_never));
    match join.join_type() {
        JoinType::Inner | JoinType::Semi if never => {
            let origin = join.origin();
            let on = join.on().to_vec();
            let join = LogicalPlan::Join(join.with_condition(on, None));
            let nothing = Limit::new(0, Some(0), join);
            return Ok(Transformed::yes(
                LogicalPlan::Limit(nothing).with_origin(origin),
            ));
        }
        JoinType::Inner
        | JoinType::Left
        | JoinType::Right
        | JoinType::Full
        | JoinType::Semi
        | JoinType::Anti => {}
    }
    let filter = filter.filter(|f| as_truth(f) != Some(true)).cloned();
    let mut on: Vec<(Expr, Expr)> = Vec::with_capacity(join.on().len());
    for (left, right) in join.on() {
        let same = |(l, r): &(Expr, Expr)| l.same_as(left) && r.same_as(right);
        let fixed = join.sorted() || is_volatile(left) || is_volatile(right);
        if fixed || !on.iter().any(same) {
            on.push((left.clone(), right.clone()));
        }
    }
    if on.len() == join.on().len() && filter.is_some() == join.filter().is_some() {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    Ok(Transformed::yes(LogicalPlan::Join(
        join.with_condition(on, filter),
    )))
}

/// Drops keys that cannot change the order: those that an earlier one decides, and constants.
/// Without keys the order is that of the input.
pub(super) fn simplify_sort(sort: Sort) -> Result<Transformed<LogicalPlan>> {
    let mut seen = ExprSet::default();
    let mut kept = Vec::with_capacity(sort.keys().len());
    for key in sort.keys() {
        let volatile = is_volatile(&key.expr);
        let decides = !columns_of(&key.expr)?.is_empty() && seen.insert(&key.expr)?;
        if volatile || decides {
            kept.push(key.clone());
        }
    }
    if kept.len() == sort.keys().len() {
        return Ok(Transformed::no(LogicalPlan::Sort(sort)));
    }
    let origin = sort.origin();
    let (fetch, input) = (sort.fetch(), LogicalPlan::clone(sort.input()));
    let new = match (kept.is_empty(), fetch) {
        (false, fetch) => LogicalPlan::Sort(Sort::try_new(kept, fetch, input)?).with_origin(origin),
        (true, None) => input,
        (true, fetch) => LogicalPlan::Limit(Limit::new(0, fetch, input)).with_origin(origin),
    };
    Ok(Transformed::yes(new))
}
