//! Joins of all types against nested loops written here, and what they hold and refuse.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal256Array, DictionaryArray, Float64Array, Int8Array,
    Int64Array, ListArray, RecordBatch, RecordBatchOptions, StringArray, StringViewArray,
};
use arrow::datatypes::{Int32Type, Int64Type, i256};
use esker_datatypes::ErrorKind;
use esker_logical_expr::{Expr, col, lit};
use esker_logical_plan::{Filter, Join, JoinType, Limit, LogicalPlan, MemTable, Scan, Side, Union};
use esker_physical_plan::{Delivery, PhysicalPlan, Planner};
use esker_runtime::MemoryBudget;
use proptest::prelude::*;

use crate::{Row, Runner, batch, rows_of_arrow, schema, settings};

const TYPES: [JoinType; 6] = [
    JoinType::Inner,
    JoinType::Left,
    JoinType::Right,
    JoinType::Full,
    JoinType::Semi,
    JoinType::Anti,
];

/// What is joined how. Rows are a key, a value and a number that is theirs alone.
#[derive(Clone, Debug)]
struct Case {
    left: Vec<Row>,
    right: Vec<Row>,
    join_type: JoinType,
    build: Option<Side>,
    keyed: bool,
    /// The left value is below the right one.
    filter: bool,
    nulls_equal: bool,
    constant_hash: bool,
    /// A filter before the join leaves out every third row of the left and of the right side.
    thinned: (bool, bool),
}

impl Case {
    fn new(left: Vec<Row>, right: Vec<Row>, join_type: JoinType) -> Self {
        Self {
            left,
            right,
            join_type,
            build: None,
            keyed: true,
            filter: false,
            nulls_equal: false,
            constant_hash: false,
            thinned: (false, false),
        }
    }

    /// Nested loops. With the right side as build side, the order counts.
    fn oracle(&self) -> Vec<Row> {
        let kept = |rows: &[Row], thinned: bool| -> Vec<Row> {
            let keep = |row: &&Row| !thinned || row[2].unwrap() % 3 != 0;
            rows.iter().filter(keep).cloned().collect()
        };
        let (left, right) = (
            kept(&self.left, self.thinned.0),
            kept(&self.right, self.thinned.1),
        );
        let pair = |l: &Row, r: &Row| {
            let keys = l[0] == r[0] && (self.nulls_equal || l[0].is_some());
            let filter = matches!((l[1], r[1]), (Some(l), Some(r)) if l < r);
            (!self.keyed || keys) && (!self.filter || filter)
        };
        let none = vec![None; 3];
        let mut rows = Vec::new();
        for l in &left {
            let partners: Vec<&Row> = right.iter().filter(|r| pair(l, r)).collect();
            match self.join_type {
                JoinType::Semi if partners.is_empty() => {}
                JoinType::Semi => rows.push(l.clone()),
                JoinType::Anti if partners.is_empty() => rows.push(l.clone()),
                JoinType::Anti => {}
                JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                    rows.extend(partners.iter().map(|r| [l.clone(), (*r).clone()].concat()));
                    if partners.is_empty() && self.join_type.keeps_left() {
                        rows.push([l.clone(), none.clone()].concat());
                    }
                }
            }
        }
        if self.join_type.keeps_right() {
            let alone = right.iter().filter(|r| !left.iter().any(|l| pair(l, r)));
            rows.extend(alone.map(|r| [none.clone(), r.clone()].concat()));
        }
        rows
    }

    fn plan(&self, batch_size: usize) -> PhysicalPlan {
        Planner::new(batch_size)
            .with_constant_hash(self.constant_hash)
            .plan(&self.logical())
            .unwrap()
    }

    fn logical(&self) -> LogicalPlan {
        let side = |names: [&str; 3], rows: &[Row], thinned: bool| {
            let plan = table(&names, rows);
            if !thinned {
                return plan;
            }
            let third = (col(names[2]) % lit(3i64)).neq(lit(0i64));
            LogicalPlan::Filter(Filter::try_new(third, plan).unwrap())
        };
        let left = side(["lk", "lw", "l"], &self.left, self.thinned.0);
        let right = side(["rk", "rw", "r"], &self.right, self.thinned.1);
        let on = self.keyed.then(|| (col("lk"), col("rk")));
        let filter = self.filter.then(|| col("lw").lt(col("rw")));
        let join = Join::try_new(left, right, self.join_type, on, filter).unwrap();
        let join = join
            .with_nulls_equal(self.nulls_equal)
            .with_build(self.build);
        LogicalPlan::Join(join)
    }

    fn check(&self, threads: usize, batch_size: usize) {
        let plan = self.plan(batch_size);
        let runner = Runner::new(threads, batch_size, MemoryBudget::unlimited());
        let mut got = runner.collect(&plan).unwrap();
        let mut want = self.oracle();
        if self.build == Some(Side::Left) {
            got.sort();
            want.sort();
        }
        assert_eq!(
            got, want,
            "{threads} threads, batches of {batch_size}, {self:?}\n{plan}"
        );
    }
}

