//! Writing Parquet files: row groups encoded side by side, rows in the order of the result.
//!
//! Workers put their batches back in line ([`lineup`]); whoever finds enough rows in line for a row
//! group cuts them off and encodes it, column by column ([`encode`]), while the others go on. Row
//! groups are written in turn to a temporary file ([`file`]), which takes the place of the old one
//! when it is whole. So the row groups of a file are the same for any number of workers, unless
//! memory is short: then they are cut earlier.

/// Row groups being encoded.
mod encode;
/// The file under its temporary name.
mod file;
/// Rows in line.
mod lineup;
/// What a user may set.
mod options;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::{DataType, IntervalUnit, SchemaRef as ArrowSchemaRef};
use esker_datatypes::{Batch, Error, ErrorKind, Order, Result};
use esker_logical_plan::{SinkStatus, SinkWriter, TableSink, WriteSummary};
use esker_runtime::{MemoryBudget, TaskContext, Waker};
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;

use self::encode::{Encoding, RowGroup};
use self::file::Output;
use self::lineup::{Lineup, Piece};
pub use self::options::{ParquetCompression, ParquetWriteOptions};

/// A Parquet file that a query's rows are written to.
///
/// The rows of the file stand in the order of the result. The file appears when it is whole: until
/// then its bytes are in a hidden file beside it (`.out.parquet.<process>-<number>.tmp`), and a file
/// that was there before stays as it is, also when the query fails or the process is killed.
/// A killed process leaves its hidden file behind. Files are not forced to the disk: a machine that
/// loses power may lose one that was just written.
///
/// The Arrow schema is kept in the file, so that readers of Arrow give the same types back.
#[derive(Debug)]
pub struct ParquetSink {
    shared: Arc<Shared>,
}

/// How many rows of a split a worker keeps to itself before it puts them in line.
const HAND_OVER_ROWS: usize = 64 << 10;

/// What the workers share.
struct Shared {
    path: PathBuf,
    schema: ArrowSchemaRef,
    row_group_rows: usize,
    factory: ArrowRowGroupWriterFactory,
    /// Whether there is something to look at before the next batch is taken.
    attention: AtomicBool,
    state: Mutex<State>,
}

struct State {
    lineup: Lineup,
    /// How many row groups have been cut off the line.
    cut: usize,
    /// How many of them are in the file.
    written: usize,
    /// Those that are encoded and wait for their turn.
    encoded: BTreeMap<usize, RowGroup>,
    /// `None` while a worker writes, and at the end.
    output: Option<Output>,
    rows: u64,
    parked: Vec<Waker>,
    /// There will be no file: rows that still come are dropped.
    failed: bool,
}

impl ParquetSink {
    /// A file at this path for rows of this schema. The folder must exist; a file that is there
    /// will be replaced.
    ///
    /// # Errors
    /// `Io`, naming the path, when no file can be made there. `InvalidInput` for options that make
    /// no sense and for a schema without columns; `Unsupported` for types that Parquet does not
    /// have.
    pub fn create(
        path: impl AsRef<Path>,
        schema: ArrowSchemaRef,
        options: &ParquetWriteOptions,
    ) -> Result<Self> {
        let path = path.as_ref();
        if schema.fields().is_empty() {
            let message = "a Parquet file has at least one column: select one";
            return Err(Error::invalid_input(message).in_file(path));
        }
        for field in schema.fields() {
            if let Some(part) = unsupported(field.data_type()) {
                let error = Error::unsupported(format!("{part} in a Parquet file"));
                return Err(error.in_column(field.name()).in_file(path));
            }
        }
        let (output, factory) = Output::create(path, &schema, options.properties()?)?;
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                schema,
                row_group_rows: options.row_group_rows.max(1),
                factory,
                attention: AtomicBool::new(false),
                state: Mutex::new(State {
                    lineup: Lineup::default(),
                    cut: 0,
                    written: 0,
                    encoded: BTreeMap::new(),
                    output: Some(output),
                    rows: 0,
                    parked: Vec::new(),
                    failed: false,
                }),
            }),
        })
    }
}

/// The part of a type that the format does not have, if there is one.
fn unsupported(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::Union(_, _) | DataType::Interval(IntervalUnit::MonthDayNano) => Some(data_type),
        DataType::Struct(fields) => fields
            .iter()
            .find_map(|field| unsupported(field.data_type())),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _)
        | DataType::RunEndEncoded(_, field) => unsupported(field.data_type()),
        DataType::Dictionary(_, values) => unsupported(values),
        _ => None,
    }
}

impl TableSink for ParquetSink {
    fn describe(&self) -> String {
        format!("parquet '{}'", self.shared.path.display())
    }

