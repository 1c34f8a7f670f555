//! A file as old writers made them: 96-bit timestamps, bytes that do not say they are text.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Int32Type, TimestampNanosecondType};
use esker_datatypes::Batch;
use esker_logical_plan::{ScanRequest, ScanStatus, TableSource};
use esker_runtime::TaskContext;
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type as Int32,
    Int64Type, Int96, Int96Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{batches, read, table};
use crate::{ParquetOptions, ParquetSource};

const SCHEMA: &str = "message schema {
    optional int32 id;
    optional boolean bool_col;
    optional int32 tinyint_col;
    optional int32 smallint_col;
    optional int32 int_col;
    optional int64 bigint_col;
    optional float float_col;
    optional double double_col;
    optional binary date_string_col;
    optional binary string_col;
    optional int96 timestamp_col;
}";
const IDS: [i32; 8] = [4, 5, 6, 7, 2, 3, 0, 1];
/// 2009-01-01, as a Julian day and since 1970 in nanoseconds.
const JULIAN: u32 = 2_454_833;
const NANOS: i64 = 1_230_768_000_000_000_000;

fn write<T: DataType>(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[T::T]) {
    let mut column = group.next_column().unwrap().unwrap();
    let writer = column.typed::<T>();
    writer
        .write_batch(values, Some(&vec![1; values.len()]), None)
        .unwrap();
    column.close().unwrap();
}

/// The file `alltypes_plain.parquet` that Impala wrote, made again.
pub(crate) fn alltypes() -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::PLAIN)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let odd = IDS.map(|id| id % 2);
    write::<Int32>(&mut group, &IDS);
    write::<BoolType>(&mut group, &odd.map(|odd| odd == 0));
    for _ in 0..3 {
        write::<Int32>(&mut group, &odd);
    }
    write::<Int64Type>(&mut group, &odd.map(|odd| i64::from(odd) * 10));
    write::<FloatType>(&mut group, &odd.map(|odd| odd as f32 * 1.1));
    write::<DoubleType>(&mut group, &odd.map(|odd| f64::from(odd) * 10.1));
    let months = IDS.map(|id| ["01", "02", "03", "04"][id as usize / 2]);
    let text = |text: String| ByteArray::from(text.into_bytes());
    write::<ByteArrayType>(
        &mut group,
        &months.map(|month| text(format!("{month}/01/09"))),
    );
    write::<ByteArrayType>(&mut group, &odd.map(|odd| text(odd.to_string())));
    let time = |id: i32| {
        let mut time = Int96::new();
        let nanos = u64::from(id.unsigned_abs()) * 60_000_000_000;
        time.set_data(nanos as u32, (nanos >> 32) as u32, JULIAN);
        time
    };
    write::<Int96Type>(&mut group, &IDS.map(time));
    group.close().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn kquery_55_old_types_are_shown_as_what_they_are() {
    let source = table(&alltypes(), ParquetOptions::default());
    let want = "id: Int32?, bool_col: Boolean?, tinyint_col: Int32?, smallint_col: Int32?, \
                int_col: Int32?, bigint_col: Int64?, float_col: Float32?, double_col: Float64?, \
                date_string_col: BinaryView?, string_col: BinaryView?, timestamp_col: \
                Timestamp(ns)?";
    assert_eq!(source.schema().to_string(), want);
    let [batch] = &batches(&source)[..] else {
        panic!("one batch");
    };
    assert_eq!(batch.rows(), 8);
    let rows = &read(&source)[0];
    assert_eq!(rows.column(0).as_primitive::<Int32Type>().values(), &IDS);
    assert_eq!(rows.column(9).null_count(), 0);
    assert_eq!(rows.column(9).as_binary_view().value(1), b"1");
    assert_eq!(rows.column(8).as_binary_view().value(0), b"03/01/09");
    let times = rows.column(10).as_primitive::<TimestampNanosecondType>();
    let want = IDS.map(|id| NANOS + i64::from(id) * 60_000_000_000);
    assert_eq!(times.values(), &want);
}

#[test]
fn old_timestamps_beyond_what_nanoseconds_reach_are_errors() {
    let check = |day: u32, nanos: u64, want: Option<i64>| {
        let schema = parse_message_type("message schema { optional int96 t; }").unwrap();
        let properties = Arc::new(WriterProperties::builder().build());
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties);
        let mut writer = writer.unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut time = Int96::new();
        time.set_data(nanos as u32, (nanos >> 32) as u32, day);
        write::<Int96Type>(&mut group, &[time]);
        group.close().unwrap();
        let source = table(&writer.into_inner().unwrap(), ParquetOptions::default());
        let found = super::broken::read_all(&source);
        match want {
            Some(want) => {
                found.unwrap();
                let times = read(&source)[0].column(0).clone();
                assert_eq!(
                    times.as_primitive::<TimestampNanosecondType>().value(0),
                    want
                );
            }
            None => {
                let error = found.unwrap_err().to_string();
                assert!(
                    error.contains("does not fit") && error.contains("'t'"),
                    "{error}"
                );
            }
        }
    };
    const DAY: i64 = 86_400_000_000_000;
    check(JULIAN, 1, Some(NANOS + 1));
    check(2_440_588 - 1, 5, Some(5 - DAY));
    let last = 2_440_588 + 106_751;
    check(last, 0, Some(106_751 * DAY));
    check(last + 1, 0, None);
    check(2_440_588 - 106_751, 0, Some(-106_751 * DAY));
    check(2_440_588 - 106_752, 0, None);
    // The years 9999 and 1.
    check(5_373_484, 0, None);
    check(1_721_426, 0, None);
}

#[test]
fn kquery_24_rows_are_counted_without_reading_a_column() {
    let source = table(&alltypes(), ParquetOptions::default());
    assert_eq!(source.properties().statistics.rows.exact(), Some(8));
    assert_eq!(bytes_read(&source, vec![]), 0);
}

#[test]
fn kquery_55_only_the_columns_asked_for_are_read() {
    let source = table(&alltypes(), ParquetOptions::default());
    let bytes = |columns| bytes_read(&source, columns);
    let (id, times) = (bytes(vec![0]), bytes(vec![10]));
    assert!(id > 0 && times > id);
    assert_eq!(bytes(vec![0, 10]), id + times);
}

/// Reads all eight rows of some columns, and says how many bytes that took.
fn bytes_read(source: &ParquetSource, columns: Vec<usize>) -> u64 {
    let mut cx = TaskContext::standalone();
    let request = ScanRequest {
        schema: source.schema(),
        projection: (0..columns.len()).collect(),
        columns,
        filters: Vec::new(),
        limit: None,
        batch_size: 1024,
        query: Arc::clone(&cx.query),
    };
    let scan = source.scan(request).unwrap();
    let mut reader = scan.open(&mut cx).unwrap();
    reader.claim(&mut cx).unwrap();
    let mut batch = Batch::default();
    assert_eq!(
        reader.next(&mut batch, &mut cx).unwrap(),
        ScanStatus::SplitFinished
    );
    assert_eq!(batch.rows(), 8);
    let read = cx.query.progress().snapshot().bytes;
    assert!(
        scan.describe()
            .unwrap()
            .ends_with(&format!("bytes_read={read}"))
    );
    read
}
