//! Arithmetic on one operand: the sign.

use arrow::array::ArrayRef;
use arrow::datatypes::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use esker_datatypes::{
    Buffers, Column, DataType, Encoding, Error, Result, ScalarValue, Selection, format_value,
    is_decimal,
};

use super::{Failure, float, integer, pays, untyped};
use crate::vector::same_rows;

/// `-column` of signed integers, floats and decimals; null where it is null.
///
/// # Errors
/// `Evaluation` for the smallest integer, which has no opposite; `Internal` for other types.
pub fn negate(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    unary(Unary::Negate, column, selection, buffers)
}

/// The absolute value of integers, floats and decimals; null where it is null.
///
/// # Errors
/// `Evaluation` for the smallest signed integer, whose opposite does not fit; `Internal` for other
/// types.
pub fn abs(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    unary(Unary::Abs, column, selection, buffers)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Negate,
    Abs,
}

fn unary(
    op: Unary,
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let rows = same_rows(&[column], selection)?;
    let out = column.value_type();
    check_unary(op, out)?;
    if selection.is_none() || column.as_constant().is_some_and(ScalarValue::is_null) {
        return Ok(Column::constant(ScalarValue::null(out), rows));
    }
    match column.encoding() {
        Encoding::Constant { value, .. } => {
            let one = unary_flat(op, value.as_array(), &Selection::all(1), buffers)?;
            Ok(Column::constant(one.value(0)?, rows))
        }
        Encoding::Dictionary { codes, values } if pays(values, selection) => {
            match unary_flat(op, values, &Selection::all(values.len()), buffers) {
                Ok(result) => Ok(Column::dictionary(codes.clone(), result.to_flat())),
                Err(_) => unary_flat(op, &column.to_flat(), selection, buffers),
            }
        }
        Encoding::Dictionary { .. } | Encoding::Flat(_) => {
            unary_flat(op, &column.to_flat(), selection, buffers)
        }
    }
}

/// Refuses types before any data is looked at.
fn check_unary(op: Unary, data_type: &DataType) -> Result<()> {
    let takes = match op {
        Unary::Negate => data_type.is_signed_integer(),
        Unary::Abs => data_type.is_integer(),
    };
    if takes || data_type.is_floating() || is_decimal(data_type) {
        return Ok(());
    }
    let name = match op {
        Unary::Negate => "-",
        Unary::Abs => "abs",
    };
    Err(untyped(name, &[data_type], data_type))
}

fn unary_flat(
    op: Unary,
    array: &ArrayRef,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    use DataType as T;
    let result = match array.data_type() {
        T::Int8 => integer::unary::<Int8Type>(op, array, selection, buffers),
        T::Int16 => integer::unary::<Int16Type>(op, array, selection, buffers),
        T::Int32 => integer::unary::<Int32Type>(op, array, selection, buffers),
        T::Int64 => integer::unary::<Int64Type>(op, array, selection, buffers),
        T::Decimal32(_, _) => integer::unary::<Decimal32Type>(op, array, selection, buffers),
        T::Decimal64(_, _) => integer::unary::<Decimal64Type>(op, array, selection, buffers),
        T::Decimal128(_, _) => integer::unary::<Decimal128Type>(op, array, selection, buffers),
        T::Decimal256(_, _) => integer::unary::<Decimal256Type>(op, array, selection, buffers),
        T::Float16 => float::unary::<Float16Type>(op, array, selection, buffers),
        T::Float32 => float::unary::<Float32Type>(op, array, selection, buffers),
        T::Float64 => float::unary::<Float64Type>(op, array, selection, buffers),
        // `check_unary` has left `abs` of the unsigned: nothing to do.
        _ => Ok(Column::flat(ArrayRef::clone(array))),
    };
    result.map_err(|failure| match failure {
        Failure::Overflow(row) => {
            let value = format_value(array, row);
            let text = match op {
                Unary::Negate => format!("-({value})"),
                Unary::Abs => format!("abs({value})"),
            };
            Error::evaluation(format!(
                "overflow: {text} does not fit {}",
                array.data_type()
            ))
        }
        Failure::Other(error) => error,
    })
}
