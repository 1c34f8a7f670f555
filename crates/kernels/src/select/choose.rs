//! One of two columns, row by row, by a condition: `CASE` whose values need not be computed.

#![allow(
    clippy::indexing_slicing,
    reason = "columns are checked to have one length; a mask has ceil(rows / 64) words"
)]

use arrow::array::{Array, ArrowPrimitiveType, AsArray, downcast_primitive};
use arrow::datatypes::ArrowNativeType;
use esker_datatypes::{
    Buffers, Column, DataType, Error, Result, ScalarValue, Selection, value_type,
};

use super::merge;
use crate::bits;
use crate::vector::{Input, Operand, primitive, same_rows};

/// A column that takes a row from `value` where the condition is TRUE, else from `otherwise`.
///
/// It does what [`merge`] does with the selection of each, but for values of a fixed width reads the
/// condition as a mask and makes no lists of rows.
///
/// # Errors
/// `Internal` when lengths or types differ, or the condition is no truth value.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::BooleanArray;
/// use esker_datatypes::{Buffers, Column, DataType, ScalarValue};
/// use esker_kernels::select::choose;
/// let condition = BooleanArray::from(vec![Some(true), None, Some(false)]);
/// let condition = Column::flat(Arc::new(condition));
/// let constant = |value: i64| Column::constant(ScalarValue::from(value), 3);
/// let (one, zero) = (constant(1), constant(0));
/// let out = choose(&condition, &one, &zero, &DataType::Int64, &mut Buffers::default())?;
/// assert_eq!(out.value(0)?.as_i128(), Some(1));
/// assert_eq!(out.value(1)?.as_i128(), Some(0));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn choose(
    condition: &Column,
    value: &Column,
    otherwise: &Column,
    out: &DataType,
    buffers: &mut Buffers,
) -> Result<Column> {
    let all = Selection::all(condition.len());
    let rows = same_rows(&[condition, value, otherwise], &all)?;
    let wanted = value_type(out);
    for column in [value, otherwise] {
        if column.value_type() != wanted {
            return Err(Error::internal(format!(
                "{} where {wanted} is due",
                column.value_type()
            )));
        }
    }
    if let Some(truth) = condition.as_constant() {
        let chosen = match truth.as_bool() {
            Some(true) => value,
            Some(false) | None => otherwise,
        };
        return Ok(chosen.clone().with_declared_type(out));
    }
    let mask = condition.to_flat();
    let Some(mask) = mask.as_boolean_opt() else {
        return Err(Error::internal("a condition is a truth value"));
    };
    let mut words = bits::from_bitmap(mask.values(), buffers);
    bits::clear_nulls(&mut words, mask.nulls());
    macro_rules! fixed_width {
        ($type:ty) => {
            fixed_width::<$type>(&words, [value, otherwise], rows, wanted, buffers)?
        };
    }
    let chosen = downcast_primitive! {
        wanted => (fixed_width),
        _ => {
            let mut taken = Selection::all(rows);
            bits::narrow(&mut taken, &words, buffers);
            let mut rest = Selection::all(rows);
            let not: Vec<u64> = words.iter().map(|word| !word).collect();
            bits::narrow(&mut rest, &not, buffers);
            let chosen = [(taken, value.clone()), (rest, otherwise.clone())];
            let merged = merge(&chosen, rows, out, buffers)?;
            for (selection, _) in chosen {
                buffers.recycle_selection(selection);
            }
            merged
        }
    };
    buffers.give(words);
    Ok(chosen.with_declared_type(out))
}

fn fixed_width<T: ArrowPrimitiveType>(
    words: &[u64],
    columns: [&Column; 2],
    rows: usize,
    data_type: &DataType,
    buffers: &mut Buffers,
) -> Result<Column> {
    let [value, otherwise] = columns.map(Input::new);
    let mut out = buffers.take::<T::Native>(rows);
    match (value.operand::<T>()?, otherwise.operand::<T>()?) {
        (Operand::Rows(left), Operand::Rows(right)) => {
            fill(words, rows, &mut out, |row| left[row], |row| right[row]);
        }
        (Operand::Rows(left), Operand::Constant(right)) => {
            fill(words, rows, &mut out, |row| left[row], |_| right);
        }
        (Operand::Constant(left), Operand::Rows(right)) => {
            fill(words, rows, &mut out, |_| left, |row| right[row]);
        }
        (Operand::Constant(left), Operand::Constant(right)) => {
            fill(words, rows, &mut out, |_| left, |_| right);
        }
    }
    let null = |column: &Column| column.as_constant().is_some_and(ScalarValue::is_null);
    let nulls = [value.nulls(), otherwise.nulls()];
    if nulls.iter().all(Option::is_none) && !columns.iter().any(|column| null(column)) {
        return primitive::<T>(out, None, data_type);
    }
    let [mut valid, other] = [0, 1].map(|i| match null(columns[i]) {
        true => bits::filled(rows, false, buffers),
        false => bits::validity(nulls[i], rows, buffers),
    });
    for ((valid, other), word) in valid.iter_mut().zip(&other).zip(words) {
        *valid = (*valid & word) | (other & !word);
    }
    buffers.give(other);
    primitive::<T>(out, bits::into_nulls(valid, rows), data_type)
}

/// Values by the bits of a mask.
#[inline]
fn fill<N: ArrowNativeType>(
    words: &[u64],
    rows: usize,
    out: &mut Vec<N>,
    value: impl Fn(usize) -> N,
    otherwise: impl Fn(usize) -> N,
) {
    for (at, word) in words.iter().enumerate() {
        let start = at * 64;
        out.extend((start..rows.min(start + 64)).map(|row| {
            // Both are read, so that nothing branches.
            let (value, otherwise) = (value(row), otherwise(row));
            if word >> (row - start) & 1 == 1 {
                value
            } else {
                otherwise
            }
        }));
    }
}
