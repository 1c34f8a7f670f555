//! Sorted rows, as a source: columns gathered by the sorted ids.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use esker_datatypes::{Batch, Order, Result};
use esker_kernels::select::chunks::Chunked;
use esker_runtime::TaskContext;

use super::stages::Stages;
use crate::pipeline::{LocalSource, Source, SourceStatus};

/// How many rows a split has at most.
const SPLIT_ROWS: usize = 64 << 10;

/// Columns in chunks, and the ids of their rows in the order in which they are to come out.
pub(super) struct Sorted {
    columns: Vec<Chunked>,
    pieces: Vec<Vec<u32>>,
    /// The piece of each split, and its part of it.
    splits: Vec<(usize, Range<usize>)>,
    /// The first split that nobody has claimed.
    next: AtomicUsize,
    /// How many splits have been given out to their end.
    given: AtomicUsize,
}

impl Sorted {
    pub(super) fn new(columns: Vec<Chunked>, pieces: Vec<Vec<u32>>) -> Self {
        let mut splits = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            let starts = (0..piece.len()).step_by(SPLIT_ROWS);
            let split = |start| start..piece.len().min(start + SPLIT_ROWS);
            splits.extend(starts.map(|start| (at, split(start))));
        }
        Self {
            columns,
            pieces,
            splits,
            next: AtomicUsize::new(0),
            given: AtomicUsize::new(0),
        }
    }

    /// The bytes that it holds.
    pub(super) fn size(&self) -> usize {
        let ids: usize = self.pieces.iter().map(Vec::capacity).sum();
        let columns: usize = self.columns.iter().map(Chunked::size).sum();
        ids * size_of::<u32>() + columns
    }

    /// How many splits there are.
    pub(super) fn splits(&self) -> usize {
        self.splits.len()
    }

    /// The rows of a split, if there is such a split.
    fn ids(&self, split: usize) -> Option<&[u32]> {
        let (piece, rows) = self.splits.get(split)?;
        self.pieces.get(*piece)?.get(rows.clone())
    }
}

/// Gives out what [`Stages`] have sorted.
pub(super) struct SortedSource {
    stages: Arc<Stages>,
}

impl SortedSource {
    pub(super) fn new(stages: Arc<Stages>) -> Self {
        Self { stages }
    }
}

impl fmt::Debug for SortedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SortedSource")
    }
}

impl Source for SortedSource {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        let (sorted, splits) = self.stages.sorted()?;
        Ok(Box::new(LocalSorted {
            stages: Arc::clone(&self.stages),
            sorted,
            splits,
            split: None,
        }))
    }
}

struct LocalSorted {
    stages: Arc<Stages>,
    /// `None` when all is given out.
    sorted: Option<Arc<Sorted>>,
    splits: usize,
    split: Option<Split>,
}

/// The split being given out.
struct Split {
    number: usize,
    sequence: u32,
    /// How many of its rows have gone out.
    at: usize,
}

impl LocalSource for LocalSorted {
    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<SourceStatus> {
        let finished = SourceStatus::Finished {
            splits: self.splits as u64,
        };
        let Some(sorted) = &self.sorted else {
            return Ok(finished);
        };
        let split = self.split.take().unwrap_or_else(|| Split {
            number: sorted.next.fetch_add(1, Ordering::Relaxed),
            sequence: 0,
            at: 0,
        });
        let Some(ids) = sorted.ids(split.number) else {
            self.sorted = None;
            return Ok(finished);
        };
        let end = ids.len().min(split.at + self.stages.batch_size());
        let last = end == ids.len();
        out.set_order(Order {
            ordinal: split.number as u64,
            sequence: split.sequence,
            last,
        });
        let ids = ids.get(split.at..end).unwrap_or_default();
        let columns = sorted.columns.iter();
        let columns = columns.map(|column| column.gather(ids, &mut cx.buffers));
        out.replace(columns.collect::<Result<_>>()?, ids.len());
        if !last {
            self.split = Some(Split {
                sequence: split.sequence + 1,
                at: end,
                ..split
            });
        } else if sorted.given.fetch_add(1, Ordering::AcqRel) + 1 == self.splits {
            self.stages.release(self.splits);
        }
        Ok(SourceStatus::More)
    }
}
