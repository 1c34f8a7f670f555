//! What is left out, and what must not be: one test for each way in which statistics mislead.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use esker_datatypes::{
    Batch, Buffers, Column, ColumnStatistics, DataType, Field, Precision, Result, ScalarValue,
    Schema, Selection,
};
use esker_kernels::compare::{CompareOp, compare};
use esker_logical_expr::{Expr, Interval, coerce, col, resolve};
use esker_logical_plan::{
    Claim, ColumnStats, PredicateProperties, RowPredicate, ScanFilter, ScanRequest, ScanStatus,
    TableSource, Verdict, prune,
};
use esker_runtime::TaskContext;
use parquet::basic::{ColumnOrder, SortOrder};
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;
use proptest::prelude::*;

use super::super::statistics::of_statistics;
use super::{conforms, file, table};
use crate::{ParquetOptions, ParquetSource};

const DEFINED: ColumnOrder = ColumnOrder::TYPE_DEFINED_ORDER(SortOrder::SIGNED);

/// What is known of a column of 100 rows, declared so in the file.
fn known(
    declared: &str,
    statistics: impl Into<Statistics>,
    order: ColumnOrder,
    data_type: &DataType,
) -> ColumnStatistics {
    let schema = parse_message_type(&format!("message m {{ optional {declared}; }}")).unwrap();
    let descriptor = SchemaDescriptor::new(Arc::new(schema)).column(0);
    of_statistics(&descriptor, Some(&statistics.into()), order, data_type, 100)
}

struct Known(Interval);

impl ColumnStats for Known {
    fn rows(&self) -> Option<u64> {
        Some(100)
    }
    fn interval(&self, _: usize) -> Option<Interval> {
        Some(self.0.clone())
    }
}

/// What a filter on `x` would do with a column of which this is known.
fn verdict(filter: Expr, data_type: &DataType, known: &ColumnStatistics) -> Verdict {
    let schema = Schema::new(vec![Field::new("x", data_type.clone(), true)]);
    let filter = resolve(filter, &schema).unwrap();
    let filter = coerce(filter, &schema).unwrap().data;
    let known = Known(Interval::of_statistics(data_type, known));
    prune(&filter, &|id| schema.index_of(id), &known)
}

fn doubles(min: f64, max: f64) -> ValueStatistics<f64> {
    ValueStatistics::new(Some(min), Some(max), None, Some(0), false)
}

#[test]
fn nan_is_beside_the_bounds_of_floats() {
    let double = DataType::Float64;
    let hidden = known("double x", doubles(1.0, 3.0), DEFINED, &double);
    assert_eq!(verdict(col("x").gt(5.0), &double, &hidden), Verdict::Maybe);
    assert_eq!(verdict(col("x").lt(0.0), &double, &hidden), Verdict::Drop);
    assert_eq!(verdict(col("x").lt(5.0), &double, &hidden), Verdict::Maybe);
    let none = doubles(1.0, 3.0).with_nan_count(Some(0));
    let none = known("double x", none, DEFINED, &double);
    assert_eq!(verdict(col("x").gt(5.0), &double, &none), Verdict::Drop);
    assert_eq!(verdict(col("x").lt(5.0), &double, &none), Verdict::AllPass);
}

#[test]
fn a_bound_that_is_nan_makes_the_other_worthless() {
    for (min, max) in [(f64::NAN, 3.0), (1.0, f64::NAN)] {
        let known = known("double x", doubles(min, max), DEFINED, &DataType::Float64);
        assert!(known.min.is_none() && known.max.is_none() && known.may_hold_nan);
    }
}

#[test]
fn zeros_are_equal() {
    let double = DataType::Float64;
    let check = |min, max, filter: Expr| {
        let stats = doubles(min, max).with_nan_count(Some(0));
        let known = known("double x", stats, DEFINED, &double);
        assert_ne!(verdict(filter, &double, &known), Verdict::Drop);
    };
    check(0.0, 5.0, col("x").eq(-0.0));
    check(0.0, 5.0, col("x").lt_eq(-0.0));
    check(-5.0, -0.0, col("x").eq(0.0));
    check(-5.0, -0.0, col("x").gt_eq(0.0));
}

fn texts(min: &[u8], max: &[u8], exact: bool) -> Statistics {
    let bound = |bytes: &[u8]| Some(ByteArray::from(bytes.to_vec()));
    let bounds = ValueStatistics::new(bound(min), bound(max), None, Some(0), false);
    Statistics::ByteArray(bounds.with_min_is_exact(exact).with_max_is_exact(exact))
}

