//! Parquet files written by workers in any order, read back with the Parquet crate.

use std::fs::{self, File};
use std::sync::Arc;

use arrow::array::*;
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{
    DataType, Field, Int32Type, IntervalUnit, Schema, TimeUnit, UnionFields, UnionMode,
};
use esker_datatypes::Batch;
use esker_runtime::{MemoryBudget, QueryContext, WorkerPool};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use proptest::prelude::*;

use super::*;

/// A batch on its way: where it stands, and its rows.
type Placed = (Order, Batch);

/// The batches of a split, the last one marked.
fn split(ordinal: u64, batches: &[RecordBatch]) -> Vec<Placed> {
    let place = |(i, batch): (usize, &RecordBatch)| {
        let order = Order {
            ordinal,
            sequence: i as u32,
            last: i + 1 == batches.len(),
        };
        let batch = Batch::from_arrow(batch).unwrap().with_order(order);
        (order, batch)
    };
    batches.iter().enumerate().map(place).collect()
}

/// Workers that write, each a batch at a time, in an order that `next` chooses.
struct Workers {
    sink: ParquetSink,
    query: Arc<QueryContext>,
    _pool: WorkerPool,
}

impl Workers {
    fn new(sink: ParquetSink, threads: usize, memory: Arc<MemoryBudget>) -> Self {
        let pool = WorkerPool::new(threads);
        Self {
            sink,
            query: QueryContext::new(&pool, memory),
            _pool: pool,
        }
    }

