//! `top_k(x, n)` and `bottom_k(x, n)`: the greatest or smallest few values of each group.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to, and \
              words those of values that are kept"
)]

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, AsArray, BooleanBuilder, ListArray, downcast_primitive,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};
use esker_kernels::compare::Bytes;
use esker_logical_expr::function::{AggregateFunction, GroupsAccumulator, Signature};

use super::best::Best;
use super::byte_values::ByteValues;
use super::common::{
    bytes_of, check_range, columns, each_list, grow, list_column, list_items, offsets_of,
    primitive, states_of_rows, typed, unsupported, validity,
};
use super::extreme::{better, orderable, worst};
use super::rows::{Rows, with_valid};

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

    fn is_fallible(&self, _args: &[DataType]) -> bool {
        false
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

/// The best few values of all groups, of one type.
trait Kept: Send + Sync + 'static {
    /// No groups, of at most so many values.
    fn new(count: u32) -> Self;

    /// Makes room for more groups.
    fn resize(&mut self, n_groups: usize);

    /// How many groups there are.
    fn n_groups(&self) -> usize;

    /// Keeps what is better than the worst of its group, or among the first.
    fn add(&mut self, rows: &Rows<'_>) -> Result<()>;

    /// The numbers of values of a range of groups, and the values in the type asked for.
    fn items(&self, groups: Range<usize>, item: &DataType) -> Result<(Vec<i64>, ArrayRef)>;

    /// Makes groups empty.
    fn clear(&mut self, groups: Range<usize>);

    /// The bytes taken.
    fn size(&self) -> usize;
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

/// What comes first of two values: the better one.
fn order<const MAX: bool, N: PartialOrd + Copy>(left: N, right: N) -> Ordering {
    if better::<MAX, _>(left, right) {
        Ordering::Less
    } else if better::<MAX, _>(right, left) {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

/// Values of a fixed width.
struct Fixed<T: ArrowPrimitiveType, const MAX: bool> {
    best: Best<T::Native>,
    /// What each group's values must be better than, once it has as many as are wanted: mostly, this
    /// is all that a row is compared with.
    bounds: Vec<T::Native>,
}

impl<T: ArrowPrimitiveType, const MAX: bool> Fixed<T, MAX> {
    #[inline(never)]
    fn insert(&mut self, group: usize, value: T::Native) -> Result<()> {
        self.best.insert(group, value, order::<MAX, _>, |_| {})?;
        if let Some(bound) = self.best.bound(group) {
            self.bounds[group] = bound;
        }
        Ok(())
    }
}

impl<T: ArrowPrimitiveType, const MAX: bool> Kept for Fixed<T, MAX> {
    fn new(count: u32) -> Self {
        Self {
            best: Best::new(count),
            bounds: Vec::new(),
        }
    }

    fn resize(&mut self, n_groups: usize) {
        self.best.resize(n_groups);
        grow(&mut self.bounds, n_groups, worst::<MAX, T::Native>());
    }

    fn n_groups(&self) -> usize {
        self.best.n_groups()
    }

    fn add(&mut self, rows: &Rows<'_>) -> Result<()> {
        let values = typed::<T>(rows.array)?.values();
        let worst = worst::<MAX, T::Native>();
        let mut result = Ok(());
        rows.for_each(values, |group, value| {
            // What is no better than the worst there is belongs to the first few, or to none.
            let bound = self.bounds[group];
            if (better::<MAX, _>(value, bound)
                || (!better::<MAX, _>(value, worst) && self.best.bound(group).is_none()))
                && let Err(error) = self.insert(group, value)
            {
                result = Err(error);
            }
        });
        result
    }

    fn items(&self, groups: Range<usize>, item: &DataType) -> Result<(Vec<i64>, ArrayRef)> {
        let (counts, words) = self.best.items(groups, order::<MAX, _>);
        Ok((counts, primitive::<T>(&words, None, item)))
    }

    fn clear(&mut self, groups: Range<usize>) {
        self.bounds[groups.clone()].fill(worst::<MAX, T::Native>());
        self.best.clear(groups, |_| {});
    }

    fn size(&self) -> usize {
        self.best.size() + bytes_of(&self.bounds)
    }
}

/// Truth values: FALSE is less than TRUE. It is enough to count them.
struct Flags<const MAX: bool> {
    /// How many values of each group are the better and the worse one.
    counts: Vec<[u64; 2]>,
    most: u64,
}

impl<const MAX: bool> Kept for Flags<MAX> {
    fn new(count: u32) -> Self {
        Self {
            counts: Vec::new(),
            most: count.into(),
        }
    }

    fn resize(&mut self, n_groups: usize) {
        grow(&mut self.counts, n_groups, [0; 2]);
    }

    fn n_groups(&self) -> usize {
        self.counts.len()
    }

    fn add(&mut self, rows: &Rows<'_>) -> Result<()> {
        let Some(array) = rows.array.as_boolean_opt() else {
            return Err(Error::internal("the best of something that is not Boolean"));
        };
        let values = array.values();
        rows.for_each_at(|group, at| {
            self.counts[group][usize::from(values.value(at) != MAX)] += 1;
        });
        Ok(())
    }

    fn items(&self, groups: Range<usize>, _item: &DataType) -> Result<(Vec<i64>, ArrayRef)> {
        let (mut counts, mut values) = (Vec::with_capacity(groups.len()), BooleanBuilder::new());
        for &[better, worse] in &self.counts[groups] {
            let better = better.min(self.most);
            let worse = worse.min(self.most - better);
            values.append_n(better as usize, MAX);
            values.append_n(worse as usize, !MAX);
            counts.push((better + worse) as i64);
        }
        Ok((counts, Arc::new(values.finish())))
    }

    fn clear(&mut self, groups: Range<usize>) {
        self.counts[groups].fill([0; 2]);
    }

    fn size(&self) -> usize {
        bytes_of(&self.counts)
    }
}

/// Text and binary values.
struct Texts<const MAX: bool> {
    /// Numbers of values.
    best: Best<u32>,
    values: ByteValues,
    /// Numbers that are free.
    free: Vec<u32>,
}

impl<const MAX: bool> Texts<MAX> {
    fn consider(&mut self, group: usize, value: &[u8]) -> Result<()> {
        let wanted = match MAX {
            true => Ordering::Greater,
            false => Ordering::Less,
        };
        let bound = self.best.bound(group);
        if bound.is_some_and(|bound| self.values.order(value, bound as usize) != wanted) {
            return Ok(());
        }
        let number = match self.free.pop() {
            Some(number) => number,
            None => self.new_number()?,
        };
        self.values.set(number as usize, value)?;
        let Self { best, values, free } = self;
        let order = |a, b| Self::order(values, a, b);
        best.insert(group, number, order, |dropped| free.push(dropped))
    }

    fn new_number(&mut self) -> Result<u32> {
        let number = self.values.len();
        self.values.grow(number + 1);
        u32::try_from(number).map_err(|_| Error::resources_exhausted("2^32 values"))
    }

    /// What comes first of two values: the better one.
    fn order(values: &ByteValues, left: u32, right: u32) -> Ordering {
        let order = values.order_of(left as usize, right as usize);
        if MAX { order.reverse() } else { order }
    }
}

impl<const MAX: bool> Kept for Texts<MAX> {
    fn new(count: u32) -> Self {
        Self {
            best: Best::new(count),
            values: ByteValues::default(),
            free: Vec::new(),
        }
    }

    fn resize(&mut self, n_groups: usize) {
        self.best.resize(n_groups);
    }

    fn n_groups(&self) -> usize {
        self.best.n_groups()
    }

    fn add(&mut self, rows: &Rows<'_>) -> Result<()> {
        let mut result = Ok(());
        let mut consider = |group: usize, value: &[u8]| {
            if let Err(error) = self.consider(group, value) {
                result = Err(error);
            }
        };
        match Bytes::new(rows.array)? {
            Bytes::Offsets(array) => rows.for_each_at(|g, at| consider(g, array.value(at))),
            Bytes::LargeOffsets(array) => rows.for_each_at(|g, at| consider(g, array.value(at))),
            Bytes::Views(array) => rows.for_each_at(|g, at| consider(g, array.value(at))),
            Bytes::Fixed(array) => rows.for_each_at(|g, at| consider(g, array.value(at))),
        }
        result
    }

    fn items(&self, groups: Range<usize>, item: &DataType) -> Result<(Vec<i64>, ArrayRef)> {
        let order = |a, b| Self::order(&self.values, a, b);
        let (counts, words) = self.best.items(groups, order);
        Ok((counts, self.values.array_of(&words, item)?))
    }

    fn clear(&mut self, groups: Range<usize>) {
        let Self { best, free, .. } = self;
        best.clear(groups, |dropped| free.push(dropped));
    }

    fn size(&self) -> usize {
        self.best.size() + self.values.bytes() + bytes_of(&self.free)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, Int64Array, StringArray};
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
