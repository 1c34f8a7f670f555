//! The values of a page: plain, or codes into the chunk's dictionary.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewBuilder};
use arrow::buffer::Buffer;
use arrow::datatypes::ArrowNativeType;
use bytes::Bytes;
use esker_datatypes::{Buffers, Error, Result};

use super::codes::Codes;
use crate::parquet::chunks::Pool;

/// The bits of a value of fixed width.
pub(super) trait Word: ArrowNativeType {
    /// A value that is seldom of use: NaN as a float, and near the end of integers and times.
    const POISON: Self;

    /// Appends values of so many bytes each, as the format has them.
    fn extend(out: &mut Vec<Self>, bytes: &[u8], width: usize);

    /// Appends those at these places, counted from `base` on; 0 for one that is not there.
    fn pick(out: &mut Vec<Self>, bytes: &[u8], width: usize, places: (&[u32], usize));

    /// The vector of this width, to be changed.
    fn of_mut(words: &mut AnyWidth) -> &mut Vec<Self>;

    /// A code as a value.
    fn of_code(code: u32) -> Self;
}

impl Word for u32 {
    const POISON: Self = 0x7fc0_dead;

    fn extend(out: &mut Vec<Self>, bytes: &[u8], _width: usize) {
        let (values, _) = bytes.as_chunks();
        out.extend(values.iter().map(|&value| Self::from_le_bytes(value)));
    }

    fn pick(out: &mut Vec<Self>, bytes: &[u8], _width: usize, (places, base): (&[u32], usize)) {
        out.extend(
            places
                .iter()
                .map(|&place| Self::from_le_bytes(value_at(bytes, place, base))),
        );
    }

    fn of_mut(words: &mut AnyWidth) -> &mut Vec<Self> {
        &mut words.four
    }

    fn of_code(code: u32) -> Self {
        code
    }
}

impl Word for u64 {
    const POISON: Self = 0x7ff8_dead_dead_dead;

    fn extend(out: &mut Vec<Self>, bytes: &[u8], _width: usize) {
        let (values, _) = bytes.as_chunks();
        out.extend(values.iter().map(|&value| Self::from_le_bytes(value)));
    }

    fn pick(out: &mut Vec<Self>, bytes: &[u8], _width: usize, (places, base): (&[u32], usize)) {
        out.extend(
            places
                .iter()
                .map(|&place| Self::from_le_bytes(value_at(bytes, place, base))),
        );
    }

    fn of_mut(words: &mut AnyWidth) -> &mut Vec<Self> {
        &mut words.eight
    }

    fn of_code(code: u32) -> Self {
        code.into()
    }
}

/// Numbers with a sign, of as many bytes as the word or fewer, the highest first.
macro_rules! big_endian {
    ($word:ty, $vector:ident) => {
        impl Word for $word {
            const POISON: Self = Self::MAX / 3;

            fn extend(out: &mut Vec<Self>, bytes: &[u8], width: usize) {
                let start = out.len();
                let words = bytes.windows(size_of::<Self>()).step_by(width);
                let word = |word: &[u8]| word.first_chunk().copied().unwrap_or_default();
                out.extend(
                    words.map(|bytes| Self::from_be_bytes(word(bytes)) >> behind::<Self>(width)),
                );
                let rest = bytes.chunks_exact(width).skip(out.len() - start);
                out.extend(rest.map(|bytes| of_bytes(bytes) as Self));
            }

            fn pick(
                out: &mut Vec<Self>,
                bytes: &[u8],
                width: usize,
                (places, base): (&[u32], usize),
            ) {
                out.extend(places.iter().map(|&place| {
                    let start = (place as usize).wrapping_sub(base).wrapping_mul(width);
                    let bytes = bytes.get(start..).unwrap_or_default();
                    match bytes.first_chunk() {
                        Some(word) => Self::from_be_bytes(*word) >> behind::<Self>(width),
                        None => bytes.get(..width).map_or(0, of_bytes) as Self,
                    }
                }));
            }

            fn of_mut(words: &mut AnyWidth) -> &mut Vec<Self> {
                &mut words.$vector
            }

            fn of_code(code: u32) -> Self {
                code.into()
            }
        }
    };
}

big_endian!(i64, digits_64);
big_endian!(i128, digits_128);

/// How many bits of a word that begins with a number are behind the number.
#[inline]
fn behind<T>(width: usize) -> usize {
    8 * size_of::<T>().saturating_sub(width)
}

