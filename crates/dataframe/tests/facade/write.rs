//! Files written and read again, and what is left when that goes wrong.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use esker_dataframe::prelude::*;

use crate::sources::Numbers;
use crate::{batch, context, employees, eventually, frame, ints, rows};

/// So many rows of several types, in batches of odd sizes.
fn table(rows: i64) -> Vec<RecordBatch> {
    let part = |from: i64, to: i64| {
        let text = (from..to).map(|i| (i % 5 != 0).then(|| format!("text {}", i % 97)));
        let comment =
            (from..to).map(|i| Some(format!("a longer text that is one of its kind: {i}")));
        let floats = (from..to).map(|i| (i % 11 != 0).then(|| i as f64 / 4.0));
        let flags = (from..to).map(|i| (i % 3 != 0).then_some(i % 2 == 0));
        batch([
            ("n", ints(from..to)),
            ("text", Arc::new(text.collect::<StringArray>()) as _),
            ("comment", Arc::new(comment.collect::<StringArray>()) as _),
            ("x", Arc::new(floats.collect::<Float64Array>()) as _),
            ("flag", Arc::new(flags.collect::<BooleanArray>()) as _),
        ])
    };
    let cuts = [0, rows / 7, rows / 7, rows / 3, rows - rows / 100, rows];
    cuts.windows(2).map(|cut| part(cut[0], cut[1])).collect()
}

fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn rows_come_back_in_order_from_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let batches = table(300_000);
    let all = concat_batches(&batches[0].schema(), &batches).unwrap();
    let mut lengths = Vec::new();
    for threads in [1, 4] {
        let ctx = context(threads);
        let path = folder.path().join(format!("{threads}.parquet"));
        let options = ParquetWriteOptions::default().with_row_group_rows(50_000);
        let written = ctx
            .from_batches(batches.clone())
            .unwrap()
            .write_parquet_with(&path, options)
            .unwrap();
        assert_eq!(written.rows, 300_000);
        assert_eq!(written.bytes, fs::metadata(&path).unwrap().len());
        lengths.push(written.bytes);
        let back = ctx.parquet(&path).unwrap().collect().unwrap();
        let back = back.to_batch().unwrap();
        assert_eq!(back.num_rows(), 300_000);
        for (i, column) in all.columns().iter().enumerate() {
            let back = arrow::compute::cast(back.column(i), column.data_type()).unwrap();
            assert_eq!(&back, column, "column {i}, {threads} threads");
        }
        // Filtered, sorted and without rows.
        let again = folder.path().join("again.parquet");
        let some = ctx.parquet(&path).unwrap().filter((col("n") % 1000).eq(7));
        let sorted = some.sort([col("n").desc()]);
        assert_eq!(sorted.write_parquet(&again).unwrap().rows, 300);
        assert_eq!(rows(&ctx.parquet(&again).unwrap()), rows(&sorted));
        let none = some.filter(col("n").lt(0));
        assert_eq!(none.write_parquet(&again).unwrap().rows, 0);
        let back = ctx.parquet(&again).unwrap();
        assert_eq!(back.schema().unwrap(), none.schema().unwrap());
        assert_eq!(back.count().unwrap(), 0);
    }
    assert_eq!(lengths[0], lengths[1]);
}

#[test]
fn a_file_may_be_written_from_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("self.parquet");
    let ctx = context(2);
    let numbers = frame(&ctx, "n", ints(0..1000));
    numbers.write_parquet(&path).unwrap();
    let odd = ctx.parquet(&path).unwrap().filter((col("n") % 2).eq(1));
    assert_eq!(odd.write_parquet(&path).unwrap().rows, 500);
    assert_eq!(ctx.parquet(&path).unwrap().count().unwrap(), 500);
}

