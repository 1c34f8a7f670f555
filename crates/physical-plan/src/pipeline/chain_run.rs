//! What the workers of one chain share: who is in, who failed where, and whether it is over.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use esker_datatypes::{Error, Result};
use esker_runtime::{TaskContext, Waker};

/// The shared state of a chain's workers.
///
/// It makes the outcome the same for any number of threads. An error counts at its place in the
/// order of the input: workers on earlier splits go on, and of several errors the earliest is
/// reported. When an operator or sink has all the rows it wants, errors of the stages before it no
/// longer matter: one worker alone would not have met them.
#[derive(Debug)]
pub(crate) struct ChainRun {
    /// No split at or behind this ordinal needs to be read any more.
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
    error: Option<Failure>,
    splits: Option<u64>,
    wakers: Vec<Waker>,
}

#[derive(Debug)]
struct Failure {
    ordinal: u64,
    stage: usize,
    error: Error,
}

impl Default for ChainRun {
    fn default() -> Self {
        Self {
            failed_at: AtomicU64::new(u64::MAX),
            finished_by: AtomicUsize::new(0),
            state: Mutex::default(),
        }
    }
}

impl ChainRun {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        if state.active == 0 {
            wake_all(state);
        }
    }

    /// Whether every worker that took part has left.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.lock();
        state.closed && state.active == 0
    }

    /// Calls the waker when the chain is over; `false` when it is already.
    pub(crate) fn wake_when_over(&self, waker: Waker) -> bool {
        let mut state = self.lock();
        let waits = !(state.closed && state.active == 0);
        if waits {
            state.wakers.push(waker);
        }
        waits
    }

    /// Whether a failure makes what this split gives superfluous.
    pub(crate) fn has_failed_before(&self, ordinal: u64) -> bool {
        ordinal >= self.failed_at.load(Ordering::Acquire)
    }

    /// Whether any stage has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed_at.load(Ordering::Acquire) != u64::MAX
    }

    /// The last stage that wants no more rows; 0 (the source) for none.
    pub(crate) fn finished_by(&self) -> usize {
        self.finished_by.load(Ordering::Acquire)
    }

    /// A stage failed in this split.
    pub(crate) fn fail(&self, stage: usize, ordinal: u64, error: Error) {
        let mut state = self.lock();
        let earlier = state
            .error
            .as_ref()
            .is_none_or(|e| (ordinal, stage) < (e.ordinal, e.stage));
        if earlier {
            state.error = Some(Failure {
                ordinal,
                stage,
                error,
            });
            self.failed_at.store(ordinal, Ordering::Release);
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
        let state = self.lock();
        match &state.error {
            Some(failure) if failure.stage >= self.finished_by() => {
                Err((failure.ordinal, failure.error.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// Wakes everyone that has something to find out, outside of the lock.
fn wake_all(mut state: MutexGuard<'_, State>) {
    let over = state.closed && state.active == 0;
    let wakers = if over {
        std::mem::take(&mut state.wakers)
    } else {
        state.wakers.clone()
    };
    drop(state);
    for waker in wakers {
        waker.wake();
    }
}
