//! Functions that choose between values.

mod coalesce;

use std::sync::Arc;

use esker_logical_expr::function::ScalarFunction;
use esker_logical_expr::{Expr, IntoExpr, IntoOperand};

/// Functions that choose between values, as methods of expressions.
pub trait ConditionalExpr: Sized {
    /// The value, or another where it is null. The type is the common type of both.
    fn fill_null(self, value: impl IntoOperand) -> Expr;
}

impl ConditionalExpr for Expr {
    fn fill_null(self, value: impl IntoOperand) -> Expr {
        Expr::function(Arc::new(coalesce::Coalesce), [self, value.into_operand()])
    }
}

/// The first of several values that is not null; null when all are. The type is their common type.
///
/// All values are computed for all rows: guard one that can fail with a `when`.
///
/// ```
/// use esker_functions::coalesce;
/// assert_eq!(coalesce(["mobile", "home"]).to_string(), "coalesce(#mobile, #home)");
/// ```
pub fn coalesce(values: impl IntoIterator<Item = impl IntoExpr>) -> Expr {
    Expr::function(
        Arc::new(coalesce::Coalesce),
        values.into_iter().map(IntoExpr::into_expr),
    )
}

/// The family's list.
pub(crate) fn functions() -> Vec<Arc<dyn ScalarFunction>> {
    vec![Arc::new(coalesce::Coalesce)]
}

#[cfg(test)]
mod tests;
