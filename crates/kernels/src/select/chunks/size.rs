//! The bytes of columns that are held together.

use std::sync::Arc;

use esker_datatypes::{Column, Encoding, array_size};

/// How many bytes a column takes that is held together with the one before it: a dictionary that
/// both share counts once.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Int64Array, UInt32Array};
/// use esker_datatypes::Column;
/// use esker_kernels::select::chunks::held_size;
/// let values = Arc::new(Int64Array::from(vec![7; 1000]));
/// let column = Column::dictionary(UInt32Array::from(vec![1, 2]), values);
/// assert_eq!(held_size(&column, None), 8 + 8000);
/// assert_eq!(held_size(&column, Some(&column)), 8);
/// ```
pub fn held_size(column: &Column, before: Option<&Column>) -> usize {
    if let Encoding::Dictionary { codes, values } = column.encoding()
        && let Some(Encoding::Dictionary { values: shared, .. }) = before.map(Column::encoding)
        && Arc::ptr_eq(values, shared)
    {
        return array_size(codes);
    }
    column.memory_size()
}

/// How many bytes the chunks of a column take, see [`held_size`].
pub fn size_of_chunks(chunks: &[Column]) -> usize {
    let before = std::iter::once(None).chain(chunks.iter().map(Some));
    let chunks = chunks.iter().zip(before);
    chunks
        .map(|(column, before)| held_size(column, before))
        .sum()
}
