//! Keys in order, nearly in order and in none, against an oracle that compares each with each.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int32Array,
    Int64Array, UInt64Array,
};
use esker_datatypes::{Buffers, Column, DataType, Error, Selection};
use proptest::prelude::*;

use super::super::GroupTable;
use crate::testing::Plain;

/// The types of keys that are tried, together and alone.
fn types() -> Vec<DataType> {
    vec![
        DataType::Int64,
        DataType::Int32,
        DataType::Date32,
        DataType::Decimal128(20, 2),
        DataType::UInt64,
        DataType::Int8,
        DataType::Boolean,
        DataType::Float64,
    ]
}

/// Values of a type that ascend as these numbers do (but for few that the type can tell apart).
fn array(data_type: &DataType, values: &[Option<i64>]) -> ArrayRef {
    let some = values.iter().copied();
    match data_type {
        DataType::Int64 => Arc::new(some.map(|v| v.map(|v| v << 40)).collect::<Int64Array>()),
        DataType::Int32 => Arc::new(some.map(|v| v.map(|v| v as i32)).collect::<Int32Array>()),
        DataType::Date32 => Arc::new(some.map(|v| v.map(|v| v as i32)).collect::<Date32Array>()),
        DataType::Decimal128(_, _) => {
            let wide = some.map(|v| v.map(|v| i128::from(v) << 62));
            let array: Decimal128Array = wide.collect();
            Arc::new(array.with_data_type(data_type.clone()))
        }
        DataType::UInt64 => {
            let array: UInt64Array = some.map(|v| v.map(|v| (v + 100) as u64)).collect();
            Arc::new(array)
        }
        DataType::Int8 => Arc::new(some.map(|v| v.map(|v| v as i8)).collect::<Int8Array>()),
        DataType::Boolean => Arc::new(some.map(|v| v.map(|v| v > 3)).collect::<BooleanArray>()),
        // Both zeros, and NaN above all.
        _ => {
            let float = |v: i64| match v {
                0 => -0.0,
                1 => 0.0,
                60.. => f64::NAN,
                v => v as f64,
            };
            Arc::new(some.map(|v| v.map(float)).collect::<Float64Array>())
        }
    }
}

/// The batches' groups are those of the oracle, and so are the keys; whether the table is still
/// ascending.
fn check(types: &[DataType], batches: &[(Vec<Column>, Selection)]) -> bool {
    let mut table = GroupTable::new(types).unwrap();
    let (mut buffers, mut groups) = (Buffers::default(), Vec::new());
    let mut keys: Vec<Vec<Plain>> = Vec::new();
    let same = |a: &[Plain], b: &[Plain]| a.iter().zip(b).all(|(a, b)| a.order(b).is_eq());
    for (columns, selection) in batches {
        let columns: Vec<&Column> = columns.iter().collect();
        let done = table.intern(&columns, selection, &mut buffers, &mut groups);
        done.unwrap();
        let mut want = Vec::new();
        for row in selection.iter() {
            let key: Vec<Plain> = columns.iter().map(|c| Plain::at(c, row)).collect();
            let group = keys.iter().position(|other| same(other, &key));
            want.push(group.unwrap_or(keys.len()) as u32);
            if group.is_none() {
                keys.push(key);
            }
        }
        assert_eq!(groups, want);
        assert_eq!(table.len(), keys.len());
    }
    let columns = table.keys(0..keys.len()).unwrap();
    for (row, key) in keys.iter().enumerate() {
        let found: Vec<Plain> = columns.iter().map(|c| Plain::at(c, row)).collect();
        assert!(same(&found, key), "{found:?} {key:?}");
    }
    let half = keys.len() / 2;
    let (all, some) = (table.hashes(0..keys.len()), table.hashes(half..keys.len()));
    assert_eq!(all.unwrap()[half..], *some.unwrap());
    assert!(table.hashes(0..keys.len() + 1).is_err());
    if let Some(ascending) = table.ascending() {
        assert_eq!(ascending.len(), keys.len());
        assert_eq!(ascending.is_empty(), keys.is_empty());
        for group in 1..keys.len() {
            assert!(ascending.compare(group - 1, &ascending, group).is_lt());
        }
        for (from, to) in (0..keys.len()).flat_map(|to| [(0, to), (to / 2, to)]) {
            assert_eq!(ascending.first_from(from, &ascending, to), to);
        }
    }
    table.ascending().is_some()
}

