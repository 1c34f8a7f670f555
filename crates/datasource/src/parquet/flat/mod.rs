//! Decoding flat columns of fixed width, and texts as codes: most of what scans read.
//!
//! The `parquet` crate decodes everything; for what is here it zeroes fresh memory for each page and
//! each batch, which costs as much as decoding. This reader takes all buffers from those of the
//! worker. Everything else it leaves to the crate, which parses the headers of pages here too.

/// Codes.
mod codes;
/// Which values of a page are null.
mod levels;
/// Pages.
mod pages;
/// Values of a page.
mod values;

use std::collections::VecDeque;
use std::ops::Range;

use arrow::array::{ArrayRef, UInt32Array, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, DataType, TimeUnit};
use esker_datatypes::{Buffers, Error, Result};
use parquet::arrow::arrow_reader::RowSelection;
use parquet::basic::{Encoding, Type as PhysicalType};
use parquet::file::metadata::ColumnChunkMetaData;

use self::levels::{append, append_valid};
use self::pages::{DataPage, Pages};
use self::values::{Dictionary, Word, astray};
use super::chunks::{ChunkView, Pool};

/// What a chunk's values are decoded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Values of four bytes, as they are.
    Four,
    /// Values of eight bytes, as they are.
    Eight,
    /// Codes into a dictionary of texts.
    Codes,
}

impl Form {
    /// How a chunk is decoded to a type, if this reader can. `coded` says that all its values are
    /// codes into a dictionary of texts, and are to stay that.
    pub(super) fn of(
        chunk: &ColumnChunkMetaData,
        data_type: &DataType,
        coded: bool,
    ) -> Option<Self> {
        #[expect(deprecated, reason = "old writers packed their levels so")]
        let known = |encoding: Encoding| {
            matches!(
                encoding,
                Encoding::PLAIN
                    | Encoding::RLE
                    | Encoding::BIT_PACKED
                    | Encoding::PLAIN_DICTIONARY
                    | Encoding::RLE_DICTIONARY
            )
        };
        if chunk.column_descr().max_rep_level() > 0 || chunk.column_descr().max_def_level() > 1 {
            return None;
        }
        if !chunk.encodings().all(known) {
            return None;
        }
        match (chunk.column_type(), data_type) {
            (PhysicalType::BYTE_ARRAY, DataType::Utf8View) => coded.then_some(Self::Codes),
            (
                PhysicalType::INT32,
                DataType::Int32
                | DataType::UInt32
                | DataType::Date32
                | DataType::Decimal32(..)
                | DataType::Time32(TimeUnit::Millisecond),
            )
            | (PhysicalType::FLOAT, DataType::Float32) => Some(Self::Four),
            (
                PhysicalType::INT64,
                DataType::Int64
                | DataType::UInt64
                | DataType::Decimal64(..)
                | DataType::Time64(_)
                | DataType::Timestamp(
                    TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond,
                    _,
                ),
            )
            | (PhysicalType::DOUBLE, DataType::Float64) => Some(Self::Eight),
            _ => None,
        }
    }
}

/// Rows of a column as they were read.
pub(super) enum Decoded {
    /// Values.
    Array(ArrayRef),
    /// Codes, and the texts they stand for.
    Codes(UInt32Array, ArrayRef),
}

/// Reads a flat column of a row group.
pub(super) struct FlatReader {
    form: Form,
    data_type: DataType,
    pages: Pages,
    /// The rows to be read, in runs.
    runs: VecDeque<Range<usize>>,
    /// The row that the page, or the next one, goes on with.
    at: usize,
    page: Option<DataPage>,
    dictionary: Dictionary,
    /// Values of a page that has nulls, without these.
    dense: Scratch,
}

/// Room for the values of either width.
#[derive(Default)]
struct Scratch {
    four: Vec<u32>,
    eight: Vec<u64>,
}

impl FlatReader {
    /// Reads the selected ones of `rows` rows of a chunk.
    ///
    /// # Errors
    /// `Data`.
    pub(super) fn open(
        chunk: &ColumnChunkMetaData,
        bytes: ChunkView,
        (form, data_type): (Form, &DataType),
        rows: usize,
        selection: Option<&RowSelection>,
    ) -> Result<Self> {
        let runs = match selection {
            None => std::iter::once(0..rows).collect(),
            Some(selection) => runs_of(selection),
        };
        Ok(Self {
            form,
            data_type: data_type.clone(),
            pages: Pages::open(chunk, bytes, rows)?,
            runs,
            at: 0,
            page: None,
            dictionary: Dictionary::None,
            dense: Scratch::default(),
        })
    }

