//! Sorts: of all rows, or of the first ones.

use std::sync::Arc;

use esker_datatypes::Result;
use esker_logical_plan::Sort;

use super::{Named, input_schema};
use crate::explain::positional;
use crate::operators::{SortExec, SortSpec};
use crate::plan::{PhysicalPlan, Role};

/// The operator of a sort.
pub(super) fn sort(sort: &Sort, inputs: &[PhysicalPlan], batch_size: usize) -> Result<Named> {
    let input = input_schema(inputs)?;
    let spec = SortSpec::compile(sort.keys(), input)?;
    let keys = sort.keys().iter();
    let keys: Vec<String> = keys
        .map(|key| format!("{} {}", positional(&key.expr, input), key.direction_text()))
        .collect();
    let keys = keys.join(", ");
    let sink = SortExec::new(spec, batch_size);
    Ok(("SortExec", keys, Role::Breaker(Arc::new(sink))))
}
