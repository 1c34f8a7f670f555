//! One column out of several, row by row: what CASE does with its branches.

#![allow(
    clippy::indexing_slicing,
    reason = "selections and columns are checked to have one length; codes are below the values"
)]

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, UInt32Array, downcast_primitive, new_null_array,
};
use arrow::compute;
use esker_datatypes::{
    Buffers, Column, DataType, Encoding, Error, Result, ScalarValue, Selection, is_binary,
    is_string, value_type,
};

use crate::bits;
use crate::vector::{primitive, same_rows};

/// A column of `rows` rows that takes those of each branch's selection from the branch's column;
/// rows in no selection are null. The selections are disjoint and the columns have `rows` rows and
/// the value type of `out`.
///
/// Text that comes from constants only becomes a dictionary of them.
///
/// # Errors
/// `Internal` when lengths or types differ.
///
/// ```
/// use esker_datatypes::{Buffers, Column, DataType, ScalarValue, Selection};
/// use esker_kernels::select::merge;
/// let ones = Column::constant(ScalarValue::from(1i64), 3);
/// let twos = Column::constant(ScalarValue::from(2i64), 3);
/// let branches = [
///     (Selection::from_rows(3, vec![2]), ones),
///     (Selection::from_rows(3, vec![0]), twos),
/// ];
/// let merged = merge(&branches, 3, &DataType::Int64, &mut Buffers::default())?;
/// assert_eq!(merged.value(0)?.as_i128(), Some(2));
/// assert!(merged.value(1)?.is_null());
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn merge(
    branches: &[(Selection, Column)],
    rows: usize,
    out: &DataType,
    buffers: &mut Buffers,
) -> Result<Column> {
    let wanted = value_type(out);
    for (selection, column) in branches {
        let found = column.value_type();
        if same_rows(&[column], selection)? != rows || found != wanted {
            return Err(Error::internal(format!(
                "merging {} rows of {found} into {rows} of {wanted}",
                selection.len()
            )));
        }
    }
    if let Some((_, column)) = branches.iter().find(|(selection, _)| selection.is_all()) {
        return Ok(column.clone().with_declared_type(out));
    }
    if branches.iter().all(|(selection, _)| selection.is_none()) {
        return Ok(Column::constant(ScalarValue::null(wanted), rows).with_declared_type(out));
    }
    macro_rules! fixed_width {
        ($type:ty) => {
            fixed_width::<$type>(branches, rows, wanted, buffers)?
        };
    }
    let constant = |(_, column): &(Selection, Column)| column.as_constant().is_some();
    let merged = downcast_primitive! {
        wanted => (fixed_width),
        _ if (is_string(wanted) || is_binary(wanted)) && branches.iter().all(constant) => {
            dictionary(branches, rows, buffers)?
        }
        _ => interleaved(branches, rows, wanted)?,
    };
    Ok(merged.with_declared_type(out))
}

/// Branches of fixed-width values.
fn fixed_width<T: ArrowPrimitiveType>(
    branches: &[(Selection, Column)],
    rows: usize,
    data_type: &DataType,
    buffers: &mut Buffers,
) -> Result<Column> {
    let mut out = buffers.take::<T::Native>(rows);
    out.resize(rows, T::Native::default());
    let mut valid = bits::filled(rows, false, buffers);
    for (selection, column) in branches {
        let array = match column.encoding() {
            Encoding::Flat(array) => array,
            Encoding::Dictionary { values, .. } => values,
            Encoding::Constant { value, .. } => value.as_array(),
        };
        let Some(array) = array.as_primitive_opt::<T>() else {
            return Err(Error::internal(format!(
                "merging {} as {data_type}",
                array.data_type()
            )));
        };
        let (values, nulls) = (array.values(), array.nulls().filter(|n| n.null_count() > 0));
        for (row, at) in places(selection, column) {
            if let Some(at) = at
                && nulls.is_none_or(|n| n.is_valid(at))
            {
                out[row] = values[at];
                bits::set(&mut valid, row);
            }
        }
    }
    primitive::<T>(out, bits::into_nulls(valid, rows), data_type)
}

/// Branches that are constants, as a dictionary of these.
fn dictionary(
    branches: &[(Selection, Column)],
    rows: usize,
    buffers: &mut Buffers,
) -> Result<Column> {
    let mut codes = buffers.take::<u32>(rows);
    codes.resize(rows, 0);
    let mut valid = bits::filled(rows, false, buffers);
    let mut values = Vec::with_capacity(branches.len());
    for (code, (selection, column)) in branches.iter().enumerate() {
        let Some(value) = column.as_constant() else {
            return Err(Error::internal("a constant is due"));
        };
        values.push(value.as_array().as_ref());
        if !value.is_null() {
            for row in selection.iter() {
                codes[row] = code as u32;
                bits::set(&mut valid, row);
            }
        }
    }
    let codes = UInt32Array::try_new(codes.into(), bits::into_nulls(valid, rows))?;
    Ok(Column::dictionary(codes, compute::concat(&values)?))
}

/// Branches of any type.
fn interleaved(
    branches: &[(Selection, Column)],
    rows: usize,
    data_type: &DataType,
) -> Result<Column> {
    let null = new_null_array(data_type, 1);
    // Place (0, 0) is the null: that of rows in no selection.
    let mut from = vec![(0, 0); rows];
    let mut arrays: Vec<&dyn Array> = vec![null.as_ref()];
    for (number, (selection, column)) in branches.iter().enumerate() {
        arrays.push(match column.encoding() {
            Encoding::Flat(array) => array.as_ref(),
            Encoding::Dictionary { values, .. } => values.as_ref(),
            Encoding::Constant { value, .. } => value.as_array().as_ref(),
        });
        for (row, at) in places(selection, column) {
            if let Some(at) = at {
                from[row] = (number + 1, at);
            }
        }
    }
    let merged: ArrayRef = compute::interleave(&arrays, &from)?;
    Ok(Column::flat(merged))
}

/// The selected rows, and where in the column's array the value of each stands: nowhere when its
/// code is null.
fn places<'a>(
    selection: &'a Selection,
    column: &'a Column,
) -> impl Iterator<Item = (usize, Option<usize>)> + 'a {
    let encoding = column.encoding();
    selection.iter().map(move |row| {
        let at = match encoding {
            Encoding::Flat(_) => Some(row),
            Encoding::Dictionary { codes, .. } => {
                codes.is_valid(row).then(|| codes.value(row) as usize)
            }
            Encoding::Constant { .. } => Some(0),
        };
        (row, at)
    })
}
