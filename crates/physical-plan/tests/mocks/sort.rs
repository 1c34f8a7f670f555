//! Sorts and top-k against a plain stable sort of rows, for any number of threads.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float64Array, Int64Array, RecordBatch,
    StringViewArray,
};
use arrow::datatypes::{Int16Type, Int64Type};
use arrow::util::display::array_value_to_string;
use esker_datatypes::ErrorKind;
use esker_logical_expr::{Expr, SortKey, coerce, col, lit};
use esker_logical_plan::{Filter, Limit, LogicalPlan, MemTable, Projection, Scan, Sort};
use esker_physical_plan::{Delivery, Planner, start};
use esker_runtime::{MemoryBudget, QueryContext, WorkerPool};
use proptest::prelude::*;

/// A row: an integer, a float, a text, a text that is a dictionary in Arrow, whether it passes the
/// filter; and its number.
#[derive(Clone, Debug)]
struct Row {
    a: Option<i64>,
    b: Option<f64>,
    s: Option<String>,
    d: Option<String>,
    keep: bool,
    n: i64,
}

const COLUMNS: [&str; 5] = ["a", "b", "s", "d", "n"];

fn table(rows: &[Row], split_rows: usize) -> MemTable {
    let a: Int64Array = rows.iter().map(|row| row.a).collect();
    let b: Float64Array = rows.iter().map(|row| row.b).collect();
    let s: StringViewArray = rows.iter().map(|row| row.s.as_deref()).collect();
    let d: DictionaryArray<Int16Type> = rows.iter().map(|row| row.d.as_deref()).collect();
    let keep: BooleanArray = rows.iter().map(|row| Some(row.keep)).collect();
    let n: Int64Array = rows.iter().map(|row| row.n).collect();
    let columns: [(&str, ArrayRef, bool); 6] = [
        ("a", Arc::new(a), true),
        ("b", Arc::new(b), true),
        ("s", Arc::new(s), true),
        ("d", Arc::new(d), true),
        ("keep", Arc::new(keep), true),
        ("n", Arc::new(n), true),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    MemTable::try_new(vec![batch])
        .unwrap()
        .with_split_rows(split_rows)
}

fn scan(table: MemTable) -> LogicalPlan {
    LogicalPlan::Scan(Scan::new("t", Arc::new(table)))
}

fn filter(predicate: Expr, input: LogicalPlan) -> LogicalPlan {
    let predicate = coerce(predicate, input.schema()).unwrap().data;
    LogicalPlan::Filter(Filter::try_new(predicate, input).unwrap())
}

fn sort(keys: &[SortKey], fetch: Option<u64>, input: LogicalPlan) -> LogicalPlan {
    let coerced = |key: &SortKey| {
        let expr = esker_logical_expr::resolve(key.expr.clone(), input.schema()).unwrap();
        key.with_expr(coerce(expr, input.schema()).unwrap().data)
    };
    let keys: Vec<SortKey> = keys.iter().map(coerced).collect();
    LogicalPlan::Sort(Sort::try_new(keys, fetch, input).unwrap())
}

/// The values of a batch as text, row by row.
fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let text = |array: &ArrayRef, row| {
        if array.is_null(row) {
            "null".to_owned()
        } else {
            array_value_to_string(array, row).unwrap()
        }
    };
    (0..batch.num_rows())
        .map(|row| batch.columns().iter().map(|c| text(c, row)).collect())
        .collect()
}

struct Setting {
    threads: usize,
    batch_size: usize,
    dictionaries: bool,
    memory: Arc<MemoryBudget>,
}

impl Setting {
    fn new(threads: usize, batch_size: usize) -> Self {
        Self {
            threads,
            batch_size,
            dictionaries: false,
            memory: MemoryBudget::unlimited(),
        }
    }

    fn run(&self, plan: &LogicalPlan) -> esker_datatypes::Result<Vec<RecordBatch>> {
        let planner = Planner::new(self.batch_size).with_dictionary_strings(self.dictionaries);
        let plan = planner.plan(plan)?;
        let pool = WorkerPool::new(self.threads);
        let query = QueryContext::new(&pool, Arc::clone(&self.memory));
        let schema = plan.schema().to_arrow();
        start(&plan, schema, query, self.batch_size, Delivery::Collect)?.collect()
    }
}

