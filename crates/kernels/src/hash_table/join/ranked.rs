//! The rows of each key, by a bit for each word of the range of the keys: a key's number is how many
//! bits are set before its own.
//!
//! Much smaller than an array of rows where the keys lie apart, and what lies side by side in the
//! range is found side by side, which hashes do not do. (Jacobson, *Space-efficient static trees and
//! graphs*, FOCS 1989: rank over bits.)

#![allow(
    clippy::indexing_slicing,
    reason = "blocks cover the range that all build keys are in, and a key's number is below how many \
              bits are set"
)]

use super::dense::placed;
use super::hashed::by_key;
use super::{Answer, KeyChunk, Match};
use crate::bits::each_set;
use crate::hash_table::direct::Span;
use crate::hash_table::words::Keys;

/// 64 places of the range.
#[derive(Clone, Copy, Default)]
struct Block {
    /// Which of them are keys.
    bits: u64,
    /// How many keys there are before them.
    before: u32,
}

impl Block {
    /// The number of the key that the place with this bit is.
    #[inline]
    fn number(self, bit: u64) -> u32 {
        self.before + (self.bits & ((1 << bit) - 1)).count_ones()
    }
}

/// The rows whose keys are in one part of the range.
pub(super) struct RankedPart {
    first: u64,
    blocks: Vec<Block>,
    keys: usize,
    /// The rows of each key, one key behind the other.
    rows: Vec<u32>,
    /// Where the rows of each key begin, and the end; `None` when each key has one row.
    starts: Option<Vec<u32>>,
}

impl RankedPart {
    /// The rows of one of some parts of the span.
    pub(super) fn new(chunks: &[KeyChunk], span: Span, part: usize, parts: usize) -> Self {
        let all = span.all_places().div_ceil(64);
        let step = all.div_ceil(parts);
        let (start, end) = ((part * step).min(all), ((part + 1) * step).min(all));
        let mut blocks = vec![Block::default(); end - start];
        let first = span.first().wrapping_add(start as u64 * 64);
        let chunks = || {
            let chunks = chunks.iter().enumerate();
            chunks.flat_map(|(number, chunk)| placed(number, chunk, first, (end - start) * 64))
        };
        let mut entered = 0;
        for (place, _) in chunks() {
            blocks[place as usize / 64].bits |= 1 << (place % 64);
            entered += 1;
        }
        let mut keys = 0;
        for block in &mut blocks {
            block.before = keys;
            keys += block.bits.count_ones();
        }
        let number = |place: u32| blocks[place as usize / 64].number(u64::from(place % 64));
        let keys = keys as usize;
        let (rows, starts) = if entered == keys {
            let mut rows = vec![0; keys];
            for (place, row) in chunks() {
                rows[number(place) as usize] = row;
            }
            (rows, None)
        } else {
            let (mut ids, mut rows) = (Vec::with_capacity(entered), Vec::with_capacity(entered));
            for (place, row) in chunks() {
                ids.push(number(place));
                rows.push(row);
            }
            let (rows, starts) = by_key(keys, &ids, &rows);
            (rows, Some(starts))
        };
        Self {
            first: span.first(),
            blocks,
            keys,
            rows,
            starts,
        }
    }
}

/// All parts.
pub(super) struct Ranked {
    first: u64,
    blocks: Vec<Block>,
    /// As in a part.
    starts: Option<Vec<u32>>,
}

impl Ranked {
    /// The bytes of the blocks of a range.
    pub(super) fn size_of_places(places: usize) -> usize {
        places.div_ceil(64) * size_of::<Block>()
    }

    /// Puts parts together, and their rows.
    pub(super) fn new(mut parts: Vec<RankedPart>) -> (Self, Vec<u32>) {
        let first = parts.first().map_or(0, |part| part.first);
        if let [part] = parts.as_mut_slice() {
            let (blocks, starts) = (std::mem::take(&mut part.blocks), part.starts.take());
            let ranked = Self {
                first,
                blocks,
                starts,
            };
            return (ranked, std::mem::take(&mut part.rows));
        }
        let unique = parts.iter().all(|part| part.starts.is_none());
        let mut blocks = Vec::with_capacity(parts.iter().map(|part| part.blocks.len()).sum());
        let mut rows = Vec::with_capacity(parts.iter().map(|part| part.rows.len()).sum());
        let (mut keys, mut starts) = (0u32, Vec::new());
        for part in parts {
            let base = rows.len() as u32;
            let moved = |block: Block| Block {
                before: keys + block.before,
                ..block
            };
            blocks.extend(part.blocks.into_iter().map(moved));
            if !unique {
                match &part.starts {
                    Some(of_keys) => starts.extend(of_keys.iter().map(|start| base + start)),
                    None => starts.extend((0..=part.keys as u32).map(|start| base + start)),
                }
                // The end is where the next part begins.
                starts.pop();
            }
            rows.extend(part.rows);
            keys += part.keys as u32;
        }
        starts.push(rows.len() as u32);
        let ranked = Self {
            first,
            blocks,
            starts: (!unique).then_some(starts),
        };
        (ranked, rows)
    }

    /// Whether no two rows have the same key.
    pub(super) fn is_unique(&self) -> bool {
        self.starts.is_none()
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        let starts = self.starts.as_ref().map_or(0, Vec::capacity);
        self.blocks.capacity() * size_of::<Block>() + starts * size_of::<u32>()
    }

    /// Writes the matches of all probe rows. `named` has the rows of all parts.
    pub(super) fn find<A: Answer>(&self, named: &[u32], keys: &Keys, out: &mut [A]) {
        match &self.starts {
            None => self.find_as(keys, out, |key| A::of_one(key, named[key as usize])),
            Some(starts) => self.find_as(keys, out, |key| {
                let (start, end) = (starts[key as usize], starts[key as usize + 1]);
                let len = end - start;
                A::of(Match { start, len }, named)
            }),
        }
        if let Some(nulls) = keys.nulls() {
            each_set(nulls, keys.len(), |row| out[row] = A::NONE);
        }
    }

    #[inline]
    fn find_as<A: Answer>(&self, keys: &Keys, out: &mut [A], of: impl Fn(u32) -> A) {
        for (word, out) in keys.words().iter().zip(out.iter_mut()) {
            let place = word.wrapping_sub(self.first);
            let block = self.blocks.get((place / 64) as usize);
            let block = block.copied().unwrap_or_default();
            let bit = place % 64;
            *out = if block.bits >> bit & 1 == 1 {
                of(block.number(bit))
            } else {
                A::NONE
            };
        }
    }
}
