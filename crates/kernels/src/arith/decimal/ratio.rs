//! True division of decimals: the exact quotient, rounded once.

use arrow::datatypes::{Float64Type, i256};
use esker_datatypes::{Buffers, Column, Result};

use super::big::{Big, round_with_sticky};
use super::digits::Digits;
use super::{is_wide, scale};
use crate::arith::{ArithOp, Call, Failure};
use crate::vector::{Cost, map2, primitive, union_nulls};

/// The exact quotient as the nearest `Float64`; IEEE for a zero divisor.
pub(in crate::arith) fn divide(
    _op: ArithOp,
    call: &Call<'_>,
    buffers: &mut Buffers,
) -> Result<Column, Failure> {
    let shift = scale(call.right.data_type())? - scale(call.left.data_type())?;
    let zeros = (shift.max(0).unsigned_abs(), shift.min(0).unsigned_abs());
    let values = if is_wide(call) {
        ratios::<i256>(call, zeros, buffers)?
    } else {
        ratios::<i128>(call, zeros, buffers)?
    };
    let nulls = union_nulls(call.left.nulls(), call.right.nulls());
    Ok(primitive::<Float64Type>(values, nulls, call.out)?)
}

fn ratios<N: Digits>(
    call: &Call<'_>,
    zeros: (u32, u32),
    buffers: &mut Buffers,
) -> Result<Vec<f64>> {
    let (left, right) = (
        N::read(&call.left, buffers)?,
        N::read(&call.right, buffers)?,
    );
    let factors = i128::power_of_ten(zeros.0).zip(i128::power_of_ten(zeros.1));
    let one = |l: N, r: N| ratio(l, r, zeros, factors);
    let values = map2(
        left.operand(),
        right.operand(),
        call.selection,
        Cost::Dear,
        buffers,
        one,
    );
    left.release(buffers);
    right.release(buffers);
    Ok(values)
}

/// The quotient of digits to which zeros are appended, rounded once.
fn ratio<N: Digits>(left: N, right: N, zeros: (u32, u32), factors: Option<(i128, i128)>) -> f64 {
    if let (Some(a), Some(b), Some((l, r))) = (narrow(left), narrow(right), factors)
        && let (Some(a), Some(b)) = (scaled(a, l), scaled(b, r))
    {
        /// Whole numbers up to this are floats, and the division of two floats rounds once.
        const EXACT: u128 = 1 << 53;
        let (n, d) = (a.unsigned_abs(), b.unsigned_abs());
        if n <= EXACT && d <= EXACT {
            return (a as i64 as f64) / (b as i64 as f64);
        }
        if n != 0 && d != 0 && u128::BITS - d.leading_zeros() <= 72 {
            // All 128 bits of the dividend leave at least 56 of quotient.
            let shift = n.leading_zeros();
            let (quotient, rest) = ((n << shift) / d, (n << shift) % d);
            let float = round_with_sticky(quotient, rest != 0, -(shift as i32));
            return if (a < 0) != (b < 0) { -float } else { float };
        }
    }
    let sign = |digits: N| {
        if digits.is_lt(N::ZERO) {
            -1.0
        } else {
            f64::from(!digits.is_zero())
        }
    };
    if left.is_zero() || right.is_zero() {
        return sign(left) / sign(right);
    }
    let (n, d) = (
        Big::new(left.widen(), zeros.0),
        Big::new(right.widen(), zeros.1),
    );
    n.ratio(d) * sign(left) * sign(right)
}

fn narrow<N: Digits>(digits: N) -> Option<i128> {
    i128::narrow(digits.widen())
}

fn scaled(digits: i128, factor: i128) -> Option<i128> {
    if factor == 1 {
        Some(digits)
    } else {
        digits.checked_mul(factor)
    }
}
