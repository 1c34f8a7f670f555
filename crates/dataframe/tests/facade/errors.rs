//! What goes wrong is told clearly, hurts nobody else, and leaves nothing behind.

/// What does not fit into memory.
mod memory;
/// Mistakes in groups, joins, sorts and duplicates.
mod relations;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType as ArrowType, Field, Schema};
use esker_dataframe::prelude::*;

use crate::sources::{Numbers, ROWS};
use crate::{batch, call, context, employees, eventually, fixture, frame, ints, lines, rows};

/// The message, with `HERE` for the place of the user's call, which is this line of the test's
/// file.
#[track_caller]
fn said(error: &Error, method: &str, line: u32) -> String {
    let Some((called, location)) = error.call() else {
        panic!("no call in: {error}")
    };
    let place = (called, location.line());
    assert_eq!(place, (method, line), "{error}");
    error.to_string().replace(&location.to_string(), "HERE")
}

/// A file of this text, read as CSV with types from its first row; `FILE` in the message.
fn csv_error(text: &[u8]) -> (ErrorKind, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people.csv");
    std::fs::write(&path, text).unwrap();
    let options = CsvOptions::default().with_infer_rows(1);
    let line = line!() + 1;
    let opened = context(2).csv_with(&path, options);
    let error = opened.and_then(|df| df.collect()).unwrap_err();
    let path = path.display().to_string();
    (
        error.kind().clone(),
        said(&error, "csv_with", line).replace(&path, "FILE"),
    )
}

#[test]
fn files_that_cannot_be_read() {
    let line = line!() + 1;
    let error = context(1).csv("no/such.csv").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { .. }));
    assert_eq!(
        said(&error, "csv", line),
        "no/such.csv: No such file or directory (os error 2) (in csv() called at HERE)"
    );
    let check = |text: &[u8], want: &str| {
        let (kind, said) = csv_error(text);
        assert_eq!(said, want);
        assert!(matches!(kind, ErrorKind::Data { .. }), "{kind:?}");
    };
    check(
        b"",
        "the file is empty (in file 'FILE', in csv_with() called at HERE)",
    );
    check(
        b"id,name\n1,Ada\n2\n3,Bob\n",
        "expected 2 fields, found 1 (at line 3, in file 'FILE', in csv_with() called at HERE)",
    );
    check(
        b"id,name\n1,Ada\n2,Bob\nthree,Carl\n",
        "expected Int64, found 'three' \
         (in column 'id', at line 4, in file 'FILE', in csv_with() called at HERE)",
    );
    check(
        b"id,name\n1,Ada\n2,B\xffb\n",
        "invalid UTF-8: 'B\u{fffd}b' \
         (in column 'name', at line 3, in file 'FILE', in csv_with() called at HERE)",
    );
}

#[test]
fn columns_that_are_not_there() {
    let ctx = context(1);
    let line = line!() + 1;
    let wrong = employees(&ctx).select(["id", "lastname"]);
    for error in [
        wrong.collect().unwrap_err(),
        wrong.schema().unwrap_err(),
        wrong.explain().unwrap_err(),
        wrong.count().unwrap_err(),
        wrong.start().unwrap_err(),
    ] {
        assert!(matches!(error.kind(), ErrorKind::ColumnNotFound { .. }));
        assert_eq!(
            said(&error, "select", line),
            "column 'lastname' not found: did you mean 'last_name'? (in select() called at HERE)"
        );
    }
    let line = line!() + 1;
    let wrong = employees(&ctx).drop(["id", "x"]);
    assert_eq!(
        said(&wrong.collect().unwrap_err(), "drop", line),
        "column 'x' not found: the columns are id, first_name, last_name, state, job_title, \
         salary (in drop() called at HERE)"
    );
    let line = line!() + 1;
    let error = ctx.table("employes").unwrap_err();
    assert_eq!(
        said(&error, "table", line),
        "there is no table 'employes': none is registered (in table() called at HERE)"
    );
}

