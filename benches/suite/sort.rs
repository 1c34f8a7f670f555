//! Sorts, the first rows of sorts, and distinct rows.

use esker_dataframe::prelude::*;

use crate::{Query, Work};

/// Those that are written.
pub(crate) const QUERIES: &[Query] = &[
    (
        "s1",
        Work::Rows(|t| Ok(t.open("lineitem")?.sort(["l_shipdate", "l_extendedprice"]))),
    ),
    (
        "s2",
        Work::Rows(|t| {
            let columns = [
                "l_orderkey",
                "l_partkey",
                "l_suppkey",
                "l_shipdate",
                "l_extendedprice",
            ];
            let keys = [col("l_shipdate").desc(), col("l_extendedprice").asc()];
            Ok(t.open("lineitem")?.select(columns).sort(keys))
        }),
    ),
    (
        "s3",
        Work::Rows(|t| {
            let columns = ["l_comment", "l_orderkey"];
            Ok(t.open("lineitem")?.select(columns).sort(columns))
        }),
    ),
    (
        "s4",
        Work::Rows(|t| Ok(t.open("jx")?.select(["id3", "v1"]).sort(["id3"]))),
    ),
    (
        "s5",
        Work::Rows(|t| {
            let columns = [
                "l_orderkey",
                "l_linenumber",
                "l_extendedprice",
                "l_shipmode",
                "l_comment",
            ];
            let keys = [
                col("l_extendedprice").desc(),
                col("l_orderkey").asc(),
                col("l_linenumber").asc(),
            ];
            Ok(t.open("lineitem")?.select(columns).top_k(10, keys))
        }),
    ),
    (
        "s6",
        Work::Rows(|t| {
            let columns = ["l_comment", "l_orderkey", "l_linenumber"];
            Ok(t.open("lineitem")?.select(columns).top_k(100, columns))
        }),
    ),
    (
        "s7",
        Work::Rows(|t| {
            Ok(t.open("lineitem")?
                .select(["l_partkey", "l_suppkey"])
                .distinct())
        }),
    ),
    (
        "s8",
        Work::Rows(|t| {
            Ok(t.open("lineitem")?
                .agg([col("l_comment").n_unique().alias("n")]))
        }),
    ),
];
