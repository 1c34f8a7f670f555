//! Work in slices, and the states it goes through.
//!
//! A task is in one of five states, and these are all the steps between them:
//!
//! | from | to | who | when |
//! |---|---|---|---|
//! | Ready | Running | a worker | it took the task from its queue |
//! | Running | Ready | the worker | `run` answered `Yield` |
//! | Running | Parked | the worker | `run` answered `Blocked` |
//! | Running | Notified | a waker | any time during `run` |
//! | Notified | Ready | the worker | `run` answered `Yield` or `Blocked` |
//! | Running, Notified | Done | the worker | `run` answered `Finished`, or panicked |
//! | Parked | Ready | a waker | any time |
//!
//! So a wake-up that comes while the task runs (it may have looked at its condition before that)
//! makes it run again, and none is lost. A ready task stands in its query's queue exactly once:
//! whoever makes the step to Ready puts it there. Every step is a read-modify-write of one atomic,
//! also the one from Ready to Ready: thus a run sees all that was written before any wake-up that
//! came ahead of it.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, Weak};

use esker_datatypes::Buffers;

use crate::event::lock;
use crate::{QueryContext, TaskContext};

/// What a slice of a task came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    /// There is more to do: call again, after the other queries had their turn.
    Yield,
    /// There is nothing to do until the task's [`Waker`] is called, which somebody has.
    Blocked,
    /// The task is done and will be dropped.
    Finished,
}

/// Work that is done in slices, by any worker, one at a time.
///
/// The first thing a slice does is to look whether its query is cancelled; then it finishes.
///
/// ```
/// use esker_runtime::{Task, TaskContext, TaskStatus};
///
/// struct Countdown(u32);
///
/// impl Task for Countdown {
///     fn run(&mut self, cx: &mut TaskContext) -> TaskStatus {
///         if self.0 == 0 || cx.query.is_cancelled() {
///             return TaskStatus::Finished;
///         }
///         self.0 -= 1;
///         TaskStatus::Yield
///     }
///
///     fn panicked(&mut self, _message: &str) {}
/// }
///
/// let mut task = Countdown(1);
/// let mut cx = TaskContext::standalone();
/// assert_eq!(task.run(&mut cx), TaskStatus::Yield);
/// assert_eq!(task.run(&mut cx), TaskStatus::Finished);
/// ```
pub trait Task: Send {
    /// Does about a millisecond of work and never waits: what must wait takes
    /// [`TaskContext::waker`], leaves it where the awaited event will find it, looks *once more*
    /// whether the event has happened, and answers [`TaskStatus::Blocked`].
    fn run(&mut self, cx: &mut TaskContext) -> TaskStatus;

    /// `run` panicked with this message: record it where the query's consumer finds it. The task
    /// is dropped after that.
    fn panicked(&mut self, message: &str);
}

/// Makes a parked task run again.
///
/// May be called from any thread, any number of times, at any time: waking a ready or finished
/// task does nothing, waking a running one makes it run once more. A waker does not keep its task
/// alive, so a task may own what its waker is stored in.
#[derive(Clone)]
pub struct Waker(Weak<TaskCell>);

impl Waker {
    /// Wakes the task.
    pub fn wake(&self) {
        if let Some(cell) = self.0.upgrade() {
            cell.wake();
        }
    }

    /// A waker of no task.
    pub fn noop() -> Self {
        Self(Weak::new())
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// In its query's queue, or on the way to it.
const READY: u8 = 0;
/// Taken by a worker.
const RUNNING: u8 = 1;
/// Taken by a worker, and woken since.
const NOTIFIED: u8 = 2;
/// Waiting for its waker.
const PARKED: u8 = 3;
/// Finished or panicked; the task itself is dropped.
const DONE: u8 = 4;

/// A task with its state. The pool owns it while it lives; queues and workers hold it for a time.
pub(crate) struct TaskCell {
    id: u64,
    query: Arc<QueryContext>,
    state: AtomicU8,
    /// Empty while running and when done.
    task: Mutex<Option<Box<dyn Task>>>,
}

/// What to do with a task after a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Put it in its queue.
    Requeue,
    /// Nothing: its waker will put it in its queue, or has done so.
    Leave,
    /// Forget it.
    Remove,
}

impl TaskCell {
    /// A ready task that stands in no queue yet; ids are unique in a query.
    pub(crate) fn new(id: u64, query: Arc<QueryContext>, task: Box<dyn Task>) -> Arc<Self> {
        let task = Mutex::new(Some(task));
        let state = AtomicU8::new(READY);
        Arc::new(Self {
            id,
            query,
            state,
            task,
        })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn query(&self) -> &Arc<QueryContext> {
        &self.query
    }

    /// See [`Waker::wake`].
    pub(crate) fn wake(self: &Arc<Self>) {
        let woken = |state: u8| match state {
            PARKED => Some(READY),
            RUNNING => Some(NOTIFIED),
            READY | NOTIFIED => Some(state),
            _ => None,
        };
        let before = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, woken);
        if before == Ok(PARKED) {
            self.query.enqueue(Arc::clone(self));
        }
    }

    /// Runs a slice of a ready task that was just taken from its queue.
    pub(crate) fn run(self: &Arc<Self>, worker: usize, buffers: Buffers) -> (Next, Buffers) {
        self.state.swap(RUNNING, Ordering::AcqRel);
        let Some(mut task) = lock(&self.task).take() else {
            return (Next::Remove, buffers);
        };
        let waker = Waker(Arc::downgrade(self));
        let mut cx = TaskContext::on_worker(Arc::clone(&self.query), worker, buffers, waker);
        let status = catch_unwind(AssertUnwindSafe(|| task.run(&mut cx)));
        let buffers = std::mem::take(&mut cx.buffers);
        let next = match status {
            Ok(TaskStatus::Yield) => self.keep(task, false),
            Ok(TaskStatus::Blocked) => self.keep(task, true),
            Ok(TaskStatus::Finished) => self.finish(task),
            Err(payload) => {
                let told = AssertUnwindSafe(|| task.panicked(&message(payload)));
                // A second panic has nobody left to be told to.
                let _ = catch_unwind(told);
                self.finish(task)
            }
        };
        (next, buffers)
    }

    /// Puts a task back that wants to run again, when it is woken or at once.
    fn keep(&self, task: Box<dyn Task>, park: bool) -> Next {
        // Before the state says so: whoever wakes the task may run it in the same moment.
        *lock(&self.task) = Some(task);
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        let parked = park
            && self
                .state
                .compare_exchange(RUNNING, PARKED, success, failure)
                .is_ok();
        if parked {
            return Next::Leave;
        }
        self.state.swap(READY, Ordering::AcqRel);
        Next::Requeue
    }

    fn finish(&self, task: Box<dyn Task>) -> Next {
        self.state.store(DONE, Ordering::Release);
        drop_quietly(task);
        Next::Remove
    }
}

impl Drop for TaskCell {
    fn drop(&mut self) {
        let task = self
            .task
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(task) = task.take() {
            drop_quietly(task);
        }
    }
}

/// Drops a task, and survives when that panics.
fn drop_quietly(task: Box<dyn Task>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(task)));
}

/// The text of a panic.
fn message(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "a panic without a message".to_owned(),
        },
    }
}
