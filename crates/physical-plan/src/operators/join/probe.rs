//! From pairs to batches: what hash joins and nested loops share.

use std::sync::Arc;

use esker_datatypes::{Batch, Column, Result, Selection};
use esker_kernels::select::chunks::NO_ROW;
use esker_runtime::TaskContext;

use super::built::Built;
use super::filter::take;
use super::pairs::{Cursor, Ends, Pairs};
use super::{Emit, Shared};
use crate::expression::ProgramState;
use crate::pipeline::{LocalOperator, OpStatus};

/// How many lists of candidates are tried before the driver may have a look at other things.
const TRIES: usize = 16;

/// Finds, for each probe row, the build rows it may be paired with.
pub(super) trait Candidates: Send {
    /// Looks at the next probe batch.
    fn find(&mut self, input: &Batch, built: &Built, cx: &mut TaskContext) -> Result<()>;

    /// The candidates of the `slot`-th selected row of that batch, ascending.
    fn of<'a>(&'a self, built: &'a Built, slot: usize) -> &'a [u32];

    /// The one candidate of each selected row or [`NO_ROW`], if none has more.
    fn single(&self) -> Option<&[u32]> {
        None
    }
}

/// One worker's probe. A batch with many pairs gives many batches: where it was left off is kept.
pub(super) struct LocalProbe<C> {
    shared: Arc<Shared>,
    candidates: C,
    /// The batch being probed.
    input: Batch,
    /// There is more of it.
    busy: bool,
    cursor: Cursor,
    /// Pairs to be given.
    pairs: Pairs,
    /// Pairs that have not met the condition yet.
    tried: Pairs,
    /// With a condition: whether the row that the cursor stands at has a match already.
    row_matched: bool,
    /// With a condition, where only matches count: which rows have one.
    matched: Vec<bool>,
    state: ProgramState,
}

impl<C: Candidates> LocalProbe<C> {
    pub(super) fn new(shared: Arc<Shared>, candidates: C) -> Self {
        Self {
            shared,
            candidates,
            input: Batch::default(),
            busy: false,
            cursor: Cursor::default(),
            pairs: Pairs::default(),
            tried: Pairs::default(),
            row_matched: false,
            matched: Vec::new(),
            state: ProgramState::default(),
        }
    }

    /// Takes the next batch in.
    fn start(&mut self, input: &mut Batch, built: &Built, cx: &mut TaskContext) -> Result<()> {
        let order = input.order();
        self.input = std::mem::take(input);
        input.set_order(order);
        (self.cursor, self.row_matched) = (Cursor::default(), false);
        self.pairs.clear();
        self.candidates.find(&self.input, built, cx)?;
        if self.shared.filter.is_some() {
            self.matched.clear();
            self.matched.resize(self.input.rows(), false);
        } else if self.shared.rest.is_some() {
            if let Some(ids) = self.candidates.single() {
                ids.iter().for_each(|&id| built.marks.set(id));
                return Ok(());
            }
            for slot in 0..self.input.selected() {
                built.marks.set_all(self.candidates.of(built, slot));
            }
        }
        Ok(())
    }

    /// Makes the next pairs, up to `room` of them, and says whether there may be more.
    fn make_pairs(
        &mut self,
        padded: bool,
        room: usize,
        built: &Built,
        cx: &mut TaskContext,
    ) -> Result<bool> {
        let candidates = &self.candidates;
        let of = |slot| candidates.of(built, slot);
        let (selection, cursor) = (self.input.selection(), &mut self.cursor);
        let Some(filter) = &self.shared.filter else {
            if let Some(ids) = candidates.single() {
                let room = (padded, room);
                self.pairs.fill_single(cursor, selection, ids, room);
                return Ok(!cursor.is_behind(selection));
            }
            let ends = if padded { Ends::IfNone } else { Ends::Never };
            self.pairs
                .fill(cursor, selection, of, (ends, room), |_| false);
            return Ok(!cursor.is_behind(selection));
        };
        let ends = if padded { Ends::Always } else { Ends::Never };
        self.tried.clear();
        self.tried
            .fill(cursor, selection, of, (ends, room), |_| false);
        let more = !cursor.is_behind(selection);
        let (state, buffers) = (&mut self.state, &mut cx.buffers);
        let kept = filter.select(&self.input, built, &self.tried, state, buffers)?;
        let marks = self.shared.rest.is_some();
        let mut kept = kept.iter().peekable();
        let tried = self.tried.rows.iter().zip(&self.tried.ids);
        for (at, (&row, &id)) in tried.enumerate() {
            if kept.next_if_eq(&at).is_some() {
                self.pairs.push(row, id);
                self.row_matched = true;
                if marks {
                    built.marks.set(id);
                }
            } else if id == NO_ROW && !std::mem::take(&mut self.row_matched) {
                self.pairs.push(row, NO_ROW);
            }
        }
        Ok(more)
    }

