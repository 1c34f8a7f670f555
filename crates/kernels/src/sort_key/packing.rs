//! Keys without the bits that all of them share: most need a half or a quarter of their width.

use super::rows::{KeyRows, Keys};
use super::word::U256;

/// Gaps of fewer bits are not worth taking out: each costs a step in every key.
const GAP: u32 = 8;

/// Which bits of the keys vary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packing {
    /// The bits that do not vary.
    fixed: U256,
    /// The bits that do, and some between them.
    mask: U256,
    pieces: Vec<Piece>,
}

/// Neighbouring bits that vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    /// Whether they lie in the upper half of the key.
    upper: bool,
    /// Where in that half the lowest is.
    from: u32,
    /// Where in the packed key.
    to: u32,
    /// As many ones as there are bits.
    mask: u128,
}

impl Packing {
    /// The packing of one of the keys and of all that differ from it in these bits only.
    pub(super) fn new(key: U256, varying: U256) -> Self {
        let (mut pieces, mut mask, mut to) = (Vec::new(), U256::default(), 0);
        for (upper, mut rest) in [(false, varying.low), (true, varying.high)] {
            while rest != 0 {
                let from = rest.trailing_zeros();
                let piece = Piece {
                    upper,
                    from,
                    to,
                    mask: u128::MAX >> (u128::BITS - reach(rest >> from)),
                };
                let place = piece.mask << from;
                let half = if upper { &mut mask.high } else { &mut mask.low };
                *half |= place;
                rest &= !place;
                to += piece.mask.count_ones();
                pieces.push(piece);
            }
        }
        Self {
            fixed: key & !mask,
            mask,
            pieces,
        }
    }

    /// The packing of all keys of some chunks. Bytes are not packed: all of their bits may vary.
    pub(super) fn of<'a>(chunks: impl Iterator<Item = &'a KeyRows>) -> Self {
        let (mut first, mut varying) = (None, U256::default());
        for chunk in chunks.filter(|chunk| !chunk.is_empty()) {
            let first = *first.get_or_insert_with(|| chunk.word(0));
            varying |= first ^ chunk.word(0);
            match chunk.keys() {
                Keys::Narrow { low, .. } => {
                    let first = first.low as u64;
                    let differ = |all: u64, key: &u64| all | (key ^ first);
                    varying.low |= u128::from(low.iter().fold(0, differ));
                }
                Keys::Wide(keys) => {
                    varying.low |= keys.iter().fold(0, |all, key| all | (key ^ first.low));
                }
                Keys::Double(keys) => {
                    let differ = |all: U256, key: &U256| all | (*key ^ first);
                    varying |= keys.iter().fold(U256::default(), differ);
                }
                Keys::Bytes { .. } => varying = U256::MAX,
            }
        }
        Self::new(first.unwrap_or_default(), varying)
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
            [piece] if !piece.upper && piece.from + piece.mask.count_ones() <= u64::BITS => {
                Some((piece.from, piece.mask as u64))
            }
            _ => None,
        }
    }

    /// The packed key, whose order is that of the key; of up to 128 bits.
    #[inline]
    pub(super) fn pack(&self, key: U256) -> u128 {
        let pieces = self.pieces.iter();
        pieces.fold(0, |packed, piece| {
            let half = if piece.upper { key.high } else { key.low };
            packed | (half >> piece.from & piece.mask) << piece.to
        })
    }

    /// The key of a packed key of up to 128 bits.
    #[inline]
    pub(super) fn unpack(&self, packed: u128) -> U256 {
        let mut key = self.fixed;
        for piece in &self.pieces {
            let half = if piece.upper {
                &mut key.high
            } else {
                &mut key.low
            };
            *half |= (packed >> piece.to & piece.mask) << piece.from;
        }
        key
    }
}

/// How many bits a piece has that starts at the lowest one: up to the first gap that is long enough
/// or the end.
fn reach(mut bits: u128) -> u32 {
    let mut length = 0;
    while bits != 0 {
        let zeros = bits.trailing_zeros();
        if zeros >= GAP {
            break;
        }
        bits >>= zeros;
        let ones = bits.trailing_ones();
        bits = bits.checked_shr(ones).unwrap_or(0);
        length += zeros + ones;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shared_bits_are_left_out() {
        let check = |high: u128, low: u128, bits: u32| {
            let packing = Packing::new(U256::MAX, U256 { high, low });
            assert_eq!(packing.bits(), bits, "{high:x} {low:x}");
        };
        check(0, 0, 0);
        check(0, 1, 1);
        check(0, u128::MAX, 128);
        check(0, 1 << 127, 1);
        check(1, 1 << 127, 2);
        check(0, 1 << 127 | 1, 2);
        check(0, 0xff00ff, 16);
        check(0, 0xfe00ff, 15);
        check(0, 0xff01ff, 24);
        check(u128::MAX << 100, 0xff, 36);
        check(u128::MAX, u128::MAX, 256);
    }

    fn word() -> impl Strategy<Value = U256> {
        (any::<u128>(), any::<u128>()).prop_map(|(high, low)| U256 { high, low })
    }

    proptest! {
        #[test]
        fn packed_keys_keep_their_order(
            keys in prop::collection::vec(word(), 2..20),
            masks in prop::collection::vec((0..60u32, 0..255u32), 1..3),
            others in prop::collection::vec(word(), 1..4),
        ) {
            let mask = |&(length, at): &(u32, u32)| U256::from((1u128 << length) - 1) << at;
            let mask = masks.iter().map(mask).fold(U256::default(), |a, b| a | b);
            let like = |key: &U256, mask: U256| *key & mask | keys[0] & !mask;
            // The others have eight more bits that vary.
            let more = mask | U256::from(0xff) << masks[0].1;
            let others: Vec<U256> = others.iter().map(|key| like(key, more)).collect();
            let keys: Vec<U256> = keys.iter().map(|key| like(key, mask)).collect();
            let of = |keys: &[U256]| {
                Packing::of([&KeyRows::new(Keys::Double(keys.to_vec()))].into_iter())
            };
            let packing = of(&keys);
            let union = packing.union(&of(&others));
            assert!(packing.bits() <= union.bits() && union.bits() <= 128 + 2 * GAP);
            for a in &keys {
                if packing.bits() <= 128 {
                    assert_eq!(packing.unpack(packing.pack(*a)), *a);
                    for b in &keys {
                        assert_eq!(packing.pack(*a).cmp(&packing.pack(*b)), a.cmp(b));
                    }
                }
                if union.bits() <= 128 {
                    for b in &others {
                        assert_eq!(union.pack(*a).cmp(&union.pack(*b)), a.cmp(b));
                    }
                }
            }
        }
    }
}
