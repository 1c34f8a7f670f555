//! Comparison of columns, as a Boolean column or by narrowing a selection.

/// Text and binary values in any layout.
pub(crate) mod bytes;
/// Fixed-width values.
mod fixed;
/// Lists, structs, maps and unions.
pub(crate) mod nested;
/// The comparisons.
mod op;

use arrow::array::{Array, ArrayRef, AsArray, downcast_primitive};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int64Type, UInt64Type};
use esker_datatypes::{
    Buffers, Column, DataType, Encoding, Error, Result, ScalarValue, Selection, is_binary,
    is_string,
};

use crate::bits::{self, Target};
use crate::value::Fixed;
use crate::vector::{Cost, Input, listed, same_rows, union_nulls};
use fixed::{operand, signed_with_unsigned, values};
use op::Relation;

pub use bytes::Bytes;
pub use op::CompareOp;

/// Compares two columns row by row: TRUE or FALSE, and null where either side is.
///
/// Both sides have the same value type, or are any two string types, any two binary types (by
/// bytes, a prefix before the longer), `Int64` and `UInt64` (exactly), decimals of one width and
/// scale, or timestamps of one unit. Floats: NaN equals NaN and is the greatest, -0.0 equals 0.0.
/// Intervals compare by months, then days, then the rest. Lists, structs and maps compare by their
/// first difference; within them a null equals a null and is the greatest. Two constants give a
/// constant.
///
/// # Errors
/// `Internal` for other pairs of types and when the lengths differ, `Unsupported` for nested types
/// that Arrow cannot order.
///
/// ```
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::compare::{CompareOp, compare};
/// let seven = Column::constant(ScalarValue::from(7i64), 3);
/// let nine = Column::constant(ScalarValue::from(9i64), 3);
/// let less =
///     compare(CompareOp::Lt, &seven, &nine, &Selection::all(3), &mut Buffers::default())?;
/// assert_eq!(less.as_constant().and_then(|v| v.as_bool()), Some(true));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn compare(
    op: CompareOp,
    left: &Column,
    right: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let rows = check(left, right, selection)?;
    if let Some(value) = constant(op, left, right, buffers)? {
        return Ok(Column::constant(ScalarValue::from(value), rows));
    }
    let nulls = either_null(left, right);
    let words = mask(op, left, right, selection, buffers)?;
    Ok(bits::into_column(words, rows, nulls))
}

/// Whether both sides are the same value, null being the same as null: `IS NOT DISTINCT FROM`.
/// Never null. Takes the types that [`compare`] takes.
///
/// # Errors
/// As [`compare`].
pub fn not_distinct(
    left: &Column,
    right: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let rows = check(left, right, selection)?;
    if let (Some(left), Some(right)) = (left.as_constant(), right.as_constant()) {
        let (left, right) = (
            Column::constant(left.clone(), 1),
            Column::constant(right.clone(), 1),
        );
        let same = match (left.nulls(), right.nulls()) {
            (Some(_), Some(_)) => Some(true),
            (None, None) => constant(CompareOp::Eq, &left, &right, buffers)?.flatten(),
            _ => Some(false),
        };
        return Ok(Column::constant(
            ScalarValue::from(same == Some(true)),
            rows,
        ));
    }
    let mut words = if is_null_type(left) || is_null_type(right) {
        bits::filled(rows, false, buffers)
    } else {
        mask(CompareOp::Eq, left, right, selection, buffers)?
    };
    let (left, right) = (left.nulls(), right.nulls());
    if left.is_some() || right.is_some() {
        let left = bits::validity(left.as_ref(), rows, buffers);
        let right = bits::validity(right.as_ref(), rows, buffers);
        for ((word, left), right) in words.iter_mut().zip(&left).zip(&right) {
            *word = *word & left & right | !left & !right;
        }
        buffers.give(left);
        buffers.give(right);
    }
    Ok(bits::into_column(words, rows, None))
}

