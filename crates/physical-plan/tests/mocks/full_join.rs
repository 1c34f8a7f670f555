//! A full join: the build side is a sink, the probe an operator, the unmatched rows a source.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use esker_datatypes::{Batch, Order, Result};
use esker_physical_plan::pipeline::{
    FinalizeTask, LocalOperator, LocalSink, LocalSource, OpStatus, Operator, Sink, SinkStatus,
    Source, SourceStatus,
};
use esker_physical_plan::{PhysicalPlan, Role};
use esker_runtime::{MemoryBudget, TaskContext};

use crate::{Row, Runner, batch, rows_of, scan, schema, settings};

#[derive(Debug, Default)]
struct Join {
    building: Mutex<Vec<Row>>,
    built: OnceLock<Built>,
    claimed: AtomicBool,
}

#[derive(Debug)]
struct Built {
    rows: Vec<Row>,
    by_key: HashMap<i64, Vec<usize>>,
    matched: Vec<AtomicBool>,
}

#[derive(Debug)]
struct Build(Arc<Join>);

impl Sink for Build {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        Ok(Box::new(LocalBuild {
            join: Arc::clone(&self.0),
            rows: Vec::new(),
        }))
    }

    fn finalize(&self, stage: usize, _cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        if stage > 0 {
            return Ok(Vec::new());
        }
        let join = Arc::clone(&self.0);
        Ok(vec![Box::new(move |_| {
            let rows = std::mem::take(&mut *join.building.lock().unwrap());
            let mut by_key: HashMap<i64, Vec<usize>> = HashMap::new();
            for (i, row) in rows.iter().enumerate() {
                if let Some(key) = row[0] {
                    by_key.entry(key).or_default().push(i);
                }
            }
            let matched = rows.iter().map(|_| AtomicBool::new(false)).collect();
            join.built
                .set(Built {
                    rows,
                    by_key,
                    matched,
                })
                .expect("built once");
            Ok(())
        })])
    }
}

struct LocalBuild {
    join: Arc<Join>,
    rows: Vec<Row>,
}

impl LocalSink for LocalBuild {
    fn consume(&mut self, input: &mut Batch, _cx: &mut TaskContext) -> Result<SinkStatus> {
        self.rows.extend(rows_of(input));
        Ok(SinkStatus::NeedInput)
    }

    fn combine(self: Box<Self>, _cx: &mut TaskContext) -> Result<()> {
        self.join.building.lock().unwrap().extend(self.rows);
        Ok(())
    }
}

#[derive(Debug)]
struct Probe(Arc<Join>);

impl Operator for Probe {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        Ok(Box::new(LocalProbe {
            join: Arc::clone(&self.0),
            pending: Vec::new(),
            busy: false,
        }))
    }
}

struct LocalProbe {
    join: Arc<Join>,
    pending: Vec<Row>,
    busy: bool,
}

impl LocalOperator for LocalProbe {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        _cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        let built = self
            .join
            .built
            .get()
            .expect("the build side is done before the probe");
        if !self.busy {
            for row in rows_of(input) {
                let matches = row[0].and_then(|key| built.by_key.get(&key));
                for &i in matches.into_iter().flatten() {
                    built.matched[i].store(true, Ordering::Relaxed);
                    self.pending
                        .push([row.clone(), built.rows[i].clone()].concat());
                }
                if matches.is_none() {
                    self.pending.push([row, vec![None, None]].concat());
                }
            }
        }
        // Two rows at a time, so that a batch of input gives many of output.
        let rest = self.pending.split_off(self.pending.len().min(2));
        let some = std::mem::replace(&mut self.pending, rest);
        out.replace(batch(4, &some).clear(), some.len());
        self.busy = !self.pending.is_empty();
        Ok(if self.busy {
            OpStatus::HaveMore
        } else {
            OpStatus::NeedInput
        })
    }
}

#[derive(Debug)]
struct Unmatched(Arc<Join>);

impl Source for Unmatched {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(Self(Arc::clone(&self.0))))
    }
}

