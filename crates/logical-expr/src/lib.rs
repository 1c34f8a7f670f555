//! L2 of Esker: expressions, what they mean and which types they have.
//!
//! An [`Expr`] is a tree: columns, values, operators, casts, conditions, calls. [`col`] and [`lit`]
//! start one, methods and operators grow it. [`resolve`] ties its names to the columns of a schema;
//! [`expr_type`] is the one place where types are decided, and [`coerce`] writes the casts it asks
//! for into the tree. [`evaluate_constant`] folds what uses no column, [`Interval`]s bound what an
//! expression can be. The *traits* of functions live here, the functions do not.
//!
//! Trees may be 100,000 deep: every walk is one of the functions of [`tree`], on an explicit stack.
//!
//! This layer does not know plans, files or threads, and no function by name.
//!
//! Start with [`Expr`]; `examples/logical-expr/build_and_type.rs` builds, types and prints some.

/// Names, literals, operators and methods that build expressions.
mod builder;
/// The columns of an expression.
mod columns;
/// Evaluation of a node from its operands, and of constants.
mod const_eval;
/// The exact text of expressions.
mod display;
/// The expression tree.
mod expr;
/// The traits of functions.
pub mod function;
/// Bounds of expressions.
mod interval;
/// Operators.
mod operator;
/// Two tiny functions for the tests of lower layers.
#[doc(hidden)]
pub mod test_util;
/// Traversal without recursion.
pub mod tree;
/// Types and coercions.
mod typing;

pub use builder::{
    CaseBuilder, CaseWhen, IntoExpr, IntoOperand, IntoSortKey, SortKey, col, lit, when,
};
pub use columns::{columns_of, re_id, resolve, substitute};
pub use const_eval::{apply, evaluate_constant, in_set, is_constant};
pub use esker_kernels::cast::CastMode;
pub use expr::{
    AggregateCall, Alias, Between, Binary, Case, Cast, ColumnRef, Expr, ExprChild, FunctionCall,
    InList, Unary,
};
pub use interval::{Interval, bounds, cannot_fail};
pub use operator::{BinaryOp, UnaryOp};
pub use typing::{ExprType, coerce, expr_field, expr_type, visit_types};

#[cfg(test)]
mod deep_tests;
