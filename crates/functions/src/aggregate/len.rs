//! `len()`: how many rows there are.

use esker_datatypes::{DataType, Result};
use esker_logical_expr::Interval;
use esker_logical_expr::function::{
    AggregateFunction, AggregateProperties, GroupsAccumulator, Signature,
};

use super::bounds::counts;
use super::count::{CountGroups, count_properties};

/// See [`len`](super::len()).
#[derive(Debug)]
pub(crate) struct Len;

impl AggregateFunction for Len {
    fn name(&self) -> &str {
        "len"
    }

    fn signature(&self) -> Signature {
        Signature::any(0..=0)
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn properties(&self) -> AggregateProperties {
        count_properties()
    }

    fn bounds(&self, _args: &[Interval], rows: u64) -> Option<Interval> {
        counts(rows)
    }

    fn accumulator(&self, _args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(CountGroups::new(false)))
    }
}
