//! The first row of each kind.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{ColumnId, Error, Field, Result, SchemaRef};
use esker_logical_expr::{Expr, resolve};

use super::write_list;
use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// One row for each combination of values in some columns: the first in the input's order. Nulls are
/// equal here, as are NaN, and -0.0 and 0.0 (S2, S8).
///
/// The order of the result is promised only with [`maintain_order`](Self::with_maintain_order).
#[derive(Clone)]
pub struct Distinct {
    /// Bare columns; `None` for all columns.
    on: Option<Vec<Expr>>,
    maintain_order: bool,
    sorted: bool,
    input: PlanChild,
    schema: SchemaRef,
    origin: Option<Origin>,
}

impl Distinct {
    /// The rows that differ in the columns `on` (`None`: in any).
    ///
    /// # Errors
    /// `ColumnNotFound`, `AmbiguousColumn`; `InvalidInput` for a key that is no column, or none.
    pub fn try_new(on: Option<Vec<Expr>>, input: LogicalPlan) -> Result<Self> {
        let schema = Arc::clone(input.schema());
        let column = |expr: Expr| -> Result<Expr> {
            let expr = resolve(expr, &schema)?;
            match expr.as_column() {
                Some(_) => Ok(expr),
                None => Err(Error::invalid_input(
                    "distinct takes columns: compute the expression with with_column() first",
                )
                .in_expr(&expr)),
            }
        };
        let on = on.map(|on| on.into_iter().map(column).collect::<Result<Vec<_>>>());
        let on = on.transpose()?;
        if on.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid_input("distinct needs at least one column"));
        }
        Ok(Self {
            on,
            maintain_order: false,
            sorted: false,
            input: input.into(),
            schema,
            origin: None,
        })
    }

    /// The same with the rows in the order of the input, or in any.
    #[must_use]
    pub fn with_maintain_order(mut self, on: bool) -> Self {
        self.maintain_order = on;
        self
    }

    /// The same over input that is claimed to be sorted by the keys, which is verified while
    /// running.
    #[must_use]
    pub fn with_sorted(mut self, sorted: bool) -> Self {
        self.sorted = sorted;
        self
    }

    /// The columns in which rows must differ, unless that is all.
    pub fn on(&self) -> Option<&[Expr]> {
        self.on.as_deref()
    }

    /// The columns in which rows must differ, by identity.
    pub fn key_ids(&self) -> Vec<ColumnId> {
        match &self.on {
            Some(on) => on.iter().filter_map(Expr::as_column).collect(),
            None => self.schema.fields().iter().map(Field::id).collect(),
        }
    }

    /// Whether the result is in the order of the input.
    pub fn maintain_order(&self) -> bool {
        self.maintain_order
    }

    /// Whether the input is claimed to be sorted by the keys.
    pub fn sorted(&self) -> bool {
        self.sorted
    }

    /// Where the rows come from.
    pub fn input(&self) -> &PlanChild {
        &self.input
    }
}

impl PlanNode for Distinct {
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
        self.on.iter().flatten().for_each(f);
    }

    fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        self.on.iter_mut().flatten().for_each(f);
    }

    fn refresh(&mut self) -> Result<()> {
        self.schema = Arc::clone(self.input.schema());
        Ok(())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Distinct")?;
        let mut separator = ": ";
        if let Some(on) = &self.on {
            write!(f, "{separator}on=[")?;
            write_list(f, on)?;
            f.write_str("]")?;
            separator = ", ";
        }
        if self.maintain_order {
            write!(f, "{separator}maintain_order=true")?;
            separator = ", ";
        }
        if self.sorted {
            write!(f, "{separator}sorted=true")?;
        }
        Ok(())
    }
}
