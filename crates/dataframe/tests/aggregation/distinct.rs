//! The first row of each kind.

use esker_logical_expr::col;
use esker_logical_plan::{Distinct, LogicalPlan};
use proptest::prelude::*;

use crate::groups::many;
use crate::{Cell, Input, NAMES, Row, Settings, check, inputs, run, settings};

fn plan(input: &Input, on: Option<&[usize]>, ordered: bool, settings: &Settings) -> LogicalPlan {
    let on = on.map(|on| on.iter().map(|&at| col(NAMES[at])).collect());
    let distinct = Distinct::try_new(on, input.plan(settings).build()).unwrap();
    LogicalPlan::Distinct(distinct.with_maintain_order(ordered))
}

/// The first rows, in their order.
fn oracle(rows: &[Row], on: Option<&[usize]>) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::new();
    for row in rows {
        let same = |other: &Row| match on {
            Some(on) => on.iter().all(|&at| other[at] == row[at]),
            None => other == row,
        };
        if !kept.iter().any(same) {
            kept.push(row.clone());
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn first_rows_are_those_of_the_oracle(
        input in inputs(),
        on in prop::option::of(prop::sample::subsequence(vec![0usize, 1, 2, 3, 4], 1..=5).prop_shuffle()),
        ordered in prop::bool::ANY,
        settings in settings(),
    ) {
        let on = on.as_deref();
        let found = run(plan(&input, on, ordered, &settings), &settings).unwrap();
        check(found, oracle(&input.rows(), on), ordered);
    }
}

#[test]
fn a_key_may_be_named_twice() {
    let settings = Settings::default();
    let input = many(3, 2);
    let found = run(plan(&input, Some(&[0, 0]), true, &settings), &settings).unwrap();
    check(found, oracle(&input.rows(), Some(&[0])), true);
}

#[test]
fn many_first_rows_are_found_in_parts() {
    let keys = 70_001;
    let input = many(keys, 3);
    for (threads, ordered) in [(1, true), (3, false), (3, true)] {
        let settings = Settings {
            threads,
            split_rows: 10_000,
            ..Settings::default()
        };
        let mut found = run(plan(&input, Some(&[2]), ordered, &settings), &settings).unwrap();
        if !ordered {
            found.sort_by(|a, b| a[4].cmp(&b[4]));
        }
        let want: Vec<Row> = input.rows().into_iter().take(keys as usize).collect();
        assert!(found == want, "{threads} threads");
    }
}

#[test]
fn few_new_rows_a_batch_are_kept_in_few_pieces() {
    // One new row in each batch of two, for more batches than pieces are left lying.
    let row = |key: i64, n: i64| {
        let text = || Cell::Text(format!("{key} {}", "x".repeat(20)));
        vec![Cell::Int(key), Cell::Null, text(), text(), Cell::Int(n)]
    };
    let batches = (0..300).map(|i| vec![row(0, -1 - i), row(i, i)]).collect();
    let input = Input {
        batches,
        filtered: false,
    };
    for threads in [1, 3] {
        let settings = Settings {
            threads,
            split_rows: 2,
            ..Settings::default()
        };
        let found = run(plan(&input, Some(&[0]), true, &settings), &settings).unwrap();
        check(found, oracle(&input.rows(), Some(&[0])), true);
    }
}
