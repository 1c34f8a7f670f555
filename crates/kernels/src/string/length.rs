//! How long a text is, in characters and in bytes.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};

use super::pattern::chars;
use crate::compare::bytes::Bytes;
use crate::per_value::{per_value, with_nulls_of};
use crate::views;

/// How many characters (Unicode scalar values) each text has, as `Int64`; null for null.
///
/// # Errors
/// `Internal` when the column is no text or has another length than the selection.
pub fn len_chars(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    per_value(column, selection, buffers, |array, selection, buffers| {
        let texts = Bytes::new(array)?;
        let mut out = buffers.take::<i64>(array.len());
        match selection.is_all() {
            true => out.extend((0..array.len()).map(|row| chars(texts.value(row)) as i64)),
            false => {
                out.resize(array.len(), 0);
                for row in selection.iter() {
                    if let Some(slot) = out.get_mut(row) {
                        *slot = chars(texts.value(row)) as i64;
                    }
                }
            }
        }
        with_nulls_of::<Int64Type>(out, array)
    })
}

/// How many bytes each text has in UTF-8, as `Int64`; null for null. Reads no text.
///
/// # Errors
/// `Internal` when the column is no text or has another length than the selection.
pub fn len_bytes(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    per_value(column, selection, buffers, |array, _, buffers| {
        let mut out = buffers.take::<i64>(array.len());
        lengths(array, &mut out)?;
        with_nulls_of::<Int64Type>(out, array)
    })
}

fn lengths(array: &ArrayRef, out: &mut Vec<i64>) -> Result<()> {
    match array.data_type() {
        DataType::Utf8View => {
            let views = array.as_string_view().views().iter();
            out.extend(views.map(|&view| views::length(view) as i64));
        }
        DataType::Utf8 => {
            let offsets = array.as_string::<i32>().offsets();
            out.extend(offsets.lengths().map(|length| length as i64));
        }
        DataType::LargeUtf8 => {
            let offsets = array.as_string::<i64>().offsets();
            out.extend(offsets.lengths().map(|length| length as i64));
        }
        other => return Err(Error::internal(format!("the length of {other}"))),
    }
    Ok(())
}
