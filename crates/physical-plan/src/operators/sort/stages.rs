//! From chunks of rows to their sorted ids, in stages of tasks that run side by side.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_datatypes::{Buffers, Column, Error, Result};
use esker_kernels::select::chunks::{CHUNK_ROWS, Chunked, size_of_chunks};
use esker_kernels::sort_key::{KeyRows, Run, cut_runs, merge_runs};
use esker_runtime::TaskContext;

use super::super::held::Held;
use super::super::slots::Slots;
use super::keys::SortSpec;
use super::source::Sorted;
use crate::pipeline::FinalizeTask;

/// Makes a chunk: the columns of the input, then the computed keys.
pub(super) type MakeChunk = Box<dyn FnOnce(&mut Buffers) -> Result<Vec<Column>> + Send>;

/// How many runs, and how many pieces of the merged output, each worker has to do at most: so many
/// that they end at about the same time.
const RUNS_PER_WORKER: usize = 2;
const PIECES_PER_WORKER: usize = 4;
/// Fewer rows are not worth a task.
const LEAST_ROWS: usize = if cfg!(test) { 4 } else { 1 << 12 };

/// How many rows a chunk has at most, of so many: few enough that all workers have some to sort.
pub(super) fn chunk_rows(rows: usize, threads: usize) -> usize {
    match threads {
        0 | 1 => CHUNK_ROWS,
        _ => (rows / (threads * RUNS_PER_WORKER)).clamp(LEAST_ROWS, CHUNK_ROWS),
    }
}

/// The work of a sort between its input and its output.
pub(super) struct Stages {
    /// Who holds the memory.
    name: &'static str,
    spec: Arc<SortSpec>,
    /// How many rows are wanted.
    fetch: usize,
    batch_size: usize,
    state: Mutex<State>,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
enum State {
    #[default]
    New,
    /// Chunks are made, and their keys.
    Chunks(Arc<Slots<Chunk>>),
    /// Runs are sorted, and columns prepared to be gathered from.
    Runs {
        keys: Arc<Vec<KeyRows>>,
        runs: Arc<Slots<Run>>,
        columns: Arc<Slots<Chunked>>,
    },
    /// Runs are merged.
    Pieces {
        columns: Vec<Chunked>,
        pieces: Arc<Slots<Vec<u32>>>,
    },
    Sorted(Arc<Sorted>),
    /// All of so many splits are given out.
    Given(usize),
}

struct Chunk {
    columns: Vec<Column>,
    keys: KeyRows,
}

impl Stages {
    /// Stages that keep the first `fetch` rows of the order.
    pub(super) fn new(
        name: &'static str,
        spec: Arc<SortSpec>,
        fetch: usize,
        batch_size: usize,
    ) -> Self {
        Self {
            name,
            spec,
            fetch,
            batch_size: batch_size.max(1),
            state: Mutex::default(),
            held: Arc::default(),
        }
    }

    /// How many rows a batch of the output has at most.
    pub(super) fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The bytes that are held.
    pub(super) fn held(&self) -> u64 {
        lock(&self.held).size()
    }

    /// The sorted rows, unless all are given out, and how many splits they have.
    ///
    /// # Errors
    /// `Internal` when the rows are not sorted yet.
    pub(super) fn sorted(&self) -> Result<(Option<Arc<Sorted>>, usize)> {
        match &*self.lock() {
            State::Sorted(sorted) => Ok((Some(Arc::clone(sorted)), sorted.splits())),
            State::Given(splits) => Ok((None, *splits)),
            State::New | State::Chunks(_) | State::Runs { .. } | State::Pieces { .. } => {
                Err(Error::internal("sorted rows are asked for too early"))
            }
        }
    }

