//! Esker: a lazy, Arrow-native dataframe engine. This crate is the facade (L6).
//!
//! An [`ExecutionContext`] opens files and tables; a [`DataFrame`] is a cheap handle on a plan that
//! nothing has computed yet; [`collect`](DataFrame::collect) optimizes the plan and runs it on all
//! cores, and gives a [`Table`] of Arrow batches.
//!
//! ```
//! use esker_dataframe::prelude::*;
//! # fn main() -> Result<()> {
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/employee.csv");
//!
//! let ctx = ExecutionContext::new();
//! let df = ctx
//!     .csv(path)?
//!     .filter(col("state").eq("CO"))
//!     .select([col("id"), col("first_name"), (col("salary") * 0.1).alias("bonus")])
//!     .filter(col("bonus").gt(1000));
//! let table = df.collect()?;
//! assert_eq!(table.num_rows(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Mistakes are found when a call is made and kept until a result is asked for; the error then names
//! the caller's file and line.
//!
//! This layer knows every other one and holds no algorithm: each method builds a plan or wires
//! layers together. It does not know how anything is computed.
//!
//! Start with [`DataFrame`]; `examples/dataframe/quickstart.rs` is the tour, `joins_and_groups.rs`
//! and `write_parquet.rs` beside it go on.

/// What each operator of a query did, as text.
mod analyze;
/// The context: configuration, worker pool, memory, tables.
mod context;
/// The lazy frame.
mod dataframe;
/// Rows without duplicates.
mod distinct;
/// The three plans of a query, as text.
mod explain;
/// Groups of rows and what is computed of them.
mod group_by;
/// Joins: which rows of two frames belong together.
mod join;
/// What most programs import.
pub mod prelude;
/// A query in flight.
mod query;
/// Opening files.
mod read;
/// The order of rows.
mod sort;
/// A collected result.
mod table;
/// Writing files.
mod write;

pub use analyze::{AnalyzedOperator, ExplainAnalyze};
pub use context::{ExecutionContext, ExecutionContextBuilder};
pub use dataframe::DataFrame;
pub use distinct::Distinct;
pub use explain::Explain;
pub use group_by::GroupBy;
pub use join::Join;
pub use query::{Query, ResultReader, ResultStream};
pub use table::Table;

/// The Arrow crate that batches and schemas are of.
pub use arrow;
pub use esker_datasource::{
    CsvOptions, FileSet, ParquetCompression, ParquetOptions, ParquetWriteOptions,
};
pub use esker_datatypes::{Error, ErrorKind, Result};
pub use esker_logical_plan::WriteSummary;
pub use esker_runtime::{OperatorCounters, OperatorSnapshot, ProgressSnapshot};

/// The program of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
