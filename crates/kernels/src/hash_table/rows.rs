//! Rows of keys that a table looks up.

#![allow(
    clippy::indexing_slicing,
    reason = "a text's number is below the number of texts that keys begin with"
)]

use super::words::Keys;
use crate::bits;

/// Keys as rows of words, each with the bytes of its long texts.
pub(super) trait RowKeys {
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

impl RowKeys for Keys {
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
