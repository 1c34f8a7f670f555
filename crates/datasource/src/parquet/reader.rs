//! Scans of Parquet files: claiming splits, filtering, decoding what is left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use esker_datatypes::{Batch, Column, Error, Result, ScalarValue, Selection};
use esker_logical_plan::{Claim, ScanFilter, ScanReader, ScanStatus, TableScan};
use esker_runtime::TaskContext;

use super::chunks::Pool;
use super::column::{ColumnReader, Rows};
use super::deliver::Delivery;
use super::split::{Cursor, Plan, Split};

/// What the readers of a scan share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cursor: Mutex<Cursor>,
    /// The columns that are read, by position in the files, and their names.
    pub(super) columns: Vec<usize>,
    pub(super) names: Vec<String>,
    /// A null for each: what stands for it where it has not been decoded.
    pub(super) absent: Vec<ScalarValue>,
    pub(super) projection: Vec<usize>,
    pub(super) filters: Vec<ScanFilter>,
    pub(super) limit: u64,
    pub(super) batch_size: usize,
    pub(super) prune: bool,
    pub(super) dictionaries: bool,
    pub(super) split_rows: usize,
    pub(super) first_rows: usize,
    pub(super) least_rows: usize,
    pub(super) workers: usize,
    pub(super) bytes_read: AtomicU64,
    /// Rows of row groups that were read, in pages that were not.
    pub(super) rows_skipped: AtomicU64,
}

impl Shared {
    /// Sees to it that the bytes of these columns (by position in [`columns`](Self::columns)) are
    /// there.
    ///
    /// # Errors
    /// `Io`, `Data`.
    pub(super) fn load(
        &self,
        split: &Split,
        slots: &[usize],
        pool: &mut Pool,
        cx: &mut TaskContext,
    ) -> Result<()> {
        let columns: Vec<usize> = slots
            .iter()
            .filter_map(|&slot| self.columns.get(slot).copied())
            .collect();
        let file = &split.file;
        let bytes = split
            .bytes
            .load(
                file.bytes(),
                file.len(),
                file.footer(),
                split.row_group,
                &columns,
                pool,
            )
            .map_err(|e| split.blame(e))?;
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        cx.query.progress().add_bytes(bytes);
        Ok(())
    }

    /// A reader of rows of a column (by position in [`columns`](Self::columns)) whose bytes are
    /// there.
    ///
    /// # Errors
    /// `Data`, `Unsupported`.
    pub(super) fn open_column(
        &self,
        split: &Split,
        slot: usize,
        rows: Rows,
    ) -> Result<ColumnReader> {
        let column = self.columns.get(slot).copied();
        let column = column.ok_or_else(|| Error::internal(format!("column {slot} of a scan")))?;
        ColumnReader::open(
            split.file.footer(),
            split.row_group,
            column,
            split.bytes.view(split.file.len(), split.rows.clone()),
            rows,
            self.dictionaries,
        )
        .map_err(|e| self.blame(split, slot, e))
    }

    /// Lets columns of a piece of a row group read what pieces share, each piece another column
    /// first: so none waits for all of it.
    ///
    /// # Errors
    /// `Data`.
    pub(super) fn start_columns(
        &self,
        split: &Split,
        readers: &mut [(usize, ColumnReader)],
        pool: &mut Pool,
    ) -> Result<()> {
        let rows = split.file.footer().rows(split.row_group);
        if split.rows.len() == rows || readers.is_empty() {
            return Ok(());
        }
        let first = split.ordinal as usize % readers.len();
        let (later, sooner) = readers.split_at_mut(first);
        for (slot, reader) in sooner.iter_mut().chain(later) {
            let started = reader.start(pool);
            started.map_err(|e| self.blame(split, *slot, e))?;
        }
        Ok(())
    }

    /// Whether rows of a column that lie apart are read about as fast as neighbours.
    pub(super) fn picks(&self, split: &Split, slot: usize) -> bool {
        let (footer, group) = (split.file.footer(), split.row_group);
        let column = self.columns.get(slot);
        column.is_some_and(|&column| ColumnReader::picks(footer, group, column, self.dictionaries))
    }

