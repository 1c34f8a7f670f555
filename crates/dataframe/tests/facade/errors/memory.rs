//! What does not fit into memory ends its query, and nothing else.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use esker_dataframe::prelude::*;

use crate::{batch, eventually, ints, rows};

const ROWS: i64 = 64 << 10;
const BATCHES: i64 = 8;

/// 64 MiB of texts, each a kilobyte and there once, in batches of 8 MiB.
fn texts(ctx: &ExecutionContext) -> DataFrame {
    let batches = (0..BATCHES).map(|at| {
        let ids = at * ROWS / BATCHES..(at + 1) * ROWS / BATCHES;
        let texts = ids.clone().map(|id| format!("{id:01000}"));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        batch([("id", ints(ids)), ("text", texts)])
    });
    ctx.from_batches(batches).unwrap()
}

/// The query ends with an error that names the operator and what it holds; then the context works
/// on.
fn check(of: impl Fn(&DataFrame) -> DataFrame, operator: &str) {
    let ctx = ExecutionContext::builder().threads(2);
    let ctx = ctx.memory_limit(50_000_000).build().unwrap();
    let df = texts(&ctx);
    let error = of(&df).collect().unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::ResourcesExhausted { .. }),
        "{error}"
    );
    let text = error.to_string();
    let start = format!("memory limit reached: {operator} holds ");
    assert!(text.starts_with(&start), "{text}");
    assert!(text.contains(" of 47.7 MiB are in use"), "{text}");
    assert!(error.call().is_some(), "{text}");
    eventually("all memory is given back", || ctx.memory().used() == 0);
    let few = of(&df
        .filter(col("id").lt(3))
        .select([col("id"), col("id").alias("text")]));
    assert_eq!(few.count().unwrap(), 3);
    assert_eq!(rows(&df.agg([len()])), [ROWS.to_string()]);
}

#[test]
fn groups_that_do_not_fit() {
    check(|df| df.group_by(["text"]).agg([len()]), "HashAggregateExec");
}

#[test]
fn values_of_groups_that_do_not_fit() {
    check(
        |df| df.group_by(["id"]).agg([col("text").max()]),
        "HashAggregateExec",
    );
}

#[test]
fn a_join_that_does_not_fit() {
    check(|df| df.join(df, Join::inner().on(["id"])), "HashJoinExec");
}

#[test]
fn a_sort_that_does_not_fit() {
    check(|df| df.sort([col("id").desc()]), "SortExec");
}

#[test]
fn duplicates_that_do_not_fit() {
    check(|df| df.distinct(), "DistinctExec");
}
