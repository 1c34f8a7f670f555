//! Several files as one table.

use std::fs;
use std::path::PathBuf;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use esker_datatypes::Result;
use esker_logical_plan::{TableSource, source_conformance};
use std::sync::Arc;

use super::{file, rows, shown, small_groups};
use crate::{ParquetOptions, ParquetSource};

fn write(folder: &tempfile::TempDir, name: &str, batch: &RecordBatch) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, file(std::slice::from_ref(batch), small_groups())).unwrap();
    path
}

#[test]
fn the_files_of_a_folder_are_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let batches = [rows(5), rows(0), rows(17)];
    write(&folder, "b.parquet", &batches[1]);
    write(&folder, "a.parquet", &batches[0]);
    write(&folder, "c.parquet", &batches[2]);
    fs::write(folder.path().join("_SUCCESS"), b"").unwrap();
    fs::create_dir(folder.path().join("d.parquet")).unwrap();
    let source = ParquetSource::open(folder.path()).unwrap();
    source_conformance::check(&source, &shown(&batches, &source)).unwrap();
    let backwards = ["c.parquet", "a.parquet"].map(|name| folder.path().join(name));
    let source = ParquetSource::open_with(backwards, ParquetOptions::default()).unwrap();
    assert_eq!(source.name(), "c");
    assert_eq!(source.properties().statistics.rows.exact(), Some(22));
    let batches = [batches[2].clone(), batches[0].clone()];
    source_conformance::check(&source, &shown(&batches, &source)).unwrap();
}

#[test]
fn files_must_agree() {
    let columns = |columns: Vec<(&str, ArrayRef)>| RecordBatch::try_from_iter(columns).unwrap();
    let ints: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let nulls: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), None]));
    let small: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let first = columns(vec![("x", ints.clone()), ("t", texts.clone())]);
    let open = |second: &RecordBatch| -> Result<ParquetSource> {
        let folder = tempfile::tempdir().unwrap();
        let paths = [
            write(&folder, "1.parquet", &first),
            write(&folder, "2.parquet", second),
        ];
        ParquetSource::open_with(paths, ParquetOptions::default())
    };
    let check = |second: &RecordBatch, want: &str| {
        let error = open(second).unwrap_err().to_string();
        assert!(
            error.contains(want) && error.contains("2.parquet"),
            "{error}"
        );
    };
    check(
        &columns(vec![("x", small), ("t", texts.clone())]),
        "'x' is Int32, but Int64 in '",
    );
    check(
        &columns(vec![("t", texts.clone()), ("x", ints.clone())]),
        "'t' stands where 'x'",
    );
    check(&columns(vec![("x", ints)]), "1 columns, but 2");
    let nullable = open(&columns(vec![("x", nulls), ("t", texts)])).unwrap();
    assert!(nullable.schema().field(0).unwrap().nullable());
    let none: [PathBuf; 0] = [];
    assert!(ParquetSource::open_with(none, ParquetOptions::default()).is_err());
    let empty = tempfile::tempdir().unwrap();
    let error = ParquetSource::open(empty.path()).unwrap_err().to_string();
    assert!(error.contains("no file"), "{error}");
}
