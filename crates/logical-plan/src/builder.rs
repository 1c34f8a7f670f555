//! Plans, node by node, for who uses this layer alone.

use std::sync::Arc;

use esker_datatypes::{Name, Result, SchemaRef};
use esker_logical_expr::{Expr, SortKey};

use crate::node::{
    AggregateOptions, Distinct, Filter, JoinOptions, Limit, Projection, Scan, Sort, Union, Unnest,
    aggregate_plan, join_plan,
};
use crate::plan::LogicalPlan;
use crate::source::TableSource;

/// A plan under construction: each method puts one node on top.
///
/// ```
/// use std::sync::Arc;
/// use esker_datatypes::{DataType, Field, Schema};
/// use esker_logical_expr::col;
/// use esker_logical_plan::{LogicalPlanBuilder, MemTable};
///
/// let schema = Schema::new(vec![
///     Field::new("id", DataType::Int64, false),
///     Field::new("state", DataType::Utf8View, true),
/// ]);
/// let plan = LogicalPlanBuilder::scan("employee", Arc::new(MemTable::empty(&schema)))
///     .filter(col("state").eq("CO"))?
///     .project([col("id")])?
///     .limit(0, Some(10))
///     .build();
/// assert_eq!(
///     plan.to_string(),
///     "Limit: 10\n    \
///         Projection: #id\n        \
///             Filter: #state = 'CO'\n            \
///                 Scan: employee; projection=None\n"
/// );
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogicalPlanBuilder(LogicalPlan);

impl LogicalPlanBuilder {
    /// All rows and columns of a source, under a name for display.
    pub fn scan(name: impl Into<Name>, source: Arc<dyn TableSource>) -> Self {
        Self(LogicalPlan::Scan(Scan::new(name, source)))
    }

    /// Goes on from a plan.
    pub fn from_plan(plan: LogicalPlan) -> Self {
        Self(plan)
    }

    /// See [`Projection::try_new`].
    ///
    /// # Errors
    /// Those of the projection.
    pub fn project(self, exprs: impl IntoIterator<Item = Expr>) -> Result<Self> {
        Ok(Self(LogicalPlan::Projection(Projection::try_new(
            exprs, self.0,
        )?)))
    }

    /// See [`Filter::try_new`].
    ///
    /// # Errors
    /// Those of the filter.
    pub fn filter(self, predicate: Expr) -> Result<Self> {
        Ok(Self(LogicalPlan::Filter(Filter::try_new(
            predicate, self.0,
        )?)))
    }

    /// See [`Limit::new`].
    #[must_use]
    pub fn limit(self, offset: u64, fetch: Option<u64>) -> Self {
        Self(LogicalPlan::Limit(Limit::new(offset, fetch, self.0)))
    }

    /// See [`aggregate_plan`].
    ///
    /// # Errors
    /// Those of the aggregation.
    pub fn aggregate(
        self,
        keys: impl IntoIterator<Item = Expr>,
        exprs: impl IntoIterator<Item = Expr>,
        options: AggregateOptions,
    ) -> Result<Self> {
        aggregate_plan(keys, exprs, options, self.0).map(Self)
    }

    /// See [`join_plan`].
    ///
    /// # Errors
    /// Those of the join.
    pub fn join(self, right: LogicalPlan, options: JoinOptions) -> Result<Self> {
        join_plan(self.0, right, options).map(Self)
    }

    /// See [`Sort::try_new`].
    ///
    /// # Errors
    /// Those of the sort.
    pub fn sort(self, keys: impl IntoIterator<Item = SortKey>) -> Result<Self> {
        Ok(Self(LogicalPlan::Sort(Sort::try_new(keys, None, self.0)?)))
    }

    /// See [`Distinct::try_new`].
    ///
    /// # Errors
    /// Those of the node.
    pub fn distinct(self, on: Option<Vec<Expr>>) -> Result<Self> {
        Ok(Self(LogicalPlan::Distinct(Distinct::try_new(on, self.0)?)))
    }

    /// See [`Unnest::try_new`].
    ///
    /// # Errors
    /// Those of the node.
    pub fn unnest(self, columns: impl IntoIterator<Item = Expr>) -> Result<Self> {
        Ok(Self(LogicalPlan::Unnest(Unnest::try_new(columns, self.0)?)))
    }

    /// These rows, then those of the other plans; see [`Union::try_new`].
    ///
    /// # Errors
    /// Those of the union.
    pub fn union(self, others: impl IntoIterator<Item = LogicalPlan>) -> Result<Self> {
        let inputs = std::iter::once(self.0).chain(others);
        Ok(Self(LogicalPlan::Union(Union::try_new(inputs)?)))
    }

    /// The same columns, answering to this qualifier; see [`Projection::qualified`].
    ///
    /// # Errors
    /// Those of the projection.
    pub fn alias(self, qualifier: impl Into<Name>) -> Result<Self> {
        Ok(Self(LogicalPlan::Projection(Projection::qualified(
            qualifier, self.0,
        )?)))
    }

    /// The columns so far.
    pub fn schema(&self) -> &SchemaRef {
        self.0.schema()
    }

    /// The plan.
    pub fn build(self) -> LogicalPlan {
        self.0
    }
}
