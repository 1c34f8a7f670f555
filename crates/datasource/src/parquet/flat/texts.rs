//! Texts and bytes as pages have them, each behind its length: views of the page, or of copies.

#![allow(
    unsafe_code,
    reason = "the checked constructor would read every text again"
)]

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryViewArray, StringViewArray};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use bytes::Bytes;
use esker_datatypes::{Error, Result};
use esker_kernels::views::INLINE;

use super::Form;
use super::dictionary::Dictionary;
use super::words::Word;

/// The place of the copies among the buffers of a batch, behind the dictionary's page.
const COPIES: u32 = 1;

/// The texts of a page that are left.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    bytes: Bytes,
    at: usize,
    /// Each is to be checked: it may be no UTF-8.
    to_check: bool,
}

impl Texts {
    /// The texts, or bytes, of a page.
    pub(super) fn new(bytes: Bytes, form: Form) -> Self {
        Self {
            at: 0,
            // Their lengths are ASCII too, as long as they are short.
            to_check: form != Form::Bytes && !bytes.is_ascii(),
            bytes,
        }
    }

    /// Appends views of the next texts, which point into the page.
    ///
    /// # Errors
    /// `Data` when there are fewer, or one is no UTF-8.
    pub(super) fn read<T: Word>(
        &mut self,
        count: usize,
        blocks: &mut Blocks,
        out: &mut Vec<T>,
    ) -> Result<()> {
        // A batch of nulls alone is not to hold the page.
        if count == 0 {
            return Ok(());
        }
        let block = blocks.place_of(&self.bytes)?;
        self.views(count, block, out)
    }

    fn views<T: Word>(&mut self, count: usize, block: u32, out: &mut Vec<T>) -> Result<()> {
        let mut at = self.at;
        // Each has four bytes at least.
        out.reserve(count.min(self.bytes.len() / 4));
        for _ in 0..count {
            let (start, text) = self.text(at)?;
            at = start + text.len();
            out.push(T::of_view(view(&self.bytes, start, text, (block, start))));
        }
        self.at = at;
        Ok(())
    }

    /// Appends views of those of the next `count` texts that are at these places (ascending, from
    /// `base` on), which point to copies.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn pick<T: Word>(
        &mut self,
        count: usize,
        (places, base): (&[u32], usize),
        blocks: &mut Blocks,
        out: &mut Vec<T>,
    ) -> Result<()> {
        let (mut at, mut passed) = (self.at, 0);
        for &place in places {
            let place = (place as usize).wrapping_sub(base);
            while passed < place {
                at = self.end(at)?.1;
                passed += 1;
            }
            let (start, text) = self.text(at)?;
            at = start + text.len();
            passed += 1;
            let copy = blocks.copies.len();
            if text.len() > INLINE {
                blocks.copies.extend_from_slice(text);
            }
            out.push(T::of_view(view(&self.bytes, start, text, (COPIES, copy))));
        }
        self.at = at;
        self.skip(count.saturating_sub(passed))
    }

    /// Leaves out the next texts.
    ///
    /// # Errors
    /// `Data` when there are fewer.
    pub(super) fn skip(&mut self, count: usize) -> Result<()> {
        let mut at = self.at;
        for _ in 0..count {
            at = self.end(at)?.1;
        }
        self.at = at;
        Ok(())
    }

    /// Where the text begins and ends whose length stands here; within the page.
    #[inline]
    fn end(&self, at: usize) -> Result<(usize, usize)> {
        let length = self.bytes.get(at..).and_then(<[u8]>::first_chunk::<4>);
        let length = u32::from_le_bytes(*length.ok_or_else(early)?) as usize;
        let start = at + 4;
        if length > self.bytes.len() - start {
            return Err(early());
        }
        Ok((start, start + length))
    }

    /// The text whose length stands here, checked, and where it begins.
    #[inline]
    fn text(&self, at: usize) -> Result<(usize, &[u8])> {
        let (start, end) = self.end(at)?;
        let text = self.bytes.get(start..end).unwrap_or_default();
        if self.to_check {
            std::str::from_utf8(text).map_err(|_| Error::data("a text that is no UTF-8"))?;
        }
        Ok((start, text))
    }

    /// All texts of a page, of so many, as views of it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn whole(page: Bytes, count: usize, form: Form) -> Result<ArrayRef> {
        if u32::try_from(page.len()).is_err() {
            return Err(too_long());
        }
        let mut views: Vec<u128> = Vec::new();
        Self::new(page.clone(), form).views(count, 0, &mut views)?;
        let pages = vec![Buffer::from(page)];
        // SAFETY: `views` has checked the texts, and the page is their one buffer.
        unsafe { array(form, views, pages, None) }
    }
}