/// A scan of rows in memory, in splits of five rows.
fn table(names: &[&str], rows: &[Row]) -> LogicalPlan {
    let arrow = schema(names).to_arrow();
    let batches = rows
        .chunks(7)
        .map(|rows| batch(names.len(), rows).to_arrow(&arrow).unwrap());
    let table = MemTable::with_schema(arrow.clone(), batches.collect()).unwrap();
    LogicalPlan::Scan(Scan::new("t", Arc::new(table.with_split_rows(5))))
}

/// Keys that repeat, are null, and are missing on the other side.
fn rows(count: i64, modulus: i64) -> Vec<Row> {
    (0..count)
        .map(|i| {
            vec![
                (i % 7 != 3).then_some(i * 5 % modulus),
                (i % 5 != 1).then_some(i * 11 % 17),
                Some(i),
            ]
        })
        .collect()
}

#[test]
fn all_types_agree_with_nested_loops() {
    for join_type in TYPES {
        for bits in 0..32 {
            let on = |bit: u32| bits >> bit & 1 == 1;
            let mut case = Case::new(rows(23, 9), rows(19, 11), join_type);
            case.build = on(0).then_some(Side::Left);
            case.keyed = on(1);
            case.filter = on(2);
            case.nulls_equal = on(3);
            case.thinned = (on(4), on(4));
            for (threads, batch_size) in settings() {
                case.check(threads, batch_size);
            }
        }
    }
}

#[test]
fn empty_sides_and_single_rows() {
    for join_type in TYPES {
        for (left, right) in [(0, 0), (0, 9), (9, 0), (1, 9), (9, 1), (1, 1)] {
            for bits in 0..8 {
                let on = |bit: u32| bits >> bit & 1 == 1;
                let mut case = Case::new(rows(left, 3), rows(right, 3), join_type);
                case.build = on(0).then_some(Side::Left);
                case.keyed = on(1);
                case.filter = on(2);
                case.check(2, 3);
                case.check(1, 1024);
            }
        }
    }
}

#[test]
fn colliding_hashes_change_nothing() {
    for join_type in TYPES {
        for build in [None, Some(Side::Left)] {
            let mut case = Case::new(rows(60, 13), rows(50, 17), join_type);
            (case.build, case.constant_hash) = (build, true);
            case.check(2, 1024);
            (case.filter, case.nulls_equal) = (true, true);
            case.check(2, 4);
        }
    }
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        proptest::option::weighted(0.8, 0..6i64),
        proptest::option::weighted(0.8, 0..10i64),
    );
    proptest::collection::vec(row, 0..60).prop_map(|rows| {
        let number = |(i, (key, value)): (usize, _)| vec![key, value, Some(i as i64)];
        rows.into_iter().enumerate().map(number).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn random_joins_agree_with_nested_loops(
        (left, right) in (any_rows(), any_rows()),
        join_type in proptest::sample::select(TYPES.to_vec()),
        build_left in any::<bool>(),
        (keyed, filter, nulls_equal, constant_hash) in any::<(bool, bool, bool, bool)>(),
        thinned in any::<(bool, bool)>(),
        (threads, batch_size) in (1..5usize, proptest::sample::select(vec![1, 2, 3, 16, 1024])),
    ) {
        let build = build_left.then_some(Side::Left);
        let case = Case {
            left, right, join_type, build, keyed, filter, nulls_equal, constant_hash, thinned,
        };
        case.check(threads, batch_size);
    }
}

/// A column of keys, and one of numbers.
fn keyed_table(names: [&str; 2], keys: ArrayRef) -> LogicalPlan {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..keys.len() as i64));
    let fields = [(names[0], keys, true), (names[1], numbers, true)];
    let all = RecordBatch::try_from_iter_with_nullable(fields).unwrap();
    let table = MemTable::try_new(vec![all]).unwrap().with_split_rows(4);
    LogicalPlan::Scan(Scan::new("t", Arc::new(table)))
}

