//! Claims that rows are sorted, true and false ones.

use std::sync::Arc;

use arrow::array::{BooleanArray, Int64Array, RecordBatch};
use esker_datatypes::{ErrorKind, Result};
use esker_logical_expr::{SortKey, col, resolve};
use esker_logical_plan::{Filter, LogicalPlan, MemTable, Scan};
use esker_physical_plan::{CheckSortedExec, PhysicalPlan, Planner, Role, SortSpec};
use esker_runtime::MemoryBudget;
use proptest::prelude::*;

use crate::{Row, Runner, settings};

/// The rows that are kept, through a check of their order.
fn run(
    rows: &[(Row, bool)],
    split_rows: usize,
    threads: usize,
    batch_size: usize,
) -> Result<Vec<Row>> {
    let column = |i: usize| -> Int64Array { rows.iter().map(|(row, _)| row[i]).collect() };
    let keep: BooleanArray = rows.iter().map(|(_, keep)| Some(*keep)).collect();
    let columns = [
        ("a", Arc::new(column(0)) as _, true),
        ("b", Arc::new(column(1)) as _, true),
        ("keep", Arc::new(keep) as _, true),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let table = MemTable::try_new(vec![batch]).unwrap();
    let scan = Scan::new("t", Arc::new(table.with_split_rows(split_rows)));
    let filter = Filter::try_new(col("keep"), LogicalPlan::Scan(scan)).unwrap();
    let input = Planner::new(batch_size).plan(&LogicalPlan::Filter(filter))?;
    let schema = Arc::clone(input.schema());
    let keys = ["a", "b"].map(|name| SortKey::ascending(resolve(col(name), &schema).unwrap()));
    let check = CheckSortedExec::new(SortSpec::compile(&keys, &schema)?, "#a, #b");
    let role = Role::Operator(Arc::new(check));
    let plan = PhysicalPlan::new(9, "CheckSortedExec", "", role, [input], schema.clone());
    // Only the integers.
    let exprs = ["a", "b"].map(|name| resolve(col(name), &schema).unwrap());
    let exprs: Vec<_> = exprs.iter().collect();
    let program = esker_physical_plan::expression::Program::compile(&exprs, &schema)?;
    let role = Role::Operator(Arc::new(esker_physical_plan::ProjectionExec::new(program)));
    let plan = PhysicalPlan::new(
        10,
        "ProjectionExec",
        "",
        role,
        [plan],
        crate::schema(&["a", "b"]),
    );
    Runner::new(threads, batch_size, MemoryBudget::unlimited()).try_collect(&plan)
}

/// The rows, if they ascend with nulls last.
fn oracle(rows: &[(Row, bool)]) -> Option<Vec<Row>> {
    let kept = rows.iter().filter(|(_, keep)| *keep);
    let kept: Vec<Row> = kept.map(|(row, _)| row.clone()).collect();
    let place = |row: &Row| [(row[0].is_none(), row[0]), (row[1].is_none(), row[1])];
    kept.is_sorted_by_key(place).then_some(kept)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_false_claim_is_found(
        mut values in proptest::collection::vec(
            (proptest::option::weighted(0.9, 0..9i64), proptest::option::weighted(0.9, 0..4i64)),
            0..60,
        ),
        swap in proptest::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
        kept in proptest::collection::vec(any::<bool>(), 60),
        keeps in prop_oneof![Just(1usize), Just(2), Just(9)],
        split_rows in 1..9usize,
        threads in 1..5usize,
        batch_size in prop_oneof![Just(1usize), Just(3), Just(1024)],
    ) {
        let place = |&(a, b): &(Option<i64>, Option<i64>)| ((a.is_none(), a), (b.is_none(), b));
        values.sort_by_key(place);
        if let Some((from, to)) = swap && !values.is_empty() {
            let (from, to) = (from.index(values.len()), to.index(values.len()));
            values.swap(from, to);
        }
        // Some splits lose all of their rows.
        let keep = |i: usize| keeps == 1 || kept[i / keeps];
        let rows = values.iter().enumerate();
        let rows: Vec<(Row, bool)> = rows.map(|(i, &(a, b))| (vec![a, b], keep(i))).collect();
        match (run(&rows, split_rows, threads, batch_size), oracle(&rows)) {
            (Ok(got), Some(want)) => prop_assert_eq!(got, want),
            (Err(error), None) => {
                let invalid = matches!(error.kind(), ErrorKind::InvalidInput { .. });
                prop_assert!(invalid, "{}", error);
            }
            (got, want) => prop_assert!(false, "{:?}, wanted {:?}", got, want),
        }
    }
}

#[test]
fn the_error_names_keys_and_place() {
    for (threads, batch_size) in settings() {
        let row = |i: i64| (vec![Some(if i == 14 { 3 } else { i }), None], true);
        let rows: Vec<_> = (0..30).map(row).collect();
        let error = run(&rows, 7, threads, batch_size).unwrap_err().to_string();
        let want = "the rows are not sorted by #a, #b, as the `sorted` hint says: Int64(13), \
                    Int64(NULL) comes before Int64(3), Int64(NULL) (row 0 of split 2, both counted \
                    from 0)";
        assert_eq!(error, want);
    }
}