#[test]
fn text_may_be_cut() {
    let text = DataType::Utf8View;
    let order = ColumnOrder::TYPE_DEFINED_ORDER(SortOrder::UNSIGNED);
    let check = |min: &[u8], max: &[u8], exact, want: [Option<&str>; 2]| {
        let known = known("binary x (STRING)", texts(min, max, exact), order, &text);
        let bounds = [&known.min, &known.max];
        let bounds = bounds.map(|bound| bound.as_ref().and_then(|bound| bound.as_str()));
        assert_eq!(bounds, want);
    };
    check(b"abc", b"abd", true, [Some("abc"), Some("abd")]);
    check(b"abc", b"abd", false, [Some("abc"), Some("abd")]);
    // Cut within a character.
    check(
        "a\u{e9}".as_bytes().split_at(2).0,
        b"b\xc3",
        false,
        [Some("a"), None],
    );
    // Cut and not rounded up, perhaps.
    check(b"abc", b"abc", false, [Some("abc"), None]);
    check(b"abc", b"abc", true, [Some("abc"), Some("abc")]);
}

#[test]
fn bounds_in_an_old_or_unknown_order() {
    let kept = |declared, statistics: Statistics, order, data_type| {
        let known = known(declared, statistics, order, &data_type);
        known.min.is_some() && known.max.is_some()
    };
    let ints = |old| Statistics::int32(Some(1), Some(2), None, Some(0), old);
    let (int, uint) = (DataType::Int32, DataType::UInt32);
    assert!(kept(
        "int32 x",
        ints(true),
        ColumnOrder::UNDEFINED,
        int.clone()
    ));
    assert!(kept("int32 x", ints(true), DEFINED, int.clone()));
    assert!(!kept("int32 x", ints(false), ColumnOrder::UNKNOWN, int));
    let unsigned = "int32 x (INTEGER(32,false))";
    assert!(!kept(
        unsigned,
        ints(true),
        ColumnOrder::UNDEFINED,
        uint.clone()
    ));
    let order = ColumnOrder::TYPE_DEFINED_ORDER(SortOrder::UNSIGNED);
    assert!(!kept(unsigned, ints(true), order, uint.clone()));
    assert!(kept(unsigned, ints(false), order, uint));
    let text = DataType::Utf8View;
    assert!(!kept(
        "binary x (STRING)",
        texts(b"a", b"b", true),
        ColumnOrder::UNDEFINED,
        text.clone()
    ));
    let bound = |byte| Some(ByteArray::from(vec![byte]));
    let old = Statistics::byte_array(bound(1), bound(2), None, Some(0), true);
    assert!(!kept("binary x (STRING)", old, order, text));
    let floats = Statistics::double(Some(1.0), Some(2.0), None, Some(0), true);
    assert!(!kept(
        "double x",
        floats,
        ColumnOrder::UNDEFINED,
        DataType::Float64
    ));
}

#[test]
fn unsigned_bounds_are_unsigned() {
    let statistics = Statistics::int32(Some(5), Some(-1), None, Some(0), false);
    let order = ColumnOrder::TYPE_DEFINED_ORDER(SortOrder::UNSIGNED);
    let known = known(
        "int32 x (INTEGER(32,false))",
        statistics,
        order,
        &DataType::UInt32,
    );
    assert_eq!(known.max.unwrap().as_i128(), Some(u32::MAX.into()));
}

#[test]
fn old_timestamps_have_no_order() {
    let mut time = Int96::new();
    time.set_data(1, 2, 3);
    let statistics = Statistics::int96(Some(time), Some(time), None, Some(0), false);
    let times = DataType::Timestamp(esker_datatypes::TimeUnit::Nanosecond, None);
    let known = known("int96 x", statistics, DEFINED, &times);
    assert!(known.min.is_none() && known.max.is_none());
}

#[test]
fn a_count_of_nulls_that_is_not_there_is_not_0() {
    let int = DataType::Int32;
    let check = |nulls, want, verdict_of_not_null| {
        let statistics = Statistics::int32(Some(1), Some(2), None, nulls, false);
        let known = known("int32 x", statistics, DEFINED, &int);
        assert_eq!(known.null_count, want);
        assert_eq!(
            verdict(col("x").is_not_null(), &int, &known),
            verdict_of_not_null
        );
        assert_eq!(verdict(col("x").gt(0), &int, &known), verdict_of_not_null);
    };
    check(None, Precision::Unknown, Verdict::Maybe);
    check(Some(0), Precision::Exact(0), Verdict::AllPass);
    check(Some(3), Precision::Exact(3), Verdict::Maybe);
    check(Some(101), Precision::Unknown, Verdict::Maybe);
}

