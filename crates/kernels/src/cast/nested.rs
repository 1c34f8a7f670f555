//! Lists, structs and maps: their items one by one, in the mode of the cast.
//!
//! In [`CastMode::Try`] an item that fails is null within its list or struct. Items of null rows do
//! not count. Arrays with unselected rows are cut to the selected ones first, so that their items
//! neither fail nor break a field that may not be null.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, MapArray, OffsetSizeTrait,
    StructArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use esker_datatypes::{Buffers, Column, Error, Result, Selection};

use super::flat::{Converted, Cx, astray};
use super::route::item_type;
use super::{CastMode, cast};

/// A list of any width to another.
pub(super) fn list(
    array: &ArrayRef,
    to: &DataType,
    mode: CastMode,
    cx: &mut Cx<'_>,
) -> Result<Converted> {
    dense(array, cx, |array, buffers| {
        let (items, offsets) = items(array)?;
        let selection = item_selection(&items, &offsets, array.nulls())?;
        let Some(item) = item_type(to) else {
            return Err(astray(array.data_type(), to));
        };
        let items = child(&items, item, mode, &selection, buffers)?;
        let nulls = array.nulls().cloned();
        let blame = |e| refused(array.data_type(), to, &e);
        match to {
            DataType::List(field) => make_list::<i32>(field, &offsets, items, nulls, blame),
            DataType::LargeList(field) => make_list::<i64>(field, &offsets, items, nulls, blame),
            DataType::FixedSizeList(field, size) => {
                let field = Arc::clone(field);
                let len = array.len();
                FixedSizeListArray::try_new_with_length(field, *size, items, nulls, len)
                    .map(|list| Arc::new(list) as ArrayRef)
                    .map_err(blame)
            }
            _ => Err(astray(array.data_type(), to)),
        }
    })
}

/// A struct to another, each field from the one at the position that `sources` says.
pub(super) fn structs(
    array: &ArrayRef,
    to: &DataType,
    sources: &[usize],
    mode: CastMode,
    cx: &mut Cx<'_>,
) -> Result<Converted> {
    let DataType::Struct(fields) = to else {
        return Err(astray(array.data_type(), to));
    };
    dense(array, cx, |array, buffers| {
        let from = array.as_struct();
        let mut selection = Selection::all(array.len());
        if let Some(nulls) = array.nulls() {
            selection.retain(|row| nulls.is_valid(row));
        }
        let mut columns = Vec::with_capacity(fields.len());
        for (field, &source) in fields.iter().zip(sources) {
            let column = from.columns().get(source);
            let column = column.ok_or_else(|| astray(array.data_type(), to))?;
            columns.push(child(column, field.data_type(), mode, &selection, buffers)?);
        }
        let nulls = array.nulls().cloned();
        StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len())
            .map(|array| Arc::new(array) as ArrayRef)
            .map_err(|e| refused(array.data_type(), to, &e))
    })
}

/// A map to another, its entries as structs.
pub(super) fn map(
    array: &ArrayRef,
    to: &DataType,
    mode: CastMode,
    cx: &mut Cx<'_>,
) -> Result<Converted> {
    let DataType::Map(field, sorted) = to else {
        return Err(astray(array.data_type(), to));
    };
    dense(array, cx, |array, buffers| {
        let map = array.as_map();
        let (start, offsets) = rebased(map.offsets());
        let len = offsets.last().map_or(0, |&end| end as usize);
        let entries: ArrayRef = Arc::new(map.entries().slice(start, len));
        let selection = item_selection(&entries, &offsets, array.nulls())?;
        let entries = child(&entries, field.data_type(), mode, &selection, buffers)?;
        let entries = entries.as_struct().clone();
        let offsets = narrow_offsets::<i32>(&offsets)?;
        MapArray::try_new(
            Arc::clone(field),
            offsets,
            entries,
            array.nulls().cloned(),
            *sorted,
        )
        .map(|map| Arc::new(map) as ArrayRef)
        .map_err(|e| refused(array.data_type(), to, &e))
    })
}

