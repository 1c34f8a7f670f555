//! Kleene logic and conditions (S1).

use esker_datatypes::{ScalarValue, Schema};
use esker_logical_expr::tree::{Child, Transformed};
use esker_logical_expr::{
    Between, Binary, BinaryOp, Case, Expr, ExprChild, InList, Unary, UnaryOp,
};

use crate::expressions::is_volatile;

/// Simplifies a logical operator, a null test or a condition over simplified operands.
pub(super) fn simplify(node: Expr, schema: &Schema) -> Transformed<Expr> {
    let simpler = match &node {
        Expr::Binary(Binary {
            op: BinaryOp::And,
            left,
            right,
        }) => absorb(left, right, true),
        Expr::Binary(Binary {
            op: BinaryOp::Or,
            left,
            right,
        }) => absorb(left, right, false),
        Expr::Unary(Unary { op, expr }) => match op {
            UnaryOp::Not => negate(expr),
            UnaryOp::IsNull if never_null(expr, schema) => Some(truth(false)),
            UnaryOp::IsNotNull if never_null(expr, schema) => Some(truth(true)),
            UnaryOp::IsNull
            | UnaryOp::IsNotNull
            | UnaryOp::Negate
            | UnaryOp::IsTrue
            | UnaryOp::IsFalse
            | UnaryOp::IsNan => None,
        },
        Expr::Case(case) => simplify_case(case),
        Expr::Binary(_)
        | Expr::Column(_)
        | Expr::Literal(_)
        | Expr::Alias(_)
        | Expr::Cast(_)
        | Expr::InList(_)
        | Expr::Between(_)
        | Expr::Function(_)
        | Expr::Aggregate(_) => None,
    };
    match simpler {
        Some(simpler) => Transformed::yes(simpler),
        None => Transformed::no(node),
    }
}

pub(super) fn truth(value: bool) -> Expr {
    Expr::Literal(value.into())
}

pub(super) fn as_truth(expr: &Expr) -> Option<bool> {
    expr.as_literal().and_then(ScalarValue::as_bool)
}

/// Whether an expression is a column without nulls.
pub(super) fn never_null(expr: &Expr, schema: &Schema) -> bool {
    let field = expr.as_column().and_then(|id| schema.field_of(id));
    field.is_some_and(|field| !field.nullable())
}

/// `AND` (of which `TRUE` is the neutral operand and `FALSE` the absorbing one) or `OR` (vice versa).
fn absorb(left: &ExprChild, right: &ExprChild, neutral: bool) -> Option<Expr> {
    for (this, other) in [(left, right), (right, left)] {
        match as_truth(this) {
            Some(value) if value == neutral => return Some(Expr::clone(other)),
            // The other operand is not evaluated any more: it may only have failed.
            Some(value) => return Some(truth(value)),
            None => {}
        }
    }
    let same = left.same_as(right) && !is_volatile(left);
    same.then(|| Expr::clone(left))
}

/// `NOT expr` without the `NOT`, where an operator has its opposite. All of these are null for the
/// same rows, and comparisons are total (S8).
fn negate(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Binary(Binary {
            op: BinaryOp::Or, ..
        }) => {
            // The terms of a filter can be told apart then.
            let terms = expr.terms(BinaryOp::Or).into_iter();
            Expr::all_of(terms.map(|term| {
                negate(term).unwrap_or_else(|| Expr::unary(UnaryOp::Not, term.clone()))
            }))
        }
        Expr::Binary(Binary { op, left, right }) => {
            let op = BinaryOp::from_compare(op.as_compare()?.negate());
            Some(Expr::Binary(Binary {
                op,
                left: left.clone(),
                right: right.clone(),
            }))
        }
        Expr::Unary(Unary { op, expr }) => match op {
            UnaryOp::Not => Some(Expr::clone(expr)),
            UnaryOp::IsNull => Some(Expr::unary(UnaryOp::IsNotNull, Expr::clone(expr))),
            UnaryOp::IsNotNull => Some(Expr::unary(UnaryOp::IsNull, Expr::clone(expr))),
            UnaryOp::Negate | UnaryOp::IsTrue | UnaryOp::IsFalse | UnaryOp::IsNan => None,
        },
        Expr::InList(list) => Some(Expr::InList(InList {
            negated: !list.negated,
            ..list.clone()
        })),
        Expr::Between(between) => Some(Expr::Between(Between {
            negated: !between.negated,
            ..between.clone()
        })),
        Expr::Column(_)
        | Expr::Literal(_)
        | Expr::Alias(_)
        | Expr::Cast(_)
        | Expr::Case(_)
        | Expr::Function(_)
        | Expr::Aggregate(_) => None,
    }
}

/// Drops branches that are never taken, and those behind one that always is.
fn simplify_case(case: &Case) -> Option<Expr> {
    let never = |condition: &Expr| {
        condition
            .as_literal()
            .is_some_and(|value| value.is_null() || as_truth(condition) == Some(false))
    };
    let mut branches: Vec<(ExprChild, ExprChild)> = Vec::new();
    let mut otherwise = case.otherwise.clone();
    let mut changed = false;
    for (condition, value) in &case.branches {
        if never(condition) {
            changed = true;
            continue;
        }
        if as_truth(condition) == Some(true) {
            otherwise = Some(value.clone());
            changed = true;
            break;
        }
        branches.push((condition.clone(), value.clone()));
    }
    if !changed {
        return None;
    }
    match (branches.is_empty(), otherwise) {
        (true, Some(value)) => Some(Expr::clone(&value)),
        // Null always, but of which type only the values say.
        (true, None) if case.branches.len() == 1 => None,
        (true, None) => {
            let (_, value) = case.branches.first()?;
            let branches = vec![(Child::new(truth(false)), value.clone())];
            Some(Expr::Case(Case {
                branches,
                otherwise: None,
            }))
        }
        (false, otherwise) => Some(Expr::Case(Case {
            branches,
            otherwise,
        })),
    }
}
