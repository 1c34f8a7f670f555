//! Groups, joins and sorts over two CSV files.
//!
//! ```sh
//! cargo run --release -p esker-dataframe --example joins_and_groups
//! ```
#![expect(clippy::disallowed_macros, reason = "examples print")]

use esker_dataframe::prelude::*;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data");

fn main() -> Result<()> {
    let ctx = ExecutionContext::new();
    let employees = ctx.csv(format!("{DATA}/employee.csv"))?;
    let departments = ctx.csv(format!("{DATA}/departments.csv"))?;

    println!("Salaries by state, the highest first; rows without a state are a group too:");
    let by_state = employees
        .group_by(["state"])
        .agg([len(), col("salary").max(), col("salary").mean()])
        .sort([col("salary_max").desc(), col("state").asc()]);
    println!("{}\n", by_state.collect()?);

    println!("The middle of each state's salaries, how far they lie apart, and the best two:");
    let salary = || col("salary");
    let spread = employees.filter(col("state").is_not_null());
    let spread = spread.group_by(["state"]).agg([
        salary().median().alias("middle"),
        Std::new().ddof(0).of("salary").alias("apart"),
        salary().top_k(2).alias("best"),
    ]);
    // Lists become rows: those of a state one below the other.
    let spread = spread.explode(["best"]);
    let spread = spread.sort([col("state").asc(), col("best").desc()]);
    println!("{}\n", spread.collect()?);

    println!("Departments and their heads; nobody has number 5, so Marketing has none:");
    let headed = departments.join(&employees, Join::left().left_on(["head"]).right_on(["id"]));
    let headed = headed.select(["department", "last_name", "budget"]);
    println!("{}\n", headed.sort(["department"]).collect()?);

    println!("Who heads most, by budget:");
    let by_head = headed
        .filter(col("last_name").is_not_null())
        .group_by(["last_name"])
        .agg([len().alias("departments"), col("budget").sum()]);
    println!(
        "{}\n",
        by_head.top_k(1, [col("budget_sum").desc()]).collect()?
    );

    println!("Who heads nothing:");
    let idle = employees.join(
        &departments,
        Join::anti().left_on(["id"]).right_on(["head"]),
    );
    println!(
        "{}\n",
        idle.select(["id", "last_name"]).sort(["id"]).collect()?
    );

    println!("Each department's share of all budgets, one row beside every other:");
    let total = departments.agg([col("budget").sum().alias("total")]);
    let share = (col("budget") / col("total")).alias("share");
    let shares = departments
        .broadcast(&total)
        .select([col("department"), share]);
    let shares = shares.sort([col("share").desc()]);
    println!("{}\n", shares.collect()?);

    println!("{}", shares.explain_analyze()?);
    Ok(())
}
