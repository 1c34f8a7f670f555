//! What results can be.

use esker_datatypes::{DataType, ScalarValue};
use esker_logical_expr::Interval;
use esker_logical_expr::function::AggregateFunction;

/// Counts of at most so many rows.
pub(super) fn counts(rows: u64) -> Option<Interval> {
    let most = i64::try_from(rows).unwrap_or(i64::MAX);
    let (none, most) = (ScalarValue::from(0i64), ScalarValue::from(most));
    Some(Interval::between(&DataType::Int64, Some(none), Some(most)))
}

/// One of the values of the first argument, or null.
pub(super) fn one_of(args: &[Interval]) -> Option<Interval> {
    Some(args.first()?.clone().with_null(true))
}

/// Any value of the function's type.
pub(super) fn any_of_type(function: &dyn AggregateFunction, args: &[Interval]) -> Option<Interval> {
    let types: Vec<DataType> = args.iter().map(|arg| arg.data_type().clone()).collect();
    Some(Interval::unknown(&function.return_type(&types).ok()?))
}
