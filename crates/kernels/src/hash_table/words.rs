//! Key columns of a batch as rows of words.

#![allow(
    clippy::indexing_slicing,
    reason = "rows have the layout's number of words, and a value's index is below the number of \
              values: selected rows are below the batch's length and codes below the dictionary's"
)]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, UInt32Array, downcast_primitive};
use arrow::buffer::ScalarBuffer;
use arrow::compute;
use arrow::row::{RowConverter, SortField};
use esker_datatypes::{
    Buffers, Column, DataType, Encoding, Error, Result, Selection, is_binary, is_string,
};

use super::layout::{Field, KeyLayout, Kind, NULL_LENGTH, Place};
use super::pack::{fill, texts_at, values_at};
use super::source::{Index, null_rows, source};
use crate::bits;
use crate::compare::bytes::{Bytes, INLINE};
use crate::compare::nested::normalized;
use crate::value::Fixed;

/// What the words of keys are in builds with debug assertions before they are written.
const UNWRITTEN: u64 = 0x5eed_5eed_5eed_5eed;

/// The keys of the selected rows of a batch, row by row.
#[derive(Default)]
pub(super) struct Keys {
    len: usize,
    /// The layout's number of words for each row.
    words: Words,
    /// What the views at the beginning of the rows are views of.
    texts: Vec<Text>,
    /// Whether any text is longer than a view holds.
    long: bool,
    /// The rows that the layout keeps apart.
    nulls: Option<Vec<u64>>,
}

/// Words of rows.
enum Words {
    Own(Vec<u64>),
    /// The values of the only column, as they are.
    Column(ScalarBuffer<u64>),
}

impl Default for Words {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

/// The values of a text column.
pub(super) struct Text {
    bytes: Bytes,
    index: Index,
    /// Of a nested column the values themselves, whose canonical bytes the others are.
    nested: Option<ArrayRef>,
}

impl Text {
    /// The value of a row that is not null.
    #[inline]
    pub(super) fn value(&self, row: usize) -> &[u8] {
        self.bytes.value(self.index.at(row))
    }