/// How the oracle compares by one key.
#[derive(Clone, Copy, Debug)]
enum By {
    A,
    B,
    S,
    D,
    /// Computed.
    MinusA,
    /// A constant.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    by: By,
    descending: bool,
    nulls_first: bool,
}

impl Key {
    fn of_plan(self) -> SortKey {
        let expr = match self.by {
            By::A => col("a"),
            By::B => col("b"),
            By::S => col("s"),
            By::D => col("d"),
            By::MinusA => -col("a"),
            By::Nothing => lit(7i64),
        };
        let mut key = if self.descending {
            expr.desc()
        } else {
            expr.asc()
        };
        key.nulls_first = self.nulls_first;
        key
    }

    fn order(self, left: &Row, right: &Row) -> Ordering {
        fn values<T>(
            key: Key,
            left: Option<T>,
            right: Option<T>,
            order: impl Fn(T, T) -> Ordering,
        ) -> Ordering {
            let null = if key.nulls_first {
                Ordering::Less
            } else {
                Ordering::Greater
            };
            match (left, right) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => null,
                (Some(_), None) => null.reverse(),
                (Some(left), Some(right)) if key.descending => order(right, left),
                (Some(left), Some(right)) => order(left, right),
            }
        }
        let floats = |left: f64, right: f64| match (left.is_nan(), right.is_nan()) {
            (false, false) => left.partial_cmp(&right).unwrap(),
            (left, right) => left.cmp(&right),
        };
        match self.by {
            By::A => values(self, left.a, right.a, |a, b| a.cmp(&b)),
            By::MinusA => values(self, left.a, right.a, |a, b| b.cmp(&a)),
            By::B => values(self, left.b, right.b, floats),
            By::S => values(self, left.s.as_ref(), right.s.as_ref(), |a, b| a.cmp(b)),
            By::D => values(self, left.d.as_ref(), right.d.as_ref(), |a, b| a.cmp(b)),
            By::Nothing => Ordering::Equal,
        }
    }
}

/// The numbers of the rows that are wanted, in order.
fn oracle(rows: &[Row], keys: &[Key], fetch: Option<u64>) -> Vec<i64> {
    let mut rows: Vec<&Row> = rows.iter().filter(|row| row.keep).collect();
    rows.sort_by(|left, right| {
        let orders = keys.iter().map(|key| key.order(left, right));
        orders.fold(Ordering::Equal, Ordering::then)
    });
    let wanted = fetch.map_or(usize::MAX, |fetch| fetch as usize);
    rows.iter().take(wanted).map(|row| row.n).collect()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let float = prop_oneof![Just(f64::NAN), Just(-0.0), Just(0.0), -2.0..2.0f64];
    let text = prop_oneof![
        Just(String::new()),
        Just("a text that is longer than a view".to_owned()),
        "[ab\u{0}é]{0,14}",
    ];
    let value = (
        proptest::option::weighted(0.8, -3..4i64),
        proptest::option::weighted(0.8, float),
        proptest::option::weighted(0.8, text.clone()),
        proptest::option::weighted(0.8, text),
        proptest::bool::weighted(0.7),
    );
    proptest::collection::vec(value, 0..120).prop_map(|values| {
        let rows = values.into_iter().zip(0..);
        rows.map(|((a, b, s, d, keep), n)| Row {
            a,
            b,
            s,
            d,
            keep,
            n,
        })
        .collect()
    })
}

fn keys() -> impl Strategy<Value = Vec<Key>> {
    let by = prop_oneof![
        Just(By::A),
        Just(By::B),
        Just(By::S),
        Just(By::D),
        Just(By::MinusA),
        Just(By::Nothing)
    ];
    let key = (by, any::<bool>(), any::<bool>()).prop_map(|(by, descending, nulls_first)| Key {
        by,
        descending,
        nulls_first,
    });
    proptest::collection::vec(key, 1..4)
}

