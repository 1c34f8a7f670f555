//! Parquet files as tables, against the rows they were written from.

/// A file of an old writer.
mod alltypes;
/// Files that are not what they say.
mod broken;
/// Several files.
mod files;
/// What is left out.
mod pruning;
/// Every type, and how it is shown.
mod types;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray, StringViewArray,
};
use arrow::compute::cast;
use arrow::datatypes::{Field, Int32Type, Schema as ArrowSchema};
use esker_datatypes::{Batch, Encoding};
use esker_logical_plan::{Claim, ScanRequest, ScanStatus, TableSource, source_conformance};
use esker_runtime::TaskContext;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};

use super::{ParquetOptions, ParquetSource};
use crate::MemoryReadAt;

/// A file of these batches.
pub(super) fn file(batches: &[RecordBatch], properties: WriterPropertiesBuilder) -> Vec<u8> {
    let mut bytes = Vec::new();
    let schema = batches[0].schema();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties.build())).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
    bytes
}

/// The table that a file is.
pub(super) fn table(bytes: &[u8], options: ParquetOptions) -> ParquetSource {
    let bytes = Arc::new(MemoryReadAt::from(bytes.to_vec()));
    ParquetSource::new(bytes, "t.parquet", options).unwrap()
}

/// The batches in the types of a table.
fn shown(batches: &[RecordBatch], source: &ParquetSource) -> Vec<RecordBatch> {
    let schema = source.schema().to_arrow();
    let show = |batch: &RecordBatch| {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()).unwrap());
        RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
    };
    batches.iter().map(show).collect()
}

/// The table passes the suite of sources.
fn conforms(batches: &[RecordBatch], bytes: &[u8], options: ParquetOptions) {
    let source = table(bytes, options);
    source_conformance::check(&source, &shown(batches, &source)).unwrap();
}

/// Rows with nulls, repeated values and all that floats have.
pub(super) fn rows(count: usize) -> RecordBatch {
    let every = |n: usize, row: usize| row % n != n - 1;
    let ids = (0..count as i64).collect::<Vec<_>>();
    let numbers = (0..count).map(|row| every(3, row).then_some((row / 4) as i32));
    let kinds = (0..count).map(|row| every(5, row).then(|| ["low", "mid", "high"][row % 3]));
    let texts = (0..count).map(|row| every(4, row).then(|| format!("a text longer than {row}")));
    let floats = [1.5, f64::NAN, -0.0, 0.0, f64::INFINITY, -2.0];
    let floats = (0..count).map(|row| every(7, row).then(|| floats[row % floats.len()]));
    let flags = (0..count).map(|row| every(6, row).then_some(row % 2 == 0));
    let lists = (0..count).map(|row| {
        every(4, row).then(|| {
            (0..row % 3)
                .map(|i| every(2, i).then_some(i as i32))
                .collect::<Vec<_>>()
        })
    });
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("id", Arc::new(Int64Array::from(ids)), false),
        ("number", Arc::new(numbers.collect::<Int32Array>()), true),
        ("kind", Arc::new(kinds.collect::<StringArray>()), true),
        ("text", Arc::new(texts.collect::<StringViewArray>()), true),
        ("float", Arc::new(floats.collect::<Float64Array>()), true),
        ("flag", Arc::new(flags.collect::<BooleanArray>()), true),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)),
            true,
        ),
    ];
    let field = |(name, array, null): &(&str, ArrayRef, bool)| {
        Field::new(*name, array.data_type().clone(), *null)
    };
    let schema = ArrowSchema::new(columns.iter().map(field).collect::<Vec<_>>());
    let columns = columns.into_iter().map(|(_, array, _)| array);
    RecordBatch::try_new(Arc::new(schema), columns.collect()).unwrap()
}

pub(super) fn small_groups() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_max_row_group_row_count(Some(11))
        .set_data_page_row_count_limit(4)
        .set_write_batch_size(2)
}

#[test]
fn row_groups_and_pages_of_any_form() {
    let batches = [rows(29)];
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for dictionary in [true, false] {
            let properties = small_groups()
                .set_writer_version(version)
                .set_dictionary_enabled(dictionary);
            conforms(
                &batches,
                &file(&batches, properties),
                ParquetOptions::default(),
            );
        }
    }
}

