//! Arithmetic of decimals: exact digits, rescaled and checked against the precision of the result.
//!
//! Decimals of up to 38 digits are computed in `i128`, wider ones in `i256`. Where an intermediate
//! result does not fit, the row alone is computed again in a wider integer: only a *result* that
//! does not fit is an error.

#![allow(
    clippy::indexing_slicing,
    reason = "rows come from a selection whose length equals that of the operands"
)]

/// Exact integers of any size decimals can reach.
mod big;
/// The integers that digits are computed in.
mod digits;
/// The loops for short decimals.
mod fast;
/// What decimals are tested against.
#[cfg(test)]
pub(super) mod oracle;
/// True division.
mod ratio;

use std::cmp::Ordering;

use arrow::datatypes::i256;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, ScalarValue, decimal_parts};

pub(super) use ratio::divide;

use self::big::Big;
use self::digits::Digits;
use super::integer::{Divisors, nonzero};
use super::{ArithOp, Call, Failure};
use crate::vector::{Operand, union_nulls};

/// Every operation but the true division, which leaves the decimals.
pub(super) fn binary(
    op: ArithOp,
    call: &Call<'_>,
    buffers: &mut Buffers,
) -> Result<Column, Failure> {
    let op = match op {
        ArithOp::Add => Exact::Add,
        ArithOp::Sub => Exact::Sub,
        ArithOp::Mul => Exact::Mul,
        ArithOp::Rem => Exact::Rem,
        ArithOp::FloorDiv => Exact::FloorDiv,
        ArithOp::FloorMod => Exact::FloorMod,
        ArithOp::Div => return Err(Error::internal("true division gives no decimal").into()),
    };
    by_width(op, call, buffers)
}

/// Division to a decimal, rounded half away from zero.
pub(super) fn div_decimal(call: &Call<'_>, buffers: &mut Buffers) -> Result<Column, Failure> {
    by_width(Exact::Quotient, call, buffers)
}

/// The operations whose result is a decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exact {
    Add,
    Sub,
    Mul,
    Rem,
    FloorDiv,
    FloorMod,
    /// Rounded half away from zero.
    Quotient,
}

/// An operation and what both sides' digits are multiplied by before it.
struct Plan<N> {
    op: Exact,
    /// How many zeros are appended to the digits of each side.
    zeros: (u32, u32),
    /// The factors that append them, where they fit.
    factors: Option<(N, N)>,
    /// Results lie strictly between `-limit` and `limit`.
    limit: N,
}

impl<N: Digits> Plan<N> {
    fn new(op: Exact, call: &Call<'_>) -> Result<Self> {
        let (left, right) = (
            scale(call.left.data_type())?,
            scale(call.right.data_type())?,
        );
        let (to_left, to_right) = match op {
            Exact::Mul => (0, 0),
            Exact::Add | Exact::Sub | Exact::Rem | Exact::FloorDiv | Exact::FloorMod => {
                let common = left.max(right);
                (common - left, common - right)
            }
            Exact::Quotient => {
                let shift = scale(call.out)? + right - left;
                (shift.max(0), -shift.min(0))
            }
        };
        let zeros = (to_left.unsigned_abs(), to_right.unsigned_abs());
        let factors = N::power_of_ten(zeros.0).zip(N::power_of_ten(zeros.1));
        let precision = decimal_parts(call.out).map_or(0, |(precision, _)| precision);
        let limit = N::power_of_ten(u32::from(precision))
            .ok_or_else(|| Error::internal(format!("{} needs a wider integer", call.out)))?;
        Ok(Self {
            op,
            zeros,
            factors,
            limit,
        })
    }

    /// The result of one row (whose divisor is not zero), or `None` if it does not fit.
    fn row(&self, left: N, right: N) -> Option<N> {
        let here = self
            .factors
            .and_then(|factors| apply(self.op, left, right, factors));
        let result = match here {
            Some(result) => result,
            None => self.row_wide(left.widen(), right.widen())?,
        };
        self.fits(result).then_some(result)
    }

    #[cold]
    fn row_wide(&self, left: i256, right: i256) -> Option<N> {
        let (l, r) = self.zeros;
        let factors = i256::power_of_ten(l).zip(i256::power_of_ten(r));
        let result = factors.and_then(|factors| apply(self.op, left, right, factors));
        N::narrow(match result {
            Some(result) => result,
            None => apply_big(self.op, Big::new(left, l), Big::new(right, r)).to_i256()?,
        })
    }

    #[inline]
    fn fits(&self, result: N) -> bool {
        result.is_lt(self.limit) & result.is_gt(self.limit.neg_wrapping())
    }
}

