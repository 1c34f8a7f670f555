//! CSV files against expected rows, error texts, and a naive parser.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::util::display::array_value_to_string;
use esker_datatypes::{Batch, Buffers, Error, ErrorKind, Result, Selection};
use esker_logical_expr::{col, lit};
use esker_logical_plan::{
    Claim, ColumnStats, FilterPushdown, PredicateProperties, RowPredicate, ScanFilter, ScanRequest,
    ScanStatus, TableSource, Verdict, source_conformance,
};
use esker_runtime::TaskContext;
use proptest::prelude::*;

use super::{CsvOptions, CsvSource, SPLIT_BYTES};
use crate::MemoryReadAt;

/// Split sizes that cut records anywhere, and none.
const SPLITS: [usize; 5] = [1, 7, 16, 61, SPLIT_BYTES];

fn memory(bytes: &[u8], options: &CsvOptions) -> Result<CsvSource> {
    CsvSource::new(
        Arc::new(MemoryReadAt::from(bytes.to_vec())),
        "dir/t.csv",
        options.clone(),
    )
}

fn fixture(name: &str) -> String {
    format!("{}/../../examples/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn all_columns(source: &CsvSource, cx: &TaskContext) -> ScanRequest {
    let columns: Vec<usize> = (0..source.schema().len()).collect();
    ScanRequest {
        schema: source.schema(),
        projection: columns.clone(),
        columns,
        filters: Vec::new(),
        limit: None,
        batch_size: 1024,
        query: Arc::clone(&cx.query),
    }
}

/// The batches of a scan in order of their splits, which two readers claim by turns.
fn scan(
    source: &CsvSource,
    request: ScanRequest,
    cx: &mut TaskContext,
) -> Result<Vec<RecordBatch>> {
    let arrow = source.schema().to_arrow();
    let delivered: Vec<usize> = request
        .projection
        .iter()
        .map(|&p| request.columns[p])
        .collect();
    let schema = Arc::new(arrow.project(&delivered).unwrap());
    let batch_size = request.batch_size;
    let scan = source.scan(request)?;
    let mut readers = [scan.open(cx)?, scan.open(cx)?];
    let mut batches = Vec::new();
    for turn in 0.. {
        let reader = &mut readers[turn % 2];
        match reader.claim(cx)? {
            Claim::Split(ordinal) => assert_eq!(ordinal, turn as u64),
            Claim::Finished { splits } => {
                assert_eq!(splits, turn as u64);
                break;
            }
            Claim::Blocked => panic!("a file blocks nobody"),
        }
        loop {
            let mut batch = Batch::default();
            let status = reader.next(&mut batch, cx)?;
            assert!(batch.rows() <= batch_size);
            if batch.selected() > 0 {
                batches.push(batch.to_arrow(&schema)?);
            }
            if status == ScanStatus::SplitFinished {
                break;
            }
        }
    }
    Ok(batches)
}

/// `1|NULL|x` for each row; text in which `|` could be meant is not used here.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let value = |array: &dyn Array, row| {
        if array.is_null(row) {
            "NULL".to_owned()
        } else {
            array_value_to_string(array, row).unwrap()
        }
    };
    let mut lines = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let values: Vec<String> = batch.columns().iter().map(|c| value(c, row)).collect();
            lines.push(values.join("|"));
        }
    }
    lines
}

fn read(source: &CsvSource) -> Result<Vec<String>> {
    let mut cx = TaskContext::standalone();
    let request = all_columns(source, &cx);
    Ok(lines(&scan(source, request, &mut cx)?))
}

/// The schema and all rows, whatever the size of splits and batches.
fn check_with(bytes: &[u8], options: &CsvOptions, schema: &str, want: &[&str]) {
    for split in SPLITS {
        let source = memory(bytes, options).unwrap().with_split_bytes(split);
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(source.schema().to_string(), schema, "{shown:?}");
        for batch_size in [1, 3, 1024] {
            let mut cx = TaskContext::standalone();
            let request = ScanRequest {
                batch_size,
                ..all_columns(&source, &cx)
            };
            let got = lines(&scan(&source, request, &mut cx).unwrap());
            assert_eq!(
                got, want,
                "{shown:?} in splits of {split}, batches of {batch_size}"
            );
        }
    }
}

fn check(text: &str, schema: &str, want: &[&str]) {
    check_with(text.as_bytes(), &CsvOptions::default(), schema, want);
}

