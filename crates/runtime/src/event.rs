//! Sleeping until something happens, without missing it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere under this lock does not matter, for no data here is left half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits on a condition variable, which may also return for no reason.
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// An event count: a condition variable for conditions that are kept elsewhere.
///
/// A waiter reads the [`epoch`](Self::epoch), looks at its condition, and sleeps *unless the epoch
/// has moved*; whoever changes a condition moves the epoch after that. So nothing is missed, and
/// moving it costs two atomic operations while nobody sleeps.
#[derive(Debug, Default)]
pub(crate) struct EventCount {
    epoch: AtomicU64,
    sleepers: AtomicUsize,
    /// Waiters that also want to hear of ready tasks: workers inside a wait.
    helpers: AtomicUsize,
    lock: Mutex<()>,
    moved: Condvar,
}

impl EventCount {
    /// How often something happened.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Something happened: wakes all sleepers.
    pub(crate) fn notify(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        // Sequential consistency decides the race with `sleep`: it sees the new epoch, or we see
        // the sleeper; and taking the lock means that it does not stand between look and sleep.
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(lock(&self.lock));
            self.moved.notify_all();
        }
    }

    /// A task became ready: wakes sleepers if one of them is a helper.
    pub(crate) fn notify_helpers(&self) {
        if self.helpers.load(Ordering::SeqCst) > 0 {
            self.notify();
        }
    }

    /// Sleeps until the epoch is another than `seen`.
    pub(crate) fn sleep(&self, seen: u64) {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let mut guard = lock(&self.lock);
        while self.epoch() == seen {
            guard = wait(&self.moved, guard);
        }
        drop(guard);
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Counts the caller as a helper until the guard drops.
    pub(crate) fn help(&self) -> HelperGuard<'_> {
        self.helpers.fetch_add(1, Ordering::SeqCst);
        HelperGuard(self)
    }
}

/// A worker that waits and helps meanwhile.
pub(crate) struct HelperGuard<'a>(&'a EventCount);

impl Drop for HelperGuard<'_> {
    fn drop(&mut self) {
        self.0.helpers.fetch_sub(1, Ordering::SeqCst);
    }
}
