//! Some rows from the front, in the order of the input, by many workers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_datatypes::{Batch, Order, Result};
use esker_runtime::{Reservation, TaskContext};

use crate::pipeline::{BEHIND_ALL, LocalOperator, OpStatus, Operator};

/// Drops `offset` rows from the front and keeps at most `fetch` of the rest.
///
/// Workers are at different splits at once, but only the rows of the contiguous finished prefix can
/// be counted. So the worker at the first unfinished split passes its rows on as they come, and the
/// others hold theirs (no more than could be wanted) until the splits before them have ended. When
/// enough rows have passed, the pipeline stops its source.
#[derive(Debug)]
pub struct LimitExec {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    offset: u64,
    /// The row, counted from the front, at which the output ends.
    end: u64,
    /// The first split that has not ended.
    head: AtomicU64,
    done: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The rows in the splits before the head.
    seen: u64,
    /// What workers held of splits behind the head when they were done with them.
    left: BTreeMap<u64, Vec<Held>>,
    /// How many workers may still give rows.
    open: usize,
}

/// The rows of a split whose place is not known yet.
#[derive(Debug)]
struct Held {
    batches: Vec<Batch>,
    reservation: Reservation,
    /// The split has ended with them. If not, a stage before this one has failed in it, or it is
    /// what comes behind all splits.
    ended: bool,
}

impl LimitExec {
    /// The limit; `fetch` of `None` keeps all rows behind the offset.
    pub fn new(offset: u64, fetch: Option<u64>) -> Self {
        let end = fetch.map_or(u64::MAX, |fetch| offset.saturating_add(fetch));
        Self {
            shared: Arc::new(Shared {
                offset,
                end,
                head: AtomicU64::new(0),
                done: AtomicBool::new(false),
                state: Mutex::default(),
            }),
        }
    }
}

impl Operator for LimitExec {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        self.shared.lock().open += 1;
        Ok(Box::new(LocalLimit {
            shared: Arc::clone(&self.shared),
            split: None,
            position: Position::Unknown,
            rows: 0,
            held: self.shared.hold(cx),
            ready: VecDeque::new(),
            consumed: false,
            flushed: false,
        }))
    }

    fn keeps_order_itself(&self) -> bool {
        true
    }

    fn may_finish_early(&self) -> bool {
        true
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, cx: &TaskContext) -> Held {
        let reservation = cx.query.memory().reserve("LimitExec");
        Held {
            batches: Vec::new(),
            reservation,
            ended: false,
        }
    }

    /// Cuts a batch whose first row is the `start`-th of all to the rows that are kept. Says
    /// whether the limit is reached with it, and gives the row behind it.
    fn cut(&self, batch: &mut Batch, start: u64) -> (bool, u64) {
        let rows = batch.selected() as u64;
        let behind = start.saturating_add(rows);
        let skip = self.offset.saturating_sub(start).min(rows);
        let keep = self
            .end
            .saturating_sub(start)
            .min(rows)
            .saturating_sub(skip);
        batch.selection_mut().slice(skip as usize, keep as usize);
        let reached = behind >= self.end;
        if reached {
            batch.set_order(Order {
                last: true,
                ..batch.order()
            });
        }
        (reached, behind)
    }
}

/// Where a split's rows stand among all.
#[derive(Clone, Copy)]
enum Position {
    /// Splits before it have not ended.
    Unknown,
    /// Its next row is this one.
    At(u64),
}

struct LocalLimit {
    shared: Arc<Shared>,
    /// The split being read.
    split: Option<u64>,
    position: Position,
    /// How many rows of the split came, while their place is not known.
    rows: u64,
    held: Held,
    /// What can be passed on.
    ready: VecDeque<Batch>,
    /// The input is in `held` or `ready`.
    consumed: bool,
    /// The worker's input has ended.
    flushed: bool,
}

impl LocalLimit {
    /// Takes the input in.
    fn take(&mut self, input: &mut Batch, cx: &TaskContext) -> Result<()> {
        let order = input.order();
        if self.split != Some(order.ordinal) {
            self.leave_split(cx);
            self.split = Some(order.ordinal);
            (self.position, self.rows) = (Position::Unknown, 0);
        }
        if matches!(self.position, Position::Unknown)
            && self.shared.head.load(Ordering::Acquire) == order.ordinal
        {
            let seen = self.shared.lock().seen;
            self.become_head(seen);
        }
        let batch = std::mem::take(input);
        input.set_order(order);
        match self.position {
            Position::At(start) => self.pass(batch, start),
            Position::Unknown => self.hold(batch)?,
        }
        if order.last {
            self.held.ended = true;
            self.leave_split(cx);
        }
        Ok(())
    }

