//! Arithmetic on intervals: IEEE's rounding is monotonic, so rounded ends bound rounded results.

use esker_datatypes::{DataType, ScalarValue, decimal_parts};

use super::Interval;
use super::key::{integer, integer_scalar, is_exact, type_range};
use super::node::Bounded;
use crate::operator::BinaryOp;

/// What an operator can give, and whether it can overflow.
pub(super) fn binary(op: BinaryOp, left: &Interval, right: &Interval, out: &DataType) -> Bounded {
    let null = left.null || right.null;
    if !left.not_only_null() || !right.not_only_null() {
        return Bounded::safe(Interval {
            value: false,
            nan: false,
            ..Interval::unknown(out)
        });
    }
    let same = left.data_type == *out && right.data_type == *out;
    if out.is_integer() && same {
        let (l, r) = (ends(left), ends(right));
        return match (l, r) {
            (Some(l), Some(r)) => integers(op, l, r, out, null),
            _ => Bounded::fallible(Interval::unknown(out)),
        };
    }
    if matches!(out, DataType::Float32 | DataType::Float64) && same {
        return Bounded::safe(floats(op, left, right, out).with_null(null));
    }
    if *out == DataType::Float64 {
        // The quotient of decimals.
        return Bounded::safe(Interval::unknown(out).with_null(null));
    }
    decimals(op, left, right, out).unwrap_or_else(|| Bounded::fallible(Interval::unknown(out)))
}

/// What the negative of a value can be.
pub(super) fn negate(child: &Interval, out: &DataType) -> Bounded {
    if child.data_type == *out
        && is_exact(out)
        && let Some((low, high)) = ends(child)
    {
        return within(-high, -low, out, child.null);
    }
    if matches!(out, DataType::Float32 | DataType::Float64) && child.data_type == *out {
        let (low, high) = float_ends(child);
        let result = between_floats(-high, -low, out)
            .with_null(child.null)
            .with_nan(child.nan);
        return Bounded::safe(Interval {
            value: child.value,
            ..result
        });
    }
    Bounded::fallible(Interval::unknown(out))
}

/// The ends of an interval of integers or digits.
fn ends(interval: &Interval) -> Option<(i128, i128)> {
    let (least, most) = type_range(&interval.data_type)?;
    let end = |bound: &Option<ScalarValue>, or| bound.as_ref().and_then(integer).unwrap_or(or);
    Some((end(&interval.lower, least), end(&interval.upper, most)))
}

/// Results between these ends, of which those outside of the type are errors.
fn within(low: i128, high: i128, out: &DataType, null: bool) -> Bounded {
    let Some((least, most)) = type_range(out) else {
        return Bounded::fallible(Interval::unknown(out).with_null(null));
    };
    let scalar = |n: i128| integer_scalar(n.clamp(least, most), out);
    let mut interval = Interval::between(out, scalar(low), scalar(high)).with_null(null);
    interval.value &= low <= most && high >= least;
    Bounded {
        interval,
        may_fail: low < least || high > most,
    }
}

fn integers(
    op: BinaryOp,
    (a, b): (i128, i128),
    (c, d): (i128, i128),
    out: &DataType,
    null: bool,
) -> Bounded {
    match op {
        BinaryOp::Add => within(a + c, b + d, out, null),
        BinaryOp::Sub => within(a - d, b - c, out, null),
        // Two factors of 64 unsigned bits do not fit a signed 128.
        BinaryOp::Mul => match products((a, b), (c, d)) {
            Some((low, high)) => within(low, high, out, null),
            None => Bounded::fallible(Interval::unknown(out).with_null(null)),
        },
        BinaryOp::Rem => {
            let zero = c <= 0 && d >= 0;
            let most = c.abs().max(d.abs()) - 1;
            let low = if a < 0 { a.max(-most) } else { 0 };
            let high = if b > 0 { b.min(most) } else { 0 };
            let mut result = within(low, high, out, null || zero);
            // By zero alone the result is always null.
            result.interval.value &= most >= 0;
            result
        }
        _ => Bounded::fallible(Interval::unknown(out)),
    }
}

/// See [`Interval::sum_of`].
pub(super) fn sum_of(values: &Interval, rows: u64, out: &DataType) -> Option<Interval> {
    if values.data_type.is_floating() {
        return Some(Interval::unknown(out));
    }
    let (low, high) = ends(values)?;
    let low = low.min(0).checked_mul(rows.into())?;
    let high = high.max(0).checked_mul(rows.into())?;
    let sums = within(low, high, out, true);
    (!sums.may_fail).then_some(sums.interval)
}

