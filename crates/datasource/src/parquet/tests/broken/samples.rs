//! Small files of every type, encoding, page version and compression that is read.

use std::sync::Arc;

use arrow::array::{Array, Int32Builder};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Int64Array, ListArray, MapBuilder,
    RecordBatch, StringArray, StringBuilder, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};
use parquet::basic::{Compression, Encoding, Type as PhysicalType};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::schema::types::ColumnPath;

use super::super::{alltypes, file};
use super::pages::with_checksums;

/// How many rows each has, but for the last one.
pub(super) const ROWS: usize = 23;

/// A file.
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) rows: usize,
    /// Whether its pages have checksums.
    pub(super) has_checksums: bool,
}

/// Numbers, now and then absent, in another type.
fn numbers(data_type: DataType) -> (String, ArrayRef) {
    let value = |row: usize| (row % 4 != 3).then_some((row * row % 50) as i64);
    let numbers = (0..ROWS).map(value).collect::<Int64Array>();
    // Not all types can be had from integers at once.
    let through = match data_type {
        DataType::Date32 | DataType::Time32(_) => DataType::Int32,
        DataType::Date64 | DataType::Time64(_) => DataType::Int64,
        _ => DataType::Int64,
    };
    let numbers = cast(&numbers, &through).unwrap();
    (data_type.to_string(), cast(&numbers, &data_type).unwrap())
}

fn integers() -> Vec<(String, ArrayRef)> {
    let mut columns: Vec<_> = [
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float32,
        DataType::Float64,
    ]
    .into_iter()
    .map(numbers)
    .collect();
    let flags = (0..ROWS).map(|row| (row % 5 != 4).then_some(row % 3 == 0));
    columns.push(("flag".into(), Arc::new(flags.collect::<BooleanArray>())));
    columns
}

fn decimals_and_times() -> Vec<(String, ArrayRef)> {
    let zone = || Some("Europe/Paris".into());
    [
        DataType::Decimal32(7, 2),
        DataType::Decimal64(17, 2),
        DataType::Decimal128(30, 2),
        DataType::Decimal256(60, 2),
        DataType::Date32,
        DataType::Date64,
        DataType::Time32(TimeUnit::Second),
        DataType::Time32(TimeUnit::Millisecond),
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Time64(TimeUnit::Nanosecond),
        DataType::Timestamp(TimeUnit::Second, None),
        DataType::Timestamp(TimeUnit::Millisecond, zone()),
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(TimeUnit::Nanosecond, zone()),
    ]
    .into_iter()
    .map(numbers)
    .collect()
}

fn texts() -> Vec<(String, ArrayRef)> {
    let text = |row: usize| match row % 5 {
        4 => None,
        2 => Some(format!("a text of more than a dozen bytes, {}", row % 7)),
        _ => Some(["", "short", "shorter"][row % 3].to_owned()),
    };
    let all = (0..ROWS).map(text).collect::<StringArray>();
    let bytes = (0..ROWS).map(|row| (row % 6 != 5).then(|| vec![0xff; row % 4]));
    let bytes: Vec<Option<Vec<u8>>> = bytes.collect();
    let bytes = BinaryArray::from_iter(bytes);
    let fixed = (0..ROWS).map(|row| (row % 3 != 2).then_some([row as u8 % 5; 6]));
    let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed, 6).unwrap();
    vec![
        ("text".into(), Arc::new(all)),
        ("bytes".into(), Arc::new(bytes)),
        ("fixed".into(), Arc::new(fixed)),
    ]
}

fn nested() -> Vec<(String, ArrayRef)> {
    let lists = (0..ROWS).map(|row| {
        let values = (0..row % 4).map(|i| (i != 2).then_some((row + i) as i32));
        (row % 5 != 4).then(|| values.collect::<Vec<_>>())
    });
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    let [text, _, fixed] = &texts()[..] else {
        unreachable!("three columns of bytes");
    };
    let fields = [text, fixed].map(|(name, array)| {
        let field = Field::new(name, array.data_type().clone(), true);
        (Arc::new(field), Arc::clone(array))
    });
    let records = StructArray::from(fields.to_vec());
    let item = Arc::new(Field::new("item", lists.data_type().clone(), true));
    let sizes = (0..ROWS).map(|row| usize::from(row % 2 == 0));
    let offsets = arrow::buffer::OffsetBuffer::<i32>::from_lengths(sizes);
    let deeper = ListArray::new(item, offsets, Arc::new(lists.clone()), None);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in 0..ROWS {
        for i in 0..row % 3 {
            map.keys().append_value(format!("key {i}"));
            map.values().append_option((i != 1).then_some(row as i32));
        }
        map.append(row % 4 != 3).unwrap();
    }
    vec![
        ("list".into(), Arc::new(lists)),
        ("record".into(), Arc::new(records)),
        ("deeper".into(), Arc::new(deeper)),
        ("map".into(), Arc::new(map.finish())),
    ]
}

