//! Footers: what a file says of itself, read once and remembered.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use bytes::{Buf, Bytes};
use esker_datatypes::{Error, Result};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::reader::{ChunkReader, Length};

use super::schema::{coded_schema, declared_schema};
use crate::read_at::{ReadAt, Stamp, read_full};

/// How many bytes at the end of a file are read at once: most footers lie in there.
const TAIL: u64 = 64 << 10;
/// How many footers are remembered, and how many bytes they may take.
const REMEMBERED: usize = 1024;
const REMEMBERED_BYTES: usize = 128 << 20;

/// What a file says of itself.
#[derive(Debug)]
pub(super) struct Footer {
    /// The columns as the table shows them.
    pub(super) schema: ArrowSchemaRef,
    /// The columns read as the table shows them.
    pub(super) plain: ArrowReaderMetadata,
    /// The same, but text as dictionaries.
    pub(super) coded: ArrowReaderMetadata,
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
        let tail = Tail::read(file, len)?;
        let metadata = ParquetMetaDataReader::new()
            .parse_and_finish(&tail)
            .map_err(blame)?;
        let metadata = Arc::new(metadata);
        let mut rows = Vec::with_capacity(metadata.num_row_groups());
        for (i, group) in metadata.row_groups().iter().enumerate() {
            let said = group.num_rows();
            let count = usize::try_from(said)
                .ok()
                .filter(|&rows| u32::try_from(rows).is_ok());
            let wrong = || Error::data(format!("a row group of {said} rows")).at_row_group(i);
            rows.push(count.ok_or_else(wrong)?);
        }
        let (total, said) = (
            rows.iter().sum::<usize>(),
            metadata.file_metadata().num_rows(),
        );
        if usize::try_from(said) != Ok(total) {
            let message = format!("the file says {said} rows, its row groups have {total}");
            return Err(Error::data(message));
        }
        let with = |options| ArrowReaderMetadata::try_new(Arc::clone(&metadata), options);
        // A schema that some writer left beside the file's own helps; one that is broken does not.
        let inferred = with(ArrowReaderOptions::new())
            .or_else(|_| with(ArrowReaderOptions::new().with_skip_arrow_metadata(true)))
            .map_err(blame)?;
        let schema = declared_schema(inferred.schema(), inferred.parquet_schema())?;
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
        Ok(Self {
            schema,
            plain,
            coded,
            rows,
            leaves,
        })
    }

    /// The footer of a file, remembered from an earlier reading if the file has not changed since.
    ///
    /// # Errors
    /// See [`read`](Self::read).
    pub(super) fn of_file(file: &dyn ReadAt, path: &Path, stamp: &Stamp) -> Result<Arc<Self>> {
        let Ok(path) = std::path::absolute(path) else {
            return Self::read(file, stamp.len).map(Arc::new);
        };
        if let Some(footer) = cache(|cache| cache.get(&path, stamp)) {
            return Ok(footer);
        }
        let footer = Arc::new(Self::read(file, stamp.len)?);
        // Without a time of change, nothing says that the file is still the same.
        if stamp.modified.is_some() {
            cache(|cache| cache.put(path, stamp.clone(), Arc::clone(&footer)));
        }
        Ok(footer)
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

    fn read(file: &'a dyn ReadAt, len: u64) -> Result<Self> {
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

/// The footers read last, whoever read them: opening a file again reads nothing.
#[derive(Default)]
struct Cache {
    footers: HashMap<PathBuf, Entry>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    stamp: Stamp,
    footer: Arc<Footer>,
    bytes: usize,
    used: u64,
}

impl Cache {
    fn get(&mut self, path: &Path, stamp: &Stamp) -> Option<Arc<Footer>> {
        self.clock += 1;
        let entry = self.footers.get_mut(path)?;
        if entry.stamp != *stamp {
            return None;
        }
        entry.used = self.clock;
        Some(Arc::clone(&entry.footer))
    }

    fn put(&mut self, path: PathBuf, stamp: Stamp, footer: Arc<Footer>) {
        self.remove(&path);
        let bytes = footer.metadata().memory_size();
        while !self.footers.is_empty()
            && (self.footers.len() >= REMEMBERED || self.bytes + bytes > REMEMBERED_BYTES)
        {
            let oldest = self.footers.iter().min_by_key(|(_, entry)| entry.used);
            let Some(path) = oldest.map(|(path, _)| path.clone()) else {
                break;
            };
            self.remove(&path);
        }
        if bytes > REMEMBERED_BYTES {
            return;
        }
        self.bytes += bytes;
        let entry = Entry {
            stamp,
            footer,
            bytes,
            used: self.clock,
        };
        self.footers.insert(path, entry);
    }

    fn remove(&mut self, path: &Path) {
        if let Some(entry) = self.footers.remove(path) {
            self.bytes -= entry.bytes;
        }
    }
}

/// Does something with the one cache there is.
fn cache<T>(with: impl FnOnce(&mut Cache) -> T) -> T {
    static CACHE: Mutex<Option<Cache>> = Mutex::new(None);
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    with(cache.get_or_insert_default())
}
