//! The finished build side: columns in chunks, the rows of each key, and which rows have a match.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_datatypes::{Buffers, Column, DataType, Result, ScalarValue, value_type};
use esker_kernels::hash_table::{JoinTable, KeySet};
use esker_kernels::select::chunks::Chunked;

use super::super::held::Held;

/// What the probe and the rows that come last read.
pub(super) struct Built {
    /// How many rows each chunk has.
    pub(super) chunks: Vec<usize>,
    /// The columns that are kept.
    pub(super) payload: Vec<(DataType, Chunked)>,
    /// The rows of each key; none where there are no keys or no rows.
    pub(super) table: Option<JoinTable>,
    /// The values there are of each key, where a scan filters by them or the table asks them first.
    pub(super) keys: Vec<Option<Arc<KeySet>>>,
    /// All rows in their order, where each is a candidate of each probe row.
    pub(super) all: Vec<u32>,
    /// Which rows have a match; none where nobody asks.
    pub(super) marks: Marks,
    /// What the budget was told of, for as long as it is there.
    pub(super) memory: Held,
}

impl std::fmt::Debug for Built {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Built")
            .field("chunks", &self.chunks.len())
            .field("bytes", &self.size())
            .finish_non_exhaustive()
    }
}

impl Built {
    /// The bytes it takes.
    pub(super) fn size(&self) -> u64 {
        let payload: usize = self.payload.iter().map(|(_, column)| column.size()).sum();
        let table = self.table.as_ref().map_or(0, JoinTable::size);
        let keys: usize = self.keys.iter().flatten().map(|keys| keys.size()).sum();
        (payload + table + keys + size_of_val(self.all.as_slice()) + self.marks.size()) as u64
    }

    /// Whether there are no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The rows of these ids in each of the first `width` columns that are kept.
    pub(super) fn gather(
        &self,
        width: usize,
        ids: &[u32],
        buffers: &mut Buffers,
    ) -> Result<Vec<Column>> {
        let columns = self.payload.iter().take(width);
        columns
            .map(|column| self.gather_column(column, ids, buffers))
            .collect()
    }

    /// The rows of these ids in one column that is kept.
    pub(super) fn gather_column(
        &self,
        (data_type, column): &(DataType, Chunked),
        ids: &[u32],
        buffers: &mut Buffers,
    ) -> Result<Column> {
        if self.is_empty() {
            return Ok(nulls(data_type, ids.len()));
        }
        column.gather(ids, buffers)
    }
}

/// A column of a declared type that is null throughout.
pub(super) fn nulls(data_type: &DataType, rows: usize) -> Column {
    let null = ScalarValue::null(value_type(data_type));
    Column::constant(null, rows).with_declared_type(data_type)
}

/// The only row of a column stands for all rows of the result.
pub(super) fn constant_if_one(mut chunks: Vec<Column>) -> Result<Vec<Column>> {
    if let [column] = chunks.as_mut_slice()
        && column.len() == 1
    {
        let value = column.value(0)?;
        *column = Column::constant(value, 1).with_declared_type(column.data_type());
    }
    Ok(chunks)
}

/// A bit for each row of some chunks, set by all workers at once.
#[derive(Debug, Default)]
pub(super) struct Marks(Vec<Vec<AtomicU64>>);

impl Marks {
    /// No bit set.
    pub(super) fn new(chunks: &[usize]) -> Self {
        let words = |&rows: &usize| (0..rows.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self(chunks.iter().map(words).collect())
    }

    fn size(&self) -> usize {
        self.0
            .iter()
            .map(|words| size_of_val(words.as_slice()))
            .sum()
    }

    fn word(&self, id: u32) -> Option<(&AtomicU64, u64)> {
        let chunk = self.0.get((id >> 16) as usize)?;
        let word = chunk.get((id & 0xffff) as usize / 64)?;
        Some((word, 1 << (id % 64)))
    }

    /// Sets the bit of a row; ids of no row are left alone.
    pub(super) fn set(&self, id: u32) {
        if let Some((word, bit)) = self.word(id)
            && word.load(Ordering::Relaxed) & bit == 0
        {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether the bit of a row is set. The driver puts a barrier between the last `set` and what
    /// relies on this.
    pub(super) fn is_set(&self, id: u32) -> bool {
        self.word(id)
            .is_some_and(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// Sets the bits of all rows of a key. They are always set together, so the first one tells
    /// whether somebody has done it.
    pub(super) fn set_all(&self, ids: &[u32]) {
        if let Some(&first) = ids.first()
            && !self.is_set(first)
        {
            ids.iter().for_each(|&id| self.set(id));
        }
    }
}