fn batch(columns: Vec<(String, ArrayRef)>) -> RecordBatch {
    let id: ArrayRef = Arc::new((0..ROWS as i64).collect::<Int64Array>());
    let columns = std::iter::once(("id".to_owned(), id)).chain(columns);
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns
        .map(|(name, array)| {
            let null = name != "id";
            (Field::new(name, array.data_type().clone(), null), array)
        })
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// Sets an encoding for the columns whose stored type takes it, as `of` says.
fn encode(
    batch: &RecordBatch,
    mut properties: WriterPropertiesBuilder,
    of: impl Fn(PhysicalType) -> Encoding,
) -> WriterPropertiesBuilder {
    // The paths of the leaves, from a file that is written as it comes.
    let plain = file(std::slice::from_ref(batch), WriterProperties::builder());
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes::Bytes::from(plain));
    for leaf in metadata.unwrap().row_group(0).columns() {
        let path = ColumnPath::new(leaf.column_path().parts().to_vec());
        properties = properties.set_column_encoding(path, of(leaf.column_type()));
    }
    properties
}

/// One way to write: its name, its properties, and whether checksums are added.
fn written(batch: &RecordBatch, way: usize) -> (&'static str, WriterPropertiesBuilder, bool) {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(12))
        .set_data_page_row_count_limit(5)
        .set_write_batch_size(5);
    let first = properties
        .clone()
        .set_writer_version(WriterVersion::PARQUET_1_0);
    let second = properties.set_writer_version(WriterVersion::PARQUET_2_0);
    let split = |stored| match stored {
        PhysicalType::BOOLEAN => Encoding::RLE,
        PhysicalType::BYTE_ARRAY => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        PhysicalType::INT96 => Encoding::PLAIN,
        _ => Encoding::BYTE_STREAM_SPLIT,
    };
    let deltas = |stored| match stored {
        PhysicalType::BOOLEAN => Encoding::RLE,
        PhysicalType::INT32 | PhysicalType::INT64 => Encoding::DELTA_BINARY_PACKED,
        PhysicalType::BYTE_ARRAY | PhysicalType::FIXED_LEN_BYTE_ARRAY => Encoding::DELTA_BYTE_ARRAY,
        _ => Encoding::PLAIN,
    };
    match way {
        0 => {
            let plain = first.set_statistics_enabled(EnabledStatistics::None);
            ("plain", plain.set_dictionary_enabled(false), false)
        }
        1 => {
            let coded = first.set_compression(Compression::SNAPPY);
            (
                "snappy dictionary",
                coded.set_bloom_filter_enabled(true),
                false,
            )
        }
        2 => {
            let coded = second.set_compression(Compression::ZSTD(Default::default()));
            ("zstd dictionary with checksums", coded, true)
        }
        3 => {
            let packed = encode(batch, second.set_dictionary_enabled(false), deltas);
            ("deltas", packed.set_bloom_filter_enabled(true), false)
        }
        4 => {
            let packed = encode(batch, first.set_dictionary_enabled(false), deltas);
            let packed = packed.set_compression(Compression::LZ4_RAW);
            ("lz4 deltas with checksums", packed, true)
        }
        5 => {
            let split = encode(batch, first.set_dictionary_enabled(false), split);
            let split = split.set_write_page_header_statistics(true);
            let split = split.set_compression(Compression::GZIP(Default::default()));
            ("gzip streams", split, false)
        }
        6 => {
            let split = encode(batch, second.set_dictionary_enabled(false), split);
            let split = split.set_compression(Compression::BROTLI(Default::default()));
            ("brotli streams", split, false)
        }
        _ => {
            let full = second.set_dictionary_page_size_limit(16);
            let full = full.set_compression(Compression::LZ4);
            ("lz4 of old, full dictionary", full, false)
        }
    }
}

/// Every kind of column written in every way.
pub(super) fn samples() -> Vec<Sample> {
    let kinds = [
        ("numbers", integers()),
        ("decimals and times", decimals_and_times()),
        ("texts", texts()),
        ("nested", nested()),
    ];
    let mut samples = Vec::new();
    for (kind, columns) in kinds {
        let batch = batch(columns);
        for way in 0..8 {
            let (name, properties, has_checksums) = written(&batch, way);
            let mut bytes = file(std::slice::from_ref(&batch), properties);
            if has_checksums {
                bytes = with_checksums(&bytes);
            }
            samples.push(Sample {
                name: format!("{kind}, {name}"),
                bytes,
                rows: ROWS,
                has_checksums,
            });
        }
    }
    samples.push(Sample {
        name: "an old file".into(),
        bytes: alltypes::alltypes(),
        rows: 8,
        has_checksums: false,
    });
    samples
}
