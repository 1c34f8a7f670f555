//! The first rows of an order, of scans that leave out what comes too late: the rows are those of
//! the whole sort, whatever was read of the others.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int64Array,
    RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray,
};
use esker_dataframe::prelude::*;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::{batch, context, rows};

const ROWS: usize = 240;

/// Numbers without an order, a sixth of them null, many of them more than once.
fn numbers(seed: u64) -> impl Iterator<Item = Option<i64>> + Clone {
    (0..ROWS as u64).map(move |row| {
        let mixed = (row + seed * 1009).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        (!mixed.is_multiple_of(6)).then_some(mixed as i64 % 101 - 50)
    })
}

/// A column of every kind that can be tested by its first key, and one that cannot.
fn table() -> RecordBatch {
    let floats = [f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, -1.5];
    let float = |n: i64| floats.get(n as usize % 40).copied().unwrap_or(n as f64);
    let short = numbers(4).map(|n| n.map(|n| format!("{}", n % 7)));
    let long = numbers(5).map(|n| n.map(|n| format!("the same start, then {n}")));
    let decimals: Decimal128Array = numbers(6).map(|n| n.map(i128::from)).collect();
    let columns: [(&str, ArrayRef); 11] = [
        ("int", Arc::new(numbers(1).collect::<Int64Array>())),
        (
            "byte",
            Arc::new(
                numbers(2)
                    .map(|n| n.map(|n| n as i8 % 4))
                    .collect::<Int8Array>(),
            ),
        ),
        (
            "float",
            Arc::new(numbers(3).map(|n| n.map(float)).collect::<Float64Array>()),
        ),
        ("short", Arc::new(short.collect::<StringViewArray>())),
        ("long", Arc::new(long.collect::<StringArray>())),
        (
            "decimal",
            Arc::new(decimals.with_precision_and_scale(12, 2).unwrap()),
        ),
        (
            "date",
            Arc::new(
                numbers(7)
                    .map(|n| n.map(|n| n as i32))
                    .collect::<Date32Array>(),
            ),
        ),
        (
            "time",
            Arc::new(numbers(8).collect::<TimestampMicrosecondArray>()),
        ),
        (
            "truth",
            Arc::new(
                numbers(9)
                    .map(|n| n.map(|n| n > 0))
                    .collect::<BooleanArray>(),
            ),
        ),
        (
            "none",
            Arc::new((0..ROWS).map(|_| None).collect::<Int64Array>()),
        ),
        (
            "row",
            Arc::new(Int64Array::from_iter_values(0..ROWS as i64)),
        ),
    ];
    batch(columns)
}

/// A file of row groups of `group` rows.
fn write(table: &RecordBatch, group: usize, statistics: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("t.parquet")).unwrap();
    let statistics = match statistics {
        true => EnabledStatistics::Page,
        false => EnabledStatistics::None,
    };
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group))
        .set_data_page_row_count_limit(5)
        .set_write_batch_size(5)
        .set_statistics_enabled(statistics)
        .build();
    let mut writer = ArrowWriter::try_new(file, table.schema(), Some(properties)).unwrap();
    writer.write(table).unwrap();
    writer.close().unwrap();
    folder
}

fn setting(threads: usize, filters: bool) -> ExecutionContext {
    let builder = ExecutionContext::builder().threads(threads);
    let builder = builder.batch_size(7).runtime_filters(filters);
    builder.build().unwrap()
}

/// Every direction and place of nulls.
fn orders(key: Expr) -> [SortKey; 4] {
    let key = || key.clone();
    [
        key().asc(),
        key().desc(),
        key().asc().nulls_first(),
        key().desc().nulls_first(),
    ]
}