    /// The next rows of a column, of which only those at the places (all when absent) will be looked
    /// at.
    ///
    /// # Errors
    /// `Data`.
    pub(super) fn next_column(
        &self,
        split: &Split,
        slot: usize,
        reader: &mut ColumnReader,
        (rows, places): (usize, Option<&[u32]>),
        (pool, cx): (&mut Pool, &mut TaskContext),
    ) -> Result<Column> {
        let column = reader.next(rows, places, &mut cx.buffers, pool);
        column.map_err(|e| self.blame(split, slot, e))
    }

    fn blame(&self, split: &Split, slot: usize, error: Error) -> Error {
        let name = self.names.get(slot).map(String::as_str);
        split.blame(error.in_column(name.unwrap_or_default()))
    }
}

/// A scan of Parquet files.
#[derive(Debug)]
pub(super) struct ParquetScan(pub(super) Arc<Shared>);

impl TableScan for ParquetScan {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn ScanReader>> {
        Ok(Box::new(ParquetReader {
            shared: Arc::clone(&self.0),
            pool: Pool::of(&mut cx.buffers),
            split: None,
        }))
    }

    fn describe(&self) -> Option<String> {
        let cursor = self.0.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = cursor.counts();
        drop(cursor);
        Some(format!(
            "row_groups={}, pruned={}, rows_skipped={}, bytes_read={}",
            counts.row_groups,
            counts.pruned,
            self.0.rows_skipped.load(Ordering::Relaxed),
            self.0.bytes_read.load(Ordering::Relaxed)
        ))
    }
}

/// The reader of one worker.
struct ParquetReader {
    shared: Arc<Shared>,
    pool: Pool,
    split: Option<(Split, State)>,
}

/// How far a split has been read.
enum State {
    Claimed,
    Delivering(Delivery),
}

impl ScanReader for ParquetReader {
    fn claim(&mut self, cx: &mut TaskContext) -> Result<Claim> {
        cx.query.cancel_token().check()?;
        let shared = &self.shared;
        let mut cursor = shared.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let split = cursor.next(Plan {
            columns: &shared.columns,
            filters: &shared.filters,
            prune: shared.prune,
            split_rows: shared.split_rows,
            first_rows: shared.first_rows,
            least_rows: shared.least_rows,
            workers: shared.workers,
            batch_size: shared.batch_size,
        })?;
        let splits = cursor.splits();
        drop(cursor);
        Ok(match split {
            Some(split) => {
                self.split = Some((split, State::Claimed));
                Claim::Split(splits - 1)
            }
            None => {
                self.pool.leave(&mut cx.buffers);
                Claim::Finished { splits }
            }
        })
    }

    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<ScanStatus> {
        cx.query.cancel_token().check()?;
        cx.buffers.recycle_batch(out);
        let Some((split, state)) = self.split.take() else {
            return Err(Error::internal("a read without a claimed split"));
        };
        let mut delivery = match state {
            State::Claimed => Delivery::start(&self.shared, &split, &mut self.pool, cx)?,
            State::Delivering(delivery) => delivery,
        };
        let (columns, selection) = match delivery.next(&self.shared, &split, &mut self.pool, cx)? {
            Some(batch) => batch,
            None => {
                let empty = |&slot: &usize| self.shared.absent.get(slot);
                let nulls = self.shared.projection.iter().filter_map(empty);
                let columns = nulls.map(|null| Column::empty(null.data_type()));
                (columns.collect(), Selection::all(0))
            }
        };
        out.replace(columns, selection.len());
        *out.selection_mut() = selection;
        if delivery.is_finished() {
            delivery.recycle(&mut self.pool, cx);
            split.bytes.recycle(&mut self.pool);
            return Ok(ScanStatus::SplitFinished);
        }
        self.split = Some((split, State::Delivering(delivery)));
        Ok(ScanStatus::More)
    }
}
