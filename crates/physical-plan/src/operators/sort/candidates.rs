//! What a worker keeps of its input while it looks for the first rows of an order.

use std::ops::Range;
use std::sync::Arc;

use esker_datatypes::{Buffers, Column, DataType, Error, Result, ScalarValue};
use esker_kernels::select::chunks::{CHUNK_ROWS, Chunked};
use esker_kernels::select::take;
use esker_kernels::sort_key::{KeyRows, Run};

use super::super::held::held_batch_size;
use super::keys::SortSpec;
use super::stages::MakeChunk;

/// The last of the rows that are in.
pub(super) struct Last {
    pub(super) key: KeyRows,
    /// Its split.
    pub(super) ordinal: u64,
    /// Its first key, where this can be tested alone.
    pub(super) first: Option<ScalarValue>,
}

/// Rows in the order in which a worker read them, with their keys.
#[derive(Default)]
pub(super) struct Candidates {
    /// The columns of each part, of at most [`CHUNK_ROWS`] rows: those of the input, then the
    /// computed keys.
    columns: Vec<Vec<Column>>,
    keys: Vec<KeyRows>,
    /// The splits that the rows of a part come from, each with its number of rows.
    splits: Vec<Vec<(u64, usize)>>,
    rows: usize,
    size: usize,
}

impl Candidates {
    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    fn parts(&self) -> usize {
        self.keys.len()
    }

    /// Whether they are in so many parts more than they need.
    pub(super) fn is_scattered(&self, more: usize) -> bool {
        self.parts() > more + self.rows / CHUNK_ROWS
    }

    /// The bytes that they take.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Adds rows of a split behind those there are.
    ///
    /// # Errors
    /// `ResourcesExhausted` for more parts than row ids can name.
    pub(super) fn push(
        &mut self,
        columns: Vec<Column>,
        rows: usize,
        keys: KeyRows,
        ordinal: u64,
    ) -> Result<()> {
        if rows <= CHUNK_ROWS {
            return self.push_part(columns, keys, vec![(ordinal, rows)]);
        }
        for start in (0..rows).step_by(CHUNK_ROWS) {
            let end = rows.min(start + CHUNK_ROWS);
            let part = columns
                .iter()
                .map(|c| c.slice(start, end - start))
                .collect();
            let ids: Vec<u32> = (start as u32..end as u32).collect();
            self.push_part(part, keys.take(&ids), vec![(ordinal, end - start)])?;
        }
        Ok(())
    }

    fn push_part(
        &mut self,
        columns: Vec<Column>,
        keys: KeyRows,
        splits: Vec<(u64, usize)>,
    ) -> Result<()> {
        first_id(self.parts())?;
        let before = self.columns.last().map(Vec::as_slice);
        self.size += held_batch_size(&columns, before) + keys.size();
        self.rows += keys.len();
        self.columns.push(columns);
        self.keys.push(keys);
        self.splits.push(splits);
        Ok(())
    }

    /// Keeps the first `fetch` rows of the order, in the order in which they were read, in as few
    /// parts as they need. Gives the last one of the order, when there are so many.
    ///
    /// # Errors
    /// Those of gathering and encoding.
    pub(super) fn cut(
        &mut self,
        fetch: usize,
        spec: &SortSpec,
        buffers: &mut Buffers,
    ) -> Result<Option<Last>> {
        let (mut ids, mut last) = (Vec::new(), None);
        if self.rows < fetch {
            for (part, keys) in self.keys.iter().enumerate() {
                let first = first_id(part)?;
                ids.extend(first..first + keys.len() as u32);
            }
        } else {
            ids = Run::sort(&self.keys, 0..self.keys.len()).ids();
            ids.truncate(fetch);
            last = ids.last().copied();
            ids.sort_unstable();
        }
        let mut bound = last.and_then(|id| {
            let (part, row) = (id as usize / CHUNK_ROWS, id as usize % CHUNK_ROWS);
            let key = self.keys.get(part)?.take(&[row as u32]);
            let ordinal = self.split_of(part, row)?;
            let first = None;
            Some(Last {
                key,
                ordinal,
                first,
            })
        });
        let all = std::mem::take(self);
        let columns = chunked(all.columns, spec)?;
        let tested = spec.first().is_some();
        for ids in ids.chunks(CHUNK_ROWS) {
            let gather = |column: &Chunked| unpin(column.gather(ids, buffers)?, buffers);
            let columns: Vec<Column> = columns.iter().map(gather).collect::<Result<_>>()?;
            let keys = spec.encode(&spec.key_columns(&columns, &[])?, ids.len(), buffers)?;
            let row = last.and_then(|last| ids.binary_search(&last).ok());
            // Of what is kept, so that it keeps nothing else alive.
            if let (Some(bound), Some(row), true) = (&mut bound, row, tested) {
                bound.first = Some(spec.first_key_column(&columns, &[])?.value(row)?);
            }
            self.push_part(columns, keys, splits_of(&all.splits, ids))?;
        }
        Ok(bound)
    }

