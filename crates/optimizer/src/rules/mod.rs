//! The rules, one file each, and the order in which they run.
//!
//! What they do around a `sorted` hint: it is the user's claim of the order in which an
//! aggregation's, a join's or a `Distinct`'s input comes, and is verified while running (S16). Below
//! it rules may take rows away (the rest of sorted rows is sorted), at the front or in between, and
//! columns that are no keys. They never drop a sort there, nor change the keys of the claim or the
//! side that a join is built of, also where joins that promise no order stand between.

use std::sync::Arc;

use crate::rule::OptimizerRule;

mod choose_build_side;
mod drop_noops;
mod drop_sorts;
mod limit_to_top_k;
mod merge_projections;
mod merge_unions;
mod push_down_filters;
mod push_down_limits;
mod push_down_projections;
mod share_subplans;
mod simplify_expressions;
mod simplify_joins;

pub use choose_build_side::ChooseBuildSide;
pub use drop_noops::DropNoops;
pub use drop_sorts::DropSorts;
pub use limit_to_top_k::LimitToTopK;
pub use merge_projections::MergeProjections;
pub use merge_unions::MergeUnions;
pub use push_down_filters::PushDownFilters;
pub use push_down_limits::PushDownLimits;
pub use push_down_projections::PushDownProjections;
pub use share_subplans::ShareSubplans;
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
        Arc::new(DropSorts),
        Arc::new(MergeProjections),
        // What tells two copies of a relation apart stands behind it: which columns are used above,
        // and choices by cost.
        Arc::new(ShareSubplans),
        Arc::new(PushDownProjections),
        Arc::new(DropNoops),
        Arc::new(ChooseBuildSide),
    ]
}
