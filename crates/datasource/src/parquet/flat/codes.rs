//! Codes of up to 32 bits: runs of one code, and codes packed side by side.
//!
//! The [RLE/bit-packing hybrid](https://parquet.apache.org/docs/file-format/data-pages/encodings/)
//! of the format.

#![allow(
    clippy::indexing_slicing,
    reason = "a group has the bytes of 32 codes of W bits and eight more, a block 8 groups"
)]

use bytes::Bytes;
use esker_datatypes::{Error, Result};

use super::levels::varint;

/// The widest code that there can be.
const WIDEST: u8 = 32;
/// So many codes are unpacked at once.
const BLOCK: usize = 256;
/// So many of them between two looks at where the bytes end.
const GROUP: usize = 32;
/// The bytes of a group of the widest codes, and of the word that its last code may begin in.
const GROUP_BYTES: usize = GROUP / 8 * WIDEST as usize + 8;

/// Codes that are still to be read.
#[derive(Clone, Debug)]
pub(super) struct Codes {
    bytes: Bytes,
    /// Where the next run begins, or the next block of a packed one.
    at: usize,
    width: u8,
    run: Run,
}

/// What is left of a run.
#[derive(Clone, Debug)]
enum Run {
    Same {
        code: u32,
        left: usize,
    },
    /// Packed codes, `left` of them behind those of the block.
    Packed {
        left: usize,
        block: Box<[u32; BLOCK]>,
        /// Which of the block's are still to be read.
        from: usize,
        to: usize,
    },
}

impl Codes {
    /// The codes of a page, whose first byte says how wide they are. A page of nulls only may have
    /// no byte at all.
    ///
    /// # Errors
    /// `Data` for codes that are too wide.
    pub(super) fn new(bytes: Bytes) -> Result<Self> {
        let width = bytes.first().copied().unwrap_or(0);
        if width > WIDEST {
            return Err(Error::data(format!("codes of {width} bits")));
        }
        Ok(Self {
            bytes,
            at: 1,
            width,
            run: Run::Same { code: 0, left: 0 },
        })
    }

    /// Appends what `of` makes of the next codes, and says how many there were: fewer than asked for
    /// only at the end.
    ///
    /// # Errors
    /// `Data`; an error of `of`.
    pub(super) fn read<T>(
        &mut self,
        count: usize,
        out: &mut Vec<T>,
        mut of: impl FnMut(&[u32], &mut Vec<T>) -> Result<()>,
        mut same: impl FnMut(u32, usize, &mut Vec<T>) -> Result<()>,
    ) -> Result<usize> {
        let mut left = count;
        while left > 0 {
            match &mut self.run {
                Run::Same { code, left: all } if *all > 0 => {
                    let some = left.min(*all);
                    same(*code, some, out)?;
                    *all -= some;
                    left -= some;
                }
                Run::Packed {
                    block, from, to, ..
                } if *from < *to => {
                    let some = left.min(*to - *from);
                    of(&block[*from..*from + some], out)?;
                    *from += some;
                    left -= some;
                }
                _ => {
                    if !self.refill()? {
                        break;
                    }
                }
            }
        }
        Ok(count - left)
    }

    /// Leaves out codes, and says how many there were.
    ///
    /// # Errors
    /// `Data`.
    pub(super) fn skip(&mut self, count: usize) -> Result<usize> {
        let mut left = count;
        while left > 0 {
            match &mut self.run {
                Run::Same { left: all, .. } if *all > 0 => {
                    let some = left.min(*all);
                    *all -= some;
                    left -= some;
                }
                Run::Packed { from, to, .. } if *from < *to => {
                    let some = left.min(*to - *from);
                    *from += some;
                    left -= some;
                }
                _ => {
                    let unseen = self.unseen(left);
                    if unseen > 0 {
                        self.pass(unseen);
                        left -= unseen;
                    } else if !self.refill()? {
                        break;
                    }
                }
            }
        }
        Ok(count - left)
    }