    /// The split of a row.
    fn split_of(&self, part: usize, row: usize) -> Option<u64> {
        let mut behind = 0;
        let mut splits = self.splits.get(part)?.iter();
        let split = splits.find(|(_, rows)| {
            behind += rows;
            row < behind
        });
        split.map(|(ordinal, _)| *ordinal)
    }

    /// The rows of all workers in the order of the input, as recipes for chunks.
    pub(super) fn in_order(workers: Vec<Self>, spec: &SortSpec) -> Result<Vec<MakeChunk>> {
        let mut parts = Vec::new();
        // Of each split: its number, and the ids of its rows, which one worker has read.
        let mut splits: Vec<(u64, Range<u32>)> = Vec::new();
        for worker in workers {
            for (columns, rows_of) in worker.columns.into_iter().zip(worker.splits) {
                let mut start = first_id(parts.len())?;
                for (ordinal, rows) in rows_of {
                    let end = start + rows as u32;
                    splits.push((ordinal, start..end));
                    start = end;
                }
                parts.push(columns);
            }
        }
        splits.sort_by_key(|(ordinal, _)| *ordinal);
        let ids: Vec<u32> = splits.into_iter().flat_map(|(_, ids)| ids).collect();
        let columns = Arc::new(chunked(parts, spec)?);
        let chunk = |ids: &[u32]| {
            let (columns, ids) = (Arc::clone(&columns), ids.to_vec());
            let make = move |buffers: &mut Buffers| {
                let columns = columns.iter();
                columns.map(|column| column.gather(&ids, buffers)).collect()
            };
            Box::new(make) as MakeChunk
        };
        Ok(ids.chunks(CHUNK_ROWS).map(chunk).collect())
    }
}

/// The id of the first row of a part, all of whose rows have ids.
fn first_id(part: usize) -> Result<u32> {
    let behind = u32::try_from((part + 1) * CHUNK_ROWS);
    let first = behind.map(|behind| behind - CHUNK_ROWS as u32);
    first.map_err(|_| Error::resources_exhausted("TopKExec: more than 2^32 rows are wanted"))
}

/// The columns of parts, one by one.
fn chunked(parts: Vec<Vec<Column>>, spec: &SortSpec) -> Result<Vec<Chunked>> {
    let mut columns: Vec<Vec<Column>> = Vec::new();
    columns.resize_with(parts.first().map_or(0, Vec::len), || {
        Vec::with_capacity(parts.len())
    });
    for part in parts {
        for (all, column) in columns.iter_mut().zip(part) {
            all.push(column);
        }
    }
    let chunked = |(at, chunks): (usize, Vec<Column>)| {
        let computed = || chunks.first().map(|column| column.value_type().clone());
        let declared = spec.types().get(at).cloned();
        let data_type = declared.or_else(computed).unwrap_or(DataType::Null);
        Chunked::new(&data_type, chunks)
    };
    columns.into_iter().enumerate().map(chunked).collect()
}

/// The splits of these rows, in the order of their ids, each with its number of rows.
fn splits_of(splits: &[Vec<(u64, usize)>], ids: &[u32]) -> Vec<(u64, usize)> {
    let mut found: Vec<(u64, usize)> = Vec::new();
    // All splits with the id behind their last row.
    let mut all = splits.iter().enumerate().flat_map(|(part, splits)| {
        let mut behind = part * CHUNK_ROWS;
        splits.iter().map(move |(ordinal, rows)| {
            behind += rows;
            (*ordinal, behind)
        })
    });
    let mut split = all.next();
    for &id in ids {
        while split.is_some_and(|(_, behind)| id as usize >= behind) {
            split = all.next();
        }
        let ordinal = split.map_or(0, |(ordinal, _)| ordinal);
        match found.last_mut() {
            Some((last, rows)) if *last == ordinal => *rows += 1,
            _ => found.push((ordinal, 1)),
        }
    }
    found
}

/// Text that keeps no more of the input alive than it uses, or not much more: what is kept to the
/// end would keep the text of every batch that a candidate came from.
fn unpin(column: Column, buffers: &mut Buffers) -> Result<Column> {
    match column.value_type() {
        DataType::Utf8View | DataType::BinaryView => {
            let rows: Vec<u32> = (0..column.len() as u32).collect();
            take(&column, &rows, buffers)
        }
        _ => Ok(column),
    }
}
