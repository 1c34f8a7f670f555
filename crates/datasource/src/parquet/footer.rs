//! Footers: what a file says of itself.

use std::sync::Arc;

use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use bytes::{Buf, Bytes};
use esker_datatypes::{Error, Result};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FooterTail, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::types::SchemaDescriptor;

use super::column::guarded;
use super::headers::WIDEST;
use super::schema::{coded_schema, declared_schema, seconds_schema};
use super::shape::{self, Checked};
use crate::read_at::{ReadAt, read_full};

/// How many bytes at the end of a file are read at once: most footers lie in there.
const TAIL: u64 = 64 << 10;

/// What a file says of itself.
#[derive(Debug)]
pub(super) struct Footer {
    /// The columns as the table shows them.
    pub(super) schema: ArrowSchemaRef,
    /// The columns read as the table shows them.
    pub(super) plain: ArrowReaderMetadata,
    /// The same, but text as dictionaries.
    pub(super) coded: ArrowReaderMetadata,
    /// The same, but 96-bit timestamps in seconds; `None` where there are none.
    pub(super) seconds: Option<ArrowReaderMetadata>,
    /// How many rows each row group has.
    rows: Vec<usize>,
    /// For each column its one leaf, when it is flat.
    leaves: Vec<Option<usize>>,
}

impl Footer {
    /// Reads the footer of `len` bytes of a file.
    ///
    /// # Errors
    /// `Io`; `Data` for bytes that are no Parquet file, or one cut short; `Unsupported`.
    pub(super) fn read(file: &dyn ReadAt, len: u64) -> Result<Self> {
        Self::parse(&Tail::read(file, len)?)
    }

    /// Reads the footer of a file whose end has been read.
    ///
    /// # Errors
    /// See [`read`](Self::read).
    pub(super) fn parse(tail: &Tail<'_>) -> Result<Self> {
        guarded("the footer broke its decoder", || Self::decode(tail))?
    }

    fn decode(tail: &Tail<'_>) -> Result<Self> {
        let mut checked = Checked::default();
        let metadata = match tail.footer()? {
            Some(bytes) => {
                checked = shape::check(&bytes)?;
                ParquetMetaDataReader::decode_metadata(&bytes)
            }
            // One that cannot be read: the decoder knows why.
            None => ParquetMetaDataReader::new().parse_and_finish(tail),
        };
        let metadata = metadata.map_err(blame)?;
        if let Some((row_group, leaf)) = checked.other_type {
            let leaves = metadata.file_metadata().schema_descr().columns();
            let path = leaves.get(leaf).map(|leaf| leaf.path().string());
            return Err(
                Error::data("the column is of another type than its schema says")
                    .in_column(path.unwrap_or_default())
                    .at_row_group(row_group),
            );
        }
        let metadata = Arc::new(without_false_dictionaries(metadata)?);
        let mut rows = Vec::with_capacity(metadata.num_row_groups());
        for (i, group) in metadata.row_groups().iter().enumerate() {
            let said = group.num_rows();
            let count = usize::try_from(said)
                .ok()
                .filter(|&rows| u32::try_from(rows).is_ok());
            let wrong = || Error::data(format!("a row group of {said} rows")).at_row_group(i);
            rows.push(count.ok_or_else(wrong)?);
        }
        check_widths(metadata.file_metadata().schema_descr(), tail.len)?;
        let (total, said) = (
            rows.iter().sum::<usize>(),
            metadata.file_metadata().num_rows(),
        );
        if usize::try_from(said) != Ok(total) {
            let message = format!("the file says {said} rows, its row groups have {total}");
            return Err(Error::data(message));
        }
        Self::of(metadata, rows, &[])
    }

    /// The same, but the decimals of these columns, by position, have 128 bits at least.
    ///
    /// # Errors
    /// `Data`, `Unsupported`.
    pub(super) fn widened(&self, columns: &[usize]) -> Result<Self> {
        let metadata = Arc::clone(self.plain.metadata());
        guarded("the footer broke its decoder", || {
            Self::of(metadata, self.rows.clone(), columns)
        })?
    }

