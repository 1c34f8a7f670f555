//! Kernels on the hot path: nanoseconds a value.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark fails by panicking"
)]

mod data;

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{Float64Array, Int64Array};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use esker_datatypes::{Buffers, Column, DataType, ScalarValue, Selection};
use esker_kernels::arith::{self, ArithOp};
use esker_kernels::cast::{CastMode, cast};
use esker_kernels::compare::{self, CompareOp};
use esker_kernels::select;

const ROWS: usize = 8192;

fn kernels(c: &mut Criterion) {
    let ints = Column::flat(Arc::new(Int64Array::from_iter_values(0..ROWS as i64)));
    let floats = Column::flat(Arc::new(Float64Array::from_iter_values(
        (0..ROWS).map(|i| i as f64),
    )));
    let all = Selection::all(ROWS);
    let mut tenth = Selection::all(ROWS);
    tenth.retain(|row| row % 10 == 0);
    let hundred = Column::constant(ScalarValue::from(100i64), ROWS);
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
    }
    group.finish();
}

/// Finding the rows that equal a constant, and making them dense.
fn filter(c: &mut Criterion) {
    let kinds = [
        "bool",
        "i32",
        "i64",
        "f64",
        "date",
        "decimal(12)",
        "decimal(38)",
        "text",
        "long text",
    ];
    let mut buffers = Buffers::default();
    let mut group = c.benchmark_group("filter");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (percent, nulls) in [(1, 0), (50, 0), (99, 0), (50, 1)] {
        // The wanted value is that of number 1; an even number is another for every kind.
        let numbers = data::numbers(ROWS, 100, nulls).into_iter();
        let numbers = numbers.map(|n| n.map(|n| if n < percent { 1 } else { 2 * n }));
        let numbers: Vec<_> = numbers.collect();
        for kind in kinds {
            let column = Column::flat(data::array(kind, &numbers));
            let wanted = Column::flat(data::array(kind, &[Some(1)]))
                .value(0)
                .unwrap();
            let wanted = Column::constant(wanted, ROWS);
            let case = format!(
                "{kind}/{percent} %{}",
                if nulls > 0 { ", nulls" } else { "" }
            );
            let mut kept = Selection::all(ROWS);
            compare::select(CompareOp::Eq, &column, &wanted, &mut kept, &mut buffers).unwrap();
            group.bench_function(format!("select {case}"), |b| {
                b.iter(|| {
                    let mut kept = Selection::all(ROWS);
                    compare::select(CompareOp::Eq, &column, &wanted, &mut kept, &mut buffers)
                        .unwrap();
                    black_box(kept.count())
                });
            });
            group.bench_function(format!("compact {case}"), |b| {
                b.iter(|| {
                    let dense = select::compact(&column, &kept, &mut buffers).unwrap();
                    buffers.recycle_column(black_box(dense));
                });
            });
        }
    }
    group.finish();
}

criterion_group! { name = benches; config = data::short(); targets = kernels, filter }
criterion_main!(benches);
