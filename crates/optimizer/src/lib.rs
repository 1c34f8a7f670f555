//! L4 of Esker: from the plan that was written to the plan that is run.
//!
//! Two steps, both plan to plan. The [`Analyzer`] writes what the plan left unsaid into it: the casts
//! that typing asks for. Its result runs as it is ("optimizer off" means: analyzer only). The
//! [`Optimizer`] then applies its [rules](OptimizerRule), one after the other, again and again until
//! none changes anything. After each rule it checks that the plan is still well-formed and gives the
//! same columns, and names the rule if not. An optimized plan gives the same rows in the same order;
//! it may raise fewer errors than the plain one, never another or a new one.
//!
//! Rules ask expressions and functions for their properties (volatile? fallible?), and sources for
//! what they do with filters. Every rule is a walk on an explicit stack: plans may be 10,000 and
//! expressions 100,000 deep.
//!
//! This layer does not know data, files or threads, no function by name and no file format.
//!
//! Start with [`OptimizerRule`] and the smallest rule, [`MergeUnions`](rules::MergeUnions);
//! `examples/optimizer/filter_pushdown.rs` prints a plan after each rule that changed it.

/// What the plan left unsaid: casts.
mod analyzer;
/// What a plan costs.
mod cost;
/// A walk that carries something down the plan.
mod descend;
/// What rules ask of expressions.
mod expressions;
/// Predicates that follow from others, put where they do not hold yet.
mod implied;
/// Which inputs of a join may lose rows.
mod join_sides;
/// The rules in turn, and the checks after each.
mod optimizer;
#[cfg(test)]
mod random_tests;
/// What relies on the rows of joins as they come.
mod reliance;
/// What a rule is.
mod rule;
/// The rules, one file each.
pub mod rules;
/// Plans for the tests of this crate.
#[cfg(test)]
mod test_util;
#[cfg(test)]
mod tests;

pub use analyzer::Analyzer;
pub use optimizer::Optimizer;
pub use rule::{OptimizerRule, Turn};
