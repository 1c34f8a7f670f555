//! Parquet files.

/// Writing.
mod writer;

pub use self::writer::{ParquetCompression, ParquetSink, ParquetWriteOptions};
