//! What a split delivers: the rows that passed, with the columns that were not needed to know so.

use std::collections::VecDeque;
use std::sync::Arc;

use esker_datatypes::{Column, Error, Result, Selection};
use esker_runtime::TaskContext;

use super::chunks::Pool;
use super::column::{ColumnReader, Rows};
use super::filter::{Filtered, absent, filter, recycle};
use super::reader::Shared;
use super::selected::Selected;
use super::split::Split;
use super::window::{Portion, Window, gather, picked, whole};

/// Selected rows alone are decoded where at most one in so many is,
const SPARSE: usize = 4;
/// and, for columns that the `parquet` crate decodes, there is at most one run of them in so many
/// rows: to skip and begin anew costs it as much as decoding dozens of rows. Tests have few rows.
const ROWS_PER_RUN: usize = if cfg!(test) { 4 } else { 32 };

/// The rows of a split that are still to be delivered.
pub(super) struct Delivery {
    windows: VecDeque<Window>,
    /// Which columns the windows hold.
    decoded: Vec<bool>,
    /// The others, where they are delivered.
    rest: Vec<(usize, ColumnReader)>,
    /// Where the rows are that the readers give, when they give selected ones only.
    sparse: Option<Sparse>,
}

/// Selected rows: the window that the next one is in and its place in the selection.
#[derive(Default)]
struct Sparse {
    window: usize,
    at: usize,
    /// How many rows there are still.
    left: usize,
}

impl Sparse {
    /// The next rows, which are `count` or those that are left.
    fn next<'a>(&mut self, windows: &'a [Window], count: usize) -> Vec<Portion<'a>> {
        let (mut portions, mut wanted) = (Vec::new(), count.min(self.left));
        self.left -= wanted;
        while wanted > 0
            && let Some(window) = windows.get(self.window)
        {
            let selected = window.selection.count();
            let end = selected.min(self.at + wanted);
            portions.push(Portion {
                window,
                selected: self.at..end,
            });
            wanted -= end - self.at;
            self.at = end;
            if end == selected {
                (self.window, self.at) = (self.window + 1, 0);
            }
        }
        debug_assert_eq!(wanted, 0, "as many rows as were counted");
        portions
    }
}

impl Delivery {
    /// Finds the rows that pass the filters and prepares to read the rest of them.
    ///
    /// # Errors
    /// `Io`, `Data`, `Cancelled`; `Evaluation` of a filter.
    pub(super) fn start(
        shared: &Shared,
        split: &Split,
        pool: &mut Pool,
        cx: &mut TaskContext,
    ) -> Result<Self> {
        let left = usize::try_from(shared.limit).unwrap_or(usize::MAX);
        let Filtered {
            mut windows,
            decoded,
        } = if split.filters.is_empty() {
            let start = split.rows.start;
            let end = split.rows.end.min(start.saturating_add(left));
            Filtered {
                windows: Window::cut(start..end, shared.batch_size).collect(),
                decoded: vec![false; shared.columns.len()],
            }
        } else {
            filter(shared, split, shared.limit, pool, cx)?
        };
        keep_first(&mut windows, left);
        let mut slots: Vec<usize> = shared.projection.clone();
        slots.retain(|&slot| decoded.get(slot) == Some(&false));
        slots.sort_unstable();
        slots.dedup();
        let mut delivery = Self {
            windows: windows.into(),
            decoded,
            rest: Vec::with_capacity(slots.len()),
            sparse: None,
        };
        if delivery.windows.is_empty() || slots.is_empty() {
            return Ok(delivery);
        }
        shared.load(split, &slots, pool, cx)?;
        let group_rows = split.file.footer().rows(split.row_group);
        let mut rows = Rows {
            at_once: shared.batch_size,
            selected: whole(&delivery.windows, group_rows),
        };
        let picks = slots.iter().all(|&slot| shared.picks(split, slot));
        if let Some(picked) = delivery.sparse_rows(picks) {
            delivery.sparse = Some(Sparse {
                left: picked.len(),
                ..Sparse::default()
            });
            rows.selected = Selected::Picked(picked);
        }
        for slot in slots {
            let reader = shared.open_column(split, slot, rows.clone())?;
            delivery.rest.push((slot, reader));
        }
        shared.start_columns(split, &mut delivery.rest, pool)?;
        Ok(delivery)
    }

