//! `floor_mod(a, b)`: the remainder with the sign of the divisor.

use esker_datatypes::{Column, DataType, Error, Result, decimal_parts, decimal_type};
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
        let [left, right] = args else {
            return Err(Error::internal("floor_mod() takes two arguments"));
        };
        let (Some((_, scale)), Some((precision, own))) =
            (decimal_parts(left), decimal_parts(right))
        else {
            return Ok(left.clone());
        };
        // It is nearer to zero than the divisor.
        let whole = i32::from(precision) - i32::from(own);
        let wide = matches!(right, DataType::Decimal256(_, _));
        Ok(decimal_type(whole, scale.max(own), wide))
    }

    fn properties(&self) -> FunctionProperties {
        // Null for a zero divisor; decimals may need more digits than there are.
        FunctionProperties::default().fallible().not_strict()
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
