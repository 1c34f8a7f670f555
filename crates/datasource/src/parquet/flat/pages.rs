//! The pages of a chunk, decompressed into buffers that are used again.

use std::sync::Arc;

use bytes::Bytes;
use esker_datatypes::{Error, Result};
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::codes::Codes;
use super::dictionary::Dictionary;
use super::levels::Levels;
use super::texts::Texts;
use super::values::Values;
use super::{Form, Piece};
use crate::parquet::chunks::{ChunkView, Pool};
use crate::parquet::footer::blame;

/// Reads the pages of a chunk.
pub(super) struct Pages {
    reader: SerializedPageReader<ChunkView>,
    /// The reader gives pages as they are in the file, and they are to be decompressed.
    snappy: bool,
    nullable: bool,
    /// The rows that are wanted, where others read others.
    piece: Option<Piece>,
    dictionary: DictionaryPage,
}

/// The dictionary of a chunk, which is decoded for the first page of codes that is read.
enum DictionaryPage {
    Ahead,
    Unread(Bytes, Encoding, u32),
    Behind,
}

/// A page of values that are still to be read.
#[derive(Debug)]
pub(super) struct DataPage {
    /// What the page is in, to be given back.
    buffer: Bytes,
    /// Which values are there; all when absent.
    pub(super) levels: Option<Levels>,
    pub(super) values: Values,
    /// How many values have been read, and how many there are, nulls included.
    pub(super) at: usize,
    count: usize,
}

impl DataPage {
    /// How many values are left, nulls included.
    pub(super) fn left(&self) -> usize {
        self.count - self.at
    }

    /// The same page for another reader; the bytes stay with this one, to be given back.
    fn borrowed(&self) -> Self {
        Self {
            buffer: Bytes::new(),
            levels: self.levels.clone(),
            values: self.values.clone(),
            at: self.at,
            count: self.count,
        }
    }

    /// Gives the bytes back.
    pub(super) fn recycle(self, pool: &mut Pool) {
        drop(self.values);
        pool.give(self.buffer);
    }
}

impl Pages {
    /// The pages of a chunk in a row group of so many rows, of which others may read pages too.
    ///
    /// # Errors
    /// `Data`, `Unsupported`.
    pub(super) fn open(
        chunk: &ColumnChunkMetaData,
        bytes: ChunkView,
        rows: usize,
        piece: Option<Piece>,
    ) -> Result<Self> {
        let snappy = chunk.compression() == Compression::SNAPPY;
        let reader = if snappy {
            let raw = chunk.clone().into_builder();
            let raw = raw.set_compression(Compression::UNCOMPRESSED).build();
            SerializedPageReader::new(Arc::new(bytes), &raw.map_err(blame)?, rows, None)
        } else {
            SerializedPageReader::new(Arc::new(bytes), chunk, rows, None)
        };
        Ok(Self {
            reader: reader.map_err(blame)?,
            snappy,
            nullable: chunk.column_descr().max_def_level() > 0,
            piece,
            dictionary: DictionaryPage::Ahead,
        })
    }

    /// The next page of values, which begin with the value of this row; of codes with the dictionary
    /// read. `None` at the end.
    ///
    /// # Errors
    /// `Data`, `Unsupported`.
    pub(super) fn next(
        &mut self,
        row: usize,
        dictionary: &mut Dictionary,
        form: Form,
        pool: &mut Pool,
    ) -> Result<Option<DataPage>> {
        let page = self.next_or_shared(row, form, pool)?;
        let is_coded = |page: &DataPage| matches!(page.values, Values::Codes(_));
        if page.as_ref().is_some_and(is_coded) {
            self.read_dictionary(dictionary, form, pool)?;
        }
        Ok(page)
    }

    fn next_or_shared(
        &mut self,
        row: usize,
        form: Form,
        pool: &mut Pool,
    ) -> Result<Option<DataPage>> {
        let Some(piece) = self.piece.clone() else {
            return self.read(form, pool);
        };
        // Passes over a dictionary, but leaves no row out.
        self.skip(0)?;
        let next = self.reader.peek_next_page().map_err(blame)?;
        let rows = next.and_then(|next| next.num_levels.or(next.num_rows));
        let rows = row..row + rows.unwrap_or(0);
        if rows.is_empty() || !piece.is_at_border(&rows) {
            return self.read(form, pool);
        }
        // Whoever comes while it is read waits for it: to read it too would take as long.
        let mut border = piece.border();
        if let Some((_, page)) = border.as_ref().filter(|(at, _)| *at == row) {
            self.reader.skip_next_page().map_err(blame)?;
            return Ok(Some(page.borrowed()));
        }
        let Some(page) = self.read(form, pool)? else {
            return Ok(None);
        };
        if border.as_ref().is_some_and(|(at, _)| *at > row) {
            return Ok(Some(page));
        }
        let borrowed = page.borrowed();
        if let Some((_, known)) = border.replace((row, page)) {
            known.recycle(pool);
        }
        Ok(Some(borrowed))
    }

