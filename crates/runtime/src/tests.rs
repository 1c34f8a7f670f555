//! Tasks, queries and workers together.
#![expect(
    clippy::disallowed_methods,
    reason = "tests have foreign threads that wait"
)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, Weak, mpsc};
use std::thread;

use esker_datatypes::ErrorKind;

use crate::event::{lock, wait};
use crate::{
    MemoryBudget, QueryContext, Task, TaskContext, TaskStatus, Waker, WorkerPool, available_threads,
};

type Log = Arc<Mutex<Vec<String>>>;

/// A task made of a closure; counts as live in `live` until it is dropped, and logs its panic.
struct Closure<F> {
    run: F,
    live: Arc<Live>,
    panics: Log,
}

/// How many tasks of a query are not dropped yet.
#[derive(Default)]
struct Live(AtomicUsize);

impl<F: FnMut(&mut TaskContext) -> TaskStatus + Send> Task for Closure<F> {
    fn run(&mut self, cx: &mut TaskContext) -> TaskStatus {
        (self.run)(cx)
    }

    fn panicked(&mut self, message: &str) {
        lock(&self.panics).push(message.to_owned());
        assert_ne!(message, "panic twice");
    }
}

impl<F> Drop for Closure<F> {
    fn drop(&mut self) {
        self.live.0.fetch_sub(1, SeqCst);
    }
}

/// A query under test and what its tasks leave behind.
#[derive(Clone)]
struct Subject {
    query: Arc<QueryContext>,
    live: Arc<Live>,
    panics: Log,
}

impl Subject {
    fn new(pool: &WorkerPool) -> Self {
        let query = QueryContext::new(pool, MemoryBudget::unlimited());
        let (live, panics) = Default::default();
        Self {
            query,
            live,
            panics,
        }
    }

    fn spawn(&self, run: impl FnMut(&mut TaskContext) -> TaskStatus + Send + 'static) {
        self.try_spawn(run).unwrap();
    }

    fn try_spawn(
        &self,
        run: impl FnMut(&mut TaskContext) -> TaskStatus + Send + 'static,
    ) -> esker_datatypes::Result<()> {
        self.live.0.fetch_add(1, SeqCst);
        let (live, panics) = (Arc::clone(&self.live), Arc::clone(&self.panics));
        self.query.spawn(Box::new(Closure { run, live, panics }))
    }

    /// Waits until all tasks are dropped: by polling, as tasks cannot tell of their own drop.
    fn until_done(&self) {
        while self.live.0.load(SeqCst) > 0 {
            thread::yield_now();
        }
    }
}

/// A door that a foreign thread opens while tests hold a worker at it.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    fn open(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let mut open = lock(&self.0.0);
        while !*open {
            open = wait(&self.0.1, open);
        }
    }
}

/// Occupies a worker until the door opens.
fn occupy(pool: &WorkerPool) -> Door {
    let (door, inside) = (Door::default(), Door::default());
    let task = (door.clone(), inside.clone());
    Subject::new(pool).spawn(move |_| {
        task.1.open();
        task.0.pass();
        TaskStatus::Finished
    });
    inside.pass();
    door
}

/// Yields `slices` times, logging `name` each time.
fn logging(
    log: &Log,
    name: &'static str,
    slices: usize,
) -> impl FnMut(&mut TaskContext) -> TaskStatus + Send + 'static {
    let (log, mut left) = (Arc::clone(log), slices);
    move |_| {
        lock(&log).push(name.to_owned());
        left -= 1;
        if left == 0 {
            TaskStatus::Finished
        } else {
            TaskStatus::Yield
        }
    }
}

