//! Sorts: of all rows, or of the first ones.

use std::fmt::Write as _;
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

/// The operator of a sort. Where its first rows alone are wanted it tells the scan below, with
/// `filters`, which rows come too late.
pub(super) fn sort(
    sort: &Sort,
    inputs: &[PhysicalPlan],
    batch_size: usize,
    filters: bool,
) -> Result<Named> {
    let input = input_schema(inputs)?;
    let spec = SortSpec::compile(sort.keys(), input)?;
    let keys = sort.keys().iter();
    let keys: Vec<String> = keys
        .map(|key| format!("{} {}", positional(&key.expr, input), key.direction_text()))
        .collect();
    let keys = keys.join(", ");
    let mut details = match sort.fetch() {
        Some(fetch) => format!("{keys}; fetch={fetch}"),
        None => keys,
    };
    Ok(match sort.fetch() {
        Some(fetch) if fetch <= MOST_CANDIDATES => {
            let sink = TopKExec::new(spec, fetch, batch_size);
            if filters && let Some(column) = give_filter(&sink, inputs) {
                // Writing to a string does not fail.
                let _ = write!(details, "; filters scan=#{column}");
            }
            ("TopKExec", details, Role::Breaker(Arc::new(sink)))
        }
        fetch => {
            let sink = SortExec::new(spec, fetch, batch_size);
            ("SortExec", details, Role::Breaker(Arc::new(sink)))
        }
    })
}

/// Gives the scan that the first key comes from a filter, and says which column that key is.
fn give_filter(sink: &TopKExec, inputs: &[PhysicalPlan]) -> Option<usize> {
    let [input] = inputs else {
        return None;
    };
    let key = sink.filtered_column()?;
    let from = input.scan_column(key)?;
    // Which rows the filter drops depends on how the workers take turns; errors must not. Behind
    // groups it would come when all rows have been read.
    if from.fallible || from.grouped {
        return None;
    }
    from.add_filter(sink.filter(from.column));
    Some(key)
}
