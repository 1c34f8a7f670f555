//! One column of a row group, decoded batch by batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, UInt32Array};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Int32Type, TimestampNanosecondType, TimestampSecondType};
use arrow::error::ArrowError;
use esker_datatypes::{Buffers, Column, Error, Result, ScalarValue};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelectionPolicy,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::{Encoding, PageType, Type as PhysicalType};
use parquet::file::metadata::ColumnChunkMetaData;

use super::chunks::{ChunkView, Pool};
use super::flat::{Decoded, FlatReader, Form};
use super::footer::{Footer, blame};
use super::lengths::CheckedRowGroup;
use super::selected::Selected;

/// A dictionary of more values than this share of the rows is given up: codes would save nothing.
const ROWS_PER_VALUE: usize = 4;
/// What is said of a column whose decoder panics.
const BROKEN: &str = "the bytes of the column broke its decoder";

/// Reads a column of a row group.
pub(super) struct ColumnReader {
    decoder: Decoder,
    data_type: DataType,
    /// How many rows the row group has.
    group_rows: usize,
    /// The dictionary as it came, and as views.
    dictionary: Option<(ArrayRef, ArrayRef)>,
}

impl ColumnReader {
    /// Reads the selected rows of a column, by its position in the file.
    ///
    /// # Errors
    /// `Data`, `Unsupported`.
    pub(super) fn open(
        footer: &Footer,
        row_group: usize,
        column: usize,
        chunks: ChunkView,
        rows: Rows,
        keep_dictionary: bool,
    ) -> Result<Self> {
        let field = footer.schema.fields().get(column);
        let field = field.ok_or_else(|| Error::internal(format!("no column {column}")))?;
        let chunk = footer.flat_chunk(row_group, column).map(|(_, chunk)| chunk);
        let data_type = field.data_type().clone();
        let coded = keep_dictionary && is_coded(chunk, &data_type);
        let group_rows = footer.rows(row_group);
        let reader = |decoder| Self {
            decoder,
            data_type: data_type.clone(),
            group_rows,
            dictionary: None,
        };
        if let Some(chunk) = chunk
            && let Some(form) = Form::of(chunk, &data_type, coded)
        {
            let form = (form, &data_type);
            let piece = chunks.piece(column);
            let bytes = (chunks, piece);
            let flat = FlatReader::open(chunk, bytes, form, group_rows, &rows.selected)?;
            return Ok(reader(Decoder::Flat(Box::new(flat))));
        }
        // The crate takes the lowest bit of a byte for the first one, the format the highest.
        if chunks.has_packed_levels(column) {
            let message = "levels encoded as BIT_PACKED in a column of this type";
            return Err(Error::unsupported(message));
        }
        let selection = rows.selected.to_runs();
        let read_as = |metadata: &ArrowReaderMetadata| {
            let mask = ProjectionMask::roots(metadata.parquet_schema(), [column]);
            let chunks = chunks.clone();
            if chunks.has_lengths(column) {
                let fields = Some(metadata.schema().fields());
                let levels = parquet_to_arrow_field_levels(metadata.parquet_schema(), mask, fields)
                    .map_err(blame)?;
                let row_group = CheckedRowGroup {
                    metadata: metadata.metadata(),
                    group: footer.row_group(row_group)?,
                    chunks: Arc::new(chunks),
                };
                let open = || {
                    ParquetRecordBatchReader::try_new_with_row_groups(
                        &levels,
                        &row_group,
                        rows.at_once,
                        selection.clone(),
                    )
                };
                return guarded(BROKEN, open)?.map_err(blame);
            }
            let mut builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata.clone())
                    .with_batch_size(rows.at_once)
                    .with_row_groups(vec![row_group])
                    .with_projection(mask)
                    .with_row_selection_policy(RowSelectionPolicy::Selectors);
            if let Some(selection) = &selection {
                builder = builder.with_row_selection(selection.clone());
            }
            guarded(BROKEN, || builder.build())?.map_err(blame)
        };
        let old_times = chunk.is_some_and(|chunk| chunk.column_type() == PhysicalType::INT96);
        let seconds = footer.seconds.as_ref().filter(|_| old_times);
        Ok(reader(Decoder::Any {
            batches: read_as(if coded { &footer.coded } else { &footer.plain })?,
            seconds: seconds.map(read_as).transpose()?,
            left: (chunk.is_none() && selection.is_none()).then_some(group_rows),
        }))
    }

    /// Whether rows that lie apart are read about as fast as neighbours.
    pub(super) fn picks(
        footer: &Footer,
        row_group: usize,
        column: usize,
        keep_dictionary: bool,
    ) -> bool {
        let field = footer.schema.fields().get(column);
        let chunk = footer.flat_chunk(row_group, column);
        field.zip(chunk).is_some_and(|(field, (_, chunk))| {
            let data_type = field.data_type();
            let coded = keep_dictionary && is_coded(Some(chunk), data_type);
            Form::of(chunk, data_type, coded).is_some()
        })
    }

    /// Reads what the first rows need, and others may need too.
    ///
    /// # Errors
    /// `Data`.
    pub(super) fn start(&mut self, pool: &mut Pool) -> Result<()> {
        match &mut self.decoder {
            Decoder::Flat(flat) => guarded(BROKEN, || flat.start(pool))?,
            Decoder::Any { .. } => Ok(()),
        }
    }

    /// The next `rows` rows, which are as many as a batch has or those that are left. With `places`
    /// (ascending) only these of them will be looked at, and the others may be anything.
    ///
    /// # Errors
    /// `Data`.
    pub(super) fn next(
        &mut self,
        rows: usize,
        places: Option<&[u32]>,
        buffers: &mut Buffers,
        pool: &mut Pool,
    ) -> Result<Column> {
        let decoded = match &mut self.decoder {
            Decoder::Flat(flat) => guarded(BROKEN, || flat.next(rows, places, buffers, pool))??,
            Decoder::Any {
                batches,
                seconds,
                left,
            } => {
                let array = next_array(batches, rows)?;
                if let Some(left) = left {
                    *left = left.saturating_sub(rows);
                    if *left == 0 && guarded(BROKEN, || batches.next())?.is_some() {
                        let of = self.group_rows;
                        let message = format!("the column has more rows than its row group: {of}");
                        return Err(Error::data(message));
                    }
                }
                if let Some(seconds) = seconds {
                    check_nanoseconds(&array, &next_array(seconds, rows)?)?;
                }
                match array.as_dictionary_opt::<Int32Type>() {
                    None => Decoded::Array(array),
                    Some(coded) => {
                        let (codes, nulls) = (coded.keys().values(), coded.keys().nulls().cloned());
                        // Same width, and none is negative: the decoder has checked them.
                        let codes = ScalarBuffer::new(codes.inner().clone(), 0, codes.len());
                        let codes = UInt32Array::new(codes, nulls);
                        Decoded::Codes(codes, Arc::clone(coded.values()))
                    }
                }
            }
        };
        let column = match decoded {
            Decoded::Array(array) => Column::from_arrow(&array)?,
            Decoded::Codes(codes, values) => self.decode(codes, &values)?,
        };
        if column.len() != rows {
            return Err(too_few(column.len(), rows));
        }
        if *column.data_type() != self.data_type {
            return Err(Error::internal(format!(
                "{} was read where {} was asked for",
                column.data_type(),
                self.data_type
            )));
        }
        Ok(column)
    }

    /// Gives the buffers back.
    pub(super) fn recycle(self, buffers: &mut Buffers, pool: &mut Pool) {
        match self.decoder {
            Decoder::Flat(flat) => flat.recycle(buffers, pool),
            Decoder::Any { .. } => {}
        }
    }

    /// A column of codes and the texts they stand for.
    fn decode(&mut self, codes: UInt32Array, values: &ArrayRef) -> Result<Column> {
        let known = self.dictionary.as_ref();
        let views = match known.filter(|(known, _)| Arc::ptr_eq(known, values)) {
            Some((_, views)) => Arc::clone(views),
            None => {
                let views: ArrayRef = match values.as_string_opt::<i32>() {
                    Some(texts) => Arc::new(StringViewArray::from(texts)),
                    None if *values.data_type() == DataType::Utf8View => Arc::clone(values),
                    None => {
                        let found = values.data_type();
                        let message = format!("a dictionary of {found} was read for one of texts");
                        return Err(Error::internal(message));
                    }
                };
                self.dictionary = Some((Arc::clone(values), Arc::clone(&views)));
                views
            }
        };
        if views.is_empty() {
            if codes.null_count() < codes.len() {
                return Err(Error::data("codes into a dictionary without values"));
            }
            let null = ScalarValue::null(&DataType::Utf8View);
            return Ok(Column::constant(null, codes.len()));
        }
        let column = Column::dictionary(codes, Arc::clone(&views));
        if views.len() > self.group_rows / ROWS_PER_VALUE {
            return Ok(Column::flat(column.to_flat()));
        }
        Ok(column)
    }
}

