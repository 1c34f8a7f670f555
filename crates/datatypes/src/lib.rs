//! L0 of Esker: types, schemas, values, columns, batches and errors.
//!
//! Everything above speaks in these words. Data is Arrow's: a [`Column`] is an Arrow array in one
//! of a few encodings, a [`Batch`] is some columns of equal length with a [`Selection`] of the rows
//! that count and an [`Order`] that says where they stand in the input. The
//! [coercion lattice](common_type) decides which type holds the values of two others. There is one
//! [`Error`] type, and it says whose fault a failure is and where it happened.
//!
//! This layer does not know expressions, plans, files or threads, and computes nothing: vector
//! operations are the kernels' (the next layer up).
//!
//! Start with [`Column`] and [`Batch`]; `examples/datatypes/columns_and_batches.rs` shows them at
//! work.

/// Batches of columns: what flows between operators.
mod batch;
/// The worker-local pool of recycled buffers.
mod buffers;
/// Which type holds the values of two types.
mod coercion;
/// Columns and their encodings.
mod column;
/// Values as text.
mod display;
/// Errors, by blame.
mod error;
/// Single values of any type.
mod scalar;
/// Fields, schemas and column identity.
mod schema;
/// Which rows of a batch count.
mod selection;
/// What is known about data without reading it.
mod statistics;

pub use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
pub use batch::{Batch, Order, StreamInfo};
pub use buffers::Buffers;
pub use coercion::{
    as_decimal_parts, common_type, comparison_type, decimal_parts, decimal_type, is_binary,
    is_decimal, is_string, literal_as,
};
pub use column::{Column, Encoding, array_size, value_type};
pub use display::{format_float, format_value};
pub use error::{Context, Error, ErrorKind, Result};
pub use scalar::ScalarValue;
pub use schema::{ColumnId, Field, Name, Schema, SchemaRef};
pub use selection::Selection;
pub use statistics::{ColumnStatistics, Precision, TableStatistics};
