//! Prints a plan after each rule that changed it: filters find their way into the scans.
//!
//! Run it with `cargo run -p esker-optimizer --example filter_pushdown`.

#![expect(clippy::disallowed_macros, reason = "an example prints its result")]

use std::sync::Arc;

use esker_datatypes::{DataType, Error, Field, Result, Schema, SchemaRef};
use esker_logical_expr::{Expr, col, lit};
use esker_logical_plan::{
    Filter, FilterPushdown, LogicalPlan, Projection, Scan, ScanRequest, TableScan, TableSource,
    Union,
};
use esker_optimizer::{Analyzer, Optimizer};

/// A table that takes comparisons with `state`, and has no rows: nothing here is run.
#[derive(Debug)]
struct Employees {
    schema: SchemaRef,
}

impl TableSource for Employees {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn supports_filters(&self, filters: &[&Expr], _columns: &Schema) -> Vec<FilterPushdown> {
        let answer = |filter: &&Expr| match filter.to_string().starts_with("#state") {
            true => FilterPushdown::Exact,
            false => FilterPushdown::Unsupported,
        };
        filters.iter().map(answer).collect()
    }

    fn scan(&self, _request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        Err(Error::unsupported("reading a table that has no rows"))
    }
}

fn scan(name: &str) -> LogicalPlan {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8View, true),
        Field::new("state", DataType::Utf8View, true),
        Field::new("salary", DataType::Float64, true),
    ]));
    LogicalPlan::Scan(Scan::new(name, Arc::new(Employees { schema })))
}

fn main() -> Result<()> {
    let all = LogicalPlan::Union(Union::try_new([scan("east"), scan("west")])?);
    let bonus = (col("salary") * (lit(1.0) / 10)).alias("bonus");
    let columns = [col("id"), col("state"), bonus];
    let computed = LogicalPlan::Projection(Projection::try_new(columns, all)?);
    let wanted = col("bonus").gt(1000).and(col("state").eq("CO"));
    let filtered = LogicalPlan::Filter(Filter::try_new(wanted, computed)?);
    let plan = LogicalPlan::Projection(Projection::try_new([col("id")], filtered)?);
    println!("As written:\n\n{plan}");

    let analyzed = Analyzer::analyze(plan)?;
    println!("With its casts:\n\n{analyzed}");

    let optimized = Optimizer::new().optimize_traced(analyzed, &mut |rule, plan| {
        println!("After {rule}:\n\n{plan}");
    })?;

    assert!(optimized.to_string().contains("filters=[#state = 'CO']"));
    Ok(())
}
