//! `first(x)`: the value of the first row.

use std::sync::Arc;

use esker_datatypes::{DataType, Result};
use esker_logical_expr::function::{
    AggregateFunction, AggregateProperties, GroupsAccumulator, Signature,
};
use esker_logical_expr::{Expr, Interval, IntoExpr};

use super::bounds::one_of;
use super::common::{chosen_type, only};
use super::edge::{edge_properties, edges};

/// `first(x)` with its options: the value that a group's first row has, null included.
///
/// ```
/// use esker_functions::First;
/// let first = First::new().ignore_nulls(true).of("x");
/// assert_eq!(first.to_string(), "FIRST(#x, ignore_nulls=true)");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct First {
    ignore_nulls: bool,
}

impl First {
    /// The first row's value, whatever it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether rows whose value is null are passed over.
    #[must_use]
    pub fn ignore_nulls(mut self, ignore: bool) -> Self {
        self.ignore_nulls = ignore;
        self
    }

    /// The first value of an expression.
    pub fn of(self, expr: impl IntoExpr) -> Expr {
        Expr::aggregate(Arc::new(self), [expr.into_expr()])
    }
}

impl AggregateFunction for First {
    fn name(&self) -> &str {
        "first"
    }

    fn signature(&self) -> Signature {
        Signature::any(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        only("first", args).map(chosen_type)
    }

    fn properties(&self) -> AggregateProperties {
        edge_properties()
    }

    fn bounds(&self, args: &[Interval], _rows: u64) -> Option<Interval> {
        one_of(args)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        edges::<false>("first", args, self.ignore_nulls)
    }

    fn options_text(&self) -> Option<String> {
        self.ignore_nulls.then(|| "ignore_nulls=true".to_owned())
    }
}
