//! `var(x)` and `std(x)`: the variance, and its root, the standard deviation.

use std::sync::Arc;

use esker_datatypes::{DataType, Result};
use esker_logical_expr::function::{AggregateFunction, GroupsAccumulator, Signature};
use esker_logical_expr::{Expr, Interval, IntoExpr};

use super::bounds::any_of_type;
use super::common::only;
use super::floats::float_type;
use super::moments::SpreadGroups;

/// `var(x)` with its option: the variance of a group's values, as `Float64`; see [`Spread`].
///
/// ```
/// use esker_functions::Var;
/// assert_eq!(Var::new().of("x").to_string(), "VAR(#x)");
/// let whole = Var::new().ddof(0).of("x");
/// assert_eq!(whole.to_string(), "VAR(#x, ddof=0)");
/// ```
pub type Var = Spread<false>;

/// `std(x)` with its option: the standard deviation, the root of the variance of a group's values,
/// as `Float64`; see [`Spread`].
///
/// ```
/// use esker_functions::Std;
/// assert_eq!(Std::new().of("x").to_string(), "STD(#x)");
/// let whole = Std::new().ddof(0).of("x");
/// assert_eq!(whole.to_string(), "STD(#x, ddof=0)");
/// ```
pub type Std = Spread<true>;

/// How far the values of a group lie apart: the variance, or its root where `ROOT` says so.
///
/// Integers and decimals count as the floats nearest to them. Nulls are skipped; of `ddof` values
/// or fewer the result is null. NaN and infinities give NaN, and so do numbers whose squares are
/// beyond `Float64`. However great the mean is beside the spread, no digits are lost to it.
#[derive(Clone, Copy, Debug)]
pub struct Spread<const ROOT: bool> {
    ddof: u32,
}

impl<const ROOT: bool> Default for Spread<ROOT> {
    fn default() -> Self {
        Self { ddof: 1 }
    }
}

impl<const ROOT: bool> Spread<ROOT> {
    /// That of a sample: the squared distances are divided by the count less one.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is subtracted from the count before it divides: 1 for a sample, 0 when the values are
    /// all there are (the population).
    #[must_use]
    pub fn ddof(mut self, ddof: u32) -> Self {
        self.ddof = ddof;
        self
    }

    /// That of an expression's values.
    pub fn of(self, expr: impl IntoExpr) -> Expr {
        Expr::aggregate(Arc::new(self), [expr.into_expr()])
    }
}

impl<const ROOT: bool> AggregateFunction for Spread<ROOT> {
    fn name(&self) -> &str {
        if ROOT { "std" } else { "var" }
    }

    fn signature(&self) -> Signature {
        Signature::numeric(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        only(self.name(), args)?;
        float_type(self.name(), args)
    }

    fn bounds(&self, args: &[Interval], _rows: u64) -> Option<Interval> {
        any_of_type(self, args)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        self.return_type(args)?;
        Ok(Box::new(SpreadGroups::new(self.ddof, ROOT)))
    }

    fn options_text(&self) -> Option<String> {
        (self.ddof != 1).then(|| format!("ddof={}", self.ddof))
    }
}
