//! Decoding Parquet, by type and encoding: nanoseconds a value, from bytes in memory.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark fails by panicking"
)]

mod data;

use std::cell::LazyCell;
use std::hint::black_box;
use std::sync::Arc;

use arrow::array::RecordBatch;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use esker_datasource::{MemoryReadAt, ParquetOptions, ParquetSource};
use esker_datatypes::{Batch, Result};
use esker_logical_plan::{Claim, ScanRequest, ScanStatus, TableSource};
use esker_runtime::TaskContext;
use parquet::arrow::ArrowWriter;
use parquet::basic::Encoding;
use parquet::file::properties::{WriterProperties, WriterVersion};

const ROWS: usize = 1 << 17;

/// The encodings of each kind of column; `RLE_DICTIONARY` is that of 1000 different values.
const CASES: [(&str, &[Encoding]); 10] = [
    ("bool", &[Encoding::PLAIN, Encoding::RLE]),
    ("i32", INTS),
    ("i64 dense", INTS),
    ("date", INTS),
    ("decimal(12)", INTS),
    ("decimal(38)", FLOATS),
    ("f64", FLOATS),
    ("i64", &[Encoding::PLAIN]),
    ("text", TEXTS),
    ("long text", TEXTS),
];
const INTS: &[Encoding] = &[
    Encoding::PLAIN,
    Encoding::RLE_DICTIONARY,
    Encoding::DELTA_BINARY_PACKED,
];
const FLOATS: &[Encoding] = &[
    Encoding::PLAIN,
    Encoding::RLE_DICTIONARY,
    Encoding::BYTE_STREAM_SPLIT,
];
const TEXTS: &[Encoding] = &[
    Encoding::PLAIN,
    Encoding::RLE_DICTIONARY,
    Encoding::DELTA_LENGTH_BYTE_ARRAY,
    Encoding::DELTA_BYTE_ARRAY,
];

/// A file of one column, uncompressed.
fn file(kind: &str, encoding: Encoding, nulls: u64) -> Vec<u8> {
    let dictionary = encoding == Encoding::RLE_DICTIONARY;
    let distinct = if dictionary { 1000 } else { 1 << 24 };
    let column = data::array(kind, &data::numbers(ROWS, distinct, nulls));
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_dictionary_enabled(dictionary);
    let properties = match dictionary {
        true => properties,
        false => properties.set_encoding(encoding),
    };
    let mut bytes = Vec::new();
    let schema = batch.schema();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    let footer = writer.close().unwrap();
    // What is measured is what the name says.
    let mut written = footer.row_group(0).column(0).encodings();
    assert!(
        written.any(|written| written == encoding),
        "{kind}, {encoding}"
    );
    bytes
}

/// Reads all rows and says how many there were.
fn read(source: &ParquetSource, cx: &mut TaskContext) -> Result<usize> {
    let request = ScanRequest {
        schema: source.schema(),
        columns: vec![0],
        projection: vec![0],
        filters: Vec::new(),
        limit: None,
        batch_size: 8192,
        query: Arc::clone(&cx.query),
    };
    let scan = source.scan(request)?;
    let mut reader = scan.open(cx)?;
    let (mut batch, mut rows) = (Batch::default(), 0);
    while let Claim::Split(_) = reader.claim(cx)? {
        loop {
            let status = reader.next(&mut batch, cx)?;
            rows += black_box(&batch).selection().count();
            if status == ScanStatus::SplitFinished {
                break;
            }
        }
    }
    Ok(rows)
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(ROWS as u64));
    let mut cx = TaskContext::standalone();
    let mut check = |name: String, bytes: &dyn Fn() -> Vec<u8>, options: ParquetOptions| {
        // Made when the case is among those that are measured.
        let source = LazyCell::new(|| {
            let bytes = Arc::new(MemoryReadAt::from(bytes()));
            ParquetSource::new(bytes, "x.parquet", options.clone()).unwrap()
        });
        group.bench_function(name, |b| {
            b.iter(|| assert_eq!(read(&source, &mut cx).unwrap(), ROWS));
        });
    };
    for (kind, encodings) in CASES {
        for &encoding in encodings {
            for (nulls, with) in [(0, ""), (1, ", nulls")] {
                let name = format!("{kind}/{encoding}{with}").to_lowercase();
                let bytes = || file(kind, encoding, nulls);
                check(name, &bytes, ParquetOptions::default());
            }
        }
    }
    for kind in ["text", "long text"] {
        let bytes = || file(kind, Encoding::RLE_DICTIONARY, 0);
        let options = ParquetOptions::default().with_dictionaries(false);
        check(format!("{kind}/rle_dictionary, flat"), &bytes, options);
    }
    group.finish();
}

criterion_group! { name = benches; config = data::short(); targets = decode }
criterion_main!(benches);