/// Opening or reading fails with this text, whatever the size of splits.
fn check_error(bytes: &[u8], options: &CsvOptions, want: &str) -> Error {
    let mut last = None;
    for split in SPLITS {
        let result =
            memory(bytes, options).and_then(|source| read(&source.with_split_bytes(split)));
        let error = result.expect_err(want);
        assert_eq!(error.to_string(), want, "in splits of {split}");
        last = Some(error);
    }
    last.unwrap()
}

fn schema_of(fields: &[(&str, DataType)]) -> SchemaRef {
    let fields = fields
        .iter()
        .map(|(name, to)| Field::new(*name, to.clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[test]
fn types_are_inferred_and_values_read() {
    check(
        "i,f,b,s,d,dt\n1,1.5,true,x,2024-01-15,2024-01-15 08:30:00\n2,,FALSE,,2024-02-01,2024-02-01T09:00\n",
        "i: Int64?, f: Float64?, b: Boolean?, s: Utf8View?, d: Date32?, dt: Timestamp(µs)?",
        &[
            "1|1.5|true|x|2024-01-15|2024-01-15T08:30:00",
            "2|NULL|false|NULL|2024-02-01|2024-02-01T09:00:00",
        ],
    );
    check("a\n1\n2.5\n", "a: Float64?", &["1.0", "2.5"]);
    check("a\ntrue\n1\n", "a: Utf8View?", &["true", "1"]);
    check(
        "a,b\n,1\n,2\n",
        "a: Utf8View?, b: Int64?",
        &["NULL|1", "NULL|2"],
    );
    check(
        "d\n2024-01-15\n2024-01-15 08:30:00\n",
        "d: Timestamp(µs)?",
        &["2024-01-15T00:00:00", "2024-01-15T08:30:00"],
    );
    check("d\n01/02/2024\n", "d: Utf8View?", &["01/02/2024"]);
    check("a,b\n\"1\",\"\"\n", "a: Int64?, b: Utf8View?", &["1|"]);
}

#[test]
fn quotes_lines_and_blanks() {
    check(
        "a,b\n\"x \"\"q\"\", y\",1\n\"l1\nl2\",2\n",
        "a: Utf8View?, b: Int64?",
        &["x \"q\", y|1", "l1\nl2|2"],
    );
    check(
        "a,b\r\n1,x\r\n\r\n2,y",
        "a: Int64?, b: Utf8View?",
        &["1|x", "2|y"],
    );
    check("\u{feff}a,b\n1,2\n", "a: Int64?, b: Int64?", &["1|2"]);
    check("\n\na,b\n\n1,2\n\n", "a: Int64?, b: Int64?", &["1|2"]);
    check("a\n1\n\n2\n", "a: Int64?", &["1", "NULL", "2"]);
    check("a,b\n", "a: Utf8View?, b: Utf8View?", &[]);
    check("a,b", "a: Utf8View?, b: Utf8View?", &[]);
    check(
        "\"a\nb\",,\"c\"\"\"\n1,2,3\n",
        "a\nb: Int64?, field_2: Int64?, c\": Int64?",
        &["1|2|3"],
    );
    check(
        "a\nnot much longer than a view\nx\n",
        "a: Utf8View?",
        &["not much longer than a view", "x"],
    );
    check(
        "a\nGrüße, äöü und ß\n".replace(", ", " ").as_str(),
        "a: Utf8View?",
        &["Grüße äöü und ß"],
    );
}

#[test]
fn options_are_followed() {
    let options = CsvOptions::default().with_skip_rows(1).with_delimiter(b';');
    check_with(
        b"#x\na;b\n1;2\n",
        &options,
        "a: Int64?, b: Int64?",
        &["1|2"],
    );
    let options = CsvOptions::default()
        .with_delimiter(b'\t')
        .with_quote(b'\'');
    check_with(
        b"a\tb\n'1\t'\t\"\n",
        &options,
        "a: Utf8View?, b: Utf8View?",
        &["1\t|\""],
    );
    let options = CsvOptions::default().with_has_header(false);
    check_with(
        b"1,x\n2,y\n",
        &options,
        "field_1: Int64?, field_2: Utf8View?",
        &["1|x", "2|y"],
    );
    check_with(b"\n1\n", &options, "field_1: Int64?", &["NULL", "1"]);
    let options = CsvOptions::default().with_infer_rows(0);
    check_with(b"a\n1\n", &options, "a: Utf8View?", &["1"]);
    let options = CsvOptions::default().with_infer_rows(1);
    check_with(b"a\n1.5\n2\n", &options, "a: Float64?", &["1.5", "2.0"]);
}

#[test]
fn a_given_schema_is_taken_at_its_word() {
    let timestamp = DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()));
    let dictionary = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
    let given = [
        ("i8", DataType::Int8, "-128"),
        ("u64", DataType::UInt64, "18446744073709551615"),
        ("f32", DataType::Float32, "0.1"),
        ("dec", DataType::Decimal128(10, 2), "1.50"),
        ("text", DataType::Utf8, "007"),
        ("large", DataType::LargeUtf8, "more than twelve bytes"),
        ("binary", DataType::Binary, "6162"),
        ("time", DataType::Time64(TimeUnit::Microsecond), "08:30:00"),
        ("utc", timestamp, "2024-01-15T08:30:00Z"),
        ("words", dictionary, "a"),
    ];
    let fields: Vec<_> = given
        .iter()
        .map(|(name, to, _)| (*name, to.clone()))
        .collect();
    let options = CsvOptions::default().with_schema(schema_of(&fields));
    let mut text = "1,2,3,4,5,6,7,8,9,10\n".to_owned();
    let row: Vec<&str> = given
        .iter()
        .map(|(name, _, v)| if *name == "binary" { "ab" } else { *v })
        .collect();
    writeln!(text, "{}\n,,,,,,,,,", row.join(",")).unwrap();
    let source = memory(text.as_bytes(), &options).unwrap();
    let arrow = source.schema().to_arrow();
    assert!(
        arrow
            .fields()
            .iter()
            .zip(&fields)
            .all(|(f, (n, t))| f.name() == n && f.data_type() == t)
    );
    let want = given.map(|(_, _, value)| value).join("|");
    assert_eq!(read(&source).unwrap(), [want, ["NULL"; 10].join("|")]);

    let one = CsvOptions::default().with_schema(schema_of(&[("a", DataType::Int32)]));
    check_error(
        b"x\n3000000000\n",
        &one,
        "expected Int32, found '3000000000' (in column 'a', at line 2, in file 'dir/t.csv')",
    );
    let time = DataType::Time64(TimeUnit::Nanosecond);
    let clock = CsvOptions::default().with_schema(schema_of(&[("a", time)]));
    check_error(
        b"x\n\n25:00\n",
        &clock,
        "expected Time64(ns), found '25:00' (in column 'a', at line 3, in file 'dir/t.csv')",
    );
    check_with(b"", &one.clone().with_has_header(false), "a: Int32?", &[]);
    check_with(
        b"5",
        &one.clone().with_has_header(false),
        "a: Int32?",
        &["5"],
    );
    check_error(b"", &one, "the file is empty (in file 'dir/t.csv')");
    check_error(
        b"x,y\n",
        &one,
        "the schema has 1 columns, the header 2 (in file 'dir/t.csv')",
    );
    let twice = schema_of(&[("a", DataType::Int8), ("a", DataType::Int8)]);
    check_error(
        b"x,y\n",
        &CsvOptions::default().with_schema(twice),
        "the schema names 'a' twice (in file 'dir/t.csv')",
    );
    let span = schema_of(&[("a", DataType::new_list(DataType::Int8, true))]);
    check_error(
        b"x\n",
        &CsvOptions::default().with_schema(span),
        "not supported: reading a CSV column as List(Int8) (in column 'a', in file 'dir/t.csv')",
    );
}

#[test]
fn mistakes_name_file_line_and_column() {
    let check = |bytes: &[u8], want: &str| {
        let options = CsvOptions::default().with_infer_rows(1);
        let error = check_error(bytes, &options, want);
        assert!(matches!(error.kind(), ErrorKind::Data { .. }), "{want}");
    };
    check(
        b"a,b\n1,2\nabc,3\n",
        "expected Int64, found 'abc' (in column 'a', at line 3, in file 'dir/t.csv')",
    );
    check(
        b"a,b\n\"1\",\"x\ny\"\r\n2,z\n\"\",z\n",
        "expected Int64, found '' (in column 'a', at line 5, in file 'dir/t.csv')",
    );
    check(
        b"a,b\n1.5,\"x\ny\"\n\n\"1\"\"\",\"x\ny\"\n",
        "expected Float64, found '1\"' (in column 'a', at line 5, in file 'dir/t.csv')",
    );
    check(
        b"a\ntrue\nmaybe\n",
        "expected Boolean, found 'maybe' (in column 'a', at line 3, in file 'dir/t.csv')",
    );
    check(
        b"a\n2024-01-01\n2024-02-30\n",
        "expected Date32, found '2024-02-30' (in column 'a', at line 3, in file 'dir/t.csv')",
    );
    check(
        b"a,b,c\n1,2,3\n1,2\n",
        "expected 3 fields, found 2 (at line 3, in file 'dir/t.csv')",
    );
    check(
        b"a,b,c\n1,2,3\n\n1,2,3,4",
        "expected 3 fields, found 4 (at line 4, in file 'dir/t.csv')",
    );
    check(
        b"a,b\n1,x\n2,y\xff\n",
        "invalid UTF-8: 'y\u{fffd}' (in column 'b', at line 3, in file 'dir/t.csv')",
    );
    check(
        b"a,b\n1,\"x\n\n\"\n2,\"y\n",
        "unterminated quote (at line 5, in file 'dir/t.csv')",
    );
    check(
        b"a,b\n1,x\n2,\"y\"z\n",
        "text behind a closing quote: '\"y\"z' (in column 'b', at line 3, in file 'dir/t.csv')",
    );
    check(b"", "the file is empty (in file 'dir/t.csv')");
    check(
        b"\n\r\n",
        "the file has no header or rows (in file 'dir/t.csv')",
    );
    check(
        b"\n\"a",
        "unterminated quote (at line 2, in file 'dir/t.csv')",
    );
    check(
        b"a,\"b\"c\n",
        "malformed quotes in the header (at line 1, in file 'dir/t.csv')",
    );
    check(
        b"a,\xff\n",
        "invalid UTF-8 in the header (at line 1, in file 'dir/t.csv')",
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let check = |bytes: &[u8], options: CsvOptions, want: &str| {
        let error = check_error(bytes, &options, want);
        assert!(
            matches!(error.kind(), ErrorKind::InvalidInput { .. }),
            "{want}"
        );
    };
    let default = CsvOptions::default;
    check(
        b"a,b,a\n",
        default(),
        "the header names 'a' twice: give a schema (in file 'dir/t.csv')",
    );
    check(
        b"a\n",
        default().with_delimiter(b'\n'),
        "the delimiter of a CSV is a line end",
    );
    check(
        b"a\n",
        default().with_quote(b'\r'),
        "the quote of a CSV is a line end",
    );
    check(
        b"a\n",
        default().with_delimiter(b'"'),
        "delimiter and quote of a CSV are the same: '\"'",
    );
    let error = check_error(
        b"a\n",
        &default().with_skip_rows(5),
        "the file has no header or rows (in file 'dir/t.csv')",
    );
    assert!(matches!(error.kind(), ErrorKind::Data { .. }));
}

#[test]
fn mistakes_can_be_mended() {
    let options = CsvOptions::default()
        .with_infer_rows(1)
        .with_ignore_errors(true);
    let schema = "a: Int64?, b: Utf8View?";
    check_with(
        b"a,b\n1,x\nabc,y\n3\n4,z,5\n6,\xff\n7,\"q\"r\n8,\"s\n",
        &options,
        schema,
        &[
            "1|x", "NULL|y", "3|NULL", "4|z", "6|NULL", "7|NULL", "8|NULL",
        ],
    );
    // What is inferred from mended rows is what the rows then give.
    let options = CsvOptions::default().with_ignore_errors(true);
    check_with(
        b"a,b\n1\n2,3,4\n",
        &options,
        "a: Int64?, b: Int64?",
        &["1|NULL", "2|3"],
    );
}

/// Keeps the rows whose `Int64` in a column passes.
#[derive(Debug)]
struct Keep {
    column: [usize; 1],
    keep: fn(i64) -> Result<bool>,
}

impl RowPredicate for Keep {
    fn columns(&self) -> &[usize] {
        &self.column
    }

    fn properties(&self) -> PredicateProperties {
        PredicateProperties::default()
    }

    fn prune(&self, _: &dyn ColumnStats) -> Verdict {
        Verdict::Maybe
    }

    fn select(&self, batch: &Batch, selection: &mut Selection, _: &mut Buffers) -> Result<()> {
        let array = batch.column(self.column[0])?.to_flat();
        let array: &Int64Array = array.as_any().downcast_ref().unwrap();
        let mut failed = Ok(());
        selection.retain(|row| {
            array.is_valid(row)
                && (self.keep)(array.value(row)).unwrap_or_else(|e| {
                    failed = Err(e);
                    false
                })
        });
        failed
    }
}

fn keep(column: usize, keep: fn(i64) -> Result<bool>) -> ScanFilter {
    ScanFilter {
        expr: None,
        predicate: Arc::new(Keep {
            column: [column],
            keep,
        }),
    }
}

/// Whether a number is 12, which only numbers that end with 2 are asked.
fn only_twos(id: i64) -> Result<bool> {
    if id % 10 == 2 {
        Ok(id == 12)
    } else {
        Err(Error::evaluation(format!("{id}")))
    }
}

#[test]
fn filters_and_limits_reach_the_reader() {
    let mut text = "id,k,name\n".to_owned();
    for i in 0..100 {
        writeln!(text, "{i},{},\"name, number {i}\"", i % 10).unwrap();
    }
    let check = |columns: &[usize],
                 projection: &[usize],
                 filters: Vec<ScanFilter>,
                 limit,
                 want: &[&str]| {
        for split in SPLITS {
            let source = memory(text.as_bytes(), &CsvOptions::default()).unwrap();
            let source = source.with_split_bytes(split);
            for batch_size in [1, 3, 1024] {
                let mut cx = TaskContext::standalone();
                let request = ScanRequest {
                    schema: source.schema(),
                    columns: columns.to_vec(),
                    projection: projection.to_vec(),
                    filters: filters.clone(),
                    limit,
                    batch_size,
                    query: Arc::clone(&cx.query),
                };
                let mut got = lines(&scan(&source, request, &mut cx).unwrap());
                // A limit holds for each split.
                if split == SPLIT_BYTES {
                    assert_eq!(got.len(), want.len());
                } else {
                    got.truncate(want.len());
                }
                assert_eq!(got, want, "in splits of {split}, batches of {batch_size}");
            }
        }
    };
    check(
        &[0, 1, 2],
        &[2, 0],
        vec![keep(0, |id| Ok(id > 90)), keep(1, |k| Ok(k % 5 == 1))],
        None,
        &["name, number 91|91", "name, number 96|96"],
    );
    check(
        &[1, 2],
        &[1],
        vec![keep(0, |k| Ok(k == 7))],
        Some(2),
        &["name, number 7", "name, number 17"],
    );
    check(&[0], &[0], vec![], Some(3), &["0", "1", "2"]);
    check(&[0], &[0], vec![keep(0, |id| Ok(id < 0))], None, &[]);
    check(&[0], &[0], vec![], Some(0), &[]);
    // The second filter fails on all but rows that the first one keeps.
    check(
        &[0, 1],
        &[0],
        vec![keep(1, |k| Ok(k == 2)), keep(0, only_twos)],
        None,
        &["12"],
    );
    check(
        &[0, 1],
        &[],
        vec![keep(1, |k| Ok(k == 2))],
        Some(4),
        &["", "", "", ""],
    );
}

#[test]
fn rows_that_a_filter_removes_are_not_decoded() {
    let options = CsvOptions::default().with_infer_rows(1);
    let source = memory(b"id,v\n1,2\n3,abc\n5,6\n", &options).unwrap();
    let mut cx = TaskContext::standalone();
    let request = ScanRequest {
        filters: vec![keep(0, |id| Ok(id != 3))],
        ..all_columns(&source, &cx)
    };
    assert_eq!(
        lines(&scan(&source, request, &mut cx).unwrap()),
        ["1|2", "5|6"]
    );
    // Nor are columns that nobody asked for.
    let request = ScanRequest {
        columns: vec![0],
        projection: vec![0],
        ..all_columns(&source, &cx)
    };
    assert_eq!(
        lines(&scan(&source, request, &mut cx).unwrap()),
        ["1", "3", "5"]
    );
}

#[test]
fn what_a_source_says_of_itself() {
    let source = memory(b"a\n1\n2\n", &CsvOptions::default()).unwrap();
    assert_eq!(source.name(), "t");
    let statistics = source.properties().statistics;
    assert_eq!(statistics.bytes.exact(), Some(6));
    assert_eq!(
        (statistics.rows.exact(), statistics.rows.estimate()),
        (None, Some(2))
    );
    let filter = col("a").gt(lit(1i64));
    assert_eq!(
        source.supports_filters(&[&filter], &source.schema()),
        [FilterPushdown::Exact]
    );
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let source = memory(b"a,b\n1,2\n", &CsvOptions::default()).unwrap();
    let cx = TaskContext::standalone();
    for columns in [vec![2], vec![1, 0], vec![0, 0]] {
        let request = ScanRequest {
            columns,
            projection: vec![],
            ..all_columns(&source, &cx)
        };
        assert!(source.scan(request).is_err());
    }
}

#[test]
fn a_cancelled_query_stops() {
    let source = memory(b"a\n1\n2\n", &CsvOptions::default()).unwrap();
    let mut cx = TaskContext::standalone();
    let scan = source.scan(all_columns(&source, &cx)).unwrap();
    let mut reader = scan.open(&mut cx).unwrap();
    assert_eq!(reader.claim(&mut cx).unwrap(), Claim::Split(0));
    cx.query.cancel();
    let cancelled = |error: Error| matches!(error.kind(), ErrorKind::Cancelled);
    assert!(cancelled(
        reader.next(&mut Batch::default(), &mut cx).unwrap_err()
    ));
    assert!(cancelled(reader.claim(&mut cx).unwrap_err()));
}

#[test]
fn files_that_change_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shrinking.csv");
    std::fs::write(&path, "a,b\n1,2\n3,4\n").unwrap();
    let source = CsvSource::open(&path, CsvOptions::default()).unwrap();
    // A longer file is read to its end.
    std::fs::write(&path, "a,b\n1,2\n3,4\n5,6\n").unwrap();
    assert_eq!(read(&source).unwrap(), ["1|2", "3|4", "5|6"]);
    let mut cx = TaskContext::standalone();
    let scan = source.scan(all_columns(&source, &cx)).unwrap();
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    let error = scan.open(&mut cx).unwrap().claim(&mut cx).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Data { .. }), "{error}");
    assert!(error.to_string().contains("became shorter"), "{error}");
    std::fs::write(&path, "").unwrap();
    assert!(
        read(&source)
            .unwrap_err()
            .to_string()
            .contains("shrinking.csv")
    );
    std::fs::remove_file(&path).unwrap();
    let error = read(&source).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error}");
    assert!(error.to_string().contains("shrinking.csv"), "{error}");
}

