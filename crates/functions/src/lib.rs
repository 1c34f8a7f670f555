//! Functions of Esker: the built-in library, one file each.
//!
//! A function is a struct that implements `ScalarFunction` or `AggregateFunction` of
//! `esker-logical-expr`: its typing, its properties and the call of its kernel or its group states.
//! Its family's extension trait ([`MathExpr`], [`ConditionalExpr`], [`AggregateExpr`]) makes it a
//! method of expressions, or one of a namespace of them ([`StringExpr`], [`TemporalExpr`]), and
//! [`registry`] finds it by name. Nothing outside a function's file knows its name.
//!
//! This layer does not know plans, the optimizer, or who calls a function.
//!
//! Start with `math/abs.rs`, the smallest; `docs/how-to/add-a-function.md` says how to add one.

/// Functions of groups of rows.
mod aggregate;
/// Functions that choose between values.
mod conditional;
/// Functions of numbers.
mod math;
/// Functions of text.
mod string;
/// Functions of dates and times.
mod temporal;
/// What the tests share.
#[cfg(test)]
mod testing;

use std::sync::Arc;

use esker_logical_expr::function::{FunctionRegistry, ScalarFunction};

pub use aggregate::{AggregateExpr, Count, First, Last, NUnique, Spread, Std, Var, corr, len};
pub use conditional::{ConditionalExpr, coalesce};
pub use math::MathExpr;
pub use string::{StrNamespace, StringExpr};
pub use temporal::{DtNamespace, TemporalExpr};

/// All built-in functions, by name.
///
/// ```
/// let registry = esker_functions::registry();
/// assert_eq!(registry.scalar("abs")?.name(), "abs");
/// assert!(registry.scalar("abz").is_err());
/// assert_eq!(registry.aggregate("sum")?.name(), "sum");
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn registry() -> FunctionRegistry {
    let mut registry = FunctionRegistry::default();
    let families: [Vec<Arc<dyn ScalarFunction>>; 4] = [
        math::functions(),
        conditional::functions(),
        string::functions(),
        temporal::functions(),
    ];
    for function in families.into_iter().flatten() {
        registry.register_scalar(function);
    }
    for function in aggregate::functions() {
        registry.register_aggregate(function);
    }
    registry
}
