//! The rules, one file each.

mod drop_noops;
mod merge_projections;
mod merge_unions;
mod push_down_filters;
mod push_down_limits;
mod push_down_projections;
mod simplify_expressions;

pub use drop_noops::DropNoops;
pub use merge_projections::MergeProjections;
pub use merge_unions::MergeUnions;
pub use push_down_filters::PushDownFilters;
pub use push_down_limits::PushDownLimits;
pub use push_down_projections::PushDownProjections;
pub use simplify_expressions::SimplifyExpressions;
