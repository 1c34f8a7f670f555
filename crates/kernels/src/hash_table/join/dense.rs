//! The rows of each key, by an array over the range of the keys: no hashes, and no keys to compare.

#![allow(
    clippy::indexing_slicing,
    reason = "places are below the number of places of the range, which all build keys are in"
)]

use super::hashed::by_key;
use super::{Answer, JoinKeys, KeyChunk, Match, name};
use crate::bits::each_set;
use crate::hash_table::direct::{Span, part_of_places};
use crate::hash_table::words::Keys;
use crate::select::chunks::NO_ROW;

/// The span of the keys of a chunk, where an array may take the place of hash tables.
pub(super) fn span_of_chunk(join: &JoinKeys, keys: &Keys) -> Option<Span> {
    if join.hashing.constant_hash || join.hashing.layout.words() != 1 {
        return None;
    }
    let words = keys.words().iter().enumerate();
    Span::of(
        words
            .filter(|&(row, _)| !keys.is_null(row))
            .map(|(_, &word)| word),
    )
}

/// How keys of one word that lie close enough together are found without hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// By an array of rows over the range.
    Array(Span),
    /// By a bit for each word of the range.
    Ranked(Span),
}

/// An array has at most so many places for each row: more are worth it up to [`NARROW`] only.
const ARRAY: usize = 2;
/// An array of so many places is small in any case.
const NARROW: usize = 1 << 16;
/// So many bits a row take no more than a hash table,
const BITS_OF_A_ROW: usize = 128;
/// up to so many.
const MOST_BITS: usize = 1 << 28;

/// How all keys are found, if they lie close enough together.
pub(super) fn places(join: &JoinKeys, chunks: &[KeyChunk]) -> Option<Places> {
    // A null is no word.
    if join.nulls_equal && chunks.iter().any(|chunk| chunk.keys.nulls().is_some()) {
        return None;
    }
    let span = span_of_chunks(chunks)?;
    let rows: usize = chunks.iter().map(|chunk| chunk.keys.len()).sum();
    let (_, places) = span.all()?;
    if places <= NARROW.max(rows.saturating_mul(ARRAY)) as u64 && places < u64::from(u32::MAX) {
        return Some(Places::Array(span));
    }
    let bits = rows.saturating_mul(BITS_OF_A_ROW).min(MOST_BITS);
    (places <= bits as u64).then_some(Places::Ranked(span))
}

/// The span of all keys of some chunks.
pub(super) fn span_of_chunks(chunks: &[KeyChunk]) -> Option<Span> {
    let spans = chunks.iter().filter_map(|chunk| chunk.span);
    spans.reduce(Span::union)
}

/// The rows whose keys are in one part of the range.
pub(super) struct DensePart {
    span: Span,
    /// For each place its row or [`NO_ROW`]; or, if there are `starts`, the rows of each place, one
    /// behind the other.
    rows: Vec<u32>,
    /// Where the rows of each place begin, and the end; `None` when no place has two.
    starts: Option<Vec<u32>>,
    /// How many rows there are.
    entered: usize,
}

impl DensePart {
    /// The rows of one of some parts of the span.
    pub(super) fn new(chunks: &[KeyChunk], span: Span, part: usize, parts: usize) -> Self {
        let places = part_of_places(span.all_places(), part, parts);
        let first = span.first().wrapping_add(places.start as u64);
        let (mut rows, mut entered, mut unique) = (vec![NO_ROW; places.len()], 0, true);
        for (number, chunk) in chunks.iter().enumerate() {
            for (place, row) in placed(number, chunk, first, places.len()) {
                entered += 1;
                let place = &mut rows[place as usize];
                unique &= *place == NO_ROW;
                *place = row;
            }
        }
        if unique {
            return Self {
                span,
                rows,
                starts: None,
                entered,
            };
        }
        drop(rows);
        let (mut ids, mut rows) = (Vec::with_capacity(entered), Vec::with_capacity(entered));
        for (number, chunk) in chunks.iter().enumerate() {
            for (place, row) in placed(number, chunk, first, places.len()) {
                ids.push(place);
                rows.push(row);
            }
        }
        let (rows, starts) = by_key(places.len(), &ids, &rows);
        Self {
            span,
            rows,
            starts: Some(starts),
            entered,
        }
    }

