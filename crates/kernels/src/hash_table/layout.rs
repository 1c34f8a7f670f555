//! How the values of key columns lie in rows of words.

use arrow::row::{RowConverter, SortField};
use esker_datatypes::{DataType, Error, Result, is_binary, is_string, value_type};

/// The length that a null text has: no text is that long.
pub(super) const NULL_LENGTH: u32 = u32::MAX;

/// Where the bits of a value stand in a row: from a bit of a word on, or whole words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) word: usize,
    pub(super) shift: u32,
    pub(super) bits: u32,
}

impl Place {
    /// The place's bits, of a value of up to 64.
    #[inline]
    pub(super) fn mask(self) -> u64 {
        if self.bits >= 64 {
            u64::MAX
        } else {
            (1 << self.bits) - 1
        }
    }
}

/// What a row holds of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: all values are null.
    Null,
    /// The key of a value of fixed width.
    Fixed(Place),
    /// The view of a text or binary value; which of these columns it is.
    Text(usize),
    /// The view of bytes that equal values share; which of these columns it is.
    Nested(usize),
}

/// A key column.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// The declared type.
    pub(super) data_type: DataType,
    pub(super) kind: Kind,
    /// The bit that tells that the value is null. Texts tell by their length.
    pub(super) null: Option<Place>,
}

impl Field {
    pub(super) fn value_type(&self) -> &DataType {
        value_type(&self.data_type)
    }
}

/// How key columns lie in rows of 64-bit words, so that equal keys are equal words.
///
/// A row begins with the views of the texts: two words each, the length and the first bytes, then
/// either the rest of the value or, when it is longer than a view holds, its last eight bytes (then
/// equal words do not make equal values, and the bytes decide). Values of a fixed width follow, the
/// widest first, so that none of up to 64 bits lies across two words, and a bit for each column
/// that tells nulls. A null has zeros where its value would stand.
///
/// Nulls are no part of the rows where they make no key at all (joins), nor in a single column of
/// a fixed width, which has whole words for itself (its sign extended): then
/// [`nulls_apart`](Self::nulls_apart).
#[derive(Clone, Debug)]
pub(super) struct KeyLayout {
    fields: Vec<Field>,
    words: usize,
    texts: usize,
    nulls_apart: bool,
    whole: bool,
}

impl KeyLayout {
    /// The layout of columns of these declared types; whether a null makes a key.
    ///
    /// # Errors
    /// `Unsupported` for nested types that have no equality.
    pub(super) fn new(types: &[DataType], nulls_equal: bool) -> Result<Self> {
        let widths = types
            .iter()
            .map(|data_type| width(value_type(data_type)))
            .collect::<Result<Vec<_>>>()?;
        let single = matches!(widths.as_slice(), [Width::Bits(_)]);
        let nulls_apart = !nulls_equal || single;
        let mut texts = 0;
        let mut fields: Vec<Field> = types
            .iter()
            .zip(&widths)
            .map(|(data_type, width)| {
                let mut text = || {
                    texts += 1;
                    texts - 1
                };
                let kind = match width {
                    Width::None => Kind::Null,
                    Width::Text => Kind::Text(text()),
                    Width::Nested => Kind::Nested(text()),
                    Width::Bits(bits) => Kind::Fixed(Place {
                        word: 0,
                        shift: 0,
                        bits: if single { (*bits).max(64) } else { *bits },
                    }),
                };
                Field {
                    data_type: data_type.clone(),
                    kind,
                    null: None,
                }
            })
            .collect();
        // The next free bit. Widths are powers of two and descend, so each is well placed.
        let mut bit = texts * 128;
        let mut take = |bits: u32| {
            let place = Place {
                word: bit / 64,
                shift: (bit % 64) as u32,
                bits,
            };
            bit += bits as usize;
            place
        };
        let mut fixed: Vec<(&mut Place, &mut Option<Place>)> = fields
            .iter_mut()
            .filter_map(|field| match &mut field.kind {
                Kind::Fixed(place) => Some((place, &mut field.null)),
                Kind::Null | Kind::Text(_) | Kind::Nested(_) => None,
            })
            .collect();
        fixed.sort_by_key(|(place, _)| std::cmp::Reverse(place.bits));
        let no_bits = nulls_apart || fixed.is_empty();
        let whole = no_bits && fixed.iter().all(|(place, _)| place.bits >= 64);
        for (place, _) in &mut fixed {
            **place = take(place.bits);
        }
        if !nulls_apart {
            for (_, null) in fixed {
                *null = Some(take(1));
            }
        }
        Ok(Self {
            words: bit.div_ceil(64),
            fields,
            texts,
            nulls_apart,
            whole,
        })
    }

