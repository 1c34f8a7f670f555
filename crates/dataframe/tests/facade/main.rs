//! The whole engine, as a user of the facade meets it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests of waiting need threads and a clock"
)]

mod analyze;
mod deep;
mod errors;
mod kquery;
mod lists;
mod parquet;
mod relations;
mod semantics;
mod settings;
mod sharing;
mod sorting;
mod sources;
mod streaming;
mod top_k;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use esker_dataframe::prelude::*;
use esker_datatypes::{Column, format_value};
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};

/// A file of the examples.
fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../examples/data", name]
        .iter()
        .collect()
}

fn context(threads: usize) -> ExecutionContext {
    ExecutionContext::builder()
        .threads(threads)
        .build()
        .unwrap()
}

fn employees(ctx: &ExecutionContext) -> DataFrame {
    ctx.csv(fixture("employee.csv")).unwrap()
}

/// Columns that may hold nulls.
fn batch<'a>(columns: impl IntoIterator<Item = (&'a str, ArrayRef)>) -> RecordBatch {
    let columns = columns
        .into_iter()
        .map(|(name, array)| (name.to_owned(), array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn strings<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

/// A frame of one column.
fn frame(ctx: &ExecutionContext, name: &str, values: ArrayRef) -> DataFrame {
    ctx.from_batches([batch([(name, values)])]).unwrap()
}

/// The rows of a batch, values separated by commas.
fn lines(batch: &RecordBatch) -> Vec<String> {
    let line = |row| {
        let values = batch
            .columns()
            .iter()
            .map(|column| format_value(column, row));
        values.collect::<Vec<_>>().join(",")
    };
    (0..batch.num_rows()).map(line).collect()
}

/// Runs a frame; its batches have the types that the plan said, and no nulls where it said so.
fn collect(df: &DataFrame) -> Table {
    let table = df.collect().unwrap();
    assert_eq!(table.schema(), &df.schema().unwrap());
    for batch in table.batches() {
        assert_eq!(&batch.schema(), table.schema());
        for (field, column) in table.schema().fields().iter().zip(batch.columns()) {
            assert!(
                field.is_nullable() || column.logical_null_count() == 0,
                "{field}"
            );
        }
    }
    table
}

/// The rows of a frame.
fn rows(df: &DataFrame) -> Vec<String> {
    collect(df).batches().iter().flat_map(lines).collect()
}

/// The rows of a frame that come in any order, sorted.
fn row_set(df: &DataFrame) -> Vec<String> {
    let mut rows = rows(df);
    rows.sort_unstable();
    rows
}

/// The names of a frame's columns.
fn names(df: &DataFrame) -> Vec<String> {
    df.schema()
        .unwrap()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect()
}

/// The types of a frame's columns.
fn types(df: &DataFrame) -> Vec<DataType> {
    df.schema()
        .unwrap()
        .fields()
        .iter()
        .map(|field| field.data_type().clone())
        .collect()
}

/// Waits for something that other threads are about to do.
fn eventually(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "never happened: {what}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A user's function of whole numbers.
struct UserFunction<F> {
    name: &'static str,
    of: F,
}

impl<F> std::fmt::Debug for UserFunction<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl<F: Fn(i64) -> Result<i64> + Send + Sync + 'static> ScalarFunction for UserFunction<F> {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> Signature {
        Signature::exact([DataType::Int64])
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().fallible()
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        let array = args[0].to_flat();
        let values = array.as_any().downcast_ref::<Int64Array>().unwrap();
        let mut out = vec![None; call.rows];
        for row in call.selection.iter() {
            out[row] = Some((self.of)(values.value(row))?);
        }
        Ok(Column::flat(Arc::new(Int64Array::from(out))))
    }
}

/// A call of a user's function of whole numbers.
fn call(
    name: &'static str,
    of: impl Fn(i64) -> Result<i64> + Send + Sync + 'static,
    argument: Expr,
) -> Expr {
    Expr::function(Arc::new(UserFunction { name, of }), [argument])
}
