//! Whole queries through the facade.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use criterion::{Criterion, criterion_group, criterion_main};
use esker_dataframe::prelude::*;

fn table(ctx: &ExecutionContext, rows: i64) -> DataFrame {
    let column =
        |f: fn(i64) -> i64| Arc::new(Int64Array::from_iter_values((0..rows).map(f))) as ArrayRef;
    let columns = [
        ("a", column(|i| i)),
        ("b", column(|i| i % 100)),
        ("c", column(|i| -i)),
    ];
    ctx.from_batches([RecordBatch::try_from_iter(columns).unwrap()])
        .unwrap()
}

fn queries(c: &mut Criterion) {
    let mut group = c.benchmark_group("queries");
    for threads in [1, 2] {
        let ctx = ExecutionContext::builder()
            .threads(threads)
            .build()
            .unwrap();
        let small = table(&ctx, 4);
        group.bench_function(format!("fixed cost/{threads} threads"), |b| {
            b.iter(|| {
                let df = small
                    .filter(col("b").gt(1))
                    .select([col("a"), (col("b") + 1).alias("x")]);
                black_box(df.collect().unwrap().num_rows())
            });
        });
        let million = table(&ctx, 1_000_000);
        group.bench_function(
            format!("filter and compute a million rows/{threads} threads"),
            |b| {
                b.iter(|| {
                    let df = million
                        .filter(col("b").lt(10))
                        .select([(col("a") * 2 + col("c")).alias("x"), col("b")]);
                    black_box(df.collect().unwrap().num_rows())
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, queries);
criterion_main!(benches);