    fn open_writer(&self, _cx: &mut TaskContext) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Writer {
            shared: Arc::clone(&self.shared),
            encoding: None,
            split: 0,
            pieces: Vec::new(),
            rows: 0,
        }))
    }

    fn finish(&self) -> Result<WriteSummary> {
        let shared = &self.shared;
        shared.lock().lineup.end();
        shared.encode_all(1)?;
        let mut state = shared.lock();
        let output = state.output.take();
        let rows = state.rows;
        drop(state);
        match output {
            Some(output) => Ok(WriteSummary {
                rows,
                bytes: output.finish()?,
            }),
            None => Err(Error::internal("a file that failed is finished")),
        }
    }

    fn abort(&self) {
        self.shared.fail();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is written any more; what was is removed.
    fn fail(&self) {
        let mut state = self.lock();
        state.failed = true;
        state.lineup = Lineup::default();
        state.encoded.clear();
        let output = state.output.take();
        self.changed(state);
        drop(output);
    }

    /// Tells the other workers that there may be something for them.
    fn changed(&self, mut state: MutexGuard<'_, State>) {
        let crowded = state.lineup.in_line() >= self.row_group_rows
            || state.lineup.later() >= self.row_group_rows;
        self.attention
            .store(state.failed || crowded, Ordering::Relaxed);
        let parked = std::mem::take(&mut state.parked);
        drop(state);
        parked.iter().for_each(Waker::wake);
    }

    /// The next row group, when at least so many rows are in line.
    fn cut(&self, state: &mut State, least: usize) -> Result<Option<Encoding>> {
        if state.lineup.in_line() < least.max(1) {
            return Ok(None);
        }
        let pieces = state.lineup.cut(self.row_group_rows);
        let index = state.cut;
        state.cut += 1;
        Encoding::new(&self.factory, &self.schema, index, pieces)
            .map(Some)
            .map_err(|error| error.in_file(&self.path))
    }

    /// Encodes all of a row group and writes it when its turn has come.
    fn encode(&self, mut encoding: Encoding) -> Result<()> {
        while self.step(&mut encoding)? {}
        self.deliver(encoding)
    }

    /// Encodes row groups while at least so many rows are in line.
    fn encode_all(&self, least: usize) -> Result<()> {
        loop {
            let encoding = self.cut(&mut self.lock(), least)?;
            match encoding {
                Some(encoding) => self.encode(encoding)?,
                None => return Ok(()),
            }
        }
    }

    /// Encodes a column; `false` when there is none left.
    fn step(&self, encoding: &mut Encoding) -> Result<bool> {
        encoding.step().map_err(|error| {
            let index = encoding.index();
            error.at_row_group(index).in_file(&self.path)
        })
    }

    /// Hands in an encoded row group. Whoever finds the file free writes all that are next, without
    /// the lock.
    fn deliver(&self, encoding: Encoding) -> Result<()> {
        let index = encoding.index();
        let row_group = encoding.finish();
        let mut state = self.lock();
        if state.failed {
            return Ok(());
        }
        state.encoded.insert(index, row_group);
        let Some(mut output) = state.output.take() else {
            return Ok(());
        };
        loop {
            let next = state.written;
            let Some(row_group) = state.encoded.remove(&next) else {
                break;
            };
            state.rows += row_group.rows;
            drop(state);
            // The old state stays in place on an error, and the file goes with `output`.
            output.append(row_group)?;
            state = self.lock();
            if state.failed {
                return Ok(());
            }
            state.written += 1;
        }
        state.output = Some(output);
        self.changed(state);
        Ok(())
    }
}

/// One worker's writer.
struct Writer {
    shared: Arc<Shared>,
    /// The row group that it encodes.
    encoding: Option<Encoding>,
    /// The split that it is in, and rows of it that are not in line yet.
    split: u64,
    pieces: Vec<Piece>,
    rows: usize,
}

/// To be called again at once: other tasks have their turn first.
fn again(cx: &TaskContext) -> SinkStatus {
    cx.waker().wake();
    SinkStatus::Blocked
}

