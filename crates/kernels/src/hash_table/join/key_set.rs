//! Which keys a build side has: a bit for each, so that rows without one are known early.

#![allow(
    clippy::indexing_slicing,
    reason = "a word of keys comes for each row that is looked at"
)]

use std::sync::Arc;

use esker_datatypes::{Buffers, Column, Result, Selection};

use super::{Find, JoinKeys, JoinTable};
use crate::hash_table::words::Keys;

/// The keys of a build side, where they lie close together: exact, and much smaller than the table.
///
/// The filter that it is can be applied wherever the rows of the other side come from; the join
/// itself still decides.
pub struct KeySet {
    keys: Arc<JoinKeys>,
    /// The word of the first bit.
    first: u64,
    bits: Vec<u64>,
    /// How many bits there are.
    places: usize,
}

impl KeySet {
    /// The keys of a table, if they are of one column and lie close together.
    pub fn of(table: &JoinTable) -> Option<Self> {
        let dense = match &table.find {
            Find::Dense(dense) if table.keys.hashing.layout.fields().len() == 1 => dense,
            Find::Dense(_) | Find::Hashed(_) => return None,
        };
        let places = dense.places(&table.rows);
        let mut bits = vec![0u64; places.div_ceil(64)];
        for (at, word) in bits.iter_mut().enumerate() {
            for bit in 0..64.min(places - at * 64) {
                *word |= u64::from(dense.has(&table.rows, at * 64 + bit)) << bit;
            }
        }
        Some(Self {
            keys: Arc::clone(&table.keys),
            first: dense.first(),
            bits,
            places,
        })
    }

    /// The bytes taken.
    pub fn size(&self) -> usize {
        self.bits.capacity() * size_of::<u64>()
    }

    /// The least and the greatest key, where the bits of keys are those of numbers that are not
    /// negative.
    pub fn bounds(&self) -> Option<(u64, u64)> {
        let last = self.first.checked_add(self.places.checked_sub(1)? as u64)?;
        (last <= i64::MAX as u64).then_some((self.first, last))
    }

    /// Keeps the selected rows whose key is there.
    ///
    /// # Errors
    /// `Internal` for a column of another type than the keys were declared with.
    pub fn select(
        &self,
        column: &Column,
        selection: &mut Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let layout = &self.keys.hashing.layout;
        let keys = Keys::new(layout, &[column], selection, buffers)?;
        let (words, nulls) = (keys.words(), keys.nulls().is_some());
        let mut at = 0;
        selection.retain(|_| {
            let (word, row) = (words[at], at);
            at += 1;
            let place = word.wrapping_sub(self.first);
            let bits = self.bits.get((place / 64) as usize).copied().unwrap_or(0);
            let there = bits >> (place % 64) & 1 == 1;
            there && !(nulls && keys.is_null(row))
        });
        keys.recycle(buffers);
        Ok(())
    }
}
