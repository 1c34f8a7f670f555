//! Files that are not what they say.

use std::sync::Arc;

use esker_datatypes::{Batch, Error, Result};
use esker_logical_plan::{Claim, ScanRequest, ScanStatus, TableSource};
use esker_runtime::TaskContext;

use super::{file, rows, small_groups};
use crate::{MemoryReadAt, ParquetOptions, ParquetSource};

fn open(bytes: &[u8]) -> Result<ParquetSource> {
    let bytes = Arc::new(MemoryReadAt::from(bytes.to_vec()));
    ParquetSource::new(bytes, "t.parquet", ParquetOptions::default())
}

/// Reads all of a file, and says how many rows that were.
fn read(bytes: &[u8]) -> Result<usize> {
    let source = open(bytes)?;
    let mut cx = TaskContext::standalone();
    let columns: Vec<usize> = (0..source.schema().len()).collect();
    let scan = source.scan(ScanRequest {
        schema: source.schema(),
        projection: columns.clone(),
        columns,
        filters: Vec::new(),
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
    for len in [8, whole.len() / 2, whole.len() - 1] {
        assert!(open(&whole[..len]).is_err(), "{len}");
    }
    // The front is gone, the footer is there: the columns do not lie where it says.
    let error = text(read(&whole[200..]));
    assert!(error.contains("in file 't.parquet'"), "{error}");
}

#[test]
fn broken_bytes_are_errors_that_say_where() {
    let whole = file(&[rows(40)], small_groups());
    // The bytes before the last 8: the length of the footer stands there.
    let footer = whole.len() - 8;
    let length: [u8; 4] = whole[footer..footer + 4].try_into().unwrap();
    let footer = footer - u32::from_le_bytes(length) as usize;
    assert_eq!(read(&whole).unwrap(), 40);
    let mut errors = Vec::new();
    for at in (4..footer).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        // As the engine does: what the decoder does not check may panic.
        let read = std::panic::catch_unwind(|| read(&bytes));
        errors.extend(read.ok().and_then(Result::err));
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
