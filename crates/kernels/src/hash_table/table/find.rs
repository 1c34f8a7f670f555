//! Looking keys up by their hashes.

#![allow(
    clippy::indexing_slicing,
    reason = "slots are masked by their number, a power of two; the numbers of keys in them are \
              below the number of keys, and rows below the number of rows"
)]

use super::{ABSENT, KeyTable, UNSURE, tag};
use crate::hash_table::rows::RowKeys;
use crate::hash_table::width::Width;
use crate::hash_table::words::is_long;

impl KeyTable {
    /// Whether a key is that of a row.
    #[inline]
    fn same<W: Width>(&self, width: W, key: usize, keys: &impl RowKeys, row: usize) -> bool {
        width.same(&self.words, key, keys.words(), row)
            && (!keys.has_long_texts() || self.same_texts(key, keys, row))
    }

    /// Whether the long texts of a key and a row are the same, whose words are.
    fn same_texts(&self, key: usize, keys: &impl RowKeys, row: usize) -> bool {
        let words = &keys.words()[row * self.stride..];
        (0..self.texts).all(|number| {
            let word = words[number * 2];
            !is_long(word) || {
                let place = self.place(key, number);
                let text = keys.text(number, row, word);
                self.arena[place..place + word as u32 as usize] == *text
            }
        })
    }

    /// The key of a row, or the free slot where it belongs.
    #[inline]
    pub(in crate::hash_table) fn find<W: Width>(
        &self,
        width: W,
        keys: &impl RowKeys,
        row: usize,
        hash: u64,
    ) -> std::result::Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err(at);
            }
            let key = slot as u32;
            if slot >> 32 == tag(hash) && self.same(width, key as usize, keys, row) {
                return Ok(key);
            }
            at = (at + 1) & mask;
        }
    }
}

/// Writes the key of each row that one of its first two slots tells, [`ABSENT`] where the first is
/// free, else [`UNSURE`]. Whether not all are found.
///
/// A row takes no branches here, so that neither a wrong guess of the processor nor a wait for
/// memory holds up the rows behind it. All slots are read before the first key, so that many waits
/// for either overlap.
#[inline]
pub(in crate::hash_table) fn guess<'a, W: Width>(
    table: impl Fn(u64) -> &'a KeyTable,
    width: W,
    keys: &impl RowKeys,
    rows: impl Iterator<Item = usize> + Clone,
    hashes: &[u64],
    out: &mut [u32],
) -> bool {
    for (&hash, out) in hashes.iter().zip(out.iter_mut()) {
        let table = table(hash);
        let mask = table.slots.len() - 1;
        let at = hash as usize & mask;
        let (first, second) = (table.slots[at], table.slots[(at + 1) & mask]);
        let tag = tag(hash);
        let slot = if first >> 32 == tag { first } else { second };
        let hit = (slot >> 32 == tag) & (first != 0);
        let missing = if first == 0 { ABSENT } else { UNSURE };
        *out = if hit { slot as u32 } else { missing };
    }
    let mut greatest = 0;
    for ((row, &hash), out) in rows.clone().zip(hashes).zip(out.iter_mut()) {
        let hit = *out < ABSENT;
        let key = if hit { *out } else { 0 };
        let same = width.same(&table(hash).words, key as usize, keys.words(), row);
        *out = if hit & !same { UNSURE } else { *out };
        greatest = greatest.max(*out);
    }
    if keys.has_nulls() || keys.has_long_texts() {
        for ((row, &hash), out) in rows.zip(hashes).zip(out.iter_mut()) {
            let known = *out < ABSENT;
            let apart = keys.is_null(row);
            let long = known && keys.has_long_texts();
            if apart || long && !table(hash).same_texts(*out as usize, keys, row) {
                *out = UNSURE;
                greatest = UNSURE;
            }
        }
    }
    greatest >= ABSENT
}
