//! The best few values of each group, in slots that grow with them.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, and slots those that were handed out"
)]

use std::cmp::Ordering;
use std::ops::Range;

use esker_datatypes::{Error, Result};

use super::common::{bytes_of, grow};
use super::slots::Slots;

/// At most so many words are kept in order; more are collected up to twice their number, of which
/// the better half stays.
const IN_ORDER: usize = 64;

/// The best few of each group; the words stand for values, and who adds them knows their order: what
/// is less comes first.
pub(super) struct Best<W> {
    lists: Vec<List>,
    /// Slots of one word, two, four, and so on.
    slots: Vec<Slots<W>>,
    most: usize,
}

/// Where there are as many words as are wanted, or more, the last of that many is the worst of them.
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

    /// What a word must be better than to stay; `None` as long as all do.
    pub(super) fn bound(&self, group: usize) -> Option<W> {
        self.all(group).get(self.most - 1).copied()
    }

    /// All words of a group, of which some may be too many.
    fn all(&self, group: usize) -> &[W] {
        let list = self.lists[group];
        match list.len {
            0 => &[],
            len => &self.slots[list.class()].get(list.slot)[..len as usize],
        }
    }

    fn all_mut(&mut self, group: usize) -> &mut [W] {
        let list = self.lists[group];
        &mut self.slots[list.class()].get_mut(list.slot)[..list.len as usize]
    }

    /// Adds a word that is better than the [`bound`](Self::bound), and calls with those that are
    /// none of the best any more.
    ///
    /// # Errors
    /// `ResourcesExhausted` for more groups than there are slots, and for too long a list.
    pub(super) fn insert(
        &mut self,
        group: usize,
        word: W,
        order: impl Fn(W, W) -> Ordering,
        mut dropped: impl FnMut(W),
    ) -> Result<()> {
        let (most, len) = (self.most, self.lists[group].len as usize);
        if most <= IN_ORDER {
            let words = self.all(group);
            let at = words.partition_point(|&other| order(other, word).is_le());
            if len == most {
                dropped(words[len - 1]);
            } else {
                self.set_len(group, len + 1)?;
            }
            let words = self.all_mut(group);
            words.copy_within(at..words.len() - 1, at + 1);
            words[at] = word;
            return Ok(());
        }
        self.set_len(group, len + 1)?;
        let words = self.all_mut(group);
        words[len] = word;
        if len + 1 == most || len + 1 == 2 * most {
            words.select_nth_unstable_by(most - 1, |&a, &b| order(a, b));
            words[most..].iter().for_each(|&word| dropped(word));
            self.set_len(group, most)?;
        }
        Ok(())
    }

    /// Makes a list longer or shorter.
    fn set_len(&mut self, group: usize, len: usize) -> Result<()> {
        const LONGEST: usize = 1 << 31;
        if len > LONGEST {
            return Err(Error::resources_exhausted("a list of 2^31 values"));
        }
        let list = self.lists[group];
        let mut new = List {
            len: len as u32,
            slot: list.slot,
        };
        let (from, to) = (list.class(), new.class());
        if list.len == 0 || from != to {
            while self.slots.len() <= to {
                self.slots.push(Slots::new(self.slots.len() as u32));
            }
            let slot = self.slots[to].take();
            new.slot = slot.ok_or_else(|| Error::resources_exhausted("2^31 lists of values"))?;
            if list.len > 0 {
                let kept = len.min(list.len as usize);
                let (less, more) = self.slots.split_at_mut(from.max(to));
                let (from, to) = match from < to {
                    true => (&mut less[from], &mut more[0]),
                    false => (&mut more[0], &mut less[to]),
                };
                to.get_mut(new.slot)[..kept].copy_from_slice(&from.get(list.slot)[..kept]);
                from.give_cleared(list.slot);
            }
        }
        self.lists[group] = new;
        Ok(())
    }

    /// The numbers of words of a range of groups, and the words, the best first.
    pub(super) fn items(
        &self,
        groups: Range<usize>,
        order: impl Fn(W, W) -> Ordering,
    ) -> (Vec<i64>, Vec<W>) {
        let (mut counts, mut words) = (Vec::with_capacity(groups.len()), Vec::new());
        for group in groups {
            let start = words.len();
            words.extend_from_slice(self.all(group));
            if self.most > IN_ORDER {
                words[start..].sort_unstable_by(|&a, &b| order(a, b));
                words.truncate(start + self.most);
            }
            counts.push((words.len() - start) as i64);
        }
        (counts, words)
    }

    /// Makes groups empty, and calls with their words.
    pub(super) fn clear(&mut self, groups: Range<usize>, mut dropped: impl FnMut(W)) {
        for group in groups {
            self.all(group).iter().for_each(|&word| dropped(word));
            let list = std::mem::take(&mut self.lists[group]);
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
