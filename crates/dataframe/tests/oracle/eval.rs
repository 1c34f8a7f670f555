//! Expressions, evaluated a row or a group of rows at a time.

use std::cell::Cell;
use std::cmp::Ordering;

use arrow::array::{AsArray, Date32Array};
use arrow::compute::{DatePart, date_part};
use arrow::datatypes::{Date32Type, Int32Type};

use super::aggregate::aggregate;
use super::expr::{ArithOp, CmpOp, Function, Test};
use super::relation::{Row, Stop};
use super::types::Type;
use super::typing::{Node, Typed};
use super::value::{Decimal, Value};

/// What an expression is evaluated over.
pub(crate) struct Scope<'a> {
    /// The values of the row, or of the first row of the group.
    pub(crate) row: &'a [Value],
    /// The rows of the group.
    pub(crate) group: &'a [&'a Row],
    /// Set when floats were added whose sum depends on the order.
    pub(crate) rounded: Cell<bool>,
}

impl<'a> Scope<'a> {
    /// A row.
    pub(crate) fn row(row: &'a [Value]) -> Self {
        Self::group(row, &[])
    }

    /// A group of rows.
    pub(crate) fn group(row: &'a [Value], group: &'a [&'a Row]) -> Self {
        Self {
            row,
            group,
            rounded: Cell::new(false),
        }
    }
}

/// The value of an operation. What is not needed is not evaluated: the right of `AND` and `OR`, the
/// branches of `CASE`.
pub(crate) fn eval(typed: &Typed, scope: &Scope<'_>) -> Result<Value, Stop> {
    let one = |typed: &Typed| eval(typed, scope);
    Ok(match &typed.node {
        Node::Col(at) => scope.row.get(*at).cloned().unwrap_or(Value::Null),
        Node::Lit(value) => value.clone(),
        Node::Convert(arg) => cast(one(arg)?, typed.data_type)?,
        Node::Arith(op, left, right) => {
            let (left, right) = (one(left)?, one(right)?);
            arith(*op, &left, &right, typed.data_type)?
        }
        Node::Neg(arg) => arith(ArithOp::Sub, &Value::Int(0), &one(arg)?, typed.data_type)?,
        Node::Abs(arg) => {
            let value = one(arg)?;
            match value.compare(&Value::Int(0)) {
                _ if value.is_null() => value,
                Ordering::Less => arith(ArithOp::Sub, &Value::Int(0), &value, typed.data_type)?,
                _ => value,
            }
        }
        Node::Call(function, arg) => call(*function, &one(arg)?)?,
        Node::Cmp(op, left, right) => compare(*op, &one(left)?, &one(right)?),
        Node::And(left, right) => match one(left)? {
            Value::Bool(false) => Value::Bool(false),
            left => match (left, one(right)?) {
                (_, Value::Bool(false)) => Value::Bool(false),
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                _ => Value::Bool(true),
            },
        },
        Node::Or(left, right) => match one(left)? {
            Value::Bool(true) => Value::Bool(true),
            left => match (left, one(right)?) {
                (_, Value::Bool(true)) => Value::Bool(true),
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                _ => Value::Bool(false),
            },
        },
        Node::Not(arg) => not(one(arg)?),
        Node::Is(test, arg) => {
            let value = one(arg)?;
            match test {
                Test::Null => Value::Bool(value.is_null()),
                Test::NotNull => Value::Bool(!value.is_null()),
                Test::True => Value::Bool(value.is_true()),
                Test::False => Value::Bool(matches!(value, Value::Bool(false))),
                Test::Nan if value.is_null() => Value::Null,
                Test::Nan => Value::Bool(value.to_float().is_nan()),
            }
        }
        Node::In(arg, list, negated) => {
            let value = one(arg)?;
            let list = list.iter().map(one).collect::<Result<Vec<_>, _>>()?;
            let found = list.iter().map(|member| compare(CmpOp::Eq, &value, member));
            let found = found.fold(Value::Bool(false), |all, one| match (all, one) {
                (Value::Bool(true), _) | (_, Value::Bool(true)) => Value::Bool(true),
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                _ => Value::Bool(false),
            });
            if *negated { not(found) } else { found }
        }
        Node::Between(parts, negated) => {
            let [value, low, high] = [one(&parts[0])?, one(&parts[1])?, one(&parts[2])?];
            let above = compare(CmpOp::GtEq, &value, &low);
            let below = compare(CmpOp::LtEq, &value, &high);
            let within = match (above, below) {
                (Value::Bool(false), _) | (_, Value::Bool(false)) => Value::Bool(false),
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                _ => Value::Bool(true),
            };
            if *negated { not(within) } else { within }
        }
        Node::Case(branches, otherwise) => {
            for (when, then) in branches {
                if one(when)?.is_true() {
                    return one(then);
                }
            }
            otherwise.as_deref().map_or(Ok(Value::Null), one)?
        }
        Node::Coalesce(list) => {
            let list = list.iter().map(one).collect::<Result<Vec<_>, _>>()?;
            let first = list.into_iter().find(|value| !value.is_null());
            first.unwrap_or(Value::Null)
        }
        Node::Cast(arg, forgiving) => match cast(one(arg)?, typed.data_type) {
            Err(Stop::Fails(_)) if *forgiving => Value::Null,
            other => other?,
        },
        Node::Agg(function, arg) => aggregate(*function, arg.as_deref(), typed.data_type, scope)?,
    })
}

fn not(value: Value) -> Value {
    match value {
        Value::Bool(value) => Value::Bool(!value),
        other => other,
    }
}

/// Text as `std` has it, dates as Arrow does (which is chrono).
fn call(function: Function, value: &Value) -> Result<Value, Stop> {
    let part = |days: i32, part: DatePart| {
        let part = date_part(&Date32Array::from(vec![days]), part).unwrap();
        Value::Int(part.as_primitive::<Int32Type>().value(0).into())
    };
    Ok(match (function, value) {
        (_, Value::Null) => Value::Null,
        (Function::Upper, Value::Text(text)) => Value::text(&text.to_uppercase()),
        (Function::Strip, Value::Text(text)) => Value::text(text.trim()),
        (Function::LenChars, Value::Text(text)) => Value::Int(text.chars().count() as i128),
        (Function::Slice(start, end), Value::Text(text)) => {
            let chars: Vec<char> = text.chars().collect();
            let len = chars.len() as i64;
            let at = |at: i64| (if at < 0 { at + len } else { at }).clamp(0, len) as usize;
            let part = chars.get(at(start)..at(end)).unwrap_or_default();
            Value::text(&String::from_iter(part))
        }
        (Function::Contains(part), Value::Text(text)) => Value::Bool(text.contains(part)),
        (Function::StartsWith(part), Value::Text(text)) => Value::Bool(text.starts_with(part)),
        (Function::Like(pattern), Value::Text(text)) => {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            Value::Bool(like(&chars(text), &chars(pattern)))
        }
        (Function::Year, Value::Date(days)) => part(*days, DatePart::Year),
        (Function::Month, Value::Date(days)) => part(*days, DatePart::Month),
        // Arrow counts from 1 too.
        (Function::DayOfYear, Value::Date(days)) => part(*days, DatePart::DayOfYear),
        (Function::AddDays(by), Value::Date(days)) => {
            match i64::from(*days)
                .checked_add(by)
                .and_then(|days| days.try_into().ok())
            {
                Some(days) => Value::Date(days),
                None => return Stop::fails("a date overflows"),
            }
        }
        (Function::AddMonths(by), Value::Date(days)) => {
            match Date32Type::add_year_months_opt(*days, by as i32) {
                Some(days) => Value::Date(days),
                None => return Stop::fails("a date overflows"),
            }
        }
        (function, value) => return Stop::invalid(format!("{function:?} of {value}")),
    })
}

/// `LIKE` by trying everything.
fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|at| like(&text[at..], rest)),
        [first, rest @ ..] => {
            text.first()
                .is_some_and(|own| *first == '_' || own == first)
                && like(&text[1..], rest)
        }
    }
}

