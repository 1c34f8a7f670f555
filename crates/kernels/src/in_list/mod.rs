//! Membership in a list of values that is prepared once.

/// The prepared members, by the shape of their values.
mod members;

use arrow::array::{Array, ArrayRef};
use esker_datatypes::{
    Buffers, Column, DataType, Error, Result, ScalarValue, Selection, value_type,
};

use crate::bits::{self, Target};
use crate::compare::{comparable, cost, few_values, through_codes};
use crate::vector::{listed, same_rows};
use members::Members;

/// The values of an `IN` list, prepared for many batches.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, Int64Array};
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::in_list::InSet;
/// let members: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None]));
/// let set = InSet::try_new(&members)?;
/// let is_in = |value: i64| -> esker_datatypes::Result<Option<bool>> {
///     let column = Column::constant(ScalarValue::from(value), 1);
///     let result =
///         set.evaluate(&column, false, &Selection::all(1), &mut Buffers::default())?;
///     Ok(result.as_constant().and_then(|v| v.as_bool()))
/// };
/// assert_eq!(is_in(2)?, Some(true));
/// assert_eq!(is_in(7)?, None); // the null member might be 7
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Debug)]
pub struct InSet {
    data_type: DataType,
    len: usize,
    contains_null: bool,
    members: Members,
}

impl InSet {
    /// Prepares the members; they may repeat and hold nulls.
    ///
    /// # Errors
    /// `Unsupported` for nested types that Arrow cannot order.
    pub fn try_new(values: &ArrayRef) -> Result<Self> {
        let flat = Column::from_arrow(values)?.to_flat();
        let nulls = flat.logical_nulls().filter(|n| n.null_count() > 0);
        let members = Members::new(&flat, nulls.as_ref())?;
        Ok(Self {
            data_type: value_type(values.data_type()).clone(),
            len: values.len(),
            contains_null: nulls.is_some(),
            members,
        })
    }

    /// How many members were given, repeated ones and nulls included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a member is null.
    pub fn contains_null(&self) -> bool {
        self.contains_null
    }

    /// Whether each row's value is a member (`negated`: is none): TRUE on a match, else null when
    /// the value or a member is null, else FALSE; `negated` turns TRUE and FALSE around.
    ///
    /// The column has the members' type, or both are of any string or any binary type; a constant
    /// gives a constant.
    ///
    /// # Errors
    /// `Internal` for a column of another type and when the lengths differ.
    pub fn evaluate(
        &self,
        column: &Column,
        negated: bool,
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<Column> {
        let rows = self.check(column, selection)?;
        if let Some(answer) = self.constant(column, buffers)? {
            let answer = answer.map(|answer| answer != negated);
            return Ok(Column::constant(ScalarValue::from(answer), rows));
        }
        let nulls = column.nulls();
        let mut words = if listed(selection, cost(column.value_type())).is_none() {
            let mut words = buffers.take(bits::word_count(rows));
            self.test(column, Target::Mask(&mut words), buffers)?;
            words
        } else {
            let mut kept = selection.clone();
            self.test(column, Target::Rows(&mut kept), buffers)?;
            let mut words = bits::filled(rows, false, buffers);
            kept.iter().for_each(|row| bits::set(&mut words, row));
            words
        };
        let nulls = if self.contains_null {
            // Only a match is certain.
            let mut known = buffers.take(words.len());
            known.extend_from_slice(&words);
            bits::clear_nulls(&mut known, nulls.as_ref());
            bits::into_nulls(known, rows)
        } else {
            nulls
        };
        if negated {
            words.iter_mut().for_each(|word| *word = !*word);
        }
        Ok(bits::into_column(words, rows, nulls))
    }

    /// Narrows `selection` to the rows for which [`evaluate`](Self::evaluate) is TRUE.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate); what is selected then is not defined.
    pub fn select(
        &self,
        column: &Column,
        negated: bool,
        selection: &mut Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let rows = self.check(column, selection)?;
        let constant = self.constant(column, buffers)?;
        if negated && self.contains_null || constant.is_some_and(|c| c != Some(!negated)) {
            *selection = Selection::none(rows);
            return Ok(());
        }
        if constant.is_some() {
            return Ok(());
        }
        let nulls = column.nulls();
        if listed(selection, cost(column.value_type())).is_some() && !negated {
            if let Some(nulls) = &nulls {
                selection.retain(|row| nulls.is_valid(row));
            }
            return self.test(column, Target::Rows(selection), buffers);
        }
        let mut words = buffers.take(bits::word_count(rows));
        self.test(column, Target::Mask(&mut words), buffers)?;
        if negated {
            words.iter_mut().for_each(|word| *word = !*word);
        }
        bits::clear_nulls(&mut words, nulls.as_ref());
        bits::narrow(selection, &words, buffers);
        buffers.give(words);
        Ok(())
    }

    fn check(&self, column: &Column, selection: &Selection) -> Result<usize> {
        let rows = same_rows(&[column], selection)?;
        // A signed column beside unsigned members compares, but their keys do not.
        let (column, members) = (column.value_type(), &self.data_type);
        let mixed = column.is_integer() && column != members && !matches!(members, DataType::Null);
        if mixed || !comparable(column, members) {
            return Err(Error::internal(format!("{column} in a list of {members}")));
        }
        Ok(rows)
    }

    /// The answer for all rows, where the column is constant: the inner `None` is null.
    fn constant(&self, column: &Column, buffers: &mut Buffers) -> Result<Option<Option<bool>>> {
        if matches!(column.value_type(), DataType::Null) {
            return Ok(Some(None));
        }
        let Some(value) = column.as_constant() else {
            return Ok(None);
        };
        if value.is_null() {
            return Ok(Some(None));
        }
        let mut words = Vec::new();
        let one = Column::flat(ArrayRef::clone(value.as_array()));
        self.test(&one, Target::Mask(&mut words), buffers)?;
        let found = bits::is_set(&words, 0);
        Ok(Some((found || !self.contains_null).then_some(found)))
    }

    /// Sends to the target whether each row's value is a member; null rows may say anything.
    fn test(&self, column: &Column, target: Target<'_>, buffers: &mut Buffers) -> Result<()> {
        if few_values(column, &target) {
            return through_codes(column, target, buffers, |values, target, buffers| {
                self.test(values, target, buffers)
            });
        }
        self.members.test(&column.to_flat(), target)
    }
}

#[cfg(test)]
mod tests;
