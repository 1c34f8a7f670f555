//! What explain_analyze says of a query that has run.

use esker_dataframe::prelude::*;

use crate::{context, employees};

/// The operators: depth, name, rows in and rows out.
fn operators(df: &DataFrame) -> Vec<(usize, String, u64, u64)> {
    let analyzed = df.explain_analyze().unwrap();
    assert_eq!(analyzed.rows, df.count().unwrap());
    let operators = analyzed.operators.iter().map(|operator| {
        let name = operator.line.split(':').next().unwrap_or_default();
        let counters = operator.counters;
        (
            operator.depth,
            name.to_owned(),
            counters.rows_in,
            counters.rows_out,
        )
    });
    operators.collect()
}

#[test]
fn rows_are_counted_by_operator() {
    for threads in [1, 4] {
        let ctx = context(threads);
        let df = employees(&ctx);
        let groups = df
            .filter(col("id").lt(4))
            .group_by(["state"])
            .agg([col("salary").max()])
            .filter((col("salary_max") + 0).gt(0))
            .sort(["state"]);
        let want = [
            (0, "SortExec", 2, 2),
            (1, "FilterExec", 2, 2),
            (2, "HashAggregateExec", 3, 2),
            (3, "ScanExec", 0, 3),
        ];
        let want = want.map(|(depth, name, i, o)| (depth, name.to_owned(), i, o));
        assert_eq!(operators(&groups), want);

        let heads = df.select([(col("id") - 1).alias("id"), col("state").alias("s")]);
        let joined = df.select(["id"]).join(&heads, Join::full().on(["id"]));
        let of_join = operators(&joined);
        let join = of_join.iter().find(|(_, name, ..)| name == "HashJoinExec");
        // Of both sides; 1, 2, 3 are pairs, 4 and 0 are alone.
        assert_eq!(
            join.map(|(_, _, i, o)| (*i, *o)),
            Some((8, 5)),
            "{of_join:?}"
        );
    }
}

#[test]
fn it_prints_the_plan_with_its_numbers() {
    let df = employees(&context(2)).group_by(["state"]).agg([len()]);
    let analyzed = df.explain_analyze().unwrap();
    let text = analyzed.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(lines[0], "== Physical plan, as it ran ==");
    let columns: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(columns[..2], ["4", "3"], "{text}");
    let operator = "  HashAggregateExec: groupExpr=[#0], aggrExpr=[LEN()]";
    assert!(lines[2].ends_with(operator), "{text}");
    let (held, read) = (&analyzed.operators[0], &analyzed.operators[1]);
    assert!(held.counters.bytes > 0 && held.counters.nanos > 0, "{text}");
    assert!(read.counters.nanos > 0, "{text}");
    assert!(lines[4].starts_with("3 rows, planned in "), "{text}");
}

#[test]
fn what_goes_wrong_is_told() {
    let error = employees(&context(1)).select(["stat"]).explain_analyze();
    assert!(matches!(
        error.unwrap_err().kind(),
        ErrorKind::ColumnNotFound { .. }
    ));
}
