//! What a rule of the optimizer is.

use std::fmt::Debug;

use esker_datatypes::Result;
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::LogicalPlan;

/// When a rule has its turn on a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// In every pass through the rules, until none changes anything.
    EveryPass,
    /// Once: when the rules before it in the list have come to rest, and before those behind it have
    /// seen the plan.
    Once,
    /// Not at all: the plan has nothing for it to do.
    Never,
}

/// A rewrite of plans that changes no result.
///
/// A rule gives the same columns (identity, name, type) and the same rows in the same order, except
/// where the order is not promised. It may make errors disappear (a failing row is filtered earlier,
/// an unused column is never computed) but never makes one appear. A node it rewrites keeps the
/// [origin](esker_logical_plan::Origin) of the node it came from. It walks plans and expressions on
/// an explicit stack.
///
/// ```
/// use esker_datatypes::Result;
/// use esker_logical_expr::tree::Transformed;
/// use esker_logical_plan::LogicalPlan;
/// use esker_optimizer::{Optimizer, OptimizerRule};
///
/// /// Drops each limit that keeps all rows.
/// #[derive(Debug)]
/// struct DropUnlimited;
///
/// impl OptimizerRule for DropUnlimited {
///     fn name(&self) -> &'static str {
///         "drop_unlimited"
///     }
///
///     fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
///         plan.transform_up(|node| match node {
///             LogicalPlan::Limit(limit) if limit.fetch().is_none() && limit.offset() == 0 => {
///                 Ok(Transformed::yes(limit.into_input().0.into_inner()))
///             }
///             other => Ok(Transformed::no(other)),
///         })
///     }
/// }
///
/// let optimizer = Optimizer::with_rules([std::sync::Arc::new(DropUnlimited) as _]);
/// assert_eq!(optimizer.rule_names(), ["drop_unlimited"]);
/// ```
pub trait OptimizerRule: Send + Sync + Debug {
    /// The name by which the rule is switched off, and blamed: lower case with underscores.
    fn name(&self) -> &'static str;

    /// When the rule has its turn on this plan, as it is before any rule has seen it.
    fn turn(&self, _plan: &LogicalPlan) -> Turn {
        Turn::EveryPass
    }

    /// The plan after the rule, and whether the rule changed it. That depends on the plan alone: a
    /// rule that has left a plan as it was is not asked again before another one has changed it.
    ///
    /// # Errors
    /// `Internal` when the plan is not well-formed.
    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>>;
}
