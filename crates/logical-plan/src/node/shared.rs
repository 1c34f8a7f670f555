//! A relation that is computed once and read in several places.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{ColumnId, Error, Field, Result, Schema, SchemaRef};
use esker_logical_expr::Expr;

use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// A place where the rows of a relation are read that stands in other places of the plan too. It is
/// computed once, whole, and kept until all have read it; each place gives its rows in their order.
///
/// Every place holds the whole relation, under column identities of its own: all nodes of the same
/// [`key`](Self::key) give the same rows, and the same columns by *position*. So a walk over the
/// plan needs to know nothing of the others, and a place that goes leaves none in want of its rows.
///
/// Nothing moves past it: what is above one place does not concern the others. Rules go on below
/// it, where they must do the same in each place, and only what changes neither the rows nor a
/// promised order.
#[derive(Clone)]
pub struct Shared {
    key: u32,
    /// The columns of the input that it gives, in an order that is the same in all places.
    columns: Vec<ColumnId>,
    input: PlanChild,
    pub(crate) schema: SchemaRef,
    origin: Option<Origin>,
}

impl Shared {
    /// A place where a relation is read; those of the same key read the same one.
    pub fn new(key: u32, input: LogicalPlan) -> Self {
        Self {
            key,
            columns: input.schema().fields().iter().map(Field::id).collect(),
            schema: Arc::clone(input.schema()),
            origin: input.origin(),
            input: input.into(),
        }
    }

    /// What tells the shared relations of a plan apart.
    pub fn key(&self) -> u32 {
        self.key
    }

    /// Where the rows come from.
    pub fn input(&self) -> &PlanChild {
        &self.input
    }

    /// The same with only the columns at these positions (ascending), which must be done in all
    /// places.
    #[must_use]
    pub fn with_columns_at(mut self, positions: &[usize]) -> Self {
        let ids = positions.iter().filter_map(|&at| self.columns.get(at));
        self.columns = ids.copied().collect();
        let fields = positions.iter().filter_map(|&at| self.schema.field(at));
        self.schema = Arc::new(fields.cloned().collect());
        self
    }

    /// Where the input has its columns.
    ///
    /// # Errors
    /// `Internal` when it lacks one.
    pub fn positions(&self) -> Result<Vec<usize>> {
        let input = self.input.schema();
        let at = |&id: &ColumnId| input.index_of(id).ok_or_else(|| missing(id, input));
        self.columns.iter().map(at).collect()
    }

    /// Gives the columns other identities: those of the input, and its own with them.
    pub(crate) fn set_ids(&mut self, renew: &mut dyn FnMut(&Schema) -> SchemaRef) {
        self.schema = renew(&self.schema);
        self.columns = self.schema.fields().iter().map(Field::id).collect();
    }
}

fn missing(id: ColumnId, input: &Schema) -> Error {
    Error::internal(format!(
        "a shared relation ({input}) has lost a column ({id:?})"
    ))
}

impl PlanNode for Shared {
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
        // Names and types of a column do not depend on where the input has it.
        self.positions().map(|_| ())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared: {}", self.key)
    }
}
