//! How Parquet files are to be read.

use super::cache::FooterCache;

/// How Parquet files are to be read. The defaults are the fast ways; none of them changes a result.
///
/// ```
/// use esker_datasource::ParquetOptions;
/// let options = ParquetOptions::default().with_prune(false);
/// assert!(!options.prune);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ParquetOptions {
    /// Whether row groups that cannot hold a wanted row, by their statistics and Bloom filters, and
    /// rows in such pages, by the page index, are left out. Switch it off for files whose
    /// statistics are wrong.
    pub prune: bool,
    /// Whether text that the file holds as a dictionary stays one while it is worked on.
    pub dictionaries: bool,
    /// How many rows of a row group a worker takes at once, at most.
    pub split_rows: usize,
    /// Where footers are remembered from one opening of a file to the next; without it they are
    /// parsed each time.
    pub footers: Option<FooterCache>,
}

impl Default for ParquetOptions {
    fn default() -> Self {
        Self {
            prune: true,
            dictionaries: true,
            split_rows: 256 << 10,
            footers: None,
        }
    }
}

impl ParquetOptions {
    /// Whether statistics, page indexes and Bloom filters are trusted.
    #[must_use]
    pub fn with_prune(mut self, prune: bool) -> Self {
        self.prune = prune;
        self
    }

    /// Whether text that the file holds as a dictionary stays one.
    #[must_use]
    pub fn with_dictionaries(mut self, dictionaries: bool) -> Self {
        self.dictionaries = dictionaries;
        self
    }

    /// How many rows of a row group a worker takes at once, at most (at least 1).
    #[must_use]
    pub fn with_split_rows(mut self, split_rows: usize) -> Self {
        self.split_rows = split_rows.max(1);
        self
    }

    /// Where footers are remembered from one opening of a file to the next.
    #[must_use]
    pub fn with_footers(mut self, footers: FooterCache) -> Self {
        self.footers = Some(footers);
        self
    }
}
