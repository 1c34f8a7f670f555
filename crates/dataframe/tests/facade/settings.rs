//! Contexts whose settings must not change a result, and tables in pieces for them.

use std::sync::Arc;

use arrow::array::ArrayRef;
use esker_dataframe::prelude::*;
use esker_logical_plan::MemTable;

use crate::batch;

/// Contexts with one thread and with four, with batches of one row and of many, with and without
/// the optimizer, and with hashes that are all equal.
pub(crate) fn every_setting() -> impl Iterator<Item = ExecutionContext> {
    let settings = [1, 4].into_iter().flat_map(|threads| {
        let settings = [1, 8192].map(|rows| (threads, rows));
        let settings = settings.into_iter();
        settings.flat_map(|(threads, rows)| [true, false].map(|on| (threads, rows, on)))
    });
    settings.map(|(threads, batch_size, on)| {
        ExecutionContext::builder()
            .threads(threads)
            .batch_size(batch_size)
            .optimizer(on)
            .constant_hash(!on)
            .runtime_filters(batch_size > 1)
            .build()
            .unwrap()
    })
}

/// A frame of columns that may hold nulls, every row a split of its own, so that workers share
/// them.
pub(crate) fn pieces<'a>(
    ctx: &ExecutionContext,
    columns: impl IntoIterator<Item = (&'a str, ArrayRef)>,
) -> DataFrame {
    let table = MemTable::try_new(vec![batch(columns)]).unwrap();
    ctx.from_source("pieces", Arc::new(table.with_split_rows(1)))
}
