//! What pieces of a row group have in common: dictionaries, and the pages at their borders.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_datatypes::Result;

use super::dictionary::Dictionary;
use super::pages::DataPage;
use crate::parquet::chunks::Pool;

/// The columns of a row group of which several read pieces.
#[derive(Debug, Default)]
pub(in crate::parquet) struct SharedColumns(Mutex<Vec<(usize, Arc<SharedColumn>)>>);

/// What has been read of a column, and others will need.
#[derive(Debug, Default)]
struct SharedColumn {
    dictionary: Mutex<Dictionary>,
    /// The last page that goes on behind the rows it was read for, and its first row.
    border: Mutex<Option<(usize, DataPage)>>,
}

/// A column's rows that are read, and what has been read of it for others.
#[derive(Clone, Debug)]
pub(in crate::parquet) struct Piece {
    column: Arc<SharedColumn>,
    rows: Range<usize>,
}

impl SharedColumns {
    /// Some rows of a column (by position in the file).
    pub(in crate::parquet) fn piece(&self, column: usize, rows: Range<usize>) -> Piece {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().find(|(of, _)| *of == column);
        let shared = match known {
            Some((_, known)) => Arc::clone(known),
            None => {
                let new = Arc::<SharedColumn>::default();
                all.push((column, Arc::clone(&new)));
                new
            }
        };
        Piece {
            column: shared,
            rows,
        }
    }

    /// Gives the buffers back that nobody else reads.
    pub(in crate::parquet) fn recycle(self, pool: &mut Pool) {
        let all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        for column in all.into_iter().filter_map(|(_, one)| Arc::into_inner(one)) {
            let dictionary = column.dictionary.into_inner();
            let dictionary = dictionary.unwrap_or_else(PoisonError::into_inner);
            dictionary.recycle(pool);
            let border = column.border.into_inner();
            if let Some((_, page)) = border.unwrap_or_else(PoisonError::into_inner) {
                page.recycle(pool);
            }
        }
    }
}

impl Piece {
    /// The dictionary, read unless it is known. Whoever comes while it is read waits for it: to read
    /// it too would take as long.
    ///
    /// # Errors
    /// Those of `read`.
    pub(super) fn dictionary(
        &self,
        read: impl FnOnce() -> Result<Dictionary>,
    ) -> Result<Dictionary> {
        let known = self.column.dictionary.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if matches!(*known, Dictionary::None) {
            *known = read()?;
        }
        Ok(known.borrowed())
    }

    /// The last page that went on behind the rows it was read for, and its first row.
    pub(super) fn border(&self) -> MutexGuard<'_, Option<(usize, DataPage)>> {
        let border = self.column.border.lock();
        border.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether others read rows of a page with these rows too.
    pub(super) fn is_at_border(&self, rows: &Range<usize>) -> bool {
        rows.start < self.rows.start || rows.end > self.rows.end
    }
}
