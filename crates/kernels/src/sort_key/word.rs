//! The words that keys are packed in.

use std::ops::{BitAnd, BitOr, BitOrAssign, BitXor, Not, Shl};

use esker_datatypes::Buffers;

/// A word that keys are packed in.
pub(super) trait Word:
    Copy
    + Default
    + Ord
    + BitOr<Output = Self>
    + BitOrAssign
    + BitXor<Output = Self>
    + Shl<u32, Output = Self>
{
    /// The lower bits of a code.
    fn cut(code: u128) -> Self;

    /// An empty vector.
    fn list(capacity: usize, buffers: &mut Buffers) -> Vec<Self>;
}

impl Word for u64 {
    #[inline]
    fn cut(code: u128) -> Self {
        code as u64
    }

    fn list(capacity: usize, buffers: &mut Buffers) -> Vec<Self> {
        buffers.take(capacity)
    }
}

impl Word for u128 {
    #[inline]
    fn cut(code: u128) -> Self {
        code
    }

    fn list(capacity: usize, buffers: &mut Buffers) -> Vec<Self> {
        buffers.take(capacity)
    }
}

/// 256 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct U256 {
    pub(super) high: u128,
    pub(super) low: u128,
}

impl U256 {
    /// All bits set.
    pub(super) const MAX: Self = Self {
        high: u128::MAX,
        low: u128::MAX,
    };

    fn both(self, other: Self, op: impl Fn(u128, u128) -> u128) -> Self {
        Self {
            high: op(self.high, other.high),
            low: op(self.low, other.low),
        }
    }
}

impl From<u128> for U256 {
    #[inline]
    fn from(low: u128) -> Self {
        Self { high: 0, low }
    }
}

impl Word for U256 {
    #[inline]
    fn cut(code: u128) -> Self {
        Self::from(code)
    }

    fn list(capacity: usize, _: &mut Buffers) -> Vec<Self> {
        Vec::with_capacity(capacity)
    }
}

impl BitOr for U256 {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        self.both(other, u128::bitor)
    }
}

impl BitOrAssign for U256 {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl BitAnd for U256 {
    type Output = Self;

    #[inline]
    fn bitand(self, other: Self) -> Self {
        self.both(other, u128::bitand)
    }
}

impl BitXor for U256 {
    type Output = Self;

    #[inline]
    fn bitxor(self, other: Self) -> Self {
        self.both(other, u128::bitxor)
    }
}

impl Not for U256 {
    type Output = Self;

    #[inline]
    fn not(self) -> Self {
        self ^ Self::MAX
    }
}

impl Shl<u32> for U256 {
    type Output = Self;

    #[inline]
    fn shl(self, bits: u32) -> Self {
        let carried = match bits {
            0 => 0,
            1..128 => self.low >> (128 - bits),
            _ => self.low.checked_shl(bits - 128).unwrap_or(0),
        };
        Self {
            high: self.high.checked_shl(bits).unwrap_or(0) | carried,
            low: self.low.checked_shl(bits).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_carry_over() {
        let check = |bits, high, low| {
            let word = U256 {
                high: 1,
                low: 1 << 127 | 1,
            };
            assert_eq!(word << bits, U256 { high, low }, "{bits}");
        };
        check(0, 1, 1 << 127 | 1);
        check(1, 3, 2);
        check(127, 1 << 127 | 1 << 126, 1 << 127);
        check(128, 1 << 127 | 1, 0);
        check(129, 2, 0);
        check(255, 1 << 127, 0);
    }
}
