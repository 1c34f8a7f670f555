//! Which keys a build side has: a bit for each, so that rows without one are known early.

#![allow(
    clippy::indexing_slicing,
    reason = "a word of keys comes for each row that is looked at, and the words of the chunks are in \
              the span of all"
)]

use std::sync::Arc;

use esker_datatypes::{Buffers, Column, Result, Selection};

use super::dense::span_of_chunks;
use super::{JoinKeys, KeyChunk};
use crate::hash_table::words::Keys;

/// So many bits fit a cache and are worth it in any case,
const SMALL: u64 = 1 << 22;
/// and so many for each row: no more bytes than the row has in a hash table,
const BITS_OF_A_ROW: u64 = 256;
/// up to so many.
const MOST: u64 = 1 << 28;

/// The keys of a build side, if they are of one column of fixed width and lie in a range that is not
/// too wide: exact, and much smaller than the table.
///
/// The filter that it is can be applied wherever the rows of the other side come from; the join
/// itself still decides.
pub struct KeySet {
    keys: Arc<JoinKeys>,
    /// The word of the first bit.
    first: u64,
    bits: Vec<u64>,
    /// How many bits there are, and how many of them are set.
    places: u64,
    there: u64,
}

impl KeySet {
    /// The keys of all chunks of a build side.
    pub fn of(keys: &Arc<JoinKeys>, chunks: &[KeyChunk]) -> Option<Self> {
        if keys.nulls_equal || keys.hashing.layout.fields().len() != 1 {
            return None;
        }
        let (first, places) = span_of_chunks(chunks)?.all()?;
        let rows: usize = chunks.iter().map(|chunk| chunk.keys.len()).sum();
        let of_rows = (rows as u64).saturating_mul(BITS_OF_A_ROW);
        if places > SMALL.max(of_rows.min(MOST)) {
            return None;
        }
        let mut bits = vec![0u64; places.div_ceil(64) as usize];
        for chunk in chunks {
            for (row, word) in chunk.keys.words().iter().enumerate() {
                let place = word.wrapping_sub(first);
                if place < places && !chunk.keys.is_null(row) {
                    bits[(place / 64) as usize] |= 1 << (place % 64);
                }
            }
        }
        let there = bits.iter().map(|bits| u64::from(bits.count_ones())).sum();
        Some(Self {
            keys: Arc::clone(keys),
            first,
            bits,
            places,
            there,
        })
    }

    /// Whether at most one in eight of the keys that there could be is there: of those between the
    /// least and the greatest, or of so many.
    pub fn is_sparse(&self, of: u64) -> bool {
        self.there.saturating_mul(8) <= self.places.max(of)
    }

    /// The bytes taken.
    pub fn size(&self) -> usize {
        self.bits.capacity() * size_of::<u64>()
    }

    /// The least and the greatest key, where the bits of keys are those of numbers that are not
    /// negative.
    pub fn bounds(&self) -> Option<(u64, u64)> {
        let last = self.first.checked_add(self.places.checked_sub(1)?)?;
        (last <= i64::MAX as u64).then_some((self.first, last))
    }

    /// Whether a key, by its word, is there.
    #[inline]
    pub(super) fn has(&self, word: u64) -> bool {
        let place = word.wrapping_sub(self.first);
        let bits = self.bits.get((place / 64) as usize).copied().unwrap_or(0);
        bits >> (place % 64) & 1 == 1
    }

    /// Keeps the selected rows whose key is there.
    ///
    /// # Errors
    /// `Internal` for a column of another type than the keys were declared with.
    pub fn select(
        &self,
        column: &Column,
        selection: &mut Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let layout = &self.keys.hashing.layout;
        let keys = Keys::new(layout, &[column], selection, buffers)?;
        let (words, nulls) = (keys.words(), keys.nulls().is_some());
        let mut at = 0;
        selection.retain(|_| {
            let row = at;
            at += 1;
            self.has(words[row]) && !(nulls && keys.is_null(row))
        });
        keys.recycle(buffers);
        Ok(())
    }
}
