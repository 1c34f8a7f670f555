//! The clock: the only place that reads it.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is where the clock is read"
)]

use std::time::{Duration, Instant};

/// A moment, to measure from.
///
/// ```
/// use esker_runtime::Stopwatch;
/// let watch = Stopwatch::start();
/// let first = watch.elapsed();
/// assert!(watch.elapsed() >= first);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start; it never runs backwards.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