/// A folder of files with these texts: `0.csv`, `1.csv` and so on.
fn folder(texts: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (i, text) in texts.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{i}.csv")), text).unwrap();
    }
    folder
}

#[test]
fn several_files_are_one_table() {
    let check = |texts: &[&str], options: CsvOptions, types: &str, want: &[&str]| {
        let folder = folder(texts);
        for split in SPLITS {
            let source = CsvSource::open(folder.path(), options.clone()).unwrap();
            let source = source.with_split_bytes(split);
            assert_eq!(source.schema().to_string(), types);
            assert_eq!(read(&source).unwrap(), want, "splits of {split} bytes");
        }
    };
    let default = CsvOptions::default;
    // The types are those of all heads; ends without a line end, other line ends, no rows.
    check(
        &["a,b\n", "\u{feff}a,b\r\n1,x\r\n2,y", "a,b\n2.5,\n", "a,b"],
        default(),
        "a: Float64?, b: Utf8View?",
        &["1.0|x", "2.0|y", "2.5|NULL"],
    );
    // A column that is null in one file has the other's type.
    check(
        &["a\n\n\n", "a\n7\n"],
        default(),
        "a: Int64?",
        &["NULL", "NULL", "7"],
    );
    check(
        &["1,2\n", "3,4\n"],
        default().with_has_header(false),
        "field_1: Int64?, field_2: Int64?",
        &["1|2", "3|4"],
    );
    // A given schema stands for the headers.
    let schema = Schema::new(vec![Field::new("n", DataType::Int32, true)]);
    check(
        &["a\n1\n", "b\n2\n"],
        default().with_schema(Arc::new(schema)),
        "n: Int32?",
        &["1", "2"],
    );
}

