//! A chain: a source and the operators behind it, driven by one worker.

use std::sync::Arc;

use esker_datatypes::{Batch, Error, Order, Result};
use esker_runtime::{Stopwatch, TaskContext};

use super::chain_run::{BEHIND_ALL, ChainRun};
use super::compact::Compact;
use super::spec::{ChainSpec, Feed};
use super::stage::{Stage, StageMetrics, nanos, says_something};
use super::traits::{LocalSource, OpStatus, SourceStatus};

/// One worker's chain: gives the batches of its last operator, one by one.
pub(crate) struct Chain {
    spec: Arc<ChainSpec>,
    source: Box<dyn LocalSource>,
    source_metrics: Option<StageMetrics>,
    stages: Vec<Stage>,
    /// What the source gave last: the input of the first stage.
    input: Batch,
    phase: Phase,
    /// The split being driven.
    ordinal: u64,
    /// That split has been read to its end, and no other begun.
    between: bool,
    /// The stage, as the run knows it, that had all it wanted and made this worker stop reading.
    finished_by: usize,
    /// How many stages a failure has ended, from the source on.
    failed: usize,
    /// The stage that ran last, for whoever asks after a panic: 0 for the source.
    at: usize,
    left: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// No more is read; the stages up to this one are flushed.
    Flushing(usize),
    Done,
}

/// How many steps without output there may be before the driver has a look at other things.
const FRUITLESS_STEPS: usize = 16;

impl Chain {
    /// Opens a chain for one worker; `None` when it is already over, or when opening failed, which
    /// the run knows then. The last stage's output is compacted when `dense`.
    pub(crate) fn open(
        spec: &Arc<ChainSpec>,
        dense: bool,
        batch_size: usize,
        cx: &mut TaskContext,
    ) -> Option<Self> {
        if !spec.run.enter(cx) {
            return None;
        }
        let opened = Self::open_stages(spec, dense, batch_size, cx);
        opened
            .map_err(|(stage, error)| {
                // In this order: whoever finds the chain over must find out why.
                spec.run.fail(stage, 0, error);
                spec.run.leave();
            })
            .ok()
    }

    fn open_stages(
        spec: &Arc<ChainSpec>,
        dense: bool,
        batch_size: usize,
        cx: &mut TaskContext,
    ) -> Result<Self, (usize, Error)> {
        let source = spec.source.stage.open(cx);
        let source = source.map_err(|e| (0, spec.source.annotate(e)))?;
        let source_metrics = (spec.feed != Feed::Join).then(|| StageMetrics::of(&spec.source, cx));
        let mut stages = Vec::with_capacity(spec.operators.len());
        let compact = |spec| Stage::new(Box::new(Compact::new(batch_size)), true, spec, None);
        for (i, operator) in spec.operators.iter().enumerate() {
            if operator.stage.needs_dense() {
                stages.push(compact(i));
            }
            let local = operator.stage.open(cx);
            let local = local.map_err(|e| (i + 1, operator.annotate(e)))?;
            let keeps_order = operator.stage.keeps_order_itself();
            let metrics = StageMetrics::of(operator, cx);
            stages.push(Stage::new(local, keeps_order, i, Some(metrics)));
        }
        if dense {
            stages.push(compact(spec.operators.len()));
        }
        Ok(Self {
            spec: Arc::clone(spec),
            source,
            source_metrics,
            stages,
            input: Batch::default(),
            phase: Phase::Running,
            ordinal: 0,
            between: spec.feed == Feed::Leaf,
            finished_by: 0,
            failed: 0,
            at: 0,
            left: false,
        })
    }

    /// The shared state of the chain's workers.
    pub(crate) fn run(&self) -> &ChainRun {
        &self.spec.run
    }

    /// The split being driven.
    pub(crate) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The split of which the stage that ran last was given rows.
    pub(crate) fn current_ordinal(&self) -> u64 {
        let mut stages = self.stages.iter().rev();
        let stage = stages.find(|stage| stage.spec + 1 == self.at);
        stage.map_or(self.ordinal, |stage| stage.input().ordinal)
    }

