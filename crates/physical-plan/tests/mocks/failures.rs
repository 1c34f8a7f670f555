//! Failures at the worst moment: while others wait for the failing worker, or still have a say in
//! whether the failure matters.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use esker_datatypes::{Batch, Error, Result, SchemaRef};
use esker_logical_plan::{Claim, ScanReader, ScanRequest, ScanStatus, TableScan, TableSource};
use esker_physical_plan::pipeline::{LocalOperator, Operator};
use esker_physical_plan::{Delivery, LimitExec, PhysicalPlan, Role, ScanExec, ScanOptions};
use esker_runtime::{MemoryBudget, TaskContext, Waker};

use crate::stress::{Habit, pause, spawn};
use crate::{Row, Runner, batch, schema};

/// What reading a split comes to.
#[derive(Clone, Copy, Debug)]
enum Split {
    /// A row, and then a batch of none.
    Row(i64),
    Broken,
}

/// A source whose splits are read when the test says so.
#[derive(Clone, Debug)]
struct Gates(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    splits: Vec<Split>,
    /// The splits that nobody may read yet, and who has tried.
    closed: Mutex<HashMap<u64, Vec<Waker>>>,
    claimed: AtomicU64,
    read: AtomicU64,
    opened: AtomicU64,
    /// The last worker comes when so many splits are claimed.
    last_comes_at: u64,
    workers: u64,
}

impl Gates {
    fn new(splits: Vec<Split>, closed: &[u64], workers: u64, last_comes_at: u64) -> Self {
        Self(Arc::new(Shared {
            splits,
            closed: Mutex::new(closed.iter().map(|&split| (split, Vec::new())).collect()),
            claimed: AtomicU64::new(0),
            read: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            last_comes_at,
            workers,
        }))
    }

    fn open_gate(&self, split: u64) {
        let wakers = self.0.closed.lock().unwrap().remove(&split);
        wakers.iter().flatten().for_each(Waker::wake);
    }
}

/// Waits until a number is reached, and a little longer.
fn wait_for(number: &AtomicU64, at_least: u64) {
    while number.load(Ordering::Acquire) < at_least {
        pause(Duration::from_micros(100));
    }
    pause(Duration::from_millis(5));
}

impl TableSource for Gates {
    fn schema(&self) -> SchemaRef {
        schema(&["a"])
    }

    fn scan(&self, _request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        Ok(Arc::new(self.clone()))
    }
}

impl TableScan for Gates {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn ScanReader>> {
        if self.0.opened.fetch_add(1, Ordering::AcqRel) + 1 == self.0.workers {
            wait_for(&self.0.claimed, self.0.last_comes_at);
        }
        Ok(Box::new(Reader(self.clone(), 0, false)))
    }
}

/// The source, the split that was claimed, and whether its row was read.
struct Reader(Gates, u64, bool);

impl ScanReader for Reader {
    fn claim(&mut self, _cx: &mut TaskContext) -> Result<Claim> {
        let shared = &self.0.0;
        let splits = shared.splits.len() as u64;
        self.1 = shared.claimed.fetch_add(1, Ordering::AcqRel);
        Ok(if self.1 < splits {
            Claim::Split(self.1)
        } else {
            Claim::Finished { splits }
        })
    }

    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<ScanStatus> {
        let shared = &self.0.0;
        if let Some(wakers) = shared.closed.lock().unwrap().get_mut(&self.1) {
            wakers.push(cx.waker());
            return Ok(ScanStatus::Blocked);
        }
        self.2 = !self.2;
        if !self.2 {
            *out = batch(1, &[]);
            return Ok(ScanStatus::SplitFinished);
        }
        shared.read.fetch_add(1, Ordering::AcqRel);
        match shared.splits[self.1 as usize] {
            Split::Row(value) => *out = batch(1, &[vec![Some(value)]]),
            Split::Broken => return Err(Error::data(format!("split {} is broken", self.1))),
        }
        Ok(ScanStatus::More)
    }
}

fn scan(gates: &Gates) -> PhysicalPlan {
    let options = ScanOptions {
        schema: schema(&["a"]),
        columns: vec![0],
        projection: vec![0],
        filters: Vec::new(),
        limit: None,
        batch_size: 8,
        dictionary_strings: false,
    };
    let role = Role::Source(Arc::new(ScanExec::new(Arc::new(gates.clone()), options)));
    PhysicalPlan::new(0, "ScanExec", "", role, [], schema(&["a"]))
}

