//! Parquet files: the same answers as the same rows in memory, whatever the settings.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int8Array, Int64Array, RecordBatch, StringViewArray,
};
use esker_dataframe::FileSet;
use esker_dataframe::prelude::*;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::settings::every_setting;
use crate::{batch, context, names, row_set, rows};

/// Keys that repeat with gaps, texts of few values and of many, floats with all that floats have.
fn sales() -> RecordBatch {
    let ids = (0..97i64).map(|row| (row % 9 != 8).then_some(row / 3));
    let regions = ["north", "south", "east", "a region with a longer name"];
    // Row groups of 10 rows know different regions, in different orders.
    let regions =
        (0..97).map(|row: usize| (row % 7 != 6).then(|| regions[(row / 5 + row % 2) % 4]));
    let notes = (0..97).map(|row| format!("note {}", row * 7919 % 97));
    let floats = [1.5, f64::NAN, -0.0, 0.0, -2.0, f64::INFINITY];
    let amounts = (0..97).map(|row: usize| (row % 11 != 10).then(|| floats[row % 6]));
    let prices = Decimal128Array::from_iter_values((0..97).map(|row| row * 125));
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(ids.collect::<Int64Array>())),
        ("region", Arc::new(regions.collect::<StringViewArray>())),
        ("note", Arc::new(StringViewArray::from_iter_values(notes))),
        ("amount", Arc::new(amounts.collect::<Float64Array>())),
        (
            "price",
            Arc::new(prices.with_precision_and_scale(12, 2).unwrap()),
        ),
    ];
    batch(columns)
}

/// A folder with the rows in two files of small row groups.
fn folder(rows: &RecordBatch, blooms: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (rows.slice(0, 45), rows.slice(45, rows.num_rows() - 45));
    for (name, part) in [("1.parquet", first), ("2.parquet", second)] {
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(10))
            .set_data_page_row_count_limit(3)
            .set_write_batch_size(3)
            .set_bloom_filter_enabled(blooms)
            .build();
        let mut writer = ArrowWriter::try_new(file, part.schema(), Some(properties)).unwrap();
        writer.write(&part).unwrap();
        writer.close().unwrap();
    }
    folder
}

/// What is asked of the frames, and whether the answer has an order.
fn queries(df: &DataFrame) -> Vec<(DataFrame, bool)> {
    let by_region = df.group_by(["region"]).agg([
        len(),
        col("price").sum().alias("total"),
        col("amount").max().alias("most"),
    ]);
    let north = df.filter(col("region").eq("north"));
    let few = df.filter(col("note").eq("note 7").or(col("id").eq(20)));
    vec![
        (df.clone(), true),
        (north.clone(), true),
        (
            few.select([col("note"), (col("price") * 2).alias("double")]),
            true,
        ),
        (
            df.filter(col("amount").gt(1)).select(["id", "amount"]),
            true,
        ),
        (df.filter(col("amount").eq(0)).select(["note"]), true),
        (
            df.filter(col("id").lt(5))
                .filter(col("region").neq("south")),
            true,
        ),
        (df.filter(col("region").is_null()).limit(4), true),
        (df.filter(col("id").gt(1000)), true),
        (df.limit(13).select(["region"]), true),
        (df.sort([col("region"), col("note")]).limit(9), true),
        (by_region.clone(), false),
        (df.select(["region"]).distinct(), false),
        (
            by_region.join(
                &north.select(["region", "note"]),
                Join::inner().on(["region"]),
            ),
            false,
        ),
    ]
}

#[test]
fn answers_are_those_of_the_rows_in_memory() {
    let sales = sales();
    for (blooms, ctx) in [false, true].into_iter().cycle().zip(every_setting()) {
        let folder = folder(&sales, blooms);
        // Decimals are as wide as they are stored: compare as text.
        let wanted = queries(&ctx.from_batches([sales.clone()]).unwrap());
        let default = ParquetOptions::default;
        for options in [
            default(),
            default().with_split_rows(4),
            default().with_prune(false).with_dictionaries(false),
        ] {
            let df = ctx.parquet_with(folder.path(), options).unwrap();
            for ((found, ordered), (wanted, _)) in queries(&df).iter().zip(&wanted) {
                let read = if *ordered { rows } else { row_set };
                assert_eq!(read(found), read(wanted), "{found:?}");
            }
        }
    }
}

