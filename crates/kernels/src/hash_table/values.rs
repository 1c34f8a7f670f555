//! Key columns out of the words of a table.

#![allow(
    clippy::indexing_slicing,
    reason = "keys have the layout's number of words, and places lie within a key"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, GenericByteArray, NullArray,
    PrimitiveArray, UInt32Array, downcast_primitive, new_empty_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow::compute;
use arrow::datatypes::{ArrowNativeType, ByteArrayType, GenericBinaryType, GenericStringType};
use esker_datatypes::{Column, DataType, Error, Result};

use super::layout::{Field, KeyLayout, Kind, NULL_LENGTH, Place};
use super::pack::native;
use super::table::KeyTable;
use super::words::{Keys, is_long};
use crate::views::{length, view_array, with_value};

/// The columns of a range of keys.
pub(super) fn columns(
    layout: &KeyLayout,
    table: &KeyTable,
    pieces: &[Pieces],
    keys: Range<usize>,
) -> Result<Vec<Column>> {
    if keys.start > keys.end || keys.end > table.len() {
        return Err(Error::internal(format!("keys {keys:?} of {}", table.len())));
    }
    let reader = Reader {
        layout,
        table,
        keys,
    };
    layout
        .fields()
        .iter()
        .map(|field| {
            let array = reader.array(field, pieces)?;
            Ok(Column::flat(array).with_declared_type(&field.data_type))
        })
        .collect()
}

/// The values of a nested column: those of the new keys of each batch, one behind the other.
pub(super) struct Pieces {
    arrays: Vec<ArrayRef>,
    /// The first key of each array.
    starts: Vec<usize>,
    len: usize,
    /// Which text of the key they are.
    text: usize,
    bytes: usize,
}

impl Pieces {
    /// No values, for each nested column.
    pub(super) fn new(layout: &KeyLayout) -> Vec<Self> {
        let nested = layout.fields().iter().filter_map(|field| match field.kind {
            Kind::Nested(text) => Some(text),
            Kind::Null | Kind::Fixed(_) | Kind::Text(_) => None,
        });
        nested
            .map(|text| Self {
                arrays: Vec::new(),
                starts: Vec::new(),
                len: 0,
                text,
                bytes: 0,
            })
            .collect()
    }

    /// Adds the values of rows that are new keys.
    pub(super) fn add(&mut self, keys: &Keys, stride: usize, rows: &[u32]) -> Result<()> {
        let Some((array, index)) = keys.texts().get(self.text).and_then(|text| text.nested())
        else {
            return Err(Error::internal("nested keys without values"));
        };
        // A null row of a dictionary has no place in its values.
        let place = |row: usize| {
            let null = keys.words()[row * stride + self.text * 2] as u32 == NULL_LENGTH;
            (!null || !index.is_codes()).then(|| index.at(row) as u32)
        };
        let rows: UInt32Array = rows.iter().map(|&row| place(row as usize)).collect();
        self.starts.push(self.len);
        self.len += rows.len();
        self.arrays.push(compute::take(array, &rows, None)?);
        if self.arrays.len() > 64 + self.len / 256 {
            self.arrays = vec![concat(&self.arrays)?];
            self.starts = vec![0];
            self.bytes = 0;
        }
        self.bytes += self
            .arrays
            .last()
            .map_or(0, |array| array.get_array_memory_size());
        Ok(())
    }

    /// The values of a range of keys.
    fn range(&self, keys: Range<usize>, data_type: &DataType) -> Result<ArrayRef> {
        let mut slices = Vec::new();
        let first = self
            .starts
            .partition_point(|&start| start <= keys.start)
            .saturating_sub(1);
        for (array, &start) in self.arrays[first..].iter().zip(&self.starts[first..]) {
            let from = keys.start.max(start);
            let to = keys.end.min(start + array.len());
            if from < to {
                slices.push(array.slice(from - start, to - from));
            }
            if keys.end <= start + array.len() {
                break;
            }
        }
        if slices.is_empty() {
            return Ok(new_empty_array(data_type));
        }
        concat(&slices)
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        self.bytes + self.starts.capacity() * size_of::<usize>()
    }
}

fn concat(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    Ok(compute::concat(&arrays)?)
}

struct Reader<'a> {
    layout: &'a KeyLayout,
    table: &'a KeyTable,
    keys: Range<usize>,
}

