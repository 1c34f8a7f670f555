//! L5 of Esker: how a plan runs.
//!
//! The [`Planner`] turns relations into a [`PhysicalPlan`]: columns become positions, expressions
//! become flat [programs](expression::Program), each node a [source](Source), an
//! [operator](Operator) or a [sink](Sink). [`build_pipelines`] cuts the plan at its breakers,
//! and [`run_pipelines`] drives batches through the pieces: every worker claims a split, pushes its
//! batches through the whole chain, and keeps its own state; nothing waits inside an operator.
//! (Leis et al., *Morsel-Driven Parallelism*, SIGMOD 2014.)
//!
//! This layer does not know names of columns, the optimizer, or any function or file format: it
//! meets those as trait objects that the plan carries.
//!
//! Start with [`PhysicalPlan`] and the traits of [`pipeline`]; `operators/filter.rs` is an operator
//! at one glance, and `examples/physical-plan/run_pipelines.rs` runs a plan.

/// Plan text with columns as positions.
mod explain;
/// Compiled expressions.
pub mod expression;
/// Sources, operators and sinks.
mod operators;
/// What drives them.
pub mod pipeline;
/// The physical plan.
mod plan;
/// From relations to operators.
mod planner;
/// A query from plan to rows.
mod query;

pub use operators::{
    CheckSortedExec, Delivery, DistinctExec, EmptySource, EquiKeys, FilterExec, HashAggregateExec,
    HashJoinExec, JoinSpec, LimitExec, NestedLoopJoinExec, ProjectionExec, ResultSink, ScanExec,
    ScanOptions, SharedExec, SortExec, SortSpec, TopKExec, UnnestExec, WriteExec,
};
pub use pipeline::{Operator, Sink, Source, build_pipelines, run_pipelines};
pub use plan::{PhysicalChild, PhysicalPlan, Role, SharedPlan};
pub use planner::{ExtensionPlanner, Planner};
pub use query::{RunningQuery, run_to_sink, start};