    /// Gives pairs.
    fn give_pairs(
        &mut self,
        padded: bool,
        out: &mut Batch,
        built: &Built,
        cx: &mut TaskContext,
    ) -> Result<bool> {
        if self.give_whole(padded, out, built, cx)? {
            return Ok(false);
        }
        let size = self.shared.batch_size;
        let mut more = true;
        for _ in 0..TRIES {
            more = self.make_pairs(padded, size - self.pairs.len(), built, cx)?;
            if !more || self.pairs.len() >= size.div_ceil(2) {
                break;
            }
        }
        self.put(out, built, cx)?;
        Ok(more)
    }

    /// Gives the whole batch as it is, if each row of it is in one pair at most and most are in one:
    /// the others are not selected. Whether it did.
    fn give_whole(
        &mut self,
        padded: bool,
        out: &mut Batch,
        built: &Built,
        cx: &mut TaskContext,
    ) -> Result<bool> {
        let rows = self.input.rows();
        let all = self.input.selection().is_all() && rows <= self.shared.batch_size;
        let fresh = self.cursor.is_at_start() && self.pairs.len() == 0;
        if !all || !fresh || self.shared.filter.is_some() {
            return Ok(false);
        }
        let Some(ids) = self.candidates.single().filter(|ids| ids.len() == rows) else {
            return Ok(false);
        };
        let paired = ids.iter().filter(|&&id| id != NO_ROW).count();
        let width = self.shared.payload.len();
        let (build, selection) = if padded || paired == rows {
            (built.gather(width, ids, &mut cx.buffers)?, None)
        } else if paired >= rows.div_ceil(2) {
            // Where there is no build row, any will do.
            let any = ids
                .iter()
                .find(|&&id| id != NO_ROW)
                .copied()
                .unwrap_or(NO_ROW);
            let mut some = cx.buffers.take::<u32>(rows);
            some.extend(ids.iter().map(|&id| if id == NO_ROW { any } else { id }));
            let build = built.gather(width, &some, &mut cx.buffers)?;
            cx.buffers.give(some);
            let mut selection = Selection::all(rows);
            selection.retain(|row| ids.get(row).is_some_and(|&id| id != NO_ROW));
            (build, Some(selection))
        } else {
            return Ok(false);
        };
        self.put_columns(self.input.columns().to_vec(), build, rows, out);
        if let Some(selection) = selection {
            *out.selection_mut() = selection;
        }
        self.cursor = Cursor::behind(self.input.selection());
        Ok(true)
    }

    /// Puts the columns of both sides into a batch.
    fn put_columns(&self, probe: Vec<Column>, build: Vec<Column>, rows: usize, out: &mut Batch) {
        let (mut columns, last) = if self.shared.build_first {
            (build, probe)
        } else {
            (probe, build)
        };
        columns.extend(last);
        out.replace(columns, rows);
    }

