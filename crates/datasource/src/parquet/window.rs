//! Windows: the rows of a split in portions of a batch, narrowed by filters.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, UInt32Array, downcast_primitive};
use arrow::compute;
use arrow::datatypes::{ArrowPrimitiveType, UInt32Type};
use esker_datatypes::{Buffers, Column, Encoding, Error, Result, Selection};
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use super::selected::Selected;

/// Where at most one row of so many has passed, the others are not decoded.
const FEW: usize = 2;

/// As many neighbouring rows of a row group as a batch has, or fewer at the end of a split.
#[derive(Debug)]
pub(super) struct Window {
    /// The first of them, counted in the row group.
    pub(super) start: usize,
    pub(super) rows: usize,
    /// Those that passed the filters so far.
    pub(super) selection: Selection,
    /// One column for each that the scan reads; what has not been decoded is null throughout.
    pub(super) columns: Vec<Column>,
}

impl Window {
    /// The windows of these rows, without columns.
    pub(super) fn cut(rows: Range<usize>, batch_size: usize) -> impl Iterator<Item = Self> {
        rows.clone().step_by(batch_size).map(move |start| {
            let count = batch_size.min(rows.end - start);
            Self {
                start,
                rows: count,
                selection: Selection::all(count),
                columns: Vec::new(),
            }
        })
    }

    /// The rows that passed, where so few did that the others need not be decoded.
    pub(super) fn places(&self) -> Option<&[u32]> {
        let rows = self.selection.rows()?;
        (rows.len() * FEW <= self.rows).then_some(rows)
    }
}

/// The rows of the windows, which have passed or not, of a row group of `group_rows`.
pub(super) fn whole<'a>(
    windows: impl IntoIterator<Item = &'a Window>,
    group_rows: usize,
) -> Selected {
    let runs = windows.into_iter().map(|w| w.start..w.start + w.rows);
    let runs = join(runs);
    let all = matches!(runs.as_slice(), [run] if *run == (0..group_rows));
    if all {
        Selected::All
    } else {
        Selected::Runs(selection_of(&runs))
    }
}

/// The selected rows of the windows; `None` where 32 bits do not count them.
pub(super) fn picked<'a>(windows: impl IntoIterator<Item = &'a Window>) -> Option<Arc<[u32]>> {
    let mut picked = Vec::new();
    for window in windows {
        let start = u32::try_from(window.start).ok()?;
        u32::try_from(window.start + window.rows).ok()?;
        picked.extend(window.selection.iter().map(|row| start + row as u32));
    }
    Some(picked.into())
}

/// The rows of ascending runs.
fn selection_of(runs: &[Range<usize>]) -> RowSelection {
    let mut selectors = Vec::with_capacity(2 * runs.len());
    let mut at = 0;
    for run in runs {
        if run.start > at {
            selectors.push(RowSelector::skip(run.start - at));
        }
        selectors.push(RowSelector::select(run.end - run.start));
        at = run.end;
    }
    RowSelection::from(selectors)
}

fn join(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    ranges.for_each(|range| push(&mut runs, range));
    runs
}

fn push(runs: &mut Vec<Range<usize>>, range: Range<usize>) {
    match runs.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => runs.push(range),
    }
}

/// Some of the selected rows of a window: from one to another in its selection.
#[derive(Clone, Debug)]
pub(super) struct Portion<'a> {
    pub(super) window: &'a Window,
    pub(super) selected: Range<usize>,
}

impl Portion<'_> {
    /// The rows in the window, or `None` where they are those numbered `selected`.
    fn listed(&self) -> Option<&[u32]> {
        let rows = self.window.selection.rows()?;
        Some(rows.get(self.selected.clone()).unwrap_or_default())
    }
}

