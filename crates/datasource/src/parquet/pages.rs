//! Page indexes: what a file says of the values in single pages.

use std::ops::Range;

use esker_datatypes::{ColumnStatistics, Error, Precision, Result, ScalarValue};
use esker_logical_expr::Interval;
use esker_logical_plan::ColumnStats;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::metadata::page_index::{PageIndex, PageIndexProvider};
use parquet::file::metadata::{
    ColumnChunkMask, ColumnChunkMetaData, PageIndexPolicy, ParquetMetaDataReader,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::ChunkReader;
use parquet::file::statistics::{Statistics, ValueStatistics};

use super::column::guarded;
use super::footer::{Footer, Tail, blame};
use super::statistics::{Folded, GroupStatistics, of_statistics, order_of};
use super::thrift::{Kind, Thrift};
use crate::read_at::ReadAt;

/// The page indexes of some columns, by position in the file, where the file has any.
pub(super) fn read(
    file: &dyn ReadAt,
    len: u64,
    footer: &Footer,
    columns: &[usize],
) -> Option<PageIndex> {
    let mut leaves = Vec::with_capacity(columns.len());
    for row_group in 0..footer.row_groups() {
        for &column in columns {
            let chunk = footer.flat_chunk(row_group, column);
            leaves.extend(chunk.filter(|(_, chunk)| chunk.column_index_offset().is_some()));
        }
    }
    if leaves.is_empty() {
        return None;
    }
    let tail = Tail::unread(file, len);
    for row_group in footer.metadata().row_groups() {
        for (leaf, _) in &leaves {
            check_offsets(&tail, row_group.columns().get(*leaf)?).ok()?;
        }
    }
    let mask = ColumnChunkMask::columns(leaves.into_iter().map(|(leaf, _)| leaf));
    let reader = ParquetMetaDataReader::new_with_metadata(footer.metadata().clone())
        .with_page_index_policy(PageIndexPolicy::Optional)
        .with_page_index_mask(mask);
    // One that cannot be read is not needed either.
    let read = guarded("the page index broke its decoder", || {
        reader.read_page_index_and_finish(&tail)
    });
    read.ok()?.ok()?.1
}

/// Walks the offset index of a chunk: a decoder makes room for as many pages as it says it has.
///
/// # Errors
/// `Data` for one that claims more than its bytes can say.
fn check_offsets(file: &Tail<'_>, chunk: &ColumnChunkMetaData) -> Result<()> {
    let start = chunk.offset_index_offset().map(u64::try_from);
    let length = chunk.offset_index_length().map(usize::try_from);
    let (Some(start), Some(length)) = (start, length) else {
        return Ok(());
    };
    let outside = || Error::data("a page index outside of the file");
    let (start, length) = (
        start.map_err(|_| outside())?,
        length.map_err(|_| outside())?,
    );
    let bytes = file.get_bytes(start, length).map_err(blame)?;
    Thrift(&bytes).skip(Kind::Struct)
}

/// What is known of some rows of a row group by the pages that they lie in.
pub(super) struct PageStatistics<'a> {
    pub(super) group: &'a GroupStatistics<'a>,
    pub(super) index: &'a PageIndex,
    pub(super) rows: Range<usize>,
}

