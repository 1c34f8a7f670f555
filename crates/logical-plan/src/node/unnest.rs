//! One row for each value of a list.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{ColumnId, DataType, Error, Field, Result, Schema, SchemaRef, value_type};
use esker_logical_expr::{Expr, resolve};

use super::write_list;
use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// One row for each value of a row's list, which takes the list's place; the other columns repeat.
/// A null or empty list gives one row of null (S16). The order of the rows is that of the input, and
/// within a row that of the list.
///
/// Of several columns the lists are read side by side: those of a row must have as many values, of
/// which a null or empty list counts as one.
#[derive(Clone)]
pub struct Unnest {
    /// Bare columns, no two the same.
    columns: Vec<Expr>,
    /// Those that take their places.
    values: Vec<ColumnId>,
    input: PlanChild,
    /// The columns of the input that the schema was made of.
    made_of: SchemaRef,
    schema: SchemaRef,
    origin: Option<Origin>,
}

impl Unnest {
    /// The rows with the values of these columns, which are lists.
    ///
    /// # Errors
    /// `ColumnNotFound`, `AmbiguousColumn`; `TypeMismatch` for a column that is no list;
    /// `InvalidInput` for an expression that is no column, a column named twice, or none.
    pub fn try_new(columns: impl IntoIterator<Item = Expr>, input: LogicalPlan) -> Result<Self> {
        let schema = input.schema();
        let mut found: Vec<Expr> = Vec::new();
        for column in columns {
            let column = resolve(column, schema)?;
            let Some(field) = column.as_column().and_then(|id| schema.field_of(id)) else {
                return Err(Error::invalid_input(
                    "explode takes columns: compute the expression with with_column() first",
                )
                .in_expr(&column));
            };
            element_of(field, schema)?;
            if found.iter().any(|other| other.same_as(&column)) {
                return Err(Error::invalid_input(format!(
                    "explode takes each column once, not {} twice",
                    field.qualified_name()
                )));
            }
            found.push(column);
        }
        if found.is_empty() {
            return Err(Error::invalid_input("explode needs at least one column"));
        }
        let mut node = Self {
            values: found.iter().map(|_| ColumnId::fresh()).collect(),
            columns: found,
            schema: Arc::default(),
            made_of: Arc::default(),
            input: input.into(),
            origin: None,
        };
        node.refresh()?;
        Ok(node)
    }

    /// The columns of lists, bare and of the input.
    pub fn columns(&self) -> &[Expr] {
        &self.columns
    }

    /// Where the input has its columns of lists: the result has their values in the same places.
    pub fn positions(&self) -> Vec<usize> {
        let ids = self.columns.iter().filter_map(Expr::as_column);
        ids.filter_map(|id| self.input.schema().index_of(id))
            .collect()
    }

    /// Whether it can fail on a row: lists that are read side by side may differ in length.
    pub fn is_fallible(&self) -> bool {
        self.columns.len() > 1
    }

    /// Where the rows come from.
    pub fn input(&self) -> &PlanChild {
        &self.input
    }

    /// Gives the columns of values other identities.
    pub(crate) fn set_ids(&mut self, mut renew: impl FnMut(ColumnId) -> ColumnId) {
        self.values.iter_mut().for_each(|id| *id = renew(*id));
        self.made_of = Arc::default();
    }
}

/// The column of a list's values.
fn element_of(field: &Field, schema: &Schema) -> Result<Field> {
    let element = element_type(field.data_type()).ok_or_else(|| {
        let fields = schema.fields().iter();
        let lists = fields.filter(|field| element_type(field.data_type()).is_some());
        let lists: Vec<String> = lists.map(Field::qualified_name).collect();
        let hint = match lists.is_empty() {
            true => "no column is a list".to_owned(),
            false => format!("lists are {}", lists.join(", ")),
        };
        Error::type_mismatch(format!(
            "explode takes lists, and {} is {}: {hint}",
            field.qualified_name(),
            field.data_type()
        ))
    })?;
    let element = field.clone().with_type(element.clone());
    Ok(element.with_nullable(true))
}

/// The type of a list's values.
fn element_type(data_type: &DataType) -> Option<&DataType> {
    match value_type(data_type) {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Some(field.data_type())
        }
        _ => None,
    }
}

impl PlanNode for Unnest {
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
        self.columns.iter().for_each(f);
    }

    fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        self.columns.iter_mut().for_each(f);
    }

    fn refresh(&mut self) -> Result<()> {
        let input = self.input.schema();
        if Arc::ptr_eq(input, &self.made_of) {
            return Ok(());
        }
        let lists: Vec<Option<ColumnId>> = self.columns.iter().map(Expr::as_column).collect();
        if let Some(lost) = self.columns.iter().zip(&lists).find_map(|(expr, id)| {
            let there = id.is_some_and(|id| input.index_of(id).is_some());
            (!there).then_some(expr)
        }) {
            return Err(Error::internal(format!(
                "a list ({lost}) is not in ({input})"
            )));
        }
        let field = |field: &Field| {
            let at = lists.iter().position(|id| *id == Some(field.id()));
            match at.and_then(|at| self.values.get(at)) {
                Some(id) => Ok(element_of(field, input)?.with_id(*id)),
                None => Ok(field.clone()),
            }
        };
        let fields: Result<Vec<Field>> = input.fields().iter().map(field).collect();
        self.schema = Arc::new(Schema::new(fields?));
        self.made_of = Arc::clone(input);
        Ok(())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unnest: ")?;
        write_list(f, &self.columns)
    }
}
