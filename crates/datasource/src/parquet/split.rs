//! The splits of a scan: row groups, or pieces of them, in the order of the files.

use std::ops::Range;
use std::sync::Arc;

use esker_datatypes::{Error, Result};
use esker_logical_plan::{ScanFilter, Verdict};

use super::chunks::RowGroupBytes;
use super::file::{OpenFile, ParquetFile};
use super::statistics::GroupStatistics;

/// Into so many pieces row groups are cut by all workers together, where each could have one of its
/// own: four for each of two workers, two for each of more.
const MOST_PIECES: usize = 8;

/// Some rows of a row group.
#[derive(Clone, Debug)]
pub(super) struct Split {
    /// Its number.
    pub(super) ordinal: u64,
    pub(super) file: OpenFile,
    pub(super) row_group: usize,
    pub(super) rows: Range<usize>,
    pub(super) bytes: Arc<RowGroupBytes>,
    /// The filters that are to be tried, by position; the others let all of these rows pass.
    pub(super) filters: Vec<usize>,
}

impl Split {
    /// An error with the place where it happened.
    pub(super) fn blame(&self, error: Error) -> Error {
        error.at_row_group(self.row_group).in_file(self.file.path())
    }
}

/// Where the next split starts.
#[derive(Debug)]
pub(super) struct Cursor {
    files: Vec<Arc<ParquetFile>>,
    /// How many row groups they have.
    groups: usize,
    /// The file that is read, once it is open.
    open: Option<OpenFile>,
    file: usize,
    row_group: usize,
    /// The first row of the row group that is in no split yet.
    row: usize,
    bytes: Arc<RowGroupBytes>,
    /// Whether a split holds some of its rows.
    taken: bool,
    splits: u64,
    /// How many rows there are from here on, and how many may be planned still.
    left: u64,
    wanted: u64,
    counts: Counts,
}

/// What a scan did with the row groups.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) row_groups: u64,
    /// Those of which no row was read.
    pub(super) pruned: u64,
}

/// What a cursor needs to know of its scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    /// The columns that are read, by position in the file.
    pub(super) columns: &'a [usize],
    pub(super) filters: &'a [ScanFilter],
    pub(super) prune: bool,
    /// How many rows a split has at most,
    pub(super) split_rows: usize,
    /// and while a filter is undecided.
    pub(super) first_rows: usize,
    /// How many rows it has at least, unless it may not have so many.
    pub(super) least_rows: usize,
    pub(super) workers: usize,
    pub(super) batch_size: usize,
}

/// What a cursor has before it.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// How many rows are left of the row group, of how many.
    of_group: usize,
    group_rows: usize,
    /// How many rows are left of the scan.
    of_scan: u64,
    /// How many row groups all files have.
    groups: usize,
}

impl Plan<'_> {
    /// How many of the next rows to give.
    ///
    /// At most a worker's share of what is left, so that all are done at about the same time
    /// (Polychronopoulos and Kuck, Guided Self-Scheduling, 1987). Where the files have a row group
    /// for each worker, none is cut into many pieces for that: workers that read pieces of one wait
    /// for each other to read what these share.
    fn rows_at_once(&self, left: Left) -> usize {
        let share = match self.workers {
            0 | 1 => usize::MAX,
            workers => usize::try_from(left.of_scan.div_ceil(workers as u64)).unwrap_or(usize::MAX),
        };
        let least = match left.groups < self.workers {
            true => self.least_rows,
            false => {
                let pieces = MOST_PIECES / self.workers.max(1);
                let pieces = pieces.clamp(2, 4);
                self.least_rows.max(left.group_rows.div_ceil(pieces))
            }
        };
        let most = share.max(least).min(self.split_rows).max(1);
        // Pieces of about the same size, in whole batches.
        let pieces = left.of_group.div_ceil(most).max(1);
        let rows = left.of_group.div_ceil(pieces);
        let rows = rows
            .checked_next_multiple_of(self.batch_size.max(1))
            .unwrap_or(rows);
        let rows = rows.min(most);
        let mut filters = self.filters.iter();
        match filters.any(|filter| filter.predicate.properties().undecided) {
            true => rows.min(self.first_rows),
            false => rows,
        }
    }

    fn open(&self, file: &Arc<ParquetFile>) -> Result<OpenFile> {
        let open = OpenFile::open(file)?;
        if !self.prune {
            return Ok(open);
        }
        let used = self.filters.iter().flat_map(|f| f.predicate.columns());
        let used = used.filter_map(|&column| self.columns.get(column).copied());
        let mut used: Vec<usize> = used.collect();
        used.sort_unstable();
        used.dedup();
        Ok(open.with_pages(&used))
    }
}

