//! The end of a query whose rows a caller wants: in order, while it runs or when it is done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use esker_datatypes::{Batch, Error, Order, Result, array_size};
use esker_runtime::{QueryContext, Reservation, TaskContext, Waker};

use crate::pipeline::{LocalSink, Sink, SinkStatus};

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
    /// Batches behind the head, by place.
    later: BTreeMap<Order, RecordBatch>,
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
                state.later.clear();
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
                state
                    .reservation
                    .shrink(memory_size(&batch));
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
    /// The head has ended: what stood behind it may go out.
    fn advance(&mut self) {
        loop {
            self.head += 1;
            let behind = Order {
                ordinal: self.head + 1,
                ..Order::default()
            };
            let rest = self.later.split_off(&behind);
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
}

impl LocalResult {
    fn stream(&mut self, input: &Batch, cx: &TaskContext) -> Result<SinkStatus> {
        let order = input.order();
        let batch = if input.selected() > 0 {
            Some(input.to_arrow(&self.shared.schema)?)
        } else {
            None
        };
        let mut state = self.shared.lock();
        let is_head = order.ordinal == state.head;
        let full = if is_head {
            state.ready.len() >= self.shared.room
        } else {
            // Ready batches do not count: the head must be able to get ahead of these.
            // Rows behind all splits never become the head: they must not wait for it.
            order.ordinal != u64::MAX && state.later.len() >= 8 * self.shared.room
        };
        if full && batch.is_some() && !self.shared.collect.load(Ordering::Acquire) {
            state.parked.push(cx.waker());
            return Ok(SinkStatus::Blocked);
        }
        if let Some(batch) = batch {
            if let Err(error) = state.reservation.try_grow(memory_size(&batch)) {
                // The caller takes what is ready; what is not the head's turn can wait for the head.
                let can_wait = if is_head {
                    !state.ready.is_empty()
                } else {
                    order.ordinal != u64::MAX
                };
                if !can_wait {
                    return Err(error);
                }
                state.parked.push(cx.waker());
                return Ok(SinkStatus::Blocked);
            }
            if is_head {
                state.ready.push_back(batch);
            } else {
                state.later.insert(order, batch);
            }
        }
        if order.last {
            if is_head {
                state.advance();
                wake_parked(state);
            } else {
                state.ended.insert(order.ordinal);
                drop(state);
            }
        } else {
            drop(state);
        }
        self.shared.query.notify();
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
            self.reservation
                .try_grow(memory_size(&batch))?;
            self.kept.push((input.order(), batch));
        }
        Ok(SinkStatus::NeedInput)
    }

    fn combine(self: Box<Self>, _cx: &mut TaskContext) -> Result<()> {
        let Self {
            shared,
            kept,
            reservation,
        } = *self;
        let mut state = shared.lock();
        state.kept.push(reservation);
        state.later.extend(kept);
        Ok(())
    }
}