    /// The next rows; fewer only where the column ends.
    ///
    /// # Errors
    /// `Data`.
    pub(super) fn next(
        &mut self,
        rows: usize,
        buffers: &mut Buffers,
        pool: &mut Pool,
    ) -> Result<Decoded> {
        match self.form {
            Form::Four => {
                let (values, nulls) = self.read::<u32>(rows, buffers, pool)?;
                self.array(values, nulls)
            }
            Form::Eight => {
                let (values, nulls) = self.read::<u64>(rows, buffers, pool)?;
                self.array(values, nulls)
            }
            Form::Codes => {
                let (codes, nulls) = self.read::<u32>(rows, buffers, pool)?;
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
    fn read<T: Word>(
        &mut self,
        rows: usize,
        buffers: &mut Buffers,
        pool: &mut Pool,
    ) -> Result<(Vec<T>, Option<NullBuffer>)> {
        let mut out = buffers.take::<T>(rows);
        let mut valid: Option<Vec<u64>> = None;
        while out.len() < rows
            && let Some(run) = self.runs.front().cloned()
        {
            if self.at >= run.end {
                self.runs.pop_front();
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
            self.take(count, &mut out, &mut valid)?;
        }
        let nulls = valid.map(|bits| {
            let bits = BooleanBuffer::new(Buffer::from_vec(bits), 0, out.len());
            NullBuffer::new(bits)
        });
        Ok((out, nulls.filter(|nulls| nulls.null_count() > 0)))
    }

    /// Reads rows of the page.
    fn take<T: Word>(
        &mut self,
        count: usize,
        out: &mut Vec<T>,
        valid: &mut Option<Vec<u64>>,
    ) -> Result<()> {
        let Some(page) = &mut self.page else {
            return Err(Error::internal("rows of no page"));
        };
        let (from, start) = (page.at, out.len());
        page.at += count;
        match &page.levels {
            None => {
                page.values.read(count, &self.dictionary, out)?;
                if let Some(valid) = valid {
                    append_valid(valid, start, count);
                }
            }
            Some(levels) => {
                let dense = T::scratch(&mut self.dense);
                dense.clear();
                let some = levels.count(from, count);
                page.values.read(some, &self.dictionary, dense)?;
                let valid = valid.get_or_insert_with(|| {
                    let mut valid = Vec::new();
                    append_valid(&mut valid, 0, start);
                    valid
                });
                append(valid, start, levels, from..from + count);
                levels.spread(from..from + count, dense, out);
            }
        }
        self.at += count;
        Ok(())
    }

    /// Leaves out rows: those of the page, then whole pages where the next ones are known.
    fn skip(&mut self, rows: usize, pool: &mut Pool) -> Result<()> {
        if self.page.as_ref().is_none_or(|page| page.left() == 0) {
            self.finish_page(pool);
            let skipped = self
                .pages
                .skip(rows, &mut self.dictionary, self.form, pool)?;
            if skipped > 0 {
                self.at += skipped;
                return Ok(());
            }
        }
        let Some(page) = self.page(pool)? else {
            self.at += rows;
            return Ok(());
        };
        let count = page.left().min(rows);
        let some = match &page.levels {
            None => count,
            Some(levels) => levels.count(page.at, count),
        };
        page.at += count;
        page.values.skip(some)?;
        self.at += count;
        Ok(())
    }

    /// The page that the next row is in; `None` at the column's end.
    fn page(&mut self, pool: &mut Pool) -> Result<Option<&mut DataPage>> {
        while self.page.as_ref().is_none_or(|page| page.left() == 0) {
            self.finish_page(pool);
            match self.pages.next(&mut self.dictionary, self.form, pool)? {
                Some(page) => self.page = Some(page),
                None => return Ok(None),
            }
        }
        Ok(self.page.as_mut())
    }

    fn finish_page(&mut self, pool: &mut Pool) {
        if let Some(page) = self.page.take() {
            page.recycle(pool);
        }
    }

    /// Gives the buffers back.
    pub(super) fn recycle(mut self, buffers: &mut Buffers, pool: &mut Pool) {
        self.finish_page(pool);
        buffers.give(self.dense.four);
        buffers.give(self.dense.eight);
        self.dictionary.recycle(buffers);
    }
}

fn some_valid(nulls: &NullBuffer) -> bool {
    nulls.null_count() < nulls.len()
}

/// The selected rows in runs.
fn runs_of(selection: &RowSelection) -> VecDeque<Range<usize>> {
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

#[cfg(test)]
mod tests;
