//! The hash table under groups and joins: distinct keys, numbered in the order they came.
//!
//! Open addressing with linear probing. A slot has 32 bits of the hash beside the number of the
//! key, so that nearly every key that is looked at is the right one (the salt of DuckDB's pointer
//! table; Kuiper and Mühleisen, "Saving Private Hash Join", VLDB 2025). Hashes and words of the
//! keys lie in lists of their own, so that growing moves numbers only. Rows are looked up in blocks:
//! first all that their first slots tell, without branches; then the others, one by one. Keys of one
//! word in a narrow range have an array instead of slots, as long as the range stays narrow. As long
//! as keys come in ascending order, neither is needed (`ascending.rs`).

#![allow(
    clippy::indexing_slicing,
    reason = "slots are masked by their number, a power of two; the numbers of keys in them are \
              below the number of keys, and rows below the number of rows"
)]

/// An array in place of the slots.
mod array;
/// Neither, as long as keys ascend.
mod ascending;
/// Looking keys up.
mod find;

use esker_datatypes::{Error, Result};

pub(super) use self::find::guess;
use super::ascending::KeyOrder;
use super::direct::Direct;
use super::layout::KeyLayout;
use super::rows::RowKeys;
use super::width::{Any, Exactly, Width};
use super::words::is_long;

/// So many rows are looked up at a time.
pub(super) const BLOCK: usize = 128;
/// No key is that of the row.
pub(super) const ABSENT: u32 = u32::MAX - 1;
/// The row has still to be looked for.
pub(super) const UNSURE: u32 = u32::MAX;
/// A table has at least this many slots.
const SMALLEST: usize = 64;
/// Below this many slots, which a cache holds, a table grows fourfold and stays three quarters free,
/// so that hardly any search goes beyond its first slot.
const SMALL: usize = 1 << 15;

/// Distinct keys.
pub(super) struct KeyTable {
    /// For each slot zero, or the tag of a key's hash and the key's number.
    slots: Vec<u64>,
    /// The keys as the layout has them.
    words: Vec<u64>,
    hashes: Vec<u64>,
    /// How many keys there are, when the hashes have been dropped.
    sealed: Option<usize>,
    /// The number of words of a key.
    stride: usize,
    /// How many texts a key begins with.
    texts: usize,
    /// The bytes of the texts that views do not hold.
    arena: Vec<u8>,
    /// Where in the arena each text of each key stands; may end before the last key.
    places: Vec<u64>,
    /// In place of the slots.
    direct: Option<Box<Direct>>,
    /// Whether an array may take the place of the slots, and how many slots there were when that
    /// was last considered.
    considered: Option<usize>,
    /// The key of null, where the layout keeps it apart.
    null_key: Option<u32>,
    /// As long as the keys have come in this order: there are no slots and no hashes then.
    ascending: Option<Box<KeyOrder>>,
}

