//! The end of a query whose rows a caller wants: in order, while it runs or when it is done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use esker_datatypes::{Batch, Error, Order, Result, array_size};
use esker_runtime::{QueryContext, Reservation, TaskContext, Waker};

use crate::pipeline::{BEHIND_ALL, LocalSink, Sink, SinkStatus};

/// When the rows are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// While the query runs: workers wait when the caller is slow.
    Stream,
    /// When it is done, all of them.
    Collect,
}

/// Hands a query's rows to its caller, in the order of the input.
///
/// While streaming, batches of the first split that has not ended go out as they come; those behind
/// it wait for their turn, and workers park when too many do. While collecting, each worker keeps
/// its batches to the end, without a lock.
pub struct ResultSink {
    shared: Arc<Shared>,
}

struct Shared {
    schema: ArrowSchemaRef,
    query: Arc<QueryContext>,
    collect: AtomicBool,
    /// How many batches may wait for the caller, or for their turn.
    room: usize,
    state: Mutex<State>,
}

struct State {
    /// The first split that has not ended.
    head: u64,
    ready: VecDeque<RecordBatch>,
    /// Batches behind the head, by place and, where workers share one (behind all), as they came.
    later: BTreeMap<(Order, usize), RecordBatch>,
    /// Splits behind the head that have ended.
    ended: BTreeSet<u64>,
    parked: Vec<Waker>,
    /// How the query ended.
    end: Option<Result<()>>,
    /// The memory of the batches that wait.
    reservation: Reservation,
    /// The memory of those that workers kept.
    kept: Vec<Reservation>,
}

impl fmt::Debug for ResultSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResultSink")
    }
}

impl ResultSink {
    /// A sink that delivers batches of this schema to the caller of this query.
    pub fn new(schema: ArrowSchemaRef, delivery: Delivery, query: Arc<QueryContext>) -> Self {
        let state = State {
            head: 0,
            ready: VecDeque::new(),
            later: BTreeMap::new(),
            ended: BTreeSet::new(),
            parked: Vec::new(),
            end: None,
            reservation: query.memory().reserve("result"),
            kept: Vec::new(),
        };
        Self {
            shared: Arc::new(Shared {
                schema,
                collect: AtomicBool::new(delivery == Delivery::Collect),
                room: 4 * query.threads(),
                query,
                state: Mutex::new(state),
            }),
        }
    }

    /// A handle on the same rows, for the caller.
    #[must_use]
    pub fn handle(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }

    /// The query is over: what is left may go out, then the error if there is one.
    pub fn end(&self, result: Result<()>) {
        let mut state = self.shared.lock();
        if state.end.is_none() {
            if result.is_ok() {
                let later = std::mem::take(&mut state.later);
                state.ready.extend(later.into_values());
            } else {
                let later = std::mem::take(&mut state.later);
                state.release(later.values().map(memory_size).sum());
            }
            state.end = Some(result);
        }
        drop(state);
        self.shared.query.notify();
    }

    /// Whether the query is over.
    pub fn is_over(&self) -> bool {
        self.shared.lock().end.is_some()
    }

    /// The next batch, as soon as there is one; `None` behind the last.
    ///
    /// # Errors
    /// That of the query, behind the rows that come before it.
    pub fn next(&self) -> Result<Option<RecordBatch>> {
        self.shared.query.wait(|| {
            let mut state = self.shared.lock();
            if let Some(batch) = state.ready.pop_front() {
                state.release(memory_size(&batch));
                wake_parked(state);
                return Some(Ok(Some(batch)));
            }
            match &state.end {
                Some(Ok(())) => Some(Ok(None)),
                Some(Err(error)) => Some(Err(error.clone())),
                None => self
                    .shared
                    .query
                    .is_cancelled()
                    .then(|| Err(Error::cancelled())),
            }
        })
    }

