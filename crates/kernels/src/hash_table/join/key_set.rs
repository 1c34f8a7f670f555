//! Which keys a build side has, in bits, so that rows without one are known early.

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
use crate::bits::{self, Target};
use crate::hash::fold;
use crate::hash_table::direct::Span;
use crate::hash_table::layout::{Kind, Place};
use crate::hash_table::pack::KeyWords;
use crate::hash_table::words::Keys;

/// So many bits fit a cache and are worth it in any case,
const SMALL: u64 = 1 << 22;
/// and so many for each row: no more bytes than the row has in a hash table,
const BITS_OF_A_ROW: u64 = 256;
/// up to so many. For wider ranges each row has
const MOST: u64 = 1 << 28;
/// so many bits, and one in as many keys that are not there seems to be.
const HASHED_BITS: u64 = 32;

/// The keys of a build side in one key column, if it is of fixed width: much smaller than the table.
/// Exact where the keys lie in a range that is not too wide; else some keys seem to be there that are
/// not. (A Bloom filter of one hash: Bloom, *Space/time trade-offs in hash coding with allowable
/// errors*, CACM 1970.)
///
/// The filter that it is can be applied wherever the rows of the other side come from; the join
/// itself still decides.
pub struct KeySet {
    /// How the column alone makes a key.
    keys: Arc<JoinKeys>,
    /// The least key's word, and how many words there are up to the greatest.
    first: u64,
    places: u64,
    bits: Vec<u64>,
    by: Bits,
    /// How many bits are set.
    there: u64,
}

/// Which bit a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bits {
    /// That of its place in the range.
    Place,
    /// That of its hash, shifted by so many bits.
    Hash(u32),
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
        let of_rows = |bits: u64| (rows as u64).saturating_mul(bits);
        let (count, by) = if places <= SMALL.max(of_rows(BITS_OF_A_ROW).min(MOST)) {
            (places, Bits::Place)
        } else {
            let count = of_rows(HASHED_BITS).max(64).checked_next_power_of_two()?;
            if count > MOST {
                return None;
            }
            (count, Bits::Hash(64 - count.trailing_zeros()))
        };
        let mut set = Self {
            keys,
            first,
            places,
            bits: vec![0u64; count.div_ceil(64) as usize],
            by,
            there: 0,
        };
        for chunk in chunks {
            for word in words(chunk).iter() {
                let bit = set.bit(word);
                if let Some(bits) = set.bits.get_mut((bit / 64) as usize) {
                    *bits |= 1 << (bit % 64);
                }
            }
        }
        let ones = |bits: &u64| u64::from(bits.count_ones());
        set.there = set.bits.iter().map(ones).sum();
        Some(set)
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

    /// Whether no key seems to be there that is not.
    #[cfg(test)]
    pub(super) fn is_exact(&self) -> bool {
        self.by == Bits::Place
    }

    #[inline]
    fn bit(&self, word: u64) -> u64 {
        match self.by {
            Bits::Place => word.wrapping_sub(self.first),
            Bits::Hash(shift) => fold(word ^ SEED, MIX) >> shift,
        }
    }

    #[inline]
    fn is_set(&self, bit: u64) -> bool {
        let bits = self.bits.get((bit / 64) as usize).copied().unwrap_or(0);
        bits >> (bit % 64) & 1 == 1
    }

    /// Whether a key, by its word, is there.
    #[inline]
    pub(super) fn has(&self, word: u64) -> bool {
        self.is_set(self.bit(word))
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
        match self.by {
            Bits::Place => {
                let test = |word: u64| self.is_set(word.wrapping_sub(self.first));
                narrow_to(&keys, selection, test, buffers);
            }
            Bits::Hash(_) => narrow_to(&keys, selection, |word| self.has(word), buffers),
        }
        keys.recycle(buffers);
        Ok(())
    }
}

/// Keeps the selected rows whose key passes the test and is not null.
#[inline]
fn narrow_to(
    keys: &Keys,
    selection: &mut Selection,
    test: impl Fn(u64) -> bool,
    buffers: &mut Buffers,
) {
    let (words, nulls) = (keys.words(), keys.nulls());
    if !selection.is_all() {
        let mut keys = words.iter().enumerate();
        selection.retain(|_| {
            let key = keys.next();
            key.is_some_and(|(row, &word)| {
                test(word) && !nulls.is_some_and(|nulls| bits::is_set(nulls, row))
            })
        });
        return;
    }
    let mut there = buffers.take(bits::word_count(words.len()));
    Target::Mask(&mut there).each(words, false, test);
    for (there, null) in there.iter_mut().zip(nulls.unwrap_or_default()) {
        *there &= !null;
    }
    bits::narrow(selection, &there, buffers);
    buffers.give(there);
}

// Odd constants without pattern.
const SEED: u64 = 0x4528_21e6_38d0_1377;
const MIX: u64 = 0xbe54_66cf_34e9_0c6d;

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
            let word = u64::get(&row[place.word..], place);
            match signed {
                true => ((word << unused) as i64 >> unused) as u64,
                false => word,
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
