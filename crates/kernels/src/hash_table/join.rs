//! The build side of a hash join: which of its rows have a key.

#![allow(
    clippy::indexing_slicing,
    reason = "a part is the upper bits of a hash, of which there are as many as parts; keys are \
              below the part's number of keys, and matches lie within the rows"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};

use super::layout::KeyLayout;
use super::resolve::{Hashing, Lookup, Memo, resolve};
use super::table::{Any, BLOCK, Exactly, KeyTable, Width, first_slots};
use super::words::Keys;

/// A chunk has at most this many rows.
const CHUNK_ROWS: usize = 1 << 16;
/// A table for up to this many rows gets its size at once.
const SMALL: usize = 1 << 12;

/// How the keys of a join are made, on both sides.
pub struct JoinKeys {
    hashing: Hashing,
    nulls_equal: bool,
}

impl JoinKeys {
    /// Keys of columns of these types; whether a null equals a null (else rows with a null in any
    /// key column match nothing), and whether all rows get the same hash, so that all collide: a
    /// verification setting.
    ///
    /// # Errors
    /// `Unsupported` for nested types whose values have no equality.
    pub fn new(types: &[DataType], nulls_equal: bool, constant_hash: bool) -> Result<Self> {
        Ok(Self {
            hashing: Hashing {
                layout: KeyLayout::new(types, nulls_equal)?,
                constant_hash,
            },
            nulls_equal,
        })
    }

    /// The keys of one chunk of the build side: dense columns of at most 65,536 rows. Workers
    /// prepare chunks in parallel.
    ///
    /// # Errors
    /// `Internal` for columns of other types or lengths and for larger chunks, `Unsupported` for
    /// texts of 4 GiB and more.
    pub fn prepare(
        &self,
        columns: &[&Column],
        rows: usize,
        buffers: &mut Buffers,
    ) -> Result<KeyChunk> {
        if rows > CHUNK_ROWS {
            return Err(Error::internal(format!("a chunk of {rows} rows")));
        }
        let all = Selection::all(rows);
        crate::vector::same_rows(columns, &all)?;
        Ok(KeyChunk {
            keys: Keys::new(&self.hashing.layout, columns, &all, buffers)?,
            hashes: self.hashing.hashes(columns, &all, buffers)?,
        })
    }
}

/// Keys and hashes of a chunk of build rows.
pub struct KeyChunk {
    keys: Keys,
    hashes: Vec<u64>,
}

impl KeyChunk {
    /// The bytes taken, those of long texts not counted: they are the columns'.
    pub fn size(&self) -> usize {
        self.keys.size() + self.hashes.capacity() * size_of::<u64>()
    }
}

/// A part of a [`JoinTable`]: the rows whose hashes begin with the same bits.
pub struct JoinPart {
    table: KeyTable,
    /// The rows of each key, one key behind the other.
    rows: Vec<u32>,
    /// Where the rows of each key begin, and the end; `None` when each key has one row.
    starts: Option<Vec<u32>>,
    /// Where the part's rows begin among those of all parts.
    base: u32,
}

/// The rows of a build side by key: built once, then read by all workers.
///
/// A row is named by its chunk in the upper 16 bits and its place in the chunk in the lower 16.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::Int64Array;
/// use esker_datatypes::{Buffers, Column, DataType, Selection};
/// use esker_kernels::hash_table::{JoinKeys, JoinTable, ProbeState};
/// let column = |values: Vec<Option<i64>>| Column::flat(Arc::new(Int64Array::from(values)));
/// let mut buffers = Buffers::default();
/// let keys = Arc::new(JoinKeys::new(&[DataType::Int64], false, false)?);
/// let first = column(vec![Some(7), None, Some(5)]);
/// let second = column(vec![Some(7)]);
/// let chunks = [keys.prepare(&[&first], 3, &mut buffers)?, keys.prepare(&[&second], 1, &mut buffers)?];
/// let part = JoinTable::build_part(&keys, &chunks, 0, 1)?;
/// let table = JoinTable::assemble(keys, vec![part]);
/// assert_eq!((table.rows(), table.is_unique()), (3, false));
///
/// let probe = column(vec![Some(5), None, Some(7), Some(6)]);
/// let (mut state, mut found) = (ProbeState::default(), Vec::new());
/// table.probe(&[&probe], &Selection::all(4), &mut state, &mut buffers, &mut found)?;
/// let rows: Vec<&[u32]> = found.iter().map(|&found| table.matches(found)).collect();
/// assert_eq!(rows, [&[2][..], &[], &[0, 1 << 16], &[]]);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub struct JoinTable {
    keys: Arc<JoinKeys>,
    parts: Vec<JoinPart>,
    /// The rows of all parts.
    rows: Vec<u32>,
    /// Tells tables apart: what a probe state remembers is of one of them.
    id: u64,
}

