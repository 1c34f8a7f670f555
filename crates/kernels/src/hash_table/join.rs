//! The build side of a hash join: which of its rows have a key.

#![allow(
    clippy::indexing_slicing,
    reason = "matches lie within the rows of the table that has found them"
)]

/// Keys in a narrow range.
mod dense;
/// Keys in hash tables.
mod hashed;
/// Which keys there are.
mod key_set;
/// What is found.
mod matches;
/// Keys in a range that is not too wide.
mod ranked;

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};

use super::direct::Span;
use super::layout::KeyLayout;
use super::resolve::{Hashing, Lookup, Memo, resolve};
use super::words::Keys;
use crate::bits::each_set;
use crate::select::chunks::{CHUNK_ROWS, NO_ROW};
use dense::{Dense, DensePart, Places};
use hashed::{Hashed, HashedPart};
use matches::{Answer, Match};
use ranked::{Ranked, RankedPart};

pub use key_set::KeySet;
pub use matches::Matches;

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
    Ranked(RankedPart),
}

/// The rows of a build side by key: built once, then read by all workers.
///
/// A row is named by its chunk in the upper 16 bits and its place in the chunk in the lower 16.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::Int64Array;
/// use esker_datatypes::{Buffers, Column, DataType, Selection};
/// use esker_kernels::hash_table::{JoinKeys, JoinTable, Matches, ProbeState};
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
/// let (mut state, mut found) = (ProbeState::default(), Matches::default());
/// table.probe(&[&probe], &Selection::all(4), &mut state, &mut buffers, &mut found)?;
/// let rows: Vec<&[u32]> = (0..4).map(|row| table.rows_of(&found, row)).collect();
/// assert_eq!(rows, [&[2][..], &[], &[0, 1 << 16], &[]]);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub struct JoinTable {
    keys: Arc<JoinKeys>,
    find: Find,
    /// The rows that matches are ranges of.
    rows: Vec<u32>,
    /// Which keys there are: most rows without one need no look-up.
    set: Option<Arc<KeySet>>,
    /// Tells tables apart: what a probe state remembers is of one of them.
    id: u64,
}

/// How keys are found.
enum Find {
    Hashed(Hashed),
    Dense(Dense),
    Ranked(Ranked),
}

impl JoinTable {
    /// About the bytes that it takes to build a table of all rows of these chunks, known before it
    /// is built: an array over a wide range of keys is many times as large as the keys.
    pub fn estimate(keys: &JoinKeys, chunks: &[KeyChunk]) -> usize {
        let rows: usize = chunks.iter().map(|chunk| chunk.keys.len()).sum();
        match dense::places(keys, chunks) {
            // The parts and the whole, and three lists of rows while those of a key are put together.
            Some(Places::Array(span)) => (2 * span.all_places() + 3 * rows) * size_of::<u32>(),
            Some(Places::Ranked(span)) => {
                2 * Ranked::size_of_places(span.all_places()) + 5 * rows * size_of::<u32>()
            }
            None => rows * HASHED_ROW,
        }
    }

    /// Whether a table of all rows of these chunks uses hashes, and should ask a [`KeySet`] first.
    pub fn is_hashed(keys: &JoinKeys, chunks: &[KeyChunk]) -> bool {
        dense::places(keys, chunks).is_none()
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
        // The greatest numbers that a row could have stand for no row, and for one not looked up.
        if chunks.len() >= CHUNK_ROWS {
            return Err(Error::unsupported("a build side of 2^32 rows"));
        }
        // All parts come to the same decision, for all look at the same chunks.
        Ok(JoinPart(match dense::places(keys, chunks) {
            Some(Places::Array(span)) => Part::Dense(DensePart::new(chunks, span, part, parts)),
            Some(Places::Ranked(span)) => Part::Ranked(RankedPart::new(chunks, span, part, parts)),
            None => Part::Hashed(HashedPart::new(keys, chunks, part, parts)?),
        }))
    }