/// A value of each kind of key: equal numbers, equal keys; 8 is a value that is equal to itself
/// only in some sense.
fn keys_of(kind: usize, values: &[Option<i64>]) -> ArrayRef {
    let text = |v: i64| "a text that is no short one ".repeat(v as usize % 2) + &v.to_string();
    let texts = || values.iter().map(|v| v.map(text));
    let float = |v: i64| if v == 8 { f64::NAN } else { v as f64 * 0.5 };
    match kind {
        0 => Arc::new(values.iter().copied().collect::<Int64Array>()),
        1 => Arc::new(
            values
                .iter()
                .map(|v| v.map(|v| v as i8))
                .collect::<Int8Array>(),
        ),
        2 => Arc::new(texts().collect::<StringArray>()),
        3 => Arc::new(texts().collect::<StringViewArray>()),
        4 => {
            let all: Vec<Option<String>> = texts().collect();
            let all = all.iter().map(Option::as_deref);
            Arc::new(all.collect::<DictionaryArray<Int32Type>>())
        }
        5 => Arc::new(
            values
                .iter()
                .map(|v| v.map(float))
                .collect::<Float64Array>(),
        ),
        6 => Arc::new(
            values
                .iter()
                .map(|v| v.map(|v| i256::from_i128(i128::from(v))))
                .collect::<Decimal256Array>(),
        ),
        _ => Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(
            values.iter().map(|v| v.map(|v| vec![Some(v), None])),
        )),
    }
}

#[test]
fn keys_of_all_types_and_encodings() {
    // The kinds of the left and of the right keys: text of one layout joins text of any other.
    let kinds = [
        (0, 0),
        (1, 1),
        (2, 3),
        (3, 2),
        (4, 3),
        (3, 4),
        (4, 4),
        (5, 5),
        (6, 6),
        (7, 7),
    ];
    let left: Vec<Option<i64>> = (0..31).map(|i| (i % 9 != 4).then_some(i % 11)).collect();
    let right: Vec<Option<i64>> = (0..23)
        .map(|i| (i % 8 != 4).then_some(i * 2 % 15))
        .collect();
    for (of_left, of_right) in kinds {
        for (build, constant_hash, dictionary) in [
            (None, false, false),
            (Some(Side::Left), false, true),
            (None, true, true),
        ] {
            let plan = Join::try_new(
                keyed_table(["lk", "l"], keys_of(of_left, &left)),
                keyed_table(["rk", "r"], keys_of(of_right, &right)),
                JoinType::Full,
                [(col("lk"), col("rk"))],
                None,
            );
            let plan = Planner::new(4)
                .with_constant_hash(constant_hash)
                .with_dictionary_strings(dictionary)
                .plan(&LogicalPlan::Join(plan.unwrap().with_build(build)))
                .unwrap();
            let runner = Runner::new(2, 4, MemoryBudget::unlimited());
            let batches = runner.start(&plan, Delivery::Collect).collect().unwrap();
            let mut got = Vec::new();
            for batch in &batches {
                // Keys keep their declared types.
                assert_eq!(batch.schema(), plan.schema().to_arrow());
                let of = |at: usize| batch.column(at).as_primitive::<Int64Type>().clone();
                got.extend(of(1).iter().zip(of(3).iter()));
                for (key, number, values) in [(0, 1, &left), (2, 3, &right)] {
                    let nulls = batch.column(key).logical_nulls();
                    for (row, number) in of(number).iter().enumerate() {
                        let want = number.and_then(|n| values[n as usize]);
                        let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                        assert_eq!(null, want.is_none());
                    }
                }
            }
            let numbered = |values: &[Option<i64>]| -> Vec<Row> {
                let rows = values.iter().zip(0..);
                rows.map(|(key, i)| vec![*key, None, Some(i)]).collect()
            };
            let case = Case::new(numbered(&left), numbered(&right), JoinType::Full);
            let mut want: Vec<_> = case.oracle().iter().map(|row| (row[2], row[5])).collect();
            got.sort();
            want.sort();
            assert_eq!(got, want, "{of_left} with {of_right}, {build:?}");
        }
    }
}

