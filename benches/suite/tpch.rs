//! TPC-H, as a user of the DataFrame API writes it.

use esker_dataframe::prelude::*;

use crate::{Query, Tables};

/// Those that are written.
pub(crate) const QUERIES: &[Query] = &[("q01", q01), ("q03", q03), ("q05", q05), ("q06", q06)];

/// A day as a literal.
fn date(days_since_1970: i32) -> Expr {
    lit(ScalarValue::date(days_since_1970))
}

/// 1994-01-01.
const YEAR_1994: i32 = 8766;
/// 1995-01-01.
const YEAR_1995: i32 = 9131;
/// 1995-03-15.
const MARCH_15_1995: i32 = 9204;
/// 1998-09-02.
const SEPTEMBER_2_1998: i32 = 10471;

/// What is paid for a line of an order.
fn revenue() -> Expr {
    col("l_extendedprice") * (1 - col("l_discount"))
}

/// Whether a day lies in 1994.
fn in_1994(day: &str) -> Expr {
    col(day).gt_eq(date(YEAR_1994)) & col(day).lt(date(YEAR_1995))
}

fn q01(ctx: &ExecutionContext, open: Tables) -> Result<DataFrame> {
    Ok(open(ctx, "lineitem")?
        .filter(col("l_shipdate").lt_eq(date(SEPTEMBER_2_1998)))
        .group_by(["l_returnflag", "l_linestatus"])
        .agg([
            col("l_quantity").sum().alias("sum_qty"),
            col("l_extendedprice").sum().alias("sum_base_price"),
            revenue().sum().alias("sum_disc_price"),
            (revenue() * (1 + col("l_tax"))).sum().alias("sum_charge"),
            col("l_quantity").mean().alias("avg_qty"),
            col("l_extendedprice").mean().alias("avg_price"),
            col("l_discount").mean().alias("avg_disc"),
            len().alias("count_order"),
        ])
        .sort(["l_returnflag", "l_linestatus"]))
}

fn q03(ctx: &ExecutionContext, open: Tables) -> Result<DataFrame> {
    let customers = open(ctx, "customer")?.filter(col("c_mktsegment").eq("BUILDING"));
    let orders = open(ctx, "orders")?.filter(col("o_orderdate").lt(date(MARCH_15_1995)));
    let lines = open(ctx, "lineitem")?.filter(col("l_shipdate").gt(date(MARCH_15_1995)));
    Ok(customers
        .join(
            &orders,
            Join::inner().left_on(["c_custkey"]).right_on(["o_custkey"]),
        )
        .join(
            &lines,
            Join::inner()
                .left_on(["o_orderkey"])
                .right_on(["l_orderkey"]),
        )
        .group_by(["o_orderkey", "o_orderdate", "o_shippriority"])
        .agg([revenue().sum().alias("revenue")])
        .select(["o_orderkey", "revenue", "o_orderdate", "o_shippriority"])
        .top_k(10, [col("revenue").desc(), col("o_orderdate").asc()]))
}

fn q05(ctx: &ExecutionContext, open: Tables) -> Result<DataFrame> {
    let orders = open(ctx, "orders")?.filter(in_1994("o_orderdate"));
    let supplied = Join::inner()
        .left_on(["l_suppkey", "n_nationkey"])
        .right_on(["s_suppkey", "s_nationkey"]);
    Ok(open(ctx, "region")?
        .filter(col("r_name").eq("ASIA"))
        .join(
            &open(ctx, "nation")?,
            Join::inner()
                .left_on(["r_regionkey"])
                .right_on(["n_regionkey"]),
        )
        .join(
            &open(ctx, "customer")?,
            Join::inner()
                .left_on(["n_nationkey"])
                .right_on(["c_nationkey"]),
        )
        .join(
            &orders,
            Join::inner().left_on(["c_custkey"]).right_on(["o_custkey"]),
        )
        .join(
            &open(ctx, "lineitem")?,
            Join::inner()
                .left_on(["o_orderkey"])
                .right_on(["l_orderkey"]),
        )
        .join(&open(ctx, "supplier")?, supplied)
        .group_by(["n_name"])
        .agg([revenue().sum().alias("revenue")])
        .sort([col("revenue").desc()]))
}

fn q06(ctx: &ExecutionContext, open: Tables) -> Result<DataFrame> {
    let wanted =
        in_1994("l_shipdate") & col("l_discount").between(0.05, 0.07) & col("l_quantity").lt(24);
    Ok(open(ctx, "lineitem")?
        .filter(wanted)
        .agg([(col("l_extendedprice") * col("l_discount"))
            .sum()
            .alias("revenue")]))
}
