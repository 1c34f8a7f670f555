//! Random plans over sources that block and break, for any number of threads, read, half read,
//! cancelled and dropped: the outcome is what one worker alone would give, and nothing hangs.

mod parts;
mod plans;

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use esker_datatypes::{Error, ErrorKind};
use esker_physical_plan::{Delivery, RunningQuery, start};
use esker_runtime::{MemoryBudget, QueryContext, WorkerPool};
pub(crate) use parts::Habit;
use parts::{Choppy, Random};
use plans::{Maker, Node};

use crate::rows_of_arrow;

#[expect(
    clippy::disallowed_methods,
    reason = "a stress test has threads of its own"
)]
pub(crate) fn spawn(run: impl FnOnce() + Send + 'static) {
    std::thread::spawn(run);
}

#[expect(clippy::disallowed_methods, reason = "a slow caller, a late wake-up")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// What the caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Collects,
    Streams,
    /// Takes some batches, then the rest at once.
    Both(u64),
    /// Takes some batches and loses interest.
    Drops(u64),
    /// Takes some batches, and the query is cancelled.
    Cancels(u64),
    /// Takes some batches, and the workers go away.
    LosesPool(u64),
}

struct Case {
    threads: usize,
    batch_size: usize,
    memory: Arc<MemoryBudget>,
    plan: Node,
    /// Multiples of this were held back to the end.
    held: Option<i64>,
    caller: Caller,
    slow: bool,
    alive: Arc<()>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let alive = Arc::new(());
        let errors = [0, 3, 8][random.below(3) as usize];
        let depth = random.below(6);
        let mut maker = Maker {
            random: &mut random,
            alive: Arc::clone(&alive),
            next: 0,
            errors,
            wall: false,
        };
        let (mut plan, _) = maker.plan(depth);
        let held = random.one_in(4).then_some(3);
        if let Some(n) = held {
            plan = Node::Habit(Habit::Hold(n), Box::new(plan));
            if random.one_in(2) {
                plan = Node::Habit(Habit::Dense, Box::new(plan));
            }
        }
        let some = random.below(6);
        let callers = [
            Caller::Collects,
            Caller::Streams,
            Caller::Streams,
            Caller::Both(some),
            Caller::Drops(some),
            Caller::Cancels(some),
            Caller::LosesPool(some),
        ];
        let memory = if random.one_in(5) {
            MemoryBudget::with_limit(100 + random.below(2000))
        } else {
            MemoryBudget::unlimited()
        };
        Self {
            threads: 1 + random.below(8) as usize,
            batch_size: [1, 2, 7, 1024][random.below(4) as usize],
            memory,
            plan,
            held,
            caller: callers[random.below(callers.len() as u64) as usize],
            slow: random.one_in(3),
            alive,
        }
    }

    /// What the caller gets: the rows, and the error behind them.
    fn run(&self) -> (Vec<i64>, Option<Error>) {
        let pool = WorkerPool::new(self.threads);
        let query = QueryContext::new(&pool, Arc::clone(&self.memory));
        let plan = self.plan.physical(&mut 0);
        let delivery = match self.caller {
            Caller::Collects => Delivery::Collect,
            _ => Delivery::Stream,
        };
        let schema = plan.schema().to_arrow();
        let running = start(&plan, schema, query, self.batch_size, delivery).unwrap();
        drop(plan);
        let mut rows = Vec::new();
        let error = self.read(&running, pool, &mut rows).err();
        if matches!(
            self.caller,
            Caller::Collects | Caller::Streams | Caller::Both(_)
        ) {
            // The answer stays.
            let mut rest = std::iter::from_fn(|| running.next_batch().transpose());
            assert_eq!(rest.any(|batch| batch.is_err()), error.is_some());
        }
        (rows, error)
    }

    fn read(
        &self,
        running: &RunningQuery,
        pool: WorkerPool,
        rows: &mut Vec<i64>,
    ) -> Result<(), Error> {
        let mut add = |batch: &_| rows.extend(rows_of_arrow(batch).iter().filter_map(|r| r[0]));
        let some = match self.caller {
            Caller::Collects => 0,
            Caller::Streams => u64::MAX,
            Caller::Both(n) | Caller::Drops(n) | Caller::Cancels(n) | Caller::LosesPool(n) => n,
        };
        for i in 0..some {
            if self.slow && i % 3 == 0 {
                pause(Duration::from_micros(150));
            }
            let Some(batch) = running.next_batch()? else {
                return Ok(());
            };
            add(&batch);
        }
        match self.caller {
            Caller::Drops(_) => return Ok(()),
            Caller::Cancels(_) => running.cancel(),
            Caller::LosesPool(_) => drop(pool),
            Caller::Collects | Caller::Streams | Caller::Both(_) => {}
        }
        for batch in running.collect()? {
            add(&batch);
        }
        Ok(())
    }

    fn check(&self) {
        let (mut got, error) = self.run();
        let (rows, failure) = self.plan.outcome();
        let is_held = |v: &i64| self.held.is_some_and(|n| v % n == 0);
        let (mut held, mut want): (Vec<i64>, Vec<i64>) = rows.into_iter().partition(is_held);
        let stops = matches!(
            self.caller,
            Caller::Drops(_) | Caller::Cancels(_) | Caller::LosesPool(_)
        );
        // What was held back comes last, in any order.
        let mut last =
            got.split_off(got.len() - got.iter().rev().take_while(|v| is_held(v)).count());
        let all = match &error {
            None => !matches!(self.caller, Caller::Drops(_)),
            Some(error) => {
                let text = error.to_string();
                let scarce = self.memory.limit().is_some()
                    && matches!(error.kind(), ErrorKind::ResourcesExhausted { .. });
                let stopped = stops && matches!(error.kind(), ErrorKind::Cancelled);
                let known = failure
                    .as_ref()
                    .is_some_and(|f| text.starts_with(f.as_str()));
                assert!(scarce || stopped || known, "{text}, not {failure:?}");
                false
            }
        };
        if all {
            assert_eq!(failure, None);
            last.sort_unstable();
            held.sort_unstable();
            assert_eq!(last, held, "rows held back");
        } else {
            assert!(got.len() <= want.len(), "{got:?}, not {want:?}");
            want.truncate(got.len());
        }
        assert_eq!(got, want);
    }

    /// Nothing is left of it.
    fn check_end(&self) {
        // The pool has been joined, or goes as soon as a worker lets go of it.
        for _ in 0..2000 {
            if self.memory.used() == 0 && Arc::strong_count(&self.alive) == self.scans() + 1 {
                return;
            }
            pause(Duration::from_millis(1));
        }
        panic!("{} bytes are left, or a reader", self.memory.used());
    }

    fn scans(&self) -> usize {
        fn scans(node: &Node) -> usize {
            match node {
                Node::Scan(_) => 1,
                Node::Habit(_, input) | Node::Limit(_, _, input) | Node::Wall(input) => {
                    scans(input)
                }
                Node::Union(inputs) => inputs.iter().map(scans).sum(),
            }
        }
        scans(&self.plan)
    }
}

