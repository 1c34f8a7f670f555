//! Text and binary views of many chunks over one list of buffers, so that a gathered row is 16
//! bytes and nothing else.

#![allow(
    unsafe_code,
    reason = "the checked constructor would read every text again after each gather"
)]

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, AsArray, GenericByteViewArray};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::datatypes::ByteViewType;
use esker_datatypes::{Buffers, Column, Error, Result};

use super::pick;
use crate::compare::bytes::INLINE;

/// Arrays whose views point into the same list of buffers.
pub(super) struct SharedViews<T: ByteViewType> {
    /// Invariant: each array's own list of buffers is a part of `buffers`, and its views are valid
    /// for `buffers`, in which they point to valid values of `T`.
    arrays: Vec<GenericByteViewArray<T>>,
    buffers: Arc<[Buffer]>,
}

impl<T: ByteViewType> fmt::Debug for SharedViews<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.arrays).finish()
    }
}

impl<T: ByteViewType> SharedViews<T> {
    /// The columns of this type, made flat and changed to views of shared buffers.
    pub(super) fn new(columns: &mut [Column]) -> Result<Self> {
        let mut arrays = Vec::with_capacity(columns.len());
        for column in columns.iter() {
            let array = column.to_flat();
            let array = array.as_byte_view_opt::<T>().cloned();
            arrays.push(array.ok_or_else(|| Error::internal("views are due"))?);
        }
        let mut list = BufferList::default();
        let mut moved = Vec::with_capacity(arrays.len());
        for array in &arrays {
            moved.push(list.add(array.data_buffers())?);
        }
        let buffers: Arc<[Buffer]> = list.buffers.into();
        for ((array, column), moved) in arrays.iter_mut().zip(columns).zip(&moved) {
            let same = moved.iter().zip(0..).all(|(&to, from)| to == from);
            let views = if same {
                array.views().clone()
            } else {
                let views = array.views().iter();
                views.map(|&view| redirect(view, moved)).collect()
            };
            // SAFETY: the array was valid with its own buffers, and `moved` tells for each of them
            // where in `buffers` it is: every view points to the same bytes as before. The null
            // mask is the array's, of the same length.
            *array = unsafe {
                GenericByteViewArray::new_unchecked(
                    views,
                    Arc::clone(&buffers),
                    array.nulls().cloned(),
                )
            };
            let declared = column.data_type().clone();
            *column = Column::flat(Arc::new(array.clone())).with_declared_type(&declared);
        }
        Ok(Self { arrays, buffers })
    }

    /// The values at the ids. `nulls` gives their mask, of as many rows, when it is told how many
    /// ids name no row.
    pub(super) fn gather(
        &self,
        ids: &[u32],
        buffers: &mut Buffers,
        nulls: impl FnOnce(usize, &mut Buffers) -> Result<Option<NullBuffer>>,
    ) -> Result<Column> {
        let chunks: Vec<&[u128]> = self.arrays.iter().map(|a| a.views().as_ref()).collect();
        let (views, missing) = pick(&chunks, ids, buffers);
        let nulls = nulls(missing, buffers)?;
        if nulls
            .as_ref()
            .is_some_and(|nulls| nulls.len() != views.len())
        {
            return Err(Error::internal("a null mask of another length"));
        }
        // SAFETY: each view is one of the arrays', which by the invariant are valid for these
        // buffers, or the default 0, which is the empty value; the mask has been checked.
        let array = unsafe {
            GenericByteViewArray::<T>::new_unchecked(views.into(), Arc::clone(&self.buffers), nulls)
        };
        Ok(Column::flat(Arc::new(array)))
    }
}

/// Buffers, each of them once.
#[derive(Default)]
struct BufferList {
    buffers: Vec<Buffer>,
    known: HashMap<(usize, usize), u32>,
}

impl BufferList {
    /// The places of an array's buffers in this list.
    fn add(&mut self, buffers: &[Buffer]) -> Result<Vec<u32>> {
        let mut places = Vec::with_capacity(buffers.len());
        for buffer in buffers {
            let key = (buffer.as_ptr() as usize, buffer.len());
            let next = u32::try_from(self.buffers.len())
                .map_err(|_| Error::resources_exhausted("too many buffers of text in a column"))?;
            let place = *self.known.entry(key).or_insert(next);
            if place == next {
                self.buffers.push(buffer.clone());
            }
            places.push(place);
        }
        Ok(places)
    }
}

/// The view, if it is one of a long value, with its buffer moved.
#[inline]
fn redirect(view: u128, moved: &[u32]) -> u128 {
    if view as u32 <= INLINE {
        return view;
    }
    let from = (view >> 64) as u32;
    // A valid view's buffer is in the list.
    let to = moved.get(from as usize).copied().unwrap_or(from);
    view & !(u128::from(u32::MAX) << 64) | u128::from(to) << 64
}
