//! The smallest or greatest value of each group, for values of fixed width, truth values and bytes.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to, and \
              rows below the array's length"
)]

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, downcast_primitive,
};
use arrow::buffer::NullBuffer;
use esker_datatypes::{
    Buffers, Column, DataType, Error, Result, Selection, is_binary, is_string, value_type,
};
use esker_kernels::compare::Bytes;
use esker_logical_expr::function::{AggregateProperties, GroupsAccumulator};

use super::byte_values::ByteValues;
use super::common::{
    Seen, bytes_of, check_range, chosen_type, columns, grow, only, primitive, states_of_rows,
    typed, unsupported,
};
use super::rows::{Rows, with_distinct, with_valid};

/// A value that comes twice changes nothing.
pub(super) fn extreme_properties() -> AggregateProperties {
    let mut properties = AggregateProperties::default();
    properties.duplicate_insensitive = true;
    properties
}

/// The result's type, for arguments that have an order.
pub(super) fn orderable(name: &str, args: &[DataType]) -> Result<DataType> {
    let data_type = only(name, args)?;
    match value_type(data_type) {
        DataType::Boolean | DataType::Null => {}
        t if t.is_primitive() || is_string(t) || is_binary(t) => {}
        t => {
            return Err(Error::type_mismatch(format!(
                "{name}() takes values that have an order, not {t}"
            )));
        }
    }
    Ok(chosen_type(data_type))
}

/// The empty states of `min` or `max`.
pub(super) fn extremes<const MAX: bool>(
    name: &str,
    args: &[DataType],
) -> Result<Box<dyn GroupsAccumulator>> {
    let out = orderable(name, args)?;
    macro_rules! fixed {
        ($type:ty) => {
            boxed::<_, MAX>(Fixed::<$type> { values: Vec::new() }, out)
        };
    }
    Ok(downcast_primitive! {
        &out => (fixed),
        DataType::Boolean => boxed::<_, MAX>(Flags::default(), out),
        DataType::Utf8View | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            boxed::<_, MAX>(ByteValues::default(), out)
        }
        _ => return Err(unsupported(name, &out)),
    })
}

fn boxed<S: Extremes, const MAX: bool>(best: S, out: DataType) -> Box<dyn GroupsAccumulator> {
    Box::new(ExtremeGroups::<S, MAX> {
        best,
        seen: Seen::default(),
        out,
    })
}

/// The best values of all groups; what stands in groups without a value is not told.
trait Extremes: Default + Send + Sync + 'static {
    /// Makes room for more groups, whose first value will be better than what stands there.
    fn resize<const MAX: bool>(&mut self, n_groups: usize);

    /// Keeps what is better than the values so far. `seen` says which groups have one, and is
    /// marked by the caller.
    fn update<const MAX: bool>(
        &mut self,
        rows: &Rows<'_>,
        seen: &mut Seen,
        buffers: &mut Buffers,
    ) -> Result<()>;

    /// The values of a range of groups, in the type that was asked for.
    fn array(
        &self,
        groups: Range<usize>,
        nulls: Option<NullBuffer>,
        out: &DataType,
    ) -> Result<ArrayRef>;

    /// Makes groups empty.
    fn reset<const MAX: bool>(&mut self, groups: Range<usize>);

    /// The bytes taken.
    fn size(&self) -> usize;
}

struct ExtremeGroups<S, const MAX: bool> {
    best: S,
    seen: Seen,
    out: DataType,
}

impl<S: Extremes, const MAX: bool> ExtremeGroups<S, MAX> {
    fn add(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        column: &Column,
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        self.best.resize::<MAX>(n_groups);
        self.seen.resize(n_groups);
        with_valid(column, groups, selection, buffers, |rows, buffers| {
            self.best.update::<MAX>(rows, &mut self.seen, buffers)?;
            self.seen.mark(rows.groups);
            Ok(())
        })
    }
}

impl<S: Extremes, const MAX: bool> GroupsAccumulator for ExtremeGroups<S, MAX> {
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let [column] = columns(values)?;
        self.add(groups, n_groups, column, selection, buffers)
    }

    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        let [column] = columns(state)?;
        let all = Selection::all(groups.len());
        self.add(groups, n_groups, column, &all, &mut Buffers::default())
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        Ok(vec![self.finish(groups)?])
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.seen.len())?;
        let nulls = self.seen.nulls(groups.clone());
        Ok(Column::flat(self.best.array(groups, nulls, &self.out)?))
    }

    fn size(&self) -> usize {
        self.best.size() + self.seen.size()
    }

    fn reset(&mut self, groups: Range<usize>) -> Result<()> {
        check_range(&groups, self.seen.len())?;
        self.best.reset::<MAX>(groups.clone());
        self.seen.reset(groups);
        Ok(())
    }

    fn convert_to_state(&self, values: &[Column], selection: &Selection) -> Result<Vec<Column>> {
        let fresh = Self {
            best: S::default(),
            seen: Seen::default(),
            out: self.out.clone(),
        };
        states_of_rows(fresh, values, selection)
    }
}

/// The order of S8: NaN is the greatest, and zeros are equal.
#[inline]
#[allow(
    clippy::eq_op,
    reason = "only NaN differs from itself; integers have none"
)]
fn less<N: PartialOrd + Copy>(left: N, right: N) -> bool {
    (left < right) | ((left == left) & (right != right))
}

