//! Joins that a plan computes more than once.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use esker_datatypes::Result;
use esker_logical_expr::tree;
use esker_logical_plan::LogicalPlan;

use super::region::only_chooses;
use crate::expressions::fingerprint_by_name;

/// The joins of which a plan has several that give the same rows, though perhaps not the same columns
/// of them, by their address. Taken apart they would be the same no more, and could not be computed
/// once for all.
pub(super) struct Twins(HashSet<*const LogicalPlan>);

impl Twins {
    /// Those of a plan.
    ///
    /// # Errors
    /// None of its own.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut joins: HashMap<u64, Vec<*const LogicalPlan>> = HashMap::new();
        tree::fold(plan, |node, inputs: &[u64]| {
            let shape = shape(node, inputs)?;
            if let LogicalPlan::Join(_) = node {
                joins
                    .entry(shape)
                    .or_default()
                    .push(std::ptr::from_ref(node));
            }
            Ok(shape)
        })?;
        let several = joins.into_values().filter(|same| same.len() > 1);
        Ok(Self(several.flatten().collect()))
    }

    pub(super) fn contains(&self, plan: &LogicalPlan) -> bool {
        self.0.contains(&std::ptr::from_ref(plan))
    }
}

/// A hash that is equal for plans that give the same rows but for which columns there are of them.
fn shape(node: &LogicalPlan, inputs: &[u64]) -> Result<u64> {
    if let (LogicalPlan::Projection(projection), [input]) = (node, inputs)
        && only_chooses(projection)
    {
        return Ok(*input);
    }
    let mut hasher = DefaultHasher::new();
    std::mem::discriminant(node).hash(&mut hasher);
    inputs.hash(&mut hasher);
    for expr in node.exprs() {
        fingerprint_by_name(expr)?.hash(&mut hasher);
    }
    match node {
        LogicalPlan::Scan(scan) => (scan.name(), scan.limit()).hash(&mut hasher),
        LogicalPlan::Join(join) => join.join_type().hash(&mut hasher),
        LogicalPlan::Limit(limit) => (limit.offset(), limit.fetch()).hash(&mut hasher),
        LogicalPlan::Sort(sort) => sort.fetch().hash(&mut hasher),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Shared(_)
        | LogicalPlan::Extension(_) => {}
    }
    Ok(hasher.finish())
}