#[test]
fn bounds_that_are_no_values_of_the_type() {
    let statistics = Statistics::int32(Some(-1000), Some(1000), None, Some(0), false);
    let known = known(
        "int32 x (INTEGER(8,true))",
        statistics,
        DEFINED,
        &DataType::Int8,
    );
    assert!(known.min.is_none() && known.max.is_none());
}

#[test]
fn decimals_in_bytes_are_signed() {
    let bound = |bytes: [u8; 9]| Some(FixedLenByteArray::from(bytes.to_vec()));
    let minus_two = bound([255, 255, 255, 255, 255, 255, 255, 255, 254]);
    let five = bound([0, 0, 0, 0, 0, 0, 0, 0, 5]);
    let statistics = Statistics::fixed_len_byte_array(minus_two, five, None, Some(0), false);
    let decimal = DataType::Decimal128(20, 2);
    let declared = "fixed_len_byte_array(9) x (DECIMAL(20,2))";
    let known = known(declared, statistics, DEFINED, &decimal);
    assert_eq!(known.min.unwrap().as_decimal_digits(), Some(-2));
    assert_eq!(known.max.unwrap().as_decimal_digits(), Some(5));
}

/// `column <op> value`, with and without an answer to statistics.
#[derive(Debug)]
struct Compare {
    columns: Vec<usize>,
    expr: Expr,
    schema: Arc<Schema>,
    op: CompareOp,
    value: Column,
}

impl RowPredicate for Compare {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn properties(&self) -> PredicateProperties {
        PredicateProperties::default()
    }

    fn prune(&self, stats: &dyn ColumnStats) -> Verdict {
        prune(&self.expr, &|id| self.schema.index_of(id), stats)
    }

    fn select(&self, batch: &Batch, rows: &mut Selection, buffers: &mut Buffers) -> Result<()> {
        let column = batch.column(self.columns[0])?;
        let value = self.value.as_constant().unwrap().clone();
        let value = Column::constant(value, batch.rows());
        let mask = compare(self.op, column, &value, rows, buffers)?.to_flat();
        rows.retain_true(arrow::array::AsArray::as_boolean(&mask));
        Ok(())
    }
}

pub(super) fn filter_of(
    schema: &Arc<Schema>,
    name: &str,
    op: CompareOp,
    value: Column,
) -> ScanFilter {
    let literal = Expr::Literal(value.as_constant().unwrap().clone());
    let expr = match op {
        CompareOp::Eq => col(name).eq(literal),
        CompareOp::NotEq => col(name).neq(literal),
        CompareOp::Lt => col(name).lt(literal),
        CompareOp::LtEq => col(name).lt_eq(literal),
        CompareOp::Gt => col(name).gt(literal),
        CompareOp::GtEq => col(name).gt_eq(literal),
    };
    let expr = resolve(expr, schema).unwrap();
    let expr = coerce(expr, schema).unwrap().data;
    ScanFilter {
        expr: Some(expr.clone()),
        predicate: Arc::new(Compare {
            columns: vec![schema.resolve(name).unwrap()],
            expr,
            schema: Arc::clone(schema),
            op,
            value,
        }),
    }
}

/// The rows that pass, and what the scan says of itself.
fn filtered(source: &ParquetSource, filters: Vec<ScanFilter>) -> (RecordBatch, String) {
    let all: Vec<usize> = (0..source.schema().len()).collect();
    projected(source, filters, &all)
}

