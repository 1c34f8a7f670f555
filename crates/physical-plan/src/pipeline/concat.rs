//! Several chains, one after the other, as one source.

use std::ops::RangeFrom;
use std::sync::Arc;

use esker_datatypes::{Batch, Order, Result};
use esker_runtime::TaskContext;

use super::chain::Chain;
use super::chain_run::ChainRun;
use super::spec::ChainSpec;
use super::traits::{LocalSource, Source, SourceStatus};

/// The batches of several chains, those of the first before those of the second.
///
/// Workers go on to the next chain when the one before has no splits left to claim; the splits of a
/// chain are numbered behind those of the chains before it, so that the order of the output is that
/// of the chains. This is a union, and a join's probe followed by its unmatched rows.
#[derive(Debug)]
pub(crate) struct ConcatSource {
    children: Arc<[ConcatChild]>,
    batch_size: usize,
}

#[derive(Debug)]
struct ConcatChild {
    spec: Arc<ChainSpec>,
    /// Nobody goes on to the next chain before all workers have left this one.
    barrier: bool,
    /// The last stage that may have all its rows before its input ends, as the run knows it: it can
    /// make up for what fails before it.
    finisher: usize,
}

impl ConcatSource {
    /// The chains, each with whether all workers must have left it before the next one starts;
    /// `outer` is the run of the chain whose source they are.
    pub(crate) fn new(
        chains: impl IntoIterator<Item = (ChainSpec, bool)>,
        batch_size: usize,
        outer: &Arc<ChainRun>,
    ) -> Self {
        let child = |(spec, barrier): (ChainSpec, bool)| {
            let mut operators = spec.operators.iter();
            let finisher = operators.rposition(|o| o.stage.may_finish_early());
            spec.run.set_outer(outer);
            ConcatChild {
                spec: Arc::new(spec),
                // A chain that ends early knows the number of its splits only then.
                barrier: barrier || finisher.is_some(),
                finisher: finisher.map_or(0, |at| at + 1),
            }
        };
        Self {
            children: chains.into_iter().map(child).collect(),
            batch_size,
        }
    }
}

impl Source for ConcatSource {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(LocalConcat {
            children: Arc::clone(&self.children),
            batch_size: self.batch_size,
            at: 0,
            base: 0,
            chain: None,
        }))
    }
}

struct LocalConcat {
    children: Arc<[ConcatChild]>,
    batch_size: usize,
    at: usize,
    /// The number of splits of the chains before this one.
    base: u64,
    chain: Option<Chain>,
}

impl LocalConcat {
    /// The error of a chain, if one of these stages has failed, in its place.
    fn outcome(&self, run: &ChainRun, stages: RangeFrom<usize>, out: &mut Batch) -> Result<()> {
        run.outcome_of(stages).map_err(|(ordinal, error)| {
            // What went wrong behind all its splits comes before those of the next chain.
            let last = run.splits().map_or(u64::MAX, |n| n.saturating_sub(1));
            out.set_order(Order {
                ordinal: ordinal.min(last).saturating_add(self.base),
                ..Order::default()
            });
            error
        })
    }
}

impl LocalSource for LocalConcat {
    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<SourceStatus> {
        let children = Arc::clone(&self.children);
        while let Some(child) = children.get(self.at) {
            let (spec, run) = (&child.spec, &child.spec.run);
            if self.chain.is_none() && !run.outer_has_failed() {
                self.chain = Chain::open(spec, false, self.batch_size, cx);
            }
            if let Some(chain) = &mut self.chain {
                match chain.next(out, cx) {
                    SourceStatus::More => {
                        let order = out.order();
                        let ordinal = order.ordinal.saturating_add(self.base);
                        out.set_order(Order { ordinal, ..order });
                        return Ok(SourceStatus::More);
                    }
                    SourceStatus::Blocked => return Ok(SourceStatus::Blocked),
                    SourceStatus::Finished { .. } => {}
                }
            }
            // A failure counts at once (others may wait for that split), unless a limit may have all
            // its rows none the less: then see what comes of it.
            let failed = run.has_failed();
            self.outcome(run, child.finisher.., out)?;
            if run.outer_has_failed() && !failed {
                break;
            }
            if child.barrier || failed {
                if run.wake_when_over(cx.waker()) {
                    return Ok(SourceStatus::Blocked);
                }
                self.outcome(run, 0.., out)?;
            }
            self.chain = None;
            self.base = self.base.saturating_add(run.splits().unwrap_or(0));
            self.at += 1;
        }
        Ok(SourceStatus::Finished { splits: self.base })
    }
}