    /// Appends those of the next `count` codes that are at these places (ascending, from `base` on),
    /// and says how many codes there were: fewer than asked for only at the end.
    ///
    /// # Errors
    /// `Data`.
    pub(super) fn pick(
        &mut self,
        count: usize,
        (places, base): (&[u32], usize),
        out: &mut Vec<u32>,
    ) -> Result<usize> {
        let (mut at, end) = (base, base + count);
        let mut places = places.iter().map(|&place| place as usize).peekable();
        while at < end {
            match &mut self.run {
                Run::Same { code, left } if *left > 0 => {
                    let some = (end - at).min(*left);
                    while places.next_if(|&place| place < at + some).is_some() {
                        out.push(*code);
                    }
                    *left -= some;
                    at += some;
                }
                Run::Packed {
                    block, from, to, ..
                } if *from < *to => {
                    let some = (end - at).min(*to - *from);
                    while let Some(place) = places.next_if(|&place| place < at + some) {
                        out.push(block[*from + place - at]);
                    }
                    *from += some;
                    at += some;
                }
                _ => {
                    let unseen = self.unseen(end - at);
                    if unseen > 0 {
                        let bytes = self.bytes.get(self.at..).unwrap_or_default();
                        while let Some(place) = places.next_if(|&place| place < at + unseen) {
                            out.push(unpack_one(self.width, bytes, place - at));
                        }
                        self.pass(unseen);
                        at += unseen;
                    } else if !self.refill()? {
                        break;
                    }
                }
            }
        }
        Ok(at - base)
    }

    /// How many of the next `count` codes are packed in whole bytes that are all there, and behind
    /// what has been unpacked.
    fn unseen(&self, count: usize) -> usize {
        let Run::Packed { left, from, to, .. } = &self.run else {
            return 0;
        };
        if from < to {
            return 0;
        }
        let eights = (*left).min(count) / 8;
        let rest = self.bytes.len().saturating_sub(self.at);
        match usize::from(self.width) {
            0 => eights * 8,
            width => eights.min(rest / width) * 8,
        }
    }

    /// Passes over codes that are [`unseen`](Self::unseen).
    fn pass(&mut self, count: usize) {
        if let Run::Packed { left, .. } = &mut self.run {
            *left -= count;
            self.at += count / 8 * usize::from(self.width);
        }
    }

    /// The next block of the packed run, or the next run; false at the end.
    fn refill(&mut self) -> Result<bool> {
        if let Run::Packed {
            left,
            block,
            from,
            to,
        } = &mut self.run
            && *left > 0
        {
            let wanted = (*left).min(BLOCK);
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let width = usize::from(self.width);
            // Writers may cut the last bytes off.
            let length = (wanted * width).div_ceil(8).min(rest.len());
            let there = match width {
                0 => wanted,
                width => wanted.min(length * 8 / width),
            };
            let (groups, _) = block.as_chunks_mut();
            unpack(self.width, rest, &mut groups[..wanted.div_ceil(GROUP)]);
            self.at += length;
            (*from, *to) = (0, there);
            *left -= wanted;
            if there < wanted {
                *left = 0;
            }
            return Ok(true);
        }
        self.next_run()
    }

    fn next_run(&mut self) -> Result<bool> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some((header, length)) = varint(rest) else {
            return Ok(false);
        };
        // Some writers fill pages up with zeros.
        if header == 0 {
            return Ok(false);
        }
        let rest = rest.get(length..).unwrap_or_default();
        self.at += length;
        let count = usize::try_from(header >> 1).unwrap_or(usize::MAX);
        if header & 1 == 0 {
            let length = usize::from(self.width.div_ceil(8));
            let mut code = [0; 4];
            let (Some(bytes), Some(code_bytes)) = (rest.get(..length), code.get_mut(..length))
            else {
                return Err(Error::data("a run of codes ends too early"));
            };
            code_bytes.copy_from_slice(bytes);
            self.at += length;
            let code = u32::from_le_bytes(code);
            self.run = Run::Same { code, left: count };
            return Ok(true);
        }
        if count == 0 || (rest.is_empty() && self.width > 0) {
            return Ok(false);
        }
        let left = count.saturating_mul(8);
        let before = std::mem::replace(&mut self.run, Run::Same { code: 0, left: 0 });
        let block = match before {
            Run::Packed { block, .. } => block,
            Run::Same { .. } => Box::new([0; BLOCK]),
        };
        let (from, to) = (0, 0);
        self.run = Run::Packed {
            left,
            block,
            from,
            to,
        };
        Ok(true)
    }
}

