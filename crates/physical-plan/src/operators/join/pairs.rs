//! Lists of pairs of a probe row and a build row, and the place where making them was left off.

#![allow(
    clippy::indexing_slicing,
    reason = "both lists have the same length, and what is kept is not behind what is looked at"
)]

use esker_datatypes::{Buffers, Selection};
use esker_kernels::select::chunks::NO_ROW;

/// Pairs of a row of the probe batch and a row id of the build side, in the order of the rows.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// Rows of the probe batch, ascending, with repeats.
    pub(super) rows: Vec<u32>,
    /// The build row of each, or [`NO_ROW`].
    pub(super) ids: Vec<u32>,
}

/// The next candidate: a number among the selected probe rows, and one among its candidates.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    slot: usize,
    offset: usize,
}

/// Behind the candidates of which rows a pair with [`NO_ROW`] is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// Of none.
    Never,
    /// Of those that have no candidates.
    IfNone,
    /// Of all.
    Always,
}

impl Pairs {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.ids.clear();
    }

    pub(super) fn push(&mut self, row: u32, id: u32) {
        self.rows.push(row);
        self.ids.push(id);
    }

    /// Keeps the pairs whose build row `keep` wants.
    pub(super) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        let mut kept = 0;
        for at in 0..self.ids.len() {
            // Asked once: the answer may change meanwhile.
            if self.ids.get(at).is_some_and(|&id| keep(id)) {
                self.rows.swap(kept, at);
                self.ids.swap(kept, at);
                kept += 1;
            }
        }
        self.rows.truncate(kept);
        self.ids.truncate(kept);
    }

    /// Appends up to `room` pairs, each selected row with the build row in its slot, if there is one,
    /// or `padded`.
    pub(super) fn fill_single(
        &mut self,
        cursor: &mut Cursor,
        selection: &Selection,
        ids: &[u32],
        (padded, room): (bool, usize),
    ) {
        let slots = ids.len().min(selection.count());
        let end = slots.min(cursor.slot.saturating_add(room));
        let ids = ids.get(cursor.slot..end).unwrap_or_default();
        let start = self.rows.len();
        match selection.rows() {
            None => self.rows.extend(cursor.slot as u32..end as u32),
            Some(rows) => {
                let rows = rows.get(cursor.slot..end).unwrap_or_default();
                self.rows.extend_from_slice(rows);
            }
        }
        self.ids.extend_from_slice(ids);
        if !padded {
            self.drop_unpaired(start);
        }
        cursor.slot = if end == slots { selection.count() } else { end };
    }

    /// A build row for each row of a batch: that of its pair, or any that there is. Of each row there
    /// is one pair at most.
    pub(super) fn spread(&self, rows: usize, buffers: &mut Buffers) -> Vec<u32> {
        let mut spread = buffers.take(rows);
        let (mut at, last) = (0, self.ids.len().saturating_sub(1));
        spread.extend((0..rows as u32).map(|row| {
            at += usize::from(at < last && self.rows[at] < row);
            self.ids[at]
        }));
        spread
    }

    /// Drops the pairs with [`NO_ROW`] from a place on: without a branch, for nobody can foretell
    /// which they are.
    fn drop_unpaired(&mut self, start: usize) {
        let (rows, ids) = (&mut self.rows, &mut self.ids);
        let mut kept = start;
        for at in start..ids.len() {
            let (row, id) = (rows[at], ids[at]);
            rows[kept] = row;
            ids[kept] = id;
            kept += usize::from(id != NO_ROW);
        }
        rows.truncate(kept);
        ids.truncate(kept);
    }

    /// Appends up to `room` pairs, each selected row with its candidates in their order, from where
    /// the cursor stands. Rows for which `skip` holds get no more of them.
    pub(super) fn fill<'a>(
        &mut self,
        cursor: &mut Cursor,
        selection: &Selection,
        candidates: impl Fn(usize) -> &'a [u32],
        (ends, mut room): (Ends, usize),
        skip: impl Fn(u32) -> bool,
    ) {
        let slots = selection.count();
        let rows = selection.rows();
        while cursor.slot < slots {
            let slot = cursor.slot;
            let row = match rows {
                None => slot as u32,
                Some(rows) => rows.get(slot).copied().unwrap_or_default(),
            };
            let all = candidates(slot);
            let left = if skip(row) {
                &[]
            } else {
                all.get(cursor.offset..).unwrap_or_default()
            };
            let end = match ends {
                Ends::Never => false,
                Ends::IfNone => all.is_empty(),
                Ends::Always => true,
            };
            let some = left.get(..room).unwrap_or(left);
            match some {
                &[id] => self.push(row, id),
                some => {
                    self.rows.extend(std::iter::repeat_n(row, some.len()));
                    self.ids.extend_from_slice(some);
                }
            }
            room -= some.len();
            cursor.offset += some.len();
            if some.len() < left.len() || (end && room == 0) {
                return;
            }
            if end {
                self.push(row, NO_ROW);
                room -= 1;
            }
            *cursor = Cursor {
                slot: slot + 1,
                offset: 0,
            };
        }
    }
}

impl Cursor {
    /// Whether none has been made yet.
    pub(super) fn is_at_start(self) -> bool {
        self.slot == 0 && self.offset == 0
    }

    /// Behind all.
    pub(super) fn behind(selection: &Selection) -> Self {
        Self {
            slot: selection.count(),
            offset: 0,
        }
    }

    /// Whether all candidates of this selection have been made.
    pub(super) fn is_behind(self, selection: &Selection) -> bool {
        self.slot >= selection.count()
    }
}
