//! What the workers of one chain share: who is in, who failed where, and whether it is over.

use std::collections::BTreeMap;
use std::ops::RangeFrom;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use esker_datatypes::{Error, Order, Result};
use esker_runtime::{TaskContext, Waker};

/// What stands in the order behind all splits: what operators give when they are flushed, and what
/// goes wrong then.
pub(crate) const BEHIND_ALL: u64 = Order::BEHIND_ALL;

/// The shared state of a chain's workers.
///
/// It makes the outcome the same for any number of threads. An error counts at its place in the
/// order of the input: workers on earlier splits go on, and of several errors the earliest is
/// reported. When an operator or sink has all the rows it wants, errors of the stages before it no
/// longer matter: one worker alone would not have met them.
#[derive(Debug)]
pub(crate) struct ChainRun {
    /// That of the chain whose source this chain is a part of.
    outer: OnceLock<Arc<ChainRun>>,
    /// The first split in which a stage failed; [`BEHIND_ALL`] when none has.
    failed_at: AtomicU64,
    /// The last stage that wants no more rows; 0 for none.
    finished_by: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    active: usize,
    /// Nobody may enter any more: a worker left.
    closed: bool,
    /// The first error of each stage, and its split.
    errors: BTreeMap<usize, (u64, Error)>,
    splits: Option<u64>,
    wakers: Vec<Waker>,
}

impl Default for ChainRun {
    fn default() -> Self {
        Self {
            outer: OnceLock::new(),
            failed_at: AtomicU64::new(BEHIND_ALL),
            finished_by: AtomicUsize::new(0),
            state: Mutex::default(),
        }
    }
}

impl ChainRun {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chain is a part of this one's source.
    pub(crate) fn set_outer(&self, outer: &Arc<Self>) {
        // Told once, when the pipelines are built.
        let _ = self.outer.set(Arc::clone(outer));
    }

    /// A worker wants to take part. `false` when the chain is over.
    pub(crate) fn enter(&self, cx: &TaskContext) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.active += 1;
        state.wakers.push(cx.waker());
        true
    }

    /// A worker is done: its input ended, or it was told to stop.
    pub(crate) fn leave(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.active = state.active.saturating_sub(1);
        if state.is_over() {
            wake_all(state);
        }
    }

    /// Calls the waker when every worker that took part has left; `false` when it is so already.
    pub(crate) fn wake_when_over(&self, waker: Waker) -> bool {
        let mut state = self.lock();
        let waits = !state.is_over();
        if waits {
            state.wakers.push(waker);
        }
        waits
    }

    /// Whether any stage has failed, be it for nothing.
    pub(crate) fn has_failed(&self) -> bool {
        !self.lock().errors.is_empty()
    }

    /// Whether what this split gives is superfluous: one before it has failed.
    pub(crate) fn is_behind_failure(&self, ordinal: u64) -> bool {
        ordinal > self.failed_at.load(Ordering::Acquire)
    }

    /// The last stage whose failure makes what this split gives superfluous.
    pub(crate) fn failed_before(&self, ordinal: u64) -> Option<usize> {
        if !self.is_behind_failure(ordinal) {
            return None;
        }
        let counting = self.finished_by()..;
        let state = self.lock();
        let mut before = state.errors.range(counting).rev();
        before
            .find(|(_, (failed, _))| *failed < ordinal)
            .map(|(&stage, _)| stage)
    }

    /// Whether a chain around this one has failed in a split that was begun.
    pub(crate) fn outer_has_failed(&self) -> bool {
        let mut outer = self.outer.get();
        while let Some(run) = outer {
            if run.is_behind_failure(BEHIND_ALL) {
                return true;
            }
            outer = run.outer.get();
        }
        false
    }

    /// The last stage that wants no more rows; 0 (the source) for none.
    pub(crate) fn finished_by(&self) -> usize {
        self.finished_by.load(Ordering::Acquire)
    }

    /// A stage failed in this split.
    pub(crate) fn fail(&self, stage: usize, ordinal: u64, error: Error) {
        let mut state = self.lock();
        let known = state.errors.get(&stage);
        if known.is_none_or(|(earlier, _)| ordinal < *earlier) {
            state.errors.insert(stage, (ordinal, error));
            self.failed_at.fetch_min(ordinal, Ordering::AcqRel);
        }
        wake_all(state);
    }

    /// A stage has all the rows it wants.
    pub(crate) fn finish(&self, stage: usize) {
        let state = self.lock();
        self.finished_by.fetch_max(stage, Ordering::AcqRel);
        wake_all(state);
    }

    /// The number of splits that the chain's output has, once known.
    pub(crate) fn splits(&self) -> Option<u64> {
        self.lock().splits
    }

    /// Tells the number of splits; the smallest number told counts.
    pub(crate) fn set_splits(&self, splits: u64) {
        let mut state = self.lock();
        state.splits = Some(state.splits.map_or(splits, |known| known.min(splits)));
    }

    /// The error that counts, and the split it happened in; final once the chain is over.
    pub(crate) fn outcome(&self) -> Result<(), (u64, Error)> {
        self.outcome_of(0..)
    }

    /// The same for these stages alone.
    pub(crate) fn outcome_of(&self, stages: RangeFrom<usize>) -> Result<(), (u64, Error)> {
        let counting = stages.start.max(self.finished_by())..;
        let state = self.lock();
        // Of one split, rows that came as far as a later stage are those that came first.
        let first = state.errors.range(counting).rev();
        match first.min_by_key(|(_, (ordinal, _))| *ordinal) {
            Some((_, (ordinal, error))) => Err((*ordinal, error.clone())),
            None => Ok(()),
        }
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.closed && self.active == 0
    }
}

