//! Aggregations of every function.

use esker_functions::{AggregateExpr, Count, First, Last, NUnique, len};
use esker_logical_expr::{Expr, col};
use esker_logical_plan::{AggregateOptions, LogicalPlanBuilder, aggregate_plan};
use proptest::prelude::*;

use crate::{Cell, Input, NAMES, Row, Settings, check, inputs, run, settings};

/// What an aggregate is of a group's rows in their order.
type Naive = fn(&[Row]) -> Cell;

/// Calls of every function, each with its oracle.
fn calls() -> Vec<(Expr, Naive)> {
    fn values(rows: &[Row], at: usize) -> Vec<Cell> {
        let valid = rows.iter().map(|row| row[at].clone());
        valid.filter(|cell| *cell != Cell::Null).collect()
    }
    fn ints(rows: &[Row]) -> Vec<i64> {
        let int = |cell: Cell| match cell {
            Cell::Int(value) => Some(value),
            _ => None,
        };
        values(rows, 4).into_iter().filter_map(int).collect()
    }
    fn or_null(cell: Option<Cell>) -> Cell {
        cell.unwrap_or(Cell::Null)
    }
    fn distinct(rows: &[Row], at: usize) -> Cell {
        let mut values = values(rows, at);
        values.sort();
        values.dedup();
        Cell::Int(values.len() as i64)
    }
    vec![
        (col("n").sum(), |rows| {
            or_null(ints(rows).into_iter().reduce(|a, b| a + b).map(Cell::Int))
        }),
        (col("n").min(), |rows| {
            or_null(values(rows, 4).into_iter().min())
        }),
        (col("n").max(), |rows| {
            or_null(values(rows, 4).into_iter().max())
        }),
        (col("n").mean(), |rows| {
            let ints = ints(rows);
            let sum: i64 = ints.iter().sum();
            or_null((!ints.is_empty()).then(|| Cell::Float(sum as f64 / ints.len() as f64)))
        }),
        (col("n").count(), |rows| {
            Cell::Int(values(rows, 4).len() as i64)
        }),
        (Count::new().nulls(true).of("n"), |rows| {
            Cell::Int(rows.len() as i64)
        }),
        (len(), |rows| Cell::Int(rows.len() as i64)),
        (col("n").n_unique(), |rows| distinct(rows, 4)),
        (NUnique::new().of("t"), |rows| distinct(rows, 3)),
        (col("n").first(), |rows| {
            or_null(rows.first().map(|row| row[4].clone()))
        }),
        (col("t").first(), |rows| {
            or_null(rows.first().map(|row| row[3].clone()))
        }),
        (col("s").last(), |rows| {
            or_null(rows.last().map(|row| row[2].clone()))
        }),
        (First::new().ignore_nulls(true).of("s"), |rows| {
            or_null(values(rows, 2).into_iter().next())
        }),
        (Last::new().ignore_nulls(true).of("n"), |rows| {
            or_null(values(rows, 4).into_iter().last())
        }),
        (col("t").min(), |rows| {
            or_null(values(rows, 3).into_iter().min())
        }),
        (col("f").max(), |rows| {
            or_null(values(rows, 1).into_iter().max())
        }),
        ((col("n") * 2i64).sum(), |rows| {
            let doubled = ints(rows).into_iter().map(|value| 2 * value);
            or_null(doubled.reduce(|a, b| a + b).map(Cell::Int))
        }),
    ]
}

/// Groups in the order of their first rows.
fn oracle(rows: &[Row], keys: &[usize], calls: &[Naive]) -> Vec<Row> {
    let mut groups: Vec<(Row, Vec<Row>)> = Vec::new();
    if keys.is_empty() {
        groups.push((Vec::new(), Vec::new()));
    }
    for row in rows {
        let key: Row = keys.iter().map(|&at| row[at].clone()).collect();
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, rows)) => rows.push(row.clone()),
            None => groups.push((key, vec![row.clone()])),
        }
    }
    let finish = |(mut key, rows): (Row, Vec<Row>)| {
        key.extend(calls.iter().map(|call| call(&rows)));
        key
    };
    groups.into_iter().map(finish).collect()
}

fn check_groups(input: &Input, keys: &[usize], maintain_order: bool, settings: &Settings) {
    let (exprs, oracles): (Vec<Expr>, Vec<_>) = calls().into_iter().unzip();
    let exprs = exprs.into_iter().enumerate();
    let options = AggregateOptions {
        maintain_order,
        sorted: false,
    };
    let plan = aggregate_plan(
        keys.iter().map(|&at| col(NAMES[at])),
        exprs.map(|(i, expr)| expr.alias(format!("a{i}"))),
        options,
        input.plan(settings).build(),
    );
    let found = run(plan.unwrap(), settings).unwrap();
    check(found, oracle(&input.rows(), keys, &oracles), maintain_order);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn groups_are_those_of_the_oracle(
        input in inputs(),
        keys in prop::sample::subsequence(vec![0usize, 1, 2, 3], 0..4),
        maintain_order in prop::bool::ANY,
        settings in settings(),
    ) {
        check_groups(&input, &keys, maintain_order, &settings);
    }
}

#[test]
fn without_keys_and_rows_there_is_one_row() {
    for filtered in [false, true] {
        let batches = vec![vec![vec![Cell::Null; 5]; 3]; usize::from(filtered)];
        let input = Input { batches, filtered };
        assert!(input.rows().is_empty());
        for maintain_order in [false, true] {
            check_groups(&input, &[], maintain_order, &Settings::default());
            check_groups(&input, &[0], maintain_order, &Settings::default());
        }
    }
}