    fn of(metadata: Arc<ParquetMetaData>, rows: Vec<usize>, wide: &[usize]) -> Result<Self> {
        let with = |options| ArrowReaderMetadata::try_new(Arc::clone(&metadata), options);
        // A schema that some writer left beside the file's own helps; one that is broken does not.
        let inferred = with(ArrowReaderOptions::new())
            .or_else(|_| with(ArrowReaderOptions::new().with_skip_arrow_metadata(true)))
            .map_err(blame)?;
        let schema = declared_schema(inferred.schema(), inferred.parquet_schema(), wide)?;
        let mut leaves = vec![None; schema.fields().len()];
        for (leaf, descriptor) in inferred.parquet_schema().columns().iter().enumerate() {
            let root = inferred.parquet_schema().get_column_root_idx(leaf);
            let flat = descriptor.max_rep_level() == 0 && descriptor.path().parts().len() == 1;
            if let Some(place) = leaves.get_mut(root).filter(|_| flat) {
                *place = Some(leaf);
            }
        }
        let as_schema = |schema: &ArrowSchemaRef| {
            with(ArrowReaderOptions::new().with_schema(Arc::clone(schema))).map_err(blame)
        };
        let plain = as_schema(&schema)?;
        let coded = as_schema(&coded_schema(&schema, inferred.parquet_schema()))?;
        let seconds = seconds_schema(&schema, inferred.parquet_schema());
        let seconds = seconds.as_ref().map(as_schema).transpose()?;
        Ok(Self {
            schema,
            plain,
            coded,
            seconds,
            rows,
            leaves,
        })
    }

    pub(super) fn metadata(&self) -> &ParquetMetaData {
        self.plain.metadata()
    }

    /// How many rows a row group has; none where there is no such row group.
    pub(super) fn rows(&self, row_group: usize) -> usize {
        self.rows.get(row_group).copied().unwrap_or(0)
    }

    pub(super) fn row_groups(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn total_rows(&self) -> u64 {
        self.rows.iter().map(|&rows| rows as u64).sum()
    }

    /// The one chunk of a column (by position in the file) in a row group, and its position among
    /// all leaves; `None` for a column that is nested or repeated.
    pub(super) fn flat_chunk(
        &self,
        row_group: usize,
        column: usize,
    ) -> Option<(usize, &ColumnChunkMetaData)> {
        let leaf = (*self.leaves.get(column)?)?;
        let chunk = self
            .metadata()
            .row_groups()
            .get(row_group)?
            .columns()
            .get(leaf)?;
        Some((leaf, chunk))
    }

    /// A row group's part of the footer.
    ///
    /// # Errors
    /// `Internal` where there is none.
    pub(super) fn row_group(&self, row_group: usize) -> Result<&RowGroupMetaData> {
        self.metadata()
            .row_groups()
            .get(row_group)
            .ok_or_else(|| Error::internal(format!("row group {row_group} of {}", self.rows.len())))
    }
}

/// Even a null of a type of fixed length takes the room of a value.
///
/// # Errors
/// `Data` for values that are longer than the file.
fn check_widths(schema: &SchemaDescriptor, len: u64) -> Result<()> {
    for leaf in schema.columns() {
        let width = match leaf.physical_type() {
            PhysicalType::FIXED_LEN_BYTE_ARRAY => leaf.type_length(),
            _ => 0,
        };
        if u64::try_from(width).map_or(true, |width| width > len.max(WIDEST)) {
            let message = format!("values of {width} bytes in a file of {len}");
            return Err(Error::data(message).in_column(leaf.path().string()));
        }
    }
    Ok(())
}

/// Old writers say that a dictionary stands at 0, or behind the data, where there is none.
fn without_false_dictionaries(metadata: ParquetMetaData) -> Result<ParquetMetaData> {
    let is_false = |chunk: &ColumnChunkMetaData| {
        let data = chunk.data_page_offset();
        let dictionary = chunk.dictionary_page_offset();
        dictionary.is_some_and(|dictionary| dictionary <= 0 || dictionary >= data)
    };
    let mut groups = metadata.row_groups().iter();
    if !groups.any(|group| group.columns().iter().any(is_false)) {
        return Ok(metadata);
    }
    let mut builder = metadata.into_builder();
    for group in builder.take_row_groups() {
        let mut group = group.into_builder();
        let mut columns = group.take_columns();
        for column in &mut columns {
            if is_false(column) {
                let mended = column.clone().into_builder();
                *column = mended
                    .set_dictionary_page_offset(None)
                    .build()
                    .map_err(blame)?;
            }
        }
        let group = group.set_column_metadata(columns).build().map_err(blame)?;
        builder = builder.add_row_group(group);
    }
    Ok(builder.build())
}

/// Whose fault an error of the decoder is: the file's, but for those that we passed through it.
pub(super) fn blame(error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(foreign) => Error::data(foreign.to_string()),
        },
        ParquetError::NYI(feature) => Error::unsupported(feature),
        ParquetError::General(message) | ParquetError::ArrowError(message) => Error::data(message),
        ParquetError::EOF(message) => Error::data(format!("the file ends too early: {message}")),
        other => Error::data(other.to_string()),
    }
}

