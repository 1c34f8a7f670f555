//! Which rows of a row group are read.

use std::sync::Arc;

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

/// Rows of a row group.
#[derive(Clone, Debug)]
pub(super) enum Selected {
    All,
    /// Runs of rows.
    Runs(RowSelection),
    /// Single rows, ascending.
    Picked(Arc<[u32]>),
}

impl Selected {
    /// The rows in runs; `None` for all.
    pub(super) fn to_runs(&self) -> Option<RowSelection> {
        match self {
            Self::All => None,
            Self::Runs(runs) => Some(runs.clone()),
            Self::Picked(rows) => {
                let mut selectors: Vec<RowSelector> = Vec::new();
                let mut at = 0;
                for &row in rows.iter() {
                    let row = row as usize;
                    match selectors.last_mut() {
                        Some(last) if row == at => last.row_count += 1,
                        _ => {
                            selectors.push(RowSelector::skip(row - at));
                            selectors.push(RowSelector::select(1));
                        }
                    }
                    at = row + 1;
                }
                Some(RowSelection::from(selectors))
            }
        }
    }
}
