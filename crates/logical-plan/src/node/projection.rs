//! Computed columns.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use esker_datatypes::{Error, Field, Name, Result, Schema, SchemaRef};
use esker_logical_expr::{Expr, expr_field, resolve};

use super::write_list;
use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// One column for each expression, computed from the rows of the input, whose order stays.
///
/// A bare column keeps its identity; everything else makes a new one.
#[derive(Clone)]
pub struct Projection {
    exprs: Vec<Expr>,
    qualifier: Option<Name>,
    input: PlanChild,
    pub(crate) schema: SchemaRef,
    origin: Option<Origin>,
}

impl Projection {
    /// A projection whose expressions' names mean columns of the input.
    ///
    /// # Errors
    /// `ColumnNotFound`, `AmbiguousColumn`, `TypeMismatch`; `InvalidInput` when two columns of the
    /// result have the same name, or an expression holds an aggregate.
    pub fn try_new(exprs: impl IntoIterator<Item = Expr>, input: LogicalPlan) -> Result<Self> {
        let exprs: Vec<Expr> = exprs
            .into_iter()
            .map(|e| resolve(e, input.schema()))
            .collect::<Result<_>>()?;
        if let Some(expr) = exprs.iter().find(|e| e.has_aggregate()) {
            return Err(Error::invalid_input(
                "a projection takes no aggregate: aggregate first, then compute with its result",
            )
            .in_expr(expr));
        }
        let fields: Vec<Field> = exprs
            .iter()
            .map(|e| expr_field(e, input.schema()))
            .collect::<Result<_>>()?;
        check_names(&fields)?;
        let schema = Arc::new(Schema::new(fields));
        Ok(Self {
            exprs,
            qualifier: None,
            input: input.into(),
            schema,
            origin: None,
        })
    }

    /// All columns of the input, answering to this qualifier and no other.
    ///
    /// # Errors
    /// `InvalidInput` when two columns of the input have the same name.
    pub fn qualified(qualifier: impl Into<Name>, input: LogicalPlan) -> Result<Self> {
        let qualifier = qualifier.into();
        let exprs = input.schema().fields().iter().map(Expr::column).collect();
        let qualify = |f: &Field| f.clone().with_qualifiers([Arc::clone(&qualifier)]);
        let fields: Vec<Field> = input.schema().fields().iter().map(qualify).collect();
        check_names(&fields)?;
        let schema = Arc::new(Schema::new(fields));
        Ok(Self {
            exprs,
            qualifier: Some(qualifier),
            input: input.into(),
            schema,
            origin: None,
        })
    }

    /// Resolved expressions as these columns, whose names must differ.
    pub(super) fn of_fields(
        exprs: Vec<Expr>,
        fields: Vec<Field>,
        input: LogicalPlan,
    ) -> Result<Self> {
        check_names(&fields)?;
        Self::from_parts(exprs, Arc::new(Schema::new(fields)), input.into())
    }

    /// A projection whose columns are known: what a rule makes of others. The expressions are
    /// resolved, and the fields are theirs, id and name included.
    ///
    /// # Errors
    /// `Internal` when there are not as many fields as expressions.
    pub fn from_parts(exprs: Vec<Expr>, schema: SchemaRef, input: PlanChild) -> Result<Self> {
        if exprs.len() != schema.len() {
            return Err(Error::internal(format!(
                "{} expressions for {} columns",
                exprs.len(),
                schema.len()
            )));
        }
        Ok(Self {
            exprs,
            qualifier: None,
            input,
            schema,
            origin: None,
        })
    }

    /// The expressions, one a column.
    pub fn exprs(&self) -> &[Expr] {
        &self.exprs
    }

    /// The qualifier it gives its columns.
    pub fn qualifier(&self) -> Option<&Name> {
        self.qualifier.as_ref()
    }

    /// Where the rows come from.
    pub fn input(&self) -> &PlanChild {
        &self.input
    }

    /// The expressions, the schema, the input, and the call that made the node.
    pub fn into_parts(self) -> (Vec<Expr>, SchemaRef, PlanChild, Option<Origin>) {
        (self.exprs, self.schema, self.input, self.origin)
    }
}

/// Whether qualifiers tell two columns of the same name apart.
pub(super) fn apart(a: &Field, b: &Field) -> bool {
    let (a, b) = (a.qualifiers(), b.qualifiers());
    !a.is_empty() && !b.is_empty() && a.iter().all(|qualifier| !b.contains(qualifier))
}

/// Two columns may share a name only where qualifiers tell them apart.
pub(super) fn check_names(fields: &[Field]) -> Result<()> {
    let mut seen: HashMap<&str, Vec<&Field>> = HashMap::with_capacity(fields.len());
    for field in fields {
        let others = seen.entry(field.name()).or_default();
        if !others.iter().all(|other| apart(other, field)) {
            return Err(Error::invalid_input(format!(
                "two columns are named '{}': give one another name with .alias(..)",
                field.qualified_name()
            )));
        }
        others.push(field);
    }
    Ok(())
}

impl PlanNode for Projection {
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
        self.exprs.iter().for_each(f);
    }

    fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        self.exprs.iter_mut().for_each(f);
    }

    fn refresh(&mut self) -> Result<()> {
        // Names, types and ids of the result do not depend on where the input has its columns.
        Ok(())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Projection: ")?;
        write_list(f, &self.exprs)?;
        if let Some(qualifier) = &self.qualifier {
            write!(f, "; alias={qualifier}")?;
        }
        Ok(())
    }
}
