//! Columns kept of the first row of each group.

#![allow(
    clippy::indexing_slicing,
    reason = "places name pieces and rows that were kept, ranges those of chunks that hold them"
)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::Array;
use arrow::compute;
use esker_datatypes::{Buffers, Column, DataType, Result, value_type};
use esker_kernels::select::chunks::{ChunkParts, Chunked, chunk_of};
use esker_kernels::select::take;

use super::super::held::{Held, plan_held_chunks};
use super::super::slots::Slots;
use super::spec::Grouping;
use crate::pipeline::FinalizeTask;

/// A row that comes before all that its group had.
#[derive(Clone, Copy)]
pub(super) struct Winner {
    pub(super) group: u32,
    pub(super) row: u32,
}

/// The first rows that one worker keeps: pieces of the batches they came in, gathered anew when most
/// of what the pieces hold is not wanted any more, or when they are many and small.
#[derive(Default)]
pub(super) struct FirstRows {
    /// Flat columns.
    pieces: Vec<Vec<Column>>,
    /// How many rows the pieces hold.
    held: usize,
    bytes: usize,
}

impl FirstRows {
    /// Keeps rows of these columns: `places` says for each group where its row is.
    pub(super) fn keep(
        &mut self,
        winners: &[Winner],
        columns: &[Column],
        places: &mut [u64],
        buffers: &mut Buffers,
    ) -> Result<()> {
        let mut rows = buffers.take::<u32>(winners.len());
        rows.extend(winners.iter().map(|winner| winner.row));
        let mut piece = Vec::with_capacity(columns.len());
        for column in columns {
            // A dictionary would keep all its values alive.
            let flat = Column::flat(take(column, &rows, buffers)?.to_flat());
            self.bytes += flat.memory_size();
            piece.push(flat);
        }
        buffers.give(rows);
        let at = self.pieces.len();
        self.pieces.push(piece);
        self.held += winners.len();
        for (row, winner) in winners.iter().enumerate() {
            places[winner.group as usize] = place(at, row);
        }
        let wanted = places.len();
        if self.held > 2 * wanted + 1024 || self.pieces.len() > 64 + wanted / 256 {
            self.gather(columns.len(), places)?;
        }
        Ok(())
    }

    fn gather(&mut self, width: usize, places: &mut [u64]) -> Result<()> {
        let pairs: Vec<_> = places.iter().map(|&place| split(place)).collect();
        let mut all = Vec::with_capacity(width);
        for column in 0..width {
            let arrays: Vec<_> = self.pieces.iter().map(|p| p[column].to_flat()).collect();
            let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            all.push(Column::flat(compute::interleave(&arrays, &pairs)?));
        }
        self.bytes = all.iter().map(Column::memory_size).sum();
        self.pieces = vec![all];
        self.held = places.len();
        for (row, at) in places.iter_mut().enumerate() {
            *at = place(0, row);
        }
        Ok(())
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        self.bytes
    }
}

fn place(piece: usize, row: usize) -> u64 {
    (piece as u64) << 32 | row as u64
}

fn split(place: u64) -> (usize, usize) {
    ((place >> 32) as usize, place as u32 as usize)
}

/// The first rows of all workers, and the chunks they go into.
pub(super) struct Kept {
    pieces: Vec<Vec<Column>>,
    /// The number of each worker's first piece.
    bases: Vec<usize>,
    /// The number of each piece's first row, among all rows.
    starts: Vec<u64>,
    chunks: Vec<ChunkParts>,
    /// The number of each chunk's first row.
    chunk_starts: Vec<u64>,
}

