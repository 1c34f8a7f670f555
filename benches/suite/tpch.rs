//! TPC-H, as a user of the DataFrame API writes it.

use esker_dataframe::prelude::*;

use crate::tables::Tables;
use crate::{Query, Work};

/// Those that are written.
pub(crate) const QUERIES: &[Query] = &[
    ("q01", Work::Rows(q01)),
    ("q03", Work::Rows(q03)),
    ("q04", Work::Rows(q04)),
    ("q05", Work::Rows(q05)),
    ("q06", Work::Rows(q06)),
    ("q10", Work::Rows(q10)),
    ("q11", Work::Rows(q11)),
    ("q12", Work::Rows(q12)),
    ("q15", Work::Rows(q15)),
    ("q17", Work::Rows(q17)),
    ("q18", Work::Rows(q18)),
    ("q19", Work::Rows(q19)),
    ("q21", Work::Rows(q21)),
];

/// A day, such as `1994-01-01`.
pub(crate) fn date(day: &str) -> Expr {
    lit(day).cast(DataType::Date32)
}

/// What is paid for a line of an order.
pub(crate) fn revenue() -> Expr {
    col("l_extendedprice") * (1 - col("l_discount"))
}

/// Whether a day is one of these, the last one not.
fn between(day: &str, first: &str, end: &str) -> Expr {
    col(day).gt_eq(date(first)) & col(day).lt(date(end))
}

/// Whether a day lies in 1994.
pub(crate) fn in_1994(day: &str) -> Expr {
    between(day, "1994-01-01", "1995-01-01")
}

/// An inner join of a column with another.
fn on(left: &str, right: &str) -> Join {
    Join::inner().left_on([left]).right_on([right])
}

