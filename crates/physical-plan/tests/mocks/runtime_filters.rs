//! Joins over sources that are slow or fast: the scan of the probe side is told the keys of the whole
//! build side or none, and the result is that of nested loops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use esker_datatypes::{Batch, Error, Result, SchemaRef};
use esker_logical_expr::{Expr, col};
use esker_logical_plan::{
    Aggregate, Claim, Join, JoinType, LogicalPlan, Scan, ScanReader, ScanRequest, ScanStatus,
    TableScan, TableSource,
};
use esker_physical_plan::Planner;
use esker_runtime::{MemoryBudget, TaskContext};

use crate::stress::pause;
use crate::{Row, Runner, batch, schema};

/// How many rows a split has.
const SPLIT: usize = 3;

/// A table of a key and a number, which is read at its own pace and drops what its filters tell it.
#[derive(Clone, Debug)]
struct Paced(Arc<Table>);

#[derive(Debug)]
struct Table {
    names: [&'static str; 2],
    rows: Vec<Row>,
    slow: bool,
    /// The last split cannot be read.
    broken: AtomicBool,
    /// Who must have been read to the end before this is.
    waits_for: Vec<Paced>,
    /// Rows that were read, and how many of them passed the filters.
    read: AtomicU64,
    passed: AtomicU64,
    /// Splits that were read too early.
    early: AtomicU64,
}

impl Paced {
    fn new(
        names: [&'static str; 2],
        keys: &[Option<i64>],
        slow: bool,
        waits_for: &[&Self],
    ) -> Self {
        let rows = keys.iter().zip(0..);
        Self(Arc::new(Table {
            names,
            rows: rows.map(|(&key, n)| vec![key, Some(n)]).collect(),
            slow,
            broken: AtomicBool::new(false),
            waits_for: waits_for.iter().copied().cloned().collect(),
            read: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            early: AtomicU64::new(0),
        }))
    }

    fn plan(&self) -> LogicalPlan {
        LogicalPlan::Scan(Scan::new(self.0.names[0], Arc::new(self.clone())))
    }

    fn read(&self) -> u64 {
        self.0.read.load(Ordering::Acquire)
    }

    fn passed(&self) -> u64 {
        self.0.passed.load(Ordering::Acquire)
    }

    fn is_read(&self) -> bool {
        self.read() == self.0.rows.len() as u64
    }

    fn has(&self, key: Option<i64>) -> bool {
        key.is_some() && self.0.rows.iter().any(|row| row[0] == key)
    }

    /// How many rows have such a key.
    fn count(&self, keep: impl Fn(Option<i64>) -> bool) -> u64 {
        self.0.rows.iter().filter(|row| keep(row[0])).count() as u64
    }
}

impl TableSource for Paced {
    fn schema(&self) -> SchemaRef {
        schema(&self.0.names)
    }

