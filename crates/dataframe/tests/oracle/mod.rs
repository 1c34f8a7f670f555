//! A second engine, as plain as can be: rows of values, nested loops, stable sorts.
//!
//! It knows what the semantics say (types, nulls, NaN, errors, order) and nothing of how the engine
//! does it; it shares no code with the engine but the facade's names. The fuzzer and the properties
//! compare the engine with it.
//!
//! A [`Relation`] says of each row how far its place is promised, so that a result is compared as a
//! list, as a set, or as something between. Where the semantics leave more open than order (a limit
//! over rows in no order, the first of them, sums of floats that round), evaluating stops with
//! [`Stop::Ambiguous`]: such plans are no test.
#![allow(
    dead_code,
    unused_imports,
    reason = "each of the test programs uses a part of it"
)]

/// The aggregate functions over rows.
mod aggregate;
/// Whether the engine's rows are the wanted ones.
mod compare;
/// Random values, columns and tables.
mod data;
/// Plans and expressions as calls of the facade.
mod engine;
/// Expressions of typed operations, evaluated a row at a time.
mod eval;
/// Expressions as a user writes them.
mod expr;
/// Groups of rows, and the first row of each kind.
mod groups;
/// Joins as nested loops.
mod join;
/// Plans as a user writes them.
mod plan;
/// Random numbers.
mod random;
/// Rows, and how far their order is promised.
mod relation;
/// The plan nodes over one or more relations.
mod rows;
/// The settings that must not change a result.
mod settings;
/// Tables of values, as Arrow batches.
mod table;
/// Types, and which of them hold the values of two.
mod types;
/// Typing: expressions become typed operations.
mod typing;
/// Single values.
mod value;

pub(crate) use compare::{Judgement, judge, leaves_out};
pub(crate) use data::{Style, random_column, random_value};
pub(crate) use engine::{count, literal, open, run, to_expr, to_frame};
pub(crate) use expr::{AggFn, ArithOp, CmpOp, Expr, Function, Test};
pub(crate) use join::columns_of_filter;
pub(crate) use plan::{Grouping, Join, JoinKind, Plan, SortKey};
pub(crate) use random::Random;
pub(crate) use relation::{Column, Relation, Row, Stop};
pub(crate) use rows::{apply, evaluate};
pub(crate) use settings::{Optimizing, Setting, rule_names};
pub(crate) use table::{Layout, Table, TableColumn, dictionary};
pub(crate) use types::Type;
pub(crate) use typing::compile;
pub(crate) use value::{Decimal, Value};
