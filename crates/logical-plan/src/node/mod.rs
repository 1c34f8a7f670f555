//! The nodes of a plan, one file each.

mod aggregate;
mod distinct;
mod extension;
mod filter;
mod join;
mod join_names;
mod limit;
mod projection;
mod scan;
mod shared;
mod sort;
mod union;
mod unnest;

pub use aggregate::{Aggregate, AggregateOptions, aggregate_plan};
pub use distinct::Distinct;
pub use extension::{Extension, ExtensionNode};
pub use filter::Filter;
pub use join::{Join, JoinType, Side, join_key_type};
pub use join_names::{JoinOptions, join_plan};
pub use limit::Limit;
pub use projection::Projection;
pub use scan::{PushedFilter, Scan};
pub use shared::Shared;
pub use sort::Sort;
pub use union::Union;
pub use unnest::Unnest;

use std::fmt;

/// Writes items separated by commas.
fn write_list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}
