//! Tables in memory: a source over Arrow batches.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema as ArrowSchema, SchemaRef as ArrowSchemaRef};
use esker_datatypes::{
    Batch, Column, ColumnStatistics, Encoding, Error, Precision, Result, Schema, SchemaRef,
    TableStatistics,
};
use esker_logical_expr::Expr;
use esker_runtime::TaskContext;

use crate::source::{
    Claim, FilterPushdown, ScanFilter, ScanReader, ScanRequest, ScanStatus, SourceProperties,
    TableScan, TableSource,
};

/// How many rows a split has at most, unless told otherwise.
const SPLIT_ROWS: usize = 128 << 10;

/// A table in memory.
///
/// Scans copy nothing: what they give are slices of the batches. The rows keep the order of the
/// batches. Filters are applied, one after the other in the order given, to slices of at most a
/// batch; nothing is pruned. Row count and null counts are known, bounds are not.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Int64Array, RecordBatch};
/// use esker_logical_plan::{MemTable, TableSource};
///
/// let ids = Arc::new(Int64Array::from(vec![1, 2, 3]));
/// let batch = RecordBatch::try_from_iter([("id", ids as _)]).map_err(esker_datatypes::Error::from)?;
/// let table = MemTable::try_new(vec![batch.clone(), batch])?;
/// assert_eq!(table.properties().statistics.rows.exact(), Some(6));
/// assert_eq!(table.schema().to_string(), "id: Int64");
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub struct MemTable {
    schema: SchemaRef,
    chunks: Arc<[Chunk]>,
    rows: usize,
    split_rows: usize,
    id: String,
    /// Counted when they are first asked for: plans ask often.
    statistics: OnceLock<TableStatistics>,
}

/// The columns of one batch, at least one row.
struct Chunk {
    columns: Vec<Column>,
    rows: usize,
}

impl MemTable {
    /// A table of these batches, at least one, of the first one's names and types. A column may
    /// hold nulls when a batch says so.
    ///
    /// # Errors
    /// `InvalidInput` without a batch, or when names or types of the batches differ, naming batch
    /// and column; `Unsupported` for a dictionary within a dictionary.
    pub fn try_new(batches: Vec<RecordBatch>) -> Result<Self> {
        let Some(first) = batches.first() else {
            return Err(Error::invalid_input(
                "a table of no batches has no columns: give it a schema (MemTable::with_schema)",
            ));
        };
        let nullable = |i: usize| {
            batches.iter().any(|b| {
                b.schema_ref()
                    .fields()
                    .get(i)
                    .is_some_and(|f| f.is_nullable())
            })
        };
        let fields = first.schema_ref().fields().iter().enumerate();
        let fields: Vec<_> = fields
            .map(|(i, f)| f.as_ref().clone().with_nullable(nullable(i)))
            .collect();
        Self::with_schema(Arc::new(ArrowSchema::new(fields)), batches)
    }

    /// A table of these batches, perhaps none, which have the names and types of the schema.
    ///
    /// # Errors
    /// `InvalidInput` when a batch has other names or types, or nulls where the schema has none,
    /// naming batch and column; `Unsupported` for a dictionary within a dictionary.
    pub fn with_schema(schema: ArrowSchemaRef, batches: Vec<RecordBatch>) -> Result<Self> {
        let mut chunks = Vec::with_capacity(batches.len());
        let mut rows = 0;
        for (i, batch) in batches.iter().enumerate() {
            check_schema(&schema, batch, i)?;
            if batch.num_rows() == 0 {
                continue;
            }
            let (columns, _, _) = Batch::from_arrow(batch)?.into_parts();
            rows += batch.num_rows();
            chunks.push(Chunk {
                columns,
                rows: batch.num_rows(),
            });
        }
        Ok(Self::of_chunks(
            Arc::new(Schema::from_arrow(&schema)),
            chunks,
            rows,
        ))
    }

    /// A table of these columns and no rows.
    pub fn empty(schema: &Schema) -> Self {
        Self::of_chunks(
            Arc::new(Schema::new(schema.fields().to_vec())),
            Vec::new(),
            0,
        )
    }

    fn of_chunks(schema: SchemaRef, chunks: Vec<Chunk>, rows: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = format!("memory:{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self {
            schema,
            chunks: chunks.into(),
            rows,
            split_rows: SPLIT_ROWS,
            id,
            statistics: OnceLock::new(),
        }
    }

    /// The same table, cut into splits of at most this many rows (at least 1). A verification
    /// setting: it makes small tables have many splits.
    #[must_use]
    pub fn with_split_rows(mut self, rows: usize) -> Self {
        self.split_rows = rows.max(1);
        self
    }

