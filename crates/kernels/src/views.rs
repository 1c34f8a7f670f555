//! Views of values in an arena: short values stand in the view itself, as in Arrow's layout.

#![allow(
    clippy::indexing_slicing,
    reason = "a view's place lies within the arena that it was made for"
)]
#![allow(
    unsafe_code,
    reason = "the checked constructor reads every text again, one by one"
)]

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryViewArray, StringViewArray};
use arrow::buffer::{Buffer, NullBuffer};
use esker_datatypes::{DataType, Result};

/// Up to this many bytes stand in the view.
pub const INLINE: usize = crate::compare::bytes::INLINE as usize;

/// An array's buffers are kept below this size, since views address them with 32 bits.
const BUFFER: usize = 1 << 30;

/// The length of the value.
#[inline]
pub fn length(view: u128) -> usize {
    view as u32 as usize
}

/// Where a longer value stands in the arena.
#[inline]
pub fn place(view: u128) -> usize {
    (view >> 64) as u64 as usize
}

/// Calls with the value.
#[inline]
pub fn with_value<R>(view: u128, arena: &[u8], call: impl FnOnce(&[u8]) -> R) -> R {
    let len = length(view);
    if len <= INLINE {
        call(&view.to_le_bytes()[4..4 + len])
    } else {
        call(&arena[place(view)..place(view) + len])
    }
}

/// An array of the values, with buffers of its own: `Utf8View` if asked for, else `BinaryView`. The
/// views of null rows may be any.
///
/// # Errors
/// `Internal` when text is asked for and a value is not UTF-8.
pub fn view_array(
    views: &[u128],
    arena: &[u8],
    nulls: Option<NullBuffer>,
    out: &DataType,
) -> Result<ArrayRef> {
    let mut buffers = Vec::new();
    let mut bytes: Vec<u8> = Vec::new();
    let mut copies = Vec::with_capacity(views.len());
    for (row, &view) in views.iter().enumerate() {
        let len = length(view);
        if nulls.as_ref().is_some_and(|n| n.is_null(row)) {
            copies.push(0);
        } else if len <= INLINE {
            copies.push(view);
        } else {
            if bytes.len() + len > BUFFER && !bytes.is_empty() {
                buffers.push(Buffer::from_vec(std::mem::take(&mut bytes)));
            }
            let at = buffers.len() as u128 | (bytes.len() as u128) << 32;
            copies.push(u128::from(view as u64) | at << 64);
            bytes.extend_from_slice(&arena[place(view)..place(view) + len]);
        }
    }
    if !bytes.is_empty() {
        buffers.push(Buffer::from_vec(bytes));
    }
    match out {
        DataType::Utf8View => Ok(Arc::new(text_array(copies, buffers, nulls)?)),
        _ => Ok(Arc::new(BinaryViewArray::try_new(
            copies.into(),
            buffers,
            nulls,
        )?)),
    }
}

/// An array of texts. Where all of them are ASCII they are not checked one by one.
///
/// # Errors
/// `Internal` for views that lead nowhere, and for a text that is not UTF-8.
pub(crate) fn text_array(
    views: Vec<u128>,
    buffers: Vec<Buffer>,
    nulls: Option<NullBuffer>,
) -> Result<StringViewArray> {
    let fits = nulls
        .as_ref()
        .is_none_or(|nulls| nulls.len() == views.len());
    if fits && views.iter().all(|&view| is_ascii(view, &buffers)) {
        // SAFETY: each view is that of a value in the buffers or in itself that is ASCII, and so
        // UTF-8; the mask is as long as the views.
        return Ok(unsafe { StringViewArray::new_unchecked(views.into(), buffers.into(), nulls) });
    }
    Ok(StringViewArray::try_new(views.into(), buffers, nulls)?)
}

/// Whether the view is one of a value in these buffers, or in itself, and that is ASCII.
#[inline]
fn is_ascii(view: u128, buffers: &[Buffer]) -> bool {
    let len = length(view);
    if len <= INLINE {
        let value = view >> 32;
        // Nothing stands behind the value.
        return value & NOT_ASCII == 0 && value >> (8 * len) == 0;
    }
    let (buffer, start) = ((view >> 64) as u32 as usize, (view >> 96) as usize);
    let buffer = buffers.get(buffer);
    let value = buffer.and_then(|buffer| buffer.get(start..start + len));
    let prefix = ((view >> 32) as u32).to_le_bytes();
    value.is_some_and(|value| value.starts_with(&prefix) && value.is_ascii())
}

/// The highest bit of each byte that stands in a view.
const NOT_ASCII: u128 = 0x8080_8080_8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array;

    #[test]
    fn texts_are_checked_whatever_they_are() {
        let bytes = b"a text of nineteen, and one of m\xc3\xbcre, \xff";
        let long = |start: usize, len: u128| {
            let prefix = u32::from_le_bytes(*bytes[start..].first_chunk().unwrap());
            len | u128::from(prefix) << 32 | (start as u128) << 96
        };
        let short = |value: &[u8]| {
            let word = value
                .iter()
                .rev()
                .fold(0, |word, &b| word << 8 | u128::from(b));
            word << 32 | value.len() as u128
        };
        let made = |views| text_array(views, vec![Buffer::from(bytes.to_vec())], None);
        let sound = vec![long(0, 18), short(b"abc"), 0, short(b"abcdefghijkl")];
        let want = ["a text of nineteen", "abc", "", "abcdefghijkl"];
        assert_eq!(made(sound).unwrap(), StringViewArray::from(want.to_vec()));
        let found = made(vec![long(19, 19), short("\u{fc}".as_bytes())]).unwrap();
        assert_eq!(found.value(0), " and one of m\u{fc}re, ");
        assert_eq!((found.value(1), found.len()), ("\u{fc}", 2));
        for view in [
            // Half a letter, and what is none.
            long(19, 14),
            long(19, 20),
            short(b"\xff"),
            // Another beginning, no such buffer, and an end behind the bytes.
            18 | 1 << 96,
            long(0, 18) | 1 << 64,
            long(0, 200),
            // A byte behind the value.
            short(b"abcd") - 1,
        ] {
            assert!(made(vec![view]).is_err(), "{view:x}");
        }
        let nulls = Some(NullBuffer::new_null(2));
        assert!(text_array(vec![0], Vec::new(), nulls).is_err());
    }
}
