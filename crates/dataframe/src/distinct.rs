//! Rows without duplicates.

use esker_logical_expr::{Expr, IntoExpr};
use esker_logical_plan::{Distinct as DistinctNode, LogicalPlan, Origin};

use crate::DataFrame;

/// Which rows count as duplicates, and what else is asked of those that stay. Given to
/// [`DataFrame::distinct_with`].
///
/// ```
/// use esker_dataframe::prelude::*;
/// # fn f(df: DataFrame) -> DataFrame {
/// df.distinct_with(Distinct::on(["state"]).maintain_order(true))
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it says which rows are duplicates: give it to DataFrame::distinct_with"]
pub struct Distinct {
    /// `None`: all columns.
    on: Option<Vec<Expr>>,
    maintain_order: bool,
    sorted: bool,
}

impl Distinct {
    /// Rows are duplicates when they are equal in all columns.
    pub fn all() -> Self {
        Self {
            on: None,
            maintain_order: false,
            sorted: false,
        }
    }

    /// Rows are duplicates when they are equal in these columns.
    pub fn on(columns: impl IntoIterator<Item = impl IntoExpr>) -> Self {
        let columns = columns.into_iter().map(IntoExpr::into_expr);
        Self {
            on: Some(columns.collect()),
            ..Self::all()
        }
    }

    /// Whether the rows keep the order of the input; else they come in any order.
    pub fn maintain_order(mut self, on: bool) -> Self {
        self.maintain_order = on;
        self
    }

    /// Claims that the rows are sorted by the columns, ascending and with nulls last. The claim is
    /// verified while running: rows that break it are an error.
    pub fn sorted(mut self, on: bool) -> Self {
        self.sorted = on;
        self
    }
}

impl DataFrame {
    /// Each row once: of rows that are equal in all columns the first. Nulls are equal here, as are
    /// NaN, and -0.0 and 0.0.
    #[track_caller]
    pub fn distinct(&self) -> Self {
        self.without_duplicates(Origin::caller("distinct"), Distinct::all())
    }

    /// Of rows that are equal in these columns the first, with all its columns.
    ///
    /// ```
    /// use esker_dataframe::prelude::*;
    /// # fn f(df: DataFrame) -> DataFrame {
    /// df.distinct_on(["state"])
    /// # }
    /// ```
    #[track_caller]
    pub fn distinct_on(&self, columns: impl IntoIterator<Item = impl IntoExpr>) -> Self {
        self.without_duplicates(Origin::caller("distinct_on"), Distinct::on(columns))
    }

    /// Rows without duplicates, as a [`Distinct`] says: in the order of the input, for one.
    #[track_caller]
    pub fn distinct_with(&self, distinct: Distinct) -> Self {
        self.without_duplicates(Origin::caller("distinct_with"), distinct)
    }

    fn without_duplicates(&self, origin: Origin, distinct: Distinct) -> Self {
        self.then(origin, |plan| {
            let node = DistinctNode::try_new(distinct.on, plan)?
                .with_maintain_order(distinct.maintain_order)
                .with_sorted(distinct.sorted);
            Ok(LogicalPlan::Distinct(node))
        })
    }
}
