//! Replacing parts of a text.

use esker_datatypes::{Buffers, Column, DataType, Result, ScalarValue, Selection};
use memchr::memmem::Finder;

use super::map::{Output, Text, Texts, all_constant, map, map_with};

/// The text with every place of `old`, from the left, replaced by `new`; an empty `old` stands
/// before each character and at the end. Null where any is null; a text without `old` shares the
/// bytes of the input.
///
/// # Errors
/// `Internal` when a column is no text or has another length than the selection.
pub fn replace(
    column: &Column,
    old: &Column,
    new: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    if [old, new]
        .iter()
        .any(|c| c.as_constant().is_some_and(ScalarValue::is_null))
    {
        let null = ScalarValue::null(&DataType::Utf8View);
        return Ok(Column::constant(null, column.len()));
    }
    let (olds, news) = (Texts::new(old)?, Texts::new(new)?);
    if all_constant(&[old, new]) {
        let finder = Finder::new(olds.at(0));
        return map(column, selection, buffers, |text, out| {
            replaced(text, &finder, news.at(0), out)
        });
    }
    map_with(column, &[old, new], selection, buffers, |row, text, out| {
        replaced(text, &Finder::new(olds.at(row)), news.at(row), out)
    })
}

fn replaced(text: Text<'_>, old: &Finder<'_>, new: &str, out: &mut Output) -> u128 {
    if old.needle().is_empty() {
        return out.new_text(|out| out.extend_from_slice(text.text.replace("", new).as_bytes()));
    }
    let mut places = old.find_iter(text.text.as_bytes()).peekable();
    if places.peek().is_none() {
        return out.whole(text);
    }
    out.new_text(|out| {
        let mut rest = 0;
        let mut copy = |out: &mut Vec<u8>, to: usize| {
            out.extend_from_slice(text.text.as_bytes().get(rest..to).unwrap_or_default());
            rest = to + old.needle().len();
        };
        for place in places {
            copy(out, place);
            out.extend_from_slice(new.as_bytes());
        }
        copy(out, text.text.len());
    })
}
