//! The aggregate functions over the rows of a group (S2, S5, S6).

use std::collections::BTreeSet;

use super::eval::{Scope, eval};
use super::expr::AggFn;
use super::relation::{Row, Stop};
use super::types::{MAX_DIGITS, Type};
use super::typing::Typed;
use super::value::{Decimal, Value};

/// The value of an aggregate over the rows of the scope.
pub(super) fn aggregate(
    function: AggFn,
    arg: Option<&Typed>,
    out: Type,
    scope: &Scope<'_>,
) -> Result<Value, Stop> {
    let count = |rows: usize| Value::Int(rows as i128);
    let Some(arg) = arg else {
        return Ok(count(scope.group.len()));
    };
    let value = |row: &&Row| {
        let value = eval(arg, &Scope::row(&row.values))?;
        Ok((row.rank, value))
    };
    let values = scope.group.iter().map(value);
    let mut values = values.collect::<Result<Vec<(usize, Value)>, Stop>>()?;
    let keeps_nulls = match function {
        AggFn::Count(nulls) | AggFn::NUnique(nulls) => nulls,
        AggFn::First(ignores) | AggFn::Last(ignores) => !ignores,
        AggFn::Len | AggFn::Sum | AggFn::Min | AggFn::Max | AggFn::Mean => false,
        AggFn::Var | AggFn::Std | AggFn::Quantile(_) => false,
    };
    values.retain(|(_, value)| keeps_nulls || !value.is_null());
    let plain = || values.iter().map(|(_, value)| value);
    Ok(match function {
        AggFn::Len | AggFn::Count(_) => count(values.len()),
        AggFn::NUnique(_) => count(plain().collect::<BTreeSet<_>>().len()),
        AggFn::Min => plain().min().cloned().unwrap_or(Value::Null),
        AggFn::Max => plain().max().cloned().unwrap_or(Value::Null),
        AggFn::First(_) => edge(&values, values.iter().map(|(rank, _)| *rank).min())?,
        AggFn::Last(_) => edge(&values, values.iter().map(|(rank, _)| *rank).max())?,
        AggFn::Sum => match sum(plain(), scope)? {
            Some(sum) => fit(sum, out)?,
            None => Value::Null,
        },
        AggFn::Mean => match sum(plain(), scope)? {
            Some(sum) => Value::Float(sum.to_float() / values.len() as f64),
            None => Value::Null,
        },
        AggFn::Var => variance(plain())?.map_or(Value::Null, Value::Float),
        AggFn::Std => variance(plain())?.map_or(Value::Null, |var| Value::Float(var.sqrt())),
        AggFn::Quantile(share) => {
            let mut sorted: Vec<&Value> = plain().collect();
            sorted.sort();
            quantile(&sorted, f64::from(share) / 100.0).map_or(Value::Null, Value::Float)
        }
    })
}

/// The variance of a sample, in two passes over the distances from the first value; NaN unless it
/// is a number.
fn variance<'a>(values: impl Iterator<Item = &'a Value>) -> Result<Option<f64>, Stop> {
    let mut values: Vec<f64> = values.map(Value::to_float).collect();
    let count = values.len() as f64;
    if values.len() < 2 {
        return Ok(None);
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Ok(Some(f64::NAN));
    }
    let greatest = values
        .iter()
        .fold(0.0, |most: f64, value| most.max(value.abs()));
    let first = values.first().copied().unwrap_or_default();
    values.iter_mut().for_each(|value| *value -= first);
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let variance = squares / (count - 1.0);
    // Few digits are left of values that hardly differ, and none beyond the greatest float.
    let cancelled = variance > 0.0 && variance.sqrt() < 1e-5 * greatest;
    match variance < 1e300 && !cancelled {
        true => Ok(Some(variance)),
        false => Err(Stop::Ambiguous),
    }
}

/// The value between those around the place that a share of all values is below.
fn quantile(sorted: &[&Value], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let low = sorted.get(place.floor() as usize)?.to_float();
    let high = sorted.get(place.ceil() as usize)?.to_float();
    let part = place.fract();
    Some(match high - low {
        _ if part == 0.0 => low,
        0.0 => low,
        distance if distance.is_finite() => low + distance * part,
        _ => low * (1.0 - part) + high * part,
    })
}

/// The value that all rows of a rank have.
fn edge(values: &[(usize, Value)], rank: Option<usize>) -> Result<Value, Stop> {
    let mut there = values.iter().filter(|(own, _)| Some(*own) == rank);
    let Some((_, first)) = there.next() else {
        return Ok(Value::Null);
    };
    match there.all(|(_, other)| other == first) {
        true => Ok(first.clone()),
        false => Err(Stop::Ambiguous),
    }
}

/// The sum; none of no values.
fn sum<'a>(
    values: impl Iterator<Item = &'a Value>,
    scope: &Scope<'_>,
) -> Result<Option<Value>, Stop> {
    let mut floats = Vec::new();
    let mut total: Option<Value> = None;
    for value in values {
        total = Some(match (total, value) {
            (None, value) => value.clone(),
            (Some(Value::Int(a)), Value::Int(b)) => Value::Int(a + b),
            (Some(Value::Decimal(a)), Value::Decimal(b)) => {
                let scale = a.scale.max(b.scale);
                let digits = a.at_scale(scale).zip(b.at_scale(scale));
                match digits.and_then(|(a, b)| a.checked_add(b)) {
                    Some(digits) => Value::Decimal(Decimal::new(digits, scale)),
                    None => return Err(Stop::Ambiguous),
                }
            }
            (Some(Value::Float(a)), Value::Float(b)) => Value::Float(a + b),
            (_, other) => return Stop::invalid(format!("{other} in a sum")),
        });
        if let Value::Float(float) = value {
            floats.push(*float);
        }
    }
    if !is_exact(&floats) {
        let (finite, magnitude) = (|float: &&f64| float.is_finite(), |f: &f64| f.abs());
        let magnitude: f64 = floats.iter().filter(finite).map(magnitude).sum();
        let whole: f64 = floats.iter().filter(finite).sum();
        // Where numbers cancel each other out, nothing but rounding is left.
        if !magnitude.is_finite() || magnitude > 1e6 * whole.abs() {
            return Err(Stop::Ambiguous);
        }
        scope.rounded.set(true);
    }
    Ok(total)
}

/// Whether the sum of floats is the same in any order: it and all parts of it have few digits.
fn is_exact(floats: &[f64]) -> bool {
    const UNIT: f64 = (1u64 << 20) as f64;
    let finite = || floats.iter().filter(|float| float.is_finite());
    let magnitude: f64 = finite().map(|float| float.abs() * UNIT).sum();
    floats.len() < 2
        || (magnitude < (1u64 << 52) as f64 && finite().all(|float| (float * UNIT).fract() == 0.0))
}

/// The sum in its type, or an overflow.
fn fit(sum: Value, out: Type) -> Result<Value, Stop> {
    let fits = match (&sum, out) {
        (Value::Int(int), Type::Int { .. }) => out.holds(*int),
        (Value::Decimal(decimal), Type::Decimal(_, scale)) => {
            let digits = decimal.at_scale(scale.into());
            digits.is_some_and(|d| d.unsigned_abs() < 10u128.pow(MAX_DIGITS.into()))
        }
        _ => true,
    };
    match fits {
        true => Ok(sum),
        false => Stop::fails("a sum overflows"),
    }
}
