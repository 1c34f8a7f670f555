//! What fixed-width kernels share: operands, loops over selected rows, null masks, output columns.
//!
//! [`same_rows`] checks the shapes of a call; [`Input`] is a column as a flat array or one value;
//! [`Operand`] is its values as a slice or one value; [`map1`] and [`map2`] are the loops (dense,
//! with a constant, or over few selected rows); [`union_nulls`] combines masks; [`primitive`]
//! makes the output column; [`first_row`] finds the row to blame.

#![allow(
    clippy::indexing_slicing,
    reason = "rows come from a selection whose length equals that of the operands, see `same_rows`"
)]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::ArrowNativeType;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};

/// Checks that the columns of a call and its selection have one length, and returns it.
pub(crate) fn same_rows(columns: &[&Column], selection: &Selection) -> Result<usize> {
    let rows = selection.len();
    match columns.iter().find(|c| c.len() != rows) {
        Some(column) => Err(Error::internal(format!(
            "a column of {} rows with a selection of {rows}",
            column.len()
        ))),
        None => Ok(rows),
    }
}

/// A column as a kernel reads it: a plain array, or one value for all rows.
pub(crate) struct Input {
    array: ArrayRef,
    constant: bool,
}

impl Input {
    /// The column, its dictionary expanded.
    pub(crate) fn new(column: &Column) -> Self {
        match column.as_constant() {
            Some(value) => Self {
                array: Arc::clone(value.as_array()),
                constant: true,
            },
            None => Self {
                array: column.to_flat(),
                constant: false,
            },
        }
    }

    /// A plain array.
    pub(crate) fn flat(array: &ArrayRef) -> Self {
        Self {
            array: Arc::clone(array),
            constant: false,
        }
    }

    /// The array: all rows, or the one value.
    pub(crate) fn array(&self) -> &ArrayRef {
        &self.array
    }

    /// Whether the array holds one value for all rows.
    pub(crate) fn is_constant(&self) -> bool {
        self.constant
    }

    /// The type of the values.
    pub(crate) fn data_type(&self) -> &DataType {
        self.array.data_type()
    }

    /// Where in the array a row's value stands.
    pub(crate) fn index(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    /// The array as primitives of a type.
    pub(crate) fn primitive<T: ArrowPrimitiveType>(&self) -> Result<&PrimitiveArray<T>> {
        self.array.as_primitive_opt::<T>().ok_or_else(|| {
            Error::internal(format!(
                "{} where {} is due",
                self.data_type(),
                T::DATA_TYPE
            ))
        })
    }

    /// The values of a primitive type; those of null rows may be anything.
    pub(crate) fn operand<T: ArrowPrimitiveType>(&self) -> Result<Operand<'_, T::Native>> {
        let array = self.primitive::<T>()?;
        Ok(if self.constant {
            Operand::Constant(array.values().first().copied().unwrap_or_default())
        } else {
            Operand::Rows(array.values())
        })
    }

    /// The null rows, if any. A constant that is null has none: kernels answer it before.
    pub(crate) fn nulls(&self) -> Option<&NullBuffer> {
        if self.constant {
            None
        } else {
            self.array.nulls().filter(|n| n.null_count() > 0)
        }
    }
}

/// Values of a fixed width: one a row, or the same for all rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand<'a, T> {
    /// One value a row.
    Rows(&'a [T]),
    /// The same value for all rows.
    Constant(T),
}

impl<T: Copy> Operand<'_, T> {
    /// The value of a row.
    #[inline]
    pub(crate) fn at(&self, row: usize) -> T {
        match self {
            Self::Rows(values) => values[row],
            Self::Constant(value) => *value,
        }
    }
}

/// How a loop chooses between all rows and the selected ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// The loop vectorizes: compute all rows unless very few are selected.
    Cheap,
    /// Tens of cycles a row: compute only the selected rows.
    Dear,
}

/// The list of selected rows, where it pays to compute no others.
pub(crate) fn listed(selection: &Selection, cost: Cost) -> Option<&[u32]> {
    let limit = match cost {
        Cost::Cheap => selection.len() / 8,
        Cost::Dear => selection.len() / 8 * 7,
    };
    selection.rows().filter(|rows| rows.len() <= limit)
}

/// `each` of every row (or, where few are selected, of those; the others hold zero).
#[inline]
pub(crate) fn map1<A: ArrowNativeType, O: ArrowNativeType>(
    values: &[A],
    selection: &Selection,
    cost: Cost,
    buffers: &mut Buffers,
    mut each: impl FnMut(A) -> O,
) -> Vec<O> {
    let mut out = buffers.take::<O>(selection.len());
    match listed(selection, cost) {
        None => out.extend(values.iter().map(|&value| each(value))),
        Some(rows) => {
            out.resize(selection.len(), O::default());
            for &row in rows {
                out[row as usize] = each(values[row as usize]);
            }
        }
    }
    out
}

/// `each` of every row of two operands (or, where few are selected, of those; the others hold
/// zero).
#[inline]
pub(crate) fn map2<A: ArrowNativeType, B: ArrowNativeType, O: ArrowNativeType>(
    left: Operand<'_, A>,
    right: Operand<'_, B>,
    selection: &Selection,
    cost: Cost,
    buffers: &mut Buffers,
    mut each: impl FnMut(A, B) -> O,
) -> Vec<O> {
    let len = selection.len();
    let mut out = buffers.take::<O>(len);
    if let Some(rows) = listed(selection, cost) {
        out.resize(len, O::default());
        for &row in rows {
            let row = row as usize;
            out[row] = each(left.at(row), right.at(row));
        }
        return out;
    }
    match (left, right) {
        (Operand::Rows(left), Operand::Rows(right)) => {
            out.extend(
                left.iter()
                    .zip(right)
                    .map(|(&left, &right)| each(left, right)),
            );
        }
        (Operand::Rows(left), Operand::Constant(right)) => {
            out.extend(left.iter().map(|&left| each(left, right)));
        }
        (Operand::Constant(left), Operand::Rows(right)) => {
            out.extend(right.iter().map(|&right| each(left, right)));
        }
        (Operand::Constant(left), Operand::Constant(right)) => {
            out.resize(len, each(left, right));
        }
    }
    out
}

/// Rows that are null in either.
pub(crate) fn union_nulls(
    left: Option<&NullBuffer>,
    right: Option<&NullBuffer>,
) -> Option<NullBuffer> {
    NullBuffer::union(left, right)
}

/// The first selected row that is not null and for which `wanted` holds.
pub(crate) fn first_row(
    selection: &Selection,
    nulls: Option<&NullBuffer>,
    mut wanted: impl FnMut(usize) -> bool,
) -> Option<usize> {
    selection
        .iter()
        .find(|&row| nulls.is_none_or(|n| n.is_valid(row)) && wanted(row))
}

/// A flat column of primitive values. `data_type` may carry more than `T` does (decimals,
/// timestamps) and must be a type of `T`.
pub(crate) fn primitive<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
    data_type: &DataType,
) -> Result<Column> {
    if !PrimitiveArray::<T>::is_compatible(data_type) {
        return Err(Error::internal(format!(
            "{} values as {data_type}",
            T::DATA_TYPE
        )));
    }
    let array = PrimitiveArray::<T>::try_new(values.into(), nulls)?;
    Ok(Column::flat(Arc::new(
        array.with_data_type(data_type.clone()),
    )))
}
