//! Frames that are used more than once in a query are computed once.

use std::sync::Arc;

use arrow::array::RecordBatchIterator;
use esker_dataframe::prelude::*;
use esker_logical_plan::MemTable;

use crate::settings::every_setting;
use crate::sources::{Numbers, ROWS};
use crate::{batch, call, context, eventually, ints, lines, names, row_set, rows};

/// A context that computes everything where it stands.
fn without_sharing() -> ExecutionContext {
    let builder = ExecutionContext::builder().threads(2);
    builder.without_rule("share_subplans").build().unwrap()
}

/// Numbers by their last digit.
fn by_digit(numbers: &DataFrame) -> DataFrame {
    numbers
        .group_by([(col("n") % 10).alias("digit")])
        .agg([col("n").sum().alias("sum")])
}

/// The rows of a frame that have the greatest value.
fn with_greatest(df: &DataFrame, column: &str) -> DataFrame {
    let most = df.agg([col(column).max().alias("most")]);
    df.broadcast(&most).filter(col(column).eq(col("most")))
}

#[test]
fn a_frame_beside_its_own_aggregation_is_read_once() {
    for threads in [1, 4] {
        let run = |ctx: &ExecutionContext| {
            let numbers = Numbers::new(30);
            let df = with_greatest(&by_digit(&numbers.frame(ctx)), "sum");
            (rows(&df), numbers.splits_read())
        };
        let want = vec!["9,4620,4620".to_owned()];
        assert_eq!(run(&context(threads)), (want.clone(), 30));
        assert_eq!(run(&without_sharing()), (want, 60));
    }
}

/// A fact table, and one that it refers to.
fn tables(ctx: &ExecutionContext) -> (DataFrame, DataFrame) {
    let table = |columns| {
        let table = MemTable::try_new(vec![batch(columns)]).unwrap();
        ctx.from_source("table", Arc::new(table.with_split_rows(7)))
    };
    let facts = table([("k", ints((0..60).map(|n| n * 7 % 20))), ("v", ints(0..60))]);
    let kinds = table([("k", ints(0..15)), ("w", ints((0..15).map(|n| n % 4)))]);
    (facts, kinds)
}

#[test]
fn places_that_use_other_columns_share_a_join() {
    let query = |ctx: &ExecutionContext| {
        let (facts, kinds) = tables(ctx);
        let stock = facts.join(&kinds, Join::inner().on(["k"]));
        let total = stock.agg([col("v").sum().alias("total")]);
        stock
            .group_by(["w"])
            .agg([
                len().alias("rows"),
                (col("v") + col("k")).max().alias("most"),
            ])
            .broadcast(&total)
            .sort(["w"])
    };
    let want = rows(&query(&without_sharing()));
    assert_eq!(want.len(), 4);
    for ctx in every_setting() {
        assert_eq!(rows(&query(&ctx)), want);
    }
    let plan = query(&context(1)).explain().unwrap();
    assert!(plan.optimized.contains("Shared: 1\n"), "{plan}");
    assert!(plan.optimized.ends_with("Shared: 1, as above\n"), "{plan}");
    assert_eq!(
        plan.optimized.matches("Join: type=Inner").count(),
        1,
        "{plan}"
    );
    assert_eq!(plan.physical.matches("SharedExec: 1").count(), 2, "{plan}");
    assert_eq!(
        plan.physical.matches("ScanExec: table").count(),
        2,
        "{plan}"
    );
}

