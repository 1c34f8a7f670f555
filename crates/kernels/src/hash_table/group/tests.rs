//! Groups against an oracle that compares each row with each key.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, StringArray, UInt32Array};
use arrow::datatypes::Float64Type;
use esker_datatypes::ScalarValue;
use proptest::prelude::*;

use super::super::HASH_SEED;
use super::*;
use crate::hash::hash_rows;
use crate::testing::{Plain, Recipe, families, recipes};

/// Nearly the only caller of the table: the groups of all batches, and the keys of all groups.
fn check(types: &[DataType], batches: &[(Vec<Column>, Selection)]) -> GroupTable {
    let mut last = None;
    for constant_hash in [true, false] {
        let mut table = GroupTable::new(types)
            .unwrap()
            .with_constant_hash(constant_hash);
        let mut buffers = Buffers::default();
        let mut groups = vec![77];
        let mut keys: Vec<Vec<Plain>> = Vec::new();
        let same = |a: &[Plain], b: &[Plain]| a.iter().zip(b).all(|(a, b)| a.order(b).is_eq());
        for (columns, selection) in batches {
            let columns: Vec<&Column> = columns.iter().collect();
            table
                .intern(&columns, selection, &mut buffers, &mut groups)
                .unwrap();
            let mut want = Vec::new();
            for row in selection.iter() {
                let key: Vec<Plain> = columns.iter().map(|c| Plain::at(c, row)).collect();
                let group = keys.iter().position(|other| same(other, &key));
                want.push(group.unwrap_or(keys.len()) as u32);
                if group.is_none() {
                    keys.push(key);
                }
            }
            assert_eq!(groups, want, "{columns:?} {selection:?}");
            assert_eq!(table.len(), keys.len());
        }
        assert_eq!(table.is_empty(), keys.is_empty());
        for range in [0..keys.len(), keys.len() / 3..keys.len() / 2, 0..0] {
            let columns = table.keys(range.clone()).unwrap();
            assert_eq!(columns.len(), types.len());
            for (at, (column, data_type)) in columns.iter().zip(types).enumerate() {
                assert_eq!((column.data_type(), column.len()), (data_type, range.len()));
                for (row, key) in keys[range.clone()].iter().enumerate() {
                    let found = Plain::at(column, row);
                    assert!(found.order(&key[at]).is_eq(), "{found:?} {:?}", key[at]);
                    if let Plain::Float(value) = found {
                        assert!(value != 0.0 || value.is_sign_positive());
                    }
                }
            }
            let columns: Vec<&Column> = columns.iter().collect();
            let mut hashes = Vec::new();
            hash_rows(
                &columns,
                &Selection::all(range.len()),
                HASH_SEED,
                &mut hashes,
            )
            .unwrap();
            if !constant_hash {
                assert_eq!(hashes, *table.hashes(range).unwrap());
            }
        }
        assert!(table.keys(0..keys.len() + 1).is_err());
        take_over(&table, &keys, || {
            let new = GroupTable::new(types).unwrap();
            new.with_constant_hash(constant_hash)
        });
        assert!(table.size() > 0);
        last = Some(table);
    }
    last.unwrap()
}

