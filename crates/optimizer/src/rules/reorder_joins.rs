//! Inner joins in the order that makes the fewest rows.

/// Regions of joins, taken apart and put together.
mod region;
/// The search for an order.
mod search;
/// Joins that are computed more than once.
mod twins;

use esker_datatypes::Result;
use esker_logical_expr::tree::{self, Transformed};
use esker_logical_plan::{LogicalPlan, PlanNode};

use crate::cost::Estimates;
use crate::descend::{Visited, descend};
use crate::reliance::Reliance;
use crate::rule::OptimizerRule;
use region::Region;
pub(super) use region::{is_free, only_chooses, owners, with_columns};
use twins::Twins;

/// Puts three or more inner joins that follow each other into the order of which the results are
/// estimated to have the fewest rows in all, the rows that tables are built of counted too: the best
/// of all orders without cross joins for up to 10 relations, beyond that the one that joins what
/// makes the fewest rows next. The larger side of each new join is the left one. A projection above
/// gives the columns as they were.
///
/// A join that the plan has several times stays whole, so that it can be computed once. An order stays
/// unless the new one is clearly better, and where the rows of a relation are not known; where an order of rows is promised or a claim above relies on it, the inputs are claimed to
/// be sorted, the right side must have a single row or null keys are equal; below a limit, which
/// would have stopped the left side before it fails; and where a key or condition can fail.
///
/// ```text
/// Join: type=Inner, on=[(#order, #of)]              Projection: #id, #order, #customer, #of
///     Join: type=Inner, on=[(#id, #customer)]           Join: type=Inner, on=[(#id, #customer)]
///         Scan: customers; projection=None                  Scan: customers; projection=None
///         Scan: orders; projection=None                     Join: type=Inner, on=[(#order, #of)]
///     Filter: #of < 10                                          Scan: orders; projection=None
///         Scan: returns; projection=None                        Filter: #of < 10
///                                                                   Scan: returns; projection=None
/// ```
///
/// The search is that of Selinger et al., "Access path selection in a relational database management
/// system" (1979), over trees of any shape; the greedy one is that of Fegaras, "A new heuristic for
/// optimizing large queries" (1998).
#[derive(Clone, Copy, Debug, Default)]
pub struct ReorderJoins;

impl OptimizerRule for ReorderJoins {
    fn name(&self) -> &'static str {
        "reorder_joins"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        // An order needs two joins to choose from.
        let mut joins = 0;
        let several = tree::any(&plan, |node| {
            joins += usize::from(matches!(node, LogicalPlan::Join(_)));
            joins > 1
        });
        if !several {
            return Ok(Transformed::no(plan));
        }
        let (estimates, twins) = (Estimates::of(&plan)?, Twins::of(&plan)?);
        descend(plan, Place::default(), |node, place| {
            visit(node, place, &estimates, &twins)
        })
    }
}

/// Where a node stands.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    above: Reliance,
    /// Within a region whose order is chosen.
    inside: bool,
}

fn visit(
    plan: LogicalPlan,
    place: Place,
    estimates: &Estimates,
    twins: &Twins,
) -> Result<Visited<Place>> {
    let (mut inside, joins) = match &plan {
        LogicalPlan::Join(_) => (place.inside && is_free(&plan), is_free(&plan)),
        LogicalPlan::Projection(projection) => (place.inside && only_chooses(projection), false),
        LogicalPlan::Scan(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Shared(_)
        | LogicalPlan::Extension(_) => (false, false),
    };
    let mut new = Transformed::no(plan);
    if let LogicalPlan::Join(join) = &new.data
        && joins
        && !inside
        && place.above.is_none()
        && let Some(region) = Region::of(join, estimates, twins)?
    {
        inside = true;
        if let Some(plan) = region.reordered(join.schema())? {
            new = Transformed::yes(plan);
        }
    }
    let above = place.above.inputs_of(&new.data).into_iter();
    let inputs = above.zip(new.data.inputs()).map(|(above, input)| Place {
        above,
        inside: inside && !twins.contains(input),
    });
    Ok(Visited {
        inputs: inputs.collect(),
        node: new.data,
        above: None,
        changed: new.changed,
    })
}

#[cfg(test)]
mod tests;
