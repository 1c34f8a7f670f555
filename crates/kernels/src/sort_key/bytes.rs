//! Keys of any length, ordered as bytes are.
//!
//! A column gives a byte that tells null from value, then the value: integers from the upper byte
//! on; text with its zeros escaped and an end that is less than any byte; a list's elements each
//! behind a 1 and a 0 at the end. So no key is the beginning of another one, and a value's bytes
//! turned around sort from the greatest to the least.

#![allow(
    clippy::indexing_slicing,
    reason = "the data is as long as the lengths of all rows, which are counted by the rules that \
              write them; offsets of lists lie within the child array"
)]

use arrow::array::{Array, ArrayRef, AsArray, StructArray, UInt32Array, downcast_primitive};
use arrow::buffer::NullBuffer;
use arrow::datatypes::ArrowNativeType;
use esker_datatypes::{Column, DataType, Encoding, Error, Result};

use super::SortOptions;
use super::field::{Field, Ordered};
use crate::compare::Bytes;
use crate::value::Fixed;

/// The byte before a value. Nulls have a lesser or a greater one.
const VALUE: u8 = 1;
/// Behind a zero of text.
const ESCAPED: u8 = 0xff;
/// Behind text.
const END: [u8; 2] = [0, 0];
/// Before each element of a list.
const ELEMENT: u8 = 1;
/// Behind the last.
const LIST_END: u8 = 0;
/// How the elements of nested values are ordered.
const WITHIN: SortOptions = SortOptions {
    descending: false,
    nulls_first: false,
};

/// Where the bytes of each row begin, with the end of the last, and the bytes.
pub(super) type Rows = (Vec<usize>, Vec<u8>);

/// The keys of the rows.
pub(super) fn encode(fields: &[Field], columns: &[&Column], rows: usize) -> Result<Rows> {
    let mut parts = Vec::with_capacity(columns.len());
    for (field, column) in fields.iter().zip(columns) {
        parts.push(Part::new(field, column)?);
    }
    let mut offsets = vec![0usize; rows + 1];
    for part in &parts {
        part.count(&mut offsets[1..])?;
    }
    let mut end = 0;
    for offset in &mut offsets {
        end += *offset;
        *offset = end;
    }
    let mut data = vec![0; end];
    let mut cursors = offsets[..rows].to_vec();
    for part in &parts {
        part.write(&mut cursors, &mut data)?;
    }
    Ok((offsets, data))
}

/// A column that is ready to be written.
enum Part {
    /// Each row's value is its own.
    Flat(Flat),
    /// Each row has one of these keys, or none for null.
    Coded {
        keys: Rows,
        codes: UInt32Array,
        null: Vec<u8>,
    },
    /// All rows have this key.
    Same(Vec<u8>),
}

impl Part {
    fn new(field: &Field, column: &Column) -> Result<Self> {
        let alone = |array: &ArrayRef| {
            let column = Column::flat(ArrayRef::clone(array));
            encode(std::slice::from_ref(field), &[&column], array.len())
        };
        Ok(match column.encoding() {
            Encoding::Constant { value, .. } => Self::Same(alone(value.as_array())?.1),
            Encoding::Dictionary { codes, values } if values.len() <= codes.len() => Self::Coded {
                keys: alone(values)?,
                codes: codes.clone(),
                null: vec![null_byte(field.options)],
            },
            Encoding::Dictionary { .. } => Self::Flat(Flat::new(field, column.to_flat())?),
            Encoding::Flat(array) => Self::Flat(Flat::new(field, ArrayRef::clone(array))?),
        })
    }

    /// Adds the lengths of the rows' keys.
    fn count(&self, lengths: &mut [usize]) -> Result<()> {
        match self {
            Self::Flat(flat) => flat.count(lengths)?,
            Self::Same(key) => lengths.iter_mut().for_each(|length| *length += key.len()),
            Self::Coded { .. } => self.each_coded(|row, key| lengths[row] += key.len()),
        }
        Ok(())
    }

    /// Writes the keys of the rows where the cursors are, and moves these.
    fn write(&self, cursors: &mut [usize], data: &mut [u8]) -> Result<()> {
        match self {
            Self::Flat(flat) => flat.write(cursors, data)?,
            Self::Same(key) => cursors.iter_mut().for_each(|at| put(data, at, key)),
            Self::Coded { .. } => self.each_coded(|row, key| put(data, &mut cursors[row], key)),
        }
        Ok(())
    }

