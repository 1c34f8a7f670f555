//! Keys of one word in a narrow range: an array in place of a hash table.

#![allow(
    clippy::indexing_slicing,
    reason = "the array covers the range of the keys that are written to it"
)]

use std::ops::Range;

/// An array over so many words is worth its memory in any case.
const NARROW: u64 = 1 << 16;
/// An array may have so many places for each key.
const PLACES: u64 = 8;
/// An array has this many times the places that are needed when it is made.
const ROOM: usize = 2;

/// The least and the greatest of some words, as signed numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    least: i64,
    greatest: i64,
}

impl Span {
    /// That of words, if there are any.
    pub(super) fn of(words: impl Iterator<Item = u64>) -> Option<Self> {
        let none = Self {
            least: i64::MAX,
            greatest: i64::MIN,
        };
        let span = words.fold(none, |span, word| Self {
            least: span.least.min(word as i64),
            greatest: span.greatest.max(word as i64),
        });
        (span.least <= span.greatest).then_some(span)
    }

    /// The least that has in it what both have.
    pub(super) fn union(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
        }
    }

    /// The least word.
    pub(super) fn first(self) -> u64 {
        self.least as u64
    }

    /// The first word and how many there can be.
    pub(super) fn all(self) -> Option<(u64, u64)> {
        let places = self.greatest.abs_diff(self.least).checked_add(1)?;
        Some((self.first(), places))
    }

    /// How many words there can be, where that is known to be few enough to count.
    pub(super) fn all_places(self) -> usize {
        self.greatest.abs_diff(self.least) as usize + 1
    }

    /// How many words there can be, if they are few enough for an array of so many keys.
    pub(super) fn places(self, keys: usize) -> Option<usize> {
        let places = self.greatest.abs_diff(self.least).checked_add(1)?;
        let narrow = places <= NARROW.max((keys as u64).saturating_mul(PLACES));
        (narrow && places < u64::from(u32::MAX)).then_some(places as usize)
    }
}

/// The number of each word's key.
#[derive(Default)]
pub(super) struct Direct {
    /// The word of the first place.
    first: u64,
    /// One more than the number of the key, or zero.
    places: Vec<u32>,
    span: Option<Span>,
}

impl Direct {
    /// Writes the number of each word's key, or `u32::MAX`.
    pub(super) fn find(&self, words: &[u64], out: &mut [u32]) {
        for (&word, out) in words.iter().zip(out) {
            let place = self.places.get(word.wrapping_sub(self.first) as usize);
            // Zero becomes the greatest number.
            *out = place.copied().unwrap_or(0).wrapping_sub(1);
        }
    }

    /// The place of a word in the range; what stands there is one more than the number of its key,
    /// or zero.
    #[inline]
    pub(super) fn place(&mut self, word: u64) -> &mut u32 {
        &mut self.places[word.wrapping_sub(self.first) as usize]
    }

    /// Makes the array cover some more words, when that is worth it for so many keys; whether it
    /// is. `entered` are words and numbers of the keys that there are.
    pub(super) fn cover(
        &mut self,
        more: Span,
        keys: usize,
        entered: impl Iterator<Item = (usize, u64)>,
    ) -> bool {
        let span = self.span.map_or(more, |span| span.union(more));
        let Some(needed) = span.places(keys) else {
            return false;
        };
        let down = self.span.is_some_and(|old| span.least < old.least);
        self.span = Some(span);
        let covered = span.first().wrapping_sub(self.first);
        if covered.saturating_add(needed as u64) <= self.places.len() as u64 {
            return true;
        }
        // On the side to which the range grows: it may go on growing.
        let size = needed * ROOM;
        self.first = match down {
            true => span.first().wrapping_sub((size - needed) as u64),
            false => span.first(),
        };
        self.places = vec![0; size];
        for (key, word) in entered {
            *self.place(word) = key as u32 + 1;
        }
        true
    }

    /// The bytes that an array takes which is made for these words and so many keys, if they are to
    /// have one.
    pub(super) fn size_for(span: Span, keys: usize) -> Option<usize> {
        Some(span.places(keys)? * ROOM * size_of::<u32>())
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        self.places.capacity() * size_of::<u32>()
    }
}

/// The places of one of some equal parts of a range.
pub(super) fn part_of_places(places: usize, part: usize, parts: usize) -> Range<usize> {
    let step = places.div_ceil(parts);
    (part * step).min(places)..((part + 1) * step).min(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_to_both_sides() {
        let mut direct = Direct::default();
        let mut entered: Vec<u64> = Vec::new();
        let batches: [&[i64]; 6] = [
            &[5, -5, 0],
            &[100, 90],
            &[-70_000],
            &[i64::from(i32::MAX)],
            &[-60_000, 101],
            &[],
        ];
        let mut refused = 0;
        for batch in batches {
            let words = || batch.iter().map(|&word| word as u64);
            let Some(span) = Span::of(words()) else {
                continue;
            };
            // With 10,000 keys 80,000 places are no waste.
            if !direct.cover(span, 10_000, entered.clone().into_iter().enumerate()) {
                refused += 1;
                continue;
            }
            for word in words() {
                entered.push(word);
                *direct.place(word) = entered.len() as u32;
            }
            let mut out = vec![0; entered.len()];
            direct.find(&entered, &mut out);
            assert!(
                out.iter()
                    .enumerate()
                    .all(|(at, &number)| at == number as usize)
            );
        }
        assert_eq!((refused, entered.len()), (1, 8));
        let mut out = [0; 3];
        direct.find(&[1, u64::MAX / 2, 5], &mut out);
        assert_eq!(out, [u32::MAX, u32::MAX, 0]);
    }

    #[test]
    fn extreme_ranges_are_refused() {
        let span = |words: [i64; 2]| Span::of(words.into_iter().map(|word| word as u64)).unwrap();
        assert_eq!(span([i64::MIN, i64::MAX]).places(usize::MAX), None);
        assert_eq!(span([i64::MIN, i64::MIN + 9]).places(0), Some(10));
        assert_eq!(span([0, 65_535]).places(0), Some(65_536));
        assert_eq!(span([0, 65_536]).places(0), None);
        assert_eq!(Span::of(std::iter::empty()), None);
        let parts = [0, 1, 2, 3].map(|part| part_of_places(9, part, 4));
        assert_eq!(parts, [0..3, 3..6, 6..9, 9..9]);
    }
}
