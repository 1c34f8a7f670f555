//! Parquet: a parallel reader that decodes what a query looks at.
//!
//! A file's *footer* is read ([`footer`]) and may be remembered ([`cache`]); it says which types the columns
//! have ([`schema`]) and what their values can be ([`statistics`]). A scan hands out row groups, or
//! pieces of large ones, in which rows may pass its filters ([`split`]). The worker that claimed
//! one leaves out what the page index rules out ([`pages`]), reads the bytes of the columns that it
//! needs ([`chunks`]), decodes those of the filters first, each filter in turn ([`filter`]), then the others, for the rows that are left
//! ([`deliver`]). Columns are decoded one by one ([`column`]) in portions of a batch ([`window`]).
//!
//! A file may say anything. What its footer ([`shape`]) and page headers ([`headers`], [`lengths`],
//! in [`thrift`]) claim is held against the bytes that are there ([`expansion`]) before a decoder
//! makes room for it, and a decoder that panics is an error of the file.

/// Bloom filters.
mod bloom;
/// Footers read before.
mod cache;
/// Bytes of row groups.
mod chunks;
/// Decoding a column.
mod column;
/// Decoding what is left.
mod deliver;
/// What compressed bytes can hold.
mod expansion;
/// Files and their contents.
mod file;
/// Filtering.
mod filter;
/// Decoding what is most common.
mod flat;
/// Footers.
mod footer;
/// Page headers.
mod headers;
/// Pages that begin with lengths.
mod lengths;
/// What a user may set.
mod options;
/// Page indexes.
mod pages;
/// Scans.
mod reader;
/// Types.
mod schema;
/// Which rows of a row group are read.
mod selected;
/// The shape of footers.
mod shape;
/// Pieces of files.
mod split;
/// Bounds.
mod statistics;
/// Thrift's compact protocol.
mod thrift;
/// Portions of a split.
mod window;
/// Writing.
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};

use arrow::datatypes::{DataType, Field as ArrowField, Schema as ArrowSchema};
use esker_datatypes::{
    ColumnStatistics, Error, Field, Precision, Result, ScalarValue, Schema, SchemaRef,
    TableStatistics, decimal_parts,
};
use esker_logical_expr::Expr;
use esker_logical_plan::{FilterPushdown, ScanRequest, SourceProperties, TableScan, TableSource};

pub use self::cache::FooterCache;
use self::file::ParquetFile;
pub use self::options::ParquetOptions;
use self::reader::{ParquetScan, Shared};
use self::split::Cursor;
use self::statistics::{Folded, column_statistics};
pub use self::writer::{ParquetCompression, ParquetSink, ParquetWriteOptions};
use crate::file_set::same_names;
use crate::read_at::name_of;
use crate::support::supports;
use crate::{FileSet, ReadAt};

/// Of tables of more column chunks than this nothing is known of single columns: putting their
/// statistics together would take longer than it helps.
const MOST_CHUNKS: usize = 1 << 16;

/// So many rows of a row group, or half of them at least, are in a piece, unless the options say
/// otherwise or a filter is undecided: rows before a piece's first have to be skipped.
const LEAST_ROWS: usize = 64 << 10;

/// So many rows at most are in a piece that is read while a filter is undecided. Tests have few.
const FIRST_ROWS: usize = if cfg!(test) { 2 } else { 32 << 10 };

