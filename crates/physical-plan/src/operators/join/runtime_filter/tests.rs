//! Filters at every moment of the building: whatever they drop has no partner.

use std::iter::repeat;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal64Array, Decimal128Array,
    Float32Array, Float64Array, Int8Array, Int64Array, StringViewArray, UInt32Array, UInt64Array,
};
use arrow::compute::take;
use arrow::datatypes::{Float32Type, Float64Type};
use esker_datatypes::{Column, ErrorKind, Field, ScalarValue, Schema, SchemaRef};
use esker_logical_expr::{Expr, Interval, col, resolve};
use esker_logical_plan::{JoinType, MemTable, ScanFilter, Side};
use esker_runtime::TaskContext;
use proptest::prelude::*;

use super::super::tests::{Building, Row, naive, probe_with, rows_of};
use super::super::{EquiKeys, HashJoinExec, JoinSpec};
use super::*;
use crate::operators::{ScanExec, ScanOptions};
use crate::pipeline::{Source, SourceStatus};
use crate::plan::Role;

/// The joins whose probe rows without a partner leave no trace.
const FILTERED: [(JoinType, Side); 7] = [
    (JoinType::Inner, Side::Right),
    (JoinType::Inner, Side::Left),
    (JoinType::Semi, Side::Right),
    (JoinType::Semi, Side::Left),
    (JoinType::Anti, Side::Left),
    (JoinType::Left, Side::Left),
    (JoinType::Right, Side::Right),
];

/// Keys of some types, no two the same, the least first: those at the ends of the type, those about
/// zero, and those that look different and are equal.
fn pools() -> Vec<ArrayRef> {
    let nan = f64::from_bits(0xfff8_0000_0000_0001);
    let floats = [nan, f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1.0, 3e9, f64::NAN];
    vec![
        Arc::new(Int64Array::from(vec![
            i64::MIN,
            i64::MIN + 1,
            -9000,
            -1,
            0,
            1,
            1 << 40,
            i64::MAX,
        ])),
        Arc::new(Int64Array::from(vec![-70, -1, 0, 1, 2, 3, 90, 400])),
        Arc::new(Int64Array::from(vec![1, 2, 3, 9000, 9001, 1 << 30])),
        Arc::new(Int8Array::from(vec![i8::MIN, -1, 0, 1, 2, 100, i8::MAX])),
        Arc::new(UInt64Array::from(vec![
            0,
            1,
            i64::MAX as u64,
            1 << 63,
            u64::MAX,
        ])),
        Arc::new(Date32Array::from(vec![i32::MIN, -1, 0, 19_000, i32::MAX])),
        Arc::new(Decimal64Array::from(vec![-99_999, -1, 0, 7, 99_999])),
        Arc::new(Decimal128Array::from(vec![-(1 << 99), -1, 0, 7, 1 << 99])),
        Arc::new(Float64Array::from(floats.to_vec())),
        Arc::new(Float32Array::from(floats.map(|v| v as f32).to_vec())),
        Arc::new(BooleanArray::from(vec![false, true])),
        Arc::new(StringViewArray::from(vec![
            "",
            "a",
            "longer than a view holds",
        ])),
    ]
}

/// Whether two keys of a pool are equal (S8).
fn same(pool: &ArrayRef, a: i64, b: i64) -> bool {
    let floats = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    let (a, b) = (a as usize, b as usize);
    if let Some(pool) = pool.as_primitive_opt::<Float64Type>() {
        floats(pool.value(a), pool.value(b))
    } else if let Some(pool) = pool.as_primitive_opt::<Float32Type>() {
        floats(pool.value(a).into(), pool.value(b).into())
    } else {
        a == b
    }
}

/// A batch of a side: a key of the pool, a small number that may be a second key, and a number that
/// each row has alone.
#[derive(Clone, Debug)]
struct Part {
    encoding: u8,
    rows: Vec<(Option<u32>, Option<i64>)>,
    kept: Vec<bool>,
}

impl Part {
    /// The place in the pool of a row's key.
    fn key(&self, row: usize, pool: &ArrayRef) -> Option<u32> {
        let row = if self.encoding == 1 { 0 } else { row };
        self.rows[row].0.map(|key| key % pool.len() as u32)
    }

