//! L4 of Esker: files as tables.
//!
//! A source reads one format and shows itself as a
//! [`TableSource`](esker_logical_plan::TableSource): its schema, what it knows of its rows, and
//! scans that any number of workers read at once. All bytes come through [`ReadAt`], by position,
//! so readers share a file without sharing an offset.
//!
//! Each format is a folder: options, inference, reader. A reader cuts its file into *splits*; a
//! worker claims one, reads it into a buffer that it uses again and again, and decodes only the
//! columns that a scan asks for, filter columns first and the others for the rows that pass.
//!
//! Writing goes the other way: a [`TableSink`](esker_logical_plan::TableSink) takes the batches of
//! all workers, encodes pieces of the file side by side, and makes it visible when it is whole.
//!
//! This layer does not know who scans, how a plan is optimized or run, or how a filter computes its
//! answer: filters come as [`RowPredicate`](esker_logical_plan::RowPredicate)s. It starts no
//! threads; the workers that call it are the runtime's.
//!
//! Start with [`CsvSource`] and [`ParquetSource`]; `examples/datasource/read_csv.rs` reads a file by
//! hand.

/// Comma-separated values and their kin.
mod csv;
/// Paths, folders, patterns.
mod file_set;
/// Parquet.
mod parquet;
/// Bytes by position.
mod read_at;
/// What all formats do with filters.
mod support;

pub use csv::{CsvOptions, CsvSource};
pub use file_set::FileSet;
pub use parquet::{
    FooterCache, ParquetCompression, ParquetOptions, ParquetSink, ParquetSource,
    ParquetWriteOptions,
};
pub use read_at::{FileReadAt, MemoryReadAt, ReadAt};