/// The few keys of the one side tell the scan of the other which rows have a partner.
#[test]
fn joins_drop_no_row_that_matters() {
    let sales = sales();
    let folder = folder(&sales, false);
    let keys = |keys: Vec<Option<i64>>| {
        let texts = (0..keys.len()).map(|n| format!("key {n}"));
        let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
        batch([
            ("id", Arc::new(Int64Array::from(keys)) as ArrayRef),
            ("key", texts),
        ])
    };
    let few = keys(vec![
        Some(31),
        None,
        Some(3),
        Some(20),
        Some(31),
        Some(-70),
        Some(4000),
    ]);
    for few in [few, keys(vec![Some(7)]), keys(vec![])] {
        for ctx in every_setting() {
            let files = ctx.parquet(folder.path()).unwrap();
            let memory = ctx.from_batches([sales.clone()]).unwrap();
            let few = ctx.from_batches([few.clone()]).unwrap();
            let all = |table: &DataFrame| -> Vec<DataFrame> {
                let halves = table.select([col("id"), col("note"), (col("id") * 2).alias("twice")]);
                let kinds = [
                    Join::inner,
                    Join::left,
                    Join::right,
                    Join::full,
                    Join::semi,
                    Join::anti,
                ];
                let mut joins = Vec::new();
                for kind in kinds {
                    joins.push(table.join(&few, kind().on(["id"])));
                    joins.push(few.join(table, kind().on(["id"])));
                    joins.push(
                        halves
                            .filter(col("note").gt("note 5"))
                            .join(&few, kind().on(["id"])),
                    );
                    // A join between, and a limit, which filters must not pass.
                    let between = halves.join(&few.alias("f"), kind().on(["id"]));
                    joins.push(between.select(["id"]).join(&few, Join::semi().on(["id"])));
                    let limited = table.sort([col("note")]).limit(20);
                    joins.push(limited.join(&few, kind().on(["id"])));
                    // Groups by the key are dropped whole; the first rows of others must stay.
                    let groups = table
                        .group_by(["id", "region"])
                        .agg([len().alias("n"), col("amount").max().alias("most")]);
                    joins.push(groups.join(&few, kind().on(["id"])));
                    joins.push(few.join(&groups.filter(col("n").gt(0)), kind().on(["id"])));
                    let first = table.distinct_on(["region"]).select(["id"]);
                    joins.push(first.join(&few, kind().on(["id"])));
                    let kinds = halves.select(["twice", "id"]).distinct();
                    joins.push(kinds.join(&few, kind().on(["id"])));
                    // Two keys, each of which is asked for on its own.
                    let pairs = few.select([col("id"), (col("id") * 2).alias("twice"), col("key")]);
                    joins.push(halves.join(&pairs, kind().on(["id", "twice"])));
                    joins.push(kinds.join(&pairs, kind().on(["twice", "id"])));
                }
                joins
            };
            for (found, wanted) in all(&files).iter().zip(&all(&memory)) {
                assert_eq!(row_set(found), row_set(wanted), "{found:?}");
            }
        }
    }
}

#[test]
fn joins_leave_row_groups_out() {
    let folder = folder(&sales(), false);
    let pruned = |on: bool, of: &dyn Fn(DataFrame) -> DataFrame| {
        let builder = ExecutionContext::builder().threads(2).runtime_filters(on);
        let ctx = builder.build().unwrap();
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![3, 17]));
        let columns = [("id", Arc::clone(&ids)), ("twin", ids)];
        let few = ctx.from_batches([batch(columns)]).unwrap();
        let sales = of(ctx.parquet(folder.path()).unwrap());
        let on = match sales.schema().unwrap().fields().len() {
            1 => vec!["id"],
            _ => vec!["id", "twin"],
        };
        let joined = sales.join(&few, Join::semi().on(on));
        let text = joined.explain_analyze().unwrap().to_string();
        let (_, rest) = text.split_once("pruned=").unwrap();
        (rest.split(',').next().unwrap().to_owned(), text)
    };
    let id = |sales: DataFrame| sales.select(["id"]);
    let (none, text) = pruned(false, &id);
    assert!(none == "0" && !text.contains("filters probe"), "{text}");
    let two = |sales: DataFrame| sales.select([col("id"), col("id").alias("twin")]);
    // Those of groups, which are made in a pipeline of their own, wait for the keys as well.
    let groups = |sales: DataFrame| sales.group_by(["id"]).agg([len().alias("twin")]);
    let kinds = |sales: DataFrame| sales.select(["id"]).distinct();
    // So do those whose sums, and what is computed of them, surely fit: the file says how many rows
    // there are, and of which values.
    let sum =
        |of: Expr| move |sales: DataFrame| sales.group_by(["id"]).agg([of.clone().alias("twin")]);
    let (sums, prices) = (sum(col("id").sum()), sum(col("price").sum() * 2));
    let products = sum((col("id").mean() + col("id").max() * 7 - (col("id") + 1).sum()) * 2.0);
    // One that does not fit is an error, whoever asks for the group.
    let huge = sum((col("id") * (1i64 << 52)).sum());
    let deep = sum(col("id").sum() * (1i64 << 52));
    for of in [&huge as &dyn Fn(DataFrame) -> DataFrame, &deep] {
        let (none, text) = pruned(true, of);
        assert!(none == "0" && !text.contains("filters probe"), "{text}");
    }
    for (of, filtered) in [
        (&id as &dyn Fn(DataFrame) -> DataFrame, "#0"),
        (&two, "#0, #1"),
        (&groups, "#0"),
        (&kinds, "#0"),
        (&sums, "#0"),
        (&prices, "#0"),
        (&products, "#0"),
    ] {
        let (some, text) = pruned(true, of);
        let filters = format!("; filters probe={filtered}");
        assert!(some != "0" && text.contains(&filters), "{text}");
    }
}

