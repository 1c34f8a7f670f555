//! Single operators, batch by batch: encodings, what is not copied, and lists of pairs.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt32Array};
use arrow::datatypes::Int64Type;
use esker_datatypes::{
    Batch, Column, DataType, Encoding, Field, Order, Result, ScalarValue, Schema, Selection,
};
use esker_kernels::select::chunks::NO_ROW;
use esker_logical_expr::{Expr, col, resolve};
use esker_logical_plan::{JoinType, Side};
use esker_runtime::TaskContext;
use proptest::prelude::*;

use super::built::Marks;
use super::pairs::{Cursor, Ends, Pairs};
use super::{EquiKeys, HashJoinExec, JoinSpec, NestedLoopJoinExec};
use crate::pipeline::{FinalizeTask, LocalSink, OpStatus, Sink, SourceStatus};
use crate::plan::Role;

fn schema(names: [&str; 2]) -> Arc<Schema> {
    let field = |name| Field::new(name, DataType::Int64, true);
    Arc::new(names.map(field).into_iter().collect())
}

/// A join of `lk, l` with `rk, r` on `lk = rk`, or on nothing.
fn role(join_type: JoinType, build: Side, keyed: bool, filter: bool, batch_size: usize) -> Role {
    let (left, right) = (schema(["lk", "l"]), schema(["rk", "r"]));
    let both: Schema = left
        .fields()
        .iter()
        .chain(right.fields())
        .cloned()
        .collect();
    let filter = filter.then(|| resolve(col("l").lt(col("r")), &both).unwrap());
    let key = |name: &str| -> Expr { resolve(col(name), &both).unwrap() };
    let on = vec![(key("lk"), key("rk"))];
    let spec = JoinSpec {
        join_type,
        build,
        left,
        right,
        filter,
        single: false,
        batch_size,
    };
    if !keyed {
        return NestedLoopJoinExec::role(&spec).unwrap();
    }
    let keys = EquiKeys {
        on,
        nulls_equal: false,
        constant_hash: false,
    };
    HashJoinExec::role(&spec, &keys).unwrap()
}

/// The building of a join's table, step by step: by two workers, one after the other, each of which
/// gets its later batches first.
pub(super) struct Building {
    sink: Arc<dyn Sink>,
    /// Those who still have to end, and what each has still to take.
    workers: Vec<(Box<dyn LocalSink>, Vec<Batch>)>,
    stage: usize,
    tasks: Vec<FinalizeTask>,
}

impl Building {
    pub(super) fn new(role: &Role, batches: &[Batch], cx: &mut TaskContext) -> Self {
        let Role::Probe { build, .. } = role else {
            panic!("a join is a probe");
        };
        let mut workers: Vec<_> = (0..2)
            .map(|_| (build.open(cx).unwrap(), Vec::new()))
            .collect();
        for (at, batch) in batches.iter().enumerate() {
            let order = Order {
                ordinal: at as u64,
                sequence: 0,
                last: true,
            };
            workers[at % 2].1.push(batch.clone().with_order(order));
        }
        Self {
            sink: Arc::clone(build),
            workers,
            stage: 0,
            tasks: Vec::new(),
        }
    }

    /// A batch is taken, a worker ends, a stage begins or a task runs. Says whether there is more to
    /// do: all is published with the last step.
    pub(super) fn step(&mut self, cx: &mut TaskContext) -> Result<bool> {
        if let Some((local, batches)) = self.workers.last_mut()
            && let Some(mut batch) = batches.pop()
        {
            local.consume(&mut batch, cx)?;
        } else if let Some((local, _)) = self.workers.pop() {
            local.combine(cx)?;
        } else if let Some(task) = self.tasks.pop() {
            task(cx)?;
        } else {
            self.tasks = self.sink.finalize(self.stage, cx)?;
            self.stage += 1;
            return Ok(!self.tasks.is_empty());
        }
        Ok(true)
    }
}