impl Kept {
    /// What the workers of the operator of this name kept.
    ///
    /// # Errors
    /// `ResourcesExhausted` for more rows than there are ids.
    pub(super) fn new(name: &str, workers: impl IntoIterator<Item = FirstRows>) -> Result<Self> {
        let (mut pieces, mut bases) = (Vec::new(), Vec::new());
        for worker in workers {
            bases.push(pieces.len());
            pieces.extend(worker.pieces);
        }
        let length = |piece: &Vec<Column>| piece.first().map_or(0, Column::len);
        let lengths: Vec<usize> = pieces.iter().map(length).collect();
        let chunks = plan_held_chunks(name, &lengths)?;
        let rows_of = |parts: &ChunkParts| parts.iter().map(|(_, r)| r.len()).sum();
        let chunk_starts = starts(chunks.iter().map(rows_of));
        Ok(Self {
            starts: starts(lengths.into_iter()),
            pieces,
            bases,
            chunks,
            chunk_starts,
        })
    }

    /// How many columns there are.
    pub(super) fn width(&self) -> usize {
        self.pieces.first().map_or(0, Vec::len)
    }

    /// The row id of a worker's place.
    pub(super) fn id(&self, worker: usize, at: u64) -> u32 {
        let (piece, row) = split(at);
        let row = self.starts[self.bases[worker] + piece] + row as u64;
        let chunk = self.chunk_starts.partition_point(|&start| start <= row) - 1;
        ((chunk as u64) << 16 | (row - self.chunk_starts[chunk])) as u32
    }

    /// A column of this declared type.
    pub(super) fn column(&self, at: usize, declared: &DataType) -> Result<Chunked> {
        let one = |piece: &Vec<Column>| vec![piece[at].clone()];
        let pieces: Vec<Vec<Column>> = self.pieces.iter().map(one).collect();
        let mut chunks = Vec::with_capacity(self.chunks.len());
        for parts in &self.chunks {
            chunks.extend(chunk_of(&pieces, parts)?);
        }
        debug_assert!(
            chunks
                .iter()
                .all(|c| c.value_type() == value_type(declared))
        );
        Chunked::new(declared, chunks)
    }
}

/// Columns kept of first rows.
pub(super) struct KeptColumns {
    pub(super) columns: Vec<Chunked>,
    held: Held,
}

impl KeptColumns {
    /// The bytes that are reserved for them.
    pub(super) fn bytes(&self) -> u64 {
        self.held.size()
    }
}

/// Those columns while tasks put them into chunks.
pub(super) struct Keeping {
    columns: Arc<Slots<Chunked>>,
    held: Arc<Mutex<Held>>,
}

impl Keeping {
    /// Begins; `held` is what is reserved for the rows as the workers kept them.
    pub(super) fn start(
        spec: &Arc<Grouping>,
        rows: &Arc<Kept>,
        held: Held,
    ) -> (Self, Vec<FinalizeTask>) {
        let held = Arc::new(Mutex::new(held));
        let columns = Arc::new(Slots::new(rows.width()));
        let task = |at: usize| -> FinalizeTask {
            let (spec, rows, to) = (Arc::clone(spec), Arc::clone(rows), Arc::clone(&columns));
            let held = Arc::clone(&held);
            Box::new(move |_| {
                let declared = &spec.program.types()[spec.kept.start + at];
                let column = rows.column(at, declared)?;
                // What it is made of is there until all columns are made.
                lock(&held).try_grow(column.size() as u64)?;
                to.put(at, column);
                Ok(())
            })
        };
        let tasks = (0..rows.width()).map(task).collect();
        (Self { columns, held }, tasks)
    }

    /// Those columns, when all tasks are done.
    pub(super) fn done(self) -> Result<KeptColumns> {
        let columns = self.columns.take()?;
        let mut held = std::mem::take(&mut *lock(&self.held));
        let size: usize = columns.iter().map(Chunked::size).sum();
        held.try_resize(size as u64)?;
        Ok(KeptColumns { columns, held })
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sums of all lengths before each.
fn starts(lengths: impl Iterator<Item = usize>) -> Vec<u64> {
    let mut next = 0;
    let start = |length| {
        let start = next;
        next += length as u64;
        start
    };
    lengths.map(start).collect()
}
