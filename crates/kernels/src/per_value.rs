//! Kernels of one column, run once for each value of a dictionary or a constant.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use esker_datatypes::{Buffers, Column, Encoding, Result, ScalarValue, Selection};

use crate::vector::same_rows;

/// What the kernel makes of a plain array: an array of as many rows. What stands in rows that are
/// not selected does not matter.
///
/// The column keeps its encoding, unless its dictionary has more values than there are selected
/// rows, or one of its values fails, which may be one that no selected row has.
pub(crate) fn per_value(
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
    mut kernel: impl FnMut(&ArrayRef, &Selection, &mut Buffers) -> Result<ArrayRef>,
) -> Result<Column> {
    same_rows(&[column], selection)?;
    match column.encoding() {
        Encoding::Constant { value, len } => {
            let selected = match selection.is_none() {
                true => Selection::none(1),
                false => Selection::all(1),
            };
            let result = kernel(value.as_array(), &selected, buffers)?;
            Ok(Column::constant(ScalarValue::from_array(&result, 0)?, *len))
        }
        Encoding::Dictionary { codes, values } if values.len() <= selection.count() => {
            match kernel(values, &Selection::all(values.len()), buffers) {
                Ok(result) => Ok(Column::dictionary(codes.clone(), result)),
                Err(_) => Ok(Column::flat(kernel(&column.to_flat(), selection, buffers)?)),
            }
        }
        Encoding::Dictionary { .. } => {
            Ok(Column::flat(kernel(&column.to_flat(), selection, buffers)?))
        }
        Encoding::Flat(array) => Ok(Column::flat(kernel(array, selection, buffers)?)),
    }
}

/// A primitive array with an array's nulls.
pub(crate) fn with_nulls_of<T: arrow::array::ArrowPrimitiveType>(
    values: Vec<T::Native>,
    array: &ArrayRef,
) -> Result<ArrayRef> {
    let nulls = array.logical_nulls().filter(|n| n.null_count() > 0);
    let result = arrow::array::PrimitiveArray::<T>::try_new(values.into(), nulls)?;
    Ok(Arc::new(result))
}