/// Unpacks groups of codes; bytes that are not there are 0.
fn unpack(width: u8, bytes: &[u8], out: &mut [[u32; GROUP]]) {
    match width {
        0 => out.fill([0; GROUP]),
        1 => unpack_as::<1>(bytes, out),
        2 => unpack_as::<2>(bytes, out),
        3 => unpack_as::<3>(bytes, out),
        4 => unpack_as::<4>(bytes, out),
        5 => unpack_as::<5>(bytes, out),
        6 => unpack_as::<6>(bytes, out),
        7 => unpack_as::<7>(bytes, out),
        8 => unpack_as::<8>(bytes, out),
        9 => unpack_as::<9>(bytes, out),
        10 => unpack_as::<10>(bytes, out),
        11 => unpack_as::<11>(bytes, out),
        12 => unpack_as::<12>(bytes, out),
        13 => unpack_as::<13>(bytes, out),
        14 => unpack_as::<14>(bytes, out),
        15 => unpack_as::<15>(bytes, out),
        16 => unpack_as::<16>(bytes, out),
        17 => unpack_as::<17>(bytes, out),
        18 => unpack_as::<18>(bytes, out),
        19 => unpack_as::<19>(bytes, out),
        20 => unpack_as::<20>(bytes, out),
        21 => unpack_as::<21>(bytes, out),
        22 => unpack_as::<22>(bytes, out),
        23 => unpack_as::<23>(bytes, out),
        24 => unpack_as::<24>(bytes, out),
        25 => unpack_as::<25>(bytes, out),
        26 => unpack_as::<26>(bytes, out),
        27 => unpack_as::<27>(bytes, out),
        28 => unpack_as::<28>(bytes, out),
        29 => unpack_as::<29>(bytes, out),
        30 => unpack_as::<30>(bytes, out),
        31 => unpack_as::<31>(bytes, out),
        _ => unpack_as::<32>(bytes, out),
    }
}

/// One of the codes that are packed from the first byte on.
#[inline]
fn unpack_one(width: u8, bytes: &[u8], place: usize) -> u32 {
    let bit = place * usize::from(width);
    let rest = bytes.get(bit / 8..).unwrap_or_default();
    let word = match rest.first_chunk() {
        Some(word) => *word,
        None => {
            let mut padded = [0; 8];
            padded[..rest.len()].copy_from_slice(rest);
            padded
        }
    };
    let mask = (1 << width) - 1;
    (u64::from_le_bytes(word) >> (bit % 8) & mask) as u32
}

fn unpack_as<const W: usize>(bytes: &[u8], out: &mut [[u32; GROUP]]) {
    let mut rest = bytes;
    for group in out {
        match rest.first_chunk() {
            Some(bytes) => unpack_group::<W>(bytes, group),
            None => {
                let mut padded = [0; GROUP_BYTES];
                let there = rest.len().min(GROUP_BYTES);
                padded[..there].copy_from_slice(&rest[..there]);
                unpack_group::<W>(&padded, group);
            }
        }
        rest = rest.get(GROUP / 8 * W..).unwrap_or_default();
    }
}

