//! Rows that are kept for several readers.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use esker_datatypes::{Batch, Column, Error, Order, Result};
use esker_runtime::{Reservation, TaskContext};

use super::held::{Held, held_batch_size};
use crate::pipeline::{
    FinalizeTask, LocalSink, LocalSource, Sink, SinkStatus, Source, SourceStatus, Streaming,
};

/// How many rows a split has at least, but for the last one.
const SPLIT_ROWS: usize = 64 << 10;

/// Keeps rows until all readers have read them. Each [`output_source`](Sink::output_source) gives
/// all of them, in the order of the input; what the last reader is through with is let go.
///
/// Readers start when the last row is in: none ever waits for another. One that stops early keeps
/// nothing from the others, but the rows stay until the query ends.
pub struct SharedExec {
    shared: Arc<State>,
}

struct State {
    /// The columns that are kept, by position in the input.
    columns: Vec<usize>,
    input: Mutex<Input>,
    rows: OnceLock<Rows>,
    /// How many sources read the rows.
    readers: AtomicUsize,
}

#[derive(Default)]
struct Input {
    batches: Vec<Kept>,
    held: Held,
}

struct Kept {
    order: Order,
    columns: Vec<Column>,
    rows: usize,
    bytes: u64,
}

/// All rows, in splits that each reader claims.
struct Rows {
    splits: Vec<Slot>,
    held: Mutex<Held>,
    bytes: u64,
}

/// A split, until the last reader has claimed it.
struct Slot {
    batches: Mutex<Option<Arc<Vec<Kept>>>>,
    /// How many readers have yet to claim it.
    wanted: AtomicUsize,
}

impl SharedExec {
    /// Keeps the columns at these positions of the input, in this order.
    pub fn new(columns: Vec<usize>) -> Self {
        Self {
            shared: Arc::new(State {
                columns,
                input: Mutex::default(),
                rows: OnceLock::new(),
                readers: AtomicUsize::new(0),
            }),
        }
    }
}

impl fmt::Debug for SharedExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedExec")
            .field("columns", &self.shared.columns)
            .finish_non_exhaustive()
    }
}

impl Sink for SharedExec {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        Ok(Box::new(LocalShared {
            shared: Arc::clone(&self.shared),
            batches: Vec::new(),
            reservation: cx.query.memory().reserve("SharedExec"),
        }))
    }

    fn finalize(&self, _stage: usize, _cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        let input = std::mem::take(&mut *lock(&self.shared.input));
        let readers = self.shared.readers.load(Ordering::Acquire);
        // Set once: there are no stages.
        let _ = self.shared.rows.set(Rows::new(input, readers));
        Ok(Vec::new())
    }

    fn abort(&self) {
        drop(std::mem::take(&mut *lock(&self.shared.input)));
    }

    fn output_source(&self) -> Option<Arc<dyn Source>> {
        self.shared.readers.fetch_add(1, Ordering::AcqRel);
        Some(Arc::new(SharedSource {
            shared: Arc::clone(&self.shared),
            next: Arc::default(),
        }))
    }

    fn held(&self) -> u64 {
        self.shared.rows.get().map_or(0, |rows| rows.bytes)
    }

    fn needs_dense(&self) -> bool {
        true
    }

    fn streaming(&self) -> Streaming {
        Streaming::Refuse("rows that are read several times are kept")
    }
}

struct LocalShared {
    shared: Arc<State>,
    batches: Vec<Kept>,
    reservation: Reservation,
}

impl LocalSink for LocalShared {
    fn consume(&mut self, input: &mut Batch, _cx: &mut TaskContext) -> Result<SinkStatus> {
        let (order, rows) = (input.order(), input.rows());
        if rows == 0 {
            return Ok(SinkStatus::NeedInput);
        }
        let kept = self.shared.columns.iter();
        let columns = kept.map(|&at| input.column(at).cloned());
        let columns = columns.collect::<Result<Vec<Column>>>()?;
        let before = self.batches.last().map(|batch| batch.columns.as_slice());
        let bytes = held_batch_size(&columns, before) as u64;
        self.reservation.try_grow(bytes)?;
        self.batches.push(Kept {
            order,
            columns,
            rows,
            bytes,
        });
        input.clear();
        Ok(SinkStatus::NeedInput)
    }