/// A Parquet file, or several with the same columns, as a table.
///
/// # Types
/// Text is `Utf8View`, bytes are `BinaryView`; decimals that the file holds as 32 bits are
/// `Decimal32`, those that it holds as 64 bits, or of at most 18 digits as at most eight bytes,
/// `Decimal64` (where several files hold those of a column differently, these have 128 bits); the
/// old 96-bit timestamps are `Timestamp(ns)`, and an error where they reach beyond the years 1677 to
/// 2262. Everything else has the type that the [Arrow schema] beside the file's own names or that
/// follows from the latter; nested columns pass through. Columns that Arrow held as dictionaries are
/// shown as what they stand for; text that the file holds as a dictionary stays one inside of the
/// engine.
///
/// # What is read
/// The footer when the table is opened (a [`FooterCache`] in the options remembers those of files
/// that have not changed); then the columns that a query looks at, those of its filters first, and the others only where
/// rows are left. Row groups and pages that cannot hold a row that passes are left out. A file that
/// changes between opening and reading is an error.
///
/// # Broken files
/// Whatever the bytes are, reading them gives rows or an error that names the file and, where a column
/// is at fault, the row group and the column; never a panic, and never room for more than the bytes
/// can stand for. Checksums of pages are checked where there are any; without them, a value that was
/// changed into another one cannot be told. A few bytes can stand for a great deal: a list of a
/// billion nulls takes a dozen, and the memory of a billion nulls to read. Columns nested in each
/// other more than 100 times are not supported.
///
/// [Arrow schema]: https://arrow.apache.org/docs/format/Columnar.html
///
/// ```no_run
/// use esker_datasource::ParquetSource;
/// use esker_logical_plan::TableSource;
///
/// let source = ParquetSource::open("orders.parquet")?;
/// println!("{}: {:?} rows", source.schema(), source.properties().statistics.rows);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Debug)]
pub struct ParquetSource {
    name: String,
    files: Vec<Arc<ParquetFile>>,
    schema: SchemaRef,
    options: ParquetOptions,
    statistics: OnceLock<TableStatistics>,
}

impl ParquetSource {
    /// The rows of a file, or of several in their order: a path, a folder of `.parquet` files, a
    /// pattern, or a list ([`FileSet`]). Reads their footers; all have the names and types of the
    /// first one (but may hold the same decimals in different ways).
    ///
    /// # Errors
    /// `Io` naming the path; `Data` for a file that is no Parquet file, is cut short, or names a
    /// column twice, for a folder without files, and for files whose columns differ, naming file
    /// and column; `InvalidInput` for a pattern that matches no file and an empty list;
    /// `Unsupported` for encryption and types that Arrow does not have.
    pub fn open(files: impl Into<FileSet>) -> Result<Self> {
        Self::open_with(files, ParquetOptions::default())
    }

    /// The rows of files that are read in another way.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(files: impl Into<FileSet>, options: ParquetOptions) -> Result<Self> {
        let files = files.into();
        Self::at_paths(files.name(), &files.resolve("parquet")?, options)
    }

    fn at_paths(name: String, paths: &[PathBuf], options: ParquetOptions) -> Result<Self> {
        let footers = options.footers.as_ref();
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            files.push(Arc::new(ParquetFile::at_path(path, footers)?));
        }
        Self::of_files(name, files, options)
    }

    /// Bytes from anywhere. The path need not exist: it is what errors say, and its stem the name.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(
        bytes: Arc<dyn ReadAt>,
        path: impl Into<PathBuf>,
        options: ParquetOptions,
    ) -> Result<Self> {
        let path = path.into();
        let name = name_of(&path);
        let file = ParquetFile::of_bytes(bytes, path)?;
        Self::of_files(name, vec![Arc::new(file)], options)
    }

    fn of_files(
        name: String,
        mut files: Vec<Arc<ParquetFile>>,
        options: ParquetOptions,
    ) -> Result<Self> {
        let wide = decimals_that_differ(&files);
        if !wide.is_empty() {
            let widened = files.iter().map(|file| file.widened(&wide).map(Arc::new));
            files = widened.collect::<Result<_>>()?;
        }
        Ok(Self {
            name,
            schema: Arc::new(Schema::from_arrow(&common_schema(&files)?)),
            files,
            options,
            statistics: OnceLock::new(),
        })
    }

    /// What the footers say of all rows.
    fn known(&self) -> TableStatistics {
        let (mut rows, mut bytes, mut chunks) = (0, 0, 0);
        for file in &self.files {
            rows += file.footer().total_rows();
            bytes += file.len();
            chunks += file.footer().row_groups() * self.schema.len();
        }
        let mut columns = Vec::new();
        if self.options.prune && chunks <= MOST_CHUNKS {
            let fields = self.schema.fields().iter().enumerate();
            columns.extend(fields.map(|(i, field)| self.known_of(i, field)));
        }
        TableStatistics {
            rows: Precision::Exact(rows),
            bytes: Precision::Exact(bytes),
            columns,
        }
    }

    fn known_of(&self, column: usize, field: &Field) -> ColumnStatistics {
        let mut folded = Folded::default();
        for file in &self.files {
            let footer = file.footer();
            for row_group in 0..footer.row_groups() {
                let group = column_statistics(footer, row_group, column);
                let rows = footer.rows(row_group) as u64;
                folded.add(group, rows, field.data_type());
            }
        }
        folded.finish()
    }

    /// The stem of the file's name, the folder's, or a fixed part of the pattern: what plan text calls the table.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The columns, by position, that hold the same decimals in different ways: writers may choose
