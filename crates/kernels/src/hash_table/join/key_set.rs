//! Which keys a build side has: a bit for each, so that rows without one are known early.

#![allow(
    clippy::indexing_slicing,
    reason = "a word of keys comes for each row that is looked at, and the words of the chunks are in \
              the span of all"
)]

use std::slice;
use std::sync::Arc;

use esker_datatypes::{Buffers, Column, DataType, Result, Selection};

use super::dense::span_of_chunks;
use super::{JoinKeys, KeyChunk};
use crate::hash_table::direct::Span;
use crate::hash_table::layout::{Kind, Place};
use crate::hash_table::words::Keys;

/// So many bits fit a cache and are worth it in any case,
const SMALL: u64 = 1 << 22;
/// and so many for each row: no more bytes than the row has in a hash table,
const BITS_OF_A_ROW: u64 = 256;
/// up to so many.
const MOST: u64 = 1 << 28;

/// The keys of a build side in one key column, if it is of fixed width and they lie in a range that
/// is not too wide: exact, and much smaller than the table.
///
/// The filter that it is can be applied wherever the rows of the other side come from; the join
/// itself still decides.
pub struct KeySet {
    /// How the column alone makes a key.
    keys: Arc<JoinKeys>,
    /// The word of the first bit.
    first: u64,
    bits: Vec<u64>,
    /// How many bits there are, and how many of them are set.
    places: u64,
    there: u64,
}

impl KeySet {
    /// The keys of all chunks of a build side in a key column, by its position among those.
    pub fn of(keys: &Arc<JoinKeys>, chunks: &[KeyChunk], column: usize) -> Option<Self> {
        let layout = &keys.hashing.layout;
        let field = layout.fields().get(column)?;
        let Kind::Fixed(place) = field.kind else {
            return None;
        };
        if keys.nulls_equal || keys.hashing.constant_hash || place.bits > 64 {
            return None;
        }
        let words = |chunk| Words {
            chunk,
            stride: layout.words(),
            place,
            signed: is_signed(field.value_type()),
        };
        let (keys, span) = match layout.fields() {
            [_] => (Arc::clone(keys), span_of_chunks(chunks)?),
            _ => {
                let alone = JoinKeys::new(slice::from_ref(&field.data_type), false, false).ok()?;
                let spans = chunks.iter().filter_map(|c| Span::of(words(c).iter()));
                (Arc::new(alone), spans.reduce(Span::union)?)
            }
        };
        let (first, places) = span.all()?;
        let rows: usize = chunks.iter().map(|chunk| chunk.keys.len()).sum();
        let of_rows = (rows as u64).saturating_mul(BITS_OF_A_ROW);
        if places > SMALL.max(of_rows.min(MOST)) {
            return None;
        }
        let mut bits = vec![0u64; places.div_ceil(64) as usize];
        for chunk in chunks {
            for word in words(chunk).iter() {
                let place = word.wrapping_sub(first);
                if place < places {
                    bits[(place / 64) as usize] |= 1 << (place % 64);
                }
            }
        }
        let there = bits.iter().map(|bits| u64::from(bits.count_ones())).sum();
        Some(Self {
            keys,
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

/// The keys of a chunk in one column.
struct Words<'a> {
    chunk: &'a KeyChunk,
    /// How many words the keys of a row have.
    stride: usize,
    place: Place,
    signed: bool,
}

impl<'a> Words<'a> {
    /// Those of the rows without nulls, as they are where the column is the only key.
    fn iter(&self) -> impl Iterator<Item = u64> + use<'a> {
        let (keys, place, signed) = (&self.chunk.keys, self.place, self.signed);
        let unused = 64 - place.bits;
        let rows = keys.words().chunks_exact(self.stride).enumerate();
        let there = rows.filter(|&(row, _)| !keys.is_null(row));
        there.map(move |(_, row)| {
            let high = row[place.word] >> place.shift << unused;
            match signed {
                true => (high as i64 >> unused) as u64,
                false => high >> unused,
            }
        })
    }
}

/// Whether a value's sign fills the word that it is where it is the only key.
fn is_signed(value_type: &DataType) -> bool {
    value_type.is_signed_integer()
        || value_type.is_temporal()
        || matches!(
            value_type,
            DataType::Decimal32(..) | DataType::Decimal64(..)
        )
}
