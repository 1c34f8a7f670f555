//! Keys and kept columns of every kind of type come out as they went in.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    DictionaryArray, FixedSizeBinaryArray, Int32Array, Int64Array, LargeStringArray, ListArray,
    NullArray, RecordBatch, StructArray, TimestampMillisecondArray, UInt8Array,
};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use esker_datatypes::format_value;
use esker_functions::len;
use esker_logical_expr::col;
use esker_logical_plan::{
    AggregateOptions, Distinct, LogicalPlan, LogicalPlanBuilder, MemTable, aggregate_plan,
};

use crate::{Settings, collect};

/// Three different values of each type; the last is null where that can be.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let list = [Some(vec![Some(1)]), Some(vec![None, Some(2)]), None];
    let dictionary: DictionaryArray<Int32Type> = [Some("x"), Some("y"), None].into_iter().collect();
    let field = Arc::new(Field::new("a", DataType::Int32, true));
    let inner: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(2)]));
    let fixed = [Some([1u8; 20]), Some([2u8; 20]), None];
    let timestamps = TimestampMillisecondArray::from(vec![Some(1), Some(2), None]);
    let decimals = Decimal128Array::from(vec![Some(150), Some(-1), None]);
    vec![
        (
            "bool",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
        ),
        (
            "tiny",
            Arc::new(UInt8Array::from(vec![Some(255), Some(0), None])),
        ),
        (
            "date",
            Arc::new(Date32Array::from(vec![Some(0), Some(-1), None])),
        ),
        ("time", Arc::new(timestamps.with_timezone("+02:00"))),
        (
            "decimal",
            Arc::new(decimals.with_precision_and_scale(10, 2).unwrap()),
        ),
        (
            "large",
            Arc::new(LargeStringArray::from(vec![Some(""), Some("x"), None])),
        ),
        (
            "binary",
            Arc::new(BinaryArray::from(vec![
                Some(&b"x"[..]),
                Some(&[0; 30]),
                None,
            ])),
        ),
        (
            "fixed",
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed.into_iter(), 20)
                    .unwrap(),
            ),
        ),
        ("dictionary", Arc::new(dictionary)),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(list)),
        ),
        ("struct", Arc::new(StructArray::from(vec![(field, inner)]))),
    ]
}

/// Rows of all columns, in their order; the number of each row is its last column.
fn table(rows: &[usize]) -> RecordBatch {
    let places: Vec<(usize, usize)> = rows.iter().map(|&row| (0, row)).collect();
    let mut columns: Vec<(&str, ArrayRef)> = columns()
        .into_iter()
        .map(|(name, values)| (name, interleave(&[values.as_ref()], &places).unwrap()))
        .collect();
    columns.push(("null", Arc::new(NullArray::new(rows.len()))));
    let numbers = Int64Array::from_iter_values(0..rows.len() as i64);
    columns.push(("n", Arc::new(numbers)));
    let field =
        |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let columns = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn texts(batch: &RecordBatch, columns: &[usize]) -> Vec<Vec<String>> {
    let text = |row| {
        let columns = columns.iter().map(|&at| batch.column(at));
        columns.map(|column| format_value(column, row)).collect()
    };
    (0..batch.num_rows()).map(text).collect()
}

#[test]
fn keys_and_kept_columns_come_out_as_they_went_in() {
    // Row r is of kind r * r % 7 % 3.
    let kinds: Vec<usize> = (0..50).map(|row: usize| row * row % 7 % 3).collect();
    let input = table(&kinds);
    let first = |kind| kinds.iter().position(|&other| other == kind).unwrap();
    let width = input.num_columns();
    let all: Vec<usize> = (0..width).collect();
    let all_texts = texts(&input, &all);
    for threads in [1, 3] {
        let settings = Settings {
            threads,
            split_rows: 3,
            batch_size: 2,
            ..Settings::default()
        };
        let scan = || {
            let batches = vec![input.clone()];
            let table = MemTable::with_schema(input.schema(), batches).unwrap();
            LogicalPlanBuilder::scan("t", Arc::new(table.with_split_rows(3))).build()
        };
        for (at, (name, _)) in columns().into_iter().enumerate() {
            let plan = Distinct::try_new(Some(vec![col(name)]), scan()).unwrap();
            let plan = LogicalPlan::Distinct(plan.with_maintain_order(true));
            let found = collect(plan, &settings).unwrap();
            let mut firsts: Vec<usize> = (0..3).map(first).collect();
            firsts.sort();
            let want: Vec<_> = firsts.iter().map(|&row| all_texts[row].clone()).collect();
            let found: Vec<_> = found.iter().flat_map(|batch| texts(batch, &all)).collect();
            assert_eq!(found, want, "{name}");

            let options = AggregateOptions::default();
            let plan = aggregate_plan([col(name)], [len()], options, scan()).unwrap();
            let found = collect(plan, &settings).unwrap();
            let found: BTreeSet<_> = found.iter().flat_map(|b| texts(b, &[0, 1])).collect();
            let count = |kind| kinds.iter().filter(|&&other| other == kind).count();
            let row = |kind| vec![all_texts[first(kind)][at].clone(), count(kind).to_string()];
            assert_eq!(found, (0..3).map(row).collect(), "{name}");
        }
        // All columns together, and a key that is always null.
        let names = input
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect::<Vec<_>>();
        let keys = |skip: usize| names[..width - skip].iter().map(|name| col(name.as_str()));
        for (keys, groups) in [(keys(1).collect::<Vec<_>>(), 3), (vec![col("null")], 1)] {
            let plan = aggregate_plan(keys, [len()], AggregateOptions::default(), scan());
            let found = collect(plan.unwrap(), &settings).unwrap();
            let mut rows = 0;
            let mut total = 0;
            for batch in found {
                rows += batch.num_rows();
                let counts = batch
                    .columns()
                    .last()
                    .unwrap()
                    .as_primitive::<Int64Type>()
                    .clone();
                total += counts.values().iter().sum::<i64>();
            }
            assert_eq!((rows, total), (groups, 50));
        }
    }
}