    fn batch(&self, pool: &ArrayRef, first: i64, dense: bool) -> Batch {
        let rows = self.rows.len();
        let codes: UInt32Array = (0..rows).map(|row| self.key(row, pool)).collect();
        let keys = match self.encoding {
            0 => Column::flat(take(pool, &codes, None).unwrap()),
            1 => {
                let keys = Column::flat(take(pool, &codes, None).unwrap());
                Column::constant(keys.value(0).unwrap(), rows)
            }
            _ => Column::dictionary(codes, Arc::clone(pool)),
        };
        let second: Int64Array = self.rows.iter().map(|row| row.1).collect();
        let numbers = Int64Array::from_iter_values(first..first + rows as i64);
        let columns = vec![
            keys,
            Column::flat(Arc::new(second)),
            Column::flat(Arc::new(numbers)),
        ];
        let mut batch = Batch::new(columns, rows);
        if !dense {
            batch.selection_mut().retain(|row| self.kept[row]);
        }
        batch
    }

    /// The rows for the oracle: all that is the key, if nothing of it is null, and the number.
    fn row(&self, pool: &ArrayRef, row: usize, first: i64, two: bool) -> Row {
        let key = self.key(row, pool).map(i64::from);
        let key = match two {
            true => key.zip(self.rows[row].1).map(|(key, w)| key * 4 + w),
            false => key.map(|key| key * 4),
        };
        vec![key, Some(first + row as i64)]
    }
}

fn any_side() -> impl Strategy<Value = Vec<Part>> {
    use proptest::option::weighted;
    let row = (
        (weighted(0.85, 0..8u32), weighted(0.9, 0..3i64)),
        any::<bool>(),
    );
    let part = (0..3u8, proptest::collection::vec(row, 1..7)).prop_map(|(encoding, rows)| {
        let (rows, kept) = rows.into_iter().unzip();
        Part {
            encoding,
            rows,
            kept,
        }
    });
    proptest::collection::vec(part, 0..5)
}

fn schema(names: [&str; 3], key: &DataType) -> SchemaRef {
    let types = [key.clone(), DataType::Int64, DataType::Int64];
    let fields = names.into_iter().zip(types);
    Arc::new(fields.map(|(name, t)| Field::new(name, t, true)).collect())
}

/// A join by one key or two of `lk, lw, l` with `rk, rw, r`, and what filters its probe side.
fn join(
    (join_type, build): (JoinType, Side),
    key: &DataType,
    two: bool,
    span: Option<u64>,
) -> (Role, Vec<Arc<dyn RowPredicate>>) {
    let (left, right) = (
        schema(["lk", "lw", "l"], key),
        schema(["rk", "rw", "r"], key),
    );
    let both = left.fields().iter().chain(right.fields());
    let both: Schema = both.cloned().collect();
    let column = |name: &str| -> Expr { resolve(col(name), &both).unwrap() };
    let mut on = vec![(column("lk"), column("rk"))];
    if two {
        on.push((column("lw"), column("rw")));
    }
    let spec = JoinSpec {
        join_type,
        build,
        left,
        right,
        filter: None,
        single: false,
        batch_size: 100,
    };
    let keys = EquiKeys {
        on,
        nulls_equal: false,
        constant_hash: false,
    };
    let (role, maker) = HashJoinExec::filtering_role(&spec, &keys).unwrap();
    let filters = maker.iter().flat_map(|maker| {
        let keys = maker.keys().iter();
        keys.map(|key| maker.filter(key, key.column, span))
    });
    let filters = filters.collect();
    (role, filters)
}

/// The rows of a batch that pass all filters.
fn select(filters: &[Arc<dyn RowPredicate>], batch: &Batch, cx: &mut TaskContext) -> Selection {
    let mut selection = batch.selection().clone();
    for filter in filters {
        filter
            .select(batch, &mut selection, &mut cx.buffers)
            .unwrap();
    }
    selection
}

/// What is known of the columns of a batch.
struct Known(Vec<Option<Interval>>);

impl Known {
    /// The bounds of columns of integers.
    fn of(batch: &Batch) -> Self {
        let interval = |column: &Column| {
            let values = (0..column.len()).map(|row| column.value(row).unwrap());
            let values: Vec<ScalarValue> =
                values.filter(|value| value.as_i128().is_some()).collect();
            let least = values.iter().min_by_key(|value| value.as_i128())?;
            let greatest = values.iter().max_by_key(|value| value.as_i128())?;
            let (least, greatest) = (Some(least.clone()), Some(greatest.clone()));
            Some(Interval::between(column.value_type(), least, greatest))
        };
        Self(batch.columns().iter().map(interval).collect())
    }
}