#[test]
fn queries_take_turns_on_one_thread() {
    let check = |tasks: &[(usize, &'static str, usize)], want: &str| {
        let pool = WorkerPool::new(1);
        let queries = [
            Subject::new(&pool),
            Subject::new(&pool),
            Subject::new(&pool),
        ];
        let log = Log::default();
        let door = occupy(&pool);
        for &(query, name, slices) in tasks {
            queries[query].spawn(logging(&log, name, slices));
        }
        door.open();
        queries.iter().for_each(Subject::until_done);
        assert_eq!(lock(&log).concat(), want);
    };
    check(&[(0, "a", 3), (1, "b", 3)], "ababab");
    check(&[(0, "a", 5), (1, "b", 2)], "ababaaa");
    // Many tasks get no more turns than one.
    check(&[(0, "a", 2), (0, "A", 2), (1, "b", 4)], "abAbabAb");
    check(&[(2, "c", 1), (0, "a", 2), (1, "b", 1)], "caba");
    check(&[(0, "a", 2), (0, "A", 2)], "aAaA");
}

#[test]
fn a_blocked_task_parks_and_its_thread_goes_on() {
    let pool = WorkerPool::new(1);
    let subject = Subject::new(&pool);
    let log = Log::default();
    let parked: Arc<Mutex<Option<Waker>>> = Arc::default();
    let (mine, place) = (Arc::clone(&log), Arc::clone(&parked));
    let mut awaited = false;
    subject.spawn(move |cx| {
        lock(&mine).push(if awaited { "woken " } else { "parks " }.to_owned());
        if std::mem::replace(&mut awaited, true) {
            return TaskStatus::Finished;
        }
        *lock(&place) = Some(cx.waker());
        TaskStatus::Blocked
    });
    let (mine, mut slices) = (Arc::clone(&log), 0);
    subject.spawn(move |_| {
        slices += 1;
        lock(&mine).push(format!("{slices} "));
        if slices < 3 {
            return TaskStatus::Yield;
        }
        // Waking any number of times is waking once.
        let waker = lock(&parked).take().unwrap();
        waker.wake();
        waker.clone().wake();
        TaskStatus::Finished
    });
    subject.until_done();
    assert_eq!(lock(&log).concat(), "parks 1 2 3 woken ");
}

#[test]
fn a_wake_up_during_the_run_is_kept() {
    let pool = WorkerPool::new(2);
    for status in [TaskStatus::Blocked, TaskStatus::Yield] {
        let subject = Subject::new(&pool);
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        subject.spawn(move |cx| {
            if counted.fetch_add(1, SeqCst) == 1 {
                return TaskStatus::Finished;
            }
            // Once by itself, once from elsewhere, both before `run` returns.
            cx.waker().wake();
            let waker = cx.waker();
            thread::scope(|scope| scope.spawn(move || waker.wake()).join().unwrap());
            status
        });
        subject.until_done();
        assert_eq!(runs.load(SeqCst), 2);
    }
    Waker::noop().wake();
}

/// Spawns a task that parks until its query is cancelled; the door opens when it has run once.
fn park(subject: &Subject) -> Door {
    let seen = Door::default();
    let opener = seen.clone();
    subject.spawn(move |cx| {
        opener.open();
        if cx.query.is_cancelled() {
            TaskStatus::Finished
        } else {
            TaskStatus::Blocked
        }
    });
    seen
}

#[test]
fn cancelling_wakes_tasks_and_waiters_and_lets_go_of_all() {
    for cancel_token in [false, true] {
        let pool = WorkerPool::new(2);
        let subject = Subject::new(&pool);
        for _ in 0..10 {
            park(&subject).pass();
        }
        let waiter = subject.query.clone();
        let waiting =
            thread::spawn(move || waiter.wait(|| waiter.is_cancelled().then_some("cancelled")));
        if cancel_token {
            subject.query.cancel_token().clone().cancel();
        } else {
            subject.query.cancel();
        }
        assert_eq!(waiting.join().unwrap(), "cancelled");
        subject.until_done();
        assert!(subject.query.cancel_token().check().is_err());
        let query = Arc::downgrade(&subject.query);
        drop(subject);
        gone(&query);
    }
}

/// Waits until nobody holds a query: the worker lets go right after the task's drop.
fn gone(query: &Weak<QueryContext>) {
    while query.strong_count() > 0 {
        thread::yield_now();
    }
}

#[test]
fn a_wait_on_a_worker_runs_the_tasks_of_that_query() {
    /// Runs a query of three tasks to its end, and in each a query of one level less.
    fn run_query(pool: &WorkerPool, depth: usize) -> usize {
        let subject = Subject::new(pool);
        let (sum, left) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(3)));
        for _ in 0..3 {
            // A task must not own a handle of its pool for longer than its query runs.
            let (pool, sum, left) = (pool.clone(), Arc::clone(&sum), Arc::clone(&left));
            let mut slices = 0;
            subject.spawn(move |cx| {
                slices += 1;
                if slices < 4 {
                    return TaskStatus::Yield;
                }
                let below = if depth > 0 {
                    run_query(&pool, depth - 1)
                } else {
                    0
                };
                sum.fetch_add(1 + below, SeqCst);
                left.fetch_sub(1, SeqCst);
                cx.query.notify();
                TaskStatus::Finished
            });
        }
        let done = || (left.load(SeqCst) == 0).then_some(());
        subject.query.wait(done);
        sum.load(SeqCst)
    }
    for threads in [1, 2, 4] {
        let pool = WorkerPool::new(threads);
        assert_eq!(run_query(&pool, 0), 3);
        assert_eq!(run_query(&pool, 4), 3 + 9 + 27 + 81 + 243);
    }
}

