//! One run of a program over one batch.

use esker_datatypes::{
    Batch, Buffers, Column, DataType, Error, ErrorKind, Result, ScalarValue, Selection,
};
use esker_kernels::boolean;
use esker_kernels::compare::{self, CompareOp};
use esker_kernels::select::{choose, merge};
use esker_logical_expr::{Cast, Expr, apply};

use super::instruction::{Code, Instruction, Operand};
use super::program::{Program, ProgramState};
use super::rows::{Logic, Rows};

/// One run of a program over one batch.
pub(super) struct Run<'a, 'r> {
    pub(super) program: &'a Program,
    pub(super) batch: &'a Batch,
    pub(super) rows: Rows<'r>,
    pub(super) state: &'a mut ProgramState,
    pub(super) buffers: &'a mut Buffers,
}

impl Run<'_, '_> {
    /// Runs a code; its results are operands then.
    pub(super) fn code(&mut self, code: &Code) -> Result<()> {
        // A run that failed may have left something.
        for stale in self.state.registers.iter_mut().filter_map(Option::take) {
            self.buffers.recycle_column(stale);
        }
        self.state.registers.resize_with(code.registers, || None);
        let mut at = 0;
        while let Some(instruction) = code.instructions.get(at) {
            at = self.step(instruction, at + 1)?;
        }
        Ok(())
    }

    /// Runs one instruction and says which one is next: the following one, unless it jumps.
    fn step(&mut self, instruction: &Instruction, following: usize) -> Result<usize> {
        let next = |stay: bool, jump: usize| if stay { following } else { jump };
        match instruction {
            Instruction::Copy { from, to } => {
                let column = self.operand(*from)?;
                self.set(*to, column)?;
            }
            Instruction::Apply {
                node,
                out,
                args,
                to,
            } => {
                let column = self.apply(node, out, args)?;
                self.set(*to, column)?;
            }
            Instruction::Lookup {
                node,
                set,
                negated,
                arg,
                to,
            } => {
                let column = self.operand(*arg)?;
                let found = set
                    .evaluate(&column, *negated, self.rows.current(), self.buffers)
                    .map_err(|e| e.in_expr(node))?;
                self.recycle(*arg, column);
                self.set(*to, found)?;
            }
            Instruction::Save => self.rows.save(),
            Instruction::Restore => self.rows.restore()?,
            Instruction::Narrow {
                logic,
                so_far,
                lazy,
                end,
            } => {
                let column = self.state.registers.get(*so_far).and_then(Option::as_ref);
                let column = column.ok_or_else(|| lost(*so_far))?;
                return Ok(next(self.rows.narrow(*logic, column, *lazy)?, *end));
            }
            Instruction::Combine {
                logic,
                so_far,
                term,
            } => self.combine(*logic, *so_far, *term)?,
            Instruction::Split { condition, skip } => {
                let column = self.operand(*condition)?;
                let some = self.rows.split(&column)?;
                self.recycle(*condition, column);
                return Ok(next(some, *skip));
            }
            Instruction::Next { end } => {
                self.rows.restore()?;
                return Ok(next(!self.rows.current().is_none(), *end));
            }
            Instruction::Merge {
                values,
                height,
                total,
                out,
                to,
            } => {
                let column = self.merge(values, *height, *total, out)?;
                self.set(*to, column)?;
            }
            Instruction::Choose {
                condition,
                value,
                otherwise,
                out,
                to,
            } => {
                let (mask, value, otherwise) = (
                    self.operand(*condition)?,
                    self.operand(*value)?,
                    self.operand(*otherwise)?,
                );
                let column = choose(&mask, &value, &otherwise, out, self.buffers)?;
                self.recycle(*condition, mask);
                self.set(*to, column)?;
            }
            Instruction::Compare {
                node,
                op,
                left,
                right,
            } => {
                let (l, r) = (self.operand(*left)?, self.operand(*right)?);
                compare::select(*op, &l, &r, self.rows.current_mut(), self.buffers)
                    .map_err(|e| e.in_expr(node))?;
                self.recycle(*left, l);
                self.recycle(*right, r);
                return Ok(next(!self.rows.current().is_none(), usize::MAX));
            }
            Instruction::Between {
                node,
                value,
                low,
                high,
            } => {
                let (x, l, h) = (
                    self.operand(*value)?,
                    self.operand(*low)?,
                    self.operand(*high)?,
                );
                for (op, bound) in [(CompareOp::GtEq, &l), (CompareOp::LtEq, &h)] {
                    compare::select(op, &x, bound, self.rows.current_mut(), self.buffers)
                        .map_err(|e| e.in_expr(node))?;
                }
                self.recycle(*value, x);
                self.recycle(*low, l);
                self.recycle(*high, h);
                return Ok(next(!self.rows.current().is_none(), usize::MAX));
            }
            Instruction::Keep { predicate } => {
                let column = self.operand(*predicate)?;
                self.rows.keep(&column)?;
                self.recycle(*predicate, column);
                return Ok(next(!self.rows.current().is_none(), usize::MAX));
            }
        }
        Ok(following)
    }

