//! Sets of words, one for each group.
//!
//! A set of few words is a list that is searched from end to end: it costs no more than its words,
//! and a cache line or two to look at, which those of clustered groups share. One of more words is
//! a hash table with linear probing. Both are slots of a power of two of words, of which a set has
//! the next larger one when it is full.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, classes those that slots were taken of, and \
              places lie in the table or list that they were sought in"
)]

use std::ops::Range;

use esker_datatypes::{Error, Result};

use super::super::common::{bytes_of, grow};
use super::super::slots::Slots;
use super::shapes::{
    GOLDEN, LIST, LIST_CLASS, Word, class_of, copy_list, find, list_class, list_has, most_of,
    place, table_class, write_list, write_table,
};

/// So many rows are looked at before the first of them is entered.
const ROWS: usize = 64;
/// So many words beside each other are visited at a time when the words of a table are told.
const BLOCK: u32 = 3;

/// A set of words for each group.
pub(super) struct GroupSets<W> {
    sets: Vec<Set>,
    /// The slots of each class.
    slots: Vec<Slots<W>>,
}

/// The set of a group: its class follows from the number of its words.
#[derive(Clone, Copy, Default)]
struct Set {
    /// How many words there are.
    len: u32,
    /// The slot of the list; or twice that of the table, and one more if zero is in the set: in the
    /// table it stands for a free place.
    slot: u32,
}

impl Set {
    #[inline]
    fn is_table(self) -> bool {
        self.len as usize > LIST
    }

    #[inline]
    fn table(self) -> u32 {
        self.slot / 2
    }

    #[inline]
    fn has_zero(self) -> bool {
        self.is_table() && self.slot % 2 == 1
    }
}

impl<W: Word> GroupSets<W> {
    pub(super) fn new() -> Self {
        Self {
            sets: Vec::new(),
            slots: Vec::new(),
        }
    }