/// The same with these columns alone.
fn projected(
    source: &ParquetSource,
    filters: Vec<ScanFilter>,
    projection: &[usize],
) -> (RecordBatch, String) {
    let mut cx = TaskContext::standalone();
    let request = ScanRequest {
        schema: source.schema(),
        projection: projection.to_vec(),
        columns: (0..source.schema().len()).collect(),
        filters,
        limit: None,
        batch_size: 4,
        query: Arc::clone(&cx.query),
    };
    let scan = source.scan(request).unwrap();
    let mut reader = scan.open(&mut cx).unwrap();
    let schema = Arc::new(source.schema().to_arrow().project(projection).unwrap());
    let mut batches = Vec::new();
    while let Claim::Split(_) = reader.claim(&mut cx).unwrap() {
        loop {
            let mut batch = Batch::default();
            let status = reader.next(&mut batch, &mut cx).unwrap();
            batches.push(batch.to_arrow(&schema).unwrap());
            if status == ScanStatus::SplitFinished {
                break;
            }
        }
    }
    let rows = arrow::compute::concat_batches(&schema, &batches).unwrap();
    (rows, scan.describe().unwrap())
}

/// Keeps the numbers from 30 on, but only when some rows have been seen.
#[derive(Debug, Default)]
struct Later(AtomicBool);

impl RowPredicate for Later {
    fn columns(&self) -> &[usize] {
        &[0]
    }

    fn properties(&self) -> PredicateProperties {
        let mut properties = PredicateProperties::default();
        properties.dynamic = true;
        properties.undecided = !self.0.load(Relaxed);
        properties
    }

    fn prune(&self, stats: &dyn ColumnStats) -> Verdict {
        let interval = stats.interval(0).unwrap();
        let most = interval.upper().and_then(ScalarValue::as_i128);
        match (self.0.load(Relaxed), most) {
            (false, _) => Verdict::AllPass,
            (true, Some(most)) if most < 30 => Verdict::Drop,
            (true, _) => Verdict::Maybe,
        }
    }

    fn select(&self, batch: &Batch, rows: &mut Selection, _: &mut Buffers) -> Result<()> {
        let numbers = batch.column(0)?.to_flat();
        let numbers: &Int64Array = arrow::array::AsArray::as_primitive(&numbers);
        rows.retain(|row| numbers.value(row) >= 30);
        Ok(())
    }
}

/// What a filter that learns of rows learns of few, and then the others are filtered.
#[test]
fn pieces_are_small_while_a_filter_is_undecided() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..45));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(11));
    let source = table(&file(&[batch], properties), ParquetOptions::default());
    let later = Arc::new(Later::default());
    let mut cx = TaskContext::standalone();
    let predicate: Arc<dyn RowPredicate> = Arc::<Later>::clone(&later);
    let request = ScanRequest {
        schema: source.schema(),
        projection: vec![0],
        columns: vec![0],
        filters: vec![ScanFilter {
            expr: None,
            predicate,
        }],
        limit: None,
        batch_size: 4,
        query: Arc::clone(&cx.query),
    };
    let scan = source.scan(request).unwrap();
    let mut reader = scan.open(&mut cx).unwrap();
    let (mut splits, mut found) = (Vec::new(), Vec::new());
    while let Claim::Split(_) = reader.claim(&mut cx).unwrap() {
        let before = found.len();
        loop {
            let mut batch = Batch::default();
            let status = reader.next(&mut batch, &mut cx).unwrap();
            let numbers = batch.to_arrow(&source.schema().to_arrow()).unwrap();
            let numbers: &Int64Array = arrow::array::AsArray::as_primitive(numbers.column(0));
            found.extend_from_slice(numbers.values());
            if status == ScanStatus::SplitFinished {
                break;
            }
        }
        splits.push(found.len() - before);
        later.0.store(splits.len() >= 3, Relaxed);
    }
    // Of the rest of the first row group and of the second nothing passes, and of the third few.
    assert_eq!(splits, [2, 2, 2, 3, 11, 1]);
    let wanted: Vec<i64> = (0..6).chain(30..45).collect();
    assert_eq!(found, wanted);
}

fn number(value: i64) -> Column {
    Column::constant(value.into(), 1)
}

