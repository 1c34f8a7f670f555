//! How far a query has come.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the sources of a query have read so far. Workers add to it once a batch or split; anyone
/// may look at any time.
///
/// ```
/// use esker_runtime::Progress;
/// let progress = Progress::default();
/// progress.add_splits(4);
/// progress.add_rows(1000);
/// progress.finish_splits(1);
/// let now = progress.snapshot();
/// assert_eq!((now.rows, now.splits_done, now.splits), (1000, 1, 4));
/// assert_eq!(now.fraction(), Some(0.25));
/// ```
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    bytes: AtomicU64,
    splits: AtomicU64,
    splits_done: AtomicU64,
}

impl Progress {
    /// Rows were read.
    pub fn add_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Bytes were read.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Splits to read became known.
    pub fn add_splits(&self, splits: u64) {
        self.splits.fetch_add(splits, Ordering::Relaxed);
    }

    /// Splits were read to their end, or need not be read.
    pub fn finish_splits(&self, splits: u64) {
        self.splits_done.fetch_add(splits, Ordering::Relaxed);
    }

    /// The numbers now; each is true by itself, they may be of slightly different moments.
    pub fn snapshot(&self) -> ProgressSnapshot {
        ProgressSnapshot {
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            splits_done: self.splits_done.load(Ordering::Relaxed),
            splits: self.splits.load(Ordering::Relaxed),
        }
    }
}

/// The numbers of a [`Progress`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgressSnapshot {
    /// Rows read from sources.
    pub rows: u64,
    /// Bytes read from sources.
    pub bytes: u64,
    /// Splits that are done.
    pub splits_done: u64,
    /// Splits that are known.
    pub splits: u64,
}

impl ProgressSnapshot {
    /// The part of the known splits that is done, from 0 to 1; `None` while none is known.
    pub fn fraction(&self) -> Option<f64> {
        (self.splits > 0).then(|| self.splits_done.min(self.splits) as f64 / self.splits as f64)
    }
}
