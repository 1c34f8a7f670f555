//! Sets of text, binary and long values: of the numbers that a table of all values gives them.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};
use esker_kernels::hash_table::GroupTable;

use super::super::common::{bytes_of, each_list, offsets_of};
use super::super::rows::{distinct_pairs, keep, same_rows};
use super::ValueSets;
use super::sets::GroupSets;

/// Sets of values that a word does not hold. However many groups have a value, it is kept once.
pub(super) struct InternedSets {
    data_type: DataType,
    table: GroupTable,
    sets: GroupSets<u32>,
    scratch: Vec<u32>,
    /// The values by their numbers: made when states are asked for, dropped by the next change.
    values: OnceLock<ArrayRef>,
}

impl InternedSets {
    /// No sets, of values of this type.
    pub(super) fn new(data_type: &DataType) -> Result<Self> {
        Ok(Self {
            data_type: data_type.clone(),
            table: GroupTable::new(std::slice::from_ref(data_type))?,
            sets: GroupSets::new(),
            scratch: Vec::new(),
            values: OnceLock::new(),
        })
    }

    fn values(&self) -> Result<&ArrayRef> {
        if let Some(values) = self.values.get() {
            return Ok(values);
        }
        let columns = self.table.keys(0..self.table.len())?;
        let [values] = columns.as_slice() else {
            return Err(Error::internal("values of several columns"));
        };
        Ok(self.values.get_or_init(|| values.to_flat()))
    }

    fn add_valid(
        &mut self,
        column: &Column,
        groups: &[u32],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        self.values.take();
        let numbers = &mut self.scratch;
        self.table.intern(&[column], selection, buffers, numbers)?;
        let distinct = distinct_pairs(groups, numbers, self.table.len(), buffers);
        let Some((groups, numbers)) = distinct else {
            return self.sets.add(groups, numbers);
        };
        self.sets.add(&groups, &numbers)?;
        buffers.give(groups);
        buffers.give(numbers);
        Ok(())
    }
}

impl ValueSets for InternedSets {
    fn resize(&mut self, n_groups: usize) {
        self.sets.resize(n_groups);
    }

    fn len(&self) -> usize {
        self.sets.len()
    }

    fn add(
        &mut self,
        column: &Column,
        groups: &[u32],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        same_rows(column, groups, selection)?;
        let Some(nulls) = column.nulls() else {
            return self.add_valid(column, groups, selection, buffers);
        };
        let valid = |row| nulls.is_valid(row);
        let (groups, rows) = keep(groups, selection, valid, |row| row as u32, buffers);
        let some = Selection::from_rows(selection.len(), rows);
        self.add_valid(column, &groups, &some, buffers)?;
        buffers.give(groups);
        Ok(())
    }

    fn counts(&self, groups: Range<usize>) -> Vec<i64> {
        self.sets.counts(groups)
    }

    fn items(&self, groups: Range<usize>) -> Result<(OffsetBuffer<i64>, ArrayRef)> {
        let offsets = offsets_of(&self.counts(groups.clone()));
        let mut numbers = Vec::with_capacity(offsets.last() as usize);
        self.sets.for_each(groups, |number| numbers.push(number));
        let numbers = UInt32Array::from(numbers);
        let items = compute::take(self.values()?, &numbers, None)?;
        Ok((offsets, items))
    }

    fn add_items(&mut self, groups: &[u32], offsets: &[i64], items: &ArrayRef) -> Result<()> {
        if *items.data_type() != self.data_type {
            return Err(Error::internal(format!(
                "merging values of {} into those of {}",
                items.data_type(),
                self.data_type
            )));
        }
        self.values.take();
        let mut numbers = Vec::new();
        let (column, all) = (Column::flat(Arc::clone(items)), Selection::all(items.len()));
        self.table
            .intern(&[&column], &all, &mut Buffers::default(), &mut numbers)?;
        let sets = &mut self.sets;
        each_list(groups, offsets, &numbers, |group, numbers| {
            sets.add_all(group, numbers)
        })
    }

    /// The values of sets that are emptied are forgotten only when all sets are.
    fn clear(&mut self, groups: Range<usize>) -> Result<()> {
        if groups.len() == self.len() {
            *self = Self::new(&self.data_type)?;
        }
        self.sets.resize(groups.end);
        self.sets.clear(groups);
        Ok(())
    }

    fn size(&self) -> usize {
        let values = self.values.get();
        let values = values.map_or(0, |values| values.get_array_memory_size());
        self.table.size() + self.sets.size() + bytes_of(&self.scratch) + values
    }
}
