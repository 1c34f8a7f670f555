//! The order of rows.

use esker_logical_expr::{IntoSortKey, SortKey};
use esker_logical_plan::{LogicalPlan, Origin, Sort};

use crate::DataFrame;

impl DataFrame {
    /// The rows in the order of keys: by the first, where that is equal by the second, and so on.
    ///
    /// A key is a column's name or an expression, both ascending, or `col("a").desc()`. Nulls come
    /// last in both directions, unless the key says [`nulls_first`](SortKey::nulls_first). NaN is
    /// the greatest number. Rows with equal keys keep the order that they had.
    ///
    /// ```
    /// use esker_dataframe::prelude::*;
    /// # fn f(df: DataFrame) -> DataFrame {
    /// df.sort(["state", "last_name"])
    /// # }
    /// # fn g(df: DataFrame) -> DataFrame {
    /// df.sort([col("salary").desc(), col("state").asc().nulls_first()])
    /// # }
    /// ```
    #[track_caller]
    pub fn sort(&self, keys: impl IntoIterator<Item = impl IntoSortKey>) -> Self {
        self.sorted(Origin::caller("sort"), keys, None)
    }

    /// The first `rows` rows in the order of keys, without sorting the others: the same rows as
    /// `sort(keys).limit(rows)`.
    ///
    /// ```
    /// use esker_dataframe::prelude::*;
    /// # fn f(df: DataFrame) -> DataFrame {
    /// df.top_k(3, [col("salary").desc()])
    /// # }
    /// ```
    #[track_caller]
    pub fn top_k(&self, rows: u64, keys: impl IntoIterator<Item = impl IntoSortKey>) -> Self {
        self.sorted(Origin::caller("top_k"), keys, Some(rows))
    }

    fn sorted(
        &self,
        origin: Origin,
        keys: impl IntoIterator<Item = impl IntoSortKey>,
        fetch: Option<u64>,
    ) -> Self {
        let keys: Vec<SortKey> = keys.into_iter().map(IntoSortKey::into_sort_key).collect();
        self.then(origin, |plan| {
            Ok(LogicalPlan::Sort(Sort::try_new(keys, fetch, plan)?))
        })
    }
}