#[test]
fn keys_may_be_expressions_and_several() {
    let (left, right) = (rows(30, 4), rows(20, 6));
    for build in [None, Some(Side::Left)] {
        let join = Join::try_new(
            table(&["lk", "lw", "l"], &left),
            table(&["rk", "rw", "r"], &right),
            JoinType::Inner,
            [
                (col("lk") + lit(1i64), col("rk")),
                (col("lw"), col("rw") % lit(5i64)),
            ],
            None,
        );
        let plan = LogicalPlan::Join(join.unwrap().with_build(build));
        let plan = Planner::new(3).plan(&plan).unwrap();
        let mut got = Runner::new(2, 3, MemoryBudget::unlimited())
            .collect(&plan)
            .unwrap();
        let mut want = Vec::new();
        for l in &left {
            for r in &right {
                let keys = l[0].map(|k| k + 1) == r[0] && l[1] == r[1].map(|w| w % 5);
                if keys && r[0].is_some() && l[1].is_some() {
                    want.push([l.clone(), r.clone()].concat());
                }
            }
        }
        assert!(!want.is_empty());
        got.sort();
        want.sort();
        assert_eq!(got, want);
    }
}

#[test]
fn plan_text() {
    let check = |case: &Case, want: &str| {
        let text = case.plan(3).to_string();
        assert_eq!(text.lines().next().unwrap(), want);
    };
    let mut case = Case::new(rows(3, 2), rows(3, 2), JoinType::Left);
    (case.filter, case.nulls_equal) = (true, true);
    check(
        &case,
        "HashJoinExec: type=Left, on=[(#0, #0)], filter=#1 < #4, nulls_equal=true",
    );
    case.build = Some(Side::Left);
    (case.filter, case.nulls_equal) = (false, false);
    check(
        &case,
        "HashJoinExec: type=Left, on=[(#0, #0)]; build=left; filters probe=#0",
    );
    (case.keyed, case.filter, case.build) = (false, true, None);
    check(&case, "NestedLoopJoinExec: type=Left, filter=#1 < #4");
    (case.filter, case.join_type) = (false, JoinType::Inner);
    check(&case, "NestedLoopJoinExec: type=Cross");
}

/// So many rows of one key.
fn same_key(count: i64) -> Vec<Row> {
    (0..count)
        .map(|i| vec![Some(1), Some(1), Some(i)])
        .collect()
}

#[test]
fn many_pairs_of_one_batch_stream_in_bounded_batches() {
    for keyed in [true, false] {
        let mut case = Case::new(same_key(300), same_key(700), JoinType::Inner);
        case.keyed = keyed;
        let plan = case.plan(64);
        let runner = Runner::new(2, 64, MemoryBudget::unlimited());
        let batches = runner.start(&plan, Delivery::Collect).collect().unwrap();
        assert!(batches.iter().all(|batch| batch.num_rows() <= 64));
        let mut rows = batches.iter().flat_map(rows_of_arrow);
        for l in 0..300 {
            for r in 0..700 {
                let row = rows.next().unwrap();
                assert_eq!((row[2], row[5]), (Some(l), Some(r)));
            }
        }
        assert!(rows.next().is_none());
    }
}

#[test]
fn a_limit_above_takes_the_first_rows() {
    for join_type in TYPES {
        let mut case = Case::new(rows(40, 6), rows(30, 7), join_type);
        case.filter = true;
        let want = case.oracle();
        for (offset, fetch) in [(0, 1), (3, 5), (0, 40), (want.len() as u64 - 2, 9)] {
            for (threads, batch_size) in settings() {
                let limit = Limit::new(offset, Some(fetch), case.logical());
                let plan = Planner::new(batch_size).plan(&LogicalPlan::Limit(limit));
                let runner = Runner::new(threads, batch_size, MemoryBudget::unlimited());
                let got = runner.collect(&plan.unwrap()).unwrap();
                let want = want.iter().skip(offset as usize).take(fetch as usize);
                assert!(got.iter().eq(want), "{join_type:?} {threads} {batch_size}");
            }
        }
    }
}

#[test]
fn joins_of_joins_and_unions_keep_their_order() {
    // Rows that come last come before the next input of a union, and are probed like others.
    let full = |first: i64| {
        let number = |rows: Vec<Row>| -> Vec<Row> {
            let shift = |row: Row| vec![row[0], row[1], row[2].map(|i| i + first)];
            rows.into_iter().map(shift).collect()
        };
        Case::new(number(rows(20, 6)), number(rows(15, 7)), JoinType::Full)
    };
    let (one, two) = (full(0), full(100));
    let mut both = one.oracle();
    both.extend(two.oracle());
    let third = rows(9, 5);
    let mut want = Vec::new();
    for row in &both {
        let partners = third.iter().filter(|r| row[3].is_some() && r[0] == row[3]);
        want.extend(partners.map(|r| [row.clone(), r.clone()].concat()));
    }
    assert!(!want.is_empty());
    for (threads, batch_size) in settings() {
        let union = Union::try_new([one.logical(), two.logical()]).unwrap();
        let on = [(col("rk"), col("xk"))];
        let third = table(&["xk", "xw", "x"], &third);
        let union = LogicalPlan::Union(union);
        let join = Join::try_new(union, third, JoinType::Inner, on, None).unwrap();
        let plan = Planner::new(batch_size)
            .plan(&LogicalPlan::Join(join))
            .unwrap();
        let runner = Runner::new(threads, batch_size, MemoryBudget::unlimited());
        assert_eq!(runner.collect(&plan).unwrap(), want);
    }
}