/// The least and the greatest product of a factor from each range.
fn products((a, b): (i128, i128), (c, d): (i128, i128)) -> Option<(i128, i128)> {
    let first = a.checked_mul(c)?;
    let (mut low, mut high) = (first, first);
    for (left, right) in [(a, d), (b, c), (b, d)] {
        let product = left.checked_mul(right)?;
        (low, high) = (low.min(product), high.max(product));
    }
    Some((low, high))
}

/// Decimals of up to 128 bits, by their digits; `None` where those do not fit.
fn decimals(op: BinaryOp, left: &Interval, right: &Interval, out: &DataType) -> Option<Bounded> {
    let null = left.null || right.null;
    let (_, scale) = decimal_parts(out)?;
    let (_, left_scale) = decimal_parts(&left.data_type)?;
    let (_, right_scale) = decimal_parts(&right.data_type)?;
    let rescaled = |interval: &Interval, from: i8| {
        let factor = 10i128.checked_pow(u32::try_from(scale.checked_sub(from)?).ok()?)?;
        let (low, high) = ends(interval)?;
        Some((low.checked_mul(factor)?, high.checked_mul(factor)?))
    };
    let (low, high) = match op {
        BinaryOp::Add | BinaryOp::Sub => {
            let (a, b) = rescaled(left, left_scale)?;
            let (c, d) = rescaled(right, right_scale)?;
            match op {
                BinaryOp::Add => (a.checked_add(c)?, b.checked_add(d)?),
                _ => (a.checked_sub(d)?, b.checked_sub(c)?),
            }
        }
        BinaryOp::Mul if left_scale.checked_add(right_scale)? == scale => {
            products(ends(left)?, ends(right)?)?
        }
        _ => return None,
    };
    Some(within(low, high, out, null))
}

/// The ends of an interval of floats; an open one is infinite.
fn float_ends(interval: &Interval) -> (f64, f64) {
    let end = |bound: &Option<ScalarValue>, or| {
        bound.as_ref().and_then(ScalarValue::as_f64).unwrap_or(or)
    };
    (
        end(&interval.lower, f64::NEG_INFINITY),
        end(&interval.upper, f64::INFINITY),
    )
}

/// Floats between two ends that were computed in double precision.
fn between_floats(low: f64, high: f64, out: &DataType) -> Interval {
    // NaN is an end that is not known. Rounding a double to single precision rounds as computing
    // in single precision does: 53 bits are more than twice 24.
    let scalar = |end: f64| match out {
        _ if end.is_nan() => None,
        DataType::Float32 => Some(ScalarValue::from(end as f32)),
        _ => Some(ScalarValue::from(end)),
    };
    Interval::between(out, scalar(low), scalar(high))
}

fn floats(op: BinaryOp, left: &Interval, right: &Interval, out: &DataType) -> Interval {
    let ((a, b), (c, d)) = (float_ends(left), float_ends(right));
    let (low, high, made_nan) = match op {
        BinaryOp::Add => (a + c, b + d, infinite_apart((a, b), (c, d))),
        BinaryOp::Sub => (a - d, b - c, infinite_apart((a, b), (-d, -c))),
        BinaryOp::Mul => {
            let zero = |(low, high): (f64, f64)| low <= 0.0 && high >= 0.0;
            let infinite = |(low, high): (f64, f64)| low.is_infinite() || high.is_infinite();
            let made_nan = (zero((a, b)) && infinite((c, d))) || (zero((c, d)) && infinite((a, b)));
            // Zero times an open end: the values before the end are finite.
            let product = |x: f64, y: f64| if x == 0.0 || y == 0.0 { 0.0 } else { x * y };
            let products = [product(a, c), product(a, d), product(b, c), product(b, d)];
            let (low, high) = float_hull(products);
            (low, high, made_nan)
        }
        // Away from zero, and without infinity over infinity, quotients are monotonic.
        BinaryOp::Div
            if (c > 0.0 || d < 0.0)
                && !((a.is_infinite() || b.is_infinite())
                    && (c.is_infinite() || d.is_infinite())) =>
        {
            let (low, high) = float_hull([a / c, a / d, b / c, b / d]);
            (low, high, false)
        }
        _ => return Interval::unknown(out),
    };
    let nan = left.nan || right.nan || made_nan;
    let result = between_floats(low, high, out).with_nan(nan);
    Interval {
        value: left.value && right.value,
        ..result
    }
}

/// Whether a sum can be of infinities with different signs.
fn infinite_apart((a, b): (f64, f64), (c, d): (f64, f64)) -> bool {
    (b == f64::INFINITY && c == f64::NEG_INFINITY) || (a == f64::NEG_INFINITY && d == f64::INFINITY)
}

fn float_hull(ends: [f64; 4]) -> (f64, f64) {
    ends.iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &end| {
            (low.min(end), high.max(end))
        })
}
