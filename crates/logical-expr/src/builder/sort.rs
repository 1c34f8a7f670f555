//! Sort keys: an expression, a direction, and where nulls go.

use std::fmt;

use super::{IntoExpr, col};
use crate::expr::Expr;

/// What rows are sorted by: an expression, ascending with nulls last unless it says otherwise
/// (S10).
///
/// ```
/// use esker_logical_expr::col;
/// assert_eq!(col("a").asc().to_string(), "#a ASC NULLS LAST");
/// assert_eq!(col("a").desc().nulls_first().to_string(), "#a DESC NULLS FIRST");
/// ```
#[derive(Clone)]
pub struct SortKey {
    /// What is compared.
    pub expr: Expr,
    /// Whether the greatest value comes first.
    pub descending: bool,
    /// Whether nulls come before all values, in either direction.
    pub nulls_first: bool,
}

impl SortKey {
    /// The smallest value first, nulls last.
    pub fn ascending(expr: Expr) -> Self {
        Self {
            expr,
            descending: false,
            nulls_first: false,
        }
    }

    /// The same key with nulls before all values.
    #[must_use]
    pub fn nulls_first(mut self) -> Self {
        self.nulls_first = true;
        self
    }

    /// The same key with nulls behind all values.
    #[must_use]
    pub fn nulls_last(mut self) -> Self {
        self.nulls_first = false;
        self
    }

    /// The key over another expression, for display or for another schema.
    #[must_use]
    pub fn with_expr(&self, expr: Expr) -> Self {
        Self {
            expr,
            descending: self.descending,
            nulls_first: self.nulls_first,
        }
    }

    /// What follows the expression in plan text.
    pub fn direction_text(&self) -> &'static str {
        match (self.descending, self.nulls_first) {
            (false, false) => "ASC NULLS LAST",
            (false, true) => "ASC NULLS FIRST",
            (true, false) => "DESC NULLS LAST",
            (true, true) => "DESC NULLS FIRST",
        }
    }
}

impl Expr {
    /// Sorts by the expression, the smallest value first; nulls last unless the key says otherwise.
    pub fn asc(self) -> SortKey {
        SortKey::ascending(self)
    }

    /// Sorts by the expression, the greatest value first; nulls last unless the key says otherwise.
    pub fn desc(self) -> SortKey {
        SortKey {
            descending: true,
            ..SortKey::ascending(self)
        }
    }
}

impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.expr, self.direction_text())
    }
}

impl fmt::Debug for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What rows can be sorted by: the name of a column, an expression, or a [`SortKey`].
#[diagnostic::on_unimplemented(
    message = "a sort key is wanted: a column name, an expression, or `col(..).desc()`",
    label = "this is no sort key"
)]
pub trait IntoSortKey {
    /// The key.
    fn into_sort_key(self) -> SortKey;
}

impl IntoSortKey for SortKey {
    fn into_sort_key(self) -> SortKey {
        self
    }
}

impl IntoSortKey for &SortKey {
    fn into_sort_key(self) -> SortKey {
        self.clone()
    }
}

impl IntoSortKey for Expr {
    fn into_sort_key(self) -> SortKey {
        self.asc()
    }
}

impl IntoSortKey for &Expr {
    fn into_sort_key(self) -> SortKey {
        self.clone().asc()
    }
}

impl IntoSortKey for &str {
    fn into_sort_key(self) -> SortKey {
        col(self).asc()
    }
}

impl IntoSortKey for &String {
    fn into_sort_key(self) -> SortKey {
        self.into_expr().asc()
    }
}

impl IntoSortKey for String {
    fn into_sort_key(self) -> SortKey {
        col(self).asc()
    }
}