impl Reader<'_> {
    fn array(&self, field: &Field, pieces: &[Pieces]) -> Result<ArrayRef> {
        let data_type = field.value_type();
        match field.kind {
            Kind::Null => Ok(Arc::new(NullArray::new(self.keys.len()))),
            Kind::Fixed(place) => self.fixed(data_type, place, self.nulls(field)),
            Kind::Text(text) => self.text(data_type, text, self.nulls(field)),
            Kind::Nested(text) => match pieces.iter().find(|pieces| pieces.text == text) {
                Some(pieces) => pieces.range(self.keys.clone(), data_type),
                None => Err(Error::internal("nested keys without values")),
            },
        }
    }

    /// The words of each key.
    fn rows(&self) -> impl Iterator<Item = &[u64]> {
        let stride = self.layout.words();
        let words = self.table.words();
        self.keys
            .clone()
            .map(move |key| &words[key * stride..(key + 1) * stride])
    }

    fn nulls(&self, field: &Field) -> Option<NullBuffer> {
        let nulls: NullBuffer = match field.kind {
            Kind::Text(text) | Kind::Nested(text) => self
                .rows()
                .map(|row| row[text * 2] as u32 != NULL_LENGTH)
                .collect(),
            Kind::Null | Kind::Fixed(_) => match field.null {
                Some(null) => self
                    .rows()
                    .map(|row| row[null.word] >> null.shift & 1 == 0)
                    .collect(),
                None => {
                    let null = self.table.null_key()? as usize;
                    self.keys.clone().map(|key| key != null).collect()
                }
            },
        };
        Some(nulls).filter(|nulls| nulls.null_count() > 0)
    }

    fn fixed(
        &self,
        data_type: &DataType,
        place: Place,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        macro_rules! primitive {
            ($type:ty) => {{
                let values: Vec<_> = self.rows().map(|row| native::<$type>(row, place)).collect();
                let array = PrimitiveArray::<$type>::try_new(values.into(), nulls)?;
                Arc::new(array.with_data_type(data_type.clone()))
            }};
        }
        Ok(downcast_primitive! {
            data_type => (primitive),
            DataType::Boolean => {
                let values: BooleanBuffer =
                    self.rows().map(|row| row[place.word] >> place.shift & 1 == 1).collect();
                Arc::new(BooleanArray::new(values, nulls))
            }
            other => return Err(Error::internal(format!("{other} as a key of fixed width"))),
        })
    }

    fn text(
        &self,
        data_type: &DataType,
        text: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        let views: Vec<u128> = self
            .keys
            .clone()
            .zip(self.rows())
            .map(|(key, row)| {
                let (low, high) = (row[text * 2], row[text * 2 + 1]);
                let high = match low {
                    _ if low as u32 == NULL_LENGTH => return 0,
                    _ if is_long(low) => self.table.place(key, text) as u64,
                    _ => high,
                };
                u128::from(low) | u128::from(high) << 64
            })
            .collect();
        let arena = self.table.arena();
        match data_type {
            DataType::Utf8 => offsets::<GenericStringType<i32>>(&views, arena, nulls),
            DataType::LargeUtf8 => offsets::<GenericStringType<i64>>(&views, arena, nulls),
            DataType::Binary => offsets::<GenericBinaryType<i32>>(&views, arena, nulls),
            DataType::LargeBinary => offsets::<GenericBinaryType<i64>>(&views, arena, nulls),
            DataType::FixedSizeBinary(width) => fixed_size(*width, &views, arena, nulls),
            _ => view_array(&views, arena, nulls, data_type),
        }
    }
}

/// An array of the values of views, with offsets.
fn offsets<T: ByteArrayType>(
    views: &[u128],
    arena: &[u8],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let total: usize = views.iter().map(|&view| length(view)).sum();
    if T::Offset::from_usize(total).is_none() {
        return Err(Error::unsupported(format!(
            "{total} bytes of keys in one array of {}",
            T::DATA_TYPE
        )));
    }
    let mut bytes = Vec::with_capacity(total);
    views
        .iter()
        .for_each(|&view| with_value(view, arena, |value| bytes.extend_from_slice(value)));
    let offsets = OffsetBuffer::from_lengths(views.iter().map(|&view| length(view)));
    let array = GenericByteArray::<T>::try_new(offsets, Buffer::from_vec(bytes), nulls)?;
    Ok(Arc::new(array))
}

/// An array of the values of views, all of which have the width.
fn fixed_size(
    width: i32,
    views: &[u128],
    arena: &[u8],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let size = usize::try_from(width).unwrap_or(0);
    let mut bytes = Vec::with_capacity(views.len() * size);
    for (at, &view) in views.iter().enumerate() {
        if length(view) == size {
            with_value(view, arena, |value| bytes.extend_from_slice(value));
        }
        // A null.
        bytes.resize((at + 1) * size, 0);
    }
    let array =
        FixedSizeBinaryArray::try_new_with_len(width, Buffer::from_vec(bytes), nulls, views.len())?;
    Ok(Arc::new(array))
}
