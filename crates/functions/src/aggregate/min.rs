//! `min(x)`: the smallest value.

use esker_datatypes::{DataType, Result};
use esker_logical_expr::Interval;
use esker_logical_expr::function::{
    AggregateFunction, AggregateProperties, GroupsAccumulator, Signature,
};

use super::bounds::one_of;
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

    fn bounds(&self, args: &[Interval], _rows: u64) -> Option<Interval> {
        one_of(args)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        extremes::<false>("min", args)
    }
}
