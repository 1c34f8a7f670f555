//! What tasks hand to those behind them.

use std::sync::{Arc, Mutex, PoisonError};

/// What tasks came to, each under its number.
pub(super) struct Results<T>(Mutex<Vec<(usize, T)>>);

impl<T> Results<T> {
    /// No results.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    /// The result of the task of this number.
    pub(super) fn put(&self, at: usize, result: T) {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.push((at, result));
    }

    /// The results in the order of their numbers.
    pub(super) fn take(&self) -> Vec<T> {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut results = std::mem::take(&mut *results);
        results.sort_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    }
}