/// A table of one split of so many rows: a key and a number.
fn large(names: [&str; 2], keys: impl Iterator<Item = i64>) -> LogicalPlan {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(keys));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..keys.len() as i64));
    let all = RecordBatch::try_from_iter([(names[0], keys), (names[1], numbers)]).unwrap();
    let table = MemTable::try_new(vec![all]).unwrap();
    LogicalPlan::Scan(Scan::new("t", Arc::new(table.with_split_rows(10_000))))
}

fn join(
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    filter: Option<Expr>,
) -> PhysicalPlan {
    let on = [(col("lk"), col("rk"))];
    let join = Join::try_new(left, right, join_type, on, filter).unwrap();
    Planner::new(1024).plan(&LogicalPlan::Join(join)).unwrap()
}

#[test]
fn build_sides_of_many_chunks_keep_their_order() {
    // Each key twice on the right, far apart; the odd ones are missing on the left.
    let keys = 90_000;
    for threads in [1, 3] {
        let left = large(["lk", "l"], (0..keys).step_by(2));
        let right = large(["rk", "r"], (0..keys).chain(0..keys));
        let plan = join(left, right, JoinType::Right, None);
        let runner = Runner::new(threads, 1024, MemoryBudget::unlimited());
        let got = runner.collect(&plan).unwrap();
        let pairs = (0..keys).step_by(2).flat_map(|key| {
            let row = move |r| vec![Some(key), Some(key / 2), Some(key), Some(r)];
            [row(key), row(key + keys)]
        });
        let alone = (0..2 * keys).filter(|r| r % keys % 2 == 1);
        let alone = alone.map(|r| vec![None, None, Some(r % keys), Some(r)]);
        assert!(got.into_iter().eq(pairs.chain(alone)), "{threads} threads");
    }
}

#[test]
fn sides_without_columns_have_rows() {
    let none = |rows: usize| {
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(schema, Vec::new(), &options).unwrap();
        LogicalPlan::Scan(Scan::new(
            "t",
            Arc::new(MemTable::try_new(vec![batch]).unwrap()),
        ))
    };
    for (left, right) in [(70, 30), (0, 4), (4, 0), (3, 1)] {
        let join = Join::try_new(none(left), none(right), JoinType::Inner, [], None).unwrap();
        let plan = Planner::new(16).plan(&LogicalPlan::Join(join)).unwrap();
        let runner = Runner::new(2, 16, MemoryBudget::unlimited());
        let batches = runner.start(&plan, Delivery::Collect).collect().unwrap();
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, left * right);
    }
}

#[test]
fn a_second_row_of_a_single_side_is_an_error() {
    let run = |right: i64, on: Option<(Expr, Expr)>| {
        let left = table(&["lk", "lw", "l"], &rows(20, 3));
        let right = table(&["rk", "rw", "r"], &rows(right, 3));
        let join = Join::try_new(left, right, JoinType::Left, on, None).unwrap();
        let plan = LogicalPlan::Join(join.with_single(true).with_build(Some(Side::Left)));
        let plan = Planner::new(4).plan(&plan).unwrap();
        assert!(plan.to_string().contains("single=true"));
        Runner::new(2, 4, MemoryBudget::unlimited()).collect(&plan)
    };
    for on in [None, Some((col("lk"), col("rk")))] {
        let none = run(0, on.clone()).unwrap();
        assert_eq!(none.len(), 20);
        assert!(none.iter().all(|row| row[3..] == [None, None, None]));
        let one = run(1, on.clone()).unwrap();
        assert_eq!(one.len(), 20);
        for row in one {
            let matches = on.is_none() || row[0] == Some(0);
            assert_eq!(row[5], matches.then_some(0));
        }
        for rows in [2, 3, 40] {
            let error = run(rows, on.clone()).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::InvalidInput { .. }));
            assert!(error.to_string().contains("more than one row"), "{error}");
        }
    }
}

