//! What tasks that run side by side leave for the stage behind them.

use std::sync::{Mutex, PoisonError};

use esker_datatypes::{Error, Result};

/// A place for the result of each task of a stage.
pub(crate) struct Slots<T>(Vec<Mutex<Option<T>>>);

impl<T> Slots<T> {
    /// Places for so many results.
    pub(crate) fn new(count: usize) -> Self {
        Self(std::iter::repeat_with(Mutex::default).take(count).collect())
    }

    /// Puts the result of a task in its place.
    pub(crate) fn put(&self, at: usize, value: T) {
        if let Some(slot) = self.0.get(at) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        }
    }

    /// All results, in their order.
    ///
    /// # Errors
    /// `Internal` when one is missing.
    pub(crate) fn take(&self) -> Result<Vec<T>> {
        let take = |slot: &Mutex<Option<T>>| {
            let value = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            value.ok_or_else(|| Error::internal("a task of the stage before left nothing"))
        };
        self.0.iter().map(take).collect()
    }
}
