//! The build side of a hash join: which of its rows have a key.

#![allow(
    clippy::indexing_slicing,
    reason = "matches lie within the rows of the table that has found them"
)]

/// Keys in a narrow range.
mod dense;
/// Keys in hash tables.
mod hashed;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};

use super::direct::Span;
use super::layout::KeyLayout;
use super::resolve::{Hashing, Lookup, Memo, resolve};
use super::words::Keys;
use crate::select::chunks::CHUNK_ROWS;
use dense::{Dense, DensePart};
use hashed::{Hashed, HashedPart};

/// The bytes that a row takes in a hash table, roughly.
const HASHED_ROW: usize = 40;

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
        let keys = Keys::new(&self.hashing.layout, columns, &all, buffers)?;
        let span = dense::span_of_chunk(self, &keys);
        Ok(KeyChunk {
            keys,
            hashes: self.hashing.hashes(columns, &all, buffers)?,
            span,
        })
    }
}

/// Keys and hashes of a chunk of build rows.
///
/// Rows with a null among their keys are marked, where they match nothing.
pub struct KeyChunk {
    keys: Keys,
    hashes: Vec<u64>,
    /// Of keys of one word that may go without hashes.
    span: Option<Span>,
}

impl KeyChunk {
    /// The bytes taken, those of long texts not counted: they are the columns'.
    pub fn size(&self) -> usize {
        self.keys.size() + self.hashes.capacity() * size_of::<u64>()
    }
}

/// A part of a [`JoinTable`].
pub struct JoinPart(Part);

enum Part {
    Hashed(HashedPart),
    Dense(DensePart),
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
    find: Find,
    /// The rows that matches are ranges of.
    rows: Vec<u32>,
    /// Tells tables apart: what a probe state remembers is of one of them.
    id: u64,
}

/// How keys are found.
enum Find {
    Hashed(Hashed),
    Dense(Dense),
}

impl JoinTable {
    /// About the bytes that it takes to build a table of all rows of these chunks, known before it
    /// is built: an array over a wide range of keys is many times as large as the keys.
    pub fn estimate(keys: &JoinKeys, chunks: &[KeyChunk]) -> usize {
        let rows: usize = chunks.iter().map(|chunk| chunk.keys.len()).sum();
        match dense::span(keys, chunks) {
            // Three lists of rows while those of each place are put together.
            Some(span) => (span.all_places() + 3 * rows) * size_of::<u32>(),
            None => rows * HASHED_ROW,
        }
    }

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
        // All parts come to the same decision, for all look at the same chunks.
        Ok(JoinPart(match dense::span(keys, chunks) {
            Some(span) => Part::Dense(DensePart::new(chunks, span, part, parts)),
            None => Part::Hashed(HashedPart::new(keys, chunks, part, parts)?),
        }))
    }

    /// The table of all parts of one build side, in the order of their numbers.
    pub fn assemble(keys: Arc<JoinKeys>, parts: Vec<JoinPart>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (mut hashed, mut dense) = (Vec::new(), Vec::new());
        for part in parts {
            match part.0 {
                Part::Hashed(part) => hashed.push(part),
                Part::Dense(part) => dense.push(part),
            }
        }
        debug_assert!(
            hashed.is_empty() || dense.is_empty(),
            "parts of two build sides"
        );
        let (find, rows) = if dense.is_empty() {
            let (hashed, rows) = Hashed::new(hashed);
            (Find::Hashed(hashed), rows)
        } else {
            let (dense, rows) = Dense::new(dense);
            (Find::Dense(dense), rows)
        };
        Self {
            keys,
            find,
            rows,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The bytes taken.
    pub fn size(&self) -> usize {
        let find = match &self.find {
            Find::Hashed(hashed) => hashed.size(),
            Find::Dense(dense) => dense.size(),
        };
        find + self.rows.capacity() * size_of::<u32>()
    }

    /// How many rows can match: all but those with a null key, if nulls are not equal.
    pub fn rows(&self) -> usize {
        match &self.find {
            Find::Hashed(_) => self.rows.len(),
            Find::Dense(dense) => dense.entered(),
        }
    }

    /// Whether no two rows have the same key.
    pub fn is_unique(&self) -> bool {
        match &self.find {
            Find::Hashed(hashed) => hashed.is_unique(),
            Find::Dense(dense) => dense.is_unique(),
        }
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

/// The number of a row: its chunk, and its place in the chunk.
fn name(chunk: usize, row: usize) -> u32 {
    (chunk as u32) << 16 | row as u32
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

    fn by_value(&mut self, keys: &Keys, out: &mut [Match]) -> bool {
        match &self.0.find {
            Find::Hashed(_) => false,
            Find::Dense(dense) => {
                dense.find(&self.0.rows, keys, out);
                true
            }
        }
    }

    fn look_up(
        &mut self,
        keys: &Keys,
        rows: Option<&[u32]>,
        hashes: &[u64],
        out: &mut [Match],
    ) -> Result<()> {
        match &self.0.find {
            Find::Hashed(hashed) => hashed.find(keys, rows, hashes, out),
            // Every row was told by its value.
            Find::Dense(_) => out.fill(Match::NONE),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
