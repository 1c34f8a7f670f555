//! Expressions as a user writes them: columns by name, literals of a type.

use super::types::Type;
use super::value::Value;

/// What to compute of a row, or, with [`Agg`](Self::Agg) inside, of a group of rows.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Col(String),
    Lit(Value, Type),
    Arith(ArithOp, Box<Expr>, Box<Expr>),
    Neg(Box<Expr>),
    Abs(Box<Expr>),
    /// Of a text or a date, the other arguments of the function being fixed.
    Call(Function, Box<Expr>),
    Cmp(CmpOp, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Is(Test, Box<Expr>),
    /// Whether a value is one of several; negated or not.
    In(Box<Expr>, Vec<Expr>, bool),
    /// Whether a value lies between two; negated or not.
    Between(Box<[Expr; 3]>, bool),
    Case(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    Coalesce(Vec<Expr>),
    /// To a type; whether a misfit is null.
    Cast(Box<Expr>, Type, bool),
    /// Of an expression, or of the rows themselves.
    Agg(AggFn, Option<Box<Expr>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArithOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    FloorDiv,
    FloorMod,
}

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Upper,
    Strip,
    LenChars,
    Slice(i64, i64),
    Contains(&'static str),
    StartsWith(&'static str),
    Like(&'static str),
    Year,
    Month,
    DayOfYear,
    AddDays(i64),
    AddMonths(i64),
}

impl Function {
    /// Whether it takes text, not a date.
    pub(crate) fn of_text(self) -> bool {
        match self {
            Self::Upper
            | Self::Strip
            | Self::LenChars
            | Self::Slice(..)
            | Self::Contains(_)
            | Self::StartsWith(_)
            | Self::Like(_) => true,
            Self::Year | Self::Month | Self::DayOfYear | Self::AddDays(_) | Self::AddMonths(_) => {
                false
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CmpOp {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

/// A question whose answer is never null (but that of `Nan`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Null,
    NotNull,
    True,
    False,
    Nan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AggFn {
    Len,
    Sum,
    Min,
    Max,
    Mean,
    /// Of a sample.
    Var,
    /// Of a sample.
    Std,
    /// In hundredths.
    Quantile(u8),
    /// Whether nulls count.
    Count(bool),
    /// Whether null counts as a value.
    NUnique(bool),
    /// Whether nulls are passed over.
    First(bool),
    /// Whether nulls are passed over.
    Last(bool),
}

impl Expr {
    pub(crate) fn col(name: &str) -> Self {
        Self::Col(name.to_owned())
    }

    pub(crate) fn int(value: i64) -> Self {
        Self::Lit(Value::Int(value.into()), Type::INT64)
    }

    pub(crate) fn cmp(op: CmpOp, left: Self, right: Self) -> Self {
        Self::Cmp(op, Box::new(left), Box::new(right))
    }

    pub(crate) fn arith(op: ArithOp, left: Self, right: Self) -> Self {
        Self::Arith(op, Box::new(left), Box::new(right))
    }

    pub(crate) fn agg(function: AggFn, arg: Self) -> Self {
        Self::Agg(function, Some(Box::new(arg)))
    }

    pub(crate) fn is_literal(&self) -> bool {
        matches!(self, Self::Lit(..))
    }

    /// The expressions that it is made of.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Col(_) | Self::Lit(..) => vec![],
            Self::Arith(_, a, b) | Self::Cmp(_, a, b) | Self::And(a, b) | Self::Or(a, b) => {
                vec![a, b]
            }
            Self::Neg(a)
            | Self::Abs(a)
            | Self::Call(_, a)
            | Self::Not(a)
            | Self::Is(_, a)
            | Self::Cast(a, ..) => vec![a],
            Self::In(a, list, _) => std::iter::once(&**a).chain(list).collect(),
            Self::Between(parts, _) => parts.iter().collect(),
            Self::Case(branches, otherwise) => {
                let pairs = branches.iter().flat_map(|(when, then)| [when, then]);
                pairs.chain(otherwise.as_deref()).collect()
            }
            Self::Coalesce(list) => list.iter().collect(),
            Self::Agg(_, arg) => arg.as_deref().into_iter().collect(),
        }
    }

    /// The same with another expression in the place of one that it is made of.
    pub(crate) fn with_child(&self, at: usize, new: Self) -> Self {
        let mut expr = self.clone();
        let place: Option<&mut Self> = match &mut expr {
            Self::Col(_) | Self::Lit(..) => None,
            Self::Arith(_, a, b) | Self::Cmp(_, a, b) | Self::And(a, b) | Self::Or(a, b) => {
                Some(if at == 0 { a } else { b })
            }
            Self::Neg(a)
            | Self::Abs(a)
            | Self::Call(_, a)
            | Self::Not(a)
            | Self::Is(_, a)
            | Self::Cast(a, ..) => Some(a),
            Self::In(a, _, _) if at == 0 => Some(a),
            Self::In(_, list, _) => list.get_mut(at - 1),
            Self::Between(parts, _) => parts.get_mut(at),
            Self::Case(branches, otherwise) => match branches.get_mut(at / 2) {
                Some((when, then)) => Some(if at.is_multiple_of(2) { when } else { then }),
                None => otherwise.as_deref_mut(),
            },
            Self::Coalesce(list) => list.get_mut(at),
            Self::Agg(_, arg) => arg.as_deref_mut(),
        };
        if let Some(place) = place {
            *place = new;
        }
        expr
    }

    /// Whether it uses a column.
    pub(crate) fn uses(&self, name: &str) -> bool {
        match self {
            Self::Col(own) => own == name,
            _ => self.children().iter().any(|child| child.uses(name)),
        }
    }

    /// Whether it holds an aggregate.
    pub(crate) fn has_agg(&self) -> bool {
        matches!(self, Self::Agg(..)) || self.children().iter().any(|child| child.has_agg())
    }
}