#[test]
fn several_files_must_agree() {
    let open = |texts: &[&str], options: CsvOptions| {
        let folder = folder(texts);
        CsvSource::open(folder.path(), options).and_then(|source| read(&source))
    };
    let check = |texts: &[&str], infer_rows: usize, want: &str| {
        let options = CsvOptions::default().with_infer_rows(infer_rows);
        let error = open(texts, options).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
        assert!(error.contains("1.csv"), "{error}");
    };
    check(&["a,b\n1,2\n", "a\n1\n"], 9, "1 columns, but 2 in '");
    check(
        &["a,b\n1,2\n", "a,c\n1,2\n"],
        9,
        "'c' stands where 'b' is in '",
    );
    check(&["a\n1\n", ""], 9, "empty");
    // What the first rows, here of the first file alone, did not show: file, line and column.
    check(&["a\n1\n2\n", "a\n3\nx\n"], 2, "line 3");
    check(&["a,b\n1,2\n", "a,b\n3,4,5\n"], 9, "line 2");
}

#[test]
fn a_record_may_be_longer_than_any_chunk() {
    let long = "x".repeat(3 << 20);
    let text = format!("a,b\n1,{long}\n2,\"{long}\n\"\n");
    let source = memory(text.as_bytes(), &CsvOptions::default()).unwrap();
    let rows = read(&source).unwrap();
    let lengths: Vec<usize> = rows.iter().map(String::len).collect();
    assert_eq!(lengths, [long.len() + 2, long.len() + 3]);
}

