//! Rows come in order and as soon as they can, whoever waits for whom, also on one thread.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Float64Array, RecordBatch, StringArray};
use esker_dataframe::prelude::*;

use crate::sources::{Numbers, ROWS};
use crate::{batch, call, context, eventually, frame, ints, lines, rows};

/// A frame of several batches: numbers, text, floats, all with nulls.
fn mixed(ctx: &ExecutionContext) -> DataFrame {
    let part = |from: i64, to: i64| {
        let texts = (from..to).map(|i| (i % 5 != 0).then(|| format!("text {}", i % 7)));
        let floats = (from..to).map(|i| (i % 11 != 0).then(|| i as f64 / 4.0));
        batch([
            ("n", ints(from..to)),
            ("text", Arc::new(texts.collect::<StringArray>()) as _),
            ("x", Arc::new(floats.collect::<Float64Array>()) as _),
        ])
    };
    ctx.from_batches([
        part(0, 700),
        part(700, 701),
        part(701, 701),
        part(701, 2500),
    ])
    .unwrap()
}

#[test]
fn two_half_read_streams_take_turns() {
    let ctx = context(1);
    let (left, right) = (Numbers::endless(), Numbers::endless());
    let mut a = left
        .frame(&ctx)
        .select([(col("n") * 2).alias("n")])
        .stream()
        .unwrap();
    let mut b = right
        .frame(&ctx)
        .filter((col("n") % 2).eq(1))
        .stream()
        .unwrap();
    for i in 0..50 {
        let a = lines(&a.next().unwrap().unwrap());
        let b = lines(&b.next().unwrap().unwrap());
        assert_eq!(a[0], (i * 20).to_string());
        assert_eq!(b[0], (i * 10 + 1).to_string());
    }
}

#[test]
fn a_query_inside_a_loop_over_a_stream() {
    let ctx = context(1);
    let mut seen = 0;
    for batch in Numbers::new(50).frame(&ctx).stream().unwrap() {
        let first: i64 = lines(&batch.unwrap())[0].parse().unwrap();
        let inner = frame(&ctx, "m", ints(0..100)).filter(col("m").lt(first));
        assert_eq!(inner.collect().unwrap().num_rows(), first.min(100) as u64);
        assert_eq!(inner.count().unwrap(), first.min(100) as u64);
        seen += 1;
    }
    assert_eq!(seen, 50);
}

#[test]
fn a_half_read_stream_is_dropped() {
    for threads in [1, 4] {
        let ctx = context(threads);
        let numbers = Numbers::endless();
        let mut stream = numbers.frame(&ctx).stream().unwrap();
        assert_eq!(lines(&stream.next().unwrap().unwrap())[9], "9");
        drop(stream);
        let read = || {
            let read = numbers.splits_read();
            std::thread::sleep(Duration::from_millis(20));
            numbers.splits_read() == read
        };
        eventually("the reading ends", read);
        assert_eq!(Numbers::new(20).frame(&ctx).count().unwrap(), 20 * ROWS);
        eventually("all memory is given back", || ctx.memory().used() == 0);
    }
}

#[test]
fn a_query_inside_a_function() {
    for threads in [1, 2, 4] {
        let ctx = context(threads);
        let table = frame(&ctx, "m", ints(0..1000));
        let inner = table.clone();
        // Counts the numbers below its argument, by a query.
        let below = move |n| Ok(inner.filter(col("m").lt(n)).count()? as i64);
        // Counts those for which that is odd, by a query of such queries.
        let (outer, nested) = (table.clone(), below.clone());
        let twice = move |n| {
            let odd = (call("below", nested.clone(), col("m")) % 2).eq(1);
            Ok(outer.limit(n as u64).filter(odd).collect()?.num_rows() as i64)
        };
        let df = Numbers::new(3).frame(&ctx);
        let df = df.select([col("n"), call("below", below, col("n")).alias("below")]);
        let want: Vec<String> = (0..30).map(|n| format!("{n},{n}")).collect();
        assert_eq!(rows(&df), want);
        let df = Numbers::new(1)
            .frame(&ctx)
            .select([call("twice", twice, col("n"))]);
        assert_eq!(
            rows(&df),
            ["0", "0", "1", "1", "2", "2", "3", "3", "4", "4"]
        );
    }
}