#[test]
fn names_that_mean_two_columns() {
    let ctx = context(1);
    let int = |name| Field::new(name, ArrowType::Int64, true);
    let schema = Arc::new(Schema::new(vec![int("a"), int("a")]));
    let twice = RecordBatch::try_new(schema, vec![ints([1]), ints([2])]).unwrap();
    let line = line!() + 1;
    let wrong = ctx.from_batches([twice]).unwrap().filter(col("a").gt(1));
    let error = wrong.collect().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AmbiguousColumn { .. }));
    assert_eq!(
        said(&error, "filter", line),
        "column 'a' is ambiguous: it could be 'a' or 'a' (in filter() called at HERE)"
    );
    // A name with a dot, and a column of a frame of that alias.
    let both = ctx
        .from_batches([batch([("x", ints([1])), ("o.x", ints([2]))])])
        .unwrap();
    let line = line!() + 1;
    let wrong = both.alias("o").filter(col("o.x").gt(1));
    assert_eq!(
        said(&wrong.collect().unwrap_err(), "filter", line),
        "column 'o.x' is ambiguous: it could be 'o.x' or 'o.o.x' (in filter() called at HERE)"
    );
    let line = line!() + 1;
    let wrong = both.select([col("x"), col("x") + 1]);
    assert_eq!(
        said(&wrong.collect().unwrap_err(), "select", line),
        "two columns are named 'x': give one another name with .alias(..) \
         (in select() called at HERE)"
    );
}

#[test]
fn types_that_do_not_go_together() {
    let ctx = context(1);
    let line = line!() + 1;
    let wrong = employees(&ctx).with_column("n", col("last_name") + 1);
    let error = wrong.collect().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TypeMismatch { .. }));
    assert_eq!(
        said(&error, "with_column", line),
        "cannot compute Utf8View + Int32; text never becomes a number by itself: cast one side \
         (in expression #last_name + 1, in with_column() called at HERE)"
    );
    let day = Arc::new(Date32Array::from(vec![10471]));
    let line = line!() + 1;
    let wrong = frame(&ctx, "day", day).filter(col("day").lt("1998-12-01"));
    let error = wrong.collect().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TypeMismatch { .. }));
    assert_eq!(
        said(&error, "filter", line),
        "cannot compare Date32 < Utf8View; text is no date: write lit(date) or cast it \
         (in expression #day < '1998-12-01', in filter() called at HERE)"
    );
    let line = line!() + 1;
    let wrong = employees(&ctx).filter("salary");
    assert_eq!(
        said(&wrong.collect().unwrap_err(), "filter", line),
        "a filter takes a truth value, not Int64 \
         (in expression #salary, in filter() called at HERE)"
    );
}

#[test]
fn values_without_a_result() {
    let ctx = context(2);
    let df = frame(&ctx, "n", ints([1, i64::MAX, 3]));
    let line = line!() + 1;
    let wrong = df.select([(col("n") + 1).alias("next")]);
    let error = wrong.collect().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Evaluation { .. }));
    assert_eq!(
        said(&error, "select", line),
        "overflow: 9223372036854775807 + 1 does not fit Int64 \
         (in expression #n + Int64(1), in select() called at HERE)"
    );
    let line = line!() + 1;
    let wrong = df.filter((col("n") * 2).gt(0)).limit(9);
    assert_eq!(
        said(&wrong.collect().unwrap_err(), "filter", line),
        "overflow: 9223372036854775807 * 2 does not fit Int64 \
         (in expression #n * Int64(2), in filter() called at HERE)"
    );

    let texts = frame(
        &ctx,
        "code",
        Arc::new(StringArray::from(vec!["1", "2", "x3"])),
    );
    let line = line!() + 1;
    let wrong = texts.select([col("code").cast(DataType::Int64)]);
    assert_eq!(
        said(&wrong.collect().unwrap_err(), "select", line),
        "cannot cast 'x3' to Int64 \
         (in expression CAST(#code AS Int64), in column 'code', in select() called at HERE)"
    );
}

