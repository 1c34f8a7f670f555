//! TPC-H, as a user of the DataFrame API writes it.

use esker_dataframe::prelude::*;

use crate::tables::Tables;
use crate::{Query, Work};

/// All of them.
pub(crate) const QUERIES: &[Query] = &[
    ("q01", Work::Rows(q01)),
    ("q02", Work::Rows(q02)),
    ("q03", Work::Rows(q03)),
    ("q04", Work::Rows(q04)),
    ("q05", Work::Rows(q05)),
    ("q06", Work::Rows(q06)),
    ("q07", Work::Rows(q07)),
    ("q08", Work::Rows(q08)),
    ("q09", Work::Rows(q09)),
    ("q10", Work::Rows(q10)),
    ("q11", Work::Rows(q11)),
    ("q12", Work::Rows(q12)),
    ("q13", Work::Rows(q13)),
    ("q14", Work::Rows(q14)),
    ("q15", Work::Rows(q15)),
    ("q16", Work::Rows(q16)),
    ("q17", Work::Rows(q17)),
    ("q18", Work::Rows(q18)),
    ("q19", Work::Rows(q19)),
    ("q20", Work::Rows(q20)),
    ("q21", Work::Rows(q21)),
    ("q22", Work::Rows(q22)),
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

fn q02(t: &Tables) -> Result<DataFrame> {
    let brass = col("p_size").eq(15) & col("p_type").str().like("%BRASS");
    let region = t.open("region")?.filter(col("r_name").eq("EUROPE"));
    let offers = t
        .open("part")?
        .filter(brass)
        .join(&t.open("partsupp")?, on("p_partkey", "ps_partkey"))
        .join(&t.open("supplier")?, on("ps_suppkey", "s_suppkey"))
        .join(&t.open("nation")?, on("s_nationkey", "n_nationkey"))
        .join(&region, on("n_regionkey", "r_regionkey"));
    let least = offers
        .group_by(["p_partkey"])
        .agg([col("ps_supplycost").min().alias("ps_supplycost")]);
    let order = [
        col("s_acctbal").desc(),
        col("n_name").asc(),
        col("s_name").asc(),
        col("p_partkey").asc(),
    ];
    Ok(offers
        .join(&least, Join::semi().on(["p_partkey", "ps_supplycost"]))
        .select([
            "s_acctbal",
            "s_name",
            "n_name",
            "p_partkey",
            "p_mfgr",
            "s_address",
            "s_phone",
            "s_comment",
        ])
        .top_k(100, order))
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

fn q07(t: &Tables) -> Result<DataFrame> {
    let (france, germany) = ("FRANCE", "GERMANY");
    let nation = |key: &str, name: &str| -> Result<DataFrame> {
        Ok(t.open("nation")?
            .filter(col("n_name").is_in([france, germany]))
            .select([col("n_nationkey").alias(key), col("n_name").alias(name)]))
    };
    let lines = t
        .open("lineitem")?
        .filter(col("l_shipdate").between(date("1995-01-01"), date("1996-12-31")));
    let trade = |from: &str, to: &str| col("supp_nation").eq(from) & col("cust_nation").eq(to);
    Ok(t.open("customer")?
        .join(
            &nation("cust_key", "cust_nation")?,
            on("c_nationkey", "cust_key"),
        )
        .join(&t.open("orders")?, on("c_custkey", "o_custkey"))
        .join(&lines, on("o_orderkey", "l_orderkey"))
        .join(&t.open("supplier")?, on("l_suppkey", "s_suppkey"))
        .join(
            &nation("supp_key", "supp_nation")?,
            on("s_nationkey", "supp_key"),
        )
        .filter(trade(france, germany) | trade(germany, france))
        .select([
            col("supp_nation"),
            col("cust_nation"),
            col("l_shipdate").dt().year().alias("l_year"),
            revenue().alias("volume"),
        ])
        .group_by(["supp_nation", "cust_nation", "l_year"])
        .agg([col("volume").sum().alias("revenue")])
        .sort(["supp_nation", "cust_nation", "l_year"]))
}

fn q08(t: &Tables) -> Result<DataFrame> {
    let part = t
        .open("part")?
        .filter(col("p_type").eq("ECONOMY ANODIZED STEEL"));
    let orders = t
        .open("orders")?
        .filter(col("o_orderdate").between(date("1995-01-01"), date("1996-12-31")));
    let region = t.open("region")?.filter(col("r_name").eq("AMERICA"));
    let customers = t
        .open("customer")?
        .join(&t.open("nation")?, on("c_nationkey", "n_nationkey"))
        .join(&region, on("n_regionkey", "r_regionkey"))
        .select(["c_custkey"]);
    let suppliers = t
        .open("supplier")?
        .join(&t.open("nation")?, on("s_nationkey", "n_nationkey"))
        .select([col("s_suppkey"), col("n_name").alias("nation")]);
    let ours = when(col("nation").eq("BRAZIL"))
        .then(col("volume"))
        .otherwise(0);
    Ok(part
        .join(&t.open("lineitem")?, on("p_partkey", "l_partkey"))
        .join(&orders, on("l_orderkey", "o_orderkey"))
        .join(&customers, on("o_custkey", "c_custkey"))
        .join(&suppliers, on("l_suppkey", "s_suppkey"))
        .select([
            col("o_orderdate").dt().year().alias("o_year"),
            revenue().alias("volume"),
            col("nation"),
        ])
        .group_by(["o_year"])
        .agg([(ours.sum() / col("volume").sum()).alias("mkt_share")])
        .sort(["o_year"]))
}

fn q09(t: &Tables) -> Result<DataFrame> {
    let part = t
        .open("part")?
        .filter(col("p_name").str().contains("green"));
    let supplied = Join::inner()
        .left_on(["l_suppkey", "p_partkey"])
        .right_on(["ps_suppkey", "ps_partkey"]);
    Ok(part
        .join(&t.open("lineitem")?, on("p_partkey", "l_partkey"))
        .join(&t.open("partsupp")?, supplied)
        .join(&t.open("supplier")?, on("l_suppkey", "s_suppkey"))
        .join(&t.open("orders")?, on("l_orderkey", "o_orderkey"))
        .join(&t.open("nation")?, on("s_nationkey", "n_nationkey"))
        .select([
            col("n_name").alias("nation"),
            col("o_orderdate").dt().year().alias("o_year"),
            (revenue() - col("ps_supplycost") * col("l_quantity")).alias("amount"),
        ])
        .group_by(["nation", "o_year"])
        .agg([col("amount").sum().alias("sum_profit")])
        .sort([col("nation").asc(), col("o_year").desc()]))
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

fn q13(t: &Tables) -> Result<DataFrame> {
    let orders = t
        .open("orders")?
        .filter(col("o_comment").str().not_like("%special%requests%"));
    let placed = Join::left().left_on(["c_custkey"]).right_on(["o_custkey"]);
    Ok(t.open("customer")?
        .join(&orders, placed)
        .group_by(["c_custkey"])
        .agg([col("o_orderkey").count().alias("c_count")])
        .group_by(["c_count"])
        .agg([len().alias("custdist")])
        .sort([col("custdist").desc(), col("c_count").desc()]))
}

fn q14(t: &Tables) -> Result<DataFrame> {
    let lines = t
        .open("lineitem")?
        .filter(between("l_shipdate", "1995-09-01", "1995-10-01"));
    let promoted = when(col("p_type").str().like("PROMO%"))
        .then(revenue())
        .otherwise(0);
    let share = lit(100.0) * promoted.sum() / revenue().sum();
    Ok(lines
        .join(&t.open("part")?, on("l_partkey", "p_partkey"))
        .agg([share.alias("promo_revenue")]))
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

fn q16(t: &Tables) -> Result<DataFrame> {
    let wanted = col("p_brand").neq("Brand#45")
        & col("p_type").str().not_like("MEDIUM POLISHED%")
        & col("p_size").is_in([49, 14, 23, 45, 19, 3, 36, 9]);
    let complaints = t
        .open("supplier")?
        .filter(col("s_comment").str().like("%Customer%Complaints%"));
    let not_in = Join::anti().left_on(["ps_suppkey"]).right_on(["s_suppkey"]);
    Ok(t.open("part")?
        .filter(wanted)
        .join(&t.open("partsupp")?, on("p_partkey", "ps_partkey"))
        .join(&complaints, not_in)
        .group_by(["p_brand", "p_type", "p_size"])
        .agg([col("ps_suppkey").n_unique().alias("supplier_cnt")])
        .select(["p_brand", "p_type", "p_size", "supplier_cnt"])
        .sort([
            col("supplier_cnt").desc(),
            col("p_brand").asc(),
            col("p_type").asc(),
            col("p_size").asc(),
        ]))
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

fn q20(t: &Tables) -> Result<DataFrame> {
    let forest = t.open("part")?.filter(col("p_name").str().like("forest%"));
    let shipped = t
        .open("lineitem")?
        .filter(in_1994("l_shipdate"))
        .group_by(["l_partkey", "l_suppkey"])
        .agg([(col("l_quantity").sum() * 0.5).alias("half")]);
    let sold = Join::inner()
        .left_on(["ps_partkey", "ps_suppkey"])
        .right_on(["l_partkey", "l_suppkey"]);
    let surplus = t
        .open("partsupp")?
        .join(
            &forest,
            Join::semi().left_on(["ps_partkey"]).right_on(["p_partkey"]),
        )
        .join(&shipped, sold)
        .filter(col("ps_availqty").gt(col("half")));
    let nation = t.open("nation")?.filter(col("n_name").eq("CANADA"));
    Ok(t.open("supplier")?
        .join(&nation, on("s_nationkey", "n_nationkey"))
        .join(
            &surplus,
            Join::semi().left_on(["s_suppkey"]).right_on(["ps_suppkey"]),
        )
        .select(["s_name", "s_address"])
        .sort(["s_name"]))
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

fn q22(t: &Tables) -> Result<DataFrame> {
    let codes = ["13", "31", "23", "29", "30", "18", "17"];
    let customers = t
        .open("customer")?
        .select([
            col("c_custkey"),
            col("c_phone").str().slice(0, 2).alias("cntrycode"),
            col("c_acctbal"),
        ])
        .filter(col("cntrycode").is_in(codes));
    let mean = customers
        .filter(col("c_acctbal").gt(0.0))
        .agg([col("c_acctbal").mean().alias("mean")]);
    let ordered = Join::anti().left_on(["c_custkey"]).right_on(["o_custkey"]);
    Ok(customers
        .broadcast(&mean)
        .filter(col("c_acctbal").gt(col("mean")))
        .join(&t.open("orders")?, ordered)
        .group_by(["cntrycode"])
        .agg([
            len().alias("numcust"),
            col("c_acctbal").sum().alias("totacctbal"),
        ])
        .sort(["cntrycode"]))
}
