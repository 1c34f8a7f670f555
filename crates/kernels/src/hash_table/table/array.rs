//! Keys of one word in a narrow range: numbered by an array, without slots.

#![allow(
    clippy::indexing_slicing,
    reason = "rows are below the number of rows, of which each has a word"
)]

use esker_datatypes::Result;

use super::{KeyTable, UNSURE};
use crate::bits::each_set;
use crate::hash_table::direct::{Direct, Span};
use crate::hash_table::rows::RowKeys;
use crate::hash_table::width::Exactly;
use crate::hash_table::words::Keys;

impl KeyTable {
    /// Without hashes, if the table can: writes the number of each row's key, or [`UNSURE`].
    pub(in crate::hash_table) fn find_by_value(&self, keys: &Keys, out: &mut [u32]) -> bool {
        let Some(direct) = &self.direct else {
            return false;
        };
        direct.find(keys.words(), out);
        if let Some(nulls) = keys.nulls() {
            let null = self.null_key.unwrap_or(UNSURE);
            each_set(nulls, keys.len(), |row| out[row] = null);
        }
        true
    }

    /// Looks rows up in the array and puts it back, or goes over to slots when the rows do not fit.
    pub(super) fn intern_direct(
        &mut self,
        mut direct: Box<Direct>,
        keys: &impl RowKeys,
        row: impl Fn(usize) -> usize,
        hashes: &[u64],
        out: &mut [u32],
    ) -> Result<()> {
        let words = keys.words();
        let rows = (0..hashes.len()).map(&row);
        let span = Span::of(
            rows.clone()
                .filter(|&row| !keys.is_null(row))
                .map(|row| words[row]),
        );
        let all = self.len() + hashes.len();
        if span.is_some_and(|span| !direct.cover(span, all, self.numbered_words())) {
            self.rebuild_for_all();
            return Ok(());
        }
        for ((row, &hash), out) in rows.zip(hashes).zip(out) {
            let place = match keys.is_null(row) {
                true => None,
                false => Some(direct.place(words[row])),
            };
            let known = match &place {
                Some(place) => place.checked_sub(1),
                None => self.null_key,
            };
            let key = match known {
                Some(key) => key,
                None => self.push(Exactly::<1>, keys, row, hash)?,
            };
            match place {
                Some(place) => *place = key + 1,
                None => self.null_key = Some(key),
            }
            *out = key;
        }
        self.direct = Some(direct);
        Ok(())
    }

    /// Goes over to an array, when the slots have become more and the keys lie close together.
    pub(super) fn consider_direct(&mut self) {
        let slots = self.slots.len();
        if self.direct.is_some() || self.considered.is_none_or(|considered| considered == slots) {
            return;
        }
        self.considered = Some(slots);
        let Some(span) = Span::of(self.numbered_words().map(|(_, word)| word)) else {
            return;
        };
        let mut direct = Box::<Direct>::default();
        if direct.cover(span, self.len(), self.numbered_words()) {
            self.slots = Vec::new();
            self.direct = Some(direct);
        }
    }

    /// The keys of one word, but for that of null.
    pub(super) fn numbered_words(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let words = self.words.iter().copied().take(self.len()).enumerate();
        words.filter(|&(key, _)| self.null_key != Some(key as u32))
    }

    /// Whether an array stands in place of the slots.
    #[cfg(test)]
    pub(in crate::hash_table) fn is_direct(&self) -> bool {
        self.direct.is_some() && self.ascending.is_none()
    }
}