/// The next rows of a reader of one column.
fn next_array(batches: &mut ParquetRecordBatchReader, rows: usize) -> Result<ArrayRef> {
    let batch = match guarded(BROKEN, || batches.next())? {
        Some(Ok(batch)) => batch,
        Some(Err(ArrowError::ParquetError(message))) => {
            let message = message.trim_start_matches("Parquet error: ");
            return Err(Error::data(message));
        }
        Some(Err(error)) => return Err(Error::data(error.to_string())),
        None => {
            let message = format!("the column ends {rows} rows before its row group");
            return Err(Error::data(message));
        }
    };
    let found = batch.num_rows();
    if found != rows {
        return Err(too_few(found, rows));
    }
    match batch.columns() {
        [array] => Ok(Arc::clone(array)),
        other => Err(Error::internal(format!(
            "{} columns were read for one",
            other.len()
        ))),
    }
}

fn too_few(found: usize, rows: usize) -> Error {
    let message = format!("the column has fewer rows than its row group: {found} of {rows}");
    Error::data(message)
}

/// 96-bit timestamps reach further than nanoseconds in 64 bits, and the decoder wraps around: its
/// seconds, which do not, tell.
fn check_nanoseconds(nanos: &ArrayRef, seconds: &ArrayRef) -> Result<()> {
    const SECOND: i64 = 1_000_000_000;
    let nanos = nanos.as_primitive_opt::<TimestampNanosecondType>();
    let seconds = seconds.as_primitive_opt::<TimestampSecondType>();
    let (Some(nanos), Some(seconds)) = (nanos, seconds) else {
        return Err(Error::internal(
            "96-bit timestamps were read as another type",
        ));
    };
    for (nanos, seconds) in nanos.iter().flatten().zip(seconds.iter().flatten()) {
        // Before 1970 they may be rounded another way.
        if nanos.div_euclid(SECOND).abs_diff(seconds) > 1 {
            let message = format!(
                "the timestamp of {seconds} seconds since 1970 does not fit 64 bits of nanoseconds"
            );
            return Err(Error::data(message));
        }
    }
    Ok(())
}

