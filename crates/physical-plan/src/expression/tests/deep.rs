//! Expressions nested 100,000 deep: compiled, run and dropped on a stack of 512 KiB.
#![expect(
    clippy::disallowed_methods,
    reason = "a small stack needs a thread of its own"
)]

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use esker_datatypes::{
    Batch, Buffers, Column, DataType, Field, Result, ScalarValue, Schema, Selection,
};
use esker_logical_expr::test_util::fail_on;
use esker_logical_expr::{BinaryOp, Case, Cast, CastMode, Expr, UnaryOp};

use super::super::{Program, ProgramState};

/// What must work.
const DEEP: i64 = 100_000;
/// What already overflows the stack of anything that recurses, where the full depth takes a debug
/// build too long.
const DEEP_ENOUGH: i64 = 10_000;

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(test)
        .unwrap();
    thread.join().unwrap();
}

fn int(value: i64) -> Expr {
    Expr::Literal(ScalarValue::from(value))
}

fn compare(left: &Expr, op: BinaryOp, value: i64) -> Expr {
    Expr::binary(left.clone(), op, int(value))
}

fn and(left: Expr, right: Expr) -> Expr {
    Expr::binary(left, BinaryOp::And, right)
}

fn or(left: Expr, right: Expr) -> Expr {
    Expr::binary(left, BinaryOp::Or, right)
}

fn case(condition: Expr, value: Expr, otherwise: Expr) -> Expr {
    Expr::Case(Case {
        branches: vec![(condition.into(), value.into())],
        otherwise: Some(otherwise.into()),
    })
}

/// Runs an expression over `a` = 0, 1, 2, .. and gives the values as text.
fn run(build: impl FnOnce(Expr) -> Expr, rows: usize) -> Result<Vec<String>> {
    let schema = Schema::new(vec![Field::new("a", DataType::Int64, false)]);
    let array: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let batch = Batch::new(vec![Column::flat(array)], rows);
    let expr = build(Expr::column(schema.field(0).unwrap()));
    let program = Program::compile(&[&expr], &schema)?;
    drop(expr);
    let (mut state, mut buffers) = (ProgramState::default(), Buffers::default());
    let columns = program.evaluate(&batch, batch.selection(), &mut state, &mut buffers)?;
    let values: Vec<String> = (0..rows)
        .map(|row| columns[0].value(row).unwrap().to_string())
        .collect();
    if program.types() == [DataType::Boolean] {
        let mut selection = Selection::all(rows);
        program.select(&batch, &mut selection, &mut state, &mut buffers)?;
        let kept: Vec<usize> = (0..rows).filter(|&row| values[row] == "TRUE").collect();
        assert_eq!(selection.iter().collect::<Vec<_>>(), kept);
    }
    Ok(values)
}

fn check(build: impl FnOnce(Expr) -> Expr + Send + 'static, want: &[&str]) {
    let want: Vec<String> = want.iter().map(|&text| text.to_owned()).collect();
    on_a_small_stack(move || assert_eq!(run(build, want.len()).unwrap(), want));
}

#[test]
fn deep_values() {
    let add = |left, right| Expr::binary(left, BinaryOp::Add, right);
    check(
        move |a| (0..DEEP).fold(a, |e, _| add(e, int(1))),
        &["Int64(100000)", "Int64(100001)"],
    );
    check(
        move |a| (0..DEEP).fold(a, |e, _| add(int(1), e)),
        &["Int64(100000)", "Int64(100001)"],
    );
    check(
        move |a| {
            (0..DEEP_ENOUGH).fold(a.clone(), |e, _| {
                add(Expr::unary(UnaryOp::Negate, a.clone()), e)
            })
        },
        &["Int64(0)", "Int64(-9999)"],
    );
    check(
        |a| {
            let first = compare(&a, BinaryOp::Eq, 1);
            (0..DEEP_ENOUGH).fold(first, |e, _| Expr::unary(UnaryOp::Not, e))
        },
        &["FALSE", "TRUE"],
    );
    check(
        |a| {
            let to = |i: i64| {
                if i % 2 == 0 {
                    DataType::Float64
                } else {
                    DataType::Int64
                }
            };
            let cast = |e: Expr, i| {
                Expr::Cast(Cast {
                    expr: e.into(),
                    to: to(i),
                    mode: CastMode::Strict,
                })
            };
            (0..DEEP_ENOUGH).fold(a, cast)
        },
        &["Int64(0)", "Int64(1)"],
    );
}

