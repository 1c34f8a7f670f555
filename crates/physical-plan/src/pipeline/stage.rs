//! An operator in a worker's chain, with its output and what it counted.

use std::sync::Arc;

use esker_datatypes::{Batch, Order, Result};
use esker_runtime::{OperatorCounters, OperatorMetrics, Stopwatch, TaskContext};

use super::chain_run::BEHIND_ALL;
use super::spec::StageSpec;
use super::traits::{LocalOperator, OpStatus};

pub(crate) struct Stage {
    local: Box<dyn LocalOperator>,
    keeps_order: bool,
    /// The index in the spec; the driver's own stages belong to the one behind them.
    pub(crate) spec: usize,
    pub(crate) output: Batch,
    /// It has more output for the input it was given last.
    pub(crate) pending: bool,
    /// The place of that input, which the operator may have taken away.
    input: Order,
    /// The split and number of its next output.
    next: (u64, u32),
    /// Those of the plan node; the driver's own stages have none.
    metrics: Option<StageMetrics>,
}

impl Stage {
    pub(crate) fn new(
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
            input: Order::default(),
            next: (0, 0),
            metrics,
        }
    }

    /// Whether it is a plan node's operator, not one of the driver's own.
    pub(crate) fn is_operator(&self) -> bool {
        self.metrics.is_some()
    }

    /// The place of what it was given last.
    pub(crate) fn input(&self) -> Order {
        self.input
    }

    /// Computes output from input: a new one, or the one of which there is more.
    pub(crate) fn execute(&mut self, input: &mut Batch, cx: &mut TaskContext) -> Result<OpStatus> {
        let rows = input.selected() as u64;
        let first = !std::mem::take(&mut self.pending);
        if first {
            self.input = input.order();
        }
        let clock = self.metrics.is_some().then(Stopwatch::start);
        cx.buffers.recycle_batch(&mut self.output);
        self.output.set_order(Order::default());
        let status = self.local.execute(input, &mut self.output, cx)?;
        self.pending = status == OpStatus::HaveMore;
        if !self.keeps_order {
            let last = self.input.last && !self.pending;
            self.number(self.input.ordinal, last);
        }
        if let (Some(metrics), Some(clock)) = (&mut self.metrics, clock) {
            metrics.local.nanos += nanos(&clock);
            metrics.local.rows_in += if first { rows } else { 0 };
            metrics.local.rows_out += self.output.selected() as u64;
            metrics.local.batches += u64::from(first);
        }
        Ok(status)
    }

    /// What is left when the worker's input has ended; it stands behind all splits, unless the
    /// operator knows better.
    pub(crate) fn flush(&mut self, cx: &mut TaskContext) -> Result<OpStatus> {
        self.input = Order {
            ordinal: BEHIND_ALL,
            ..Order::default()
        };
        cx.buffers.recycle_batch(&mut self.output);
        self.output.set_order(self.input);
        let status = self.local.flush(&mut self.output, cx)?;
        if !self.keeps_order {
            self.number(BEHIND_ALL, false);
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.local.rows_out += self.output.selected() as u64;
        }
        Ok(status)
    }

    /// The output stands in this split, behind what was given of it before.
    fn number(&mut self, ordinal: u64, last: bool) {
        let (split, next) = self.next;
        let sequence = if split == ordinal { next } else { 0 };
        self.output.set_order(Order {
            ordinal,
            sequence,
            last,
        });
        if says_something(&self.output) {
            self.next = (ordinal, sequence + 1);
        }
    }

    pub(crate) fn flush_metrics(&mut self) {
        if let Some(metrics) = &mut self.metrics {
            metrics.flush();
        }
    }
}

/// Rows, or the mark of a split's end.
pub(crate) fn says_something(batch: &Batch) -> bool {
    batch.selected() > 0 || batch.order().last
}

/// What a worker counted for a plan node.
pub(crate) struct StageMetrics {
    shared: Arc<OperatorMetrics>,
    pub(crate) local: OperatorCounters,
}

impl StageMetrics {
    pub(crate) fn new(id: u32, name: &str, cx: &TaskContext) -> Self {
        Self {
            shared: cx.query.metrics().operator(id, name),
            local: OperatorCounters::default(),
        }
    }

    /// Those of the plan node that a stage belongs to.
    pub(crate) fn of<T>(spec: &StageSpec<T>, cx: &TaskContext) -> Self {
        Self::new(spec.id, &spec.name, cx)
    }

    pub(crate) fn flush(&mut self) {
        self.local.flush(&self.shared);
    }

    pub(crate) fn describe(&self, detail: String) {
        self.shared.describe(detail);
    }
}

pub(crate) fn nanos(clock: &Stopwatch) -> u64 {
    u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
