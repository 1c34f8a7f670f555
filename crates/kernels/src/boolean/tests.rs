//! Kleene's tables, and the kernels against them.

use arrow::array::Float64Array;
use proptest::prelude::*;

use super::*;
use crate::testing::{Plain, families, pool, recipes, truth};

/// The only caller of the kernels of two columns.
fn check(left: &Column, right: &Column, selection: &Selection) {
    let mut buffers = Buffers::default();
    let both = and(left, right, selection, &mut buffers).unwrap();
    let either = or(left, right, selection, &mut buffers).unwrap();
    assert_eq!((both.len(), either.len()), (left.len(), left.len()));
    for row in selection.iter() {
        let (l, r) = (truth(left, row), truth(right, row));
        let want_both = match (l, r) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
        let want_either = match (l, r) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        };
        assert_eq!(truth(&both, row), want_both, "{l:?} AND {r:?}");
        assert_eq!(truth(&either, row), want_either, "{l:?} OR {r:?}");
    }
}

/// The only caller of the kernels of one column.
fn check_one(column: &Column, selection: &Selection) {
    let mut buffers = Buffers::default();
    let missing = is_null(column, selection, &mut buffers).unwrap();
    let present = is_not_null(column, selection, &mut buffers).unwrap();
    for row in selection.iter() {
        let null = Plain::at(column, row).is_null();
        assert_eq!(truth(&missing, row), Some(null));
        assert_eq!(truth(&present, row), Some(!null));
    }
    if matches!(column.value_type(), DataType::Boolean | DataType::Null) {
        let opposite = not(column, selection, &mut buffers).unwrap();
        let yes = is_true(column, selection, &mut buffers).unwrap();
        let no = is_false(column, selection, &mut buffers).unwrap();
        for row in selection.iter() {
            let value = truth(column, row);
            assert_eq!(truth(&opposite, row), value.map(|v| !v));
            assert_eq!(truth(&yes, row), Some(value == Some(true)));
            assert_eq!(truth(&no, row), Some(value == Some(false)));
        }
    }
    if column.value_type().is_floating() {
        let nan = is_nan(column, selection, &mut buffers).unwrap();
        for row in selection.iter() {
            let want = match Plain::at(column, row) {
                Plain::Float(value) => Some(value.is_nan()),
                _ => None,
            };
            assert_eq!(truth(&nan, row), want);
        }
    }
}

#[test]
fn kleene() {
    let values = [Some(true), Some(false), None];
    let pairs = values.map(|l| values.map(|r| (l, r))).concat();
    let flat = |values: Vec<Option<bool>>| Column::flat(Arc::new(BooleanArray::from(values)));
    let left = flat(pairs.iter().map(|(l, _)| *l).collect());
    let right = flat(pairs.iter().map(|(_, r)| *r).collect());
    let all = Selection::all(9);
    check(&left, &right, &all);
    for value in values {
        let constant = Column::constant(ScalarValue::from(value), 9);
        check(&left, &constant, &all);
        check(&constant, &left, &all);
        for other in values {
            check(
                &constant,
                &Column::constant(ScalarValue::from(other), 9),
                &all,
            );
        }
    }
    let null = Column::constant(ScalarValue::null(&DataType::Null), 9);
    check(&left, &null, &all);
    check(&null, &null, &all);
    check_one(&null, &all);
}

#[test]
fn what_is_not_boolean_is_a_bug() {
    let mut buffers = Buffers::default();
    let all = Selection::all(1);
    let number = Column::flat(Arc::new(Float64Array::from(vec![1.0])));
    let no = Column::constant(ScalarValue::from(true), 1);
    assert!(and(&number, &no, &all, &mut buffers).is_err());
    assert!(or(&number, &number, &all, &mut buffers).is_err());
    assert!(not(&number, &all, &mut buffers).is_err());
    assert!(is_true(&number, &all, &mut buffers).is_err());
    assert!(is_nan(&no, &all, &mut buffers).is_err());
}

proptest! {
    #[test]
    fn connectives((recipes, selection) in recipes(2)) {
        let pool = pool(&DataType::Boolean);
        check(&recipes[0].encoded(&pool), &recipes[1].encoded(&pool), &selection);
        check_one(&recipes[0].encoded(&pool), &selection);
    }

    #[test]
    fn tests_of_any_type((recipes, selection) in recipes(1), family in 0..families().len()) {
        for data_type in &families()[family] {
            check_one(&recipes[0].column(data_type), &selection);
        }
    }
}
