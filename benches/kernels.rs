//! Kernels on the hot path: nanoseconds a value.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{Float64Array, Int64Array, StringViewArray};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use esker_datatypes::{Buffers, Column, DataType, ScalarValue, Selection};
use esker_kernels::arith::{self, ArithOp};
use esker_kernels::cast::{CastMode, cast};
use esker_kernels::compare::{self, CompareOp};
use esker_kernels::{hash, select};

const ROWS: usize = 8192;

fn kernels(c: &mut Criterion) {
    let ints = Column::flat(Arc::new(Int64Array::from_iter_values(0..ROWS as i64)));
    let floats = Column::flat(Arc::new(Float64Array::from_iter_values(
        (0..ROWS).map(|i| i as f64),
    )));
    let texts = Column::flat(Arc::new(StringViewArray::from_iter_values(
        (0..ROWS).map(|i| format!("name of item {}", i % 100)),
    )));
    let all = Selection::all(ROWS);
    let mut tenth = Selection::all(ROWS);
    tenth.retain(|row| row % 10 == 0);
    let hundred = Column::constant(ScalarValue::from(100i64), ROWS);
    let name = Column::constant(ScalarValue::from("name of item 7"), ROWS);
    let mut buffers = Buffers::default();

    let mut group = c.benchmark_group("kernels");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (rows, selection) in [("all", &all), ("tenth", &tenth)] {
        group.bench_function(format!("add i64/{rows}"), |b| {
            b.iter(|| {
                let out = arith::binary(
                    ArithOp::Add,
                    &ints,
                    &hundred,
                    &DataType::Int64,
                    selection,
                    &mut buffers,
                );
                buffers.recycle_column(black_box(out.unwrap()));
            });
        });
        group.bench_function(format!("mul f64/{rows}"), |b| {
            b.iter(|| {
                let out = arith::binary(
                    ArithOp::Mul,
                    &floats,
                    &floats,
                    &DataType::Float64,
                    selection,
                    &mut buffers,
                );
                buffers.recycle_column(black_box(out.unwrap()));
            });
        });
        for (kind, left, right) in [("i64", &ints, &hundred), ("text", &texts, &name)] {
            group.bench_function(format!("select {kind} = constant/{rows}"), |b| {
                b.iter(|| {
                    let mut kept = selection.clone();
                    compare::select(CompareOp::Eq, left, right, &mut kept, &mut buffers).unwrap();
                    black_box(kept.count())
                });
            });
        }
        group.bench_function(format!("cast i64 to f64/{rows}"), |b| {
            b.iter(|| {
                let out = cast(
                    &ints,
                    &DataType::Float64,
                    CastMode::Strict,
                    selection,
                    &mut buffers,
                );
                buffers.recycle_column(black_box(out.unwrap()));
            });
        });
        group.bench_function(format!("hash i64 and text/{rows}"), |b| {
            let mut hashes = Vec::new();
            b.iter(|| {
                hash::hash_rows(&[&ints, &texts], selection, 0, &mut hashes).unwrap();
                black_box(hashes.len())
            });
        });
    }
    group.bench_function("compact text/tenth", |b| {
        b.iter(|| black_box(select::compact(&texts, &tenth, &mut buffers).unwrap()));
    });
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);
