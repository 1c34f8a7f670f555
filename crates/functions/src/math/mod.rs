//! Functions of numbers.

mod abs;
mod div_decimal;
mod floor_div;
mod floor_mod;

use std::sync::Arc;

use esker_logical_expr::function::ScalarFunction;
use esker_logical_expr::{Expr, IntoOperand};

/// Functions of numbers, as methods of expressions.
pub trait MathExpr: Sized {
    /// The absolute value.
    ///
    /// The type stays. Null for null; NaN for NaN. The smallest integer of a signed type has no
    /// absolute value in it: an overflow error.
    fn abs(self) -> Expr;

    /// The quotient rounded toward minus infinity: `7 // 2` is 3, `-7 // 2` is -4.
    ///
    /// Integers stay integers, decimals get scale 0, floats stay floats. Null for null, and, unless
    /// floats divide, for a zero divisor (floats follow IEEE 754). The smallest signed integer by -1
    /// is an overflow error.
    fn floor_div(self, divisor: impl IntoOperand) -> Expr;

    /// What [`floor_div`](Self::floor_div) leaves: it has the sign of the divisor, so that
    /// `floor_mod(-7, 3)` is 2 (where `-7 % 3` is -1).
    ///
    /// Null for null, and, unless floats divide, for a zero divisor. A decimal that needs more than
    /// 38 digits is an overflow error.
    fn floor_mod(self, divisor: impl IntoOperand) -> Expr;

    /// The quotient of decimals as a decimal of `scale` digits behind the point, rounded half away
    /// from zero (`/` gives a float).
    ///
    /// Null for null and for a zero divisor; an overflow error when 38 digits are not enough.
    fn div_decimal(self, divisor: impl IntoOperand, scale: u8) -> Expr;
}

impl MathExpr for Expr {
    fn abs(self) -> Expr {
        Expr::function(Arc::new(abs::Abs), [self])
    }

    fn floor_div(self, divisor: impl IntoOperand) -> Expr {
        Expr::function(
            Arc::new(floor_div::FloorDiv),
            [self, divisor.into_operand()],
        )
    }

    fn floor_mod(self, divisor: impl IntoOperand) -> Expr {
        Expr::function(
            Arc::new(floor_mod::FloorMod),
            [self, divisor.into_operand()],
        )
    }

    fn div_decimal(self, divisor: impl IntoOperand, scale: u8) -> Expr {
        let function = div_decimal::DivDecimal { scale };
        Expr::function(Arc::new(function), [self, divisor.into_operand()])
    }
}

/// The family's list.
pub(crate) fn functions() -> Vec<Arc<dyn ScalarFunction>> {
    vec![
        Arc::new(abs::Abs),
        Arc::new(div_decimal::DivDecimal::default()),
        Arc::new(floor_div::FloorDiv),
        Arc::new(floor_mod::FloorMod),
    ]
}

#[cfg(test)]
mod tests;
