//! Three-valued (Kleene) logic, and the tests that are never null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray};
use arrow::datatypes::{Float16Type, Float32Type, Float64Type};
use esker_datatypes::{Buffers, Column, DataType, Encoding, Error, Result, ScalarValue, Selection};

use crate::bits::{self, Target};
use crate::compare::{few_values, through_codes};
use crate::vector::{Input, same_rows};

/// Kleene AND: FALSE where either side is FALSE, else null where either is null, else TRUE.
///
/// | AND | TRUE | FALSE | null |
/// |---|---|---|---|
/// | TRUE | TRUE | FALSE | null |
/// | FALSE | FALSE | FALSE | FALSE |
/// | null | null | FALSE | null |
///
/// # Errors
/// `Internal` when a side is not Boolean or the lengths differ.
///
/// ```
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::boolean::and;
/// let no = Column::constant(ScalarValue::from(false), 2);
/// let unknown = Column::constant(ScalarValue::from(None::<bool>), 2);
/// let both = and(&no, &unknown, &Selection::all(2), &mut Buffers::default())?;
/// assert_eq!(both.as_constant().and_then(|v| v.as_bool()), Some(false));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn and(
    left: &Column,
    right: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    connect(Connective::And, left, right, selection, buffers)
}

/// Kleene OR: TRUE where either side is TRUE, else null where either is null, else FALSE.
///
/// | OR | TRUE | FALSE | null |
/// |---|---|---|---|
/// | TRUE | TRUE | TRUE | TRUE |
/// | FALSE | TRUE | FALSE | null |
/// | null | TRUE | null | null |
///
/// # Errors
/// As [`and`].
pub fn or(
    left: &Column,
    right: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    connect(Connective::Or, left, right, selection, buffers)
}

/// NOT: TRUE and FALSE change places, null stays.
///
/// # Errors
/// `Internal` when the column is not Boolean or the lengths differ.
pub fn not(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    let rows = same_rows(&[column], selection)?;
    if let Some(value) = column.as_constant() {
        let value = truth(value)?.map(|value| !value);
        return Ok(Column::constant(ScalarValue::from(value), rows));
    }
    let (mut words, nulls) = (Side::new(column, buffers)?.values, column.nulls());
    words.iter_mut().for_each(|word| *word = !*word);
    Ok(bits::into_column(words, rows, nulls))
}

/// Whether each row is null; never null itself. Any type.
///
/// # Errors
/// `Internal` when the lengths differ.
pub fn is_null(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    nullness(column, true, selection, buffers)
}

/// Whether each row is not null; never null itself. Any type.
///
/// # Errors
/// `Internal` when the lengths differ.
pub fn is_not_null(
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    nullness(column, false, selection, buffers)
}

/// Whether each row is TRUE: FALSE for FALSE and for null.
///
/// # Errors
/// `Internal` when the column is not Boolean or the lengths differ.
pub fn is_true(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    is_value(column, true, selection, buffers)
}

/// Whether each row is FALSE: FALSE for TRUE and for null.
///
/// # Errors
/// `Internal` when the column is not Boolean or the lengths differ.
pub fn is_false(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    is_value(column, false, selection, buffers)
}

/// Whether each row of a float column is NaN; null where it is null.
///
/// # Errors
/// `Internal` when the column is not of a float type or the lengths differ.
pub fn is_nan(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    let rows = same_rows(&[column], selection)?;
    if let Some(value) = column.as_constant() {
        let mut words = Vec::new();
        let one = Column::flat(ArrayRef::clone(value.as_array()));
        nan_test(&one, Target::Mask(&mut words), buffers)?;
        let value = (!value.is_null()).then(|| bits::is_set(&words, 0));
        return Ok(Column::constant(ScalarValue::from(value), rows));
    }
    let mut words = buffers.take(bits::word_count(rows));
    let target = Target::Mask(&mut words);
    if few_values(column, &target) {
        through_codes(column, target, buffers, nan_test)?;
    } else {
        nan_test(column, target, buffers)?;
    }
    Ok(bits::into_column(words, rows, column.nulls()))
}

