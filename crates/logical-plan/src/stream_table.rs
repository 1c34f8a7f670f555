//! Record batches that come from a reader, once: a source over Arrow's `RecordBatchReader`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatchReader;
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use arrow::error::ArrowError;
use esker_datatypes::{Batch, Column, Error, ErrorKind, Result, Schema, SchemaRef};
use esker_runtime::{TaskContext, Waker};

use crate::mem_table::check_schema;
use crate::source::{
    Claim, ScanReader, ScanRequest, ScanStatus, SourceProperties, TableScan, TableSource,
};

/// Record batches from a reader, as they come.
///
/// A reader goes forward only, so its rows can be read once, by the first scan that asks for any;
/// every other scan is an error. Nothing is kept: memory holds a few batches for each worker,
/// however many there are. Rows that a table shall give several times belong in a
/// [`MemTable`](crate::MemTable).
///
/// One worker at a time asks the reader for batches, while the others work on those it gave. The
/// rows keep the order of the reader. Nothing is known of them in advance, and nothing is filtered.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Int64Array, RecordBatch, RecordBatchIterator};
/// use esker_logical_plan::{StreamTable, TableSource};
///
/// let ids = Arc::new(Int64Array::from(vec![1, 2, 3]));
/// let batch = RecordBatch::try_from_iter([("id", ids as _)]).map_err(esker_datatypes::Error::from)?;
/// let reader = RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
/// assert_eq!(StreamTable::new(reader).schema().to_string(), "id: Int64");
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub struct StreamTable {
    schema: SchemaRef,
    source: Arc<Source>,
}

struct Source {
    schema: ArrowSchemaRef,
    /// Until a scan takes it.
    reader: Mutex<Option<Reader>>,
}

type Reader = Box<dyn RecordBatchReader + Send>;

impl StreamTable {
    /// The batches of a reader.
    pub fn new(reader: impl RecordBatchReader + Send + 'static) -> Self {
        let schema = reader.schema();
        Self {
            schema: Arc::new(Schema::from_arrow(&schema)),
            source: Arc::new(Source {
                schema,
                reader: Mutex::new(Some(Box::new(reader))),
            }),
        }
    }
}

impl fmt::Debug for StreamTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamTable({})", self.schema)
    }
}

impl TableSource for StreamTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn properties(&self) -> SourceProperties {
        SourceProperties {
            read_once: true,
            ..SourceProperties::default()
        }
    }

    /// Takes nothing of the reader: a plan that is only explained does not use it up.
    fn scan(&self, request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        let column = |&i: &usize| {
            let column = request.columns.get(i).copied();
            let known = column.filter(|&c| c < self.schema.len());
            known.ok_or_else(|| Error::internal(format!("column {i} of a scan")))
        };
        let columns = request.projection.iter().map(column);
        Ok(Arc::new(StreamScan(Arc::new(Shared {
            columns: columns.collect::<Result<_>>()?,
            batch_size: request.batch_size.max(1),
            source: Arc::clone(&self.source),
            state: Mutex::default(),
        }))))
    }
}

/// What the readers of a scan share.
struct Shared {
    /// The delivered columns, by position in the batches.
    columns: Vec<usize>,
    batch_size: usize,
    source: Arc<Source>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stage: Stage,
    splits: u64,
    /// How many batches have been read, empty ones too.
    batches: usize,
    /// Those that wait for the one that reads.
    parked: Vec<Waker>,
}

