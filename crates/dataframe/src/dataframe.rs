//! The lazy frame.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use esker_datatypes::{Error, Name, Result, Schema};
use esker_logical_expr::{Expr, IntoExpr};
use esker_logical_plan::{Filter, Limit, LogicalPlan, Origin, Projection, Union, Unnest};
use esker_optimizer::Analyzer;
use esker_physical_plan::{Delivery, PhysicalPlan};

use crate::{ExecutionContext, Explain, Query, ResultReader, ResultStream, Table};

/// A relation that nothing has computed yet: a plan, and the context to run it in.
///
/// A cheap handle. Methods give a new frame and never fail: the first mistake is kept with the
/// method's name and the caller's file and line, and whatever asks for a result
/// ([`schema`](Self::schema), [`explain`](Self::explain), [`collect`](Self::collect), ..) returns
/// it.
///
/// Where a *name* is wanted a `&str` is a column; as an *operand* Rust values are literals:
///
/// ```
/// use esker_dataframe::prelude::*;
/// # fn main() -> Result<()> {
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/employee.csv");
/// let employees = ExecutionContext::new().csv(path)?;
/// let names = employees.filter(col("state").eq("CO")).select(["id", "last_name"]);
/// assert_eq!(names.collect()?.num_rows(), 2);
///
/// let mistake = employees.select(["id", "lastname"]);
/// let error = mistake.collect().unwrap_err();
/// assert!(error.to_string().contains("did you mean 'last_name'?"));
/// # Ok(())
/// # }
/// ```
///
/// A plain `bool` is no predicate, since `==` between expressions does not exist:
///
/// ```compile_fail,E0369
/// use esker_dataframe::prelude::*;
/// # fn f(df: DataFrame) -> DataFrame {
/// df.filter(col("a") == lit(1))
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a frame is lazy: nothing happens until collect(), stream() or show()"]
pub struct DataFrame {
    context: ExecutionContext,
    plan: Result<LogicalPlan>,
}

impl DataFrame {
    pub(crate) fn new(context: ExecutionContext, plan: LogicalPlan) -> Self {
        Self {
            context,
            plan: Ok(plan),
        }
    }

    /// The frame that a call makes of this one, or the mistake it made.
    pub(crate) fn then(
        &self,
        origin: Origin,
        build: impl FnOnce(LogicalPlan) -> Result<LogicalPlan>,
    ) -> Self {
        let plan = self.plan.clone().and_then(|plan| {
            let plan = build(plan).map_err(|error| origin.annotate(error))?;
            Ok(plan.made_by(origin))
        });
        Self {
            context: self.context.clone(),
            plan,
        }
    }

    /// One column for each expression, in this order. A `&str` names a column.
    ///
    /// An expression keeps the name of its left-most column unless [`Expr::alias`] gives another;
    /// two columns of one name are a mistake. An empty list (`Vec::<Expr>::new()`) keeps the rows
    /// and no column.
    #[track_caller]
    pub fn select(&self, exprs: impl IntoIterator<Item = impl IntoExpr>) -> Self {
        let exprs: Vec<Expr> = exprs.into_iter().map(IntoExpr::into_expr).collect();
        let origin = Origin::caller("select");
        self.then(origin, |plan| {
            Ok(LogicalPlan::Projection(Projection::try_new(exprs, plan)?))
        })
    }

    /// The same columns and another; one of that name is replaced and keeps its place.
    #[track_caller]
    pub fn with_column(&self, name: impl Into<Name>, expr: impl IntoExpr) -> Self {
        let origin = Origin::caller("with_column");
        let expr = expr.into_expr().alias(name);
        self.then(origin, |plan| with_columns(plan, vec![expr]))
    }

    /// The same columns and others, each under its output name; all of them see this frame's
    /// columns, not each other. Those of the same name are replaced and keep their place.
    #[track_caller]
    pub fn with_columns(&self, exprs: impl IntoIterator<Item = impl IntoExpr>) -> Self {
        let origin = Origin::caller("with_columns");
        let exprs = exprs.into_iter().map(IntoExpr::into_expr).collect();
        self.then(origin, |plan| with_columns(plan, exprs))
    }

    /// The rows for which the predicate is TRUE: not those for which it is FALSE or null.
    #[track_caller]
    pub fn filter(&self, predicate: impl IntoExpr) -> Self {
        let origin = Origin::caller("filter");
        let predicate = predicate.into_expr();
        self.then(origin, |plan| {
            Ok(LogicalPlan::Filter(Filter::try_new(predicate, plan)?))
        })
    }

    /// The first rows, in the order of the input.
    #[track_caller]
    pub fn limit(&self, rows: u64) -> Self {
        let origin = Origin::caller("limit");
        self.then(origin, |plan| {
            Ok(LogicalPlan::Limit(Limit::new(0, Some(rows), plan)))
        })
    }