impl Writer {
    /// Takes or drops a batch, or does something else that must be done first.
    fn advance(&mut self, batch: &Batch, cx: &mut TaskContext) -> Result<SinkStatus> {
        if let Some(encoding) = &mut self.encoding {
            if self.shared.step(encoding)? {
                return Ok(again(cx));
            }
            if let Some(encoding) = self.encoding.take() {
                self.shared.deliver(encoding)?;
            }
        }
        let order = batch.order();
        if self.shared.attention.load(Ordering::Relaxed)
            && let Some(status) = self.look(order, cx)?
        {
            return Ok(status);
        }
        if order.ordinal != self.split {
            self.hand_over(false);
            self.split = order.ordinal;
        }
        if batch.selected() > 0 {
            match self.piece(batch, cx.query.memory()) {
                Ok(piece) => {
                    self.rows += piece.rows;
                    self.pieces.push(piece);
                }
                Err(error) if matches!(error.kind(), ErrorKind::ResourcesExhausted { .. }) => {
                    return self.make_room(error, cx);
                }
                Err(error) => return Err(error),
            }
        }
        if order.last || self.rows >= HAND_OVER_ROWS.min(self.shared.row_group_rows) {
            self.hand_over(order.last);
        }
        Ok(SinkStatus::NeedInput)
    }

    /// The rows of a batch, when there is memory for them.
    fn piece(&self, batch: &Batch, memory: &Arc<MemoryBudget>) -> Result<Piece> {
        let bytes = batch.memory_size() as u64;
        let mut reservation = memory.reserve("the Parquet writer");
        if self.split != Order::BEHIND_ALL
            && memory.leaves_little(bytes)
            && !self.shared.lock().lineup.is_head(self.split)
        {
            return Err(Error::resources_exhausted(
                "working ahead takes half of the memory",
            ));
        }
        reservation.try_grow(bytes)?;
        Piece::new(batch, &self.shared.schema, reservation)
    }

    /// What there is to do before a batch is taken, if anything.
    fn look(&mut self, order: Order, cx: &TaskContext) -> Result<Option<SinkStatus>> {
        let mut state = self.shared.lock();
        if state.failed {
            return Ok(Some(SinkStatus::NeedInput));
        }
        let threads = cx.query.threads();
        let may_cut = state.cut < state.written + 2 * threads;
        if may_cut
            && let Some(encoding) = self.shared.cut(&mut state, self.shared.row_group_rows)?
        {
            drop(state);
            self.encoding = Some(encoding);
            return Ok(Some(again(cx)));
        }
        // Enough wait to be encoded, or for rows before them. What stands behind all splits never
        // becomes the head: it must not wait for it.
        let full = state.lineup.in_line() >= self.shared.row_group_rows;
        let ahead = !state.lineup.is_head(order.ordinal)
            && state.lineup.later() >= threads * self.shared.row_group_rows;
        if order.ordinal != Order::BEHIND_ALL && (full || ahead) {
            state.parked.push(cx.waker());
            return Ok(Some(SinkStatus::Blocked));
        }
        Ok(None)
    }

    /// Puts the rows of its split in line.
    fn hand_over(&mut self, ended: bool) {
        if self.pieces.is_empty() && !ended {
            return;
        }
        let pieces = std::mem::take(&mut self.pieces);
        self.rows = 0;
        let mut state = self.shared.lock();
        if !state.failed {
            state.lineup.push(self.split, pieces, ended);
        }
        self.shared.changed(state);
    }

    /// There is no memory for a batch: encodes what there is in line, or waits until others have.
    fn make_room(&mut self, error: Error, cx: &TaskContext) -> Result<SinkStatus> {
        if self.shared.lock().lineup.is_head(self.split) {
            self.hand_over(false);
        }
        let mut state = self.shared.lock();
        if let Some(encoding) = self.shared.cut(&mut state, 1)? {
            drop(state);
            self.encoding = Some(encoding);
            return Ok(again(cx));
        }
        let others = state.cut > state.written;
        let behind = !state.lineup.is_head(self.split) && self.split != Order::BEHIND_ALL;
        if others || behind {
            state.parked.push(cx.waker());
            return Ok(SinkStatus::Blocked);
        }
        Err(error)
    }
}

impl SinkWriter for Writer {
    fn write(&mut self, batch: &Batch, cx: &mut TaskContext) -> Result<SinkStatus> {
        let status = self.advance(batch, cx);
        if status.is_err() {
            self.shared.fail();
        }
        status
    }

    fn close(&mut self, _cx: &mut TaskContext) -> Result<()> {
        self.hand_over(false);
        let closed = match self.encoding.take() {
            Some(encoding) => self.shared.encode(encoding),
            None => Ok(()),
        };
        let least = self.shared.row_group_rows;
        let closed = closed.and_then(|()| self.shared.encode_all(least));
        if closed.is_err() {
            self.shared.fail();
        }
        closed
    }
}

impl Drop for Writer {
    /// A row group that is never encoded is one that the others would wait for.
    fn drop(&mut self) {
        if self.encoding.is_some() {
            self.shared.fail();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
