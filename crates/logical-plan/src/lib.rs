//! L3 of Esker: relational algebra, and what a source of rows must say of itself.
//!
//! A [`LogicalPlan`] is a tree of relations. Each node's *constructor* resolves the names it is
//! given to columns, finds mistakes, and computes the node's schema, once; after that, columns have
//! an identity ([`ColumnId`](esker_datatypes::ColumnId)) and rules follow it. The traits of
//! [sources](TableSource) and [sinks](TableSink) are here too, and the one [`prune`] that every
//! source calls to skip what a filter rules out.
//!
//! Plans may be 10,000 deep: every walk is one of `esker_logical_expr::tree`, on an explicit stack.
//!
//! This layer does not know how a plan is optimized or run, and calls none of the reading methods of
//! the traits it owns; it does not know any file format.
//!
//! Start with [`LogicalPlan`]; `examples/logical-plan/plan_the_hard_way.rs` builds one from nodes.

/// Plans, node by node.
mod builder;
/// Plan text.
mod display;
/// What must hold of every plan.
mod invariants;
/// Tables in memory.
mod mem_table;
/// The nodes, one file each.
mod node;
/// The plan tree.
mod plan;
/// What statistics say of a filter.
mod prune;
/// The traits of sinks.
mod sink;
/// The traits of sources and of the filters pushed into them.
mod source;
/// The suite that every source must pass.
pub mod source_conformance;
/// Tables that come from a reader.
mod stream_table;

pub use builder::LogicalPlanBuilder;
pub use invariants::{check_invariants, check_same_schema};
pub use mem_table::MemTable;
pub use node::{
    Aggregate, AggregateOptions, Distinct, Extension, ExtensionNode, Filter, Join, JoinOptions,
    JoinType, Limit, Projection, PushedFilter, Scan, Shared, Side, Sort, Union, Unnest,
    aggregate_plan, join_key_type, join_plan,
};
pub use plan::{LogicalPlan, Origin, PlanChild, PlanNode};
pub use prune::{Verdict, prune};
pub use sink::{SinkStatus, SinkWriter, TableSink, WriteSummary};
pub use source::{
    Claim, ColumnStats, FilterPushdown, PredicateProperties, RowPredicate, ScanFilter, ScanReader,
    ScanRequest, ScanStatus, SourceProperties, TableScan, TableSource,
};
pub use stream_table::StreamTable;

#[cfg(test)]
mod tests;