    /// The first rows: another name of [`limit`](Self::limit).
    #[track_caller]
    pub fn head(&self, rows: u64) -> Self {
        let origin = Origin::caller("head");
        self.then(origin, |plan| {
            Ok(LogicalPlan::Limit(Limit::new(0, Some(rows), plan)))
        })
    }

    /// At most `rows` rows (`None`: all) behind the first `offset`, in the order of the input.
    #[track_caller]
    pub fn slice(&self, offset: u64, rows: impl Into<Option<u64>>) -> Self {
        let origin = Origin::caller("slice");
        let rows = rows.into();
        self.then(origin, |plan| {
            Ok(LogicalPlan::Limit(Limit::new(offset, rows, plan)))
        })
    }

    /// The rows of this frame, then those of another; duplicates stay.
    ///
    /// Columns are matched by position: their names must agree, their types go to the common type.
    #[track_caller]
    pub fn union(&self, other: &Self) -> Self {
        let origin = Origin::caller("union");
        let other = other.plan.clone();
        self.then(origin, |plan| {
            Ok(LogicalPlan::Union(Union::try_new([plan, other?])?))
        })
    }

    /// One row for each value of a list, which takes the place of the list; the other columns
    /// repeat. A null or empty list gives one row of null. The rows keep their order.
    ///
    /// The lists of several columns are read side by side: those of a row must have as many values,
    /// of which a null or empty list counts as one; else it is an error while running.
    ///
    /// ```
    /// use esker_dataframe::prelude::*;
    /// # fn f(df: DataFrame) -> DataFrame {
    /// df.group_by(["state"])
    ///     .agg([col("salary").top_k(3).alias("salary")])
    ///     .explode(["salary"])
    /// # }
    /// ```
    #[track_caller]
    pub fn explode(&self, columns: impl IntoIterator<Item = impl IntoExpr>) -> Self {
        let columns: Vec<Expr> = columns.into_iter().map(IntoExpr::into_expr).collect();
        self.then(Origin::caller("explode"), |plan| {
            Ok(LogicalPlan::Unnest(Unnest::try_new(columns, plan)?))
        })
    }

    /// The columns but these.
    #[track_caller]
    pub fn drop<N: AsRef<str>>(&self, names: impl IntoIterator<Item = N>) -> Self {
        let origin = Origin::caller("drop");
        self.then(origin, |plan| {
            let schema = Arc::clone(plan.schema());
            let dropped = positions(&schema, names)?;
            let kept = schema
                .fields()
                .iter()
                .enumerate()
                .filter(|(i, _)| !dropped.contains(i));
            let exprs: Vec<Expr> = kept.map(|(_, field)| Expr::column(field)).collect();
            Ok(LogicalPlan::Projection(Projection::try_new(exprs, plan)?))
        })
    }

    /// The same columns, some under other names: pairs of old and new.
    #[track_caller]
    pub fn rename<O: AsRef<str>, N: Into<Name>>(
        &self,
        names: impl IntoIterator<Item = (O, N)>,
    ) -> Self {
        let origin = Origin::caller("rename");
        self.then(origin, |plan| {
            let schema = Arc::clone(plan.schema());
            let mut exprs: Vec<Expr> = schema.fields().iter().map(Expr::column).collect();
            for (old, new) in names {
                let at = schema.resolve(old.as_ref())?;
                if let (Some(expr), Some(field)) = (exprs.get_mut(at), schema.field(at)) {
                    *expr = Expr::column(field).alias(new);
                }
            }
            Ok(LogicalPlan::Projection(Projection::try_new(exprs, plan)?))
        })
    }

    /// The same columns, which from now on answer to this qualifier: `col("o.id")`.
    #[track_caller]
    pub fn alias(&self, qualifier: impl Into<Name>) -> Self {
        let origin = Origin::caller("alias");
        self.then(origin, |plan| {
            Ok(LogicalPlan::Projection(Projection::qualified(
                qualifier, plan,
            )?))
        })
    }

    /// The names and types of the result.
    ///
    /// # Errors
    /// The frame's first mistake.
    pub fn schema(&self) -> Result<ArrowSchemaRef> {
        Ok(self.plan.clone()?.schema().to_arrow())
    }

    /// The plan as it was written; its `Display` is the plan text.
    ///
    /// # Errors
    /// The frame's first mistake.
    pub fn logical_plan(&self) -> Result<LogicalPlan> {
        self.plan.clone()
    }

    /// The plan as the optimizer leaves it (only analyzed, where the context has none).
    ///
    /// # Errors
    /// The frame's first mistake, or one that only the analyzer sees.
    pub fn optimized_plan(&self) -> Result<LogicalPlan> {
        let analyzed = Analyzer::analyze(self.plan.clone()?)?;
        match self.context.optimizer() {
            Some(optimizer) => optimizer.optimize(analyzed),
            None => Ok(analyzed),
        }
    }

