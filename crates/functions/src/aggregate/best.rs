//! The best few values of each group, best first, in slots that grow with them.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, and slots those that were handed out"
)]

use std::ops::Range;

use esker_datatypes::{Error, Result};

use super::common::{bytes_of, grow};
use super::slots::Slots;

/// The best few of each group; the words stand for values, and who adds them knows their order.
pub(super) struct Best<W> {
    lists: Vec<List>,
    /// Slots of one word, two, four, and so on.
    slots: Vec<Slots<W>>,
    most: usize,
}

#[derive(Clone, Copy, Default)]
struct List {
    len: u32,
    /// Among the slots of the least power of two that holds the list.
    slot: u32,
}

impl List {
    /// The logarithm of the slot's length.
    fn class(self) -> usize {
        self.len.next_power_of_two().trailing_zeros() as usize
    }
}

impl<W: Copy + Default> Best<W> {
    /// No groups, of at most so many words each, which is not zero.
    pub(super) fn new(most: u32) -> Self {
        Self {
            lists: Vec::new(),
            slots: Vec::new(),
            most: most as usize,
        }
    }

    /// Makes room for more groups.
    pub(super) fn resize(&mut self, n_groups: usize) {
        grow(&mut self.lists, n_groups, List::default());
    }

    /// How many groups there are.
    pub(super) fn n_groups(&self) -> usize {
        self.lists.len()
    }

    /// Whether a group has as many words as are kept.
    pub(super) fn is_full(&self, group: usize) -> bool {
        self.lists[group].len as usize == self.most
    }

    /// The words of a group, the best first.
    pub(super) fn words(&self, group: usize) -> &[W] {
        let list = self.lists[group];
        match list.len {
            0 => &[],
            len => &self.slots[list.class()].get(list.slot)[..len as usize],
        }
    }

    /// Puts a word where it belongs; the one that falls out behind, if there are too many.
    ///
    /// # Errors
    /// `ResourcesExhausted` for more groups than there are slots.
    pub(super) fn insert(&mut self, group: usize, at: usize, word: W) -> Result<Option<W>> {
        let list = self.lists[group];
        let len = list.len as usize;
        if len == self.most {
            let words = &mut self.slots[list.class()].get_mut(list.slot)[..len];
            let last = words[len - 1];
            words.copy_within(at..len - 1, at + 1);
            words[at] = word;
            return Ok(Some(last));
        }
        let list = self.longer(list)?;
        self.lists[group] = list;
        let words = self.slots[list.class()].get_mut(list.slot);
        words.copy_within(at..len, at + 1);
        words[at] = word;
        Ok(None)
    }

    /// The list with room for one more word, which is counted already.
    fn longer(&mut self, list: List) -> Result<List> {
        let mut longer = List {
            len: list.len + 1,
            slot: list.slot,
        };
        let (from, to) = (list.class(), longer.class());
        if list.len > 0 && from == to {
            return Ok(longer);
        }
        while self.slots.len() <= to {
            self.slots.push(Slots::new(self.slots.len() as u32));
        }
        let slot = self.slots[to].take();
        longer.slot = slot.ok_or_else(|| Error::resources_exhausted("2^31 lists of values"))?;
        if list.len > 0 {
            let (shorter, rest) = self.slots.split_at_mut(to);
            let words = shorter[from].get(list.slot);
            rest[0].get_mut(longer.slot)[..words.len()].copy_from_slice(words);
            shorter[from].give_cleared(list.slot);
        }
        Ok(longer)
    }

    /// The numbers of words of a range of groups, and the words.
    pub(super) fn items(&self, groups: Range<usize>) -> (Vec<i64>, Vec<W>) {
        let counts: Vec<i64> = self.lists[groups.clone()]
            .iter()
            .map(|list| list.len.into())
            .collect();
        let mut words = Vec::with_capacity(counts.iter().sum::<i64>() as usize);
        groups.for_each(|group| words.extend_from_slice(self.words(group)));
        (counts, words)
    }

    /// Makes groups empty.
    pub(super) fn clear(&mut self, groups: Range<usize>) {
        for list in &mut self.lists[groups] {
            let list = std::mem::take(list);
            if list.len > 0 {
                self.slots[list.class()].give_cleared(list.slot);
            }
        }
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        let slots: usize = self.slots.iter().map(Slots::size).sum();
        bytes_of(&self.lists) + bytes_of(&self.slots) + slots
    }
}
