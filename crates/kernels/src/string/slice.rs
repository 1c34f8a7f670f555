//! Parts of a text: slices and what is left without white space.

use arrow::datatypes::Int64Type;
use esker_datatypes::{Buffers, Column, DataType, Result, ScalarValue, Selection};

use super::map::{all_constant, map, map_with};
use super::pattern::starts_char;
use crate::vector::Input;

/// The characters from `start` on, `end` not among them; without an end, to the last one.
///
/// Positions are characters from 0; negative ones count from the end, and those beyond the text are
/// its ends. Null where any is null. Shares the bytes of the input.
///
/// # Errors
/// `Internal` when the columns are not text and `Int64`, or differ in length.
///
/// ```
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::string::slice;
/// let column = Column::constant(ScalarValue::from("25-989-741-2988"), 1);
/// let at = |position: i64| Column::constant(ScalarValue::from(position), 1);
/// let all = Selection::all(1);
/// let code = slice(&column, &at(0), Some(&at(2)), &all, &mut Buffers::default())?;
/// assert_eq!(code.value(0)?.as_str(), Some("25"));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn slice(
    column: &Column,
    start: &Column,
    end: Option<&Column>,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let positions: Vec<&Column> = [start].into_iter().chain(end).collect();
    if positions
        .iter()
        .any(|c| c.as_constant().is_some_and(ScalarValue::is_null))
    {
        let null = ScalarValue::null(&DataType::Utf8View);
        return Ok(Column::constant(null, column.len()));
    }
    let (from, to) = (Input::new(start), end.map(Input::new));
    let from = from.operand::<Int64Type>()?;
    let to = to.as_ref().map(Input::operand::<Int64Type>).transpose()?;
    if all_constant(&positions) {
        let (from, to) = (from.at(0), to.map(|to| to.at(0)));
        return map(column, selection, buffers, |text, out| {
            out.part(text, range(text.text, from, to))
        });
    }
    map_with(column, &positions, selection, buffers, |row, text, out| {
        out.part(
            text,
            range(text.text, from.at(row), to.map(|to| to.at(row))),
        )
    })
}

/// Which ends of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Both.
    Both,
    /// The first characters.
    Start,
    /// The last ones.
    End,
}

/// The text without white space (as Unicode has it) at its ends. Null for null. Shares the bytes of
/// the input.
///
/// # Errors
/// `Internal` when the column is no text or has another length than the selection.
pub fn strip(
    column: &Column,
    side: Side,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    map(column, selection, buffers, |text, out| {
        let mut end = text.text.len();
        let mut rest = text.text;
        if side != Side::Start {
            rest = rest.trim_end();
            end = rest.len();
        }
        if side != Side::End {
            rest = rest.trim_start();
        }
        out.part(text, end - rest.len()..end)
    })
}

/// The bytes of the characters from `start` to `end`.
fn range(text: &str, start: i64, end: Option<i64>) -> std::ops::Range<usize> {
    let start = byte_of(text, start);
    let end = end.map_or(text.len(), |end| byte_of(text, end));
    start..end.max(start)
}

/// Where a character starts, by bytes.
fn byte_of(text: &str, position: i64) -> usize {
    let bytes = text.as_bytes();
    let count = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    // No more characters than bytes, so that far positions need no counting.
    if count >= bytes.len() {
        return if position < 0 { 0 } else { text.len() };
    }
    let mut starts = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| starts_char(**byte));
    let found = match position {
        0 => return 0,
        1.. => starts.nth(count),
        _ => starts.nth_back(count - 1),
    };
    let beyond = if position < 0 { 0 } else { text.len() };
    found.map_or(beyond, |(at, _)| at)
}