/// integers or bytes.
fn decimals_that_differ(files: &[Arc<ParquetFile>]) -> Vec<usize> {
    let Some((first, others)) = files.split_first() else {
        return Vec::new();
    };
    let differs = |(at, field): (usize, &Arc<ArrowField>)| {
        let parts = decimal_parts(field.data_type())?;
        let mut found = others.iter().filter_map(|file| {
            let field = file.footer().schema.fields().get(at)?;
            Some(field.data_type())
        });
        let other = |found: &DataType| found != field.data_type();
        found
            .any(|found| other(found) && decimal_parts(found) == Some(parts))
            .then_some(at)
    };
    let fields = first.footer().schema.fields().iter().enumerate();
    fields.filter_map(differs).collect()
}

/// The columns of all files: those of the first one, which may hold nulls where any file's may.
fn common_schema(files: &[Arc<ParquetFile>]) -> Result<ArrowSchema> {
    let Some((first, others)) = files.split_first() else {
        return Ok(ArrowSchema::empty());
    };
    let mut fields: Vec<ArrowField> = Vec::new();
    fields.extend(
        first
            .footer()
            .schema
            .fields()
            .iter()
            .map(|field| field.as_ref().clone()),
    );
    for file in others {
        let found = file.footer().schema.fields();
        let names = fields.iter().map(ArrowField::name);
        let found_names = found.iter().map(|field| field.name());
        same_names(found_names, names, first.path()).map_err(|error| error.in_file(file.path()))?;
        for (field, found) in fields.iter_mut().zip(found) {
            if field.data_type() != found.data_type() {
                let (name, found) = (found.name(), found.data_type());
                let (wanted, first) = (field.data_type(), first.path().display());
                let message = format!("column '{name}' is {found}, but {wanted} in '{first}'");
                return Err(Error::data(message).in_file(file.path()));
            }
            let nullable = field.is_nullable() || found.is_nullable();
            field.set_nullable(nullable);
        }
    }
    Ok(ArrowSchema::new(fields))
}

impl TableSource for ParquetSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The number of rows, exactly: a scan fails where a file is no longer what it was.
    fn properties(&self) -> SourceProperties {
        let mut properties = SourceProperties::default();
        properties.statistics = self.statistics.get_or_init(|| self.known()).clone();
        properties
    }

    /// `Exact`, but for what gives another answer each time it is asked.
    fn supports_filters(&self, filters: &[&Expr], _columns: &Schema) -> Vec<FilterPushdown> {
        supports(filters)
    }

    fn scan(&self, request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        let mut names = Vec::with_capacity(request.columns.len());
        let mut absent = Vec::with_capacity(request.columns.len());
        for &column in &request.columns {
            let field = self.schema.field(column).ok_or_else(|| {
                let of = self.schema.len();
                Error::invalid_input(format!("column {column} of a file of {of}"))
            })?;
            names.push(field.name().to_string());
            absent.push(ScalarValue::null(field.data_type()));
        }
        let used = request.filters.iter().flat_map(|f| f.predicate.columns());
        let mut used = used.chain(&request.projection);
        if let Some(slot) = used.find(|&&slot| slot >= names.len()) {
            let of = names.len();
            return Err(Error::internal(format!("column {slot} of a scan of {of}")));
        }
        let limit = request.limit.unwrap_or(u64::MAX);
        // Where nothing is filtered, it is known how far a limit reaches.
        let wanted = if request.filters.is_empty() || limit == 0 {
            limit
        } else {
            u64::MAX
        };
        Ok(Arc::new(ParquetScan(Arc::new(Shared {
            cursor: Mutex::new(Cursor::new(self.files.clone(), wanted)),
            columns: request.columns,
            names,
            absent,
            projection: request.projection,
            filters: request.filters,
            limit,
            batch_size: request.batch_size.max(1),
            prune: self.options.prune,
            dictionaries: self.options.dictionaries,
            split_rows: self.options.split_rows.max(1),
            first_rows: FIRST_ROWS,
            least_rows: LEAST_ROWS,
            workers: request.query.threads(),
            bytes_read: AtomicU64::new(0),
            rows_skipped: AtomicU64::new(0),
        }))))
    }
}
