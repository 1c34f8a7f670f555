//! Keeps the rows for which a predicate is true.

use std::sync::Arc;

use esker_datatypes::{Batch, Result, Selection};
use esker_runtime::TaskContext;

use crate::expression::{Program, ProgramState};
use crate::pipeline::{LocalOperator, OpStatus, Operator};

/// Narrows the selection of each batch to the rows for which the predicate is TRUE; copies nothing.
#[derive(Debug)]
pub struct FilterExec {
    predicate: Arc<Program>,
}

impl FilterExec {
    /// A filter by a program of one truth value.
    pub fn new(predicate: Arc<Program>) -> Self {
        Self { predicate }
    }
}

impl Operator for FilterExec {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        let predicate = Arc::clone(&self.predicate);
        Ok(Box::new(LocalFilter {
            predicate,
            state: ProgramState::default(),
        }))
    }
}

struct LocalFilter {
    predicate: Arc<Program>,
    state: ProgramState,
}

impl LocalOperator for LocalFilter {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        let all = Selection::all(input.rows());
        let mut selection = std::mem::replace(input.selection_mut(), all);
        self.predicate
            .select(input, &mut selection, &mut self.state, &mut cx.buffers)?;
        std::mem::swap(input, out);
        *out.selection_mut() = selection;
        Ok(OpStatus::NeedInput)
    }
}
