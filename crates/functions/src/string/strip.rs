//! `strip(x)`, `strip_start(x)`, `strip_end(x)`.

use esker_datatypes::{Column, DataType, Result};
use esker_kernels::string::{self, Side};
use esker_logical_expr::Expr;
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};

use super::{StrNamespace, astray, text_type};

/// See [`StrNamespace::strip`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strip(Side);

impl Strip {
    pub(crate) const BOTH: Self = Self(Side::Both);
    pub(crate) const START: Self = Self(Side::Start);
    pub(crate) const END: Self = Self(Side::End);
}

impl StrNamespace {
    /// Without the white space (as Unicode has it) at its start and end. Nothing is copied.
    pub fn strip(self) -> Expr {
        self.call(Strip::BOTH, [])
    }

    /// Without the white space at its start.
    pub fn strip_start(self) -> Expr {
        self.call(Strip::START, [])
    }

    /// Without the white space at its end.
    pub fn strip_end(self) -> Expr {
        self.call(Strip::END, [])
    }
}

impl ScalarFunction for Strip {
    fn name(&self) -> &str {
        match self.0 {
            Side::Both => "strip",
            Side::Start => "strip_start",
            Side::End => "strip_end",
        }
    }

    fn signature(&self) -> Signature {
        Signature::text(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        text_type(args)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().with_cost(15.0)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [text] => string::strip(text, self.0, call.selection, call.buffers),
            _ => Err(astray(self, args.len())),
        }
    }
}
