//! Conversion of intervals, where greater values never become smaller ones.

use esker_datatypes::{
    DataType, ScalarValue, as_decimal_parts, decimal_parts, is_binary, is_decimal, is_string,
};
use esker_kernels::cast::CastMode;

use super::Interval;
use super::key::is_exact;
use super::node::Bounded;
use crate::typing::cast_literal;

/// What a conversion can give, and whether it can fail.
pub(super) fn cast(child: &Interval, to: &DataType, mode: CastMode) -> Bounded {
    if !child.not_only_null() {
        let nothing = Interval::unknown(to).only_null();
        return Bounded::safe(nothing.with_null(child.null));
    }
    let monotonic = is_monotonic(&child.data_type, to);
    // The ends go the way of the values, through the kernel; one that fails leaves its side open.
    let convert = |bound: &Option<ScalarValue>| {
        let bound = bound.as_ref().filter(|_| monotonic)?;
        cast_literal(bound, to)
            .ok()
            .filter(|value| !value.is_null())
    };
    let (lower, upper) = (convert(&child.lower), convert(&child.upper));
    // Where both ends fit, so does all between them; but infinities fit where great floats do not.
    let finite = |end: &Option<ScalarValue>| {
        end.as_ref()
            .is_some_and(|end| end.as_f64().is_none_or(f64::is_finite))
    };
    let fits = (finite(&lower) && finite(&upper)) || always_fits(&child.data_type, to);
    let may_fail = child.not_only_null() && !fits;
    let null = child.null || (may_fail && mode == CastMode::Try);
    let interval = if monotonic {
        let between = Interval::between(to, lower, upper).with_nan(child.nan);
        Interval {
            value: child.value,
            ..between
        }
    } else {
        Interval::unknown(to)
    };
    Bounded {
        interval: interval.with_null(null),
        may_fail: may_fail && mode == CastMode::Strict,
    }
}

fn is_monotonic(from: &DataType, to: &DataType) -> bool {
    let real = |t: &DataType| matches!(t, DataType::Float32 | DataType::Float64);
    from == to
        || (from.is_integer() && (is_exact(to) || real(to)))
        || (real(from) && real(to))
        || (is_exact(from) && is_decimal(from) && is_exact(to) && scales_up(from, to))
        || (is_string(from) && is_string(to))
        || (is_binary(from) && *to == DataType::BinaryView)
        || matches!(
            (from, to),
            (
                DataType::Date32,
                DataType::Timestamp(_, None) | DataType::Date64
            )
        )
}

/// Whether a decimal keeps all of its digits behind the point.
fn scales_up(from: &DataType, to: &DataType) -> bool {
    match (decimal_parts(from), decimal_parts(to)) {
        (Some((_, from)), Some((_, to))) => to >= from,
        _ => false,
    }
}

/// How many digits a decimal has before the point.
fn whole((precision, scale): (u8, i8)) -> i32 {
    i32::from(precision) - i32::from(scale)
}

/// Whether a decimal has room for every digit of an integer or another decimal.
fn has_room(from: &DataType, to: &DataType) -> bool {
    match (as_decimal_parts(from), decimal_parts(to)) {
        (Some(from), Some(to)) => to.1 >= from.1 && whole(to) >= whole(from),
        _ => false,
    }
}

/// Whether the integers or decimals of a type have at most the 38 digits before the point that
/// `Float32` has room for.
fn within_single(from: &DataType) -> bool {
    as_decimal_parts(from).is_some_and(|parts| whole(parts) <= 38)
}

/// Whether every value of a type fits the other.
fn always_fits(from: &DataType, to: &DataType) -> bool {
    let real = |t: &DataType| matches!(t, DataType::Float32 | DataType::Float64);
    let exact = |t: &DataType| t.is_integer() || is_decimal(t);
    from == to
        || *from == DataType::Null
        || has_room(from, to)
        || (exact(from) && real(to) && (*to == DataType::Float64 || within_single(from)))
        || (*from == DataType::Float32 && *to == DataType::Float64)
        || (*from == DataType::Boolean && to.is_integer())
        || (is_string(to)
            && (is_string(from) || exact(from) || real(from) || *from == DataType::Boolean))
        || (is_binary(from) && *to == DataType::BinaryView)
}
