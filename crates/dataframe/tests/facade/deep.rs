//! Plans and expressions of any depth, from a thread with little stack.

use std::sync::Arc;

use arrow::array::BooleanArray;
use esker_dataframe::prelude::*;
use esker_functions::MathExpr;

use crate::{batch, context, ints, rows};

/// How deep expressions are.
const EXPR: usize = 100_000;

/// How deep those of further shapes are: enough to break the stack, were anything recursive.
const SHAPE: usize = 10_000;

/// How deep plans are.
const PLAN: usize = 10_000;

/// Runs on a thread with a stack of 512 KiB.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(test)
        .unwrap();
    thread.join().unwrap();
}

/// Three rows: `a` counts from 0, `b` is TRUE, FALSE and null.
fn table() -> DataFrame {
    let columns = batch([
        ("a", ints(0..3)),
        (
            "b",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])) as _,
        ),
    ]);
    context(2).from_batches([columns]).unwrap()
}

/// Does all that can be done with a frame.
fn check(build: impl FnOnce(&DataFrame) -> DataFrame + Send + 'static, want: &'static [&str]) {
    on_small_stack(move || {
        let df = build(&table());
        assert!(df.logical_plan().unwrap().to_string().len() > PLAN);
        let explain = df.explain().unwrap();
        assert!(explain.to_string().len() > explain.logical.len());
        assert_eq!(rows(&df), want);
    });
}

/// Does all that can be done with a column.
fn check_expr(build: impl FnOnce() -> Expr + Send + 'static, want: &'static [&str]) {
    check(move |df| df.select([build().alias("x")]), want);
}

#[test]
fn deep_sums() {
    check_expr(
        || (0..EXPR).fold(col("a"), |sum, _| sum + 1),
        &["100000", "100001", "100002"],
    );
    check_expr(
        || (0..SHAPE).fold(col("a"), |sum, _| 1 - sum),
        &["0", "1", "2"],
    );
}

#[test]
fn deep_functions_and_conditions() {
    check_expr(
        || (0..SHAPE).fold(col("a"), |x, _| x.abs()),
        &["0", "1", "2"],
    );
    check_expr(
        || (0..SHAPE).fold(col("a"), |x, _| when(col("b")).then(x).otherwise(7i64)),
        &["0", "7", "7"],
    );
    check_expr(
        || (0..SHAPE).fold(col("b"), |x, _| !x),
        &["true", "false", "NULL"],
    );
}

#[test]
fn many_terms() {
    let is = |i: usize| col("a").eq(i as i64);
    check(
        move |df| df.filter((1..=EXPR).map(is).reduce(Expr::or).unwrap()),
        &["1,false", "2,NULL"],
    );
    // The same from the right.
    check(
        move |df| df.filter((1..SHAPE).map(is).reduce(|all, term| term | all).unwrap()),
        &["1,false", "2,NULL"],
    );
    let is_not = |i: usize| (col("a") * 2).neq(i as i64);
    check(
        move |df| df.filter((1..SHAPE).map(is_not).reduce(Expr::and).unwrap()),
        &["0,true"],
    );
}

#[test]
fn long_lists() {
    check(
        |df| df.filter(col("a").is_in(1..EXPR as i64)),
        &["1,false", "2,NULL"],
    );
}

#[test]
fn deep_mixed_plans() {
    let steps = |df: &DataFrame| {
        (0..PLAN / 5).fold(df.clone(), |df, i| {
            df.filter(col("a").neq(i as i64 + 2))
                .with_column("c", col("a") + i as i64)
                .limit(1000)
                .select(["a", "b"])
                .filter(col("a").lt(10))
        })
    };
    check(steps, &["0,true", "1,false"]);
}

#[test]
fn deep_limits() {
    let steps =
        |df: &DataFrame| (0..PLAN).fold(df.clone(), |df, i| df.slice(0, PLAN as u64 - i as u64));
    check(steps, &["0,true"]);
}

#[test]
fn deep_chains_of_computed_columns() {
    let steps =
        |df: &DataFrame| (0..PLAN).fold(df.clone(), |df, _| df.with_column("a", col("a") + 1));
    check(steps, &["10000,true", "10001,false", "10002,NULL"]);
    // Of columns that are used more than once, none is computed in the next. Bounds prove that these
    // do not overflow, each by those of the one before.
    let twice = |df: &DataFrame| {
        let next = || (col("a") + col("a")) % 100;
        let small = df.with_column("a", col("a") % 100);
        (0..PLAN / 10).fold(small, |df, _| df.with_column("a", next()))
    };
    check(move |df| twice(df).filter(col("b")), &["0,true"]);
    let sums = |df: &DataFrame| {
        let sum = || [(col("a").sum() % 100).alias("a")];
        let small = df.with_column("a", col("a") % 100);
        let sums = (0..PLAN / 50).fold(small, |df, _| df.group_by(["b"]).agg(sum()));
        let few = df.filter(col("b")).select(["b"]);
        sums.join(&few, Join::semi().on(["b"])).select(["a", "b"])
    };
    check(sums, &["0,true"]);
    let renames = |df: &DataFrame| {
        (0..PLAN).fold(df.clone(), |df, i| match i % 2 {
            0 => df.rename([("a", "z")]),
            _ => df.rename([("z", "a")]).alias("t"),
        })
    };
    check(renames, &["0,true", "1,false", "2,NULL"]);
}

#[test]
fn many_unions() {
    on_small_stack(|| {
        let df = table();
        let few = df.select(["a"]);
        let all = (0..PLAN).fold(few.clone(), |all, _| all.union(&few));
        assert!(all.explain().unwrap().to_string().len() > PLAN);
        assert_eq!(all.count().unwrap(), 3 * (PLAN as u64 + 1));
        assert_eq!(rows(&all.slice(3 * PLAN as u64, 9)), ["0", "1", "2"]);
        // From the right.
        let all = (0..PLAN / 10).fold(few.clone(), |all, _| few.union(&all));
        assert_eq!(all.count().unwrap(), 3 * (PLAN as u64 / 10 + 1));
        // A union with itself doubles.
        let twice = (0..10).fold(few, |all, _| all.union(&all));
        assert_eq!(twice.count().unwrap(), 3 << 10);
    });
}

#[test]
fn mistakes_deep_down() {
    on_small_stack(|| {
        let deep = (0..SHAPE).fold(col("a"), |sum, _| sum + 1) + col("z");
        let error = table().select([deep]).collect().unwrap_err();
        assert!(
            error.to_string().starts_with("column 'z' not found"),
            "{error}"
        );
        let deep = (0..SHAPE).fold(col("a"), |sum, _| sum + i64::MAX);
        let error = table().select([deep]).collect().unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("overflow: ") && text.len() < 1000,
            "{text}"
        );
        let df = (0..PLAN).fold(table(), |df, _| df.filter(col("a").gt(0)));
        let error = df.filter("nope").collect().unwrap_err();
        assert!(
            error.to_string().starts_with("column 'nope' not found"),
            "{error}"
        );
    });
}