/// The bytes of a value, at a place counted from `base` on; zeros if it is not there.
#[inline]
fn value_at<const N: usize>(bytes: &[u8], place: u32, base: usize) -> [u8; N] {
    let (values, _) = bytes.as_chunks();
    let value = values.get((place as usize).wrapping_sub(base));
    value.copied().unwrap_or([0; N])
}

/// A number of up to 16 bytes with a sign, the highest first.
#[inline]
fn of_bytes(bytes: &[u8]) -> i128 {
    let sign = bytes.first().map_or(0, |&first| first.cast_signed() >> 7);
    let start = i128::from(sign);
    bytes
        .iter()
        .fold(start, |number, &byte| number << 8 | i128::from(byte))
}

/// Buffers that are used again.
#[derive(Default)]
pub(super) struct Scratch {
    /// Values of a page that has nulls, without these.
    pub(super) dense: AnyWidth,
    /// Picked values, and codes of such.
    pub(super) picked: AnyWidth,
    pub(super) codes: Vec<u32>,
    /// Where picked values are.
    pub(super) places: Vec<u32>,
}

/// Values of any width.
#[derive(Default)]
pub(super) struct AnyWidth {
    four: Vec<u32>,
    eight: Vec<u64>,
    digits_64: Vec<i64>,
    digits_128: Vec<i128>,
}

impl AnyWidth {
    /// Gives the buffers back.
    fn recycle(self, buffers: &mut Buffers) {
        buffers.give(self.four);
        buffers.give(self.eight);
        buffers.give(self.digits_64);
        buffers.give(self.digits_128);
    }
}

impl Scratch {
    /// Gives the buffers back.
    pub(super) fn recycle(self, buffers: &mut Buffers) {
        self.dense.recycle(buffers);
        self.picked.recycle(buffers);
        buffers.give(self.codes);
        buffers.give(self.places);
    }
}

/// The values that the codes of a chunk stand for.
pub(super) enum Dictionary {
    /// Not read, or not there.
    None,
    /// Values of some bytes each, as the page has them.
    Words {
        /// What the page is in, to be given back.
        buffer: Bytes,
        bytes: Bytes,
        count: usize,
        width: usize,
    },
    Texts(ArrayRef),
}

impl Dictionary {
    /// A dictionary of values of so many bytes each, in a page in a buffer.
    ///
    /// # Errors
    /// `Data` when there are fewer bytes than values.
    pub(super) fn of_words(
        (buffer, bytes): (Bytes, Bytes),
        count: usize,
        width: usize,
    ) -> Result<Self> {
        if count
            .checked_mul(width)
            .is_none_or(|length| length > bytes.len())
        {
            let message = format!("a dictionary of {count} values ends too early");
            return Err(Error::data(message));
        }
        Ok(Self::Words {
            buffer,
            bytes,
            count,
            width,
        })
    }

    /// A dictionary of texts, as views of the page.
    ///
    /// # Errors
    /// `Data` when there are fewer texts, or one is no UTF-8.
    pub(super) fn of_texts(page: Bytes, count: usize) -> Result<Self> {
        let early = || Error::data(format!("a dictionary of {count} texts ends too early"));
        // Each has four bytes at least.
        if count > page.len() / 4 {
            return Err(early());
        }
        let mut texts = StringViewBuilder::with_capacity(count);
        let block = texts.append_block(Buffer::from(page.clone()));
        let mut at = 0;
        for _ in 0..count {
            let length = page.get(at..).and_then(<[u8]>::first_chunk::<4>);
            let length = u32::from_le_bytes(*length.ok_or_else(early)?);
            at += 4;
            let offset = u32::try_from(at).map_err(|_| early())?;
            if length as usize > page.len() - at {
                return Err(early());
            }
            let appended = texts.try_append_view(block, offset, length);
            appended.map_err(|_| Error::data("a dictionary with a text that is no UTF-8"))?;
            at += length as usize;
        }
        Ok(Self::Texts(Arc::new(texts.finish())))
    }

    /// The texts; none of another dictionary.
    pub(super) fn texts(&self) -> ArrayRef {
        match self {
            Self::Texts(texts) => Arc::clone(texts),
            Self::None | Self::Words { .. } => Arc::new(StringViewBuilder::new().finish()),
        }
    }

