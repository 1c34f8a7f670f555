//! All values of each group, as words, in chains of blocks.
//!
//! A block begins with a word that says where the one before it is. Blocks get longer with the
//! chain, by a quarter of it, so that little room is left over and long chains lie in few pieces.
//! They come out of slabs that never move. Words of many groups are brought in order first
//! (`staged.rs`).

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, and blocks lie within the slabs that they \
              were cut from"
)]

use std::ops::Range;

use super::common::{bytes_of, grow};
use super::staged::Staged;

/// A slab has so many words; the first ones are shorter.
const SLAB: usize = 1 << 15;
/// The words of the shortest block.
const SHORTEST: usize = 4;
/// Words of fewer groups are written where they belong as they come; those of more groups are too
/// few for each to bring them in order.
const STAGED_GROUPS: Range<usize> = 1 << 10..1 << 20;
/// At least and at most so many words are brought in order at a time, in between some for each group,
/// and an eighth of those there are.
const STAGED_WORDS: (usize, usize) = (1 << 16, 1 << 20);
/// So many words are wanted for each group.
const STAGED_EACH: usize = 16;
/// The bits of a link that hold the length of a block.
const LENGTH_BITS: u32 = 16;

/// The chains of all groups.
#[derive(Default)]
pub(super) struct Chains {
    chains: Vec<Chain>,
    slabs: Vec<Vec<u64>>,
    /// How many words of the last slab are handed out.
    used: usize,
    /// How many words the chains have in all.
    words: u64,
    /// Words that are not in their chains yet.
    staged: Staged,
}

/// The chain of a group: what there is to know of its last block.
#[derive(Clone, Copy, Default)]
struct Chain {
    /// How many words the chain has.
    len: u64,
    /// The place of the next word.
    next: u64,
    /// How many words the last block holds, its link left out, and how many more it has room for.
    size: u32,
    room: u32,
}

impl Chain {
    /// Where the last block is, as the next block will tell; zero for none.
    fn link(&self) -> u64 {
        match self.size {
            0 => 0,
            size => (self.next - u64::from(size - self.room)) << LENGTH_BITS | u64::from(size),
        }
    }
}

impl Chains {
    /// Makes chains for more groups, empty ones.
    pub(super) fn resize(&mut self, n_groups: usize) {
        grow(&mut self.chains, n_groups, Chain::default());
    }

    /// How many groups there are.
    pub(super) fn n_groups(&self) -> usize {
        self.chains.len()
    }

    /// How many words a group has.
    pub(super) fn len(&self, group: usize) -> usize {
        self.chains[group].len as usize + self.staged.of(group, self.chains.len()).len()
    }

    /// Adds words to their groups.
    pub(super) fn add(&mut self, groups: &[u32], words: impl Iterator<Item = u64>) {
        if !STAGED_GROUPS.contains(&self.chains.len()) {
            self.unstage();
            let pairs = groups.iter().zip(words);
            return pairs.for_each(|(&group, word)| self.push(group as usize, word));
        }
        self.staged.add(groups, words);
        let (least, most) = STAGED_WORDS;
        let wanted = (self.chains.len() * STAGED_EACH).min(self.words as usize / 8);
        if self.staged.len() >= wanted.clamp(least, most) {
            self.unstage();
        }
    }

    /// Brings words to their chains.
    fn unstage(&mut self) {
        let mut staged = std::mem::take(&mut self.staged);
        staged.drain(self.chains.len(), |group, words| {
            self.extend(group, words.len(), words.iter().copied());
        });
        self.staged = staged;
    }

    #[inline]
    fn push(&mut self, group: usize, word: u64) {
        if self.chains[group].room == 0 {
            self.add_block(group, 1);
        }
        let chain = &mut self.chains[group];
        let at = chain.next as usize;
        chain.next += 1;
        chain.room -= 1;
        chain.len += 1;
        self.words += 1;
        self.slabs[at / SLAB][at % SLAB] = word;
    }

    /// Adds so many words to a group.
    pub(super) fn extend(
        &mut self,
        group: usize,
        mut len: usize,
        words: impl Iterator<Item = u64>,
    ) {
        let mut words = words.take(len);
        self.words += len as u64;
        while len > 0 {
            if self.chains[group].room == 0 {
                self.add_block(group, len);
            }
            let chain = &mut self.chains[group];
            let (at, some) = (chain.next as usize, len.min(chain.room as usize));
            chain.next += some as u64;
            chain.room -= some as u32;
            chain.len += some as u64;
            len -= some;
            let to = &mut self.slabs[at / SLAB][at % SLAB..][..some];
            to.iter_mut()
                .zip(&mut words)
                .for_each(|(to, word)| *to = word);
        }
    }

    /// Appends the words of a group, in an order of no meaning.
    pub(super) fn gather(&self, group: usize, words: &mut Vec<u64>) {
        words.extend_from_slice(self.staged.of(group, self.chains.len()));
        let chain = self.chains[group];
        let (mut link, mut unused) = (chain.link(), chain.room as usize);
        while link > 0 {
            let at = (link >> LENGTH_BITS) as usize;
            let size = link as usize % (1 << LENGTH_BITS);
            let slab = &self.slabs[at / SLAB];
            let start = at % SLAB;
            words.extend_from_slice(&slab[start..start + size - unused]);
            link = slab[start - 1];
            unused = 0;
        }
    }