#[test]
fn a_failed_query_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    fs::write(&path, "old").unwrap();
    for threads in [1, 4] {
        let ctx = context(threads);
        let broken = Numbers::with(1000, |split| match split {
            700 => Err(Error::data("split 700 is broken")),
            _ => Ok(()),
        });
        let options = ParquetWriteOptions::default().with_row_group_rows(100);
        let error = broken
            .frame(&ctx)
            .write_parquet_with(&path, options)
            .unwrap_err();
        assert!(error.to_string().contains("split 700"), "{error}");
        // A mistake is found before there is any file.
        let error = employees(&ctx).select(["nobody"]).write_parquet(&path);
        assert!(error.unwrap_err().to_string().contains("'nobody'"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(files(folder.path()), ["out.parquet"]);
    }
}

#[test]
fn errors_name_the_file_and_the_call() {
    let ctx = context(2);
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/folder/out.parquet");
    let error = employees(&ctx).write_parquet(&missing).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no/such/folder/out.parquet"), "{text}");
    assert!(text.contains("in write_parquet() called at"), "{text}");
    let options = ParquetWriteOptions::default().with_compression_level(100);
    let error = employees(&ctx).write_parquet_with(&missing, options);
    let text = error.unwrap_err().to_string();
    assert!(text.contains("Zstd compression has no level 100"), "{text}");
    let nothing = employees(&ctx).select(Vec::<Expr>::new());
    let text = nothing.write_parquet(&missing).unwrap_err().to_string();
    assert!(text.contains("at least one column"), "{text}");
    // What a limit of memory allows is still written.
    let ctx = ExecutionContext::builder()
        .threads(2)
        .memory_limit(8 << 20)
        .build()
        .unwrap();
    let path = folder.path().join("out.parquet");
    let numbers = Numbers::new(20_000).frame(&ctx);
    assert_eq!(numbers.write_parquet(&path).unwrap().rows, 200_000);
    assert_eq!(ctx.memory().used(), 0);
    assert!(ctx.memory().peak() <= 8 << 20);
}

/// Set in a process that writes until it is killed, to the path it writes to.
const VICTIM: &str = "ESKER_TEST_WRITES_UNTIL_KILLED";

/// Not a test of its own: what the killed process runs.
#[test]
fn writes_until_killed() {
    let Some(path) = std::env::var_os(VICTIM) else {
        return;
    };
    let options = ParquetWriteOptions::default().with_row_group_rows(1000);
    Numbers::endless()
        .frame(&context(2))
        .write_parquet_with(path, options)
        .unwrap();
}

#[test]
fn a_killed_process_leaves_the_old_file_or_none() {
    let folder = tempfile::tempdir().unwrap();
    for old in [None, Some("old")] {
        let path = folder.path().join("out.parquet");
        if let Some(old) = old {
            fs::write(&path, old).unwrap();
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "write::writes_until_killed"])
            .env(VICTIM, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let hidden = |name: &String| name.starts_with(".out.parquet.") && name.ends_with(".tmp");
        // It has begun, and written some row groups.
        eventually("row groups are written", || {
            let names = files(folder.path());
            let written = names.iter().filter(|name| hidden(name)).map(|name| {
                let metadata = fs::metadata(folder.path().join(name));
                metadata.map_or(0, |metadata| metadata.len())
            });
            written.sum::<u64>() > 10_000
        });
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        match old {
            None => assert!(!path.exists()),
            Some(old) => assert_eq!(fs::read_to_string(&path).unwrap(), old),
        }
        for name in files(folder.path()).iter().filter(|name| hidden(name)) {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
}

mod readers {
    use arrow::array::{RecordBatchIterator, RecordBatchReader};
    use arrow::error::ArrowError;

    use super::*;

    #[test]
    fn a_frame_is_a_reader_and_a_reader_a_frame() {
        for threads in [1, 4] {
            let ctx = context(threads);
            let numbers = Numbers::new(500).frame(&ctx).filter((col("n") % 3).eq(0));
            let reader = numbers.reader().unwrap();
            assert_eq!(reader.schema(), numbers.schema().unwrap());
            let back = ctx.from_reader(reader);
            assert_eq!(back.schema().unwrap(), numbers.schema().unwrap());
            // Looking at the plan does not use the reader up.
            back.explain().unwrap();
            let first = back.with_column("twice", col("n") * 2);
            let first = first.filter(col("n").gt_eq(300)).limit(2);
            assert_eq!(rows(&first), ["300,600", "303,606"]);
            let text = back.collect().unwrap_err().to_string();
            assert!(text.contains("a reader gives them once"), "{text}");
            assert!(text.contains("from_reader"), "{text}");
        }
    }

    #[test]
    fn all_rows_in_order() {
        let batches = table(100_000);
        let schema = batches[0].schema();
        let all = concat_batches(&schema, &batches).unwrap();
        for threads in [1, 4] {
            let ctx = context(threads);
            let reader =
                RecordBatchIterator::new(batches.clone().into_iter().map(Ok), Arc::clone(&schema));
            let back = ctx.from_reader(reader).collect().unwrap();
            assert_eq!(back.to_batch().unwrap(), all);
        }
    }

    #[test]
    fn a_reader_cannot_be_joined_with_itself() {
        let ctx = context(2);
        let batches = table(100);
        let schema = batches[0].schema();
        let reader = RecordBatchIterator::new(batches.into_iter().map(Ok), schema);
        let frame = ctx.from_reader(reader);
        let text = frame.union(&frame).collect().unwrap_err().to_string();
        assert!(text.contains("from_batches"), "{text}");
    }

    #[test]
    fn errors_pass_through() {
        let ctx = context(2);
        let broken = || {
            let numbers = Numbers::with(10, |split| match split {
                5 => Err(Error::data("split 5 is broken").at_line(77)),
                _ => Ok(()),
            });
            numbers.frame(&ctx).reader().unwrap()
        };
        let mut reader = broken();
        let error = reader.find_map(Result::err).unwrap();
        assert!(matches!(error, ArrowError::ExternalError(_)), "{error}");
        assert!(reader.next().is_none());
        let error = ctx.from_reader(broken()).collect().unwrap_err();
        assert!(
            error.to_string().contains("split 5 is broken (at line 77"),
            "{error}"
        );
    }
}