    fn scan(&self, request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        Ok(Arc::new(PacedScan(Arc::new((
            self.clone(),
            request,
            AtomicU64::new(0),
        )))))
    }
}

/// The table, what is asked of it, and how many splits were claimed.
#[derive(Clone, Debug)]
struct PacedScan(Arc<(Paced, ScanRequest, AtomicU64)>);

impl TableScan for PacedScan {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn ScanReader>> {
        Ok(Box::new(PacedReader {
            scan: self.clone(),
            split: 0,
            waited: false,
        }))
    }
}

struct PacedReader {
    scan: PacedScan,
    split: usize,
    waited: bool,
}

impl ScanReader for PacedReader {
    fn claim(&mut self, _cx: &mut TaskContext) -> Result<Claim> {
        let (table, _, claimed) = &*self.scan.0;
        let splits = table.0.rows.len().div_ceil(SPLIT) as u64;
        let split = claimed.fetch_add(1, Ordering::AcqRel);
        if split >= splits {
            return Ok(Claim::Finished { splits });
        }
        (self.split, self.waited) = (split as usize, false);
        Ok(Claim::Split(split))
    }

    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<ScanStatus> {
        let (table, request, _) = &*self.scan.0;
        let table = &*table.0;
        if !table.waits_for.iter().all(Paced::is_read) {
            table.early.fetch_add(1, Ordering::AcqRel);
        }
        if table.slow && !self.waited {
            self.waited = true;
            pause(Duration::from_micros(100));
            cx.waker().wake();
            return Ok(ScanStatus::Blocked);
        }
        let first = self.split * SPLIT;
        let rows = &table.rows[first..(first + SPLIT).min(table.rows.len())];
        if table.broken.load(Ordering::Acquire) && first + rows.len() == table.rows.len() {
            return Err(Error::data("the last split is broken"));
        }
        let all = batch(2, rows);
        let columns = |all: &Batch, which: &[usize]| -> Result<Vec<_>> {
            which.iter().map(|&at| all.column(at).cloned()).collect()
        };
        let read = Batch::new(columns(&all, &request.columns)?, rows.len());
        let mut selection = read.selection().clone();
        for filter in &request.filters {
            let predicate = &filter.predicate;
            predicate.select(&read, &mut selection, &mut cx.buffers)?;
        }
        table.read.fetch_add(rows.len() as u64, Ordering::AcqRel);
        let passed = selection.count() as u64;
        table.passed.fetch_add(passed, Ordering::AcqRel);
        *out = Batch::new(columns(&read, &request.projection)?, rows.len());
        *out.selection_mut() = selection;
        Ok(ScanStatus::SplitFinished)
    }
}

/// The pairs of rows whose first columns are equal; or the left rows that have one.
fn nested_loops(left: &[Row], right: &[Row], join_type: JoinType) -> Vec<Row> {
    let pair = |l: &Row, r: &Row| l[0].is_some() && l[0] == r[0];
    let mut rows = Vec::new();
    for l in left {
        let mut partners = right.iter().filter(|r| pair(l, r)).peekable();
        match join_type {
            JoinType::Semi if partners.peek().is_some() => rows.push(l.clone()),
            JoinType::Semi => {}
            _ => rows.extend(partners.map(|r| [l.clone(), r.clone()].concat())),
        }
    }
    rows
}

fn join(left: LogicalPlan, right: LogicalPlan, on: [&str; 2], join_type: JoinType) -> LogicalPlan {
    let [l, r] = on.map(col);
    LogicalPlan::Join(Join::try_new(left, right, join_type, [(l, r)], None).unwrap())
}

/// Which joins there are of the tables `t`, `u` and `v`.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Inner,
    Semi,
    /// The keys of `t`, each once, are joined with `u`.
    Grouped,
    /// Two joins filter `t`.
    Twice,
    /// What filters `t` is a join, which filters `u`.
    Nested,
}

struct Case {
    shape: Shape,
    t: Paced,
    u: Paced,
    v: Paced,
}

impl Case {
    /// A case whose tables have these keys, and are slow where a bit is set.
    fn new(shape: Shape, keys: &[Vec<Option<i64>>; 3], slow: u32) -> Self {
        let slow = |bit: u32| slow >> bit & 1 == 1;
        let [t, u, v] = keys;
        let v = Paced::new(["vk", "v"], v, slow(2), &[]);
        let (u, t) = match shape {
            Shape::Inner | Shape::Semi | Shape::Grouped => {
                let u = Paced::new(["uk", "u"], u, slow(1), &[]);
                (u.clone(), Paced::new(["tk", "t"], t, slow(0), &[&u]))
            }
            Shape::Twice => {
                let u = Paced::new(["uk", "u"], u, slow(1), &[]);
                (u.clone(), Paced::new(["tk", "t"], t, slow(0), &[&u, &v]))
            }
            Shape::Nested => {
                let u = Paced::new(["uk", "u"], u, slow(1), &[&v]);
                (u.clone(), Paced::new(["tk", "t"], t, slow(0), &[&u, &v]))
            }
        };
        Self { shape, t, u, v }
    }

    fn plan(&self) -> LogicalPlan {
        let (t, u, v) = (self.t.plan(), self.u.plan(), self.v.plan());
        match self.shape {
            Shape::Inner => join(t, u, ["tk", "uk"], JoinType::Inner),
            Shape::Semi => join(t, u, ["tk", "uk"], JoinType::Semi),
            Shape::Grouped => {
                let none: [Expr; 0] = [];
                let groups = Aggregate::try_new([col("tk")], none, t).unwrap();
                let groups = LogicalPlan::Aggregate(groups);
                join(groups, u, ["tk", "uk"], JoinType::Inner)
            }
            Shape::Twice => {
                let both = join(t, u, ["tk", "uk"], JoinType::Inner);
                join(both, v, ["tk", "vk"], JoinType::Inner)
            }
            Shape::Nested => {
                let both = join(u, v, ["uk", "vk"], JoinType::Inner);
                join(t, both, ["tk", "uk"], JoinType::Inner)
            }
        }
    }