    /// Makes the chains of groups empty. Their room is used again once all chains are empty.
    pub(super) fn clear(&mut self, groups: Range<usize>) {
        self.unstage();
        for chain in &mut self.chains[groups] {
            self.words -= chain.len;
            *chain = Chain::default();
        }
        if self.words == 0 {
            self.slabs.clear();
            self.used = 0;
        }
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        // All slabs but the last are whole.
        let last = self.slabs.last().map_or(0, bytes_of);
        let whole = self.slabs.len().saturating_sub(1) * SLAB * size_of::<u64>();
        bytes_of(&self.chains) + bytes_of(&self.slabs) + whole + last + self.staged.size()
    }

    /// Adds a block to a chain, for so many words if it can.
    #[inline(never)]
    fn add_block(&mut self, group: usize, wanted: usize) {
        let chain = &mut self.chains[group];
        let words = wanted.max(chain.len as usize / 4) + 1;
        let words = words.next_multiple_of(SHORTEST).min(SLAB);
        if self.slabs.is_empty() || self.used + SHORTEST > SLAB {
            // The first slab grows, so that few values take little.
            self.slabs.push(match self.slabs.len() {
                0 => Vec::new(),
                _ => vec![0; SLAB],
            });
            self.used = 0;
        }
        let slab = self.slabs.len() - 1;
        // What is left of the slab, rather than nothing of it.
        let words = words.min(SLAB - self.used);
        let start = self.used;
        self.used += words;
        let slab_words = &mut self.slabs[slab];
        if slab_words.len() < self.used {
            slab_words.resize(self.used.next_power_of_two().max(64), 0);
        }
        slab_words[start] = chain.link();
        chain.next = (slab * SLAB + start + 1) as u64;
        chain.size = words as u32 - 1;
        chain.room = chain.size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of groups, one at a time and many at once, against vectors.
    #[test]
    fn chains_keep_all_words() {
        let mut chains = Chains::default();
        let mut want: Vec<Vec<u64>> = vec![Vec::new(); 5];
        chains.resize(5);
        let mut random = 1u64;
        for round in 0..3000u64 {
            random = random
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(round);
            let group = (random >> 60) as usize % 4;
            if round % 7 == 0 {
                let words: Vec<u64> = (0..(random >> 48) % 700).map(|w| w * 3 + round).collect();
                chains.extend(group, words.len(), words.iter().copied());
                want[group].extend(words);
            } else {
                chains.push(group, random);
                want[group].push(random);
            }
        }
        let huge: Vec<u64> = (0..3 * SLAB as u64).collect();
        chains.extend(2, huge.len(), huge.iter().copied());
        want[2].extend(huge);
        let total: usize = want.iter().map(Vec::len).sum();
        assert!(chains.size() < total * size_of::<u64>() * 5 / 4 + SLAB * 8);
        for (group, want) in want.iter_mut().enumerate() {
            let mut found = Vec::new();
            chains.gather(group, &mut found);
            assert_eq!(chains.len(group), want.len());
            found.sort_unstable();
            want.sort_unstable();
            assert!(found == *want, "group {group}");
        }
        chains.clear(0..5);
        chains.push(3, 9);
        let mut found = Vec::new();
        (0..5).for_each(|group| chains.gather(group, &mut found));
        assert_eq!(found, [9]);
        assert!(chains.size() < 1 << 10);
    }

    #[test]
    fn words_of_many_groups() {
        for n_groups in [STAGED_GROUPS.start - 1, STAGED_GROUPS.start, 5000] {
            let mut chains = Chains::default();
            let mut want: Vec<Vec<u64>> = vec![Vec::new(); n_groups];
            let mut random = 7u64;
            for batch in 0..60 {
                // Groups come to be one after the other.
                let there = n_groups * (batch + 1) / 60;
                chains.resize(there);
                let mut groups = Vec::new();
                for _ in 0..5000 {
                    random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
                    groups.push((random >> 40) as u32 % there.max(1) as u32);
                }
                chains.add(&groups, (0..5000).map(|w| w + batch as u64));
                for (word, &group) in groups.iter().enumerate() {
                    want[group as usize].push((word + batch) as u64);
                }
                if batch % 20 == 7 {
                    let group = batch % there;
                    chains.extend(group, 3, [1, 2, 3].into_iter());
                    want[group].extend([1, 2, 3]);
                }
            }
            for (group, want) in want.iter_mut().enumerate() {
                let mut found = Vec::new();
                chains.gather(group, &mut found);
                assert_eq!(chains.len(group), want.len());
                found.sort_unstable();
                want.sort_unstable();
                assert!(found == *want, "group {group}");
            }
            chains.clear(0..n_groups);
            assert!((0..n_groups).all(|group| chains.len(group) == 0));
        }
    }

    #[test]
    fn few_words_take_little() {
        let mut chains = Chains::default();
        assert_eq!(chains.size(), 0);
        chains.resize(1);
        chains.push(0, 1);
        assert!(chains.size() < 1 << 10, "{}", chains.size());
    }
}