impl PageStatistics<'_> {
    /// What is known of a column, by position in the file.
    fn known(&self, column: usize) -> Option<Interval> {
        let footer = self.group.footer();
        let row_group = self.group.row_group();
        let (leaf, chunk) = footer.flat_chunk(row_group, column)?;
        let data_type = footer.schema.fields().get(column)?.data_type();
        let values = self.index.column_index(row_group, leaf)?;
        let pages = self.index.offset_index(row_group, leaf)?.page_locations();
        if values.num_pages() != pages.len() as u64 {
            return None;
        }
        let starts = |row: usize| {
            move |page: &PageLocation| {
                usize::try_from(page.first_row_index).is_ok_and(|first| first < row)
            }
        };
        let first = pages
            .partition_point(starts(self.rows.start + 1))
            .checked_sub(1)?;
        let end = pages.partition_point(starts(self.rows.end));
        let mut folded = Folded::default();
        for page in first..end {
            let start = usize::try_from(pages.get(page)?.first_row_index).ok()?;
            let next = pages
                .get(page + 1)
                .map(|next| usize::try_from(next.first_row_index));
            let next = next.transpose().ok()?.unwrap_or(footer.rows(row_group));
            let rows = next.checked_sub(start)? as u64;
            let order = order_of(footer, leaf);
            let known = if values.is_null_page(page) {
                ColumnStatistics {
                    null_count: Precision::Exact(rows),
                    ..ColumnStatistics::default()
                }
            } else {
                let statistics = of_page(values, page);
                of_statistics(
                    chunk.column_descr(),
                    Some(&statistics),
                    order,
                    data_type,
                    rows,
                )
            };
            folded.add(Some(known), rows, data_type);
        }
        if folded.is_null() {
            return Some(Interval::constant(&ScalarValue::null(data_type)));
        }
        Some(Interval::of_statistics(data_type, &folded.finish()))
    }
}

impl ColumnStats for PageStatistics<'_> {
    fn rows(&self) -> Option<u64> {
        Some(self.rows.len() as u64)
    }

    fn interval(&self, column: usize) -> Option<Interval> {
        let in_file = self.group.column(column);
        let known = in_file.and_then(|column| self.known(column));
        known.or_else(|| self.group.interval(column))
    }
}

/// What an index says of a page that is not all null, as if it were a chunk.
fn of_page(index: &ColumnIndexMetaData, page: usize) -> Statistics {
    let nulls = index
        .null_count(page)
        .and_then(|nulls| u64::try_from(nulls).ok());
    let nans = index
        .nan_count(page)
        .and_then(|nans| u64::try_from(nans).ok());
    let bytes = |bound: Option<&[u8]>| bound.map(|bytes| ByteArray::from(bytes.to_vec()));
    match index {
        ColumnIndexMetaData::BOOLEAN(i) => {
            let (min, max) = (i.min_value(page).copied(), i.max_value(page).copied());
            Statistics::boolean(min, max, None, nulls, false)
        }
        ColumnIndexMetaData::INT32(i) => {
            let (min, max) = (i.min_value(page).copied(), i.max_value(page).copied());
            Statistics::int32(min, max, None, nulls, false)
        }
        ColumnIndexMetaData::INT64(i) => {
            let (min, max) = (i.min_value(page).copied(), i.max_value(page).copied());
            Statistics::int64(min, max, None, nulls, false)
        }
        ColumnIndexMetaData::INT96(_) => Statistics::int96(None, None, None, nulls, false),
        ColumnIndexMetaData::FLOAT(i) => {
            let (min, max) = (i.min_value(page).copied(), i.max_value(page).copied());
            let bounds = ValueStatistics::new(min, max, None, nulls, false);
            Statistics::Float(bounds.with_nan_count(nans))
        }
        ColumnIndexMetaData::DOUBLE(i) => {
            let (min, max) = (i.min_value(page).copied(), i.max_value(page).copied());
            let bounds = ValueStatistics::new(min, max, None, nulls, false);
            Statistics::Double(bounds.with_nan_count(nans))
        }
        ColumnIndexMetaData::BYTE_ARRAY(i) => {
            let (min, max) = (bytes(i.min_value(page)), bytes(i.max_value(page)));
            Statistics::ByteArray(cut(ValueStatistics::new(min, max, None, nulls, false)))
        }
        ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(i) => {
            let min = bytes(i.min_value(page)).map(FixedLenByteArray::from);
            let max = bytes(i.max_value(page)).map(FixedLenByteArray::from);
            Statistics::FixedLenByteArray(cut(ValueStatistics::new(min, max, None, nulls, false)))
        }
    }
}

/// Bounds in an index do not say whether they are cut.
fn cut<T>(bounds: ValueStatistics<T>) -> ValueStatistics<T> {
    bounds.with_min_is_exact(false).with_max_is_exact(false)
}
