//! A chain: a source and the operators behind it, driven by one worker.

use std::sync::Arc;

use esker_datatypes::{Batch, Error, Order, Result};
use esker_logical_plan::Origin;
use esker_runtime::{OperatorCounters, OperatorMetrics, Stopwatch, TaskContext};

use super::chain_run::ChainRun;
use super::compact::Compact;
use super::traits::{LocalOperator, LocalSource, OpStatus, Operator, Source, SourceStatus};

/// A source and the operators behind it, as the plan describes them.
#[derive(Clone, Debug)]
pub struct ChainSpec {
    /// Where the batches come from.
    pub source: StageSpec<Arc<dyn Source>>,
    /// What they pass through, in order.
    pub operators: Vec<StageSpec<Arc<dyn Operator>>>,
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

/// One worker's chain: gives the batches of its last operator, one by one.
pub(crate) struct Chain {
    spec: Arc<ChainSpec>,
    run: Arc<ChainRun>,
    source: Box<dyn LocalSource>,
    source_metrics: StageMetrics,
    stages: Vec<Stage>,
    /// What the source gave last: the input of the first stage.
    input: Batch,
    phase: Phase,
    /// The split being driven.
    ordinal: u64,
    /// The stage, as the run knows it, that made this worker stop reading.
    finished_by: usize,
    /// The stage that ran last, for whoever asks after a panic: 0 for the source.
    at: usize,
    left: bool,
}

struct Stage {
    local: Box<dyn LocalOperator>,
    keeps_order: bool,
    /// The index in the spec; the driver's own stages belong to the one behind them.
    spec: usize,
    output: Batch,
    /// It has more output for the input it was given last.
    pending: bool,
    /// The split and number of its last output.
    numbered: (u64, u32),
    metrics: Option<StageMetrics>,
}

struct StageMetrics {
    shared: Arc<OperatorMetrics>,
    local: OperatorCounters,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// The source has ended; the stages up to this one are flushed.
    Flushing(usize),
    Done,
}

/// What stands in the order behind all splits: what operators give when they are flushed.
const BEHIND_ALL: u64 = u64::MAX;

impl Chain {
    /// Opens a chain for one worker; `None` when it is already over. The last stage's output is
    /// compacted when `dense`.
    pub(crate) fn open(
        spec: &Arc<ChainSpec>,
        run: &Arc<ChainRun>,
        dense: bool,
        batch_size: usize,
        cx: &mut TaskContext,
    ) -> Result<Option<Self>> {
        if !run.enter(cx) {
            return Ok(None);
        }
        let opened = Self::open_stages(spec, run, dense, batch_size, cx);
        if opened.is_err() {
            run.leave();
        }
        opened.map(Some)
    }

    fn open_stages(
        spec: &Arc<ChainSpec>,
        run: &Arc<ChainRun>,
        dense: bool,
        batch_size: usize,
        cx: &mut TaskContext,
    ) -> Result<Self> {
        let metrics = |id, name: &str, cx: &TaskContext| StageMetrics {
            shared: cx.query.metrics().operator(id, name),
            local: OperatorCounters::default(),
        };
        let source = spec
            .source
            .stage
            .open(cx)
            .map_err(|e| spec.source.annotate(e))?;
        let source_metrics = metrics(spec.source.id, &spec.source.name, cx);
        let mut stages = Vec::with_capacity(spec.operators.len());
        let compact = |spec| Stage::new(Box::new(Compact::new(batch_size)), true, spec, None);
        for (i, operator) in spec.operators.iter().enumerate() {
            if operator.stage.needs_dense() {
                stages.push(compact(i));
            }
            let local = operator.stage.open(cx).map_err(|e| operator.annotate(e))?;
            let metrics = metrics(operator.id, &operator.name, cx);
            stages.push(Stage::new(
                local,
                operator.stage.keeps_order_itself(),
                i,
                Some(metrics),
            ));
        }
        if dense {
            stages.push(compact(spec.operators.len()));
        }
        Ok(Self {
            spec: Arc::clone(spec),
            run: Arc::clone(run),
            source,
            source_metrics,
            stages,
            input: Batch::default(),
            phase: Phase::Running,
            ordinal: 0,
            finished_by: 0,
            at: 0,
            left: false,
        })
    }

    /// The shared state of the chain's workers.
    pub(crate) fn run(&self) -> &Arc<ChainRun> {
        &self.run
    }