impl KeyTable {
    /// An empty table, which may use an array in place of slots or not.
    pub(super) fn new(layout: &KeyLayout, direct: bool) -> Self {
        let direct = direct && layout.words() == 1;
        Self {
            slots: vec![0; SMALLEST],
            // Until a key comes there is one to compare with.
            words: vec![0; layout.words()],
            hashes: Vec::new(),
            sealed: None,
            stride: layout.words(),
            texts: layout.texts(),
            arena: Vec::new(),
            places: Vec::new(),
            direct: direct.then(Box::default),
            considered: direct.then_some(0),
            null_key: None,
            ascending: None,
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        match self.ascending {
            Some(_) => self.words.len() / self.stride,
            None => self.sealed.unwrap_or(self.hashes.len()),
        }
    }

    /// The hash of each key.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// The number of words of a key.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// How many texts a key begins with.
    pub(super) fn texts(&self) -> usize {
        self.texts
    }

    /// Drops the slots and the hashes: keys are only read from now on.
    pub(super) fn close(&mut self) {
        self.slots = Vec::new();
        self.direct = None;
        self.seal();
    }

    /// Drops what only a table that still grows needs.
    pub(super) fn seal(&mut self) {
        self.sealed = Some(self.len());
        self.hashes = Vec::new();
        self.words.shrink_to_fit();
        self.arena.shrink_to_fit();
    }

    /// The words of all keys.
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// The bytes of texts that views do not hold.
    pub(super) fn arena(&self) -> &[u8] {
        &self.arena
    }

    /// Where in the arena a long text of a key stands.
    pub(super) fn place(&self, key: usize, text: usize) -> usize {
        let place = self.places.get(key * self.texts + text);
        place.map_or(0, |&place| place as usize)
    }

    /// The key of null, if it was seen and is kept apart.
    pub(super) fn null_key(&self) -> Option<u32> {
        self.null_key
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        let words = [&self.slots, &self.words, &self.hashes, &self.places];
        let words: usize = words.iter().map(|list| list.capacity()).sum();
        let direct = self.direct.as_ref().map_or(0, |direct| direct.size());
        words * size_of::<u64>() + self.arena.capacity() + direct
    }

    /// How many bytes room for so many keys takes, with so many bytes of long texts.
    pub(super) fn cost_of(&self, keys: usize, bytes: usize) -> usize {
        let places = if bytes > 0 { self.texts } else { 0 };
        let words = slots_for(keys) + keys * (1 + self.stride + places);
        words * size_of::<u64>() + bytes
    }

    /// Whether keys are only read.
    pub(super) fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    /// Makes room for so many more keys, with so many bytes of long texts.
    pub(super) fn reserve(&mut self, keys: usize, bytes: usize) {
        let slots = slots_for(self.len() + keys);
        if slots > self.slots.len() {
            self.rebuild(slots);
        }
        self.hashes.reserve(keys);
        self.words.reserve(keys * self.stride);
        self.arena.reserve(bytes);
        if bytes > 0 {
            self.places.reserve(keys * self.texts);
        }
    }

    /// Writes the number of each row's key; new keys are entered, in the order of the rows. `rows`
    /// lists the rows to look up, all if there is no list; `hashes` and `out` have an item for each.
    pub(super) fn intern(
        &mut self,
        keys: &impl RowKeys,
        rows: Option<&[u32]>,
        hashes: &[u64],
        out: &mut [u32],
    ) -> Result<()> {
        self.consider_direct();
        if let Some(direct) = self.direct.take() {
            match rows {
                None => self.intern_direct(direct, keys, |at| at, hashes, out)?,
                Some(rows) => {
                    self.intern_direct(direct, keys, |at| rows[at] as usize, hashes, out)?
                }
            }
            if self.direct.is_some() {
                return Ok(());
            }
        }
        match self.stride {
            1 => self.intern_as(Exactly::<1>, keys, rows, hashes, out),
            2 => self.intern_as(Exactly::<2>, keys, rows, hashes, out),
            3 => self.intern_as(Exactly::<3>, keys, rows, hashes, out),
            4 => self.intern_as(Exactly::<4>, keys, rows, hashes, out),
            words => self.intern_as(Any(words), keys, rows, hashes, out),
        }
    }

    fn intern_as<W: Width>(
        &mut self,
        width: W,
        keys: &impl RowKeys,
        rows: Option<&[u32]>,
        hashes: &[u64],
        out: &mut [u32],
    ) -> Result<()> {
        match rows {
            None => self.intern_rows(width, keys, |at| at, hashes, out),
            Some(rows) => self.intern_rows(width, keys, |at| rows[at] as usize, hashes, out),
        }
    }

    fn intern_rows<W: Width>(
        &mut self,
        width: W,
        keys: &impl RowKeys,
        row: impl Fn(usize) -> usize,
        hashes: &[u64],
        out: &mut [u32],
    ) -> Result<()> {
        let mut start = 0;
        for (hashes, out) in hashes.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
            let rows = (start..start + hashes.len()).map(&row);
            let table = &*self;
            if guess(|_| table, width, keys, rows.clone(), hashes, out) {
                for ((row, &hash), out) in rows.zip(hashes).zip(out) {
                    if *out >= ABSENT {
                        *out = self.find_or_insert(width, keys, row, hash)?;
                    }
                }
            }
            start += BLOCK;
        }
        Ok(())
    }

