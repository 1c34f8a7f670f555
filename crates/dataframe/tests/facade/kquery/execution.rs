//! Filters, projections and limits, run.

use esker_dataframe::prelude::*;

use super::{NAMES, bonuses, names_in_colorado, scanned};
use crate::{collect, context, employees, names, rows};

#[test]
fn kquery_11_filter_and_project() {
    let df = names_in_colorado(&employees(&context(2)));
    assert_eq!(rows(&df), ["2,Gregg,Langford", "3,John,Travis"]);
}

#[test]
fn kquery_12_15_19_equivalents() {
    let ctx = context(1);
    let df = employees(&ctx);
    let california = df.filter(col("state").eq("CA"));
    assert_eq!(rows(&california.select(NAMES)), ["1,Bill,Hopkins"]);
    let salaries = california.select(["id", "first_name", "last_name", "salary"]);
    ctx.register("california", &salaries).unwrap();
    assert_eq!(
        rows(&ctx.table("california").unwrap()),
        ["1,Bill,Hopkins,12000"]
    );
    let first = df.filter(col("state").eq("CO")).select(NAMES).limit(1);
    assert_eq!(rows(&first), ["2,Gregg,Langford"]);
    let first = df.filter(col("state").eq("CO")).limit(1).select(NAMES);
    assert_eq!(rows(&first), ["2,Gregg,Langford"]);
}

#[test]
fn kquery_16_bonus() {
    assert_eq!(
        rows(&bonuses(&employees(&context(2)))),
        ["3,John,Travis,11500,1150.0"]
    );
}

#[test]
fn kquery_17_filter_alone_reads_all_columns() {
    let df = employees(&context(1)).filter(col("state").eq("CO"));
    let table = collect(&df);
    assert_eq!(table.num_columns(), 6);
    assert_eq!(
        rows(&df),
        [
            "2,Gregg,Langford,CO,Driver,10000",
            "3,John,Travis,CO,Manager, Software,11500"
        ]
    );
    let (columns, text) = scanned(&df);
    assert_eq!(columns, "None", "{text}");
}

#[test]
fn kquery_18_limits() {
    for batch_size in [1, 2, 3, 1024] {
        let ctx = ExecutionContext::builder()
            .batch_size(batch_size)
            .build()
            .unwrap();
        let df = employees(&ctx).select(NAMES);
        assert_eq!(rows(&df.limit(2)), ["1,Bill,Hopkins", "2,Gregg,Langford"]);
        let none = collect(&df.limit(0));
        assert_eq!((none.num_rows(), none.num_columns()), (0, 3));
        assert_eq!(names(&df.limit(0)), NAMES);
        assert_eq!(collect(&df.limit(99)).num_rows(), 4);
    }
}
