//! The heads of files: where rows start, what columns are called and which types they have.

use std::collections::HashSet;
use std::path::Path;

use esker_datatypes::{Error, Field as Column, Precision, Result, Schema};

use super::CsvOptions;
use super::decode::can_read;
use super::dialect::Dialect;
use super::file::CsvFile;
use super::infer::Kinds;
use super::records::{Field, Records};
use super::split::{Chunk, Cursor, newlines};
use super::token::{Fault, Tokenizer};
use crate::file_set::same_names;
use crate::read_at::{ReadAt, read_full};

/// How much of a file is looked at first.
const HEAD_BYTES: usize = 64 << 10;

/// What the head of a file says.
#[derive(Debug)]
pub(super) struct Head {
    /// Where the rows start.
    pub(super) start: u64,
    /// The line there, from 1.
    pub(super) line: u64,
    /// What the columns are called.
    pub(super) names: Vec<String>,
}

impl Head {
    /// Reads the head of a file of `len` bytes.
    pub(super) fn read(
        file: &dyn ReadAt,
        len: u64,
        path: &Path,
        options: &CsvOptions,
    ) -> Result<Self> {
        let dialect = options.dialect()?;
        let mut window = Vec::new();
        let mut size = HEAD_BYTES;
        let found = loop {
            let have = window.len();
            let want = usize::try_from(len).unwrap_or(usize::MAX).min(size);
            window.resize(want.max(have), 0);
            let added = read_full(
                file,
                have as u64,
                window.get_mut(have..).unwrap_or_default(),
            )?;
            window.truncate(have + added);
            // What is cut short here is found to be so when it is scanned.
            let whole = window.len() < size || window.len() as u64 == len;
            let found = find(&window, whole, options, dialect).map_err(|fault| {
                let line = newlines(window.get(..fault.offset).unwrap_or_default()) + 1;
                fault.error.at_line(line).in_file(path)
            })?;
            match found {
                Some(found) => break found,
                None => size = size.saturating_mul(2),
            }
        };
        let start = found.start as u64;
        let line = newlines(window.get(..found.start).unwrap_or_default()) + 1;
        drop(window);
        if found.names.is_empty() && (options.has_header || options.schema.is_none()) {
            let what = if len == 0 {
                "the file is empty"
            } else {
                "the file has no header or rows"
            };
            return Err(Error::data(what).in_file(path));
        }
        if let Some(given) = &options.schema {
            let wanted = given.fields().len();
            let fields = found.names.len();
            if options.has_header && fields != wanted && !options.ignore_errors {
                let message = format!("the schema has {wanted} columns, the header {fields}");
                return Err(Error::invalid_input(message).in_file(path));
            }
        }
        Ok(Self {
            start,
            line,
            names: found.names,
        })
    }
}

/// The columns of files whose names these are, and how many rows the files seem to have.
///
/// All have the names of the first one, unless the options give a schema. The types are those of
/// the first rows of all files taken together.
pub(super) fn columns(
    files: &[CsvFile],
    names: &[Vec<String>],
    options: &CsvOptions,
) -> Result<(Schema, Precision<u64>)> {
    let (Some((first, others)), Some((wanted, found))) = (files.split_first(), names.split_first())
    else {
        return Err(Error::internal("the columns of no files"));
    };
    if let Some(given) = &options.schema {
        let schema = given_schema(given).map_err(|error| error.in_file(&first.path))?;
        return Ok((schema, Precision::Unknown));
    }
    if let Some(name) = repeated(wanted.iter().map(String::as_str)) {
        let message = format!("the header names '{name}' twice: give a schema");
        return Err(Error::invalid_input(message).in_file(&first.path));
    }
    for (file, found) in others.iter().zip(found) {
        let (found, wanted) = (found.iter(), wanted.iter());
        same_names(found, wanted, &first.path).map_err(|error| error.in_file(&file.path))?;
    }
    let sample = Sample::read(files, options, wanted.len())?;
    let types = sample.kinds.iter().map(|kinds| kinds.data_type());
    let columns = wanted.iter().zip(types);
    let schema = columns
        .map(|(name, data_type)| Column::new(name.as_str(), data_type, true))
        .collect();
    let bytes = files.iter().map(|file| file.len - file.start).sum();
    Ok((schema, sample.estimate(bytes)))
}

/// The columns of a schema that the user gave.
fn given_schema(given: &arrow::datatypes::Schema) -> Result<Schema> {
    if given.fields().is_empty() {
        return Err(Error::invalid_input("the schema of a CSV has no columns"));
    }
    if let Some(name) = repeated(given.fields().iter().map(|field| field.name().as_str())) {
        return Err(Error::invalid_input(format!(
            "the schema names '{name}' twice"
        )));
    }
    if let Some(field) = given
        .fields()
        .iter()
        .find(|field| !can_read(field.data_type()))
    {
        let feature = format!("reading a CSV column as {}", field.data_type());
        return Err(Error::unsupported(feature).in_column(field.name()));
    }
    let fields = given.fields().iter();
    Ok(fields
        .map(|field| Column::from_arrow(field).with_nullable(true))
        .collect())
}

/// The first name that was there before.
fn repeated<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    names.find(|name| !seen.insert(*name))
}

/// Where the rows start and the names of the columns, if they were looked for and found.
struct Found {
    start: usize,
    names: Vec<String>,
}

