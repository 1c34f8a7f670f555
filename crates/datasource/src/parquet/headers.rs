//! Page headers, looked at before a decoder believes them.
//!
//! A decoder makes room for what the header of a page claims: its bytes once decompressed, and the
//! values of a dictionary. Here each claim is held against what is there, so that no header makes
//! room for more than its page can hold.

use esker_datatypes::{Error, Result};
use parquet::basic::{Compression, Encoding, Type as PhysicalType};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::expansion::can_hold;
use super::thrift::{Kind, Thrift};

/// Values of a fixed length above this are read from column chunks that have room for one alone: a
/// column of nulls takes as much memory as one of values.
pub(super) const WIDEST: u64 = 64 << 10;

/// What a page header says.
#[derive(Debug, Default)]
struct Header {
    kind: Option<i32>,
    uncompressed: Option<i32>,
    compressed: Option<i32>,
    data: Details,
    dictionary: Details,
    data_v2: Details,
}

/// What it says of the values of one kind of page.
#[derive(Debug, Default)]
struct Details {
    values: i32,
    encoding: i32,
    /// How the levels of a page of the first version are encoded, those of definition first.
    levels_as: [i32; 2],
    /// The levels of a page of the second version, which are not compressed.
    levels: [i32; 2],
    /// Whether the values of such a page are not either.
    plain: bool,
}

/// Pages, by the numbers that the format gives them.
const DATA: i32 = 0;
const DICTIONARY: i32 = 2;
const DATA_V2: i32 = 3;

impl Header {
    /// Reads a header at the front of the bytes.
    ///
    /// # Errors
    /// `Data` for what is none.
    fn read(bytes: &mut Thrift<'_>) -> Result<Self> {
        let (mut header, mut last) = (Self::default(), 0);
        while let Some((field, kind)) = bytes.field(&mut last)? {
            match field {
                1 => header.kind = Some(bytes.int32(kind)?),
                2 => header.uncompressed = Some(bytes.int32(kind)?),
                3 => header.compressed = Some(bytes.int32(kind)?),
                4 => bytes.int32(kind).map(drop)?,
                5 => header.data = Details::of_first(bytes, kind)?,
                7 => header.dictionary = Details::of_first(bytes, kind)?,
                8 => header.data_v2 = Details::of_second(bytes, kind)?,
                _ => bytes.skip(kind)?,
            }
        }
        Ok(header)
    }

    /// Those of the kind that it is.
    fn details(&self) -> &Details {
        match self.kind {
            Some(DICTIONARY) => &self.dictionary,
            Some(DATA_V2) => &self.data_v2,
            _ => &self.data,
        }
    }
}

impl Details {
    /// Of a page of the first version, or a dictionary.
    fn of_first(bytes: &mut Thrift<'_>, kind: Kind) -> Result<Self> {
        let (mut details, mut last) = (Self::default(), 0);
        bytes.expect(kind, Kind::Struct)?;
        while let Some((field, kind)) = bytes.field(&mut last)? {
            match (field, kind) {
                (1, _) => details.values = bytes.int32(kind)?,
                (2, _) => details.encoding = bytes.int32(kind)?,
                // Of a dictionary, the third says whether it is sorted.
                (3, Kind::Int) => details.levels_as[0] = bytes.int32(kind)?,
                (4, Kind::Int) => details.levels_as[1] = bytes.int32(kind)?,
                _ => bytes.skip(kind)?,
            }
        }
        Ok(details)
    }

    /// Of a page of the second version.
    fn of_second(bytes: &mut Thrift<'_>, kind: Kind) -> Result<Self> {
        let (mut details, mut last) = (Self::default(), 0);
        bytes.expect(kind, Kind::Struct)?;
        while let Some((field, kind)) = bytes.field(&mut last)? {
            match (field, kind) {
                (1, _) => details.values = bytes.int32(kind)?,
                (2 | 3, _) => bytes.int32(kind).map(drop)?,
                (4, _) => details.encoding = bytes.int32(kind)?,
                (5, _) => details.levels[0] = bytes.int32(kind)?,
                (6, _) => details.levels[1] = bytes.int32(kind)?,
                (7, Kind::Bool(compressed)) => details.plain = !compressed,
                (7, _) => bytes.expect(kind, Kind::Bool(true))?,
                _ => bytes.skip(kind)?,
            }
        }
        Ok(details)
    }
}