/// Runs a sort of the rows that pass the filter, and compares whole rows.
fn check(rows: &[Row], split_rows: usize, keys: &[Key], fetch: Option<u64>, setting: &Setting) {
    let input = filter(col("keep"), scan(table(rows, split_rows)));
    let columns = COLUMNS.map(col).to_vec();
    // A column that is the same in all rows comes along.
    let columns = columns.into_iter().chain([lit("x").alias("x")]);
    let input = LogicalPlan::Projection(Projection::try_new(columns, input).unwrap());
    let of_plan: Vec<SortKey> = keys.iter().map(|key| key.of_plan()).collect();
    let plan = sort(&of_plan, fetch, input);
    let got = setting.run(&plan).unwrap();
    let all = setting.run(&LogicalPlan::clone(plan.inputs()[0])).unwrap();
    let all: Vec<Vec<String>> = all.iter().flat_map(texts).collect();
    let number = |row: &Vec<String>| row[4].parse::<i64>().unwrap();
    let want: Vec<Vec<String>> = oracle(rows, keys, fetch)
        .into_iter()
        .map(|n| all.iter().find(|row| number(row) == n).unwrap().clone())
        .collect();
    let rows: Vec<Vec<String>> = got.iter().flat_map(texts).collect();
    let context = format!("{} threads, {}", setting.threads, setting.batch_size);
    assert_eq!(rows, want, "{context}, {keys:?}, {fetch:?}");
    for batch in got {
        assert!(batch.num_rows() <= setting.batch_size);
        assert_eq!(batch.schema(), plan.schema().to_arrow());
    }
}

/// Rows of many values, the second half sorted.
fn many(count: i64) -> Vec<Row> {
    let row = |n: i64| {
        let a = if n < count / 2 { n * 7919 % 1009 } else { n };
        Row {
            a: (n % 11 != 0).then_some(a),
            b: (n % 13 != 0).then_some((n % 17) as f64),
            s: Some(format!("{:03}", n % 301)),
            d: (n % 5 != 0).then(|| format!("name {}", n % 7)),
            keep: n % 3 != 0,
            n,
        }
    };
    (0..count).map(row).collect()
}

const fn key(by: By, descending: bool) -> Key {
    Key {
        by,
        descending,
        nulls_first: descending,
    }
}

/// The numbers of the rows that a plan gives, which are in the last column but one.
fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
    let column = |batch: &RecordBatch| {
        let numbers = batch
            .column_by_name("n")
            .unwrap()
            .as_primitive::<Int64Type>();
        numbers.values().to_vec()
    };
    batches.iter().flat_map(column).collect()
}

#[test]
fn many_chunks_are_merged() {
    let rows = many(250_000);
    let input = || filter(col("keep"), scan(table(&rows, 10_000)));
    for keys in [
        vec![key(By::A, false)],
        vec![key(By::D, true), key(By::A, true)],
        vec![key(By::Nothing, false)],
    ] {
        let want = oracle(&rows, &keys, None);
        let of_plan: Vec<SortKey> = keys.iter().map(|key| key.of_plan()).collect();
        let plan = sort(&of_plan, None, input());
        for threads in [1, 4] {
            let setting = Setting::new(threads, 4096);
            assert!(numbers(&setting.run(&plan).unwrap()) == want, "{keys:?}");
            // A limit stops the source of the sorted rows.
            let limited = LogicalPlan::Limit(Limit::new(70_000, Some(10), plan.clone()));
            assert_eq!(
                numbers(&setting.run(&limited).unwrap()),
                want[70_000..70_010]
            );
        }
    }
}