/// A file as a decoder sees it, of which the end has been read; the rest is, when asked for.
pub(super) struct Tail<'a> {
    file: &'a dyn ReadAt,
    len: u64,
    start: u64,
    bytes: Bytes,
}

impl<'a> Tail<'a> {
    /// A file of which nothing has been read.
    pub(super) fn unread(file: &'a dyn ReadAt, len: u64) -> Self {
        Self {
            file,
            len,
            start: len,
            bytes: Bytes::new(),
        }
    }

    /// Reads the end of a file.
    ///
    /// # Errors
    /// `Io`; `Data` where the file has become shorter.
    pub(super) fn read(file: &'a dyn ReadAt, len: u64) -> Result<Self> {
        let start = len.saturating_sub(TAIL);
        let bytes = read_bytes(file, start, (len - start) as usize)?;
        Ok(Self {
            file,
            len,
            start,
            bytes,
        })
    }
}

impl Tail<'_> {
    /// The footer's bytes, without its length; `None` where there is none that could be read.
    fn footer(&self) -> Result<Option<Bytes>> {
        let Some((_, end)) = self.bytes.split_last_chunk::<8>() else {
            return Ok(None);
        };
        let Ok(end) = FooterTail::try_new(end) else {
            return Ok(None);
        };
        let length = end.metadata_length();
        let start = self.len.checked_sub(8 + length as u64);
        let Some(start) = start.filter(|_| !end.is_encrypted_footer()) else {
            return Ok(None);
        };
        self.get_bytes(start, length).map(Some).map_err(blame)
    }

    /// The footer's bytes, as far as they have been read; all that has been where there is none.
    pub(super) fn end(&self) -> Bytes {
        let length = self.bytes.split_last_chunk::<8>().map(|(_, end)| end);
        let length = length.and_then(|end| end.first_chunk::<4>());
        let length = length.map_or(usize::MAX, |&length| u32::from_le_bytes(length) as usize);
        let start = self.bytes.len().saturating_sub(length.saturating_add(8));
        // Not a slice: that would hold on to all of it.
        Bytes::copy_from_slice(self.bytes.get(start..).unwrap_or_default())
    }
}

impl Length for Tail<'_> {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for Tail<'_> {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let rest = self.len.saturating_sub(start);
        Ok(self.get_bytes(start, rest as usize)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.len) {
            let message = format!("{length} bytes at {start} of {}", self.len);
            return Err(ParquetError::EOF(message));
        }
        if let Some(at) = start.checked_sub(self.start) {
            // In range: the tail reaches to the end.
            return Ok(self.bytes.slice(at as usize..at as usize + length));
        }
        read_bytes(self.file, start, length).map_err(|e| ParquetError::External(Box::new(e)))
    }
}

/// Bytes of a file, all of them.
///
/// # Errors
/// `Io`; `Data` where the file has become shorter.
pub(super) fn read_bytes(file: &dyn ReadAt, start: u64, len: usize) -> Result<Bytes> {
    let mut buffer = vec![0; len];
    fill(file, start, &mut buffer)?;
    Ok(buffer.into())
}

/// Fills a buffer from a file.
///
/// # Errors
/// `Io`; `Data` where the file has become shorter.
pub(super) fn fill(file: &dyn ReadAt, start: u64, buffer: &mut [u8]) -> Result<()> {
    let (wanted, found) = (buffer.len(), read_full(file, start, buffer)?);
    if found < wanted {
        let message = format!("the file ends too early: {found} of {wanted} bytes at {start}");
        return Err(Error::data(message));
    }
    Ok(())
}
