//! Plans for the tests of this crate.

use std::sync::Arc;

use esker_datatypes::{
    Column, ColumnStatistics, DataType, Error, Field, Precision, Result, Schema, SchemaRef,
    TableStatistics,
};
use esker_logical_expr::function::{
    AggregateFunction, AggregateProperties, Call, FunctionProperties, GroupsAccumulator,
    ScalarFunction, Signature, Volatility,
};
use esker_logical_expr::{Expr, SortKey, col};
use esker_logical_plan::{
    Aggregate, Distinct, Filter, FilterPushdown, Join, JoinType, Limit, LogicalPlan, Projection,
    Scan, ScanRequest, Sort, SourceProperties, TableScan, TableSource, Union, Unnest,
};

use crate::{Analyzer, Optimizer, OptimizerRule};

/// A source without rows, with an answer to filters.
#[derive(Debug)]
struct Mock {
    schema: SchemaRef,
    answer: fn(&Expr) -> FilterPushdown,
    statistics: TableStatistics,
}

impl TableSource for Mock {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn properties(&self) -> SourceProperties {
        let mut properties = SourceProperties::default();
        properties.statistics = self.statistics.clone();
        properties
    }

    fn supports_filters(&self, filters: &[&Expr], _columns: &Schema) -> Vec<FilterPushdown> {
        filters.iter().map(|filter| (self.answer)(filter)).collect()
    }

    fn scan(&self, _request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        Err(Error::unsupported("reading a source that has no rows"))
    }
}

/// The columns of all test tables: `k` holds no nulls.
fn columns() -> Schema {
    let nullable = |name: &str, data_type| Field::new(name, data_type, true);
    Schema::new(vec![
        nullable("a", DataType::Int64),
        nullable("b", DataType::Int64),
        nullable("d", DataType::Int32),
        nullable("s", DataType::Utf8View),
        nullable("f", DataType::Float64),
        nullable("p", DataType::Boolean),
        Field::new("k", DataType::Int64, false),
    ])
}

/// A scan of a source that takes no filters.
pub(crate) fn scan(name: &str) -> LogicalPlan {
    scan_with(name, |_| FilterPushdown::Unsupported)
}

/// A scan of a source that answers this to filters.
pub(crate) fn scan_with(name: &str, answer: fn(&Expr) -> FilterPushdown) -> LogicalPlan {
    scan_of(name, columns(), answer)
}

/// A scan of a source of these columns.
pub(crate) fn scan_of(
    name: &str,
    schema: Schema,
    answer: fn(&Expr) -> FilterPushdown,
) -> LogicalPlan {
    mock(name, schema, answer, None)
}

pub(crate) fn filter(input: LogicalPlan, predicate: Expr) -> LogicalPlan {
    LogicalPlan::Filter(Filter::try_new(predicate, input).unwrap())
}

pub(crate) fn project(input: LogicalPlan, exprs: impl IntoIterator<Item = Expr>) -> LogicalPlan {
    LogicalPlan::Projection(Projection::try_new(exprs, input).unwrap())
}

pub(crate) fn limit(offset: u64, fetch: u64, input: LogicalPlan) -> LogicalPlan {
    LogicalPlan::Limit(Limit::new(offset, Some(fetch), input))
}

pub(crate) fn skip(offset: u64, input: LogicalPlan) -> LogicalPlan {
    LogicalPlan::Limit(Limit::new(offset, None, input))
}

pub(crate) fn union(inputs: impl IntoIterator<Item = LogicalPlan>) -> LogicalPlan {
    LogicalPlan::Union(Union::try_new(inputs).unwrap())
}

/// The scan of a source that says it has this many rows.
pub(crate) fn scan_of_rows(name: &str, rows: u64) -> LogicalPlan {
    mock(
        name,
        columns(),
        |_| FilterPushdown::Unsupported,
        rows.into(),
    )
}

fn mock(
    name: &str,
    schema: Schema,
    answer: fn(&Expr) -> FilterPushdown,
    rows: Option<u64>,
) -> LogicalPlan {
    let schema = Arc::new(schema);
    let statistics = TableStatistics {
        rows: rows.map_or(Precision::Unknown, Precision::Exact),
        ..TableStatistics::default()
    };
    let source = Mock {
        schema,
        answer,
        statistics,
    };
    LogicalPlan::Scan(Scan::new(name, Arc::new(source)))
}

pub(crate) fn aggregate(
    input: LogicalPlan,
    keys: impl IntoIterator<Item = Expr>,
    aggregates: impl IntoIterator<Item = Expr>,
) -> LogicalPlan {
    LogicalPlan::Aggregate(Aggregate::try_new(keys, aggregates, input).unwrap())
}

/// A join on pairs of columns, to be changed perhaps before it becomes a plan.
pub(crate) fn join(
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    on: &[(&str, &str)],
    filter: Option<Expr>,
) -> Join {
    let on = on.iter().map(|(l, r)| (col(*l), col(*r)));
    Join::try_new(left, right, join_type, on, filter).unwrap()
}

