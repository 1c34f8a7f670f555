//! An ordered limit in mid-plan: the rows are those of one thread, whoever comes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_datatypes::{Batch, Error, Order, Result};
use esker_physical_plan::pipeline::{
    LocalOperator, LocalSource, OpStatus, Operator, Source, SourceStatus,
};
use esker_physical_plan::{LimitExec, PhysicalPlan, Role};
use esker_runtime::{MemoryBudget, TaskContext};

use crate::{Row, Runner, batch, rows_of, scan, schema, settings};

fn limit(id: u32, offset: u64, fetch: Option<u64>, input: PhysicalPlan) -> PhysicalPlan {
    let schema = Arc::clone(input.schema());
    let role = Role::Operator(Arc::new(LimitExec::new(offset, fetch)));
    PhysicalPlan::new(id, "LimitExec", "", role, [input], schema)
}

fn union(id: u32, inputs: Vec<PhysicalPlan>) -> PhysicalPlan {
    let schema = Arc::clone(inputs[0].schema());
    PhysicalPlan::new(id, "UnionExec", "", Role::Union, inputs, schema)
}

/// Splits of uneven size, some of them empty, numbered through.
fn numbered(sizes: &[i64], from: i64) -> Vec<Vec<Row>> {
    let mut next = from;
    let mut split = |size: &i64| {
        let rows = (next..next + size).map(|i| vec![Some(i)]).collect();
        next += size;
        rows
    };
    sizes.iter().map(&mut split).collect()
}

/// An operator above the limit that keeps every third row: its work goes on when the limit has what
/// it wants.
#[derive(Debug)]
struct EveryThird;

impl Operator for EveryThird {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        Ok(Box::new(Self))
    }
}

impl LocalOperator for EveryThird {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        _cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        let rows: Vec<Row> = rows_of(input)
            .into_iter()
            .filter(|row| row[0].is_some_and(|v| v % 3 == 0))
            .collect();
        out.replace(batch(1, &rows).clear(), rows.len());
        Ok(OpStatus::NeedInput)
    }
}

#[test]
fn the_rows_of_the_prefix() {
    let sizes = [3, 0, 5, 1, 0, 0, 8, 2, 4];
    let total: i64 = sizes.iter().sum();
    for (threads, batch_size) in settings() {
        for offset in [0, 1, 4, 8, 30] {
            for fetch in [Some(1), Some(3), Some(7), Some(100), None] {
                let input = scan(0, &["a"], &numbered(&sizes, 0), batch_size);
                let limited = limit(1, offset, fetch, input);
                let schema = Arc::clone(limited.schema());
                let role = Role::Operator(Arc::new(EveryThird));
                let plan = PhysicalPlan::new(2, "EveryThird", "", role, [limited], schema);
                let runner = Runner::new(threads, batch_size, MemoryBudget::unlimited());
                let got = runner.collect(&plan).unwrap();
                let kept = (0..total).skip(offset as usize);
                let want: Vec<Row> = kept
                    .take(fetch.map_or(usize::MAX, |f| f as usize))
                    .filter(|v| v % 3 == 0)
                    .map(|v| vec![Some(v)])
                    .collect();
                assert_eq!(
                    got, want,
                    "{threads} threads, {batch_size}, {offset}, {fetch:?}"
                );
            }
        }
    }
}

#[test]
fn limits_inside_and_above_unions() {
    for (threads, batch_size) in settings() {
        let part = |id, from| scan(id, &["a"], &numbered(&[4, 1, 6], from), batch_size);
        let inner = union(
            5,
            vec![part(0, 0), limit(3, 1, Some(6), part(1, 100)), part(2, 200)],
        );
        let plan = union(8, vec![limit(6, 2, Some(20), inner), part(7, 300)]);
        let runner = Runner::new(threads, batch_size, MemoryBudget::unlimited());
        let got = runner.collect(&plan).unwrap();
        let inner = (0..11).chain(101..107).chain(200..211);
        let want: Vec<Row> = inner
            .skip(2)
            .take(20)
            .chain(300..311)
            .map(|v| vec![Some(v)])
            .collect();
        assert_eq!(got, want, "{threads} threads, batches of {batch_size}");
    }
}

