//! What a plan costs, by what its sources say of their rows.

/// How many rows a plan gives.
mod statistics;

pub(crate) use statistics::rows_of;