    fn each_coded(&self, mut each: impl FnMut(usize, &[u8])) {
        if let Self::Coded { keys, codes, null } = self {
            for (row, code) in codes.iter().enumerate() {
                match code {
                    Some(code) => each(row, row_of(keys, code as usize)),
                    None => each(row, null),
                }
            }
        }
    }
}

/// A flat column.
struct Flat {
    array: ArrayRef,
    nulls: Option<NullBuffer>,
    /// The bytes of nested values.
    nested: Option<Rows>,
    options: SortOptions,
}

impl Flat {
    fn new(field: &Field, array: ArrayRef) -> Result<Self> {
        Ok(Self {
            nulls: array.logical_nulls().filter(|nulls| nulls.null_count() > 0),
            nested: array
                .data_type()
                .is_nested()
                .then(|| nested(&array))
                .transpose()?,
            array,
            options: field.options,
        })
    }

    fn count(&self, lengths: &mut [usize]) -> Result<()> {
        if let Some(rows) = &self.nested {
            self.count_each(lengths, |row| row_of(rows, row).len());
            return Ok(());
        }
        macro_rules! primitive {
            ($type:ty) => {
                self.count_each(lengths, |_| width::<$type>())
            };
        }
        downcast_primitive! {
            self.array.data_type() => (primitive),
            // Of a column of nulls all keys are empty.
            DataType::Null => {}
            DataType::Boolean => self.count_each(lengths, |_| 1),
            DataType::FixedSizeBinary(width) => self.count_each(lengths, |_| *width as usize),
            _ => {
                let bytes = Bytes::new(&self.array)?;
                self.count_each(lengths, |row| {
                    let value = bytes.value(row);
                    let zeros = value.iter().filter(|&&byte| byte == 0).count();
                    value.len() + zeros + END.len()
                });
            }
        }
        Ok(())
    }

    #[inline]
    fn count_each(&self, lengths: &mut [usize], value: impl Fn(usize) -> usize) {
        let lengths = lengths.iter_mut().enumerate();
        match &self.nulls {
            None => lengths.for_each(|(row, length)| *length += 1 + value(row)),
            Some(nulls) => lengths.for_each(|(row, length)| {
                *length += 1 + if nulls.is_valid(row) { value(row) } else { 0 };
            }),
        }
    }

    fn write(&self, cursors: &mut [usize], data: &mut [u8]) -> Result<()> {
        if let Some(rows) = &self.nested {
            self.write_each(cursors, data, |row, data, at| {
                put(data, at, row_of(rows, row))
            });
            return Ok(());
        }
        macro_rules! primitive {
            ($type:ty) => {{
                let Some(array) = self.array.as_primitive_opt::<$type>() else {
                    return Err(Error::internal(format!(
                        "a key of {}",
                        self.array.data_type()
                    )));
                };
                let values = <$type>::values(array);
                self.write_each(cursors, data, |row, data, at| {
                    let end = *at + width::<$type>();
                    values[row].put(&mut data[*at..end]);
                    *at = end;
                });
            }};
        }
        downcast_primitive! {
            self.array.data_type() => (primitive),
            DataType::Null => {}
            DataType::Boolean => {
                let values = self.array.as_boolean().values();
                self.write_each(cursors, data, |row, data, at| {
                    put(data, at, &[u8::from(values.value(row))]);
                });
            }
            DataType::FixedSizeBinary(_) => {
                let values = self.array.as_fixed_size_binary();
                self.write_each(cursors, data, |row, data, at| put(data, at, values.value(row)));
            }
            _ => {
                let bytes = Bytes::new(&self.array)?;
                self.write_each(cursors, data, |row, data, at| {
                    put_text(data, at, bytes.value(row));
                });
            }
        }
        Ok(())
    }

    #[inline]
    fn write_each(
        &self,
        cursors: &mut [usize],
        data: &mut [u8],
        value: impl Fn(usize, &mut [u8], &mut usize),
    ) {
        let null = null_byte(self.options);
        for (row, at) in cursors.iter_mut().enumerate() {
            if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                put(data, at, &[null]);
                continue;
            }
            put(data, at, &[VALUE]);
            let start = *at;
            value(row, data, at);
            if self.options.descending {
                data[start..*at].iter_mut().for_each(|byte| *byte = !*byte);
            }
        }
    }
}

/// The byte of a null.
fn null_byte(options: SortOptions) -> u8 {
    if options.nulls_first {
        VALUE - 1
    } else {
        VALUE + 1
    }
}