    fn read(&mut self, form: Form, pool: &mut Pool) -> Result<Option<DataPage>> {
        loop {
            let page = self.reader.get_next_page().map_err(blame)?;
            match page {
                None => return Ok(None),
                Some(page @ Page::DictionaryPage { .. }) => self.pass_dictionary(page)?,
                Some(Page::DataPage {
                    buf,
                    num_values,
                    encoding,
                    def_level_encoding,
                    ..
                }) => {
                    let (buffer, bytes) = self.decompress((buf, 0), form, pool)?;
                    let count = num_values as usize;
                    let (levels, from) = self.levels(&bytes, count, def_level_encoding)?;
                    let values = values(&bytes, from, encoding, form)?;
                    return Ok(Some(DataPage {
                        buffer,
                        levels,
                        values,
                        at: 0,
                        count,
                    }));
                }
                Some(Page::DataPageV2 {
                    buf,
                    num_values,
                    encoding,
                    def_levels_byte_len,
                    rep_levels_byte_len,
                    is_compressed,
                    ..
                }) => {
                    let from = rep_levels_byte_len as usize;
                    let to = from + def_levels_byte_len as usize;
                    let (buffer, bytes) = if is_compressed {
                        self.decompress((buf, to), form, pool)?
                    } else {
                        (Bytes::new(), buf)
                    };
                    let count = num_values as usize;
                    let levels = bytes.get(from..to).ok_or_else(early)?;
                    let levels = if self.nullable {
                        Levels::parse(levels, count)?
                    } else {
                        None
                    };
                    let values = values(&bytes, to, encoding, form)?;
                    return Ok(Some(DataPage {
                        buffer,
                        levels,
                        values,
                        at: 0,
                        count,
                    }));
                }
            }
        }
    }

    /// Leaves out the next pages, as long as all their rows are among the next `rows`, and says how
    /// many rows that were.
    ///
    /// # Errors
    /// `Data`, `Unsupported`.
    pub(super) fn skip(&mut self, rows: usize) -> Result<usize> {
        let mut skipped = 0;
        loop {
            let next = self.reader.peek_next_page().map_err(blame)?;
            let Some(next) = next else {
                return Ok(skipped);
            };
            if next.is_dict {
                if let Some(page) = self.reader.get_next_page().map_err(blame)? {
                    self.pass_dictionary(page)?;
                }
                continue;
            }
            // Of a flat column each value is a row.
            let count = next.num_levels.or(next.num_rows);
            let Some(count) = count.filter(|&count| count > 0 && skipped + count <= rows) else {
                return Ok(skipped);
            };
            self.reader.skip_next_page().map_err(blame)?;
            skipped += count;
        }
    }

    /// Keeps a dictionary for the pages of codes: the rows that are wanted may be in none.
    fn pass_dictionary(&mut self, page: Page) -> Result<()> {
        // Views of texts, and others who read the chunk, hold on to the first one.
        if !matches!(self.dictionary, DictionaryPage::Ahead) {
            return Err(Error::data("a second dictionary"));
        }
        if let Page::DictionaryPage {
            buf,
            num_values,
            encoding,
            ..
        } = page
        {
            self.dictionary = DictionaryPage::Unread(buf, encoding, num_values);
        }
        Ok(())
    }

    /// Reads the dictionary that was passed, unless somebody else has.
    fn read_dictionary(
        &mut self,
        dictionary: &mut Dictionary,
        form: Form,
        pool: &mut Pool,
    ) -> Result<()> {
        let passed = std::mem::replace(&mut self.dictionary, DictionaryPage::Behind);
        let DictionaryPage::Unread(page, encoding, count) = passed else {
            self.dictionary = passed;
            return Ok(());
        };
        let read = || self.new_dictionary((page, encoding), count, form, pool);
        *dictionary = match &self.piece {
            Some(piece) => piece.dictionary(read)?,
            None => read()?,
        };
        Ok(())
    }

