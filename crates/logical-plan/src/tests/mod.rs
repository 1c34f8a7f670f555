//! Plans of all nodes: their text, their mistakes, and walks over them.

/// Aggregations, joins, sorts, distincts.
mod breakers;
/// Mistakes that constructors find.
mod constructors;
/// What must hold, and when it does not.
mod invariants;
/// Plan text, to the letter.
mod text;
/// Rewrites, identities, depth.
mod walks;

use std::sync::Arc;

use esker_datatypes::{DataType, Field, Result, Schema};
use esker_logical_expr::Expr;

use crate::{ExtensionNode, LogicalPlan, LogicalPlanBuilder, MemTable};

/// A scan of the employees.
fn employee() -> LogicalPlanBuilder {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        text("first_name"),
        text("last_name"),
        text("state"),
        Field::new("salary", DataType::Int64, true),
    ]);
    LogicalPlanBuilder::scan("employee", Arc::new(MemTable::empty(&schema)))
}

/// A scan of a table of these columns.
fn table(name: &str, columns: &[(&str, DataType)]) -> LogicalPlan {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), false);
    let schema: Schema = columns.iter().map(field).collect();
    LogicalPlanBuilder::scan(name, Arc::new(MemTable::empty(&schema))).build()
}

/// A relation of our own: the columns of the first input, and how many rows it drops.
#[derive(Debug)]
struct Sample {
    every: usize,
}

impl ExtensionNode for Sample {
    fn schema(&self, inputs: &[&Schema], _exprs: &[Expr]) -> Result<Schema> {
        let [input] = inputs else {
            return Err(esker_datatypes::Error::internal("a sample has one input"));
        };
        Ok(Schema::new(input.fields().to_vec()))
    }

    fn describe(&self, exprs: &[Expr]) -> String {
        let by: Vec<String> = exprs.iter().map(ToString::to_string).collect();
        format!("Sample: every={}, by=[{}]", self.every, by.join(", "))
    }
}

/// The same, as a plan.
fn sample(by: Vec<Expr>, input: LogicalPlan) -> Result<LogicalPlan> {
    let node = Arc::new(Sample { every: 10 });
    Ok(LogicalPlan::Extension(crate::Extension::try_new(
        node,
        by,
        vec![input],
    )?))
}
