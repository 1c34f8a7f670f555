//! Kernels on the hot path: nanoseconds a value.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark fails by panicking"
)]

mod data;

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{
    Date32Array, Float64Array, Int64Array, StringViewArray, TimestampMicrosecondArray,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use esker_datatypes::{Buffers, Column, DataType, ScalarValue, Selection};
use esker_kernels::arith::{self, ArithOp};
use esker_kernels::cast::{CastMode, cast};
use esker_kernels::compare::{self, CompareOp};
use esker_kernels::select;
use esker_kernels::string::{self, PatternKind, TextPattern};
use esker_kernels::temporal::{self, DatePart};

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
    group.bench_function("choose 1 or 0", |b| {
        let flags = compare::compare(CompareOp::Lt, &ints, &hundred, &all, &mut buffers).unwrap();
        let zero = Column::constant(ScalarValue::from(0i64), ROWS);
        b.iter(|| {
            let out = select::choose(&flags, &hundred, &zero, &DataType::Int64, &mut buffers);
            buffers.recycle_column(black_box(out.unwrap()));
        });
    });
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

/// Functions of dates and of text.
fn functions(c: &mut Criterion) {
    let dates = Column::flat(Arc::new(Date32Array::from_iter_values(
        (0..ROWS).map(|i| 8_000 + (i as i32 * 7_919) % 2_500),
    )));
    let moments = Column::flat(Arc::new(TimestampMicrosecondArray::from_iter_values(
        (0..ROWS as i64).map(|i| i * 1_234_567_891_011),
    )));
    // One row in fifty fits.
    let comments = Column::flat(Arc::new(StringViewArray::from_iter_values((0..ROWS).map(
        |i| match i % 50 {
            0 => format!("the special packages {i} wake among the requests"),
            _ => format!("furiously final accounts number {i} sleep quickly"),
        },
    ))));
    let all = Selection::all(ROWS);
    let position = |at: i64| Column::constant(ScalarValue::from(at), ROWS);
    let mut buffers = Buffers::default();

    let mut group = c.benchmark_group("functions");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (kind, column) in [("date", &dates), ("timestamp", &moments)] {
        for part in [DatePart::Year, DatePart::Month, DatePart::Week] {
            group.bench_function(format!("{part:?} of {kind}"), |b| {
                b.iter(|| {
                    let out = temporal::part(part, column, &all, &mut buffers);
                    buffers.recycle_column(black_box(out.unwrap()));
                });
            });
        }
    }
    let like = PatternKind::Like { escape: None };
    for (kind, text) in [
        (like, "%special%requests%"),
        (like, "the%"),
        (PatternKind::Contains, "accounts"),
    ] {
        group.bench_function(format!("{kind:?} {text}"), |b| {
            b.iter(|| {
                let pattern = TextPattern::new(kind, text).unwrap();
                let out = string::find(&comments, &pattern, &all, &mut buffers);
                buffers.recycle_column(black_box(out.unwrap()));
            });
        });
    }
    group.bench_function("slice 0..2", |b| {
        let (start, end) = (position(0), position(2));
        b.iter(|| {
            let out = string::slice(&comments, &start, Some(&end), &all, &mut buffers);
            buffers.recycle_column(black_box(out.unwrap()));
        });
    });
    group.bench_function("len_chars", |b| {
        b.iter(|| {
            let out = string::len_chars(&comments, &all, &mut buffers);
            buffers.recycle_column(black_box(out.unwrap()));
        });
    });
    group.finish();
}

criterion_group! { name = benches; config = data::short(); targets = kernels, filter, functions }
criterion_main!(benches);