    /// Forgets the rows: all splits have been given out.
    pub(super) fn release(&self, splits: usize) {
        *self.lock() = State::Given(splits);
        *lock(&self.held) = Held::default();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The first stage: makes chunks, in the order of the input, and their keys. `held` is what is
    /// reserved for what they are made of.
    pub(super) fn begin(
        &self,
        chunks: Vec<MakeChunk>,
        mut held: Held,
        cx: &TaskContext,
    ) -> Vec<FinalizeTask> {
        held.add(cx.query.memory().reserve(self.name));
        *lock(&self.held) = held;
        if chunks.is_empty() {
            *self.lock() = State::Given(0);
            return Vec::new();
        }
        let slots = Arc::new(Slots::new(chunks.len()));
        *self.lock() = State::Chunks(Arc::clone(&slots));
        let mut tasks: Vec<FinalizeTask> = Vec::with_capacity(chunks.len());
        for (at, make) in chunks.into_iter().enumerate() {
            let (slots, spec) = (Arc::clone(&slots), Arc::clone(&self.spec));
            let held = Arc::clone(&self.held);
            tasks.push(Box::new(move |cx| {
                let columns = make(&mut cx.buffers)?;
                let key_columns = spec.key_columns(&columns, &[])?;
                let rows = key_columns.first().map_or(0, |column| column.len());
                let keys = spec.encode(&key_columns, rows, &mut cx.buffers)?;
                lock(&held).try_grow(keys.size() as u64)?;
                slots.put(at, Chunk { columns, keys });
                Ok(())
            }));
        }
        tasks
    }

    /// The next stage: its tasks, or none when the rows are sorted.
    pub(super) fn advance(&self, cx: &TaskContext) -> Result<Vec<FinalizeTask>> {
        let state = std::mem::take(&mut *self.lock());
        let (state, tasks) = match state {
            State::Chunks(chunks) => self.sort_runs(chunks.take()?, cx)?,
            State::Runs {
                keys,
                runs,
                columns,
            } => {
                let runs = runs.take()?;
                if runs.iter().all(Run::is_whole) || !runs.iter().any(Run::is_whole) {
                    self.merge(keys, runs, columns.take()?, cx)?
                } else {
                    complete(keys, runs, columns)
                }
            }
            State::Pieces { columns, pieces } => (self.end(columns, pieces.take()?)?, Vec::new()),
            State::New | State::Sorted(_) | State::Given(_) => {
                return Err(Error::internal("a stage of a sort that has ended"));
            }
        };
        *self.lock() = state;
        Ok(tasks)
    }

    fn sort_runs(
        &self,
        chunks: Vec<Chunk>,
        cx: &TaskContext,
    ) -> Result<(State, Vec<FinalizeTask>)> {
        let types = self.spec.types();
        let mut columns: Vec<Vec<Column>> = Vec::new();
        columns.resize_with(types.len(), || Vec::with_capacity(chunks.len()));
        let mut keys = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            for (all, column) in columns.iter_mut().zip(chunk.columns) {
                all.push(column);
            }
            keys.push(chunk.keys);
        }
        let keys = Arc::new(keys);
        let rows: Vec<usize> = keys.iter().map(KeyRows::len).collect();
        // From here on computed keys are no longer held, but a key and an id for each row of a run.
        let key_bytes: usize = keys.iter().map(KeyRows::size).sum();
        let column_bytes: usize = columns.iter().map(|column| size_of_chunks(column)).sum();
        let run_bytes = rows.iter().sum::<usize>() * 2 * size_of::<u64>();
        lock(&self.held).try_resize((key_bytes + column_bytes + run_bytes) as u64)?;

        let threads = cx.query.threads();
        let count = if threads == 1 {
            1
        } else {
            threads * RUNS_PER_WORKER
        };
        let ranges = even_ranges(&rows, count);
        let runs = Arc::new(Slots::new(ranges.len()));
        let prepared = Arc::new(Slots::new(columns.len()));
        let mut tasks: Vec<FinalizeTask> = Vec::with_capacity(ranges.len() + columns.len());
        let sort = match ranges.len() {
            1 => Run::sort,
            _ => Run::sort_to_merge,
        };
        for (at, range) in ranges.into_iter().enumerate() {
            let (runs, keys) = (Arc::clone(&runs), Arc::clone(&keys));
            tasks.push(Box::new(move |_| {
                runs.put(at, sort(&keys, range));
                Ok(())
            }));
        }
        for (at, (chunks, data_type)) in columns.into_iter().zip(types).enumerate() {
            let (prepared, data_type) = (Arc::clone(&prepared), data_type.clone());
            tasks.push(Box::new(move |_| {
                prepared.put(at, Chunked::new(&data_type, chunks)?);
                Ok(())
            }));
        }
        if rows.len() == 1 {
            // Not worth more than one task.
            let all = tasks;
            tasks = vec![Box::new(move |cx| {
                all.into_iter().try_for_each(|task| task(cx))
            })];
        }
        let state = State::Runs {
            keys,
            runs,
            columns: prepared,
        };
        Ok((state, tasks))
    }