    /// The rows of each place one behind the other, and the end of each place's.
    fn ends(self, base: u32, rows: &mut Vec<u32>, ends: &mut Vec<u32>) {
        match self.starts {
            Some(starts) => {
                rows.extend_from_slice(&self.rows);
                ends.extend(starts.iter().skip(1).map(|end| base + end));
            }
            None => {
                for row in self.rows {
                    rows.extend(Some(row).filter(|&row| row != NO_ROW));
                    ends.push(rows.len() as u32);
                }
            }
        }
    }
}

/// The rows of a chunk whose keys have one of the places from a word on: place and row.
pub(super) fn placed(
    number: usize,
    chunk: &KeyChunk,
    first: u64,
    places: usize,
) -> impl Iterator<Item = (u32, u32)> {
    let words = chunk.keys.words().iter().enumerate();
    let placed = words.map(move |(row, word)| (word.wrapping_sub(first), row));
    let within =
        placed.filter(move |&(place, row)| place < places as u64 && !chunk.keys.is_null(row));
    within.map(move |(place, row)| (place as u32, name(number, row)))
}

/// All parts.
pub(super) struct Dense {
    first: u64,
    /// As in a part.
    starts: Option<Vec<u32>>,
    entered: usize,
}

impl Dense {
    /// Puts parts together, and their rows.
    pub(super) fn new(mut parts: Vec<DensePart>) -> (Self, Vec<u32>) {
        let entered = parts.iter().map(|part| part.entered).sum();
        let first = parts.first().map_or(0, |part| part.span.first());
        let unique = parts.iter().all(|part| part.starts.is_none());
        let (rows, starts) = match parts.as_mut_slice() {
            [part] => (std::mem::take(&mut part.rows), part.starts.take()),
            parts if unique => {
                let places = parts.iter().map(|part| part.rows.len()).sum();
                let mut rows = Vec::with_capacity(places);
                for part in parts {
                    // Taken out, so that it is gone when it has been copied.
                    rows.extend(std::mem::take(&mut part.rows));
                }
                (rows, None)
            }
            _ => {
                let (mut rows, mut ends) = (Vec::with_capacity(entered), vec![0]);
                for part in parts {
                    part.ends(rows.len() as u32, &mut rows, &mut ends);
                }
                (rows, Some(ends))
            }
        };
        let dense = Self {
            first,
            starts,
            entered,
        };
        (dense, rows)
    }

    /// How many rows there are.
    pub(super) fn entered(&self) -> usize {
        self.entered
    }

    /// Whether no two rows have the same key.
    pub(super) fn is_unique(&self) -> bool {
        self.starts.is_none()
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        self.starts.as_ref().map_or(0, Vec::capacity) * size_of::<u32>()
    }

    /// Writes the matches of all probe rows. `named` has the rows of all parts.
    pub(super) fn find<A: Answer>(&self, named: &[u32], keys: &Keys, out: &mut [A]) {
        let places = keys
            .words()
            .iter()
            .map(|word| word.wrapping_sub(self.first));
        match &self.starts {
            None => {
                for (place, out) in places.zip(out.iter_mut()) {
                    *out = match named.get(place as usize) {
                        Some(&row) if row != NO_ROW => A::of_one(place as u32, row),
                        _ => A::NONE,
                    };
                }
            }
            Some(starts) => {
                for (place, out) in places.zip(out.iter_mut()) {
                    let place = place.min(starts.len() as u64 - 1) as usize;
                    let start = starts[place];
                    let end = starts.get(place + 1).copied().unwrap_or(start);
                    let len = end - start;
                    *out = A::of(Match { start, len }, named);
                }
            }
        }
        if let Some(nulls) = keys.nulls() {
            each_set(nulls, keys.len(), |row| out[row] = A::NONE);
        }
    }
}