    /// Writes the splits: a free worker claims the first that nobody has.
    fn run(&self, splits: Vec<Vec<Placed>>, mut next: impl FnMut() -> usize) -> Result<()> {
        let mut cx = TaskContext::for_query(Arc::clone(&self.query));
        let mut splits = splits.into_iter().map(Vec::into_iter);
        let mut workers = Vec::new();
        for _ in 0..self.query.threads() {
            let writer = self.sink.open_writer(&mut cx)?;
            workers.push((writer, None, splits.next()));
        }
        let mut idle = 0;
        while !workers.is_empty() {
            assert!(idle < 10_000, "all workers wait");
            idle += 1;
            let at = next() % workers.len();
            let (writer, batch, current) = &mut workers[at];
            if batch.is_none() {
                *batch = current.as_mut().and_then(Iterator::next);
            }
            match batch.as_ref() {
                Some((_, rows)) => {
                    if writer.write(rows, &mut cx)? != SinkStatus::Blocked {
                        (*batch, idle) = (None, 0);
                    }
                }
                None => match splits.next() {
                    Some(split) => *current = Some(split),
                    None => {
                        writer.close(&mut cx)?;
                        drop(workers.remove(at));
                        idle = 0;
                    }
                },
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> (RecordBatch, Arc<ParquetMetaData>) {
    let file = File::open(path).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let (schema, metadata) = (Arc::clone(builder.schema()), Arc::clone(builder.metadata()));
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    (concat_batches(&schema, &batches).unwrap(), metadata)
}

fn row_groups(metadata: &ParquetMetaData) -> Vec<i64> {
    metadata.row_groups().iter().map(|g| g.num_rows()).collect()
}

fn numbers(values: std::ops::Range<i64>) -> RecordBatch {
    let array: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
    RecordBatch::try_from_iter([("n", array)]).unwrap()
}

/// Columns of every type that the format has, nulls among them.
fn all_types() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![
        Some(0),
        Some(1),
        None,
        Some(7),
        Some(7),
        Some(100),
    ]));
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    let decimals = [
        DataType::Decimal32(9, 2),
        DataType::Decimal64(18, 3),
        DataType::Decimal128(38, 4),
        DataType::Decimal256(60, 5),
    ];
    let times = [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ];
    let casts = [
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
        DataType::Boolean,
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Date32,
        DataType::Date64,
        DataType::Time32(TimeUnit::Second),
        DataType::Time32(TimeUnit::Millisecond),
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Time64(TimeUnit::Nanosecond),
    ];
    let casts = casts
        .into_iter()
        .chain(decimals)
        .chain(times.map(|unit| DataType::Timestamp(unit, None)))
        .chain(times.map(|unit| DataType::Timestamp(unit, Some("UTC".into()))))
        .chain(times.map(DataType::Duration));
    for data_type in casts {
        let array = match &data_type {
            // Days in milliseconds.
            DataType::Date64 => cast(
                &cast(
                    &cast(&numbers, &DataType::Int32).unwrap(),
                    &DataType::Date32,
                )
                .unwrap(),
                &data_type,
            ),
            DataType::Date32 | DataType::Time32(_) => {
                cast(&cast(&numbers, &DataType::Int32).unwrap(), &data_type)
            }
            _ => cast(&numbers, &data_type),
        };
        columns.push((data_type.to_string(), array.unwrap()));
    }
    let text = cast(&numbers, &DataType::Utf8).unwrap();
    for data_type in [
        DataType::Binary,
        DataType::LargeBinary,
        DataType::BinaryView,
    ] {
        columns.push((data_type.to_string(), cast(&text, &data_type).unwrap()));
    }
    let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    columns.push(("coded".into(), cast(&text, &coded).unwrap()));
    let bytes = vec![
        Some([1u8, 2, 3]),
        None,
        Some([0; 3]),
        None,
        Some([9; 3]),
        Some([1, 2, 3]),
    ];
    let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes.into_iter(), 3).unwrap();
    columns.push(("fixed".into(), Arc::new(fixed)));
    let odd = [
        f64::NAN,
        -0.0,
        0.0,
        f64::INFINITY,
        f64::MIN_POSITIVE,
        f64::NEG_INFINITY,
    ];
    columns.push((
        "odd floats".into(),
        Arc::new(Float64Array::from(odd.to_vec())),
    ));
    let lists = vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
        Some(vec![Some(2)]),
        Some(vec![None]),
        None,
    ];
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    let list: ArrayRef = Arc::new(list);
    columns.push(("list".into(), Arc::clone(&list)));
    let fields = vec![
        Field::new("n", DataType::Int64, true),
        Field::new("l", list.data_type().clone(), true),
        Field::new("t", DataType::Utf8, true),
    ];
    let nulls = vec![true, true, false, true, true, true].into();
    let structs = StructArray::new(
        fields.into(),
        vec![Arc::clone(&numbers), list, text],
        Some(nulls),
    );
    columns.push(("struct".into(), Arc::new(structs)));
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for i in 0..6 {
        for key in 0..i % 3 {
            map.keys().append_value(format!("k{key}"));
            map.values().append_option((key > 0).then_some(i));
        }
        map.append(i != 4).unwrap();
    }
    columns.push(("map".into(), Arc::new(map.finish())));
    columns.push(("null".into(), Arc::new(NullArray::new(6))));
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
        .unwrap()
}

#[test]
fn every_type_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let batch = all_types();
    for (dictionaries, statistics, rows) in [(true, true, 4), (false, false, 100)] {
        let path = folder.path().join("types.parquet");
        let options = ParquetWriteOptions::default()
            .with_dictionaries(dictionaries)
            .with_statistics(statistics)
            .with_row_group_rows(rows);
        let sink = ParquetSink::create(&path, batch.schema(), &options).unwrap();
        let workers = Workers::new(sink, 1, MemoryBudget::unlimited());
        let pieces = [batch.slice(0, 3), batch.slice(3, 0), batch.slice(3, 3)];
        workers.run(vec![split(0, &pieces)], || 0).unwrap();
        let summary = workers.sink.finish().unwrap();
        assert_eq!(summary.rows, 6);
        assert_eq!(summary.bytes, fs::metadata(&path).unwrap().len());
        let (read, _) = read(&path);
        assert_eq!(read.schema().fields(), batch.schema().fields());
        for (field, (read, written)) in batch
            .schema()
            .fields()
            .iter()
            .zip(read.columns().iter().zip(batch.columns()))
        {
            assert_eq!(read, written, "{field}");
        }
    }
}

