//! The six comparisons and the three relations that they come down to.

use std::cmp::Ordering;
use std::fmt;

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal.
    NotEq,
    /// Less.
    Lt,
    /// Less or equal.
    LtEq,
    /// Greater.
    Gt,
    /// Greater or equal.
    GtEq,
}

impl CompareOp {
    /// The sign, as plans print it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::NotEq => "!=",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
        }
    }

    /// The comparison that holds of `(b, a)` when this one holds of `(a, b)`.
    #[must_use]
    pub fn swap(self) -> Self {
        match self {
            Self::Eq => Self::Eq,
            Self::NotEq => Self::NotEq,
            Self::Lt => Self::Gt,
            Self::LtEq => Self::GtEq,
            Self::Gt => Self::Lt,
            Self::GtEq => Self::LtEq,
        }
    }

    /// The comparison that holds of two values, neither null, when this one does not.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Eq => Self::NotEq,
            Self::NotEq => Self::Eq,
            Self::Lt => Self::GtEq,
            Self::LtEq => Self::Gt,
            Self::Gt => Self::LtEq,
            Self::GtEq => Self::Lt,
        }
    }
}

impl fmt::Display for CompareOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

/// What a comparison asks: of six, three are the others' negation.
#[derive(Clone, Copy)]
pub(crate) enum Relation {
    /// Both are the same value.
    Same,
    /// The left one is the smaller.
    Less,
    /// The left one is the greater.
    Greater,
}

impl Relation {
    /// The relation, and whether the comparison is its negation.
    pub(crate) fn of(op: CompareOp) -> (Self, bool) {
        match op {
            CompareOp::Eq => (Self::Same, false),
            CompareOp::NotEq => (Self::Same, true),
            CompareOp::Lt => (Self::Less, false),
            CompareOp::GtEq => (Self::Less, true),
            CompareOp::Gt => (Self::Greater, false),
            CompareOp::LtEq => (Self::Greater, true),
        }
    }

    /// The order of left to right in which the relation holds.
    pub(crate) fn ordering(self) -> Ordering {
        match self {
            Self::Same => Ordering::Equal,
            Self::Less => Ordering::Less,
            Self::Greater => Ordering::Greater,
        }
    }
}