#[test]
fn the_order_of_rows_is_kept_and_a_limit_cuts_its_own_place_only() {
    let query = |ctx: &ExecutionContext| {
        let (facts, _) = tables(ctx);
        let sorted = facts.sort([col("k").desc(), col("v").asc()]);
        let groups = sorted.group_by(["k"]).maintain_order(true);
        let groups = groups.agg([col("v").first().alias("v")]);
        let more = sorted.select([col("k"), (col("v") + 1).alias("v")]);
        groups
            .limit(3)
            .union(&groups)
            .union(&groups.slice(5, 3))
            .union(&sorted)
            .union(&more)
            .union(&more.limit(2))
    };
    let want = rows(&query(&without_sharing()));
    assert_eq!(want.len(), 3 + 20 + 3 + 60 + 60 + 2);
    assert_eq!(want[..4], ["19,17", "18,14", "17,11", "19,17"]);
    for ctx in every_setting() {
        assert_eq!(rows(&query(&ctx)), want);
    }
    let plan = query(&context(1)).explain().unwrap();
    // The groups in two more places, the sort below them in two.
    assert_eq!(plan.physical.matches("as above").count(), 4, "{plan}");
    assert_eq!(plan.physical.matches("SortExec").count(), 1, "{plan}");
}

#[test]
fn a_join_beside_an_aggregation_of_itself() {
    let query = |ctx: &ExecutionContext| {
        let (facts, kinds) = tables(ctx);
        let lines = kinds
            .filter(col("w").lt(3))
            .join(&facts, Join::inner().on(["k"]));
        let small = lines.group_by(["k"]).agg([col("v").mean().alias("small")]);
        let least = lines
            .group_by(["k"])
            .agg([col("v").min()])
            .rename([("v_min", "v")]);
        let below = lines
            .join(&small, Join::inner().on(["k"]))
            .filter(col("v").lt(col("small")));
        let first = lines.join(&least, Join::semi().on(["k", "v"]));
        let few = first
            .sort([col("v").desc()])
            .limit(5)
            .agg([col("v").sum(), col("w").sum()]);
        below
            .agg([col("v").sum().alias("v"), col("w").sum().alias("w")])
            .union(&few.select([col("v_sum").alias("v"), col("w_sum").alias("w")]))
    };
    let want = rows(&query(&without_sharing()));
    assert_eq!(want.len(), 2);
    for ctx in every_setting() {
        assert_eq!(rows(&query(&ctx)), want);
    }
    let plan = query(&context(1)).explain().unwrap();
    assert_eq!(
        plan.physical.matches("ScanExec: table").count(),
        2,
        "{plan}"
    );
}

#[test]
fn shared_within_shared() {
    let query = |ctx: &ExecutionContext| {
        let (facts, _) = tables(ctx);
        let sums = facts.group_by(["k"]).agg([col("v").sum().alias("s")]);
        let best = with_greatest(&sums, "s").select(["k", "s"]);
        let on = || Join::left().on(["k"]);
        best.join(&best, on())
            .join(&sums, on().suffix("_all"))
            .union(&best.join(&sums, on()).join(&best, on().suffix("_all")))
    };
    let want = rows(&query(&without_sharing()));
    assert_eq!(want.len(), 2);
    for ctx in every_setting() {
        assert_eq!(rows(&query(&ctx)), want);
    }
    let plan = query(&context(1)).explain().unwrap();
    assert_eq!(plan.physical.matches("ScanExec").count(), 1, "{plan}");
}

#[test]
fn no_rows() {
    let query = |ctx: &ExecutionContext| {
        let none = tables(ctx).0.filter(col("v").lt(0));
        let sums = none.group_by(["k"]).agg([col("v").sum().alias("s")]);
        let total = sums.agg([col("s").sum().alias("total"), len().alias("rows")]);
        (
            sums.union(&sums.filter(col("s").gt(1))),
            total.union(&total).cross_join(&sums.agg([len()])),
        )
    };
    for ctx in every_setting() {
        let (none, one) = query(&ctx);
        assert_eq!(rows(&none), Vec::<String>::new());
        assert_eq!(none.count().unwrap(), 0);
        assert_eq!(rows(&one), ["NULL,0,0", "NULL,0,0"]);
    }
}

#[test]
fn a_place_below_a_limit_of_no_rows_leaves_the_others_theirs() {
    for threads in [1, 4] {
        let numbers = Numbers::new(3);
        let sums = by_digit(&numbers.frame(&context(threads)));
        let df = sums
            .limit(0)
            .union(&sums)
            .union(&sums.filter(col("sum").gt(50)));
        assert_eq!(df.count().unwrap(), 13);
        assert_eq!(numbers.splits_read(), 3);
    }
}

