//! How long a text is, in characters and in bytes.

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::datatypes::Int64Type;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};

use super::pattern::chars;
use crate::compare::bytes::Bytes;
use crate::per_value::{per_value, with_nulls_of};
use crate::views;

/// How many characters (Unicode scalar values) each text has, as `Int64`; null for null.
///
/// Where all bytes are ASCII, which is found out in one pass over texts that lie side by side, that
/// is how many bytes there are.
///
/// # Errors
/// `Internal` when the column is no text or has another length than the selection.
pub fn len_chars(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    per_value(column, selection, buffers, |array, selection, buffers| {
        let texts = Bytes::new(array)?;
        let mut out = buffers.take::<i64>(array.len());
        if selection.is_all() && is_ascii(array) {
            lengths(array, &mut out)?;
            return with_nulls_of::<Int64Type>(out, array);
        }
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

/// Whether all texts are seen at once to be ASCII; texts that lie far apart are not looked at.
fn is_ascii(array: &ArrayRef) -> bool {
    match array.data_type() {
        DataType::Utf8View => views_are_ascii(array.as_string_view()),
        DataType::Utf8 => array.as_string::<i32>().is_ascii(),
        DataType::LargeUtf8 => array.as_string::<i64>().is_ascii(),
        _ => false,
    }
}

fn views_are_ascii(array: &StringViewArray) -> bool {
    /// The highest bit of each byte of a text in a view.
    const HIGH: u128 = 0x8080_8080_8080_8080_8080_8080_0000_0000;
    let ascii = |buffer: usize, from: usize, to: usize, bytes: usize| {
        let data = array.data_buffers().get(buffer);
        to - from <= 2 * bytes
            && data
                .and_then(|data| data.get(from..to))
                .is_none_or(<[u8]>::is_ascii)
    };
    let (mut buffer, mut from, mut to, mut bytes) = (0, 0, 0, 0);
    for &view in array.views() {
        let length = views::length(view);
        if length <= views::INLINE {
            if view & HIGH != 0 {
                return false;
            }
            continue;
        }
        let (own, start) = ((view >> 64) as u32 as usize, (view >> 96) as usize);
        if bytes == 0 || own != buffer {
            if !ascii(buffer, from, to, bytes) {
                return false;
            }
            (buffer, from, to, bytes) = (own, start, start + length, length);
        } else {
            (from, to) = (from.min(start), to.max(start + length));
            bytes += length;
        }
    }
    ascii(buffer, from, to, bytes)
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
