//! `top_k(x, n)` and `bottom_k(x, n)`: the greatest or smallest few values of each group.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to, and \
              words those of values that are kept"
)]

/// What is kept of values of a type.
mod kept;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ListArray, downcast_primitive};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};
use esker_logical_expr::Interval;
use esker_logical_expr::function::{AggregateFunction, GroupsAccumulator, Signature};

use super::bounds::any_of_type;
use super::common::{
    check_range, columns, each_list, list_column, list_items, offsets_of, states_of_rows,
    unsupported, validity,
};
use super::extreme::orderable;
use super::rows::{Rows, with_valid};
use kept::{Fixed, Flags, Kept, Texts};

/// See [`AggregateExpr::top_k`](super::AggregateExpr::top_k) and
/// [`AggregateExpr::bottom_k`](super::AggregateExpr::bottom_k).
#[derive(Debug)]
pub(crate) struct TopK<const MAX: bool> {
    /// At most so many values, which is not zero.
    pub(crate) count: u32,
}

impl<const MAX: bool> Default for TopK<MAX> {
    fn default() -> Self {
        Self { count: 1 }
    }
}

impl<const MAX: bool> AggregateFunction for TopK<MAX> {
    fn name(&self) -> &str {
        if MAX { "top_k" } else { "bottom_k" }
    }

    fn signature(&self) -> Signature {
        Signature::any(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let item = orderable(self.name(), args)?;
        if self.count == 0 {
            return Err(Error::invalid_input(format!(
                "{}() takes at least one value, not 0",
                self.name()
            )));
        }
        Ok(DataType::new_list(item, true))
    }

    fn bounds(&self, args: &[Interval], _rows: u64) -> Option<Interval> {
        any_of_type(self, args)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        self.return_type(args)?;
        groups_of::<MAX>(self.name(), orderable(self.name(), args)?, self.count)
    }

    fn options_text(&self) -> Option<String> {
        Some(self.count.to_string())
    }
}

fn groups_of<const MAX: bool>(
    name: &str,
    item: DataType,
    count: u32,
) -> Result<Box<dyn GroupsAccumulator>> {
    fn boxed<K: Kept>(item: DataType, count: u32) -> Box<dyn GroupsAccumulator> {
        Box::new(TopGroups {
            kept: K::new(count),
            item,
            count,
        })
    }
    macro_rules! fixed {
        ($type:ty) => {
            boxed::<Fixed<$type, MAX>>(item, count)
        };
    }
    Ok(downcast_primitive! {
        &item => (fixed),
        DataType::Boolean => boxed::<Flags<MAX>>(item, count),
        DataType::Utf8View | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            boxed::<Texts<MAX>>(item, count)
        }
        other => return Err(unsupported(name, other)),
    })
}

struct TopGroups<K> {
    kept: K,
    item: DataType,
    count: u32,
}

