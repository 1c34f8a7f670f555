//! Comma-separated values: a parallel reader with inferred types.
//!
//! Files are read front to back, one after the other, in *splits* of about a megabyte, which start and end with a record
//! ([`split`]). The worker that claimed a split finds its records and the fields it wants
//! ([`token`]), and decodes column by column ([`decode`]): the columns of the filters first, each
//! filter in turn, then the others for the rows that are left. No field is copied but for text that
//! is delivered.

/// Fields as arrays.
mod decode;
/// Delimiters and quotes.
mod dialect;
/// Files and their bytes.
mod file;
/// Header and inference.
mod head;
/// Types from text.
mod infer;
/// What a user may set.
mod options;
/// Scans.
mod reader;
/// Where the fields of a batch are.
mod records;
/// Pieces of a file.
mod split;
/// Records and fields.
mod token;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use esker_datatypes::{Error, Precision, Result, Schema, SchemaRef};
use esker_logical_expr::Expr;
use esker_logical_plan::{FilterPushdown, ScanRequest, SourceProperties, TableScan, TableSource};

use self::file::CsvFile;
use self::head::columns;
pub use self::options::CsvOptions;
use self::reader::{CsvScan, ReadColumn, Shared};
use self::split::{Cursor, SPLIT_BYTES};
use self::token::Tokenizer;
use crate::read_at::name_of;
use crate::support::supports;
use crate::{FileSet, ReadAt};

/// A CSV file, or several with the same columns, as a table.
///
/// # Format
/// RFC 4180 with any delimiter and quote: fields in quotes may hold delimiters, line ends and
/// doubled quotes; a quote inside of a field that does not start with one is a character; lines end
/// with `\n` or `\r\n`; a byte order mark is skipped. Blank lines are skipped, except in a file of
/// one column, where each is a row with a null. A header field without text is named by its place
/// (`field_2`); two of the same name are an error.
///
/// # Values
/// An empty field is null, whatever its type; a quoted empty field is the empty string. Types are
/// inferred from the first rows (of all files taken together): whole numbers are `Int64`, other numbers `Float64`, `true` and
/// `false` in any case `Boolean`, ISO dates `Date32`, ISO timestamps without a zone
/// `Timestamp(µs)`. Whole numbers beside others are `Float64`, dates beside timestamps timestamps;
/// any other mix, whole numbers beyond Int64 and a column without values are `Utf8View`. All
/// columns may hold nulls.
///
/// A value further down that does not fit is an error with file, line and column, as is a row with
/// too few or too many fields; the line is that in which the row starts. A column that is not read
/// is not looked at, and a filter's rows are looked at only as far as the filter goes.
///
/// ```
/// use esker_datasource::{CsvOptions, CsvSource, MemoryReadAt};
/// use esker_logical_plan::TableSource;
///
/// let text = b"id,name,born\n1,Ada,1815-12-10\n2,,\n".to_vec();
/// let bytes = std::sync::Arc::new(MemoryReadAt::from(text));
/// let source = CsvSource::new(bytes, "people.csv", CsvOptions::default())?;
/// assert_eq!(source.schema().to_string(), "id: Int64?, name: Utf8View?, born: Date32?");
/// assert_eq!(source.name(), "people");
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Debug)]
pub struct CsvSource {
    name: String,
    files: Vec<CsvFile>,
    schema: SchemaRef,
    rows: Precision<u64>,
    options: CsvOptions,
    split_bytes: usize,
}

impl CsvSource {
    /// The rows of a file, or of several in their order: a path, a folder of `.csv` files, a
    /// pattern, or a list ([`FileSet`]). Reads the header of each and, for the types, the first
    /// rows; all have the header of the first one, unless the options give a schema.
    ///
    /// Each scan opens the paths anew and reads as much as the files then have.
    ///
    /// # Errors
    /// `Io` naming the path. `Data` for a file that is empty, or has a header that is not UTF-8,
    /// not closed or not that of the first file, and for a folder without files. `InvalidInput` for
    /// options that contradict each other, a header that names a column twice, a schema that has
    /// not as many columns as a header, a pattern that matches no file, and an empty list.
    /// `Unsupported` for a schema with a type that text cannot be read as.
    pub fn open(files: impl Into<FileSet>, options: CsvOptions) -> Result<Self> {
        let files = files.into();
        let mut heads = Vec::new();
        for path in files.resolve("csv")? {
            heads.push(CsvFile::read(path, None, &options)?);
        }
        Self::of_files(files.name(), heads, options)
    }

    /// Bytes from anywhere. The path need not exist: it is what errors say, and its stem the name.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(
        bytes: Arc<dyn ReadAt>,
        path: impl Into<PathBuf>,
        options: CsvOptions,
    ) -> Result<Self> {
        let path = path.into();
        let name = name_of(&path);
        let head = CsvFile::read(path, Some(bytes), &options)?;
        Self::of_files(name, vec![head], options)
    }

    fn of_files(
        name: String,
        heads: Vec<(CsvFile, Vec<String>)>,
        options: CsvOptions,
    ) -> Result<Self> {
        let (files, names): (Vec<_>, Vec<_>) = heads.into_iter().unzip();
        let (schema, rows) = columns(&files, &names, &options)?;
        Ok(Self {
            name,
            files,
            schema: Arc::new(schema),
            rows,
            options,
            split_bytes: SPLIT_BYTES,
        })
    }

    /// The stem of the file's name, the folder's, or a fixed part of the pattern: what plan text
    /// calls the table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same source with splits of about this many bytes.
    #[cfg(test)]
    fn with_split_bytes(mut self, split_bytes: usize) -> Self {
        self.split_bytes = split_bytes;
        self
    }
}

impl TableSource for CsvSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The size; the number of rows as estimated from the first ones. Nothing is promised of a
    /// file's contents from one query to the next.
    fn properties(&self) -> SourceProperties {
        let mut properties = SourceProperties::default();
        properties.statistics.rows = self.rows;
        properties.statistics.bytes =
            Precision::Exact(self.files.iter().map(|file| file.len).sum());
        properties.parsed = true;
        properties
    }

    /// `Exact`, but for what gives another answer each time it is asked.
    fn supports_filters(&self, filters: &[&Expr], _columns: &Schema) -> Vec<FilterPushdown> {
        supports(filters)
    }

    fn scan(&self, request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        let mut columns = Vec::with_capacity(request.columns.len());
        for &column in &request.columns {
            let field = self.schema.field(column).ok_or_else(|| {
                let of = self.schema.len();
                Error::invalid_input(format!("column {column} of a file of {of}"))
            })?;
            let data_type = field.data_type().clone();
            columns.push(ReadColumn {
                name: field.name().to_string(),
                data_type,
            });
        }
        if !request.columns.is_sorted_by(|a, b| a < b) {
            return Err(Error::invalid_input("the columns of a scan do not ascend"));
        }
        let ends = self.files.iter().map(CsvFile::len_now);
        let ends = ends.collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(CsvScan(Arc::new(Shared {
            paths: self.files.iter().map(|file| file.path.clone()).collect(),
            cursor: Mutex::new(Cursor::new(self.files.clone(), ends, self.split_bytes)),
            tokenizer: Tokenizer {
                dialect: self.options.dialect()?,
                fields: Some(self.schema.len()),
                wanted: request.columns,
                lenient: self.options.ignore_errors,
            },
            columns,
            projection: request.projection,
            filters: request.filters,
            limit: request.limit.unwrap_or(u64::MAX),
            batch_size: request.batch_size.max(1),
            bytes_read: AtomicU64::new(0),
        }))))
    }
}