impl ColumnStats for Known {
    fn rows(&self) -> Option<u64> {
        None
    }

    fn interval(&self, column: usize) -> Option<Interval> {
        self.0[column].clone()
    }
}

/// The numbers of the left and right rows that stand side by side.
fn numbers(batches: &[Batch]) -> Vec<Row> {
    let numbers = batches.iter().map(|batch| {
        let columns = batch.columns().iter().skip(2).step_by(3);
        Batch::new(columns.cloned().collect(), batch.rows())
            .with_selection(batch.selection().clone())
    });
    let mut rows = rows_of(&numbers.collect::<Vec<_>>());
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    /// The probe side is scanned while the build side is built, so many steps before each batch.
    #[test]
    fn rows_with_a_partner_are_never_dropped(
        pool in proptest::sample::select(pools()),
        kind in proptest::sample::select(FILTERED.to_vec()),
        two in any::<bool>(),
        span in proptest::sample::select(vec![None, Some(1), Some(u64::MAX)]),
        (left, right) in (any_side(), any_side()),
        steps in proptest::collection::vec(0..12usize, 0..5),
    ) {
        let (role, filters) = join(kind, pool.data_type(), two, span);
        prop_assert_eq!(filters.len(), 1 + usize::from(two));
        let (build, probe) = match kind.1 {
            Side::Left => (&left, &right),
            Side::Right => (&right, &left),
        };
        let batches = |side: &[Part], dense| -> Vec<Batch> {
            let batch = |(at, part): (usize, &Part)| part.batch(&pool, at as i64 * 10, dense);
            side.iter().enumerate().map(batch).collect()
        };
        let rows = |side: &[Part], batches: &[Batch]| -> Vec<Vec<Row>> {
            let row = |part: &Part, at, row| part.row(&pool, row, at as i64 * 10, two);
            let rows = side.iter().zip(batches).enumerate();
            rows.map(|(at, (part, batch))| {
                batch.selection().iter().map(|r| row(part, at, r)).collect()
            })
            .collect()
        };
        let pair = |l: &Row, r: &Row| match (l[0], r[0]) {
            (Some(l), Some(r)) => l % 4 == r % 4 && same(&pool, l / 4, r / 4),
            _ => false,
        };
        let (build_batches, probe_batches) = (batches(build, true), batches(probe, false));
        let build_rows = rows(build, &build_batches).concat();
        let probe_rows = rows(probe, &probe_batches);

        let mut cx = TaskContext::standalone();
        let mut building = Building::new(&role, &build_batches, &mut cx);
        let mut more = true;
        let mut scanned = Vec::new();
        let steps = steps.into_iter().chain(repeat(0));
        for ((batch, rows), steps) in probe_batches.iter().zip(&probe_rows).zip(steps) {
            for _ in 0..steps {
                more = more && building.step(&mut cx).unwrap();
            }
            let kept = select(&filters, batch, &mut cx);
            // Nothing is said of a part of the build side.
            prop_assert!(!more || kept == *batch.selection());
            let kept_rows: Vec<usize> = kept.iter().collect();
            let partner = |row: &Row| build_rows.iter().any(|build| pair(row, build));
            for (row, oracle) in batch.selection().iter().zip(rows) {
                prop_assert!(kept_rows.contains(&row) || !partner(oracle), "{:?}", oracle);
            }
            prop_assert!(kept.iter().all(|row| batch.selection().iter().any(|r| r == row)));
            for filter in &filters {
                match filter.prune(&Known::of(batch)) {
                    Verdict::Drop => prop_assert!(!more && !rows.iter().any(partner)),
                    Verdict::AllPass => {
                        let one = std::slice::from_ref(filter);
                        prop_assert_eq!(&select(one, batch, &mut cx), batch.selection());
                    }
                    Verdict::Maybe => {}
                }
            }
            scanned.push(batch.clone().with_selection(kept));
        }
        while more {
            more = building.step(&mut cx).unwrap();
        }
        let got = numbers(&probe_with(&role, &scanned, &mut cx));
        let probe_rows = probe_rows.concat();
        let sides = match kind.1 {
            Side::Left => (&build_rows[..], &probe_rows[..]),
            Side::Right => (&probe_rows[..], &build_rows[..]),
        };
        let want = naive(sides, kind.0, pair).into_iter();
        let mut want: Vec<Row> =
            want.map(|row| row.into_iter().skip(1).step_by(2).collect()).collect();
        want.sort();
        prop_assert_eq!(got, want);
    }
}

