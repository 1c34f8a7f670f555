//! Rows of keys that a table looks up: those of a batch, or keys of another table.

#![allow(
    clippy::indexing_slicing,
    reason = "the keys listed are below the number of the table's keys, and rows below that of the \
              list"
)]

use esker_datatypes::Buffers;

use super::table::KeyTable;
use super::words::{Keys, is_long};
use crate::bits;

/// Keys as rows of words, each with the bytes of its long texts.
pub(super) trait KeyRows {
    /// The words of all rows.
    fn words(&self) -> &[u64];

    /// Whether equal words may not make equal rows: some text may be longer than a view holds.
    fn has_long_texts(&self) -> bool;

    /// The bytes of a long text of a row, whose first word this is.
    fn text(&self, number: usize, row: usize, word: u64) -> &[u8];

    /// Whether a row may be kept apart.
    fn has_nulls(&self) -> bool;

    /// Whether a row is kept apart.
    fn is_null(&self, row: usize) -> bool;
}

impl KeyRows for Keys {
    #[inline]
    fn words(&self) -> &[u64] {
        self.words()
    }

    #[inline]
    fn has_long_texts(&self) -> bool {
        self.has_long_texts()
    }

    #[inline]
    fn text(&self, number: usize, row: usize, _word: u64) -> &[u8] {
        self.texts()[number].value(row)
    }

    #[inline]
    fn has_nulls(&self) -> bool {
        self.nulls().is_some()
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        self.nulls().is_some_and(|nulls| bits::is_set(nulls, row))
    }
}

/// Some keys of a table.
pub(super) struct TableKeys<'a> {
    table: &'a KeyTable,
    keys: &'a [u32],
    words: Vec<u64>,
}

impl<'a> TableKeys<'a> {
    /// The keys listed.
    pub(super) fn new(table: &'a KeyTable, keys: &'a [u32], buffers: &mut Buffers) -> Self {
        let stride = table.stride();
        let mut words = buffers.take(keys.len() * stride);
        for &key in keys {
            let start = key as usize * stride;
            words.extend_from_slice(&table.words()[start..start + stride]);
        }
        Self { table, keys, words }
    }

    /// Gives the memory back.
    pub(super) fn recycle(self, buffers: &mut Buffers) {
        buffers.give(self.words);
    }
}

impl KeyRows for TableKeys<'_> {
    #[inline]
    fn words(&self) -> &[u64] {
        &self.words
    }

    #[inline]
    fn has_long_texts(&self) -> bool {
        !self.table.arena().is_empty()
    }

    #[inline]
    fn text(&self, number: usize, row: usize, word: u64) -> &[u8] {
        debug_assert!(is_long(word));
        let place = self.table.place(self.keys[row] as usize, number);
        &self.table.arena()[place..place + word as u32 as usize]
    }

    #[inline]
    fn has_nulls(&self) -> bool {
        self.table.null_key().is_some()
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        self.table.null_key() == Some(self.keys[row])
    }
}
