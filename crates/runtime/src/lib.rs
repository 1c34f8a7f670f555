//! L1 of Esker: workers, memory, metrics, progress, cancellation, the clock and the terminal.
//!
//! One [`WorkerPool`] serves all queries of a program. A query is a [`QueryContext`] and the
//! [`Task`]s spawned in it; a task runs in slices of about a millisecond and never waits: it
//! answers [`TaskStatus::Blocked`] and is parked until its [`Waker`] is called, while its thread
//! goes on with other tasks, one slice for each query in turn. Whoever consumes a query sleeps in
//! [`QueryContext::wait`], except on a worker, which runs the query's tasks itself: so a query
//! started inside a task of another finishes on a single thread.
//!
//! A [`MemoryBudget`] grants and refuses bytes to [`Reservation`]s and asks all workers to give
//! some back; [`Metrics`] and [`Progress`] count what was done; a [`CancelToken`] says when to
//! stop. Only here are threads started, the clock read, the terminal asked.
//!
//! This layer knows tasks and bytes. It does not know columns' meaning, expressions, plans, files
//! or operators: a task is a box that somebody above filled. (It carries the worker's recycled
//! buffers without looking inside.)
//!
//! Start with [`Task`] and [`QueryContext`]; `examples/runtime/worker_pool.rs` shows them at work.

/// When to stop.
mod cancel;
/// The clock.
mod clock;
/// What a query shares, and what a task is given.
mod context;
/// Sleeping until something happens.
mod event;
/// Who may have how many bytes.
mod memory;
/// What each operator did.
mod metrics;
/// How far a query has come.
mod progress;
/// Who is served next.
mod queues;
/// Work in slices, and the states it goes through.
mod task;
/// The terminal.
pub mod terminal;
/// The threads.
mod workers;

pub use cancel::CancelToken;
pub use clock::Stopwatch;
pub use context::{QueryContext, TaskContext};
pub use memory::{MemoryBudget, Reservation, format_bytes};
pub use metrics::{Metrics, OperatorCounters, OperatorMetrics, OperatorSnapshot};
pub use progress::{Progress, ProgressSnapshot};
pub use task::{Task, TaskStatus, Waker};
pub use workers::{WorkerPool, available_threads};

#[cfg(test)]
mod tests;
