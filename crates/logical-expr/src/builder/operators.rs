//! The operators of Rust on expressions, with Rust values on either side.

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Rem, Sub};

use super::{IntoOperand, lit};
use crate::expr::Expr;
use crate::operator::{BinaryOp, UnaryOp};

macro_rules! binary_operators {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        impl<R: IntoOperand> $trait<R> for Expr {
            type Output = Expr;

            fn $method(self, right: R) -> Expr {
                Expr::binary(self, BinaryOp::$op, right.into_operand())
            }
        }
    )*};
}

binary_operators!(
    Add add Add, Sub sub Sub, Mul mul Mul, Div div Div, Rem rem Rem, BitAnd bitand And,
    BitOr bitor Or
);

impl Neg for Expr {
    type Output = Self;

    fn neg(self) -> Self {
        Self::unary(UnaryOp::Negate, self)
    }
}

impl Not for Expr {
    type Output = Self;

    fn not(self) -> Self {
        Self::unary(UnaryOp::Not, self)
    }
}

/// Rust values on the left: `10 - col("a")`. The orphan rule allows no blanket impl, and only one
/// integer and one float type have them: with more, `10` would have no type until the end of the
/// statement, so that `(10 - col("a")).alias("b")` would not compile. Others write `lit(10i64)`.
macro_rules! left_operators {
    ($native:ty; $($trait:ident $method:ident $op:ident),*) => {$(
        impl $trait<Expr> for $native {
            type Output = Expr;

            fn $method(self, right: Expr) -> Expr {
                Expr::binary(lit(self), BinaryOp::$op, right)
            }
        }
    )*};
}

left_operators!(i32; Add add Add, Sub sub Sub, Mul mul Mul, Div div Div, Rem rem Rem);
left_operators!(f64; Add add Add, Sub sub Sub, Mul mul Mul, Div div Div, Rem rem Rem);
left_operators!(bool; BitAnd bitand And, BitOr bitor Or);
