//! Builds the plan of a query from its nodes, by hand, and prints it; makes a few mistakes on the
//! way.

#![expect(clippy::disallowed_macros, reason = "an example prints its result")]

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use esker_datatypes::Result;
use esker_logical_expr::col;
use esker_logical_plan::{
    Filter, LogicalPlan, LogicalPlanBuilder, MemTable, Projection, Scan, TableSource, Union,
    check_invariants,
};

fn main() -> Result<()> {
    // A source: here a table in memory. A plan asks it for its columns and reads nothing.
    let employees = Arc::new(employees()?);
    println!("employee({})\n", employees.schema());

    // Who works in Colorado? Each node takes its input and finds what its names mean.
    let scan = LogicalPlan::Scan(Scan::new("employee", employees.clone()));
    let filter = LogicalPlan::Filter(Filter::try_new(col("state").eq("CO"), scan.clone())?);
    let names = [col("id"), col("first_name"), col("last_name")];
    let plan = LogicalPlan::Projection(Projection::try_new(names, filter)?);
    println!("{plan}");
    println!("gives ({})\n", plan.schema());

    // Mistakes are found when the node is made, not when rows flow.
    for wrong in [
        Filter::try_new(col("stat").eq("CO"), scan.clone()),
        Filter::try_new(col("salary") * 2, scan.clone()),
        Filter::try_new(col("state").gt(5), scan),
    ] {
        if let Err(error) = wrong {
            println!("no: {error}");
        }
    }

    // The builder is the same with less to write. A frame joins itself under new identities.
    let well_paid = LogicalPlanBuilder::scan("employee", employees)
        .filter(col("salary").gt_eq(11_500))?
        .project([col("id"), col("first_name"), col("last_name")])?
        .build();
    let both = LogicalPlan::Union(Union::try_new([plan.clone(), well_paid, plan])?);
    check_invariants(&both)?;
    println!("\n{both}");
    Ok(())
}

/// The employees of the examples' data.
fn employees() -> Result<MemTable> {
    let text = |values: [&str; 4]| Arc::new(StringViewArray::from_iter_values(values)) as ArrayRef;
    let number = |values: [i64; 4]| Arc::new(Int64Array::from_iter_values(values)) as ArrayRef;
    let batch = RecordBatch::try_from_iter([
        ("id", number([1, 2, 3, 4])),
        ("first_name", text(["Bill", "Gregg", "John", "Von"])),
        ("last_name", text(["Hopkins", "Langford", "Travis", "Mill"])),
        ("state", text(["CA", "CO", "CO", ""])),
        ("salary", number([12_000, 10_000, 11_500, 11_500])),
    ])?;
    MemTable::try_new(vec![batch])
}
