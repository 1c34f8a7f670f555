//! Keys without the bits that all of them share: most need a half or a quarter of their width.

use super::rows::{KeyRows, Keys};

/// Gaps of fewer bits are not worth taking out: each costs a step in every key.
const GAP: u32 = 8;

/// Which bits of the keys vary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packing {
    /// The bits that do not vary.
    fixed: u128,
    /// The bits that do, and some between them.
    mask: u128,
    pieces: Vec<Piece>,
}

/// Neighbouring bits that vary, as the lower ones of `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    from: u32,
    to: u32,
    mask: u128,
}

impl Packing {
    /// The packing of one of the keys and of all that differ from it in these bits only.
    pub(super) fn new(key: u128, varying: u128) -> Self {
        let (mut pieces, mut mask, mut rest, mut to) = (Vec::new(), 0, varying, 0);
        while rest != 0 {
            let from = rest.trailing_zeros();
            // The piece ends where a gap begins that is long enough, at the latest at the top.
            let mut length = 0;
            let mut above = rest >> from;
            while above != 0 {
                let ones = above.trailing_ones();
                length += ones;
                above = above.checked_shr(ones).unwrap_or(0);
                if above == 0 || above.trailing_zeros() >= GAP {
                    break;
                }
                length += above.trailing_zeros();
                above >>= above.trailing_zeros();
            }
            let ones = u128::MAX >> (u128::BITS - length);
            pieces.push(Piece {
                from,
                to,
                mask: ones,
            });
            mask |= ones << from;
            rest &= !(ones << from);
            to += length;
        }
        Self {
            fixed: key & !mask,
            mask,
            pieces,
        }
    }

    /// The packing of all keys of some chunks.
    pub(super) fn of<'a>(chunks: impl Iterator<Item = &'a KeyRows>) -> Self {
        let (mut first, mut varying) = (None, 0);
        for chunk in chunks.filter(|chunk| !chunk.is_empty()) {
            let first = *first.get_or_insert_with(|| chunk.word(0));
            varying |= first ^ chunk.word(0);
            match chunk.keys() {
                Keys::Narrow { low, .. } => {
                    let differ = |all: u64, key: &u64| all | (key ^ first as u64);
                    varying |= u128::from(low.iter().fold(0, differ));
                }
                Keys::Wide(keys) => {
                    varying |= keys.iter().fold(0, |all, key| all | (key ^ first));
                }
                Keys::Bytes { .. } => varying |= u128::from(u64::MAX),
            }
        }
        Self::new(first.unwrap_or(0), varying)
    }

    /// A packing of all keys that either is one of.
    pub(super) fn union(&self, other: &Self) -> Self {
        Self::new(
            self.fixed,
            self.mask | other.mask | (self.fixed ^ other.fixed),
        )
    }

    /// How many bits a packed key has.
    pub(super) fn bits(&self) -> u32 {
        self.pieces
            .last()
            .map_or(0, |piece| piece.to + piece.mask.count_ones())
    }

    /// The only piece, as its place and its bits, if it lies in the lower half.
    pub(super) fn low_piece(&self) -> Option<(u32, u64)> {
        match self.pieces.as_slice() {
            [] => Some((0, 0)),
            [piece] if piece.from + piece.mask.count_ones() <= u64::BITS => {
                Some((piece.from, piece.mask as u64))
            }
            _ => None,
        }
    }

    /// The packed key, whose order is that of the key.
    #[inline]
    pub(super) fn pack(&self, key: u128) -> u128 {
        let pieces = self.pieces.iter();
        pieces.fold(0, |packed, piece| {
            packed | (key >> piece.from & piece.mask) << piece.to
        })
    }

    /// The key.
    #[inline]
    pub(super) fn unpack(&self, packed: u128) -> u128 {
        let pieces = self.pieces.iter();
        pieces.fold(self.fixed, |key, piece| {
            key | (packed >> piece.to & piece.mask) << piece.from
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shared_bits_are_left_out() {
        let check = |varying: u128, bits: u32| {
            assert_eq!(Packing::new(u128::MAX, varying).bits(), bits, "{varying:x}");
        };
        check(0, 0);
        check(1, 1);
        check(u128::MAX, 128);
        check(1 << 127, 1);
        check(1 << 127 | 1, 2);
        check(0xff00ff, 16);
        check(0xfe00ff, 15);
        check(0xff01ff, 24);
        check(u128::MAX << 100, 28);
    }

    proptest! {
        #[test]
        fn packed_keys_keep_their_order(
            keys in prop::collection::vec(any::<u128>(), 2..20),
            masks in prop::collection::vec((0..128u32, 0..128u32), 1..4),
            others in prop::collection::vec(any::<u128>(), 1..4),
        ) {
            let mask = |&(length, at): &(u32, u32)| ((1u128 << length) - 1) << at;
            let mask = masks.iter().map(mask).fold(0, |a, b| a | b);
            let keys: Vec<u128> = keys.iter().map(|key| key & mask | keys[0] & !mask).collect();
            let chunk = KeyRows::new(Keys::Wide(keys.clone()));
            let packing = Packing::of([&chunk].into_iter());
            let other = Packing::of([&KeyRows::new(Keys::Wide(others.clone()))].into_iter());
            let union = packing.union(&other);
            assert!(packing.bits() <= union.bits());
            for a in &keys {
                assert_eq!(packing.unpack(packing.pack(*a)), *a);
                for b in &keys {
                    assert_eq!(packing.pack(*a).cmp(&packing.pack(*b)), a.cmp(b));
                }
                for b in &others {
                    assert_eq!(union.pack(*a).cmp(&union.pack(*b)), a.cmp(b));
                }
            }
        }
    }
}