/// The decoder panics on some bytes that no writer would write.
///
/// # Errors
/// `Data` with this message where it does.
pub(super) fn guarded<T>(broken: &str, decode: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).map_err(|_| Error::data(broken))
}

/// Who decodes.
enum Decoder {
    Flat(Box<FlatReader>),
    /// The `parquet` crate.
    Any {
        batches: ParquetRecordBatchReader,
        /// The same rows in seconds, where they are 96-bit timestamps.
        seconds: Option<ParquetRecordBatchReader>,
        /// How many rows are left, where those of the pages are not known yet to be as many as the
        /// row group has.
        left: Option<usize>,
    },
}

/// Which rows a column reader reads, and in which portions.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub(super) at_once: usize,
    pub(super) selected: Selected,
}

/// Whether a column is one of texts, and all values of its chunk are codes into a dictionary.
pub(super) fn is_coded(chunk: Option<&ColumnChunkMetaData>, data_type: &DataType) -> bool {
    *data_type == DataType::Utf8View && chunk.is_some_and(is_dictionary)
}

/// Whether all values of a column chunk are codes into its dictionary.
fn is_dictionary(chunk: &ColumnChunkMetaData) -> bool {
    if chunk.dictionary_page_offset().is_none() {
        return false;
    }
    let of_codes = |e: Encoding| matches!(e, Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY);
    if let Some(data_pages) = chunk.page_encoding_stats_mask() {
        return data_pages.encodings().all(of_codes);
    }
    if let Some(pages) = chunk.page_encoding_stats() {
        let is_data = |page: PageType| matches!(page, PageType::DATA_PAGE | PageType::DATA_PAGE_V2);
        let mut data = pages
            .iter()
            .filter(|page| page.count > 0 && is_data(page.page_type));
        return data.all(|page| of_codes(page.encoding));
    }
    // Without counts: levels are RLE or BIT_PACKED, a dictionary page of new writers is PLAIN and
    // so would be the data behind it, so only those of old writers can be told.
    #[expect(deprecated, reason = "old writers packed their levels so")]
    let is_level = |e: Encoding| matches!(e, Encoding::RLE | Encoding::BIT_PACKED);
    chunk.encodings().all(|e| of_codes(e) || is_level(e))
}

impl std::fmt::Debug for ColumnReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ColumnReader({})", self.data_type)
    }
}