fn nan_test(column: &Column, target: Target<'_>, _: &mut Buffers) -> Result<()> {
    fn nans<T: ArrowPrimitiveType>(input: &Input, target: Target<'_>) -> Result<()>
    where
        T::Native: PartialEq,
    {
        #[allow(clippy::eq_op, reason = "only NaN differs from itself")]
        target.each(input.primitive::<T>()?.values(), false, |value| {
            value != value
        });
        Ok(())
    }
    let input = Input::new(column);
    match input.data_type() {
        DataType::Float16 => nans::<Float16Type>(&input, target),
        DataType::Float32 => nans::<Float32Type>(&input, target),
        DataType::Float64 => nans::<Float64Type>(&input, target),
        other => Err(Error::internal(format!("is_nan of {other}"))),
    }
}

/// AND or OR: each is the other one's mirror image.
#[derive(Clone, Copy)]
enum Connective {
    And,
    Or,
}

impl Connective {
    /// The value that decides, whatever the other side is.
    fn decider(self) -> bool {
        match self {
            Self::And => false,
            Self::Or => true,
        }
    }
}

fn connect(
    connective: Connective,
    left: &Column,
    right: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let rows = same_rows(&[left, right], selection)?;
    for (side, other) in [(left, right), (right, left)] {
        let Some(value) = side.as_constant() else {
            continue;
        };
        match truth(value)? {
            Some(value) if value == connective.decider() => {
                return Ok(Column::constant(ScalarValue::from(value), rows));
            }
            Some(_) if matches!(other.value_type(), DataType::Boolean) => {
                return Ok(other.clone().with_declared_type(&DataType::Boolean));
            }
            Some(_) | None => {}
        }
    }
    if let (Some(_), Some(_)) = (left.as_constant(), right.as_constant()) {
        // Neither decides, and one of them is null.
        return Ok(Column::constant(ScalarValue::from(None::<bool>), rows));
    }
    let (mut left, mut right) = (Side::new(left, buffers)?, Side::new(right, buffers)?);
    // Without nulls there is one word operation to do.
    if left.valid.is_none() && right.valid.is_none() {
        for (l, r) in left.values.iter_mut().zip(&right.values) {
            *l = match connective {
                Connective::And => *l & r,
                Connective::Or => *l | r,
            };
        }
        buffers.give(right.values);
        return Ok(bits::into_column(left.values, rows, None));
    }
    let (mut left_valid, right_valid) = (left.validity(buffers), right.validity(buffers));
    let values = left.values.iter_mut().zip(&right.values);
    let valid = left_valid.iter_mut().zip(&right_valid);
    for ((l, r), (l_valid, r_valid)) in values.zip(valid) {
        let (l_true, r_true) = (*l & *l_valid, r & r_valid);
        let (l_false, r_false) = (!*l & *l_valid, !r & r_valid);
        let (yes, no) = match connective {
            Connective::And => (l_true & r_true, l_false | r_false),
            Connective::Or => (l_true | r_true, l_false & r_false),
        };
        (*l, *l_valid) = (yes, yes | no);
    }
    buffers.give(right.values);
    buffers.give(right_valid);
    Ok(bits::into_column(
        left.values,
        rows,
        bits::into_nulls(left_valid, rows),
    ))
}

/// An operand as words.
struct Side {
    /// TRUE or FALSE; anything where null.
    values: Vec<u64>,
    /// Which rows are not null, when some are.
    valid: Option<Vec<u64>>,
}

impl Side {
    fn new(column: &Column, buffers: &mut Buffers) -> Result<Self> {
        let rows = column.len();
        if let Some(value) = column.as_constant() {
            let value = truth(value)?;
            return Ok(Self {
                values: bits::filled(rows, value == Some(true), buffers),
                valid: value.is_none().then(|| bits::filled(rows, false, buffers)),
            });
        }
        let valid = column
            .nulls()
            .map(|nulls| bits::from_bitmap(nulls.inner(), buffers));
        let values = match column.encoding() {
            _ if matches!(column.value_type(), DataType::Null) => {
                bits::filled(rows, false, buffers)
            }
            Encoding::Dictionary { codes, values } => {
                let values = boolean(values)?.values();
                let mut words = buffers.take(bits::word_count(rows));
                // The code of a null row may lie outside of the values.
                let answer =
                    |code: u32| (code as usize) < values.len() && values.value(code as usize);
                Target::Mask(&mut words).each(codes.values(), false, answer);
                words
            }
            Encoding::Flat(array) => bits::from_bitmap(boolean(array)?.values(), buffers),
            Encoding::Constant { .. } => return Err(Error::internal("a constant after all")),
        };
        Ok(Self { values, valid })
    }

    /// Which rows are not null.
    fn validity(&mut self, buffers: &mut Buffers) -> Vec<u64> {
        let words = self.values.len();
        self.valid
            .take()
            .unwrap_or_else(|| bits::filled(words * 64, true, buffers))
    }
}

fn boolean(array: &ArrayRef) -> Result<&BooleanArray> {
    array
        .as_boolean_opt()
        .ok_or_else(|| Error::internal(format!("{} where Boolean is due", array.data_type())))
}

/// The value of a Boolean scalar, `None` for null.
fn truth(value: &ScalarValue) -> Result<Option<bool>> {
    match value.data_type() {
        DataType::Boolean => Ok(value.as_bool()),
        DataType::Null => Ok(None),
        other => Err(Error::internal(format!("{other} where Boolean is due"))),
    }
}

fn nullness(
    column: &Column,
    wanted: bool,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let rows = same_rows(&[column], selection)?;
    let all = |answer: bool| Ok(Column::constant(ScalarValue::from(answer), rows));
    if let Some(value) = column.as_constant() {
        return all(value.is_null() == wanted);
    }
    let Some(nulls) = column.nulls() else {
        return all(!wanted);
    };
    if !wanted {
        return Ok(Column::flat(Arc::new(BooleanArray::new(
            nulls.into_inner(),
            None,
        ))));
    }
    let mut words = bits::from_bitmap(nulls.inner(), buffers);
    words.iter_mut().for_each(|word| *word = !*word);
    Ok(bits::into_column(words, rows, None))
}

fn is_value(
    column: &Column,
    wanted: bool,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let rows = same_rows(&[column], selection)?;
    if let Some(value) = column.as_constant() {
        return Ok(Column::constant(
            ScalarValue::from(truth(value)? == Some(wanted)),
            rows,
        ));
    }
    let Side { mut values, valid } = Side::new(column, buffers)?;
    if !wanted {
        values.iter_mut().for_each(|word| *word = !*word);
    }
    if let Some(valid) = valid {
        values
            .iter_mut()
            .zip(&valid)
            .for_each(|(word, valid)| *word &= valid);
        buffers.give(valid);
    }
    Ok(bits::into_column(values, rows, None))
}

#[cfg(test)]
mod tests;
