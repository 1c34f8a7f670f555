//! The threads that run the tasks of all queries.
//!
//! All [queues](crate::queues) are under one lock that is taken once a slice and held for a few
//! steps; no task is run, woken or dropped under it.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use esker_datatypes::{Buffers, Error, ErrorKind, Result};

use crate::event::{lock, wait};
use crate::queues::Queues;
use crate::task::{Next, TaskCell};
use crate::{QueryContext, Task};

/// What a worker's stack holds: deep expressions, and waits inside tasks inside waits.
const STACK_BYTES: usize = 16 << 20;

/// A handle on the threads that run the tasks of all queries; clones share them.
///
/// Threads are started by the first tasks that need them and parked while there is nothing to do.
/// When the last handle drops, the live queries are cancelled, their tasks dropped, and the
/// threads joined after their present slice; when it drops on a worker, that cannot join itself
/// and the threads end by themselves.
#[derive(Clone)]
pub struct WorkerPool(Arc<Handle>);

impl WorkerPool {
    /// A pool of so many threads (at least one), none of them started yet.
    pub fn new(threads: usize) -> Self {
        Self(Arc::new(Handle(Arc::new(Workers {
            threads: threads.max(1),
            queues: Mutex::default(),
            work: Condvar::new(),
            handles: Mutex::default(),
        }))))
    }

    /// How many threads there are at most.
    pub fn threads(&self) -> usize {
        self.workers().threads
    }

    pub(crate) fn workers(&self) -> &Arc<Workers> {
        let Handle(workers) = &*self.0;
        workers
    }
}

impl fmt::Debug for WorkerPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerPool")
            .field("threads", &self.threads())
            .finish_non_exhaustive()
    }
}

/// How many threads the machine (or the container) runs at once; at least 1.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the number of workers is decided"
)]
pub fn available_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// What the clones of a [`WorkerPool`] share; queries and threads hold the inside only.
struct Handle(Arc<Workers>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.shut_down();
    }
}

/// The inside of a pool.
pub(crate) struct Workers {
    threads: usize,
    queues: Mutex<Queues>,
    /// Idle threads sleep here.
    work: Condvar,
    /// The threads that were started. Locked before `queues` where both are.
    handles: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// See [`QueryContext::spawn`].
    pub(crate) fn spawn(
        self: &Arc<Self>,
        query: &Arc<QueryContext>,
        task: Box<dyn Task>,
    ) -> Result<()> {
        let admitted = lock(&self.queues).admit(query, task);
        let (cell, live) = admitted.map_err(|_task| Error::cancelled())?;
        if let Err(error) = self.start_threads(live) {
            self.remove(&cell);
            return Err(error);
        }
        if !self.enqueue(cell) {
            return Err(Error::cancelled());
        }
        Ok(())
    }

    /// Puts a ready task in its queue and wakes a worker for it; `false` when there are no more
    /// workers.
    pub(crate) fn enqueue(&self, cell: Arc<TaskCell>) -> bool {
        let query = Arc::clone(cell.query());
        let mut queues = lock(&self.queues);
        if queues.closed {
            // The task may be dropped with the cell, which must not happen under the lock.
            drop(queues);
            return false;
        }
        queues.push(cell);
        let idle = queues.idle > 0;
        drop(queues);
        if idle {
            self.work.notify_one();
        }
        query.event().notify_helpers();
        true
    }

    /// Wakes all tasks of a query.
    pub(crate) fn wake_tasks_of(&self, query: u64) {
        let cells = lock(&self.queues).live_of(query);
        for cell in cells {
            cell.wake();
        }
    }

    /// Runs a slice of a task of this query, on this worker, in the middle of another task;
    /// `false` when none is ready.
    pub(crate) fn run_one_of(&self, query: u64, worker: usize) -> bool {
        let cell = lock(&self.queues).pop_of(query);
        let Some(cell) = cell else { return false };
        match run_with_buffers(&cell, worker) {
            // Not to be taken by us, perhaps: others must hear of it.
            Next::Requeue => {
                self.enqueue(cell);
            }
            Next::Leave => {}
            Next::Remove => self.remove(&cell),
        }
        true
    }

    /// The number of the calling thread, when it is a worker of this pool.
    pub(crate) fn this_worker(&self) -> Option<usize> {
        THIS_WORKER
            .try_with(|this| {
                let this = this.get().filter(|this| this.pool == self.identity());
                this.map(|this| this.index)
            })
            .unwrap_or(None)
    }