/// The values of a column in portions of windows.
///
/// # Errors
/// `Internal` for a column that is not there.
pub(super) fn gather(portions: &[Portion], column: usize, buffers: &mut Buffers) -> Result<Column> {
    let mut columns = Vec::with_capacity(portions.len());
    for portion in portions {
        let absent = || Error::internal(format!("no column {column} in a window"));
        columns.push(portion.window.columns.get(column).ok_or_else(absent)?);
    }
    if let Some((codes, values)) = same_dictionary(&columns) {
        let codes: Vec<&dyn Array> = codes.into_iter().map(|codes| codes as _).collect();
        let codes = gather_arrays(&codes, portions, buffers)?;
        let codes: UInt32Array = codes.as_primitive::<UInt32Type>().clone();
        return Ok(Column::dictionary(codes, values));
    }
    let flat: Vec<ArrayRef> = columns.iter().map(|column| column.to_flat()).collect();
    let flat: Vec<&dyn Array> = flat.iter().map(|array| array.as_ref()).collect();
    Ok(Column::flat(gather_arrays(&flat, portions, buffers)?))
}

/// The values of arrays, one for each portion, in the rows of these.
fn gather_arrays(
    arrays: &[&dyn Array],
    portions: &[Portion],
    buffers: &mut Buffers,
) -> Result<ArrayRef> {
    let Some(data_type) = arrays.first().map(|array| array.data_type()) else {
        return Err(Error::internal("values of no window"));
    };
    macro_rules! primitive {
        ($type:ty) => {{
            let rows: usize = portions.iter().map(|portion| portion.selected.len()).sum();
            let mut out = buffers.take::<<$type as ArrowPrimitiveType>::Native>(rows);
            for (array, portion) in arrays.iter().zip(portions) {
                let values: &[_] = array.as_primitive::<$type>().values();
                let value = |&row: &u32| {
                    debug_assert!((row as usize) < values.len());
                    values.get(row as usize).copied().unwrap_or_default()
                };
                match portion.listed() {
                    Some(rows) => out.extend(rows.iter().map(value)),
                    None => {
                        let values = values.get(portion.selected.clone());
                        out.extend_from_slice(values.unwrap_or_default());
                    }
                }
            }
            debug_assert_eq!(out.len(), rows);
            let values = PrimitiveArray::<$type>::new(out.into(), None);
            return Ok(Arc::new(values.with_data_type(data_type.clone())));
        }};
    }
    if arrays.iter().all(|array| array.null_count() == 0) {
        downcast_primitive! {
            data_type => (primitive),
            _ => {}
        }
    }
    let mut places = Vec::new();
    for (at, portion) in portions.iter().enumerate() {
        match portion.listed() {
            Some(rows) => places.extend(rows.iter().map(|&row| (at, row as usize))),
            None => places.extend(portion.selected.clone().map(|row| (at, row))),
        }
    }
    Ok(compute::interleave(arrays, &places)?)
}

