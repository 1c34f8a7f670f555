//! Splits: pieces of files that start and end with a record.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use esker_datatypes::{Error, Result};
use memchr::memchr_iter;

use super::dialect::Dialect;
use super::file::CsvFile;
use crate::read_at::{ReadAt, read_full};

/// How many bytes a split has, about.
pub(super) const SPLIT_BYTES: usize = 1 << 20;

/// The bytes of a split, in a buffer that the next one uses again.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Only the first `len` bytes count.
    buffer: Vec<u8>,
    len: usize,
    /// The number of the split among those of all files, from 0.
    pub(super) ordinal: u64,
    /// The number of the file that it is of, from 0.
    pub(super) file: usize,
    /// The line of the file, from 1, that the split starts with.
    line: u64,
    /// Whether there may be a quote in it.
    pub(super) quotes: bool,
}

impl Chunk {
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or(&self.buffer)
    }

    /// The line of the file, from 1, in which this place lies.
    pub(super) fn line_of(&self, offset: usize) -> u64 {
        let before = self.bytes().get(..offset).unwrap_or_else(|| self.bytes());
        self.line + newlines(before)
    }
}

/// How far the splits of files have been given away, file after file.
#[derive(Debug)]
pub(super) struct Cursor {
    files: Vec<CsvFile>,
    /// Where each ends, or ended when the scan was made.
    ends: Vec<u64>,
    /// The number of the file that is being read, or is the next to be.
    file: usize,
    /// That file, once it is open: not more than one is.
    open: Option<(Arc<dyn ReadAt>, FileCursor)>,
    /// How many splits there were.
    splits: u64,
    /// How many bytes to read for a split.
    split_bytes: usize,
}

impl Cursor {
    pub(super) fn new(files: Vec<CsvFile>, ends: Vec<u64>, split_bytes: usize) -> Self {
        Self {
            files,
            ends,
            file: 0,
            open: None,
            splits: 0,
            split_bytes: split_bytes.max(1),
        }
    }

    /// How many splits there were so far.
    pub(super) fn splits(&self) -> u64 {
        self.splits
    }

    /// Reads the next split; `false` when there is none any more.
    ///
    /// # Errors
    /// `Io`; `Data` when a file has become shorter; `ResourcesExhausted` for a record that does
    /// not fit into memory.
    pub(super) fn next(&mut self, dialect: Dialect, chunk: &mut Chunk) -> Result<bool> {
        while let (Some(file), Some(&end)) = (self.files.get(self.file), self.ends.get(self.file)) {
            let (contents, cursor) = match &mut self.open {
                Some(open) => open,
                None => {
                    let cursor = FileCursor {
                        offset: file.start,
                        end,
                        line: file.line,
                        split_bytes: self.split_bytes,
                    };
                    self.open.insert((file.open()?, cursor))
                }
            };
            if cursor.next(contents.as_ref(), &file.path, dialect, chunk)? {
                chunk.ordinal = self.splits;
                chunk.file = self.file;
                self.splits += 1;
                return Ok(true);
            }
            self.open = None;
            self.file += 1;
        }
        Ok(false)
    }
}

/// How far the splits of one file have been given away.
#[derive(Debug)]
struct FileCursor {
    /// Where the next split starts, always at a record.
    offset: u64,
    end: u64,
    /// The line at the offset, from 1.
    line: u64,
    split_bytes: usize,
}

impl FileCursor {
    /// Reads the next split; `false` when there is none any more.
    ///
    /// What is read ends somewhere in a record. The split ends with the last record that is whole,
    /// and the rest is read again as the start of the next; where not even one is whole, more is
    /// read.
    fn next(
        &mut self,
        file: &dyn ReadAt,
        path: &Path,
        dialect: Dialect,
        chunk: &mut Chunk,
    ) -> Result<bool> {
        if self.offset >= self.end {
            return Ok(false);
        }
        let rest = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        let mut have = 0;
        let mut want = self.split_bytes;
        loop {
            let size = want.min(rest);
            if !fill(&mut chunk.buffer, file, self.offset, have..size)? {
                let message = format!(
                    "the file became shorter than {} bytes while it was read",
                    self.end
                );
                return Err(Error::data(message).in_file(path));
            }
            let bytes = chunk.buffer.get(..size).unwrap_or_default();
            let (whole, quotes) = dialect.whole_records(bytes);
            let len = if size == rest { size } else { whole };
            if let Some(split) = bytes.get(..len).filter(|split| !split.is_empty()) {
                let lines = newlines(split);
                chunk.len = len;
                chunk.line = self.line;
                chunk.quotes = quotes;
                self.offset += len as u64;
                self.line += lines;
                return Ok(true);
            }
            have = size;
            want = size.saturating_mul(2);
        }
    }
}

/// Reads this range of a split into the same range of the buffer; `false` when the file has less.
fn fill(buffer: &mut Vec<u8>, file: &dyn ReadAt, start: u64, range: Range<usize>) -> Result<bool> {
    if let Some(more) = range.end.checked_sub(buffer.len()) {
        buffer.try_reserve_exact(more).map_err(|_| {
            let message = format!(
                "no memory for a CSV record of {} bytes or more",
                range.start
            );
            Error::resources_exhausted(message)
        })?;
        buffer.resize(range.end, 0);
    }
    let from = start.saturating_add(range.start as u64);
    let target = buffer.get_mut(range).unwrap_or_default();
    Ok(read_full(file, from, target)? == target.len())
}

/// How many lines end in this text.
pub(super) fn newlines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}
