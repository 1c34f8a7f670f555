//! How Parquet files are to be written.

use esker_datatypes::{Error, Result};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

/// How a Parquet file is to be written.
///
/// The default: Zstandard, row groups of 262,144 rows, dictionaries where values repeat, and
/// statistics of each row group and page.
///
/// ```
/// use esker_datasource::{ParquetCompression, ParquetWriteOptions};
/// let options = ParquetWriteOptions::default()
///     .with_compression(ParquetCompression::Snappy)
///     .with_row_group_rows(1 << 20);
/// assert!(options.dictionaries);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ParquetWriteOptions {
    /// How pages are compressed.
    pub compression: ParquetCompression,
    /// How hard, for those that know levels (Zstandard 1 to 22, gzip 0 to 9, Brotli 0 to 11); by
    /// default 1, 6 and 1.
    pub compression_level: Option<u32>,
    /// How many rows a row group has: at least 1. Only the last has fewer, unless memory is short.
    pub row_group_rows: usize,
    /// Whether columns whose values repeat are written as dictionaries.
    pub dictionaries: bool,
    /// Whether bounds and counts of nulls are written for each row group and page, by which readers
    /// leave out what they do not need.
    pub statistics: bool,
}

/// How the pages of a Parquet file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParquetCompression {
    /// Not at all.
    Uncompressed,
    /// Snappy: fast, and readable by everyone.
    Snappy,
    /// LZ4, without frames.
    Lz4,
    /// Zstandard: smaller than Snappy, and quick at level 1.
    Zstd,
    /// Gzip: readable by everyone, slow.
    Gzip,
    /// Brotli: small, slow.
    Brotli,
}

impl Default for ParquetWriteOptions {
    fn default() -> Self {
        Self {
            compression: ParquetCompression::Zstd,
            compression_level: None,
            row_group_rows: 256 << 10,
            dictionaries: true,
            statistics: true,
        }
    }
}

impl ParquetWriteOptions {
    /// How pages are compressed.
    #[must_use]
    pub fn with_compression(mut self, compression: ParquetCompression) -> Self {
        self.compression = compression;
        self
    }

    /// How hard they are compressed.
    #[must_use]
    pub fn with_compression_level(mut self, level: u32) -> Self {
        self.compression_level = Some(level);
        self
    }

    /// How many rows a row group has (at least 1).
    #[must_use]
    pub fn with_row_group_rows(mut self, rows: usize) -> Self {
        self.row_group_rows = rows.max(1);
        self
    }

    /// Whether columns whose values repeat are written as dictionaries.
    #[must_use]
    pub fn with_dictionaries(mut self, dictionaries: bool) -> Self {
        self.dictionaries = dictionaries;
        self
    }

    /// Whether statistics are written.
    #[must_use]
    pub fn with_statistics(mut self, statistics: bool) -> Self {
        self.statistics = statistics;
        self
    }

    /// The same for the crate that encodes.
    ///
    /// # Errors
    /// `InvalidInput` for a level that the compression does not have.
    pub(super) fn properties(&self) -> Result<WriterProperties> {
        let statistics = match self.statistics {
            true => EnabledStatistics::Page,
            false => EnabledStatistics::None,
        };
        Ok(WriterProperties::builder()
            .set_compression(self.codec()?)
            .set_dictionary_enabled(self.dictionaries)
            .set_statistics_enabled(statistics)
            .set_created_by(format!("esker version {}", env!("CARGO_PKG_VERSION")))
            .build())
    }

    fn codec(&self) -> Result<Compression> {
        let level = self.compression_level;
        let without_levels = |codec: Compression| match level {
            None => Ok(codec),
            Some(level) => Err(self.no_level(level)),
        };
        let refused = |_| self.no_level(level.unwrap_or_default());
        let signed = |level: u32| i32::try_from(level).unwrap_or(i32::MAX);
        match self.compression {
            ParquetCompression::Uncompressed => without_levels(Compression::UNCOMPRESSED),
            ParquetCompression::Snappy => without_levels(Compression::SNAPPY),
            ParquetCompression::Lz4 => without_levels(Compression::LZ4_RAW),
            ParquetCompression::Zstd => {
                let level =
                    level.map_or(Ok(ZstdLevel::default()), |l| ZstdLevel::try_new(signed(l)));
                Ok(Compression::ZSTD(level.map_err(refused)?))
            }
            ParquetCompression::Gzip => {
                let level = level.map_or(Ok(GzipLevel::default()), GzipLevel::try_new);
                Ok(Compression::GZIP(level.map_err(refused)?))
            }
            ParquetCompression::Brotli => {
                let level = level.map_or(Ok(BrotliLevel::default()), BrotliLevel::try_new);
                Ok(Compression::BROTLI(level.map_err(refused)?))
            }
        }
    }

    fn no_level(&self, level: u32) -> Error {
        let compression = self.compression;
        Error::invalid_input(format!("{compression:?} compression has no level {level}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_that_do_not_exist_are_refused() {
        let check = |compression, level: u32| {
            let options = ParquetWriteOptions::default().with_compression(compression);
            let properties = options.with_compression_level(level).properties();
            properties.map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(check(ParquetCompression::Zstd, 3), Ok(()));
        assert_eq!(check(ParquetCompression::Gzip, 9), Ok(()));
        assert_eq!(check(ParquetCompression::Brotli, 11), Ok(()));
        for (compression, level) in [
            (ParquetCompression::Zstd, 23),
            (ParquetCompression::Zstd, u32::MAX),
            (ParquetCompression::Gzip, 11),
            (ParquetCompression::Brotli, 12),
            (ParquetCompression::Snappy, 1),
            (ParquetCompression::Uncompressed, 0),
        ] {
            let message = format!("{compression:?} compression has no level {level}");
            assert_eq!(check(compression, level), Err(message));
        }
    }
}
