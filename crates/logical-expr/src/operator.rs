//! The operators of expressions.

use std::fmt;

use esker_kernels::arith::ArithOp;
use esker_kernels::compare::CompareOp;

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`: true division
    Div,
    /// `%`: the remainder, with the sign of the dividend
    Rem,
    /// `=`
    Eq,
    /// `!=`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
    /// Kleene `AND`
    And,
    /// Kleene `OR`
    Or,
}

impl BinaryOp {
    /// The operator as arithmetic, if it is.
    pub fn as_arith(self) -> Option<ArithOp> {
        match self {
            Self::Add => Some(ArithOp::Add),
            Self::Sub => Some(ArithOp::Sub),
            Self::Mul => Some(ArithOp::Mul),
            Self::Div => Some(ArithOp::Div),
            Self::Rem => Some(ArithOp::Rem),
            Self::Eq | Self::NotEq | Self::Lt | Self::LtEq | Self::Gt | Self::GtEq => None,
            Self::And | Self::Or => None,
        }
    }

    /// The operator as a comparison, if it is.
    pub fn as_compare(self) -> Option<CompareOp> {
        match self {
            Self::Eq => Some(CompareOp::Eq),
            Self::NotEq => Some(CompareOp::NotEq),
            Self::Lt => Some(CompareOp::Lt),
            Self::LtEq => Some(CompareOp::LtEq),
            Self::Gt => Some(CompareOp::Gt),
            Self::GtEq => Some(CompareOp::GtEq),
            Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Rem => None,
            Self::And | Self::Or => None,
        }
    }

    /// The operator of a comparison.
    pub fn from_compare(op: CompareOp) -> Self {
        match op {
            CompareOp::Eq => Self::Eq,
            CompareOp::NotEq => Self::NotEq,
            CompareOp::Lt => Self::Lt,
            CompareOp::LtEq => Self::LtEq,
            CompareOp::Gt => Self::Gt,
            CompareOp::GtEq => Self::GtEq,
        }
    }

    /// How tightly it binds: higher binds first.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Eq | Self::NotEq | Self::Lt | Self::LtEq | Self::Gt | Self::GtEq => 4,
            Self::Add | Self::Sub => 5,
            Self::Mul | Self::Div | Self::Rem => 6,
        }
    }
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
            Self::Eq => "=",
            Self::NotEq => "!=",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::And => "AND",
            Self::Or => "OR",
        })
    }
}

/// An operator on one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// Kleene `NOT`
    Not,
    /// `-`
    Negate,
    /// `IS NULL`: never null itself
    IsNull,
    /// `IS NOT NULL`: never null itself
    IsNotNull,
    /// `IS TRUE`: false for null
    IsTrue,
    /// `IS FALSE`: false for null
    IsFalse,
    /// `IS NAN`: null for null
    IsNan,
}

impl fmt::Display for UnaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Not => "NOT",
            Self::Negate => "-",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
            Self::IsTrue => "IS TRUE",
            Self::IsFalse => "IS FALSE",
            Self::IsNan => "IS NAN",
        })
    }
}
