//! Scans of CSV files: claiming splits, finding records, decoding what is asked for.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use esker_datatypes::{Batch, Buffers, Column, DataType, Error, Result, ScalarValue, Selection};
use esker_logical_plan::{Claim, ScanFilter, ScanReader, ScanStatus, TableScan};
use esker_runtime::TaskContext;

use super::decode::{Decoder, Failure};
use super::records::Records;
use super::split::{Chunk, Cursor};
use super::token::{Fault, Tokenizer};

/// A column that a scan reads.
#[derive(Debug)]
pub(super) struct ReadColumn {
    pub(super) name: String,
    pub(super) data_type: DataType,
}

/// What the readers of a scan share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The paths of the files.
    pub(super) paths: Vec<PathBuf>,
    /// Where the next split starts. Held while a split is read: the readers take turns at that, so
    /// the files are read front to back and each split starts where the one before it ended.
    pub(super) cursor: Mutex<Cursor>,
    pub(super) tokenizer: Tokenizer,
    /// The columns read, one for each field that the tokenizer wants.
    pub(super) columns: Vec<ReadColumn>,
    pub(super) projection: Vec<usize>,
    pub(super) filters: Vec<ScanFilter>,
    pub(super) limit: u64,
    pub(super) batch_size: usize,
    pub(super) bytes_read: AtomicU64,
}

/// A scan of CSV files.
#[derive(Debug)]
pub(super) struct CsvScan(pub(super) Arc<Shared>);

impl TableScan for CsvScan {
    fn open(&self, _: &mut TaskContext) -> Result<Box<dyn ScanReader>> {
        let shared = Arc::clone(&self.0);
        let columns = shared.columns.iter();
        let absent = columns
            .map(|column| ScalarValue::null(&column.data_type))
            .collect();
        Ok(Box::new(CsvReader {
            shared,
            chunk: Chunk::default(),
            records: Records::default(),
            scratch: Vec::new(),
            absent,
            at: 0,
            left: 0,
        }))
    }

    fn describe(&self) -> Option<String> {
        Some(format!(
            "bytes_read={}",
            self.0.bytes_read.load(Ordering::Relaxed)
        ))
    }
}

/// The reader of one worker.
struct CsvReader {
    shared: Arc<Shared>,
    /// The claimed split.
    chunk: Chunk,
    /// The records of a batch.
    records: Records,
    scratch: Vec<u8>,
    /// A null for each column: what stands for it in a batch for filters that do not read it.
    absent: Vec<ScalarValue>,
    /// How far the split is read.
    at: usize,
    /// How many rows of it may still be given.
    left: u64,
}

impl ScanReader for CsvReader {
    fn claim(&mut self, cx: &mut TaskContext) -> Result<Claim> {
        cx.query.cancel_token().check()?;
        let Shared {
            cursor, tokenizer, ..
        } = &*self.shared;
        let mut cursor = cursor.lock().unwrap_or_else(PoisonError::into_inner);
        if !cursor.next(tokenizer.dialect, &mut self.chunk)? {
            let splits = cursor.splits();
            drop(cursor);
            self.chunk = Chunk::default();
            return Ok(Claim::Finished { splits });
        }
        drop(cursor);
        let bytes = self.chunk.bytes().len() as u64;
        self.shared.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        cx.query.progress().add_bytes(bytes);
        self.at = 0;
        self.left = self.shared.limit;
        Ok(Claim::Split(self.chunk.ordinal))
    }

    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<ScanStatus> {
        cx.query.cancel_token().check()?;
        cx.buffers.recycle_batch(out);
        let shared = Arc::clone(&self.shared);
        let mut max = shared.batch_size;
        if shared.filters.is_empty() || self.left == 0 {
            max = max.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        }
        self.at = shared
            .tokenizer
            .read(
                self.chunk.bytes(),
                self.at,
                self.chunk.quotes,
                max,
                &mut self.records,
            )
            .map_err(|fault| self.fault(fault))?;
        let selection = self.batch(&shared, out, &mut cx.buffers)?;
        self.left = self.left.saturating_sub(selection.count() as u64);
        *out.selection_mut() = selection;
        let finished = self.left == 0 || self.at >= self.chunk.bytes().len();
        Ok(if finished {
            ScanStatus::SplitFinished
        } else {
            ScanStatus::More
        })
    }
}

