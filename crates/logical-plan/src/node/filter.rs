//! The rows for which a predicate is true.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{DataType, Error, Result, SchemaRef, value_type};
use esker_logical_expr::{Expr, expr_type, resolve};

use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// The rows of the input for which the predicate is TRUE: not those for which it is FALSE or null
/// (S1). The columns and the order of the input stay.
#[derive(Clone)]
pub struct Filter {
    predicate: Expr,
    input: PlanChild,
    schema: SchemaRef,
    origin: Option<Origin>,
}

impl Filter {
    /// A filter whose predicate's names mean columns of the input.
    ///
    /// # Errors
    /// `ColumnNotFound`, `AmbiguousColumn`, and `TypeMismatch` when the predicate is no truth value
    /// or holds an aggregate.
    pub fn try_new(predicate: Expr, input: LogicalPlan) -> Result<Self> {
        let predicate = resolve(predicate, input.schema())?;
        let data_type = expr_type(&predicate, input.schema())?.data_type;
        if !matches!(value_type(&data_type), DataType::Boolean | DataType::Null) {
            return Err(Error::type_mismatch(format!(
                "a filter takes a truth value, not {data_type}"
            ))
            .in_expr(&predicate));
        }
        if predicate.has_aggregate() {
            return Err(Error::invalid_input(
                "a filter takes no aggregate: aggregate first, then filter its result",
            )
            .in_expr(&predicate));
        }
        let schema = Arc::clone(input.schema());
        Ok(Self {
            predicate,
            input: input.into(),
            schema,
            origin: None,
        })
    }

    /// What must be true of a row.
    pub fn predicate(&self) -> &Expr {
        &self.predicate
    }

    /// Where the rows come from.
    pub fn input(&self) -> &PlanChild {
        &self.input
    }

    /// The predicate, the input, and the call that made the node.
    pub fn into_parts(self) -> (Expr, PlanChild, Option<Origin>) {
        (self.predicate, self.input, self.origin)
    }
}

impl PlanNode for Filter {
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

    fn for_each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        f(&self.predicate);
    }

    fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        f(&mut self.predicate);
    }

    fn refresh(&mut self) -> Result<()> {
        self.schema = Arc::clone(self.input.schema());
        Ok(())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter: {}", self.predicate)
    }
}
