//! A source without end: it is read as far as somebody looks, and parks between events.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use esker_datatypes::{Batch, Order, Result};
use esker_physical_plan::pipeline::{LocalSource, Source, SourceStatus};
use esker_physical_plan::{Delivery, LimitExec, PhysicalPlan, Role};
use esker_runtime::{MemoryBudget, TaskContext, Waker};

use crate::{Runner, batch, rows_of_arrow, schema};

/// Counts for ever, each number a split of its own.
#[derive(Clone, Debug, Default)]
struct Counter {
    next: Arc<AtomicI64>,
}

impl Source for Counter {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(self.clone()))
    }
}

impl LocalSource for Counter {
    fn next(&mut self, out: &mut Batch, _cx: &mut TaskContext) -> Result<SourceStatus> {
        let value = self.next.fetch_add(1, Ordering::Relaxed);
        let order = Order {
            ordinal: value as u64,
            sequence: 0,
            last: true,
        };
        *out = batch(1, &[vec![Some(value)]]).with_order(order);
        Ok(SourceStatus::More)
    }
}

fn plan(source: impl Source + 'static) -> PhysicalPlan {
    PhysicalPlan::new(
        0,
        "Unbounded",
        "",
        Role::Source(Arc::new(source)),
        [],
        schema(&["a"]),
    )
}

#[test]
fn a_stream_reads_no_further_than_it_must() {
    for threads in [1, 2, 4] {
        let counter = Counter::default();
        let runner = Runner::new(threads, 8, MemoryBudget::unlimited());
        let running = runner.start(&plan(counter.clone()), Delivery::Stream);
        for want in 0..100 {
            let batch = running.next_batch().unwrap().expect("there is always more");
            assert_eq!(rows_of_arrow(&batch), [[Some(want)]]);
        }
        let ahead = counter.next.load(Ordering::Relaxed) - 100;
        assert!(
            ahead < 100 * threads as i64,
            "{ahead} ahead with {threads} threads"
        );
        drop(running);
    }
}

#[test]
fn a_limit_ends_it() {
    for threads in [1, 2, 4] {
        let input = plan(Counter::default());
        let schema = Arc::clone(input.schema());
        let role = Role::Operator(Arc::new(LimitExec::new(10, Some(20))));
        let plan = PhysicalPlan::new(1, "LimitExec", "", role, [input], schema);
        let got = Runner::new(threads, 8, MemoryBudget::unlimited())
            .collect(&plan)
            .unwrap();
        assert_eq!(got, (10..30).map(|v| vec![Some(v)]).collect::<Vec<_>>());
    }
}

/// Gives what is sent to it, and parks until there is something.
#[derive(Clone, Debug, Default)]
struct Inbox {
    state: Arc<Mutex<(Vec<i64>, Vec<Waker>)>>,
    splits: Arc<AtomicU64>,
}

impl Inbox {
    fn send(&self, value: i64) {
        let mut state = self.state.lock().unwrap();
        state.0.push(value);
        let wakers = std::mem::take(&mut state.1);
        drop(state);
        wakers.iter().for_each(Waker::wake);
    }
}

impl Source for Inbox {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(self.clone()))
    }
}

impl LocalSource for Inbox {
    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<SourceStatus> {
        let mut state = self.state.lock().unwrap();
        if state.0.is_empty() {
            state.1.push(cx.waker());
            return Ok(SourceStatus::Blocked);
        }
        let value = state.0.remove(0);
        let ordinal = self.splits.fetch_add(1, Ordering::Relaxed);
        *out = batch(1, &[vec![Some(value)]]).with_order(Order {
            ordinal,
            sequence: 0,
            last: true,
        });
        Ok(SourceStatus::More)
    }
}

#[test]
fn a_source_that_waits_for_events_holds_no_thread() {
    let inbox = Inbox::default();
    let runner = Runner::new(1, 8, MemoryBudget::unlimited());
    let running = runner.start(&plan(inbox.clone()), Delivery::Stream);
    for value in 0..10 {
        inbox.send(value);
        let batch = running.next_batch().unwrap().expect("what was sent");
        assert_eq!(rows_of_arrow(&batch), [[Some(value)]]);
    }
    // Its one worker is free for others while it waits.
    let other = plan(Counter::default());
    assert!(
        runner
            .start(&other, Delivery::Stream)
            .next_batch()
            .unwrap()
            .is_some()
    );
}