impl Cursor {
    /// At the first row of the files; no more splits once these hold `wanted` rows.
    pub(super) fn new(files: Vec<Arc<ParquetFile>>, wanted: u64) -> Self {
        let rows = files.iter().map(|file| file.footer().total_rows());
        Self {
            groups: files.iter().map(|file| file.footer().row_groups()).sum(),
            left: rows.sum(),
            files,
            open: None,
            file: 0,
            row_group: 0,
            row: 0,
            bytes: Arc::default(),
            taken: false,
            splits: 0,
            wanted,
            counts: Counts::default(),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The number of the next split, and at the end that of all.
    pub(super) fn splits(&self) -> u64 {
        self.splits
    }

    /// The next split in which rows may pass.
    ///
    /// # Errors
    /// `Io`, `Data`.
    pub(super) fn next(&mut self, plan: Plan<'_>) -> Result<Option<Split>> {
        while self.wanted > 0 {
            let Some(file) = self.files.get(self.file) else {
                return Ok(None);
            };
            let footer = file.footer();
            if self.row_group >= footer.row_groups() {
                self.open = None;
                self.file += 1;
                self.row_group = 0;
                continue;
            }
            let group_rows = footer.rows(self.row_group);
            let open = match &self.open {
                Some(open) => open.clone(),
                None => self.open.insert(plan.open(file)?).clone(),
            };
            if self.row == 0 {
                self.counts.row_groups += 1;
                self.taken = false;
            }
            let left = Left {
                of_group: group_rows - self.row,
                group_rows,
                of_scan: self.left.min(self.wanted),
                groups: self.groups,
            };
            let rows = left.of_group.min(plan.rows_at_once(left));
            let end = self.row + rows;
            if self.row == 0 && end < group_rows {
                self.bytes = Arc::new(RowGroupBytes::of_pieces());
            }
            self.left = self.left.saturating_sub(rows as u64);
            let split = Split {
                ordinal: self.splits,
                row_group: self.row_group,
                rows: self.row..end,
                bytes: Arc::clone(&self.bytes),
                filters: Vec::new(),
                file: open,
            };
            let split = prune(split, plan);
            self.taken |= split.is_some();
            self.row = end;
            if end == group_rows {
                self.row = 0;
                self.row_group += 1;
                self.bytes = Arc::default();
                self.counts.pruned += u64::from(!self.taken);
            }
            if let Some(split) = split {
                self.wanted = self.wanted.saturating_sub(split.rows.len() as u64);
                self.splits += 1;
                return Ok(Some(split));
            }
        }
        Ok(None)
    }
}

/// The split with the filters that have to be tried; `None` when no row can pass.
fn prune(mut split: Split, plan: Plan<'_>) -> Option<Split> {
    if split.rows.is_empty() {
        return None;
    }
    let statistics = GroupStatistics::new(&split.file, split.row_group, plan.columns);
    for (i, filter) in plan.filters.iter().enumerate() {
        let verdict = match plan.prune {
            true => filter.predicate.prune(&statistics),
            false => Verdict::Maybe,
        };
        match verdict {
            Verdict::Drop => return None,
            Verdict::Maybe => split.filters.push(i),
            Verdict::AllPass => {}
        }
    }
    Some(split)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_get_smaller_to_the_end() {
        let plan = |workers| Plan {
            columns: &[],
            filters: &[],
            prune: true,
            split_rows: 1000,
            first_rows: 1,
            least_rows: 100,
            workers,
            batch_size: 8,
        };
        let cut = |workers, groups: &[usize]| {
            let (mut all, mut pieces) = (groups.iter().sum::<usize>(), Vec::new());
            for &group_rows in groups {
                let mut of_group = group_rows;
                while of_group > 0 {
                    let left = Left {
                        of_group,
                        group_rows,
                        of_scan: all as u64,
                        groups: groups.len(),
                    };
                    let rows = plan(workers).rows_at_once(left).min(of_group);
                    pieces.push(rows);
                    of_group -= rows;
                    all -= rows;
                }
            }
            pieces
        };
        assert_eq!(cut(1, &[800, 800]), [800, 800]);
        assert_eq!(cut(1, &[2100]), [704, 704, 692]);
        assert_eq!(cut(2, &[800, 800]), [800, 400, 200, 200]);
        assert_eq!(cut(8, &[800; 8])[12..], [400; 3]);
        assert_eq!(cut(3, &[800, 800])[..4], [400, 400, 267, 178]);
        assert_eq!(cut(2, &[150]), [80, 70]);
        assert_eq!(cut(4, &[800]), [200, 150, 113, 88, 88, 88, 73]);
        assert_eq!(cut(2, &[]), [0; 0]);
    }
}