/// A batch whose keys are integers, as flat columns.
fn of_keys(keys: impl IntoIterator<Item = Option<i64>>) -> Batch {
    let keys: Int64Array = keys.into_iter().collect();
    let rows = keys.len();
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let numbers = Column::flat(numbers);
    Batch::new(
        vec![Column::flat(Arc::new(keys)), numbers.clone(), numbers],
        rows,
    )
}

fn inner() -> (Role, Vec<Arc<dyn RowPredicate>>) {
    join(
        (JoinType::Inner, Side::Right),
        &DataType::Int64,
        false,
        None,
    )
}

fn build_all(role: &Role, batches: &[Batch], cx: &mut TaskContext) -> Result<()> {
    let mut building = Building::new(role, batches, cx);
    while building.step(cx)? {}
    Ok(())
}

#[test]
fn joins_that_show_unmatched_rows_have_no_filters() {
    for kind in [
        (JoinType::Left, Side::Right),
        (JoinType::Right, Side::Left),
        (JoinType::Full, Side::Left),
        (JoinType::Full, Side::Right),
        (JoinType::Anti, Side::Right),
    ] {
        let (_, filters) = join(kind, &DataType::Int64, true, None);
        assert!(filters.is_empty(), "{kind:?}");
    }
}

#[test]
fn few_keys_are_told_apart() {
    let ends = [i64::MIN, -1, 0, 1, i64::MAX];
    let probe = of_keys(ends.map(Some).into_iter().chain([None]));
    let check = |build: &[Option<i64>], want: &[usize]| {
        let (role, filters) = inner();
        let mut cx = TaskContext::standalone();
        build_all(&role, &[of_keys(build.iter().copied())], &mut cx).unwrap();
        let kept = select(&filters, &probe, &mut cx);
        assert!(kept.iter().eq(want.iter().copied()), "{build:?}: {kept:?}");
    };
    check(&[Some(i64::MIN), Some(i64::MIN + 900)], &[0]);
    check(&[Some(i64::MAX), None, Some(i64::MAX - 900)], &[4]);
    check(&[Some(-1), Some(900)], &[1]);
    check(&[Some(-900), Some(0), Some(0)], &[2]);
    check(&[], &[]);
    // There is no set where there are no keys, or one of as many as a word has.
    check(&[None, None], &[0, 1, 2, 3, 4, 5]);
    check(&[Some(i64::MIN), Some(i64::MAX)], &[0, 1, 2, 3, 4, 5]);
}

#[test]
fn keys_of_all_chunks_are_there() {
    let (role, filters) = inner();
    let mut cx = TaskContext::standalone();
    let part = |from: i64| of_keys((from..from + 35_000).map(|n| Some(n * 9)));
    build_all(&role, &[part(0), part(35_000), part(70_000)], &mut cx).unwrap();
    for from in [0, 300_000, 600_000, 900_000] {
        let probe = of_keys((from..from + 50_000).map(Some));
        let kept = select(&filters, &probe, &mut cx);
        let want = (0..50_000).filter(|row| (from as usize + row).is_multiple_of(9));
        let want = want.filter(|row| from as usize + row < 105_000 * 9);
        assert!(kept.iter().eq(want), "from {from}");
    }
}

#[test]
fn a_build_side_that_fails_is_never_published() {
    let (role, filters) = inner();
    let mut cx = TaskContext::standalone();
    let mut bad = of_keys([Some(1)]);
    bad.replace(Vec::new(), 1);
    // Of the first worker's batches the last comes first.
    let batches = [of_keys([Some(2)]), bad, of_keys([Some(900)])];
    let mut building = Building::new(&role, &batches, &mut cx);
    let failed = loop {
        match building.step(&mut cx) {
            Ok(more) => assert!(more),
            Err(error) => break error,
        }
    };
    assert!(matches!(failed.kind(), ErrorKind::Internal { .. }));
    drop(building);
    let probe = of_keys([Some(2), Some(5), None]);
    assert!(select(&filters, &probe, &mut cx).is_all());
    assert!(matches!(
        filters[0].prune(&Known::of(&probe)),
        Verdict::Maybe
    ));
}

