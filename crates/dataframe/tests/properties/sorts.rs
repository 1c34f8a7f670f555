//! Sorts by keys of every type, direction and place of nulls, and the first rows of them.

use std::rc::Rc;

use crate::common::{Shape, TYPES, check, scan, table};
use crate::oracle::{ArithOp, Expr, Plan, SortKey, Table, Type};

fn key(name: &str, descending: bool, nulls_first: bool) -> SortKey {
    SortKey {
        expr: Expr::col(name),
        descending,
        nulls_first,
    }
}

/// Every direction and place of nulls.
fn directions() -> impl Iterator<Item = (bool, bool)> {
    [false, true]
        .into_iter()
        .flat_map(|descending| [(descending, false), (descending, true)])
}

fn sort(keys: &[SortKey]) -> Plan {
    Plan::Sort(scan(0), keys.to_vec(), None)
}

#[test]
fn sorts_by_one_key_of_every_type() {
    for (at, data_type) in TYPES.into_iter().enumerate() {
        for (turn, (descending, nulls_first)) in directions().enumerate() {
            // All shapes for one direction, and one that has it all for each.
            for shape in if turn == at % 4 {
                &Shape::ALL[..]
            } else {
                &[Shape::ManyBatches]
            } {
                let tables = [table(at as u64, &[("k", data_type)], *shape)];
                check(&sort(&[key("k", descending, nulls_first)]), &tables);
            }
        }
    }
}

fn several(seed: u64, shape: Shape) -> [Table; 1] {
    let at = seed as usize;
    let columns = [
        ("k", TYPES[at % TYPES.len()]),
        ("l", TYPES[(at + 5) % TYPES.len()]),
        ("m", TYPES[(at + 9) % TYPES.len()]),
    ];
    [table(seed, &columns, shape)]
}

#[test]
fn sorts_by_several_keys() {
    for seed in 0..TYPES.len() as u64 {
        let tables = several(seed, Shape::Skewed);
        for (descending, nulls_first) in directions() {
            let keys = [
                key("k", descending, nulls_first),
                key("l", nulls_first, descending),
                key("m", !descending, nulls_first),
            ];
            check(&sort(&keys), &tables);
        }
    }
}

#[test]
fn sorts_by_expressions() {
    let tables = [table(1, &[("k", Type::int(16))], Shape::ManyBatches)];
    let twice = Expr::arith(ArithOp::Rem, Expr::col("k"), Expr::int(3));
    let keys = [
        SortKey {
            expr: twice,
            descending: true,
            nulls_first: false,
        },
        key("k", false, true),
    ];
    check(&sort(&keys), &tables);
}

#[test]
fn the_first_rows_are_those_of_the_sorted_ones() {
    for seed in 0..TYPES.len() as u64 {
        let tables = several(seed, Shape::ManyBatches);
        for (descending, nulls_first) in directions() {
            let keys = vec![
                key("k", descending, nulls_first),
                key("l", nulls_first, false),
            ];
            for rows in [0, 1, 4, 25, 100] {
                check(&Plan::Sort(scan(0), keys.clone(), Some(rows)), &tables);
            }
            // The same in two steps, with rows passed over.
            let sorted = Rc::new(Plan::Sort(scan(0), keys, None));
            check(&Plan::Slice(sorted, 2, Some(5)), &tables);
        }
    }
}
