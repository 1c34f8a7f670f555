//! What a query shares among its tasks, and what a task is given for a slice.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_datatypes::{Buffers, Error, Result};

use crate::event::EventCount;
use crate::task::TaskCell;
use crate::workers::Workers;
use crate::{CancelToken, MemoryBudget, Metrics, Progress, Task, Waker, WorkerPool};

/// A running query: its tasks, its share of the machine, and whether it should stop.
///
/// Tasks and whoever consumes their result hold it together. It does not keep the pool alive:
/// when the last [`WorkerPool`] handle drops, the query is cancelled and its tasks are dropped.
/// Parked tasks keep it alive: whoever loses interest in a query [cancels](Self::cancel) it, then
/// its tasks run once more, finish, and let go.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
/// use esker_runtime::{MemoryBudget, QueryContext, Task, TaskContext, TaskStatus, WorkerPool};
///
/// struct Answer(Arc<AtomicBool>);
///
/// impl Task for Answer {
///     fn run(&mut self, cx: &mut TaskContext) -> TaskStatus {
///         self.0.store(true, SeqCst);
///         cx.query.notify();
///         TaskStatus::Finished
///     }
///     fn panicked(&mut self, _message: &str) {}
/// }
///
/// let pool = WorkerPool::new(2);
/// let query = QueryContext::new(&pool, MemoryBudget::unlimited());
/// let done = Arc::new(AtomicBool::new(false));
/// query.spawn(Box::new(Answer(Arc::clone(&done))))?;
/// query.wait(|| (done.load(SeqCst) || query.is_cancelled()).then_some(()));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub struct QueryContext {
    id: u64,
    /// None in a context that spawns nothing.
    workers: Option<Arc<Workers>>,
    memory: Arc<MemoryBudget>,
    metrics: Metrics,
    progress: Progress,
    cancel: CancelToken,
    event: EventCount,
}

impl QueryContext {
    /// A query on this pool and budget, without tasks as yet.
    pub fn new(pool: &WorkerPool, memory: Arc<MemoryBudget>) -> Arc<Self> {
        Self::build(Some(Arc::clone(pool.workers())), memory)
    }

    fn build(workers: Option<Arc<Workers>>, memory: Arc<MemoryBudget>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new_cyclic(|this| Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            workers,
            memory,
            metrics: Metrics::default(),
            progress: Progress::default(),
            cancel: CancelToken::of_query(this.clone()),
            event: EventCount::default(),
        })
    }

    /// Asks the query to stop: wakes its parked tasks, which then find out, and its waiters.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Whether the query was asked to stop. Tasks look at this once a slice, at least.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The flag behind [`is_cancelled`](Self::is_cancelled), for whoever needs it alone.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// The budget that the query's reservations come from.
    pub fn memory(&self) -> &Arc<MemoryBudget> {
        &self.memory
    }

    /// What the query's operators did.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How far the query's sources have come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// How many workers may run the query's tasks at once; at least 1.
    pub fn threads(&self) -> usize {
        self.workers.as_ref().map_or(1, |workers| workers.threads())
    }

    /// Hands a task to the workers. The first tasks start the pool's threads.
    ///
    /// # Errors
    /// `ResourcesExhausted` when not a single thread can be started (with some, the query runs on
    /// those), `Cancelled` when the pool is gone, `Unsupported` in a standalone context.
    pub fn spawn(self: &Arc<Self>, task: Box<dyn Task>) -> Result<()> {
        match &self.workers {
            Some(workers) => workers.spawn(self, task),
            None => Err(Error::unsupported("tasks in a context without workers")),
        }
    }

    /// Wakes whoever is in [`wait`](Self::wait), to look again. Cheap when nobody is: call it
    /// after every change that `ready` may wait for.
    pub fn notify(&self) {
        self.event.notify();
    }

    /// Waits until `ready` gives something; it is asked at once and after every
    /// [`notify`](Self::notify), and must give something once the query is cancelled.
    ///
    /// A foreign thread sleeps meanwhile. A worker of the query's pool runs the query's ready
    /// tasks and sleeps only when there is none, so that a task may run a whole query of its own,
    /// also on a pool of one thread.
    pub fn wait<T>(&self, mut ready: impl FnMut() -> Option<T>) -> T {
        let helper = self
            .workers
            .as_ref()
            .and_then(|workers| workers.this_worker().map(|worker| (workers, worker)));
        let _counted = helper.map(|_| self.event.help());
        loop {
            // First the epoch: what happens from here on keeps us from sleeping.
            let seen = self.event.epoch();
            if let Some(value) = ready() {
                return value;
            }
            let helped =
                helper.is_some_and(|(workers, worker)| workers.run_one_of(self.id, worker));
            if !helped {
                self.event.sleep(seen);
            }
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn event(&self) -> &EventCount {
        &self.event
    }

    /// Puts a task of this query, in state Ready, in its queue.
    pub(crate) fn enqueue(&self, cell: Arc<TaskCell>) {
        if let Some(workers) = &self.workers {
            workers.enqueue(cell);
        }
    }

    /// Wakes all tasks and waiters, to see that the query is cancelled.
    pub(crate) fn wake_all(&self) {
        if let Some(workers) = &self.workers {
            workers.wake_tasks_of(self.id);
        }
        self.event.notify();
    }
}

impl fmt::Debug for QueryContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryContext")
            .field("id", &self.id)
            .field("threads", &self.threads())
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// What a task is given for a slice: its query, and the worker that runs it.
#[derive(Debug)]
pub struct TaskContext {
    /// The query that the task belongs to.
    pub query: Arc<QueryContext>,
    /// The recycled buffers of the worker.
    pub buffers: Buffers,
    worker: usize,
    waker: Waker,
}

impl TaskContext {
    /// Which worker runs the task, below [`QueryContext::threads`]; 0 outside of a pool.
    ///
    /// A hint to spread state by. It gives no exclusive access: a worker that waits inside a task
    /// runs other tasks meanwhile, under the same number.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// What makes the running task run again; see [`Task::run`].
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// A context without workers or limits: for tests, examples, and expressions without columns.
    ///
    /// ```
    /// let cx = esker_runtime::TaskContext::standalone();
    /// assert_eq!(cx.query.threads(), 1);
    /// assert_eq!(cx.query.memory().limit(), None);
    /// ```
    pub fn standalone() -> Self {
        Self::for_query(QueryContext::build(None, MemoryBudget::unlimited()))
    }

    /// A context in which a thread that is no worker, or no task, does work of a query.
    pub fn for_query(query: Arc<QueryContext>) -> Self {
        Self::on_worker(query, 0, Buffers::default(), Waker::noop())
    }

    pub(crate) fn on_worker(
        query: Arc<QueryContext>,
        worker: usize,
        buffers: Buffers,
        waker: Waker,
    ) -> Self {
        Self {
            query,
            buffers,
            worker,
            waker,
        }
    }
}
