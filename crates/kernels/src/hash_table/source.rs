//! Where the values of a batch's rows stand.

#![allow(
    clippy::indexing_slicing,
    reason = "selected rows are below the number of rows"
)]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use esker_datatypes::{Buffers, Column, Encoding, Selection};

use crate::bits::{self, Target};

/// Where in an array the values of the rows stand.
pub(super) enum Index {
    /// The i-th row's is the i-th.
    Dense,
    /// Rows of a batch, as listed.
    Rows(Vec<u32>),
    /// Codes of a dictionary; those of nulls may be any.
    Codes(Vec<u32>),
    /// All rows have the first.
    One,
}

impl Index {
    #[inline]
    pub(super) fn at(&self, row: usize) -> usize {
        match self {
            Self::Dense => row,
            Self::Rows(list) | Self::Codes(list) => list[row] as usize,
            Self::One => 0,
        }
    }

    /// Whether these are codes, so that a null need not be among the values.
    pub(super) fn is_codes(&self) -> bool {
        matches!(self, Self::Codes(_))
    }

    pub(super) fn recycle(self, buffers: &mut Buffers) {
        match self {
            Self::Rows(list) | Self::Codes(list) => buffers.give(list),
            Self::Dense | Self::One => {}
        }
    }
}

/// The array that holds a column's values, and where in it those of the selected rows stand. Null
/// rows stand anywhere.
pub(super) fn source(
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> (ArrayRef, Index) {
    match column.encoding() {
        Encoding::Constant { value, .. } => (Arc::clone(value.as_array()), Index::One),
        Encoding::Flat(array) => {
            let index = match selection.rows() {
                None => Index::Dense,
                Some(rows) => {
                    let mut list = buffers.take::<u32>(rows.len());
                    list.extend_from_slice(rows);
                    Index::Rows(list)
                }
            };
            (Arc::clone(array), index)
        }
        Encoding::Dictionary { codes, values } => {
            let mut list = buffers.take::<u32>(selection.count());
            let codes_at = codes.values();
            match selection.rows() {
                None => list.extend_from_slice(codes_at),
                Some(rows) => list.extend(rows.iter().map(|&row| codes_at[row as usize])),
            }
            if codes.null_count() > 0 {
                // The code of a null row may lie outside of the values.
                let end = values.len() as u32;
                list.iter_mut()
                    .filter(|code| **code >= end)
                    .for_each(|code| *code = 0);
            }
            (Arc::clone(values), Index::Codes(list))
        }
    }
}

/// The selected rows that are null, as bits; `None` when none is.
pub(super) fn null_rows(
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Option<Vec<u64>> {
    let nulls = column.nulls()?;
    let count = selection.count();
    let mut words = buffers.take::<u64>(bits::word_count(count));
    match selection.rows() {
        None => words.extend(nulls.inner().bit_chunks().iter_padded().map(|valid| !valid)),
        Some(rows) => {
            Target::Mask(&mut words).each(rows, true, |row| nulls.is_valid(row as usize));
        }
    }
    words.truncate(bits::word_count(count));
    Some(words)
}