impl CsvReader {
    /// Puts the delivered columns of the records into `out` and says which rows pass the filters.
    fn batch(
        &mut self,
        shared: &Shared,
        out: &mut Batch,
        buffers: &mut Buffers,
    ) -> Result<Selection> {
        let rows = self.records.rows();
        let mut selection = Selection::all(rows);
        let absent = self
            .absent
            .iter()
            .map(|null| Column::constant(null.clone(), rows));
        let mut columns: Vec<Column> = absent.collect();
        let mut decoded = vec![false; columns.len()];
        for ScanFilter { predicate, .. } in &shared.filters {
            if selection.is_none() {
                break;
            }
            self.decode(
                &mut columns,
                &mut decoded,
                predicate.columns(),
                &selection,
                buffers,
            )?;
            let batch = Batch::new(columns, rows);
            predicate.select(&batch, &mut selection, buffers)?;
            columns = batch.into_parts().0;
        }
        selection.slice(0, usize::try_from(self.left).unwrap_or(usize::MAX));
        let rows = if selection.is_none() {
            // Nobody looks at any row: give none.
            selection = Selection::all(0);
            0
        } else {
            self.decode(
                &mut columns,
                &mut decoded,
                &shared.projection,
                &selection,
                buffers,
            )?;
            rows
        };
        let mut delivered = Vec::with_capacity(shared.projection.len());
        for &column in &shared.projection {
            let column = columns
                .get(column)
                .ok_or_else(|| astray(column, &columns))?;
            delivered.push(if rows == 0 {
                column.slice(0, 0)
            } else {
                column.clone()
            });
        }
        columns
            .into_iter()
            .for_each(|column| buffers.recycle_column(column));
        out.replace(delivered, rows);
        Ok(selection)
    }

    /// Decodes those of the columns that have not been, for the selected rows.
    fn decode(
        &mut self,
        columns: &mut [Column],
        decoded: &mut [bool],
        wanted: &[usize],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        for &slot in wanted {
            let read = shared.columns.get(slot);
            let (Some(column), Some(done), Some(read)) =
                (columns.get_mut(slot), decoded.get_mut(slot), read)
            else {
                return Err(astray(slot, columns));
            };
            if *done {
                continue;
            }
            let decoder = Decoder {
                fields: self.records.column(self.chunk.bytes(), slot),
                dialect: shared.tokenizer.dialect,
                lenient: shared.tokenizer.lenient,
                selection,
                buffers,
                scratch: &mut self.scratch,
            };
            *column = decoder
                .decode(&read.data_type)
                .map_err(|failure| match failure {
                    Failure::Row(row, error) => {
                        let error = error.in_column(read.name.as_str());
                        self.fault(Fault {
                            offset: self.records.start(row),
                            error,
                        })
                    }
                    Failure::Other(error) => self.in_file(error.in_column(read.name.as_str())),
                })?;
            *done = true;
        }
        Ok(())
    }

    /// The error with its place.
    fn fault(&self, Fault { offset, error }: Fault) -> Error {
        self.in_file(error.at_line(self.chunk.line_of(offset)))
    }

    /// The error with the file of the claimed split.
    fn in_file(&self, error: Error) -> Error {
        match self.shared.paths.get(self.chunk.file) {
            Some(path) => error.in_file(path),
            None => error,
        }
    }
}

fn astray(column: usize, columns: &[Column]) -> Error {
    Error::internal(format!("column {column} of a scan of {}", columns.len()))
}
