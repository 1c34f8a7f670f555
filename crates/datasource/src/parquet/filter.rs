//! The filters of a scan over a split: their columns first, each filter in turn.

use std::sync::atomic::Ordering;

use esker_datatypes::{Batch, Column, Error, Order, Result, ScalarValue, Selection};
use esker_logical_plan::{ScanFilter, Verdict};
use esker_runtime::TaskContext;

use super::chunks::Pool;
use super::column::Rows;
use super::pages::PageStatistics;
use super::reader::Shared;
use super::split::Split;
use super::statistics::GroupStatistics;
use super::window::{Window, whole};

/// Filters that are tried together, and the columns that have to be decoded for them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stage {
    filters: Vec<usize>,
    columns: Vec<usize>,
    /// The columns that nobody looks at behind these filters.
    spent: Vec<usize>,
}

/// The windows of a split in which rows pass, and which columns have been decoded in them.
pub(super) struct Filtered {
    pub(super) windows: Vec<Window>,
    pub(super) decoded: Vec<bool>,
}

/// Tries the split's filters, until `wanted` rows have passed or all have been tried.
///
/// # Errors
/// `Io`, `Data`, `Cancelled`; `Evaluation` of a filter.
pub(super) fn filter(
    shared: &Shared,
    split: &Split,
    wanted: u64,
    pool: &mut Pool,
    cx: &mut TaskContext,
) -> Result<Filtered> {
    let batch_size = shared.batch_size;
    let windows = Window::cut(split.rows.clone(), batch_size);
    let mut windows: Vec<Window> = windows
        .filter(|window| may_pass(shared, split, window))
        .collect();
    let mut decoded = vec![false; shared.columns.len()];
    // With few rows wanted, all filters are tried on a window before the next is looked at.
    let stages = stages(shared, split, shared.limit < u64::MAX);
    for (i, stage) in stages.iter().enumerate() {
        if windows.is_empty() {
            break;
        }
        let last = i + 1 == stages.len();
        shared.load(split, &stage.columns, pool, cx)?;
        let group_rows = split.file.footer().rows(split.row_group);
        let rows = Rows {
            at_once: batch_size,
            selected: whole(&windows, group_rows),
        };
        let mut readers = Vec::with_capacity(stage.columns.len());
        for &slot in &stage.columns {
            readers.push((slot, shared.open_column(split, slot, rows.clone())?));
            if let Some(decoded) = decoded.get_mut(slot) {
                *decoded = true;
            }
        }
        shared.start_columns(split, &mut readers, pool)?;
        let mut passed = Vec::with_capacity(windows.len());
        let mut count = 0;
        for mut window in windows {
            cx.query.cancel_token().check()?;
            if window.columns.is_empty() {
                window.columns = absent(&shared.absent, window.rows);
            }
            for (slot, reader) in &mut readers {
                let rows = (window.rows, window.places());
                let column = shared.next_column(split, *slot, reader, rows, (pool, cx))?;
                if let Some(place) = window.columns.get_mut(*slot) {
                    *place = column;
                }
            }
            try_filters(shared, split, stage, &mut window, cx)?;
            stage.forget_spent(shared, &mut window, cx);
            if window.selection.is_none() {
                recycle(window, cx);
                continue;
            }
            count += window.selection.count() as u64;
            passed.push(window);
            if last && count >= wanted {
                break;
            }
        }
        for (_, reader) in readers {
            reader.recycle(&mut cx.buffers, pool);
        }
        windows = passed;
    }
    Ok(Filtered { windows, decoded })
}

/// Whether some row of the window may pass, as far as the pages say that it lies in.
fn may_pass(shared: &Shared, split: &Split, window: &Window) -> bool {
    let Some(index) = split.file.pages() else {
        return true;
    };
    let statistics = PageStatistics {
        group: &GroupStatistics::new(&split.file, split.row_group, &shared.columns),
        index,
        rows: window.start..window.start + window.rows,
    };
    let filters = split.filters.iter().filter_map(|&i| shared.filters.get(i));
    let dropped = |filter: &ScanFilter| filter.predicate.prune(&statistics) == Verdict::Drop;
    let may_pass = !filters.into_iter().any(dropped);
    if !may_pass {
        let rows = window.rows as u64;
        shared.rows_skipped.fetch_add(rows, Ordering::Relaxed);
    }
    may_pass
}

/// Gives back the buffers of a window.
pub(super) fn recycle(window: Window, cx: &mut TaskContext) {
    cx.buffers.recycle_selection(window.selection);
    let columns = window.columns.into_iter();
    columns.for_each(|column| cx.buffers.recycle_column(column));
}

/// Nulls for each column.
pub(super) fn absent(nulls: &[ScalarValue], rows: usize) -> Vec<Column> {
    let nulls = nulls.iter();
    nulls
        .map(|null| Column::constant(null.clone(), rows))
        .collect()
}

/// The filters of a split, cut where one needs columns that the ones before do not.
fn stages(shared: &Shared, split: &Split, at_once: bool) -> Vec<Stage> {
    let mut seen = vec![false; shared.columns.len()];
    let mut stages: Vec<Stage> = Vec::new();
    for &filter in &split.filters {
        let Some(scan_filter) = shared.filters.get(filter) else {
            continue;
        };
        let mut columns = Vec::new();
        for &column in scan_filter.predicate.columns() {
            if let Some(seen) = seen.get_mut(column).filter(|seen| !**seen) {
                *seen = true;
                columns.push(column);
            }
        }
        match stages.last_mut() {
            Some(stage) if columns.is_empty() || at_once => {
                stage.filters.push(filter);
                stage.columns.extend(columns);
            }
            _ => stages.push(Stage {
                filters: vec![filter],
                columns,
                spent: Vec::new(),
            }),
        }
    }
    let mut needed = shared.projection.clone();
    for stage in stages.iter_mut().rev() {
        let filters = stage.filters.iter().filter_map(|&i| shared.filters.get(i));
        for &column in filters.flat_map(|filter| filter.predicate.columns()) {
            if !needed.contains(&column) {
                needed.push(column);
                stage.spent.push(column);
            }
        }
    }
    stages
}

impl Stage {
    /// Gives back the buffers of columns that nobody will look at any more.
    fn forget_spent(&self, shared: &Shared, window: &mut Window, cx: &mut TaskContext) {
        for &slot in &self.spent {
            if let Some(column) = window.columns.get_mut(slot)
                && let Some(null) = shared.absent.get(slot)
            {
                let absent = Column::constant(null.clone(), window.rows);
                cx.buffers.recycle_column(std::mem::replace(column, absent));
            }
        }
    }
}

/// Narrows the window's selection by the filters of a stage.
fn try_filters(
    shared: &Shared,
    split: &Split,
    stage: &Stage,
    window: &mut Window,
    cx: &mut TaskContext,
) -> Result<()> {
    let columns = std::mem::take(&mut window.columns);
    let order = Order {
        ordinal: split.ordinal,
        ..Order::default()
    };
    let batch = Batch::new(columns, window.rows).with_order(order);
    let mut selection = std::mem::replace(&mut window.selection, Selection::all(0));
    for &filter in &stage.filters {
        if selection.is_none() {
            break;
        }
        let filter = shared.filters.get(filter);
        let filter = filter.ok_or_else(|| Error::internal("a filter that a scan has not"))?;
        filter
            .predicate
            .select(&batch, &mut selection, &mut cx.buffers)
            .map_err(|e| split.blame(e))?;
    }
    window.columns = batch.into_parts().0;
    window.selection = selection;
    Ok(())
}