/// Rows may be dropped below sums where what is known of the scans proves that these fit: by the
/// number of rows, which a join further down makes unknown, and by the values.
#[test]
fn joins_filter_below_sums_that_fit() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..60).map(|row| row / 2)));
    let small: ArrayRef = Arc::new(Int8Array::from_iter_values((0..60).map(|row| row - 30)));
    let rows = batch([("id", Arc::clone(&ids)), ("small", small)]);
    let few: ArrayRef = Arc::new(Int64Array::from(vec![3, 17]));
    let few = batch([("id", few)]);
    let others = batch([("id", ids)]);
    type Query = fn(DataFrame, DataFrame) -> DataFrame;
    let queries: [(Query, bool); 12] = [
        (|t, _| t.group_by(["id"]).agg([col("small").sum()]), true),
        (|t, _| t.group_by(["id"]).agg([col("small").mean()]), true),
        // Of Int64 nothing but the type is known here.
        (
            |t, _| t.group_by(["id"]).agg([col("id").sum().alias("ids")]),
            false,
        ),
        (
            |t, _| t.group_by(["id"]).agg([col("id").mean().alias("ids")]),
            true,
        ),
        (
            |t, o| {
                t.join(&o, Join::semi().on(["id"]))
                    .group_by(["id"])
                    .agg([col("small").sum()])
            },
            true,
        ),
        // Nobody knows how many rows these have.
        (
            |t, o| {
                t.join(&o, Join::inner().on(["id"]))
                    .group_by(["id"])
                    .agg([col("small").sum()])
            },
            false,
        ),
        (
            |t, o| {
                t.join(&o, Join::left().on(["id"]))
                    .group_by(["id"])
                    .agg([col("small").sum()])
            },
            false,
        ),
        // Sums of sums.
        (
            |t, _| {
                let sums = t
                    .group_by(["id", "small"])
                    .agg([col("small").sum().alias("sum")]);
                sums.group_by(["id"]).agg([col("sum").sum().alias("all")])
            },
            true,
        ),
        (
            |t, _| {
                let sums = t.group_by(["id"]).agg([col("small").sum().alias("sum")]);
                sums.select([col("id"), col("sum") * 1_000_000_000i64])
            },
            true,
        ),
        (
            |t, _| {
                let sums = t.group_by(["id"]).agg([col("small").sum().alias("sum")]);
                sums.select([col("id"), col("sum") * (1i64 << 52)])
            },
            false,
        ),
        (
            |t, _| {
                let wide = col("small").cast(DataType::Int64) * (1i64 << 40);
                t.group_by(["id"]).agg([wide.sum().alias("wide")])
            },
            true,
        ),
        (
            |t, _| {
                let wide = col("small").cast(DataType::Int64) * (1i64 << 51);
                t.group_by(["id"]).agg([wide.sum().alias("wide")])
            },
            false,
        ),
    ];
    for (at, (query, fits)) in queries.into_iter().enumerate() {
        let run = |filters: bool, optimizer: bool| {
            let builder = ExecutionContext::builder().threads(2).optimizer(optimizer);
            let ctx = builder.runtime_filters(filters).build().unwrap();
            let frame = |batch: &RecordBatch| ctx.from_batches([batch.clone()]).unwrap();
            let grouped = query(frame(&rows), frame(&others));
            grouped.join(&frame(&few), Join::semi().on(["id"]))
        };
        let plain = run(false, false);
        let text = run(true, false).explain_analyze().unwrap().to_string();
        let mut joins = text.lines().filter(|line| line.contains("HashJoinExec"));
        let filters = joins.next().unwrap().contains("filters probe");
        assert_eq!(filters, fits, "{at}: {text}");
        for optimizer in [true, false] {
            let found = run(true, optimizer);
            assert_eq!(row_set(&found), row_set(&plain), "{at}: {found:?}");
        }
    }
}