#[test]
fn row_groups_without_a_wanted_row_are_not_read() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..40));
    let names = (0..40).map(|row| format!("name {row}"));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(names));
    let batch = RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(10));
    let blooms = properties.clone().set_bloom_filter_enabled(true);
    let check = |bytes: &[u8], options, name, op, value, rows, pruned: u64| {
        let source = table(bytes, options);
        let filters = vec![filter_of(&source.schema(), name, op, value)];
        let (found, text) = filtered(&source, filters);
        assert_eq!(found.num_rows(), rows);
        assert!(
            text.starts_with(&format!("row_groups=4, pruned={pruned},")),
            "{text}"
        );
    };
    let default = ParquetOptions::default;
    let plain = file(std::slice::from_ref(&batch), properties);
    check(&plain, default(), "id", CompareOp::Eq, number(25), 1, 3);
    check(&plain, default(), "id", CompareOp::Lt, number(12), 12, 2);
    check(&plain, default(), "id", CompareOp::Gt, number(100), 0, 4);
    check(
        &plain,
        default().with_prune(false),
        "id",
        CompareOp::Eq,
        number(25),
        1,
        0,
    );
    check(
        &plain,
        default().with_split_rows(3),
        "id",
        CompareOp::Lt,
        number(12),
        12,
        2,
    );
    // Between the bounds of three row groups, in none of them.
    let name = Column::constant("name 2x".into(), 1);
    check(&plain, default(), "name", CompareOp::Eq, name.clone(), 0, 3);
    check(
        &file(&[batch], blooms),
        default(),
        "name",
        CompareOp::Eq,
        name,
        0,
        4,
    );
}

#[test]
fn pages_without_a_wanted_row_are_not_read() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..40));
    // Pages of 6 rows: some hold nothing but nulls.
    let some = (0..40).map(|row| (row / 6 % 2 == 0).then_some(row));
    let some: ArrayRef = Arc::new(some.collect::<Int64Array>());
    let floats = (0..40).map(|row| if row == 30 { f64::NAN } else { f64::from(row) });
    let floats: ArrayRef = Arc::new(Float64Array::from_iter_values(floats));
    let batch = RecordBatch::try_from_iter([("id", ids), ("some", some), ("float", floats)]);
    let batches = [batch.unwrap()];
    let properties = WriterProperties::builder()
        .set_data_page_row_count_limit(6)
        .set_write_batch_size(6);
    let bytes = file(&batches, properties.clone());
    let check = |options, name, op, value, rows, skipped: u64| {
        let source = table(&bytes, options);
        let filters = vec![filter_of(&source.schema(), name, op, value)];
        let (found, text) = filtered(&source, filters);
        assert_eq!(found.num_rows(), rows, "{text}");
        assert!(text.contains(&format!("rows_skipped={skipped},")), "{text}");
    };
    let default = ParquetOptions::default;
    // In windows of 4 rows, by pages of 6.
    check(default(), "id", CompareOp::Eq, number(25), 1, 32);
    check(default(), "id", CompareOp::Lt, number(12), 12, 28);
    check(
        default().with_split_rows(7),
        "id",
        CompareOp::Lt,
        number(12),
        12,
        26,
    );
    check(
        default().with_prune(false),
        "id",
        CompareOp::Eq,
        number(25),
        1,
        0,
    );
    // Only nulls in rows 6 to 11, 18 to 23 and 30 to 35: one window in each.
    check(default(), "some", CompareOp::GtEq, number(0), 22, 12);
    // NaN is the greatest; this writer says how many there are in each page.
    let float = |value: f64| Column::constant(value.into(), 1);
    check(default(), "float", CompareOp::Gt, float(100.0), 1, 32);
    check(default(), "float", CompareOp::Lt, float(2.0), 2, 32);
    conforms(&batches, &bytes, default());
}

#[test]
fn columns_of_filters_are_there_as_long_as_one_asks_for_them() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..30).map(|i| i * 7 % 30)));
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..30));
    let texts = (0..30).map(|i| format!("a text of some length, {}", i % 5));
    let texts: ArrayRef = Arc::new(arrow::array::StringViewArray::from_iter_values(texts));
    let batch = RecordBatch::try_from_iter([("n", numbers), ("id", ids), ("t", texts)]).unwrap();
    let properties = WriterProperties::builder().set_dictionary_enabled(false);
    let source = table(&file(&[batch], properties), ParquetOptions::default());
    let schema = source.schema();
    let text = Column::constant("a text of some length, 3".into(), 1);
    // The numbers are looked at by the first filter and the last, texts by one between them.
    let filters = || {
        vec![
            filter_of(&schema, "n", CompareOp::Gt, number(4)),
            filter_of(&schema, "t", CompareOp::LtEq, text.clone()),
            filter_of(&schema, "id", CompareOp::Lt, number(25)),
            filter_of(&schema, "n", CompareOp::Lt, number(20)),
        ]
    };
    let wanted = |row: &i64| (5..20).contains(&(row * 7 % 30)) && row % 5 <= 3 && *row < 25;
    let wanted: Vec<i64> = (0..30).filter(wanted).collect();
    assert!(wanted.len() > 5);
    for projection in [&[1][..], &[0, 1], &[2, 1], &[0, 1, 2]] {
        let (found, _) = projected(&source, filters(), projection);
        let ids: Int64Array = found.column_by_name("id").unwrap().to_data().into();
        assert_eq!(*ids.values(), wanted, "{projection:?}");
        let all = filtered(&source, filters()).0;
        assert_eq!(found, all.project(projection).unwrap());
    }
}

