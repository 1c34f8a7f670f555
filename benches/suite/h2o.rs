//! The h2o.ai group-by and join queries.

use esker_dataframe::prelude::*;

use crate::{Query, Tables};

/// The group-by queries that are written.
pub(crate) const GROUP_BY: &[Query] = &[
    ("g01", |ctx, open| {
        Ok(open(ctx, "x")?.group_by(["id1"]).agg([sum("v1")]))
    }),
    ("g02", |ctx, open| {
        Ok(open(ctx, "x")?.group_by(["id1", "id2"]).agg([sum("v1")]))
    }),
    ("g03", |ctx, open| {
        Ok(open(ctx, "x")?
            .group_by(["id3"])
            .agg([sum("v1"), mean("v3")]))
    }),
    ("g04", |ctx, open| {
        let means = [mean("v1"), mean("v2"), mean("v3")];
        Ok(open(ctx, "x")?.group_by(["id4"]).agg(means))
    }),
    ("g05", |ctx, open| {
        let sums = [sum("v1"), sum("v2"), sum("v3")];
        Ok(open(ctx, "x")?.group_by(["id6"]).agg(sums))
    }),
    ("g07", |ctx, open| {
        let range = col("v1").max() - col("v2").min();
        Ok(open(ctx, "x")?.group_by(["id3"]).agg([range.alias("r")]))
    }),
    ("g10", |ctx, open| {
        let keys = ["id1", "id2", "id3", "id4", "id5", "id6"];
        Ok(open(ctx, "x")?
            .group_by(keys)
            .agg([sum("v3"), len().alias("n")]))
    }),
];

/// The join queries that are written: `a` folds the pairs.
pub(crate) const JOIN: &[Query] = &[
    ("j1a", |ctx, open| {
        folded(ctx, open, "small", Join::inner().on(["id1"]))
    }),
    ("j2a", |ctx, open| {
        folded(ctx, open, "medium", Join::inner().on(["id2"]))
    }),
    ("j3a", |ctx, open| {
        folded(ctx, open, "medium", Join::left().on(["id2"]))
    }),
    ("j4a", |ctx, open| {
        folded(ctx, open, "medium", Join::inner().on(["id5"]))
    }),
    ("j5a", |ctx, open| {
        folded(ctx, open, "big", Join::inner().on(["id3"]))
    }),
    ("j1m", |ctx, open| {
        pairs(ctx, open, "small", Join::inner().on(["id1"]))
    }),
    ("j2m", |ctx, open| {
        pairs(ctx, open, "medium", Join::inner().on(["id2"]))
    }),
    ("j3m", |ctx, open| {
        pairs(ctx, open, "medium", Join::left().on(["id2"]))
    }),
    ("j4m", |ctx, open| {
        pairs(ctx, open, "medium", Join::inner().on(["id5"]))
    }),
    ("j5m", |ctx, open| {
        pairs(ctx, open, "big", Join::inner().on(["id3"]))
    }),
];

/// The sum of a column, under its name.
fn sum(column: &str) -> Expr {
    col(column).sum().alias(column)
}

/// The mean of a column, under its name.
fn mean(column: &str) -> Expr {
    col(column).mean().alias(column)
}

/// The pairs of the large table and another.
fn pairs(ctx: &ExecutionContext, open: Tables, right: &str, join: Join) -> Result<DataFrame> {
    Ok(open(ctx, "NA")?.join(&open(ctx, right)?, join.suffix("_r")))
}

/// How many pairs there are, and two sums over them.
fn folded(ctx: &ExecutionContext, open: Tables, right: &str, join: Join) -> Result<DataFrame> {
    let sums = [
        len().alias("n"),
        col("v1").sum().alias("s1"),
        col("v2").sum().alias("s2"),
    ];
    Ok(pairs(ctx, open, right, join)?.agg(sums))
}
