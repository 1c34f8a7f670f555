//! A flat column, read row by row: all rows, runs of them, or single ones.

/// From page to page.
mod moves;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{UInt32Array, make_array};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, DataType};
use esker_datatypes::{Buffers, Error, Result};
use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::metadata::ColumnChunkMetaData;

use super::dictionary::{Dictionary, astray};
use super::pages::{DataPage, Pages};
use super::rows::{Others, ReadRows};
use super::words::{Scratch, Word};
use super::{Decoded, Form, Piece};
use crate::parquet::chunks::{ChunkView, Pool};
use crate::parquet::selected::Selected;

/// Reads a flat column of a row group.
pub(in crate::parquet) struct FlatReader {
    form: Form,
    data_type: DataType,
    pages: Pages,
    wanted: Wanted,
    /// The row that the page, or the next one, goes on with.
    at: usize,
    page: Option<DataPage>,
    dictionary: Dictionary,
    scratch: Scratch,
}

/// The rows that are still to be read.
enum Wanted {
    Runs(VecDeque<Range<usize>>),
    /// Single ones, ascending, behind those that have been read.
    Picked(Arc<[u32]>, usize),
}

impl FlatReader {
    /// Reads the selected ones of `rows` rows of a chunk, of which others may read some too.
    ///
    /// # Errors
    /// `Data`.
    pub(in crate::parquet) fn open(
        chunk: &ColumnChunkMetaData,
        (bytes, piece): (ChunkView, Option<Piece>),
        (form, data_type): (Form, &DataType),
        rows: usize,
        selected: &Selected,
    ) -> Result<Self> {
        Ok(Self {
            form,
            data_type: data_type.clone(),
            pages: Pages::open(chunk, bytes, rows, piece)?,
            wanted: match selected {
                Selected::All => Wanted::Runs(std::iter::once(0..rows).collect()),
                Selected::Runs(runs) => Wanted::Runs(runs_of(runs)),
                Selected::Picked(rows) => Wanted::Picked(Arc::clone(rows), 0),
            },
            at: 0,
            page: None,
            dictionary: Dictionary::None,
            scratch: Scratch::default(),
        })
    }

    /// The next rows; fewer only where the column ends. With `places` (ascending) only these of them
    /// will be looked at, and the others may be anything.
    ///
    /// # Errors
    /// `Data`.
    pub(in crate::parquet) fn next(
        &mut self,
        rows: usize,
        places: Option<&[u32]>,
        buffers: &mut Buffers,
        pool: &mut Pool,
    ) -> Result<Decoded> {
        match self.form {
            Form::Four => {
                let (values, nulls) = self.rows::<u32>(rows, places, buffers, pool)?;
                self.array(values, nulls)
            }
            Form::Eight => {
                let (values, nulls) = self.rows::<u64>(rows, places, buffers, pool)?;
                self.array(values, nulls)
            }
            Form::Digits64(_) => {
                let (values, nulls) = self.rows::<i64>(rows, places, buffers, pool)?;
                self.array(values, nulls)
            }
            Form::Digits128(_) => {
                let (values, nulls) = self.rows::<i128>(rows, places, buffers, pool)?;
                self.array(values, nulls)
            }
            Form::Texts | Form::Bytes => {
                self.scratch.blocks.begin();
                let (views, nulls) = self.rows::<u128>(rows, places, buffers, pool)?;
                self.texts(views, nulls)
            }
            Form::Codes => {
                let (codes, nulls) = self.rows::<u32>(rows, places, buffers, pool)?;
                let texts = self.dictionary.texts();
                let most = codes.iter().copied().max();
                let within = most.is_none_or(|most| (most as usize) < texts.len());
                if !within && (!texts.is_empty() || nulls.as_ref().is_none_or(some_valid)) {
                    return Err(astray(most.unwrap_or(0), texts.len()));
                }
                let codes = UInt32Array::new(ScalarBuffer::from(codes), nulls);
                Ok(Decoded::Codes(codes, texts))
            }
        }
    }