#[test]
fn unions_nest_to_a_limit_that_is_said() {
    let tower = |levels: u32| {
        let mut plan = scan(0, &["a"], &numbered(&[1], 0), 8);
        for level in 0..levels {
            let limited = limit(2 * level + 1, 0, Some(9), plan);
            plan = union(2 * level + 2, vec![limited]);
        }
        Runner::new(2, 8, MemoryBudget::unlimited()).try_collect(&plan)
    };
    assert_eq!(tower(400).unwrap(), vec![vec![Some(0)]]);
    let error = tower(600).unwrap_err().to_string();
    assert!(error.contains("unions within unions"), "{error}");
}

/// A source whose every split behind the first fails, and which counts what is read.
#[derive(Clone, Debug, Default)]
struct Failing {
    claimed: Arc<AtomicU64>,
}

impl Source for Failing {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(self.clone()))
    }
}

impl LocalSource for Failing {
    fn next(&mut self, out: &mut Batch, _cx: &mut TaskContext) -> Result<SourceStatus> {
        let ordinal = self.claimed.fetch_add(1, Ordering::AcqRel);
        out.set_order(Order {
            ordinal,
            sequence: 0,
            last: true,
        });
        if ordinal > 0 {
            return Err(Error::data(format!("split {ordinal} is broken")));
        }
        *out = batch(1, &[vec![Some(1)], vec![Some(2)]]).with_order(out.order());
        Ok(SourceStatus::More)
    }
}

#[test]
fn errors_behind_the_limit_do_not_matter_and_others_are_the_first() {
    for threads in [1, 2, 4] {
        let check = |fetch: u64| {
            let source = Role::Source(Arc::new(Failing::default()));
            let source = PhysicalPlan::new(0, "Failing", "", source, [], schema(&["a"]));
            let plan = limit(1, 0, Some(fetch), source);
            Runner::new(threads, 8, MemoryBudget::unlimited()).collect(&plan)
        };
        assert_eq!(check(2).unwrap().len(), 2);
        assert!(
            check(3)
                .unwrap_err()
                .to_string()
                .starts_with("split 1 is broken")
        );
    }
}

/// Three splits of a row each, to be passed through a limit of three by two workers, in the order
/// that makes it hard: one gives the second split, the other the first and so has two rows to hand
/// out, and before it comes to its second the limit is reached with the third split.
#[derive(Clone, Debug, Default)]
struct Staged {
    claimed: Arc<AtomicU64>,
    /// How many of the rows have come out of the limit.
    passed: Arc<AtomicU64>,
}

/// Waits for the other worker.
fn wait_until(done: impl Fn() -> bool) {
    while !done() {
        std::thread::yield_now();
    }
}

impl Source for Staged {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(self.clone()))
    }
}

impl LocalSource for Staged {
    fn next(&mut self, out: &mut Batch, _cx: &mut TaskContext) -> Result<SourceStatus> {
        let ordinal = self.claimed.fetch_add(1, Ordering::AcqRel);
        match ordinal {
            // The worker of the second split comes back for the third.
            0 => wait_until(|| self.claimed.load(Ordering::Acquire) == 3),
            2 => wait_until(|| self.passed.load(Ordering::Acquire) == 1),
            _ => {}
        }
        if ordinal > 2 {
            return Ok(SourceStatus::Finished { splits: 3 });
        }
        let row = vec![Some(ordinal as i64)];
        *out = batch(1, &[row]).with_order(Order {
            ordinal,
            sequence: 0,
            last: true,
        });
        Ok(SourceStatus::More)
    }
}

impl Operator for Staged {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        Ok(Box::new(self.clone()))
    }
}

impl LocalOperator for Staged {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        _cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        let before = self.passed.fetch_add(1, Ordering::AcqRel);
        if before == 0 {
            wait_until(|| self.passed.load(Ordering::Acquire) == 2);
        }
        let rows = input.rows();
        out.replace(input.clear(), rows);
        Ok(OpStatus::NeedInput)
    }
}

#[test]
fn rows_that_one_worker_has_yet_to_hand_out_when_another_reaches_the_limit() {
    let staged = Staged::default();
    let source = Role::Source(Arc::new(staged.clone()));
    let source = PhysicalPlan::new(0, "Staged", "", source, [], schema(&["a"]));
    let limited = limit(1, 0, Some(3), source);
    let above = Role::Operator(Arc::new(staged));
    let plan = PhysicalPlan::new(2, "Staged", "", above, [limited], schema(&["a"]));
    let runner = Runner::new(2, 8, MemoryBudget::unlimited());
    let want: Vec<Row> = (0..3).map(|v| vec![Some(v)]).collect();
    assert_eq!(runner.collect(&plan).unwrap(), want);
}
