//! `floor_div(a, b)`: the quotient rounded toward minus infinity.

use esker_datatypes::{Column, DataType, Error, Result, decimal_parts, decimal_type};
use esker_kernels::arith::{self, ArithOp};
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};

/// See [`MathExpr::floor_div`](super::MathExpr::floor_div).
#[derive(Debug)]
pub(crate) struct FloorDiv;

impl ScalarFunction for FloorDiv {
    fn name(&self) -> &str {
        "floor_div"
    }

    fn signature(&self) -> Signature {
        Signature::numeric(2..=2)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let [data_type, ..] = args else {
            return Err(Error::internal("floor_div() without an argument"));
        };
        // A small divisor may make every digit a whole one.
        Ok(match decimal_parts(data_type) {
            Some((precision, _)) => {
                let wide = matches!(data_type, DataType::Decimal256(_, _));
                decimal_type(i32::from(precision), 0, wide)
            }
            None => data_type.clone(),
        })
    }

    fn properties(&self) -> FunctionProperties {
        // Null for a zero divisor; the smallest integer by -1 overflows.
        FunctionProperties::default().fallible().not_strict()
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [left, right] => arith::binary(
                ArithOp::FloorDiv,
                left,
                right,
                call.return_type,
                call.selection,
                call.buffers,
            ),
            _ => Err(Error::internal("floor_div() takes two arguments")),
        }
    }
}
