//! Tests of a text against a pattern.

#![allow(
    clippy::indexing_slicing,
    reason = "rows come from a selection whose length equals that of the columns, see `same_rows`"
)]

use arrow::array::{Array, ArrayRef, AsArray, GenericStringArray, OffsetSizeTrait};
use esker_datatypes::{
    Buffers, Column, DataType, Encoding, Error, Result, ScalarValue, Selection, is_string,
};

use super::map::Texts;
use super::pattern::{PatternKind, TextPattern};
use super::scan::{Place, scan};
use crate::bits::{self, Target};
use crate::compare::bytes::INLINE;
use crate::vector::{same_rows, union_nulls};
use crate::views;

/// Whether each text fits a pattern: a truth value, null for null.
///
/// A dictionary's values are tested once. Where the pattern does not say where its first text stands
/// (`%special%requests%`), texts that lie side by side are searched in one pass.
///
/// # Errors
/// `Internal` when the column is no text or has another length than the selection.
///
/// ```
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::string::{PatternKind, TextPattern, find};
/// let column = Column::constant(ScalarValue::from("PROMO PLATED TIN"), 2);
/// let pattern = TextPattern::new(PatternKind::StartsWith, "PROMO")?;
/// let found = find(&column, &pattern, &Selection::all(2), &mut Buffers::default())?;
/// assert_eq!(found.value(1)?.as_bool(), Some(true));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn find(
    column: &Column,
    pattern: &TextPattern,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let rows = same_rows(&[column], selection)?;
    if !is_string(column.value_type()) {
        return Err(Error::internal(format!(
            "searching in {}",
            column.value_type()
        )));
    }
    if let Some(value) = column.as_constant() {
        let found = value.as_str().map(|text| pattern.matches(text));
        return Ok(Column::constant(ScalarValue::from(found), rows));
    }
    if let Encoding::Dictionary { codes, values } = column.encoding()
        && values.len() <= selection.count()
    {
        let all = Selection::all(values.len());
        let found = mask(values, pattern, &all, buffers)?;
        let mut answers = buffers.take::<u8>(values.len());
        answers.extend((0..values.len()).map(|row| u8::from(bits::is_set(&found, row))));
        let mut words = buffers.take(bits::word_count(rows));
        // The code of a null row may lie outside of the values.
        Target::Mask(&mut words).each(codes.values(), false, |code| {
            answers.get(code as usize) == Some(&1)
        });
        buffers.give(found);
        buffers.give(answers);
        return Ok(bits::into_column(words, rows, column.nulls()));
    }
    let words = mask(&column.to_flat(), pattern, selection, buffers)?;
    Ok(bits::into_column(words, rows, column.nulls()))
}

/// Whether each text fits the pattern of its own row: a truth value, null where either is.
///
/// # Errors
/// `Evaluation` for a pattern of a selected row that is none; `Internal` as [`find`].
pub fn find_each(
    column: &Column,
    kind: PatternKind,
    patterns: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let rows = same_rows(&[column, patterns], selection)?;
    if let Some(pattern) = patterns.as_constant() {
        let Some(text) = pattern.as_str().filter(|_| !selection.is_none()) else {
            return Ok(Column::constant(ScalarValue::from(None::<bool>), rows));
        };
        return find(column, &TextPattern::new(kind, text)?, selection, buffers);
    }
    let nulls = union_nulls(column.nulls().as_ref(), patterns.nulls().as_ref());
    let mut words = bits::filled(rows, false, buffers);
    let (texts, patterns) = (Texts::new(column)?, Texts::new(patterns)?);
    for row in selection.iter() {
        if nulls.as_ref().is_none_or(|n| n.is_valid(row))
            && TextPattern::new(kind, patterns.at(row))?.matches(texts.at(row))
        {
            bits::set(&mut words, row);
        }
    }
    Ok(bits::into_column(words, rows, nulls))
}

/// The answers as a mask; rows that are not selected, and null rows, hold anything.
fn mask(
    array: &ArrayRef,
    pattern: &TextPattern,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Vec<u64>> {
    let mut words = bits::filled(array.len(), false, buffers);
    let (count, list) = (selection.count(), selection.rows());
    let row = |at: usize| list.map_or(at, |rows| rows[at] as usize);
    match array.data_type() {
        DataType::Utf8View => {
            let array = array.as_string_view();
            let (views, data) = (array.views(), array.data_buffers());
            let place = |row: usize| {
                let (view, start) = (views[row], (views[row] >> 96) as usize);
                (view as u32 > INLINE).then(|| Place {
                    buffer: (view >> 64) as u32 as usize,
                    start,
                    end: start + views::length(view),
                })
            };
            let value = |row: usize| array.value(row).as_bytes();
            scan(
                pattern,
                count,
                row,
                place,
                value,
                |at| data[at].as_slice(),
                &mut words,
            );
        }
        DataType::LargeUtf8 => {
            side_by_side(array.as_string::<i64>(), pattern, count, row, &mut words);
        }
        _ => side_by_side(array.as_string::<i32>(), pattern, count, row, &mut words),
    }
    Ok(words)
}

/// The answers for texts that lie in one buffer.
fn side_by_side<O: OffsetSizeTrait>(
    array: &GenericStringArray<O>,
    pattern: &TextPattern,
    count: usize,
    row: impl Fn(usize) -> usize,
    words: &mut [u64],
) {
    let offsets = array.value_offsets();
    let place = |row: usize| {
        Some(Place {
            buffer: 0,
            start: offsets[row].as_usize(),
            end: offsets[row + 1].as_usize(),
        })
    };
    let value = |row: usize| array.value(row).as_bytes();
    scan(
        pattern,
        count,
        row,
        place,
        value,
        |_| array.value_data(),
        words,
    );
}
