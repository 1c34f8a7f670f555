//! What the accumulators share: which groups have a value, ranges, arguments, states of rows.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, LargeListArray, PrimitiveArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowPrimitiveType, Field};
use esker_datatypes::{
    Buffers, Column, DataType, Encoding, Error, Result, ScalarValue, Selection, is_string,
    value_type,
};
use esker_logical_expr::function::GroupsAccumulator;

/// Which groups have got a value.
#[derive(Debug, Default)]
pub(super) struct Seen {
    flags: Vec<bool>,
    /// All groups before this one have: in the steady state there is nothing left to mark.
    prefix: usize,
}

impl Seen {
    pub(super) fn resize(&mut self, n_groups: usize) {
        grow(&mut self.flags, n_groups, false);
    }

    pub(super) fn mark(&mut self, groups: &[u32]) {
        if self.prefix >= self.flags.len() {
            return;
        }
        for &group in groups {
            self.flags[group as usize] = true;
        }
        while self.flags.get(self.prefix) == Some(&true) {
            self.prefix += 1;
        }
    }

    /// Marks one group; whether it had no value before.
    #[inline]
    pub(super) fn is_first(&mut self, group: usize) -> bool {
        !std::mem::replace(&mut self.flags[group], true)
    }

    /// The null mask of a range: groups without a value are null.
    pub(super) fn nulls(&self, groups: Range<usize>) -> Option<NullBuffer> {
        if groups.end <= self.prefix {
            return None;
        }
        validity(&self.flags[groups])
    }

    pub(super) fn reset(&mut self, groups: Range<usize>) {
        self.prefix = self.prefix.min(groups.start);
        self.flags[groups].fill(false);
    }

    pub(super) fn len(&self) -> usize {
        self.flags.len()
    }

    pub(super) fn size(&self) -> usize {
        self.flags.capacity()
    }
}

/// Flags as a null mask, if one is false.
pub(super) fn validity(flags: &[bool]) -> Option<NullBuffer> {
    Some(NullBuffer::from(flags)).filter(|nulls| nulls.null_count() > 0)
}

/// Makes states for more groups; there are never fewer than before.
pub(super) fn grow<T: Clone>(states: &mut Vec<T>, n_groups: usize, empty: T) {
    if states.len() < n_groups {
        states.resize(n_groups, empty);
    }
}

/// How many bytes a vector takes.
pub(super) fn bytes_of<T>(states: &Vec<T>) -> usize {
    states.capacity() * size_of::<T>()
}

/// That a range is one of groups that exist.
pub(super) fn check_range(groups: &Range<usize>, len: usize) -> Result<()> {
    if groups.start <= groups.end && groups.end <= len {
        return Ok(());
    }
    Err(Error::internal(format!("groups {groups:?} of {len}")))
}

/// The only argument's type.
pub(super) fn only<'a>(name: &str, args: &'a [DataType]) -> Result<&'a DataType> {
    match args {
        [data_type] => Ok(data_type),
        _ => Err(Error::internal(format!("{name}() takes one argument"))),
    }
}

/// Exactly so many columns.
pub(super) fn columns<const N: usize>(columns: &[Column]) -> Result<&[Column; N]> {
    columns.try_into().map_err(|_| {
        Error::internal(format!(
            "an aggregate was given {} columns, not {N}",
            columns.len()
        ))
    })
}

/// The type of a value that is chosen from values of this type: encodings are no types, and
/// computed text is views.
pub(super) fn chosen_type(data_type: &DataType) -> DataType {
    match value_type(data_type) {
        text if is_string(text) => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other.clone(),
    }
}

/// A primitive array of these values.
pub(super) fn primitive<T: ArrowPrimitiveType>(
    values: &[T::Native],
    nulls: Option<NullBuffer>,
    data_type: &DataType,
) -> ArrayRef {
    let array = PrimitiveArray::<T>::new(values.to_vec().into(), nulls);
    Arc::new(array.with_data_type(data_type.clone()))
}

/// A column of counts.
pub(super) fn counts_column(counts: &[i64]) -> Column {
    Column::flat(Arc::new(Int64Array::from(counts.to_vec())))
}

/// A column of flags.
pub(super) fn flags_column(flags: &[bool]) -> Column {
    Column::flat(Arc::new(BooleanArray::from(flags.to_vec())))
}

/// A column of lists, none of them null, with these items.
pub(super) fn list_column(offsets: OffsetBuffer<i64>, items: ArrayRef) -> Result<Column> {
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), false));
    let lists = LargeListArray::try_new(field, offsets, items, None)?;
    Ok(Column::flat(Arc::new(lists)))
}

/// Where the items of such lists begin and end, one a group, and the items: of a slice its own only.
pub(super) fn list_items(lists: &Column, groups: &[u32]) -> Result<(OffsetBuffer<i64>, ArrayRef)> {
    let lists = lists.to_flat();
    let (Some(lists), true) = (lists.as_list_opt::<i64>(), groups.len() == lists.len()) else {
        return Err(Error::internal("merging something that is no list a group"));
    };
    let offsets = lists.offsets();
    let (first, last) = (offsets.first() as usize, offsets.last() as usize);
    Ok((offsets.clone(), lists.values().slice(first, last - first)))
}

/// Where the items of lists with these numbers of them begin, and the end.
pub(super) fn offsets_of(counts: &[i64]) -> OffsetBuffer<i64> {
    OffsetBuffer::from_lengths(counts.iter().map(|&count| count as usize))
}

/// Calls with each group and its items, which lie from one offset to the next; the first offset is
/// that of the first item.
pub(super) fn each_list<T>(
    groups: &[u32],
    offsets: &[i64],
    items: &[T],
    mut call: impl FnMut(usize, &[T]) -> Result<()>,
) -> Result<()> {
    let first = offsets.first().copied().unwrap_or(0);
    let lists = offsets.windows(2).zip(groups);
    lists
        .filter(|(ends, _)| ends[0] < ends[1])
        .try_for_each(|(ends, &group)| {
            let items = &items[(ends[0] - first) as usize..(ends[1] - first) as usize];
            call(group as usize, items)
        })
}

/// The array as one of this type.
pub(super) fn typed<T: ArrowPrimitiveType>(array: &dyn Array) -> Result<&PrimitiveArray<T>> {
    array.as_any().downcast_ref().ok_or_else(|| {
        Error::internal(format!(
            "an aggregate of {} was given {}",
            T::DATA_TYPE,
            array.data_type()
        ))
    })
}

/// The states of rows that are groups of their own, by way of a fresh accumulator.
pub(super) fn states_of_rows(
    mut fresh: impl GroupsAccumulator,
    values: &[Column],
    selection: &Selection,
) -> Result<Vec<Column>> {
    let n_groups = selection.count();
    let groups: Vec<u32> = (0..n_groups as u32).collect();
    let buffers = &mut Buffers::default();
    fresh.update(&groups, n_groups, values, selection, buffers)?;
    fresh.state(0..n_groups)
}

/// Whether every row of the column is zero, as far as that is cheap to know.
pub(super) fn is_zero(column: &Column) -> bool {
    match column.encoding() {
        Encoding::Constant { value, .. } => ScalarValue::as_i128(value) == Some(0),
        Encoding::Flat(_) | Encoding::Dictionary { .. } => false,
    }
}

/// The refusal of a type.
pub(super) fn unsupported(name: &str, data_type: &DataType) -> Error {
    Error::unsupported(format!("{name}() of {data_type}"))
}
