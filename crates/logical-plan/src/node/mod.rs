//! The nodes of a plan, one file each.

mod extension;
mod filter;
mod limit;
mod projection;
mod scan;
mod union;

pub use extension::{Extension, ExtensionNode};
pub use filter::Filter;
pub use limit::Limit;
pub use projection::Projection;
pub use scan::{PushedFilter, Scan};
pub use union::Union;

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