fn compare(op: CmpOp, left: &Value, right: &Value) -> Value {
    if left.is_null() || right.is_null() {
        return Value::Null;
    }
    let order = left.compare(right);
    Value::Bool(match op {
        CmpOp::Eq => order.is_eq(),
        CmpOp::NotEq => order.is_ne(),
        CmpOp::Lt => order.is_lt(),
        CmpOp::LtEq => order.is_le(),
        CmpOp::Gt => order.is_gt(),
        CmpOp::GtEq => order.is_ge(),
    })
}

/// The result in a type, or an overflow.
fn arith(op: ArithOp, left: &Value, right: &Value, out: Type) -> Result<Value, Stop> {
    if left.is_null() || right.is_null() {
        return Ok(Value::Null);
    }
    if out.is_float() {
        return Ok(Value::Float(float_arith(
            op,
            left.to_float(),
            right.to_float(),
            out,
        )));
    }
    if let Type::Decimal(precision, scale) = out {
        let result = decimal_arith(op, left, right, scale.into());
        let fits = |digits: &i128| digits.unsigned_abs() < 10u128.pow(precision.into());
        let Some(digits) = result.filter(fits) else {
            return Stop::fails("a decimal overflows");
        };
        return Ok(Value::Decimal(Decimal::new(digits, scale.into())));
    }
    let (Value::Int(l), Value::Int(r)) = (left, right) else {
        return Stop::invalid("arithmetic of what are no numbers");
    };
    let result = match op {
        ArithOp::Add => l + r,
        ArithOp::Sub => l - r,
        ArithOp::Mul => match l.checked_mul(*r) {
            Some(product) => product,
            None => return Stop::fails("an integer overflows"),
        },
        ArithOp::Div | ArithOp::Rem | ArithOp::FloorDiv | ArithOp::FloorMod if *r == 0 => {
            return Ok(Value::Null);
        }
        ArithOp::Div => l / r,
        ArithOp::Rem => l % r,
        ArithOp::FloorDiv => l.div_euclid(*r) - i128::from(l % r != 0 && *r < 0),
        ArithOp::FloorMod => {
            let rest = l % r;
            if rest != 0 && (rest < 0) != (*r < 0) {
                rest + r
            } else {
                rest
            }
        }
    };
    match out.holds(result) {
        true => Ok(Value::Int(result)),
        false => Stop::fails("an integer overflows"),
    }
}