    /// The split being driven.
    pub(crate) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The name of the plan node that ran last.
    pub(crate) fn current_name(&self) -> Arc<str> {
        let operator = self
            .at
            .checked_sub(1)
            .and_then(|at| self.spec.operators.get(at));
        operator.map_or_else(
            || Arc::clone(&self.spec.source.name),
            |o| Arc::clone(&o.name),
        )
    }

    /// The number by which the stage that ran last is known to the run.
    pub(crate) fn current_stage(&self) -> usize {
        self.at
    }

    /// An error of the plan node that ran last.
    pub(crate) fn annotate_current(&self, error: Error) -> Error {
        match self.at.checked_sub(1) {
            Some(at) => self.spec.annotate_at(at, error),
            None => self.spec.source.annotate(error),
        }
    }

    /// The number by which a stage behind the chain's last operator is known to the run.
    pub(crate) fn sink_stage(&self) -> usize {
        self.spec.operators.len() + 1
    }

    /// Puts the next batch into `out`. An error of a stage is recorded with the run and ends this
    /// worker's part like the end of the input; whoever sees the run over asks for its outcome.
    pub(crate) fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> SourceStatus {
        loop {
            self.look_around();
            let step = match self.phase {
                Phase::Done => {
                    return SourceStatus::Finished {
                        splits: self.run.splits().unwrap_or(0),
                    };
                }
                Phase::Running => match self.last_pending() {
                    Some(stage) => self.push_from(stage, out, cx),
                    None => match self.pull(cx) {
                        Ok(SourceStatus::More) => self.push_from(0, out, cx),
                        Ok(SourceStatus::Blocked) => {
                            self.flush_metrics();
                            return SourceStatus::Blocked;
                        }
                        Ok(SourceStatus::Finished { splits }) => {
                            self.run.set_splits(splits);
                            self.phase = Phase::Flushing(0);
                            Ok(false)
                        }
                        Err(error) => Err((0, self.input.order().ordinal, error)),
                    },
                },
                Phase::Flushing(stage) => match self.last_pending() {
                    Some(pending) => self.push_from(pending, out, cx),
                    None => self.flush(stage, out, cx),
                },
            };
            match step {
                Ok(true) => return SourceStatus::More,
                Ok(false) => {}
                Err((stage, ordinal, error)) => {
                    self.run.fail(stage, ordinal, error);
                    self.end();
                }
            }
        }
    }

    /// Stops what a failure or a finished stage has made superfluous.
    fn look_around(&mut self) {
        if self.phase == Phase::Done {
            return;
        }
        if self.run.has_failed_before(self.ordinal) {
            return self.end();
        }
        let finished_by = self.run.finished_by();
        if finished_by > self.finished_by {
            // What that stage has taken in, in this worker too, and what lies behind it still count;
            // what lies before it does not.
            self.finished_by = finished_by;
            let behind = self
                .stages
                .partition_point(|stage| stage.spec < finished_by);
            for stage in self.stages.iter_mut().take(behind) {
                let finished = stage.spec + 1 == finished_by && stage.metrics.is_some();
                stage.pending &= finished;
            }
            self.phase = match self.phase {
                Phase::Flushing(stage) if stage >= behind => Phase::Flushing(stage),
                _ => Phase::Flushing(behind),
            };
        }
    }

    /// This worker takes no further part.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Done;
        self.flush_metrics();
        if !self.left {
            self.left = true;
            self.run.leave();
        }
    }

    fn last_pending(&self) -> Option<usize> {
        self.stages.iter().rposition(|stage| stage.pending)
    }

    fn pull(&mut self, cx: &mut TaskContext) -> Result<SourceStatus> {
        cx.buffers.recycle_batch(&mut self.input);
        self.at = 0;
        let clock = Stopwatch::start();
        let status = self.source.next(&mut self.input, cx);
        let local = &mut self.source_metrics.local;
        local.nanos += nanos(&clock);
        self.ordinal = self.input.order().ordinal;
        match status {
            Ok(status) => {
                if status == SourceStatus::More {
                    local.batches += 1;
                    local.rows_out += self.input.selected() as u64;
                }
                Ok(status)
            }
            Err(error) => Err(self.spec.source.annotate(error)),
        }
    }

