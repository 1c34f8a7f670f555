//! Aggregate functions: one value a group.

use std::any::Any;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};

use super::Signature;
use crate::interval::Interval;

/// An aggregate function: a value for each group from the arguments of its rows.
///
/// Its options (counting nulls, ignoring nulls) are fields of the implementing struct.
pub trait AggregateFunction: Any + Send + Sync + Debug {
    /// The name in the registry and in output names, in lower case; plan text prints it in upper
    /// case.
    fn name(&self) -> &str;

    /// How many arguments of which types it takes, and how others are coerced to them.
    fn signature(&self) -> Signature;

    /// The type of the result for arguments that the signature has coerced.
    ///
    /// # Errors
    /// `TypeMismatch` for types it does not take.
    fn return_type(&self, args: &[DataType]) -> Result<DataType>;

    /// What rules may assume.
    fn properties(&self) -> AggregateProperties {
        AggregateProperties::default()
    }

    /// The states of all groups, empty, for arguments of these types.
    ///
    /// # Errors
    /// `Unsupported` for types it cannot aggregate.
    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>>;

    /// What the results of groups of at most `rows` rows can be, whose arguments are within these
    /// intervals; `None` where one can be an error, as a sum that does not fit its type.
    ///
    /// Rows may be dropped below an aggregation only where none of its groups can fail.
    fn bounds(&self, _args: &[Interval], _rows: u64) -> Option<Interval> {
        None
    }

    /// The function that gives the same of the distinct values of the argument alone, if there is
    /// one: `count` for `n_unique`.
    fn of_distinct(&self) -> Option<Arc<dyn AggregateFunction>> {
        None
    }

    /// Options of this call that differ from the default, as they stand inside the parentheses of
    /// the plan text, behind the arguments.
    ///
    /// All that makes two calls differ must be here, or [`same_as`](Self::same_as) must say so.
    fn options_text(&self) -> Option<String> {
        None
    }

    /// Whether the other is the same function with the same options: equal rows then give equal
    /// results. Rules rely on it, and compute one of two calls only, also where these stand in
    /// different parts of a plan.
    ///
    /// As provided, functions are the same if their Rust types, names and
    /// [options](Self::options_text) are. One with options or state that its text does not show has
    /// to compare them here (by the address of what calls share, if by nothing else), or to say
    /// `false`.
    fn same_as(&self, other: &dyn AggregateFunction) -> bool {
        self.type_id() == other.type_id()
            && self.name() == other.name()
            && self.options_text() == other.options_text()
    }
}

/// What rules may assume of an aggregate function.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AggregateProperties {
    /// Whether the result depends on the order of the rows (`first`).
    ///
    /// Rows reach an accumulator in no promised order, and partial states are merged in any. So
    /// whoever runs such a function passes one more column behind the arguments to
    /// [`update`](GroupsAccumulator::update) and
    /// [`convert_to_state`](GroupsAccumulator::convert_to_state): the *positions* of the rows, flat
    /// `UInt64` without nulls, below `u64::MAX`, which ascend with the order of the rows over the
    /// whole input (say, the batch's ordinal in the upper half and the row in its split in the
    /// lower). They need not be dense, nor come in order. The state holds the positions that it
    /// needs, so `merge` takes nothing more.
    pub order_sensitive: bool,
    /// Whether a row that comes twice changes nothing (`min`).
    pub duplicate_insensitive: bool,
    /// Whether rows can be taken back (`sum`, not `max`).
    pub retractable: bool,
    /// Whether partial states can be merged.
    pub partial: bool,
    /// Whether the result can be null although no argument is (a group of no rows aside).
    pub nullable: bool,
}

impl Default for AggregateProperties {
    /// Order does not matter, duplicates do, no retraction, partial states merge, null for a group
    /// of no values.
    fn default() -> Self {
        Self {
            order_sensitive: false,
            duplicate_insensitive: false,
            retractable: false,
            partial: true,
            nullable: true,
        }
    }
}

/// The states of one aggregate for all groups: columns, one entry a group, updated in batches.
///
/// Group ids are dense from 0 within a table. The Arrow-typed state serves the merge of partitions,
/// spilling, checkpoints and remote execution alike.
pub trait GroupsAccumulator: Send + Sync {
    /// Adds the selected rows of a batch: `groups[i]`, which is below `n_groups`, is the group of
    /// the i-th *selected* row. Groups up to `n_groups` exist afterwards.
    ///
    /// `values` are the arguments and, for an
    /// [order-sensitive](AggregateProperties::order_sensitive) function, the positions of the rows.
    ///
    /// # Errors
    /// `Evaluation` for a value that cannot be aggregated.
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()>;

    /// Merges states that [`state`](Self::state) gave: `groups[i]` is the group of the i-th row.
    ///
    /// # Errors
    /// `Internal` for states of another function.
    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()>;

    /// The states of a range of groups, to be merged elsewhere.
    ///
    /// # Errors
    /// `Internal` when the range is not one of groups that exist.
    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>>;

    /// The results of a range of groups.
    ///
    /// # Errors
    /// `Evaluation` when a result does not fit its type (S6).
    fn finish(&self, groups: Range<usize>) -> Result<Column>;

    /// How many bytes the states take.
    fn size(&self) -> usize;

    /// Takes back rows that were added.
    ///
    /// # Errors
    /// `Unsupported` unless the function is retractable.
    fn retract(
        &mut self,
        _groups: &[u32],
        _values: &[Column],
        _selection: &Selection,
    ) -> Result<()> {
        Err(Error::unsupported("taking rows back from this aggregate"))
    }

    /// Makes a range of groups empty again.
    ///
    /// # Errors
    /// `Unsupported` unless the function has moving groups.
    fn reset(&mut self, _groups: Range<usize>) -> Result<()> {
        Err(Error::unsupported("resetting groups of this aggregate"))
    }

    /// The states of rows that are each a group of their own, when almost all rows are and
    /// aggregating them first would be lost work.
    ///
    /// # Errors
    /// `Unsupported` unless the function can.
    fn convert_to_state(&self, _values: &[Column], _selection: &Selection) -> Result<Vec<Column>> {
        Err(Error::unsupported(
            "converting rows to states of this aggregate",
        ))
    }
}