#[test]
fn a_panic_in_an_operator_is_caught() {
    let boom = |n| {
        if n == 25 {
            panic!("boom at {n}")
        } else {
            Ok(n)
        }
    };
    for threads in [1, 4] {
        let ctx = context(threads);
        let df = Numbers::new(10).frame(&ctx);
        let line = line!() + 1;
        let wrong = df.select([call("boom", boom, col("n"))]);
        let error = wrong.collect().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Internal { .. }));
        assert_eq!(
            said(&error, "select", line),
            "internal error: panic in ProjectionExec: boom at 25; please report this \
             (in select() called at HERE)"
        );
        assert_eq!(df.count().unwrap(), 10 * ROWS);
    }
}

#[test]
fn a_panic_while_planning_is_caught() {
    let boom = |n| {
        if n == 25 {
            panic!("boom at {n}")
        } else {
            Ok(n)
        }
    };
    let ctx = context(1);
    let df = frame(&ctx, "n", ints([1]));
    let error = df
        .select([call("boom", boom, lit(25i64))])
        .collect()
        .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Internal { .. }),
        "{error}"
    );
}

#[test]
fn a_panic_in_a_reader_is_the_datas_fault() {
    for threads in [1, 4] {
        let ctx = context(threads);
        let bad = |split| {
            if split == 3 {
                panic!("bad split {split}")
            } else {
                Ok(())
            }
        };
        let df = Numbers::with(10, bad).frame(&ctx);
        let error = df.collect().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Data { .. }));
        let (_, location) = error.call().unwrap();
        assert_eq!(
            error.to_string().replace(&location.to_string(), "HERE"),
            "the data broke its reader: bad split 3 (in from_source() called at HERE)"
        );
        // What comes before it can be had.
        let first: Vec<_> = df.stream().unwrap().map_while(|batch| batch.ok()).collect();
        let first: Vec<String> = first.iter().flat_map(lines).collect();
        assert_eq!(first.len() as u64, 3 * ROWS);
        assert_eq!(Numbers::new(1).frame(&ctx).count().unwrap(), ROWS);
    }
}

#[test]
fn a_query_is_cancelled_midway() {
    for threads in [1, 4] {
        let ctx = context(threads);
        let numbers = Numbers::endless();
        // Never gives a row.
        let query = numbers.frame(&ctx).filter(col("n").lt(0)).start().unwrap();
        let (query, numbers) = (&query, &numbers);
        let (error, waited) = std::thread::scope(|scope| {
            let waits = scope.spawn(move || query.wait().unwrap_err());
            eventually("something was read", || numbers.splits_read() > 100);
            assert!(!waits.is_finished());
            let start = Instant::now();
            query.cancel();
            (waits.join().unwrap(), start.elapsed())
        });
        assert!(matches!(error.kind(), ErrorKind::Cancelled));
        assert_eq!(error.to_string(), "the query was cancelled");
        assert!(waited < Duration::from_secs(5), "{waited:?}");
        assert!(matches!(
            query.wait().unwrap_err().kind(),
            ErrorKind::Cancelled
        ));
        // The workers are free again.
        assert_eq!(Numbers::new(3).frame(&ctx).count().unwrap(), 3 * ROWS);
        let read = numbers.splits_read();
        assert_eq!(Numbers::new(3).frame(&ctx).count().unwrap(), 3 * ROWS);
        assert_eq!(numbers.splits_read(), read);
    }
}

#[test]
fn dropping_a_query_cancels_it() {
    let ctx = context(2);
    let numbers = Numbers::endless();
    let query = numbers.frame(&ctx).filter(col("n").lt(0)).start().unwrap();
    eventually("something was read", || numbers.splits_read() > 100);
    drop(query);
    eventually("the reading ends", || {
        let read = numbers.splits_read();
        std::thread::sleep(Duration::from_millis(20));
        numbers.splits_read() == read
    });
}

