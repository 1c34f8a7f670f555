//! The best few values of each group, by how values of a type are kept.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to, and \
              words those of values that are kept"
)]

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, BooleanBuilder};
use esker_datatypes::{DataType, Error, Result};
use esker_kernels::compare::Bytes;

use super::super::best::Best;
use super::super::byte_values::ByteValues;
use super::super::common::{bytes_of, grow, primitive, typed};
use super::super::extreme::{better, worst};
use super::super::rows::Rows;

/// The best few values of all groups, of one type.
pub(super) trait Kept: Send + Sync + 'static {
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
pub(super) struct Fixed<T: ArrowPrimitiveType, const MAX: bool> {
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
pub(super) struct Flags<const MAX: bool> {
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
pub(super) struct Texts<const MAX: bool> {
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