/// Wakes everyone that has something to find out, outside of the lock.
fn wake_all(mut state: MutexGuard<'_, State>) {
    let wakers = if state.is_over() {
        std::mem::take(&mut state.wakers)
    } else {
        state.wakers.clone()
    };
    drop(state);
    for waker in wakers {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_one_worker_alone_counts() {
        // Stages and splits of failures in time, a stage that finishes, and what is reported.
        let check = |failures: &[(usize, u64)], finished: usize, want: Option<(usize, u64)>| {
            for finish_first in [false, true] {
                let run = ChainRun::default();
                if finish_first {
                    run.finish(finished);
                }
                for &(stage, split) in failures {
                    run.fail(stage, split, Error::data(format!("{stage} at {split}")));
                }
                run.finish(finished);
                let got = run.outcome().err().map(|(_, error)| error.to_string());
                assert_eq!(
                    got,
                    want.map(|(stage, split)| format!("{stage} at {split}"))
                );
                assert!(failures.is_empty() || run.has_failed());
            }
        };
        check(&[], 2, None);
        check(&[(1, 7), (1, 3), (1, 5)], 0, Some((1, 3)));
        check(&[(0, 3), (4, 2)], 0, Some((4, 2)));
        // What came as far as stage 4 came before what failed in stage 1.
        check(&[(1, 3), (4, 3)], 0, Some((4, 3)));
        check(&[(1, 3)], 2, None);
        check(&[(1, 3), (2, 9)], 2, Some((2, 9)));
        check(&[(1, 3), (4, BEHIND_ALL)], 0, Some((1, 3)));
        check(&[(1, 3), (4, BEHIND_ALL)], 2, Some((4, BEHIND_ALL)));
    }

    #[test]
    fn splits_behind_a_failure_are_superfluous_unless_it_does_not_matter() {
        let run = ChainRun::default();
        assert_eq!(run.failed_before(BEHIND_ALL), None);
        run.fail(3, BEHIND_ALL, Error::data("at the end"));
        assert_eq!(run.failed_before(BEHIND_ALL), None);
        run.fail(1, 4, Error::data("early"));
        run.fail(2, 6, Error::data("later"));
        assert_eq!(run.failed_before(4), None);
        assert_eq!(run.failed_before(5), Some(1));
        assert_eq!(run.failed_before(7), Some(2));
        run.finish(2);
        assert_eq!(run.failed_before(5), None);
        assert_eq!(run.failed_before(BEHIND_ALL), Some(2));
    }

    #[test]
    fn a_chain_is_over_when_all_have_left_and_nobody_comes_late() {
        let run = ChainRun::default();
        let cx = TaskContext::standalone();
        assert!(run.enter(&cx) && run.enter(&cx));
        run.leave();
        assert!(!run.enter(&cx));
        assert!(run.wake_when_over(cx.waker()));
        run.leave();
        assert!(!run.wake_when_over(cx.waker()));
    }
}
