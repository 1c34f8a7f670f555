//! Sorts: of all rows, or of the first ones.

use std::sync::Arc;

use esker_datatypes::Result;
use esker_logical_plan::Sort;

use super::{Named, input_schema};
use crate::explain::positional;
use crate::operators::{SortExec, SortSpec, TopKExec};
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
    Ok(match sort.fetch() {
        None => {
            let sink = SortExec::new(spec, batch_size);
            ("SortExec", keys, Role::Breaker(Arc::new(sink)))
        }
        Some(fetch) => {
            let sink = TopKExec::new(spec, fetch, batch_size);
            let details = format!("{keys}; fetch={fetch}");
            ("TopKExec", details, Role::Breaker(Arc::new(sink)))
        }
    })
}
