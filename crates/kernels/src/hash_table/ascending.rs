//! Keys that come in ascending order: told by where they change, without hashing.

#![allow(
    clippy::indexing_slicing,
    reason = "rows and keys have the layout's number of words, of which orders name some; rows are \
              below the number of rows, and a block has at most as many new keys as rows"
)]

use std::cmp::Ordering;

use super::layout::{KeyLayout, Kind, Place};
use super::table::ABSENT;
use super::width::{Any, Exactly, Width};
use super::words::Keys;
use crate::bits::any_set;

/// So many rows are numbered at a time: rows in no order are left after that many at most.
const BLOCK: usize = 128;

/// An order of the words of keys, in which integers and dates of the first column ascend as numbers
/// do.
///
/// It is an order of whatever a key is made of, so that keys are equal where it says so; that other
/// values ascend in it as they do elsewhere is not promised. The first column comes first, so that
/// input sorted by it ascends, if the others follow from it or are sorted, too.
#[derive(Clone, Debug)]
pub(super) struct KeyOrder {
    /// The word that is compared first, as a signed number ...
    first: usize,
    /// ... and the bits by which it is rotated, so that the first column is at its upper end.
    rotation: u32,
    /// The other words, compared as unsigned numbers.
    others: Vec<usize>,
}

impl KeyOrder {
    /// The order of keys of this layout; `None` where words do not tell equal keys, or there are
    /// none.
    pub(super) fn new(layout: &KeyLayout) -> Option<Self> {
        if layout.texts() > 0 {
            return None;
        }
        let places = layout.fields().iter().filter_map(|field| match field.kind {
            Kind::Fixed(place) => Some(place),
            Kind::Null | Kind::Text(_) | Kind::Nested(_) => None,
        });
        let last = |place: Place| place.word + (place.bits as usize).div_ceil(64) - 1;
        let lead = places.clone().next()?;
        let first = last(lead);
        let mut others = Vec::with_capacity(layout.words());
        let words = places.flat_map(|place| (place.word..=last(place)).rev());
        // Behind the values stand the bits that tell nulls.
        for word in words.chain(0..layout.words()) {
            if word != first && !others.contains(&word) {
                others.push(word);
            }
        }
        Some(Self {
            first,
            rotation: 64u32.saturating_sub(lead.shift + lead.bits),
            others,
        })
    }

    /// What is compared first of a key.
    #[inline]
    fn lead(&self, key: &[u64]) -> i64 {
        key[self.first].rotate_left(self.rotation) as i64
    }

    /// Writes the number of each row's key, and appends new ones to the words of all, as long as the
    /// rows ascend. Whether all do: else the keys of some of the first rows have been appended.
    pub(super) fn number_rows(
        &self,
        known: &mut Vec<u64>,
        stride: usize,
        keys: &Keys,
        out: &mut [u32],
    ) -> bool {
        if keys.nulls().is_some_and(|nulls| any_set(nulls, keys.len())) {
            return false;
        }
        match stride {
            1 => self.number_as(Exactly::<1>, known, 1, keys, out),
            2 => self.number_as(Exactly::<2>, known, 2, keys, out),
            3 => self.number_as(Exactly::<3>, known, 3, keys, out),
            4 => self.number_as(Exactly::<4>, known, 4, keys, out),
            _ => self.number_as(Any(stride), known, stride, keys, out),
        }
    }

    #[inline(always)]
    fn number_as<W: Width>(
        &self,
        width: W,
        known: &mut Vec<u64>,
        stride: usize,
        keys: &Keys,
        out: &mut [u32],
    ) -> bool {
        let words = keys.words();
        let key = |row: usize| &words[row * stride..][..stride];
        let mut len = known.len() / stride;
        let mut starts = [0u32; BLOCK];
        for (number, out) in out.chunks_mut(BLOCK).enumerate() {
            // The greatest numbers stand for no key.
            if len + BLOCK >= ABSENT as usize {
                return false;
            }
            let start = number * BLOCK;
            let rows = start.max(1)..start + out.len();
            let mut count = 0;
            if start == 0 {
                // Beside the last of the batch before.
                let last = known.rchunks_exact(stride).next();
                let order = last.map_or(Ordering::Less, |last| self.compare(last, key(0)));
                if order.is_gt() {
                    return false;
                }
                count = usize::from(order.is_lt());
                out[0] = (len + count) as u32 - 1;
            }
            // Rows whose first words alone do not tell are looked at again.
            let (mut descends, mut unsure) = (false, false);
            let mut before = self.lead(key(rows.start - 1));
            for (row, out) in rows.clone().zip(&mut out[rows.start - start..]) {
                let lead = self.lead(key(row));
                let fresh = !width.same(words, row - 1, words, row);
                descends |= lead < before;
                unsure |= fresh & (lead == before);
                before = lead;
                starts[count] = row as u32;
                count += usize::from(fresh);
                *out = (len + count) as u32 - 1;
            }
            let less = |row: usize| self.compare(key(row), key(row - 1)).is_lt();
            if descends || unsure && rows.into_iter().any(less) {
                return false;
            }
            for &row in &starts[..count] {
                width.push(known, words, row as usize);
            }
            len += count;
        }
        true
    }

    /// How one key stands to another.
    #[inline]
    fn compare(&self, left: &[u64], right: &[u64]) -> Ordering {
        let others = || self.others.iter().map(|&word| left[word].cmp(&right[word]));
        let first = self.lead(left).cmp(&self.lead(right));
        first.then_with(|| others().find(|order| order.is_ne()).unwrap_or(first))
    }
}

/// The keys of a table that have come in ascending order: those of tables of the same types have
/// one order.
#[derive(Clone, Copy)]
pub struct AscendingKeys<'a> {
    words: &'a [u64],
    stride: usize,
    order: &'a KeyOrder,
}

impl<'a> AscendingKeys<'a> {
    pub(super) fn new(words: &'a [u64], order: &'a KeyOrder, stride: usize) -> Self {
        Self {
            words,
            stride,
            order,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.words.len() / self.stride
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// How the key of a group stands to one of another table.
    #[inline]
    pub fn compare(&self, group: usize, other: &Self, other_group: usize) -> Ordering {
        let (key, other) = (self.key(group), other.key(other_group));
        self.order.compare(key, other)
    }

    /// The first group from `start` on whose key is not less than one of another table; the number
    /// of groups if there is none. Costs least where that is close to `start`.
    pub fn first_from(&self, start: usize, other: &Self, other_group: usize) -> usize {
        let less = |group: usize| self.compare(group, other, other_group).is_lt();
        let (mut low, mut step) = (start, 1);
        while low + step <= self.len() && less(low + step - 1) {
            low += step;
            step *= 2;
        }
        // All before `low` are less; that one is not, or there is none.
        let mut high = (low + step - 1).min(self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match less(middle) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    #[inline]
    fn key(&self, group: usize) -> &'a [u64] {
        &self.words[group * self.stride..][..self.stride]
    }
}

#[cfg(test)]
mod tests;