    /// The address of the pool: unique as long as the pool's threads hold it.
    fn identity(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Sees to it that there is a thread for each of `live` tasks, as far as there may be.
    fn start_threads(self: &Arc<Self>, live: usize) -> Result<()> {
        let mut handles = lock(&self.handles);
        while handles.len() < self.threads.min(live) && !lock(&self.queues).closed {
            match self.start_thread(handles.len()) {
                Ok(handle) => handles.push(handle),
                // Some workers are enough to finish everything.
                Err(_) if !handles.is_empty() => break,
                Err(error) => {
                    let message = format!("cannot start a worker thread: {error}");
                    let kind = ErrorKind::ResourcesExhausted { message };
                    return Err(Error::external(kind, error));
                }
            }
        }
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where threads are started"
    )]
    fn start_thread(self: &Arc<Self>, index: usize) -> std::io::Result<JoinHandle<()>> {
        let workers = Arc::clone(self);
        thread::Builder::new()
            .name(format!("esker-worker-{index}"))
            .stack_size(STACK_BYTES)
            .spawn(move || workers.work(index))
    }

    /// The life of a worker.
    fn work(&self, index: usize) {
        let pool = self.identity();
        let buffers = RefCell::default();
        THIS_WORKER.with(|this| {
            this.get_or_init(|| ThisWorker {
                pool,
                index,
                buffers,
            });
        });
        let mut next = self.next(None);
        while let Some(cell) = next {
            next = match run_with_buffers(&cell, index) {
                Next::Requeue => self.next(Some(cell)),
                Next::Leave => {
                    drop(cell);
                    self.next(None)
                }
                Next::Remove => {
                    self.remove(&cell);
                    // Before we sleep: it holds its query.
                    drop(cell);
                    self.next(None)
                }
            };
        }
    }

    /// Puts a task back, if one is given, and takes the next, sleeping until there is one; `None`
    /// when the pool shuts down.
    fn next(&self, requeue: Option<Arc<TaskCell>>) -> Option<Arc<TaskCell>> {
        let mut queues = lock(&self.queues);
        if let Some(cell) = requeue {
            if queues.closed {
                drop(queues);
                return None;
            }
            // No idle worker need hear of it: as many tasks are ready as before our slice, when
            // the taken one is taken.
            queues.push(Arc::clone(&cell));
            let next = queues.pop();
            drop(queues);
            if !next.as_ref().is_some_and(|next| Arc::ptr_eq(next, &cell)) {
                cell.query().event().notify_helpers();
            }
            return next;
        }
        loop {
            if queues.closed {
                return None;
            }
            if let Some(cell) = queues.pop() {
                return Some(cell);
            }
            queues.idle += 1;
            queues = wait(&self.work, queues);
            queues.idle -= 1;
        }
    }

    /// Forgets a task that is done.
    fn remove(&self, cell: &TaskCell) {
        // Two statements: the lock is held to the end of the first only.
        let removed = lock(&self.queues).remove(cell);
        drop(removed);
    }

    /// Cancels what lives, drops the tasks, and joins the threads unless we are one of them.
    fn shut_down(&self) {
        let cells = lock(&self.queues).close();
        self.work.notify_all();
        for cell in &cells {
            cell.query().cancel();
        }
        drop(cells);
        let handles = std::mem::take(&mut *lock(&self.handles));
        let this = thread::current().id();
        if handles.iter().any(|handle| handle.thread().id() == this) {
            return;
        }
        for handle in handles {
            // Its panic, if any, was told to its task.
            let _ = handle.join();
        }
    }
}

/// What a worker's thread knows of itself.
struct ThisWorker {
    pool: usize,
    index: usize,
    /// The worker's buffers while no task has them; more than one after waits inside tasks.
    buffers: RefCell<Vec<Buffers>>,
}

thread_local! {
    static THIS_WORKER: OnceCell<ThisWorker> = const { OnceCell::new() };
}

/// Runs a slice, with the worker's buffers moved in and out.
fn run_with_buffers(cell: &Arc<TaskCell>, worker: usize) -> Next {
    let taken =
        THIS_WORKER.with(|this| this.get().and_then(|this| this.buffers.borrow_mut().pop()));
    let (next, buffers) = cell.run(worker, taken.unwrap_or_default());
    THIS_WORKER.with(|this| {
        if let Some(this) = this.get() {
            this.buffers.borrow_mut().push(buffers);
        }
    });
    next
}
