//! A worker's pool of recycled buffers.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{ArrowNativeType, DataType};

use crate::{Batch, Column, Selection};

/// How many free vectors of one width a pool keeps,
const KEEP: usize = 512;
/// and how many bytes of them.
const KEEP_BYTES: usize = 16 << 20;
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
    free: [Free; 5],
    /// What files are read into.
    read: Vec<Vec<u8>>,
}

/// Free vectors of a width.
#[derive(Debug, Default)]
struct Free {
    buffers: Vec<Buffer>,
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
        let at = free.buffers.iter().rposition(fits)?;
        let buffer = free.buffers.swap_remove(at);
        free.bytes -= buffer.capacity();
        // The pool holds only uniquely owned buffers of this width, so this does not fail.
        buffer.into_vec().ok()
    }

    /// The buffers that files were read into, for a reader to read into: long ones, of which no array
    /// is made, and so apart from the others.
    ///
    /// ```
    /// use esker_datatypes::Buffers;
    /// let mut buffers = Buffers::default();
    /// buffers.give_read(vec![vec![0; 1000]]);
    /// assert!(buffers.take::<u8>(10).capacity() < 1000);
    /// assert_eq!(buffers.take_read(), [[0; 1000]]);
    /// ```
    pub fn take_read(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.read)
    }

    /// Leaves buffers for the next reader, in place of those that were left before.
    pub fn give_read(&mut self, read: Vec<Vec<u8>>) {
        self.read = read;
    }

    /// Takes back a vector, whatever it holds.
    pub fn give<T: ArrowNativeType>(&mut self, vec: Vec<T>) {
        let bytes = vec.capacity() * size_of::<T>();
        if let Some(free) = class::<T>().and_then(|c| self.free.get_mut(c))
            && (1..=KEEP_BYTES - free.bytes).contains(&bytes)
        {
            if free.buffers.len() == KEEP {
                // Small ones are not to keep others out.
                free.bytes -= free.buffers.swap_remove(0).capacity();
            }
            free.bytes += bytes;
            free.buffers.push(Buffer::from_vec(vec));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_may_be() {
        let mut buffers = Buffers::default();
        for _ in 0..3 {
            buffers.give(vec![0u64; KEEP_BYTES / 16]);
            buffers.give(vec![0u32; 8]);
        }
        let kept = |buffers: &Buffers, at: usize| {
            let free = &buffers.free[at];
            let bytes: usize = free.buffers.iter().map(Buffer::capacity).sum();
            assert_eq!(bytes, free.bytes);
            (free.buffers.len(), bytes)
        };
        assert_eq!(kept(&buffers, 3), (2, KEEP_BYTES));
        assert_eq!(kept(&buffers, 2), (3, 96));
        assert_eq!(buffers.take::<u32>(9).capacity(), 9);
        (0..2 * KEEP).for_each(|_| buffers.give(vec![0u32; 8]));
        buffers.give(vec![0u32; 100]);
        assert_eq!(kept(&buffers, 2), (KEEP, KEEP * 32 + 368));
        assert_eq!(buffers.take_any::<f32>(100).len(), 100);
        (0..2 * KEEP).for_each(|_| drop(buffers.take::<u32>(1)));
        assert_eq!(kept(&buffers, 2), (0, 0));
        buffers.give(Vec::<u32>::new());
        assert_eq!(kept(&buffers, 2), (0, 0));
    }
}
