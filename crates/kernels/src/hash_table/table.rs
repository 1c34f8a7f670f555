//! The hash table under groups and joins: distinct keys, numbered in the order they came.
//!
//! Open addressing with linear probing. A slot has 32 bits of the hash beside the number of the
//! key, so that nearly every key that is looked at is the right one (the salt of DuckDB's pointer
//! table; Kuiper and Mühleisen, "Saving Private Hash Join", VLDB 2025). Hashes and words of the
//! keys lie in lists of their own, so that growing moves numbers only. Rows are looked up in
//! blocks: all first slots of a block are read before any is looked at, which makes the waits for
//! memory overlap.

#![allow(
    clippy::indexing_slicing,
    reason = "slots are masked by their number, a power of two; the numbers of keys in them are \
              below the number of keys, and rows below the number of rows"
)]

use esker_datatypes::{Error, Result};

use super::layout::KeyLayout;
use super::words::{Keys, is_long};

/// So many rows are looked up at a time.
pub(super) const BLOCK: usize = 128;
/// A table has at least this many slots.
const SMALLEST: usize = 64;
/// Up to this many slots it grows fourfold.
const SMALL: usize = 1 << 14;

/// Distinct keys.
pub(super) struct KeyTable {
    /// For each slot zero, or the tag of a key's hash and the key's number.
    slots: Vec<u64>,
    /// The keys as the layout has them.
    words: Vec<u64>,
    hashes: Vec<u64>,
    /// The number of words of a key.
    stride: usize,
    /// How many texts a key begins with.
    texts: usize,
    /// The bytes of the texts that views do not hold.
    arena: Vec<u8>,
    /// Where in the arena each text of each key stands; may end before the last key.
    places: Vec<u64>,
    /// The key of null, where the layout keeps it apart.
    null_key: Option<u32>,
}

impl KeyTable {
    /// An empty table.
    pub(super) fn new(layout: &KeyLayout) -> Self {
        Self {
            slots: vec![0; SMALLEST],
            words: Vec::new(),
            hashes: Vec::new(),
            stride: layout.words(),
            texts: layout.texts(),
            arena: Vec::new(),
            places: Vec::new(),
            null_key: None,
        }
    }

    /// How many keys there are; of a [sealed](Self::seal) table this is not known.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The hash of each key.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// The number of words of a key.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Drops what only a table that still grows needs.
    pub(super) fn seal(&mut self) {
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
        words * size_of::<u64>() + self.arena.capacity()
    }

    /// Makes room for so many more keys.
    pub(super) fn reserve(&mut self, keys: usize) {
        let all = self.len() + keys;
        let slots = (all * 8 / 5 + 1).next_power_of_two();
        if slots > self.slots.len() {
            self.rebuild(slots);
        }
        self.hashes.reserve(keys);
        self.words.reserve(keys * self.stride);
    }