#[test]
fn a_top_k_of_many_rows() {
    let rows = many(100_000);
    let input = || filter(col("keep"), scan(table(&rows, 10_000)));
    for keys in [
        vec![key(By::A, false)],
        vec![key(By::S, true), key(By::B, false)],
        vec![key(By::D, false)],
        vec![key(By::Nothing, true)],
    ] {
        let want = oracle(&rows, &keys, None);
        let of_plan: Vec<SortKey> = keys.iter().map(|key| key.of_plan()).collect();
        for fetch in [10, 5000, 1 << 20, u64::MAX] {
            let plan = sort(&of_plan, Some(fetch), input());
            for (threads, batch_size) in [(1, 4096), (4, 4096), (4, 200_000)] {
                let setting = Setting::new(threads, batch_size);
                let got = numbers(&setting.run(&plan).unwrap());
                let wanted = want.len().min(usize::try_from(fetch).unwrap());
                assert!(
                    got == want[..wanted],
                    "{keys:?} {fetch} {threads} {batch_size}"
                );
                assert_eq!(setting.memory.used(), 0, "all is given back");
                let peak = setting.memory.peak();
                assert!(fetch > 10 || batch_size > 5000 || peak < 4 << 20, "{peak}");
            }
        }
    }
}

#[test]
fn plan_text_has_positions() {
    let plan = sort(
        &[col("d").desc().nulls_first(), (-col("a")).asc()],
        None,
        scan(table(&[], 1)),
    );
    let plan = Planner::new(8).plan(&plan).unwrap();
    let line = plan.line();
    assert_eq!(line, "SortExec: #3 DESC NULLS FIRST, -#0 ASC NULLS LAST");
    let plan = sort(&[col("s").asc()], Some(10), scan(table(&[], 1)));
    let plan = Planner::new(8).plan(&plan).unwrap();
    let line = "TopKExec: #2 ASC NULLS LAST; fetch=10; filters scan=#2";
    assert_eq!(plan.line(), line);
    // So many rows are not worth choosing.
    for (fetch, operator) in [(1 << 20, "TopKExec"), ((1 << 20) + 1, "SortExec")] {
        let plan = sort(&[col("s").asc()], Some(fetch), scan(table(&[], 1)));
        let planner = Planner::new(8).with_runtime_filters(false);
        let plan = planner.plan(&plan).unwrap();
        let line = format!("{operator}: #2 ASC NULLS LAST; fetch={fetch}");
        assert_eq!(plan.line(), line);
    }
}

#[test]
fn mistakes_and_limits_are_errors() {
    let mut rows = many(2000);
    let plan = |rows: &[Row]| sort(&[(-col("a")).asc()], None, scan(table(rows, 100)));
    let rows_size = 2000 * 40;
    for threads in [1, 4] {
        let mut setting = Setting::new(threads, 64);
        setting.memory = MemoryBudget::with_limit(rows_size / 2);
        let error = setting.run(&plan(&rows)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ResourcesExhausted { .. }));
        assert!(error.to_string().contains("SortExec"), "{error}");
        assert_eq!(setting.memory.used(), 0, "all is given back");
        let unlimited = Setting::new(threads, 64);
        assert_eq!(
            unlimited.run(&plan(&rows)).unwrap().len(),
            2000_usize.div_ceil(64)
        );
        assert_eq!(unlimited.memory.used(), 0, "all is given back");
    }
    rows[1500].a = Some(i64::MIN);
    let error = Setting::new(4, 64).run(&plan(&rows)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Evaluation { .. }));
    assert!(error.to_string().contains("-#a"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_sort_is_a_stable_sort(
        rows in rows(),
        keys in keys(),
        split_rows in 1..40usize,
        threads in 1..5usize,
        batch_size in prop_oneof![Just(1usize), Just(3), Just(1024)],
        dictionaries in any::<bool>(),
    ) {
        let setting = Setting { dictionaries, ..Setting::new(threads, batch_size) };
        check(&rows, split_rows, &keys, None, &setting);
    }

    #[test]
    fn a_top_k_is_the_head_of_a_stable_sort(
        rows in rows(),
        keys in keys(),
        fetch in 0..150u64,
        split_rows in 1..40usize,
        threads in 1..5usize,
        batch_size in prop_oneof![Just(1usize), Just(3), Just(1024)],
        dictionaries in any::<bool>(),
    ) {
        let setting = Setting { dictionaries, ..Setting::new(threads, batch_size) };
        check(&rows, split_rows, &keys, Some(fetch), &setting);
    }
}
