//! The cases of KQuery that are due, by their numbers.

/// Groups and aggregates.
mod aggregates;
/// Filters, projections and limits, run.
mod execution;
/// Joins.
mod joins;
/// Plan texts.
mod plans;
/// Sorts.
mod sorts;
/// CSV files, and tables in memory.
mod sources;
/// Types, nulls and what operators make of values.
mod values;

use esker_dataframe::prelude::*;

const NAMES: [&str; 3] = ["id", "first_name", "last_name"];

/// Case 1.
fn names_in_colorado(df: &DataFrame) -> DataFrame {
    df.filter(col("state").eq("CO")).select(NAMES)
}

/// Case 5.
fn bonuses(df: &DataFrame) -> DataFrame {
    let bonus = (col("salary") * 0.1).alias("bonus");
    let columns = NAMES.map(col).into_iter().chain([col("salary"), bonus]);
    df.filter(col("state").eq("CO"))
        .select(columns)
        .filter(col("bonus").gt(1000))
}

pub(crate) fn plan_text(df: &DataFrame) -> String {
    df.logical_plan().unwrap().to_string().trim_end().to_owned()
}

fn optimized_text(df: &DataFrame) -> String {
    df.optimized_plan()
        .unwrap()
        .to_string()
        .trim_end()
        .to_owned()
}

/// The columns that the scan reads, and the whole optimized plan.
fn scanned(df: &DataFrame) -> (String, String) {
    let text = optimized_text(df);
    let (_, rest) = text.split_once("projection=").unwrap();
    let end = if rest.starts_with('[') {
        rest.find(']').unwrap() + 1
    } else {
        "None".len()
    };
    (rest[..end].to_owned(), text)
}
