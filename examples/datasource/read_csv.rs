//! A CSV file, read by hand: its inferred columns, two of which are scanned split by split.
#![expect(clippy::disallowed_macros, reason = "an example prints its result")]

use std::sync::Arc;

use esker_datasource::{CsvOptions, CsvSource};
use esker_datatypes::{Batch, Result};
use esker_logical_plan::{Claim, ScanRequest, ScanStatus, TableSource};
use esker_runtime::TaskContext;

fn main() -> Result<()> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/data/employee.csv"
    );
    let source = CsvSource::open(path, CsvOptions::default())?;
    println!("{}: {}", source.name(), source.schema());

    // Every query has a context; whoever scans gives it along.
    let mut cx = TaskContext::standalone();
    let schema = source.schema();
    let request = ScanRequest {
        schema: source.schema(),
        columns: vec![schema.resolve("first_name")?, schema.resolve("job_title")?],
        projection: vec![0, 1],
        filters: Vec::new(),
        limit: None,
        batch_size: 1024,
        query: Arc::clone(&cx.query),
    };

    // Each worker opens a reader, claims splits until there are none, and reads each to its end.
    let scan = source.scan(request)?;
    let mut reader = scan.open(&mut cx)?;
    while let Claim::Split(split) = reader.claim(&mut cx)? {
        let mut batch = Batch::default();
        let mut status = ScanStatus::More;
        while status != ScanStatus::SplitFinished {
            status = reader.next(&mut batch, &mut cx)?;
            for row in batch.selection().iter() {
                let name = batch.column(0)?.value(row)?;
                let title = batch.column(1)?.value(row)?;
                println!("split {split}: {name} is {title}");
            }
        }
    }
    Ok(())
}
