//! Conversion of intervals, where greater values never become smaller ones.

use esker_datatypes::{DataType, decimal_parts, is_binary, is_decimal, is_string};
use esker_kernels::cast::CastMode;

use super::Interval;
use super::key::{integer, is_exact, type_range};
use super::node::Bounded;
use crate::typing::cast_literal;

/// What a conversion can give, and whether it can fail.
pub(super) fn cast(child: &Interval, to: &DataType, mode: CastMode) -> Bounded {
    let may_fail = child.not_only_null() && !is_safe(child, to);
    let null = child.null || (may_fail && mode == CastMode::Try);
    let mut interval = Interval::unknown(to).with_null(null);
    if is_monotonic(&child.data_type, to) {
        // The ends go the way of the values: through the kernel. One that fails leaves its side
        // open.
        let convert = |bound: &Option<_>| {
            let cast = bound
                .as_ref()
                .and_then(|bound| cast_literal(bound, to).ok());
            cast.filter(|value| !value.is_null())
        };
        interval = Interval {
            value: child.value,
            ..Interval::between(to, convert(&child.lower), convert(&child.upper))
        };
        interval = interval.with_null(null).with_nan(child.nan);
    }
    Bounded {
        interval,
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

/// Whether every value fits the other type.
fn is_safe(child: &Interval, to: &DataType) -> bool {
    use arrow::datatypes::TimeUnit;
    let from = &child.data_type;
    let plain = from.is_integer()
        || matches!(
            from,
            DataType::Float32 | DataType::Float64 | DataType::Boolean
        )
        || is_decimal(from);
    match (from, to) {
        (from, to) if from == to => true,
        (DataType::Null, _) => true,
        (from, DataType::Float64) if from.is_integer() || *from == DataType::Float32 => true,
        (from, DataType::Float32) if from.is_integer() => true,
        (DataType::Boolean, to) if to.is_integer() => true,
        (from, to) if is_string(to) => is_string(from) || plain,
        (from, DataType::BinaryView) => is_binary(from),
        (DataType::Date32, DataType::Date64) => true,
        (DataType::Date32, DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond, None)) => {
            true
        }
        (from, to) if is_exact(from) && is_exact(to) => fits(child, to).unwrap_or(false),
        _ => false,
    }
}

/// Whether integers or digits, brought to the scale of another type, lie within it.
fn fits(child: &Interval, to: &DataType) -> Option<bool> {
    let (_, from_scale) = decimal_parts(&child.data_type).unwrap_or((0, 0));
    let (_, to_scale) = decimal_parts(to).unwrap_or((0, 0));
    let factor = u32::try_from(to_scale.checked_sub(from_scale)?).ok()?;
    let factor = 10i128.checked_pow(factor)?;
    let (least, most) = type_range(to)?;
    let scaled = |bound: &Option<_>| bound.as_ref().and_then(integer)?.checked_mul(factor);
    Some(scaled(&child.lower)? >= least && scaled(&child.upper)? <= most)
}
