//! `min(x)`: the smallest value.

use esker_datatypes::{DataType, Result};
use esker_logical_expr::function::{
    AggregateFunction, AggregateProperties, GroupsAccumulator, Signature,
};

use super::extreme::{extreme_properties, extremes, orderable};

/// See [`AggregateExpr::min`](super::AggregateExpr::min).
#[derive(Debug)]
pub(crate) struct Min;

impl AggregateFunction for Min {
    fn name(&self) -> &str {
        "min"
    }

    fn signature(&self) -> Signature {
        Signature::any(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        orderable("min", args)
    }

    fn properties(&self) -> AggregateProperties {
        extreme_properties()
    }

    fn is_fallible(&self, _args: &[DataType]) -> bool {
        false
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        extremes::<false>("min", args)
    }
}