/// Takes the keys of a table over into others, empty and not, at once and in portions.
fn take_over(table: &GroupTable, keys: &[Vec<Plain>], new: impl Fn() -> GroupTable) {
    let (mut buffers, mut found) = (Buffers::default(), Vec::new());
    let count = keys.len() as u32;
    let all: Vec<u32> = (0..count).rev().collect();
    assert!(!matches!(table.cut(&[count]), Ok(Some(_))));
    let Some(cut) = table.cut(&all).unwrap() else {
        return;
    };
    assert_eq!((cut.len(), cut.is_empty()), (keys.len(), keys.is_empty()));
    for (portion, reserved) in [(1, false), (3, true), (keys.len().max(1), true)] {
        let mut other = new();
        if reserved {
            let bytes = cut.text_bytes(0..keys.len());
            other.reserve(keys.len(), bytes).unwrap();
            let most = other.cost_of(keys.len(), bytes) + new().size();
            assert!(other.size() <= most, "{} of {most}", other.size());
        }
        let half = table.keys(0..keys.len() / 2).unwrap();
        let half: Vec<&Column> = half.iter().collect();
        let rows = Selection::all(keys.len() / 2);
        other
            .intern(&half, &rows, &mut buffers, &mut found)
            .unwrap();
        let mut groups = Vec::new();
        for start in (0..keys.len()).step_by(portion) {
            let some = start..keys.len().min(start + portion);
            other.intern_keys(&cut, some, &mut found).unwrap();
            groups.extend_from_slice(&found);
        }
        assert_eq!(other.len(), keys.len());
        let columns = other.keys(0..keys.len()).unwrap();
        for (&from, &to) in all.iter().zip(&groups) {
            assert!(to == from || from.min(to) >= count / 2);
            for (column, key) in columns.iter().zip(&keys[from as usize]) {
                assert!(Plain::at(column, to as usize).order(key).is_eq());
            }
        }
        let beyond = keys.len()..keys.len() + 1;
        assert!(other.intern_keys(&cut, beyond, &mut found).is_err());
    }
}

#[test]
fn closed_tables_are_read() {
    let texts = [
        "short",
        "as long as no view holds",
        "",
        "as long as no other view",
    ];
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), None, Some(7), Some(3)]));
    for column in [texts, numbers] {
        let types = [column.data_type().clone()];
        let column = Column::flat(column);
        let (mut buffers, mut found) = (Buffers::default(), Vec::new());
        let mut table = GroupTable::new(&types).unwrap();
        let rows = Selection::all(4);
        table
            .intern(&[&column], &rows, &mut buffers, &mut found)
            .unwrap();
        let cut = table.cut(&[3, 1, 0]).unwrap().unwrap();
        let mut other = GroupTable::new(&types).unwrap();
        for want in [[0, 1, 2], [0, 1, 2]] {
            other.intern_keys(&cut, 0..3, &mut found).unwrap();
            assert_eq!(found, want);
        }
        let open = other.size();
        other.close();
        assert!(other.size() < open && other.len() == 3);
        assert!(other.intern_keys(&cut, 0..1, &mut found).is_err());
        assert!(other.reserve(1, 0).is_err());
        let again = other.intern(&[&column], &rows, &mut buffers, &mut found);
        assert!(again.is_err());
        let keys = other.keys(0..3).unwrap();
        for (key, row) in [3, 1, 0].into_iter().enumerate() {
            assert!(
                Plain::at(&keys[0], key)
                    .order(&Plain::at(&column, row))
                    .is_eq()
            );
        }
    }
}

/// Up to four types, each with the types that its batches may have.
fn types() -> impl Strategy<Value = Vec<(DataType, Vec<DataType>)>> {
    let family = (0..families().len() + 6, any::<usize>(), any::<bool>());
    prop::collection::vec(family, 0..4).prop_map(|picks| {
        let families = families();
        let pick = |(at, which, encoded): (usize, usize, bool)| {
            // Text and binary twice as often.
            let mut family = families[at.checked_sub(6).unwrap_or(at % 2)].clone();
            let data_type = family[which % family.len()].clone();
            if matches!(data_type, DataType::FixedSizeBinary(_)) || !bytes(&data_type) {
                family = vec![data_type.clone()];
            }
            let declared = match encoded && !data_type.is_nested() {
                true => DataType::Dictionary(Box::new(DataType::Int32), Box::new(data_type)),
                false => data_type,
            };
            (declared, family)
        };
        picks.into_iter().map(pick).collect()
    })
}

fn bytes(data_type: &DataType) -> bool {
    esker_datatypes::is_string(data_type) || esker_datatypes::is_binary(data_type)
}

