//! Exact integers for the decimal operations that outgrow 256 bits on their way to a result.
//!
//! Schoolbook algorithms on an array of fixed size: these are for the rare rows on which the fast
//! paths give up.

#![allow(
    clippy::indexing_slicing,
    reason = "limb numbers are below LIMBS by the loops' bounds and by `bits() <= 64 * LIMBS`"
)]

use std::cmp::Ordering;

use arrow::datatypes::i256;

/// 1280 bits: 256 of digits, and 10^242 for the farthest apart that two scales and a result's can
/// be, take 1060; the quotient's 64 guard bits come on top.
const LIMBS: usize = 20;

/// A sign and a magnitude, least limb first. Zero may have either sign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Big {
    negative: bool,
    limbs: [u64; LIMBS],
}

impl Big {
    /// The digits, with so many zeros appended.
    pub(super) fn new(digits: i256, zeros: u32) -> Self {
        let (low, high) = digits.wrapping_abs().to_parts();
        // The smallest i256 wraps to itself, and as unsigned that is its magnitude.
        let high = high as u128;
        let mut limbs = [0; LIMBS];
        let parts = [low, low >> 64, high, high >> 64];
        for (limb, part) in limbs.iter_mut().zip(parts) {
            *limb = part as u64;
        }
        let mut big = Self {
            negative: digits.is_negative(),
            limbs,
        };
        for _ in 0..zeros {
            big.mul_small(10);
        }
        big
    }

    /// The value, if it fits.
    pub(super) fn to_i256(self) -> Option<i256> {
        if self.bits() > 255 {
            return None;
        }
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| u128::from(self.limbs[at]));
        let magnitude = i256::from_parts(a | b << 64, (c | d << 64) as i128);
        Some(if self.negative {
            magnitude.wrapping_neg()
        } else {
            magnitude
        })
    }

    pub(super) fn is_zero(&self) -> bool {
        self.limbs.iter().all(|&limb| limb == 0)
    }

    pub(super) fn is_negative(&self) -> bool {
        self.negative && !self.is_zero()
    }

    pub(super) fn negate(mut self) -> Self {
        self.negative = !self.negative;
        self
    }

    pub(super) fn add(self, other: Self) -> Self {
        if self.negative == other.negative {
            let mut sum = self;
            let mut carry = false;
            for (limb, &other) in sum.limbs.iter_mut().zip(&other.limbs) {
                (*limb, carry) = limb.plus(other, carry);
            }
            return sum;
        }
        match self.compare_magnitude(&other) {
            Ordering::Less => other.minus(&self),
            Ordering::Equal | Ordering::Greater => self.minus(&other),
        }
    }

    pub(super) fn mul(self, other: Self) -> Self {
        let mut product = Self {
            negative: self.negative != other.negative,
            limbs: [0; LIMBS],
        };
        for (at, &a) in self.limbs.iter().enumerate().filter(|(_, a)| **a != 0) {
            let mut carry = 0;
            for (limb, &b) in product.limbs[at..].iter_mut().zip(&other.limbs) {
                let sum = u128::from(a) * u128::from(b) + u128::from(*limb) + carry;
                *limb = sum as u64;
                carry = sum >> 64;
            }
        }
        product
    }

    /// The quotient truncated toward zero, and the remainder, which has the sign of `self`. The
    /// divisor is not zero.
    pub(super) fn div_rem(self, divisor: Self) -> (Self, Self) {
        let mut quotient = Self {
            negative: self.negative != divisor.negative,
            limbs: [0; LIMBS],
        };
        let mut rest = self;
        let Some(shift) = self.bits().checked_sub(divisor.bits()) else {
            return (quotient, rest);
        };
        let mut divisor = divisor.shl(shift);
        for at in (0..=shift).rev() {
            if rest.compare_magnitude(&divisor) != Ordering::Less {
                rest = rest.minus(&divisor);
                quotient.limbs[at / 64] |= 1 << (at % 64);
            }
            divisor.halve();
        }
        (quotient, rest)
    }

    /// The magnitudes' quotient as the nearest float, ties to even. Neither is zero.
    pub(super) fn ratio(self, divisor: Self) -> f64 {
        // Shift one side so that the quotient has 64 or 65 bits: enough to round with a sticky bit.
        let (bits, wanted) = (self.bits(), divisor.bits() + 64);
        let exponent = bits as i32 - wanted as i32;
        let (quotient, rest) = if bits < wanted {
            self.shl(wanted - bits).div_rem(divisor)
        } else {
            self.div_rem(divisor.shl(bits - wanted))
        };
        let digits = u128::from(quotient.limbs[0]) | u128::from(quotient.limbs[1]) << 64;
        round_with_sticky(digits, !rest.is_zero(), exponent)
    }

    pub(super) fn compare_magnitude(&self, other: &Self) -> Ordering {
        self.limbs.iter().rev().cmp(other.limbs.iter().rev())
    }

    /// The magnitude of `self` less that of `other`, which is not greater.
    pub(super) fn minus(mut self, other: &Self) -> Self {
        let mut borrow = false;
        for (limb, &other) in self.limbs.iter_mut().zip(&other.limbs) {
            let (first, under) = limb.overflowing_sub(other);
            let (second, again) = first.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (second, under || again);
        }
        self
    }

    fn mul_small(&mut self, factor: u64) {
        let mut carry = 0;
        for limb in &mut self.limbs {
            let product = u128::from(*limb) * u128::from(factor) + carry;
            *limb = product as u64;
            carry = product >> 64;
        }
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for limb in self.limbs.iter_mut().rev() {
            let next = *limb << 63;
            *limb = *limb >> 1 | carry;
            carry = next;
        }
    }

    fn shl(self, by: usize) -> Self {
        let (whole, part) = (by / 64, by % 64);
        let mut limbs = [0; LIMBS];
        for at in (whole..LIMBS).rev() {
            let low = if part > 0 && at > whole {
                self.limbs[at - whole - 1] >> (64 - part)
            } else {
                0
            };
            limbs[at] = self.limbs[at - whole] << part | low;
        }
        Self {
            negative: self.negative,
            limbs,
        }
    }

    /// How many bits the magnitude has.
    fn bits(&self) -> usize {
        let highest = self.limbs.iter().rposition(|&limb| limb != 0);
        highest.map_or(0, |at| {
            64 * at + 64 - self.limbs[at].leading_zeros() as usize
        })
    }
}

