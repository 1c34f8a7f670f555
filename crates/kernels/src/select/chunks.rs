//! Columns in chunks, gathered by row ids: what joins and sorts keep their input in.
//!
//! Rows are never copied into one long column. They stay in chunks of at most `CHUNK_ROWS` rows,
//! and a row id of 32 bits names the chunk in its upper half and the row in its lower half.

#![allow(
    clippy::indexing_slicing,
    reason = "places come from ids that `gather_nulls` or `has` has found to name a row"
)]

/// Which rows of which batches a chunk is made of.
mod plan;
/// What chunks take.
mod size;
/// Text and binary views over one list of buffers.
mod views;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, UInt32Array, downcast_primitive, new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute;
use arrow::datatypes::{ArrowNativeType, BinaryViewType, StringViewType};
use esker_datatypes::{
    Buffers, Column, DataType, Encoding, Error, Result, ScalarValue, value_type,
};

use crate::bits::{self, Target};
use crate::vector::primitive;
use views::SharedViews;

pub use plan::{ChunkParts, chunk_of, plan_chunks, plan_chunks_of};
pub use size::{held_size, size_of_chunks};

/// The most rows of a chunk.
pub const CHUNK_ROWS: usize = 1 << 16;

/// The row id of no row. The last row of the last chunk would have it, so that chunk is never full.
pub const NO_ROW: u32 = u32::MAX;

/// At least this many rows that lie side by side are sliced, not copied: for fewer it does not pay
/// to keep their chunk alive.
const SLICED: usize = 256;

/// The chunk of a row id.
#[inline]
pub(crate) fn chunk(id: u32) -> usize {
    (id >> 16) as usize
}

/// The row of a row id in its chunk.
#[inline]
pub(crate) fn row(id: u32) -> usize {
    (id & 0xffff) as usize
}

/// One column in chunks.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::Int64Array;
/// use esker_datatypes::{Buffers, Column, DataType};
/// use esker_kernels::select::chunks::{Chunked, NO_ROW};
/// let chunk = |values: Vec<i64>| Column::flat(Arc::new(Int64Array::from(values)));
/// let column = Chunked::new(&DataType::Int64, vec![chunk(vec![1, 2]), chunk(vec![3])])?;
/// let rows = column.gather(&[1 << 16, 1, NO_ROW], &mut Buffers::default())?;
/// assert_eq!(rows.value(0)?.as_i128(), Some(3));
/// assert_eq!(rows.value(1)?.as_i128(), Some(2));
/// assert!(rows.value(2)?.is_null());
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Debug)]
pub struct Chunked {
    data_type: DataType,
    layout: Layout,
    /// The chunks, as the layout wants them.
    chunks: Vec<Column>,
    lengths: Vec<usize>,
    nulls: Vec<Option<NullBuffer>>,
    any_null: bool,
    size: usize,
}

/// How the values of all chunks are laid out.
#[derive(Debug)]
enum Layout {
    /// The same value in all rows.
    Constant(ScalarValue),
    /// Dictionaries of these values.
    Dictionary(ArrayRef),
    /// Flat chunks of a fixed width, or of Booleans.
    Flat,
    /// Flat chunks of text views.
    Text(SharedViews<StringViewType>),
    /// Flat chunks of binary views.
    Binary(SharedViews<BinaryViewType>),
    /// Chunks of another type, in any encoding.
    Other,
}

