//! `len_chars(x)`, `len_bytes(x)`.

use esker_datatypes::{Column, DataType, Result};
use esker_kernels::string;
use esker_logical_expr::Expr;
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};

use super::{StrNamespace, astray};

/// See [`StrNamespace::len_chars`], [`StrNamespace::len_bytes`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    Chars,
    Bytes,
}

impl StrNamespace {
    /// How many characters (Unicode scalar values) it has, as `Int64`.
    pub fn len_chars(self) -> Expr {
        self.call(Length::Chars, [])
    }

    /// How many bytes it has in UTF-8, as `Int64`. Cheaper: no text is read.
    pub fn len_bytes(self) -> Expr {
        self.call(Length::Bytes, [])
    }
}

impl ScalarFunction for Length {
    fn name(&self) -> &str {
        match self {
            Self::Chars => "len_chars",
            Self::Bytes => "len_bytes",
        }
    }

    fn signature(&self) -> Signature {
        Signature::text(1..=1)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().with_cost(match self {
            Self::Chars => 8.0,
            Self::Bytes => 1.0,
        })
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        let [text] = args else {
            return Err(astray(self, args.len()));
        };
        match self {
            Self::Chars => string::len_chars(text, call.selection, call.buffers),
            Self::Bytes => string::len_bytes(text, call.selection, call.buffers),
        }
    }
}