/// The operation on rescaled digits, or `None` where an intermediate result does not fit.
fn apply<N: Digits>(op: Exact, left: N, right: N, factors: (N, N)) -> Option<N> {
    let scaled = |digits: N, factor: N| {
        if factor.is_eq(N::ONE) {
            Some(digits)
        } else {
            digits.times(factor)
        }
    };
    let (left, right) = (scaled(left, factors.0)?, scaled(right, factors.1)?);
    let (negative, divisor_negative) = (left.is_lt(N::ZERO), right.is_lt(N::ZERO));
    match op {
        Exact::Add => left.plus(right),
        Exact::Sub => left.minus(right),
        Exact::Mul => left.times(right),
        Exact::Rem => Some(left.quotient(right)?.1),
        Exact::FloorMod => {
            let (_, rest) = left.quotient(right)?;
            let below = !rest.is_zero() && negative != divisor_negative;
            Some(if below {
                rest.add_wrapping(right)
            } else {
                rest
            })
        }
        Exact::FloorDiv => {
            let (quotient, rest) = left.quotient(right)?;
            let below = !rest.is_zero() && negative != divisor_negative;
            if below {
                quotient.minus(N::ONE)
            } else {
                Some(quotient)
            }
        }
        Exact::Quotient => {
            let (quotient, rest) = left.quotient(right)?;
            // Negative magnitudes: every number has one.
            let minus = |digits: N| {
                if digits.is_lt(N::ZERO) {
                    digits
                } else {
                    digits.neg_wrapping()
                }
            };
            let (rest, divisor) = (minus(rest), minus(right));
            if rest.is_gt(divisor.sub_wrapping(rest)) {
                return Some(quotient);
            }
            if negative == divisor_negative {
                quotient.plus(N::ONE)
            } else {
                quotient.minus(N::ONE)
            }
        }
    }
}

/// [`apply`] where 256 bits are too few; the sides are rescaled already.
fn apply_big(op: Exact, left: Big, right: Big) -> Big {
    let one = Big::new(i256::ONE, 0);
    let opposite = left.is_negative() != right.is_negative();
    match op {
        Exact::Add => left.add(right),
        Exact::Sub => left.add(right.negate()),
        Exact::Mul => left.mul(right),
        Exact::Rem => left.div_rem(right).1,
        Exact::FloorMod => {
            let (_, rest) = left.div_rem(right);
            if opposite && !rest.is_zero() {
                rest.add(right)
            } else {
                rest
            }
        }
        Exact::FloorDiv => {
            let (quotient, rest) = left.div_rem(right);
            if opposite && !rest.is_zero() {
                quotient.add(one.negate())
            } else {
                quotient
            }
        }
        Exact::Quotient => {
            let (quotient, rest) = left.div_rem(right);
            if rest.compare_magnitude(&right.minus(&rest)) == Ordering::Less {
                return quotient;
            }
            quotient.add(if opposite { one.negate() } else { one })
        }
    }
}

fn by_width(op: Exact, call: &Call<'_>, buffers: &mut Buffers) -> Result<Column, Failure> {
    if is_wide(call) {
        compute::<i256>(op, call, buffers)
    } else {
        compute::<i128>(op, call, buffers)
    }
}

fn compute<N: Digits>(
    op: Exact,
    call: &Call<'_>,
    buffers: &mut Buffers,
) -> Result<Column, Failure> {
    let plan = Plan::<N>::new(op, call)?;
    let (left, right) = (
        N::read(&call.left, buffers)?,
        N::read(&call.right, buffers)?,
    );
    let result = rows(&plan, call, left.operand(), right.operand(), buffers);
    left.release(buffers);
    right.release(buffers);
    result
}

fn rows<N: Digits>(
    plan: &Plan<N>,
    call: &Call<'_>,
    left: Operand<'_, N>,
    right: Operand<'_, N>,
    buffers: &mut Buffers,
) -> Result<Column, Failure> {
    let selection = call.selection;
    let mut nulls = union_nulls(call.left.nulls(), call.right.nulls());
    match plan.op {
        Exact::Add | Exact::Sub | Exact::Mul => {
            if let Some(values) = N::fast(plan, left, right, selection, buffers) {
                return Ok(N::column(values, nulls, call.out, buffers)?);
            }
        }
        Exact::Rem | Exact::FloorDiv | Exact::FloorMod | Exact::Quotient => match nonzero(right) {
            Divisors::NotZero => {}
            Divisors::Zero => {
                let null = ScalarValue::null(call.out);
                return Ok(Column::constant(null, selection.len()));
            }
            Divisors::Some(mask) => nulls = union_nulls(nulls.as_ref(), Some(&mask)),
        },
    }
    let mut values = buffers.take::<N>(selection.len());
    values.resize(selection.len(), N::ZERO);
    let valid = |row: usize| nulls.as_ref().is_none_or(|n| n.is_valid(row));
    for row in selection.iter().filter(|&row| valid(row)) {
        match plan.row(left.at(row), right.at(row)) {
            Some(value) => values[row] = value,
            None => {
                buffers.give(values);
                return Err(Failure::Overflow(row));
            }
        }
    }
    Ok(N::column(values, nulls, call.out, buffers)?)
}

fn is_wide(call: &Call<'_>) -> bool {
    [call.left.data_type(), call.right.data_type(), call.out]
        .iter()
        .any(|t| matches!(t, DataType::Decimal256(_, _)))
}

fn scale(data_type: &DataType) -> Result<i32> {
    match decimal_parts(data_type) {
        Some((_, scale)) => Ok(i32::from(scale)),
        None => Err(Error::internal(format!("{data_type} is no decimal"))),
    }
}