/// What a column chunk turned out to be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked {
    /// Whether there are pages that begin with lengths, of which [`lengths`](super::lengths) has to
    /// make sure once they are decompressed.
    pub(super) has_lengths: bool,
    /// Whether there are levels packed as old writers did, the highest bit of a byte first, that do
    /// not all say the same.
    pub(super) has_packed_levels: bool,
}

/// Holds what the pages of a column chunk claim against its bytes, and the values of a column that
/// is not repeated against the rows of its row group.
///
/// # Errors
/// `Data` for a claim that cannot be true.
pub(super) fn check(chunk: &ColumnChunkMetaData, bytes: &[u8], rows: usize) -> Result<Checked> {
    let flat = chunk.column_descr().max_rep_level() == 0;
    let rows = rows as u64;
    let (mut checked, mut values, mut largest) = (Checked::default(), 0, 0);
    let (mut rest, mut behind) = (Thrift(bytes), 0);
    for page in 0.. {
        if rest.left() == 0 {
            break;
        }
        let found = match next_page(chunk, rest) {
            // A decoder that asks for more rows than there are would believe what is there.
            Err(_) if flat && page > 0 && values == rows => {
                behind = rest.left();
                break;
            }
            Err(error) => return Err(Error::data(format!("page {page}: {}", error.kind()))),
            Ok(found) => found,
        };
        rest = found.behind;
        largest = largest.max(found.size);
        let details = match found.header.kind {
            Some(DATA | DATA_V2) => found.header.details(),
            Some(DICTIONARY) => continue,
            // The crate passes over such pages in one way when it looks ahead, and in another else.
            _ if flat => {
                let message = format!("page {page}, which is of a kind that holds no values");
                return Err(Error::unsupported(message));
            }
            _ => continue,
        };
        values += u64::from(details.values.unsigned_abs());
        if flat && values > rows {
            let message = format!("the column has more rows than its row group: {rows}");
            return Err(Error::data(message));
        }
        if found.header.kind == Some(DATA) {
            checked.has_packed_levels |= has_packed_levels(chunk, details.levels_as);
        }
        let has_lengths = |encoding| encoding as i32 == details.encoding;
        checked.has_lengths |= [
            Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Encoding::DELTA_BYTE_ARRAY,
        ]
        .into_iter()
        .any(has_lengths);
    }
    if flat && values < rows {
        let message = format!("the column has fewer rows than its row group: {values} of {rows}");
        return Err(Error::data(message));
    }
    let width = width_of(chunk);
    if width > WIDEST.max(largest) {
        let message = format!("the column's values have {width} bytes, its pages {largest}");
        return Err(Error::data(message));
    }
    if behind > 0 {
        let message = format!("{behind} bytes that are no page stand behind the last one");
        return Err(Error::data(message));
    }
    Ok(checked)
}

/// Whether levels of a chunk are packed bit by bit; those of a column without nulls are all 1, in
/// whichever order.
fn has_packed_levels(chunk: &ColumnChunkMetaData, [definition, repetition]: [i32; 2]) -> bool {
    #[expect(deprecated, reason = "old writers packed their levels so")]
    let packed = |encoding| encoding == Encoding::BIT_PACKED as i32;
    let descriptor = chunk.column_descr();
    let (definitions, repetitions) = (descriptor.max_def_level(), descriptor.max_rep_level());
    let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
    let all_there = definitions == 1 && nulls == Some(0);
    repetitions > 0 && packed(repetition) || definitions > 0 && packed(definition) && !all_there
}

/// A page.
struct Found<'a> {
    header: Header,
    /// How many bytes it has once decompressed.
    size: u64,
    behind: Thrift<'a>,
}

