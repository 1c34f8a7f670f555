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
        let [left, right] = args else {
            return Err(Error::internal("floor_div() takes two arguments"));
        };
        let (Some((precision, scale)), Some((_, small))) =
            (decimal_parts(left), decimal_parts(right))
        else {
            return Ok(left.clone());
        };
        // The smallest divisor makes as many digits whole as it has behind the point; rounding
        // what is left of them may carry into one more.
        let whole = i32::from(precision) - i32::from(scale) + i32::from(small);
        let wide = matches!(left, DataType::Decimal256(_, _));
        Ok(decimal_type(whole + i32::from(scale > small), 0, wide))
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
