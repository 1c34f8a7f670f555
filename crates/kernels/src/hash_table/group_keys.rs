//! Keys that go from one table to another.

#![allow(
    clippy::indexing_slicing,
    reason = "the keys listed are below the number of the table's keys, and ranges lie within those \
              that were taken"
)]

use std::ops::Range;

use super::rows::RowKeys;
use super::table::KeyTable;
use super::words::is_long;

/// Keys out of a [`GroupTable`](super::GroupTable), in an order of their own, for others to
/// [take over](super::GroupTable::intern_keys).
pub struct GroupKeys {
    words: Vec<u64>,
    hashes: Vec<u64>,
    stride: usize,
    /// The bytes of the long texts, and where those of each key begin.
    arena: Vec<u8>,
    places: Vec<u64>,
    texts: usize,
    /// The key that is kept apart, if it is among them.
    null: Option<usize>,
}

impl GroupKeys {
    /// The keys listed.
    pub(super) fn new(table: &KeyTable, keys: &[u32]) -> Self {
        let (stride, texts) = (table.stride(), table.texts());
        let mut words = Vec::with_capacity(keys.len() * stride);
        for &key in keys {
            let start = key as usize * stride;
            words.extend_from_slice(&table.words()[start..start + stride]);
        }
        let hashes = table.hashes();
        let hashes = keys.iter().map(|&key| hashes[key as usize]);
        let null = |null: u32| keys.iter().position(|&key| key == null);
        let mut these = Self {
            hashes: hashes.collect(),
            stride,
            arena: Vec::new(),
            places: Vec::new(),
            texts,
            null: table.null_key().and_then(null),
            words,
        };
        if !table.arena().is_empty() {
            these.copy_texts(table, keys);
        }
        these
    }

    /// Copies the long texts. Where they stand is read before the first of them: the keys lie
    /// anywhere in the table, and so many waits for memory overlap.
    fn copy_texts(&mut self, table: &KeyTable, keys: &[u32]) {
        let (mut places, mut length) = (Vec::with_capacity(keys.len() * self.texts), 0);
        let mut touched = 0;
        self.places.reserve_exact(keys.len() * self.texts);
        for (words, &key) in self.words.chunks_exact(self.stride).zip(keys) {
            for number in 0..self.texts {
                let word = words[number * 2];
                let (place, bytes) = if is_long(word) {
                    (table.place(key as usize, number), word as u32 as usize)
                } else {
                    (0, 0)
                };
                touched ^= table.arena().get(place).copied().unwrap_or_default();
                places.push((place, bytes));
                self.places.push(length as u64);
                length += bytes;
            }
        }
        std::hint::black_box(touched);
        self.arena.reserve_exact(length);
        for (place, bytes) in places {
            let text = &table.arena()[place..place + bytes];
            self.arena.extend_from_slice(text);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The bytes taken.
    pub fn size(&self) -> usize {
        let words = [&self.words, &self.hashes, &self.places];
        let words: usize = words.iter().map(|list| list.capacity()).sum();
        words * size_of::<u64>() + self.arena.capacity()
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// How many bytes the long texts of some neighbours among them have.
    pub fn text_bytes(&self, keys: Range<usize>) -> usize {
        let start = |key: usize| match self.places.get(key * self.texts) {
            Some(&place) => place as usize,
            None => self.arena.len(),
        };
        start(keys.end).saturating_sub(start(keys.start))
    }

    /// Some neighbours of them, with their hashes.
    pub(super) fn some(&self, keys: Range<usize>) -> (SomeKeys<'_>, &[u64]) {
        let words = keys.start * self.stride..keys.end * self.stride;
        let some = SomeKeys {
            words: &self.words[words],
            start: keys.start,
            all: self,
        };
        (some, &self.hashes[keys])
    }
}

/// Neighbours among keys.
pub(super) struct SomeKeys<'a> {
    words: &'a [u64],
    start: usize,
    all: &'a GroupKeys,
}

impl RowKeys for SomeKeys<'_> {
    #[inline]
    fn words(&self) -> &[u64] {
        self.words
    }

    #[inline]
    fn has_long_texts(&self) -> bool {
        !self.all.arena.is_empty()
    }

    #[inline]
    fn text(&self, number: usize, row: usize, word: u64) -> &[u8] {
        let place = self.all.places[(self.start + row) * self.all.texts + number] as usize;
        &self.all.arena[place..place + word as u32 as usize]
    }

    #[inline]
    fn has_nulls(&self) -> bool {
        self.all.null.is_some()
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        self.all.null == Some(self.start + row)
    }
}
