//! The token that says when to stop.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use esker_datatypes::{Error, Result};

use crate::QueryContext;

/// A flag that all parts of a query look at: once set, it stays set.
///
/// Clones share the flag. The token of a [`QueryContext`] also wakes the query's parked tasks and
/// waiters when it is cancelled; a token of its own only sets the flag.
///
/// ```
/// use esker_runtime::CancelToken;
/// let token = CancelToken::new();
/// let seen_by_a_worker = token.clone();
/// assert!(seen_by_a_worker.check().is_ok());
/// token.cancel();
/// assert!(seen_by_a_worker.check().is_err());
/// ```
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Inner>);

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    /// Weak, for the query owns its token; dangling in a token without a query.
    query: Weak<QueryContext>,
}

impl CancelToken {
    /// A token that belongs to no query.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn of_query(query: Weak<QueryContext>) -> Self {
        Self(Arc::new(Inner {
            cancelled: AtomicBool::new(false),
            query,
        }))
    }

    /// Sets the flag, and wakes what sleeps in the token's query.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        if let Some(query) = self.0.query.upgrade() {
            query.wake_all();
        }
    }

    /// Whether the flag is set: one load, cheap enough for every batch.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Stops the caller with `?` when the flag is set.
    ///
    /// # Errors
    /// `Cancelled`.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::cancelled());
        }
        Ok(())
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelToken")
            .field(&self.is_cancelled())
            .finish()
    }
}