#[test]
fn first_rows_are_those_of_the_whole_sort() {
    let table = table();
    let files = [(20, true), (33, false)].map(|(group, known)| write(&table, group, known));
    let sorted = context(1);
    let whole = sorted.from_batches([table.clone()]).unwrap();
    let settings = [(1, true), (2, true), (4, true), (3, false)];
    let contexts = settings.map(|(threads, filters)| setting(threads, filters));
    let schema = table.schema();
    for (at, field) in schema.fields().iter().enumerate() {
        for key in orders(col(field.name().as_str())) {
            let second = (col("row") % 3).desc();
            for keys in [vec![key.clone()], vec![key.clone(), second]] {
                let wanted = rows(&whole.sort(keys.clone()));
                for (turn, k) in [1, 3, 40].into_iter().enumerate() {
                    // Each number of rows with each setting and file, over the kinds of keys.
                    let turn = turn + at + keys.len();
                    let ctx = &contexts[turn % 4];
                    let frame = match turn % 5 {
                        4 => ctx.from_batches([table.clone()]).unwrap(),
                        _ => ctx.parquet(files[turn / 2 % 2].path()).unwrap(),
                    };
                    let first = frame.top_k(k, keys.clone());
                    let wanted = &wanted[..k as usize];
                    assert_eq!(rows(&first), wanted, "{:?} {first:?}", settings[turn % 4]);
                }
            }
        }
    }
}

#[test]
fn what_stands_between_does_not_change_the_first_rows() {
    let table = table();
    let folder = write(&table, 20, true);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..80).map(|n| n * 3)));
    let few = batch([("id", ids)]);
    let queries = |table: &DataFrame, few: &DataFrame| {
        let keys = || [col("int").desc(), col("row").asc()];
        let row = |join: Join| join.left_on(["row"]).right_on(["id"]);
        let odd = || (col("row") % 5).eq(1);
        // By the bounds of the column the sum fits; what a text is, bounds do not say.
        let fits = [col("row"), (col("int") + 1).alias("more"), col("int")];
        let number = col("short").cast(DataType::Int64);
        let more = [col("row"), number.alias("more"), col("int")];
        let least = [col("int").max().alias("int"), col("row").min().alias("row")];
        vec![
            (table.filter(odd()).top_k(4, keys()), true),
            (
                table
                    .filter(col("short").neq("3"))
                    .select([col("row"), col("int").alias("int")])
                    .top_k(4, keys()),
                true,
            ),
            (table.join(few, row(Join::inner())).top_k(4, keys()), true),
            (table.join(few, row(Join::left())).top_k(4, keys()), true),
            (table.join(few, row(Join::anti())).top_k(4, keys()), true),
            (table.select(fits).top_k(4, keys()), true),
            // These would notice that rows are missing, or may fail.
            (table.select(more).top_k(4, keys()), false),
            (table.limit(50).top_k(4, keys()), false),
            (table.union(table).top_k(9, keys()), false),
            (
                table
                    .top_k(30, [col("short").cast(DataType::Int64)])
                    .top_k(4, keys()),
                false,
            ),
            (table.join(few, row(Join::full())).top_k(4, keys()), false),
            (table.group_by(["byte"]).agg(least).top_k(3, keys()), false),
        ]
    };
    let frames = |threads: usize, filters: bool| {
        let ctx = setting(threads, filters);
        let few = ctx.from_batches([few.clone()]).unwrap();
        queries(&ctx.parquet(folder.path()).unwrap(), &few)
    };
    let wanted: Vec<_> = frames(1, false).iter().map(|(df, _)| rows(df)).collect();
    for threads in [1, 4] {
        for ((frame, filters), wanted) in frames(threads, true).iter().zip(&wanted) {
            assert_eq!(rows(frame), *wanted, "{frame:?}");
            let text = frame.explain_analyze().unwrap().to_string();
            assert_eq!(text.contains("filters scan"), *filters, "{text}");
        }
    }
}

#[test]
fn lines_of_text_are_all_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let cell = |n: Option<i64>| n.map_or(String::new(), |n| n.to_string());
    let lines = numbers(1).zip(numbers(2)).enumerate();
    let lines = lines.map(|(row, (a, b))| format!("{},{},{row}\n", cell(a), cell(b)));
    std::fs::write(&path, format!("a,b,row\n{}", lines.collect::<String>())).unwrap();
    for key in orders(col("a")) {
        let keys = [key, col("b").asc()];
        let wanted = rows(&context(1).csv(&path).unwrap().sort(keys.clone()));
        for (threads, filters) in [(1, true), (4, true), (2, false)] {
            let csv = setting(threads, filters).csv(&path).unwrap();
            let first = csv.top_k(12, keys.clone());
            assert_eq!(rows(&first), &wanted[..12]);
            // Which values are parsed, and may be found wrong, must not depend on turns.
            let text = first.explain_analyze().unwrap().to_string();
            assert!(!text.contains("filters scan"), "{text}");
        }
    }
}