#[test]
fn kquery_case_54() {
    let check =
        |file: &str, columns: &[usize], batch_size: usize, sizes: &[usize], want: &[&str]| {
            let options = CsvOptions::default()
                .with_delimiter(if file.ends_with("tsv") { b'\t' } else { b',' })
                .with_has_header(!file.contains("no_header"));
            let source = CsvSource::open(fixture(file), options).unwrap();
            let mut cx = TaskContext::standalone();
            let request = ScanRequest {
                columns: columns.to_vec(),
                projection: (0..columns.len()).collect(),
                batch_size,
                ..all_columns(&source, &cx)
            };
            let batches = scan(&source, request, &mut cx).unwrap();
            let rows: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
            assert_eq!(rows, sizes, "{file}");
            assert_eq!(lines(&batches), want, "{file}");
        };
    check("employee.csv", &[0], 1024, &[4], &["1", "2", "3", "4"]);
    check(
        "employee.csv",
        &[3],
        1024,
        &[4],
        &["CA", "CO", "CO", "NULL"],
    );
    check(
        "employee.csv",
        &[0, 1, 2, 3, 4],
        1024,
        &[4],
        &[
            "1|Bill|Hopkins|CA|Manager",
            "2|Gregg|Langford|CO|Driver",
            "3|John|Travis|CO|Manager, Software",
            "4|Von|Mill|NULL|Defensive End",
        ],
    );
    check("employee.csv", &[], 1024, &[4], &["", "", "", ""]);
    check(
        "employee.csv",
        &[0],
        1,
        &[1, 1, 1, 1],
        &["1", "2", "3", "4"],
    );
    let titles = [
        "1|Hopkins|Manager",
        "2|Langford|Driver",
        "3|Travis|Manager, Software",
    ];
    let all = [&titles[..], &["4|Mill|Defensive End"]].concat();
    check("employee_no_header.csv", &[0, 2, 4], 1024, &[4], &all);
    check("employee_no_header.tsv", &[0, 2, 4], 1024, &[3], &titles);
    check("employee.tsv", &[0, 2, 4], 1024, &[3], &titles);
    let options = CsvOptions::default().with_has_header(false);
    let source = CsvSource::open(fixture("employee_no_header.csv"), options).unwrap();
    let names = (1..=6).map(|i| format!("field_{i}")).collect::<Vec<_>>();
    assert!(
        source
            .schema()
            .fields()
            .iter()
            .zip(&names)
            .all(|(f, n)| f.name().as_ref() == n)
    );
    let error = CsvSource::open("no/such/file.csv", CsvOptions::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("no/such/file.csv: "),
        "{error}"
    );
}

