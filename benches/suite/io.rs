//! Reading and writing whole files: Parquet, and the CSV files of the suite of that name.

use std::path::Path;

use esker_dataframe::WriteSummary;
use esker_dataframe::prelude::*;

use crate::tpch::{in_1994, revenue};
use crate::{Query, Work};

/// Those over Parquet that are written.
pub(crate) const QUERIES: &[Query] = &[
    (
        "i1",
        Work::Rows(|t| Ok(t.open("lineitem")?.agg([len().alias("n")]))),
    ),
    (
        "i2",
        Work::Rows(|t| {
            let columns = [
                "l_orderkey",
                "l_partkey",
                "l_suppkey",
                "l_linenumber",
                "l_quantity",
                "l_extendedprice",
                "l_discount",
                "l_tax",
            ];
            let sums = columns.map(|name| col(name).sum().alias(format!("s_{name}")));
            Ok(t.open("lineitem")?.agg(sums))
        }),
    ),
    (
        "i3",
        Work::Rows(|t| {
            let sum = |column: &str| col(column).str().len_chars().sum();
            Ok(t.open("lineitem")?.agg([
                sum("l_shipmode").alias("a"),
                sum("l_shipinstruct").alias("b"),
                sum("l_returnflag").alias("d"),
            ]))
        }),
    ),
    (
        "i4",
        Work::Rows(|t| {
            let lengths = col("l_comment").str().len_chars();
            Ok(t.open("lineitem")?.agg([lengths.sum().alias("a")]))
        }),
    ),
    ("i5", Work::Rows(|t| t.open("lineitem"))),
    (
        "i6",
        Work::Rows(|t| Ok(t.open("lineitem")?.filter(col("l_orderkey").eq(3_000_001)))),
    ),
    (
        "i7",
        Work::Rows(|t| {
            Ok(t.open("lineitem")?
                .filter(col("l_partkey").between(1000, 3000)))
        }),
    ),
    ("i9", Work::File("parquet", |t| t.open("lineitem"), zstd)),
    ("i10", Work::File("parquet", |t| t.open("lineitem"), snappy)),
];

/// Those over CSV that are written.
pub(crate) const CSV: &[Query] = &[
    (
        "v1",
        Work::Rows(|t| {
            let lines = t
                .open("lineitem")?
                .group_by(["l_returnflag", "l_linestatus"]);
            Ok(lines.agg([
                col("l_quantity").sum().alias("a"),
                revenue().sum().alias("b"),
                len().alias("n"),
            ]))
        }),
    ),
    (
        "v2",
        Work::Rows(|t| {
            let product = col("l_extendedprice") * col("l_discount");
            let lines = t.open("lineitem")?.filter(in_1994("l_shipdate"));
            Ok(lines.agg([product.sum().alias("r"), len().alias("n")]))
        }),
    ),
    (
        "v3",
        Work::Rows(|t| Ok(t.open("lineitem")?.agg([len().alias("n")]))),
    ),
    ("v4", Work::Rows(|t| t.open("lineitem"))),
    ("v5", Work::File("parquet", |t| t.open("lineitem"), zstd)),
    (
        "v6",
        Work::Rows(|t| {
            let mailed = t.open("lineitem")?.filter(col("l_shipmode").eq("MAIL"));
            let on = Join::inner()
                .left_on(["o_orderkey"])
                .right_on(["l_orderkey"]);
            let lines = t
                .open("orders")?
                .join(&mailed, on)
                .group_by(["o_orderpriority"]);
            Ok(lines.agg([len().alias("n"), col("l_extendedprice").sum().alias("s")]))
        }),
    ),
    (
        "v7",
        Work::Rows(|t| {
            let groups = t.open("g1")?.group_by(["id3"]);
            Ok(groups.agg([col("v1").sum().alias("v1"), col("v3").mean().alias("v3")]))
        }),
    ),
];

fn zstd(frame: &DataFrame, path: &Path) -> Result<WriteSummary> {
    write(frame, path, ParquetCompression::Zstd)
}

fn snappy(frame: &DataFrame, path: &Path) -> Result<WriteSummary> {
    write(frame, path, ParquetCompression::Snappy)
}

fn write(frame: &DataFrame, path: &Path, compression: ParquetCompression) -> Result<WriteSummary> {
    let options = ParquetWriteOptions::default().with_compression(compression);
    frame.write_parquet_with(path, options)
}
