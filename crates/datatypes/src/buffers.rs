//! A worker's pool of recycled buffers.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{ArrowNativeType, DataType};

use crate::{Batch, Column, Selection};

/// How many free vectors of one width a pool keeps,
const KEEP: usize = 512;
/// and how many bytes in all.
const KEEP_BYTES: usize = 64 << 20;
/// Vectors above this size are given back to the allocator.
const MAX_BYTES: usize = 16 << 20;
/// Columns of views into more buffers than this are not taken apart.
const MAX_TEXTS: usize = 8;

/// A worker-local pool of vectors that arrays were made of.
///
/// Kernels take their output from here and the driver gives the buffers of finished batches back,
/// so that a running query touches no fresh memory: the first touch of a page costs more than the
/// work that most kernels do on it. Vectors are kept by the width of their items (1, 2, 4, 8, 16
/// bytes), so an `Int64` result may reuse what was a `Float64` column.
///
/// ```
/// use esker_datatypes::Buffers;
/// let mut buffers = Buffers::default();
/// let mut values = buffers.take::<i64>(1024);
/// values.push(7);
/// let at = values.as_ptr() as usize;
/// buffers.give(values);
/// assert_eq!(buffers.take::<f64>(1000).as_ptr() as usize, at);
/// ```
#[derive(Debug, Default)]
pub struct Buffers {
    /// One list for each width: 1, 2, 4, 8 and 16 bytes.
    free: [Vec<Buffer>; 5],
    bytes: usize,
}

impl Buffers {
    /// An empty vector with room for at least `capacity` items.
    pub fn take<T: ArrowNativeType>(&mut self, capacity: usize) -> Vec<T> {
        let mut vec = self
            .take_where(|b| b.capacity() / size_of::<T>() >= capacity)
            .unwrap_or_else(|| Vec::with_capacity(capacity));
        vec.clear();
        vec
    }

    /// A vector of `count` items, whatever they are: what they were before, or 0.
    ///
    /// ```
    /// use esker_datatypes::Buffers;
    /// let mut buffers = Buffers::default();
    /// assert_eq!(buffers.take_any::<i32>(2), [0, 0]);
    /// buffers.give(vec![1, 2, 3]);
    /// assert_eq!(buffers.take_any::<i32>(2).len(), 2);
    /// ```
    pub fn take_any<T: ArrowNativeType>(&mut self, count: usize) -> Vec<T> {
        let mut vec = self
            .take_where(|b| b.len() / size_of::<T>() >= count)
            .unwrap_or_else(|| self.take(count));
        vec.resize(count, T::default());
        vec
    }

    /// The vector of this width that was given back last, of those that fit.
    fn take_where<T: ArrowNativeType>(&mut self, fits: impl Fn(&Buffer) -> bool) -> Option<Vec<T>> {
        let free = class::<T>().and_then(|c| self.free.get_mut(c))?;
        let at = free.iter().rposition(fits)?;
        let buffer = free.swap_remove(at);
        self.bytes -= buffer.capacity();
        // The pool holds only uniquely owned buffers of this width, so this does not fail.
        buffer.into_vec().ok()
    }

    /// All vectors of this width, for one who takes many of them.
    ///
    /// ```
    /// use esker_datatypes::Buffers;
    /// let mut buffers = Buffers::default();
    /// buffers.give(vec![1_u8, 2]);
    /// assert_eq!(buffers.take_all::<u8>(), [[1, 2]]);
    /// assert!(buffers.take_all::<u8>().is_empty());
    /// ```
    pub fn take_all<T: ArrowNativeType>(&mut self) -> Vec<Vec<T>> {
        let Some(free) = class::<T>().and_then(|c| self.free.get_mut(c)) else {
            return Vec::new();
        };
        let buffers = std::mem::take(free).into_iter();
        let bytes = &mut self.bytes;
        let taken = buffers.inspect(|buffer| *bytes -= buffer.capacity());
        taken.filter_map(|buffer| buffer.into_vec().ok()).collect()
    }