/// Batches of so many rows each, of some of which not all rows are selected.
fn batches(
    types: &[DataType],
    rows: &[Vec<Option<i64>>],
    lengths: &[usize],
    every: usize,
) -> Vec<(Vec<Column>, Selection)> {
    let mut batches = Vec::new();
    let (mut start, mut lengths) = (0, lengths.iter().cycle());
    let len = rows[0].len();
    while start < len {
        let end = (start + lengths.next().unwrap()).min(len);
        let columns = types.iter().zip(rows);
        let columns = columns.map(|(data_type, values)| {
            let array = array(data_type, &values[start..end]);
            Column::flat(array).with_declared_type(data_type)
        });
        let selection = match batches.len() % 2 {
            0 => Selection::all(end - start),
            _ => Selection::from_rows(
                end - start,
                (0..(end - start) as u32).step_by(every).collect(),
            ),
        };
        batches.push((columns.collect(), selection));
        start = end;
    }
    batches
}

/// Two numbers of a row: the first ascends but for one row, the second within it or not.
fn rows() -> impl Strategy<Value = (Vec<Vec<Option<i64>>>, bool)> {
    let steps = prop::collection::vec((0..3i64, 0..3i64), 1..400);
    let wrong = prop_oneof![3 => Just(None), 2 => any::<prop::sample::Index>().prop_map(Some)];
    (steps, wrong, any::<bool>(), any::<bool>(), 0..40usize).prop_map(
        |(steps, wrong, follows, null, range)| {
            let (mut first, mut second) = (-20i64, 0i64);
            let mut rows = vec![Vec::new(), Vec::new(), Vec::new()];
            for (up, beside) in &steps {
                // Slow enough for runs, and for eight bits.
                let rises = *up == 2 && first < 100;
                first += i64::from(rises);
                second = match rises || !follows {
                    true => *beside,
                    false => second.max(*beside),
                };
                rows[0].push(Some(first));
                rows[1].push(Some(second));
                rows[2].push(Some(first / 3));
            }
            if let Some(wrong) = wrong {
                let at = wrong.index(steps.len());
                rows[0][at] = (!null).then_some(first - range as i64);
            }
            (rows, wrong.is_none() && follows)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn keys_nearly_in_order(
        (rows, ordered) in rows(),
        lengths in prop::collection::vec(prop_oneof![1..5usize, 100..300usize], 1..4),
        every in 1..4usize,
        picks in prop::collection::vec(0..8usize, 1..4),
    ) {
        let types: Vec<DataType> = picks.iter().map(|&at| types()[at].clone()).collect();
        let batches = batches(&types, &rows, &lengths, every);
        let ascending = check(&types, &batches);
        // Of a float below zero the bits descend; the columns of few values fall together.
        let plain = |t: &DataType| !matches!(t, DataType::Float64 | DataType::Boolean);
        if ordered && types.iter().all(plain) {
            prop_assert!(ascending);
        }
    }

    #[test]
    fn keys_in_no_order(
        values in prop::collection::vec(prop_oneof![1 => Just(None), 9 => (-9..60i64).prop_map(Some)], 1..300),
        lengths in prop::collection::vec(1..50usize, 1..4),
        pick in 0..8usize,
    ) {
        let types = [types()[pick].clone()];
        check(&types, &batches(&types, &[values], &lengths, 2));
    }
}

fn numbers(values: impl IntoIterator<Item = i64>) -> (Vec<Column>, Selection) {
    let array = Int64Array::from_iter_values(values);
    let selection = Selection::all(arrow::array::Array::len(&array));
    (vec![Column::flat(Arc::new(array))], selection)
}

#[test]
fn order_is_kept_across_batches_and_lost_for_good() {
    let types = [DataType::Int64];
    let up = |range: std::ops::Range<i64>| numbers(range.map(|value| value / 3 * 1000));
    assert!(check(&types, &[]));
    assert!(check(&types, &[up(0..1000), up(999..2000), up(1999..2000)]));
    assert!(!check(
        &types,
        &[up(0..1000), up(990..2000), up(2000..2100)]
    ));
    assert!(!check(&types, &[numbers([i64::MAX, i64::MIN])]));
    assert!(check(&types, &[numbers([i64::MIN, -1, 0, i64::MAX])]));
    assert!(!check(&types, &[numbers((0..500).rev())]));
    // A violation at each row of two blocks and more.
    for wrong in 1..300 {
        let values = (0..300).map(|row| if row == wrong { row - 2 } else { row });
        assert!(!check(&types, &[numbers(values)]), "{wrong}");
    }
}

#[test]
fn constants_and_codes_ascend_too() {
    let types = [DataType::Int64];
    let constant = |value: i64| {
        let column = Column::constant(value.into(), 5);
        (vec![column], Selection::all(5))
    };
    assert!(check(
        &types,
        &[constant(1), constant(1), numbers([1, 2]), constant(7)]
    ));
    assert!(!check(&types, &[constant(1), constant(0), numbers([1, 2])]));
    let values: ArrayRef = Arc::new(Int64Array::from(vec![30, 10, 20]));
    let codes = |codes: Vec<u32>| {
        let selection = Selection::all(codes.len());
        let codes = arrow::array::UInt32Array::from(codes);
        (
            vec![Column::dictionary(codes, Arc::clone(&values))],
            selection,
        )
    };
    assert!(check(
        &types,
        &[codes(vec![1, 1, 2, 0]), codes(vec![0, 0, 2, 1])]
    ));
    assert!(!check(
        &types,
        &[codes(vec![0, 1, 2]), codes(vec![0, 0, 2, 1])]
    ));
}

#[test]
fn tables_are_compared() {
    let table = |values: Vec<i64>| {
        let mut table = GroupTable::new(&[DataType::Int64]).unwrap();
        let (columns, selection) = numbers(values);
        let (mut buffers, mut groups) = (Buffers::default(), Vec::new());
        let done = table.intern(&[&columns[0]], &selection, &mut buffers, &mut groups);
        done.unwrap();
        table
    };
    let (left, right) = (
        table((0..100).map(|v| v * 2).collect()),
        table(vec![-5, 50, 51, 500]),
    );
    let (left, right) = (left.ascending().unwrap(), right.ascending().unwrap());
    for start in [0, 1, 7, 20] {
        let found = [0, 1, 2, 3].map(|at| left.first_from(start, &right, at));
        assert_eq!(found, [start, 25.max(start), 26.max(start), 100]);
    }
    assert_eq!(left.first_from(100, &right, 0), 100);
    assert_eq!(left.first_from(30, &right, 1), 30);
    assert!(left.compare(25, &right, 1).is_eq() && left.compare(26, &right, 1).is_gt());
}

/// Keys beside each other and apart, which get an array and slots; of one word and of more.
#[test]
fn memory_is_asked_for_before_the_order_is_left() {
    let cases = [1, 3, 1 << 30].into_iter().flat_map(|step| {
        let rows = [1, 90, 3000, 40_000].into_iter();
        rows.flat_map(move |rows| [1, 2].map(|columns| (step, rows, columns)))
    });
    for (step, rows, columns) in cases {
        let mut table = GroupTable::new(&vec![DataType::Int64; columns]).unwrap();
        let (mut buffers, mut groups) = (Buffers::default(), Vec::new());
        let mut intern = |table: &mut GroupTable, keys: Vec<i64>, limit: usize| {
            let all = Selection::all(keys.len());
            let column = Column::flat(Arc::new(Int64Array::from(keys)));
            let mut asked = Vec::new();
            let mut reserve = |bytes| {
                asked.push(bytes);
                let refused = Error::resources_exhausted("no room");
                (bytes <= limit).then_some(()).ok_or(refused)
            };
            let given = vec![&column; columns];
            let done =
                table.intern_reserving(&given, &all, &mut buffers, &mut groups, &mut reserve);
            (done.map(|()| groups.clone()), asked)
        };
        let keys: Vec<i64> = (0..rows).map(|row| row * step).collect();
        let (numbers, asked) = intern(&mut table, keys, 0);
        assert!(numbers.unwrap().into_iter().eq(0..rows as u32));
        assert!(asked.is_empty() && table.ascending().is_some());

        let before = table.size();
        let (refused, asked) = intern(&mut table, vec![0, -1], 0);
        assert!(refused.is_err() && table.ascending().is_some());
        assert_eq!((table.size(), table.len()), (before, rows as usize));
        let [asked] = asked.try_into().unwrap();

        let (numbers, again) = intern(&mut table, vec![0, -1, (rows - 1) * step], asked);
        assert_eq!(numbers.unwrap(), [0, rows as u32, rows as u32 - 1]);
        assert!(again == [asked] && table.ascending().is_none());
        let taken = table.size() - before;
        // Lists have room for some keys more, and the fewest slots are there from the beginning.
        let what = format!("{step} {rows} {columns}: {taken} {asked}");
        assert!(taken <= asked + 64 && asked <= 2 * taken + 1024, "{what}");
        let (_, none) = intern(&mut table, vec![-2], 0);
        assert!(none.is_empty());
    }
}