#[test]
fn conditions_fail_only_for_pairs_with_equal_keys() {
    // The product overflows for a left value of 5 only, whose key is 2.
    let left: Vec<Row> = vec![
        vec![Some(1), Some(1), Some(0)],
        vec![Some(2), Some(5), Some(1)],
    ];
    let run = |right: &[Row], filter: Expr, join_type| {
        let right = table(&["rk", "rw", "r"], right);
        let left = table(&["lk", "lw", "l"], &left);
        let plan = join(left, right, join_type, Some(filter));
        Runner::new(2, 1024, MemoryBudget::unlimited()).collect(&plan)
    };
    let filter = || (col("lw") * lit(i64::MAX / 2)).gt(lit(0i64));
    for join_type in TYPES {
        let one = vec![Some(1), Some(1), Some(0)];
        run(std::slice::from_ref(&one), filter(), join_type).unwrap();
        let two = vec![Some(2), Some(1), Some(1)];
        let error = run(&[one, two], filter(), join_type).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Evaluation { .. }));
        assert!(error.to_string().contains('*'), "{error}");
    }
}

#[test]
fn whether_a_condition_fails_does_not_depend_on_how_pairs_are_cut() {
    // The first pair meets the condition, and the second one overflows.
    let left = vec![vec![Some(1), Some(1), Some(0)]];
    let right: Vec<Row> = (1..4).map(|i| vec![Some(1), Some(i), Some(i)]).collect();
    for join_type in [JoinType::Semi, JoinType::Anti] {
        for build in [None, Some(Side::Left)] {
            for (threads, batch_size) in settings() {
                let filter = (col("rw") * lit(i64::MAX / 2)).gt(col("lw"));
                let join = Join::try_new(
                    table(&["lk", "lw", "l"], &left),
                    table(&["rk", "rw", "r"], &right),
                    join_type,
                    [(col("lk"), col("rk"))],
                    Some(filter),
                );
                let plan = LogicalPlan::Join(join.unwrap().with_build(build));
                let plan = Planner::new(batch_size).plan(&plan).unwrap();
                let runner = Runner::new(threads, batch_size, MemoryBudget::unlimited());
                assert!(runner.collect(&plan).is_err(), "{join_type:?} {build:?}");
            }
        }
    }
}

#[test]
fn keys_that_fail_name_their_expression() {
    let run = |on: (Expr, Expr)| {
        let left = table(&["lk", "lw", "l"], &rows(20, 9));
        let right = table(&["rk", "rw", "r"], &rows(20, 9));
        let join = Join::try_new(left, right, JoinType::Inner, [on], None).unwrap();
        let plan = Planner::new(4).plan(&LogicalPlan::Join(join)).unwrap();
        Runner::new(2, 4, MemoryBudget::unlimited()).collect(&plan)
    };
    let product = |name: &str| col(name) * lit(i64::MAX / 2);
    for on in [(product("lk"), col("rk")), (col("lk"), product("rk"))] {
        let error = run(on).unwrap_err();
        assert!(error.to_string().contains('*'), "{error}");
    }
}

#[test]
fn memory_is_reserved_and_given_back() {
    let plan = || {
        let left = large(["lk", "l"], 0..1000);
        join(left, large(["rk", "r"], 0..100_000), JoinType::Right, None)
    };
    let enough = MemoryBudget::with_limit(16 << 20);
    let runner = Runner::new(2, 1024, Arc::clone(&enough));
    let running = runner.start(&plan(), Delivery::Collect);
    let rows: usize = running
        .collect()
        .unwrap()
        .iter()
        .map(RecordBatch::num_rows)
        .sum();
    assert_eq!(rows, 100_000);
    // Two columns of eight bytes, and the table.
    assert!(enough.peak() > 100_000 * 20, "{}", enough.peak());
    drop((running, runner));
    assert_eq!(enough.used(), 0);
    // Nobody wants the rest.
    let runner = Runner::new(2, 1024, Arc::clone(&enough));
    let running = runner.start(&plan(), Delivery::Stream);
    assert!(running.next_batch().unwrap().is_some());
    drop((running, runner));
    assert_eq!(enough.used(), 0);
    for limit in [1000, 1 << 20, 2 << 20] {
        let runner = Runner::new(2, 1024, MemoryBudget::with_limit(limit));
        let error = runner.collect(&plan()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ResourcesExhausted { .. }));
        assert!(error.to_string().contains("HashJoinExec"), "{error}");
    }
}