fn q01(t: &Tables) -> Result<DataFrame> {
    Ok(t.open("lineitem")?
        .filter(col("l_shipdate").lt_eq(date("1998-09-02")))
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

fn q03(t: &Tables) -> Result<DataFrame> {
    let day = || date("1995-03-15");
    let customers = t
        .open("customer")?
        .filter(col("c_mktsegment").eq("BUILDING"));
    let orders = t.open("orders")?.filter(col("o_orderdate").lt(day()));
    let lines = t.open("lineitem")?.filter(col("l_shipdate").gt(day()));
    Ok(customers
        .join(&orders, on("c_custkey", "o_custkey"))
        .join(&lines, on("o_orderkey", "l_orderkey"))
        .group_by(["o_orderkey", "o_orderdate", "o_shippriority"])
        .agg([revenue().sum().alias("revenue")])
        .select(["o_orderkey", "revenue", "o_orderdate", "o_shippriority"])
        .top_k(10, [col("revenue").desc(), col("o_orderdate").asc()]))
}

fn q04(t: &Tables) -> Result<DataFrame> {
    let late = t
        .open("lineitem")?
        .filter(col("l_commitdate").lt(col("l_receiptdate")));
    let exists = Join::semi()
        .left_on(["o_orderkey"])
        .right_on(["l_orderkey"]);
    Ok(t.open("orders")?
        .filter(between("o_orderdate", "1993-07-01", "1993-10-01"))
        .join(&late, exists)
        .group_by(["o_orderpriority"])
        .agg([len().alias("order_count")])
        .sort(["o_orderpriority"]))
}

fn q05(t: &Tables) -> Result<DataFrame> {
    let orders = t.open("orders")?.filter(in_1994("o_orderdate"));
    let supplied = Join::inner()
        .left_on(["l_suppkey", "n_nationkey"])
        .right_on(["s_suppkey", "s_nationkey"]);
    Ok(t.open("region")?
        .filter(col("r_name").eq("ASIA"))
        .join(&t.open("nation")?, on("r_regionkey", "n_regionkey"))
        .join(&t.open("customer")?, on("n_nationkey", "c_nationkey"))
        .join(&orders, on("c_custkey", "o_custkey"))
        .join(&t.open("lineitem")?, on("o_orderkey", "l_orderkey"))
        .join(&t.open("supplier")?, supplied)
        .group_by(["n_name"])
        .agg([revenue().sum().alias("revenue")])
        .sort([col("revenue").desc()]))
}

fn q06(t: &Tables) -> Result<DataFrame> {
    let wanted =
        in_1994("l_shipdate") & col("l_discount").between(0.05, 0.07) & col("l_quantity").lt(24);
    Ok(t.open("lineitem")?
        .filter(wanted)
        .agg([(col("l_extendedprice") * col("l_discount"))
            .sum()
            .alias("revenue")]))
}

fn q10(t: &Tables) -> Result<DataFrame> {
    let orders = t
        .open("orders")?
        .filter(between("o_orderdate", "1993-10-01", "1994-01-01"));
    let returned = t.open("lineitem")?.filter(col("l_returnflag").eq("R"));
    let keys = [
        "c_custkey",
        "c_name",
        "c_acctbal",
        "c_phone",
        "n_name",
        "c_address",
        "c_comment",
    ];
    let columns = [
        "c_custkey",
        "c_name",
        "revenue",
        "c_acctbal",
        "n_name",
        "c_address",
        "c_phone",
        "c_comment",
    ];
    Ok(t.open("customer")?
        .join(&orders, on("c_custkey", "o_custkey"))
        .join(&returned, on("o_orderkey", "l_orderkey"))
        .join(&t.open("nation")?, on("c_nationkey", "n_nationkey"))
        .group_by(keys)
        .agg([revenue().sum().alias("revenue")])
        .select(columns)
        .top_k(20, [col("revenue").desc()]))
}

fn q11(t: &Tables) -> Result<DataFrame> {
    let nation = t.open("nation")?.filter(col("n_name").eq("GERMANY"));
    let stock = t
        .open("partsupp")?
        .join(&t.open("supplier")?, on("ps_suppkey", "s_suppkey"))
        .join(&nation, on("s_nationkey", "n_nationkey"));
    let value = || (col("ps_supplycost") * col("ps_availqty")).sum();
    let least = stock.agg([(value() * (0.0001 / t.scale())).alias("least")]);
    Ok(stock
        .group_by(["ps_partkey"])
        .agg([value().alias("val")])
        .broadcast(&least)
        .filter(col("val").gt(col("least")))
        .select(["ps_partkey", "val"])
        .sort([col("val").desc()]))
}

fn q12(t: &Tables) -> Result<DataFrame> {
    let wanted = col("l_shipmode").is_in(["MAIL", "SHIP"])
        & col("l_commitdate").lt(col("l_receiptdate"))
        & col("l_shipdate").lt(col("l_commitdate"))
        & in_1994("l_receiptdate");
    let high = || col("o_orderpriority").is_in(["1-URGENT", "2-HIGH"]);
    Ok(t.open("orders")?
        .join(
            &t.open("lineitem")?.filter(wanted),
            on("o_orderkey", "l_orderkey"),
        )
        .group_by(["l_shipmode"])
        .agg([
            when(high())
                .then(1)
                .otherwise(0)
                .sum()
                .alias("high_line_count"),
            when(high())
                .then(0)
                .otherwise(1)
                .sum()
                .alias("low_line_count"),
        ])
        .sort(["l_shipmode"]))
}

fn q15(t: &Tables) -> Result<DataFrame> {
    let sold = t
        .open("lineitem")?
        .filter(between("l_shipdate", "1996-01-01", "1996-04-01"))
        .group_by(["l_suppkey"])
        .agg([revenue().sum().alias("total_revenue")]);
    let most = sold.agg([col("total_revenue").max().alias("most")]);
    let best = sold
        .broadcast(&most)
        .filter(col("total_revenue").eq(col("most")));
    Ok(t.open("supplier")?
        .join(&best, on("s_suppkey", "l_suppkey"))
        .select([
            "s_suppkey",
            "s_name",
            "s_address",
            "s_phone",
            "total_revenue",
        ])
        .sort(["s_suppkey"]))
}

fn q17(t: &Tables) -> Result<DataFrame> {
    let wanted = col("p_brand").eq("Brand#23") & col("p_container").eq("MED BOX");
    let lines = t
        .open("part")?
        .filter(wanted)
        .join(&t.open("lineitem")?, on("p_partkey", "l_partkey"));
    let small = lines
        .group_by(["p_partkey"])
        .agg([(col("l_quantity").mean() * 0.2).alias("small")]);
    Ok(lines
        .join(&small, Join::inner().on(["p_partkey"]))
        .filter(col("l_quantity").lt(col("small")))
        .agg([(col("l_extendedprice").sum() / 7.0).alias("avg_yearly")]))
}

fn q18(t: &Tables) -> Result<DataFrame> {
    let large = t
        .open("lineitem")?
        .group_by(["l_orderkey"])
        .agg([col("l_quantity").sum().alias("quantity")])
        .filter(col("quantity").gt(300));
    Ok(t.open("customer")?
        .join(&t.open("orders")?, on("c_custkey", "o_custkey"))
        .join(&large, on("o_orderkey", "l_orderkey"))
        .select([
            "c_name",
            "c_custkey",
            "o_orderkey",
            "o_orderdate",
            "o_totalprice",
            "quantity",
        ])
        .top_k(100, [col("o_totalprice").desc(), col("o_orderdate").asc()]))
}

fn q19(t: &Tables) -> Result<DataFrame> {
    let kind = |brand: &str, containers: [&str; 4], least: i64, size: i64| {
        col("p_brand").eq(brand)
            & col("p_container").is_in(containers)
            & col("l_quantity").between(least, least + 10)
            & col("p_size").between(1, size)
    };
    let wanted = kind("Brand#12", ["SM CASE", "SM BOX", "SM PACK", "SM PKG"], 1, 5)
        | kind(
            "Brand#23",
            ["MED BAG", "MED BOX", "MED PKG", "MED PACK"],
            10,
            10,
        )
        | kind(
            "Brand#34",
            ["LG CASE", "LG BOX", "LG PACK", "LG PKG"],
            20,
            15,
        );
    let shipped =
        col("l_shipmode").is_in(["AIR", "AIR REG"]) & col("l_shipinstruct").eq("DELIVER IN PERSON");
    Ok(t.open("part")?
        .join(
            &t.open("lineitem")?.filter(shipped),
            on("p_partkey", "l_partkey"),
        )
        .filter(wanted)
        .agg([revenue().sum().alias("revenue")]))
}

fn q21(t: &Tables) -> Result<DataFrame> {
    let lines = t.open("lineitem")?;
    let late = lines.filter(col("l_receiptdate").gt(col("l_commitdate")));
    let suppliers = |lines: &DataFrame| {
        let suppliers = col("l_suppkey").n_unique().alias("suppliers");
        lines.group_by(["l_orderkey"]).agg([suppliers])
    };
    // Orders of several suppliers, of whom one alone was late.
    let several = suppliers(&lines).filter(col("suppliers").gt(1));
    let alone = suppliers(&late).filter(col("suppliers").eq(1));
    let semi = || Join::semi().on(["l_orderkey"]);
    let nation = t.open("nation")?.filter(col("n_name").eq("SAUDI ARABIA"));
    let orders = t.open("orders")?.filter(col("o_orderstatus").eq("F"));
    Ok(late
        .join(&several, semi())
        .join(&alone, semi())
        .join(&orders, on("l_orderkey", "o_orderkey"))
        .join(&t.open("supplier")?, on("l_suppkey", "s_suppkey"))
        .join(&nation, on("s_nationkey", "n_nationkey"))
        .group_by(["s_name"])
        .agg([len().alias("numwait")])
        .top_k(100, [col("numwait").desc(), col("s_name").asc()]))
}
