//! Rows as they are read: values, and which of them are there.

use std::ops::Range;

use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use esker_datatypes::Buffers;

use super::levels::{Levels, append, append_valid, push_bits};
use super::words::Word;

/// The rows of a column that have been read so far.
pub(super) struct ReadRows<T> {
    /// A value for each; of those that are null, any.
    pub(super) values: Vec<T>,
    /// A bit for each: whether it is there. Absent as long as all are.
    valid: Option<Vec<u64>>,
}

/// What is at places where nobody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Any,
    Zero,
    Null,
}

impl<T: Word> ReadRows<T> {
    /// No rows yet, with a vector to put them into.
    pub(super) fn new(mut values: Vec<T>) -> Self {
        values.clear();
        Self {
            values,
            valid: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Says of all rows from `start` on that they are there.
    pub(super) fn add_valid(&mut self, start: usize) {
        if let Some(valid) = &mut self.valid {
            append_valid(valid, start, self.values.len() - start);
        }
    }

    /// Appends rows of a page: of `dense` the values of those that are there.
    pub(super) fn add_levels(&mut self, levels: &Levels, range: Range<usize>, dense: &[T]) {
        let start = self.values.len();
        let valid = valid_before(&mut self.valid, start);
        append(valid, start, levels, range.clone());
        levels.spread(range, dense, &mut self.values);
    }

    /// Appends rows of which some are there: of `dense` the values of these.
    pub(super) fn add_some(&mut self, there: impl Iterator<Item = bool>, dense: &[T]) {
        let mut dense = dense.iter();
        let valid = valid_before(&mut self.valid, self.values.len());
        for there in there {
            push_bits(valid, self.values.len(), u64::from(there), 1);
            let value = there.then(|| dense.next()).flatten();
            self.values.push(value.copied().unwrap_or_default());
        }
    }

    /// Puts the rows at these places of `count`. At the others is nobody to look.
    pub(super) fn spread(
        &self,
        count: usize,
        places: &[u32],
        others: Others,
        buffers: &mut Buffers,
    ) -> Self {
        let mut values = buffers.take_any(count);
        match others {
            Others::Zero | Others::Null => values.fill(T::default()),
            // Who looks all the same is to be found out.
            Others::Any if cfg!(debug_assertions) => values.fill(T::POISON),
            Others::Any => {}
        }
        let pairs = places.iter().zip(&self.values);
        for (&place, &value) in pairs {
            if let Some(at) = values.get_mut(place as usize) {
                *at = value;
            }
        }
        let mut valid = None;
        if self.valid.is_some() || others == Others::Null {
            let all = if others == Others::Null { 0 } else { u64::MAX };
            let mut words = vec![all; count.div_ceil(64)];
            for (i, &place) in places.iter().enumerate() {
                let there = self.valid.as_ref().is_none_or(|valid| bit(valid, i));
                if let Some(word) = words.get_mut(place as usize / 64) {
                    let mask = 1 << (place % 64);
                    *word = if there { *word | mask } else { *word & !mask };
                }
            }
            valid = Some(words);
        }
        Self { values, valid }
    }

    /// The values, and which of them are null.
    pub(super) fn finish(self) -> (Vec<T>, Option<NullBuffer>) {
        let count = self.values.len();
        let nulls = self.valid.map(|bits| {
            let bits = BooleanBuffer::new(Buffer::from_vec(bits), 0, count);
            NullBuffer::new(bits)
        });
        (self.values, nulls.filter(|nulls| nulls.null_count() > 0))
    }
}

/// The bits, of which the first `count` are set where there were none.
fn valid_before(valid: &mut Option<Vec<u64>>, count: usize) -> &mut Vec<u64> {
    valid.get_or_insert_with(|| {
        let mut valid = Vec::new();
        append_valid(&mut valid, 0, count);
        valid
    })
}

fn bit(words: &[u64], at: usize) -> bool {
    let word = words.get(at / 64).copied().unwrap_or_default();
    word >> (at % 64) & 1 == 1
}
