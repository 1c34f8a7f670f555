//! A CSV file written as Parquet, read again, and handed on as a reader of record batches.
//!
//! ```sh
//! cargo run --release -p esker-dataframe --example write_parquet
//! ```
#![expect(clippy::disallowed_macros, reason = "examples print")]

use esker_dataframe::arrow::array::RecordBatchReader;
use esker_dataframe::prelude::*;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data");

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let ctx = ExecutionContext::new();
    let employees = ctx.csv(format!("{DATA}/employee.csv"))?;
    let folder = std::env::temp_dir();
    let path = folder.join(format!("esker-example-{}.parquet", std::process::id()));

    // The rows are written in their order, and the file appears when it is whole.
    let paid = employees
        .filter(col("salary").gt(0))
        .sort([col("salary").desc()]);
    let written = paid.write_parquet(&path)?;
    println!("{} rows, {} bytes", written.rows, written.bytes);

    println!("The file is a table as any other:");
    println!("{}", ctx.parquet(&path)?.limit(2).collect()?);

    // Smaller, for a file that is written once and read often.
    let options = ParquetWriteOptions::default()
        .with_compression(ParquetCompression::Zstd)
        .with_compression_level(9);
    let written = paid.write_parquet_with(&path, options)?;
    println!("With Zstandard at level 9: {} bytes", written.bytes);

    // Whatever gives record batches is a frame, and a frame gives them.
    let reader = ctx.parquet(&path)?.reader()?;
    println!("A reader of {} columns", reader.schema().fields().len());
    let states = ctx.from_reader(reader).select(["state"]).distinct();
    println!("{} states", states.count()?);

    std::fs::remove_file(&path)?;
    Ok(())
}
