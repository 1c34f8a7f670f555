//! Text to text: what kernels that give text share.

#![allow(
    clippy::indexing_slicing,
    reason = "rows come from a selection whose length equals that of the columns, see `same_rows`"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, make_view};
use arrow::buffer::{Buffer, NullBuffer};
use esker_datatypes::{Buffers, Column, DataType, Error, Result, ScalarValue, Selection};

use crate::vector::same_rows;
use crate::views;

/// An array's buffers are kept below this size, since views address them with 32 bits.
const BUFFER: usize = 1 << 30;

/// Text of any layout as views, one a row or one for all rows. Shares the bytes.
pub(super) struct Texts {
    array: StringViewArray,
    constant: bool,
}

impl Texts {
    /// The texts of a column, its dictionary expanded.
    pub(super) fn new(column: &Column) -> Result<Self> {
        Ok(match column.as_constant() {
            Some(value) => Self {
                array: as_views(value.as_array())?,
                constant: true,
            },
            None => Self {
                array: as_views(&column.to_flat())?,
                constant: false,
            },
        })
    }

    /// The text of a row; that of a null may be any.
    #[inline]
    pub(super) fn at(&self, row: usize) -> &str {
        self.array.value(if self.constant { 0 } else { row })
    }
}

/// The same text as views into the same bytes.
fn as_views(array: &ArrayRef) -> Result<StringViewArray> {
    Ok(match array.data_type() {
        DataType::Utf8View => array.as_string_view().clone(),
        DataType::Utf8 => array.as_string::<i32>().into(),
        DataType::LargeUtf8 => array.as_string::<i64>().into(),
        other => return Err(Error::internal(format!("{other} where text is due"))),
    })
}

/// A text that is being mapped: its bytes and where they stand.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    /// The text.
    pub(super) text: &'a str,
    view: u128,
}

/// Views of a result: of parts of the input, in its buffers, and of new text.
pub(super) struct Output {
    /// How many buffers the input has.
    shared: usize,
    /// Whether a view leads into one of them.
    shares: bool,
    full: Vec<Buffer>,
    bytes: Vec<u8>,
}

impl Output {
    /// The text as it is.
    pub(super) fn whole(&mut self, text: Text<'_>) -> u128 {
        self.shares |= views::length(text.view) > views::INLINE;
        text.view
    }

    /// A part of the text, by bytes. An empty text if there are no such bytes.
    #[inline]
    pub(super) fn part(&mut self, text: Text<'_>, part: Range<usize>) -> u128 {
        let bytes = text.text.as_bytes().get(part.clone()).unwrap_or_default();
        if bytes.len() <= views::INLINE {
            return make_view(bytes, 0, 0);
        }
        // More than what stands in a view: the whole stands in a buffer.
        self.shares = true;
        let (buffer, offset) = ((text.view >> 64) as u32, (text.view >> 96) as u32);
        make_view(bytes, buffer, offset + part.start as u32)
    }

    /// New text: what is called appends its bytes.
    pub(super) fn new_text(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> u128 {
        if self.bytes.len() > BUFFER {
            self.full
                .push(Buffer::from_vec(std::mem::take(&mut self.bytes)));
        }
        let start = self.bytes.len();
        write(&mut self.bytes);
        let bytes = &self.bytes[start..];
        let view = make_view(bytes, (self.shared + self.full.len()) as u32, start as u32);
        if bytes.len() <= views::INLINE {
            self.bytes.truncate(start);
        }
        view
    }
}

/// Maps every text to another; null for null. `each` is called for the selected rows that are not
/// null, or for the values of a dictionary.
pub(super) fn map(
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
    mut each: impl FnMut(Text<'_>, &mut Output) -> u128,
) -> Result<Column> {
    crate::per_value::per_value(column, selection, buffers, |array, selection, buffers| {
        let nulls = array.logical_nulls().filter(|n| n.null_count() > 0);
        map_rows(
            &as_views(array)?,
            nulls,
            selection,
            buffers,
            |_, text, out| each(text, out),
        )
    })
}

/// Maps every text together with what other columns hold in its row; null where any is null.
pub(super) fn map_with(
    column: &Column,
    others: &[&Column],
    selection: &Selection,
    buffers: &mut Buffers,
    each: impl FnMut(usize, Text<'_>, &mut Output) -> u128,
) -> Result<Column> {
    let columns: Vec<&Column> = [column].into_iter().chain(others.iter().copied()).collect();
    let rows = same_rows(&columns, selection)?;
    let null = |column: &&Column| column.as_constant().is_some_and(ScalarValue::is_null);
    if columns.iter().any(null) {
        return Ok(Column::constant(
            ScalarValue::null(&DataType::Utf8View),
            rows,
        ));
    }
    let nulls = columns
        .iter()
        .fold(None, |nulls: Option<NullBuffer>, column| {
            NullBuffer::union(nulls.as_ref(), column.nulls().as_ref())
        });
    let array = as_views(&column.to_flat())?;
    let result = map_rows(&array, nulls, selection, buffers, each)?;
    Ok(Column::flat(result))
}

fn map_rows(
    array: &StringViewArray,
    nulls: Option<NullBuffer>,
    selection: &Selection,
    buffers: &mut Buffers,
    mut each: impl FnMut(usize, Text<'_>, &mut Output) -> u128,
) -> Result<ArrayRef> {
    let shared = array.data_buffers();
    let mut output = Output {
        shared: shared.len(),
        shares: false,
        full: Vec::new(),
        bytes: Vec::new(),
    };
    let mut out = buffers.take::<u128>(array.len());
    out.resize(array.len(), 0);
    for row in selection.iter() {
        if nulls.as_ref().is_none_or(|n| n.is_valid(row)) {
            let text = Text {
                text: array.value(row),
                view: array.views()[row],
            };
            out[row] = each(row, text, &mut output);
        }
    }
    let Output {
        shares,
        full,
        bytes,
        ..
    } = output;
    let mut all: Vec<Buffer> = match (shares, full.is_empty() && bytes.is_empty()) {
        (true, _) => shared.to_vec(),
        (false, true) => Vec::new(),
        // Nothing leads into the input's bytes, which need not stay alive; the numbers of the new
        // buffers start behind them all the same.
        (false, false) => shared
            .iter()
            .map(|_| Buffer::from_vec(Vec::<u8>::new()))
            .collect(),
    };
    all.extend(full);
    if !bytes.is_empty() {
        all.push(Buffer::from_vec(bytes));
    }
    Ok(Arc::new(views::text_array(out, all, nulls)?))
}

/// Whether each column is a constant: what it gives is the same for every row.
pub(super) fn all_constant(columns: &[&Column]) -> bool {
    columns.iter().all(|column| column.as_constant().is_some())
}
