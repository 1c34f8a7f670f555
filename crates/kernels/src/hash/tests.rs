//! Equal rows hash equal, unequal ones hardly ever, and the bits are spread well.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Int64Array, StringArray};
use proptest::prelude::*;

use super::*;
use crate::testing::{Plain, families, recipes};

/// The only caller of the kernel.
fn hashes(columns: &[&Column], selection: &Selection) -> Vec<u64> {
    let mut out = vec![1, 2, 3];
    hash_rows(columns, selection, 42, &mut out).unwrap();
    assert_eq!(out.len(), selection.count());
    out
}

/// Rows of two pairs of columns hash equal exactly when they are equal.
fn check(left: [&Column; 2], right: [&Column; 2], selection: &Selection) {
    let all = Selection::all(selection.len());
    let mut seen: HashMap<u64, [Plain; 2]> = HashMap::new();
    for (columns, selection) in [(left, selection), (right, &all)] {
        let hashes = hashes(&columns, selection);
        for (row, hash) in selection.iter().zip(hashes) {
            let row = columns.map(|column| Plain::at(column, row));
            let first = seen.entry(hash).or_insert_with(|| row.clone());
            let same = first.iter().zip(&row).all(|(a, b)| a.order(b).is_eq());
            assert!(same, "{first:?} and {row:?} collide");
        }
    }
    // The other way around: as many hashes as rows that differ.
    let mut rows: Vec<_> = seen.into_values().collect();
    let order = |a: &[Plain; 2], b: &[Plain; 2]| a[0].order(&b[0]).then(a[1].order(&b[1]));
    rows.sort_by(order);
    assert!(
        rows.windows(2)
            .all(|pair| order(&pair[0], &pair[1]).is_ne()),
        "{rows:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn columns_of_every_type_and_encoding(
        (recipes, selection) in recipes(4),
        families_chosen in (0..families().len(), 0..families().len()),
        members in (0..12usize, 0..12usize),
    ) {
        let families = families();
        let of = |family: usize, member: usize| {
            let family = &families[family];
            // Integers of one width only.
            let member = if family[0].is_integer() { 0 } else { member };
            family[member % family.len()].clone()
        };
        let ((a, b), (l, r)) = (families_chosen, members);
        let left = [recipes[0].column(&of(a, l)), recipes[1].column(&of(b, l))];
        let right = [recipes[2].column(&of(a, r)), recipes[3].column(&of(b, r))];
        check(left.each_ref(), right.each_ref(), &selection);
    }
}

#[test]
fn bits_are_spread() {
    const ROWS: usize = 1 << 16;
    let check = |what: &str, column: Column| {
        let hashes = hashes(&[&column], &Selection::all(ROWS));
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), ROWS, "{what}");
        // Of 2^16 balls thrown into as many boxes 63.2% of the boxes are hit.
        for shift in [0, 16, 32, 48] {
            let hit: HashSet<u64> = hashes.iter().map(|hash| hash >> shift & 0xffff).collect();
            let share = hit.len() as f64 / ROWS as f64;
            assert!((0.62..0.645).contains(&share), "{what} >> {shift}: {share}");
        }
    };
    let numbers = |number: fn(i64) -> i64| -> Column {
        Column::flat(Arc::new(Int64Array::from_iter_values(
            (0..ROWS as i64).map(number),
        )))
    };
    check("sequence", numbers(|n| n));
    check("multiples", numbers(|n| n * 1000));
    check("high bits", numbers(|n| n << 48));
    check("middle bits", numbers(|n| n << 20));
    let texts = |text: fn(usize) -> String| -> Column {
        Column::flat(Arc::new(StringArray::from_iter_values((0..ROWS).map(text))))
    };
    check("short text", texts(|n| format!("{n:x}")));
    check("text", texts(|n| format!("Customer#{n:08}")));
    check(
        "long text",
        texts(|n| format!("a common prefix of some length {n} and a suffix")),
    );
}

#[test]
fn seeds_and_order_matter() {
    let (one, two) = (
        Column::constant(1i64.into(), 1),
        Column::constant(esker_datatypes::ScalarValue::from(2i64), 1),
    );
    let all = Selection::all(1);
    assert_ne!(hashes(&[&one, &two], &all), hashes(&[&two, &one], &all));
    let mut other = Vec::new();
    hash_rows(&[&one], &all, 43, &mut other).unwrap();
    assert_ne!(hashes(&[&one], &all), other);
    // No columns: all rows are equal.
    assert_eq!(
        hashes(&[], &Selection::all(3))
            .iter()
            .collect::<HashSet<_>>()
            .len(),
        1
    );
    assert!(hash_rows(&[&one], &Selection::all(2), 0, &mut other).is_err());
}
