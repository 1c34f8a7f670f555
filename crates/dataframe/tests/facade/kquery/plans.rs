//! Plan texts.

use esker_dataframe::prelude::*;

use super::{NAMES, bonuses, names_in_colorado, optimized_text, plan_text, scanned};
use crate::{batch, context, employees, fixture, ints, rows};

#[test]
fn kquery_01_plan_text() {
    assert_eq!(
        plan_text(&names_in_colorado(&employees(&context(1)))),
        "Projection: #id, #first_name, #last_name\n    \
             Filter: #state = 'CO'\n        \
                 Scan: employee; projection=None"
    );
}

#[test]
fn kquery_02_optimized_plan_text() {
    let (columns, text) = scanned(&names_in_colorado(&employees(&context(1))));
    // In the order of the file, and the filter with it.
    assert!(columns.starts_with("[id, first_name, last_name"), "{text}");
    assert_eq!(text.matches("#state = 'CO'").count(), 1, "{text}");
    // As KQuery does it: without moving the filter.
    let ctx = ExecutionContext::builder()
        .without_rule("push_down_filters")
        .build()
        .unwrap();
    assert_eq!(
        optimized_text(&names_in_colorado(&employees(&ctx))),
        "Projection: #id, #first_name, #last_name\n    \
             Filter: #state = 'CO'\n        \
                 Scan: employee; projection=[id, first_name, last_name, state]"
    );
}

#[test]
fn kquery_03_projection_of_a_scan() {
    let (columns, text) = scanned(&employees(&context(1)).select(NAMES));
    assert_eq!(columns, "[id, first_name, last_name]", "{text}");
}

#[test]
fn kquery_04_aggregate() {
    let salary = || col("salary");
    let aggregates = [salary().min(), salary().max(), salary().count()];
    let df = employees(&context(1)).aggregate(["state"], aggregates);
    let aggregate = "Aggregate: groupExpr=[#state], \
                     aggregateExpr=[MIN(#salary), MAX(#salary), COUNT(#salary)]";
    assert_eq!(
        plan_text(&df),
        format!("{aggregate}\n    Scan: employee; projection=None")
    );
    assert_eq!(
        optimized_text(&df),
        format!("{aggregate}\n    Scan: employee; projection=[state, salary]")
    );
}

#[test]
fn kquery_05_computed_column() {
    assert_eq!(
        plan_text(&bonuses(&employees(&context(1)))),
        "Filter: #bonus > 1000\n    \
             Projection: #id, #first_name, #last_name, #salary, #salary * 0.1 as bonus\n        \
                 Filter: #state = 'CO'\n            \
                     Scan: employee; projection=None"
    );
}

#[test]
fn kquery_06_cast_in_an_aggregate() {
    let max = col("salary").cast(DataType::Int32).max();
    let text = plan_text(&employees(&context(1)).group_by(["state"]).agg([max]));
    assert!(text.contains("MAX(CAST(#salary AS Int32))"), "{text}");
}

#[test]
fn kquery_07_columns_are_bound_anew() {
    let ctx = context(1);
    let column = |name: &'static str| (name, ints([1]));
    let physical = |columns: Vec<(&'static str, _)>| {
        let df = ctx.from_batches([batch(columns)]).unwrap();
        let df = df
            .group_by(["passenger_count"])
            .agg([col("max_fare").max()]);
        let (columns, text) = scanned(&df);
        let physical = df.explain().unwrap().physical;
        let lines: Vec<String> = physical.lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 2, "{text}");
        (columns, lines)
    };
    let (columns, lines) = physical(vec![column("passenger_count"), column("max_fare")]);
    assert_eq!(columns, "None");
    assert_eq!(
        lines,
        [
            "HashAggregateExec: groupExpr=[#0], aggrExpr=[MAX(#1)]",
            "    ScanExec: memory; projection=None"
        ]
    );
    // Columns that nobody reads move those behind them to other positions.
    let five = ["a", "max_fare", "b", "passenger_count", "c"].map(column);
    let (columns, lines) = physical(five.to_vec());
    assert_eq!(columns, "[max_fare, passenger_count]");
    assert_eq!(
        lines,
        [
            "HashAggregateExec: groupExpr=[#1], aggrExpr=[MAX(#0)]",
            "    ScanExec: memory; projection=[max_fare, passenger_count]"
        ]
    );
}

