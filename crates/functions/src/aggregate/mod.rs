//! Aggregate functions: one value of each group of rows.
//!
//! The states of all groups are columns, updated by the batch. What a batch brings is brought down
//! to two shapes (`rows.rs`), dense or indexed, so that each function has two typed loops however
//! the batch is encoded and selected.

mod byte_values;
mod common;
mod count;
mod distinct;
mod edge;
mod extreme;
mod first;
mod last;
mod len;
mod max;
mod mean;
mod min;
mod n_unique;
mod rows;
mod sum;
mod sums;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use esker_logical_expr::Expr;
use esker_logical_expr::function::AggregateFunction;

pub use count::Count;
pub use first::First;
pub use last::Last;
pub use n_unique::NUnique;

/// Aggregate functions, as methods of expressions.
///
/// All skip nulls but `first` and `last`. Options are set on the functions themselves:
/// [`Count`], [`NUnique`], [`First`], [`Last`].
pub trait AggregateExpr: Sized {
    /// The sum: of integers as `Int64` or `UInt64`, of floats as `Float64`, of decimals with 38
    /// digits (76 if they have 256 bits) and the scale they have.
    ///
    /// Integers and decimals are added exactly; a sum that does not fit its type is an overflow
    /// error, whatever the order of the rows. Null for a group without values.
    ///
    /// ```
    /// use esker_functions::AggregateExpr;
    /// use esker_logical_expr::col;
    /// assert_eq!(col("x").sum().to_string(), "SUM(#x)");
    /// assert_eq!(col("x").sum().output_name(), "x_sum");
    /// ```
    fn sum(self) -> Expr;

    /// The smallest value. NaN is greater than all numbers, so it is the smallest only when nothing
    /// else is there; text is compared by its bytes. Null for a group without values.
    fn min(self) -> Expr;

    /// The greatest value: NaN, if there is one. Null for a group without values.
    fn max(self) -> Expr;

    /// The arithmetic mean as `Float64`, for integers and decimals from their exact sum, which may
    /// be greater than their type holds. Null for a group without values.
    fn mean(self) -> Expr;

    /// How many values are not null, as `Int64`. [`Count`] has the option to count nulls.
    fn count(self) -> Expr;

    /// How many distinct values there are, as `Int64`; all NaN are one value, and so are 0.0 and
    /// -0.0. Nulls do not count; [`NUnique`] has the option that they do.
    fn n_unique(self) -> Expr;

    /// The value of the first row, null or not. [`First`] has the option to ignore nulls.
    fn first(self) -> Expr;

    /// The value of the last row, null or not. [`Last`] has the option to ignore nulls.
    fn last(self) -> Expr;
}

impl AggregateExpr for Expr {
    fn sum(self) -> Expr {
        Expr::aggregate(Arc::new(sum::Sum), [self])
    }

    fn min(self) -> Expr {
        Expr::aggregate(Arc::new(min::Min), [self])
    }

    fn max(self) -> Expr {
        Expr::aggregate(Arc::new(max::Max), [self])
    }

    fn mean(self) -> Expr {
        Expr::aggregate(Arc::new(mean::Mean), [self])
    }

    fn count(self) -> Expr {
        Count::new().of(self)
    }

    fn n_unique(self) -> Expr {
        NUnique::new().of(self)
    }

    fn first(self) -> Expr {
        First::new().of(self)
    }

    fn last(self) -> Expr {
        Last::new().of(self)
    }
}

/// How many rows a group has, as `Int64`, nulls or not.
///
/// ```
/// use esker_functions::len;
/// assert_eq!(len().to_string(), "LEN()");
/// assert_eq!(len().output_name(), "len");
/// ```
pub fn len() -> Expr {
    Expr::aggregate(Arc::new(len::Len), [])
}

/// The family's list.
pub(crate) fn functions() -> Vec<Arc<dyn AggregateFunction>> {
    vec![
        Arc::new(sum::Sum),
        Arc::new(min::Min),
        Arc::new(max::Max),
        Arc::new(mean::Mean),
        Arc::new(Count::new()),
        Arc::new(len::Len),
        Arc::new(NUnique::new()),
        Arc::new(First::new()),
        Arc::new(Last::new()),
    ]
}
