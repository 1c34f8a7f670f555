//! Which inputs of a join may lose rows without changing its result.

use esker_logical_plan::{Join, JoinType};

/// The inputs of a join into which a predicate may go that is about one side only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides {
    pub(crate) left: bool,
    pub(crate) right: bool,
}

impl Sides {
    /// For what the rows of the *result* must pass: the sides whose columns are never padded.
    pub(crate) fn of_filter_above(join: &Join) -> Self {
        let (left, right) = match join.join_type() {
            JoinType::Inner => (true, true),
            // The right side of an anti join, and of a semi join, is not in the result.
            JoinType::Left | JoinType::Semi | JoinType::Anti => (true, false),
            JoinType::Right => (false, true),
            JoinType::Full => (false, false),
        };
        Self { left, right }.but_of(join)
    }

    /// For what *pairs* of rows must pass: the sides of which rows without a match are not in the
    /// result.
    pub(crate) fn of_condition(join: &Join) -> Self {
        let (left, right) = match join.join_type() {
            JoinType::Inner | JoinType::Semi => (true, true),
            JoinType::Left | JoinType::Anti => (false, true),
            JoinType::Right => (true, false),
            JoinType::Full => (false, false),
        };
        Self { left, right }.but_of(join)
    }

    /// A right side that must have a single row is counted as it is.
    fn but_of(self, join: &Join) -> Self {
        Self {
            right: self.right && !join.single(),
            ..self
        }
    }
}