impl Chunked {
    /// A column of the declared type; each chunk has its value type, in any encoding. No chunks are
    /// no rows.
    ///
    /// # Errors
    /// `Internal` for a chunk of another type or of more than [`CHUNK_ROWS`] rows, and for more
    /// rows than there are ids.
    pub fn new(data_type: &DataType, mut chunks: Vec<Column>) -> Result<Self> {
        let wanted = value_type(data_type);
        if let Some(other) = chunks.iter().find(|c| c.value_type() != wanted) {
            let found = other.value_type();
            return Err(Error::internal(format!("a chunk of {found} in {wanted}")));
        }
        let lengths: Vec<usize> = chunks.iter().map(Column::len).collect();
        let longest = lengths.iter().max().copied().unwrap_or(0);
        let last = chunk(NO_ROW);
        if longest > CHUNK_ROWS
            || lengths.len() > last + 1
            || lengths.get(last) == Some(&CHUNK_ROWS)
        {
            return Err(Error::internal(format!(
                "no row ids for {} chunks of up to {longest} rows",
                lengths.len()
            )));
        }
        let nulls: Vec<_> = chunks.iter().map(Column::nulls).collect();
        let mut size = size_of_chunks(&chunks);
        let packed = chunks.iter().filter(|c| plain(c).is_none());
        let packed: usize = packed.map(Column::len).sum();
        let layout = Layout::of(wanted, &mut chunks)?;
        match &layout {
            Layout::Constant(_) | Layout::Dictionary(_) | Layout::Other => {}
            Layout::Flat => size = size_of_chunks(&chunks),
            // Dictionaries and constants share their text as before, but each row has a view now.
            Layout::Text(_) | Layout::Binary(_) => size += packed * size_of::<u128>(),
        }
        size += lengths.len() * size_of::<Option<NullBuffer>>();
        Ok(Self {
            data_type: data_type.clone(),
            layout,
            any_null: nulls.iter().any(Option::is_some),
            chunks,
            lengths,
            nulls,
            size,
        })
    }

    /// The rows of the ids, in their order, with repeats; [`NO_ROW`] gives null. Flat, but where
    /// the chunks are all the same constant or dictionaries of the same values. Many rows that lie
    /// side by side are not copied.
    ///
    /// # Errors
    /// `Internal` when there is no such row.
    pub fn gather(&self, ids: &[u32], buffers: &mut Buffers) -> Result<Column> {
        let column = match (&self.layout, self.side_by_side(ids)) {
            (Layout::Constant(value), _) => self.repeat(value, ids, buffers)?,
            (_, Some((column, start))) => column.slice(start, ids.len()),
            (Layout::Dictionary(values), None) => {
                let codes = self.tables(|column| match column.encoding() {
                    Encoding::Dictionary { codes, .. } => Some(codes.values().as_ref()),
                    Encoding::Flat(_) | Encoding::Constant { .. } => None,
                });
                let (codes, missing) = pick(&codes, ids, buffers);
                let nulls = self.gather_nulls(ids, missing, buffers)?;
                Column::dictionary(
                    UInt32Array::try_new(codes.into(), nulls)?,
                    Arc::clone(values),
                )
            }
            (Layout::Flat, None) => self.gather_flat(ids, buffers)?,
            (Layout::Text(views), None) => views.gather(ids, buffers, |missing, buffers| {
                self.gather_nulls(ids, missing, buffers)
            })?,
            (Layout::Binary(views), None) => views.gather(ids, buffers, |missing, buffers| {
                self.gather_nulls(ids, missing, buffers)
            })?,
            (Layout::Other, None) => self.interleave(ids)?,
        };
        Ok(column.with_declared_type(&self.data_type))
    }

