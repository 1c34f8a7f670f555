//! Pairs each row with each: cross joins, and joins on conditions other than equality.

use std::sync::Arc;

use esker_datatypes::{Batch, Result};
use esker_runtime::TaskContext;

use super::build::BuildSink;
use super::built::Built;
use super::probe::{Candidates, LocalProbe};
use super::{JoinSpec, Shared, role};
use crate::pipeline::{LocalOperator, Operator};
use crate::plan::Role;

/// The probe of a join without keys: every row of the build side is a candidate.
#[derive(Debug)]
pub struct NestedLoopJoinExec {
    shared: Arc<Shared>,
}

impl NestedLoopJoinExec {
    /// The role of a join whose pairs are all those that meet its condition.
    ///
    /// # Errors
    /// Those of compiling the condition.
    pub fn role(spec: &JoinSpec) -> Result<Role> {
        let shared = Arc::new(Shared::new(spec, "NestedLoopJoinExec")?);
        let build = BuildSink::new(Arc::clone(&shared), None);
        let probe = Arc::new(Self {
            shared: Arc::clone(&shared),
        });
        Ok(role(shared, build, probe))
    }
}

impl Operator for NestedLoopJoinExec {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        Ok(Box::new(LocalProbe::new(Arc::clone(&self.shared), AllRows)))
    }
}

struct AllRows;

impl Candidates for AllRows {
    fn find(&mut self, _input: &Batch, _built: &Built, _cx: &mut TaskContext) -> Result<()> {
        Ok(())
    }

    fn of<'a>(&'a self, built: &'a Built, _slot: usize) -> &'a [u32] {
        &built.all
    }
}