/// The columns of a batch, of any layout that the types allow.
fn columns(types: &[(DataType, Vec<DataType>)], recipes: &[Recipe], pick: usize) -> Vec<Column> {
    let columns = types.iter().zip(recipes);
    columns
        .map(|((_, family), recipe)| recipe.column(&family[pick % family.len()]))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn columns_of_every_type_and_encoding(
        types in types(),
        batches in prop::collection::vec((recipes(4), any::<usize>()), 0..4),
    ) {
        let batches: Vec<_> = batches
            .iter()
            .map(|((recipes, selection), pick)| (columns(&types, recipes, *pick), selection.clone()))
            .collect();
        let types: Vec<DataType> = types.into_iter().map(|(declared, _)| declared).collect();
        check(&types, &batches);
    }

    /// Few values, in runs or not, so that rows are found and runs are cut short.
    #[test]
    fn integers_and_texts_in_runs(
        rows in prop::collection::vec((0..4i64, 1..6usize), 1..60),
        nulls in any::<bool>(),
    ) {
        let values: Vec<i64> = rows.iter().flat_map(|&(v, n)| std::iter::repeat_n(v, n)).collect();
        let some = |&value: &i64| (!nulls || value != 0).then_some(value);
        let numbers: Int64Array = values.iter().map(some).collect();
        let text = |&value: &i64| {
            (!nulls || value != 1).then(|| format!("begin the same {value} end the same"))
        };
        let texts: StringArray = values.iter().map(text).collect();
        let flat = |array: ArrayRef| Column::flat(array);
        let all = Selection::all(values.len());
        let (numbers, texts) = (flat(Arc::new(numbers)), flat(Arc::new(texts)));
        check(&[DataType::Int64], &[(vec![numbers.clone()], all.clone())]);
        check(&[DataType::Utf8], &[(vec![texts.clone()], all.clone())]);
        check(&[DataType::Int64, DataType::Utf8], &[(vec![numbers, texts], all)]);
    }
}

#[test]
fn many_keys_grow_the_table() {
    let batches: Vec<(Vec<Column>, Selection)> = (0..40i64)
        .map(|batch| {
            let values = (0..1000).map(|row| (row * 7919 + batch * 31) % 9973 * (1 << 40));
            let numbers = Column::flat(Arc::new(Int64Array::from_iter_values(values.clone())));
            let texts = values.map(|value| format!("{value} is a number"));
            let texts = Column::flat(Arc::new(StringArray::from_iter_values(texts)));
            (vec![numbers, texts], Selection::all(1000))
        })
        .collect();
    let mut buffers = Buffers::default();
    for picked in [vec![0], vec![1], vec![0, 1]] {
        let types = [DataType::Int64, DataType::Utf8];
        let types: Vec<DataType> = picked.iter().map(|&at: &usize| types[at].clone()).collect();
        let mut table = GroupTable::new(&types).unwrap();
        let mut known = std::collections::HashMap::new();
        let mut groups = Vec::new();
        for (columns, selection) in &batches {
            let columns: Vec<&Column> = picked.iter().map(|&at| &columns[at]).collect();
            table
                .intern(&columns, selection, &mut buffers, &mut groups)
                .unwrap();
            for (row, &group) in groups.iter().enumerate() {
                let value = columns[0].value(row).unwrap().to_string();
                let next = known.len() as u32;
                assert_eq!(*known.entry(value).or_insert(next), group);
            }
        }
        assert_eq!(table.len(), known.len());
        assert_eq!(table.len(), 9973);
    }
}

/// Arrays in place of slots: taken up, extended to both sides, given up, and taken up again.
#[test]
fn close_integers_come_and_go() {
    let batch = |values: Vec<Option<i64>>| {
        let selection = Selection::all(values.len());
        (
            vec![Column::flat(Arc::new(Int64Array::from(values)))],
            selection,
        )
    };
    let some = |values: std::ops::Range<i64>| values.map(Some).collect::<Vec<_>>();
    let mut far = some(-20..-10);
    far.extend([Some(i64::MAX), None, Some(i64::MIN), Some(0), None]);
    let batches = [
        batch(some(5..9)),
        batch(some(-3..7)),
        batch(vec![None, Some(40), None]),
    ];
    let table = check(&[DataType::Int64], &batches);
    assert!(table.groups.table.is_direct());
    let mut batches = batches.to_vec();
    batches.extend([batch(far), batch(some(-30..50))]);
    let table = check(&[DataType::Int64], &batches);
    assert!(!table.groups.table.is_direct());

    let spread = |step: i64| {
        (0..5000)
            .map(|value| Some(value * step))
            .collect::<Vec<_>>()
    };
    let mut table = GroupTable::new(&[DataType::Int64]).unwrap();
    let (mut buffers, mut groups) = (Buffers::default(), Vec::new());
    let mut intern = |values: Vec<Option<i64>>| {
        let (columns, selection) = batch(values);
        table
            .intern(&[&columns[0]], &selection, &mut buffers, &mut groups)
            .unwrap();
        (table.groups.table.is_direct(), groups.clone())
    };
    // One key for twenty numbers is too few; with those between them there are enough.
    assert_eq!(intern(spread(20)), (false, (0..5000).collect()));
    for offset in 1..10u32 {
        let values = spread(20)
            .iter()
            .map(|value| value.map(|v| v + i64::from(offset)))
            .collect();
        let (_, groups) = intern(values);
        assert_eq!(
            groups,
            (offset * 5000..(offset + 1) * 5000).collect::<Vec<_>>()
        );
    }
    assert_eq!(intern(spread(20)), (true, (0..5000).collect()));
}