    /// Appends the values that codes stand for.
    ///
    /// # Errors
    /// `Data` for codes of nothing.
    #[inline]
    fn look_up<T: Word>(&self, codes: &[u32], out: &mut Vec<T>) -> Result<()> {
        // All at once: the loop behind it has no way out.
        let most = codes.iter().fold(0, |most, &code| most.max(code));
        match self {
            Self::Words {
                bytes,
                count,
                width,
                ..
            } if (most as usize) < *count => T::pick(out, bytes, *width, (codes, 0)),
            _ if codes.is_empty() => {}
            Self::Words { count, .. } => return Err(astray(most, *count)),
            Self::None | Self::Texts(_) => return Err(astray(most, 0)),
        }
        Ok(())
    }

    /// Appends the value that a code stands for, so often.
    fn repeat<T: Word>(&self, code: u32, count: usize, out: &mut Vec<T>) -> Result<()> {
        let end = out.len() + count;
        self.look_up(&[code], out)?;
        let value = out.last().copied().unwrap_or_default();
        out.resize(end, value);
        Ok(())
    }

    pub(super) fn is_texts(&self) -> bool {
        match self {
            Self::Texts(_) => true,
            Self::None | Self::Words { .. } => false,
        }
    }

    /// Gives the buffer back.
    pub(super) fn recycle(self, pool: &mut Pool) {
        match self {
            Self::Words { buffer, bytes, .. } => {
                drop(bytes);
                pool.give(buffer);
            }
            Self::None | Self::Texts(_) => {}
        }
    }
}

/// The values of a page that are left.
pub(super) enum Values {
    /// One behind the other.
    Plain {
        bytes: Bytes,
        at: usize,
        width: usize,
    },
    /// Codes into the dictionary.
    Codes(Codes),
}

impl Values {
    /// Appends the next values.
    ///
    /// # Errors
    /// `Data` when there are fewer.
    pub(super) fn read<T: Word>(
        &mut self,
        count: usize,
        dictionary: &Dictionary,
        out: &mut Vec<T>,
    ) -> Result<()> {
        match self {
            Self::Plain { bytes, at, width } => {
                let end = *at + count * *width;
                T::extend(out, bytes.get(*at..end).ok_or_else(early)?, *width);
                *at = end;
            }
            Self::Codes(codes) => {
                let found = if dictionary.is_texts() {
                    let copy = |codes: &[u32], out: &mut Vec<T>| {
                        out.extend(codes.iter().map(|&code| T::of_code(code)));
                        Ok(())
                    };
                    codes.read(count, out, copy, |code, count, out| {
                        out.resize(out.len() + count, T::of_code(code));
                        Ok(())
                    })?
                } else {
                    codes.read(
                        count,
                        out,
                        |codes, out| dictionary.look_up(codes, out),
                        |code, count, out| dictionary.repeat(code, count, out),
                    )?
                };
                if found < count {
                    return Err(early());
                }
            }
        }
        Ok(())
    }

    /// Appends those of the next `count` values that are at these places (ascending, from `base`
    /// on).
    ///
    /// # Errors
    /// `Data` when there are fewer.
    pub(super) fn pick<T: Word>(
        &mut self,
        count: usize,
        (places, base): (&[u32], usize),
        dictionary: &Dictionary,
        codes: &mut Vec<u32>,
        out: &mut Vec<T>,
    ) -> Result<()> {
        match self {
            Self::Plain { bytes, at, width } => {
                let end = *at + count * *width;
                let bytes = bytes.get(*at..end).ok_or_else(early)?;
                T::pick(out, bytes, *width, (places, base));
                *at = end;
                Ok(())
            }
            Self::Codes(packed) => {
                codes.clear();
                if packed.pick(count, (places, base), codes)? < count {
                    return Err(early());
                }
                if dictionary.is_texts() {
                    out.extend(codes.iter().map(|&code| T::of_code(code)));
                    return Ok(());
                }
                dictionary.look_up(codes, out)
            }
        }
    }

    /// Leaves out the next values.
    ///
    /// # Errors
    /// `Data` when there are fewer.
    pub(super) fn skip(&mut self, count: usize) -> Result<()> {
        match self {
            Self::Plain { bytes, at, width } => {
                *at += count * *width;
                if *at > bytes.len() {
                    return Err(early());
                }
            }
            Self::Codes(codes) => {
                if codes.skip(count)? < count {
                    return Err(early());
                }
            }
        }
        Ok(())
    }
}

/// A code that stands for nothing.
pub(super) fn astray(code: u32, values: usize) -> Error {
    Error::data(format!("code {code} into a dictionary of {values} values"))
}

fn early() -> Error {
    Error::data("a page has fewer values than it says")
}
