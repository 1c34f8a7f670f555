//! Some rows from the front.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{Result, SchemaRef};
use esker_logical_expr::Expr;

use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// The first rows of the input behind an offset, in the input's order (S11).
#[derive(Clone)]
pub struct Limit {
    offset: u64,
    fetch: Option<u64>,
    input: PlanChild,
    schema: SchemaRef,
    origin: Option<Origin>,
}

impl Limit {
    /// Drops `offset` rows and keeps at most `fetch` (`None`: all) of the rest.
    pub fn new(offset: u64, fetch: Option<u64>, input: LogicalPlan) -> Self {
        let schema = Arc::clone(input.schema());
        Self {
            offset,
            fetch,
            input: input.into(),
            schema,
            origin: None,
        }
    }

    /// How many rows are dropped.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many rows are kept at most.
    pub fn fetch(&self) -> Option<u64> {
        self.fetch
    }

    /// How many rows of the input are looked at, at most.
    pub fn needed(&self) -> Option<u64> {
        self.fetch.map(|fetch| fetch.saturating_add(self.offset))
    }

    /// Where the rows come from.
    pub fn input(&self) -> &PlanChild {
        &self.input
    }

    /// The input, and the call that made the node.
    pub fn into_input(self) -> (PlanChild, Option<Origin>) {
        (self.input, self.origin)
    }
}

impl PlanNode for Limit {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn origin(&self) -> Option<Origin> {
        self.origin
    }

    fn set_origin(&mut self, origin: Option<Origin>) {
        self.origin = origin;
    }

    fn for_each_input<'a>(&'a self, f: &mut dyn FnMut(&'a PlanChild)) {
        f(&self.input);
    }

    fn for_each_input_mut(&mut self, f: &mut dyn FnMut(&mut PlanChild)) {
        f(&mut self.input);
    }

    fn for_each_expr<'a>(&'a self, _f: &mut dyn FnMut(&'a Expr)) {}

    fn for_each_expr_mut(&mut self, _f: &mut dyn FnMut(&mut Expr)) {}

    fn refresh(&mut self) -> Result<()> {
        self.schema = Arc::clone(self.input.schema());
        Ok(())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fetch {
            Some(fetch) => write!(f, "Limit: {fetch}")?,
            None => f.write_str("Limit: None")?,
        }
        if self.offset > 0 {
            write!(f, ", offset={}", self.offset)?;
        }
        Ok(())
    }
}