    fn merge(
        &self,
        keys: Arc<Vec<KeyRows>>,
        runs: Vec<Run>,
        columns: Vec<Chunked>,
        cx: &TaskContext,
    ) -> Result<(State, Vec<FinalizeTask>)> {
        if let [run] = runs.as_slice() {
            let state = self.end(columns, vec![run.ids()])?;
            return Ok((state, Vec::new()));
        }
        let rows: usize = runs.iter().map(Run::len).sum();
        let count = (rows / LEAST_ROWS).clamp(1, cx.query.threads() * PIECES_PER_WORKER);
        let mut cuts = cut_runs(&runs, &keys, count);
        let mut before = 0;
        cuts.retain(|piece| {
            let wanted = before < self.fetch;
            before += piece.iter().map(Range::len).sum::<usize>();
            wanted
        });
        let runs = Arc::new(runs);
        let pieces = Arc::new(Slots::new(cuts.len()));
        let mut tasks: Vec<FinalizeTask> = Vec::with_capacity(cuts.len());
        for (at, piece) in cuts.into_iter().enumerate() {
            let (keys, runs, pieces) = (Arc::clone(&keys), Arc::clone(&runs), Arc::clone(&pieces));
            tasks.push(Box::new(move |_| {
                pieces.put(at, merge_runs(&runs, &keys, &piece));
                Ok(())
            }));
        }
        Ok((State::Pieces { columns, pieces }, tasks))
    }

    /// The rows are sorted: only columns and ids are held.
    fn end(&self, columns: Vec<Chunked>, mut pieces: Vec<Vec<u32>>) -> Result<State> {
        let mut wanted = self.fetch;
        for piece in &mut pieces {
            piece.truncate(wanted);
            wanted -= piece.len();
        }
        let sorted = Sorted::new(columns, pieces);
        lock(&self.held).try_resize(sorted.size() as u64)?;
        Ok(State::Sorted(Arc::new(sorted)))
    }
}

/// A stage that sorts all runs by whole keys, since some are: these may have more keys that begin
/// alike than one worker should merge.
fn complete(
    keys: Arc<Vec<KeyRows>>,
    runs: Vec<Run>,
    columns: Arc<Slots<Chunked>>,
) -> (State, Vec<FinalizeTask>) {
    let whole = Arc::new(Slots::new(runs.len()));
    let mut tasks: Vec<FinalizeTask> = Vec::with_capacity(runs.len());
    for (at, run) in runs.into_iter().enumerate() {
        let (keys, whole) = (Arc::clone(&keys), Arc::clone(&whole));
        tasks.push(Box::new(move |_| {
            whole.put(at, run.into_whole(&keys));
            Ok(())
        }));
    }
    let runs = whole;
    let state = State::Runs {
        keys,
        runs,
        columns,
    };
    (state, tasks)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cuts a list of chunks of so many rows into at most `count` ranges of about as many rows each.
fn even_ranges(rows: &[usize], count: usize) -> Vec<Range<usize>> {
    let total: usize = rows.iter().sum();
    let (mut ranges, mut start, mut seen) = (Vec::new(), 0, 0);
    for (at, rows) in rows.iter().enumerate() {
        seen += rows;
        // Whether the range up to here has its share.
        if seen * count >= total * (ranges.len() + 1) {
            ranges.push(start..at + 1);
            start = at + 1;
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_all_chunks() {
        let check = |rows: &[usize], count, want: &[(usize, usize)]| {
            let ranges = even_ranges(rows, count).into_iter();
            let ranges: Vec<_> = ranges.map(|range| (range.start, range.end)).collect();
            assert_eq!(ranges, want);
        };
        check(&[5], 4, &[(0, 1)]);
        check(&[1, 1, 1, 1], 2, &[(0, 2), (2, 4)]);
        check(&[1, 1, 9, 1], 2, &[(0, 3), (3, 4)]);
        check(&[9, 1, 1, 1, 1], 3, &[(0, 1), (1, 2), (2, 5)]);
        check(&[1; 7], 1, &[(0, 7)]);
    }

    #[test]
    fn few_rows_are_chunks_for_all_workers() {
        assert_eq!(chunk_rows(1 << 20, 1), CHUNK_ROWS);
        assert_eq!(chunk_rows(1 << 20, 0), CHUNK_ROWS);
        assert_eq!(chunk_rows(1 << 30, 4), CHUNK_ROWS);
        assert_eq!(chunk_rows(1 << 14, 4), 1 << 11);
        assert_eq!(chunk_rows(0, 4), LEAST_ROWS);
    }
}