trait Carrying: Sized {
    /// The sum and the carry out.
    fn plus(self, other: Self, carry: bool) -> (Self, bool);
}

impl Carrying for u64 {
    fn plus(self, other: Self, carry: bool) -> (Self, bool) {
        let (first, over) = self.overflowing_add(other);
        let (second, again) = first.overflowing_add(Self::from(carry));
        (second, over || again)
    }
}

/// The float nearest to `digits * 2^exponent` and, if `sticky`, a bit more. Exact when `digits`
/// has at least 56 bits (or `sticky` is false) and the result is a normal float.
pub(super) fn round_with_sticky(digits: u128, sticky: bool, exponent: i32) -> f64 {
    let float = (digits | u128::from(sticky)) as f64;
    float * f64::from_bits(((1023 + exponent) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 256 bits with many limbs of only ones or zeros, where carries travel far.
    fn digits() -> impl Strategy<Value = i256> {
        let limb = || prop_oneof![Just(0), Just(u64::MAX), any::<u64>()];
        (limb(), limb(), limb(), limb()).prop_map(|(a, b, c, d)| {
            let join = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
            i256::from_parts(join(a, b), join(c, d) as i128)
        })
    }

    proptest! {
        #[test]
        fn division_undoes_multiplication(
            left in digits(), right in digits(), zeros in 0..100u32, more in 0..100u32
        ) {
            prop_assume!(right != i256::ZERO);
            let (left, right) = (Big::new(left, zeros), Big::new(right, more));
            let (quotient, rest) = left.div_rem(right);
            prop_assert_eq!(rest.compare_magnitude(&right), Ordering::Less);
            prop_assert!(rest.is_zero() || rest.is_negative() == left.is_negative());
            let back = quotient.mul(right).add(rest);
            prop_assert_eq!(back.compare_magnitude(&left), Ordering::Equal);
            prop_assert!(back.add(left.negate()).is_zero());
        }

        #[test]
        fn sums_agree_with_256_bits(left in digits(), right in digits()) {
            let sum = Big::new(left, 0).add(Big::new(right, 0)).to_i256();
            let exact = left.checked_add(right).filter(|sum| *sum != i256::MIN);
            prop_assert_eq!(sum, exact);
            let product = Big::new(left, 0).mul(Big::new(right, 0)).to_i256();
            prop_assert_eq!(product, left.checked_mul(right).filter(|p| *p != i256::MIN));
        }
    }
}