#[test]
fn only_rows_that_are_wanted_to_the_last_are_computed() {
    // Nobody is known to want the last row: what fails there never fails.
    let fails_at = |last| {
        move |n| match n == last {
            true => Err(Error::data("the last one")),
            false => Ok(n),
        }
    };
    for optimized in [true, false] {
        let builder = ExecutionContext::builder().threads(1).batch_size(1);
        let ctx = builder.optimizer(optimized).build().unwrap();
        let sums = by_digit(&Numbers::new(3).frame(&ctx));
        let df = sums.sort(["digit"]).limit(10);
        let df = df.filter(call("f", fails_at(9), col("digit")).gt_eq(0));
        let both = df.limit(4).union(&df.limit(5));
        assert_eq!(both.count().unwrap(), 9);
        // All are wanted in one place: it fails there anyway.
        let error = df.limit(4).union(&df).count().unwrap_err().to_string();
        assert!(error.contains("the last one"), "{error}");
    }
}

#[test]
fn what_fails_in_a_shared_part_fails_the_query_once() {
    for threads in [1, 4] {
        let ctx = context(threads);
        let numbers = Numbers::with(40, |split| match split {
            25 => Err(Error::data("split 25 is broken")),
            _ => Ok(()),
        });
        let sums = by_digit(&numbers.frame(&ctx));
        let df = with_greatest(&sums, "sum").union(&with_greatest(&sums, "sum"));
        let error = df.collect().unwrap_err();
        assert!(error.to_string().contains("split 25 is broken"), "{error}");
        assert!(numbers.splits_read() <= 40, "{}", numbers.splits_read());
        let checked = call(
            "positive",
            |n| match n {
                0..5 => Ok(n),
                _ => Err(Error::data("not so large")),
            },
            col("digit"),
        );
        let sums = by_digit(&Numbers::new(4).frame(&ctx)).filter(checked.gt(-1));
        let error = with_greatest(&sums, "sum")
            .collect()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("not so large") && error.contains("filter()"),
            "{error}"
        );
        assert_eq!(by_digit(&Numbers::new(4).frame(&ctx)).count().unwrap(), 10);
        eventually("all memory is given back", || ctx.memory().used() == 0);
    }
}

#[test]
fn kept_rows_count_as_memory_until_all_have_read_them() {
    let values = || ints((0..100_000).map(|n| n * 7919 % 100_003));
    let query = |ctx: &ExecutionContext| {
        let df = ctx.from_batches([batch([("n", values())])]).unwrap();
        let distinct = df.distinct();
        let large = distinct.filter(col("n").gt(50_000)).agg([len()]);
        distinct.agg([col("n").sum()]).broadcast(&large)
    };
    let of = |limit| {
        let builder = ExecutionContext::builder().threads(2);
        builder.memory_limit(limit).build().unwrap()
    };
    let plain = of(64 << 20);
    let want = rows(&query(&plain));
    assert!(plain.memory().peak() > 800_000, "{}", plain.memory().peak());
    eventually("all memory is given back", || plain.memory().used() == 0);
    let least = (18..26).find(|bits| {
        let ctx = of(1 << *bits);
        let got = query(&ctx).collect();
        eventually("all memory is given back", || ctx.memory().used() == 0);
        match got {
            Ok(table) => {
                let got: Vec<String> = table.batches().iter().flat_map(lines).collect();
                assert_eq!(got, want);
                true
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with("memory limit reached: "), "{text}");
                false
            }
        }
    });
    assert!(least.is_some_and(|bits| bits > 18), "{least:?}");
}

