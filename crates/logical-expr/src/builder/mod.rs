//! Names, literals and methods that build expressions.

mod case;
mod name;
mod operators;
mod sort;

use esker_datatypes::{DataType, Name, ScalarValue};
use esker_kernels::cast::CastMode;

use crate::expr::{Alias, Between, Cast, ColumnRef, Expr, InList};
use crate::operator::{BinaryOp, UnaryOp};
use crate::tree::Child;

pub use case::{CaseBuilder, CaseWhen, when};
pub use sort::{IntoSortKey, SortKey};

/// The column of this name.
///
/// Which column that is, is found where the expression is used: one of that whole name, else the
/// text is split at its first dot into the alias of a frame and a column. Names are case-exact.
///
/// ```
/// use esker_logical_expr::col;
/// assert_eq!(col("salary").to_string(), "#salary");
/// assert_eq!((col("salary") * 2).to_string(), "#salary * 2");
/// ```
pub fn col(name: impl Into<Name>) -> Expr {
    Expr::Column(ColumnRef::unresolved(name))
}

/// A value: a Rust number, truth value or string, an `Option` of one (`None` is the null of its
/// type), or any [`ScalarValue`].
///
/// Right of an operator Rust values are literals without `lit`. An integer takes the type of the
/// number beside it when it fits there.
///
/// ```
/// use esker_datatypes::ScalarValue;
/// use esker_logical_expr::{col, lit};
/// assert_eq!(lit("x").to_string(), "'x'");
/// assert_eq!(lit(None::<i32>).to_string(), "Int32(NULL)");
/// let shipped = col("shipped").lt_eq(lit(ScalarValue::date(10471)));
/// assert_eq!(shipped.to_string(), "#shipped <= Date32('1998-09-02')");
/// ```
pub fn lit(value: impl Into<ScalarValue>) -> Expr {
    Expr::Literal(value.into())
}

/// What stands where a column or an expression is wanted: text is the name of a column.
#[diagnostic::on_unimplemented(
    message = "an expression or a column name is wanted: compare columns with `.eq(..)`, not `==`",
    label = "this is neither an expression nor a column name",
    note = "`lit(..)` makes an expression of a value"
)]
pub trait IntoExpr {
    /// The expression.
    fn into_expr(self) -> Expr;
}

impl IntoExpr for Expr {
    fn into_expr(self) -> Expr {
        self
    }
}

impl IntoExpr for &Expr {
    fn into_expr(self) -> Expr {
        self.clone()
    }
}

impl IntoExpr for &str {
    fn into_expr(self) -> Expr {
        col(self)
    }
}

impl IntoExpr for &String {
    fn into_expr(self) -> Expr {
        col(self.as_str())
    }
}

impl IntoExpr for String {
    fn into_expr(self) -> Expr {
        col(self)
    }
}

/// What stands beside an operator: Rust values are literals, text too.
#[diagnostic::on_unimplemented(
    message = "an expression or a value is wanted beside an operator",
    label = "this is neither an expression nor a value",
    note = "values are numbers, truth values, text, `Option`s of these, and `ScalarValue`"
)]
pub trait IntoOperand {
    /// The expression.
    fn into_operand(self) -> Expr;
}

impl IntoOperand for Expr {
    fn into_operand(self) -> Expr {
        self
    }
}

impl IntoOperand for &Expr {
    fn into_operand(self) -> Expr {
        self.clone()
    }
}

impl IntoOperand for ScalarValue {
    fn into_operand(self) -> Expr {
        lit(self)
    }
}

impl IntoOperand for &String {
    fn into_operand(self) -> Expr {
        lit(self.as_str())
    }
}

macro_rules! operands {
    ($($native:ty),*) => {$(
        impl IntoOperand for $native {
            fn into_operand(self) -> Expr {
                lit(self)
            }
        }

        impl IntoOperand for Option<$native> {
            /// `None` is the null of the type.
            fn into_operand(self) -> Expr {
                lit(self)
            }
        }
    )*};
}

operands!(
    bool, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, &str, String
);

/// Comparisons: a truth value, or null where an operand is null.
///
/// All types compare with their own, numbers with each other in the type that holds both, any string
/// type with any other. NaN equals NaN and is greater than every other float, -0.0 equals 0.0.
impl Expr {
    /// `self = other`.
    ///
    /// ```
    /// use esker_logical_expr::col;
    /// assert_eq!(col("state").eq("CO").to_string(), "#state = 'CO'");
    /// ```
    ///
    /// It is a method, since `==` on two Rust values says at once whether *they* are equal, and
    /// must say so as a `bool`; an expression is equal or not only for each row. So there is no
    /// `==` on expressions, and writing one does not compile:
    ///
    /// ```compile_fail,E0369
    /// use esker_logical_expr::{col, lit};
    /// let wrong = col("a") == lit(1);
    /// ```
    pub fn eq(self, other: impl IntoOperand) -> Self {
        Self::binary(self, BinaryOp::Eq, other.into_operand())
    }

    /// `self != other`.
    pub fn neq(self, other: impl IntoOperand) -> Self {
        Self::binary(self, BinaryOp::NotEq, other.into_operand())
    }