/// The view of a text that begins here in a page, and stands at a place in a block if it is long.
///
/// Arrow's `make_view` asks for each length apart: of texts of many short lengths it takes so long
/// that scans of them take a tenth more.
#[inline]
fn view(page: &[u8], start: usize, text: &[u8], (block, offset): (u32, usize)) -> u128 {
    let length = text.len();
    // Sixteen bytes in one, where the page has them.
    let word = match page.get(start..).and_then(<[u8]>::first_chunk::<16>) {
        Some(word) => u128::from_le_bytes(*word),
        None => {
            let mut word = [0; 16];
            word.iter_mut().zip(text).for_each(|(to, &from)| *to = from);
            u128::from_le_bytes(word)
        }
    };
    if length <= INLINE {
        let mask = (1u128 << (8 * length)) - 1;
        return (word & mask) << 32 | length as u128;
    }
    let prefix = u128::from(word as u32);
    (offset as u128) << 96 | u128::from(block) << 64 | prefix << 32 | length as u128
}

/// An array of texts, or bytes.
///
/// # Safety
/// The views are valid for the buffers, and what they point to is UTF-8, unless the form is `Bytes`.
unsafe fn array(
    form: Form,
    views: Vec<u128>,
    buffers: Vec<Buffer>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    if nulls
        .as_ref()
        .is_some_and(|nulls| nulls.len() != views.len())
    {
        return Err(Error::internal("a null mask of another length"));
    }
    let views = ScalarBuffer::from(views);
    if cfg!(debug_assertions) {
        // Who is wrong about the views is to be found out.
        return Ok(match form {
            Form::Bytes => Arc::new(BinaryViewArray::try_new(views, buffers, nulls)?),
            _ => Arc::new(StringViewArray::try_new(views, buffers, nulls)?),
        });
    }
    // SAFETY: as above, and the mask has been checked.
    Ok(unsafe {
        match form {
            Form::Bytes => Arc::new(BinaryViewArray::new_unchecked(views, buffers.into(), nulls)),
            _ => Arc::new(StringViewArray::new_unchecked(views, buffers.into(), nulls)),
        }
    })
}

/// What the views of a batch point into.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pages: Vec<Buffer>,
    copies: Vec<u8>,
}

impl Blocks {
    /// Forgets those of the last batch.
    pub(super) fn begin(&mut self) {
        self.pages.clear();
        self.copies.clear();
    }

    /// The place of a page, of which rows will be read.
    fn place_of(&mut self, page: &Bytes) -> Result<u32> {
        let is_last = |last: &Buffer| last.as_ptr() == page.as_ptr() && last.len() == page.len();
        if !self.pages.last().is_some_and(is_last) {
            self.pages.push(Buffer::from(page.clone()));
        }
        u32::try_from(self.pages.len())
            .map(|last| last + COPIES)
            .map_err(|_| too_long())
    }

    /// Views of these blocks and of the dictionary, as an array.
    ///
    /// # Safety
    /// All views are 0, or were given since the last [`begin`](Self::begin) by [`Texts`] for these
    /// blocks or are those of this dictionary, which has been the same since then.
    pub(super) unsafe fn array(
        &mut self,
        form: Form,
        views: Vec<u128>,
        nulls: Option<NullBuffer>,
        dictionary: &Dictionary,
    ) -> Result<ArrayRef> {
        let mut buffers = Vec::with_capacity(self.pages.len() + 2);
        buffers.push(dictionary.page());
        buffers.push(Buffer::from_vec(std::mem::take(&mut self.copies)));
        buffers.append(&mut self.pages);
        if u32::try_from(buffers.iter().map(Buffer::len).max().unwrap_or(0)).is_err() {
            return Err(too_long());
        }
        // SAFETY: as above: the page of the dictionary is the first buffer, and 0 is the empty text.
        // No buffer is longer than 32 bits say.
        unsafe { array(form, views, buffers, nulls) }
    }
}

fn early() -> Error {
    Error::data("a page has fewer values than it says")
}

fn too_long() -> Error {
    Error::resources_exhausted("more than 4 GiB of text in a batch")
}