    /// The columns.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How many words a row has.
    pub(super) fn words(&self) -> usize {
        self.words
    }

    /// How many views stand at the beginning of a row.
    pub(super) fn texts(&self) -> usize {
        self.texts
    }

    /// Whether each value has words for itself, which are written whole, and no bit is left over.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether rows with a null are kept apart instead of being told by their words.
    pub(super) fn nulls_apart(&self) -> bool {
        self.nulls_apart
    }
}

enum Width {
    None,
    Bits(u32),
    Text,
    Nested,
}

fn width(data_type: &DataType) -> Result<Width> {
    if let Some(bytes) = data_type.primitive_width() {
        return Ok(Width::Bits(bytes as u32 * 8));
    }
    Ok(match data_type {
        DataType::Null => Width::None,
        DataType::Boolean => Width::Bits(1),
        text if is_string(text) || is_binary(text) => Width::Text,
        nested if RowConverter::supports_fields(&[SortField::new(nested.clone())]) => Width::Nested,
        other => {
            return Err(Error::unsupported(format!(
                "keys of type {other}: its values have no equality"
            )));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use esker_datatypes::DataType as T;

    #[test]
    fn rows_are_as_short_as_they_can_be() {
        let check = |types: &[T], nulls_equal: bool, words: usize, apart: bool| {
            let layout = KeyLayout::new(types, nulls_equal).unwrap();
            assert_eq!(layout.words(), words, "{types:?}");
            assert_eq!(layout.nulls_apart(), apart, "{types:?}");
            let mut taken = vec![0u64; words];
            for field in layout.fields() {
                let Kind::Fixed(place) = field.kind else {
                    continue;
                };
                for place in [Some(place), field.null].into_iter().flatten() {
                    assert!(place.word * 64 + ((place.shift + place.bits) as usize) <= words * 64);
                    assert!(place.shift == 0 || place.shift + place.bits <= 64);
                    assert!(!layout.is_whole() || place.bits.is_multiple_of(64));
                    for at in 0..place.bits.div_ceil(64) as usize {
                        let bits = place.mask() << place.shift;
                        assert_eq!(taken[place.word + at] & bits, 0, "{types:?} overlap");
                        taken[place.word + at] |= bits;
                    }
                }
            }
        };
        check(&[], true, 0, false);
        check(&[T::Null], true, 0, false);
        check(&[T::Int64], true, 1, true);
        check(&[T::Int32], true, 1, true);
        check(&[T::Int32, T::Int16, T::Int8, T::Boolean], true, 1, false);
        check(&[T::Boolean, T::Int64], true, 2, false);
        check(&[T::Int32, T::Int32], true, 2, false);
        check(&[T::Int32, T::Int32], false, 1, true);
        check(&[T::Int64, T::Int64], false, 2, true);
        check(&[T::Decimal128(9, 2)], true, 2, true);
        check(&[T::Int8, T::Decimal256(9, 2), T::Int64], true, 6, false);
        check(&[T::Utf8View], true, 2, false);
        check(&[T::Int8, T::Utf8], true, 3, false);
    }
}
