//! Casts of plain arrays: the dispatch, and the loops that the conversions share.

#![allow(
    clippy::indexing_slicing,
    reason = "rows come from a selection whose length is that of the array, see `cast`"
)]

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanBufferBuilder, PrimitiveArray, make_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast_with_options};
use esker_datatypes::{Buffers, DataType, Error, Result, Selection};

use super::route::Route;
use super::{CastMode, bytes, decimal, format, nested, number, read, temporal};
use crate::vector::{Cost, map1};

/// What every conversion is given: the rows that count and where memory comes from.
pub(super) struct Cx<'a> {
    pub(super) selection: &'a Selection,
    pub(super) buffers: &'a mut Buffers,
}

impl<'a> Cx<'a> {
    pub(super) fn new(selection: &'a Selection, buffers: &'a mut Buffers) -> Self {
        Self { selection, buffers }
    }
}

/// A cast array, null where a value did not fit or parse.
pub(super) struct Converted {
    pub(super) array: ArrayRef,
    /// The rows, ascending, that are null only for that reason; unselected ones may be among them.
    pub(super) failed: Vec<u32>,
}

impl Converted {
    /// A cast in which nothing failed.
    pub(super) fn sound(array: impl Array + 'static) -> Self {
        Self {
            array: Arc::new(array),
            failed: Vec::new(),
        }
    }
}

/// Casts an array by its route. The mode matters to nested types only, whose items are cast in it.
pub(super) fn convert(
    route: &Route,
    array: &ArrayRef,
    to: &DataType,
    mode: CastMode,
    cx: &mut Cx<'_>,
) -> Result<Converted> {
    match route {
        Route::Same => Ok(Converted {
            array: Arc::clone(array),
            failed: Vec::new(),
        }),
        Route::Null => {
            let array = arrow::array::new_null_array(to, array.len());
            Ok(Converted {
                array,
                failed: Vec::new(),
            })
        }
        Route::Number => number::number(array, to, cx),
        Route::FromBool => number::from_bool(array, to, cx),
        Route::ToBool => number::to_bool(array),
        Route::ToDecimal => decimal::to_decimal(array, to, cx),
        Route::FromDecimal => decimal::from_decimal(array, to, cx),
        Route::Bytes => bytes::bytes(array, to),
        Route::Read => read::read(array, to, cx),
        Route::Format => format::format(array, to, cx),
        Route::Temporal => temporal::temporal(array, to, cx),
        Route::Count => temporal::count(array, to, cx),
        Route::Arrow => by_arrow(array, to),
        Route::List => nested::list(array, to, mode, cx),
        Route::Struct(sources) => nested::structs(array, to, sources, mode, cx),
        Route::Map => nested::map(array, to, mode, cx),
    }
}

/// `each` of every value: of all rows where that is cheap, of the selected ones where few are.
pub(super) fn map_values<I: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    array: &PrimitiveArray<I>,
    cost: Cost,
    cx: &mut Cx<'_>,
    each: impl Fn(I::Native) -> Option<O::Native>,
) -> (PrimitiveArray<O>, Vec<u32>) {
    let mut fits = true;
    let out = map1(
        array.values(),
        cx.selection,
        cost,
        cx.buffers,
        |value| match each(value) {
            Some(value) => value,
            None => {
                fits = false;
                O::Native::default()
            }
        },
    );
    let nulls = array.nulls();
    let mut failed = Vec::new();
    if !fits {
        // A value below a null may have been the one that did not fit; rows that were not computed
        // are harmless here.
        let fails = |&row: &usize| {
            nulls.is_none_or(|n| n.is_valid(row)) && each(array.values()[row]).is_none()
        };
        failed.extend(cx.selection.iter().filter(fails).map(|row| row as u32));
    }
    (finish(out, nulls, &failed), failed)
}

/// `each` of the selected rows that are not null; the others hold zero.
pub(super) fn map_rows<O: ArrowPrimitiveType>(
    array: &dyn Array,
    cx: &mut Cx<'_>,
    mut each: impl FnMut(usize) -> Option<O::Native>,
) -> (PrimitiveArray<O>, Vec<u32>) {
    let mut out = cx.buffers.take::<O::Native>(array.len());
    out.resize(array.len(), O::Native::default());
    let nulls = array.nulls();
    let mut failed = Vec::new();
    for row in cx.selection.iter() {
        if nulls.is_none_or(|n| n.is_valid(row)) {
            match each(row) {
                Some(value) => out[row] = value,
                None => failed.push(row as u32),
            }
        }
    }
    (finish(out, nulls, &failed), failed)
}

fn finish<O: ArrowPrimitiveType>(
    values: Vec<O::Native>,
    nulls: Option<&NullBuffer>,
    failed: &[u32],
) -> PrimitiveArray<O> {
    let nulls = without(nulls, values.len(), failed);
    PrimitiveArray::new(values.into(), nulls)
}

/// The mask in which these rows are null too.
pub(super) fn without(
    nulls: Option<&NullBuffer>,
    len: usize,
    failed: &[u32],
) -> Option<NullBuffer> {
    if failed.is_empty() {
        return nulls.cloned();
    }
    let mut valid = BooleanBufferBuilder::new(len);
    match nulls {
        Some(nulls) => valid.append_buffer(nulls.inner()),
        None => valid.append_n(len, true),
    }
    for &row in failed {
        valid.set_bit(row as usize, false);
    }
    Some(NullBuffer::new(valid.finish()))
}

/// Arrow's cast, where its rules are ours: a value that fails becomes null.
pub(super) fn by_arrow(array: &ArrayRef, to: &DataType) -> Result<Converted> {
    let cast = cast_with_options(array, to, &CastOptions::default()).map_err(|e| {
        Error::evaluation(format!("cannot cast {} to {to}: {e}", array.data_type()))
    })?;
    let mut failed = Vec::new();
    if cast.null_count() > array.null_count() {
        let fails = |&row: &u32| cast.is_null(row as usize) && array.is_valid(row as usize);
        failed.extend((0..array.len() as u32).filter(fails));
    }
    Ok(Converted {
        array: cast,
        failed,
    })
}

/// The same values under another type of the same layout.
pub(super) fn retype(array: &dyn Array, to: &DataType) -> Result<ArrayRef> {
    Ok(make_array(
        array
            .to_data()
            .into_builder()
            .data_type(to.clone())
            .build()?,
    ))
}

/// The error of a pair of types that the route does not lead to.
pub(super) fn astray(from: &DataType, to: &DataType) -> Error {
    Error::internal(format!("a cast from {from} to {to} on the wrong way"))
}