/// Runs cases, and fails instead of hanging.
fn run(seeds: std::ops::Range<u64>) {
    let (sender, started) = channel();
    spawn(move || {
        for seed in seeds {
            let _ = sender.send(Ok(seed));
            let case = Case::new(seed);
            let check = std::panic::AssertUnwindSafe(|| {
                case.check();
                case.check_end();
            });
            if std::panic::catch_unwind(check).is_err() {
                let Case {
                    threads,
                    batch_size,
                    plan,
                    caller,
                    ..
                } = &case;
                let _ = sender.send(Err(format!(
                    "case {seed}: {threads} threads, batches of {batch_size}, {caller:?}, {plan:?}"
                )));
                return;
            }
        }
    });
    let mut last = 0;
    loop {
        match started.recv_timeout(Duration::from_secs(20)) {
            Ok(Ok(seed)) => last = seed,
            Ok(Err(case)) => panic!("{case}"),
            Err(RecvTimeoutError::Timeout) => panic!("case {last} hangs"),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// One worker finds that the first table cannot be opened while others come to the second.
#[test]
fn nothing_comes_before_an_error_of_opening() {
    let alive = Arc::new(());
    let table = |splits: Vec<Vec<Vec<i64>>>, missing| {
        Node::Scan(Choppy {
            splits,
            broken: None,
            missing,
            blocks: 0,
            alive: Arc::clone(&alive),
        })
    };
    for _ in 0..3000 {
        let tables = vec![
            table(vec![], true),
            table(vec![vec![vec![1], vec![2]]], false),
        ];
        let case = Case {
            threads: 6,
            batch_size: 1,
            memory: MemoryBudget::unlimited(),
            plan: Node::Union(tables),
            held: None,
            caller: Caller::Streams,
            slow: false,
            alive: Arc::clone(&alive),
        };
        case.check();
    }
}

#[test]
fn random_plans_give_what_one_worker_would() {
    run(0..1500);
}

#[test]
#[ignore = "minutes long"]
fn many_random_plans() {
    run(1500..80_000);
}
