//! Functions of text.

mod case;
mod find;
mod length;
mod like;
mod replace;
mod slice;
mod strip;

use std::sync::Arc;

use esker_datatypes::{DataType, Error, Result};
use esker_logical_expr::Expr;
use esker_logical_expr::function::ScalarFunction;

/// Text has a namespace: `col("name").str().upper()`.
pub trait StringExpr: Sized {
    /// The functions of text.
    ///
    /// ```
    /// use esker_functions::StringExpr;
    /// use esker_logical_expr::col;
    /// let promoted = col("p_type").str().starts_with("PROMO");
    /// assert_eq!(promoted.to_string(), "starts_with(#p_type, 'PROMO')");
    /// ```
    fn str(self) -> StrNamespace;
}

impl StringExpr for Expr {
    fn str(self) -> StrNamespace {
        StrNamespace { expr: self }
    }
}

/// The functions of text, which take it of any layout; what they make of it is `Utf8View`. Null gives
/// null. Each refuses what is no text, at the call.
#[derive(Clone, Debug)]
#[must_use = "this is no expression yet: call a function"]
pub struct StrNamespace {
    expr: Expr,
}

impl StrNamespace {
    /// A call of a function on the text and further arguments.
    fn call(self, function: impl ScalarFunction, further: impl IntoIterator<Item = Expr>) -> Expr {
        let args = [self.expr].into_iter().chain(further);
        Expr::function(Arc::new(function), args)
    }
}

/// The family's list.
pub(crate) fn functions() -> Vec<Arc<dyn ScalarFunction>> {
    vec![
        Arc::new(case::Case::Upper),
        Arc::new(case::Case::Lower),
        Arc::new(case::Case::Title),
        Arc::new(find::Find::Contains),
        Arc::new(find::Find::StartsWith),
        Arc::new(find::Find::EndsWith),
        Arc::new(length::Length::Chars),
        Arc::new(length::Length::Bytes),
        Arc::new(like::Like::default()),
        Arc::new(replace::Replace),
        Arc::new(slice::Slice),
        Arc::new(strip::Strip::BOTH),
        Arc::new(strip::Strip::START),
        Arc::new(strip::Strip::END),
    ]
}

/// What text becomes.
fn text_type(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Utf8View)
}

/// A call with another number of arguments than typing let pass.
fn astray(function: &dyn ScalarFunction, args: usize) -> Error {
    Error::internal(format!("{}() of {args} arguments", function.name()))
}

#[cfg(test)]
mod tests;