#[test]
fn sources_conform() {
    let check = |mut source: CsvSource| {
        let mut cx = TaskContext::standalone();
        let request = all_columns(&source, &cx);
        let expected = scan(&source, request, &mut cx).unwrap();
        for split in SPLITS {
            source.split_bytes = split;
            source_conformance::check(&source, &expected).unwrap();
        }
    };
    let default = CsvOptions::default;
    check(CsvSource::open(fixture("employee.csv"), default()).unwrap());
    check(CsvSource::open(fixture("employee.tsv"), default().with_delimiter(b'\t')).unwrap());
    let several = ["employee.csv", "employee.csv"].map(fixture);
    check(CsvSource::open(several, default()).unwrap());
    check(memory(b"a,b\n", &default()).unwrap());
    check(memory(b"a\n1\n\n2.5\nnan\n\n", &default()).unwrap());
    let mut text = "i,f,b,s,d,t\n".to_owned();
    for i in 0..50 {
        let null = |value: String| if i % 7 == 3 { String::new() } else { value };
        let (f, s) = (f64::from(i) / 4.0, null(format!("\"a \"\"text\"\"\n{i}\"")));
        let day = 1 + i % 28;
        writeln!(
            text,
            "{i},{},{},{s},2024-02-{day:02},{}",
            null(f.to_string()),
            i % 2 == 0,
            null(format!("2024-02-{day:02}T00:00:{i:02}"))
        )
        .unwrap();
    }
    check(memory(text.as_bytes(), &default()).unwrap());
}

