//! The loops for decimals of up to 38 digits, which are nearly always short.

use esker_datatypes::{Buffers, Selection};

use super::{Exact, Plan};
use crate::vector::{Cost, Operand, map2};

/// A factor up to this takes 64 bits to 123.
const SHORT_FACTOR: i128 = 10_i128.pow(18);

impl Plan<i128> {
    /// Sums, differences and products in passes that note whether a row did not fit; `None` when
    /// there may be one.
    pub(super) fn fast(
        &self,
        left: Operand<'_, i128>,
        right: Operand<'_, i128>,
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Option<Vec<i128>> {
        // Whatever passes for 64 bits: nearly always everything.
        let values = match (self.op, self.factors?) {
            (Exact::Mul, _) => self.short(left, right, selection, buffers, |a, b| {
                i128::from(a) * i128::from(b)
            }),
            (Exact::Add, (l, r)) if l.max(r) <= SHORT_FACTOR => {
                let (l, r) = (l as i64, r as i64);
                self.short(left, right, selection, buffers, |a, b| {
                    i128::from(a) * i128::from(l) + i128::from(b) * i128::from(r)
                })
            }
            (Exact::Sub, (l, r)) if l.max(r) <= SHORT_FACTOR => {
                let (l, r) = (l as i64, r as i64);
                self.short(left, right, selection, buffers, |a, b| {
                    i128::from(a) * i128::from(l) - i128::from(b) * i128::from(r)
                })
            }
            _ => None,
        };
        values.or_else(|| self.long(left, right, selection, buffers))
    }

    /// The loop over operands of 64 bits, whose rescaled sums and whose products stay within
    /// `2^126`; `None` when one has more, or when a result does not fit.
    #[inline]
    fn short(
        &self,
        left: Operand<'_, i128>,
        right: Operand<'_, i128>,
        selection: &Selection,
        buffers: &mut Buffers,
        each: impl Fn(i64, i64) -> i128,
    ) -> Option<Vec<i128>> {
        // What of a value its low 64 bits do not say: zero if nothing.
        let excess = |value: i128| (value >> 64) as i64 ^ (value as i64 >> 63);
        let mut beyond = 0;
        let mut fits = true;
        let values = if self.limit > 1 << 126 {
            map2(
                left,
                right,
                selection,
                Cost::Cheap,
                buffers,
                |a: i128, b: i128| {
                    beyond |= excess(a) | excess(b);
                    each(a as i64, b as i64)
                },
            )
        } else {
            map2(
                left,
                right,
                selection,
                Cost::Cheap,
                buffers,
                |a: i128, b: i128| {
                    beyond |= excess(a) | excess(b);
                    let result = each(a as i64, b as i64);
                    fits &= self.fits(result);
                    result
                },
            )
        };
        if beyond == 0 && fits {
            return Some(values);
        }
        buffers.give(values);
        None
    }

    /// The loop over sums and differences of any operands; `None` when one may overflow.
    fn long(
        &self,
        left: Operand<'_, i128>,
        right: Operand<'_, i128>,
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Option<Vec<i128>> {
        let (l, r) = self.factors?;
        let sign = match self.op {
            Exact::Add => 1,
            Exact::Sub => -1,
            Exact::Mul | Exact::Rem | Exact::FloorDiv | Exact::FloorMod | Exact::Quotient => {
                return None;
            }
        };
        // Between these bounds operands are rescaled and summed without overflow.
        const HALF: i128 = 1 << 126;
        let (to_left, to_right) = (HALF / l, HALF / r);
        let r = sign * r;
        let mut fits = true;
        let values = map2(
            left,
            right,
            selection,
            Cost::Cheap,
            buffers,
            |a: i128, b: i128| {
                let sum = a.wrapping_mul(l).wrapping_add(b.wrapping_mul(r));
                fits &= within(a, to_left) & within(b, to_right) & self.fits(sum);
                sum
            },
        );
        if fits {
            return Some(values);
        }
        buffers.give(values);
        None
    }
}

/// Whether `-bound < value < bound`, by one comparison.
#[inline]
fn within(value: i128, bound: i128) -> bool {
    (value.wrapping_add(bound) as u128).wrapping_sub(1) < (2 * bound as u128).saturating_sub(1)
}