    /// The name of the plan node that ran last.
    pub(crate) fn current_name(&self) -> Arc<str> {
        let operator = self.at.checked_sub(1);
        let operator = operator.and_then(|at| self.spec.operators.get(at));
        let source = || &self.spec.source.name;
        Arc::clone(operator.map_or_else(source, |operator| &operator.name))
    }

    /// The number by which the stage that ran last is known to the run.
    pub(crate) fn current_stage(&self) -> usize {
        self.at
    }

    /// An error of the plan node that ran last.
    pub(crate) fn annotate_current(&self, error: Error) -> Error {
        self.spec.annotate_at(self.at, error)
    }

    /// Puts the next batch into `out`: one without rows or mark when it is time that the driver has
    /// a look around. An error of a stage is recorded with the run and ends this worker's part like
    /// the end of the input; whoever sees the run over asks for its outcome.
    pub(crate) fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> SourceStatus {
        for _ in 0..FRUITLESS_STEPS {
            self.look_around();
            let step = match (self.phase, self.last_pending()) {
                (Phase::Done, _) => {
                    return SourceStatus::Finished {
                        splits: self.run().splits().unwrap_or(0),
                    };
                }
                (_, Some(stage)) => self.push_from(stage, out, cx),
                (Phase::Running, None) => match self.pull(cx) {
                    Ok(SourceStatus::More) if says_something(&self.input) => {
                        self.push_from(0, out, cx)
                    }
                    Ok(SourceStatus::More) => Ok(false),
                    Ok(SourceStatus::Blocked) => {
                        self.flush_metrics();
                        return SourceStatus::Blocked;
                    }
                    Ok(SourceStatus::Finished { splits }) => {
                        self.source_ended(splits);
                        Ok(false)
                    }
                    Err(error) => Err((0, self.ordinal, error)),
                },
                (Phase::Flushing(stage), None) => self.flush(stage, out, cx),
            };
            match step {
                Ok(true) => return SourceStatus::More,
                Ok(false) => {}
                Err((stage, ordinal, error)) => {
                    self.run().fail(stage, ordinal, error);
                    self.stop_failed(stage);
                }
            }
        }
        cx.buffers.recycle_batch(out);
        out.set_order(Order {
            ordinal: self.ordinal,
            ..Order::default()
        });
        SourceStatus::More
    }

    /// Stops what a failure or a finished stage has made superfluous.
    fn look_around(&mut self) {
        if self.phase == Phase::Done {
            return;
        }
        let finished_by = self.run().finished_by();
        if finished_by > self.finished_by {
            // What that stage has taken in, in this worker too, and what lies behind it still count;
            // what lies before it does not.
            self.finished_by = finished_by;
            for stage in self.stages.iter_mut().filter(|s| s.spec < finished_by) {
                stage.pending &= stage.spec + 1 == finished_by && stage.is_operator();
            }
            self.flush_behind(finished_by);
        }
        // Splits are begun in their order: those that are not yet lie behind any failure.
        let between = self.between && self.last_pending().is_none();
        let ordinal = if between { BEHIND_ALL } else { self.ordinal };
        if let Some(stage) = self.run().failed_before(ordinal) {
            if stage >= self.failed {
                self.stop_failed(stage);
            }
        } else if between && self.phase == Phase::Running && self.run().outer_has_failed() {
            self.end();
        }
    }

    /// A stage has failed, before what this worker would do next. What the stages behind it hold may
    /// still be wanted: one of them may turn out to have all its rows.
    fn stop_failed(&mut self, stage: usize) {
        self.failed = stage + 1;
        for stage in &mut self.stages {
            stage.pending = false;
        }
        self.flush_behind(stage);
    }

    /// No more is read, and the stages behind this one (as the run knows it) are flushed.
    fn flush_behind(&mut self, stage: usize) {
        let behind = self.stages.partition_point(|s| s.spec < stage);
        self.phase = match self.phase {
            Phase::Flushing(at) => Phase::Flushing(at.max(behind)),
            _ => Phase::Flushing(behind),
        };
    }

