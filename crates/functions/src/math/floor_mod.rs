//! `floor_mod(a, b)`: the remainder with the sign of the divisor.

use esker_datatypes::{Column, DataType, Error, Result};
use esker_kernels::arith::{self, ArithOp};
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};

/// See [`MathExpr::floor_mod`](super::MathExpr::floor_mod).
#[derive(Debug)]
pub(crate) struct FloorMod;

impl ScalarFunction for FloorMod {
    fn name(&self) -> &str {
        "floor_mod"
    }

    fn signature(&self) -> Signature {
        Signature::numeric(2..=2)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        args.first()
            .cloned()
            .ok_or_else(|| Error::internal("floor_mod() without an argument"))
    }

    fn properties(&self) -> FunctionProperties {
        // Null for a zero divisor.
        FunctionProperties::default().not_strict()
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [left, right] => arith::binary(
                ArithOp::FloorMod,
                left,
                right,
                call.return_type,
                call.selection,
                call.buffers,
            ),
            _ => Err(Error::internal("floor_mod() takes two arguments")),
        }
    }
}