#[test]
fn a_worker_asleep_in_a_wait_hears_of_ready_tasks() {
    let pool = WorkerPool::new(1);
    let (outer, inner) = (Subject::new(&pool), Subject::new(&pool));
    let (send, receive) = mpsc::channel();
    let awaited = Arc::new(AtomicBool::new(false));
    let (query, done) = (inner.clone(), Arc::clone(&awaited));
    outer.spawn(move |_| {
        let (send, done) = (send.clone(), Arc::clone(&done));
        let set = Arc::clone(&done);
        let mut parked = false;
        query.spawn(move |cx| {
            if !std::mem::replace(&mut parked, true) {
                send.send(cx.waker()).unwrap();
                return TaskStatus::Blocked;
            }
            set.store(true, SeqCst);
            TaskStatus::Finished
        });
        query.query.wait(|| done.load(SeqCst).then_some(()));
        TaskStatus::Finished
    });
    // The only worker sleeps in the outer task, or is about to; only it can run the inner one.
    receive.recv().unwrap().wake();
    outer.until_done();
    assert!(awaited.load(SeqCst));
}

#[test]
fn a_panic_is_told_and_the_worker_survives() {
    let pool = WorkerPool::new(1);
    let check = |run: fn(), want: &[&str]| {
        let subject = Subject::new(&pool);
        subject.spawn(move |_| {
            run();
            TaskStatus::Finished
        });
        subject.until_done();
        assert_eq!(*lock(&subject.panics), want);
    };
    check(|| panic!("plain"), &["plain"]);
    check(|| panic!("with {}", 1), &["with 1"]);
    check(|| panic!("panic twice"), &["panic twice"]);
    check(|| std::panic::panic_any(7), &["a panic without a message"]);
    check(|| (), &[]);
    // One that panics while it is dropped.
    struct Bomb(Arc<AtomicBool>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
            panic!("dropped");
        }
    }
    let exploded = Arc::new(AtomicBool::new(false));
    let (bomb, subject) = (Bomb(Arc::clone(&exploded)), Subject::new(&pool));
    subject.spawn(move |_| {
        let _held = &bomb;
        TaskStatus::Finished
    });
    while !exploded.load(SeqCst) {
        thread::yield_now();
    }
    check(|| (), &[]);
}

#[test]
fn dropping_the_pool_drops_the_tasks_and_joins() {
    let pool = WorkerPool::new(3);
    let subject = Subject::new(&pool);
    for _ in 0..5 {
        park(&subject).pass();
    }
    // These run on and on, and never look at the cancellation.
    for _ in 0..5 {
        subject.spawn(|_| TaskStatus::Yield);
    }
    let waiter = subject.query.clone();
    let waiting = thread::spawn(move || waiter.wait(|| waiter.is_cancelled().then_some(())));
    drop(pool.clone());
    assert!(!subject.query.is_cancelled());
    drop(pool);
    assert_eq!(subject.live.0.load(SeqCst), 0);
    waiting.join().unwrap();
    let error = subject.try_spawn(|_| TaskStatus::Finished).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled), "{error}");
    assert_eq!(subject.live.0.load(SeqCst), 0);
    let query = Arc::downgrade(&subject.query);
    drop(subject);
    gone(&query);
}