#[test]
fn kquery_10_precedence_shows() {
    // The property, over all trees, is tested in logical-expr.
    let df = employees(&context(1));
    let text = |expr: Expr| {
        plan_text(&df.select([expr.alias("x")]))
            .lines()
            .next()
            .map(str::to_owned)
    };
    let (a, b, c) = (|| col("id"), || col("salary"), || col("id"));
    assert_eq!(
        text((a() + b()) * c()).unwrap(),
        "Projection: (#id + #salary) * #id as x"
    );
    assert_eq!(
        text(a() + b() * c()).unwrap(),
        "Projection: #id + #salary * #id as x"
    );
}

#[test]
fn the_quickstart_explains_itself() {
    let df = employees(&context(2))
        .filter(col("state").eq("CO"))
        .select([
            col("id"),
            col("first_name"),
            col("last_name"),
            col("salary"),
            (col("salary") * 0.1).alias("bonus"),
        ])
        .filter(col("bonus").gt(1000));
    let filters = "filters=[#state = 'CO', CAST(#salary AS Float64) * 0.1 > 1000.0]";
    let scan = format!("employee; projection=[id, first_name, last_name, salary]; {filters}");
    let want = format!(
        "\
== Logical plan ==
Filter: #bonus > 1000
    Projection: #id, #first_name, #last_name, #salary, #salary * 0.1 as bonus
        Filter: #state = 'CO'
            Scan: employee; projection=None

== Optimized plan ==
Projection: #id, #first_name, #last_name, #salary, CAST(#salary AS Float64) * 0.1 as bonus
    Scan: {scan}

== Physical plan ==
ProjectionExec: #0, #1, #2, #3, CAST(#3 AS Float64) * 0.1 as bonus
    ScanExec: {scan}
"
    );
    assert_eq!(df.explain().unwrap().to_string(), want);
}

#[test]
fn the_second_query_explains_itself() {
    let ctx = context(2);
    let departments = ctx.csv(fixture("departments.csv")).unwrap();
    let budgets = departments
        .join(
            &employees(&ctx),
            Join::left().left_on(["head"]).right_on(["id"]),
        )
        .group_by(["last_name"])
        .agg([len().alias("departments"), col("budget").sum()])
        .sort([col("budget_sum").desc(), col("last_name").asc()]);
    let want = "\
== Logical plan ==
Sort: #budget_sum DESC NULLS LAST, #last_name ASC NULLS LAST
    Aggregate: groupExpr=[#last_name], aggregateExpr=[LEN() as departments, SUM(#budget)]
        Join: type=Left, on=[(#head, #id)]
            Scan: departments; projection=None
            Scan: employee; projection=None

== Optimized plan ==
Sort: #budget_sum DESC NULLS LAST, #last_name ASC NULLS LAST
    Aggregate: groupExpr=[#last_name], aggregateExpr=[LEN() as departments, SUM(#budget)]
        Projection: #budget, #last_name
            Join: type=Left, on=[(#head, #id)]
                Scan: departments; projection=[head, budget]
                Scan: employee; projection=[id, last_name]

== Physical plan ==
SortExec: #2 DESC NULLS LAST, #0 ASC NULLS LAST
    HashAggregateExec: groupExpr=[#1], aggrExpr=[LEN() as departments, SUM(#0)]
        ProjectionExec: #1, #3
            HashJoinExec: type=Left, on=[(#0, #0)]
                ScanExec: departments; projection=[head, budget]
                ScanExec: employee; projection=[id, last_name]
";
    assert_eq!(budgets.explain().unwrap().to_string(), want);
    assert_eq!(
        rows(&budgets),
        ["Travis,1,250000", "Langford,2,180000", "NULL,1,80000"]
    );
}