    /// Puts the pairs into a batch.
    fn put(&mut self, out: &mut Batch, built: &Built, cx: &mut TaskContext) -> Result<()> {
        let pairs = &mut self.pairs;
        if pairs.len() == 0 {
            return Ok(());
        }
        let (mut rows, width) = (self.input.rows(), self.shared.payload.len());
        let mut selection = None;
        // Most rows, once each: they pass as they are, and the others are not selected.
        let pass = pairs.len() >= rows.div_ceil(2) && pairs.rows.is_sorted_by(|a, b| a < b);
        let (probe, build) = if pass {
            let build = if pairs.len() == rows {
                built.gather(width, &pairs.ids, &mut cx.buffers)?
            } else {
                let ids = pairs.spread(rows, &mut cx.buffers);
                let build = built.gather(width, &ids, &mut cx.buffers)?;
                cx.buffers.give(ids);
                build
            };
            selection = Some(Selection::from_rows(rows, std::mem::take(&mut pairs.rows)));
            (self.input.columns().to_vec(), build)
        } else {
            rows = pairs.len();
            let probe = self.input.columns().iter();
            let probe = probe.map(|column| take(column, &pairs.rows, &mut cx.buffers));
            let probe = probe.collect::<Result<Vec<_>>>()?;
            (probe, built.gather(width, &pairs.ids, &mut cx.buffers)?)
        };
        self.pairs.clear();
        self.put_columns(probe, build, rows, out);
        if let Some(selection) = selection {
            *out.selection_mut() = selection;
        }
        Ok(())
    }

    /// Finds out which rows have a match, and says whether there is more to find out.
    fn find_matches(&mut self, built: &Built, cx: &mut TaskContext) -> Result<bool> {
        let candidates = &self.candidates;
        let of = |slot| candidates.of(built, slot);
        let Some(filter) = &self.shared.filter else {
            return Ok(false);
        };
        let marks = self.shared.rest.is_some();
        let one_is_enough = filter.never_fails();
        let (selection, cursor) = (self.input.selection(), &mut self.cursor);
        for _ in 0..TRIES {
            let (matched, tried) = (&mut self.matched, &mut self.tried);
            let skip = |row: u32| one_is_enough && matched.get(row as usize) == Some(&true);
            tried.clear();
            let room = (Ends::Never, self.shared.batch_size);
            tried.fill(cursor, selection, of, room, skip);
            if marks && one_is_enough {
                tried.retain(|id| !built.marks.is_set(id));
            }
            let (state, buffers) = (&mut self.state, &mut cx.buffers);
            let kept = filter.select(&self.input, built, tried, state, buffers)?;
            for at in kept.iter() {
                if marks {
                    tried
                        .ids
                        .get(at)
                        .iter()
                        .for_each(|id| built.marks.set(**id));
                } else if let Some(&row) = tried.rows.get(at)
                    && let Some(matched) = matched.get_mut(row as usize)
                {
                    *matched = true;
                }
            }
            if cursor.is_behind(selection) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives the rows that have a match, or those that have none.
    fn give_rows(&mut self, wanted: bool, out: &mut Batch, built: &Built) {
        std::mem::swap(out, &mut self.input);
        let selection = out.selection_mut();
        if self.shared.filter.is_none()
            && let Some(ids) = self.candidates.single()
        {
            let mut ids = ids.iter();
            selection.retain(|_| (ids.next() != Some(&NO_ROW)) == wanted);
        } else if self.shared.filter.is_some() {
            let matched = &self.matched;
            selection.retain(|row| matched.get(row) == Some(&wanted));
        } else {
            let (mut slot, candidates) = (0, &self.candidates);
            selection.retain(|_| {
                let none = candidates.of(built, slot).is_empty();
                slot += 1;
                none != wanted
            });
        }
    }
}

impl<C: Candidates> LocalOperator for LocalProbe<C> {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        let shared = Arc::clone(&self.shared);
        let built = shared.built()?;
        if !self.busy {
            self.start(input, built, cx)?;
        }
        self.busy = match shared.emit {
            Emit::Pairs { padded } => self.give_pairs(padded, out, built, cx)?,
            Emit::Matched | Emit::Unmatched | Emit::Nothing => self.find_matches(built, cx)?,
        };
        if self.busy {
            return Ok(OpStatus::HaveMore);
        }
        match shared.emit {
            Emit::Matched => self.give_rows(true, out, built),
            Emit::Unmatched => self.give_rows(false, out, built),
            Emit::Pairs { .. } | Emit::Nothing => {}
        }
        cx.buffers.recycle_batch(&mut self.input);
        Ok(OpStatus::NeedInput)
    }
}