impl JoinTable {
    /// Enters the rows of one part of `parts`, a power of two. Workers build parts in parallel.
    /// The chunks are all those of the build side, in the same order for each part.
    ///
    /// # Errors
    /// `Unsupported` for more chunks than row numbers can name, `Internal` for a part that does not
    /// exist.
    pub fn build_part(
        keys: &JoinKeys,
        chunks: &[KeyChunk],
        part: usize,
        parts: usize,
    ) -> Result<JoinPart> {
        if !parts.is_power_of_two() || part >= parts {
            return Err(Error::internal(format!("part {part} of {parts}")));
        }
        // The greatest number of a row stands for no row.
        let full = |chunk: &KeyChunk| chunk.hashes.len() == CHUNK_ROWS;
        if chunks.len() > CHUNK_ROWS || chunks.get(CHUNK_ROWS - 1).is_some_and(full) {
            return Err(Error::unsupported("a build side of 2^32 rows"));
        }
        let belongs = |chunk: &KeyChunk, row: usize| {
            part_of(chunk.hashes[row], parts) == part
                && (keys.nulls_equal || !chunk.keys.is_null(row))
        };
        let mut table = KeyTable::new(&keys.hashing.layout);
        let (mut ids, mut rows) = (Vec::<u32>::new(), Vec::<u32>::new());
        let all: usize = chunks.iter().map(|chunk| chunk.hashes.len()).sum();
        let expected = all / parts;
        if expected <= SMALL {
            table.reserve(expected);
        }
        let (mut some, mut hashes) = (Vec::<u32>::new(), Vec::<u64>::new());
        for (number, chunk) in (0u32..).zip(chunks) {
            let start = rows.len();
            let name = |row: usize| number << 16 | row as u32;
            let count = chunk.hashes.len();
            if parts == 1 && (keys.nulls_equal || chunk.keys.nulls().is_none()) {
                rows.extend((0..count).map(name));
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
                rows.extend(some.iter().map(|&row| name(row as usize)));
                ids.resize(rows.len(), 0);
                table.intern(&chunk.keys, Some(&some), &hashes, &mut ids[start..])?;
            }
            // Most keys were new: most of the rest are as well.
            if table.len() * 2 > rows.len() {
                table.reserve((expected + expected / 16).saturating_sub(table.len()));
            }
        }
        let keys = table.len();
        table.seal();
        let (rows, starts) = if keys == rows.len() {
            (rows, None)
        } else {
            let (rows, starts) = by_key(keys, &ids, &rows);
            (rows, Some(starts))
        };
        Ok(JoinPart {
            table,
            rows,
            starts,
            base: 0,
        })
    }