    /// Takes back a vector, whatever it holds.
    pub fn give<T: ArrowNativeType>(&mut self, vec: Vec<T>) {
        let bytes = vec.capacity() * size_of::<T>();
        if let Some(free) = class::<T>().and_then(|c| self.free.get_mut(c))
            && free.len() < KEEP
            && (1..=MAX_BYTES.min(KEEP_BYTES - self.bytes)).contains(&bytes)
        {
            self.bytes += bytes;
            free.push(Buffer::from_vec(vec));
        }
    }

    /// Takes back the buffers of an array that nobody else holds; shared ones are left alone.
    pub fn recycle_array(&mut self, array: ArrayRef) {
        // Another owner would make every attempt below fail: do not even try.
        if std::sync::Arc::strong_count(&array) > 1 {
            return;
        }
        // Taking a gathered column of text apart would cost more than its views are worth.
        let texts = match array.data_type() {
            DataType::Utf8View => array.as_string_view().data_buffers().len(),
            DataType::BinaryView => array.as_binary_view().data_buffers().len(),
            _ => 0,
        };
        if texts > MAX_TEXTS {
            return;
        }
        let data = array.to_data();
        drop(array);
        let width = data.data_type().primitive_width();
        let (_, _, nulls, _, buffers, _) = data.into_parts();
        if let Some(nulls) = nulls {
            self.give_bits(nulls.into_inner().into_inner());
        }
        for buffer in buffers {
            match width {
                Some(1) => self.give_buffer::<u8>(buffer),
                Some(2) => self.give_buffer::<u16>(buffer),
                Some(4) => self.give_buffer::<u32>(buffer),
                Some(8) => self.give_buffer::<u64>(buffer),
                Some(16) => self.give_buffer::<i128>(buffer),
                // Boolean values, offsets, views and string bytes.
                _ => self.give_bits(buffer),
            }
        }
    }

    /// Takes back the buffers of a column that nobody else holds.
    pub fn recycle_column(&mut self, column: Column) {
        column.into_arrays(|array| self.recycle_array(array));
    }

    /// Takes back the row numbers of a selection.
    pub fn recycle_selection(&mut self, selection: Selection) {
        if let Some(rows) = selection.into_rows() {
            self.give(rows);
        }
    }

    /// Takes back the buffers of a batch's columns and selection and leaves it empty.
    pub fn recycle_batch(&mut self, batch: &mut Batch) {
        self.recycle_selection(std::mem::replace(batch.selection_mut(), Selection::all(0)));
        for column in batch.clear() {
            self.recycle_column(column);
        }
    }

    fn give_buffer<T: ArrowNativeType>(&mut self, buffer: Buffer) {
        if let Ok(vec) = buffer.into_vec::<T>() {
            self.give(vec);
        }
    }

    /// A buffer whose item width is not known from the array's type: try those we make.
    fn give_bits(&mut self, buffer: Buffer) {
        let buffer = match buffer.into_vec::<u64>() {
            Ok(vec) => return self.give(vec),
            Err(buffer) => buffer,
        };
        let buffer = match buffer.into_vec::<u8>() {
            Ok(vec) => return self.give(vec),
            Err(buffer) => buffer,
        };
        match buffer.into_vec::<i128>() {
            Ok(vec) => self.give(vec),
            Err(buffer) => self.give_buffer::<u32>(buffer),
        }
    }
}

/// The list that holds vectors of this item type.
fn class<T>() -> Option<usize> {
    // The alignment must equal the width, or the layouts of two types in a list would differ.
    if align_of::<T>() != size_of::<T>() {
        return None;
    }
    match size_of::<T>() {
        1 => Some(0),
        2 => Some(1),
        4 => Some(2),
        8 => Some(3),
        16 => Some(4),
        _ => None,
    }
}