    /// The table of all parts of one build side, in the order of their numbers.
    pub fn assemble(keys: Arc<JoinKeys>, parts: Vec<JoinPart>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (mut hashed, mut dense, mut ranked) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            match part.0 {
                Part::Hashed(part) => hashed.push(part),
                Part::Dense(part) => dense.push(part),
                Part::Ranked(part) => ranked.push(part),
            }
        }
        let kinds = [hashed.is_empty(), dense.is_empty(), ranked.is_empty()];
        let kinds = kinds.into_iter().filter(|none| !none).count();
        debug_assert!(kinds < 2, "parts of two build sides");
        let (find, rows) = if !dense.is_empty() {
            let (dense, rows) = Dense::new(dense);
            (Find::Dense(dense), rows)
        } else if !ranked.is_empty() {
            let (ranked, rows) = Ranked::new(ranked);
            (Find::Ranked(ranked), rows)
        } else {
            let (hashed, rows) = Hashed::new(hashed);
            (Find::Hashed(hashed), rows)
        };
        Self {
            keys,
            find,
            rows,
            set: None,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The same table, which asks the set of its keys first.
    #[must_use]
    pub fn with_key_set(mut self, set: Option<Arc<KeySet>>) -> Self {
        self.set = set;
        self
    }

    /// The bytes taken, those of the set of keys not counted.
    pub fn size(&self) -> usize {
        let find = match &self.find {
            Find::Hashed(hashed) => hashed.size(),
            Find::Dense(dense) => dense.size(),
            Find::Ranked(ranked) => ranked.size(),
        };
        find + self.rows.capacity() * size_of::<u32>()
    }

    /// How many rows can match: all but those with a null key, if nulls are not equal.
    pub fn rows(&self) -> usize {
        match &self.find {
            Find::Hashed(_) | Find::Ranked(_) => self.rows.len(),
            Find::Dense(dense) => dense.entered(),
        }
    }

    /// Whether no two rows have the same key.
    pub fn is_unique(&self) -> bool {
        match &self.find {
            Find::Hashed(hashed) => hashed.is_unique(),
            Find::Dense(dense) => dense.is_unique(),
            Find::Ranked(ranked) => ranked.is_unique(),
        }
    }

    /// Finds the rows that have the key of each selected probe row. What was in `found` before is
    /// dropped.
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
        found: &mut Matches,
    ) -> Result<()> {
        if state.table != self.id {
            (state.memo, state.single) = (Memo::default(), Memo::default());
            state.table = self.id;
        }
        found.clear();
        found.single = self.is_unique();
        if found.single {
            let (memo, out) = (&mut state.single, &mut found.rows);
            self.find(columns, selection, memo, buffers, out)
        } else {
            let (memo, out) = (&mut state.memo, &mut found.ranges);
            self.find(columns, selection, memo, buffers, out)
        }
    }

    fn find<A: Answer>(
        &self,
        columns: &[&Column],
        selection: &Selection,
        memo: &mut Memo<A>,
        buffers: &mut Buffers,
        out: &mut Vec<A>,
    ) -> Result<()> {
        let (hashing, lookup) = (&self.keys.hashing, &mut Probe::new(self));
        let result = resolve(hashing, lookup, memo, columns, selection, buffers, out);
        if result.is_err() {
            memo.clear();
        }
        result
    }

    /// The build rows that were found for the i-th selected row, ascending; none for another row.
    #[inline]
    pub fn rows_of<'a>(&'a self, found: &'a Matches, i: usize) -> &'a [u32] {
        if found.single {
            match found.rows.get(i) {
                Some(row) if *row != NO_ROW => std::slice::from_ref(row),
                _ => &[],
            }
        } else {
            let found = found.ranges.get(i).copied().unwrap_or(Match::NONE);
            let start = found.start as usize;
            &self.rows[start..start + found.len as usize]
        }
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
    single: Memo<u32>,
    /// The table that the memos are of.
    table: u64,
}

impl ProbeState {
    /// The bytes taken.
    pub fn size(&self) -> usize {
        self.memo.size() + self.single.size()
    }
}

struct Probe<'a, A> {
    table: &'a JoinTable,
    answer: PhantomData<A>,
}

impl<'a, A> Probe<'a, A> {
    fn new(table: &'a JoinTable) -> Self {
        let answer = PhantomData;
        Self { table, answer }
    }
}

impl<A: Answer> Lookup for Probe<'_, A> {
    type Found = A;

    const UNKNOWN: A = A::UNKNOWN;

    fn by_value(&mut self, keys: &Keys, out: &mut [A]) -> bool {
        match &self.table.find {
            Find::Hashed(_) => {
                let Some(set) = &self.table.set else {
                    return false;
                };
                let mut there = 0;
                for (word, out) in keys.words().iter().zip(out.iter_mut()) {
                    let has = set.has(*word);
                    *out = if has { A::UNKNOWN } else { A::NONE };
                    there += usize::from(has);
                }
                if there * 2 > keys.len() {
                    // To look up all of them is as good.
                    return false;
                }
                if let Some(nulls) = keys.nulls() {
                    each_set(nulls, keys.len(), |row| out[row] = A::NONE);
                }
                true
            }
            Find::Dense(dense) => {
                dense.find(&self.table.rows, keys, out);
                true
            }
            Find::Ranked(ranked) => {
                ranked.find(&self.table.rows, keys, out);
                true
            }
        }
    }

    fn look_up(
        &mut self,
        keys: &Keys,
        rows: Option<&[u32]>,
        hashes: &[u64],
        out: &mut [A],
    ) -> Result<()> {
        match &self.table.find {
            Find::Hashed(hashed) => hashed.find(&self.table.rows, keys, rows, hashes, out),
            // Every row was told by its value.
            Find::Dense(_) | Find::Ranked(_) => out.fill(A::NONE),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
