//! Hashes of rows: equal rows hash equal, in whatever encoding and layout they come.
//!
//! The mix is the *folded multiply* of wyhash and foldhash: the two halves of a 128-bit product,
//! xored (Wang Yi, wyhash, 2019; Orson Peters, foldhash, 2024). It withstands regular data, not an
//! attacker who knows the seed.

#![allow(
    clippy::indexing_slicing,
    reason = "the output has one item for each selected row, and rows are below the array's length"
)]

/// Lists, structs, maps and unions.
mod nested;

use arrow::array::{Array, ArrayRef, AsArray, downcast_primitive, make_view};
use arrow::buffer::NullBuffer;
use esker_datatypes::{Column, DataType, Encoding, Error, Result, Selection, is_binary, is_string};

use crate::compare::bytes::{Bytes, INLINE};
use crate::value::{Fixed, Key, Value};

// Odd constants without pattern: the first digits of pi's fraction, as foldhash takes them.
const COLUMN: u64 = 0x243f_6a88_85a3_08d3;
const FINISH: u64 = 0x1319_8a2e_0370_7345;
const BYTES: u64 = 0xa409_3822_299f_31d1;
const TAIL: u64 = 0x082e_fa98_ec4e_6c89;
const NULL: u64 = 0x4528_21e6_38d0_1377;

/// Hashes the selected rows over all columns: `out[i]` becomes the hash of the i-th selected row;
/// what was in `out` before is dropped.
///
/// Rows that are equal hash equal: NaN as NaN, -0.0 as 0.0, null as a value of its own, text and
/// binary by their bytes in any layout, whatever the encodings. The hash depends on the order of
/// the columns and on the seed. Values of different types, integers of different widths among
/// them, need not hash equal.
///
/// # Errors
/// `Internal` when a column's length is not the selection's.
///
/// ```
/// use esker_datatypes::{Column, ScalarValue, Selection};
/// use esker_kernels::hash::hash_rows;
/// let zero = Column::constant(ScalarValue::from(0.0), 1);
/// let negative = Column::constant(ScalarValue::from(-0.0), 1);
/// let (mut a, mut b) = (Vec::new(), Vec::new());
/// hash_rows(&[&zero], &Selection::all(1), 7, &mut a)?;
/// hash_rows(&[&negative], &Selection::all(1), 7, &mut b)?;
/// assert_eq!(a, b);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn hash_rows(
    columns: &[&Column],
    selection: &Selection,
    seed: u64,
    out: &mut Vec<u64>,
) -> Result<()> {
    crate::vector::same_rows(columns, selection)?;
    out.clear();
    out.resize(selection.count(), seed);
    for column in columns {
        absorb(column, selection.rows(), out)?;
    }
    for hash in out {
        *hash = fold(*hash ^ FINISH, BYTES);
    }
    Ok(())
}

/// The folded multiply.
#[inline]
pub fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

/// A hash of bytes. Short ones are hashed as the view that holds them, which is what most text is
/// read as.
#[inline]
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    if bytes.len() <= INLINE as usize {
        return make_view(bytes, 0, 0).digest();
    }
    hash_long(bytes)
}

/// wyhash's loop: 16 bytes a step, the last step overlapping the one before.
fn hash_long(bytes: &[u8]) -> u64 {
    let halves = |sixteen: &[u8; 16]| {
        let word = u128::from_le_bytes(*sixteen);
        (word as u64, (word >> 64) as u64)
    };
    let mut hash = fold(bytes.len() as u64 ^ BYTES, TAIL);
    let (chunks, _) = bytes.as_chunks::<16>();
    for chunk in chunks {
        let (low, high) = halves(chunk);
        hash = fold(low ^ hash, high ^ BYTES);
    }
    match bytes.last_chunk::<16>() {
        Some(last) => {
            let (low, high) = halves(last);
            fold(low ^ hash, high ^ TAIL)
        }
        // 13 to 15 bytes: two overlapping halves.
        None => {
            let low = bytes
                .first_chunk::<8>()
                .map_or(0, |low| u64::from_le_bytes(*low));
            let high = bytes
                .last_chunk::<8>()
                .map_or(0, |high| u64::from_le_bytes(*high));
            fold(low ^ hash, high ^ TAIL)
        }
    }
}