    /// The values of a nested column, and where in them those of the rows stand.
    pub(super) fn nested(&self) -> Option<(&ArrayRef, &Index)> {
        self.nested.as_ref().map(|array| (array, &self.index))
    }
}

impl Keys {
    /// The keys of the selected rows. The columns have the layout's types; text and binary columns
    /// may have another layout of the same bytes.
    ///
    /// # Errors
    /// `Internal` for columns of other types, `Unsupported` for texts of 4 GiB and more.
    pub(super) fn new(
        layout: &KeyLayout,
        columns: &[&Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<Self> {
        if columns.len() != layout.fields().len() {
            return Err(Error::internal(format!(
                "{} key columns where {} are due",
                columns.len(),
                layout.fields().len()
            )));
        }
        let len = selection.count();
        if let ([field], [column], true) = (layout.fields(), columns, selection.is_all())
            && let Some(words) = as_words(field, column)
        {
            check(field, column)?;
            return Ok(Self {
                len,
                words: Words::Column(words),
                ..Self::default()
            });
        }
        let count = len * layout.words();
        let mut words = buffers.take_any(count);
        if !layout.is_whole() {
            words.fill(0);
        } else if cfg!(debug_assertions) {
            // A word that is not written is to be found out.
            words.fill(UNWRITTEN);
        }
        let mut keys = Self {
            len,
            texts: Vec::with_capacity(layout.texts()),
            ..Self::default()
        };
        for (field, column) in layout.fields().iter().zip(columns) {
            check(field, column)?;
            let nulls = null_rows(column, selection, buffers);
            let to = (words.as_mut_slice(), layout.words());
            keys.put(to, field, column, selection, nulls.as_deref(), buffers)?;
            match (nulls, &mut keys.nulls) {
                (Some(nulls), _) if !layout.nulls_apart() => buffers.give(nulls),
                (Some(nulls), Some(all)) => {
                    all.iter_mut()
                        .zip(&nulls)
                        .for_each(|(all, null)| *all |= null);
                    buffers.give(nulls);
                }
                (Some(nulls), None) => keys.nulls = Some(nulls),
                (None, _) => {}
            }
        }
        keys.words = Words::Own(words);
        Ok(keys)
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The words of all rows.
    #[inline]
    pub(super) fn words(&self) -> &[u64] {
        match &self.words {
            Words::Own(words) => words,
            Words::Column(words) => words,
        }
    }

    /// The texts that the rows begin with.
    #[inline]
    pub(super) fn texts(&self) -> &[Text] {
        &self.texts
    }

    /// Whether equal words may not make equal rows: some text is longer than a view holds.
    #[inline]
    pub(super) fn has_long_texts(&self) -> bool {
        self.long
    }

    /// The rows that are kept apart, as bits.
    pub(super) fn nulls(&self) -> Option<&[u64]> {
        self.nulls.as_deref()
    }

    /// Whether a row is kept apart.
    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls
            .as_ref()
            .is_some_and(|nulls| bits::is_set(nulls, row))
    }

    /// The bytes taken, those of the texts not counted; a column's words are, for it may go before them.
    pub(super) fn size(&self) -> usize {
        let index = |text: &Text| match &text.index {
            Index::Rows(list) | Index::Codes(list) => list.capacity() * size_of::<u32>(),
            Index::Dense | Index::One => 0,
        };
        let indexes: usize = self.texts.iter().map(index).sum();
        let nulls = self.nulls.as_ref().map_or(0, Vec::capacity);
        let words = match &self.words {
            Words::Own(words) => words.capacity(),
            Words::Column(words) => words.len(),
        };
        (words + nulls) * size_of::<u64>() + indexes
    }

    /// Gives the memory back.
    pub(super) fn recycle(self, buffers: &mut Buffers) {
        if let Words::Own(words) = self.words {
            buffers.give(words);
        }
        if let Some(nulls) = self.nulls {
            buffers.give(nulls);
        }
        for text in self.texts {
            text.index.recycle(buffers);
        }
    }

    /// Writes the values of a column.
    fn put(
        &mut self,
        (words, stride): (&mut [u64], usize),
        field: &Field,
        column: &Column,
        selection: &Selection,
        nulls: Option<&[u64]>,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let place = match field.kind {
            Kind::Null => return Ok(()),
            Kind::Fixed(place) => place,
            Kind::Text(number) | Kind::Nested(number) => Place {
                word: number * 2,
                shift: 0,
                bits: 128,
            },
        };
        let (array, index) = source(column, selection, buffers);
        // An empty array: no rows, or a dictionary of which every row is null.
        let empty = array.is_empty();
        match field.kind {
            Kind::Null => {}
            Kind::Fixed(_) => {
                if !empty {
                    self.put_fixed(words, &array, &index, place, stride)?;
                }
                index.recycle(buffers);
            }
            Kind::Text(_) => {
                let text = Text {
                    bytes: Bytes::new(&array)?,
                    index,
                    nested: None,
                };
                self.put_text(words, text, empty, (place, stride))?;
            }
            Kind::Nested(_) => {
                let text = nested_text(array, index, buffers)?;
                self.put_text(words, text, empty, (place, stride))?;
            }
        }
        let Some(nulls) = nulls else { return Ok(()) };
        bits::each_set(nulls, self.len, |row| {
            let words = &mut words[row * stride..(row + 1) * stride];
            for at in 0..place.bits.div_ceil(64) as usize {
                words[place.word + at] &= !(place.mask() << place.shift);
            }
            match field.kind {
                Kind::Text(_) | Kind::Nested(_) => words[place.word] = u64::from(NULL_LENGTH),
                Kind::Null | Kind::Fixed(_) => {
                    if let Some(null) = field.null {
                        words[null.word] |= 1 << null.shift;
                    }
                }
            }
        });
        Ok(())
    }

    fn put_fixed(
        &self,
        words: &mut [u64],
        array: &ArrayRef,
        index: &Index,
        place: Place,
        stride: usize,
    ) -> Result<()> {
        macro_rules! primitive {
            ($type:ty) => {{
                let values = <$type>::values(array.as_primitive::<$type>());
                values_at(words, &values, index, place, stride);
            }};
        }
        downcast_primitive! {
            array.data_type() => (primitive),
            DataType::Boolean => {
                let values = array.as_boolean().values();
                let bit = |at: usize| u64::from(values.value(at));
                fill(words, place, stride, (0..self.len).map(|row| bit(index.at(row))));
            }
            other => return Err(Error::internal(format!("{other} as a key of fixed width"))),
        }
        Ok(())
    }

    fn put_text(
        &mut self,
        words: &mut [u64],
        text: Text,
        empty: bool,
        (place, stride): (Place, usize),
    ) -> Result<()> {
        if let Bytes::LargeOffsets(array) = &text.bytes
            && array.values().len() >= NULL_LENGTH as usize
            && (0..array.len()).any(|row| array.value(row).len() >= NULL_LENGTH as usize)
        {
            return Err(Error::unsupported("a key of 4 GiB and more"));
        }
        if !empty {
            let longest = match &text.index {
                Index::Dense => texts_at(words, &text.bytes, 0..self.len, place, stride),
                Index::Rows(list) | Index::Codes(list) => {
                    let rows = list.iter().map(|&at| at as usize);
                    texts_at(words, &text.bytes, rows, place, stride)
                }
                Index::One => {
                    let rows = std::iter::repeat_n(0, self.len);
                    texts_at(words, &text.bytes, rows, place, stride)
                }
            };
            self.long |= longest > INLINE;
        }
        self.texts.push(text);
        Ok(())
    }
}

/// Whether a view's words tell only a part of the value.
#[inline]
pub(super) fn is_long(word: u64) -> bool {
    let length = word as u32;
    length > INLINE && length != NULL_LENGTH
}

/// The values of a column without nulls, where they are their keys.
fn as_words(field: &Field, column: &Column) -> Option<ScalarBuffer<u64>> {
    let (Kind::Fixed(_), Encoding::Flat(array)) = (field.kind, column.encoding()) else {
        return None;
    };
    let data_type = array.data_type();
    let is_word = matches!(
        data_type,
        DataType::Int64
            | DataType::UInt64
            | DataType::Date64
            | DataType::Time64(_)
            | DataType::Timestamp(..)
            | DataType::Duration(_)
            | DataType::Decimal64(..)
    );
    if !is_word || array.null_count() > 0 {
        return None;
    }
    let data = array.to_data();
    let values = data.buffers().first()?.clone();
    Some(ScalarBuffer::new(values, data.offset(), data.len()))
}

fn check(field: &Field, column: &Column) -> Result<()> {
    let (want, found) = (field.value_type(), column.value_type());
    let bytes = |data_type| is_string(data_type) || is_binary(data_type);
    let same = match (want, found) {
        (DataType::Timestamp(want, _), DataType::Timestamp(found, _)) => want == found,
        (DataType::Decimal32(_, want), DataType::Decimal32(_, found))
        | (DataType::Decimal64(_, want), DataType::Decimal64(_, found))
        | (DataType::Decimal128(_, want), DataType::Decimal128(_, found))
        | (DataType::Decimal256(_, want), DataType::Decimal256(_, found)) => want == found,
        _ => bytes(want) && bytes(found) || want.equals_datatype(found),
    };
    if same {
        return Ok(());
    }
    Err(Error::internal(format!("{found} as a key of type {want}")))
}

/// The canonical bytes of nested values, which they share when they are equal.
fn nested_text(array: ArrayRef, index: Index, buffers: &mut Buffers) -> Result<Text> {
    // Making them costs much: for no row that is not selected.
    let (array, index) = match index {
        Index::Rows(rows) => {
            let rows = UInt32Array::new(rows.into(), None);
            let taken = compute::take(&array, &rows, None)?;
            buffers.recycle_array(Arc::new(rows));
            (taken, Index::Dense)
        }
        index => (array, index),
    };
    let converter = RowConverter::new(vec![SortField::new(array.data_type().clone())])?;
    let rows = converter.convert_columns(&[normalized(&array)?])?;
    let bytes: BinaryArray = rows.try_into_binary()?;
    let bytes: ArrayRef = Arc::new(bytes);
    Ok(Text {
        bytes: Bytes::new(&bytes)?,
        index,
        nested: Some(array),
    })
}