/// A scan whose columns are called `la`, `lb` and so on, for `l`: a side of a [`join`].
pub(crate) fn side(prefix: &str) -> LogicalPlan {
    mock(
        prefix,
        prefixed(prefix),
        |_| FilterPushdown::Unsupported,
        None,
    )
}

/// The same with this many rows.
pub(crate) fn side_of_rows(prefix: &str, rows: u64) -> LogicalPlan {
    let answer = |_: &Expr| FilterPushdown::Unsupported;
    mock(prefix, prefixed(prefix), answer, rows.into())
}

/// The same with statistics of its first columns.
pub(crate) fn side_with(prefix: &str, rows: u64, columns: Vec<ColumnStatistics>) -> LogicalPlan {
    let source = Mock {
        schema: Arc::new(prefixed(prefix)),
        answer: |_| FilterPushdown::Unsupported,
        statistics: TableStatistics {
            rows: Precision::Exact(rows),
            columns,
            ..TableStatistics::default()
        },
    };
    LogicalPlan::Scan(Scan::new(prefix, Arc::new(source)))
}

fn prefixed(prefix: &str) -> Schema {
    let renamed = |f: &Field| f.clone().with_name(format!("{prefix}{}", f.name()));
    columns().fields().iter().map(renamed).collect()
}

pub(crate) fn sort(input: LogicalPlan, keys: impl IntoIterator<Item = SortKey>) -> LogicalPlan {
    LogicalPlan::Sort(Sort::try_new(keys, None, input).unwrap())
}

/// The rows that differ in these columns; in any, when there are none.
pub(crate) fn distinct(input: LogicalPlan, on: &[&str]) -> LogicalPlan {
    let on = (!on.is_empty()).then(|| on.iter().map(|name| col(*name)).collect());
    LogicalPlan::Distinct(Distinct::try_new(on, input).unwrap())
}

/// A scan of `t` with a number `a` and lists `l` and `m`, and one row for each value of these.
pub(crate) fn unnest(lists: &[&str]) -> LogicalPlan {
    unnest_of(with_lists(), lists)
}

/// One row for each value of these lists.
pub(crate) fn unnest_of(input: LogicalPlan, lists: &[&str]) -> LogicalPlan {
    let lists = lists.iter().map(|name| col(*name));
    LogicalPlan::Unnest(Unnest::try_new(lists, input).unwrap())
}

/// A scan of `t` with a number `a` and lists `l` and `m`.
pub(crate) fn with_lists() -> LogicalPlan {
    let list = DataType::new_list(DataType::Int64, true);
    let fields = [("a", DataType::Int64), ("l", list.clone()), ("m", list)];
    let fields = fields.map(|(name, data_type)| Field::new(name, data_type, true));
    let schema = fields.into_iter().collect();
    mock("t", schema, |_| FilterPushdown::Unsupported, None)
}

/// The analyzed plan's text after one rule alone, which must come to rest.
pub(crate) fn apply(rule: impl OptimizerRule + 'static, plan: LogicalPlan) -> String {
    let optimizer = Optimizer::with_rules([Arc::new(rule) as Arc<dyn OptimizerRule>]);
    let once = optimizer
        .optimize(Analyzer::analyze(plan).unwrap())
        .unwrap();
    let mut again = false;
    let twice = optimizer
        .optimize_traced(once, &mut |_, _| again = true)
        .unwrap();
    assert!(!again, "the rule does not come to rest:\n{twice}");
    twice.to_string()
}

/// `random()`: volatile.
pub(crate) fn random() -> Expr {
    Expr::function(Arc::new(Random), [])
}

#[derive(Debug)]
struct Random;

impl ScalarFunction for Random {
    fn name(&self) -> &str {
        "random"
    }

    fn signature(&self) -> Signature {
        Signature::exact([])
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().with_volatility(Volatility::Volatile)
    }

    fn evaluate(&self, _args: &[Column], _call: &mut Call<'_>) -> Result<Column> {
        Err(Error::unsupported(
            "computing a function that is there for its properties",
        ))
    }
}

/// `FIRST(x)`: order-sensitive, without an accumulator.
pub(crate) fn first(expr: Expr) -> Expr {
    Expr::aggregate(Arc::new(First), [expr])
}

#[derive(Debug)]
struct First;

impl AggregateFunction for First {
    fn name(&self) -> &str {
        "first"
    }

    fn signature(&self) -> Signature {
        Signature::numeric(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let first = args.first().cloned();
        first.ok_or_else(|| Error::internal("first takes one argument"))
    }

    fn properties(&self) -> AggregateProperties {
        let mut properties = AggregateProperties::default();
        properties.order_sensitive = true;
        properties
    }

    fn accumulator(&self, _args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        Err(Error::unsupported(
            "computing a function that is there for its properties",
        ))
    }
}
