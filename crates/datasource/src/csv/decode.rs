//! Fields of a column as an array of its type.

use std::sync::Arc;

use arrow::array::builder::make_view;
use arrow::array::{ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, StringViewArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use esker_datatypes::{Buffers, Column, Error, Result, Selection, value_type};
use esker_kernels::cast::{CastMode, can_cast, cast};
use esker_kernels::parse;
use esker_kernels::views::INLINE;

use super::dialect::Dialect;
use super::records::{Field, Fields};

/// The most bytes of text in one buffer: offsets in a view are 32 bits.
const TEXT_BUFFER: usize = 1 << 30;
/// How much of a bad value an error shows.
const SHOWN: usize = 60;

/// Whether a column of a CSV can be read as this type.
pub(super) fn can_read(data_type: &DataType) -> bool {
    can_cast(&DataType::Utf8View, data_type)
}

/// Why a column could not be decoded.
#[derive(Debug)]
pub(super) enum Failure {
    /// A field of this row is at fault; the error does not name the place.
    Row(usize, Error),
    /// Something else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// What a column is decoded from and with.
pub(super) struct Decoder<'a> {
    pub(super) fields: Fields<'a>,
    pub(super) dialect: Dialect,
    /// Whether a value that does not fit is null rather than an error.
    pub(super) lenient: bool,
    /// The rows to decode; the others are null, or any value.
    pub(super) selection: &'a Selection,
    pub(super) buffers: &'a mut Buffers,
    /// For text without its doubled quotes.
    pub(super) scratch: &'a mut Vec<u8>,
}

impl Decoder<'_> {
    /// The column, of the declared type.
    pub(super) fn decode(mut self, declared: &DataType) -> Result<Column, Failure> {
        use DataType as T;
        use parse::{parse_date, parse_f32, parse_f64, parse_i64, parse_timestamp, parse_u64};
        let to = value_type(declared);
        let array = match to {
            T::Int8 => self.fixed::<Int8Type>(to, |t| parse_i64(t)?.try_into().ok()),
            T::Int16 => self.fixed::<Int16Type>(to, |t| parse_i64(t)?.try_into().ok()),
            T::Int32 => self.fixed::<Int32Type>(to, |t| parse_i64(t)?.try_into().ok()),
            T::Int64 => self.fixed::<Int64Type>(to, parse_i64),
            T::UInt8 => self.fixed::<UInt8Type>(to, |t| parse_u64(t)?.try_into().ok()),
            T::UInt16 => self.fixed::<UInt16Type>(to, |t| parse_u64(t)?.try_into().ok()),
            T::UInt32 => self.fixed::<UInt32Type>(to, |t| parse_u64(t)?.try_into().ok()),
            T::UInt64 => self.fixed::<UInt64Type>(to, parse_u64),
            T::Float32 => self.fixed::<Float32Type>(to, parse_f32),
            T::Float64 => self.fixed::<Float64Type>(to, parse_f64),
            T::Date32 => self.fixed::<Date32Type>(to, parse_date),
            T::Timestamp(TimeUnit::Microsecond, None) => {
                self.fixed::<TimestampMicrosecondType>(to, parse_timestamp)
            }
            T::Boolean => self.booleans(),
            T::Utf8View => self.texts(),
            to => self.by_cast(to),
        }?;
        let column = Column::flat(array);
        Ok(if to == declared {
            column
        } else {
            column.with_declared_type(declared)
        })
    }

    /// Values of a fixed width.
    fn fixed<T: ArrowPrimitiveType>(
        &mut self,
        data_type: &DataType,
        parse: impl Fn(&[u8]) -> Option<T::Native>,
    ) -> Result<ArrayRef, Failure> {
        let (fields, selection) = (self.fields, self.selection);
        let rows = fields.rows();
        let mut values: Vec<T::Native> = self.buffers.take(rows);
        let mut nulls = Nulls::new(rows);
        match selection.rows() {
            None => {
                for (row, field) in fields.iter().enumerate() {
                    let value = match plain(field).and_then(&parse) {
                        Some(value) => value,
                        None => self.other(row, field, data_type, &parse, &mut nulls)?,
                    };
                    values.push(value);
                }
            }
            Some(selected) => {
                values.resize(rows, T::Native::default());
                for &row in selected {
                    let row = row as usize;
                    let field = fields.get(row);
                    let value = match plain(field).and_then(&parse) {
                        Some(value) => value,
                        None => self.other(row, field, data_type, &parse, &mut nulls)?,
                    };
                    if let Some(place) = values.get_mut(row) {
                        *place = value;
                    }
                }
            }
        }
        let array = PrimitiveArray::<T>::try_new(ScalarBuffer::from(values), nulls.finish());
        Ok(Arc::new(array.map_err(Error::from)?))
    }

    fn booleans(&mut self) -> Result<ArrayRef, Failure> {
        let (fields, selection) = (self.fields, self.selection);
        let rows = fields.rows();
        let mut nulls = Nulls::new(rows);
        let words = rows.div_ceil(64);
        let mut values: Vec<u64> = self.buffers.take(words);
        values.resize(words, 0);
        for row in selection.iter() {
            let field = fields.get(row);
            let value = match plain(field).and_then(parse::parse_bool) {
                Some(value) => value,
                None => {
                    let expected = &DataType::Boolean;
                    self.other(row, field, expected, &parse::parse_bool, &mut nulls)?
                }
            };
            if let Some(word) = values.get_mut(row / 64) {
                *word |= u64::from(value) << (row % 64);
            }
        }
        Ok(Arc::new(BooleanArray::new(
            bits(values, rows),
            nulls.finish(),
        )))
    }

    /// The value of a field that is not plain text of its type; the default where it is null.
    #[cold]
    #[inline(never)]
    fn other<V: Default>(
        &mut self,
        row: usize,
        field: Field<'_>,
        expected: &DataType,
        parse: &impl Fn(&[u8]) -> Option<V>,
        nulls: &mut Nulls,
    ) -> Result<V, Failure> {
        let (found, malformed) = match field {
            Field::Null => {
                nulls.clear(row, self.buffers);
                return Ok(V::default());
            }
            Field::Text(text) => (text, false),
            Field::Malformed(text) => (text, true),
            Field::Escaped(text) => {
                self.scratch.clear();
                self.dialect.unescape(text, self.scratch);
                if let Some(value) = parse(self.scratch) {
                    return Ok(value);
                }
                (self.scratch.as_slice(), false)
            }
        };
        if self.lenient {
            nulls.clear(row, self.buffers);
            return Ok(V::default());
        }
        let error = if malformed {
            behind_quote(found)
        } else {
            mismatch(expected, found)
        };
        Err(Failure::Row(row, error))
    }

    /// Text as views. Arrow checks that it is UTF-8; only when it is not is it looked at again, to
    /// find the row.
    fn texts(&mut self) -> Result<ArrayRef, Failure> {
        if let Some(array) = self.views(false)? {
            return Ok(array);
        }
        match self.views(true)? {
            Some(array) => Ok(array),
            None => Err(Error::internal("text that is UTF-8 makes no array of text").into()),
        }
    }

    /// The views, or `None` when a text is not UTF-8, which `check` makes an error, or null.
    fn views(&mut self, check: bool) -> Result<Option<ArrayRef>, Failure> {
        let (fields, selection) = (self.fields, self.selection);
        let rows = fields.rows();
        let mut views: Vec<u128> = self.buffers.take(rows);
        views.resize(rows, 0);
        let mut nulls = Nulls::new(rows);
        let lengths = selection.iter().map(|row| fields.text_len(row));
        let long = lengths.filter(|&len| len > INLINE).sum();
        let mut texts = Texts::new(self.buffers.take(long));
        for row in selection.iter() {
            let text = match fields.get(row) {
                Field::Text(text) => text,
                Field::Escaped(text) => {
                    self.scratch.clear();
                    self.dialect.unescape(text, self.scratch);
                    self.scratch.as_slice()
                }
                Field::Malformed(text) if !self.lenient => {
                    return Err(Failure::Row(row, behind_quote(text)));
                }
                Field::Null | Field::Malformed(_) => {
                    nulls.clear(row, self.buffers);
                    continue;
                }
            };
            if check && std::str::from_utf8(text).is_err() {
                if !self.lenient {
                    let message = format!("invalid UTF-8: '{}'", shown(text));
                    return Err(Failure::Row(row, Error::data(message)));
                }
                nulls.clear(row, self.buffers);
                continue;
            }
            if let Some(view) = views.get_mut(row) {
                *view = texts.push(text);
            }
        }
        let array = StringViewArray::try_new(views.into(), texts.finish(), nulls.finish());
        Ok(array.ok().map(|array| Arc::new(array) as ArrayRef))
    }

    /// Any other type, by way of text and a cast.
    fn by_cast(&mut self, to: &DataType) -> Result<ArrayRef, Failure> {
        let texts = Column::flat(self.texts()?);
        let column = cast(&texts, to, CastMode::Try, self.selection, self.buffers)?;
        if !self.lenient
            && let Some(nulls) = column.nulls()
        {
            let before = texts.nulls();
            let lost = |&row: &usize| {
                nulls.is_null(row) && before.as_ref().is_none_or(|before| before.is_valid(row))
            };
            if let Some(row) = self.selection.iter().find(lost) {
                let found = texts.value(row)?;
                let found = found.as_str().unwrap_or_default().as_bytes();
                return Err(Failure::Row(row, mismatch(to, found)));
            }
        }
        let array = column.to_flat();
        drop(column);
        self.buffers.recycle_column(texts);
        Ok(array)
    }
}