fn node(id: u32, role: Role, input: PhysicalPlan) -> PhysicalPlan {
    PhysicalPlan::new(id, "Node", "", role, [input], schema(&["a"]))
}

fn operator(id: u32, operator: impl Operator + 'static, input: PhysicalPlan) -> PhysicalPlan {
    node(id, Role::Operator(Arc::new(operator)), input)
}

/// Runs a plan beside what the test does meanwhile, and fails instead of hanging.
fn run(threads: usize, plan: PhysicalPlan, meanwhile: impl FnOnce()) -> Result<Vec<Row>> {
    let runner = Runner::new(threads, 8, MemoryBudget::unlimited());
    beside(meanwhile, move || runner.collect(&plan))
}

fn beside<T: Send + 'static>(
    meanwhile: impl FnOnce(),
    run: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, done) = channel();
    spawn(move || {
        let _ = sender.send(run());
    });
    meanwhile();
    done.recv_timeout(Duration::from_secs(10))
        .expect("it hangs")
}

/// Three workers may be 12 splits ahead. One is at split 1, one has claimed all that it may, and the
/// third comes when there is nothing to claim: when split 1 fails, nobody will make room for it.
fn full_window(broken: bool) -> Gates {
    let mut splits: Vec<Split> = (0..40).map(Split::Row).collect();
    if broken {
        splits[1] = Split::Broken;
    }
    Gates::new(splits, &[1], 3, 13)
}

#[test]
fn who_waits_to_claim_hears_of_a_failure_of_the_source() {
    let gates = full_window(true);
    let result = run(3, scan(&gates), || {
        wait_for(&gates.0.opened, 3);
        wait_for(&gates.0.claimed, 13);
        pause(Duration::from_millis(20));
        gates.open_gate(1);
    });
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("split 1 is broken"), "{error}");
}

#[test]
fn who_waits_to_claim_hears_of_a_failure_around_its_union() {
    let gates = full_window(false);
    let plan = operator(2, Habit::Fail(1), node(1, Role::Union, scan(&gates)));
    let result = run(3, plan, || {
        wait_for(&gates.0.opened, 3);
        wait_for(&gates.0.claimed, 13);
        pause(Duration::from_millis(20));
        gates.open_gate(1);
    });
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("1 is bad"), "{error}");
}

#[test]
fn who_waits_for_the_turn_of_a_split_hears_that_it_has_failed() {
    // Rows behind split 0 fill their half of the memory; then it fails, inside a union.
    let mut splits: Vec<Split> = (0..12).map(Split::Row).collect();
    splits[0] = Split::Broken;
    let gates = Gates::new(splits, &[0], 2, 0);
    let plan = node(1, Role::Union, scan(&gates));
    let runner = Runner::new(2, 8, MemoryBudget::with_limit(64));
    let next = move || {
        let running = runner.start(&plan, Delivery::Stream);
        running.next_batch().map(|batch| batch.is_some())
    };
    let result = beside(
        || {
            wait_for(&gates.0.read, 5);
            gates.open_gate(0);
        },
        next,
    );
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("split 0 is broken"), "{error}");
}

#[test]
fn rows_held_behind_a_limit_outlive_a_failure_that_does_not_matter() {
    // One worker reads split 0, whose row is held back behind the limit, and fails at split 2; then
    // the row of split 1 reaches the limit.
    let splits = vec![Split::Row(3), Split::Row(6), Split::Broken];
    let gates = Gates::new(splits, &[0, 1], 2, 0);
    let limited = operator(1, LimitExec::new(0, Some(2)), scan(&gates));
    let plan = operator(2, Habit::Hold(3), limited);
    let result = run(2, plan, || {
        wait_for(&gates.0.claimed, 2);
        gates.open_gate(0);
        wait_for(&gates.0.read, 2);
        gates.open_gate(1);
    });
    let mut rows = result.unwrap();
    rows.sort();
    assert_eq!(rows, [[Some(3)], [Some(6)]]);
}

/// An operator that does not even open.
#[derive(Debug)]
struct Panics;

impl Operator for Panics {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        panic!("opening fails, too")
    }
}

#[test]
fn a_panic_while_opening_ends_the_query() {
    let gates = Gates::new(vec![Split::Row(1)], &[], 9, 0);
    let error = run(2, operator(1, Panics, scan(&gates)), || {}).unwrap_err();
    assert!(error.to_string().contains("opening fails, too"), "{error}");
}
