//! Tests of rows that are kept for several readers.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use esker_datatypes::{Batch, Column, ErrorKind, Order};
use esker_runtime::{MemoryBudget, QueryContext, TaskContext, WorkerPool};

use super::{SPLIT_ROWS, SharedExec};
use crate::pipeline::{LocalSource, Sink, SourceStatus};

const BATCH: usize = 8 << 10;

/// A batch of two columns: the numbers from its place on, and others.
fn batch(ordinal: u64, sequence: u32, rows: usize) -> Batch {
    let first = i64::try_from(ordinal).unwrap() * 1_000_000 + i64::from(sequence) * 10_000;
    let numbers = first..first + i64::try_from(rows).unwrap();
    let column = |numbers| Column::flat(Arc::new(Int64Array::from_iter_values(numbers)));
    let columns = vec![column(numbers.clone()), column(numbers)];
    Batch::new(columns, rows).with_order(Order {
        ordinal,
        sequence,
        last: false,
    })
}

/// Keeps batches, which come to two workers, and gives the rows to so many readers.
fn kept(
    batches: Vec<Batch>,
    readers: usize,
    cx: &mut TaskContext,
) -> (SharedExec, Vec<Box<dyn LocalSource>>) {
    let sink = SharedExec::new(vec![1]);
    let sources: Vec<_> = (0..readers)
        .map(|_| sink.output_source().unwrap())
        .collect();
    let mut locals = [sink.open(cx).unwrap(), sink.open(cx).unwrap()];
    for (at, mut batch) in batches.into_iter().enumerate() {
        locals[at % 2].consume(&mut batch, cx).unwrap();
    }
    for local in locals.into_iter().rev() {
        local.combine(cx).unwrap();
    }
    assert!(sink.finalize(0, cx).unwrap().is_empty());
    let readers = sources.iter().map(|source| source.open(cx).unwrap());
    let readers = readers.collect();
    (sink, readers)
}

/// The next batch: its order and its values.
fn next(source: &mut dyn LocalSource, cx: &mut TaskContext) -> Option<(Order, Vec<i64>)> {
    let mut out = Batch::default();
    match source.next(&mut out, cx).unwrap() {
        SourceStatus::More => {
            assert_eq!(out.columns().len(), 1);
            let values = out.column(0).unwrap().to_flat();
            let values = values.as_primitive::<Int64Type>().values().to_vec();
            Some((out.order(), values))
        }
        SourceStatus::Finished { .. } => None,
        SourceStatus::Blocked => unreachable!("rows that are kept are there"),
    }
}

#[test]
fn every_reader_gets_all_rows_in_order_and_the_last_one_lets_go() {
    let mut cx = TaskContext::standalone();
    let budget = Arc::clone(cx.query.memory());
    let places = [(2, 1), (0, 0), (2, 0), (7, 0), (0, 1)];
    let places = places.into_iter().chain((0..20).map(|at| (9, at)));
    let places: Vec<(u64, u32)> = places.collect();
    let batches = places
        .iter()
        .map(|&(ordinal, at)| batch(ordinal, at, BATCH));
    let (sink, mut readers) = kept(batches.collect(), 3, &mut cx);
    let rows = places.len() * BATCH;
    assert_eq!(sink.held(), budget.used());
    assert!(budget.used() >= (rows * size_of::<i64>()) as u64);
    let all = budget.used();
    let mut sorted = places;
    sorted.sort_unstable();
    for (at, reader) in readers.iter_mut().enumerate() {
        let (mut found, mut orders) = (Vec::new(), Vec::new());
        while let Some((order, values)) = next(&mut **reader, &mut cx) {
            found.push(values[0]);
            orders.push((order.ordinal, order.sequence, order.last));
        }
        let firsts = sorted
            .iter()
            .map(|&(ordinal, at)| ordinal as i64 * 1_000_000 + i64::from(at) * 10_000);
        assert!(found.into_iter().eq(firsts));
        // Splits are dense, and the last batch of each is marked.
        let per_split = SPLIT_ROWS / BATCH;
        let expected = (0..sorted.len()).map(|at| {
            let last = at % per_split + 1 == per_split || at + 1 == sorted.len();
            ((at / per_split) as u64, (at % per_split) as u32, last)
        });
        assert!(orders.iter().copied().eq(expected), "{orders:?}");
        let left = if at == 2 { 0 } else { all };
        assert_eq!(budget.used(), left);
    }
}

#[test]
fn a_reader_that_stops_takes_nothing_from_the_others() {
    let mut cx = TaskContext::standalone();
    let batches = (0..20).map(|at| batch(at, 0, BATCH)).collect();
    let (_, mut readers) = kept(batches, 2, &mut cx);
    assert!(next(&mut *readers[0], &mut cx).is_some());
    let mut count = 0;
    while next(&mut *readers[1], &mut cx).is_some() {
        count += 1;
    }
    assert_eq!(count, 20);
}

#[test]
fn no_rows() {
    let mut cx = TaskContext::standalone();
    let (sink, mut readers) = kept(vec![batch(0, 0, 0)], 2, &mut cx);
    assert_eq!(sink.held(), 0);
    let finished = SourceStatus::Finished { splits: 0 };
    for reader in &mut readers {
        assert_eq!(
            reader.next(&mut Batch::default(), &mut cx).unwrap(),
            finished
        );
    }
}

#[test]
fn memory_is_asked_for_before_rows_are_kept() {
    let budget = MemoryBudget::with_limit(100_000);
    let pool = WorkerPool::new(1);
    let mut cx = TaskContext::for_query(QueryContext::new(&pool, Arc::clone(&budget)));
    let sink = SharedExec::new(vec![0]);
    let mut local = sink.open(&mut cx).unwrap();
    local.consume(&mut batch(0, 0, BATCH), &mut cx).unwrap();
    let error = local.consume(&mut batch(0, 1, BATCH), &mut cx).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ResourcesExhausted { .. }));
    assert!(error.to_string().contains("SharedExec"), "{error}");
    drop((local, sink));
    assert_eq!(budget.used(), 0);
}