    fn count(&self) -> TableStatistics {
        let columns = self.chunks.iter().flat_map(|chunk| &chunk.columns);
        let bytes = columns.map(|column| column.memory_size() as u64).sum();
        TableStatistics {
            rows: Precision::Exact(self.rows as u64),
            // Slices share buffers, and each counts them all.
            bytes: Precision::Estimated(bytes),
            columns: (0..self.schema.len())
                .map(|i| self.column_statistics(i))
                .collect(),
        }
    }

    /// What is known of a column without looking at each value.
    fn column_statistics(&self, column: usize) -> ColumnStatistics {
        let mut nulls = Precision::Exact(0);
        for chunk in self.chunks.iter() {
            let counted = match chunk.columns.get(column).map(Column::encoding) {
                Some(Encoding::Flat(array)) => Precision::Exact(array.logical_null_count() as u64),
                _ => Precision::Unknown,
            };
            nulls = nulls.plus(counted);
        }
        ColumnStatistics {
            null_count: nulls,
            ..ColumnStatistics::default()
        }
    }
}

/// Whether a batch has the names and types of a table's schema; the error says where it differs.
pub(crate) fn check_schema(schema: &ArrowSchema, batch: &RecordBatch, index: usize) -> Result<()> {
    let of = |what: String| {
        Err(Error::invalid_input(format!(
            "batch {index} of a table {what}"
        )))
    };
    let (wanted, found) = (schema.fields(), batch.schema_ref().fields());
    for (i, (wanted, found)) in wanted.iter().zip(found).enumerate() {
        if wanted.name() != found.name() {
            return of(format!(
                "has '{}' as column {}, where the table has '{}'",
                found.name(),
                i + 1,
                wanted.name()
            ));
        }
        if wanted.data_type() != found.data_type() {
            return of(format!(
                "has {} in column '{}', where the table has {}",
                found.data_type(),
                wanted.name(),
                wanted.data_type()
            ));
        }
        if !wanted.is_nullable() && batch.column(i).logical_null_count() > 0 {
            return of(format!(
                "has nulls in column '{}', where the table has none",
                wanted.name()
            ));
        }
    }
    if wanted.len() != found.len() {
        return of(format!(
            "has {} columns, the table {}",
            found.len(),
            wanted.len()
        ));
    }
    Ok(())
}

impl fmt::Debug for MemTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemTable({}; {} rows)", self.schema, self.rows)
    }
}

impl TableSource for MemTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn properties(&self) -> SourceProperties {
        SourceProperties {
            statistics: self.statistics.get_or_init(|| self.count()).clone(),
            id: Some(self.id.clone()),
            ..SourceProperties::default()
        }
    }

    fn supports_filters(&self, filters: &[&Expr], _columns: &Schema) -> Vec<FilterPushdown> {
        vec![FilterPushdown::Exact; filters.len()]
    }

    fn scan(&self, request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        let of = self.schema.len();
        if let Some(column) = request.columns.iter().find(|&&column| column >= of) {
            return Err(Error::invalid_input(format!(
                "column {column} of a table of {of}"
            )));
        }
        let columns = request.columns.len();
        let used = request.filters.iter().flat_map(|f| f.predicate.columns());
        if let Some(column) = request
            .projection
            .iter()
            .chain(used)
            .find(|&&c| c >= columns)
        {
            return Err(Error::internal(format!(
                "column {column} of a scan of {columns}"
            )));
        }
        // Where nothing is filtered, it is known how far a limit reaches.
        let limit = if request.filters.is_empty() {
            request.limit
        } else {
            None
        };
        let splits = plan_splits(&self.chunks, self.split_rows, limit.unwrap_or(u64::MAX));
        Ok(Arc::new(MemScan(Arc::new(Shared {
            chunks: Arc::clone(&self.chunks),
            splits,
            claimed: AtomicU64::new(0),
            request,
        }))))
    }
}

/// Rows of a chunk.
#[derive(Clone, Copy)]
struct Piece {
    chunk: usize,
    offset: usize,
    rows: usize,
}

/// Cuts the chunks into splits, until these have at least `limit` rows.
fn plan_splits(chunks: &[Chunk], of_rows: usize, limit: u64) -> Vec<Vec<Piece>> {
    let mut splits = Vec::new();
    let (mut split, mut split_rows, mut planned) = (Vec::new(), 0, 0u64);
    'chunks: for (chunk, &Chunk { rows: all, .. }) in chunks.iter().enumerate() {
        let mut offset = 0;
        while offset < all {
            if planned >= limit {
                break 'chunks;
            }
            let rows = (all - offset).min(of_rows - split_rows);
            split.push(Piece {
                chunk,
                offset,
                rows,
            });
            offset += rows;
            split_rows += rows;
            planned += rows as u64;
            if split_rows == of_rows {
                splits.push(std::mem::take(&mut split));
                split_rows = 0;
            }
        }
    }
    if !split.is_empty() {
        splits.push(split);
    }
    splits
}