    /// Writes the number of each row's key; new keys are entered, in the order of the rows. `rows`
    /// lists the rows to look up, all if there is no list; `hashes` and `out` have an item for each.
    pub(super) fn intern(
        &mut self,
        keys: &Keys,
        rows: Option<&[u32]>,
        hashes: &[u64],
        out: &mut [u32],
    ) -> Result<()> {
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
        keys: &Keys,
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
        keys: &Keys,
        row: impl Fn(usize) -> usize,
        hashes: &[u64],
        out: &mut [u32],
    ) -> Result<()> {
        let mut start = 0;
        for (hashes, out) in hashes.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
            let rows = (start..start + hashes.len()).map(&row);
            let slots = first_slots(keys, rows.clone().zip(hashes), |hash| self.first_slot(hash));
            for (((row, &hash), slot), out) in rows.zip(hashes).zip(slots).zip(out) {
                *out = match self.key_in(slot, width, keys, row, hash) {
                    Some(key) => key,
                    None => self.find_or_insert(width, keys, row, hash)?,
                };
            }
            start += BLOCK;
        }
        Ok(())
    }

    /// The slot where a search for a hash begins.
    #[inline]
    pub(super) fn first_slot(&self, hash: u64) -> u64 {
        self.slots[hash as usize & (self.slots.len() - 1)]
    }

    /// The key in a slot, if it is that of a row.
    #[inline]
    pub(super) fn key_in<W: Width>(
        &self,
        slot: u64,
        width: W,
        keys: &Keys,
        row: usize,
        hash: u64,
    ) -> Option<u32> {
        let key = slot as u32;
        (slot >> 32 == tag(hash) && self.same(width, key as usize, keys, row)).then_some(key)
    }

    /// Whether a key is that of a row.
    #[inline]
    fn same<W: Width>(&self, width: W, key: usize, keys: &Keys, row: usize) -> bool {
        width.same(&self.words, key, keys.words(), row)
            && (self.texts == 0 || self.same_texts(key, keys, row))
    }

    /// Whether the long texts of a key and a row are the same, whose words are.
    fn same_texts(&self, key: usize, keys: &Keys, row: usize) -> bool {
        let words = &keys.words()[row * self.stride..];
        keys.texts().iter().enumerate().all(|(number, text)| {
            let word = words[number * 2];
            !is_long(word) || {
                let place = self.place(key, number);
                self.arena[place..place + word as u32 as usize] == *text.value(row)
            }
        })
    }

    /// The key of a row, or the free slot where it belongs.
    #[inline]
    pub(super) fn find<W: Width>(
        &self,
        width: W,
        keys: &Keys,
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
            if let Some(key) = self.key_in(slot, width, keys, row, hash) {
                return Ok(key);
            }
            at = (at + 1) & mask;
        }
    }

    /// The key of a row, which is entered if there is none.
    #[inline(never)]
    fn find_or_insert<W: Width>(
        &mut self,
        width: W,
        keys: &Keys,
        row: usize,
        hash: u64,
    ) -> Result<u32> {
        if keys.is_null(row) {
            if let Some(key) = self.null_key {
                return Ok(key);
            }
            let key = self.push(keys, row, hash)?;
            self.null_key = Some(key);
            return Ok(key);
        }
        let at = match self.find(width, keys, row, hash) {
            Ok(key) => return Ok(key),
            Err(at) => at,
        };
        let key = self.push(keys, row, hash)?;
        self.slots[at] = tag(hash) << 32 | u64::from(key);
        if self.len() * 8 > self.slots.len() * 5 {
            let factor = if self.slots.len() < SMALL { 4 } else { 2 };
            self.rebuild(self.slots.len() * factor);
        }
        Ok(key)
    }

    /// Appends a row's key to the list of keys.
    fn push(&mut self, keys: &Keys, row: usize, hash: u64) -> Result<u32> {
        let key = self.len();
        // The greatest number is what callers use for no key.
        let number = u32::try_from(key).ok().filter(|&number| number < u32::MAX);
        let Some(number) = number else {
            return Err(Error::resources_exhausted(
                "more than 2^32 - 1 distinct keys",
            ));
        };
        let words = &keys.words()[row * self.stride..(row + 1) * self.stride];
        for (at, text) in keys.texts().iter().enumerate() {
            if is_long(words[at * 2]) {
                self.places.resize((key + 1) * self.texts, 0);
                self.places[key * self.texts + at] = self.arena.len() as u64;
                self.arena.extend_from_slice(text.value(row));
            }
        }
        self.words.extend_from_slice(words);
        self.hashes.push(hash);
        Ok(number)
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

/// The slots where the searches for a block of rows begin. Rows that are kept apart get a free one,
/// so that they are not found at once.
#[inline]
pub(super) fn first_slots<'a>(
    keys: &Keys,
    rows: impl Iterator<Item = (usize, &'a u64)> + Clone,
    first_slot: impl Fn(u64) -> u64,
) -> [u64; BLOCK] {
    let mut slots = [0; BLOCK];
    for (slot, (_, &hash)) in slots.iter_mut().zip(rows.clone()) {
        *slot = first_slot(hash);
    }
    if keys.nulls().is_some() {
        for (slot, (row, _)) in slots.iter_mut().zip(rows) {
            if keys.is_null(row) {
                *slot = 0;
            }
        }
    }
    slots
}

/// The number of words of a key: known to the compiler, or not.
pub(super) trait Width: Copy {
    /// Whether two rows have the same words.
    fn same(self, left: &[u64], left_row: usize, right: &[u64], right_row: usize) -> bool;
}

/// So many words.
#[derive(Clone, Copy)]
pub(super) struct Exactly<const N: usize>;

impl<const N: usize> Width for Exactly<N> {
    #[inline]
    fn same(self, left: &[u64], left_row: usize, right: &[u64], right_row: usize) -> bool {
        let (left, right) = (
            &left.as_chunks::<N>().0[left_row],
            &right.as_chunks::<N>().0[right_row],
        );
        // Without branches: the words are nearly always all the same.
        let differences = left
            .iter()
            .zip(right)
            .fold(0, |all, (left, right)| all | (left ^ right));
        differences == 0
    }
}

/// Any number of words.
#[derive(Clone, Copy)]
pub(super) struct Any(pub(super) usize);

impl Width for Any {
    #[inline]
    fn same(self, left: &[u64], left_row: usize, right: &[u64], right_row: usize) -> bool {
        let row = |row: usize| row * self.0..(row + 1) * self.0;
        left[row(left_row)] == right[row(right_row)]
    }
}
