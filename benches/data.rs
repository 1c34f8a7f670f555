//! Columns of every kind for the benchmarks of the layers, and how long criterion measures.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    StringViewArray,
};
use criterion::Criterion;

/// The numbers of values, drawn at random below `distinct`; of ten rows about `nulls` are null.
pub(crate) fn numbers(rows: usize, distinct: u64, nulls: u64) -> Vec<Option<u64>> {
    let row = |row| (mix(row + rows as u64) % 10 >= nulls).then(|| mix(row) % distinct);
    (0..rows as u64).map(row).collect()
}

/// A column of a kind: equal numbers are equal values, others are others (but for `bool`).
///
/// `i64 dense` and `date` keep the numbers as they are; the values of `i64` lie far apart; `text` has
/// at most 12 bytes, `long text` more.
pub(crate) fn array(kind: &str, numbers: &[Option<u64>]) -> ArrayRef {
    let numbers = numbers.iter().copied();
    let decimal = |scale| move |n: Option<u64>| n.map(|n| i128::from(n) * scale);
    match kind {
        "bool" => Arc::new(
            numbers
                .map(|n| n.map(|n| n % 2 == 1))
                .collect::<BooleanArray>(),
        ),
        "i32" => Arc::new(numbers.map(|n| n.map(|n| n as i32)).collect::<Int32Array>()),
        "i64 dense" => Arc::new(numbers.map(|n| n.map(|n| n as i64)).collect::<Int64Array>()),
        "i64" => Arc::new(
            numbers
                .map(|n| n.map(|n| mix(n) as i64))
                .collect::<Int64Array>(),
        ),
        "f64" => Arc::new(
            numbers
                .map(|n| n.map(|n| n as f64 / 4.0))
                .collect::<Float64Array>(),
        ),
        "date" => Arc::new(
            numbers
                .map(|n| n.map(|n| n as i32))
                .collect::<Date32Array>(),
        ),
        "decimal(12)" => {
            let values = numbers.map(decimal(101)).collect::<Decimal128Array>();
            Arc::new(values.with_precision_and_scale(12, 2).unwrap())
        }
        "decimal(38)" => {
            let values = numbers.map(decimal(1 << 70)).collect::<Decimal128Array>();
            Arc::new(values.with_precision_and_scale(38, 2).unwrap())
        }
        "text" => Arc::new(texts(numbers, |n| format!("{n:x}"))),
        "long text" => Arc::new(texts(numbers, |n| format!("customer number {n:012}"))),
        _ => panic!("there is no kind '{kind}'"),
    }
}

fn texts(
    numbers: impl Iterator<Item = Option<u64>>,
    text: impl Fn(u64) -> String,
) -> StringViewArray {
    numbers.map(|n| n.map(&text)).collect()
}

/// A random bijection of 64-bit numbers: the finalizer of splitmix64.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Few and short samples, for there are many cases.
pub(crate) fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
}
