//! `replace(x, old, new)`.

use esker_datatypes::{Column, DataType, Result};
use esker_kernels::string;
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};
use esker_logical_expr::{Expr, IntoOperand};

use super::{StrNamespace, astray, text_type};

/// See [`StrNamespace::replace`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replace;

impl StrNamespace {
    /// Every place of a text in it, from the left, replaced by another; no character has a meaning.
    /// The empty text stands before each character and at the end.
    pub fn replace(self, old: impl IntoOperand, new: impl IntoOperand) -> Expr {
        self.call(Replace, [old.into_operand(), new.into_operand()])
    }
}

impl ScalarFunction for Replace {
    fn name(&self) -> &str {
        "replace"
    }

    fn signature(&self) -> Signature {
        Signature::text(3..=3)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        text_type(args)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().with_cost(50.0)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [text, old, new] => string::replace(text, old, new, call.selection, call.buffers),
            _ => Err(astray(self, args.len())),
        }
    }
}
