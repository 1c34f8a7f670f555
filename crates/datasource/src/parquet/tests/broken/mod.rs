//! Files that are not what they say.

/// Bits that flip.
mod flips;
/// Footers that lie.
mod footers;
/// Page indexes that lie.
mod indexes;
/// Pages that lie.
mod lies;
/// Pages made by hand.
mod pages;
/// Files of every type, encoding and compression.
mod samples;

use std::cell::Cell;
use std::sync::{Arc, Once};

use bytes::Bytes;
use esker_datatypes::{Batch, Error, ErrorKind, Result};
use esker_logical_plan::{Claim, ScanFilter, ScanRequest, ScanStatus, TableSource};
use esker_runtime::TaskContext;
use parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter};

use super::{file, rows, small_groups};
use crate::{MemoryReadAt, ParquetOptions, ParquetSource};

fn open(bytes: &[u8]) -> Result<ParquetSource> {
    open_with(bytes, ParquetOptions::default())
}

fn open_with(bytes: &[u8], options: ParquetOptions) -> Result<ParquetSource> {
    let bytes = Arc::new(MemoryReadAt::from(bytes.to_vec()));
    ParquetSource::new(bytes, "t.parquet", options)
}

/// Reads all of a file, and says how many rows that were.
fn read(bytes: &[u8]) -> Result<usize> {
    read_all(&open(bytes)?)
}

/// Reads all of a table, and says how many rows that were.
pub(super) fn read_all(source: &ParquetSource) -> Result<usize> {
    scan(source, Vec::new())
}

/// Reads the rows of a table that pass, and says how many those were.
fn scan(source: &ParquetSource, filters: Vec<ScanFilter>) -> Result<usize> {
    let mut cx = TaskContext::standalone();
    let columns: Vec<usize> = (0..source.schema().len()).collect();
    let scan = source.scan(ScanRequest {
        schema: source.schema(),
        projection: columns.clone(),
        columns,
        filters,
        limit: None,
        batch_size: 8,
        query: Arc::clone(&cx.query),
    })?;
    let mut reader = scan.open(&mut cx)?;
    let mut rows = 0;
    while let Claim::Split(_) = reader.claim(&mut cx)? {
        loop {
            let mut batch = Batch::default();
            let status = reader.next(&mut batch, &mut cx)?;
            rows += batch.selected();
            if status == ScanStatus::SplitFinished {
                break;
            }
        }
    }
    Ok(rows)
}

fn text(result: Result<impl Sized>) -> String {
    result
        .err()
        .map(|error: Error| error.to_string())
        .unwrap_or_default()
}

#[test]
fn what_is_no_parquet_file_is_refused() {
    let check = |bytes: &[u8], want: &str| {
        let error = text(open(bytes));
        assert!(
            error.contains(want) && error.contains("t.parquet"),
            "{error}"
        );
    };
    check(b"", "too small");
    check(b"PAR1", "too small");
    check(b"a,b\n1,2\n3,4\n5,6\n", "Corrupt footer");
    let whole = file(&[rows(20)], small_groups());
    // Cut short anywhere: in pages, between them, in the page index, in the footer and behind it.
    for len in 0..whole.len() {
        check_error(&open(&whole[..len]).unwrap_err(), false);
    }
    // The front is gone, the footer is there: the columns do not lie where it says.
    let error = text(read(&whole[200..]));
    assert!(error.contains("in file 't.parquet'"), "{error}");
}

/// The most bytes that are allocated at once meanwhile, by this thread. Panics of decoders, which are
/// caught, print nothing: to find out where they happened takes more memory than any file.
fn memory(read: impl FnOnce()) -> u64 {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                loud(panic);
            }
        }));
    });
    QUIET.set(true);
    let found = allocation_counter::measure(read);
    QUIET.set(false);
    found.bytes_max
}

