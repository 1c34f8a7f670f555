//! `like(x, pattern)`, `like(x, pattern, escape='!')`.

use esker_datatypes::{Column, DataType, Result, ScalarValue};
use esker_kernels::string::{PatternKind, find_each};
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};
use esker_logical_expr::{Expr, IntoOperand};

use super::{StrNamespace, astray};

/// See [`StrNamespace::like`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Like {
    /// The character that takes the meaning of the next one away.
    escape: Option<char>,
}

impl StrNamespace {
    /// Whether all of it fits a pattern as SQL has it: `%` stands for any text, the empty one too,
    /// `_` for any one character, every other character for itself. Upper and lower case differ, and
    /// there is no escape: see [`like_escape`](Self::like_escape).
    ///
    /// ```
    /// use esker_functions::StringExpr;
    /// use esker_logical_expr::col;
    /// let wanted = !col("o_comment").str().like("%special%requests%");
    /// assert_eq!(wanted.to_string(), "NOT like(#o_comment, '%special%requests%')");
    /// ```
    pub fn like(self, pattern: impl IntoOperand) -> Expr {
        self.call(Like { escape: None }, [pattern.into_operand()])
    }

    /// Whether it does not fit the pattern: the Kleene `NOT` of [`like`](Self::like).
    pub fn not_like(self, pattern: impl IntoOperand) -> Expr {
        self.like(pattern).not()
    }

    /// As [`like`](Self::like), and the character behind an escape stands for itself. A pattern that
    /// ends with its escape is an error.
    pub fn like_escape(self, pattern: impl IntoOperand, escape: char) -> Expr {
        let function = Like {
            escape: Some(escape),
        };
        self.call(function, [pattern.into_operand()])
    }
}

impl ScalarFunction for Like {
    fn name(&self) -> &str {
        "like"
    }

    fn signature(&self) -> Signature {
        Signature::text(2..=2)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn properties(&self) -> FunctionProperties {
        let properties = FunctionProperties::default().with_cost(25.0);
        match self.escape {
            // Nothing behind it.
            Some(_) => properties.fallible(),
            None => properties,
        }
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        let [text, pattern] = args else {
            return Err(astray(self, args.len()));
        };
        let kind = PatternKind::Like {
            escape: self.escape,
        };
        find_each(text, kind, pattern, call.selection, call.buffers)
    }

    fn options_text(&self) -> Option<String> {
        let escape = self.escape?.to_string();
        Some(format!("escape={}", ScalarValue::from(escape)))
    }
}