/// The codes of columns that share a dictionary, and that.
fn same_dictionary<'a>(columns: &[&'a Column]) -> Option<(Vec<&'a UInt32Array>, ArrayRef)> {
    let mut shared: Option<&ArrayRef> = None;
    let mut all = Vec::with_capacity(columns.len());
    for column in columns {
        let Encoding::Dictionary { codes, values } = column.encoding() else {
            return None;
        };
        if shared.is_some_and(|shared| !Arc::ptr_eq(shared, values)) {
            return None;
        }
        shared = Some(values);
        all.push(codes);
    }
    shared.map(|values| (all, Arc::clone(values)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringViewArray};
    use arrow::datatypes::Int64Type;
    use esker_datatypes::ScalarValue;

    fn windows(selections: &[Selection]) -> Vec<Window> {
        let rows: usize = selections.iter().map(Selection::len).sum();
        let mut windows: Vec<Window> = Window::cut(10..10 + rows, 4).collect();
        for (window, selection) in windows.iter_mut().zip(selections) {
            window.selection = selection.clone();
        }
        windows
    }

    #[test]
    fn rows_are_cut_into_windows() {
        let check = |rows: Range<usize>, want: &[Range<usize>]| {
            let cut = Window::cut(rows, 4).map(|w| w.start..w.start + w.rows);
            assert_eq!(cut.collect::<Vec<_>>(), want);
        };
        check(0..0, &[]);
        check(0..8, &[0..4, 4..8]);
        check(5..11, &[5..9, 9..11]);
    }

    #[test]
    fn selections_name_rows_of_the_row_group() {
        let all = windows(&[
            Selection::from_rows(4, vec![0, 1, 3]),
            Selection::all(4),
            Selection::none(2),
        ]);
        let rows = picked(&all).unwrap();
        assert_eq!(*rows, [10, 11, 13, 14, 15, 16, 17]);
        let selectors = |selected: Selected| selected.to_runs().map(Vec::<RowSelector>::from);
        let want = [
            RowSelector::skip(10),
            RowSelector::select(2),
            RowSelector::skip(1),
            RowSelector::select(5),
        ];
        assert_eq!(selectors(Selected::Picked(rows)).unwrap(), want);
        let want = [RowSelector::skip(10), RowSelector::select(10)];
        assert_eq!(selectors(whole(&all, 20)).unwrap(), want);
        let first: Vec<Window> = Window::cut(0..9, 4).collect();
        assert!(selectors(whole(&first, 9)).is_none());
        assert!(selectors(whole(&first, 10)).is_some());
    }

    #[test]
    fn values_are_gathered_from_windows() {
        let mut windows = windows(&[Selection::from_rows(4, vec![1, 3]), Selection::all(2)]);
        let values: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "b"]));
        let gather_some = |windows: &[Window], column, selected: [Range<usize>; 2]| {
            let portions: Vec<Portion> = windows
                .iter()
                .zip(selected)
                .map(|(window, selected)| Portion { window, selected })
                .collect();
            gather(&portions, column, &mut Buffers::default())
        };
        let gather = |windows: &[Window], column| gather_some(windows, column, [0..2, 0..1]);
        let mut check = |columns: [Column; 2], coded, want: &[Option<&str>]| {
            for (window, column) in windows.iter_mut().zip(columns) {
                window.columns = vec![column];
            }
            let column = gather(&windows, 0).unwrap();
            let found = matches!(column.encoding(), Encoding::Dictionary { .. });
            assert_eq!(found, coded);
            let flat = column.to_flat();
            assert_eq!(flat.as_string_view().iter().collect::<Vec<_>>(), want);
        };
        let codes = |codes: Vec<Option<u32>>| UInt32Array::from(codes);
        let (left, right) = (
            codes(vec![Some(0), Some(1), Some(0), None]),
            codes(vec![Some(1), Some(0)]),
        );
        let shared = [
            Column::dictionary(left.clone(), Arc::clone(&values)),
            Column::dictionary(right.clone(), Arc::clone(&values)),
        ];
        check(shared, true, &[Some("b"), None, Some("b")]);
        let other: ArrayRef = Arc::new(StringViewArray::from(vec!["x", "y"]));
        let apart = [
            Column::dictionary(left, values),
            Column::dictionary(right, other),
        ];
        check(apart, false, &[Some("b"), None, Some("y")]);
        let constants = [
            Column::constant(ScalarValue::from("k"), 4),
            Column::flat(Arc::new(StringViewArray::from(vec!["x", "y"]))),
        ];
        check(constants, false, &[Some("k"), Some("k"), Some("x")]);
        let mut check = |left: Vec<Option<i64>>, selected, want: &[Option<i64>]| {
            let columns = [left, vec![Some(5), Some(6)]].map(Int64Array::from);
            for (window, column) in windows.iter_mut().zip(columns) {
                window.columns = vec![Column::flat(Arc::new(column))];
            }
            let found = gather_some(&windows, 0, selected).unwrap().to_flat();
            let found: Vec<_> = found.as_primitive::<Int64Type>().iter().collect();
            assert_eq!(found, want);
        };
        let numbers = || (1..5).map(Some).collect();
        check(numbers(), [0..2, 0..1], &[Some(2), Some(4), Some(5)]);
        check(numbers(), [1..2, 1..2], &[Some(4), Some(6)]);
        let with_nulls = || vec![Some(1), None, None, Some(4)];
        check(with_nulls(), [0..2, 0..1], &[None, Some(4), Some(5)]);
        check(with_nulls(), [1..2, 1..2], &[Some(4), Some(6)]);
        assert!(gather(&windows, 1).is_err());
    }
}
