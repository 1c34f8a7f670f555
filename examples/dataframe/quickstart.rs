//! The tour: a CSV file, a lazy query, its plans and its result.
//!
//! ```sh
//! cargo run --release --example quickstart
//! ```
#![expect(clippy::disallowed_macros, reason = "examples print")]

use esker_dataframe::prelude::*;

fn main() -> Result<()> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/data/employee.csv"
    );

    let ctx = ExecutionContext::new();
    let df = ctx
        .csv(path)?
        .filter(col("state").eq("CO"))
        .select([
            col("id"),
            col("first_name"),
            col("last_name"),
            col("salary"),
            (col("salary") * 0.1).alias("bonus"),
        ])
        .filter(col("bonus").gt(1000));

    println!("{}", df.explain()?);
    println!("{}", df.collect()?);
    Ok(())
}
