//! Sources, operators and sinks, one file each.

mod aggregate;
mod distinct;
mod empty;
mod filter;
mod held;
mod join;
mod limit;
mod position;
mod projection;
mod result;
mod scan;
mod shared;
mod slots;
mod sort;
mod sorted;
mod unnest;
mod write;

pub use aggregate::HashAggregateExec;
pub(crate) use aggregate::{Grouping, GroupingOptions};
pub use distinct::DistinctExec;
pub use empty::EmptySource;
pub use filter::FilterExec;
pub(crate) use join::FilterMaker;
pub use join::{EquiKeys, HashJoinExec, JoinSpec, NestedLoopJoinExec};
pub use limit::LimitExec;
pub use projection::ProjectionExec;
pub use result::{Delivery, ResultSink};
pub(crate) use scan::RuntimeFilters;
pub use scan::{ScanExec, ScanOptions};
pub use shared::SharedExec;
pub use sort::{SortExec, SortSpec, TopKExec};
pub use sorted::CheckSortedExec;
pub use unnest::UnnestExec;
pub use write::WriteExec;
