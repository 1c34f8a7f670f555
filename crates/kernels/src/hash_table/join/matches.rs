//! What a look-up finds: the build rows of each probe row.

#![allow(
    clippy::indexing_slicing,
    reason = "ranges lie within the rows of the table that has found them"
)]

use crate::select::chunks::NO_ROW;

/// What a table has found for each selected row of a batch: see [`super::JoinTable::rows_of`].
#[derive(Debug, Default)]
pub struct Matches {
    pub(super) single: bool,
    /// If no two build rows have the same key: the build row, or [`NO_ROW`].
    pub(super) rows: Vec<u32>,
    /// Else.
    pub(super) ranges: Vec<Match>,
}

impl Matches {
    /// Nothing found for no rows.
    pub fn clear(&mut self) {
        self.single = false;
        self.rows.clear();
        self.ranges.clear();
    }

    /// The build row of each selected row, or [`NO_ROW`]: where the table [is
    /// unique](super::JoinTable::is_unique).
    #[inline]
    pub fn single(&self) -> Option<&[u32]> {
        self.single.then_some(&self.rows)
    }
}

/// The build rows of a key: a range of the table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// What is written down for a probe row.
pub(super) trait Answer: Copy + PartialEq {
    /// No build row.
    const NONE: Self;
    /// Not looked up yet.
    const UNKNOWN: Self;

    /// The build rows that stand in a range of the table's.
    fn of(range: Match, rows: &[u32]) -> Self;

    /// One build row and where it stands.
    fn of_one(place: u32, row: u32) -> Self;
}

impl Answer for Match {
    const NONE: Self = Self { start: 0, len: 0 };
    const UNKNOWN: Self = Self {
        start: u32::MAX,
        len: u32::MAX,
    };

    #[inline]
    fn of(range: Self, _rows: &[u32]) -> Self {
        range
    }

    #[inline]
    fn of_one(place: u32, _row: u32) -> Self {
        Self {
            start: place,
            len: 1,
        }
    }
}

/// The build row itself, where there is never more than one.
impl Answer for u32 {
    const NONE: Self = NO_ROW;
    const UNKNOWN: Self = NO_ROW - 1;

    #[inline]
    fn of(range: Match, rows: &[u32]) -> Self {
        rows[range.start as usize]
    }

    #[inline]
    fn of_one(_place: u32, row: u32) -> Self {
        row
    }
}
