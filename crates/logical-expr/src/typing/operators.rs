//! The types of operators.

use esker_datatypes::{
    DataType, Error, Result, common_type, comparison_type, decimal_type, is_binary, is_decimal,
    is_string, value_type,
};

use super::Types;
use super::operand::{boolean, decimal_operand, settled};
use crate::function::Operand;
use crate::operator::{BinaryOp, UnaryOp};

pub(super) fn binary_type(op: BinaryOp, left: &Operand, right: &Operand) -> Types {
    let nullable = left.nullable || right.nullable;
    if op.as_arith().is_some() {
        let (l, r, out) = arith_type(op, left, right)?;
        // Division of decimals and remainders by zero are null.
        let zero_is_null = op == BinaryOp::Rem && !out.is_floating();
        return Ok((vec![l, r], out, nullable || zero_is_null));
    }
    if op.as_compare().is_some() {
        let (l, r) = compare_type(left, right).ok_or_else(|| mismatch(op, left, right))?;
        return Ok((vec![l, r], DataType::Boolean, nullable));
    }
    if boolean(left) && boolean(right) {
        return Ok((vec![DataType::Boolean; 2], DataType::Boolean, nullable));
    }
    Err(Error::type_mismatch(format!(
        "{op} takes truth values, not {} and {}",
        left.data_type, right.data_type
    )))
}

fn mismatch(op: BinaryOp, left: &Operand, right: &Operand) -> Error {
    let (l, r) = (&left.data_type, &right.data_type);
    let verb = if op.as_compare().is_some() {
        "compare"
    } else {
        "compute"
    };
    let temporal = |t: &DataType| t.is_temporal();
    let hint = if (is_string(l) && temporal(r)) || (temporal(l) && is_string(r)) {
        "; text is no date: write lit(date) or cast it"
    } else if is_string(l) != is_string(r) {
        "; text never becomes a number by itself: cast one side"
    } else {
        "; cast one side"
    };
    Error::type_mismatch(format!("cannot {verb} {l} {op} {r}{hint}"))
}

/// The types in which two operands are compared; those that the kernel compares as they are stay.
pub(super) fn compare_type(left: &Operand, right: &Operand) -> Option<(DataType, DataType)> {
    let (l, r) = (value_type(&left.data_type), value_type(&right.data_type));
    let as_is = (is_string(l) && is_string(r))
        || (is_binary(l) && is_binary(r))
        || (left.literal.is_none() && right.literal.is_none() && exact_integers(l, r));
    if as_is {
        return Some((l.clone(), r.clone()));
    }
    let (left, right) = (settled(left, right), settled(right, left));
    // No signed type holds all of `UInt64`, but the comparison of it with `Int64` is exact.
    match (&left, &right) {
        (DataType::UInt64, r) if r.is_signed_integer() => {
            return Some((DataType::UInt64, DataType::Int64));
        }
        (l, DataType::UInt64) if l.is_signed_integer() => {
            return Some((DataType::Int64, DataType::UInt64));
        }
        _ => {}
    }
    let common = comparison_type(&left, &right)?;
    Some((common.clone(), common))
}

fn exact_integers(left: &DataType, right: &DataType) -> bool {
    matches!(
        (left, right),
        (DataType::Int64, DataType::UInt64) | (DataType::UInt64, DataType::Int64)
    )
}

fn arith_type(
    op: BinaryOp,
    left: &Operand,
    right: &Operand,
) -> Result<(DataType, DataType, DataType)> {
    let (l, r) = (settled(left, right), settled(right, left));
    let number = |t: &DataType| t.is_numeric() || *t == DataType::Null;
    if !number(&l) || !number(&r) {
        if l.is_temporal() || r.is_temporal() {
            return Err(Error::unsupported(format!(
                "date and time arithmetic: {} {op} {}",
                left.data_type, right.data_type
            )));
        }
        return Err(mismatch(op, left, right));
    }
    if (is_decimal(&l) || is_decimal(&r)) && !l.is_floating() && !r.is_floating() {
        return decimal_arith_type(op, &l, &r);
    }
    if op == BinaryOp::Div {
        return Ok((DataType::Float64, DataType::Float64, DataType::Float64));
    }
    let common = match common_type(&l, &r) {
        Some(DataType::Null) => DataType::Int64,
        Some(common) => common,
        None => return Err(mismatch(op, left, right)),
    };
    Ok((common.clone(), common.clone(), common))
}

/// S5: exact results, precision as needed, scale never cut.
fn decimal_arith_type(
    op: BinaryOp,
    left: &DataType,
    right: &DataType,
) -> Result<(DataType, DataType, DataType)> {
    let wide = [left, right]
        .iter()
        .any(|t| matches!(t, DataType::Decimal256(_, _)));
    let (l, lw, ls) = decimal_operand(left, wide);
    let (r, rw, rs) = decimal_operand(right, wide);
    let scale = ls.max(rs);
    let out = match op {
        BinaryOp::Add | BinaryOp::Sub => decimal_type(lw.max(rw) + 1, scale, wide),
        BinaryOp::Mul => {
            let scale = i32::from(ls) + i32::from(rs);
            let max = if wide { 76 } else { 38 };
            if scale > max {
                return Err(Error::type_mismatch(format!(
                    "{left} * {right} needs {scale} digits behind the point, more than {max}: \
                     cast one side to a smaller scale"
                )));
            }
            decimal_type(lw + rw, scale as i8, wide)
        }
        BinaryOp::Div => DataType::Float64,
        _ => decimal_type(lw.max(rw), scale, wide),
    };
    Ok((l, r, out))
}

pub(super) fn unary_type(op: UnaryOp, child: &Operand) -> Types {
    let own = value_type(&child.data_type);
    let refuse = |wanted: &str| Error::type_mismatch(format!("{op} takes {wanted}, not {own}"));
    match op {
        UnaryOp::IsNull | UnaryOp::IsNotNull => {
            Ok((vec![child.data_type.clone()], DataType::Boolean, false))
        }
        UnaryOp::Not | UnaryOp::IsTrue | UnaryOp::IsFalse => {
            if !boolean(child) {
                return Err(refuse("truth values"));
            }
            let nullable = child.nullable && op == UnaryOp::Not;
            Ok((vec![DataType::Boolean], DataType::Boolean, nullable))
        }
        UnaryOp::IsNan => match own {
            t if t.is_floating() => Ok((vec![own.clone()], DataType::Boolean, child.nullable)),
            DataType::Null => Ok((vec![DataType::Float64], DataType::Boolean, true)),
            _ => Err(refuse("floats")),
        },
        UnaryOp::Negate => {
            let to = match own {
                DataType::UInt8 => DataType::Int16,
                DataType::UInt16 => DataType::Int32,
                DataType::UInt32 | DataType::UInt64 | DataType::Null => DataType::Int64,
                t if t.is_numeric() => t.clone(),
                _ => return Err(refuse("numbers")),
            };
            Ok((vec![to.clone()], to, child.nullable))
        }
    }
}