#[test]
fn a_pool_that_never_ran_or_ends_on_its_own_worker_ends_too() {
    drop(WorkerPool::new(0));
    let pool = WorkerPool::new(2);
    let subject = Subject::new(&pool);
    let door = occupy(&pool);
    let mut held = Some(pool);
    let (send, receive) = mpsc::channel();
    subject.spawn(move |_| {
        drop(held.take());
        send.send(()).unwrap();
        TaskStatus::Yield
    });
    receive.recv().unwrap();
    subject.until_done();
    door.open();
}

#[test]
fn threads_start_as_tasks_need_them_and_keep_their_buffers() {
    let pool = WorkerPool::new(8);
    let subject = Subject::new(&pool);
    let seen = Log::default();
    let (log, mut address) = (Arc::clone(&seen), 0);
    subject.spawn(move |cx| {
        let thread = thread::current();
        lock(&log).push(format!("{} {}", thread.name().unwrap(), cx.worker()));
        let mut values = cx.buffers.take::<i64>(1000);
        values.push(1);
        let before = std::mem::replace(&mut address, values.as_ptr().addr());
        cx.buffers.give(values);
        if before == 0 {
            return TaskStatus::Yield;
        }
        lock(&log).push(format!("{}", before == address));
        TaskStatus::Finished
    });
    subject.until_done();
    let want = ["esker-worker-0 0", "esker-worker-0 0", "true"];
    assert_eq!(*lock(&seen), want);
    assert_eq!((pool.threads(), subject.query.threads()), (8, 8));
    assert!(available_threads() > 0);
}

#[test]
fn a_standalone_context_spawns_nothing() {
    struct Never;
    impl Task for Never {
        fn run(&mut self, _: &mut TaskContext) -> TaskStatus {
            TaskStatus::Blocked
        }
        fn panicked(&mut self, _: &str) {}
    }
    let cx = TaskContext::standalone();
    cx.waker().wake();
    assert_eq!((cx.worker(), cx.query.threads()), (0, 1));
    assert!(cx.query.spawn(Box::new(Never)).is_err());
    let query = Arc::clone(&cx.query);
    let waiting = thread::spawn(move || query.wait(|| query.is_cancelled().then_some(())));
    cx.query.cancel();
    waiting.join().unwrap();
}

/// A queue that its reader waits at: the pattern that all blocking tasks follow.
#[derive(Default)]
struct Mailbox {
    tokens: usize,
    reader: Option<Waker>,
}

#[test]
fn no_wake_up_is_lost_under_stress() {
    const STATIONS: usize = 7;
    const TOKENS: usize = 5;
    const PASSES: usize = 20_000;
    for threads in [1, 2, 4] {
        let pool = WorkerPool::new(threads);
        let subject = Subject::new(&pool);
        let mailboxes: Arc<[Mutex<Mailbox>; STATIONS]> = Arc::default();
        let left = Arc::new(AtomicUsize::new(PASSES));
        // Tokens go round from task to task; each pass may find its receiver in any state.
        for station in 0..STATIONS {
            let (mailboxes, left) = (Arc::clone(&mailboxes), Arc::clone(&left));
            subject.spawn(move |cx| {
                if left.load(SeqCst) == 0 || cx.query.is_cancelled() {
                    return TaskStatus::Finished;
                }
                let mut mine = lock(&mailboxes[station]);
                if mine.tokens == 0 {
                    mine.reader = Some(cx.waker());
                    return TaskStatus::Blocked;
                }
                mine.tokens -= 1;
                drop(mine);
                let mut next = lock(&mailboxes[(station + 1) % STATIONS]);
                next.tokens += 1;
                let reader = next.reader.take();
                drop(next);
                if let Some(reader) = reader {
                    reader.wake();
                }
                let passes = left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
                if passes == Ok(1) {
                    cx.query.notify();
                }
                TaskStatus::Yield
            });
        }
        for token in 0..TOKENS {
            let mut mailbox = lock(&mailboxes[token % STATIONS]);
            mailbox.tokens += 1;
            let reader = mailbox.reader.take();
            drop(mailbox);
            if let Some(reader) = reader {
                reader.wake();
            }
        }
        let done = || (left.load(SeqCst) == 0).then_some(());
        subject.query.wait(done);
        // Some still wait for tokens that will not come.
        subject.query.cancel();
        subject.until_done();
    }
}
