//! One text or binary value a group, in an arena whose space is used again.
//!
//! A value is a view of 16 bytes: its length, and either the value itself (up to 12 bytes) or its
//! first four bytes and where it stands in the arena. Space in the arena comes in sizes of a few
//! classes; what a longer value leaves goes to the list of its class and is the first to be taken.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, and a view's place lies within the arena"
)]

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, make_view};
use arrow::buffer::{Buffer, NullBuffer};
use esker_datatypes::{DataType, Error, Result};
use esker_kernels::views::{INLINE, length, place, view_array, with_value};

use super::common::{bytes_of, grow};

/// The values of all groups, empty at first.
#[derive(Default)]
pub(super) struct ByteValues {
    /// Length, first bytes, and the rest of the value or its place in the arena.
    views: Vec<u128>,
    arena: Vec<u8>,
    /// The free places of each class.
    free: Vec<Vec<u64>>,
}

/// The class of a length above those that stand in the view, and its size: steps of 16 bytes up to
/// 256, powers of two above.
fn class(len: usize) -> (usize, usize) {
    const STEPS: usize = 16;
    if len <= STEPS * 16 {
        let steps = len.div_ceil(16);
        return (steps, steps * 16);
    }
    let size = len.next_power_of_two();
    (STEPS + size.trailing_zeros() as usize, size)
}

impl ByteValues {
    pub(super) fn grow(&mut self, n_groups: usize) {
        grow(&mut self.views, n_groups, 0);
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.views.len()
    }

    /// How a value compares with the group's.
    #[inline]
    pub(super) fn order(&self, new: &[u8], group: usize) -> Ordering {
        let view = self.views[group];
        // Padded with zeros: a difference decides, equality does not.
        let old = ((view >> 32) as u32).swap_bytes();
        prefix(new)
            .cmp(&old)
            .then_with(|| with_value(view, &self.arena, |old| new.cmp(old)))
    }

    /// How the values of two groups compare.
    pub(super) fn order_of(&self, left: usize, right: usize) -> Ordering {
        with_value(self.views[left], &self.arena, |left| {
            self.order(left, right)
        })
    }

    /// Sets the group's value.
    pub(super) fn set(&mut self, group: usize, new: &[u8]) -> Result<()> {
        if u32::try_from(new.len()).is_err() {
            return Err(Error::unsupported("a value of 4 GiB and more"));
        }
        let old = self.views[group];
        if new.len() <= INLINE {
            self.release(old);
            self.views[group] = make_view(new, 0, 0);
            return Ok(());
        }
        let (list, size) = class(new.len());
        let at = if length(old) > INLINE && class(length(old)).0 == list {
            place(old)
        } else {
            self.release(old);
            match self.free.get_mut(list).and_then(Vec::pop) {
                Some(at) => at as usize,
                None => {
                    let at = self.arena.len();
                    self.arena.resize(at + size, 0);
                    at
                }
            }
        };
        self.arena[at..at + new.len()].copy_from_slice(new);
        self.views[group] = u128::from(make_view(new, 0, 0) as u64) | u128::from(at as u64) << 64;
        Ok(())
    }

    /// Frees the place of a view in the arena.
    fn release(&mut self, view: u128) {
        if length(view) <= INLINE {
            return;
        }
        let (list, _) = class(length(view));
        if self.free.len() <= list {
            self.free.resize(list + 1, Vec::new());
        }
        self.free[list].push(place(view) as u64);
    }

    /// Makes the values of groups empty.
    pub(super) fn clear(&mut self, groups: Range<usize>) {
        for group in groups {
            self.release(self.views[group]);
            self.views[group] = 0;
        }
    }

    /// The values of a range of groups as `Utf8View`, `BinaryView` or binary of a fixed size.
    pub(super) fn to_array(
        &self,
        groups: Range<usize>,
        nulls: Option<NullBuffer>,
        out: &DataType,
    ) -> Result<ArrayRef> {
        self.array(&self.views[groups], nulls, out)
    }

    /// Those values, by the numbers of their groups.
    pub(super) fn array_of(&self, groups: &[u32], out: &DataType) -> Result<ArrayRef> {
        let views = groups.iter().map(|&group| self.views[group as usize]);
        self.array(&views.collect::<Vec<_>>(), None, out)
    }

    fn array(&self, views: &[u128], nulls: Option<NullBuffer>, out: &DataType) -> Result<ArrayRef> {
        let DataType::FixedSizeBinary(width) = out else {
            return view_array(views, &self.arena, nulls, out);
        };
        let size = usize::try_from(*width).unwrap_or(0);
        let mut bytes = Vec::with_capacity(views.len() * size);
        for (at, &view) in views.iter().enumerate() {
            if length(view) == size {
                with_value(view, &self.arena, |value| bytes.extend_from_slice(value));
            }
            // A group without a value.
            bytes.resize((at + 1) * size, 0);
        }
        let len = views.len();
        let array =
            FixedSizeBinaryArray::try_new_with_len(*width, Buffer::from_vec(bytes), nulls, len)?;
        Ok(Arc::new(array))
    }

    /// How many bytes all this takes.
    pub(super) fn bytes(&self) -> usize {
        let free: usize = self.free.iter().map(bytes_of).sum();
        bytes_of(&self.views) + self.arena.capacity() + bytes_of(&self.free) + free
    }
}

/// The first four bytes as a number of their order.
#[inline]
fn prefix(value: &[u8]) -> u32 {
    match value.first_chunk::<4>() {
        Some(first) => u32::from_be_bytes(*first),
        None => {
            let mut padded = [0; 4];
            padded[..value.len()].copy_from_slice(value);
            u32::from_be_bytes(padded)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_used_again() {
        let mut values = ByteValues::default();
        values.grow(3);
        for round in 0..1000usize {
            for group in 0..3 {
                let text = vec![b'a' + group as u8; (round * 7 + group) % 300];
                values.set(group, &text).unwrap();
                assert_eq!(values.order(&text, group), Ordering::Equal);
            }
        }
        // At most one place of each class and group: 16 steps, and 512 bytes.
        assert!(
            values.arena.len() < 3 * (16 * 17 * 8 + 512) + 1,
            "{}",
            values.arena.len()
        );
        values.clear(0..3);
        assert_eq!(values.order(b"", 1), Ordering::Equal);
    }

    #[test]
    fn values_compare_by_bytes() {
        let words: [&[u8]; 9] = [
            b"",
            b"\0",
            b"a",
            b"a\0",
            b"aaaa",
            b"aaaab",
            b"aaaaaaaaaaaa",
            b"aaaaaaaaaaaab",
            b"\xff",
        ];
        let mut values = ByteValues::default();
        values.grow(1);
        for old in words {
            values.set(0, old).unwrap();
            for new in words {
                assert_eq!(values.order(new, 0), new.cmp(old), "{new:?} {old:?}");
            }
        }
    }
}