#[test]
fn the_same_rows_in_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    // More than one split.
    let filler = "x".repeat(100);
    let text: String = (0..20_000)
        .map(|i| format!("{i},{filler},{}\n", i % 10))
        .collect();
    std::fs::write(&path, format!("n,filler,k\n{text}")).unwrap();
    let path = &path;

    type Build<'a> = &'a dyn Fn(&ExecutionContext) -> DataFrame;
    let queries: [(&str, Build<'_>); 7] = [
        ("scan", &mixed),
        ("filter", &|ctx| {
            let odd = (col("n") % 2).eq(1);
            mixed(ctx).filter(odd.and(col("text").neq("text 3").or(col("x").gt(100))))
        }),
        ("compute", &|ctx| {
            let sign = when(col("x").gt(300)).then("high").otherwise(col("text"));
            mixed(ctx).select([(col("n") + 1).alias("m"), sign.alias("sign")])
        }),
        ("limit", &|ctx| {
            mixed(ctx)
                .filter((col("n") % 3).eq(0))
                .slice(5, 300)
                .limit(200)
        }),
        ("union", &|ctx| {
            let df = mixed(ctx);
            let few = df.filter(col("x").is_null()).limit(10);
            few.union(&df)
                .union(&df.slice(2000, None))
                .filter(col("n").gt(3))
                .slice(7, 2400)
        }),
        ("numbers", &|ctx| {
            let df = Numbers::new(200).frame(ctx);
            df.filter((col("n") % 7).lt(3))
                .with_column("m", col("n") * col("n"))
                .slice(11, 500)
        }),
        ("csv", &|ctx| {
            let df = ctx.csv(path).unwrap();
            df.filter((col("k") * 2).lt(3)).select(["n", "k"])
        }),
    ];
    for (name, query) in queries {
        let mut want: Option<Vec<String>> = None;
        for threads in [1, 2, 4] {
            for batch_size in [1024, 3, 1] {
                if name == "csv" && batch_size == 1 && threads > 1 {
                    continue;
                }
                let ctx = ExecutionContext::builder()
                    .threads(threads)
                    .batch_size(batch_size);
                let df = query(&ctx.build().unwrap());
                let collected = rows(&df);
                let streamed: Result<Vec<RecordBatch>> = df.stream().unwrap().collect();
                let streamed: Vec<String> = streamed.unwrap().iter().flat_map(lines).collect();
                assert_eq!(
                    streamed, collected,
                    "{name}: {threads} threads, {batch_size} rows"
                );
                let want = want.get_or_insert_with(|| collected.clone());
                assert_eq!(
                    &collected, want,
                    "{name}: {threads} threads, {batch_size} rows"
                );
            }
        }
        assert!(want.is_some_and(|rows| rows.len() > 100), "{name}");
    }
}

#[test]
fn first_rows_come_before_the_last_are_read() {
    for threads in [1, 4] {
        let ctx = context(threads);
        let numbers = Numbers::new(100_000);
        let mut stream = numbers
            .frame(&ctx)
            .filter(col("n").gt_eq(5))
            .stream()
            .unwrap();
        assert_eq!(stream.schema().field(0).name(), "n");
        let first: Vec<String> = stream
            .by_ref()
            .take(2)
            .flat_map(|b| lines(&b.unwrap()))
            .collect();
        assert_eq!((first[0].as_str(), first[14].as_str()), ("5", "19"));
        // A slow reader makes the workers wait.
        std::thread::sleep(Duration::from_millis(100));
        assert!(
            numbers.splits_read() < 1000,
            "{} splits read",
            numbers.splits_read()
        );
        // The rest comes when it is wanted.
        let rest: usize = stream
            .by_ref()
            .take(500)
            .map(|batch| batch.unwrap().num_rows())
            .sum();
        assert_eq!(rest as u64, 500 * ROWS);
        let query = stream.query();
        assert!(query.progress().rows >= 502 * ROWS);
    }
}

#[test]
fn a_query_in_flight_tells_what_it_does() {
    let ctx = context(2);
    let numbers = Numbers::new(30);
    let query = numbers
        .frame(&ctx)
        .filter(col("n").lt(155))
        .start()
        .unwrap();
    assert_eq!(query.schema().field(0).name(), "n");
    let table = query.wait().unwrap();
    assert_eq!(table.num_rows(), 155);
    let progress = query.progress();
    assert_eq!(
        (progress.rows, progress.splits, progress.splits_done),
        (300, 30, 30)
    );
    assert_eq!(progress.fraction(), Some(1.0));
    let metrics = query.metrics();
    let of = |name: &str| {
        metrics
            .iter()
            .find(|operator| operator.name == name)
            .unwrap()
            .counters
    };
    assert_eq!(of("ScanExec").rows_out, 300);
    assert_eq!(
        (of("FilterExec").rows_in, of("FilterExec").rows_out),
        (300, 155)
    );
    // What was handed out is not handed out again.
    assert_eq!(query.wait().unwrap().num_rows(), 0);
}

#[test]
fn many_queries_at_once() {
    for threads in [1, 3] {
        let ctx = context(threads);
        let queries: Vec<Query> = (0..20)
            .map(|i| {
                Numbers::new(20)
                    .frame(&ctx)
                    .filter((col("n") % 20).eq(i))
                    .start()
                    .unwrap()
            })
            .collect();
        for query in queries.iter().rev() {
            assert_eq!(query.wait().unwrap().num_rows(), 10);
        }
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        assert_eq!(Numbers::new(20).frame(&ctx).count().unwrap(), 200);
                    }
                });
            }
        });
    }
}

#[test]
fn an_iterator_ends_for_good() {
    let ctx = context(1);
    let fails = |n| {
        if n == 25 {
            Err(Error::invalid_input("25"))
        } else {
            Ok(n)
        }
    };
    let df = Numbers::new(5)
        .frame(&ctx)
        .select([call("fails", fails, col("n"))]);
    let mut stream = df.stream().unwrap();
    let kinds: Vec<bool> = stream.by_ref().map(|batch| batch.is_ok()).collect();
    assert_eq!(kinds, [true, true, false]);
    assert!(stream.next().is_none());
}