/// What the grammar says, a character at a time: all fields of all records, `None` where null; a
/// malformed field is null, short records are filled up, long ones cut.
fn naive(text: &str, width: usize) -> Vec<Vec<Option<String>>> {
    let chars: Vec<char> = text.chars().collect();
    let mut rows = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let mut fields = Vec::new();
        let mut blank = true;
        loop {
            let quoted = chars.get(at) == Some(&'"');
            let mut value = String::new();
            let mut sound = true;
            if quoted {
                at += 1;
                loop {
                    match (chars.get(at), chars.get(at + 1)) {
                        (None, _) => {
                            sound = false;
                            break;
                        }
                        (Some('"'), Some('"')) => {
                            value.push('"');
                            at += 2;
                        }
                        (Some('"'), _) => {
                            at += 1;
                            break;
                        }
                        (Some(c), _) => {
                            value.push(*c);
                            at += 1;
                        }
                    }
                }
            }
            let mut rest = String::new();
            while let Some(c) = chars.get(at).filter(|c| !matches!(c, ',' | '\n')) {
                rest.push(*c);
                at += 1;
            }
            let last = chars.get(at) != Some(&',');
            if last && rest.ends_with('\r') {
                rest.pop();
            }
            fields.push(match (quoted, sound && rest.is_empty()) {
                (true, true) => Some(value),
                (true, false) => None,
                (false, _) => Some(rest.clone()).filter(|text| !text.is_empty()),
            });
            blank &= last && fields.len() == 1 && !quoted && rest.is_empty();
            at += 1;
            if last {
                break;
            }
        }
        if !blank || width == 1 {
            fields.resize(width, None);
            rows.push(fields);
        }
    }
    rows
}

