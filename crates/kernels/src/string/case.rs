//! Upper and lower case.

use esker_datatypes::{Buffers, Column, Result, Selection};

use super::map::map;

/// The text in upper case, after Unicode's full mapping (`ß` becomes `SS`). Null for null; a text
/// that has no other letters shares the bytes of the input.
///
/// # Errors
/// `Internal` when the column is no text or has another length than the selection.
pub fn upper(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    changed(
        column,
        selection,
        buffers,
        u8::to_ascii_uppercase,
        str::to_uppercase,
    )
}

/// The text in lower case, likewise.
///
/// # Errors
/// Those of [`upper`].
pub fn lower(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    changed(
        column,
        selection,
        buffers,
        u8::to_ascii_lowercase,
        str::to_lowercase,
    )
}

/// The first letter of each run of letters in upper case, the others in lower case. Null for null.
///
/// # Errors
/// Those of [`upper`].
pub fn title(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    map(column, selection, buffers, |text, out| {
        out.new_text(|bytes| {
            let mut within = false;
            let mut utf8 = [0; 4];
            let mut write = |char: char| {
                bytes.extend_from_slice(char.encode_utf8(&mut utf8).as_bytes());
            };
            for char in text.text.chars() {
                match within {
                    true => char.to_lowercase().for_each(&mut write),
                    false => char.to_uppercase().for_each(&mut write),
                }
                within = char.is_alphabetic();
            }
        })
    })
}

fn changed(
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
    byte: impl Fn(&u8) -> u8,
    whole: impl Fn(&str) -> String,
) -> Result<Column> {
    map(column, selection, buffers, |text, out| {
        let bytes = text.text.as_bytes();
        if !bytes.is_ascii() {
            return out.new_text(|out| out.extend_from_slice(whole(text.text).as_bytes()));
        }
        if bytes.iter().all(|own| byte(own) == *own) {
            return out.whole(text);
        }
        out.new_text(|out| out.extend(bytes.iter().map(&byte)))
    })
}