    /// Makes empty sets for more groups.
    pub(super) fn resize(&mut self, n_groups: usize) {
        grow(&mut self.sets, n_groups, Set::default());
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    /// How many words the sets of a range of groups have.
    pub(super) fn counts(&self, groups: Range<usize>) -> Vec<i64> {
        let counts = self.sets[groups].iter().map(|set| i64::from(set.len));
        counts.collect()
    }

    /// The same sets of other words, which must differ where these do.
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub(super) fn converted<V: Word>(&self, convert: impl Fn(W) -> V) -> Result<GroupSets<V>> {
        let mut sets = GroupSets::new();
        sets.resize(self.len());
        let mut words = Vec::new();
        for group in 0..self.len() {
            words.clear();
            self.for_each(group..group + 1, |word| words.push(convert(word)));
            sets.add_all(group, &words)?;
        }
        Ok(sets)
    }

    /// Adds a word to the set of each row's group.
    ///
    /// # Errors
    /// `ResourcesExhausted` for more words than a table can have.
    pub(super) fn add(&mut self, groups: &[u32], words: &[W]) -> Result<()> {
        let pairs = groups.iter().zip(groups.iter().skip(1));
        let followers: usize = pairs.map(|(left, right)| usize::from(left == right)).sum();
        if followers * 2 < groups.len() {
            let mut blocks = groups.chunks(ROWS).zip(words.chunks(ROWS));
            return blocks.try_for_each(|(groups, words)| self.add_rows(groups, words));
        }
        let mut start = 0;
        while let Some(&group) = groups.get(start) {
            let run = groups[start..].iter().take_while(|&&other| other == group);
            let end = start + run.count();
            self.add_run(group as usize, &words[start..end])?;
            start = end;
        }
        Ok(())
    }

    /// Adds the words of some rows, at most [`ROWS`]: first all are looked at, without branches on
    /// what is found, so that the rows do not wait for memory one after the other.
    fn add_rows(&mut self, groups: &[u32], words: &[W]) -> Result<()> {
        let mut sets = [Set::default(); ROWS];
        for (set, &group) in sets.iter_mut().zip(groups) {
            *set = self.sets[group as usize];
        }
        let mut fresh = [0u8; ROWS];
        let mut count = 0;
        let rows = (0u8..).zip(sets.iter().zip(words));
        if sets[..groups.len()].iter().all(|set| set.is_table()) {
            for (row, (&set, &word)) in rows {
                fresh[count] = row;
                count += usize::from(!self.table_has(set, word));
            }
        } else {
            for (row, (&set, &word)) in rows {
                fresh[count] = row;
                count += usize::from(!self.has(set, word));
            }
        }
        for &row in &fresh[..count] {
            let row = usize::from(row);
            self.insert(groups[row] as usize, words[row])?;
        }
        Ok(())
    }

    /// Adds words to the set of a group.
    fn add_run(&mut self, group: usize, words: &[W]) -> Result<()> {
        let words = match self.sets[group].is_table() {
            true => words,
            false => self.extend_list(group, words)?,
        };
        for words in words.chunks(ROWS) {
            let set = self.sets[group];
            let class = table_class(set.len as usize);
            let table = self.slots[class as usize].get(set.table());
            let mut fresh = [W::default(); ROWS];
            let mut count = 0;
            for &word in words {
                fresh[count] = word;
                let has = (table[place(word, class)] == word) & (word != W::default());
                count += usize::from(!has);
            }
            self.extend_table(group, &fresh[..count])?;
        }
        Ok(())
    }

    /// Adds words to a table.
    fn extend_table(&mut self, group: usize, mut words: &[W]) -> Result<()> {
        while !words.is_empty() {
            let set = self.sets[group];
            let class = table_class(set.len as usize);
            let room = most_of(class) - set.len as usize;
            let table = self.slots[class as usize].get_mut(set.table());
            let (mut done, mut count) = (0, 0);
            for &word in words {
                if count == room || word == W::default() {
                    break;
                }
                let found = find(table, class, word);
                count += usize::from(table[found] != word);
                table[found] = word;
                done += 1;
            }
            self.sets[group].len += count as u32;
            if let Some(&word) = words.get(done) {
                self.insert(group, word)?;
                done += 1;
            }
            words = &words[done..];
        }
        Ok(())
    }

    /// Adds words to a list, which gets another slot once at most. Tells the words behind the one
    /// that the list has no room for, but which is a table then.
    fn extend_list<'a>(&mut self, group: usize, words: &'a [W]) -> Result<&'a [W]> {
        let set = self.sets[group];
        let old_len = set.len as usize;
        let mut rest = words.iter();
        // Places that are not in use have the first word.
        let (mut list, mut len) = match self.class(set) {
            Some(class) => {
                let words = self.slots[class as usize].get(set.slot);
                let mut list = [words[0]; LIST];
                list[..words.len()].copy_from_slice(words);
                (list, old_len)
            }
            None => match rest.next() {
                Some(&first) => ([first; LIST], 1),
                None => return Ok(words),
            },
        };
        let mut over = None;
        for &word in rest.by_ref() {
            if list_has(&list, LIST_CLASS, word) {
                continue;
            }
            if len == LIST {
                over = Some(word);
                break;
            }
            list[len] = word;
            len += 1;
        }
        if len > old_len {
            let class = list_class(len);
            let slot = match self.class(set) {
                Some(old) if old == class => set.slot,
                _ => {
                    self.release(set);
                    self.take(class)?
                }
            };
            let to = self.slots[class as usize].get_mut(slot);
            copy_list(to, class, &list);
            self.sets[group] = Set {
                len: len as u32,
                slot,
            };
        }
        if let Some(word) = over {
            self.grow(group, word)?;
        }
        Ok(rest.as_slice())
    }

    /// Whether a set has a word, as far as a look tells.
    #[inline]
    fn has(&self, set: Set, word: W) -> bool {
        if set.is_table() {
            return self.table_has(set, word);
        }
        let class = self.class(set);
        class.is_some_and(|class| list_has(self.slots[class as usize].get(set.slot), class, word))
    }

    /// Whether the first place to look at in a table has a word.
    #[inline]
    fn table_has(&self, set: Set, word: W) -> bool {
        let class = table_class(set.len as usize);
        let table = self.slots[class as usize].get(set.table());
        (table[place(word, class)] == word) & ((word != W::default()) | set.has_zero())
    }

    /// Adds words to the set of a group, no two of them the same.
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub(super) fn add_all(&mut self, group: usize, words: &[W]) -> Result<()> {
        let len = words.len();
        if self.sets[group].len > 0 || len == 0 {
            return self.add_run(group, words);
        }
        let words = words.iter().copied();
        let class = class_of(len)?;
        let slot = self.take(class)?;
        let to = self.slots[class as usize].get_mut(slot);
        self.sets[group] = match len <= LIST {
            true => {
                write_list(to, words);
                Set {
                    len: len as u32,
                    slot,
                }
            }
            false => {
                let zero = write_table(to, class, words);
                Set {
                    len: len as u32,
                    slot: slot * 2 + u32::from(zero),
                }
            }
        };
        Ok(())
    }

    /// Calls with each word of each of some groups.
    #[inline]
    pub(super) fn for_each(&self, groups: Range<usize>, mut call: impl FnMut(W)) {
        groups.for_each(|group| self.for_each_of(group, &mut call));
    }

    /// The words of a table come in an order of which each part is spread over all of the table:
    /// words in the order of their hashes would pile up at one end of the table that they are
    /// entered into.
    #[inline]
    fn for_each_of(&self, group: usize, call: &mut impl FnMut(W)) {
        let set = self.sets[group];
        let Some(class) = self.class(set) else { return };
        if !set.is_table() {
            let words = &self.slots[class as usize].get(set.slot)[..set.len as usize];
            return words.iter().for_each(|&word| call(word));
        }
        if set.has_zero() {
            call(W::default());
        }
        let words = self.slots[class as usize].get(set.table());
        let blocks = 1u64 << (class - BLOCK);
        let step = ((u128::from(blocks) * u128::from(GOLDEN)) >> u64::BITS) as u64 | 1;
        let mut block = 0;
        for _ in 0..blocks {
            let at = (block as usize) << BLOCK;
            let some = words[at..at + (1 << BLOCK)].iter();
            some.filter(|word| **word != W::default())
                .for_each(|&word| call(word));
            block = (block + step) & (blocks - 1);
        }
    }

    /// Makes the sets of groups empty.
    pub(super) fn clear(&mut self, groups: Range<usize>) {
        for group in groups {
            let set = std::mem::take(&mut self.sets[group]);
            self.release(set);
        }
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        let slots: usize = self.slots.iter().map(Slots::size).sum();
        bytes_of(&self.sets) + bytes_of(&self.slots) + slots
    }

    /// The class of a set that is not empty. It was allotted: it is not too large.
    #[inline]
    fn class(&self, set: Set) -> Option<u32> {
        (set.len > 0).then(|| match set.is_table() {
            true => table_class(set.len as usize),
            false => list_class(set.len as usize),
        })
    }

    #[inline]
    fn insert(&mut self, group: usize, word: W) -> Result<()> {
        let set = self.sets[group];
        if set.is_table() {
            return self.insert_in_table(group, set, word);
        }
        let len = set.len as usize;
        if len > 0 {
            let class = list_class(len);
            let words = self.slots[class as usize].get_mut(set.slot);
            if list_has(words, class, word) {
                return Ok(());
            }
            if len < words.len() {
                words[len] = word;
                self.sets[group].len += 1;
                return Ok(());
            }
        }
        self.grow(group, word)
    }

    #[inline]
    fn insert_in_table(&mut self, group: usize, set: Set, word: W) -> Result<()> {
        let class = table_class(set.len as usize);
        if word == W::default() {
            if set.has_zero() {
                return Ok(());
            }
        } else {
            let table = self.slots[class as usize].get_mut(set.table());
            let at = find(table, class, word);
            if table[at] == word {
                return Ok(());
            }
            if (set.len as usize) < most_of(class) {
                table[at] = word;
                self.sets[group].len += 1;
                return Ok(());
            }
        }
        self.grow(group, word)
    }

    /// Adds a word that the set does not have, in a larger slot if need be.
    #[inline(never)]
    fn grow(&mut self, group: usize, word: W) -> Result<()> {
        let old = self.sets[group];
        let len = old.len as usize + 1;
        let (old_class, class) = (self.class(old), class_of(len)?);
        if old_class == Some(class) && old.is_table() {
            // Zero, which takes no place.
            self.sets[group] = Set {
                len: len as u32,
                slot: old.slot | 1,
            };
            return Ok(());
        }
        let slot = self.take(class)?;
        let at = class as usize;
        let (smaller, larger) = self.slots.split_at_mut(at);
        let from = match old_class {
            Some(class) if old.is_table() => smaller[class as usize].get(old.table()),
            Some(class) => smaller[class as usize].get(old.slot),
            None => &[],
        };
        let to = larger[0].get_mut(slot);
        self.sets[group] = if len <= LIST {
            write_list(to, from.iter().copied().chain([word]));
            Set {
                len: len as u32,
                slot,
            }
        } else {
            let in_table = old.is_table();
            let words = from.iter().copied();
            let words = words.filter(|&word| !in_table || word != W::default());
            let zero = write_table(to, class, words.chain([word]));
            Set {
                len: len as u32,
                slot: slot * 2 + u32::from(zero || old.has_zero()),
            }
        };
        self.release(old);
        Ok(())
    }

    /// A slot of a class.
    fn take(&mut self, class: u32) -> Result<u32> {
        while self.slots.len() <= class as usize {
            self.slots.push(Slots::new(self.slots.len() as u32));
        }
        let slot = self.slots[class as usize].take();
        slot.ok_or_else(|| Error::resources_exhausted("2^31 sets of distinct values"))
    }

    /// Gives the slot of a set back.
    fn release(&mut self, set: Set) {
        match self.class(set) {
            Some(class) if set.is_table() => self.slots[class as usize].give_cleared(set.table()),
            Some(class) => self.slots[class as usize].give(set.slot),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
