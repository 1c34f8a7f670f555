//! What is known about data without reading it.

use crate::ScalarValue;

/// How far a number can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision<T> {
    /// True, to the last row.
    Exact(T),
    /// A guess: good enough for cost, never for answers.
    Estimated(T),
    /// Not known.
    #[default]
    Unknown,
}

impl<T: Copy> Precision<T> {
    /// The number, when it is exact.
    pub fn exact(self) -> Option<T> {
        match self {
            Self::Exact(value) => Some(value),
            Self::Estimated(_) | Self::Unknown => None,
        }
    }

    /// The number, exact or not.
    pub fn estimate(self) -> Option<T> {
        match self {
            Self::Exact(value) | Self::Estimated(value) => Some(value),
            Self::Unknown => None,
        }
    }
}

impl Precision<u64> {
    /// The sum of two counts, as exact as the less exact of them.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) => Self::Exact(a.saturating_add(b)),
            (a, b) => match (a.estimate(), b.estimate()) {
                (Some(a), Some(b)) => Self::Estimated(a.saturating_add(b)),
                _ => Self::Unknown,
            },
        }
    }

    /// The smaller of a count and a bound.
    #[must_use]
    pub fn at_most(self, bound: u64) -> Self {
        match self {
            Self::Exact(count) => Self::Exact(count.min(bound)),
            Self::Estimated(count) => Self::Estimated(count.min(bound)),
            Self::Unknown => Self::Estimated(bound),
        }
    }
}

/// What is known about one column. Bounds are inclusive and hold for every value that is not null,
/// NaN excepted (see [`ColumnStatistics::may_hold_nan`]); they need not be reached.
#[derive(Clone, Debug)]
pub struct ColumnStatistics {
    /// How many values are null.
    pub null_count: Precision<u64>,
    /// No value is smaller.
    pub min: Option<ScalarValue>,
    /// No value is greater, NaN excepted.
    pub max: Option<ScalarValue>,
    /// Whether NaN may hide outside the bounds.
    pub may_hold_nan: bool,
    /// How many different values there are.
    pub distinct_count: Precision<u64>,
}

impl Default for ColumnStatistics {
    /// Nothing is known: even NaN may be there.
    fn default() -> Self {
        Self {
            null_count: Precision::Unknown,
            min: None,
            max: None,
            may_hold_nan: true,
            distinct_count: Precision::Unknown,
        }
    }
}

/// What is known about a table, its columns in schema order (or none, when nothing is known).
#[derive(Clone, Debug, Default)]
pub struct TableStatistics {
    /// How many rows there are.
    pub rows: Precision<u64>,
    /// How many bytes they take.
    pub bytes: Precision<u64>,
    /// One entry a column, or empty.
    pub columns: Vec<ColumnStatistics>,
}

#[cfg(test)]
mod tests {
    use super::Precision::{Estimated, Exact, Unknown};

    #[test]
    fn sums_are_as_exact_as_the_less_exact() {
        assert_eq!(Exact(1).plus(Exact(2)), Exact(3));
        assert_eq!(Exact(1).plus(Estimated(2)), Estimated(3));
        assert_eq!(Unknown.plus(Exact(2)), Unknown);
        assert_eq!(Exact(9).at_most(3), Exact(3));
        assert_eq!(Unknown.at_most(3), Estimated(3));
    }
}
