//! `upper(x)`, `lower(x)`, `title(x)`.

use esker_datatypes::{Column, DataType, Result};
use esker_kernels::string;
use esker_logical_expr::Expr;
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};

use super::{StrNamespace, astray, text_type};

/// See [`StrNamespace::upper`], [`StrNamespace::lower`], [`StrNamespace::title`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Case {
    Upper,
    Lower,
    Title,
}

impl StrNamespace {
    /// In upper case, after Unicode's full mapping: `ß` becomes `SS`.
    pub fn upper(self) -> Expr {
        self.call(Case::Upper, [])
    }

    /// In lower case, likewise.
    pub fn lower(self) -> Expr {
        self.call(Case::Lower, [])
    }

    /// The first letter of each run of letters in upper case, the others in lower case: `o'neil of
    /// york` becomes `O'Neil Of York`.
    pub fn title(self) -> Expr {
        self.call(Case::Title, [])
    }
}

impl ScalarFunction for Case {
    fn name(&self) -> &str {
        match self {
            Self::Upper => "upper",
            Self::Lower => "lower",
            Self::Title => "title",
        }
    }

    fn signature(&self) -> Signature {
        Signature::text(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        text_type(args)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().with_cost(40.0)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        let [text] = args else {
            return Err(astray(self, args.len()));
        };
        match self {
            Self::Upper => string::upper(text, call.selection, call.buffers),
            Self::Lower => string::lower(text, call.selection, call.buffers),
            Self::Title => string::title(text, call.selection, call.buffers),
        }
    }
}
