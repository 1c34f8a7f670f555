//! Bytes by position: files, and memory that stands in for one.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use esker_datatypes::{Error, Result};

/// Bytes that any number of readers read at once, each where it likes: there is no shared offset.
pub trait ReadAt: Send + Sync + Debug {
    /// How many bytes there are now.
    ///
    /// # Errors
    /// `Io`.
    fn len(&self) -> Result<u64>;

    /// Whether there are none.
    ///
    /// # Errors
    /// `Io`.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads bytes from `offset` on into the front of `buf` and says how many: perhaps fewer than
    /// there is room for, and 0 only at or behind the end (or without room).
    ///
    /// # Errors
    /// `Io`.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize>;
}

/// The length of a file and when it was written last: while they are the same, so are its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) len: u64,
    /// `None` where the system does not say.
    pub(crate) modified: Option<SystemTime>,
}

/// Reads until `buf` is full or the end is reached, and says how many bytes that were.
pub(crate) fn read_full(source: &dyn ReadAt, offset: u64, buf: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match source.read_at(offset.saturating_add(done as u64), rest)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

/// The stem of a file's name: what plan text calls the table.
pub(crate) fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}

/// A file, read by position.
///
/// ```
/// use esker_datasource::{FileReadAt, ReadAt};
/// let file = FileReadAt::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))?;
/// let mut word = [0; 7];
/// assert_eq!(file.read_at(1, &mut word)?, 7);
/// assert_eq!(&word, b"package");
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Debug)]
pub struct FileReadAt {
    file: File,
    path: PathBuf,
}

impl FileReadAt {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// `Io`, naming the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// The path it was opened under.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What tells the contents apart from earlier and later ones.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn stamp(&self) -> Result<Stamp> {
        let len = self.len()?;
        let metadata = self.file.metadata().map_err(|e| Error::io(&self.path, e))?;
        Ok(Stamp {
            len,
            modified: metadata.modified().ok(),
        })
    }
}

impl ReadAt for FileReadAt {
    fn len(&self) -> Result<u64> {
        let metadata = self.file.metadata().map_err(|e| Error::io(&self.path, e))?;
        if metadata.is_dir() {
            // Reading it would fail too, but its length says nothing of that.
            return Err(Error::io(&self.path, io::ErrorKind::IsADirectory.into()));
        }
        Ok(metadata.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        loop {
            match positional(&self.file, offset, buf) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|e| Error::io(&self.path, e)),
            }
        }
    }
}

#[cfg(unix)]
fn positional(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

#[cfg(windows)]
fn positional(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buf, offset)
}

#[cfg(not(any(unix, windows)))]
fn positional(_: &File, _: u64, _: &mut [u8]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Bytes in memory, read as a file is.
///
/// ```
/// use esker_datasource::{MemoryReadAt, ReadAt};
/// let bytes = MemoryReadAt::from(b"abc".to_vec());
/// assert_eq!(bytes.read_at(3, &mut [0; 2])?, 0);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryReadAt(Arc<[u8]>);

impl From<Vec<u8>> for MemoryReadAt {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl ReadAt for MemoryReadAt {
    fn len(&self) -> Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|at| self.0.get(at..))
            .unwrap_or_default();
        let count = rest.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn check(source: &dyn ReadAt) {
        let mut buf = [0; 4];
        assert_eq!(source.len().unwrap(), 6);
        assert!(!source.is_empty().unwrap());
        assert_eq!(read_full(source, 1, &mut buf).unwrap(), 4);
        assert_eq!(&buf, b"bcde");
        assert_eq!(read_full(source, 4, &mut buf).unwrap(), 2);
        assert_eq!(&buf, b"efde");
        assert_eq!(read_full(source, 6, &mut buf).unwrap(), 0);
        assert_eq!(read_full(source, 1 << 40, &mut buf).unwrap(), 0);
        assert_eq!(read_full(source, 0, &mut []).unwrap(), 0);
    }

    #[test]
    fn files_and_memory_read_alike() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abcdef").unwrap();
        check(&FileReadAt::open(file.path()).unwrap());
        check(&MemoryReadAt::from(b"abcdef".to_vec()));
    }

    #[test]
    fn errors_name_the_path() {
        let error = FileReadAt::open("no/such/file.csv").unwrap_err();
        assert!(
            error.to_string().starts_with("no/such/file.csv: "),
            "{error}"
        );
        let folder = tempfile::tempdir().unwrap();
        let error = FileReadAt::open(folder.path())
            .and_then(|f| f.len())
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&folder.path().display().to_string()),
            "{error}"
        );
    }
}