    /// The table of all parts, in the order of their numbers.
    pub fn assemble(keys: Arc<JoinKeys>, mut parts: Vec<JoinPart>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let rows = match parts.as_mut_slice() {
            [part] => std::mem::take(&mut part.rows),
            parts => {
                let mut rows = Vec::with_capacity(parts.iter().map(|part| part.rows.len()).sum());
                for part in parts {
                    part.base = rows.len() as u32;
                    rows.append(&mut part.rows);
                    part.rows = Vec::new();
                }
                rows
            }
        };
        Self {
            keys,
            parts,
            rows,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The bytes taken.
    pub fn size(&self) -> usize {
        let starts = |part: &JoinPart| part.starts.as_ref().map_or(0, Vec::capacity);
        let parts = self.parts.iter();
        let parts = parts.map(|part| part.table.size() + starts(part) * size_of::<u32>());
        parts.sum::<usize>() + self.rows.capacity() * size_of::<u32>()
    }

    /// How many rows can match: all but those with a null key, if nulls are not equal.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Whether no two rows have the same key.
    pub fn is_unique(&self) -> bool {
        self.parts.iter().all(|part| part.starts.is_none())
    }

    /// Finds the rows that have the key of each selected probe row: `found[i]` becomes those of the
    /// i-th selected row. What was in `found` before is dropped.
    ///
    /// The columns have the value types that the keys were declared with, in any encoding; text and
    /// binary columns may have another layout. Sorted or clustered rows, constant columns and
    /// combinations of small dictionaries cost less than a look-up for each row.
    ///
    /// # Errors
    /// `Internal` for columns of other types or lengths, `Unsupported` for texts of 4 GiB and more.
    pub fn probe(
        &self,
        columns: &[&Column],
        selection: &Selection,
        state: &mut ProbeState,
        buffers: &mut Buffers,
        found: &mut Vec<Match>,
    ) -> Result<()> {
        if state.table != self.id {
            state.memo.clear();
            state.table = self.id;
        }
        let memo = &mut state.memo;
        let hashing = &self.keys.hashing;
        let result = resolve(
            hashing,
            &mut Probe(self),
            memo,
            columns,
            selection,
            buffers,
            found,
        );
        if result.is_err() {
            state.memo.clear();
        }
        result
    }

    /// The build rows that were found, ascending; none for [`Match::NONE`].
    #[inline]
    pub fn matches(&self, found: Match) -> &[u32] {
        let start = found.start as usize;
        &self.rows[start..start + found.len as usize]
    }

    fn probe_as<W: Width>(
        &self,
        width: W,
        keys: &Keys,
        rows: Option<&[u32]>,
        hashes: &[u64],
        out: &mut [Match],
    ) {
        match rows {
            None => self.probe_rows(width, keys, |at| at, hashes, out),
            Some(rows) => self.probe_rows(width, keys, |at| rows[at] as usize, hashes, out),
        }
    }

    fn probe_rows<W: Width>(
        &self,
        width: W,
        keys: &Keys,
        row: impl Fn(usize) -> usize,
        hashes: &[u64],
        out: &mut [Match],
    ) {
        let part = |hash| &self.parts[part_of(hash, self.parts.len())];
        let mut start = 0;
        for (hashes, out) in hashes.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
            let rows = (start..start + hashes.len()).map(&row);
            let slot = |hash| part(hash).table.first_slot(hash);
            let slots = first_slots(keys, rows.clone().zip(hashes), slot);
            for (((row, &hash), slot), out) in rows.zip(hashes).zip(slots).zip(out) {
                let part = part(hash);
                let key = match part.table.key_in(slot, width, keys, row, hash) {
                    Some(key) => Some(key),
                    // Nothing there, or a row that is kept apart.
                    None if slot == 0 => part.table.null_key().filter(|_| keys.is_null(row)),
                    None => search(&part.table, width, keys, row, hash),
                };
                *out = key.map_or(Match::NONE, |key| part.rows_of(key));
            }
            start += BLOCK;
        }
    }
}

impl JoinPart {
    /// The rows of a key.
    #[inline]
    fn rows_of(&self, key: u32) -> Match {
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

/// The rest of a search that the first slot has not ended.
#[inline(never)]
fn search<W: Width>(table: &KeyTable, width: W, keys: &Keys, row: usize, hash: u64) -> Option<u32> {
    table.find(width, keys, row, hash).ok()
}

/// The part that a hash belongs to: its upper bits.
#[inline]
fn part_of(hash: u64, parts: usize) -> usize {
    // In two steps: one part takes no bits, and a shift by 64 is none.
    (hash >> 1 >> (63 - parts.trailing_zeros())) as usize
}

/// The rows of each key one behind the other, in their order, and where those of each key begin.
fn by_key(keys: usize, ids: &[u32], rows: &[u32]) -> (Vec<u32>, Vec<u32>) {
    // Counted one place further on: when all rows are placed, each key's counter has come from its
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

/// The build rows of a key: see [`JoinTable::matches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    start: u32,
    len: u32,
}

impl Match {
    /// No rows.
    pub const NONE: Self = Self { start: 0, len: 0 };

    /// How many rows there are.
    #[inline]
    pub fn len(self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// What a worker keeps from one batch to the next.
#[derive(Default)]
pub struct ProbeState {
    memo: Memo<Match>,
    /// The table that the memo is of.
    table: u64,
}

impl ProbeState {
    /// The bytes taken.
    pub fn size(&self) -> usize {
        self.memo.size()
    }
}

struct Probe<'a>(&'a JoinTable);

impl Lookup for Probe<'_> {
    type Found = Match;

    const UNKNOWN: Match = Match {
        start: u32::MAX,
        len: u32::MAX,
    };

    fn look_up(
        &mut self,
        keys: &Keys,
        rows: Option<&[u32]>,
        hashes: &[u64],
        out: &mut [Match],
    ) -> Result<()> {
        match self.0.keys.hashing.layout.words() {
            1 => self.0.probe_as(Exactly::<1>, keys, rows, hashes, out),
            2 => self.0.probe_as(Exactly::<2>, keys, rows, hashes, out),
            3 => self.0.probe_as(Exactly::<3>, keys, rows, hashes, out),
            4 => self.0.probe_as(Exactly::<4>, keys, rows, hashes, out),
            words => self.0.probe_as(Any(words), keys, rows, hashes, out),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