#[test]
fn a_result_that_does_not_fit_into_memory() {
    for threads in [1, 4] {
        let ctx = ExecutionContext::builder()
            .threads(threads)
            .memory_limit(1 << 20);
        let ctx = ctx.build().unwrap();
        let df = frame(&ctx, "n", ints(0..1_000_000));
        let error = df.select([col("n") + 1]).collect().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ResourcesExhausted { .. }));
        let text = error.to_string();
        assert!(
            text.starts_with("memory limit reached: result holds "),
            "{text}"
        );
        assert!(text.contains(" of 1.0 MiB are in use"), "{text}");
        // Streaming it takes little at a time.
        assert_eq!(df.select([col("n") + 1]).count().unwrap(), 1_000_000);
        assert_eq!(rows(&df.limit(3)), ["0", "1", "2"]);
        let streamed = df.select([col("n") + 1]).stream().unwrap();
        assert_eq!(
            streamed
                .map(|batch| batch.unwrap().num_rows())
                .sum::<usize>(),
            1_000_000
        );
        eventually("all memory is given back", || ctx.memory().used() == 0);
    }
}

#[test]
fn shared_buffers_count_once() {
    // 8 MB of numbers, of which each batch is a slice.
    let ctx = ExecutionContext::builder()
        .threads(2)
        .memory_limit(64 << 20)
        .build()
        .unwrap();
    let df = frame(&ctx, "n", ints(0..1_000_000));
    assert_eq!(df.collect().unwrap().num_rows(), 1_000_000);
    assert!(ctx.memory().peak() < 16 << 20, "{}", ctx.memory().peak());
}

#[test]
fn the_first_mistake_wins() {
    let ctx = context(1);
    let df = employees(&ctx);
    let line = line!() + 1;
    let wrong = df.filter(col("stat").eq("CO"));
    let wrong = wrong
        .select(["nothing"])
        .union(&df.select(["worse"]))
        .alias("x")
        .limit(1);
    let want = "column 'stat' not found: did you mean 'state'? (in filter() called at HERE)";
    assert_eq!(said(&wrong.collect().unwrap_err(), "filter", line), want);
    // A mistake of the right side of a union names its own call.
    let line = line!() + 1;
    let right = df.select(["nam"]);
    let error = df.union(&right).collect().unwrap_err();
    assert!(said(&error, "select", line).starts_with("column 'nam' not found"));
    assert_eq!(format!("{right:?}"), error.to_string());
}

#[test]
fn errors_behind_a_limit_do_not_surface() {
    let fails = |n| {
        if n == 35 {
            Err(Error::invalid_input("35"))
        } else {
            Ok(n)
        }
    };
    for threads in [1, 2, 4] {
        let ctx = context(threads);
        let df = Numbers::new(100)
            .frame(&ctx)
            .select([call("fails", fails, col("n"))]);
        let check = |df: &DataFrame, want: Option<usize>| match (df.collect(), want) {
            (Ok(table), Some(want)) => assert_eq!(table.num_rows(), want as u64),
            (Err(error), None) => assert!(error.to_string().starts_with("35 ("), "{error}"),
            (got, want) => panic!("{got:?} instead of {want:?} rows"),
        };
        for _ in 0..20 {
            check(&df.limit(30), Some(30));
            check(&df.limit(10), Some(10));
            check(&df.filter(col("n").gt(5)).limit(20), Some(20));
            check(&df.slice(20, 10), Some(10));
            check(&df.limit(36), None);
            check(&df, None);
        }
    }
}

#[test]
fn panics_behind_a_limit_do_not_surface() {
    let boom = |n| if n == 35 { panic!("boom") } else { Ok(n) };
    for threads in [1, 4] {
        let ctx = context(threads);
        let df = Numbers::new(100).frame(&ctx);
        let df = df.select([call("boom", boom, col("n"))]);
        for _ in 0..5 {
            let want: Vec<String> = (0..30).map(|n| n.to_string()).collect();
            assert_eq!(rows(&df.limit(30)), want);
            assert!(df.limit(36).collect().is_err());
        }
    }
}

