//! Moving rows: keep the selected ones, gather, concatenate, merge.

#![allow(
    clippy::indexing_slicing,
    reason = "rows are checked against the length of the column before they are read"
)]

/// One of two columns, row by row.
mod choose;
/// Columns in chunks, gathered by row ids.
pub mod chunks;
/// One column out of several, row by row.
mod merge;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, GenericByteViewArray, UInt32Array,
    downcast_primitive,
};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::datatypes::ByteViewType;
use esker_datatypes::{Buffers, Column, DataType, Encoding, Error, Result, Selection, value_type};

use crate::bits::{self, Target};
use crate::compare::bytes::INLINE;
use crate::vector::{primitive, same_rows};

pub use choose::choose;
pub use merge::merge;

/// Only the selected rows, dense. The declared type and the encoding stay: of a dictionary the
/// codes are gathered, a constant becomes shorter.
///
/// Views of text that would keep much more memory alive than they use get buffers of their own.
///
/// # Errors
/// `Internal` when the lengths differ.
///
/// ```
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::select::compact;
/// let column = Column::constant(ScalarValue::from(7i64), 5);
/// let selection = Selection::from_rows(5, vec![1, 4]);
/// assert_eq!(compact(&column, &selection, &mut Buffers::default())?.len(), 2);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn compact(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    same_rows(&[column], selection)?;
    match selection.rows() {
        None => Ok(column.clone()),
        Some(rows) => gather(column, rows, buffers),
    }
}

/// The rows listed, in this order, with repeats. The declared type and the encoding stay.
///
/// # Errors
/// `Internal` when there is no such row.
pub fn take(column: &Column, rows: &[u32], buffers: &mut Buffers) -> Result<Column> {
    if let Some(&last) = rows.iter().max()
        && last as usize >= column.len()
    {
        return Err(Error::internal(format!(
            "row {last} of {} rows",
            column.len()
        )));
    }
    gather(column, rows, buffers)
}

/// The columns one behind the other, which have one value type; the declared type is the first
/// one's.
///
/// The same constant throughout stays a constant, and dictionaries that share their values stay
/// dictionaries; other mixtures become flat.
///
/// # Errors
/// `Internal` for no columns and for columns of different value types.
pub fn concat(columns: &[Column]) -> Result<Column> {
    let (first, rest) = match columns {
        [] => return Err(Error::internal("concatenating no columns")),
        [only] => return Ok(only.clone()),
        [first, rest @ ..] => (first, rest),
    };
    if let Some(other) = rest.iter().find(|c| c.value_type() != first.value_type()) {
        let (first, other) = (first.value_type(), other.value_type());
        return Err(Error::internal(format!(
            "concatenating {first} with {other}"
        )));
    }
    let together = match first.encoding() {
        Encoding::Constant { value, .. } => {
            let same = |c: &Column| c.as_constant().is_some_and(|other| value.same_as(other));
            let len = columns.iter().map(Column::len).sum();
            rest.iter()
                .all(same)
                .then(|| Column::constant(value.clone(), len))
        }
        Encoding::Dictionary { values, .. } => shared_dictionary(columns, values)?,
        Encoding::Flat(_) => None,
    };
    let column = match together {
        Some(column) => column,
        None => {
            let arrays: Vec<ArrayRef> = columns.iter().map(Column::to_flat).collect();
            let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            Column::flat(compute::concat(&arrays)?)
        }
    };
    Ok(declared(column, first.data_type()))
}

/// The codes one behind the other, if all columns are dictionaries of these very values.
fn shared_dictionary(columns: &[Column], values: &ArrayRef) -> Result<Option<Column>> {
    let mut all = Vec::with_capacity(columns.len());
    for column in columns {
        match column.encoding() {
            Encoding::Dictionary {
                codes,
                values: other,
            } if Arc::ptr_eq(values, other) => {
                all.push(codes as &dyn Array);
            }
            _ => return Ok(None),
        }
    }
    let codes = compute::concat(&all)?;
    let Some(codes) = codes.as_primitive_opt().cloned() else {
        return Err(Error::internal("codes that are no codes"));
    };
    Ok(Some(Column::dictionary(codes, Arc::clone(values))))
}