    /// The bytes that the chunks take.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Something of each chunk.
    fn tables<'a, T>(&'a self, table: impl Fn(&'a Column) -> Option<&'a [T]>) -> Vec<&'a [T]> {
        let tables = self.chunks.iter();
        tables.map(|c| table(c).unwrap_or_default()).collect()
    }

    /// Fixed widths and Booleans.
    fn gather_flat(&self, ids: &[u32], buffers: &mut Buffers) -> Result<Column> {
        let data_type = value_type(&self.data_type);
        macro_rules! fixed_width {
            ($type:ty) => {{
                let values = self.tables(|column| {
                    let array = plain(column)?.as_primitive_opt::<$type>()?;
                    Some(array.values().as_ref())
                });
                let (values, missing) =
                    pick::<<$type as ArrowPrimitiveType>::Native>(&values, ids, buffers);
                let nulls = self.gather_nulls(ids, missing, buffers)?;
                primitive::<$type>(values, nulls, data_type)
            }};
        }
        downcast_primitive! {
            data_type => (fixed_width),
            DataType::Boolean => {
                let bitmap = |column| Some(plain(column)?.as_boolean_opt()?.values());
                let bitmaps: Vec<Option<&BooleanBuffer>> = self.chunks.iter().map(bitmap).collect();
                let (mut words, mut missing) = (buffers.take(bits::word_count(ids.len())), 0);
                Target::Mask(&mut words).each(ids, false, |id| {
                    let bitmap = bitmaps.get(chunk(id)).copied().flatten();
                    let bitmap = bitmap.filter(|bitmap| row(id) < bitmap.len());
                    missing += usize::from(bitmap.is_none());
                    bitmap.is_some_and(|bitmap| bitmap.value(row(id)))
                });
                let nulls = self.gather_nulls(ids, missing, buffers)?;
                Ok(bits::into_column(words, ids.len(), nulls))
            }
            other => Err(Error::internal(format!("gathering {other} as a fixed width"))),
        }
    }

    /// Values of any type, through Arrow.
    fn interleave(&self, ids: &[u32]) -> Result<Column> {
        let missing = ids.iter().filter(|&&id| !self.has(id)).count();
        self.check(ids, missing)?;
        let mut arrays: Vec<&dyn Array> = self.chunks.iter().map(values).collect();
        let (null, null_at) = (
            new_null_array(value_type(&self.data_type), 1),
            (arrays.len(), 0),
        );
        let place = |&id: &u32| {
            let column = self.chunks.get(chunk(id))?;
            Some((chunk(id), place(column, row(id))?))
        };
        let places: Vec<_> = ids.iter().map(|id| place(id).unwrap_or(null_at)).collect();
        // Arrow gives every row a null bit when one of the arrays has a null.
        if places.contains(&null_at) || arrays.is_empty() {
            arrays.push(null.as_ref());
        }
        Ok(Column::flat(compute::interleave(&arrays, &places)?))
    }

    /// The same value for all ids that name a row.
    fn repeat(&self, value: &ScalarValue, ids: &[u32], buffers: &mut Buffers) -> Result<Column> {
        let missing = ids.iter().filter(|&&id| !self.has(id)).count();
        self.check(ids, missing)?;
        if missing == 0 || value.is_null() {
            return Ok(Column::constant(value.clone(), ids.len()));
        }
        let nulls = self.gather_nulls(ids, missing, buffers)?;
        let mut codes = buffers.take(ids.len());
        codes.resize(ids.len(), 0);
        let codes = UInt32Array::try_new(codes.into(), nulls)?;
        Ok(Column::dictionary(codes, Arc::clone(value.as_array())))
    }

    /// The null mask of gathered rows, `missing` of which do not exist.
    fn gather_nulls(
        &self,
        ids: &[u32],
        missing: usize,
        buffers: &mut Buffers,
    ) -> Result<Option<NullBuffer>> {
        self.check(ids, missing)?;
        if missing == 0 && !self.any_null {
            return Ok(None);
        }
        let mut words = buffers.take(bits::word_count(ids.len()));
        Target::Mask(&mut words).each(ids, false, |id| {
            id != NO_ROW
                && self.nulls[chunk(id)]
                    .as_ref()
                    .is_none_or(|nulls| nulls.is_valid(row(id)))
        });
        Ok(bits::into_nulls(words, ids.len()))
    }

    /// The ids that name no row must be `NO_ROW`, which never names one.
    fn check(&self, ids: &[u32], missing: usize) -> Result<()> {
        if missing == 0 || missing == ids.iter().filter(|&&id| id == NO_ROW).count() {
            return Ok(());
        }
        let absent = |&&id: &&u32| id != NO_ROW && !self.has(id);
        let id = ids.iter().find(absent).copied().unwrap_or(NO_ROW);
        let (chunk, row) = (chunk(id), row(id));
        let chunks = self.chunks.len();
        Err(Error::internal(format!(
            "row {row} of chunk {chunk} of {chunks} chunks"
        )))
    }

    #[inline]
    fn has(&self, id: u32) -> bool {
        self.lengths
            .get(chunk(id))
            .is_some_and(|&length| row(id) < length)
    }

    /// The chunk and the first row of ids that name many neighbours, in their order.
    fn side_by_side(&self, ids: &[u32]) -> Option<(&Column, usize)> {
        let (&first, &last) = (ids.first()?, ids.last()?);
        let span = last.checked_sub(first)? as usize;
        let neighbours = ids.len() >= SLICED
            && span == ids.len() - 1
            && chunk(first) == chunk(last)
            && self.has(last)
            && ids.iter().zip(first..).all(|(&id, wanted)| id == wanted);
        let column = self.chunks.get(chunk(first))?;
        neighbours.then_some((column, row(first)))
    }
}