impl<K: Kept> GroupsAccumulator for TopGroups<K> {
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let [column] = columns(values)?;
        self.kept.resize(n_groups);
        with_valid(column, groups, selection, buffers, |rows, _| {
            self.kept.add(rows)
        })
    }

    /// The state is a list of the values, the best first.
    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        let [lists] = columns(state)?;
        self.kept.resize(n_groups);
        let (offsets, items) = list_items(lists, groups)?;
        let mut owners = Vec::with_capacity(items.len());
        let numbers = vec![(); items.len()];
        each_list(groups, &offsets, &numbers, |group, items| {
            owners.extend(items.iter().map(|()| group as u32));
            Ok(())
        })?;
        self.kept.add(&Rows {
            array: &items,
            groups: &owners,
            index: None,
            coded: false,
        })
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        check_range(&groups, self.kept.n_groups())?;
        let (counts, items) = self.kept.items(groups, &self.item)?;
        Ok(vec![list_column(offsets_of(&counts), items)?])
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.kept.n_groups())?;
        let (counts, items) = self.kept.items(groups, &self.item)?;
        if i32::try_from(items.len()).is_err() {
            return Err(Error::resources_exhausted(
                "2^31 values in lists of a batch",
            ));
        }
        let lengths = counts.iter().map(|&count| count as usize);
        let flags: Vec<bool> = counts.iter().map(|&count| count > 0).collect();
        let field = Arc::new(Field::new_list_field(self.item.clone(), true));
        let offsets = OffsetBuffer::from_lengths(lengths);
        let lists = ListArray::try_new(field, offsets, items, validity(&flags))?;
        Ok(Column::flat(Arc::new(lists)))
    }

    fn size(&self) -> usize {
        self.kept.size()
    }

    fn reset(&mut self, groups: Range<usize>) -> Result<()> {
        check_range(&groups, self.kept.n_groups())?;
        self.kept.clear(groups);
        Ok(())
    }

    fn convert_to_state(&self, values: &[Column], selection: &Selection) -> Result<Vec<Column>> {
        let fresh = Self {
            kept: K::new(self.count),
            item: self.item.clone(),
            count: self.count,
        };
        states_of_rows(fresh, values, selection)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
    use arrow::compute;
    use esker_datatypes::value_type;

    use super::*;

    #[test]
    fn lists_of_values_of_their_type() {
        let top = |count, data_type| TopK::<true> { count }.return_type(&[data_type]);
        let list = |item| DataType::new_list(item, true);
        assert_eq!(top(2, DataType::Int8).unwrap(), list(DataType::Int8));
        assert_eq!(top(2, DataType::Utf8).unwrap(), list(DataType::Utf8View));
        let error = top(0, DataType::Int8).unwrap_err();
        assert_eq!(error.to_string(), "top_k() takes at least one value, not 0");
        assert!(top(1, list(DataType::Int8)).is_err());
    }

    /// The best of many rows, as they come and backwards, against a sorted vector.
    #[test]
    fn many_values_of_a_group() {
        let numbers: Vec<i64> = (0..20_000).map(|n| (n * 7919) % 12_345 - 5000).collect();
        let ascending: Vec<i64> = (0..20_000).collect();
        for numbers in [numbers, ascending] {
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            let texts = numbers.iter().map(|n| format!("{:0>20}", n + 5000));
            let ints: ArrayRef = Arc::new(Int64Array::from(numbers.clone()));
            let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
            for (count, values) in [1, 64, 65, 1000, 15_000, u32::MAX]
                .into_iter()
                .flat_map(|count| [(count, &ints), (count, &texts)])
            {
                let function = TopK::<false> { count };
                let types = [values.data_type().clone()];
                let mut groups = function.accumulator(&types).unwrap();
                let mut merged = function.accumulator(&types).unwrap();
                for start in (0..values.len()).step_by(1000) {
                    let batch = [Column::flat(values.slice(start, 1000))];
                    let (all, owners) = (Selection::all(1000), [0; 1000]);
                    let buffers = &mut Buffers::default();
                    groups.update(&owners, 1, &batch, &all, buffers).unwrap();
                    merged.update(&owners, 2, &batch, &all, buffers).unwrap();
                }
                // Of the same rows twice, each comes twice.
                merged.merge(&[1], 2, &groups.state(0..1).unwrap()).unwrap();
                let most = (count as usize).min(sorted.len());
                for found in [
                    groups.finish(0..1),
                    merged.finish(0..1),
                    merged.finish(1..2),
                ] {
                    let found = found.unwrap().to_flat();
                    let found = found.as_list::<i32>().value(0);
                    let found = match value_type(found.data_type()) {
                        DataType::Int64 => found,
                        _ => compute::cast(&found, &DataType::Int64).unwrap(),
                    };
                    let found = found.as_primitive::<arrow::datatypes::Int64Type>().values();
                    let shift = if values.data_type() == &DataType::Utf8 {
                        5000
                    } else {
                        0
                    };
                    let want = sorted[..most].iter().map(|n| n + shift);
                    assert!(
                        found.iter().copied().eq(want),
                        "{count} {}",
                        values.data_type()
                    );
                }
            }
        }
    }
}
