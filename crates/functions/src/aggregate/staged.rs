//! Words on their way to their groups: brought in order before they are taken there.
//!
//! To write each word where its group has its others is a miss of the cache, and of the table of
//! pages, for each. A few hundred thousand words are sorted by their groups within the cache, and
//! what a group gets then is written at once. (As for the partitions of Balkesen et al., *Main-Memory
//! Hash Joins on Multi-Core CPUs*, ICDE 2013, section 3.2.)

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, for each of which there is an end"
)]

use std::sync::OnceLock;

use super::common::bytes_of;

/// Words and their groups, as they came.
#[derive(Default)]
pub(super) struct Staged {
    groups: Vec<u32>,
    words: Vec<u64>,
    /// The same in the order of the groups, once somebody reads them where they are.
    sorted: OnceLock<Sorted>,
    /// Room to sort in.
    scratch: Sorted,
}

/// Words in the order of their groups.
#[derive(Default)]
struct Sorted {
    /// Where those of each group end.
    ends: Vec<u32>,
    words: Vec<u64>,
}

impl Sorted {
    /// By counting. (Knuth, *The Art of Computer Programming* 3, 5.2, algorithm D.)
    fn fill(&mut self, n_groups: usize, groups: &[u32], words: &[u64]) {
        self.ends.clear();
        self.ends.resize(n_groups, 0);
        for &group in groups {
            self.ends[group as usize] += 1;
        }
        let mut next = 0;
        for end in &mut self.ends {
            next += std::mem::replace(end, next);
        }
        // All are written: what stands there does not matter.
        self.words.resize(words.len(), 0);
        for (&group, &word) in groups.iter().zip(words) {
            let at = &mut self.ends[group as usize];
            self.words[*at as usize] = word;
            *at += 1;
        }
    }

    fn of(&self, group: usize) -> &[u64] {
        let end = |group: usize| self.ends.get(group).copied();
        let start = group.checked_sub(1).map_or(Some(0), end);
        match (start, end(group)) {
            (Some(start), Some(end)) => &self.words[start as usize..end as usize],
            // Groups that have come since.
            (_, None) | (None, Some(_)) => &[],
        }
    }
}

impl Staged {
    /// Adds words of groups, fewer than 2^32 in all.
    pub(super) fn add(&mut self, groups: &[u32], words: impl Iterator<Item = u64>) {
        self.sorted.take();
        self.groups.extend_from_slice(groups);
        self.words.extend(words);
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// The words of one of so many groups.
    pub(super) fn of(&self, group: usize, n_groups: usize) -> &[u64] {
        if self.words.is_empty() {
            return &[];
        }
        let sorted = self.sorted.get_or_init(|| {
            let mut sorted = Sorted::default();
            sorted.fill(n_groups, &self.groups, &self.words);
            sorted
        });
        sorted.of(group)
    }

    /// Calls with each group and its words, and forgets them.
    pub(super) fn drain(&mut self, n_groups: usize, mut call: impl FnMut(usize, &[u64])) {
        if self.words.is_empty() {
            return;
        }
        self.sorted.take();
        self.scratch.fill(n_groups, &self.groups, &self.words);
        let mut start = 0;
        for (group, &end) in self.scratch.ends.iter().enumerate() {
            if start < end {
                call(group, &self.scratch.words[start as usize..end as usize]);
            }
            start = end;
        }
        self.groups.clear();
        self.words.clear();
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        let bytes = |sorted: &Sorted| bytes_of(&sorted.ends) + bytes_of(&sorted.words);
        let sorted = bytes(&self.scratch) + self.sorted.get().map_or(0, bytes);
        bytes_of(&self.groups) + bytes_of(&self.words) + sorted
    }
}
