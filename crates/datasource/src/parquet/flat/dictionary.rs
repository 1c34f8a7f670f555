//! What the codes of a chunk stand for.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringViewBuilder};
use arrow::buffer::{Buffer, ScalarBuffer};
use bytes::Bytes;
use esker_datatypes::{Error, Result};

use super::Form;
use super::texts::Texts;
use super::words::Word;
use crate::parquet::chunks::Pool;

/// The values that the codes of a chunk stand for.
#[derive(Debug, Default)]
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
    /// Texts or bytes, and their views, which point into the page alone.
    Texts(ArrayRef, ScalarBuffer<u128>),
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

    /// A dictionary of texts or bytes, as views of the page.
    ///
    /// # Errors
    /// `Data` when there are fewer texts, or one is no UTF-8.
    pub(super) fn of_texts(page: Bytes, count: usize, form: Form) -> Result<Self> {
        let texts = Texts::whole(page, count, form)?;
        let views = match texts.as_string_view_opt() {
            Some(texts) => texts.views().clone(),
            None => texts.as_binary_view().views().clone(),
        };
        Ok(Self::Texts(texts, views))
    }

    /// The page that views point into.
    pub(super) fn page(&self) -> Buffer {
        let Self::Texts(texts, _) = self else {
            return Buffer::default();
        };
        let pages = match texts.as_string_view_opt() {
            Some(texts) => texts.data_buffers(),
            None => texts.as_binary_view().data_buffers(),
        };
        pages.first().cloned().unwrap_or_default()
    }

    /// The texts; none of another dictionary.
    pub(super) fn texts(&self) -> ArrayRef {
        match self {
            Self::Texts(texts, _) => Arc::clone(texts),
            Self::None | Self::Words { .. } => Arc::new(StringViewBuilder::new().finish()),
        }
    }

    /// Appends the values that codes stand for; of texts their views, or the codes themselves,
    /// whatever they are.
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
                check(codes, *count)?;
                T::pick(out, bytes, *width, (codes, 0));
            }
            Self::Texts(_, views) if T::VIEWS => {
                check(codes, views.len())?;
                let views = codes.iter().filter_map(|&code| views.get(code as usize));
                out.extend(views.map(|&view| T::of_view(view)));
            }
            Self::Texts(..) => out.extend(codes.iter().map(|&code| T::of_code(code))),
            Self::None => check(codes, 0)?,
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

    /// The same for another reader; the buffer stays with this one, to be given back.
    pub(super) fn borrowed(&self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Words {
                bytes,
                count,
                width,
                ..
            } => Self::Words {
                buffer: Bytes::new(),
                bytes: bytes.clone(),
                count: *count,
                width: *width,
            },
            Self::Texts(texts, views) => Self::Texts(Arc::clone(texts), views.clone()),
        }
    }

    /// Gives the buffer back.
    pub(super) fn recycle(self, pool: &mut Pool) {
        match self {
            Self::Words { buffer, bytes, .. } => {
                drop(bytes);
                pool.give(buffer);
            }
            Self::None | Self::Texts(..) => {}
        }
    }
}

/// All at once: a loop behind it has no way out.
#[inline]
fn check(codes: &[u32], values: usize) -> Result<()> {
    let most = codes.iter().fold(0, |most, &code| most.max(code));
    if most as usize >= values && !codes.is_empty() {
        return Err(astray(most, values));
    }
    Ok(())
}

/// A code that stands for nothing.
pub(super) fn astray(code: u32, values: usize) -> Error {
    Error::data(format!("code {code} into a dictionary of {values} values"))
}