    /// All batches that have not gone out, when the query is over.
    ///
    /// # Errors
    /// That of the query.
    pub fn collect(&self) -> Result<Vec<RecordBatch>> {
        self.shared.collect.store(true, Ordering::Release);
        wake_parked(self.shared.lock());
        self.shared.query.wait(|| {
            let mut state = self.shared.lock();
            match &state.end {
                Some(Ok(())) => {
                    state.reservation.free();
                    state.kept.clear();
                    Some(Ok(std::mem::take(&mut state.ready).into()))
                }
                Some(Err(error)) => Some(Err(error.clone())),
                None => self
                    .shared
                    .query
                    .is_cancelled()
                    .then(|| Err(Error::cancelled())),
            }
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory that a batch is reckoned with: a slice does not count what it leaves out.
fn memory_size(batch: &RecordBatch) -> u64 {
    let columns = batch.columns().iter();
    columns.map(|column| array_size(column) as u64).sum()
}

fn wake_parked(mut state: MutexGuard<'_, State>) {
    let parked = std::mem::take(&mut state.parked);
    drop(state);
    parked.iter().for_each(Waker::wake);
}

impl State {
    /// Puts a batch in its place behind the head.
    fn insert(&mut self, order: Order, batch: RecordBatch) {
        let same = self.later.range((order, 0)..=(order, usize::MAX));
        let number = same.last().map_or(0, |((_, number), _)| number + 1);
        self.later.insert((order, number), batch);
    }

    /// Gives back the memory of batches that are gone.
    fn release(&mut self, mut bytes: u64) {
        for reservation in std::iter::once(&mut self.reservation).chain(&mut self.kept) {
            let some = bytes.min(reservation.size());
            reservation.shrink(some);
            bytes -= some;
        }
    }

    /// The head has ended: what stood behind it may go out.
    fn advance(&mut self) {
        loop {
            self.head += 1;
            let behind = Order {
                ordinal: self.head + 1,
                ..Order::default()
            };
            let rest = self.later.split_off(&(behind, 0));
            let turn = std::mem::replace(&mut self.later, rest);
            self.ready.extend(turn.into_values());
            if !self.ended.remove(&self.head) {
                break;
            }
        }
    }
}

impl Sink for ResultSink {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        Ok(Box::new(LocalResult {
            shared: Arc::clone(&self.shared),
            kept: Vec::new(),
            reservation: cx.query.memory().reserve("result"),
            waiting: None,
        }))
    }

    fn needs_dense(&self) -> bool {
        true
    }
}

struct LocalResult {
    shared: Arc<Shared>,
    /// While collecting.
    kept: Vec<(Order, RecordBatch)>,
    reservation: Reservation,
    /// While streaming: what is offered again when there is room.
    waiting: Option<(Order, RecordBatch)>,
}

impl LocalResult {
    fn stream(&mut self, input: &Batch, cx: &TaskContext) -> Result<SinkStatus> {
        let order = input.order();
        let batch = match self.waiting.take().filter(|(place, _)| *place == order) {
            Some((_, batch)) => Some(batch),
            None if input.selected() > 0 => Some(input.to_arrow(&self.shared.schema)?),
            None => None,
        };
        let size = batch.as_ref().map_or(0, memory_size);
        let mut state = self.shared.lock();
        let is_head = order.ordinal == state.head;
        let nothing_ready = state.ready.is_empty();
        // The head waits for the caller only; what comes behind it leaves it half of the memory.
        // Rows behind all splits never become the head: they must not wait for it.
        let (may_wait, full) = if is_head {
            (!nothing_ready, state.ready.len() >= self.shared.room)
        } else {
            let many = state.later.len() >= 8 * self.shared.room;
            let full = many || cx.query.memory().leaves_little(size);
            (order.ordinal != BEHIND_ALL, full)
        };
        let may_wait = may_wait && !self.shared.collect.load(Ordering::Acquire);
        if let Some(batch) = batch {
            let granted = if full && may_wait {
                Ok(false)
            } else {
                state.reservation.try_grow(size).map(|()| true)
            };
            match granted {
                Ok(true) if is_head => state.ready.push_back(batch),
                Ok(true) => state.insert(order, batch),
                Err(error) if !may_wait => return Err(error),
                Ok(false) | Err(_) => {
                    // Until the caller has taken what is ready, or the head has ended.
                    state.parked.push(cx.waker());
                    self.waiting = Some((order, batch));
                    return Ok(SinkStatus::Blocked);
                }
            }
        }
        if order.last && !is_head {
            state.ended.insert(order.ordinal);
        }
        let advances = order.last && is_head;
        if advances {
            state.advance();
        }
        // Who waits for rows waits for the first.
        let notifies = nothing_ready && !state.ready.is_empty();
        if advances {
            wake_parked(state);
        } else {
            drop(state);
        }
        if notifies {
            self.shared.query.notify();
        }
        Ok(SinkStatus::NeedInput)
    }
}

impl LocalSink for LocalResult {
    fn consume(&mut self, input: &mut Batch, cx: &mut TaskContext) -> Result<SinkStatus> {
        if !self.shared.collect.load(Ordering::Acquire) {
            return self.stream(input, cx);
        }
        if input.selected() > 0 {
            let batch = input.to_arrow(&self.shared.schema)?;
            self.reservation.try_grow(memory_size(&batch))?;
            self.waiting = None;
            self.kept.push((input.order(), batch));
        }
        Ok(SinkStatus::NeedInput)
    }

    fn combine(self: Box<Self>, _cx: &mut TaskContext) -> Result<()> {
        let Self {
            shared,
            kept,
            reservation,
            waiting: _,
        } = *self;
        let mut state = shared.lock();
        state.kept.push(reservation);
        for (order, batch) in kept {
            state.insert(order, batch);
        }
        Ok(())
    }
}