#[test]
fn what_is_published_stays() {
    let (role, filters) = inner();
    let mut cx = TaskContext::standalone();
    build_all(&role, &[of_keys([Some(2), Some(900)])], &mut cx).unwrap();
    let probe = of_keys([Some(2), Some(3), Some(900), None]);
    let kept = select(&filters, &probe, &mut cx);
    assert!(kept.iter().eq([0, 2]));
    let joined = numbers(&probe_with(&role, std::slice::from_ref(&probe), &mut cx));
    for again in [vec![], vec![of_keys([Some(3), Some(500)])]] {
        let error = build_all(&role, &again, &mut cx).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Internal { .. }));
        assert_eq!(select(&filters, &probe, &mut cx), kept);
        let rows = probe_with(&role, std::slice::from_ref(&probe), &mut cx);
        assert_eq!(numbers(&rows), joined);
    }
}

/// When a scan is given a filter, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Early,
    Twice,
    /// When the scan is under way: it has asked for its filters already.
    Late,
}

#[test]
fn scans_drop_rows_from_when_the_build_side_is_whole() {
    const BATCHES: usize = 9;
    let build: Vec<Batch> = [
        [Some(3), None, Some(17)],
        [Some(17), Some(60), None],
        [Some(3), Some(3), Some(41)],
    ]
    .map(of_keys)
    .to_vec();
    let keys = (0..45).map(|key| (key % 6 != 5).then_some(key));
    let probe = of_keys(keys);
    let partner = |row: &Row| matches!(row[0], Some(3 | 17));
    let all = rows_of(std::slice::from_ref(&probe));
    assert_eq!(all.iter().filter(|row| partner(row)).count(), 1);

    // Before so many batches are read the build side is whole, or at least begun.
    let moments =
        (0..=BATCHES).flat_map(|begun| (begun..=BATCHES).map(move |whole| (begun, whole)));
    for ((begun, whole), given) in
        moments.flat_map(|m| [Given::Early, Given::Twice, Given::Late].map(|given| (m, given)))
    {
        let (role, filters) = inner();
        let schema = schema(["lk", "lw", "l"], &DataType::Int64);
        let arrow = schema.to_arrow();
        let batch = probe.to_arrow(&arrow).unwrap();
        let table = MemTable::with_schema(arrow, vec![batch]).unwrap();
        let scan = ScanExec::new(
            Arc::new(table.with_split_rows(10)),
            ScanOptions {
                schema,
                columns: vec![0, 1, 2],
                projection: vec![0, 1, 2],
                filters: Vec::new(),
                limit: None,
                batch_size: 5,
                dictionary_strings: false,
            },
        );
        let give = || {
            let filter = ScanFilter {
                expr: None,
                predicate: Arc::clone(&filters[0]),
            };
            scan.runtime_filters().lock().unwrap().push(filter);
        };
        let mut cx = TaskContext::standalone();
        match given {
            Given::Early => give(),
            Given::Twice => (0..2).for_each(|_| give()),
            Given::Late => {}
        }
        let mut building = Building::new(&role, &build, &mut cx);
        let mut more = true;
        let mut workers = vec![scan.open(&mut cx).unwrap()];
        let mut scanned = Vec::new();
        for at in 0..BATCHES {
            if at == begun {
                // All rows are there, and of what is made of them something.
                for _ in 0..build.len() + 4 {
                    more = more && building.step(&mut cx).unwrap();
                }
                assert!(more);
                if given == Given::Late {
                    give();
                }
                workers.push(scan.open(&mut cx).unwrap());
            }
            while at == whole && more {
                more = building.step(&mut cx).unwrap();
            }
            let mut out = Batch::default();
            let worker = at % workers.len();
            let status = workers[worker].next(&mut out, &mut cx).unwrap();
            assert_eq!(status, SourceStatus::More);
            let first = out.order().ordinal as usize * 10 + out.order().sequence as usize * 5;
            let mut want = all[first..first + 5].to_vec();
            if !more && given != Given::Late {
                want.retain(partner);
            }
            let got = rows_of(std::slice::from_ref(&out));
            assert_eq!(
                got, want,
                "{given:?}, begun at {begun}, whole at {whole}, batch {at}"
            );
            scanned.push(out);
        }
        while more {
            more = building.step(&mut cx).unwrap();
        }
        let got = numbers(&probe_with(&role, &scanned, &mut cx));
        let build_rows = rows_of(&build);
        let pair = |l: &Row, r: &Row| l[0].is_some() && l[0] == r[0];
        let want = naive((&all, &build_rows), JoinType::Inner, pair);
        let want: Vec<Row> = want.into_iter().map(|row| vec![row[2], row[5]]).collect();
        assert_eq!(got, want);
    }
}