    /// `self < other`.
    pub fn lt(self, other: impl IntoOperand) -> Self {
        Self::binary(self, BinaryOp::Lt, other.into_operand())
    }

    /// `self <= other`.
    pub fn lt_eq(self, other: impl IntoOperand) -> Self {
        Self::binary(self, BinaryOp::LtEq, other.into_operand())
    }

    /// `self > other`.
    pub fn gt(self, other: impl IntoOperand) -> Self {
        Self::binary(self, BinaryOp::Gt, other.into_operand())
    }

    /// `self >= other`.
    pub fn gt_eq(self, other: impl IntoOperand) -> Self {
        Self::binary(self, BinaryOp::GtEq, other.into_operand())
    }

    /// Whether the value is one of several: TRUE on a match, else null when the value or a member
    /// is null, else FALSE.
    ///
    /// ```
    /// use esker_logical_expr::col;
    /// assert_eq!(col("a").is_in([1, 2]).to_string(), "#a IN (1, 2)");
    /// ```
    pub fn is_in(self, list: impl IntoIterator<Item = impl IntoOperand>) -> Self {
        self.in_list(list, false)
    }

    /// Whether the value is none of several: the Kleene `NOT` of [`is_in`](Self::is_in).
    pub fn not_in(self, list: impl IntoIterator<Item = impl IntoOperand>) -> Self {
        self.in_list(list, true)
    }

    /// `self >= low AND self <= high`.
    pub fn between(self, low: impl IntoOperand, high: impl IntoOperand) -> Self {
        self.between_bounds(low.into_operand(), high.into_operand(), false)
    }

    /// `self < low OR self > high`.
    pub fn not_between(self, low: impl IntoOperand, high: impl IntoOperand) -> Self {
        self.between_bounds(low.into_operand(), high.into_operand(), true)
    }

    fn in_list(self, list: impl IntoIterator<Item = impl IntoOperand>, negated: bool) -> Self {
        let list = list
            .into_iter()
            .map(|member| Child::new(member.into_operand()))
            .collect();
        Self::InList(InList {
            expr: self.into(),
            list,
            negated,
        })
    }

    fn between_bounds(self, low: Self, high: Self, negated: bool) -> Self {
        Self::Between(Between {
            expr: self.into(),
            low: low.into(),
            high: high.into(),
            negated,
        })
    }
}

/// Logic: three-valued after Kleene.
impl Expr {
    /// Kleene `AND`: FALSE where one operand is, even beside a null. `&` is the same.
    pub fn and(self, other: impl IntoOperand) -> Self {
        Self::binary(self, BinaryOp::And, other.into_operand())
    }

    /// Kleene `OR`: TRUE where one operand is, even beside a null. `|` is the same.
    pub fn or(self, other: impl IntoOperand) -> Self {
        Self::binary(self, BinaryOp::Or, other.into_operand())
    }

    /// Kleene `NOT`: null for null. `!` is the same.
    #[expect(
        clippy::should_implement_trait,
        reason = "it does; the method needs no import"
    )]
    pub fn not(self) -> Self {
        Self::unary(UnaryOp::Not, self)
    }

    /// Whether the value is null; never null itself.
    pub fn is_null(self) -> Self {
        Self::unary(UnaryOp::IsNull, self)
    }

    /// Whether the value is not null; never null itself.
    pub fn is_not_null(self) -> Self {
        Self::unary(UnaryOp::IsNotNull, self)
    }

    /// Whether the truth value is TRUE; FALSE for null.
    pub fn is_true(self) -> Self {
        Self::unary(UnaryOp::IsTrue, self)
    }

    /// Whether the truth value is FALSE; FALSE for null.
    pub fn is_false(self) -> Self {
        Self::unary(UnaryOp::IsFalse, self)
    }

    /// Whether the float is NaN; null for null.
    pub fn is_nan(self) -> Self {
        Self::unary(UnaryOp::IsNan, self)
    }
}

/// Names and types.
impl Expr {
    /// The expression under this name.
    ///
    /// ```
    /// use esker_logical_expr::col;
    /// let bonus = (col("salary") * 0.1).alias("bonus");
    /// assert_eq!(bonus.to_string(), "#salary * 0.1 as bonus");
    /// assert_eq!(bonus.output_name(), "bonus");
    /// ```
    pub fn alias(self, name: impl Into<Name>) -> Self {
        Self::Alias(Alias {
            expr: self.into(),
            name: name.into(),
        })
    }

    /// The value in another type; a value that does not fit there is an error.
    ///
    /// A float becomes an integer by dropping its fraction; NaN and infinities fail.
    pub fn cast(self, to: DataType) -> Self {
        Self::Cast(Cast {
            expr: self.into(),
            to,
            mode: CastMode::Strict,
        })
    }

    /// The value in another type; a value that does not fit there is null.
    pub fn try_cast(self, to: DataType) -> Self {
        Self::Cast(Cast {
            expr: self.into(),
            to,
            mode: CastMode::Try,
        })
    }
}

#[cfg(test)]
mod tests;