    #[expect(
        unsafe_code,
        reason = "the checked constructor would read every text again"
    )]
    fn texts(&mut self, views: Vec<u128>, nulls: Option<NullBuffer>) -> Result<Decoded> {
        let blocks = &mut self.scratch.blocks;
        // SAFETY: `rows` has read the views since these blocks were begun: of pages, of the
        // dictionary, of which a chunk has one (`Pages` refuses a second one), or 0 for a null and
        // where nobody looks.
        let texts = unsafe { blocks.array(self.form, views, nulls, &self.dictionary)? };
        Ok(Decoded::Array(texts))
    }

    fn array<T: ArrowNativeType>(
        &self,
        values: Vec<T>,
        nulls: Option<NullBuffer>,
    ) -> Result<Decoded> {
        let data = arrow::array::ArrayData::builder(self.data_type.clone())
            .len(values.len())
            .add_buffer(Buffer::from_vec(values))
            .nulls(nulls)
            .build()?;
        Ok(Decoded::Array(make_array(data)))
    }

    /// The values of the next rows, something for those that are null, and which these are.
    fn rows<T: Word>(
        &mut self,
        rows: usize,
        places: Option<&[u32]>,
        buffers: &mut Buffers,
        pool: &mut Pool,
    ) -> Result<(Vec<T>, Option<NullBuffer>)> {
        if let Wanted::Picked(picked, from) = &mut self.wanted {
            let picked = Arc::clone(picked);
            let end = picked.len().min(*from + rows);
            let places = picked.get(*from..end).unwrap_or_default();
            *from = end;
            let mut out = ReadRows::new(buffers.take(rows));
            self.pick(places, 0, &mut out, pool)?;
            return Ok(out.finish());
        }
        let Some((places, start)) = places.zip(self.in_one_run(rows, pool)?) else {
            let mut out = ReadRows::new(buffers.take(rows));
            self.read(rows, &mut out, pool)?;
            return Ok(out.finish());
        };
        let picked = std::mem::take(T::of_mut(&mut self.scratch.picked));
        let mut picked = ReadRows::new(picked);
        self.pick(places, start, &mut picked, pool)?;
        self.skip_to(start + rows, pool)?;
        let others = match self.form {
            Form::Four | Form::Eight | Form::Digits64(_) | Form::Digits128(_) => Others::Any,
            Form::Texts | Form::Bytes => Others::Zero,
            Form::Codes if self.dictionary.texts().is_empty() => Others::Null,
            Form::Codes => Others::Zero,
        };
        // Where the column ends too early the caller is to see it.
        let rows = if picked.len() == places.len() {
            rows
        } else {
            0
        };
        let out = picked.spread(rows, places, others, buffers);
        *T::of_mut(&mut self.scratch.picked) = picked.values;
        Ok(out.finish())
    }

    /// Reads the next rows of the runs.
    fn read<T: Word>(&mut self, rows: usize, out: &mut ReadRows<T>, pool: &mut Pool) -> Result<()> {
        while out.len() < rows
            && let Wanted::Runs(runs) = &mut self.wanted
            && let Some(run) = runs.front().cloned()
        {
            if self.at >= run.end {
                runs.pop_front();
                continue;
            }
            if run.start > self.at {
                self.skip(run.start - self.at, pool)?;
                continue;
            }
            let Some(page) = self.page(pool)? else {
                break;
            };
            let count = page.left().min(rows - out.len()).min(run.end - self.at);
            self.take(count, out)?;
        }
        Ok(())
    }

    /// Reads the rows at these places (ascending, counted from `base` on); fewer only where the
    /// column ends.
    fn pick<T: Word>(
        &mut self,
        places: &[u32],
        base: usize,
        out: &mut ReadRows<T>,
        pool: &mut Pool,
    ) -> Result<()> {
        let mut left = places;
        while let Some(&first) = left.first() {
            let first = base + first as usize;
            if first >= self.at + self.page.as_ref().map_or(0, DataPage::left) {
                self.skip_to(first, pool)?;
            }
            let Some(rows) = self.page(pool)?.map(|page| page.left()) else {
                break;
            };
            let end = self.at + rows;
            let count = left.partition_point(|&place| base + (place as usize) < end);
            let (some, behind) = left.split_at_checked(count).unwrap_or_default();
            let Some(&last) = some.last() else {
                return Err(Error::internal("a page without the row it was read for"));
            };
            let count = base + last as usize + 1 - self.at;
            self.take_picked(count, some, self.at - base, out)?;
            left = behind;
        }
        Ok(())
    }

    /// Reads rows of the page.
    fn take<T: Word>(&mut self, count: usize, out: &mut ReadRows<T>) -> Result<()> {
        let Some(page) = &mut self.page else {
            return Err(Error::internal("rows of no page"));
        };
        let (from, start) = (page.at, out.len());
        page.at += count;
        self.at += count;
        match &page.levels {
            None => {
                let blocks = &mut self.scratch.blocks;
                let values = &mut out.values;
                page.values.read(count, &self.dictionary, blocks, values)?;
                out.add_valid(start);
            }
            Some(levels) => {
                let dense = T::of_mut(&mut self.scratch.dense);
                dense.clear();
                let some = levels.count(from, count);
                let blocks = &mut self.scratch.blocks;
                page.values.read(some, &self.dictionary, blocks, dense)?;
                out.add_levels(levels, from..from + count, dense);
            }
        }
        Ok(())
    }

    /// Reads those of the page's next `count` rows that are at these places, counted from `base` on.
    fn take_picked<T: Word>(
        &mut self,
        count: usize,
        places: &[u32],
        base: usize,
        out: &mut ReadRows<T>,
    ) -> Result<()> {
        let Some(page) = &mut self.page else {
            return Err(Error::internal("rows of no page"));
        };
        let (from, start) = (page.at, out.len());
        page.at += count;
        self.at += count;
        let (values, dictionary) = (&mut page.values, &self.dictionary);
        let mut codes = std::mem::take(&mut self.scratch.codes);
        let scratch = (&mut codes, &mut self.scratch.blocks);
        match &page.levels {
            None => {
                values.pick(count, (places, base), dictionary, scratch, &mut out.values)?;
                out.add_valid(start);
            }
            Some(levels) => {
                let mut there = std::mem::take(&mut self.scratch.places);
                let some = levels.ranks(from, (places, base), &mut there);
                let dense = T::of_mut(&mut self.scratch.dense);
                dense.clear();
                values.pick(some, (&there, 0), dictionary, scratch, dense)?;
                let is_there = |&place: &u32| levels.is_there(from + place as usize - base);
                out.add_some(places.iter().map(is_there), dense);
                self.scratch.places = there;
            }
        }
        self.scratch.codes = codes;
        Ok(())
    }

    /// Gives the buffers back.
    pub(in crate::parquet) fn recycle(mut self, buffers: &mut Buffers, pool: &mut Pool) {
        self.finish_page(pool);
        self.scratch.recycle(buffers);
        self.dictionary.recycle(pool);
    }
}

fn some_valid(nulls: &NullBuffer) -> bool {
    nulls.null_count() < nulls.len()
}

/// The selected rows in runs.
pub(super) fn runs_of(selection: &RowSelection) -> VecDeque<Range<usize>> {
    let (mut at, mut runs) = (0, VecDeque::new());
    for selector in selection.iter() {
        let end = at + selector.row_count;
        if !selector.skip {
            runs.push_back(at..end);
        }
        at = end;
    }
    runs
}
