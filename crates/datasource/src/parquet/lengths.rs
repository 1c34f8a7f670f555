//! Pages that begin with the lengths of their values, looked at before a decoder believes them.
//!
//! The lengths of [DELTA_LENGTH_BYTE_ARRAY] and [DELTA_BYTE_ARRAY] are packed as differences, behind
//! a header that says how many there are. The decoder makes room for that many, so they may not be
//! more than the values of the page. They stand in what has been decompressed: a reader of pages
//! around the decoder's own sees them there.
//!
//! [DELTA_LENGTH_BYTE_ARRAY]: https://parquet.apache.org/docs/file-format/data-pages/encodings/
//! [DELTA_BYTE_ARRAY]: https://parquet.apache.org/docs/file-format/data-pages/encodings/

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescPtr;

use super::chunks::ChunkView;

/// A row group whose pages are checked.
pub(super) struct CheckedRowGroup<'a> {
    pub(super) metadata: &'a ParquetMetaData,
    pub(super) group: &'a RowGroupMetaData,
    pub(super) chunks: Arc<ChunkView>,
}

impl parquet::arrow::arrow_reader::RowGroups for CheckedRowGroup<'_> {
    fn num_rows(&self) -> usize {
        usize::try_from(self.group.num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>> {
        let absent = || ParquetError::General(format!("no column {leaf} in a row group"));
        let chunk = self.group.columns().get(leaf).ok_or_else(absent)?;
        let chunks = Arc::clone(&self.chunks);
        let pages = SerializedPageReader::new(chunks, chunk, self.num_rows(), None)?;
        Ok(Box::new(OneChunk(Some(CheckedPages {
            pages,
            descriptor: chunk.column_descr_ptr(),
        }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.group))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// The pages of the one chunk that a column has in a row group.
struct OneChunk(Option<CheckedPages>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let pages = self.0.take()?;
        Some(Ok(Box::new(pages)))
    }
}

impl PageIterator for OneChunk {}

struct CheckedPages {
    pages: SerializedPageReader<ChunkView>,
    descriptor: ColumnDescPtr,
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            check(page, &self.descriptor)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.pages.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        self.pages.take_deferred_dictionary()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

/// Checks the lengths of a page.
fn check(page: &Page, descriptor: &ColumnDescPtr) -> Result<()> {
    let (encoding, values) = match page {
        Page::DataPage { encoding, .. } | Page::DataPageV2 { encoding, .. } => {
            (*encoding, page.num_values() as usize)
        }
        Page::DictionaryPage { .. } => return Ok(()),
    };
    let lists = match encoding {
        Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
        Encoding::DELTA_BYTE_ARRAY => 2,
        _ => return Ok(()),
    };
    let mut bytes = behind_levels(page, descriptor)?;
    for _ in 0..lists {
        let (count, rest) = packed(bytes).ok_or_else(broken)?;
        if count > values {
            return Err(ParquetError::General(format!(
                "a page of {values} values claims the lengths of {count}"
            )));
        }
        bytes = rest;
    }
    Ok(())
}

/// The values of a page, levels left out.
fn behind_levels<'a>(page: &'a Page, descriptor: &ColumnDescPtr) -> Result<&'a [u8]> {
    let bytes: &Bytes = page.buffer();
    let levels = match page {
        Page::DataPageV2 {
            def_levels_byte_len,
            rep_levels_byte_len,
            ..
        } => u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len),
        Page::DataPage {
            num_values,
            def_level_encoding,
            rep_level_encoding,
            ..
        } => {
            let mut at: u64 = 0;
            for (most, encoding) in [
                (descriptor.max_rep_level(), rep_level_encoding),
                (descriptor.max_def_level(), def_level_encoding),
            ] {
                if most == 0 {
                    continue;
                }
                at += if *encoding == Encoding::RLE {
                    let length = bytes.get(at as usize..).ok_or_else(broken)?;
                    let length = length.first_chunk::<4>().ok_or_else(broken)?;
                    4 + u64::from(u32::from_le_bytes(*length))
                } else {
                    let bits = u64::from(i16::BITS - most.leading_zeros());
                    (u64::from(*num_values) * bits).div_ceil(8)
                };
            }
            at
        }
        Page::DictionaryPage { .. } => 0,
    };
    let levels = usize::try_from(levels).ok();
    levels
        .and_then(|levels| bytes.get(levels..))
        .ok_or_else(broken)
}

/// How many integers are packed as differences at the front of these bytes, and what is behind them;
/// `None` where there are fewer than that.
fn packed(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut rest = bytes;
    let block = number(&mut rest)?;
    let parts = number(&mut rest)?;
    let count = number(&mut rest)?;
    number(&mut rest)?;
    let in_part = block.checked_div(parts)?;
    let mut left = count.saturating_sub(1);
    while left > 0 {
        number(&mut rest)?;
        let (widths, values) = rest.split_at_checked(usize::try_from(parts).ok()?)?;
        let mut size: u64 = 0;
        for &width in widths {
            // Behind the last value the widths say nothing.
            if left > 0 {
                size = size.checked_add(in_part.checked_mul(width.into())? / 8)?;
            }
            left = left.saturating_sub(in_part);
        }
        // The last part need not be whole.
        let size = usize::try_from(size).ok()?;
        rest = match values.get(size..) {
            Some(rest) => rest,
            None if left == 0 => &[],
            None => return None,
        };
        if in_part == 0 {
            return None;
        }
    }
    Some((usize::try_from(count).ok()?, rest))
}

/// An unsigned number of seven bits a byte.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn broken() -> ParquetError {
    ParquetError::General("a page whose lengths do not lie within it".to_owned())
}
