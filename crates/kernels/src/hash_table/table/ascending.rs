//! Keys that have come in ascending order so far: there are no slots and no hashes.

use super::{KeyTable, slots_for};
use crate::hash_table::ascending::{AscendingKeys, KeyOrder};
use crate::hash_table::direct::{Direct, Span};
use crate::hash_table::layout::KeyLayout;
use crate::hash_table::words::Keys;

impl KeyTable {
    /// The empty table, which does without slots while keys ascend, if their layout has an order.
    pub(in crate::hash_table) fn while_ascending(mut self, layout: &KeyLayout) -> Self {
        self.ascending = KeyOrder::new(layout).map(Box::new);
        if self.ascending.is_some() {
            self.words.clear();
        }
        self
    }

    /// The keys, if all have come in ascending order, so far.
    pub(in crate::hash_table) fn ascending(&self) -> Option<AscendingKeys<'_>> {
        let order = self.ascending.as_deref()?;
        Some(AscendingKeys::new(&self.words, order, self.stride))
    }

    /// Writes the number of each row's key, and enters new ones, if the rows go on ascending. If
    /// not, the table has to be [hashed](Self::leave_ascending): some keys may have been entered.
    pub(in crate::hash_table) fn intern_ascending(&mut self, keys: &Keys, out: &mut [u32]) -> bool {
        let order = self.ascending.as_deref();
        order.is_some_and(|order| order.number_rows(&mut self.words, self.stride, keys, out))
    }

    /// How many bytes more it takes to [go over](Self::leave_ascending) to slots or an array, with the
    /// columns that the keys are hashed as.
    pub(in crate::hash_table) fn cost_of_leaving(&self) -> usize {
        let keys = self.len();
        let span = self
            .direct
            .as_ref()
            .and_then(|_| Span::of(self.words.iter().copied()));
        let index = match span.and_then(|span| Direct::size_for(span, keys)) {
            Some(array) => array,
            None => slots_for(keys) * size_of::<u64>(),
        };
        index + keys * (1 + self.stride) * size_of::<u64>()
    }

    /// Goes over to slots or an array; these are the hashes of the keys.
    pub(in crate::hash_table) fn leave_ascending(&mut self, hashes: Vec<u64>) {
        self.ascending = None;
        self.hashes = hashes;
        if self.hashes.is_empty() {
            self.words = vec![0; self.stride];
            return;
        }
        let span = self
            .direct
            .as_ref()
            .and_then(|_| Span::of(self.words.iter().copied()));
        if let (Some(mut direct), Some(span)) = (self.direct.take(), span)
            && direct.cover(span, self.len(), self.numbered_words())
        {
            self.direct = Some(direct);
            return;
        }
        self.rebuild_for_all();
    }
}