#[test]
fn no_columns_are_one_group() {
    let none = |rows| (Vec::new(), Selection::all(rows));
    assert_eq!(check(&[], &[none(0)]).len(), 0);
    assert_eq!(check(&[], &[none(3), none(0), none(2)]).len(), 1);
    let null = Column::constant(ScalarValue::null(&DataType::Null), 3);
    assert_eq!(
        check(&[DataType::Null], &[(vec![null], Selection::all(3))]).len(),
        1
    );
}

#[test]
fn dictionaries_are_met_again() {
    let values: ArrayRef = Arc::new(StringArray::from(vec![
        Some("a"),
        None,
        Some("b"),
        Some("a"),
    ]));
    let column =
        |codes: Vec<Option<u32>>| Column::dictionary(UInt32Array::from(codes), Arc::clone(&values));
    let batches: Vec<_> = [
        vec![Some(2), Some(2), Some(2), Some(2), Some(2), Some(2)],
        vec![Some(0), Some(2), Some(0), None, Some(1), Some(3)],
        vec![Some(3), Some(2), Some(0), Some(1), None, Some(0)],
    ]
    .map(|codes| (vec![column(codes)], Selection::all(6)))
    .into();
    let table = check(&[DataType::Utf8], &batches);
    assert_eq!(table.len(), 3);
    // Other values at the place of the old ones.
    let other = StringArray::from(vec!["c", "a", "b", "c"]);
    let other = Column::dictionary(UInt32Array::from(vec![0, 1, 2, 3, 0, 1]), Arc::new(other));
    let mut batches = batches;
    batches.push((vec![other], Selection::from_rows(6, vec![1, 2, 3, 4, 5])));
    assert_eq!(check(&[DataType::Utf8], &batches).len(), 4);
}

#[test]
fn zeros_and_nans_are_one_key() {
    let values = vec![0.0, f64::NAN, -0.0, -f64::NAN, 1.0];
    let floats = Column::flat(Arc::new(Float64Array::from(values)));
    let table = check(&[DataType::Float64], &[(vec![floats], Selection::all(5))]);
    let keys = table.keys(0..3).unwrap()[0].to_flat();
    let keys: Vec<u64> = keys
        .as_primitive::<Float64Type>()
        .values()
        .iter()
        .map(|v| v.to_bits())
        .collect();
    assert_eq!(keys, [0.0, f64::NAN, 1.0].map(f64::to_bits));
}

#[test]
fn other_columns_are_refused() {
    let mut table = GroupTable::new(&[DataType::Int64]).unwrap();
    let (mut buffers, mut out) = (Buffers::default(), Vec::new());
    let mut intern = |columns: &[&Column], rows| {
        table
            .intern(columns, &Selection::all(rows), &mut buffers, &mut out)
            .is_err()
    };
    let column = |array: ArrayRef| Column::flat(array);
    let (number, text) = (
        column(Arc::new(Int64Array::from(vec![1, 2]))),
        column(Arc::new(StringArray::from(vec!["1", "2"]))),
    );
    assert!(intern(&[&text], 2));
    assert!(intern(&[&number, &number], 2));
    assert!(intern(&[], 2));
    assert!(intern(&[&number], 1));
    assert!(!intern(&[&number], 2));
}
