//! Conditions: `when(..).then(..).otherwise(..)`.

use super::{IntoExpr, IntoOperand};
use crate::expr::{Case, Expr, ExprChild};

/// Starts an expression that takes the value of its first branch whose condition is TRUE.
///
/// Values of the branches not taken are not computed, so they raise no errors. Text as a condition
/// is the name of a column, text as a value is a value.
///
/// ```
/// use esker_logical_expr::{col, when};
/// let size = when(col("n").lt(10)).then("small").when(col("n").lt(100)).then("medium");
/// assert_eq!(
///     size.otherwise("large").to_string(),
///     "CASE WHEN #n < 10 THEN 'small' WHEN #n < 100 THEN 'medium' ELSE 'large' END",
/// );
/// ```
pub fn when(condition: impl IntoExpr) -> CaseWhen {
    CaseWhen {
        branches: Vec::new(),
        condition: condition.into_expr().into(),
    }
}

/// A condition that waits for its value.
#[derive(Clone, Debug)]
#[must_use = "a condition needs a value: call `then`"]
pub struct CaseWhen {
    branches: Vec<(ExprChild, ExprChild)>,
    condition: ExprChild,
}

impl CaseWhen {
    /// The value where the condition is TRUE and none before it was.
    pub fn then(mut self, value: impl IntoOperand) -> CaseBuilder {
        self.branches
            .push((self.condition, value.into_operand().into()));
        CaseBuilder {
            branches: self.branches,
        }
    }
}

/// Branches, of which more may come.
#[derive(Clone, Debug)]
#[must_use = "this is no expression yet: call `otherwise` or `end`"]
pub struct CaseBuilder {
    branches: Vec<(ExprChild, ExprChild)>,
}

impl CaseBuilder {
    /// Adds a branch.
    pub fn when(self, condition: impl IntoExpr) -> CaseWhen {
        CaseWhen {
            branches: self.branches,
            condition: condition.into_expr().into(),
        }
    }

    /// The expression, with this value where no condition is TRUE.
    pub fn otherwise(self, value: impl IntoOperand) -> Expr {
        let otherwise = Some(value.into_operand().into());
        Expr::Case(Case {
            branches: self.branches,
            otherwise,
        })
    }

    /// The expression, null where no condition is TRUE.
    pub fn end(self) -> Expr {
        Expr::Case(Case {
            branches: self.branches,
            otherwise: None,
        })
    }
}