/// Casts the selected rows only and puts them back where they were, nulls between them.
fn dense(
    array: &ArrayRef,
    cx: &mut Cx<'_>,
    cast: impl FnOnce(&ArrayRef, &mut Buffers) -> Result<ArrayRef>,
) -> Result<Converted> {
    let array = match cx.selection.rows() {
        None => cast(array, cx.buffers)?,
        Some(rows) => {
            let selected = take(array, &UInt32Array::from(rows.to_vec()), None)?;
            let cast = cast(&selected, cx.buffers)?;
            let mut places = vec![None; array.len()];
            for (at, &row) in (0u32..).zip(rows) {
                if let Some(place) = places.get_mut(row as usize) {
                    *place = Some(at);
                }
            }
            take(&cast, &UInt32Array::from(places), None)?
        }
    };
    Ok(Converted {
        array,
        failed: Vec::new(),
    })
}

/// Items in any encoding, cast.
fn child(
    items: &ArrayRef,
    to: &DataType,
    mode: CastMode,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<ArrayRef> {
    cast(&Column::from_arrow(items)?, to, mode, selection, buffers)?.to_arrow()
}

/// The items of a list array and where each row's begin, the first at 0.
fn items(array: &ArrayRef) -> Result<(ArrayRef, Vec<i64>)> {
    fn of<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> (ArrayRef, Vec<i64>) {
        let (start, offsets) = rebased(list.offsets());
        let len = offsets.last().map_or(0, |&end| end as usize);
        (list.values().slice(start, len), offsets)
    }
    match array.data_type() {
        DataType::List(_) => Ok(of(array.as_list::<i32>())),
        DataType::LargeList(_) => Ok(of(array.as_list::<i64>())),
        DataType::FixedSizeList(_, size) => {
            let offsets = (0..=array.len() as i64)
                .map(|row| row * i64::from(*size))
                .collect();
            Ok((Arc::clone(array.as_fixed_size_list().values()), offsets))
        }
        other => Err(astray(other, other)),
    }
}

/// Where the offsets start, and all of them counted from there.
fn rebased<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>) -> (usize, Vec<i64>) {
    let start = offsets.first().as_usize();
    (
        start,
        offsets
            .iter()
            .map(|offset| (offset.as_usize() - start) as i64)
            .collect(),
    )
}

/// The items of the rows that are not null.
fn item_selection(
    items: &ArrayRef,
    offsets: &[i64],
    nulls: Option<&NullBuffer>,
) -> Result<Selection> {
    let len = items.len();
    if u32::try_from(len).is_err() {
        return Err(Error::unsupported(format!(
            "a cast of lists with {len} items in one batch"
        )));
    }
    let Some(nulls) = nulls.filter(|n| n.null_count() > 0) else {
        return Ok(Selection::all(len));
    };
    let rows = offsets.iter().zip(offsets.iter().skip(1)).enumerate();
    let valid = rows.filter(|(row, _)| nulls.is_valid(*row));
    let rows = valid
        .flat_map(|(_, (&start, &end))| start as u32..end as u32)
        .collect();
    Ok(Selection::from_rows(len, rows))
}

fn narrow_offsets<O: OffsetSizeTrait>(offsets: &[i64]) -> Result<OffsetBuffer<O>> {
    let narrow = |&offset: &i64| O::from_usize(offset as usize);
    let narrowed: Option<Vec<O>> = offsets.iter().map(narrow).collect();
    narrowed
        .map(|offsets| OffsetBuffer::new(offsets.into()))
        .ok_or_else(|| Error::unsupported("a list array of more than 2^31 items".to_owned()))
}

fn make_list<O: OffsetSizeTrait>(
    field: &FieldRef,
    offsets: &[i64],
    items: ArrayRef,
    nulls: Option<NullBuffer>,
    blame: impl FnOnce(ArrowError) -> Error,
) -> Result<ArrayRef> {
    let offsets = narrow_offsets::<O>(offsets)?;
    let list = GenericListArray::<O>::try_new(Arc::clone(field), offsets, items, nulls);
    Ok(Arc::new(list.map_err(blame)?))
}

/// Arrow found the cast items not to make such an array: a null where the field takes none.
fn refused(from: &DataType, to: &DataType, error: &ArrowError) -> Error {
    Error::evaluation(format!("cannot cast {from} to {to}: {error}"))
}