/// Narrows `selection` to the rows where the comparison is TRUE (not FALSE, not null): what a
/// filter does, without a Boolean column between. Takes the types that [`compare`] takes.
///
/// # Errors
/// As [`compare`]; what is selected then is not defined.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::Int32Array;
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::compare::{CompareOp, select};
/// let column = Column::flat(Arc::new(Int32Array::from(vec![Some(1), None, Some(5)])));
/// let two = Column::constant(ScalarValue::from(2i32), 3);
/// let mut selection = Selection::all(3);
/// select(CompareOp::Gt, &column, &two, &mut selection, &mut Buffers::default())?;
/// assert_eq!(selection.iter().collect::<Vec<_>>(), [2]);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn select(
    op: CompareOp,
    left: &Column,
    right: &Column,
    selection: &mut Selection,
    buffers: &mut Buffers,
) -> Result<()> {
    let rows = check(left, right, selection)?;
    if let Some(value) = constant(op, left, right, buffers)? {
        if value != Some(true) {
            *selection = Selection::none(rows);
        }
        return Ok(());
    }
    let nulls = either_null(left, right);
    if listed(selection, cost(left.value_type())).is_some() {
        if let Some(nulls) = &nulls {
            selection.retain(|row| nulls.is_valid(row));
        }
        return test(op, left, right, Target::Rows(selection), buffers);
    }
    let mut words = buffers.take(bits::word_count(rows));
    test(op, left, right, Target::Mask(&mut words), buffers)?;
    bits::clear_nulls(&mut words, nulls.as_ref());
    bits::narrow(selection, &words, buffers);
    buffers.give(words);
    Ok(())
}

/// Whether values of both types can be compared by these kernels.
pub(crate) fn comparable(left: &DataType, right: &DataType) -> bool {
    use DataType as T;
    match (left, right) {
        (T::Null, _)
        | (_, T::Null)
        | (T::Int64, T::UInt64)
        | (T::UInt64, T::Int64)
        | (T::FixedSizeBinary(_), T::FixedSizeBinary(_)) => true,
        (T::Decimal32(_, l), T::Decimal32(_, r))
        | (T::Decimal64(_, l), T::Decimal64(_, r))
        | (T::Decimal128(_, l), T::Decimal128(_, r))
        | (T::Decimal256(_, l), T::Decimal256(_, r)) => l == r,
        (T::Timestamp(l, _), T::Timestamp(r, _)) => l == r,
        _ => {
            is_string(left) && is_string(right)
                || is_binary(left) && is_binary(right)
                || left.equals_datatype(right)
        }
    }
}

/// How dear a test of a value is.
pub(crate) fn cost(data_type: &DataType) -> Cost {
    if data_type.is_primitive() || matches!(data_type, DataType::Boolean) {
        Cost::Cheap
    } else {
        Cost::Dear
    }
}