fn float_arith(op: ArithOp, left: f64, right: f64, out: Type) -> f64 {
    // Results of one operation on 32 bits, computed in 64 and rounded again, are right.
    let result = match op {
        ArithOp::Add => left + right,
        ArithOp::Sub => left - right,
        ArithOp::Mul => left * right,
        ArithOp::Div => left / right,
        ArithOp::Rem | ArithOp::FloorDiv | ArithOp::FloorMod => f64::NAN,
    };
    match out {
        Type::Float32 => f64::from(result as f32),
        _ => result,
    }
}

/// The digits at a scale.
fn decimal_arith(op: ArithOp, left: &Value, right: &Value, scale: u32) -> Option<i128> {
    let decimal = |value: &Value| match value {
        Value::Int(int) => Some(Decimal::new(*int, 0)),
        Value::Decimal(decimal) => Some(*decimal),
        _ => None,
    };
    let (left, right) = (decimal(left)?, decimal(right)?);
    match op {
        ArithOp::Add => left.at_scale(scale)?.checked_add(right.at_scale(scale)?),
        ArithOp::Sub => left.at_scale(scale)?.checked_sub(right.at_scale(scale)?),
        ArithOp::Mul => {
            let digits = left.digits.checked_mul(right.digits)?;
            Decimal::new(digits, left.scale + right.scale).at_scale(scale)
        }
        ArithOp::Div | ArithOp::Rem | ArithOp::FloorDiv | ArithOp::FloorMod => None,
    }
}

/// The value in another type (S9).
pub(super) fn cast(value: Value, to: Type) -> Result<Value, Stop> {
    let misfit = || Stop::Fails("a value does not fit".to_owned());
    Ok(match (value, to) {
        (Value::Null, _) => Value::Null,
        (Value::Int(int), Type::Int { .. }) => match to.holds(int) {
            true => Value::Int(int),
            false => return Err(misfit()),
        },
        (Value::Int(int), Type::Float32) => Value::Float(f64::from(int as f32)),
        (Value::Int(int), Type::Float64) => Value::Float(int as f64),
        (Value::Int(int), Type::Text) => Value::text(&int.to_string()),
        (Value::Int(int), Type::Decimal(precision, scale)) => {
            let decimal = Decimal::new(int, 0);
            let digits = decimal.at_scale(scale.into());
            let fits = |digits: &i128| digits.unsigned_abs() < 10u128.pow(precision.into());
            digits.filter(fits).ok_or_else(misfit)?;
            Value::Decimal(decimal)
        }
        (Value::Float(float), Type::Int { .. }) => {
            let int = float.trunc() as i128;
            match float.is_finite() && to.holds(int) {
                true => Value::Int(int),
                false => return Err(misfit()),
            }
        }
        (Value::Float(float), Type::Float32) => Value::Float(f64::from(float as f32)),
        (Value::Float(float), Type::Float64) => Value::Float(float),
        (Value::Decimal(decimal), Type::Decimal(precision, scale)) => {
            let digits = decimal.at_scale(scale.into());
            let fits = |digits: &i128| digits.unsigned_abs() < 10u128.pow(precision.into());
            digits.filter(fits).ok_or_else(misfit)?;
            Value::Decimal(decimal)
        }
        (Value::Bool(value), Type::Int { .. }) => Value::Int(value.into()),
        (Value::Text(text), Type::Int { .. }) => match text.parse().ok() {
            Some(int) if to.holds(int) => Value::Int(int),
            _ => return Err(misfit()),
        },
        (Value::Date(days), Type::Instant) => Value::Instant(i64::from(days) * 86_400_000_000),
        (value @ Value::Bool(_), Type::Bool)
        | (value @ Value::Text(_), Type::Text)
        | (value @ Value::Date(_), Type::Date)
        | (value @ Value::Instant(_), Type::Instant) => value,
        (value, to) => return Stop::invalid(format!("{value} as {to:?}")),
    })
}
