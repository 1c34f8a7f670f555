//! What above a join relies on the rows of its left side coming one by one.

use esker_logical_plan::LogicalPlan;

/// What stands above a node, with nothing between that takes all rows first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reliance {
    /// A claim that its rows are sorted, which holds for the plan as it was written.
    claim: bool,
    /// A limit, behind whose last row nothing is computed and nothing fails: a side that is built of
    /// is computed whole.
    limit: bool,
}

impl Reliance {
    /// Whether nothing does.
    pub(crate) fn is_none(self) -> bool {
        !self.claim && !self.limit
    }

    /// What stands above each input of a node that has this above it.
    pub(crate) fn inputs_of(self, node: &LogicalPlan) -> Vec<Self> {
        let claims = |claim| Self {
            claim,
            limit: false,
        };
        match node {
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Unnest(_) => node.inputs().iter().map(|_| self).collect(),
            LogicalPlan::Limit(_) => vec![Self {
                limit: true,
                ..self
            }],
            LogicalPlan::Aggregate(aggregate) => vec![claims(aggregate.sorted())],
            LogicalPlan::Distinct(distinct) => vec![claims(distinct.sorted())],
            LogicalPlan::Sort(_) => vec![Self::default()],
            LogicalPlan::Join(join) if join.sorted() => {
                let claimed = Self {
                    claim: true,
                    ..self
                };
                vec![claimed, claims(true)]
            }
            // The right side is built of, and its order shows in pairs only.
            LogicalPlan::Join(_) => vec![self, claims(self.claim)],
            LogicalPlan::Scan(_) | LogicalPlan::Shared(_) | LogicalPlan::Extension(_) => {
                node.inputs().iter().map(|_| Self::default()).collect()
            }
        }
    }
}