/// Runs a test on the values of a dictionary and sends each row its value's answer. The answer for
/// a null value or code is `false`.
pub(crate) fn through_codes(
    column: &Column,
    target: Target<'_>,
    buffers: &mut Buffers,
    test: impl FnOnce(&Column, Target<'_>, &mut Buffers) -> Result<()>,
) -> Result<()> {
    let Encoding::Dictionary { codes, values } = column.encoding() else {
        return Err(Error::internal("a dictionary is due"));
    };
    let values = Column::flat(ArrayRef::clone(values));
    let mut words = buffers.take(bits::word_count(values.len()));
    test(&values, Target::Mask(&mut words), buffers)?;
    bits::clear_nulls(&mut words, values.nulls().as_ref());
    let mut answers = buffers.take::<u8>(values.len());
    answers.extend((0..values.len()).map(|row| u8::from(bits::is_set(&words, row))));
    // The code of a null row may lie outside of the values.
    target.each(codes.values(), false, |code| {
        answers.get(code as usize) == Some(&1)
    });
    buffers.give(words);
    buffers.give(answers);
    Ok(())
}

/// Whether a test pays off better on a dictionary's values than on the rows.
pub(crate) fn few_values(column: &Column, target: &Target<'_>) -> bool {
    let Encoding::Dictionary { codes, values } = column.encoding() else {
        return false;
    };
    let rows = match target {
        Target::Mask(_) => codes.len(),
        Target::Rows(selection) => selection.count(),
    };
    values.len() <= rows
}

/// The shapes and types of a call; how many rows.
fn check(left: &Column, right: &Column, selection: &Selection) -> Result<usize> {
    let rows = same_rows(&[left, right], selection)?;
    let (left, right) = (left.value_type(), right.value_type());
    if !comparable(left, right) {
        return Err(Error::internal(format!("comparing {left} with {right}")));
    }
    Ok(rows)
}

/// The answer for all rows, where the columns' constants decide it: the inner `None` is null.
fn constant(
    op: CompareOp,
    left: &Column,
    right: &Column,
    buffers: &mut Buffers,
) -> Result<Option<Option<bool>>> {
    let null = |column: &Column| {
        is_null_type(column) || column.as_constant().is_some_and(ScalarValue::is_null)
    };
    if null(left) || null(right) {
        return Ok(Some(None));
    }
    let (Some(left), Some(right)) = (left.as_constant(), right.as_constant()) else {
        return Ok(None);
    };
    let one_row = |value: &ScalarValue| Column::flat(ArrayRef::clone(value.as_array()));
    let mut words = Vec::new();
    test(
        op,
        &one_row(left),
        &one_row(right),
        Target::Mask(&mut words),
        buffers,
    )?;
    Ok(Some(Some(bits::is_set(&words, 0))))
}

fn is_null_type(column: &Column) -> bool {
    matches!(column.value_type(), DataType::Null)
}

fn either_null(left: &Column, right: &Column) -> Option<NullBuffer> {
    union_nulls(left.nulls().as_ref(), right.nulls().as_ref())
}

/// The comparison as a mask; rows that are not selected, and null rows, hold anything.
fn mask(
    op: CompareOp,
    left: &Column,
    right: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Vec<u64>> {
    if listed(selection, cost(left.value_type())).is_none() {
        let mut words = buffers.take(bits::word_count(selection.len()));
        test(op, left, right, Target::Mask(&mut words), buffers)?;
        return Ok(words);
    }
    let mut kept = selection.clone();
    test(op, left, right, Target::Rows(&mut kept), buffers)?;
    let mut words = bits::filled(selection.len(), false, buffers);
    kept.iter().for_each(|row| bits::set(&mut words, row));
    Ok(words)
}

/// Sends the comparison of every row to the target, nulls not regarded. Neither side is of the
/// type `Null`; a constant, if any, is not null and is on one side only.
fn test(
    op: CompareOp,
    left: &Column,
    right: &Column,
    target: Target<'_>,
    buffers: &mut Buffers,
) -> Result<()> {
    if left.as_constant().is_some() {
        // With the constant on the right there is half as much to tell apart.
        if right.as_constant().is_none() {
            return test(op.swap(), right, left, target, buffers);
        }
    } else if let Some(value) = right.as_constant()
        && few_values(left, &target)
    {
        return through_codes(left, target, buffers, |values, target, buffers| {
            let value = Column::constant(value.clone(), values.len());
            test(op, values, &value, target, buffers)
        });
    }
    let rows = left.len();
    let (relation, negated) = Relation::of(op);
    let (left, right) = (Input::new(left), Input::new(right));
    macro_rules! primitive {
        ($type:ty) => {{
            let (l, r) = (left.primitive::<$type>()?, right.primitive::<$type>()?);
            let (l, r) = (<$type>::values(l), <$type>::values(r));
            let (l, r) = (
                operand(&l, left.is_constant()),
                operand(&r, right.is_constant()),
            );
            values(relation, negated, l, r, target)
        }};
    }
    use DataType as T;
    match (left.data_type(), right.data_type()) {
        (T::Int64, T::UInt64) => {
            let (left, right) = (left.operand::<Int64Type>()?, right.operand::<UInt64Type>()?);
            signed_with_unsigned(relation, negated, left, right, target);
            return Ok(());
        }
        (T::UInt64, T::Int64) => {
            let (relation, negated) = Relation::of(op.swap());
            let (left, right) = (left.operand::<UInt64Type>()?, right.operand::<Int64Type>()?);
            signed_with_unsigned(relation, negated, right, left, target);
            return Ok(());
        }
        _ => {}
    }
    downcast_primitive! {
        left.data_type() => (primitive),
        T::Boolean => {
            let (l, r) = (left.array().as_boolean().values(), right.array().as_boolean().values());
            target.rows(rows, negated, |row| {
                let (l, r) = (l.value(left.index(row)), r.value(right.index(row)));
                match relation {
                    Relation::Same => l == r,
                    Relation::Less => !l & r,
                    Relation::Greater => l & !r,
                }
            });
        }
        data_type if is_string(data_type) || is_binary(data_type) => {
            bytes::test(relation, negated, &left, &right, rows, target)?;
        }
        _ => nested::test(relation, negated, &left, &right, rows, target)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests;