#[test]
fn a_filter_that_all_rows_pass_is_not_tried() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..20));
    let names: ArrayRef = Arc::new(Int64Array::from_iter_values(20..40));
    let batch = RecordBatch::try_from_iter([("id", ids), ("other", names)]).unwrap();
    let bytes = file(&[batch], WriterProperties::builder());
    let source = table(&bytes, ParquetOptions::default());
    let read = |filters| {
        let (rows, text) = filtered(&source, filters);
        (rows.num_rows(), text)
    };
    let schema = source.schema();
    let all = filter_of(&schema, "id", CompareOp::GtEq, number(0));
    let some = filter_of(&schema, "other", CompareOp::Gt, number(35));
    assert_eq!(read(vec![all.clone()]).0, 20);
    assert_eq!(read(vec![all, some]).0, 4);
}

const OPS: [CompareOp; 6] = [
    CompareOp::Eq,
    CompareOp::NotEq,
    CompareOp::Lt,
    CompareOp::LtEq,
    CompareOp::Gt,
    CompareOp::GtEq,
];

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(-0.0),
        Just(0.0),
        Just(f64::NEG_INFINITY),
        (-3i8..3).prop_map(f64::from),
    ]
}

/// A text long enough to be cut in statistics of 2 bytes.
fn text() -> impl Strategy<Value = String> {
    "[ab\u{e9}]{0,4}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// With statistics or without, whatever the values: the same rows.
    #[test]
    fn pruning_changes_no_result(
        rows in proptest::collection::vec(
            (proptest::option::of(float()), proptest::option::of(text())), 1..40),
        op in proptest::sample::select(&OPS),
        (float, text) in (float(), text()),
        (group, page, split, blooms) in (1usize..20, 1usize..5, 1usize..20, any::<bool>()),
    ) {
        let floats: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Float64Array>());
        let texts: ArrayRef = Arc::new(rows.iter().map(|row| row.1.clone()).collect::<StringArray>());
        let batch = RecordBatch::try_from_iter([("f", floats), ("t", texts)]).unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(group))
            .set_data_page_row_count_limit(page)
            .set_write_batch_size(1)
            .set_column_index_truncate_length(Some(2))
            .set_statistics_truncate_length(Some(2))
            .set_bloom_filter_enabled(blooms);
        let bytes = file(&[batch], properties);
        let read = |options| {
            let source = table(&bytes, options);
            let float = filter_of(&source.schema(), "f", op, Column::constant(float.into(), 1));
            let text = filter_of(&source.schema(), "t", op, Column::constant(text.as_str().into(), 1));
            let one = filtered(&source, vec![float.clone()]).0;
            (one, filtered(&source, vec![text, float]).0)
        };
        let options = ParquetOptions::default().with_split_rows(split);
        let pruned = read(options.clone());
        let whole = read(options.with_prune(false).with_dictionaries(false));
        // As text: NaN is NaN.
        prop_assert_eq!(format!("{:?}", pruned.0), format!("{:?}", whole.0));
        prop_assert_eq!(format!("{:?}", pruned.1), format!("{:?}", whole.1));
        // And the rows of a plain loop.
        let passes = |row: &&(Option<f64>, Option<String>)| {
            let order = |a: f64, b: f64| match (a.is_nan(), b.is_nan()) {
                (false, false) => a.partial_cmp(&b).unwrap(),
                (a, b) => a.cmp(&b),
            };
            row.0.is_some_and(|value| holds(op, order(value, float)))
        };
        prop_assert_eq!(pruned.0.num_rows(), rows.iter().filter(passes).count());
    }
}

fn holds(op: CompareOp, order: Ordering) -> bool {
    match op {
        CompareOp::Eq => order.is_eq(),
        CompareOp::NotEq => order.is_ne(),
        CompareOp::Lt => order.is_lt(),
        CompareOp::LtEq => order.is_le(),
        CompareOp::Gt => order.is_gt(),
        CompareOp::GtEq => order.is_ge(),
    }
}
