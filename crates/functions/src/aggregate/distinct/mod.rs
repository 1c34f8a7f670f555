//! The distinct values of each group, whatever their type.
//!
//! Values become words: those of up to 64 bits as they are, in 32 bits as long as they fit
//! (`words.rs`); others by a table that numbers them (`interned.rs`). Each group has a set of words
//! (`sets.rs`), a list or a table (`shapes.rs`), in memory that all groups share (`../slots.rs`).

mod interned;
mod sets;
mod shapes;
mod words;

use std::ops::Range;

use arrow::array::{ArrayRef, downcast_primitive};
use arrow::buffer::OffsetBuffer;
use esker_datatypes::{Buffers, Column, DataType, Result, Selection, is_binary, is_string};
use esker_kernels::value::{Fixed, Value};

use self::interned::InternedSets;
use self::words::{WordSets, flag_words, value_words};
use super::common::unsupported;

/// Sets of values, one for each group.
pub(super) trait ValueSets: Send + Sync {
    /// Makes empty sets for more groups.
    fn resize(&mut self, n_groups: usize);

    /// How many groups there are.
    fn len(&self) -> usize;

    /// Adds the values of the selected rows that are not null.
    ///
    /// # Errors
    /// `ResourcesExhausted` for more values than can be told apart.
    fn add(
        &mut self,
        column: &Column,
        groups: &[u32],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()>;

    /// How many values the sets of a range of groups have.
    fn counts(&self, groups: Range<usize>) -> Vec<i64>;

    /// The values of a range of groups, one group behind the other, and where each begins.
    ///
    /// # Errors
    /// What Arrow says.
    fn items(&self, groups: Range<usize>) -> Result<(OffsetBuffer<i64>, ArrayRef)>;

    /// Adds what [`items`](Self::items) gave: the values from one offset to the next to the set of
    /// one group. The first offset is that of the first item.
    ///
    /// # Errors
    /// `Internal` for items of other sets, else as for [`add`](Self::add).
    fn add_items(&mut self, groups: &[u32], offsets: &[i64], items: &ArrayRef) -> Result<()>;

    /// Makes the sets of groups empty.
    ///
    /// # Errors
    /// None that is to be expected.
    fn clear(&mut self, groups: Range<usize>) -> Result<()>;

    /// The bytes taken.
    fn size(&self) -> usize;
}

/// Empty sets of values of this type.
///
/// # Errors
/// `Unsupported` for types whose values have no equality.
pub(super) fn sets_of(data_type: &DataType) -> Result<Box<dyn ValueSets>> {
    fn fixed<T: Fixed>(data_type: &DataType) -> Result<Box<dyn ValueSets>> {
        if size_of::<<T::Value as Value>::Key>() > size_of::<u64>() {
            return Ok(Box::new(InternedSets::new(data_type)?));
        }
        let narrow = size_of::<T::Native>() <= size_of::<u32>();
        Ok(Box::new(WordSets::new(value_words::<T>, narrow)))
    }
    macro_rules! fixed {
        ($type:ty) => {
            fixed::<$type>(data_type)?
        };
    }
    Ok(downcast_primitive! {
        data_type => (fixed),
        // Nulls alone: no word is ever made.
        DataType::Boolean | DataType::Null => Box::new(WordSets::new(flag_words, true)),
        t if is_string(t) || is_binary(t) => Box::new(InternedSets::new(&DataType::BinaryView)?),
        other => return Err(unsupported("n_unique", other)),
    })
}
