//! The rows of several relations, one after the other.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{Error, Field, Result, Schema, SchemaRef, common_type};
use esker_logical_expr::Expr;

use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// The rows of all inputs, in the order of the inputs; duplicates stay.
///
/// Columns are matched by position: their names must agree, their types go to the common type.
#[derive(Clone)]
pub struct Union {
    inputs: Vec<PlanChild>,
    pub(crate) schema: SchemaRef,
    origin: Option<Origin>,
}

impl Union {
    /// The union of these inputs, at least one. Inputs that share columns with an earlier one get
    /// columns of their own.
    ///
    /// # Errors
    /// `InvalidInput` when there is no input, or when the inputs differ in the number or the names
    /// of their columns; `TypeMismatch` when types have no common one. The error names the first
    /// column that differs.
    pub fn try_new(inputs: impl IntoIterator<Item = LogicalPlan>) -> Result<Self> {
        let mut own: Vec<LogicalPlan> = Vec::new();
        for input in inputs {
            let shares = own.iter().any(|other| other.shares_columns_with(&input));
            own.push(if shares {
                input.with_fresh_ids()?
            } else {
                input
            });
        }
        let schema = Arc::new(Self::common_schema(own.iter())?);
        Ok(Self {
            inputs: own.into_iter().map(PlanChild::new).collect(),
            schema,
            origin: None,
        })
    }

    /// A union whose columns are known: what a rule makes of another.
    pub fn from_parts(inputs: Vec<PlanChild>, schema: SchemaRef) -> Self {
        Self {
            inputs,
            schema,
            origin: None,
        }
    }

    fn common_schema<'a>(inputs: impl IntoIterator<Item = &'a LogicalPlan>) -> Result<Schema> {
        let mut inputs = inputs.into_iter();
        let Some(first) = inputs.next() else {
            return Err(Error::invalid_input("a union needs at least one input"));
        };
        let fresh = |f: &Field| {
            Field::new(Arc::clone(f.name()), f.data_type().clone(), f.nullable())
                .with_qualifiers(f.qualifiers())
        };
        let mut fields: Vec<Field> = first.schema().fields().iter().map(fresh).collect();
        for input in inputs {
            let other = input.schema();
            for (i, (field, other)) in fields.iter_mut().zip(other.fields()).enumerate() {
                if field.name() != other.name() {
                    return Err(Error::invalid_input(format!(
                        "union matches columns by position: column {} is '{}' on the left and \
                         '{}' on the right",
                        i + 1,
                        field.name(),
                        other.name()
                    )));
                }
                let Some(common) = common_type(field.data_type(), other.data_type()) else {
                    return Err(Error::type_mismatch(format!(
                        "union: column '{}' is {} on the left and {} on the right, which have no \
                         common type",
                        field.name(),
                        field.data_type(),
                        other.data_type()
                    )));
                };
                // A type that both sides declare alike passes through, wrappers included.
                let common = if field.data_type() == other.data_type() {
                    field.data_type().clone()
                } else {
                    common
                };
                let nullable = field.nullable() || other.nullable();
                *field = field.clone().with_type(common).with_nullable(nullable);
            }
            if fields.len() != other.len() {
                let (longer, side) = if fields.len() > other.len() {
                    (fields.get(other.len()), "left")
                } else {
                    (other.fields().get(fields.len()), "right")
                };
                return Err(Error::invalid_input(format!(
                    "union needs the same columns on both sides: {} on the left, {} on the right; \
                     '{}' is only on the {side}",
                    fields.len(),
                    other.len(),
                    longer.map(|f| f.name().as_ref()).unwrap_or_default(),
                )));
            }
        }
        Ok(Schema::new(fields))
    }

    /// Where the rows come from.
    pub fn inputs(&self) -> &[PlanChild] {
        &self.inputs
    }

    /// The inputs, the schema, and the call that made the node.
    pub fn into_parts(self) -> (Vec<PlanChild>, SchemaRef, Option<Origin>) {
        (self.inputs, self.schema, self.origin)
    }
}

impl PlanNode for Union {
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
        self.inputs.iter().for_each(f);
    }

    fn for_each_input_mut(&mut self, f: &mut dyn FnMut(&mut PlanChild)) {
        self.inputs.iter_mut().for_each(f);
    }

    fn for_each_expr<'a>(&'a self, _f: &mut dyn FnMut(&'a Expr)) {}

    fn for_each_expr_mut(&mut self, _f: &mut dyn FnMut(&mut Expr)) {}

    fn refresh(&mut self) -> Result<()> {
        let len = self.schema.len();
        match self.inputs.iter().find(|input| input.schema().len() != len) {
            None => Ok(()),
            Some(input) => Err(Error::internal(format!(
                "a union of {len} columns has an input of {}",
                input.schema().len()
            ))),
        }
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Union")
    }
}