impl LocalSource for Unmatched {
    fn next(&mut self, out: &mut Batch, _cx: &mut TaskContext) -> Result<SourceStatus> {
        if self.0.claimed.swap(true, Ordering::AcqRel) {
            return Ok(SourceStatus::Finished { splits: 1 });
        }
        let built = self.0.built.get().expect("built");
        let alone = built.rows.iter().zip(&built.matched);
        let rows: Vec<Row> = alone
            .filter(|(_, matched)| !matched.load(Ordering::Relaxed))
            .map(|(row, _)| [vec![None, None], row.clone()].concat())
            .collect();
        *out = batch(4, &rows).with_order(Order {
            ordinal: 0,
            sequence: 0,
            last: true,
        });
        Ok(SourceStatus::More)
    }
}

fn full_join(left: PhysicalPlan, right: PhysicalPlan) -> PhysicalPlan {
    let join = Arc::new(Join::default());
    let role = Role::Probe {
        build: Arc::new(Build(Arc::clone(&join))),
        probe: Arc::new(Probe(Arc::clone(&join))),
        rest: Some(Arc::new(Unmatched(join))),
    };
    PhysicalPlan::new(
        2,
        "FullJoin",
        "",
        role,
        [left, right],
        schema(&["lk", "lv", "rk", "rv"]),
    )
}

/// Nested loops.
fn oracle(left: &[Row], right: &[Row]) -> Vec<Row> {
    let matches = |l: &Row, r: &Row| l[0].is_some() && l[0] == r[0];
    let none = vec![None, None];
    let mut rows = Vec::new();
    for l in left {
        let partners: Vec<&Row> = right.iter().filter(|r| matches(l, r)).collect();
        rows.extend(partners.iter().map(|r| [l.clone(), (*r).clone()].concat()));
        if partners.is_empty() {
            rows.push([l.clone(), none.clone()].concat());
        }
    }
    for r in right {
        if !left.iter().any(|l| matches(l, r)) {
            rows.push([none.clone(), r.clone()].concat());
        }
    }
    rows
}

fn keyed(splits: usize, rows: i64, modulus: i64) -> Vec<Vec<Row>> {
    let row = |i: i64| vec![(i % 5 != 4).then_some(i * 7 % modulus), Some(i)];
    let of_split = |s: usize| (0..rows).map(|i| row(s as i64 * rows + i)).collect();
    (0..splits).map(of_split).collect()
}

#[test]
fn every_row_of_both_sides_is_there() {
    for (threads, batch_size) in settings() {
        let (left, right) = (keyed(5, 11, 13), keyed(3, 7, 17));
        let plan = full_join(
            scan(0, &["lk", "lv"], &left, batch_size),
            scan(1, &["rk", "rv"], &right, batch_size),
        );
        let mut got = Runner::new(threads, batch_size, MemoryBudget::unlimited())
            .collect(&plan)
            .unwrap();
        let unmatched_last = got
            .iter()
            .rev()
            .take_while(|row| row[0].is_none() && row[1].is_none());
        let want = oracle(&left.concat(), &right.concat());
        let unmatched = want.iter().filter(|row| row[1].is_none()).count();
        assert_eq!(
            unmatched_last.count(),
            unmatched,
            "unmatched rows come last"
        );
        // The left side keeps its order.
        let order: Vec<i64> = got.iter().filter_map(|row| row[1]).collect();
        assert!(
            order.is_sorted(),
            "{threads} threads, batches of {batch_size}: {order:?}"
        );
        let mut want = want;
        got.sort();
        want.sort();
        assert_eq!(got, want, "{threads} threads, batches of {batch_size}");
    }
}

#[test]
fn empty_sides() {
    for (left, right) in [(0, 3), (3, 0), (0, 0)] {
        let (left, right) = (keyed(left, 2, 5), keyed(right, 2, 5));
        let plan = full_join(
            scan(0, &["lk", "lv"], &left, 3),
            scan(1, &["rk", "rv"], &right, 3),
        );
        let mut got = Runner::new(2, 3, MemoryBudget::unlimited())
            .collect(&plan)
            .unwrap();
        let mut want = oracle(&left.concat(), &right.concat());
        got.sort();
        want.sort();
        assert_eq!(got, want);
    }
}
