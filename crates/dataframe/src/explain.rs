//! The three plans of a query, as text.

use std::fmt;

/// What [`DataFrame::explain`](crate::DataFrame::explain) gives: the plan as it was written, as the
/// optimizer leaves it, and as it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// The logical plan.
    pub logical: String,
    /// The optimized plan.
    pub optimized: String,
    /// The physical plan.
    pub physical: String,
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "== Logical plan ==\n{}\n== Optimized plan ==\n{}\n== Physical plan ==\n{}",
            self.logical, self.optimized, self.physical
        )
    }
}
