//! The values of a page: plain, or codes into the chunk's dictionary.

use bytes::Bytes;
use esker_datatypes::{Error, Result};

use super::codes::Codes;
use super::dictionary::Dictionary;
use super::texts::{Blocks, Texts};
use super::words::Word;

/// The values of a page that are left.
#[derive(Clone, Debug)]
pub(super) enum Values {
    /// One behind the other.
    Plain {
        bytes: Bytes,
        at: usize,
        width: usize,
    },
    /// Texts, each behind its length.
    Texts(Texts),
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
        blocks: &mut Blocks,
        out: &mut Vec<T>,
    ) -> Result<()> {
        match self {
            Self::Plain { bytes, at, width } => {
                let end = *at + count * *width;
                T::extend(out, bytes.get(*at..end).ok_or_else(early)?, *width);
                *at = end;
            }
            Self::Texts(texts) => texts.read(count, blocks, out)?,
            Self::Codes(codes) => {
                let found = codes.read(
                    count,
                    out,
                    |codes, out| dictionary.look_up(codes, out),
                    |code, count, out| dictionary.repeat(code, count, out),
                )?;
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
        (codes, blocks): (&mut Vec<u32>, &mut Blocks),
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
            Self::Texts(texts) => texts.pick(count, (places, base), blocks, out),
            Self::Codes(packed) => {
                codes.clear();
                if packed.pick(count, (places, base), codes)? < count {
                    return Err(early());
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
            Self::Texts(texts) => texts.skip(count)?,
            Self::Codes(codes) => {
                if codes.skip(count)? < count {
                    return Err(early());
                }
            }
        }
        Ok(())
    }
}

fn early() -> Error {
    Error::data("a page has fewer values than it says")
}