/// Looks for the header in the first bytes of a file, or in all of them; `None` when it may end
/// behind them. Without a header the first record says how many columns there are.
fn find(
    window: &[u8],
    whole: bool,
    options: &CsvOptions,
    dialect: Dialect,
) -> Result<Option<Found>, Fault> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let mut start = if window.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    for _ in 0..options.skip_rows {
        match memchr::memchr(b'\n', window.get(start..).unwrap_or_default()) {
            Some(at) => start += at + 1,
            None if whole => start = window.len(),
            None => return Ok(None),
        }
        if start == window.len() {
            break;
        }
    }
    // Blank lines are skipped on the way.
    let mut tokenizer = Tokenizer {
        dialect,
        fields: None,
        wanted: Vec::new(),
        lenient: !whole || options.ignore_errors,
    };
    let mut records = Records::default();
    let end = tokenizer.read(window, start, true, 1, &mut records)?;
    if end == window.len() && !whole {
        return Ok(None);
    }
    if records.rows() == 0 {
        let start = if options.has_header { end } else { start };
        return Ok(Some(Found {
            start,
            names: Vec::new(),
        }));
    }
    let count = records.fields_seen();
    if !options.has_header {
        let names = (1..=count).map(|i| format!("field_{i}")).collect();
        return Ok(Some(Found { start, names }));
    }
    tokenizer.wanted = (0..count).collect();
    tokenizer.read(window, start, true, 1, &mut records)?;
    let offset = records.start(0);
    let fault = |message: &str| Fault {
        offset,
        error: Error::data(message),
    };
    let mut names = Vec::with_capacity(count);
    for slot in 0..count {
        let mut name = Vec::new();
        match records.column(window, slot).get(0) {
            Field::Null => {}
            Field::Text(text) => name.extend_from_slice(text),
            Field::Escaped(text) => dialect.unescape(text, &mut name),
            Field::Malformed(_) => return Err(fault("malformed quotes in the header")),
        }
        let name = String::from_utf8(name).map_err(|_| fault("invalid UTF-8 in the header"))?;
        names.push(if name.is_empty() {
            format!("field_{}", slot + 1)
        } else {
            name
        });
    }
    Ok(Some(Found { start: end, names }))
}

/// The first rows of the files.
struct Sample {
    /// What each column holds.
    kinds: Vec<Kinds>,
    rows: u64,
    bytes: u64,
}

impl Sample {
    /// Reads the first rows, mistakes mended: whoever scans the rows is told of them.
    fn read(files: &[CsvFile], options: &CsvOptions, fields: usize) -> Result<Self> {
        let tokenizer = Tokenizer {
            dialect: options.dialect()?,
            fields: Some(fields),
            wanted: (0..fields).collect(),
            lenient: true,
        };
        let (mut chunk, mut records) = (Chunk::default(), Records::default());
        let mut text = Vec::new();
        let mut sample = Self {
            kinds: vec![Kinds::default(); fields],
            rows: 0,
            bytes: 0,
        };
        let lens = files.iter().map(|file| file.len).collect();
        let mut cursor = Cursor::new(files.to_vec(), lens, HEAD_BYTES);
        let mut left = options.infer_rows;
        while left > 0 && cursor.next(tokenizer.dialect, &mut chunk)? {
            let bytes = chunk.bytes();
            let end = tokenizer
                .read(bytes, 0, chunk.quotes, left, &mut records)
                .map_err(|fault| match files.get(chunk.file) {
                    Some(file) => fault.error.in_file(&file.path),
                    None => fault.error,
                })?;
            for (slot, kinds) in sample.kinds.iter_mut().enumerate() {
                for field in records.column(bytes, slot).iter() {
                    match field {
                        Field::Null => {}
                        Field::Text(text) | Field::Malformed(text) => kinds.add(text),
                        Field::Escaped(escaped) => {
                            text.clear();
                            tokenizer.dialect.unescape(escaped, &mut text);
                            kinds.add(&text);
                        }
                    }
                }
            }
            left -= records.rows();
            sample.rows += records.rows() as u64;
            sample.bytes += end as u64;
        }
        Ok(sample)
    }

    /// How many rows `bytes` have if all are like these.
    fn estimate(&self, bytes: u64) -> Precision<u64> {
        if bytes == 0 {
            return Precision::Estimated(0);
        }
        if self.bytes == 0 {
            return Precision::Unknown;
        }
        let rows = u128::from(bytes) * u128::from(self.rows) / u128::from(self.bytes);
        Precision::Estimated(u64::try_from(rows).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, TimeUnit};

    use super::*;

    #[test]
    fn estimates() {
        let sample = Sample {
            kinds: Vec::new(),
            rows: 10,
            bytes: 100,
        };
        assert_eq!(sample.estimate(1000), Precision::Estimated(100));
        assert_eq!(sample.estimate(0), Precision::Estimated(0));
        let sample = Sample {
            kinds: Vec::new(),
            rows: 0,
            bytes: 0,
        };
        assert_eq!(sample.estimate(7), Precision::Unknown);
    }

    #[test]
    fn what_is_inferred_can_be_read() {
        let texts = ["1", "1.5", "true", "2024-01-01", "2024-01-01 00:00", "x"];
        for text in texts {
            let mut kinds = Kinds::default();
            kinds.add(text.as_bytes());
            assert!(can_read(&kinds.data_type()), "{text}");
        }
        assert!(!can_read(&DataType::Duration(TimeUnit::Second)));
    }
}