#[inline]
pub(super) fn better<const MAX: bool, N: PartialOrd + Copy>(new: N, old: N) -> bool {
    if MAX { less(old, new) } else { less(new, old) }
}

/// What no value is better than: the first value need not be told from the others.
#[allow(clippy::eq_op, reason = "only NaN differs from itself")]
pub(super) fn worst<const MAX: bool, N: ArrowNativeTypeOp>() -> N {
    let nan = N::MAX_TOTAL_ORDER;
    match (MAX, nan != nan) {
        (false, _) => N::MAX_TOTAL_ORDER,
        (true, false) => N::MIN_TOTAL_ORDER,
        (true, true) => N::ONE.neg_wrapping().div_wrapping(N::ZERO),
    }
}

/// Values of a fixed width.
struct Fixed<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
}

impl<T: ArrowPrimitiveType> Default for Fixed<T> {
    fn default() -> Self {
        Self { values: Vec::new() }
    }
}

impl<T: ArrowPrimitiveType> Extremes for Fixed<T> {
    fn resize<const MAX: bool>(&mut self, n_groups: usize) {
        grow(&mut self.values, n_groups, worst::<MAX, T::Native>());
    }

    fn update<const MAX: bool>(
        &mut self,
        rows: &Rows<'_>,
        _seen: &mut Seen,
        _buffers: &mut Buffers,
    ) -> Result<()> {
        let values = typed::<T>(rows.array)?.values();
        let pick = |old, new| if better::<MAX, _>(new, old) { new } else { old };
        let best = &mut self.values;
        match rows.one_group() {
            Some(group) => best[group] = rows.fold(values, best[group], pick),
            None => rows.for_each(values, |group, new| best[group] = pick(best[group], new)),
        }
        Ok(())
    }

    fn array(
        &self,
        groups: Range<usize>,
        nulls: Option<NullBuffer>,
        out: &DataType,
    ) -> Result<ArrayRef> {
        Ok(primitive::<T>(&self.values[groups], nulls, out))
    }

    fn reset<const MAX: bool>(&mut self, groups: Range<usize>) {
        self.values[groups].fill(worst::<MAX, T::Native>());
    }

    fn size(&self) -> usize {
        bytes_of(&self.values)
    }
}

/// Truth values: FALSE is less than TRUE.
#[derive(Default)]
struct Flags {
    values: Vec<bool>,
}

impl Extremes for Flags {
    fn resize<const MAX: bool>(&mut self, n_groups: usize) {
        grow(&mut self.values, n_groups, !MAX);
    }

    fn update<const MAX: bool>(
        &mut self,
        rows: &Rows<'_>,
        _seen: &mut Seen,
        _buffers: &mut Buffers,
    ) -> Result<()> {
        let Some(array) = rows.array.as_boolean_opt() else {
            return Err(Error::internal(
                "min or max of something that is not Boolean",
            ));
        };
        let (new, best) = (array.values(), &mut self.values);
        rows.for_each_at(|group, at| {
            let new = new.value(at);
            best[group] = if MAX {
                best[group] | new
            } else {
                best[group] & new
            };
        });
        Ok(())
    }

    fn array(
        &self,
        groups: Range<usize>,
        nulls: Option<NullBuffer>,
        _out: &DataType,
    ) -> Result<ArrayRef> {
        let values = self.values[groups].to_vec();
        Ok(Arc::new(BooleanArray::new(values.into(), nulls)))
    }

    fn reset<const MAX: bool>(&mut self, groups: Range<usize>) {
        self.values[groups].fill(!MAX);
    }

    fn size(&self) -> usize {
        bytes_of(&self.values)
    }
}

impl Extremes for ByteValues {
    fn resize<const MAX: bool>(&mut self, n_groups: usize) {
        self.grow(n_groups);
    }

    fn update<const MAX: bool>(
        &mut self,
        rows: &Rows<'_>,
        seen: &mut Seen,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let wanted = if MAX {
            Ordering::Greater
        } else {
            Ordering::Less
        };
        let mut result = Ok(());
        let mut consider = |group: usize, new: &[u8]| {
            if (seen.is_first(group) || self.order(new, group) == wanted)
                && let Err(error) = self.set(group, new)
            {
                result = Err(error);
            }
        };
        with_distinct(rows, buffers, |rows, _| {
            match Bytes::new(rows.array)? {
                Bytes::Offsets(array) => rows.for_each_at(|g, at| consider(g, array.value(at))),
                Bytes::LargeOffsets(array) => {
                    rows.for_each_at(|g, at| consider(g, array.value(at)));
                }
                Bytes::Views(array) => rows.for_each_at(|g, at| consider(g, array.value(at))),
                Bytes::Fixed(array) => rows.for_each_at(|g, at| consider(g, array.value(at))),
            }
            Ok(())
        })?;
        result
    }

    fn array(
        &self,
        groups: Range<usize>,
        nulls: Option<NullBuffer>,
        out: &DataType,
    ) -> Result<ArrayRef> {
        self.to_array(groups, nulls, out)
    }

    fn reset<const MAX: bool>(&mut self, groups: Range<usize>) {
        self.clear(groups);
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}