#[test]
fn the_first_error_of_the_input_is_reported() {
    for threads in [1, 2, 4] {
        let ctx = context(threads);
        for _ in 0..20 {
            // Later splits fail sooner.
            let met = Arc::new(AtomicU64::new(0));
            let seen = Arc::clone(&met);
            let fails = move |n: i64| {
                if n % 100 != 55 {
                    return Ok(n);
                }
                if n == 55 {
                    std::thread::sleep(Duration::from_millis(2));
                }
                seen.fetch_add(1, Ordering::SeqCst);
                Err(Error::invalid_input(format!("fails at {n}")))
            };
            let df = Numbers::new(100)
                .frame(&ctx)
                .select([call("fails", fails, col("n"))]);
            let error = df.collect().unwrap_err();
            assert!(error.to_string().starts_with("fails at 55 ("), "{error}");
            assert!(met.load(Ordering::SeqCst) > 0);
        }
    }
}

#[test]
fn nothing_leaks_threads() {
    let fails = |n| {
        if n == 35 {
            Err(Error::invalid_input("35"))
        } else {
            Ok(n)
        }
    };
    let boom = |n| if n == 35 { panic!("boom") } else { Ok(n) };
    type Scenario<'a> = &'a dyn Fn(&DataFrame);
    let scenarios: [(&str, Scenario<'_>); 7] = [
        ("success", &|df| assert!(df.limit(100).collect().is_ok())),
        ("error", &|df| {
            assert!(df.select([call("f", fails, col("n"))]).collect().is_err())
        }),
        ("panic", &|df| {
            assert!(df.select([call("f", boom, col("n"))]).collect().is_err())
        }),
        ("a dropped query", &|df| drop(df.start().unwrap())),
        ("a dropped stream", &|df| {
            assert!(df.stream().unwrap().next().is_some())
        }),
        ("cancelled", &|df| {
            df.filter(col("n").lt(0)).start().unwrap().cancel()
        }),
        ("a query that outlives its context", &|df| {
            let query = df.limit(5).start().unwrap();
            assert_eq!(query.wait().unwrap().num_rows(), 5);
        }),
    ];
    for (name, scenario) in scenarios {
        let numbers = Numbers::endless();
        scenario(&numbers.frame(&context(4)));
        assert_eq!(numbers.living_threads(), Vec::<String>::new(), "{name}");
    }
    // The check sees threads that live.
    let (ctx, numbers) = (context(2), Numbers::new(3));
    numbers.frame(&ctx).collect().unwrap();
    assert!(numbers.was_read());
    if cfg!(target_os = "linux") {
        assert!(!numbers.living_threads().is_empty());
        drop(ctx);
        assert!(numbers.living_threads().is_empty());
    }
}

#[test]
fn mistakes_in_options() {
    let error = ExecutionContext::builder()
        .without_rule("no_such")
        .build()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("there is no rule 'no_such': the rules are "),
        "{error}"
    );
    let line = line!() + 1;
    let error = context(1).from_batches([]).unwrap_err();
    assert_eq!(
        said(&error, "from_batches", line),
        "a table of no batches has no columns: give it a schema (MemTable::with_schema) \
         (in from_batches() called at HERE)"
    );
    let other = batch([("b", Arc::new(Int64Array::from(vec![1])) as _)]);
    let batches = [batch([("a", ints([1]))]), other];
    let line = line!() + 1;
    let error = context(1).from_batches(batches).unwrap_err();
    assert_eq!(
        said(&error, "from_batches", line),
        "batch 1 of a table has 'b' as column 1, where the table has 'a' \
         (in from_batches() called at HERE)"
    );
    let options = CsvOptions::default().with_delimiter(b'"');
    let error = context(1)
        .csv_with(fixture("employee.csv"), options)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("delimiter and quote of a CSV are the same"),
        "{error}"
    );
}
