//! Computes columns.

use std::sync::Arc;

use esker_datatypes::{Batch, Result};
use esker_runtime::TaskContext;

use crate::expression::{Program, ProgramState};
use crate::pipeline::{LocalOperator, OpStatus, Operator};

/// Replaces the columns of each batch by computed ones, for the selected rows; the selection stays.
#[derive(Debug)]
pub struct ProjectionExec {
    program: Arc<Program>,
}

impl ProjectionExec {
    /// A projection by a program of one result a column.
    pub fn new(program: Arc<Program>) -> Self {
        Self { program }
    }
}

impl Operator for ProjectionExec {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        let program = Arc::clone(&self.program);
        Ok(Box::new(LocalProjection {
            program,
            state: ProgramState::default(),
        }))
    }
}

struct LocalProjection {
    program: Arc<Program>,
    state: ProgramState,
}

impl LocalOperator for LocalProjection {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        let selection = input.selection();
        let columns = self
            .program
            .evaluate(input, selection, &mut self.state, &mut cx.buffers)?;
        out.replace(columns, input.rows());
        std::mem::swap(out.selection_mut(), input.selection_mut());
        out.set_stream(input.stream().cloned());
        Ok(OpStatus::NeedInput)
    }
}
