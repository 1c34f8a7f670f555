//! One file of a table.

use std::path::PathBuf;
use std::sync::Arc;

use esker_datatypes::{Error, Result};

use super::CsvOptions;
use super::head::Head;
use crate::{FileReadAt, ReadAt};

/// A file whose head has been read.
#[derive(Clone, Debug)]
pub(super) struct CsvFile {
    pub(super) path: PathBuf,
    /// The bytes, where they are not those of the file at the path.
    bytes: Option<Arc<dyn ReadAt>>,
    /// How many bytes there were when the head was read.
    pub(super) len: u64,
    /// Where the rows start.
    pub(super) start: u64,
    /// The line there, from 1.
    pub(super) line: u64,
}

impl CsvFile {
    /// Reads the head of the file at a path, or of the bytes that stand for it; gives the names of
    /// its columns too.
    pub(super) fn read(
        path: PathBuf,
        bytes: Option<Arc<dyn ReadAt>>,
        options: &CsvOptions,
    ) -> Result<(Self, Vec<String>)> {
        let mut file = Self {
            path,
            bytes,
            len: 0,
            start: 0,
            line: 1,
        };
        let contents = file.open()?;
        file.len = contents.len()?;
        let head = Head::read(contents.as_ref(), file.len, &file.path, options)?;
        (file.start, file.line) = (head.start, head.line);
        Ok((file, head.names))
    }

    /// The bytes of the file.
    pub(super) fn open(&self) -> Result<Arc<dyn ReadAt>> {
        match &self.bytes {
            Some(bytes) => Ok(Arc::clone(bytes)),
            None => Ok(Arc::new(FileReadAt::open(&self.path)?)),
        }
    }

    /// How many bytes there are now.
    pub(super) fn len_now(&self) -> Result<u64> {
        let len = self.open()?.len()?;
        if len < self.start {
            let message = format!("the file has become shorter than its header: {len} bytes");
            return Err(Error::data(message).in_file(&self.path));
        }
        Ok(len)
    }
}
