//! L1 of Esker: the one implementation of every vector operation.
//!
//! A kernel takes [columns](esker_datatypes::Column) in any encoding, a
//! [selection](esker_datatypes::Selection) of the rows that count, and the worker's
//! [buffers](esker_datatypes::Buffers), and gives a column of the same number of rows. What stands
//! in the rows that are not selected is not defined (but valid to read): nobody looks there, and
//! none of them raises an error. Constant folding and execution call the same kernels, so they
//! cannot differ.
//!
//! This layer does not know expressions, plans, files or threads. It does not coerce: the types it
//! wants are those that the typing of `esker-logical-expr` has made, and it says so when they are
//! not.
//!
//! Start with [`compare`] for the shape that all kernels share; `examples/kernels` shows them at
//! work.

/// Checked arithmetic.
pub mod arith;
/// Kleene logic and null tests.
pub mod boolean;
/// Conversion between types.
pub mod cast;
/// Comparison and membership.
pub mod compare;
/// Hashes of rows.
pub mod hash;
/// Hash tables of keys: groups and joins.
pub mod hash_table;
/// Membership in a list of values.
pub mod in_list;
/// Text to numbers, dates and times.
pub mod parse;
/// Moving rows: compact, concatenate, merge.
pub mod select;
/// Sorting: keys that compare as rows do, sorted runs of row ids, and their merging.
pub mod sort_key;
/// Text: searching, cutting, changing.
pub mod string;
/// Dates and times: their parts, and moving them.
pub mod temporal;
/// Fixed-width values: their equality, order and keys.
pub mod value;
/// Text and binary values in an arena.
pub mod views;

/// Bit masks as words.
mod bits;
/// Kernels of one column, run once for each distinct value where the encoding allows.
mod per_value;
/// What the property tests share.
#[cfg(test)]
mod testing;
/// Operands, loops over selected rows, null masks and output columns of fixed-width kernels.
mod vector;