    /// The selected rows, when it pays to decode these alone; `picks` says that it matters little how
    /// they lie.
    fn sparse_rows(&self, picks: bool) -> Option<Arc<[u32]>> {
        let all: usize = self.windows.iter().map(|window| window.rows).sum();
        let selected: usize = self.windows.iter().map(|w| w.selection.count()).sum();
        if selected * SPARSE > all {
            return None;
        }
        let rows = picked(&self.windows)?;
        let pairs = rows.iter().zip(rows.iter().skip(1));
        let gaps = pairs.filter(|&(&left, &right)| left + 1 < right).count();
        (picks || (gaps + 1) * ROWS_PER_RUN <= all).then_some(rows)
    }

    /// Whether all has been given.
    pub(super) fn is_finished(&self) -> bool {
        match &self.sparse {
            Some(sparse) => sparse.left == 0,
            None => self.windows.is_empty(),
        }
    }

    /// Gives the buffers back.
    pub(super) fn recycle(self, pool: &mut Pool, cx: &mut TaskContext) {
        for (_, reader) in self.rest {
            reader.recycle(&mut cx.buffers, pool);
        }
        let windows = self.windows.into_iter();
        windows.for_each(|window| recycle(window, cx));
    }

    /// The next rows: the delivered columns and which of their rows count.
    ///
    /// # Errors
    /// `Data`.
    pub(super) fn next(
        &mut self,
        shared: &Shared,
        split: &Split,
        pool: &mut Pool,
        cx: &mut TaskContext,
    ) -> Result<Option<(Vec<Column>, Selection)>> {
        if self.is_finished() {
            return Ok(None);
        }
        match self.sparse {
            Some(_) => self.next_selected(shared, split, pool, cx).map(Some),
            None => self.next_window(shared, split, pool, cx),
        }
    }

    /// A window, with its selection.
    fn next_window(
        &mut self,
        shared: &Shared,
        split: &Split,
        pool: &mut Pool,
        cx: &mut TaskContext,
    ) -> Result<Option<(Vec<Column>, Selection)>> {
        let Some(mut window) = self.windows.pop_front() else {
            return Ok(None);
        };
        if window.columns.is_empty() {
            window.columns = absent(&shared.absent, window.rows);
        }
        for (slot, reader) in &mut self.rest {
            let rows = (window.rows, window.places());
            let column = shared.next_column(split, *slot, reader, rows, (pool, cx))?;
            if let Some(place) = window.columns.get_mut(*slot) {
                *place = column;
            }
        }
        let mut delivered = Vec::with_capacity(shared.projection.len());
        for &slot in &shared.projection {
            let column = window.columns.get(slot);
            delivered.push(column.ok_or_else(|| astray(slot))?.clone());
        }
        let selection = std::mem::replace(&mut window.selection, Selection::all(0));
        recycle(window, cx);
        Ok(Some((delivered, selection)))
    }

    /// Selected rows of any number of windows.
    fn next_selected(
        &mut self,
        shared: &Shared,
        split: &Split,
        pool: &mut Pool,
        cx: &mut TaskContext,
    ) -> Result<(Vec<Column>, Selection)> {
        let Some(sparse) = &mut self.sparse else {
            return Err(Error::internal("no rows are selected"));
        };
        let rows = sparse.left.min(shared.batch_size);
        let portions = sparse.next(self.windows.make_contiguous(), rows);
        let mut rest = Vec::with_capacity(self.rest.len());
        for (slot, reader) in &mut self.rest {
            let column = shared.next_column(split, *slot, reader, (rows, None), (pool, cx))?;
            rest.push((*slot, column));
        }
        let mut delivered = Vec::with_capacity(shared.projection.len());
        for &slot in &shared.projection {
            if self.decoded.get(slot) == Some(&true) {
                delivered.push(gather(&portions, slot, &mut cx.buffers)?);
                continue;
            }
            let column = rest.iter().find(|(of, _)| *of == slot);
            delivered.push(column.ok_or_else(|| astray(slot))?.1.clone());
        }
        Ok((delivered, Selection::all(rows)))
    }
}

/// Keeps the first `count` selected rows.
fn keep_first(windows: &mut Vec<Window>, count: usize) {
    let mut left = count;
    windows.retain_mut(|window| {
        window.selection.slice(0, left);
        left -= window.selection.count();
        !window.selection.is_none()
    });
}

fn astray(slot: usize) -> Error {
    Error::internal(format!("column {slot} of a scan has not been read"))
}