/// Numbers and texts in order, a number that is always the same, and a column that is wide.
fn in_order() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..400));
    let texts = (0..400).map(|n| format!("text {n:04}"));
    let wide = (0..400).map(|n| format!("{n} {}", "wide ".repeat(n % 50)));
    batch([
        ("n", numbers),
        (
            "t",
            Arc::new(StringArray::from_iter_values(texts)) as ArrayRef,
        ),
        (
            "same",
            Arc::new(Int64Array::from_iter_values((0..400).map(|_| 7))) as ArrayRef,
        ),
        (
            "w",
            Arc::new(StringArray::from_iter_values(wide)) as ArrayRef,
        ),
    ])
}

/// A number that a scan says of itself, with the whole text.
fn said(frame: &DataFrame, name: &str) -> (u64, String) {
    let text = frame.explain_analyze().unwrap().to_string();
    let (_, rest) = text.split_once(&format!("{name}=")).unwrap();
    let digits = rest.chars().take_while(char::is_ascii_digit);
    (digits.collect::<String>().parse().unwrap(), text)
}

#[test]
fn row_groups_that_come_too_late_are_left_out() {
    let folder = write(&in_order(), 20, true);
    for key in ["n", "t"] {
        let first = |filters: bool| {
            let file = setting(1, filters).parquet(folder.path()).unwrap();
            file.top_k(3, [col(key).asc()])
        };
        let (pruned, text) = said(&first(false), "pruned");
        assert!(pruned == 0 && !text.contains("filters scan"), "{text}");
        let (pruned, text) = said(&first(true), "pruned");
        assert_eq!(pruned, 19, "{text}");
        assert!(text.contains("fetch=3; filters scan=#"), "{text}");
        // The other way round each row group has rows that are in.
        let file = setting(1, true).parquet(folder.path()).unwrap();
        assert_eq!(said(&file.top_k(3, [col(key).desc()]), "pruned").0, 0);
    }
}

#[test]
fn other_columns_are_read_where_a_row_may_be_in() {
    let folder = write(&in_order(), 20, false);
    // Of rows with the same key the first ones are in, and those of later row groups are not.
    for key in ["n", "same"] {
        let read = |filters: bool| {
            let file = setting(1, filters).parquet(folder.path()).unwrap();
            let first = file.select([key, "w"]).top_k(3, [key]);
            said(&first, "bytes_read")
        };
        let ((all, _), (some, text)) = (read(false), read(true));
        assert!(some * 2 < all, "{some} of {all} bytes: {text}");
    }
}

/// Which rows are dropped depends on how the workers take turns; which errors are met must not.
#[test]
fn no_error_is_lost_or_found() {
    let texts = (0..400).map(|n| if n == 390 { "x".into() } else { n.to_string() });
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts.map(|t: String| t)));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..400));
    let folder = write(&batch([("n", numbers), ("t", texts)]), 20, true);
    let number = || col("t").cast(DataType::Int64);
    for optimizer in [true, false] {
        for filters in [true, false] {
            let builder = ExecutionContext::builder().optimizer(optimizer);
            let ctx = builder.threads(1).runtime_filters(filters).build().unwrap();
            let file = ctx.parquet(folder.path()).unwrap();
            let computed = file.select([col("n"), number().alias("m")]);
            for failing in [
                file.filter(number().gt_eq(0)).top_k(3, ["n"]),
                computed.top_k(3, ["n"]),
                file.top_k(3, [col("n").asc(), number().desc()]),
            ] {
                let error = failing.collect().unwrap_err().to_string();
                assert!(error.contains('x'), "{error}");
            }
        }
    }
}
