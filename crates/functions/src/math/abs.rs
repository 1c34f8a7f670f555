//! `abs(x)`: the absolute value.

use esker_datatypes::{Column, DataType, Error, Result};
use esker_kernels::arith;
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};

/// See [`MathExpr::abs`](super::MathExpr::abs).
#[derive(Debug)]
pub(crate) struct Abs;

impl ScalarFunction for Abs {
    fn name(&self) -> &str {
        "abs"
    }

    fn signature(&self) -> Signature {
        Signature::numeric(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        args.first()
            .cloned()
            .ok_or_else(|| Error::internal("abs() without an argument"))
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().fallible().with_cost(1.0)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [value] => arith::abs(value, call.selection, call.buffers),
            _ => Err(Error::internal("abs() takes one argument")),
        }
    }
}