/// What the readers of a scan share.
struct Shared {
    chunks: Arc<[Chunk]>,
    splits: Vec<Vec<Piece>>,
    claimed: AtomicU64,
    request: ScanRequest,
}

struct MemScan(Arc<Shared>);

impl fmt::Debug for MemScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemScan({} splits)", self.0.splits.len())
    }
}

impl TableScan for MemScan {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn ScanReader>> {
        Ok(Box::new(MemReader {
            scan: Arc::clone(&self.0),
            split: None,
        }))
    }
}

struct MemReader {
    scan: Arc<Shared>,
    split: Option<Position>,
}

/// How far a reader has come in its split.
#[derive(Clone, Copy)]
struct Position {
    split: usize,
    piece: usize,
    /// Rows read of the piece.
    row: usize,
    /// How many rows may still be given.
    wanted: u64,
}

impl ScanReader for MemReader {
    fn claim(&mut self, cx: &mut TaskContext) -> Result<Claim> {
        cx.query.cancel_token().check()?;
        let splits = self.scan.splits.len();
        let next = |claimed: u64| (claimed < splits as u64).then_some(claimed + 1);
        match self
            .scan
            .claimed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
        {
            Ok(ordinal) => {
                let wanted = self.scan.request.limit.unwrap_or(u64::MAX);
                let split = ordinal as usize;
                self.split = Some(Position {
                    split,
                    piece: 0,
                    row: 0,
                    wanted,
                });
                Ok(Claim::Split(ordinal))
            }
            Err(_) => Ok(Claim::Finished {
                splits: splits as u64,
            }),
        }
    }

    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<ScanStatus> {
        cx.query.cancel_token().check()?;
        let Some(mut at) = self.split.take() else {
            return Err(Error::internal("a read without a claimed split"));
        };
        let Shared {
            chunks,
            splits,
            request,
            ..
        } = &*self.scan;
        let pieces = splits.get(at.split).map(Vec::as_slice).unwrap_or_default();
        let piece = pieces.get(at.piece);
        let found = piece.and_then(|piece| Some((piece, chunks.get(piece.chunk)?)));
        let Some((piece, chunk)) = found else {
            return Err(Error::internal("a split of a table in memory has no rows"));
        };
        let mut rows = (piece.rows - at.row).min(request.batch_size.max(1));
        if request.filters.is_empty() {
            rows = rows.min(usize::try_from(at.wanted).unwrap_or(usize::MAX));
        }
        let mut batch = read(chunk, piece.offset + at.row, rows, &request.columns)?;
        filter(&mut batch, &request.filters, cx)?;
        batch
            .selection_mut()
            .slice(0, usize::try_from(at.wanted).unwrap_or(usize::MAX));
        at.wanted = at.wanted.saturating_sub(batch.selected() as u64);
        at.row += rows;
        if at.row == piece.rows {
            at.piece += 1;
            at.row = 0;
        }
        let finished = at.piece == pieces.len() || at.wanted == 0;
        let (columns, selection, _) = batch.into_parts();
        out.replace(project(&columns, &request.projection)?, rows);
        *out.selection_mut() = selection;
        if finished {
            return Ok(ScanStatus::SplitFinished);
        }
        self.split = Some(at);
        Ok(ScanStatus::More)
    }
}

/// Some rows of a chunk, as slices of these columns.
fn read(chunk: &Chunk, offset: usize, rows: usize, columns: &[usize]) -> Result<Batch> {
    let read = |&column: &usize| match chunk.columns.get(column) {
        Some(column) => Ok(column.slice(offset, rows)),
        None => Err(Error::internal(format!(
            "column {column} of {}",
            chunk.columns.len()
        ))),
    };
    Ok(Batch::new(
        columns.iter().map(read).collect::<Result<_>>()?,
        rows,
    ))
}

/// Narrows the batch's selection to the rows that pass.
fn filter(batch: &mut Batch, filters: &[ScanFilter], cx: &mut TaskContext) -> Result<()> {
    let mut selection = batch.selection().clone();
    for filter in filters {
        if selection.is_none() {
            break;
        }
        filter
            .predicate
            .select(batch, &mut selection, &mut cx.buffers)?;
    }
    *batch.selection_mut() = selection;
    Ok(())
}

fn project(columns: &[Column], projection: &[usize]) -> Result<Vec<Column>> {
    let column = |&i: &usize| {
        columns
            .get(i)
            .cloned()
            .ok_or_else(|| Error::internal(format!("column {i} of a scan")))
    };
    projection.iter().map(column).collect()
}

#[cfg(test)]
mod tests;