#[derive(Default)]
enum Stage {
    /// Nobody has asked yet.
    #[default]
    New,
    /// Somebody may read.
    Free(Reader),
    /// Somebody reads.
    Reading,
    /// It has failed, behind the last split.
    Failed(Error),
    Ended,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reader, when it is this worker's turn; `None` when it is another's, or there is none any
    /// more.
    fn take(&self, state: &mut State) -> Result<Option<Reader>> {
        match std::mem::replace(&mut state.stage, Stage::Reading) {
            Stage::New => {
                let reader = self.source.reader.lock();
                let reader = reader.unwrap_or_else(PoisonError::into_inner).take();
                if reader.is_none() {
                    state.stage = Stage::Ended;
                    return Err(Error::invalid_input(
                        "the batches of a reader are read a second time, but a reader gives them \
                         once: collect them into a table (from_batches) to use them several times",
                    ));
                }
                Ok(reader)
            }
            Stage::Free(reader) => Ok(Some(reader)),
            Stage::Reading => Ok(None),
            Stage::Failed(error) => {
                state.stage = Stage::Ended;
                Err(error)
            }
            Stage::Ended => {
                state.stage = Stage::Ended;
                Ok(None)
            }
        }
    }

    /// Reads until there are enough rows for a split. `number` is that of the next batch, empty ones
    /// counted.
    fn read(&self, reader: &mut Reader, number: &mut usize) -> (Vec<Chunk>, Next) {
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut rows = 0;
        while rows < self.batch_size {
            let chunk = match reader.next() {
                None => return (chunks, Next::Nothing),
                Some(batch) => batch.map_err(reader_error).and_then(|batch| {
                    check_schema(&self.source.schema, &batch, *number)?;
                    let column = |&i: &usize| Column::from_arrow(batch.column(i));
                    Ok(Chunk {
                        columns: self.columns.iter().map(column).collect::<Result<_>>()?,
                        rows: batch.num_rows(),
                    })
                }),
            };
            match chunk {
                Ok(chunk) if chunk.rows == 0 => {}
                Ok(chunk) => {
                    rows += chunk.rows;
                    chunks.push(chunk);
                }
                Err(error) => return (chunks, Next::Error(error)),
            }
            *number += 1;
        }
        (chunks, Next::More)
    }
}

/// What follows behind the batches that were read.
enum Next {
    More,
    Nothing,
    Error(Error),
}

/// The delivered columns of a batch.
struct Chunk {
    columns: Vec<Column>,
    rows: usize,
}

/// An error of a reader: one of ours, if it is one that came through Arrow.
fn reader_error(error: ArrowError) -> Error {
    if let ArrowError::ExternalError(source) = &error
        && let Some(error) = source.downcast_ref::<Error>()
    {
        return error.clone();
    }
    let message = format!("reading record batches: {error}");
    Error::external(ErrorKind::Data { message }, error)
}

struct StreamScan(Arc<Shared>);

impl fmt::Debug for StreamScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamScan")
    }
}

impl TableScan for StreamScan {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn ScanReader>> {
        Ok(Box::new(StreamReader {
            scan: Arc::clone(&self.0),
            chunks: VecDeque::new(),
            offset: 0,
        }))
    }
}

struct StreamReader {
    scan: Arc<Shared>,
    /// What is left of the split.
    chunks: VecDeque<Chunk>,
    /// Rows given of the first chunk.
    offset: usize,
}

/// A worker's turn at the reader, which ends also when the reader panics.
struct Turn<'a> {
    scan: &'a Shared,
    stage: Stage,
    splits: u64,
    /// The number of the next batch.
    batches: usize,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.scan.lock();
        state.stage = std::mem::replace(&mut self.stage, Stage::Ended);
        state.splits += self.splits;
        state.batches = self.batches;
        let parked = std::mem::take(&mut state.parked);
        drop(state);
        parked.iter().for_each(Waker::wake);
    }
}