    fn oracle(&self) -> Vec<Row> {
        let (t, u, v) = (&self.t.0.rows, &self.u.0.rows, &self.v.0.rows);
        let mut rows = match self.shape {
            Shape::Inner => nested_loops(t, u, JoinType::Inner),
            Shape::Semi => nested_loops(t, u, JoinType::Semi),
            Shape::Grouped => {
                let mut keys: Vec<Row> = t.iter().map(|row| vec![row[0]]).collect();
                keys.sort();
                keys.dedup();
                nested_loops(&keys, u, JoinType::Inner)
            }
            Shape::Twice => {
                let both = nested_loops(t, u, JoinType::Inner);
                nested_loops(&both, v, JoinType::Inner)
            }
            Shape::Nested => {
                let both = nested_loops(u, v, JoinType::Inner);
                nested_loops(t, &both, JoinType::Inner)
            }
        };
        rows.sort();
        rows
    }

    /// The rows of `t` and `u` that exact filters of few keys leave.
    fn wanted(&self) -> [u64; 2] {
        let (u, v) = (&self.u, &self.v);
        let of_u = match self.shape {
            Shape::Nested => u.count(|key| v.has(key)),
            Shape::Inner | Shape::Semi | Shape::Grouped | Shape::Twice => u.count(|_| true),
        };
        let of_t = match self.shape {
            Shape::Inner | Shape::Semi | Shape::Grouped => self.t.count(|key| u.has(key)),
            Shape::Twice | Shape::Nested => self.t.count(|key| u.has(key) && v.has(key)),
        };
        [of_t, of_u]
    }

    fn run(&self, threads: usize, filters: bool) -> Result<Vec<Row>> {
        let planner = Planner::new(SPLIT).with_runtime_filters(filters);
        let plan = planner.plan(&self.plan()).unwrap();
        assert_eq!(plan.to_string().contains("filters probe="), filters);
        Runner::new(threads, SPLIT, MemoryBudget::unlimited()).collect(&plan)
    }
}

const SHAPES: [Shape; 5] = [
    Shape::Inner,
    Shape::Semi,
    Shape::Grouped,
    Shape::Twice,
    Shape::Nested,
];

/// Keys of `t`, `u` and `v`, and whether those of `u` and `v` are few in a range that is not wide.
fn keys() -> Vec<([Vec<Option<i64>>; 3], bool)> {
    let many = || (0..40).map(|i| (i % 7 != 3).then_some(i * 5));
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
    let ends = ends.into_iter().map(Some).chain([None]);
    let few = || vec![Some(10), None, Some(10), Some(155), Some(40), Some(12)];
    let sides =
        |u: Vec<Option<i64>>, v: Vec<Option<i64>>| [many().chain(ends.clone()).collect(), u, v];
    vec![
        (sides(few(), vec![Some(155), Some(10), Some(900)]), true),
        (sides(vec![], vec![Some(155), Some(10)]), true),
        (sides(few(), vec![]), true),
        (sides(vec![None; 4], few()), false),
        (
            sides(
                vec![Some(i64::MIN), None, Some(0), Some(10)],
                vec![Some(10), Some(i64::MIN), Some(-1)],
            ),
            false,
        ),
        (
            sides(
                vec![Some(i64::MAX), Some(10), Some(0), Some(i64::MIN)],
                vec![Some(0), None, Some(i64::MAX)],
            ),
            false,
        ),
    ]
}

#[test]
fn filters_wait_for_slow_build_sides_and_change_nothing() {
    for shape in SHAPES {
        for (keys, few) in keys() {
            for slow in 0..8 {
                for (threads, filters) in [(1, true), (2, true), (4, true), (2, false)] {
                    let case = Case::new(shape, &keys, slow);
                    let mut got = case.run(threads, filters).unwrap();
                    got.sort();
                    let what = format!("{shape:?}, {threads} threads, slow {slow:03b}, {keys:?}");
                    assert_eq!(got, case.oracle(), "{what}");
                    let passed = [&case.t, &case.u].map(Paced::passed);
                    if !filters {
                        assert_eq!(passed, [&case.t, &case.u].map(Paced::read), "{what}");
                        continue;
                    }
                    for table in [&case.t, &case.u, &case.v] {
                        assert_eq!(table.0.early.load(Ordering::Acquire), 0, "{what}");
                    }
                    if few {
                        assert_eq!(passed, case.wanted(), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_build_side_that_breaks_filters_nothing() {
    let (keys, _) = keys().swap_remove(0);
    for shape in SHAPES {
        for (threads, slow) in [(1, 0), (2, 2), (4, 7)] {
            let case = Case::new(shape, &keys, slow);
            case.u.0.broken.store(true, Ordering::Release);
            let error = case.run(threads, true).unwrap_err();
            assert!(error.to_string().contains("broken"), "{error}");
            assert_eq!(case.t.read(), 0, "{shape:?}");
        }
    }
}