#[test]
fn long_chains() {
    check(
        |a| {
            (0..DEEP)
                .map(|i| compare(&a, BinaryOp::Eq, i * 2))
                .reduce(or)
                .unwrap()
        },
        &["TRUE", "FALSE", "TRUE"],
    );
    check(
        |a| {
            let terms = (0..DEEP_ENOUGH).map(|i| compare(&a, BinaryOp::NotEq, i * 2));
            terms.reduce(|right, left| and(left, right)).unwrap()
        },
        &["FALSE", "TRUE", "FALSE"],
    );
}

#[test]
fn chains_in_chains() {
    // At the right end, at the left end and in the middle; the terms can fail.
    let term = |a: &Expr, i: i64| {
        let op = if i % 2 == 0 {
            BinaryOp::GtEq
        } else {
            BinaryOp::Lt
        };
        Expr::binary(fail_on(a.clone(), 3), op, int(0))
    };
    let join = |i: i64| if i % 2 == 0 { and } else { or };
    check(
        move |a| (0..DEEP).fold(compare(&a, BinaryOp::Eq, 1), |e, i| join(i)(term(&a, i), e)),
        &["FALSE", "TRUE", "FALSE"],
    );
    check(
        move |a| {
            (0..DEEP_ENOUGH).fold(compare(&a, BinaryOp::Eq, 1), |e, i| join(i)(e, term(&a, i)))
        },
        &["FALSE", "TRUE", "FALSE"],
    );
    check(
        move |a| {
            (0..DEEP_ENOUGH).fold(compare(&a, BinaryOp::Eq, 1), |e, i| {
                join(i)(join(i)(term(&a, i), e), term(&a, i))
            })
        },
        &["FALSE", "TRUE", "FALSE"],
    );
}

#[test]
fn case_in_case() {
    check(
        |a| {
            (0..DEEP).fold(int(-1), |e, i| {
                case(compare(&a, BinaryOp::Eq, i), int(i * 10), e)
            })
        },
        &["Int64(0)", "Int64(10)", "Int64(20)"],
    );
    check(
        |a| {
            (0..DEEP_ENOUGH).fold(a.clone(), |e, i| {
                case(compare(&a, BinaryOp::NotEq, i), e, int(-i))
            })
        },
        &["Int64(0)", "Int64(-1)", "Int64(-2)"],
    );
    check(
        |a| {
            (0..DEEP_ENOUGH).fold(a.clone(), |e, i| {
                case(
                    case(
                        compare(&a, BinaryOp::Eq, i),
                        Expr::Literal(ScalarValue::from(true)),
                        compare(&a, BinaryOp::Lt, 0),
                    ),
                    int(i),
                    e,
                )
            })
        },
        &["Int64(0)", "Int64(1)"],
    );
}

#[test]
fn every_level_may_lose_a_row() {
    // Deeper than lists of rows are kept: the selections come back from bitmaps. A row that a level
    // has decided is an error in the next one.
    let (rows, levels) = (700usize, 400i64);
    let build = move |a: Expr| {
        (0..levels)
            .rev()
            .fold(compare(&a, BinaryOp::Gt, 500), |e, i| {
                let hit = compare(&fail_on(a.clone(), i - 1), BinaryOp::Eq, i);
                let negative = compare(&fail_on(a.clone(), i), BinaryOp::Lt, 0);
                if i % 2 == 0 {
                    let not = |e| Expr::unary(UnaryOp::Not, e);
                    and(and(not(hit), e), not(negative))
                } else {
                    or(or(hit, e), negative)
                }
            })
    };
    on_a_small_stack(move || {
        let values = run(build, rows).unwrap();
        let naive = |a: i64| {
            let mut value = a > 500;
            for i in (0..levels).rev() {
                value = if i % 2 == 0 {
                    a != i && value
                } else {
                    a == i || value
                };
            }
            value
        };
        for (row, value) in values.iter().enumerate() {
            assert_eq!(value == "TRUE", naive(row as i64), "row {row}");
        }
    });
}
