//! Which values of a page are null: definition levels of a flat column, 0 or 1 for each value.

#![allow(
    clippy::indexing_slicing,
    reason = "there is a bit for each value of the page, and ranges lie within it"
)]

use std::ops::Range;

use esker_datatypes::{Error, Result};

use super::words::Word;

/// A bit for each value of a page: whether it is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    words: Vec<u64>,
    /// All words behind those: a run up to the end takes no memory, however long it claims to be.
    rest: u64,
}

impl Levels {
    /// Reads the levels of so many values: runs of one level, and bits. `None` when all values are
    /// there.
    ///
    /// # Errors
    /// `Data` for bytes that end too early or say what cannot be.
    pub(super) fn parse(mut bytes: &[u8], count: usize) -> Result<Option<Self>> {
        let early = || Error::data("the definition levels of a page end too early");
        // Not before a value is missing.
        let mut levels: Option<Self> = None;
        let mut at = 0;
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
                if level == 0 || levels.is_some() {
                    let levels = levels.get_or_insert_with(|| Self::of_ones(at));
                    levels.push_run(at, runs, level == 1, at + runs == count);
                }
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
                    if levels.is_some() || (byte.count_ones() as usize) < some {
                        let levels = levels.get_or_insert_with(|| Self::of_ones(at + i * 8));
                        levels.push_bits(at + i * 8, byte, some);
                    }
                }
                at += found;
            }
        }
        Ok(levels)
    }

    /// Reads levels of old writers: one bit each, the highest of a byte first.
    ///
    /// # Errors
    /// `Data` for bytes that end too early.
    pub(super) fn parse_packed(bytes: &[u8], count: usize) -> Result<Option<Self>> {
        let bytes = bytes
            .get(..count.div_ceil(8))
            .ok_or_else(|| Error::data("the definition levels of a page end too early"))?;
        let mut levels = Self::default();
        let mut all = true;
        for (i, byte) in bytes.iter().enumerate() {
            let some = (count - i * 8).min(8);
            let byte = u64::from(byte.reverse_bits()) & ((1 << some) - 1);
            all &= byte.count_ones() as usize == some;
            levels.push_bits(i * 8, byte, some);
        }
        Ok((!all).then_some(levels))
    }

    /// So many values that are there.
    fn of_ones(count: usize) -> Self {
        let mut levels = Self::default();
        levels.push_run(0, count, true, false);
        levels
    }

    /// Appends a run behind `at` bits; the last one only up to the end of a word.
    fn push_run(&mut self, at: usize, count: usize, bit: bool, last: bool) {
        let mut at = at;
        let mut end = at + count;
        if last {
            end = end.min(at.next_multiple_of(64));
            self.rest = if bit { u64::MAX } else { 0 };
        }
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
        let word_at = |word: usize| self.words.get(word).copied().unwrap_or(self.rest);
        let low = word_at(word) >> shift;
        let high = match shift {
            0 => 0,
            shift => word_at(word + 1) << (64 - shift),
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

    /// Whether a value is there.
    pub(super) fn is_there(&self, at: usize) -> bool {
        self.bits(at, 1) == 1
    }

    /// Of the values at these places (ascending; `base` is at `from`) those that are there, counted
    /// among the ones that are; and how many are up to the last place.
    pub(super) fn ranks(
        &self,
        from: usize,
        (places, base): (&[u32], usize),
        out: &mut Vec<u32>,
    ) -> usize {
        let (mut rank, mut at) = (0, from);
        out.clear();
        for &place in places {
            let place = from + place as usize - base;
            rank += self.count(at, place - at);
            at = place;
            if self.is_there(place) {
                out.push(rank as u32);
            }
        }
        match places {
            [] => 0,
            _ => rank + usize::from(self.is_there(at)),
        }
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
pub(super) fn push_bits(words: &mut Vec<u64>, at: usize, bits: u64, count: usize) {
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

    /// Runs and bits of any kind and length, in turn: against a list of levels.
    #[test]
    fn any_runs() {
        let lengths = [1usize, 8, 56, 64, 72, 128, 200];
        for (i, &first) in lengths.iter().enumerate() {
            for &second in &lengths {
                for kinds in 0..64usize {
                    let runs = [first, second, lengths[(i + kinds) % lengths.len()]];
                    let (mut bytes, mut want) = (Vec::new(), Vec::new());
                    for (j, count) in runs.into_iter().enumerate() {
                        let (bit, packed) = (kinds >> (2 * j) & 1 == 1, kinds >> (2 * j) & 2 == 2);
                        if packed {
                            let count = count.div_ceil(8);
                            bytes.push((count << 1 | 1) as u8);
                            let byte = if bit { 0xff } else { 0b0110_0001 };
                            bytes.extend(vec![byte; count]);
                            let bits = (0..8 * count).map(|at| byte >> (at % 8) & 1 == 1);
                            want.extend(bits);
                        } else {
                            let header = count << 1;
                            bytes.extend([header as u8 | 0x80, (header >> 7) as u8, bit.into()]);
                            want.extend(vec![bit; count]);
                        }
                    }
                    let levels = Levels::parse(&bytes, want.len()).unwrap();
                    assert_eq!(levels.is_none(), want.iter().all(|&there| there));
                    let Some(levels) = levels else { continue };
                    for from in [0, 1, 63, 64, 70, want.len() - 1] {
                        let from = from.min(want.len());
                        let there = want[from..].iter().filter(|&&there| there).count();
                        assert_eq!(levels.count(from, want.len() - from), there, "{runs:?}");
                        let places: Vec<u32> = (3..3 + (want.len() - from) as u32).collect();
                        let mut ranks = Vec::new();
                        let all = levels.ranks(from, (&places, 3), &mut ranks);
                        assert_eq!(all, there);
                        assert_eq!(ranks, (0..there as u32).collect::<Vec<_>>());
                    }
                    assert_eq!(listed(Some(levels), want.len()), want, "{runs:?} {kinds}");
                }
            }
        }
    }

    #[test]
    fn long_runs_take_no_memory() {
        // 2^31 - 1 values in six bytes.
        let run = |level| [0xfe, 0xff, 0xff, 0xff, 0x0f, level];
        let count = i32::MAX as usize;
        assert!(Levels::parse(&run(1), count).unwrap().is_none());
        let nulls = Levels::parse(&run(0), count).unwrap().unwrap();
        assert_eq!((nulls.words.len(), nulls.count(count - 99, 99)), (0, 0));
        let one = [&[3, 0b1111_1110][..], &run(1)].concat();
        let one = Levels::parse(&one, count).unwrap().unwrap();
        assert_eq!((one.words.len(), one.count(count - 99, 99)), (1, 99));
        // A run of values that ends too early: no room for them before that is known.
        let short = [&run(1)[..], &run(1)].concat();
        assert!(Levels::parse(&short[..11], 2 * count).is_err());
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