#[inline(always)]
fn plain(field: Field<'_>) -> Option<&[u8]> {
    match field {
        Field::Text(text) => Some(text),
        Field::Null | Field::Escaped(_) | Field::Malformed(_) => None,
    }
}

fn mismatch(expected: &DataType, found: &[u8]) -> Error {
    Error::data(format!("expected {expected}, found '{}'", shown(found)))
}

fn behind_quote(found: &[u8]) -> Error {
    Error::data(format!("text behind a closing quote: '{}'", shown(found)))
}

/// The start of a text, for an error.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

/// A null mask that costs nothing while there is no null.
struct Nulls {
    /// A bit for each row, set where it is valid; empty when all are.
    words: Vec<u64>,
    rows: usize,
}

impl Nulls {
    fn new(rows: usize) -> Self {
        Self {
            words: Vec::new(),
            rows,
        }
    }

    fn clear(&mut self, row: usize, buffers: &mut Buffers) {
        if self.words.is_empty() {
            let words = self.rows.div_ceil(64);
            self.words = buffers.take(words);
            self.words.resize(words, u64::MAX);
        }
        if let Some(word) = self.words.get_mut(row / 64) {
            *word &= !(1 << (row % 64));
        }
    }

    fn finish(self) -> Option<NullBuffer> {
        (!self.words.is_empty()).then(|| NullBuffer::new(bits(self.words, self.rows)))
    }
}

