//! Comparison against an oracle that works row by row.

use std::sync::Arc;

use arrow::array::{Int64Array, NullArray, UnionArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{Field, UnionFields};
use proptest::prelude::*;

use super::*;
use crate::testing::{Plain, families, recipes, truth};

const OPS: [CompareOp; 6] = [
    CompareOp::Eq,
    CompareOp::NotEq,
    CompareOp::Lt,
    CompareOp::LtEq,
    CompareOp::Gt,
    CompareOp::GtEq,
];

/// The only caller of the kernels: every operation on two columns.
fn check(left: &Column, right: &Column, selection: &Selection) {
    let mut buffers = Buffers::default();
    let values: Vec<(Plain, Plain)> = (0..left.len())
        .map(|row| (Plain::at(left, row), Plain::at(right, row)))
        .collect();
    let context = |row: usize| format!("row {row}: {:?} in {left:?} and {right:?}", values[row]);
    for op in OPS {
        let want = |row: usize| {
            let (l, r) = &values[row];
            if l.is_null() || r.is_null() {
                return None;
            }
            let order = l.order(r);
            Some(match op {
                CompareOp::Eq => order.is_eq(),
                CompareOp::NotEq => order.is_ne(),
                CompareOp::Lt => order.is_lt(),
                CompareOp::LtEq => order.is_le(),
                CompareOp::Gt => order.is_gt(),
                CompareOp::GtEq => order.is_ge(),
            })
        };
        let got = compare(op, left, right, selection, &mut buffers).unwrap();
        assert_eq!(
            (got.len(), got.data_type()),
            (left.len(), &DataType::Boolean)
        );
        let constant = left.as_constant().is_some() && right.as_constant().is_some();
        assert!(!constant || got.as_constant().is_some());
        for row in selection.iter() {
            assert_eq!(truth(&got, row), want(row), "{op} at {}", context(row));
        }
        let mut kept = selection.clone();
        select(op, left, right, &mut kept, &mut buffers).unwrap();
        let want: Vec<usize> = selection
            .iter()
            .filter(|&row| want(row) == Some(true))
            .collect();
        assert_eq!(kept.iter().collect::<Vec<_>>(), want, "{op}");
        buffers.recycle_column(got);
    }
    let got = not_distinct(left, right, selection, &mut buffers).unwrap();
    for row in selection.iter() {
        let (l, r) = &values[row];
        assert_eq!(
            truth(&got, row),
            Some(l.order(r).is_eq()),
            "{}",
            context(row)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn columns_of_every_type_and_encoding(
        (recipes, selection) in recipes(2),
        family in 0..families().len() + 12,
        (left, right) in (0..12usize, 0..12usize),
    ) {
        let families = families();
        // Text and binary have more ways to go wrong than the others.
        let family = &families[family.checked_sub(12).unwrap_or(family % 2)];
        let of = |at: usize| &family[at % family.len()];
        check(&recipes[0].column(of(left)), &recipes[1].column(of(right)), &selection);
    }
}

#[test]
fn the_type_null_is_null_beside_any_other() {
    let nulls = Column::flat(Arc::new(NullArray::new(3)));
    let numbers = Column::flat(Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])));
    for selection in [Selection::all(3), Selection::none(3)] {
        check(&nulls, &nulls, &selection);
        check(&nulls, &numbers, &selection);
        check(&numbers, &nulls, &selection);
    }
}

#[test]
fn unions_compare() {
    let fields = [
        (0, Arc::new(Field::new("i", DataType::Int64, true))),
        (1, Arc::new(Field::new("f", DataType::Float64, true))),
    ];
    let children: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1, 1, 2])),
        Arc::new(arrow::array::Float64Array::from(vec![0.0, -0.0, 0.0])),
    ];
    let union = |ids: Vec<i8>| -> Column {
        let fields: UnionFields = fields.iter().cloned().collect();
        let ids = ScalarBuffer::from(ids);
        Column::flat(Arc::new(
            UnionArray::try_new(fields, ids, None, children.clone()).unwrap(),
        ))
    };
    let (left, right) = (union(vec![0, 1, 0]), union(vec![0, 1, 1]));
    let same = |l: &Column, r: &Column| {
        let selection = Selection::all(3);
        let got = compare(CompareOp::Eq, l, r, &selection, &mut Buffers::default()).unwrap();
        (0..3).map(|row| truth(&got, row)).collect::<Vec<_>>()
    };
    assert_eq!(same(&left, &right), [Some(true), Some(true), Some(false)]);
    assert_eq!(same(&left.slice(0, 3), &left), [Some(true); 3]);
}

#[test]
fn unlike_types_and_lengths_are_bugs() {
    let refused = |left: ScalarValue, right: ScalarValue, len: usize| {
        let (left, right) = (Column::constant(left, 2), Column::constant(right, len));
        let mut selection = Selection::all(2);
        let mut buffers = Buffers::default();
        assert!(compare(CompareOp::Eq, &left, &right, &selection, &mut buffers).is_err());
        assert!(not_distinct(&left, &right, &selection, &mut buffers).is_err());
        assert!(select(CompareOp::Eq, &left, &right, &mut selection, &mut buffers).is_err());
    };
    refused(1i32.into(), 1i64.into(), 2);
    refused("1".into(), 1i64.into(), 2);
    refused(
        ScalarValue::decimal(5, 3, 2).unwrap(),
        ScalarValue::decimal(5, 3, 1).unwrap(),
        2,
    );
    refused(1i64.into(), 1i64.into(), 3);
}

#[test]
fn operations_mirror_each_other() {
    for op in OPS {
        assert_eq!((op.swap().swap(), op.negate().negate()), (op, op));
        assert_ne!(op.negate(), op);
        assert_eq!(op.to_string(), op.symbol());
    }
}