impl Layout {
    /// The layout of chunks of a type, which are changed to it.
    fn of(data_type: &DataType, chunks: &mut [Column]) -> Result<Self> {
        if matches!(data_type, DataType::Null) {
            return Ok(Self::Constant(ScalarValue::null(data_type)));
        }
        let mut encodings = chunks
            .iter()
            .filter(|c| !c.is_empty())
            .map(Column::encoding);
        match encodings.next() {
            Some(Encoding::Constant { value, .. }) => {
                let same = |other: &Encoding| matches!(other, Encoding::Constant { value: v, .. } if value.same_as(v));
                if encodings.all(same) {
                    return Ok(Self::Constant(value.clone()));
                }
            }
            Some(Encoding::Dictionary { values, .. }) => {
                let same = |other: &Encoding| matches!(other, Encoding::Dictionary { values: v, .. } if Arc::ptr_eq(values, v));
                if encodings.all(same) {
                    return Ok(Self::Dictionary(Arc::clone(values)));
                }
            }
            Some(Encoding::Flat(_)) | None => {}
        }
        let layout = match data_type {
            DataType::Utf8View => Self::Text(SharedViews::new(chunks)?),
            DataType::BinaryView => Self::Binary(SharedViews::new(chunks)?),
            _ if data_type.is_primitive() || matches!(data_type, DataType::Boolean) => Self::Flat,
            _ => Self::Other,
        };
        if matches!(layout, Self::Flat) {
            for column in chunks {
                *column = Column::flat(column.to_flat());
            }
        }
        Ok(layout)
    }
}

/// The values at the ids, and how many ids name none, which get a default.
fn pick<T: ArrowNativeType>(
    chunks: &[&[T]],
    ids: &[u32],
    buffers: &mut Buffers,
) -> (Vec<T>, usize) {
    let mut out = buffers.take(ids.len());
    let mut missing = 0;
    if let [values] = chunks {
        // Of one chunk the ids are rows.
        let behind = ids.iter().fold(0, |most, &id| most.max(id)) as usize >= values.len();
        if !behind {
            let value = |&id: &u32| values.get(id as usize).copied().unwrap_or_default();
            out.extend(ids.iter().map(value));
            return (out, missing);
        }
    }
    out.extend(ids.iter().map(|&id| {
        match chunks.get(chunk(id)).and_then(|values| values.get(row(id))) {
            Some(&value) => value,
            None => {
                missing += 1;
                T::default()
            }
        }
    }));
    (out, missing)
}

/// The array of a flat column.
fn plain(column: &Column) -> Option<&ArrayRef> {
    match column.encoding() {
        Encoding::Flat(array) => Some(array),
        Encoding::Dictionary { .. } | Encoding::Constant { .. } => None,
    }
}

/// The array that holds a column's values.
fn values(column: &Column) -> &dyn Array {
    match column.encoding() {
        Encoding::Flat(array) => array.as_ref(),
        Encoding::Dictionary { values, .. } => values.as_ref(),
        Encoding::Constant { value, .. } => value.as_array().as_ref(),
    }
}

/// Where in that array a row's value is, if its code is not null.
fn place(column: &Column, row: usize) -> Option<usize> {
    match column.encoding() {
        Encoding::Flat(_) => Some(row),
        Encoding::Dictionary { codes, .. } => {
            codes.is_valid(row).then(|| codes.value(row) as usize)
        }
        Encoding::Constant { .. } => Some(0),
    }
}

#[cfg(test)]
mod tests;
