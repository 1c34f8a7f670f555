//! Joins: which rows of two frames belong together.

use esker_datatypes::{Error, Name, Result};
use esker_logical_expr::{Expr, IntoExpr};
use esker_logical_plan::{JoinOptions, JoinType, Origin, join_plan};

use crate::DataFrame;

/// How two frames are joined: the type, the keys, and what else is asked of the result. Given to
/// [`DataFrame::join`].
///
/// ```
/// use esker_dataframe::prelude::*;
/// # fn f(orders: DataFrame, customers: DataFrame) -> DataFrame {
/// orders.join(&customers, Join::left().on(["customer_id"]))
/// # }
/// # fn g(orders: DataFrame, customers: DataFrame) -> DataFrame {
/// orders.join(
///     &customers,
///     Join::inner()
///         .left_on(["customer_id"])
///         .right_on(["id"])
///         .filter(col("placed").gt_eq(col("member_since"))),
/// )
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it says how to join: give it to DataFrame::join"]
pub struct Join {
    left_on: Vec<Expr>,
    right_on: Vec<Expr>,
    /// All but the keys.
    options: JoinOptions,
}

impl Join {
    fn new(join_type: JoinType) -> Self {
        Self {
            left_on: Vec::new(),
            right_on: Vec::new(),
            options: JoinOptions::new(join_type),
        }
    }

    /// The pairs of a left and a right row that match.
    pub fn inner() -> Self {
        Self::new(JoinType::Inner)
    }

    /// The pairs that match, and the left rows without a match, with nulls on the right.
    pub fn left() -> Self {
        Self::new(JoinType::Left)
    }

    /// The pairs that match, and the right rows without a match, with nulls on the left.
    pub fn right() -> Self {
        Self::new(JoinType::Right)
    }

    /// The pairs that match, and the rows of both sides without a match.
    pub fn full() -> Self {
        Self::new(JoinType::Full)
    }

    /// The left rows that have a match, once each, and no columns of the right side.
    pub fn semi() -> Self {
        Self::new(JoinType::Semi)
    }

    /// The left rows that have no match, and no columns of the right side.
    pub fn anti() -> Self {
        Self::new(JoinType::Anti)
    }

    /// Keys that both sides have: names, or expressions over either side's columns. Rows match when
    /// all their keys are equal.
    pub fn on(mut self, keys: impl IntoIterator<Item = impl IntoExpr>) -> Self {
        let keys: Vec<Expr> = keys.into_iter().map(IntoExpr::into_expr).collect();
        self.left_on.extend(keys.iter().cloned());
        self.right_on.extend(keys);
        self
    }

    /// Keys of the left side, each equal to that of [`right_on`](Self::right_on) at its place.
    pub fn left_on(mut self, keys: impl IntoIterator<Item = impl IntoExpr>) -> Self {
        let keys = keys.into_iter().map(IntoExpr::into_expr);
        self.left_on.extend(keys);
        self
    }

    /// Keys of the right side, each equal to that of [`left_on`](Self::left_on) at its place.
    pub fn right_on(mut self, keys: impl IntoIterator<Item = impl IntoExpr>) -> Self {
        let keys = keys.into_iter().map(IntoExpr::into_expr);
        self.right_on.extend(keys);
        self
    }

    /// What must also be TRUE for two rows to match: a condition on the columns of both sides, the
    /// right ones under the names that they have in the result. Without keys it decides alone.
    pub fn filter(mut self, predicate: impl IntoExpr) -> Self {
        let predicate = predicate.into_expr();
        self.options.filter = Some(match self.options.filter.take() {
            Some(before) => before & predicate,
            None => predicate,
        });
        self
    }

    /// What is put behind the name of a right column when the left side has the same; by default
    /// `_right`. Where both frames are [qualified](DataFrame::alias) such columns stay apart by
    /// their qualifiers, and no suffix is needed.
    pub fn suffix(mut self, suffix: impl Into<Name>) -> Self {
        self.options.suffix = suffix.into();
        self
    }

    /// Whether a key that has the same name on both sides becomes one column (it does by default),
    /// with the value of the side that has a row.
    pub fn coalesce(mut self, on: bool) -> Self {
        self.options.coalesce = on;
        self
    }

