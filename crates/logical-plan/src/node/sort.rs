//! The rows in the order of keys.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{Error, Result, SchemaRef};
use esker_logical_expr::{Expr, SortKey, expr_type, resolve};

use super::write_list;
use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// The rows of the input in the order of keys, the first key first: stable, nulls where each key
/// says (S10). With a `fetch` only the first rows of that order, which then takes no full sort.
#[derive(Clone)]
pub struct Sort {
    keys: Vec<SortKey>,
    fetch: Option<u64>,
    input: PlanChild,
    schema: SchemaRef,
    origin: Option<Origin>,
}

impl Sort {
    /// A sort by keys whose names mean columns of the input.
    ///
    /// # Errors
    /// `ColumnNotFound`, `AmbiguousColumn`, `TypeMismatch`; `InvalidInput` when there is no key, or
    /// when one holds an aggregate.
    pub fn try_new(
        keys: impl IntoIterator<Item = SortKey>,
        fetch: Option<u64>,
        input: LogicalPlan,
    ) -> Result<Self> {
        let schema = Arc::clone(input.schema());
        let resolved = |key: SortKey| -> Result<SortKey> {
            let expr = resolve(key.expr.clone(), &schema)?;
            expr_type(&expr, &schema)?;
            if expr.has_aggregate() {
                return Err(Error::invalid_input(
                    "a sort takes no aggregate: aggregate first, then sort its result",
                )
                .in_expr(&expr));
            }
            Ok(key.with_expr(expr))
        };
        let keys: Vec<SortKey> = keys.into_iter().map(resolved).collect::<Result<_>>()?;
        if keys.is_empty() {
            return Err(Error::invalid_input("a sort needs at least one key"));
        }
        Ok(Self {
            keys,
            fetch,
            input: input.into(),
            schema,
            origin: None,
        })
    }

    /// What the rows are sorted by.
    pub fn keys(&self) -> &[SortKey] {
        &self.keys
    }

    /// How many rows are wanted at most.
    pub fn fetch(&self) -> Option<u64> {
        self.fetch
    }

    /// The same sort, of which at most so many rows are wanted.
    #[must_use]
    pub fn with_fetch(mut self, fetch: Option<u64>) -> Self {
        self.fetch = fetch;
        self
    }

    /// Where the rows come from.
    pub fn input(&self) -> &PlanChild {
        &self.input
    }
}

impl PlanNode for Sort {
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
        self.keys.iter().for_each(|key| f(&key.expr));
    }

    fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        self.keys.iter_mut().for_each(|key| f(&mut key.expr));
    }

    fn refresh(&mut self) -> Result<()> {
        self.schema = Arc::clone(self.input.schema());
        Ok(())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sort: ")?;
        write_list(f, &self.keys)?;
        if let Some(fetch) = self.fetch {
            write!(f, "; fetch={fetch}")?;
        }
        Ok(())
    }
}
