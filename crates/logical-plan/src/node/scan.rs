//! The rows of a source.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{ColumnId, Error, Field, Name, Result, Schema, SchemaRef};
use esker_logical_expr::Expr;

use super::write_list;
use crate::plan::{Origin, PlanChild, PlanNode};
use crate::source::TableSource;

/// The rows of a source: all of its columns or some, all of its rows or those that pass filters.
#[derive(Clone)]
pub struct Scan {
    name: Name,
    source: Arc<dyn TableSource>,
    /// All columns of the source, each with its identity in this plan.
    columns: SchemaRef,
    projection: Option<Vec<usize>>,
    filters: Vec<PushedFilter>,
    limit: Option<u64>,
    schema: SchemaRef,
    origin: Option<Origin>,
}

/// A filter that a scan applies itself.
#[derive(Clone, Debug)]
pub struct PushedFilter {
    /// The resolved predicate.
    pub expr: Expr,
    /// The call that asked for it: an error in the scan shows that one.
    pub origin: Option<Origin>,
}

impl From<Expr> for PushedFilter {
    /// A filter that no call asked for.
    fn from(expr: Expr) -> Self {
        Self { expr, origin: None }
    }
}

impl Scan {
    /// All rows and columns of a source, under a name for display.
    pub fn new(name: impl Into<Name>, source: Arc<dyn TableSource>) -> Self {
        let fresh = |f: &Field| f.clone().with_id(ColumnId::fresh());
        let columns: SchemaRef = Arc::new(source.schema().fields().iter().map(fresh).collect());
        Self {
            name: name.into(),
            source,
            schema: Arc::clone(&columns),
            columns,
            projection: None,
            filters: Vec::new(),
            limit: None,
            origin: None,
        }
    }

    /// The same scan of these columns only, by position in the source, ascending.
    ///
    /// # Errors
    /// `Internal` when a position does not exist.
    pub fn with_projection(mut self, projection: Vec<usize>) -> Result<Self> {
        let fields = projection.iter().map(|&i| {
            self.columns.field(i).cloned().ok_or_else(|| {
                Error::internal(format!("column {i} of a source of {}", self.columns.len()))
            })
        });
        self.schema = Arc::new(Schema::new(fields.collect::<Result<_>>()?));
        self.projection = Some(projection);
        Ok(self)
    }

    /// The same scan of only the rows for which all of these resolved predicates are TRUE. They may
    /// use columns that the projection leaves out.
    #[must_use]
    pub fn with_filters(
        mut self,
        filters: impl IntoIterator<Item = impl Into<PushedFilter>>,
    ) -> Self {
        self.filters = filters.into_iter().map(Into::into).collect();
        self
    }

    /// The same scan of at least the first `limit` rows (of those that pass the filters). A source
    /// may give more.
    #[must_use]
    pub fn with_limit(mut self, limit: Option<u64>) -> Self {
        self.limit = limit;
        self
    }

    /// The name for display.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The source.
    pub fn source(&self) -> &Arc<dyn TableSource> {
        &self.source
    }

    /// All columns of the source, in its order.
    pub fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// The positions in the source of the columns delivered; `None` for all.
    pub fn projection(&self) -> Option<&[usize]> {
        self.projection.as_deref()
    }

    /// The filters pushed down.
    pub fn filters(&self) -> &[PushedFilter] {
        &self.filters
    }

    /// The limit pushed down.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Gives the columns other identities; the filters follow.
    pub(crate) fn set_ids(&mut self, renew: &mut dyn FnMut(&Schema) -> SchemaRef) {
        self.columns = renew(&self.columns);
        self.schema = renew(&self.schema);
    }
}

impl PlanNode for Scan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn origin(&self) -> Option<Origin> {
        self.origin
    }

    fn set_origin(&mut self, origin: Option<Origin>) {
        self.origin = origin;
    }

    fn for_each_input<'a>(&'a self, _f: &mut dyn FnMut(&'a PlanChild)) {}

    fn for_each_input_mut(&mut self, _f: &mut dyn FnMut(&mut PlanChild)) {}

    fn for_each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.filters.iter().for_each(|filter| f(&filter.expr));
    }

    fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        self.filters
            .iter_mut()
            .for_each(|filter| f(&mut filter.expr));
    }

    fn refresh(&mut self) -> Result<()> {
        Ok(())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scan: {}; projection=", self.name)?;
        if self.projection.is_some() {
            f.write_str("[")?;
            write_list(f, self.schema.fields().iter().map(Field::name))?;
            f.write_str("]")?;
        } else {
            f.write_str("None")?;
        }
        if !self.filters.is_empty() {
            f.write_str("; filters=[")?;
            write_list(f, self.filters.iter().map(|filter| &filter.expr))?;
            f.write_str("]")?;
        }
        if let Some(limit) = self.limit {
            write!(f, "; limit={limit}")?;
        }
        Ok(())
    }
}
