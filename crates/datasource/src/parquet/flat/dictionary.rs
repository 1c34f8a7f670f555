//! What the codes of a chunk stand for.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewBuilder};
use arrow::buffer::Buffer;
use bytes::Bytes;
use esker_datatypes::{Error, Result};

use super::words::Word;
use crate::parquet::chunks::Pool;

/// The values that the codes of a chunk stand for.
#[derive(Clone, Debug, Default)]
pub(super) enum Dictionary {
    /// Not read, or not there.
    #[default]
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

    /// Appends the values that codes stand for; of texts the codes themselves, whatever they are.
    ///
    /// # Errors
    /// `Data` for codes of nothing.
    #[inline]
    pub(super) fn look_up<T: Word>(&self, codes: &[u32], out: &mut Vec<T>) -> Result<()> {
        match self {
            Self::Words {
                bytes,
                count,
                width,
                ..
            } => {
                // All at once: the loop behind it has no way out.
                let most = codes.iter().fold(0, |most, &code| most.max(code));
                if most as usize >= *count && !codes.is_empty() {
                    return Err(astray(most, *count));
                }
                T::pick(out, bytes, *width, (codes, 0));
            }
            Self::Texts(_) => out.extend(codes.iter().map(|&code| T::of_code(code))),
            Self::None => {
                if let Some(&code) = codes.first() {
                    return Err(astray(code, 0));
                }
            }
        }
        Ok(())
    }

    /// Appends the value that a code stands for, so often.
    ///
    /// # Errors
    /// `Data` for a code of nothing.
    pub(super) fn repeat<T: Word>(&self, code: u32, count: usize, out: &mut Vec<T>) -> Result<()> {
        let end = out.len() + count;
        self.look_up(&[code], out)?;
        let value = out.last().copied().unwrap_or_default();
        out.resize(end, value);
        Ok(())
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

/// A code that stands for nothing.
pub(super) fn astray(code: u32, values: usize) -> Error {
    Error::data(format!("code {code} into a dictionary of {values} values"))
}
