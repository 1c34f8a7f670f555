//! `div_decimal(a, b, scale=n)`: division that stays decimal.

use esker_datatypes::{Column, DataType, Error, Result, is_decimal};
use esker_kernels::arith;
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};

/// How many digits of a decimal there are.
const PRECISION: u8 = 38;

/// See [`MathExpr::div_decimal`](super::MathExpr::div_decimal).
#[derive(Debug)]
pub(crate) struct DivDecimal {
    /// The digits behind the point of the result.
    pub(crate) scale: u8,
}

impl Default for DivDecimal {
    /// Six digits: enough for a price.
    fn default() -> Self {
        Self { scale: 6 }
    }
}

impl ScalarFunction for DivDecimal {
    fn name(&self) -> &str {
        "div_decimal"
    }

    fn signature(&self) -> Signature {
        Signature::numeric(2..=2)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        if !args.iter().all(is_decimal) {
            let types: Vec<String> = args.iter().map(ToString::to_string).collect();
            return Err(Error::type_mismatch(format!(
                "div_decimal() takes decimals, not ({}); `/` divides other numbers",
                types.join(", ")
            )));
        }
        if self.scale > PRECISION {
            return Err(Error::invalid_input(format!(
                "a decimal has at most {PRECISION} digits behind the point, not {}",
                self.scale
            )));
        }
        Ok(DataType::Decimal128(PRECISION, self.scale as i8))
    }

    fn properties(&self) -> FunctionProperties {
        // Null for a zero divisor.
        FunctionProperties::default()
            .fallible()
            .not_strict()
            .with_cost(10.0)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [left, right] => {
                arith::div_decimal(left, right, call.return_type, call.selection, call.buffers)
            }
            _ => Err(Error::internal("div_decimal() takes two arguments")),
        }
    }

    fn options_text(&self) -> Option<String> {
        Some(format!("scale={}", self.scale))
    }
}