    /// The place of the split's rows has become known: what was held can go.
    fn become_head(&mut self, start: u64) {
        self.position = Position::At(start);
        self.held.reservation.free();
        for batch in std::mem::take(&mut self.held.batches) {
            if let Position::At(start) = self.position {
                self.pass(batch, start);
            }
        }
    }

    /// Passes on what is kept of a batch whose first row is the `start`-th of all.
    fn pass(&mut self, mut batch: Batch, start: u64) {
        if self.shared.done.load(Ordering::Acquire) {
            return;
        }
        let (reached, behind) = self.shared.cut(&mut batch, start);
        self.position = Position::At(behind);
        if batch.selected() > 0 || batch.order().last {
            self.ready.push_back(batch);
        }
        if reached {
            self.shared.done.store(true, Ordering::Release);
        }
    }

    /// Holds no more of a split than could be wanted.
    fn hold(&mut self, mut batch: Batch) -> Result<()> {
        let wanted = self.shared.end.saturating_sub(self.rows);
        batch
            .selection_mut()
            .slice(0, usize::try_from(wanted).unwrap_or(usize::MAX));
        self.rows += batch.selected() as u64;
        if batch.selected() > 0 || batch.order().last {
            self.held.reservation.try_grow(batch.memory_size() as u64)?;
            self.held.batches.push(batch);
        }
        Ok(())
    }

    /// No more rows of the split will come: those that waited for its end may go.
    fn leave_split(&mut self, cx: &TaskContext) {
        let Some(ordinal) = self.split.take() else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let held = std::mem::replace(&mut self.held, shared.hold(cx));
        let mut state = shared.lock();
        let mut head = shared.head.load(Ordering::Acquire);
        state.left.entry(ordinal).or_default().push(held);
        if head != ordinal {
            return;
        }
        if matches!(self.position, Position::Unknown) {
            // It became the head while its last batch was on its way here.
            self.position = Position::At(state.seen);
        }
        while let Some(left) = state.left.remove(&head) {
            let ended = left.iter().any(|held| held.ended);
            self.pass_all(left);
            if !ended {
                // Nobody gets beyond a split that has failed.
                break;
            }
            if let Position::At(seen) = self.position {
                state.seen = seen;
            }
            head += 1;
        }
        shared.head.store(head, Ordering::Release);
    }

    /// The worker's input has ended. It may have left its split in the middle, for a stage before has
    /// failed: if the rows that came before that are enough, the failure does not matter.
    fn leave(&mut self, cx: &TaskContext) {
        self.leave_split(cx);
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        state.open = state.open.saturating_sub(1);
        if state.open == 0
            && let Some(left) = state.left.remove(&BEHIND_ALL)
        {
            self.position = Position::At(state.seen);
            self.pass_all(left);
        }
    }

    fn pass_all(&mut self, left: Vec<Held>) {
        for batch in left.into_iter().flat_map(|held| held.batches) {
            if let Position::At(start) = self.position {
                self.pass(batch, start);
            }
        }
    }

    /// Gives out what is ready, one batch at a time.
    fn give(&mut self, out: &mut Batch) -> OpStatus {
        let Some(batch) = self.ready.pop_front() else {
            return OpStatus::NeedInput;
        };
        *out = batch;
        if !self.ready.is_empty() {
            return OpStatus::HaveMore;
        }
        // Only the worker that passes the last row on has it in its output.
        let reached = matches!(self.position, Position::At(behind) if behind >= self.shared.end);
        if reached {
            OpStatus::Finished
        } else {
            OpStatus::NeedInput
        }
    }
}

impl LocalOperator for LocalLimit {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        if !self.consumed {
            if self.shared.done.load(Ordering::Acquire) {
                // Another worker has passed the last row on, and says so.
                return Ok(OpStatus::NeedInput);
            }
            self.take(input, cx)?;
        }
        let status = self.give(out);
        self.consumed = status == OpStatus::HaveMore;
        Ok(status)
    }

    fn flush(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<OpStatus> {
        if !std::mem::replace(&mut self.flushed, true) {
            self.leave(cx);
        }
        Ok(self.give(out))
    }
}

#[cfg(test)]
mod tests;
