//! The rows of each key, by hash tables over parts of the hashes.

#![allow(
    clippy::indexing_slicing,
    reason = "a part is the upper bits of a hash, of which there are as many as parts, and keys are \
              below the part's number of keys"
)]

use esker_datatypes::Result;

use super::{Answer, JoinKeys, KeyChunk, Match, name};
use crate::hash_table::table::{ABSENT, BLOCK, KeyTable, UNSURE, guess};
use crate::hash_table::width::{Any, Exactly, Width};
use crate::hash_table::words::Keys;

/// A table for up to this many rows gets its size at once.
const SMALL: usize = 1 << 12;

/// The rows whose hashes begin with the same bits.
pub(super) struct HashedPart {
    table: KeyTable,
    /// The rows of each key, one key behind the other.
    rows: Vec<u32>,
    /// Where the rows of each key begin, and the end; `None` when each key has one row.
    starts: Option<Vec<u32>>,
    /// Where the part's rows begin among those of all parts.
    base: u32,
}

impl HashedPart {
    /// The rows of one of some parts.
    pub(super) fn new(
        keys: &JoinKeys,
        chunks: &[KeyChunk],
        part: usize,
        parts: usize,
    ) -> Result<Self> {
        let belongs = |chunk: &KeyChunk, row: usize| {
            part_of(chunk.hashes[row], parts) == part
                && (keys.nulls_equal || !chunk.keys.is_null(row))
        };
        let mut table = KeyTable::new(&keys.hashing.layout, false);
        let (mut ids, mut rows) = (Vec::<u32>::new(), Vec::<u32>::new());
        let all: usize = chunks.iter().map(|chunk| chunk.hashes.len()).sum();
        let expected = all / parts;
        if expected <= SMALL {
            table.reserve(expected, 0);
        }
        let (mut some, mut hashes) = (Vec::<u32>::new(), Vec::<u64>::new());
        for (number, chunk) in chunks.iter().enumerate() {
            let start = rows.len();
            let count = chunk.hashes.len();
            if parts == 1 && (keys.nulls_equal || chunk.keys.nulls().is_none()) {
                rows.extend((0..count).map(|row| name(number, row)));
                ids.resize(rows.len(), 0);
                table.intern(&chunk.keys, None, &chunk.hashes, &mut ids[start..])?;
            } else {
                some.clear();
                some.extend(
                    (0..count)
                        .filter(|&row| belongs(chunk, row))
                        .map(|row| row as u32),
                );
                hashes.clear();
                hashes.extend(some.iter().map(|&row| chunk.hashes[row as usize]));
                rows.extend(some.iter().map(|&row| name(number, row as usize)));
                ids.resize(rows.len(), 0);
                table.intern(&chunk.keys, Some(&some), &hashes, &mut ids[start..])?;
            }
            // Most keys were new: most of the rest are as well.
            if table.len() * 2 > rows.len() {
                table.reserve((expected + expected / 16).saturating_sub(table.len()), 0);
            }
        }
        let count = table.len();
        table.seal();
        let (rows, starts) = if count == rows.len() {
            (rows, None)
        } else {
            let (rows, starts) = by_key(count, &ids, &rows);
            (rows, Some(starts))
        };
        Ok(Self {
            table,
            rows,
            starts,
            base: 0,
        })
    }

    /// Where the rows of a key stand among those of all parts.
    #[inline]
    pub(super) fn rows_of(&self, key: u32) -> Match {
        match &self.starts {
            None => Match {
                start: self.base + key,
                len: 1,
            },
            Some(starts) => {
                let (start, end) = (starts[key as usize], starts[key as usize + 1]);
                Match {
                    start: self.base + start,
                    len: end - start,
                }
            }
        }
    }
}

/// All parts.
pub(super) struct Hashed {
    parts: Vec<HashedPart>,
}

impl Hashed {
    /// Puts parts together, a power of two of them, and their rows.
    pub(super) fn new(mut parts: Vec<HashedPart>) -> (Self, Vec<u32>) {
        if let [part] = parts.as_mut_slice() {
            let rows = std::mem::take(&mut part.rows);
            return (Self { parts }, rows);
        }
        let mut rows = Vec::with_capacity(parts.iter().map(|part| part.rows.len()).sum());
        for part in &mut parts {
            part.base = rows.len() as u32;
            rows.extend_from_slice(&std::mem::take(&mut part.rows));
        }
        (Self { parts }, rows)
    }

