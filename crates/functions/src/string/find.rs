//! `contains(x, text)`, `starts_with(x, text)`, `ends_with(x, text)`.

use esker_datatypes::{Column, DataType, Result};
use esker_kernels::string::{PatternKind, find_each};
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};
use esker_logical_expr::{Expr, IntoOperand};

use super::{StrNamespace, astray};

/// See [`StrNamespace::contains`], [`StrNamespace::starts_with`], [`StrNamespace::ends_with`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Find {
    Contains,
    StartsWith,
    EndsWith,
}

impl StrNamespace {
    /// Whether the other text stands in it somewhere, taken as it is: no character of it has a
    /// meaning. The empty text does.
    pub fn contains(self, text: impl IntoOperand) -> Expr {
        self.call(Find::Contains, [text.into_operand()])
    }

    /// Whether it starts with the other text.
    pub fn starts_with(self, text: impl IntoOperand) -> Expr {
        self.call(Find::StartsWith, [text.into_operand()])
    }

    /// Whether it ends with the other text.
    pub fn ends_with(self, text: impl IntoOperand) -> Expr {
        self.call(Find::EndsWith, [text.into_operand()])
    }
}

impl ScalarFunction for Find {
    fn name(&self) -> &str {
        match self {
            Self::Contains => "contains",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
        }
    }

    fn signature(&self) -> Signature {
        Signature::text(2..=2)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().with_cost(20.0)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        let [text, wanted] = args else {
            return Err(astray(self, args.len()));
        };
        let kind = match self {
            Self::Contains => PatternKind::Contains,
            Self::StartsWith => PatternKind::StartsWith,
            Self::EndsWith => PatternKind::EndsWith,
        };
        find_each(text, kind, wanted, call.selection, call.buffers)
    }
}
