//! Tables in memory, against the conformance suite and rows read by hand.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, ListArray, RecordBatch,
    RecordBatchOptions, StringViewArray, StructArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema as ArrowSchema};

use super::*;
use crate::source_conformance;

/// Rows of many types, `start` telling them apart.
fn batch(start: i64, rows: i64) -> RecordBatch {
    let every = |n: i64| move |i: i64| (i % n != 0).then_some(i);
    let ids = start..start + rows;
    let column = |name: &'static str, array: ArrayRef| (name, array, true);
    let texts = ids
        .clone()
        .map(every(3))
        .map(|i| i.map(|i| format!("text {}", i % 4)));
    let texts: StringViewArray = texts.collect();
    let colours: DictionaryArray<Int32Type> = ids
        .clone()
        .map(|i| ["red", "green"].get(i as usize % 3).copied())
        .collect();
    let floats = ids.clone().map(|i| match i % 5 {
        0 => None,
        1 => Some(f64::NAN),
        2 => Some(-0.0),
        3 => Some(0.0),
        _ => Some(i as f64 / 2.0),
    });
    let lists = ids.clone().map(|i| Some(vec![Some(i), None]));
    let yes: BooleanArray = ids.clone().map(|i| Some(i % 2 == 0)).collect();
    RecordBatch::try_from_iter_with_nullable([
        (
            "id",
            Arc::new(Int64Array::from_iter_values(ids.clone())) as ArrayRef,
            false,
        ),
        column("text", Arc::new(texts)),
        column("colour", Arc::new(colours)),
        column("float", Arc::new(floats.collect::<Float64Array>())),
        column(
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists)),
        ),
        column("yes", Arc::new(yes)),
    ])
    .unwrap()
}

#[test]
fn tables_keep_the_promises_of_sources() {
    let check = |batches: &[RecordBatch], split_rows: usize| {
        let table = MemTable::with_schema(batch(0, 0).schema(), batches.to_vec()).unwrap();
        source_conformance::check(&table.with_split_rows(split_rows), batches).unwrap();
    };
    check(&[], SPLIT_ROWS);
    check(&[batch(0, 0)], SPLIT_ROWS);
    check(&[batch(0, 1)], SPLIT_ROWS);
    check(
        &[batch(0, 7), batch(7, 0), batch(7, 1), batch(8, 9)],
        SPLIT_ROWS,
    );
    check(&[batch(0, 7), batch(7, 0), batch(7, 1), batch(8, 9)], 4);
    check(&[batch(0, 9).slice(2, 5), batch(100, 9).slice(8, 1)], 1);
}

#[test]
fn tables_without_columns_have_rows() {
    let options = RecordBatchOptions::new().with_row_count(Some(5));
    let none = Arc::new(ArrowSchema::empty());
    let batch = RecordBatch::try_new_with_options(none, Vec::new(), &options).unwrap();
    let table = MemTable::try_new(vec![batch.clone()])
        .unwrap()
        .with_split_rows(2);
    source_conformance::check(&table, &[batch]).unwrap();
}

#[test]
fn large_batches_are_cut_into_splits() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..300_000));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let table = MemTable::try_new(vec![batch.slice(0, 100_000), batch.slice(100_000, 200_000)]);
    let chunks = table.unwrap().chunks;
    let rows = |limit| -> Vec<Vec<usize>> {
        let splits = plan_splits(&chunks, SPLIT_ROWS, limit);
        splits
            .iter()
            .map(|split| split.iter().map(|piece| piece.rows).collect())
            .collect()
    };
    assert_eq!(
        rows(u64::MAX),
        [vec![100_000, 31_072], vec![131_072], vec![37_856]]
    );
    assert_eq!(rows(131_072), [vec![100_000, 31_072]]);
    assert_eq!(rows(100_000), [vec![100_000]]);
    assert!(rows(0).is_empty());
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let int = |name: &str, values: Vec<Option<i64>>| {
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        RecordBatch::try_from_iter([(name, values)]).unwrap()
    };
    let text: ArrayRef = Arc::new(StringViewArray::from(vec!["x"]));
    let text = RecordBatch::try_from_iter([("a", text)]).unwrap();
    let check = |batches: Vec<RecordBatch>, want: &str| {
        assert_eq!(MemTable::try_new(batches).unwrap_err().to_string(), want);
    };
    let a = int("a", vec![Some(1)]);
    check(
        vec![],
        "a table of no batches has no columns: give it a schema (MemTable::with_schema)",
    );
    check(
        vec![a.clone(), int("b", vec![])],
        "batch 1 of a table has 'b' as column 1, where the table has 'a'",
    );
    check(
        vec![a.clone(), text],
        "batch 1 of a table has Utf8View in column 'a', where the table has Int64",
    );
    check(
        vec![a.clone(), a.project(&[]).unwrap()],
        "batch 1 of a table has 0 columns, the table 1",
    );
    let strict = Arc::new(ArrowSchema::new(vec![Field::new(
        "a",
        DataType::Int64,
        false,
    )]));
    let nulls = int("a", vec![Some(1), None]);
    let error = MemTable::with_schema(strict, vec![nulls])
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "batch 0 of a table has nulls in column 'a', where the table has none"
    );
}

#[test]
fn a_column_is_nullable_when_a_batch_says_so() {
    let of = |nullable| {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        RecordBatch::try_from_iter_with_nullable([("id", ids, nullable)]).unwrap()
    };
    let schema = |batches| MemTable::try_new(batches).unwrap().schema().to_string();
    assert_eq!(schema(vec![of(false), of(false)]), "id: Int64");
    assert_eq!(schema(vec![of(false), of(true)]), "id: Int64?");
}

#[test]
fn statistics_count_rows_and_nulls() {
    let table = MemTable::try_new(vec![batch(0, 6), batch(6, 6)]).unwrap();
    let properties = table.properties();
    assert_eq!(properties.statistics.rows, Precision::Exact(12));
    let nulls: Vec<_> = properties
        .statistics
        .columns
        .iter()
        .map(|c| c.null_count.exact())
        .collect();
    assert_eq!(nulls, [Some(0), Some(4), None, Some(3), Some(0), Some(0)]);
    let other = MemTable::try_new(vec![batch(0, 6)]).unwrap();
    assert_eq!(table.properties().id, table.properties().id);
    assert_ne!(table.properties().id, other.properties().id);
}

#[test]
fn columns_that_do_not_exist_are_refused() {
    let table = MemTable::try_new(vec![batch(0, 6)]).unwrap();
    let check = |columns: Vec<usize>, projection: Vec<usize>, want: &str| {
        let query = TaskContext::standalone().query;
        let filters = Vec::new();
        let request = ScanRequest {
            schema: table.schema(),
            columns,
            projection,
            filters,
            limit: None,
            batch_size: 1,
            query,
        };
        let error = table.scan(request).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    };
    check(vec![6], vec![0], "column 6 of a table of 6");
    check(vec![5], vec![1], "column 1 of a scan of 1");
}

#[test]
fn structs_pass_too() {
    let inner: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let field = Arc::new(Field::new("x", DataType::Int64, true));
    let array: ArrayRef = Arc::new(StructArray::from(vec![(field, inner)]));
    let batch = RecordBatch::try_from_iter([("s", array)]).unwrap();
    source_conformance::check(&MemTable::try_new(vec![batch.clone()]).unwrap(), &[batch]).unwrap();
}