/// Mixes a column's values into the hashes of the rows (all, or those listed).
fn absorb(column: &Column, rows: Option<&[u32]>, out: &mut [u64]) -> Result<()> {
    let mix = |hash: &mut u64, digest: u64| *hash = fold(*hash ^ digest, COLUMN);
    match column.encoding() {
        Encoding::Constant { value, .. } => {
            let mut digest = NULL;
            digests(value.as_array(), None, &mut |_, found| digest = found)?;
            out.iter_mut().for_each(|hash| mix(hash, digest));
        }
        Encoding::Dictionary { codes, values } if values.len() <= out.len() => {
            let mut known = vec![NULL; values.len()];
            digests(values, None, &mut |at, digest| known[at] = digest)?;
            let nulls = codes.nulls();
            each(codes.len(), rows, |at, row| {
                let null = nulls.is_some_and(|n| n.is_null(row));
                let code = codes.values()[row] as usize;
                mix(&mut out[at], if null { NULL } else { known[code] });
            });
        }
        Encoding::Dictionary { .. } => {
            digests(&column.to_flat(), rows, &mut |at, digest| {
                mix(&mut out[at], digest)
            })?;
        }
        Encoding::Flat(array) => {
            digests(array, rows, &mut |at, digest| mix(&mut out[at], digest))?;
        }
    }
    Ok(())
}

/// Calls with each number in the list and the row there, or with all rows.
#[inline]
fn each(len: usize, rows: Option<&[u32]>, mut call: impl FnMut(usize, usize)) {
    match rows {
        None => (0..len).for_each(|row| call(row, row)),
        Some(rows) => rows
            .iter()
            .enumerate()
            .for_each(|(at, &row)| call(at, row as usize)),
    }
}

/// Hands out 64 bits for each row's value, which equal values share.
fn digests(
    array: &ArrayRef,
    rows: Option<&[u32]>,
    sink: &mut impl FnMut(usize, u64),
) -> Result<()> {
    let nulls = array.logical_nulls().filter(|n| n.null_count() > 0);
    let nulls = nulls.as_ref();
    macro_rules! primitive {
        ($type:ty) => {{
            let Some(array) = array.as_primitive_opt::<$type>() else {
                return Err(Error::internal(format!("hashing {}", array.data_type())));
            };
            native(&<$type>::values(array), rows, nulls, sink);
        }};
    }
    downcast_primitive! {
        array.data_type() => (primitive),
        DataType::Null => each(array.len(), rows, |at, _| sink(at, NULL)),
        DataType::Boolean => {
            let values = array.as_boolean().values();
            emit(array.len(), rows, nulls, sink, |row| u64::from(values.value(row)));
        }
        data_type if is_string(data_type) || is_binary(data_type) => {
            let bytes = Bytes::new(array)?;
            if let Bytes::Views(array) = &bytes {
                let views = array.views();
                emit(views.len(), rows, nulls, sink, |row| {
                    let view = views[row];
                    if view as u32 <= INLINE { view.digest() } else { hash_long(array.value(row)) }
                });
            } else {
                emit(array.len(), rows, nulls, sink, |row| hash_bytes(bytes.value(row)));
            }
        }
        DataType::Dictionary(_, _) | DataType::RunEndEncoded(_, _) => {
            digests(&Column::from_arrow(array)?.to_flat(), rows, sink)?;
        }
        _ => {
            let hashes = nested::hashes(array)?;
            emit(array.len(), rows, nulls, sink, |row| hashes[row]);
        }
    }
    Ok(())
}

fn native<T: Value>(
    values: &[T],
    rows: Option<&[u32]>,
    nulls: Option<&NullBuffer>,
    sink: &mut impl FnMut(usize, u64),
) {
    emit(values.len(), rows, nulls, sink, |row| {
        values[row].key().digest()
    });
}

/// Hands out a row's digest, or that of null.
#[inline]
fn emit(
    len: usize,
    rows: Option<&[u32]>,
    nulls: Option<&NullBuffer>,
    sink: &mut impl FnMut(usize, u64),
    digest: impl Fn(usize) -> u64,
) {
    match nulls {
        None => each(len, rows, |at, row| sink(at, digest(row))),
        Some(nulls) => each(len, rows, |at, row| {
            sink(
                at,
                if nulls.is_valid(row) {
                    digest(row)
                } else {
                    NULL
                },
            );
        }),
    }
}

#[cfg(test)]
mod tests;
