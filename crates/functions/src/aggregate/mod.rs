//! Aggregate functions: one value of each group of rows.
//!
//! The states of all groups are columns, updated by the batch. What a batch brings is brought down
//! to two shapes (`rows.rs`), dense or indexed, so that each function has two typed loops however
//! the batch is encoded and selected.

mod best;
mod bounds;
mod byte_values;
mod chains;
mod common;
mod corr;
mod count;
mod distinct;
mod edge;
mod extreme;
mod first;
mod floats;
mod last;
mod len;
mod max;
mod mean;
mod min;
mod moments;
mod n_unique;
mod quantile;
mod rows;
mod slots;
mod spread;
mod staged;
mod sum;
mod sums;
#[cfg(test)]
mod tests;
mod top_k;

use std::sync::Arc;

use esker_logical_expr::function::AggregateFunction;
use esker_logical_expr::{Expr, IntoExpr};

pub use count::Count;
pub use first::First;
pub use last::Last;
pub use n_unique::NUnique;
pub use spread::{Spread, Std, Var};

/// Aggregate functions, as methods of expressions.
///
/// All skip nulls but `first` and `last`. Options are set on the functions themselves:
/// [`Count`], [`NUnique`], [`First`], [`Last`], [`Std`], [`Var`].
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

    /// The variance of a sample as `Float64`: the squared distances from the mean, divided by the
    /// count less one. Null for fewer than two values, NaN when a value is NaN or infinite. [`Var`]
    /// has the option to divide by another count.
    fn var(self) -> Expr;

    /// The standard deviation of a sample as `Float64`, the root of [`var`](Self::var). [`Std`] has
    /// the option of the population's.
    fn std(self) -> Expr;

    /// The middle of the values as `Float64`: [`quantile`](Self::quantile) of a half.
    fn median(self) -> Expr;

    /// The value as `Float64` that this share of the values is below: 0 for the smallest, 0.5 for
    /// the median, 1 for the greatest. Between two values it is on the line from one to the other
    /// (`quantile_cont` in SQL, `interpolation="linear"` in Polars).
    ///
    /// It is exact: all values are kept until the group is complete. Nulls are skipped, NaN is
    /// greater than all numbers; integers and decimals count as the floats nearest to them. Null
    /// for a group without values. A share that is not from 0 to 1 is an invalid input.
    ///
    /// ```
    /// use esker_functions::AggregateExpr;
    /// use esker_logical_expr::col;
    /// assert_eq!(col("x").quantile(0.9).to_string(), "QUANTILE(#x, 0.9)");
    /// ```
    fn quantile(self, share: f64) -> Expr;

    /// The greatest values, at most so many, as a list, the greatest first; NaN is greater than all
    /// numbers, and text is compared by its bytes. Nulls are skipped, equal values are not. Null for
    /// a group without values; a count of 0 is an invalid input.
    ///
    /// ```
    /// use esker_functions::AggregateExpr;
    /// use esker_logical_expr::col;
    /// assert_eq!(col("x").top_k(2).to_string(), "TOP_K(#x, 2)");
    /// assert_eq!(col("x").top_k(2).output_name(), "x_top_k");
    /// ```
    fn top_k(self, count: u32) -> Expr;

    /// The smallest values, at most so many, as a list, the smallest first, and otherwise as
    /// [`top_k`](Self::top_k).
    fn bottom_k(self, count: u32) -> Expr;

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

    fn var(self) -> Expr {
        Var::new().of(self)
    }

    fn std(self) -> Expr {
        Std::new().of(self)
    }

    fn median(self) -> Expr {
        Expr::aggregate(Arc::new(quantile::Median), [self])
    }

    fn quantile(self, share: f64) -> Expr {
        Expr::aggregate(Arc::new(quantile::Quantile { share }), [self])
    }

    fn top_k(self, count: u32) -> Expr {
        Expr::aggregate(Arc::new(top_k::TopK::<true> { count }), [self])
    }

    fn bottom_k(self, count: u32) -> Expr {
        Expr::aggregate(Arc::new(top_k::TopK::<false> { count }), [self])
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

/// Pearson's correlation of two columns of numbers as `Float64`, from -1 to 1.
///
/// Pairs with a null in either column are skipped; of fewer than two pairs it is null. NaN where a
/// column does not vary, as in DuckDB and Polars (PostgreSQL: null), and where a value is NaN or
/// infinite. Integers and decimals count as the floats nearest to them.
///
/// ```
/// use esker_functions::corr;
/// assert_eq!(corr("x", "y").to_string(), "CORR(#x, #y)");
/// assert_eq!(corr("x", "y").output_name(), "x_corr");
/// ```
pub fn corr(x: impl IntoExpr, y: impl IntoExpr) -> Expr {
    Expr::aggregate(Arc::new(corr::Corr), [x.into_expr(), y.into_expr()])
}

/// The family's list.
pub(crate) fn functions() -> Vec<Arc<dyn AggregateFunction>> {
    vec![
        Arc::new(sum::Sum),
        Arc::new(min::Min),
        Arc::new(max::Max),
        Arc::new(mean::Mean),
        Arc::new(Var::new()),
        Arc::new(Std::new()),
        Arc::new(corr::Corr),
        Arc::new(quantile::Median),
        Arc::new(quantile::Quantile::default()),
        Arc::new(top_k::TopK::<true>::default()),
        Arc::new(top_k::TopK::<false>::default()),
        Arc::new(Count::new()),
        Arc::new(len::Len),
        Arc::new(NUnique::new()),
        Arc::new(First::new()),
        Arc::new(Last::new()),
    ]
}