    fn new_dictionary(
        &self,
        (page, encoding): (Bytes, Encoding),
        count: u32,
        form: Form,
        pool: &mut Pool,
    ) -> Result<Dictionary> {
        if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) {
            return Err(Error::data(format!("a dictionary encoded as {encoding}")));
        }
        let (mut buffer, mut bytes) = self.decompress((page, 0), form, pool)?;
        // The dictionary stays: a short one is not to hold a long buffer.
        if bytes.len() < buffer.len() / 2 {
            bytes = Bytes::copy_from_slice(&bytes);
            pool.give(std::mem::take(&mut buffer));
        }
        let count = count as usize;
        match form.width() {
            Some(width) => Dictionary::of_words((buffer, bytes), count, width),
            None => Dictionary::of_texts(bytes, count, form),
        }
    }

    /// Decompresses a page, but for the first bytes: the buffer that it is in then, and the page.
    fn decompress(
        &self,
        (page, from): (Bytes, usize),
        form: Form,
        pool: &mut Pool,
    ) -> Result<(Bytes, Bytes)> {
        if !self.snappy {
            return Ok((Bytes::new(), page));
        }
        let broken = |error: snap::Error| {
            Error::data(format!("a page that Snappy has not written: {error}"))
        };
        let (plain, packed) = page.split_at_checked(from).ok_or_else(early)?;
        if packed.is_empty() {
            return Ok((Bytes::new(), page));
        }
        let length = snap::raw::decompress_len(packed).map_err(broken)?;
        if length / MOST_SNAPPY > packed.len() {
            let message = format!(
                "a page of {} bytes that claims to have been {length}",
                packed.len()
            );
            return Err(Error::data(message));
        }
        let mut buffer = match form {
            // Views hold it.
            Form::Texts | Form::Bytes => pool.take_close(from + length),
            _ => pool.take(from + length),
        };
        let bytes = buffer.get_mut(..from + length).unwrap_or_default();
        let (start, rest) = bytes.split_at_mut_checked(from).ok_or_else(early)?;
        start.copy_from_slice(plain);
        let mut decoder = snap::raw::Decoder::new();
        decoder.decompress(packed, rest).map_err(broken)?;
        let buffer = Bytes::from(buffer);
        let page = buffer.slice(..from + length);
        Ok((buffer, page))
    }

    /// The levels at the begin of a page, and where the values begin.
    fn levels(
        &self,
        page: &Bytes,
        count: usize,
        encoding: Encoding,
    ) -> Result<(Option<Levels>, usize)> {
        if !self.nullable {
            return Ok((None, 0));
        }
        #[expect(deprecated, reason = "old writers packed their levels so")]
        if encoding == Encoding::BIT_PACKED {
            return Ok((Levels::parse_packed(page, count)?, count.div_ceil(8)));
        }
        let length = page.first_chunk::<4>().ok_or_else(early)?;
        let end = (u32::from_le_bytes(*length) as usize).saturating_add(4);
        let levels = page.get(4..end).ok_or_else(early)?;
        Ok((Levels::parse(levels, count)?, end))
    }
}

/// Snappy makes at most this many bytes of one: a copy of 64 bytes takes three.
const MOST_SNAPPY: usize = 22;

/// The values that begin at a place in a page.
fn values(page: &Bytes, from: usize, encoding: Encoding, form: Form) -> Result<Values> {
    if from > page.len() {
        return Err(early());
    }
    let bytes = page.slice(from..);
    if encoding == Encoding::PLAIN {
        return match (form, form.width()) {
            (Form::Texts | Form::Bytes, _) => Ok(Values::Texts(Texts::new(bytes, form))),
            (_, Some(width)) => Ok(Values::Plain {
                bytes,
                at: 0,
                width,
            }),
            (_, None) => Err(Error::data(
                "a page of texts in a column of which the file says that all are codes",
            )),
        };
    }
    if !matches!(
        encoding,
        Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY
    ) {
        let message = format!("a page encoded as {encoding}, which the file does not announce");
        return Err(Error::data(message));
    }
    Ok(Values::Codes(Codes::new(bytes)?))
}

fn early() -> Error {
    Error::data("a page ends too early")
}
