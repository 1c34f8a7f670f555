//! Words in a slot: lists and tables, and how large a slot is for how many words.

#![allow(
    clippy::indexing_slicing,
    reason = "places in a table are masked by its size, a power of two, and a list has a word"
)]

use esker_datatypes::{Error, Result};
use esker_kernels::hash::fold;

/// Up to so many words are a list.
pub(super) const LIST: usize = 8;
/// The class of the longest list.
pub(super) const LIST_CLASS: u32 = LIST.ilog2();
/// A class is the logarithm of the number of words of a slot: from this one ...
const SMALLEST: u32 = 1;
/// ... to this one.
const LARGEST: u32 = 32;

// Odd numbers without pattern: the fractions of the golden ratio and of the root of two.
pub(super) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX: u64 = 0x6a09_e667_f3bc_c909;

/// What a set has: numbers of 32 or of 64 bits.
pub(super) trait Word: Copy + Eq + Default + Send + Sync + 'static {
    /// The number.
    fn number(self) -> u64;
}

impl Word for u32 {
    #[inline]
    fn number(self) -> u64 {
        u64::from(self)
    }
}

impl Word for u64 {
    #[inline]
    fn number(self) -> u64 {
        self
    }
}

/// The class of a list of so many words, one at least.
#[inline]
pub(super) fn list_class(len: usize) -> u32 {
    (len * 2 - 1).ilog2().max(SMALLEST)
}

/// The class of a table of so many words: at most three quarters full.
#[inline]
pub(super) fn table_class(len: usize) -> u32 {
    let class = (len * 2 - 1).ilog2();
    class + u32::from(len > most_of(class))
}

/// How many words a table of a class has at most.
#[inline]
pub(super) fn most_of(class: u32) -> usize {
    3 << (class - 2)
}

/// The class of a set of so many words, one at least.
pub(super) fn class_of(len: usize) -> Result<u32> {
    if len <= LIST {
        return Ok(list_class(len));
    }
    Some(table_class(len))
        .filter(|&class| class <= LARGEST)
        .ok_or_else(|| Error::resources_exhausted("3 * 2^30 distinct values in a group"))
}

/// Whether a list has a word. All of the slot is looked at, without branches: the places that are
/// not in use have the first word once more.
#[inline]
pub(super) fn list_has<W: Word>(words: &[W], class: u32, word: W) -> bool {
    #[inline]
    fn has<W: Word, const N: usize>(words: &[W], word: W) -> bool {
        let words = words.first_chunk::<N>();
        words.is_some_and(|words| words.iter().fold(false, |has, &one| has | (one == word)))
    }
    match class {
        1 => has::<W, 2>(words, word),
        2 => has::<W, 4>(words, word),
        _ => has::<W, LIST>(words, word),
    }
}

/// Writes a list whose places that are not in use have the first word.
#[inline]
pub(super) fn copy_list<W: Word>(to: &mut [W], class: u32, list: &[W; LIST]) {
    #[inline]
    fn copy<W: Word, const N: usize>(to: &mut [W], list: &[W; LIST]) {
        if let (Some(to), Some(list)) = (to.first_chunk_mut::<N>(), list.first_chunk::<N>()) {
            *to = *list;
        }
    }
    match class {
        1 => copy::<W, 2>(to, list),
        2 => copy::<W, 4>(to, list),
        _ => copy::<W, LIST>(to, list),
    }
}

/// Writes the words of a list, one at least.
pub(super) fn write_list<W: Word>(to: &mut [W], words: impl Iterator<Item = W>) {
    let mut len = 0;
    for (to, word) in to.iter_mut().zip(words) {
        *to = word;
        len += 1;
    }
    let first = to[0];
    to[len..].fill(first);
}

/// Enters words into an empty table; whether zero is one of them, which is not entered.
pub(super) fn write_table<W: Word>(
    to: &mut [W],
    class: u32,
    words: impl Iterator<Item = W>,
) -> bool {
    let mut zero = false;
    for word in words {
        if word == W::default() {
            zero = true;
            continue;
        }
        let at = find(to, class, word);
        to[at] = word;
    }
    zero
}

/// The place of a word other than zero in a table of a class, or the free place where it belongs.
#[inline]
pub(super) fn find<W: Word>(table: &[W], class: u32, word: W) -> usize {
    let mask = table.len() - 1;
    let mut at = place(word, class);
    loop {
        let found = table[at];
        if (found == word) | (found == W::default()) {
            return at;
        }
        at = (at + 1) & mask;
    }
}

/// Where the search for a word begins in a table of a class. The upper bits of the hash: a table of
/// twice the size has the words in the same order.
#[inline]
pub(super) fn place<W: Word>(word: W, class: u32) -> usize {
    (fold(word.number() ^ GOLDEN, MIX) >> (u64::BITS - class)) as usize
}