impl ScanReader for StreamReader {
    fn claim(&mut self, cx: &mut TaskContext) -> Result<Claim> {
        cx.query.cancel_token().check()?;
        let scan = Arc::clone(&self.scan);
        let mut state = scan.lock();
        let Some(mut reader) = scan.take(&mut state)? else {
            if matches!(state.stage, Stage::Reading) {
                state.parked.push(cx.waker());
                return Ok(Claim::Blocked);
            }
            let splits = state.splits;
            return Ok(Claim::Finished { splits });
        };
        let (splits, batches) = (state.splits, state.batches);
        drop(state);
        let mut turn = Turn {
            scan: &scan,
            stage: Stage::Ended,
            splits: 0,
            batches,
        };
        let (chunks, next) = scan.read(&mut reader, &mut turn.batches);
        turn.stage = match next {
            Next::More => Stage::Free(reader),
            Next::Nothing => Stage::Ended,
            Next::Error(error) if chunks.is_empty() => return Err(error),
            Next::Error(error) => Stage::Failed(error),
        };
        if chunks.is_empty() {
            return Ok(Claim::Finished { splits });
        }
        turn.splits = 1;
        self.chunks = chunks.into();
        self.offset = 0;
        Ok(Claim::Split(splits))
    }

    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<ScanStatus> {
        cx.query.cancel_token().check()?;
        let Some(chunk) = self.chunks.front() else {
            return Err(Error::internal("a read without a claimed split"));
        };
        let rows = (chunk.rows - self.offset).min(self.scan.batch_size);
        let columns = chunk.columns.iter();
        let columns = columns.map(|column| column.slice(self.offset, rows));
        out.replace(columns.collect(), rows);
        self.offset += rows;
        if self.offset == chunk.rows {
            self.chunks.pop_front();
            self.offset = 0;
        }
        Ok(match self.chunks.is_empty() {
            true => ScanStatus::SplitFinished,
            false => ScanStatus::More,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array, RecordBatch, RecordBatchIterator};
    use arrow::datatypes::Int64Type;
    use esker_runtime::QueryContext;

    fn batch(values: std::ops::Range<i64>) -> RecordBatch {
        let twice = Int64Array::from_iter_values(values.clone().map(|v| 2 * v));
        let once = Int64Array::from_iter_values(values);
        RecordBatch::try_from_iter([("n", Arc::new(once) as _), ("twice", Arc::new(twice) as _)])
            .unwrap()
    }

    fn table(items: Vec<Result<RecordBatch, ArrowError>>) -> StreamTable {
        StreamTable::new(RecordBatchIterator::new(items, batch(0..0).schema()))
    }

    fn scan(
        table: &StreamTable,
        batch_size: usize,
        query: &Arc<QueryContext>,
    ) -> Arc<dyn TableScan> {
        let request = ScanRequest {
            schema: table.schema(),
            columns: vec![1],
            projection: vec![0],
            filters: Vec::new(),
            limit: None,
            batch_size,
            query: Arc::clone(query),
        };
        table.scan(request).unwrap()
    }

    /// The rows that one reader gives, split by split, batch by batch, and how it ends.
    fn read(scan: &dyn TableScan, cx: &mut TaskContext) -> (Vec<Vec<Vec<i64>>>, Result<u64>) {
        let mut reader = scan.open(cx).unwrap();
        let mut splits = Vec::new();
        loop {
            match reader.claim(cx) {
                Ok(Claim::Split(ordinal)) => assert_eq!(ordinal, splits.len() as u64),
                Ok(Claim::Blocked) => panic!("nobody else reads"),
                Ok(Claim::Finished { splits: of }) => return (splits, Ok(of)),
                Err(error) => return (splits, Err(error)),
            }
            let mut batches = Vec::new();
            loop {
                let mut out = Batch::default();
                let status = reader.next(&mut out, cx).unwrap();
                assert_eq!(out.columns().len(), 1);
                let column = out.column(0).unwrap().to_flat();
                batches.push(column.as_primitive::<Int64Type>().values().to_vec());
                if status == ScanStatus::SplitFinished {
                    break;
                }
            }
            splits.push(batches);
        }
    }

    #[test]
    fn batches_become_splits_in_order() {
        let mut cx = TaskContext::standalone();
        let query = Arc::clone(&cx.query);
        let items = vec![
            batch(0..5),
            batch(5..5),
            batch(5..6),
            batch(6..7),
            batch(7..8),
        ];
        let table = table(items.into_iter().map(Ok).collect());
        let unused = scan(&table, 2, &query);
        let (splits, end) = read(&*scan(&table, 2, &query), &mut cx);
        assert_eq!(
            splits,
            [
                vec![vec![0, 2], vec![4, 6], vec![8]],
                vec![vec![10], vec![12]],
                vec![vec![14]],
            ]
        );
        assert_eq!(end.unwrap(), 3);
        // The reader is used up: for a scan that was there before, and for one that comes.
        for scan in [unused, scan(&table, 2, &query)] {
            let (splits, end) = read(&*scan, &mut cx);
            assert!(splits.is_empty());
            let text = end.unwrap_err().to_string();
            assert!(text.contains("a reader gives them once"), "{text}");
        }
    }

    #[test]
    fn errors_come_behind_the_rows_before_them() {
        let mut cx = TaskContext::standalone();
        let query = Arc::clone(&cx.query);
        let mine = Error::data("broken").at_line(3);
        let other: RecordBatch = batch(0..1).project(&[1, 0]).unwrap();
        for (item, want) in [
            (
                Err(ArrowError::ParseError("odd".into())),
                "reading record batches: Parser error: odd",
            ),
            (
                Err(ArrowError::ExternalError(Box::new(mine))),
                "broken (at line 3)",
            ),
            (
                Ok(other),
                "batch 1 of a table has 'twice' as column 1, where the table has 'n'",
            ),
        ] {
            let table = table(vec![Ok(batch(0..1)), item, Ok(batch(1..2))]);
            let (splits, end) = read(&*scan(&table, 8, &query), &mut cx);
            assert_eq!(splits, [[[0]]]);
            assert_eq!(end.unwrap_err().to_string(), want);
        }
        let (splits, end) = read(&*scan(&table(Vec::new()), 8, &query), &mut cx);
        assert!(splits.is_empty());
        assert_eq!(end.unwrap(), 0);
    }

    #[test]
    fn errors_count_empty_batches() {
        let mut cx = TaskContext::standalone();
        let query = Arc::clone(&cx.query);
        let other = batch(0..1).project(&[1, 0]).unwrap();
        let items = [batch(0..0), batch(0..1), batch(1..1), batch(1..2), other];
        for batch_size in [1, 8] {
            let table = table(items.iter().cloned().map(Ok).collect());
            let (splits, end) = read(&*scan(&table, batch_size, &query), &mut cx);
            assert_eq!(splits.concat().concat(), [0, 2]);
            let text = end.unwrap_err().to_string();
            assert!(text.contains("batch 4 of a table has 'twice'"), "{text}");
        }
    }

    #[test]
    fn one_worker_reads_at_a_time() {
        struct Reading(Option<Box<dyn FnOnce() + Send>>);
        impl Iterator for Reading {
            type Item = Result<RecordBatch, ArrowError>;
            fn next(&mut self) -> Option<Self::Item> {
                self.0.take()?();
                Some(Ok(batch(0..1)))
            }
        }
        impl RecordBatchReader for Reading {
            fn schema(&self) -> ArrowSchemaRef {
                batch(0..0).schema()
            }
        }
        let mut cx = TaskContext::standalone();
        let query = Arc::clone(&cx.query);
        let second: Arc<Mutex<Option<Box<dyn ScanReader>>>> = Arc::default();
        let other = Arc::clone(&second);
        let meanwhile = move || {
            let mut cx = TaskContext::standalone();
            let mut other = other.lock().unwrap();
            let claim = other.as_mut().unwrap().claim(&mut cx);
            assert_eq!(claim.unwrap(), Claim::Blocked);
        };
        let table = StreamTable::new(Reading(Some(Box::new(meanwhile))));
        let scan = scan(&table, 1, &query);
        let mut first = scan.open(&mut cx).unwrap();
        *second.lock().unwrap() = Some(scan.open(&mut cx).unwrap());
        assert_eq!(first.claim(&mut cx).unwrap(), Claim::Split(0));
        let mut second = second.lock().unwrap();
        let claim = second.as_mut().unwrap().claim(&mut cx).unwrap();
        assert_eq!(claim, Claim::Finished { splits: 1 });
    }
}