/// An error is the file's, and says so; that in a column names row group and column too.
fn check_error(error: &Error, in_column: bool) {
    let text = error.to_string();
    let blames = matches!(
        error.kind(),
        ErrorKind::Data { .. } | ErrorKind::Unsupported { .. }
    );
    assert!(blames, "{error:?}");
    assert!(text.contains("in file 't.parquet'"), "{text}");
    let says_where = text.contains("in column '") && text.contains("in row group ");
    assert!(says_where || !in_column, "{text}");
}

/// Where the footer starts: its length stands before the last four bytes.
fn footer_of(bytes: &[u8]) -> usize {
    let end = bytes.len() - 8;
    let length: [u8; 4] = bytes[end..end + 4].try_into().unwrap();
    end - u32::from_le_bytes(length) as usize
}

#[test]
fn broken_bytes_are_errors_that_say_where() {
    let whole = file(&[rows(40)], small_groups());
    let footer = footer_of(&whole);
    assert_eq!(read(&whole).unwrap(), 40);
    let mut errors = Vec::new();
    for at in (4..footer).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        errors.extend(read(&bytes).err());
    }
    assert!(errors.len() > 10);
    for error in errors {
        let text = error.to_string();
        assert!(
            text.contains("row group") && text.contains("in column"),
            "{text}"
        );
        assert!(text.contains("in file 't.parquet'"), "{text}");
    }
}

#[test]
fn a_broken_footer_is_an_error() {
    let whole = file(&[rows(40)], small_groups());
    let footer = footer_of(&whole);
    let mut errors = 0;
    for (i, at) in (footer..whole.len()).step_by(3).enumerate() {
        let mut bytes = whole.clone();
        bytes[at] ^= [0x01, 0x55, 0x80, 0xff][i % 4];
        let Err(error) = read(&bytes) else {
            continue;
        };
        errors += 1;
        assert!(error.to_string().contains("in file 't.parquet'"), "{error}");
    }
    assert!(errors > 100, "{errors}");
}

#[test]
fn a_dictionary_that_is_not_there() {
    let bytes = file(&[rows(40)], small_groups().set_dictionary_enabled(false));
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(bytes.clone()));
    let mut builder = metadata.unwrap().into_builder();
    for group in builder.take_row_groups() {
        let mut group = group.into_builder();
        let columns = group.take_columns().into_iter().map(|column| {
            let column = column.into_builder().set_dictionary_page_offset(Some(0));
            column.build().unwrap()
        });
        let group = group.set_column_metadata(columns.collect());
        builder = builder.add_row_group(group.build().unwrap());
    }
    let mut old = bytes[..footer_of(&bytes)].to_vec();
    let metadata = builder.build();
    ParquetMetaDataWriter::new(&mut old, &metadata)
        .finish()
        .unwrap();
    assert_eq!(read(&old).unwrap(), 40);
}

#[test]
fn a_file_that_changes_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    std::fs::write(&path, file(&[rows(20)], small_groups())).unwrap();
    let source = ParquetSource::open(&path).unwrap();
    assert_eq!(source.name(), "t");
    let count = |source: &ParquetSource| source.properties().statistics.rows.exact();
    assert_eq!(count(&source), Some(20));
    std::fs::write(&path, file(&[rows(30)], small_groups())).unwrap();
    let cx = TaskContext::standalone();
    let request = ScanRequest {
        schema: source.schema(),
        columns: vec![0],
        projection: vec![0],
        filters: Vec::new(),
        limit: None,
        batch_size: 8,
        query: Arc::clone(&cx.query),
    };
    let mut cx = cx;
    let scan = source.scan(request).unwrap();
    let error = text(scan.open(&mut cx).unwrap().claim(&mut cx));
    assert!(error.contains("was changed"), "{error}");
    // The new footer is read, not the remembered one.
    assert_eq!(count(&ParquetSource::open(&path).unwrap()), Some(30));
    let error = text(ParquetSource::open(folder.path().join("none.parquet")));
    assert!(error.contains("none.parquet"), "{error}");
}
