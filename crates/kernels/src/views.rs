//! Views of values in an arena: short values stand in the view itself, as in Arrow's layout.

#![allow(
    clippy::indexing_slicing,
    reason = "a view's place lies within the arena that it was made for"
)]

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryViewArray};
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
    let array = BinaryViewArray::try_new(copies.into(), buffers, nulls)?;
    Ok(match out {
        DataType::Utf8View => Arc::new(array.to_string_view()?),
        _ => Arc::new(array),
    })
}
