//! Moved rows against the rows they come from.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int64Array, StringViewArray};
use arrow::datatypes::Int8Type;
use esker_datatypes::ScalarValue;
use proptest::prelude::*;

use super::*;
use crate::testing::{Plain, families, recipes};

fn plain(column: &Column) -> Vec<Plain> {
    (0..column.len())
        .map(|row| Plain::at(column, row))
        .collect()
}

fn assert_same(got: &Column, want: &[Plain]) {
    let got = plain(got);
    assert_eq!(got.len(), want.len());
    for (row, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            got.order(want).is_eq(),
            "row {row}: {got:?} instead of {want:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn columns_of_every_type_and_encoding(
        (recipes, selection) in recipes(3),
        family in 0..families().len(),
        list in prop::collection::vec(0..1000usize, 0..80),
        cut in prop::collection::vec(0..4usize, 200),
    ) {
        let mut buffers = Buffers::default();
        for data_type in &families()[family] {
            let columns: Vec<Column> = recipes.iter().map(|r| r.column(data_type)).collect();
            let column = &columns[0];
            let rows = column.len();

            let dense = compact(column, &selection, &mut buffers).unwrap();
            let want: Vec<Plain> = selection.iter().map(|row| Plain::at(column, row)).collect();
            assert_same(&dense, &want);
            buffers.recycle_column(dense);

            let list: Vec<u32> = match rows {
                0 => Vec::new(),
                rows => list.iter().map(|row| (row % rows) as u32).collect(),
            };
            let want: Vec<Plain> = list.iter().map(|&row| Plain::at(column, row as usize)).collect();
            assert_same(&take(column, &list, &mut buffers).unwrap(), &want);
            assert!(take(column, &[rows as u32], &mut buffers).is_err());

            let together = concat(&columns).unwrap();
            assert_same(&together, &columns.iter().flat_map(plain).collect::<Vec<_>>());
            assert_same(&concat(&[column.clone(), column.clone()]).unwrap(),
                &[plain(column), plain(column)].concat());

            // Each row goes to one of the branches, or to none.
            let branch = |number: usize| {
                let chosen = (0..rows as u32).filter(|&row| cut[row as usize] == number);
                (Selection::from_rows(rows, chosen.collect()), columns[number].clone())
            };
            let branches = [branch(0), branch(1), branch(2)];
            let want: Vec<Plain> = (0..rows)
                .map(|row| columns.get(cut[row]).map_or(Plain::Null, |c| Plain::at(c, row)))
                .collect();
            let merged = merge(&branches, rows, data_type, &mut buffers).unwrap();
            assert_eq!(merged.data_type(), data_type);
            assert_same(&merged, &want);
        }
    }
}

#[test]
fn declared_types_and_encodings_stay() {
    let mut buffers = Buffers::default();
    let array: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::from_iter([
        Some("a"),
        None,
        Some("b"),
        Some("a"),
    ]));
    let column = Column::from_arrow(&array).unwrap();
    let declared = array.data_type();
    let selection = Selection::from_rows(4, vec![1, 3]);
    let moved = [
        compact(&column, &selection, &mut buffers).unwrap(),
        take(&column, &[3, 3], &mut buffers).unwrap(),
        concat(&[column.clone(), column.slice(0, 1)]).unwrap(),
    ];
    for moved in moved {
        assert_eq!(moved.data_type(), declared);
        assert!(matches!(moved.encoding(), Encoding::Dictionary { .. }));
    }
    let constant = Column::constant(ScalarValue::from(1i64), 4);
    assert!(
        compact(&constant, &selection, &mut buffers)
            .unwrap()
            .as_constant()
            .is_some()
    );
    assert_eq!(
        concat(&[constant.clone(), constant.clone()])
            .unwrap()
            .as_constant()
            .unwrap()
            .as_i128(),
        Some(1)
    );
    assert!(concat(&[]).is_err());
    assert!(concat(&[constant, column]).is_err());
}

#[test]
fn a_few_views_do_not_pin_all_the_text() {
    let mut buffers = Buffers::default();
    let texts = (0..10_000).map(|n| format!("a text too long for a view {n}"));
    let column = Column::flat(Arc::new(StringViewArray::from_iter_values(texts)));
    let few = Selection::from_rows(10_000, vec![17, 4711]);
    let dense = compact(&column, &few, &mut buffers).unwrap();
    assert_eq!(
        dense.value(1).unwrap().as_str(),
        Some("a text too long for a view 4711")
    );
    assert!(dense.memory_size() < 1000, "{}", dense.memory_size());
    // Most of it: shared, not copied.
    let most = Selection::from_rows(10_000, (0..9_000).collect());
    let dense = compact(&column, &most, &mut buffers).unwrap();
    let buffer = |column: &Column| match column.encoding() {
        Encoding::Flat(array) => array.as_string_view().data_buffers()[0].as_ptr(),
        _ => std::ptr::null(),
    };
    assert_eq!(buffer(&dense), buffer(&column));
}

#[test]
fn branches_of_constant_text_become_a_dictionary() {
    let mut buffers = Buffers::default();
    let constant = |text: &str| Column::constant(ScalarValue::from(text), 3);
    let branches = [
        (Selection::from_rows(3, vec![0]), constant("yes")),
        (Selection::from_rows(3, vec![1]), constant("no")),
    ];
    let merged = merge(&branches, 3, &DataType::Utf8View, &mut buffers).unwrap();
    assert!(matches!(merged.encoding(), Encoding::Dictionary { .. }));
    assert_eq!(merged.value(1).unwrap().as_str(), Some("no"));
    assert!(merged.value(2).unwrap().is_null());
    assert!(merge(&branches, 4, &DataType::Utf8View, &mut buffers).is_err());
    assert!(merge(&branches, 3, &DataType::Utf8, &mut buffers).is_err());
    assert!(
        merge(&[], 3, &DataType::Int64, &mut buffers)
            .unwrap()
            .as_constant()
            .unwrap()
            .is_null()
    );
    let numbers = Column::flat(Arc::new(Int64Array::from(vec![1, 2, 3])));
    let merged = merge(
        &[(Selection::all(3), numbers)],
        3,
        &DataType::Int64,
        &mut buffers,
    )
    .unwrap();
    assert_eq!(merged.value(2).unwrap().as_i128(), Some(3));
}

proptest! {
    #[test]
    fn one_of_two_columns(
        (recipes, _) in recipes(3),
        family in 0..families().len(),
    ) {
        for data_type in &families()[family] {
            let condition = recipes[0].column(&DataType::Boolean);
            let (value, otherwise) = (recipes[1].column(data_type), recipes[2].column(data_type));
            let mut buffers = Buffers::default();
            let chosen = choose(&condition, &value, &otherwise, data_type, &mut buffers).unwrap();
            let want: Vec<Plain> = (0..condition.len())
                .map(|row| match Plain::at(&condition, row) {
                    Plain::Bool(true) => Plain::at(&value, row),
                    _ => Plain::at(&otherwise, row),
                })
                .collect();
            assert_same(&chosen, &want);
            assert_eq!(chosen.data_type(), data_type);
        }
    }
}