    /// Whether null keys match each other; by default they match nothing.
    pub fn nulls_equal(mut self, on: bool) -> Self {
        self.options.nulls_equal = on;
        self
    }

    /// Whether the rows come in the order of the left rows, then of the right ones, the right rows
    /// without a match last; else they come in any order.
    pub fn maintain_order(mut self, on: bool) -> Self {
        self.options.maintain_order = on;
        self
    }

    /// Claims that both frames are sorted by the keys, ascending and with nulls last. The claim is
    /// verified while running: rows that break it are an error.
    pub fn sorted(mut self, on: bool) -> Self {
        self.options.sorted = on;
        self
    }

    /// What the plan wants to know.
    fn into_options(self) -> Result<JoinOptions> {
        let (left, right) = (self.left_on.len(), self.right_on.len());
        if left != right {
            return Err(Error::invalid_input(format!(
                "the join has {} and {}: .left_on(..) and .right_on(..) go in pairs",
                keys(left, "left"),
                keys(right, "right"),
            )));
        }
        if left == 0 && self.options.filter.is_none() {
            return Err(Error::invalid_input(
                "a join needs keys: give it .on([..]), or .left_on([..]) and .right_on([..]), or \
                 a condition with .filter(..); all pairs of rows are cross_join(..)",
            ));
        }
        let mut options = self.options;
        options.on = self.left_on.into_iter().zip(self.right_on).collect();
        Ok(options)
    }
}

/// `1 left key`, `2 left keys`.
fn keys(count: usize, side: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {side} key{plural}")
}

impl DataFrame {
    /// The rows of this frame (the left one) and another (the right one) that belong together, as a
    /// [`Join`] says.
    ///
    /// All left columns, then all right ones. A key of the same name on both sides is there once,
    /// unless [`coalesce`](Join::coalesce) is off; it answers to the qualifiers of both frames.
    /// Other equal names stay apart by the frames' qualifiers (`col("o.x")` and `col("c.x")`), where
    /// both frames [have one](Self::alias); else the right one gets the suffix `_right`.
    ///
    /// Null keys match nothing, NaN matches NaN, -0.0 matches 0.0. The order of the rows is any,
    /// unless [`maintain_order`](Join::maintain_order) is on.
    ///
    /// ```
    /// use esker_dataframe::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/employee.csv");
    /// let people = ExecutionContext::new().csv(path)?;
    /// let bosses = people.filter(col("job_title").eq("Manager")).select(["state", "last_name"]);
    /// let both = people.join(&bosses, Join::inner().on(["state"]).suffix("_of_boss"));
    /// assert_eq!(both.schema()?.field(6).name(), "last_name_of_boss");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn join(&self, right: &Self, join: Join) -> Self {
        let right = right.logical_plan();
        self.then(Origin::caller("join"), |plan| {
            join_plan(plan, right?, join.into_options()?)
        })
    }

    /// Every row of this frame with every row of another. Equal names are told apart as
    /// [`join`](Self::join) does it.
    #[track_caller]
    pub fn cross_join(&self, right: &Self) -> Self {
        let right = right.logical_plan();
        self.then(Origin::caller("cross_join"), |plan| {
            join_plan(plan, right?, JoinOptions::new(JoinType::Inner))
        })
    }

    /// Every row of this frame with the one row of another, such as that of a global
    /// [`agg`](Self::agg): its columns are then constants. If it has no row they are null; a second
    /// row is an error while running.
    ///
    /// ```
    /// use esker_dataframe::prelude::*;
    /// # fn f(df: DataFrame) -> DataFrame {
    /// let total = df.agg([col("salary").sum().alias("total")]);
    /// df.broadcast(&total).with_column("share", col("salary") / col("total"))
    /// # }
    /// ```
    #[track_caller]
    pub fn broadcast(&self, one_row: &Self) -> Self {
        let right = one_row.logical_plan();
        let mut options = JoinOptions::new(JoinType::Left);
        options.single = true;
        self.then(Origin::caller("broadcast"), |plan| {
            join_plan(plan, right?, options)
        })
    }
}
