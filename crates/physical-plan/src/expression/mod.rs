//! Compiled expressions: flat programs that are run batch by batch.
//!
//! An expression of the plan is a tree; running a tree means recursion, and one call per node and
//! row or per node and batch, with the question which rows count asked anew at every node. So the
//! physical planner compiles the expressions of an operator, once, to a [`Program`]: instructions
//! in evaluation order over registers that hold columns.
//!
//! * A program is evaluated *under a selection*. `AND`, `OR` and `CASE` narrow it: what stands
//!   right of `AND` is computed for the rows that are still undecided, a branch of `CASE` for the
//!   rows that took it, and where no row is left the instructions are jumped over. A row that a
//!   filter or a branch removed never raises an error.
//! * Neither compiling nor running recurses, so depth is no danger.
//! * [`Program::evaluate`] gives columns; [`Program::select`] narrows a selection to the rows where
//!   a predicate is TRUE, without making a mask where a comparison can do without.
//! * [`CompiledPredicate`] is one conjunct of a filter, ready to be pushed into a scan.
//!
//! What a single node computes is not decided here but by `esker_logical_expr::apply`, which
//! constant folding uses as well.
//!
//! [`CompiledPredicate`]: crate::expression::CompiledPredicate
//! [`Program`]: crate::expression::Program
//! [`Program::evaluate`]: crate::expression::Program::evaluate
//! [`Program::select`]: crate::expression::Program::select

/// From trees to programs.
mod compile;
/// What a node costs and whether it can fail.
mod facts;
/// What a program is made of.
mod instruction;
/// One conjunct of a filter, for a scan.
mod predicate;
/// Programs.
mod program;
/// The selection that a running program narrows and widens.
mod rows;
/// One run of a program.
mod run;

#[cfg(test)]
mod tests;

pub use predicate::CompiledPredicate;
pub use program::{Program, ProgramState};