/// The column under a declared type; a type whose values it has not is left alone.
fn declared(column: Column, data_type: &DataType) -> Column {
    if value_type(data_type) == column.value_type() {
        column.with_declared_type(data_type)
    } else {
        column
    }
}

/// The rows listed, all of which exist.
fn gather(column: &Column, rows: &[u32], buffers: &mut Buffers) -> Result<Column> {
    let gathered = match column.encoding() {
        Encoding::Constant { value, .. } => Column::constant(value.clone(), rows.len()),
        Encoding::Dictionary { codes, values } => {
            let nulls = gather_nulls(codes.nulls(), rows, buffers);
            let codes = gather_values(codes.values(), rows, buffers);
            Column::dictionary(
                UInt32Array::try_new(codes.into(), nulls)?,
                Arc::clone(values),
            )
        }
        Encoding::Flat(array) => gather_array(array, rows, buffers)?,
    };
    Ok(declared(gathered, column.data_type()))
}

fn gather_array(array: &ArrayRef, rows: &[u32], buffers: &mut Buffers) -> Result<Column> {
    macro_rules! fixed_width {
        ($type:ty) => {{
            let Some(array) = array.as_primitive_opt::<$type>() else {
                return Err(Error::internal(format!("gathering {}", array.data_type())));
            };
            let nulls = gather_nulls(array.nulls(), rows, buffers);
            let values = gather_values::<<$type as ArrowPrimitiveType>::Native>(
                array.values(),
                rows,
                buffers,
            );
            primitive::<$type>(values, nulls, array.data_type())
        }};
    }
    downcast_primitive! {
        array.data_type() => (fixed_width),
        data_type => {
            let mut indices = buffers.take(rows.len());
            indices.extend_from_slice(rows);
            let indices = UInt32Array::new(indices.into(), None);
            let taken = compute::take(array, &indices, None)?;
            buffers.recycle_array(Arc::new(indices));
            Ok(Column::flat(match data_type {
                DataType::Utf8View => unpinned(taken.as_string_view()).unwrap_or(taken),
                DataType::BinaryView => unpinned(taken.as_binary_view()).unwrap_or(taken),
                _ => taken,
            }))
        }
    }
}

fn gather_values<T: arrow::datatypes::ArrowNativeType>(
    values: &[T],
    rows: &[u32],
    buffers: &mut Buffers,
) -> Vec<T> {
    let mut out = buffers.take(rows.len());
    out.extend(rows.iter().map(|&row| values[row as usize]));
    out
}

fn gather_nulls(
    nulls: Option<&NullBuffer>,
    rows: &[u32],
    buffers: &mut Buffers,
) -> Option<NullBuffer> {
    let nulls = nulls.filter(|n| n.null_count() > 0)?;
    let mut words = buffers.take(bits::word_count(rows.len()));
    Target::Mask(&mut words).each(rows, false, |row| nulls.is_valid(row as usize));
    bits::into_nulls(words, rows.len())
}

/// The array with buffers of its own, when it uses a small part of those it keeps alive.
fn unpinned<T: ByteViewType>(array: &GenericByteViewArray<T>) -> Option<ArrayRef> {
    /// Less than this is not worth the copy.
    const SMALL: usize = 16 << 10;
    /// A column may pin this many times what it uses.
    const WASTE: usize = 4;
    let pinned: usize = array
        .data_buffers()
        .iter()
        .map(|buffer| buffer.capacity())
        .sum();
    if pinned <= SMALL {
        return None;
    }
    let used = array
        .lengths()
        .filter(|&length| length > INLINE)
        .map(|length| length as usize);
    (used.sum::<usize>().saturating_mul(WASTE) < pinned).then(|| Arc::new(array.gc()) as ArrayRef)
}

#[cfg(test)]
mod tests;
