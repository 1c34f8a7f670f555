//! `slice(x, start)`, `slice(x, start, end)`.

use esker_datatypes::{Column, DataType, Result};
use esker_kernels::string;
use esker_logical_expr::function::{Argument, Call, FunctionProperties, ScalarFunction, Signature};
use esker_logical_expr::{Expr, IntoOperand};

use super::{StrNamespace, astray, text_type};

/// See [`StrNamespace::slice`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice;

impl StrNamespace {
    /// The characters from position `start` on, up to position `end`, which is not among them.
    ///
    /// The first character is at 0; a negative position counts from the end, and one beyond the text
    /// is its end (or start). Nothing is copied: the result shares the bytes.
    ///
    /// ```
    /// use esker_functions::StringExpr;
    /// use esker_logical_expr::col;
    /// assert_eq!(col("phone").str().slice(0, 2).to_string(), "slice(#phone, 0, 2)");
    /// ```
    pub fn slice(self, start: impl IntoOperand, end: impl IntoOperand) -> Expr {
        self.call(Slice, [start.into_operand(), end.into_operand()])
    }

    /// The characters from position `start` on: `slice_from(-3)` are the last three.
    pub fn slice_from(self, start: impl IntoOperand) -> Expr {
        self.call(Slice, [start.into_operand()])
    }
}

impl ScalarFunction for Slice {
    fn name(&self) -> &str {
        "slice"
    }

    fn signature(&self) -> Signature {
        let position = Argument::Exact(DataType::Int64);
        Signature::each([Argument::Text, position.clone(), position], 2)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        text_type(args)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().with_cost(15.0)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [text, start] => string::slice(text, start, None, call.selection, call.buffers),
            [text, start, end] => {
                string::slice(text, start, Some(end), call.selection, call.buffers)
            }
            _ => Err(astray(self, args.len())),
        }
    }
}
