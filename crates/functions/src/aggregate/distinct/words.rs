//! Sets of values of up to 64 bits: of 32-bit words, as long as they are enough.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::UInt64Type;
use esker_datatypes::{Buffers, Column, Error, Result, Selection};
use esker_kernels::value::{Fixed, Key, Value};

use super::super::common::{bytes_of, each_list, offsets_of, typed};
use super::super::rows::{Rows, with_distinct, with_valid};
use super::ValueSets;
use super::sets::GroupSets;

/// Writes the words of rows.
pub(super) type ToWords = fn(&Rows<'_>, &mut Vec<u64>) -> Result<()>;

/// Sets of values of up to 64 bits.
pub(super) struct WordSets {
    sets: Words,
    /// Whether the lower half of a word is all of it: the values have 32 bits at most.
    narrow: bool,
    to_words: ToWords,
    words: Vec<u64>,
    short: Vec<u32>,
}

enum Words {
    /// Words that are the lower half with its sign before it.
    Short(GroupSets<u32>),
    Long(GroupSets<u64>),
}

/// The words of values: equal ones have the same. NaN is one value, and so is zero.
pub(super) fn value_words<T: Fixed>(rows: &Rows<'_>, words: &mut Vec<u64>) -> Result<()> {
    let values = T::values(typed::<T>(rows.array)?);
    // A key of 64 bits is its own digest.
    match rows.index {
        None => words.extend(values.iter().map(|value| value.key().digest())),
        Some(_) => rows.for_each(&values, |_, value| words.push(value.key().digest())),
    }
    Ok(())
}

/// The words of truth values.
pub(super) fn flag_words(rows: &Rows<'_>, words: &mut Vec<u64>) -> Result<()> {
    let Some(array) = rows.array.as_boolean_opt() else {
        return Err(Error::internal(
            "counting distinct values that are not Boolean",
        ));
    };
    let values = array.values();
    rows.for_each_at(|_, at| words.push(u64::from(values.value(at))));
    Ok(())
}

#[inline]
fn short(word: u64) -> u32 {
    word as u32
}

#[inline]
fn long(word: u32) -> u64 {
    i64::from(word as i32) as u64
}

impl WordSets {
    /// No sets; `narrow` when the lower half of a word tells it from all others.
    pub(super) fn new(to_words: ToWords, narrow: bool) -> Self {
        Self {
            sets: Words::Short(GroupSets::new()),
            narrow,
            to_words,
            words: Vec::new(),
            short: Vec::new(),
        }
    }

    /// Sees to it that the sets can take these words: as they are, or short.
    fn fit(&mut self, words: &[u64]) -> Result<()> {
        let Words::Short(sets) = &self.sets else {
            return Ok(());
        };
        self.short.clear();
        self.short.extend(words.iter().map(|&word| short(word)));
        let same = |(&word, &short): (&u64, &u32)| word == long(short);
        let fit = |words: &[u64], short: &[u32]| {
            let pairs = words.iter().zip(short);
            pairs.fold(true, |all, pair| all & same(pair))
        };
        let blocks = || words.chunks(64).zip(self.short.chunks(64));
        if !self.narrow && !blocks().all(|(words, short)| fit(words, short)) {
            self.sets = Words::Long(sets.converted(long)?);
            self.short = Vec::new();
        }
        Ok(())
    }
}

impl ValueSets for WordSets {
    fn resize(&mut self, n_groups: usize) {
        match &mut self.sets {
            Words::Short(sets) => sets.resize(n_groups),
            Words::Long(sets) => sets.resize(n_groups),
        }
    }

    fn len(&self) -> usize {
        match &self.sets {
            Words::Short(sets) => sets.len(),
            Words::Long(sets) => sets.len(),
        }
    }

    fn add(
        &mut self,
        column: &Column,
        groups: &[u32],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        with_valid(column, groups, selection, buffers, |rows, buffers| {
            with_distinct(rows, buffers, |rows, _| {
                let mut words = std::mem::take(&mut self.words);
                words.clear();
                (self.to_words)(rows, &mut words)?;
                self.fit(&words)?;
                let added = match &mut self.sets {
                    Words::Short(sets) => sets.add(rows.groups, &self.short),
                    Words::Long(sets) => sets.add(rows.groups, &words),
                };
                self.words = words;
                added
            })
        })
    }

    fn counts(&self, groups: Range<usize>) -> Vec<i64> {
        match &self.sets {
            Words::Short(sets) => sets.counts(groups),
            Words::Long(sets) => sets.counts(groups),
        }
    }

    fn items(&self, groups: Range<usize>) -> Result<(OffsetBuffer<i64>, ArrayRef)> {
        let offsets = offsets_of(&self.counts(groups.clone()));
        let mut items = Vec::with_capacity(offsets.last() as usize);
        match &self.sets {
            Words::Short(sets) => sets.for_each(groups, |word| items.push(long(word))),
            Words::Long(sets) => sets.for_each(groups, |word| items.push(word)),
        }
        Ok((offsets, Arc::new(UInt64Array::from(items))))
    }

    fn add_items(&mut self, groups: &[u32], offsets: &[i64], items: &ArrayRef) -> Result<()> {
        let Some(items) = items.as_primitive_opt::<UInt64Type>() else {
            return Err(Error::internal("merging values that are no words"));
        };
        let all: &[u64] = items.values();
        self.fit(all)?;
        let added = match &mut self.sets {
            Words::Short(sets) => each_list(groups, offsets, &self.short, |group, words| {
                sets.add_all(group, words)
            }),
            Words::Long(sets) => each_list(groups, offsets, all, |group, words| {
                sets.add_all(group, words)
            }),
        };
        // As long as all items: not to be kept.
        self.short = Vec::new();
        added
    }

    fn clear(&mut self, groups: Range<usize>) -> Result<()> {
        match &mut self.sets {
            Words::Short(sets) => sets.clear(groups),
            Words::Long(sets) => sets.clear(groups),
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let sets = match &self.sets {
            Words::Short(sets) => sets.size(),
            Words::Long(sets) => sets.size(),
        };
        sets + bytes_of(&self.words) + bytes_of(&self.short)
    }
}
