//! Keys of up to 256 bits: the columns' codes side by side, the first one's in the upper bits.

#![allow(
    clippy::indexing_slicing,
    reason = "codes of valid rows are below the number of dictionary values"
)]

use arrow::array::{Array, ArrayRef, AsArray, downcast_primitive};
use arrow::buffer::NullBuffer;
use esker_datatypes::{Buffers, Column, DataType, Encoding, Error, Result};

use super::field::{Field, Kind, Ordered};
use super::word::Word;
use crate::value::Fixed;

/// The keys of the rows, in the lowest bits but `free`. A bit above the word's uppermost is left
/// out.
pub(super) fn encode<W: Word>(
    fields: &[Field],
    columns: &[&Column],
    rows: usize,
    free: u32,
    buffers: &mut Buffers,
) -> Result<Vec<W>> {
    let mut words = W::list(rows, buffers);
    let mut at = free + fields.iter().filter_map(Field::bits).sum::<u32>();
    for (field, column) in fields.iter().zip(columns) {
        let bits = field.bits().unwrap_or_default();
        at -= bits;
        if bits > 0 {
            add_column(column, &Coding::new(field, at), &mut words)?;
        }
    }
    words.resize(rows, W::default());
    Ok(words)
}

/// How the integers of a column become codes at their place in the word.
struct Coding<W> {
    null: W,
    /// What is set in the codes of all values.
    mark: W,
    /// The least and the greatest integer of a value.
    bounds: (W, W),
    /// What turns the order around.
    turn: W,
    at: u32,
}

impl<W: Word> Coding<W> {
    fn new(field: &Field, at: u32) -> Self {
        let (value_bits, spare) = match field.kind {
            Kind::Fixed { bits, spare } => (bits, spare),
            Kind::Boolean => (1, false),
            Kind::Null | Kind::Bytes | Kind::FixedBytes(_) | Kind::Nested(_) => (0, false),
        };
        let greatest = u128::MAX >> (u128::BITS - value_bits.max(1));
        let first = field.options.nulls_first;
        let extra = |set: bool| u128::from(set).checked_shl(value_bits).unwrap_or(0);
        let (null, mark) = match (spare, first) {
            (true, true) => (0, 0),
            (true, false) => (greatest, 0),
            (false, first) => (extra(!first), extra(first)),
        };
        let bounds = if spare {
            (1, greatest - 1)
        } else {
            (0, greatest)
        };
        Self {
            null: W::cut(null) << at,
            mark: W::cut(mark) << at,
            bounds: (W::cut(bounds.0), W::cut(bounds.1)),
            turn: W::cut(if field.options.descending {
                greatest
            } else {
                0
            }),
            at,
        }
    }

    #[inline]
    fn code(&self, ordered: u128) -> W {
        let ordered = W::cut(ordered).clamp(self.bounds.0, self.bounds.1);
        (ordered ^ self.turn) << self.at | self.mark
    }
}

fn add_column<W: Word>(column: &Column, coding: &Coding<W>, words: &mut Vec<W>) -> Result<()> {
    match column.encoding() {
        Encoding::Flat(array) => add_array(array, coding, words),
        Encoding::Constant { value, len } => {
            let mut code = Vec::new();
            add_array(value.as_array(), coding, &mut code)?;
            let code = code.first().copied().unwrap_or(coding.null);
            add(words, std::iter::repeat_n(code, *len));
            Ok(())
        }
        Encoding::Dictionary { codes, values } if values.len() <= codes.len() => {
            let mut known = Vec::new();
            add_array(values, coding, &mut known)?;
            match codes.nulls() {
                None => add(
                    words,
                    codes.values().iter().map(|&code| known[code as usize]),
                ),
                Some(nulls) => {
                    let codes = codes.values().iter().zip(nulls);
                    add(
                        words,
                        codes.map(|(&code, valid)| {
                            if valid {
                                known[code as usize]
                            } else {
                                coding.null
                            }
                        }),
                    );
                }
            }
            Ok(())
        }
        Encoding::Dictionary { .. } => add_array(&column.to_flat(), coding, words),
    }
}

fn add_array<W: Word>(array: &ArrayRef, coding: &Coding<W>, words: &mut Vec<W>) -> Result<()> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    macro_rules! primitive {
        ($type:ty) => {{
            let Some(array) = array.as_primitive_opt::<$type>() else {
                return Err(Error::internal(format!("a key of {}", array.data_type())));
            };
            let values = <$type>::values(array);
            add_codes(
                words,
                coding,
                nulls,
                values.iter().map(|&value| coding.code(value.ordered()[1])),
            );
        }};
    }
    downcast_primitive! {
        array.data_type() => (primitive),
        DataType::Boolean => {
            let values = array.as_boolean().values().iter();
            add_codes(words, coding, nulls, values.map(|value| coding.code(u128::from(value))));
        }
        other => return Err(Error::internal(format!("a key of {other} in a word"))),
    }
    Ok(())
}

fn add_codes<W: Word>(
    words: &mut Vec<W>,
    coding: &Coding<W>,
    nulls: Option<&NullBuffer>,
    codes: impl Iterator<Item = W>,
) {
    match nulls {
        None => add(words, codes),
        Some(nulls) => {
            let codes = codes.zip(nulls);
            add(
                words,
                codes.map(|(code, valid)| if valid { code } else { coding.null }),
            );
        }
    }
}

/// The words with the next column's codes.
fn add<W: Word>(words: &mut Vec<W>, codes: impl Iterator<Item = W>) {
    if words.is_empty() {
        words.extend(codes);
    } else {
        words
            .iter_mut()
            .zip(codes)
            .for_each(|(word, code)| *word |= code);
    }
}