    /// The key of a row, which is entered if there is none.
    #[inline(never)]
    fn find_or_insert<W: Width>(
        &mut self,
        width: W,
        keys: &impl RowKeys,
        row: usize,
        hash: u64,
    ) -> Result<u32> {
        if keys.is_null(row) {
            if let Some(key) = self.null_key {
                return Ok(key);
            }
            let key = self.push(width, keys, row, hash)?;
            self.null_key = Some(key);
            return Ok(key);
        }
        let at = match self.find(width, keys, row, hash) {
            Ok(key) => return Ok(key),
            Err(at) => at,
        };
        let key = self.push(width, keys, row, hash)?;
        self.slots[at] = tag(hash) << 32 | u64::from(key);
        let slots = self.slots.len();
        if self.len() > most_keys(slots) {
            self.rebuild(slots * if slots < SMALL { 4 } else { 2 });
        }
        Ok(key)
    }

    /// Appends a row's key to the list of keys.
    #[inline]
    fn push<W: Width>(
        &mut self,
        width: W,
        keys: &impl RowKeys,
        row: usize,
        hash: u64,
    ) -> Result<u32> {
        let key = self.len();
        // The greatest numbers stand for no key.
        let number = u32::try_from(key).ok().filter(|&number| number < ABSENT);
        let Some(number) = number else {
            return Err(Error::resources_exhausted("2^32 distinct keys"));
        };
        if keys.has_long_texts() {
            self.push_texts(keys, row);
        }
        if key == 0 {
            self.words.clear();
        }
        width.push(&mut self.words, keys.words(), row);
        self.hashes.push(hash);
        Ok(number)
    }

    /// Appends the bytes of a row's long texts.
    fn push_texts(&mut self, keys: &impl RowKeys, row: usize) {
        let (key, words) = (self.len(), &keys.words()[row * self.stride..]);
        for at in 0..self.texts {
            let word = words[at * 2];
            if is_long(word) {
                self.places.resize((key + 1) * self.texts, 0);
                self.places[key * self.texts + at] = self.arena.len() as u64;
                self.arena.extend_from_slice(keys.text(at, row, word));
            }
        }
    }

    /// Enters all keys into as many slots as they need: they are in no array.
    fn rebuild_for_all(&mut self) {
        // Perhaps there has been made room for more.
        let slots = slots_for(self.len()).max(self.slots.len());
        self.rebuild(slots);
        self.considered = self.considered.map(|_| slots);
    }

    /// Enters all keys into new slots.
    #[cold]
    fn rebuild(&mut self, slots: usize) {
        self.slots = vec![0; slots];
        let mask = slots - 1;
        for (key, &hash) in self.hashes.iter().enumerate() {
            if self.null_key == Some(key as u32) {
                continue;
            }
            let mut at = hash as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = tag(hash) << 32 | key as u64;
        }
    }
}

/// The bits of a hash that stand in a slot; never zero, as a free slot is.
#[inline]
fn tag(hash: u64) -> u64 {
    hash >> 32 | 1
}

/// How many keys may be in so many slots.
#[inline]
fn most_keys(slots: usize) -> usize {
    if slots < SMALL {
        slots / 4
    } else {
        slots / 8 * 5
    }
}

/// How many slots so many keys need.
fn slots_for(keys: usize) -> usize {
    let mut slots = SMALLEST;
    while keys > most_keys(slots) {
        slots *= 2;
    }
    slots
}