#[test]
fn a_join_that_is_kept_can_be_too_large() {
    let ctx = ExecutionContext::builder().threads(2);
    let ctx = ctx.memory_limit(2 << 20).build().unwrap();
    let left = ctx.from_batches([batch([("k", ints(0..200_000)), ("v", ints(0..200_000))])]);
    let right = ctx.from_batches([batch([("k", ints(0..100))])]).unwrap();
    let joined = left.unwrap().join(&right, Join::left().on(["k"]));
    let total = joined.agg([col("v").sum().alias("total")]);
    let df = joined
        .agg([col("v").max(), col("k").max()])
        .broadcast(&total);
    let error = df.collect().unwrap_err().to_string();
    assert!(
        error.starts_with("memory limit reached: SharedExec holds "),
        "{error}"
    );
    eventually("all memory is given back", || ctx.memory().used() == 0);
}

#[test]
fn a_reader_is_still_read_once() {
    let ctx = context(2);
    let rows = batch([("n", ints(0..10))]);
    let reader = RecordBatchIterator::new([Ok(rows.clone())], rows.schema());
    let df = by_digit(&ctx.from_reader(reader));
    let error = with_greatest(&df, "sum").collect().unwrap_err();
    assert!(error.to_string().contains("reader"), "{error}");
}

#[test]
fn streams_that_are_dropped_and_queries_that_are_cancelled() {
    for threads in [1, 4] {
        let ctx = context(threads);
        let numbers = Numbers::new(2000);
        let sums = numbers
            .frame(&ctx)
            .group_by(["n"])
            .agg([len().alias("rows")]);
        let df = sums.union(&sums.filter(col("rows").gt(0)));
        let mut stream = df.stream().unwrap();
        assert!(stream.next().unwrap().unwrap().num_rows() > 0);
        drop(stream);
        eventually("all memory is given back", || ctx.memory().used() == 0);
        let query = df.start().unwrap();
        query.cancel();
        assert!(matches!(
            query.wait().unwrap_err().kind(),
            ErrorKind::Cancelled
        ));
        drop(query);
        assert_eq!(df.count().unwrap(), 2 * 2000 * ROWS);
        eventually("all memory is given back", || ctx.memory().used() == 0);
    }
}

#[test]
fn it_is_explained_once_and_named_where_it_is_read_again() {
    let ctx = context(2);
    let df = with_greatest(&by_digit(&Numbers::new(5).frame(&ctx)), "sum");
    let explain = df.explain().unwrap();
    let lines: Vec<&str> = explain.physical.lines().collect();
    let want = [
        "FilterExec: #1 = #2",
        "    NestedLoopJoinExec: type=Left, single=true",
        "        SharedExec: 1",
        "            HashAggregateExec: groupExpr=[#0 % Int64(10) as digit], aggrExpr=[SUM(#0) as sum]",
        "                ScanExec: numbers; projection=None",
        "        HashAggregateExec: groupExpr=[], aggrExpr=[MAX(#1) as most]",
        "            SharedExec: 1, as above",
    ];
    assert_eq!(lines, want, "{explain}");
    let analyzed = df.explain_analyze().unwrap();
    let rows = analyzed
        .operators
        .iter()
        .filter(|operator| operator.line.starts_with("SharedExec"));
    let rows = rows.map(|operator| {
        (
            operator.line.as_str(),
            operator.counters.rows_in,
            operator.counters.rows_out,
        )
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(
        rows,
        [
            ("SharedExec: 1", 10, 10),
            ("SharedExec: 1, as above", 0, 10)
        ]
    );
    let kept = analyzed
        .operators
        .iter()
        .find(|operator| operator.line == "SharedExec: 1");
    assert!(kept.unwrap().counters.bytes > 0);
}

#[test]
fn names_stay_those_of_each_place() {
    let ctx = context(2);
    let sums = by_digit(&Numbers::new(5).frame(&ctx));
    let both = sums
        .alias("a")
        .join(&sums.alias("b"), Join::inner().on(["digit"]));
    assert_eq!(names(&both), ["digit", "a.sum", "b.sum"]);
    let renamed = sums
        .rename([("sum", "total")])
        .join(&sums, Join::inner().on(["digit"]));
    assert_eq!(names(&renamed), ["digit", "total", "sum"]);
    assert_eq!(row_set(&renamed), row_set(&both));
}
