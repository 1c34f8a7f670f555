//! Groups rows and aggregates them.
//!
//! Each worker has a hash table of its own, with the states of all its groups in columns; one in which
//! hardly any two rows have met is set aside when it has grown, and the worker begins another. When the
//! input has ended the tables become one; where that would be much work for one thread, the groups
//! are cut by the hashes of their keys into parts, which are merged side by side (`finish.rs`). Where
//! the input is sorted by the keys, the tables do not hash, and only the few groups that several
//! workers have met are merged (`shared_keys.rs`). The result is computed when it is asked for, by
//! the batch (`output.rs`).
//! (Leis et al., *Morsel-Driven Parallelism*, SIGMOD 2014, section 4.4.)

/// Groups cut by hash, and merged piece by piece.
mod cut;
/// From the groups of all workers to the output.
mod finish;
/// Columns kept of first rows.
mod first_rows;
/// Keys and states.
mod groups;
/// Groups in the order of their first rows.
mod order;
/// What comes out.
mod output;
/// Tables that share hardly any key.
mod shared_keys;
/// What is asked for.
mod spec;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use esker_datatypes::{Batch, Result};
use esker_runtime::TaskContext;

use self::cut::Cut;
use self::finish::{Phase, Worker};
use self::output::{GroupSource, Output};
pub(crate) use self::spec::{Grouping, GroupingOptions};
use super::position::Positions;
use crate::expression::ProgramState;
use crate::pipeline::{FinalizeTask, LocalSink, Sink, SinkStatus, Source, Streaming};

/// One row for each group of rows with equal keys: the keys, then the results of aggregates.
/// Without keys one row, also when there is no input.
///
/// Keys and arguments are computed under the batch's selection. Sums that do not fit their type are
/// an error where the group comes out. Groups come in no promised order, or with `maintain_order` in
/// that of their first rows.
pub struct HashAggregateExec {
    shared: Arc<Shared>,
}

struct Shared {
    spec: Arc<Grouping>,
    phase: Mutex<Phase>,
    output: Arc<OnceLock<Output>>,
}

impl fmt::Debug for HashAggregateExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shared.spec, f)
    }
}

impl HashAggregateExec {
    /// A sink of these groups.
    pub(crate) fn new(spec: Grouping) -> Self {
        Self {
            shared: Arc::new(Shared {
                spec: Arc::new(spec),
                phase: Mutex::default(),
                output: Arc::default(),
            }),
        }
    }
}

impl Shared {
    /// Takes the phase out; whoever works on it puts the next one in.
    fn take_phase(&self) -> Phase {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *phase)
    }

    /// Takes the groups of a worker.
    fn collect(&self, worker: Worker) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        phase.collect(worker);
    }

    /// Takes the groups of a table that a worker has done with.
    fn set_aside(&self, groups: Cut) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        phase.set_aside(groups);
    }

    fn set_phase(&self, next: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

impl Sink for HashAggregateExec {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        let spec = &self.shared.spec;
        Ok(Box::new(LocalAggregate {
            worker: Worker::new(spec, cx)?,
            rows: 0,
            program: ProgramState::default(),
            positions: Positions::default(),
            shared: Arc::clone(&self.shared),
        }))
    }

    fn finalize(&self, _stage: usize, cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        loop {
            let step = self.shared.take_phase().step(&self.shared.spec, cx)?;
            if let Phase::Done(parts) = step.next {
                // Set once: the last phase.
                let _ = self.shared.output.set(Output::new(parts));
                return Ok(Vec::new());
            }
            self.shared.set_phase(step.next);
            if !step.tasks.is_empty() {
                return Ok(step.tasks);
            }
        }
    }

    fn abort(&self) {
        drop(self.shared.take_phase());
    }

    fn output_source(&self) -> Option<Arc<dyn Source>> {
        Some(Arc::new(GroupSource {
            spec: Arc::clone(&self.shared.spec),
            output: Arc::clone(&self.shared.output),
        }))
    }

    fn held(&self) -> u64 {
        self.shared.output.get().map_or(0, |output| output.bytes)
    }

    fn streaming(&self) -> Streaming {
        Streaming::Refuse("groups are complete when their input has ended")
    }
}

struct LocalAggregate {
    shared: Arc<Shared>,
    worker: Worker,
    /// How many rows its table has seen.
    rows: usize,
    program: ProgramState,
    positions: Positions,
}

impl LocalSink for LocalAggregate {
    fn consume(&mut self, input: &mut Batch, cx: &mut TaskContext) -> Result<SinkStatus> {
        let spec = &self.shared.spec;
        let positions = if spec.needs_positions() {
            self.positions.next(input.order(), input.rows())?
        } else {
            Range::default()
        };
        if input.selected() == 0 {
            return Ok(SinkStatus::NeedInput);
        }
        let (selection, buffers) = (input.selection(), &mut cx.buffers);
        let columns = spec
            .program
            .evaluate(input, selection, &mut self.program, buffers)?;
        let Worker {
            groups,
            held_by_groups,
            first_rows,
            held_by_rows,
        } = &mut self.worker;
        groups.assign(spec, &columns, selection, held_by_groups, buffers)?;
        groups.update(spec, &columns, positions, selection, first_rows, buffers)?;
        for column in columns {
            buffers.recycle_column(column);
        }
        held_by_groups.try_resize(groups.size() as u64)?;
        held_by_rows.try_resize(first_rows.size() as u64)?;
        self.rows += input.selected();
        if self.is_full() {
            let empty = Worker::new(spec, cx)?;
            let full = std::mem::replace(&mut self.worker, empty);
            let aside = full.set_aside(spec, &mut self.worker, cx)?;
            self.shared.set_aside(aside);
            self.rows = 0;
        }
        Ok(SinkStatus::NeedInput)
    }

    fn combine(self: Box<Self>, _cx: &mut TaskContext) -> Result<()> {
        let Self { shared, worker, .. } = *self;
        if worker.groups.len() > 0 {
            shared.collect(worker);
        }
        Ok(())
    }
}

impl LocalAggregate {
    /// Whether the table is to be set aside.
    fn is_full(&self) -> bool {
        let (spec, groups) = (&self.shared.spec, &self.worker.groups);
        let few = groups.len() < spec.options.aside || groups.len() * 10 < self.rows * 9;
        // First rows are numbered by worker, and ascending keys are found without a table.
        !few && !spec.keeps_firsts() && groups.ascending().is_none()
    }
}