    /// The source has no more for this worker.
    fn source_ended(&mut self, splits: u64) {
        if self.run().outer_has_failed() {
            return self.end();
        }
        // A source of chains also ends when it sees that this one has failed.
        if !self.run().is_behind_failure(BEHIND_ALL) {
            self.run().set_splits(splits);
        }
        self.between = true;
        self.phase = Phase::Flushing(0);
    }

    /// This worker takes no further part.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Done;
        for stage in &mut self.stages {
            stage.pending = false;
        }
        self.flush_metrics();
        if let (Some(metrics), Some(detail)) = (&self.source_metrics, self.source.describe()) {
            metrics.describe(detail);
        }
        if !self.left {
            self.left = true;
            self.run().leave();
        }
    }

    fn last_pending(&self) -> Option<usize> {
        self.stages.iter().rposition(|stage| stage.pending)
    }

    fn pull(&mut self, cx: &mut TaskContext) -> Result<SourceStatus> {
        cx.buffers.recycle_batch(&mut self.input);
        self.input.set_order(Order {
            ordinal: self.ordinal,
            last: self.between,
            ..Order::default()
        });
        self.at = 0;
        let clock = Stopwatch::start();
        let status = self.source.next(&mut self.input, cx);
        let order = self.input.order();
        self.ordinal = order.ordinal;
        self.between = self.spec.feed == Feed::Leaf && order.last;
        let status = status.map_err(|error| self.spec.source.annotate(error))?;
        if let Some(StageMetrics { local, .. }) = &mut self.source_metrics {
            if status == SourceStatus::More {
                local.batches += 1;
                local.rows_out += self.input.selected() as u64;
            }
            if self.spec.feed == Feed::Leaf {
                local.nanos += nanos(&clock);
            }
        }
        Ok(status)
    }

    /// Drives the input of a stage through it and those behind it. `true` when `out` was set.
    fn push_from(&mut self, from: usize, out: &mut Batch, cx: &mut TaskContext) -> Step {
        for at in from..self.stages.len() {
            let (before, behind) = self.stages.split_at_mut(at);
            let Some(stage) = behind.first_mut() else {
                break;
            };
            let before = before.last_mut().map(|stage| &mut stage.output);
            self.at = stage.spec + 1;
            let status = stage.execute(before.unwrap_or(&mut self.input), cx);
            if !self.came_to(at, status)? {
                return Ok(false);
            }
        }
        self.give(out);
        Ok(true)
    }

    fn flush(&mut self, at: usize, out: &mut Batch, cx: &mut TaskContext) -> Step {
        let Some(stage) = self.stages.get_mut(at) else {
            self.end();
            return Ok(false);
        };
        self.at = stage.spec + 1;
        let status = stage.flush(cx);
        if !matches!(status, Ok(OpStatus::HaveMore)) {
            self.phase = Phase::Flushing(at + 1);
        }
        if self.came_to(at, status)? {
            return self.push_from(at + 1, out, cx);
        }
        Ok(false)
    }

    /// What a stage came to: whether there is output for the next one.
    fn came_to(&mut self, at: usize, status: Result<OpStatus>) -> Step {
        let Some(stage) = self.stages.get(at) else {
            return Ok(false);
        };
        let (number, run) = (stage.spec + 1, &self.spec.run);
        match status {
            Ok(OpStatus::NeedInput | OpStatus::HaveMore) => {}
            Ok(OpStatus::Finished) => {
                // The rows behind this stage are complete with what it just gave.
                run.set_splits(stage.output.order().ordinal.saturating_add(1));
                run.finish(number);
            }
            Err(error) => {
                let error = self.spec.annotate_at(number, error);
                return Err((number, stage.input().ordinal, error));
            }
        }
        Ok(says_something(&stage.output))
    }

    /// Hands out the output of the last stage, or of the source when there is no stage.
    fn give(&mut self, out: &mut Batch) {
        let last = self.stages.last_mut().map(|stage| &mut stage.output);
        std::mem::swap(last.unwrap_or(&mut self.input), out);
    }

    fn flush_metrics(&mut self) {
        self.stages.iter_mut().for_each(Stage::flush_metrics);
        if let Some(metrics) = &mut self.source_metrics {
            metrics.flush();
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether there is output, or the stage, split and error of a failure.
type Step = Result<bool, (usize, u64, Error)>;
