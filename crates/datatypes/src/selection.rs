//! Which rows of a batch count.

use std::cell::Cell;

use arrow::array::{Array, BooleanArray};

/// The rows of a batch that count: all, or an ascending list of row numbers.
///
/// Filters select, they do not copy; every kernel takes the selection along, so that a row that a
/// filter removed is neither computed nor able to raise an error.
///
/// ```
/// use esker_datatypes::Selection;
/// let mut selection = Selection::all(4);
/// selection.retain(|row| row % 2 == 1);
/// assert_eq!(selection.iter().collect::<Vec<_>>(), [1, 3]);
/// assert_eq!((selection.count(), selection.len()), (2, 4));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    len: usize,
    /// Ascending, without repeats, below `len`; `None` when all rows count.
    rows: Option<Vec<u32>>,
}

impl Selection {
    /// All of `len` rows.
    pub fn all(len: usize) -> Self {
        debug_assert!(u32::try_from(len).is_ok(), "a batch has at most 2^32 rows");
        Self { len, rows: None }
    }

    /// None of `len` rows.
    pub fn none(len: usize) -> Self {
        Self {
            len,
            rows: Some(Vec::new()),
        }
    }

    /// These of `len` rows, which must be ascending, without repeats, and below `len`.
    pub fn from_rows(len: usize, rows: Vec<u32>) -> Self {
        debug_assert!(rows.is_sorted_by(|a, b| a < b), "rows ascend");
        debug_assert!(
            rows.last().is_none_or(|&r| (r as usize) < len),
            "rows are in range"
        );
        let rows = (rows.len() < len).then_some(rows);
        Self { len, rows }
    }

    /// The rows at which a mask is true (not false, not null).
    pub fn from_mask(mask: &BooleanArray) -> Self {
        let mut selection = Self::all(mask.len());
        selection.retain_true(mask);
        selection
    }

    /// How many rows the batch has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the batch has no rows at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many rows count.
    pub fn count(&self) -> usize {
        self.rows.as_ref().map_or(self.len, Vec::len)
    }

    /// Whether every row counts.
    pub fn is_all(&self) -> bool {
        self.rows.is_none()
    }

    /// Whether no row counts.
    pub fn is_none(&self) -> bool {
        self.count() == 0
    }

    /// The list of rows that count, or `None` when all do.
    pub fn rows(&self) -> Option<&[u32]> {
        self.rows.as_deref()
    }

    /// The list of rows that count, to be used again, or `None` when all do.
    pub fn into_rows(self) -> Option<Vec<u32>> {
        self.rows
    }

    /// The rows that count, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let all = if self.rows.is_none() {
            0..self.len
        } else {
            0..0
        };
        all.chain(self.rows.iter().flatten().map(|&row| row as usize))
    }

    /// Keeps the rows for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(usize) -> bool) {
        match &mut self.rows {
            Some(rows) => retain(rows, keep),
            None => {
                let mut rows: Vec<u32> = (0..self.len as u32).collect();
                retain(&mut rows, keep);
                self.rows = (rows.len() < self.len).then_some(rows);
            }
        }
    }

    /// Keeps the rows at which a mask of the batch's length is true (not false, not null).
    pub fn retain_true(&mut self, mask: &BooleanArray) {
        debug_assert_eq!(mask.len(), self.len);
        let values = match mask.nulls() {
            Some(nulls) => mask.values() & nulls.inner(),
            None => mask.values().clone(),
        };
        match &mut self.rows {
            Some(rows) => retain(rows, |row| values.value(row)),
            None => {
                let count = values.count_set_bits();
                if count < self.len {
                    let mut rows = Vec::with_capacity(count);
                    rows.extend(values.set_indices_u32());
                    self.rows = Some(rows);
                }
            }
        }
    }

    /// Drops the first `offset` rows that count and keeps at most `limit` of the rest.
    pub fn slice(&mut self, offset: usize, limit: usize) {
        let end = offset.saturating_add(limit).min(self.count());
        let start = offset.min(end);
        if start == 0 && end == self.count() {
            return;
        }
        match &mut self.rows {
            Some(rows) => {
                rows.truncate(end);
                rows.drain(..start);
            }
            None => self.rows = Some((start as u32..end as u32).collect()),
        }
    }
}

/// Keeps some rows: without a branch, for nobody can foretell which they are.
fn retain(rows: &mut Vec<u32>, mut keep: impl FnMut(usize) -> bool) {
    let (mut kept, all) = (0, Cell::from_mut(rows.as_mut_slice()).as_slice_of_cells());
    for row in all {
        let row = row.get();
        if let Some(place) = all.get(kept) {
            place.set(row);
        }
        kept += usize::from(keep(row as usize));
    }
    rows.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_true_rows_only() {
        let mask = BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]);
        let mut selection = Selection::from_mask(&mask);
        assert_eq!(selection.rows(), Some([0, 3].as_slice()));
        selection.retain_true(&BooleanArray::from(vec![false, true, true, true]));
        assert_eq!(selection.rows(), Some([3].as_slice()));
        let all = Selection::from_mask(&BooleanArray::from(vec![true, true]));
        assert!(all.is_all());
        assert!(Selection::from_mask(&BooleanArray::from(vec![None, None])).is_none());
    }

    #[test]
    fn slices_count_selected_rows() {
        let check = |mut selection: Selection, offset, limit, want: &[usize]| {
            selection.slice(offset, limit);
            assert_eq!(selection.iter().collect::<Vec<_>>(), want);
        };
        check(Selection::all(5), 1, 2, &[1, 2]);
        check(Selection::all(5), 0, usize::MAX, &[0, 1, 2, 3, 4]);
        check(Selection::all(5), 9, 1, &[]);
        check(Selection::from_rows(9, vec![2, 4, 6]), 1, 1, &[4]);
        check(Selection::from_rows(9, vec![2, 4, 6]), 0, 0, &[]);
        check(Selection::all(0), 0, 3, &[]);
    }
}
