//! Operands: literals take the type of what stands beside them.

use esker_datatypes::{
    DataType, ScalarValue, as_decimal_parts, common_type, comparison_type, decimal_type,
    is_decimal, is_string, literal_as, value_type,
};

use crate::function::Operand;

/// Whether an operand is a truth value.
pub(super) fn boolean(operand: &Operand) -> bool {
    matches!(
        value_type(&operand.data_type),
        DataType::Boolean | DataType::Null
    )
}

/// The type of an operand beside another: a literal takes the other's type where it fits.
pub(super) fn settled(operand: &Operand, other: &Operand) -> DataType {
    let own = value_type(&operand.data_type);
    let beside = value_type(&other.data_type);
    let Some(literal) = &operand.literal else {
        return own.clone();
    };
    if literal.is_null() && (*own == DataType::Null || (own.is_integer() && beside.is_numeric())) {
        return beside.clone();
    }
    if is_decimal(beside) && (own.is_integer() || own.is_floating()) {
        return literal_decimal(literal).unwrap_or_else(|| own.clone());
    }
    if other.literal.is_some() {
        return own.clone();
    }
    if own.is_integer() && (beside.is_integer() || beside.is_floating()) {
        return match literal_as(literal, beside) {
            Some(_) => beside.clone(),
            None => smallest_integer(literal).unwrap_or_else(|| own.clone()),
        };
    }
    if own.is_floating() && matches!(beside, DataType::Float32 | DataType::Float64) {
        // A finite literal beyond the range of `Float32` stays what it is.
        let too_large = |float: f64| float.is_finite() && (float as f32).is_infinite();
        let beyond = *beside == DataType::Float32 && literal.as_f64().is_some_and(too_large);
        return if beyond { own } else { beside }.clone();
    }
    own.clone()
}

/// The smallest integer type that holds a literal; signed unless only `UInt64` does.
fn smallest_integer(literal: &ScalarValue) -> Option<DataType> {
    [
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt64,
    ]
    .into_iter()
    .find(|t| literal_as(literal, t).is_some())
}

/// The decimal type in which a number literal is exact: an integer's digits, or those of a float's
/// shortest text. `None` for NaN, infinities and what has more than 38 digits.
fn literal_decimal(literal: &ScalarValue) -> Option<DataType> {
    if let Some(integer) = literal.as_i128() {
        return Some(DataType::Decimal128(digits(integer.unsigned_abs()), 0));
    }
    let text = plain_digits(literal)?;
    let (whole, fraction) = text
        .trim_start_matches('-')
        .split_once('.')
        .unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.trim_start_matches('0').len();
    let (scale, precision) = (fraction.len(), (whole + fraction.len()).max(1));
    (precision <= 38).then_some(DataType::Decimal128(precision as u8, scale as i8))
}

/// A finite float's shortest digits, in its own precision, without an exponent.
pub(super) fn plain_digits(literal: &ScalarValue) -> Option<String> {
    let float = literal.as_f64().filter(|float| float.is_finite())?;
    Some(match literal.data_type() {
        DataType::Float64 => format!("{float}"),
        _ => format!("{}", float as f32),
    })
}

fn digits(number: u128) -> u8 {
    number.checked_ilog10().map_or(1, |log| log as u8 + 1)
}

/// The type that holds several operands; literals take the type of the others where they fit.
pub(crate) fn common_operand_type(operands: &[Operand]) -> Option<DataType> {
    operand_type(operands, common_type)
}

/// The type in which several operands compare exactly.
pub(super) fn comparison_operand_type(operands: &[Operand]) -> Option<DataType> {
    operand_type(operands, comparison_type)
}

fn operand_type(
    operands: &[Operand],
    common_type: fn(&DataType, &DataType) -> Option<DataType>,
) -> Option<DataType> {
    let (literals, others): (Vec<&Operand>, Vec<&Operand>) =
        operands.iter().partition(|o| o.literal.is_some());
    let mut types = others.iter().map(|o| value_type(&o.data_type).clone());
    let mut common = types.next();
    for data_type in types {
        common = Some(common_type(&common?, &data_type)?);
    }
    let Some(mut common) = common else {
        let mut types = literals.iter().map(|o| value_type(&o.data_type).clone());
        let first = types.next()?;
        return types.try_fold(first, |common, t| common_type(&common, &t));
    };
    let beside = Operand {
        data_type: common.clone(),
        nullable: false,
        literal: None,
    };
    for literal in literals {
        common = common_type(&common, &settled(literal, &beside))?;
    }
    Some(common)
}

/// The types of operands that meet as decimals: each keeps its own precision and scale, so that no
/// value needs room that only the others have.
pub(crate) fn decimal_operand_types(operands: &[Operand], common: &DataType) -> Vec<DataType> {
    let beside = Operand {
        data_type: common.clone(),
        nullable: false,
        literal: None,
    };
    let wide = matches!(common, DataType::Decimal256(_, _));
    let own = |operand| decimal_operand(&settled(operand, &beside), wide).0;
    operands.iter().map(own).collect()
}

/// The decimal type of an operand, its digits before the point and its scale. Decimals of other
/// widths are taken as they are, integers and nulls become decimals.
pub(super) fn decimal_operand(data_type: &DataType, wide: bool) -> (DataType, i32, i8) {
    let (precision, scale) = as_decimal_parts(data_type).unwrap_or((1, 0));
    let whole = i32::from(precision) - i32::from(scale);
    let keep = is_decimal(data_type) && (!wide || matches!(data_type, DataType::Decimal256(_, _)));
    let as_type = if keep {
        data_type.clone()
    } else {
        decimal_type(whole, scale, wide)
    };
    (as_type, whole, scale)
}

/// Whether an argument is cast to this type without being asked: it loses nothing there.
pub(crate) fn silently_becomes(operand: &Operand, to: &DataType) -> bool {
    let own = value_type(&operand.data_type);
    own == to
        || *own == DataType::Null
        || (is_string(own) && is_string(to))
        || common_type(own, to).is_some_and(|common| common == *to)
        || operand
            .literal
            .as_ref()
            .is_some_and(|l| literal_as(l, to).is_some())
}
