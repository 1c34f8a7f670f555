//! Relations that run once and are read in several places.

use std::collections::HashMap;
use std::sync::Arc;

use esker_datatypes::{Error, Result};
use esker_logical_plan::{PlanNode, Shared};

use crate::operators::SharedExec;
use crate::plan::{PhysicalPlan, Role, SharedPlan};

/// What has been planned, by its key.
#[derive(Default)]
pub(super) struct SharedPlans(HashMap<u32, Arc<SharedPlan>>);

impl SharedPlans {
    /// A place where a relation is read, as node number `id`. The first one that is planned makes the
    /// plan that runs; the inputs of the others are only there for the optimizer.
    pub(super) fn read(
        &mut self,
        node: &Shared,
        id: u32,
        inputs: Vec<PhysicalPlan>,
    ) -> Result<PhysicalPlan> {
        let columns = node.positions()?;
        let next = self.0.len();
        let plan = match (self.0.get(&node.key()), inputs.into_iter().next()) {
            (Some(known), _) if known.columns == columns.len() => Arc::clone(known),
            (None, Some(input)) => {
                let plan = Arc::new(SharedPlan {
                    number: next,
                    columns: columns.len(),
                    input,
                    sink: Arc::new(SharedExec::new(columns)),
                });
                self.0.insert(node.key(), Arc::clone(&plan));
                plan
            }
            (Some(_), _) | (None, None) => {
                return Err(Error::internal(
                    "a shared relation has other columns in another place, or no input",
                ));
            }
        };
        let schema = Arc::clone(node.schema());
        let details = node.key().to_string();
        let role = Role::Shared(plan);
        Ok(
            PhysicalPlan::new(id, "SharedExec", details, role, [], schema)
                .with_origin(node.origin()),
        )
    }
}