#[test]
fn any_options() {
    let batches = [rows(13), rows(9)];
    let bytes = file(
        &batches,
        small_groups().set_max_row_group_row_count(Some(7)),
    );
    let default = ParquetOptions::default;
    conforms(&batches, &bytes, default().with_split_rows(3));
    conforms(&batches, &bytes, default().with_prune(false));
    conforms(&batches, &bytes, default().with_dictionaries(false));
    conforms(
        &batches,
        &bytes,
        default().with_split_rows(1).with_dictionaries(false),
    );
}

#[test]
fn one_row_group() {
    let batches = [rows(25)];
    let bytes = file(&batches, WriterProperties::builder());
    conforms(&batches, &bytes, ParquetOptions::default());
    conforms(
        &batches,
        &bytes,
        ParquetOptions::default().with_split_rows(7),
    );
}

#[test]
fn any_compression() {
    let batches = [rows(12)];
    for compression in [
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(Default::default()),
        Compression::BROTLI(Default::default()),
    ] {
        let bytes = file(&batches, small_groups().set_compression(compression));
        let source = table(&bytes, ParquetOptions::default());
        assert_eq!(read(&source), shown(&batches, &source), "{compression}");
    }
}

#[test]
fn no_rows() {
    let batches = [rows(0)];
    let bytes = file(&batches, WriterProperties::builder());
    conforms(&batches, &bytes, ParquetOptions::default());
    let one = [rows(1)];
    conforms(
        &one,
        &file(&one, WriterProperties::builder()),
        ParquetOptions::default(),
    );
}

/// All batches of a table, each with its selected rows.
fn batches(source: &ParquetSource) -> Vec<Batch> {
    let mut cx = TaskContext::standalone();
    let columns: Vec<usize> = (0..source.schema().len()).collect();
    let request = ScanRequest {
        schema: source.schema(),
        projection: columns.clone(),
        columns,
        filters: Vec::new(),
        limit: None,
        batch_size: 1024,
        query: Arc::clone(&cx.query),
    };
    let scan = source.scan(request).unwrap();
    let mut reader = scan.open(&mut cx).unwrap();
    let mut batches = Vec::new();
    while let Claim::Split(_) = reader.claim(&mut cx).unwrap() {
        loop {
            let mut batch = Batch::default();
            let status = reader.next(&mut batch, &mut cx).unwrap();
            batches.push(batch);
            if status == ScanStatus::SplitFinished {
                break;
            }
        }
    }
    batches
}

/// All rows of a table, as one batch (or none).
pub(super) fn read(source: &ParquetSource) -> Vec<RecordBatch> {
    let schema = source.schema().to_arrow();
    let batches = batches(source);
    let batches = batches.iter().map(|batch| batch.to_arrow(&schema).unwrap());
    let batches: Vec<RecordBatch> = batches.collect();
    vec![arrow::compute::concat_batches(&schema, &batches).unwrap()]
}

#[test]
fn text_stays_a_dictionary_where_the_file_holds_one() {
    let encodings = |bytes: &[u8], options| {
        let batch = &batches(&table(bytes, options))[0];
        let coded = |i: usize| {
            let encoding = batch.columns()[i].encoding();
            matches!(encoding, Encoding::Dictionary { .. })
        };
        [2, 3].map(coded)
    };
    let rows = [rows(40)];
    let properties = WriterProperties::builder;
    let coded = file(&rows, properties());
    // Every text is another: codes would save nothing.
    assert_eq!(encodings(&coded, ParquetOptions::default()), [true, false]);
    let without = ParquetOptions::default().with_dictionaries(false);
    assert_eq!(encodings(&coded, without), [false, false]);
    let plain = file(&rows, properties().set_dictionary_enabled(false));
    assert_eq!(encodings(&plain, ParquetOptions::default()), [false, false]);
    // The dictionary was full after some pages: the others are plain.
    let both = properties()
        .set_dictionary_page_size_limit(8)
        .set_data_page_row_count_limit(4)
        .set_write_batch_size(2);
    let both = file(&rows, both);
    assert_eq!(encodings(&both, ParquetOptions::default()), [false, false]);
    conforms(&rows, &both, ParquetOptions::default());
}