#[test]
fn options_are_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("options.parquet");
    for (compression, want) in [
        (ParquetCompression::Uncompressed, Compression::UNCOMPRESSED),
        (ParquetCompression::Snappy, Compression::SNAPPY),
        (ParquetCompression::Lz4, Compression::LZ4_RAW),
        (
            ParquetCompression::Zstd,
            Compression::ZSTD(Default::default()),
        ),
        (
            ParquetCompression::Gzip,
            Compression::GZIP(Default::default()),
        ),
        (
            ParquetCompression::Brotli,
            Compression::BROTLI(Default::default()),
        ),
    ] {
        for on in [true, false] {
            let options = ParquetWriteOptions::default()
                .with_compression(compression)
                .with_dictionaries(on)
                .with_statistics(on);
            let batch = numbers(0..1000);
            let sink = ParquetSink::create(&path, batch.schema(), &options).unwrap();
            let workers = Workers::new(sink, 1, MemoryBudget::unlimited());
            workers
                .run(vec![split(0, std::slice::from_ref(&batch))], || 0)
                .unwrap();
            workers.sink.finish().unwrap();
            let (read, metadata) = read(&path);
            assert_eq!(read, batch);
            let column = metadata.row_group(0).column(0);
            assert_eq!(column.compression(), want);
            assert_eq!(column.dictionary_page_offset().is_some(), on);
            assert_eq!(column.statistics().is_some(), on);
            assert_eq!(column.column_index_offset().is_some(), on);
            assert!(column.offset_index_offset().is_some());
        }
    }
}

#[test]
fn encodings_and_selections_are_written_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coded.parquet");
    let values: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("c")]));
    let codes = UInt32Array::from(vec![Some(0), Some(1), None, Some(2), Some(0)]);
    let columns = vec![
        esker_datatypes::Column::dictionary(codes, values),
        esker_datatypes::Column::constant(esker_datatypes::ScalarValue::from(7i64), 5),
        esker_datatypes::Column::flat(Arc::new(Int64Array::from_iter_values(0..5))),
    ];
    let schema = Arc::new(Schema::new(vec![
        Field::new("coded", DataType::Utf8View, true),
        Field::new("constant", DataType::Int64, false),
        Field::new("n", DataType::Int64, false),
    ]));
    let order = |sequence, last| Order {
        ordinal: 0,
        sequence,
        last,
    };
    let all = Batch::new(columns, 5).with_order(order(0, false));
    let mut some = all.clone().with_order(order(1, true));
    some.selection_mut().retain(|row| row == 1 || row == 3);
    let options = ParquetWriteOptions::default();
    let sink = ParquetSink::create(&path, Arc::clone(&schema), &options).unwrap();
    let workers = Workers::new(sink, 1, MemoryBudget::unlimited());
    let placed = vec![(all.order(), all), (some.order(), some)];
    workers.run(vec![placed], || 0).unwrap();
    workers.sink.finish().unwrap();
    let text = vec![Some("a"), None, None, Some("c"), Some("a"), None, Some("c")];
    let want = RecordBatch::try_new(
        schema,
        vec![
            Arc::new(StringViewArray::from(text)),
            Arc::new(Int64Array::from(vec![7; 7])),
            Arc::new(Int64Array::from(vec![0, 1, 2, 3, 4, 1, 3])),
        ],
    );
    assert_eq!(read(&path).0, want.unwrap());
}