    /// Whether no two rows have the same key.
    pub(super) fn is_unique(&self) -> bool {
        self.parts.iter().all(|part| part.starts.is_none())
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        let starts = |part: &HashedPart| part.starts.as_ref().map_or(0, Vec::capacity);
        let size = |part: &HashedPart| part.table.size() + starts(part) * size_of::<u32>();
        self.parts.iter().map(size).sum()
    }

    /// Writes the matches of probe rows, those listed or all. `named` has the rows of all parts.
    pub(super) fn find<A: Answer>(
        &self,
        named: &[u32],
        keys: &Keys,
        rows: Option<&[u32]>,
        hashes: &[u64],
        out: &mut [A],
    ) {
        let Some(part) = self.parts.first() else {
            return out.fill(A::NONE);
        };
        let all = (named, keys, rows, hashes);
        match part.table.stride() {
            1 => self.find_as(Exactly::<1>, all, out),
            2 => self.find_as(Exactly::<2>, all, out),
            3 => self.find_as(Exactly::<3>, all, out),
            4 => self.find_as(Exactly::<4>, all, out),
            words => self.find_as(Any(words), all, out),
        }
    }

    fn find_as<W: Width, A: Answer>(
        &self,
        width: W,
        (named, keys, rows, hashes): (&[u32], &Keys, Option<&[u32]>, &[u64]),
        out: &mut [A],
    ) {
        match rows {
            None => self.find_rows(width, named, keys, |at| at, hashes, out),
            Some(rows) => self.find_rows(width, named, keys, |at| rows[at] as usize, hashes, out),
        }
    }

    fn find_rows<W: Width, A: Answer>(
        &self,
        width: W,
        named: &[u32],
        keys: &Keys,
        row: impl Fn(usize) -> usize,
        hashes: &[u64],
        out: &mut [A],
    ) {
        let part = |hash| &self.parts[part_of(hash, self.parts.len())];
        let mut found = [ABSENT; BLOCK];
        let mut start = 0;
        for (hashes, out) in hashes.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
            let rows = (start..start + hashes.len()).map(&row);
            let found = &mut found[..hashes.len()];
            let table = |hash| &part(hash).table;
            if guess(table, width, keys, rows.clone(), hashes, found) {
                for ((row, &hash), found) in rows.zip(hashes).zip(found.iter_mut()) {
                    if *found == UNSURE {
                        *found = search(table(hash), width, keys, row, hash);
                    }
                }
            }
            for ((&hash, &key), out) in hashes.iter().zip(found.iter()).zip(out) {
                *out = if key == ABSENT {
                    A::NONE
                } else {
                    A::of(part(hash).rows_of(key), named)
                };
            }
            start += BLOCK;
        }
    }
}

/// The key of a row that was not found at once.
#[inline(never)]
fn search<W: Width>(table: &KeyTable, width: W, keys: &Keys, row: usize, hash: u64) -> u32 {
    if keys.is_null(row) {
        return table.null_key().unwrap_or(ABSENT);
    }
    table.find(width, keys, row, hash).unwrap_or(ABSENT)
}

/// The part that a hash belongs to: its upper bits.
#[inline]
fn part_of(hash: u64, parts: usize) -> usize {
    // In two steps: one part takes no bits, and a shift by 64 is none.
    (hash >> 1 >> (63 - parts.trailing_zeros())) as usize
}

/// The rows of each key one behind the other, in their order, and where those of each key begin.
pub(super) fn by_key(keys: usize, ids: &[u32], rows: &[u32]) -> (Vec<u32>, Vec<u32>) {
    // Counted two places further on: when all rows are placed, each key's counter has come from its
    // begin to its end, which is the begin of the next.
    let mut starts = vec![0u32; keys + 2];
    for &id in ids {
        starts[id as usize + 2] += 1;
    }
    for key in 2..starts.len() {
        starts[key] += starts[key - 1];
    }
    let mut sorted = vec![0; rows.len()];
    for (&id, &row) in ids.iter().zip(rows) {
        let next = &mut starts[id as usize + 1];
        sorted[*next as usize] = row;
        *next += 1;
    }
    starts.truncate(keys + 1);
    (sorted, starts)
}