/// Rows of many keys, each of which is in several splits.
pub(crate) fn many(keys: i64, times: i64) -> Input {
    let row = |i: i64| {
        let key = i * 7_919 % keys;
        let text = || Cell::Text(format!("key {key}, which is long"));
        vec![
            Cell::Int(key),
            Cell::Float(key as f64),
            text(),
            text(),
            Cell::Int(i),
        ]
    };
    Input {
        batches: vec![(0..keys * times).map(row).collect()],
        filtered: false,
    }
}

#[test]
fn many_groups_are_merged_in_parts() {
    let (keys, times) = (70_001, 3);
    let input = many(keys, times);
    for key in [0, 2] {
        for (threads, maintain_order) in [(1, true), (3, false), (3, true)] {
            let settings = Settings {
                threads,
                split_rows: 10_000,
                ..Settings::default()
            };
            let plan = aggregate_plan(
                [col(NAMES[key])],
                [len(), col("n").sum(), col("n").first(), col("t").last()],
                AggregateOptions {
                    maintain_order,
                    sorted: false,
                },
                input.plan(&settings).build(),
            );
            let mut found = run(plan.unwrap(), &settings).unwrap();
            let firsts: Vec<&Cell> = found.iter().map(|row| &row[3]).collect();
            if maintain_order {
                assert!(firsts.is_sorted());
            }
            found.sort_by(|a, b| a[3].cmp(&b[3]));
            assert_eq!(found.len(), keys as usize);
            for (i, row) in (0i64..).zip(found) {
                let text = Cell::Text(format!("key {}, which is long", i * 7_919 % keys));
                let n = |time| i + time * keys;
                assert_eq!(row[1], Cell::Int(times));
                assert_eq!(row[2], Cell::Int((0..times).map(n).sum()));
                assert_eq!(row[3], Cell::Int(i));
                assert_eq!(row[4], text);
                let key = if key == 0 {
                    Cell::Int(i * 7_919 % keys)
                } else {
                    text
                };
                assert_eq!(row[0], key);
            }
        }
    }
}

/// Sorted by the key, with splits that end between rows of one key: the workers' tables are not merged.
#[test]
fn groups_of_sorted_rows() {
    let (keys, times) = (50_000i64, 3i64);
    let row = |i: i64| {
        let key = i / times;
        vec![
            Cell::Int(key - 20_000),
            Cell::Float(key as f64),
            Cell::Text(String::new()),
            Cell::Text(String::new()),
            Cell::Int(i),
        ]
    };
    let input = Input {
        batches: vec![(0..keys * times).map(row).collect()],
        filtered: false,
    };
    let want = |key: i64| {
        let first = key * times;
        let sum = (first..first + times).sum();
        [key - 20_000, times, sum, first, times]
            .map(Cell::Int)
            .to_vec()
    };
    let want: Vec<Row> = (0..keys).map(want).collect();
    for (threads, maintain_order) in [(1, false), (2, false), (4, false), (4, true)] {
        let settings = Settings {
            threads,
            split_rows: 10_000,
            ..Settings::default()
        };
        let options = AggregateOptions {
            maintain_order,
            sorted: false,
        };
        let n = || col("n");
        let plan = aggregate_plan(
            [col(NAMES[0])],
            [len(), n().sum(), n().first(), n().n_unique()],
            options,
            input.plan(&settings).build(),
        );
        check(
            run(plan.unwrap(), &settings).unwrap(),
            want.clone(),
            maintain_order,
        );
    }
}

#[test]
fn a_limit_takes_the_first_groups() {
    let input = many(5_000, 2);
    for threads in [1, 3] {
        let settings = Settings {
            threads,
            split_rows: 100,
            batch_size: 7,
            ..Settings::default()
        };
        let options = AggregateOptions {
            maintain_order: true,
            sorted: false,
        };
        let plan = input.plan(&settings).build();
        let plan = aggregate_plan([col("i")], [col("n").first()], options, plan).unwrap();
        let plan = LogicalPlanBuilder::from_plan(plan).limit(10, Some(20));
        let found = run(plan.build(), &settings).unwrap();
        let row = |n: i64| vec![Cell::Int(n * 7_919 % 5_000), Cell::Int(n)];
        check(found, (10..30).map(row).collect(), true);
    }
}

#[test]
fn plan_text_has_positions() {
    let settings = Settings::default();
    let input = many(2, 1);
    let options = AggregateOptions {
        maintain_order: true,
        sorted: false,
    };
    let aggregates = [col("n").max().alias("m")];
    let plan = input.plan(&settings).build();
    let plan = aggregate_plan([col("t")], aggregates, options, plan).unwrap();
    let text = crate::physical(plan, &settings).to_string();
    let line = text.lines().next().unwrap();
    assert_eq!(
        line,
        "HashAggregateExec: groupExpr=[#3], aggrExpr=[MAX(#4) as m], maintain_order=true"
    );
    let distinct = |on: Option<Vec<Expr>>| {
        let plan = LogicalPlanBuilder::from_plan(input.plan(&settings).build());
        let text = crate::physical(plan.distinct(on).unwrap().build(), &settings).to_string();
        text.lines().next().unwrap().to_owned()
    };
    assert_eq!(distinct(None), "DistinctExec");
    assert_eq!(
        distinct(Some(vec![col("t"), col("i")])),
        "DistinctExec: on=[#3, #0]"
    );
}
