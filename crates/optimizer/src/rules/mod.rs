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
mod delay_semi_joins;
mod drop_noops;
mod drop_sorts;
pub(crate) mod factor_disjunctions;
mod group_distinct_values;
mod infer_filters;
mod limit_to_top_k;
mod merge_projections;
mod merge_unions;
pub(crate) mod push_down_filters;
mod push_down_limits;
mod push_down_projections;
mod reorder_joins;
mod share_subplans;
pub(crate) mod simplify_expressions;
mod simplify_joins;
mod split_disjunctions;

pub use choose_build_side::ChooseBuildSide;
pub use delay_semi_joins::DelaySemiJoins;
pub use drop_noops::DropNoops;
pub use drop_sorts::DropSorts;
pub use factor_disjunctions::FactorDisjunctions;
pub use group_distinct_values::GroupDistinctValues;
pub use infer_filters::InferFilters;
pub use limit_to_top_k::LimitToTopK;
pub use merge_projections::MergeProjections;
pub use merge_unions::MergeUnions;
pub use push_down_filters::PushDownFilters;
pub use push_down_limits::PushDownLimits;
pub use push_down_projections::PushDownProjections;
pub use reorder_joins::ReorderJoins;
pub use share_subplans::ShareSubplans;
pub use simplify_expressions::SimplifyExpressions;
pub use simplify_joins::SimplifyJoins;
pub use split_disjunctions::SplitDisjunctions;

/// All rules, in the order in which they run.
pub fn all() -> Vec<Arc<dyn OptimizerRule>> {
    vec![
        Arc::new(SimplifyExpressions),
        Arc::new(FactorDisjunctions),
        Arc::new(MergeUnions),
        Arc::new(PushDownFilters),
        Arc::new(SimplifyJoins),
        Arc::new(SplitDisjunctions),
        Arc::new(InferFilters),
        Arc::new(PushDownLimits),
        Arc::new(LimitToTopK),
        Arc::new(DropSorts),
        Arc::new(GroupDistinctValues),
        Arc::new(MergeProjections),
        // What tells two copies of a relation apart stands behind it: which columns are used above,
        // and choices by cost.
        Arc::new(ShareSubplans),
        Arc::new(PushDownProjections),
        Arc::new(DropNoops),
        Arc::new(ReorderJoins),
        Arc::new(DelaySemiJoins),
        Arc::new(ChooseBuildSide),
    ]
}
