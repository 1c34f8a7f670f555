//! Membership against an oracle that looks at each member.

use std::sync::Arc;

use arrow::array::{Int64Array, NullArray};
use proptest::prelude::*;

use super::*;
use crate::testing::{Plain, families, recipes, truth};

/// The only caller of the kernels.
fn check(column: &Column, members: &Column, selection: &Selection) {
    let mut buffers = Buffers::default();
    let values: Vec<Plain> = (0..members.len())
        .map(|row| Plain::at(members, row))
        .collect();
    let set = InSet::try_new(&members.to_flat()).unwrap();
    let has_null = values.iter().any(Plain::is_null);
    assert_eq!((set.len(), set.contains_null()), (values.len(), has_null));
    for negated in [false, true] {
        let want = |row: usize| {
            let value = Plain::at(column, row);
            let found = !value.is_null() && values.iter().any(|member| value.order(member).is_eq());
            let known = found || !value.is_null() && !has_null;
            known.then_some(found != negated)
        };
        let got = set
            .evaluate(column, negated, selection, &mut buffers)
            .unwrap();
        assert_eq!(got.len(), column.len());
        for row in selection.iter() {
            assert_eq!(
                truth(&got, row),
                want(row),
                "row {row} of {column:?} in {values:?}"
            );
        }
        let mut kept = selection.clone();
        set.select(column, negated, &mut kept, &mut buffers)
            .unwrap();
        let want: Vec<usize> = selection
            .iter()
            .filter(|&row| want(row) == Some(true))
            .collect();
        assert_eq!(kept.iter().collect::<Vec<_>>(), want);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn columns_of_every_type_and_encoding(
        (recipes, selection) in recipes(2),
        family in 0..families().len() + 12,
        (left, right, few) in (0..12usize, 0..12usize, 0..12usize),
    ) {
        let families = families();
        let family = &families[family.checked_sub(12).unwrap_or(family % 2)];
        let column_type = &family[left % family.len()];
        let member_type = match column_type.is_integer() {
            true => column_type,
            false => &family[right % family.len()],
        };
        let members = recipes[1].column(member_type);
        let members = members.slice(0, members.len().min(few * few));
        check(&recipes[0].column(column_type), &members, &selection);
    }

    #[test]
    fn integers_near_and_far(
        members in prop_oneof![
            prop::collection::vec(prop::option::weighted(0.98, -50..50i64), 0..60),
            prop::collection::vec(prop::option::weighted(0.98, any::<i64>()), 0..60),
            prop::collection::vec(Just(Some(i64::MAX)), 0..3),
        ],
        others in prop::collection::vec(-60..60i64, 1..80),
    ) {
        let values = members.iter().flatten().copied().chain(others);
        let values = Int64Array::from_iter_values(values.flat_map(|v| [v, v.wrapping_add(1)]));
        let members = Column::flat(Arc::new(Int64Array::from(members)));
        let selection = Selection::all(values.len());
        check(&Column::flat(Arc::new(values)), &members, &selection);
    }
}

#[test]
fn lists_of_nothing_or_null() {
    let numbers = Column::flat(Arc::new(Int64Array::from(vec![Some(1), None])));
    let nulls = Column::flat(Arc::new(NullArray::new(2)));
    let all = Selection::all(2);
    check(&numbers, &nulls, &all);
    check(&numbers, &nulls.slice(0, 0), &all);
    check(&nulls, &numbers, &all);
    check(&numbers, &numbers.slice(0, 0), &all);
}

#[test]
fn another_type_is_a_bug() {
    let members: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let set = InSet::try_new(&members).unwrap();
    for value in [
        ScalarValue::from(1i32),
        ScalarValue::from(1u64),
        ScalarValue::from("1"),
    ] {
        let column = Column::constant(value, 1);
        let got = set.evaluate(&column, false, &Selection::all(1), &mut Buffers::default());
        assert!(got.is_err());
    }
}