    pub(crate) fn physical_plan(&self) -> Result<PhysicalPlan> {
        self.context.planner().plan(&self.optimized_plan()?)
    }

    /// The three plans of the query: as written, optimized, physical. Reads no rows.
    ///
    /// # Errors
    /// The frame's first mistake.
    pub fn explain(&self) -> Result<Explain> {
        let optimized = self.optimized_plan()?;
        Ok(Explain {
            logical: self.logical_plan()?.to_string(),
            physical: self.context.planner().plan(&optimized)?.to_string(),
            optimized: optimized.to_string(),
        })
    }

    fn run(&self, delivery: Delivery) -> Result<Query> {
        self.run_plan(&self.physical_plan()?, delivery)
    }

    pub(crate) fn context(&self) -> &ExecutionContext {
        &self.context
    }

    pub(crate) fn run_plan(&self, plan: &PhysicalPlan, delivery: Delivery) -> Result<Query> {
        Query::start(self.context.clone(), plan, self.schema()?, delivery)
    }

    /// Starts the query and returns at once.
    ///
    /// # Errors
    /// The frame's first mistake; `ResourcesExhausted` when no thread can be started.
    pub fn start(&self) -> Result<Query> {
        self.run(Delivery::Stream)
    }

    /// Runs the query and gives all rows.
    ///
    /// # Errors
    /// The frame's first mistake, or what went wrong while running.
    pub fn collect(&self) -> Result<Table> {
        self.run(Delivery::Collect)?.wait()
    }

    /// Runs the query and gives its rows batch by batch: the first before the last are computed,
    /// and no more of them in memory than a few for each worker. Dropping the stream ends the query.
    ///
    /// # Errors
    /// The frame's first mistake; what goes wrong while running is an item of the stream.
    pub fn stream(&self) -> Result<ResultStream> {
        Ok(self.start()?.stream())
    }

    /// Runs the query and gives its rows as an Arrow `RecordBatchReader`, for the many functions of
    /// other crates that take one. Otherwise as [`stream`](Self::stream).
    ///
    /// ```
    /// use esker_dataframe::arrow::array::RecordBatchReader;
    /// use esker_dataframe::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/employee.csv");
    /// let reader = ExecutionContext::new().csv(path)?.reader()?;
    /// assert_eq!(reader.schema().field(0).name(), "id");
    /// for batch in reader {
    ///     assert_eq!(batch?.num_columns(), 6);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The frame's first mistake; what goes wrong while running is an item of the reader.
    pub fn reader(&self) -> Result<ResultReader> {
        Ok(self.stream()?.into_reader())
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// Those of [`collect`](Self::collect).
    #[track_caller]
    pub fn count(&self) -> Result<u64> {
        let mut rows = 0;
        for batch in self.select(Vec::<Expr>::new()).stream()? {
            rows += batch?.num_rows() as u64;
        }
        Ok(rows)
    }

    /// Runs the query and prints the table to standard output.
    ///
    /// # Errors
    /// Those of [`collect`](Self::collect).
    #[expect(clippy::disallowed_macros, reason = "printing is what it is for")]
    pub fn show(&self) -> Result<()> {
        println!("{}", self.collect()?);
        Ok(())
    }
}

impl fmt::Debug for DataFrame {
    /// The plan as it was written, or the frame's first mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.plan {
            Ok(plan) => fmt::Display::fmt(plan, f),
            Err(error) => fmt::Display::fmt(error, f),
        }
    }
}

/// The positions of the columns of these names.
fn positions<N: AsRef<str>>(
    schema: &Schema,
    names: impl IntoIterator<Item = N>,
) -> Result<Vec<usize>> {
    names
        .into_iter()
        .map(|name| schema.resolve(name.as_ref()))
        .collect()
}

/// S16: a column of an existing name is replaced in place, others are appended.
fn with_columns(plan: LogicalPlan, new: Vec<Expr>) -> Result<LogicalPlan> {
    let schema = Arc::clone(plan.schema());
    let mut exprs: Vec<Expr> = schema.fields().iter().map(Expr::column).collect();
    let mut taken: Vec<String> = Vec::with_capacity(new.len());
    for expr in new {
        let name = expr.output_name();
        let named = |expr: Expr| match expr {
            Expr::Alias(_) => expr,
            expr => expr.alias(name.as_str()),
        };
        if taken.contains(&name) {
            return Err(Error::invalid_input(format!(
                "two new columns are named '{name}': give one another name with .alias(..)"
            )));
        }
        match schema.named(&name) {
            [] => exprs.push(named(expr)),
            [at] => {
                if let Some(old) = exprs.get_mut(*at) {
                    *old = named(expr);
                }
            }
            several => {
                let names = several.iter().filter_map(|&i| schema.field(i));
                let names = names.map(|f| format!("'{}'", f.qualified_name())).collect();
                return Err(Error::ambiguous_column(name, names));
            }
        }
        taken.push(name);
    }
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, plan)?))
}
