//! What goes wrong is said, wherever and with however many threads it happens.

use esker_datatypes::{ErrorKind, Result};
use esker_functions::AggregateExpr;
use esker_logical_expr::col;
use esker_logical_plan::{AggregateOptions, Distinct, LogicalPlan, aggregate_plan};
use esker_runtime::MemoryBudget;

use crate::groups::many;
use crate::{Cell, Input, Row, Settings, run};

fn sums(input: &Input, maintain_order: bool, settings: &Settings) -> Result<Vec<Row>> {
    let options = AggregateOptions {
        maintain_order,
        sorted: false,
    };
    let plan = input.plan(settings).build();
    run(
        aggregate_plan([col("i")], [col("n").sum()], options, plan)?,
        settings,
    )
}

#[test]
fn a_sum_that_overflows_names_its_expression() {
    let row = |key, n| {
        let mut row = vec![Cell::Null; 5];
        (row[0], row[4]) = (Cell::Int(key), Cell::Int(n));
        row
    };
    let mut input = many(100, 2);
    input.batches.push(vec![row(7, i64::MAX), row(7, i64::MAX)]);
    for maintain_order in [false, true] {
        for threads in [1, 3] {
            let settings = Settings {
                threads,
                split_rows: 20,
                batch_size: 3,
                ..Settings::default()
            };
            let error = sums(&input, maintain_order, &settings).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Evaluation { .. }),
                "{error}"
            );
            let text = error.to_string();
            assert!(text.contains("SUM(#n)"), "{text}");
        }
    }
    // What is taken back again is no overflow.
    input
        .batches
        .push(vec![row(7, -i64::MAX), row(7, -i64::MAX)]);
    assert_eq!(
        sums(&input, false, &Settings::default()).unwrap().len(),
        100
    );
}

#[test]
fn memory_is_asked_for() {
    let input = many(40_000, 2);
    for threads in [1, 3] {
        let settings = |memory| Settings {
            threads,
            split_rows: 10_000,
            memory,
            ..Settings::default()
        };
        let check = |name: &str, run: &dyn Fn(&Settings) -> Result<Vec<Row>>| {
            let error = run(&settings(MemoryBudget::with_limit(200_000))).unwrap_err();
            let is_refusal = matches!(error.kind(), ErrorKind::ResourcesExhausted { .. });
            assert!(is_refusal && error.to_string().contains(name), "{error}");
            let memory = MemoryBudget::with_limit(1 << 30);
            assert_eq!(run(&settings(memory.clone())).unwrap().len(), 40_000);
            assert!(memory.peak() > 200_000);
            assert_eq!(memory.used(), 0, "everything is given back");
        };
        for maintain_order in [false, true] {
            check("HashAggregateExec", &|settings| {
                sums(&input, maintain_order, settings)
            });
            check("DistinctExec", &|settings| {
                let plan = input.plan(settings).build();
                let plan = Distinct::try_new(Some(vec![col("i")]), plan).unwrap();
                let plan = plan.with_maintain_order(maintain_order);
                run(LogicalPlan::Distinct(plan), settings)
            });
        }
    }
}