/// Eight codes begin where a byte does: the inner loop shifts by what is known beforehand, and is
/// unrolled.
#[inline]
fn unpack_group<const W: usize>(bytes: &[u8; GROUP_BYTES], out: &mut [u32; GROUP]) {
    let mask = u64::from(u32::MAX >> (32 - W));
    let (eights, _) = out.as_chunks_mut::<8>();
    for (eight, codes) in eights.iter_mut().enumerate() {
        for (i, code) in codes.iter_mut().enumerate() {
            let (byte, shift) = (eight * W + i * W / 8, i * W % 8);
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[byte..byte + 8]);
            *code = (u64::from_le_bytes(word) >> shift & mask) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Codes by the letter of the format, a bit at a time: runs of one code where `runs` says so.
    fn written(codes: &[u32], width: u8, runs: &[(usize, bool)]) -> Vec<u8> {
        let mut bytes = vec![width];
        let put = |mut header: usize, bytes: &mut Vec<u8>| {
            while header >= 0x80 {
                bytes.push(header as u8 | 0x80);
                header >>= 7;
            }
            bytes.push(header as u8);
        };
        let mut at = 0;
        for &(count, same) in runs {
            if same {
                put(count << 1, &mut bytes);
                bytes.extend(&codes[at].to_le_bytes()[..usize::from(width.div_ceil(8))]);
            } else {
                put((count / 8) << 1 | 1, &mut bytes);
                let mut bits = vec![0u8; count / 8 * usize::from(width)];
                for (i, code) in codes[at..at + count].iter().enumerate() {
                    for bit in 0..usize::from(width) {
                        let to = i * usize::from(width) + bit;
                        bits[to / 8] |= ((code >> bit & 1) as u8) << (to % 8);
                    }
                }
                bytes.extend(bits);
            }
            at += count;
        }
        bytes
    }

    fn read(codes: &mut Codes, count: usize) -> Result<Vec<u32>> {
        let mut out = Vec::new();
        let copy = |codes: &[u32], out: &mut Vec<u32>| {
            out.extend(codes);
            Ok(())
        };
        let same = |code, count, out: &mut Vec<u32>| {
            out.resize(out.len() + count, code);
            Ok(())
        };
        let found = codes.read(count, &mut out, copy, same)?;
        assert_eq!(found, out.len());
        Ok(out)
    }

    proptest! {
        #[test]
        fn codes_come_back(
            width in 0u8..=32,
            runs in prop::collection::vec((1usize..20, any::<bool>()), 1..8),
            seed in any::<u64>(),
            portions in prop::collection::vec((0usize..90, 0..3), 1..12),
        ) {
            let mut state = seed | 1;
            let mut next = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u32 & u32::MAX.checked_shr(32 - u32::from(width)).unwrap_or(0)
            };
            let (mut codes, mut cut) = (Vec::new(), Vec::new());
            for (count, same) in runs {
                let count = if same { count * 5 } else { count * 8 };
                cut.push((count, same));
                let one = next();
                codes.extend((0..count).map(|_| if same { one } else { next() }));
            }
            let bytes = Bytes::from(written(&codes, width, &cut));
            let mut reader = Codes::new(bytes).unwrap();
            let mut at = 0;
            for (count, kind) in portions {
                let end = codes.len().min(at + count);
                if kind == 0 {
                    prop_assert_eq!(reader.skip(count).unwrap(), end - at);
                } else if kind == 1 {
                    let places: Vec<u32> = (5..5 + count as u32).filter(|p| p % 3 > 0).collect();
                    let mut out = Vec::new();
                    let found = reader.pick(count, (&places, 5), &mut out).unwrap();
                    prop_assert_eq!(found, end - at);
                    let there = places.iter().map(|&place| at + place as usize - 5);
                    let there = there.take_while(|&place| place < end);
                    let want: Vec<u32> = there.map(|place| codes[place]).collect();
                    prop_assert_eq!(out, want);
                } else {
                    prop_assert_eq!(read(&mut reader, count).unwrap(), &codes[at..end]);
                }
                at = end;
            }
            prop_assert_eq!(read(&mut reader, codes.len()).unwrap(), &codes[at..]);
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(mut codes) = Codes::new(Bytes::from(bytes.clone())) {
                let mut out: Vec<u32> = Vec::new();
                let first = |_: &[u32], _: &mut Vec<u32>| Ok(());
                let _ = codes.read(10_000, &mut out, first, |_, _, _| Ok(()));
                let _ = codes.skip(10_000);
            }
            // Picking finds what reading finds, up to the same end.
            for (count, skipped) in [(1000, 0), (37, 0), (40, 3), (300, 9)] {
                let start = || {
                    let mut codes = Codes::new(Bytes::from(bytes.clone())).ok()?;
                    codes.skip(skipped).ok().map(|_| codes)
                };
                let (Some(mut reader), Some(mut picker)) = (start(), start()) else {
                    continue;
                };
                let places: Vec<u32> = (2..2 + count as u32).collect();
                let mut out = Vec::new();
                let picked = picker.pick(count, (&places, 2), &mut out);
                let picked = picked.ok().map(|found| (found, out));
                let read = read(&mut reader, count).ok().map(|codes| (codes.len(), codes));
                prop_assert_eq!(picked, read);
            }
        }
    }

    #[test]
    fn the_last_block_may_be_cut_off() {
        let codes: Vec<u32> = (0..8).collect();
        let mut bytes = written(&codes, 4, &[(8, false)]);
        bytes.truncate(bytes.len() - 1);
        let mut reader = Codes::new(Bytes::from(bytes)).unwrap();
        assert_eq!(read(&mut reader, 8).unwrap(), codes[..6]);
    }
}