/// What comes out: of the probe for each of its batches, then of the rest.
fn run(role: &Role, build: &[Batch], probe: &[Batch]) -> Vec<Batch> {
    let mut cx = TaskContext::standalone();
    let mut building = Building::new(role, build, &mut cx);
    while building.step(&mut cx).unwrap() {}
    probe_with(role, probe, &mut cx)
}

/// What comes out when all is built.
pub(super) fn probe_with(role: &Role, probe: &[Batch], cx: &mut TaskContext) -> Vec<Batch> {
    let Role::Probe {
        probe: operator,
        rest,
        ..
    } = role
    else {
        panic!("a join is a probe");
    };
    let mut local = operator.open(cx).unwrap();
    let mut all = Vec::new();
    for batch in probe {
        let mut input = batch.clone();
        loop {
            let mut out = Batch::default();
            let status = local.execute(&mut input, &mut out, cx).unwrap();
            all.push(out);
            if status == OpStatus::NeedInput {
                break;
            }
        }
    }
    if let Some(rest) = rest {
        let mut local = rest.open(cx).unwrap();
        loop {
            let mut out = Batch::default();
            match local.next(&mut out, cx).unwrap() {
                SourceStatus::More => all.push(out),
                SourceStatus::Finished { .. } => break,
                SourceStatus::Blocked => panic!("nothing to wait for"),
            }
        }
    }
    all.retain(|batch| batch.selected() > 0);
    all
}

pub(super) type Row = Vec<Option<i64>>;

pub(super) fn rows_of(batches: &[Batch]) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches {
        let flat: Vec<ArrayRef> = batch.columns().iter().map(Column::to_flat).collect();
        rows.extend(batch.selection().iter().map(|row| {
            let value = |array: &ArrayRef| {
                let array = array.as_primitive::<Int64Type>();
                array.is_valid(row).then(|| array.value(row))
            };
            flat.iter().map(value).collect::<Row>()
        }));
    }
    rows
}

fn flat(values: &[Option<i64>]) -> Column {
    Column::flat(Arc::new(values.iter().copied().collect::<Int64Array>()))
}

/// A batch of a side: its keys flat, constant (the first one) or in a dictionary, and which rows count.
#[derive(Clone, Debug)]
struct Part {
    encoding: u8,
    keys: Vec<Option<i64>>,
    kept: Vec<bool>,
}

impl Part {
    fn batch(&self, first: i64, dense: bool) -> Batch {
        let rows = self.keys.len();
        let keys = match self.encoding {
            0 => flat(&self.keys),
            1 => Column::constant(
                ScalarValue::from(self.keys.first().copied().flatten()),
                rows,
            ),
            _ => {
                // Two codes stand for the same value, one for null.
                let values: ArrayRef = Arc::new(Int64Array::from_iter([
                    Some(0),
                    Some(1),
                    Some(2),
                    Some(0),
                    None,
                ]));
                let code = |(row, key): (usize, &Option<i64>)| match key {
                    None if row % 2 == 0 => None,
                    None => Some(4),
                    Some(0) if row % 2 == 0 => Some(3),
                    Some(key) => Some(*key as u32),
                };
                let codes: UInt32Array = self.keys.iter().enumerate().map(code).collect();
                Column::dictionary(codes, values)
            }
        };
        let numbers: Vec<_> = (first..first + rows as i64).map(Some).collect();
        let mut batch = Batch::new(vec![keys, flat(&numbers)], rows);
        if !dense {
            batch
                .selection_mut()
                .retain(|row| self.kept.get(row) != Some(&false));
        }
        batch
    }
}

fn any_side() -> impl Strategy<Value = Vec<Part>> {
    let row = (proptest::option::weighted(0.85, 0..3i64), any::<bool>());
    let batch = (0..3u8, proptest::collection::vec(row, 1..9)).prop_map(|(encoding, rows)| {
        let (keys, kept) = rows.into_iter().unzip();
        Part {
            encoding,
            keys,
            kept,
        }
    });
    proptest::collection::vec(batch, 0..4)
}

