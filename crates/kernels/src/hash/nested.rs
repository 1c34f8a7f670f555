//! Hashes of lists, structs, maps and unions: those of the children, folded.

#![allow(
    clippy::indexing_slicing,
    reason = "offsets lie within the child array, as Arrow has checked when the array was made"
)]

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::ArrowNativeType;
use esker_datatypes::{Column, DataType, Error, Result};

use super::{COLUMN, TAIL, absorb, fold};

/// A hash for each row of a nested array; anything for null rows.
pub(super) fn hashes(array: &ArrayRef) -> Result<Vec<u64>> {
    Ok(match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            by_offsets(list.values(), list.value_offsets())?
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            by_offsets(list.values(), list.value_offsets())?
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            by_offsets(&entries, map.value_offsets())?
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            let items = column(list.values())?;
            ranges(&items, list.offsets(), list.sizes())
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            let items = column(list.values())?;
            ranges(&items, list.offsets(), list.sizes())
        }
        DataType::FixedSizeList(_, _) => {
            let list = array.as_fixed_size_list();
            let items = column(list.values())?;
            let size = list.value_length().as_usize();
            (0..list.len())
                .map(|row| range(&items, row * size, size))
                .collect()
        }
        DataType::Struct(_) => {
            let mut hashes = vec![TAIL; array.len()];
            for child in array.as_struct().columns() {
                absorb(&Column::from_arrow(child)?, None, &mut hashes)?;
            }
            hashes
        }
        DataType::Union(fields, _) => {
            let union = array.as_union();
            let mut hashes = vec![TAIL; union.len()];
            for (id, _) in fields.iter() {
                let child = column(union.child(id))?;
                for (row, hash) in hashes.iter_mut().enumerate() {
                    if union.type_id(row) == id {
                        *hash = fold(child[union.value_offset(row)] ^ id as u64, COLUMN);
                    }
                }
            }
            hashes
        }
        other => {
            return Err(Error::unsupported(format!(
                "hashing values of type {other}"
            )));
        }
    })
}

/// The hash of each row of a child.
fn column(array: &ArrayRef) -> Result<Vec<u64>> {
    let mut hashes = vec![TAIL; array.len()];
    absorb(&Column::from_arrow(array)?, None, &mut hashes)?;
    Ok(hashes)
}

/// Lists whose items lie one behind the other. A slice of a list array keeps all items: only
/// those between its offsets are hashed.
fn by_offsets<O: ArrowNativeType>(items: &ArrayRef, offsets: &[O]) -> Result<Vec<u64>> {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return Ok(Vec::new());
    };
    let (first, last) = (first.as_usize(), last.as_usize());
    let items = column(&items.slice(first, last - first))?;
    let bounds = offsets
        .windows(2)
        .map(|pair| (pair[0].as_usize(), pair[1].as_usize()));
    Ok(bounds
        .map(|(start, end)| range(&items, start - first, end - start))
        .collect())
}

fn ranges<O: ArrowNativeType>(items: &[u64], offsets: &[O], sizes: &[O]) -> Vec<u64> {
    let lists = offsets.iter().zip(sizes);
    lists
        .map(|(start, size)| range(items, start.as_usize(), size.as_usize()))
        .collect()
}

/// The hash of one list.
fn range(items: &[u64], start: usize, size: usize) -> u64 {
    let items = &items[start..start + size];
    items
        .iter()
        .fold(size as u64 ^ TAIL, |hash, item| fold(hash ^ item, COLUMN))
}
