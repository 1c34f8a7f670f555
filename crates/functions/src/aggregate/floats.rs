//! Numbers of any type as `Float64`, for the aggregates that compute with floats.

use std::sync::Arc;

use arrow::array::{Array, Float64Array};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Float64Type;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection, value_type};
use esker_kernels::cast::{CastMode, cast};

use super::common::{columns, typed};
use super::rows::{Rows, with_valid};

/// That the arguments are numbers: the result is `Float64`.
pub(super) fn float_type(name: &str, args: &[DataType]) -> Result<DataType> {
    match args.iter().find(|t| !value_type(t).is_numeric()) {
        None => Ok(DataType::Float64),
        Some(other) => Err(Error::type_mismatch(format!(
            "{name}() takes numbers, not {other}"
        ))),
    }
}

/// The selected rows of a column as floats, in whatever encoding; the rounded digits of integers
/// and decimals that have too many.
pub(super) fn as_floats(
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    match column.value_type() {
        DataType::Float64 => Ok(column.clone()),
        _ => cast(
            column,
            &DataType::Float64,
            CastMode::Strict,
            selection,
            buffers,
        ),
    }
}

/// Hands the floats of the selected rows that are not null to `each`, unless there are none.
pub(super) fn with_floats(
    column: &Column,
    groups: &[u32],
    selection: &Selection,
    buffers: &mut Buffers,
    each: impl FnOnce(&Rows<'_>, &[f64]) -> Result<()>,
) -> Result<()> {
    let floats = as_floats(column, selection, buffers)?;
    with_valid(&floats, groups, selection, buffers, |rows, _| {
        each(rows, typed::<Float64Type>(rows.array)?.values())
    })?;
    buffers.recycle_column(floats);
    Ok(())
}

/// The columns of a state that is floats without nulls, one for each group.
pub(super) fn float_state<const N: usize>(
    groups: &[u32],
    state: &[Column],
) -> Result<[ScalarBuffer<f64>; N]> {
    let mut all = std::array::from_fn(|_| ScalarBuffer::from(Vec::new()));
    for (to, column) in all.iter_mut().zip(columns::<N>(state)?) {
        let flat = column.to_flat();
        let floats = typed::<Float64Type>(&flat)?;
        if floats.len() != groups.len() || floats.null_count() > 0 {
            return Err(Error::internal("merging floats that are not one a group"));
        }
        *to = floats.values().clone();
    }
    Ok(all)
}

/// A column of floats that are all there.
pub(super) fn float_column(values: impl Iterator<Item = f64>) -> Column {
    Column::flat(Arc::new(Float64Array::from_iter_values(values)))
}