pub(super) fn naive(
    (left, right): (&[Row], &[Row]),
    join_type: JoinType,
    pair: impl Fn(&Row, &Row) -> bool,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let none = vec![None, None];
    for l in left {
        let partners: Vec<&Row> = right.iter().filter(|r| pair(l, r)).collect();
        if join_type.is_left_only() {
            if partners.is_empty() == (join_type == JoinType::Anti) {
                rows.push(l.clone());
            }
            continue;
        }
        rows.extend(partners.iter().map(|r| [l.clone(), (*r).clone()].concat()));
        if partners.is_empty() && join_type.keeps_left() {
            rows.push([l.clone(), none.clone()].concat());
        }
    }
    if join_type.keeps_right() {
        let alone = right.iter().filter(|r| !left.iter().any(|l| pair(l, r)));
        rows.extend(alone.map(|r| [none.clone(), r.clone()].concat()));
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn all_encodings_and_selections(
        (left, right) in (any_side(), any_side()),
        join_type in 0..6usize,
        (build_left, keyed, filter) in any::<(bool, bool, bool)>(),
        batch_size in proptest::sample::select(vec![1usize, 2, 5, 100]),
    ) {
        let types = [
            JoinType::Inner,
            JoinType::Left,
            JoinType::Right,
            JoinType::Full,
            JoinType::Semi,
            JoinType::Anti,
        ];
        let join_type = types[join_type];
        let build = if build_left { Side::Left } else { Side::Right };
        let batches = |side: &[Part], dense: bool| -> Vec<Batch> {
            let batch = |(at, side): (usize, &Part)| side.batch(at as i64 * 10, dense);
            side.iter().enumerate().map(batch).collect()
        };
        let (left, right) = (batches(&left, build_left), batches(&right, !build_left));
        let role = role(join_type, build, keyed, filter, batch_size);
        let got = match build {
            Side::Left => run(&role, &left, &right),
            Side::Right => run(&role, &right, &left),
        };
        let pair = |l: &Row, r: &Row| {
            (!keyed || (l[0].is_some() && l[0] == r[0])) && (!filter || l[1] < r[1])
        };
        let mut want = naive((&rows_of(&left), &rows_of(&right)), join_type, pair);
        let mut got = rows_of(&got);
        if build_left {
            got.sort();
            want.sort();
        }
        prop_assert_eq!(got, want);
    }

    /// Pairs that are made in pieces are those that nested loops make.
    #[test]
    fn pairs_in_pieces(
        lists in proptest::collection::vec(proptest::collection::vec(0..100u32, 0..6), 0..12),
        kept in proptest::collection::vec(any::<bool>(), 12),
        ends in proptest::sample::select(vec![Ends::Never, Ends::IfNone, Ends::Always]),
        rooms in proptest::collection::vec(1..9usize, 1..5),
    ) {
        let mut selection = Selection::all(lists.len());
        selection.retain(|row| kept[row]);
        let rows: Vec<usize> = selection.iter().collect();
        let mut want = Vec::new();
        for &row in &rows {
            want.extend(lists[row].iter().map(|&id| (row as u32, id)));
            if ends == Ends::Always || (ends == Ends::IfNone && lists[row].is_empty()) {
                want.push((row as u32, NO_ROW));
            }
        }
        let (mut cursor, mut got) = (Cursor::default(), Vec::new());
        for &room in rooms.iter().cycle() {
            let mut pairs = Pairs::default();
            let of = |slot: usize| lists[rows[slot]].as_slice();
            pairs.fill(&mut cursor, &selection, of, (ends, room), |_| false);
            prop_assert!(pairs.len() <= room);
            let behind = cursor.is_behind(&selection);
            let mut odd = Pairs {
                rows: pairs.rows.clone(),
                ids: pairs.ids.clone(),
            };
            odd.retain(|id| id % 2 == 1);
            let all = pairs.rows.iter().zip(&pairs.ids);
            prop_assert!(odd.rows.iter().zip(&odd.ids).eq(all.filter(|(_, id)| **id % 2 == 1)));
            prop_assert!(behind || pairs.len() == room);
            got.extend(pairs.rows.iter().copied().zip(pairs.ids.iter().copied()));
            if behind {
                break;
            }
        }
        prop_assert_eq!(got, want);
    }
}

fn same_array(a: &Column, b: &Column) -> bool {
    matches!(
        (a.encoding(), b.encoding()),
        (Encoding::Flat(a), Encoding::Flat(b)) if Arc::ptr_eq(a, b)
    )
}

#[test]
fn probe_rows_with_one_pair_are_not_copied() {
    let side = |keys: &[i64]| {
        let keys: Vec<_> = keys.iter().copied().map(Some).collect();
        let numbers: Vec<_> = (0..keys.len() as i64).map(Some).collect();
        Batch::new(vec![flat(&keys), flat(&numbers)], keys.len())
    };
    let probe = side(&[4, 2, 9, 0, 3, 1]);
    let check = |join_type, build: &[i64], copied: bool| {
        let role = role(join_type, Side::Right, true, false, 100);
        let out = run(&role, &[side(build)], std::slice::from_ref(&probe));
        assert_eq!(out.len(), 1);
        for (given, column) in probe.columns().iter().zip(out[0].columns()) {
            assert_eq!(same_array(given, column), !copied);
        }
    };
    check(JoinType::Left, &[0, 1, 2, 3], false);
    check(JoinType::Inner, &[0, 1, 2, 3], false);
    // Few match, or some have two pairs.
    check(JoinType::Inner, &[3, 4], true);
    check(JoinType::Left, &[0, 1, 2, 3, 3], true);
    check(JoinType::Semi, &[3, 4, 4], false);
    check(JoinType::Anti, &[3, 4, 4], false);
}

#[test]
fn one_build_row_is_a_constant() {
    let numbers: Vec<_> = (0..50).map(Some).collect();
    let probe = Batch::new(vec![flat(&numbers), flat(&numbers)], 50);
    let one = Batch::new(vec![flat(&[Some(7)]), flat(&[None])], 1);
    for join_type in [JoinType::Inner, JoinType::Left] {
        let role = role(join_type, Side::Right, false, false, 100);
        let out = run(
            &role,
            std::slice::from_ref(&one),
            std::slice::from_ref(&probe),
        );
        let columns = out[0].columns();
        assert!(same_array(&columns[0], &probe.columns()[0]));
        assert!(
            columns[2]
                .as_constant()
                .is_some_and(|v| v.as_i128() == Some(7))
        );
        assert!(columns[3].as_constant().is_some_and(ScalarValue::is_null));
    }
}

#[test]
fn marks_are_bits_of_rows() {
    let marks = Marks::new(&[70, 0, 3]);
    let ids = [0, 63, 64, 69, 2 << 16];
    ids.iter().for_each(|&id| marks.set(id));
    marks.set(NO_ROW);
    let all = (0..70).chain((2 << 16)..(2 << 16) + 3);
    let set: Vec<u32> = all.filter(|&id| marks.is_set(id)).collect();
    assert_eq!(set, ids);
    assert!(!marks.is_set(70 + 64) && !marks.is_set(NO_ROW) && !marks.is_set(1 << 16));
    marks.set_all(&[1, 2, (2 << 16) + 2]);
    assert!(marks.is_set(2) && marks.is_set((2 << 16) + 2));
    // Nothing to do when the first one is set.
    marks.set_all(&[1, 5]);
    assert!(!marks.is_set(5));
}

#[test]
fn a_dictionary_of_all_build_batches_counts_once() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![7; 10_000]));
    let batch = || {
        let codes = UInt32Array::from(vec![0; 10]);
        let column = Column::dictionary(codes, Arc::clone(&values));
        Batch::new(vec![flat(&[Some(1); 10]), column], 10)
    };
    let role = role(JoinType::Inner, Side::Right, true, false, 100);
    let Role::Probe { build, .. } = &role else {
        panic!("a join is a probe");
    };
    let mut cx = TaskContext::standalone();
    let mut local = build.open(&mut cx).unwrap();
    for _ in 0..20 {
        local.consume(&mut batch(), &mut cx).unwrap();
    }
    let used = cx.query.memory().used();
    assert!((80_000..90_000).contains(&used), "{used}");
}
