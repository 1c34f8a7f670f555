//! The rules, one file each, and the order in which they run.

use std::sync::Arc;

use crate::rule::OptimizerRule;

mod drop_noops;
mod limit_to_top_k;
mod merge_projections;
mod merge_unions;
mod push_down_filters;
mod push_down_limits;
mod push_down_projections;
mod simplify_expressions;
mod simplify_joins;

pub use drop_noops::DropNoops;
pub use limit_to_top_k::LimitToTopK;
pub use merge_projections::MergeProjections;
pub use merge_unions::MergeUnions;
pub use push_down_filters::PushDownFilters;
pub use push_down_limits::PushDownLimits;
pub use push_down_projections::PushDownProjections;
pub use simplify_expressions::SimplifyExpressions;
pub use simplify_joins::SimplifyJoins;

/// All rules, in the order in which they run.
pub fn all() -> Vec<Arc<dyn OptimizerRule>> {
    vec![
        Arc::new(SimplifyExpressions),
        Arc::new(MergeUnions),
        Arc::new(PushDownFilters),
        Arc::new(SimplifyJoins),
        Arc::new(PushDownLimits),
        Arc::new(LimitToTopK),
        Arc::new(MergeProjections),
        Arc::new(PushDownProjections),
        Arc::new(DropNoops),
    ]
}
