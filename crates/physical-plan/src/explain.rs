//! Expressions with columns as positions, as the physical plan sees them.

use std::fmt;

use esker_datatypes::Schema;
use esker_logical_expr::Expr;

/// The text of an expression over columns of this schema, each as `#` and its position.
pub(crate) fn positional<'a>(expr: &'a Expr, schema: &'a Schema) -> impl fmt::Display + 'a {
    expr.display_with(move |column| {
        let at = column.id().and_then(|id| schema.index_of(id));
        at.map_or_else(|| column.name().to_string(), |at| at.to_string())
    })
}