    fn combine(self: Box<Self>, _cx: &mut TaskContext) -> Result<()> {
        let mut input = lock(&self.shared.input);
        input.held.add(self.reservation);
        input.batches.extend(self.batches);
        Ok(())
    }
}

impl Rows {
    fn new(input: Input, readers: usize) -> Self {
        let Input { mut batches, held } = input;
        // What stands behind all splits has no order among workers.
        batches.sort_by_key(|batch| (batch.order.ordinal, batch.order.sequence));
        let mut splits = Vec::new();
        let mut slot = |batches: Vec<Kept>| {
            splits.push(Slot {
                batches: Mutex::new(Some(Arc::new(batches))),
                wanted: AtomicUsize::new(readers),
            });
        };
        let (mut split, mut rows) = (Vec::new(), 0);
        for batch in batches {
            rows += batch.rows;
            split.push(batch);
            if rows >= SPLIT_ROWS {
                slot(std::mem::take(&mut split));
                rows = 0;
            }
        }
        if !split.is_empty() {
            slot(split);
        }
        Self {
            splits,
            bytes: held.size(),
            held: Mutex::new(held),
        }
    }
}

/// The rows, for one of their readers.
struct SharedSource {
    shared: Arc<State>,
    /// The first split that none of its workers has claimed.
    next: Arc<AtomicUsize>,
}

impl fmt::Debug for SharedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows kept of columns {:?}", self.shared.columns)
    }
}

impl Source for SharedSource {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(LocalRows {
            shared: Arc::clone(&self.shared),
            next: Arc::clone(&self.next),
            split: None,
        }))
    }
}

struct LocalRows {
    shared: Arc<State>,
    next: Arc<AtomicUsize>,
    split: Option<Claimed>,
}

/// A split that a worker gives.
struct Claimed {
    ordinal: usize,
    batches: Arc<Vec<Kept>>,
    /// The batch that comes next.
    at: usize,
    /// No other reader will want it.
    last_reader: bool,
}

impl Rows {
    fn claim(&self, next: &AtomicUsize) -> Result<Option<Claimed>> {
        let ordinal = next.fetch_add(1, Ordering::Relaxed);
        let Some(slot) = self.splits.get(ordinal) else {
            return Ok(None);
        };
        let mut batches = lock(&slot.batches);
        let last_reader = slot.wanted.fetch_sub(1, Ordering::Relaxed) == 1;
        let claimed = match last_reader {
            true => batches.take(),
            false => batches.clone(),
        };
        let gone = || Error::internal("rows that are shared have been let go too early");
        Ok(Some(Claimed {
            ordinal,
            batches: claimed.ok_or_else(gone)?,
            at: 0,
            last_reader,
        }))
    }

    /// Lets go of a split that nobody will want.
    fn release(&self, batches: &[Kept]) -> Result<()> {
        let bytes: u64 = batches.iter().map(|batch| batch.bytes).sum();
        let mut held = lock(&self.held);
        let left = held.size().saturating_sub(bytes);
        held.try_resize(left)
    }
}

impl LocalSource for LocalRows {
    fn next(&mut self, out: &mut Batch, _cx: &mut TaskContext) -> Result<SourceStatus> {
        let Some(rows) = self.shared.rows.get() else {
            return Ok(SourceStatus::Finished { splits: 0 });
        };
        if self.split.is_none() {
            self.split = rows.claim(&self.next)?;
        }
        let Some(split) = &mut self.split else {
            let splits = rows.splits.len() as u64;
            return Ok(SourceStatus::Finished { splits });
        };
        let last = split.at + 1 >= split.batches.len();
        out.set_order(Order {
            ordinal: split.ordinal as u64,
            sequence: u32::try_from(split.at).unwrap_or(u32::MAX),
            last,
        });
        if let Some(batch) = split.batches.get(split.at) {
            out.replace(batch.columns.clone(), batch.rows);
        }
        split.at += 1;
        if last && let Some(split) = self.split.take().filter(|split| split.last_reader) {
            rows.release(&split.batches)?;
        }
        Ok(SourceStatus::More)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