    fn apply(&mut self, node: &Expr, out: &DataType, args: &[Operand]) -> Result<Column> {
        let mut columns = std::mem::take(&mut self.state.args);
        columns.clear();
        for &arg in args {
            columns.push(self.operand(arg)?);
        }
        let rows = self.rows.len();
        let result = apply(node, &columns, rows, out, self.rows.current(), self.buffers)
            .map_err(|e| explain(e, node))?;
        for (column, &arg) in columns.drain(..).zip(args) {
            self.recycle(arg, column);
        }
        self.state.args = columns;
        Ok(result)
    }

    /// Kleene logic over all rows: on bitmaps that is cheaper than a list of rows is to read, and
    /// rows that the term was not computed for are decided by the terms before it, whatever stands
    /// there.
    fn combine(&mut self, logic: Logic, so_far: usize, term: Operand) -> Result<()> {
        let left = self.operand(Operand::Register(so_far))?;
        let right = self.operand(term)?;
        let all = Selection::all(self.rows.len());
        let both = match logic {
            Logic::And => boolean::and(&left, &right, &all, self.buffers)?,
            Logic::Or => boolean::or(&left, &right, &all, self.buffers)?,
        };
        self.buffers.recycle_column(left);
        self.recycle(term, right);
        self.set(so_far, both)
    }

    fn merge(
        &mut self,
        values: &[Operand],
        height: usize,
        total: bool,
        out: &DataType,
    ) -> Result<Column> {
        let selections = self.rows.take_from(height);
        // Fewer selections than values: all rows had taken a branch before.
        let mut branches = Vec::with_capacity(2);
        for (selection, &value) in selections.into_iter().zip(values) {
            if !selection.is_none() {
                branches.push((selection, self.operand(value)?));
            }
        }
        if let [(_, only)] = branches.as_slice()
            && total
            && only.data_type() == out
        {
            return Ok(only.clone());
        }
        if branches.is_empty() {
            return Ok(Column::constant(ScalarValue::null(out), self.rows.len()));
        }
        let merged = merge(&branches, self.rows.len(), out, self.buffers)?;
        for (_, column) in branches {
            self.buffers.recycle_column(column);
        }
        Ok(merged)
    }

    /// The column of an operand; one in a register is taken out of it.
    pub(super) fn operand(&mut self, operand: Operand) -> Result<Column> {
        match operand {
            Operand::Register(at) => self
                .state
                .registers
                .get_mut(at)
                .and_then(Option::take)
                .ok_or_else(|| lost(at)),
            Operand::Input(at) => {
                let column = self.batch.column(at)?;
                if column.len() == self.rows.len() {
                    return Ok(column.clone());
                }
                Err(Error::internal(format!(
                    "column {at} has {} rows, the selection is of {}",
                    column.len(),
                    self.rows.len()
                )))
            }
            Operand::Literal(at) => match self.program.literals.get(at) {
                Some(value) => Ok(Column::constant(value.clone(), self.rows.len())),
                None => Err(Error::internal(format!("there is no literal {at}"))),
            },
        }
    }

    fn set(&mut self, register: usize, column: Column) -> Result<()> {
        match self.state.registers.get_mut(register) {
            Some(slot) => *slot = Some(column),
            None => return Err(lost(register)),
        }
        Ok(())
    }

    /// Gives the buffers of a value back after its use; those of the batch are not ours.
    fn recycle(&mut self, operand: Operand, column: Column) {
        if let Operand::Register(_) = operand {
            self.buffers.recycle_column(column);
        }
    }
}

fn lost(register: usize) -> Error {
    Error::internal(format!("register {register} is empty"))
}

/// Adds the expression, and the column of a failing cast.
fn explain(error: Error, node: &Expr) -> Error {
    let error = error.in_expr(node);
    if let (ErrorKind::Evaluation { .. }, Expr::Cast(Cast { expr, .. })) = (error.kind(), node)
        && let Expr::Column(column) = expr.unaliased()
    {
        return error.in_column(column.name().as_ref());
    }
    error
}
