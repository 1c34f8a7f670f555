//! Programs.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{
    Batch, Buffers, Column, DataType, Error, Result, ScalarValue, Schema, Selection, value_type,
};
use esker_logical_expr::Expr;

use super::compile::compile;
use super::instruction::Code;
use super::rows::Rows;
use super::run::Run;

/// Expressions compiled to a flat list of instructions.
///
/// It is immutable and shared by all workers; each has a [`ProgramState`] of its own.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, Int64Array};
/// use esker_datatypes::{Batch, Buffers, Column, DataType, Field, Schema, Selection};
/// use esker_logical_expr::{coerce, col, resolve};
/// use esker_physical_plan::expression::{Program, ProgramState};
///
/// let schema = Schema::new(vec![Field::new("a", DataType::Int64, false)]);
/// let array: ArrayRef = Arc::new(Int64Array::from(vec![0, 3, 4]));
/// let batch = Batch::new(vec![Column::flat(array)], 3);
///
/// let filter = col("a").neq(0i64).and((col("a") % 2i64).eq(0i64));
/// let filter = coerce(resolve(filter, &schema)?, &schema)?.data;
/// let program = Program::compile(&[&filter], &schema)?;
/// let (mut state, mut buffers) = (ProgramState::default(), Buffers::default());
/// let mut selection = Selection::all(3);
/// program.select(&batch, &mut selection, &mut state, &mut buffers)?;
/// assert_eq!(selection.rows(), Some([2].as_slice()));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub struct Program {
    pub(super) exprs: Vec<Expr>,
    pub(super) types: Vec<DataType>,
    /// Positions of the columns that are read, ascending.
    pub(super) inputs: Vec<usize>,
    pub(super) literals: Vec<ScalarValue>,
    /// Makes one column for each expression.
    pub(super) values: Code,
    /// Narrows a selection, when there is one expression and it is a predicate.
    pub(super) filter: Option<Code>,
    pub(super) fallible: bool,
    pub(super) cost: f64,
}

/// What a worker needs to run programs: registers, empty between two runs.
///
/// Any program can use any state; one that always gets the same state allocates least.
#[derive(Debug, Default)]
pub struct ProgramState {
    pub(super) registers: Vec<Option<Column>>,
    pub(super) args: Vec<Column>,
}

impl Program {
    /// Compiles expressions over the columns of `input`: resolved and coerced ones, as the analyzer
    /// leaves them. Column ids become positions in `input`.
    ///
    /// # Errors
    /// `Internal` for a column that is not in `input`, a name that was not resolved, or an
    /// aggregate; `Unsupported` where a list of `IN` cannot be prepared; those of typing.
    pub fn compile(exprs: &[&Expr], input: &Schema) -> Result<Arc<Self>> {
        compile(exprs, input).map(Arc::new)
    }

    /// One column for each expression, of as many rows as the selection is long. What stands in
    /// the rows that are not selected does not matter.
    ///
    /// Only the columns of [`inputs`](Self::inputs) are read; the others of the batch may be
    /// absent. Where no row is selected all may be, as in a batch that only marks the end of a
    /// split.
    ///
    /// # Errors
    /// `Evaluation` for a selected row without a result, naming the smallest expression that has
    /// none.
    pub fn evaluate(
        &self,
        batch: &Batch,
        selection: &Selection,
        state: &mut ProgramState,
        buffers: &mut Buffers,
    ) -> Result<Vec<Column>> {
        if selection.is_none() {
            let types = self.types.iter().map(value_type);
            let nulls = types.map(|t| Column::constant(ScalarValue::null(t), selection.len()));
            return Ok(nulls.collect());
        }
        let rows = Rows::borrowed(selection);
        let mut run = Run {
            program: self,
            batch,
            rows,
            state,
            buffers,
        };
        run.code(&self.values)?;
        self.values
            .results
            .iter()
            .map(|&result| run.operand(result))
            .collect()
    }

    /// Keeps the selected rows where the predicate is TRUE: its conjuncts are tried one after the
    /// other, each on the rows that passed those before it. After an error no row is selected.
    ///
    /// # Errors
    /// `Evaluation` as for [`evaluate`](Self::evaluate); `Internal` unless the program is of one
    /// predicate.
    pub fn select(
        &self,
        batch: &Batch,
        selection: &mut Selection,
        state: &mut ProgramState,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let Some(code) = &self.filter else {
            return Err(Error::internal(format!("{self} is no predicate")));
        };
        if selection.is_none() {
            return Ok(());
        }
        let none = Selection::none(selection.len());
        let rows = Rows::owned(std::mem::replace(selection, none));
        let mut run = Run {
            program: self,
            batch,
            rows,
            state,
            buffers,
        };
        run.code(code)?;
        *selection = run.rows.into_current();
        Ok(())
    }

    /// The positions of the columns that are read, ascending.
    pub fn inputs(&self) -> &[usize] {
        &self.inputs
    }

    /// The types of the results.
    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    /// The expressions that were compiled.
    pub fn exprs(&self) -> &[Expr] {
        &self.exprs
    }

    /// Whether it can fail on a value.
    pub fn is_fallible(&self) -> bool {
        self.fallible
    }

    /// The cost of a row, in units of a comparison of two integers.
    pub fn cost(&self) -> f64 {
        self.cost
    }
}

impl fmt::Display for Program {
    /// The expressions, as in plan text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, expr) in self.exprs.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{expr}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("exprs", &self.exprs)
            .field("inputs", &self.inputs)
            .field("instructions", &self.values.instructions.len())
            .field("registers", &self.values.registers)
            .finish()
    }
}
