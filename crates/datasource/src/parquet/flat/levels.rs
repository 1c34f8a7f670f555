//! Which values of a page are null: definition levels of a flat column, 0 or 1 for each value.

#![allow(
    clippy::indexing_slicing,
    reason = "there is a bit for each value of the page, and ranges lie within it"
)]

use std::ops::Range;

use esker_datatypes::{Error, Result};

use super::values::Word;

/// A bit for each value of a page: whether it is there.
pub(super) struct Levels {
    words: Vec<u64>,
}

impl Levels {
    /// Reads the levels of so many values: runs of one level, and bits. `None` when all values are
    /// there.
    ///
    /// # Errors
    /// `Data` for bytes that end too early or say what cannot be.
    pub(super) fn parse(mut bytes: &[u8], count: usize) -> Result<Option<Self>> {
        let early = || Error::data("the definition levels of a page end too early");
        let mut levels = Self { words: Vec::new() };
        let (mut at, mut all) = (0, true);
        while at < count {
            let (header, length) = varint(bytes).ok_or_else(early)?;
            bytes = bytes.get(length..).ok_or_else(early)?;
            let runs = usize::try_from(header >> 1).map_err(|_| early())?;
            if header & 1 == 0 {
                let (&level, rest) = bytes.split_first().ok_or_else(early)?;
                bytes = rest;
                if level > 1 {
                    let message = format!("definition level {level} of a column that has only 1");
                    return Err(Error::data(message));
                }
                let runs = runs.min(count - at);
                if runs == 0 {
                    return Err(early());
                }
                all &= level == 1;
                levels.push_run(at, runs, level == 1);
                at += runs;
            } else {
                // Writers may cut the last bytes off.
                let whole = bytes.len().min(runs);
                let (bits, rest) = bytes.split_at(whole);
                bytes = rest;
                let found = (whole * 8).min(count - at);
                if found == 0 {
                    return Err(early());
                }
                for (i, &byte) in bits[..found.div_ceil(8)].iter().enumerate() {
                    let some = (found - i * 8).min(8);
                    let byte = u64::from(byte) & ((1 << some) - 1);
                    all &= byte.count_ones() as usize == some;
                    levels.push_bits(at + i * 8, byte, some);
                }
                at += found;
            }
        }
        Ok((!all).then_some(levels))
    }

    /// Reads levels of old writers: one bit each, the highest of a byte first.
    ///
    /// # Errors
    /// `Data` for bytes that end too early.
    pub(super) fn parse_packed(bytes: &[u8], count: usize) -> Result<Option<Self>> {
        let bytes = bytes
            .get(..count.div_ceil(8))
            .ok_or_else(|| Error::data("the definition levels of a page end too early"))?;
        let mut levels = Self { words: Vec::new() };
        let mut all = true;
        for (i, byte) in bytes.iter().enumerate() {
            let some = (count - i * 8).min(8);
            let byte = u64::from(byte.reverse_bits()) & ((1 << some) - 1);
            all &= byte.count_ones() as usize == some;
            levels.push_bits(i * 8, byte, some);
        }
        Ok((!all).then_some(levels))
    }

    fn push_run(&mut self, at: usize, count: usize, bit: bool) {
        let mut at = at;
        let end = at + count;
        while at < end {
            let some = (64 - at % 64).min(end - at);
            let bits = if bit { u64::MAX >> (64 - some) } else { 0 };
            self.push_bits(at, bits, some);
            at += some;
        }
    }

    /// Appends up to 64 bits behind `at` bits.
    fn push_bits(&mut self, at: usize, bits: u64, count: usize) {
        push_bits(&mut self.words, at, bits, count);
    }

    /// Up to 64 bits from one on.
    fn bits(&self, from: usize, count: usize) -> u64 {
        let (word, shift) = (from / 64, from % 64);
        let low = self.words[word] >> shift;
        let high = match self.words.get(word + 1) {
            Some(high) if shift > 0 => high << (64 - shift),
            _ => 0,
        };
        (low | high) & (u64::MAX >> (64 - count))
    }

    fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = (u64, usize)> {
        range.clone().step_by(64).map(move |from| {
            let count = (range.end - from).min(64);
            (self.bits(from, count), count)
        })
    }

    /// How many of some values are there.
    pub(super) fn count(&self, from: usize, count: usize) -> usize {
        self.pieces(from..from + count)
            .map(|(bits, _)| bits.count_ones() as usize)
            .sum()
    }

    /// Appends a value for each of some: the next one where it is there, else none in particular.
    pub(super) fn spread<T: Word>(&self, range: Range<usize>, values: &[T], out: &mut Vec<T>) {
        let mut at = 0;
        for (bits, count) in self.pieces(range) {
            out.extend((0..count).map(|bit| {
                let there = bits >> bit & 1 == 1;
                let value = values.get(at).copied().unwrap_or_default();
                at += usize::from(there);
                if there { value } else { T::default() }
            }));
        }
    }
}

/// Appends up to 64 bits behind the first `at` of a mask.
fn push_bits(words: &mut Vec<u64>, at: usize, bits: u64, count: usize) {
    let shift = at % 64;
    if shift == 0 {
        words.push(bits);
        return;
    }
    if let Some(last) = words.last_mut() {
        *last |= bits << shift;
    }
    if shift + count > 64 {
        words.push(bits >> (64 - shift));
    }
}

/// Appends bits of levels behind the first `at` of a mask.
pub(super) fn append(words: &mut Vec<u64>, at: usize, levels: &Levels, range: Range<usize>) {
    let mut at = at;
    for (bits, count) in levels.pieces(range) {
        push_bits(words, at, bits, count);
        at += count;
    }
}

/// Appends bits that are set behind the first `at` of a mask.
pub(super) fn append_valid(words: &mut Vec<u64>, at: usize, count: usize) {
    let mut at = at;
    let end = at + count;
    while at < end {
        let some = (64 - at % 64).min(end - at);
        push_bits(words, at, u64::MAX >> (64 - some), some);
        at += some;
    }
}

/// A number of up to 32 bits, seven a byte, and how many bytes it takes.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0;
    for (i, &byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((number, i + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels as they were, one after the other.
    fn listed(levels: Option<Levels>, count: usize) -> Vec<bool> {
        let levels = levels.map(|levels| (0..count).map(move |at| levels.bits(at, 1) == 1));
        levels.map_or(vec![true; count], Iterator::collect)
    }

    #[test]
    fn runs_and_bits() {
        let parse = |bytes: &[u8], count| Levels::parse(bytes, count).map(|l| listed(l, count));
        // Five that are there, three that are not, then eight of which every second one is.
        let bytes = [5 << 1, 1, 3 << 1, 0, 1 << 1 | 1, 0b0101_0101];
        let want = [&[true; 5][..], &[false; 3], &[true, false].repeat(4)].concat();
        assert_eq!(parse(&bytes, 16).unwrap(), want);
        assert_eq!(parse(&bytes, 6).unwrap(), want[..6]);
        assert_eq!(
            parse(&[0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 9).unwrap(),
            [true; 9]
        );
        for (bytes, count) in [(&bytes[..], 17), (&[], 1), (&[2 << 1, 2], 2), (&[0, 1], 1)] {
            assert!(parse(bytes, count).is_err(), "{bytes:?}");
        }
    }

    /// The highest bit of a byte comes first.
    #[test]
    fn levels_of_old_writers() {
        let parse = |bytes: &[u8], count| Levels::parse_packed(bytes, count);
        let found = listed(parse(&[0b1010_0000, 0b0100_0000], 10).unwrap(), 10);
        let want = [
            true, false, true, false, false, false, false, false, false, true,
        ];
        assert_eq!(found, want);
        assert!(parse(&[0xff, 0x80], 9).unwrap().is_none());
        assert!(parse(&[0xff], 9).is_err());
    }
}
