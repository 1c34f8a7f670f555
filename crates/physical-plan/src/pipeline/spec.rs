//! A chain as the plan describes it.

use std::sync::Arc;

use esker_datatypes::Error;
use esker_logical_plan::Origin;

use super::chain_run::ChainRun;
use super::traits::{Operator, Source};

/// A source and the operators behind it, as the plan describes them.
#[derive(Clone, Debug)]
pub struct ChainSpec {
    /// Where the batches come from.
    pub source: StageSpec<Arc<dyn Source>>,
    /// What they pass through, in order.
    pub operators: Vec<StageSpec<Arc<dyn Operator>>>,
    /// What kind of source it is.
    pub(crate) feed: Feed,
    /// What the workers share.
    pub(crate) run: Arc<ChainRun>,
}

/// What kind of source a chain has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    /// One that gives splits of its own.
    Leaf,
    /// The chains of a union.
    Union,
    /// The chains of a join, which count for themselves what they do.
    Join,
}

impl ChainSpec {
    /// The number by which a stage behind the chain's last operator is known to the run.
    pub(crate) fn sink_stage(&self) -> usize {
        self.operators.len() + 1
    }

    /// An error of the stage that the run knows by this number.
    pub(crate) fn annotate_at(&self, stage: usize, error: Error) -> Error {
        match stage.checked_sub(1) {
            None => self.source.annotate(error),
            Some(at) => match self.operators.get(at) {
                Some(operator) => operator.annotate(error),
                None => error,
            },
        }
    }
}

/// A stage of a chain and the plan node it belongs to.
#[derive(Clone, Debug)]
pub struct StageSpec<T> {
    /// What runs.
    pub stage: T,
    /// The id of the plan node.
    pub id: u32,
    /// The name of the plan node.
    pub name: Arc<str>,
    /// The call that made the plan node.
    pub origin: Option<Origin>,
}

impl StageSpec<()> {
    /// The same stage with what runs.
    pub(crate) fn with<T>(self, stage: T) -> StageSpec<T> {
        let Self {
            id,
            name,
            origin,
            stage: (),
        } = self;
        StageSpec {
            stage,
            id,
            name,
            origin,
        }
    }
}

impl<T> StageSpec<T> {
    pub(crate) fn annotate(&self, error: Error) -> Error {
        match self.origin {
            Some(origin) => origin.annotate(error),
            None => error,
        }
    }
}
