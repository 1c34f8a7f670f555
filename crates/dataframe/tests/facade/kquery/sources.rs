//! CSV and Parquet files, and tables in memory.

use arrow::array::RecordBatch;
use esker_dataframe::prelude::*;

use super::scanned;
use crate::{batch, collect, context, employees, fixture, ints, names, rows};

#[test]
fn kquery_24_rows_are_counted_without_reading_a_column() {
    let ctx = context(2);
    let memory = ctx.from_batches([batch([("a", ints([1, 2, 3]))]), batch([("a", ints([4]))])]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("employee.parquet");
    employees(&ctx).write_parquet(&path).unwrap();
    let parquet = ctx.parquet(&path).unwrap();
    for df in [employees(&ctx), memory.unwrap(), parquet] {
        let counted = df.agg([len()]);
        assert_eq!(rows(&counted), ["4"]);
        assert_eq!(names(&counted), ["len"]);
        let (columns, text) = scanned(&counted);
        assert_eq!(columns, "[]", "{text}");
    }
}

#[test]
fn kquery_54_csv() {
    let ctx = context(1);
    let df = employees(&ctx);
    assert_eq!(
        rows(&df.select(["job_title"])),
        ["Manager", "Driver", "Manager, Software", "Defensive End"]
    );
    assert_eq!(rows(&df.select(["id"])), ["1", "2", "3", "4"]);
    assert_eq!(rows(&df.select(["state"])), ["CA", "CO", "CO", "NULL"]);
    assert_eq!(collect(&df.drop(["salary"])).num_columns(), 5);
    assert_eq!(df.select(Vec::<Expr>::new()).count().unwrap(), 4);

    let single = ExecutionContext::builder().batch_size(1).build().unwrap();
    let sizes: Vec<usize> = collect(&employees(&single))
        .batches()
        .iter()
        .map(RecordBatch::num_rows)
        .collect();
    assert_eq!(sizes, [1, 1, 1, 1]);

    let titles = [
        "1,Hopkins,Manager",
        "2,Langford,Driver",
        "3,Travis,Manager, Software",
    ];
    let headless = CsvOptions::default().with_has_header(false);
    let open = |file: &str, options: CsvOptions| ctx.csv_with(fixture(file), options).unwrap();
    let csv = open("employee_no_header.csv", headless.clone());
    assert_eq!(
        names(&csv),
        (1..=6).map(|i| format!("field_{i}")).collect::<Vec<_>>()
    );
    let fields = ["field_1", "field_3", "field_5"];
    assert_eq!(rows(&csv.select(fields))[..3], titles);
    let tsv = open("employee_no_header.tsv", headless.with_delimiter(b'\t'));
    assert_eq!(rows(&tsv.select(fields)), titles);
    let tsv = open("employee.tsv", CsvOptions::default().with_delimiter(b'\t'));
    assert_eq!(rows(&tsv.select(["id", "last_name", "job_title"])), titles);

    let missing = ctx.csv("no/such/file.csv").unwrap_err().to_string();
    assert!(missing.starts_with("no/such/file.csv: "), "{missing}");
}
