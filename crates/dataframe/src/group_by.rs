//! Groups of rows and what is computed of them.

use esker_datatypes::Result;
use esker_logical_expr::{Expr, IntoExpr};
use esker_logical_plan::{Aggregate, AggregateOptions, Origin, aggregate_plan};

use crate::DataFrame;

/// A frame whose rows are grouped by keys: [`DataFrame::group_by`] makes it, [`agg`](Self::agg)
/// makes a frame of it again.
///
/// Rows are in the same group when all their keys are equal; null equals null here, NaN equals NaN,
/// and -0.0 equals 0.0.
///
/// ```
/// use esker_dataframe::prelude::*;
/// # fn main() -> Result<()> {
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/employee.csv");
/// let by_state = ExecutionContext::new()
///     .csv(path)?
///     .group_by(["state"])
///     .maintain_order(true)
///     .agg([len(), col("salary").max(), (col("salary").sum() / len()).alias("average")]);
/// assert_eq!(by_state.schema()?.field(2).name(), "salary_max");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "groups are only counted or summed up by agg()"]
pub struct GroupBy {
    frame: DataFrame,
    /// Resolved, unless that was a mistake: then `agg` tells of it.
    keys: Result<Vec<Expr>>,
    options: AggregateOptions,
}

impl GroupBy {
    /// Whether the groups come in the order of their first rows; else they come in any order.
    pub fn maintain_order(mut self, on: bool) -> Self {
        self.options.maintain_order = on;
        self
    }

    /// Claims that the rows are sorted by the keys, ascending and with nulls last, so that equal
    /// keys are neighbours. The claim is verified while running: rows that break it are an error.
    pub fn sorted(mut self, on: bool) -> Self {
        self.options.sorted = on;
        self
    }

    /// A frame of one row for each group: the keys, then the value of each expression.
    ///
    /// An expression is made of [aggregates](crate::prelude::AggregateExpr), such as
    /// `col("salary").max()` or [`len()`](crate::prelude::len), of keys and of literals; a column
    /// that is neither a key nor inside an aggregate is a mistake. The column of an aggregate is
    /// named after both, `salary_max`, unless [`Expr::alias`] gives another name. Without
    /// expressions (`Vec::<Expr>::new()`) the frame has the keys that there are, each once.
    #[track_caller]
    pub fn agg(&self, exprs: impl IntoIterator<Item = impl IntoExpr>) -> DataFrame {
        let exprs: Vec<Expr> = exprs.into_iter().map(IntoExpr::into_expr).collect();
        let (keys, options) = (self.keys.clone(), self.options);
        self.frame.then(Origin::caller("agg"), |plan| {
            aggregate_plan(keys?, exprs, options, plan)
        })
    }
}

impl DataFrame {
    /// Groups the rows by keys, names or expressions: what becomes of the groups,
    /// [`agg`](GroupBy::agg) says.
    ///
    /// ```
    /// use esker_dataframe::prelude::*;
    /// # fn f(df: DataFrame) -> DataFrame {
    /// df.group_by(["state"]).agg([col("salary").max()])
    /// # }
    /// ```
    #[track_caller]
    pub fn group_by(&self, keys: impl IntoIterator<Item = impl IntoExpr>) -> GroupBy {
        let keys: Vec<Expr> = keys.into_iter().map(IntoExpr::into_expr).collect();
        let origin = Origin::caller("group_by");
        let keys = self.logical_plan().and_then(|plan| {
            // A mistake in a key is one of this call, not of `agg`.
            let node = Aggregate::try_new(keys, [], plan);
            Ok(node.map_err(|e| origin.annotate(e))?.keys().to_vec())
        });
        GroupBy {
            frame: self.clone(),
            keys,
            options: AggregateOptions::default(),
        }
    }

    /// A frame of one row: the value of each expression over all rows. Also over none, of which
    /// counts are 0 and other aggregates null.
    ///
    /// ```
    /// use esker_dataframe::prelude::*;
    /// # fn f(df: DataFrame) -> DataFrame {
    /// df.agg([len(), col("salary").mean()])
    /// # }
    /// ```
    #[track_caller]
    pub fn agg(&self, exprs: impl IntoIterator<Item = impl IntoExpr>) -> Self {
        self.grouped(Origin::caller("agg"), Vec::new(), exprs)
    }

    /// A frame of one row for each group: `group_by(keys).agg(exprs)` in one call. Without keys
    /// (`Vec::<Expr>::new()`) all rows are one group.
    #[track_caller]
    pub fn aggregate(
        &self,
        keys: impl IntoIterator<Item = impl IntoExpr>,
        exprs: impl IntoIterator<Item = impl IntoExpr>,
    ) -> Self {
        let keys = keys.into_iter().map(IntoExpr::into_expr).collect();
        self.grouped(Origin::caller("aggregate"), keys, exprs)
    }

    fn grouped(
        &self,
        origin: Origin,
        keys: Vec<Expr>,
        exprs: impl IntoIterator<Item = impl IntoExpr>,
    ) -> Self {
        let exprs: Vec<Expr> = exprs.into_iter().map(IntoExpr::into_expr).collect();
        self.then(origin, |plan| {
            aggregate_plan(keys, exprs, AggregateOptions::default(), plan)
        })
    }
}
