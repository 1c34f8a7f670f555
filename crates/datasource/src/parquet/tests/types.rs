//! Every type, and how it is shown.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray,
    Float16Array, Float32Array, Int8Array, Int16Array, Int32Array, LargeStringArray, RecordBatch,
    StructArray, Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
    UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int8Type};
use parquet::basic::Encoding;
use parquet::data_type::{FixedLenByteArray, FixedLenByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{conforms, file, small_groups, table};
use crate::{ParquetOptions, ParquetSource};
use esker_logical_plan::source_conformance;

fn check(array: ArrayRef, shown: &str) {
    let batch = RecordBatch::try_from_iter_with_nullable([("x", array, true)]).unwrap();
    let batches = [batch];
    let bytes = file(&batches, small_groups());
    let source = table(&bytes, ParquetOptions::default());
    let schema = esker_logical_plan::TableSource::schema(&source);
    assert_eq!(schema.field(0).unwrap().data_type().to_string(), shown);
    conforms(
        &batches,
        &bytes,
        ParquetOptions::default().with_split_rows(2),
    );
}

fn decimals(precision: u8, scale: i8) -> ArrayRef {
    let values = Decimal128Array::from(vec![Some(0), Some(-25), None, Some(25), Some(99)]);
    Arc::new(values.with_precision_and_scale(precision, scale).unwrap())
}

#[test]
fn numbers() {
    check(
        Arc::new(Int8Array::from(vec![Some(-3), None, Some(127)])),
        "Int8",
    );
    check(
        Arc::new(Int16Array::from(vec![Some(-3), None, Some(i16::MAX)])),
        "Int16",
    );
    check(
        Arc::new(UInt8Array::from(vec![Some(3), None, Some(255)])),
        "UInt8",
    );
    check(
        Arc::new(UInt16Array::from(vec![Some(3), None, Some(u16::MAX)])),
        "UInt16",
    );
    check(
        Arc::new(UInt32Array::from(vec![Some(3), None, Some(u32::MAX)])),
        "UInt32",
    );
    check(
        Arc::new(UInt64Array::from(vec![Some(3), None, Some(u64::MAX)])),
        "UInt64",
    );
    check(
        Arc::new(Float32Array::from(vec![Some(-0.0), None, Some(f32::NAN)])),
        "Float32",
    );
    let halves = [Some(half(1.5)), None, Some(half(-0.0))];
    check(Arc::new(Float16Array::from(halves.to_vec())), "Float16");
}

fn half(value: f32) -> <arrow::datatypes::Float16Type as arrow::array::ArrowPrimitiveType>::Native {
    let array = cast(&Float32Array::from(vec![value]), &DataType::Float16);
    let array = array.unwrap();
    arrow::array::AsArray::as_primitive::<arrow::datatypes::Float16Type>(&array).value(0)
}

#[test]
fn decimals_are_as_wide_as_they_are_stored() {
    check(decimals(9, 2), "Decimal32(9, 2)");
    check(decimals(10, 2), "Decimal64(10, 2)");
    check(decimals(18, 0), "Decimal64(18, 0)");
    check(decimals(19, 2), "Decimal128(19, 2)");
}

/// A file of decimals, `x`, of so many bytes each.
fn in_bytes(digits: &[i128], (width, precision): (usize, u8), encoding: Encoding) -> Vec<u8> {
    let schema = format!(
        "message m {{ required fixed_len_byte_array({width}) x (DECIMAL({precision}, 2)); }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties =
        WriterProperties::builder().set_dictionary_enabled(encoding == Encoding::RLE_DICTIONARY);
    let properties = Arc::new(match encoding {
        Encoding::RLE_DICTIONARY => properties.build(),
        encoding => properties.set_encoding(encoding).build(),
    });
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values = digits.iter().map(|digits| {
        let bytes = digits.to_be_bytes();
        FixedLenByteArray::from(bytes[bytes.len() - width..].to_vec())
    });
    let values: Vec<FixedLenByteArray> = values.collect();
    let typed = column.typed::<FixedLenByteArrayType>();
    typed.write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// Writers differ in how they hold the same decimals; those of one table may.
#[test]
fn decimals_of_several_files() {
    let folder = tempfile::tempdir().unwrap();
    let values = |digits: &[i128], precision: u8| {
        let values = Decimal128Array::from(digits.to_vec());
        Arc::new(values.with_precision_and_scale(precision, 2).unwrap()) as ArrayRef
    };
    let integers = |precision: u8| {
        let batch = RecordBatch::try_from_iter([("x", values(&[-7, 8], precision))]);
        file(&[batch.unwrap()], WriterProperties::builder())
    };
    let files = [
        ("a.parquet", integers(15)),
        ("b.parquet", in_bytes(&[-1, 2], (7, 15), Encoding::PLAIN)),
        (
            "c.parquet",
            in_bytes(&[-3, 4], (16, 15), Encoding::RLE_DICTIONARY),
        ),
        ("d.parquet", integers(9)),
        ("e.parquet", in_bytes(&[-1, 2], (4, 9), Encoding::PLAIN)),
    ];
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let check = |names: &[&str], shown: &str, digits: &[i128]| {
        let paths: Vec<_> = names.iter().map(|name| folder.path().join(name)).collect();
        let source = ParquetSource::open(paths).unwrap();
        let schema = esker_logical_plan::TableSource::schema(&source);
        assert_eq!(schema.field(0).unwrap().data_type().to_string(), shown);
        // Filters, and what they leave out by bounds, too.
        let all = RecordBatch::try_from_iter([("x", values(digits, 15))]).unwrap();
        source_conformance::check(&source, &super::shown(&[all], &source)).unwrap();
    };
    let [a, b, c] = ["a.parquet", "b.parquet", "c.parquet"];
    check(&[a, b], "Decimal64(15, 2)", &[-7, 8, -1, 2]);
    check(&[b, c], "Decimal128(15, 2)", &[-1, 2, -3, 4]);
    check(&[a, b, c], "Decimal128(15, 2)", &[-7, 8, -1, 2, -3, 4]);
    check(
        &["d.parquet", "e.parquet"],
        "Decimal128(9, 2)",
        &[-7, 8, -1, 2],
    );
    let paths = ["a.parquet", "d.parquet"].map(|name| folder.path().join(name));
    let error = ParquetSource::open(paths).unwrap_err().to_string();
    let want = "column 'x' is Decimal32(9, 2), but Decimal64(15, 2) in";
    assert!(error.contains(want), "{error}");
}

/// What arrow-rs writes as integers others write as bytes, in as few as the digits take or in 16.
#[test]
fn decimals_in_few_bytes_are_narrow() {
    let digits = [-999_999_999_999_999i128, 5, -1, 0, 999_999_999_999_999];
    let check = |width: usize, precision: u8, encoding: Encoding, shown: &str| {
        let least = 10i128.pow(precision.into()) - 1;
        let digits = digits.map(|digits| digits.clamp(-least, least));
        let bytes = in_bytes(&digits, (width, precision), encoding);
        let want = Decimal128Array::from(digits.to_vec());
        let want: ArrayRef = Arc::new(want.with_precision_and_scale(precision, 2).unwrap());
        let batch = RecordBatch::try_from_iter([("x", Arc::clone(&want))]).unwrap();
        let source = table(&bytes, ParquetOptions::default());
        let schema = esker_logical_plan::TableSource::schema(&source);
        assert_eq!(schema.field(0).unwrap().data_type().to_string(), shown);
        let statistics = esker_logical_plan::TableSource::properties(&source).statistics;
        let known = &statistics.columns[0];
        let bounds = [&known.min, &known.max].map(|bound| {
            let bound = bound.as_ref().unwrap().as_array();
            cast(bound, want.data_type()).unwrap()
        });
        assert_eq!(bounds, [want.slice(0, 1), want.slice(4, 1)]);
        conforms(&[batch], &bytes, ParquetOptions::default());
    };
    // The reader of our own, and that of the crate.
    for encoding in [
        Encoding::PLAIN,
        Encoding::RLE_DICTIONARY,
        Encoding::DELTA_BYTE_ARRAY,
    ] {
        check(2, 4, encoding, "Decimal64(4, 2)");
        for width in 4..=6 {
            check(width, 9, encoding, "Decimal64(9, 2)");
        }
        check(7, 15, encoding, "Decimal64(15, 2)");
        check(8, 18, encoding, "Decimal64(18, 2)");
        check(9, 18, encoding, "Decimal128(18, 2)");
        for width in 10..=16 {
            check(width, 15, encoding, "Decimal128(15, 2)");
        }
        check(16, 38, encoding, "Decimal128(38, 2)");
    }
}

#[test]
fn days_and_times() {
    check(
        Arc::new(Date32Array::from(vec![Some(10561), None, Some(-1)])),
        "Date32",
    );
    let times = vec![Some(1_700_000_000_000_000), None, Some(-1)];
    check(
        Arc::new(TimestampMicrosecondArray::from(times.clone())),
        "Timestamp(µs)",
    );
    check(
        Arc::new(TimestampNanosecondArray::from(times.clone())),
        "Timestamp(ns)",
    );
    let zoned = TimestampMicrosecondArray::from(times).with_timezone("Europe/Paris");
    check(Arc::new(zoned), "Timestamp(µs, \"Europe/Paris\")");
    check(
        Arc::new(Time64MicrosecondArray::from(vec![Some(5), None])),
        "Time64(µs)",
    );
}

#[test]
fn text_and_bytes_are_views() {
    let texts = vec![
        Some("b"),
        None,
        Some(""),
        Some("b"),
        Some("longer than twelve bytes"),
    ];
    check(Arc::new(LargeStringArray::from(texts.clone())), "Utf8View");
    let coded: DictionaryArray<Int8Type> = texts.iter().copied().collect();
    check(Arc::new(coded), "Utf8View");
    let bytes: Vec<Option<&[u8]>> = vec![Some(b"\xff"), None, Some(b"")];
    check(Arc::new(BinaryArray::from(bytes)), "BinaryView");
    let fixed = FixedSizeBinaryArray::try_from_iter([[1u8, 2], [0, 255]].iter()).unwrap();
    check(Arc::new(fixed), "FixedSizeBinary(2)");
}

#[test]
fn only_nulls() {
    check(Arc::new(Int32Array::from(vec![None, None, None])), "Int32");
    check(
        Arc::new(LargeStringArray::from(vec![None::<&str>, None])),
        "Utf8View",
    );
    check(Arc::new(arrow::array::NullArray::new(3)), "Null");
}

#[test]
fn nested_columns_pass_through() {
    let fields = vec![
        Field::new("a", DataType::Int32, true),
        Field::new("b", DataType::Utf8, true),
    ];
    let a: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let b: ArrayRef = Arc::new(arrow::array::StringArray::from(vec![
        None,
        Some("x"),
        Some("y"),
    ]));
    let row = StructArray::new(
        fields.into(),
        vec![a, b],
        Some(vec![true, false, true].into()),
    );
    let shown = arrow::array::Array::data_type(&row).to_string();
    check(Arc::new(row), &shown);
}

#[test]
fn the_schema_of_the_file_alone_will_do() {
    let texts: ArrayRef = Arc::new(LargeStringArray::from(vec!["a", "b", "a", "a"]));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![1, 2, 3, 4]));
    let batch = RecordBatch::try_from_iter([("t", texts), ("d", days)]).unwrap();
    let mut bytes = Vec::new();
    let options = parquet::arrow::arrow_writer::ArrowWriterOptions::new()
        .with_properties(WriterProperties::builder().build())
        .with_skip_arrow_metadata(true);
    let writer =
        parquet::arrow::ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options);
    let mut writer = writer.unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    conforms(&[batch], &bytes, ParquetOptions::default());
}