#[test]
fn a_result_without_rows_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.parquet");
    let batch = all_types();
    let sink = ParquetSink::create(&path, batch.schema(), &ParquetWriteOptions::default()).unwrap();
    let workers = Workers::new(sink, 2, MemoryBudget::unlimited());
    workers.run(Vec::new(), || 0).unwrap();
    assert!(!path.exists());
    let summary = workers.sink.finish().unwrap();
    assert_eq!(summary.rows, 0);
    let (read, metadata) = read(&path);
    assert_eq!(read.num_rows(), 0);
    assert_eq!(read.schema().fields(), batch.schema().fields());
    assert_eq!(metadata.num_row_groups(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whoever is first, and however little memory there is: rows keep their order, and where memory
    /// is plenty the row groups are those of one worker.
    #[test]
    fn rows_keep_their_order(
        sizes in prop::collection::vec(prop::collection::vec(0i64..40, 1..4), 0..20),
        behind in 0i64..30,
        row_group in 1usize..60,
        threads in 1usize..5,
        steps in prop::collection::vec(any::<usize>(), 1..100),
        tight: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("order.parquet");
        let mut rows = 0;
        let mut take = |count: i64| {
            rows += count;
            numbers(rows - count..rows)
        };
        let mut splits: Vec<Vec<Placed>> = Vec::new();
        for (ordinal, sizes) in sizes.iter().enumerate() {
            let batches: Vec<RecordBatch> = sizes.iter().map(|&size| take(size)).collect();
            splits.push(split(ordinal as u64, &batches));
        }
        splits.push(split(Order::BEHIND_ALL, &[take(behind)]));
        let memory = match tight {
            true => MemoryBudget::with_limit(2 * 8 * 40 * (threads as u64 + 1)),
            false => MemoryBudget::unlimited(),
        };
        let options = ParquetWriteOptions::default().with_row_group_rows(row_group);
        let sink = ParquetSink::create(&path, numbers(0..0).schema(), &options).unwrap();
        let workers = Workers::new(sink, threads, Arc::clone(&memory));
        let mut steps = steps.iter().cycle();
        let mut turn = 0usize;
        let next = || {
            turn += 1;
            // Everybody has a turn now and then.
            if turn.is_multiple_of(3) { turn / 3 } else { *steps.next().unwrap() }
        };
        workers.run(splits, next).unwrap();
        prop_assert_eq!(workers.sink.finish().unwrap().rows, rows as u64);
        prop_assert_eq!(memory.used(), 0);
        let (read, metadata) = read(&path);
        prop_assert_eq!(read, numbers(0..rows));
        let sizes = row_groups(&metadata);
        prop_assert!(sizes.iter().all(|&rows| rows > 0 && rows <= row_group as i64));
        if !tight {
            prop_assert_eq!(sizes.len(), (rows as usize).div_ceil(row_group));
        }
    }
}

#[test]
fn memory_that_never_suffices_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let batch = numbers(0..1000);
    let sink = ParquetSink::create(&path, batch.schema(), &ParquetWriteOptions::default()).unwrap();
    let workers = Workers::new(sink, 1, MemoryBudget::with_limit(100));
    let error = workers.run(vec![split(0, &[batch])], || 0).unwrap_err();
    assert!(error.to_string().contains("the Parquet writer"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_aborted_file_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    fs::write(&path, "old").unwrap();
    let batch = numbers(0..1000);
    let options = ParquetWriteOptions::default().with_row_group_rows(10);
    let files = || fs::read_dir(folder.path()).unwrap().count();
    for abort in [true, false] {
        let sink = ParquetSink::create(&path, batch.schema(), &options).unwrap();
        let workers = Workers::new(sink, 1, MemoryBudget::unlimited());
        workers
            .run(vec![split(0, std::slice::from_ref(&batch))], || 0)
            .unwrap();
        assert_eq!(files(), 2);
        if abort {
            workers.sink.abort();
            assert_eq!(files(), 1);
            assert!(workers.sink.finish().is_err());
        }
        drop(workers);
        assert_eq!(files(), 1);
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let check = |path: &Path, schema: Schema, want: &str| {
        let options = ParquetWriteOptions::default();
        let error = ParquetSink::create(path, Arc::new(schema), &options).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(want), "{text}");
        assert!(text.contains(&path.display().to_string()), "{text}");
    };
    let schema = || numbers(0..0).schema().as_ref().clone();
    check(folder.path(), schema(), "is a directory");
    check(
        &folder.path().join("no/such/out.parquet"),
        schema(),
        "No such file",
    );
    let out = folder.path().join("out.parquet");
    check(&out, Schema::empty(), "at least one column");
    let month_day = DataType::Interval(IntervalUnit::MonthDayNano);
    let union = DataType::Union(
        UnionFields::from_fields(vec![Field::new("a", month_day, true)]),
        UnionMode::Sparse,
    );
    check(
        &out,
        Schema::new(vec![Field::new("u", union, true)]),
        "not supported",
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