fn bits(words: Vec<u64>, rows: usize) -> BooleanBuffer {
    BooleanBuffer::new(Buffer::from_vec(words), 0, rows)
}

/// The bytes of texts that are too long for their views.
struct Texts {
    full: Vec<Buffer>,
    bytes: Vec<u8>,
}

impl Texts {
    fn new(bytes: Vec<u8>) -> Self {
        Self {
            full: Vec::new(),
            bytes,
        }
    }

    #[inline]
    fn push(&mut self, text: &[u8]) -> u128 {
        if text.len() <= INLINE {
            return make_view(text, 0, 0);
        }
        // A text alone is never longer than offsets reach: the tokenizer sees to that.
        if self.bytes.len() + text.len() > TEXT_BUFFER {
            self.full
                .push(Buffer::from_vec(std::mem::take(&mut self.bytes)));
        }
        let view = make_view(text, self.full.len() as u32, self.bytes.len() as u32);
        self.bytes.extend_from_slice(text);
        view
    }

    fn finish(mut self) -> Vec<Buffer> {
        if !self.bytes.is_empty() {
            self.full.push(Buffer::from_vec(self.bytes));
        }
        self.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_in_errors() {
        let text = "é".repeat(100);
        assert_eq!(shown(text.as_bytes()).chars().count(), SHOWN + 1);
        assert_eq!(shown(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn nulls_are_bits() {
        let mut nulls = Nulls::new(70);
        let mut buffers = Buffers::default();
        assert!(Nulls::new(3).finish().is_none());
        nulls.clear(0, &mut buffers);
        nulls.clear(69, &mut buffers);
        let mask = nulls.finish().unwrap();
        assert_eq!((mask.len(), mask.null_count()), (70, 2));
        assert!(mask.is_null(69) && mask.is_valid(68));
    }
}
