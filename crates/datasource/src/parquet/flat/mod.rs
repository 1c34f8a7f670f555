//! Decoding flat columns of fixed width, texts and bytes: most of what scans read.
//!
//! The `parquet` crate decodes everything; for what is here it zeroes fresh memory for each page and
//! each batch, which costs as much as decoding. This reader takes all buffers from those of the
//! worker. Everything else it leaves to the crate, which parses the headers of pages here too.

/// Codes.
mod codes;
/// What codes stand for.
mod dictionary;
/// Which values of a page are null.
mod levels;
/// Pages.
mod pages;
/// The reader.
mod reader;
/// What has been read.
mod rows;
/// What pieces of a row group have in common.
mod shared;
/// Texts of a page.
mod texts;
/// Values of a page.
mod values;
/// Values of a fixed width.
mod words;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::datatypes::{DataType, TimeUnit};
use parquet::basic::{Encoding, Type as PhysicalType};
use parquet::file::metadata::ColumnChunkMetaData;

pub(super) use self::reader::FlatReader;
pub(super) use self::shared::{Piece, SharedColumns};

/// What a chunk's values are decoded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Values of four bytes, as they are.
    Four,
    /// Values of eight bytes, as they are.
    Eight,
    /// Numbers of so many bytes, eight at most, the highest first.
    Digits64(usize),
    /// Numbers of so many bytes, 16 at most, the highest first.
    Digits128(usize),
    /// Codes into a dictionary of texts.
    Codes,
    /// Texts.
    Texts,
    /// Bytes, as many as there are.
    Bytes,
}

impl Form {
    /// How many bytes a value has; `None` for texts and bytes.
    fn width(self) -> Option<usize> {
        match self {
            Self::Four => Some(4),
            Self::Eight => Some(8),
            Self::Digits64(width) | Self::Digits128(width) => Some(width),
            Self::Codes | Self::Texts | Self::Bytes => None,
        }
    }

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
            (PhysicalType::FIXED_LEN_BYTE_ARRAY, _) => {
                let width = usize::try_from(chunk.column_descr().type_length()).ok()?;
                match (width, data_type) {
                    (1..=8, DataType::Decimal64(..)) => Some(Self::Digits64(width)),
                    (1..=16, DataType::Decimal128(..)) => Some(Self::Digits128(width)),
                    _ => None,
                }
            }
            (PhysicalType::BYTE_ARRAY, DataType::Utf8View) if coded => Some(Self::Codes),
            (PhysicalType::BYTE_ARRAY, DataType::Utf8View) => Some(Self::Texts),
            (PhysicalType::BYTE_ARRAY, DataType::BinaryView) => Some(Self::Bytes),
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

#[cfg(test)]
mod tests;