fn width<T: Fixed<Value: Ordered>>() -> usize {
    <T::Value as Ordered>::BITS as usize / 8
}

fn row_of(rows: &Rows, row: usize) -> &[u8] {
    &rows.1[rows.0[row]..rows.0[row + 1]]
}

#[inline]
fn put(data: &mut [u8], at: &mut usize, bytes: &[u8]) {
    data[*at..*at + bytes.len()].copy_from_slice(bytes);
    *at += bytes.len();
}

#[inline]
fn put_text(data: &mut [u8], at: &mut usize, mut text: &[u8]) {
    // `contains` looks at many bytes at a time, and hardly any text has a zero.
    while text.contains(&0)
        && let Some(zero) = text.iter().position(|&byte| byte == 0)
    {
        put(data, at, &text[..=zero]);
        put(data, at, &[ESCAPED]);
        text = &text[zero + 1..];
    }
    put(data, at, text);
    put(data, at, &END);
}

/// The bytes of lists, structs and maps; nothing for nulls.
fn nested(array: &ArrayRef) -> Result<Rows> {
    let nulls = array.nulls();
    Ok(match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            by_offsets(list.values(), list.value_offsets(), nulls)?
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            by_offsets(list.values(), list.value_offsets(), nulls)?
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let entries: ArrayRef = std::sync::Arc::new(StructArray::clone(map.entries()));
            by_offsets(&entries, map.value_offsets(), nulls)?
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            by_sizes(list.values(), list.offsets(), list.sizes(), nulls)?
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            by_sizes(list.values(), list.offsets(), list.sizes(), nulls)?
        }
        DataType::FixedSizeList(_, _) => {
            let list = array.as_fixed_size_list();
            let size = list.value_length().as_usize();
            let lists = (0..list.len()).map(|row| (row * size, size));
            lists_of(&elements(list.values())?, lists, nulls)
        }
        DataType::Struct(_) => {
            let members = array.as_struct().columns().iter();
            let members: Vec<Column> = members.map(Column::from_arrow).collect::<Result<_>>()?;
            let members: Vec<&Column> = members.iter().collect();
            within(&members, array.len())?
        }
        other => {
            return Err(Error::internal(format!(
                "a key of {other} as a nested value"
            )));
        }
    })
}

/// The keys of columns within a value.
fn within(columns: &[&Column], rows: usize) -> Result<Rows> {
    let fields = columns.iter();
    let fields: Vec<Field> = fields
        .map(|column| Field::new(column.value_type(), WITHIN))
        .collect::<Result<_>>()?;
    encode(&fields, columns, rows)
}

fn elements(array: &ArrayRef) -> Result<Rows> {
    within(&[&Column::from_arrow(array)?], array.len())
}

/// Lists whose elements lie one behind the other. A slice of a list array keeps all elements: only
/// those between its offsets are encoded.
fn by_offsets<O: ArrowNativeType>(
    array: &ArrayRef,
    offsets: &[O],
    nulls: Option<&NullBuffer>,
) -> Result<Rows> {
    let first = offsets.first().map_or(0, |offset| offset.as_usize());
    let last = offsets.last().map_or(0, |offset| offset.as_usize());
    let elements = elements(&array.slice(first, last - first))?;
    let lists = offsets.windows(2).map(|pair| {
        let (start, end) = (pair[0].as_usize(), pair[1].as_usize());
        (start - first, end - start)
    });
    Ok(lists_of(&elements, lists, nulls))
}

fn by_sizes<O: ArrowNativeType>(
    array: &ArrayRef,
    offsets: &[O],
    sizes: &[O],
    nulls: Option<&NullBuffer>,
) -> Result<Rows> {
    let lists = offsets.iter().zip(sizes);
    let lists = lists.map(|(start, size)| (start.as_usize(), size.as_usize()));
    Ok(lists_of(&elements(array)?, lists, nulls))
}

/// The bytes of lists, given the start and the number of the elements of each.
fn lists_of(
    elements: &Rows,
    lists: impl Iterator<Item = (usize, usize)>,
    nulls: Option<&NullBuffer>,
) -> Rows {
    let (mut offsets, mut data) = (vec![0], Vec::new());
    for (row, (start, size)) in lists.enumerate() {
        if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
            for element in start..start + size {
                data.push(ELEMENT);
                data.extend_from_slice(row_of(elements, element));
            }
            data.push(LIST_END);
        }
        offsets.push(data.len());
    }
    (offsets, data)
}