    /// Drives the input of a stage through it and those behind it. `true` when `out` was set.
    fn push_from(&mut self, from: usize, out: &mut Batch, cx: &mut TaskContext) -> Step {
        let Self {
            stages,
            input,
            spec,
            run,
            at: current,
            ..
        } = self;
        for at in from..stages.len() {
            let (before, behind) = stages.split_at_mut(at);
            let Some(stage) = behind.first_mut() else {
                break;
            };
            let input = before
                .last_mut()
                .map_or(&mut *input, |stage| &mut stage.output);
            cx.buffers.recycle_batch(&mut stage.output);
            let order = input.order();
            *current = stage.spec + 1;
            match stage.execute(input, cx) {
                Ok(OpStatus::Finished) => {
                    // The rows behind this stage are complete with what it just gave.
                    run.set_splits(stage.output.order().ordinal.saturating_add(1));
                    run.finish(stage.spec + 1);
                }
                Ok(OpStatus::NeedInput | OpStatus::HaveMore) => {}
                Err(error) => {
                    let error = spec.annotate_at(stage.spec, error);
                    return Err((stage.spec + 1, order.ordinal, error));
                }
            }
            if !stage.has_output() {
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
        cx.buffers.recycle_batch(&mut stage.output);
        stage.output.set_order(Order {
            ordinal: BEHIND_ALL,
            ..Order::default()
        });
        match stage.local.flush(&mut stage.output, cx) {
            Ok(OpStatus::HaveMore) => {}
            Ok(OpStatus::NeedInput | OpStatus::Finished) => self.phase = Phase::Flushing(at + 1),
            Err(error) => {
                let spec = stage.spec;
                return Err((spec + 1, BEHIND_ALL, self.spec.annotate_at(spec, error)));
            }
        }
        if self.stages.get(at).is_some_and(Stage::has_output) {
            return self.push_from(at + 1, out, cx);
        }
        Ok(false)
    }

    /// Hands out the output of the last stage, or of the source when there is no stage.
    fn give(&mut self, out: &mut Batch) {
        let last = self
            .stages
            .last_mut()
            .map_or(&mut self.input, |stage| &mut stage.output);
        std::mem::swap(last, out);
    }

    fn flush_metrics(&mut self) {
        self.source_metrics.local.flush(&self.source_metrics.shared);
        for metrics in self.stages.iter_mut().filter_map(|s| s.metrics.as_mut()) {
            metrics.local.flush(&metrics.shared);
        }
    }
}

/// Whether there is output, or the stage, split and error of a failure.
type Step = Result<bool, (usize, u64, Error)>;

impl ChainSpec {
    fn annotate_at(&self, operator: usize, error: Error) -> Error {
        match self.operators.get(operator) {
            Some(spec) => spec.annotate(error),
            None => error,
        }
    }
}

impl Stage {
    fn new(
        local: Box<dyn LocalOperator>,
        keeps_order: bool,
        spec: usize,
        metrics: Option<StageMetrics>,
    ) -> Self {
        Self {
            local,
            keeps_order,
            spec,
            output: Batch::default(),
            pending: false,
            numbered: (BEHIND_ALL, 0),
            metrics,
        }
    }

    fn execute(&mut self, input: &mut Batch, cx: &mut TaskContext) -> Result<OpStatus> {
        let (order, rows) = (input.order(), input.selected() as u64);
        let first = !self.pending;
        let clock = self.metrics.is_some().then(Stopwatch::start);
        self.output.set_order(Order::default());
        let status = self.local.execute(input, &mut self.output, cx)?;
        self.pending = status == OpStatus::HaveMore;
        if !self.keeps_order {
            let (ordinal, number) = self.numbered;
            let sequence = if ordinal == order.ordinal {
                number + 1
            } else {
                0
            };
            let last = order.last && !self.pending;
            self.output.set_order(Order {
                ordinal: order.ordinal,
                sequence,
                last,
            });
            if self.has_output() {
                self.numbered = (order.ordinal, sequence);
            }
        }
        if let (Some(metrics), Some(clock)) = (&mut self.metrics, clock) {
            metrics.local.nanos += nanos(&clock);
            metrics.local.rows_in += if first { rows } else { 0 };
            metrics.local.rows_out += self.output.selected() as u64;
            metrics.local.batches += u64::from(first);
        }
        Ok(status)
    }

    /// Rows, or the mark of a split's end.
    fn has_output(&self) -> bool {
        self.output.selected() > 0 || self.output.order().last
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.end();
    }
}

fn nanos(clock: &Stopwatch) -> u64 {
    u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
