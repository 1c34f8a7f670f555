//! The h2o.ai group-by and join queries.

use esker_dataframe::prelude::*;

use crate::tables::Tables;
use crate::{Query, Work};

/// The group-by queries that are written.
pub(crate) const GROUP_BY: &[Query] = &[
    (
        "g01",
        Work::Rows(|t| Ok(t.open("x")?.group_by(["id1"]).agg([sum("v1")]))),
    ),
    (
        "g02",
        Work::Rows(|t| Ok(t.open("x")?.group_by(["id1", "id2"]).agg([sum("v1")]))),
    ),
    (
        "g03",
        Work::Rows(|t| Ok(t.open("x")?.group_by(["id3"]).agg([sum("v1"), mean("v3")]))),
    ),
    (
        "g04",
        Work::Rows(|t| {
            let means = [mean("v1"), mean("v2"), mean("v3")];
            Ok(t.open("x")?.group_by(["id4"]).agg(means))
        }),
    ),
    (
        "g05",
        Work::Rows(|t| {
            let sums = [sum("v1"), sum("v2"), sum("v3")];
            Ok(t.open("x")?.group_by(["id6"]).agg(sums))
        }),
    ),
    (
        "g06",
        Work::Rows(|t| {
            let spread = [col("v3").median().alias("m"), col("v3").std().alias("s")];
            Ok(t.open("x")?.group_by(["id4", "id5"]).agg(spread))
        }),
    ),
    (
        "g07",
        Work::Rows(|t| {
            let range = col("v1").max() - col("v2").min();
            Ok(t.open("x")?.group_by(["id3"]).agg([range.alias("r")]))
        }),
    ),
    (
        "g08",
        Work::Rows(|t| {
            let valid = t.open("x")?.filter(col("v3").is_not_null());
            let best = valid
                .group_by(["id6"])
                .agg([col("v3").top_k(2).alias("v3")]);
            Ok(best.explode(["v3"]))
        }),
    ),
    (
        "g09",
        Work::Rows(|t| {
            let r = corr("v1", "v2");
            let squared = (r.clone() * r).alias("r2");
            Ok(t.open("x")?.group_by(["id2", "id4"]).agg([squared]))
        }),
    ),
    (
        "g10",
        Work::Rows(|t| {
            let keys = ["id1", "id2", "id3", "id4", "id5", "id6"];
            Ok(t.open("x")?
                .group_by(keys)
                .agg([sum("v3"), len().alias("n")]))
        }),
    ),
];

/// The join queries that are written: `a` folds the pairs.
pub(crate) const JOIN: &[Query] = &[
    (
        "j1a",
        Work::Rows(|t| folded(t, "small", Join::inner().on(["id1"]))),
    ),
    (
        "j2a",
        Work::Rows(|t| folded(t, "medium", Join::inner().on(["id2"]))),
    ),
    (
        "j3a",
        Work::Rows(|t| folded(t, "medium", Join::left().on(["id2"]))),
    ),
    (
        "j4a",
        Work::Rows(|t| folded(t, "medium", Join::inner().on(["id5"]))),
    ),
    (
        "j5a",
        Work::Rows(|t| folded(t, "big", Join::inner().on(["id3"]))),
    ),
    (
        "j1m",
        Work::Rows(|t| pairs(t, "small", Join::inner().on(["id1"]))),
    ),
    (
        "j2m",
        Work::Rows(|t| pairs(t, "medium", Join::inner().on(["id2"]))),
    ),
    (
        "j3m",
        Work::Rows(|t| pairs(t, "medium", Join::left().on(["id2"]))),
    ),
    (
        "j4m",
        Work::Rows(|t| pairs(t, "medium", Join::inner().on(["id5"]))),
    ),
    (
        "j5m",
        Work::Rows(|t| pairs(t, "big", Join::inner().on(["id3"]))),
    ),
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
fn pairs(t: &Tables, right: &str, join: Join) -> Result<DataFrame> {
    Ok(t.open("NA")?.join(&t.open(right)?, join.suffix("_r")))
}

/// How many pairs there are, and two sums over them.
fn folded(t: &Tables, right: &str, join: Join) -> Result<DataFrame> {
    let sums = [
        len().alias("n"),
        col("v1").sum().alias("s1"),
        col("v2").sum().alias("s2"),
    ];
    Ok(pairs(t, right, join)?.agg(sums))
}
