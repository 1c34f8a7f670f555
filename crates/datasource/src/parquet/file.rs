//! One file of a table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_datatypes::{Error, Result};
use parquet::file::metadata::page_index::PageIndex;

use super::cache::FooterCache;
use super::footer::Footer;
use super::pages;
use crate::read_at::{FileReadAt, ReadAt, Stamp};

/// A file whose footer has been read.
#[derive(Debug)]
pub(super) struct ParquetFile {
    path: PathBuf,
    footer: Arc<Footer>,
    contents: Contents,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
enum Contents {
    /// In the file at the path, as it was then.
    AtPath(Stamp),
    Here(Arc<dyn ReadAt>, u64),
}

impl ParquetFile {
    /// The file at a path, its footer from the cache if there is one and it has it.
    ///
    /// # Errors
    /// `Io`; `Data` for a file that is no Parquet file.
    pub(super) fn at_path(path: &Path, footers: Option<&FooterCache>) -> Result<Self> {
        let file = FileReadAt::open(path)?;
        let stamp = file.stamp()?;
        let footer = match footers {
            Some(footers) => footers.footer(&file, path, &stamp),
            None => Footer::read(&file, stamp.len).map(Arc::new),
        };
        let footer = footer.map_err(|e| e.in_file(path))?;
        Ok(Self {
            path: path.to_owned(),
            footer,
            contents: Contents::AtPath(stamp),
        })
    }

    /// Bytes that stand for the file at a path.
    ///
    /// # Errors
    /// As [`at_path`](Self::at_path).
    pub(super) fn of_bytes(bytes: Arc<dyn ReadAt>, path: PathBuf) -> Result<Self> {
        let len = bytes.len()?;
        let footer = Footer::read(bytes.as_ref(), len).map_err(|e| e.in_file(&path))?;
        Ok(Self {
            path,
            footer: Arc::new(footer),
            contents: Contents::Here(bytes, len),
        })
    }

    /// The same, but the decimals of these columns, by position, have 128 bits at least.
    ///
    /// # Errors
    /// `Data`, `Unsupported`.
    pub(super) fn widened(&self, columns: &[usize]) -> Result<Self> {
        let footer = self
            .footer
            .widened(columns)
            .map_err(|e| e.in_file(&self.path))?;
        Ok(Self {
            path: self.path.clone(),
            footer: Arc::new(footer),
            contents: self.contents.clone(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn footer(&self) -> &Footer {
        &self.footer
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        match &self.contents {
            Contents::AtPath(stamp) => stamp.len,
            Contents::Here(_, len) => *len,
        }
    }
}

/// A file that is being read.
#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    file: Arc<ParquetFile>,
    bytes: Arc<dyn ReadAt>,
    /// Of the columns that filters use.
    pages: Option<Arc<PageIndex>>,
}

impl OpenFile {
    /// Opens the file.
    ///
    /// # Errors
    /// `Io`; `Data` for one that is not what it was when its footer was read.
    pub(super) fn open(file: &Arc<ParquetFile>) -> Result<Self> {
        let bytes: Arc<dyn ReadAt> = match &file.contents {
            Contents::Here(bytes, _) => Arc::clone(bytes),
            Contents::AtPath(then) => {
                let open = FileReadAt::open(&file.path)?;
                if open.stamp()? != *then {
                    let message = "the file was changed after the table was opened";
                    return Err(Error::data(message).in_file(&file.path));
                }
                Arc::new(open)
            }
        };
        Ok(Self {
            file: Arc::clone(file),
            bytes,
            pages: None,
        })
    }

    /// The same with what is known of the pages of these columns, by position in the file.
    pub(super) fn with_pages(mut self, columns: &[usize]) -> Self {
        let pages = pages::read(self.bytes(), self.len(), self.footer(), columns);
        self.pages = pages.map(Arc::new);
        self
    }

    pub(super) fn pages(&self) -> Option<&PageIndex> {
        self.pages.as_deref()
    }

    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }

    pub(super) fn footer(&self) -> &Footer {
        &self.file.footer
    }

    pub(super) fn len(&self) -> u64 {
        self.file.len()
    }

    pub(super) fn bytes(&self) -> &dyn ReadAt {
        self.bytes.as_ref()
    }
}