/// What fails above a scan fails whatever a join further up would drop.
#[test]
fn filters_of_joins_hide_no_error() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..40));
    let texts = (0..40).map(|n| {
        if n == 7 {
            "x".to_owned()
        } else {
            n.to_string()
        }
    });
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
    let big = batch([("k", Arc::clone(&ids)), ("t", texts)]);
    let few: ArrayRef = Arc::new(Int64Array::from(vec![0, 39]));
    for on in [true, false] {
        let builder = ExecutionContext::builder().threads(1).runtime_filters(on);
        let ctx = builder.optimizer(false).build().unwrap();
        let frame = |batch: &RecordBatch| ctx.from_batches([batch.clone()]).unwrap();
        let mid = frame(&batch([("i", Arc::clone(&ids))]));
        let keys = Join::inner()
            .left_on([col("t").cast(DataType::Int64)])
            .right_on(["i"]);
        let few = frame(&batch([("k", Arc::clone(&few))]));
        let joined = frame(&big)
            .join(&mid, keys)
            .join(&few, Join::inner().on(["k"]));
        let error = joined.collect().unwrap_err().to_string();
        assert!(error.contains('x'), "{error}");
    }
}

#[test]
fn counting_reads_no_column() {
    let folder = folder(&sales(), false);
    let df = context(2).parquet(folder.path()).unwrap();
    assert_eq!(names(&df), ["id", "region", "note", "amount", "price"]);
    assert_eq!(df.count().unwrap(), 97);
    let text = df.agg([len()]).explain_analyze().unwrap().to_string();
    assert!(text.contains("bytes_read=0"), "{text}");
}

#[test]
fn folders_patterns_and_lists() {
    let sales = sales();
    let folder = folder(&sales, false);
    let root = folder.path();
    let lines = ["id,x\n0,0.5\n", "id,x\n1,1.5\n"];
    std::fs::create_dir(root.join("more")).unwrap();
    std::fs::write(root.join("a.csv"), lines[0]).unwrap();
    std::fs::write(root.join("more/b.csv"), lines[1]).unwrap();
    let ctx = context(2);
    let wanted = rows(&ctx.from_batches([sales]).unwrap().select(["note"]));
    let parts = ["1.parquet", "2.parquet"].map(|name| root.join(name));
    for files in [
        FileSet::from(root),
        root.join("?.parquet").into(),
        root.join("**/*.parquet").into(),
        parts.into(),
    ] {
        let df = ctx.parquet(files).unwrap();
        assert_eq!(rows(&df.select(["note"])), wanted);
    }
    let csv = ctx.csv(root.join("**/*.csv")).unwrap();
    assert_eq!(rows(&csv), ["0,0.5", "1,1.5"]);
    let csv = ctx.csv([root.join("more"), root.join("a.csv")]).unwrap();
    assert_eq!(rows(&csv.filter(col("x").gt(1))), ["1,1.5"]);
}

#[test]
fn errors_name_the_file() {
    let ctx = context(1);
    let error = ctx.parquet("no/such/*.parquet").unwrap_err().to_string();
    assert!(
        error.contains("no file matches 'no/such/*.parquet'") && error.contains("parquet()"),
        "{error}"
    );
    let error = ctx.parquet("no/such/file.parquet").unwrap_err().to_string();
    assert!(
        error.contains("no/such/file.parquet") && error.contains("parquet()"),
        "{error}"
    );
    let csv = crate::fixture("employee.csv");
    let error = ctx.parquet(csv).unwrap_err().to_string();
    assert!(error.contains("employee.csv"), "{error}");
}

#[test]
fn explain_analyze_says_what_was_left_out() {
    let folder = folder(&sales(), false);
    let df = context(2).parquet(folder.path().join("1.parquet")).unwrap();
    let analyzed = df.filter(col("id").lt(3)).explain_analyze().unwrap();
    let text = analyzed.to_string();
    assert!(
        text.contains("row_groups=5, pruned=4, rows_skipped="),
        "{text}"
    );
}
