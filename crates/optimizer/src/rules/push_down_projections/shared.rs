//! Columns of relations that are read in several places.

use std::collections::{BTreeSet, HashMap};

use esker_datatypes::{Field, Result};
use esker_logical_expr::tree;
use esker_logical_plan::{LogicalPlan, PlanNode, Shared};

use super::{Surplus, Used};
use crate::descend::descend;

/// For each shared relation the positions of the columns that are used in any place.
pub(super) type Positions = HashMap<u32, BTreeSet<usize>>;

/// Walks down once, changing nothing, to see what is used of shared relations.
pub(super) fn positions_used(plan: &LogicalPlan) -> Result<Positions> {
    let mut all = Positions::new();
    if !tree::any(plan, |node| matches!(node, LogicalPlan::Shared(_))) {
        return Ok(all);
    }
    let nothing = Positions::new();
    descend(plan.clone(), Used::all_of(plan), |node, used| {
        if let LogicalPlan::Shared(shared) = &node {
            let fields = shared.schema().fields().iter().map(Field::id);
            let places = fields.enumerate().filter(|(_, id)| used.ids.contains(id));
            let places = places.map(|(at, _)| at);
            all.entry(shared.key()).or_default().extend(places);
        }
        // What other places use is not known yet: below one, all of its columns count as used, and
        // the next pass knows better.
        super::prune(node, used, &nothing)
    })?;
    Ok(all)
}

/// The same place with the columns that are used in any.
pub(super) fn prune(shared: Shared, used: &Positions) -> (LogicalPlan, Vec<Used>, bool) {
    let kept: Vec<usize> = used
        .get(&shared.key())
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let changed = used.contains_key(&shared.key()) && kept.len() < shared.schema().len();
    let shared = match changed {
        true => shared.with_columns_at(&kept),
        false => shared,
    };
    let inputs = vec![all_of(&shared)];
    (LogicalPlan::Shared(shared), inputs, changed)
}

/// All its columns, and no other: its rows are kept.
fn all_of(shared: &Shared) -> Used {
    let ids = shared.schema().fields().iter().map(Field::id).collect();
    Used::these(ids, Surplus::Dropped)
}
