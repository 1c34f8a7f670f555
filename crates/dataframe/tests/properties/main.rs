//! Properties of joins, aggregations, sorts and distinct: over every kind of key, value and shape of
//! input, and in every setting, the engine gives the rows of an oracle.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

/// Every aggregate of every type of value.
mod aggregates;
/// What the properties share.
mod common;
/// Distinct rows, the first of each kind.
mod distincts;
/// Every kind of join on every kind of key.
mod joins;
#[path = "../oracle/mod.rs"]
mod oracle;
/// Sorts, and the first rows of them.
mod sorts;