/// Checks the page at the front of the bytes.
fn next_page<'a>(chunk: &ColumnChunkMetaData, mut bytes: Thrift<'a>) -> Result<Found<'a>> {
    let header = Header::read(&mut bytes)?;
    let (Some(kind), Some(stored), Some(claimed)) =
        (header.kind, header.compressed, header.uncompressed)
    else {
        return Err(Error::data(
            "a header that does not say how long its page is",
        ));
    };
    let body = usize::try_from(stored).ok();
    let Some((body, behind)) = body.and_then(|stored| bytes.0.split_at_checked(stored)) else {
        let left = bytes.left();
        let message = format!("a header says that its page has {stored} bytes, {left} are left");
        return Err(Error::data(message));
    };
    let details = header.details();
    let levels = match kind {
        DATA_V2 => levels_of(details.levels, stored.min(claimed))?,
        _ => 0,
    };
    let codec = match details.plain {
        true => Compression::UNCOMPRESSED,
        false => chunk.compression(),
    };
    let values = body.get(levels..).unwrap_or_default();
    let size = u64::try_from(claimed).ok();
    let size = size.filter(|size| can_hold(codec, values, size.saturating_sub(levels as u64)));
    let Some(size) = size else {
        let message = format!("a page of {stored} bytes cannot hold the {claimed} that it claims");
        return Err(Error::data(message));
    };
    // What is not compressed is taken as it is, whatever the claim.
    let size = match codec {
        Compression::UNCOMPRESSED => body.len() as u64,
        _ => size,
    };
    let most = match kind {
        DICTIONARY => most_values(chunk, size),
        _ => u64::MAX,
    };
    let count = details.values;
    if u64::try_from(count).map_or(true, |count| count > most) {
        let message = format!("a page of {size} bytes cannot hold the {count} values it claims");
        return Err(Error::data(message));
    }
    Ok(Found {
        header,
        size,
        behind: Thrift(behind),
    })
}

/// How long the levels of a page of the second version are, together.
fn levels_of([a, b]: [i32; 2], most: i32) -> Result<usize> {
    let length = a.checked_add(b);
    let length = length.filter(|&length| a >= 0 && b >= 0 && length <= most);
    let length = length.and_then(|length| usize::try_from(length).ok());
    length.ok_or_else(|| {
        let message = format!("a page of {most} bytes with levels of {a} and {b}");
        Error::data(message)
    })
}

/// How many bytes each value has, where the type says so.
fn width_of(chunk: &ColumnChunkMetaData) -> u64 {
    let descriptor = chunk.column_descr();
    match descriptor.physical_type() {
        PhysicalType::BOOLEAN | PhysicalType::BYTE_ARRAY => 0,
        PhysicalType::INT32 | PhysicalType::FLOAT => 4,
        PhysicalType::INT64 | PhysicalType::DOUBLE => 8,
        PhysicalType::INT96 => 12,
        PhysicalType::FIXED_LEN_BYTE_ARRAY => descriptor.type_length().unsigned_abs().into(),
    }
}

/// How many values a dictionary of so many bytes has at most: they are plain.
fn most_values(chunk: &ColumnChunkMetaData, size: u64) -> u64 {
    let width = match chunk.column_descr().physical_type() {
        // Its length stands before each.
        PhysicalType::BYTE_ARRAY => 4,
        _ => width_of(chunk),
    };
    // Values of no bytes: bits, or nothing at all, of which one is enough.
    size.checked_div(width)
        .unwrap_or(size.saturating_mul(8).max(1))
}

/// Where the bytes of the pages of a sound column chunk stand in it, headers left out.
#[cfg(test)]
pub(super) fn bodies(chunk: &ColumnChunkMetaData, bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut bodies, mut rest) = (Vec::new(), Thrift(bytes));
    while rest.left() > 0 {
        let page = next_page(chunk, rest).unwrap();
        let end = bytes.len() - page.behind.left();
        let length = page.header.compressed.unwrap() as usize;
        bodies.push(end - length..end);
        rest = page.behind;
    }
    bodies
}