/// All columns text, without a header, mistakes mended.
fn text_options(width: usize) -> CsvOptions {
    let names: Vec<String> = (0..width).map(|i| format!("c{i}")).collect();
    let fields: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), DataType::Utf8View))
        .collect();
    CsvOptions::default()
        .with_schema(schema_of(&fields))
        .with_has_header(false)
        .with_ignore_errors(true)
}

fn values(batches: &[RecordBatch]) -> Vec<Vec<Option<String>>> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let value = |column: &Arc<dyn Array>| {
                column
                    .is_valid(row)
                    .then(|| array_value_to_string(column, row).unwrap())
            };
            rows.push(batch.columns().iter().map(value).collect());
        }
    }
    rows
}

fn read_texts(
    text: &str,
    options: &CsvOptions,
    split: usize,
    batch: usize,
) -> Vec<Vec<Option<String>>> {
    let source = memory(text.as_bytes(), options)
        .unwrap()
        .with_split_bytes(split);
    let mut cx = TaskContext::standalone();
    let request = ScanRequest {
        batch_size: batch,
        ..all_columns(&source, &cx)
    };
    values(&scan(&source, request, &mut cx).unwrap())
}

proptest! {
    /// Any text at all reads as the naive parser reads it.
    #[test]
    fn any_text_reads_by_the_grammar(
        text in "[ab,\"\n\ré]{0,80}",
        width in 1usize..4,
        split in 1usize..64,
        batch in prop::sample::select(vec![1usize, 3, 1024]),
    ) {
        let got = read_texts(&text, &text_options(width), split, batch);
        prop_assert_eq!(got, naive(&text, width));
    }

    /// What is written reads back, strictly.
    #[test]
    fn what_is_written_reads_back(
        rows in prop::collection::vec(
            prop::collection::vec((prop::option::of("[ab,\"\n\ré]{0,20}"), any::<bool>()), 3),
            0..12,
        ),
        crlf in any::<bool>(),
        ended in any::<bool>(),
        split in 1usize..64,
        batch in prop::sample::select(vec![1usize, 3, 1024]),
    ) {
        let mut text = String::new();
        for (i, row) in rows.iter().enumerate() {
            for (j, (field, quoted)) in row.iter().enumerate() {
                text.push_str(if j > 0 { "," } else { "" });
                match field {
                    None => {}
                    Some(f) if *quoted || f.is_empty() || f.contains([',', '"', '\n', '\r']) => {
                        write!(text, "\"{}\"", f.replace('"', "\"\"")).unwrap();
                    }
                    Some(f) => text.push_str(f),
                }
            }
            if ended || i + 1 < rows.len() {
                text.push_str(if crlf { "\r\n" } else { "\n" });
            }
        }
        let got = read_texts(&text, &text_options(3).with_ignore_errors(false), split, batch);
        let want: Vec<Vec<_>> =
            rows.into_iter().map(|row| row.into_iter().map(|(field, _)| field).collect()).collect();
        prop_assert_eq!(got, want);
    }
}
