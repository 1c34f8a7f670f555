//! Sorts: of all rows, or of the first ones.

use std::sync::Arc;

use esker_datatypes::Result;
use esker_logical_plan::Sort;

use super::{Named, input_schema};
use crate::explain::positional;
use crate::operators::{SortExec, SortSpec, TopKExec};
use crate::plan::{PhysicalPlan, Role};

/// A sort of which more rows are wanted sorts all: to keep so many candidates up to date would copy
/// them again and again.
const MOST_CANDIDATES: u64 = 1 << 20;

/// The operator of a sort.
pub(super) fn sort(sort: &Sort, inputs: &[PhysicalPlan], batch_size: usize) -> Result<Named> {
    let input = input_schema(inputs)?;
    let spec = SortSpec::compile(sort.keys(), input)?;
    let keys = sort.keys().iter();
    let keys: Vec<String> = keys
        .map(|key| format!("{} {}", positional(&key.expr, input), key.direction_text()))
        .collect();
    let keys = keys.join(", ");
    let details = match sort.fetch() {
        Some(fetch) => format!("{keys}; fetch={fetch}"),
        None => keys,
    };
    Ok(match sort.fetch() {
        Some(fetch) if fetch <= MOST_CANDIDATES => {
            let sink = TopKExec::new(spec, fetch, batch_size);
            ("TopKExec", details, Role::Breaker(Arc::new(sink)))
        }
        fetch => {
            let sink = SortExec::new(spec, fetch, batch_size);
            ("SortExec", details, Role::Breaker(Arc::new(sink)))
        }
    })
}
