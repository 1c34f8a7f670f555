//! What a plan costs, by what its sources say of their rows.
//!
//! These are guesses, for choices that cannot change a result.

/// What is known of columns.
mod columns;
/// How many rows a plan gives.
mod rows;
/// Which share of rows passes a predicate.
mod selectivity;

pub(crate) use rows::{Estimate, Estimates, values_of};
pub(crate) use selectivity::selectivity;
