//! Footers that have been read before.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use esker_datatypes::Result;

use super::footer::{Footer, Tail};
use crate::read_at::{ReadAt, Stamp};

/// How many footers are remembered, and how many bytes they may take.
const REMEMBERED: usize = 1024;
const REMEMBERED_BYTES: usize = 128 << 20;

/// Footers of Parquet files, remembered: whoever opens a file again through the same cache parses
/// nothing, as long as size, time of change and last bytes of the file are the same.
///
/// It remembers the 1024 footers used last, of at most 128 MiB. A cheap handle; clones are the same
/// cache.
///
/// ```no_run
/// use esker_datasource::{FooterCache, ParquetOptions, ParquetSource};
///
/// let options = ParquetOptions::default().with_footers(FooterCache::default());
/// let first = ParquetSource::open_with("orders.parquet", options.clone())?;
/// let second = ParquetSource::open_with("orders.parquet", options)?;
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct FooterCache(Arc<Mutex<Cache>>);

impl fmt::Debug for FooterCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let footers = self.with(|cache| cache.footers.len());
        f.debug_struct("FooterCache")
            .field("footers", &footers)
            .finish_non_exhaustive()
    }
}

impl FooterCache {
    /// The footer of a file, remembered from an earlier reading if the file has not changed since.
    ///
    /// # Errors
    /// See [`Footer::read`].
    pub(super) fn footer(
        &self,
        file: &dyn ReadAt,
        path: &Path,
        stamp: &Stamp,
    ) -> Result<Arc<Footer>> {
        let tail = Tail::read(file, stamp.len)?;
        let Ok(path) = std::path::absolute(path) else {
            return Footer::parse(&tail).map(Arc::new);
        };
        // Clocks are coarse: a file that was written twice in a moment may look the same. What is
        // saved is the parsing; reading the end costs little.
        let end = tail.end();
        if let Some(footer) = self.with(|cache| cache.get(&path, stamp, &end)) {
            return Ok(footer);
        }
        let footer = Arc::new(Footer::parse(&tail)?);
        // Without a time of change, nothing says that the file is still the same.
        if stamp.modified.is_some() {
            self.with(|cache| cache.put(path, stamp.clone(), end, Arc::clone(&footer)));
        }
        Ok(footer)
    }

    fn with<T>(&self, action: impl FnOnce(&mut Cache) -> T) -> T {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The footers used last.
#[derive(Default)]
struct Cache {
    footers: HashMap<PathBuf, Entry>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    stamp: Stamp,
    /// The footer's last bytes.
    end: Bytes,
    footer: Arc<Footer>,
    bytes: usize,
    used: u64,
}

impl Cache {
    fn get(&mut self, path: &Path, stamp: &Stamp, end: &Bytes) -> Option<Arc<Footer>> {
        self.clock += 1;
        let entry = self.footers.get_mut(path)?;
        if entry.stamp != *stamp || entry.end != *end {
            return None;
        }
        entry.used = self.clock;
        Some(Arc::clone(&entry.footer))
    }

    fn put(&mut self, path: PathBuf, stamp: Stamp, end: Bytes, footer: Arc<Footer>) {
        self.remove(&path);
        let bytes = footer.metadata().memory_size() + end.len();
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
            end,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryReadAt;
    use crate::parquet::tests::{file, rows, small_groups};

    fn stamp(len: u64) -> Stamp {
        Stamp {
            len,
            modified: Some(std::time::SystemTime::UNIX_EPOCH),
        }
    }

    #[test]
    fn footers_are_remembered_while_files_stay_the_same() {
        let remembered = FooterCache::default();
        let open_by = |cache: &FooterCache, bytes: &[u8], stamp: &Stamp| {
            let file = MemoryReadAt::from(bytes.to_vec());
            let path = Path::new("remembered.parquet");
            cache.footer(&file, path, stamp).unwrap()
        };
        let open = |bytes: &[u8], stamp: &Stamp| open_by(&remembered, bytes, stamp);
        let by = |writer: &str| small_groups().set_created_by(writer.to_owned());
        let bytes = file(&[rows(20)], by("one writer"));
        let len = bytes.len() as u64;
        let first = open(&bytes, &stamp(len));
        assert!(Arc::ptr_eq(&first, &open(&bytes, &stamp(len))));
        let elsewhere = open_by(&FooterCache::default(), &bytes, &stamp(len));
        assert!(!Arc::ptr_eq(&first, &elsewhere));
        let later = Stamp {
            modified: Some(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1)),
            ..stamp(len)
        };
        let second = open(&bytes, &later);
        assert!(!Arc::ptr_eq(&first, &second));
        // Other contents of the same length, written in the same moment.
        let other = file(&[rows(20)], by("two writer"));
        assert!(!Arc::ptr_eq(&second, &open(&other, &later)));
        let unknown = Stamp {
            modified: None,
            ..stamp(len)
        };
        let third = open(&bytes, &unknown);
        assert!(!Arc::ptr_eq(&third, &open(&bytes, &unknown)));
    }

    #[test]
    fn the_footers_used_longest_ago_are_forgotten() {
        let bytes = file(&[rows(1)], small_groups());
        let footer = Footer::read(&MemoryReadAt::from(bytes.clone()), bytes.len() as u64);
        let footer = Arc::new(footer.unwrap());
        let size = footer.metadata().memory_size();
        let mut cache = Cache::default();
        let path = |i: usize| PathBuf::from(i.to_string());
        let is_there =
            |cache: &mut Cache, i| cache.get(&path(i), &stamp(1), &Bytes::new()).is_some();
        for i in 0..REMEMBERED {
            cache.put(path(i), stamp(1), Bytes::new(), Arc::clone(&footer));
            assert!(is_there(&mut cache, 0));
        }
        assert_eq!(cache.bytes, cache.footers.len() * size);
        cache.put(
            path(REMEMBERED),
            stamp(1),
            Bytes::new(),
            Arc::clone(&footer),
        );
        assert!(is_there(&mut cache, 0) && is_there(&mut cache, REMEMBERED));
        assert!(!is_there(&mut cache, 1));
        cache.remove(&path(0));
        assert_eq!(cache.bytes, cache.footers.len() * size);
    }
}
