//! Lists: made by aggregates, exploded into rows, and carried through what keeps rows.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, DictionaryArray, FixedSizeListArray, Int32Array, LargeListArray, ListArray,
};
use arrow::datatypes::Int32Type;
use esker_dataframe::prelude::*;
use esker_functions::{Std, Var, corr};
use proptest::prelude::*;

use crate::settings::{every_setting, pieces};
use crate::{collect, context, frame, ints, row_set, rows, strings};

type Row = Option<Vec<Option<i32>>>;

fn lists(rows: &[Row]) -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
        rows.to_vec(),
    ))
}

fn large(rows: &[Row]) -> ArrayRef {
    Arc::new(LargeListArray::from_iter_primitive::<Int32Type, _, _>(
        rows.to_vec(),
    ))
}

fn some(values: &[i32]) -> Row {
    Some(values.iter().copied().map(Some).collect())
}

/// The rows that lists make, by their definition.
fn exploded(rows: &[Row]) -> Vec<String> {
    let mut all = Vec::new();
    for (id, row) in rows.iter().enumerate() {
        let values = row.clone().filter(|values| !values.is_empty());
        for value in values.unwrap_or_else(|| vec![None]) {
            let value = value.map_or("NULL".to_owned(), |value| value.to_string());
            all.push(format!("{id},{value}"));
        }
    }
    all
}

fn table(ctx: &ExecutionContext, lists: ArrayRef) -> DataFrame {
    pieces(ctx, [("id", ints(0..lists.len() as i64)), ("x", lists)])
}

#[test]
fn a_list_becomes_rows() {
    let list = [some(&[1, 2]), some(&[]), None, Some(vec![None, Some(3)])];
    let want = ["0,1", "0,2", "1,NULL", "2,NULL", "3,NULL", "3,3"];
    for ctx in every_setting() {
        for array in [lists(&list), large(&list)] {
            let df = table(&ctx, array);
            assert_eq!(rows(&df.explode(["x"])), want);
            // Sorted, joined and kept of first rows, lists stay what they are.
            let sorted = df.sort([col("id").desc()]).explode(["x"]);
            assert_eq!(sorted.count().unwrap(), 6);
            let joined = df.join(&df.select(["id"]), Join::inner().on(["id"]));
            assert_eq!(row_set(&joined.explode(["x"])), {
                let mut want = want.map(str::to_owned);
                want.sort_unstable();
                want
            });
            let first = df.distinct_with(Distinct::on(["id"]).maintain_order(true));
            assert_eq!(rows(&first.explode(["x"])), want);
            let twice = df.union(&df).explode(["x"]);
            assert_eq!(rows(&twice), [want, want].concat());
            // Columns of values have an identity of their own, which each use of the frame renews.
            let values = df.explode(["x"]);
            assert_eq!(rows(&values.union(&values)), [want, want].concat());
            let counts = values.group_by(["x"]).agg([len().alias("n")]);
            let with_counts = values.join(&counts, Join::inner().on(["x"]));
            assert_eq!(row_set(&with_counts), ["0,1,1", "0,2,1", "3,3,1"]);
            let pairs = values
                .alias("l")
                .join(&values.alias("r"), Join::inner().on(["id"]));
            assert_eq!(pairs.count().unwrap(), 10);
            let limited = df.explode(["x"]).limit(3);
            assert_eq!(rows(&limited), want[..3]);
            assert_eq!(rows(&df.explode(["x"]).slice(4, None)), want[4..]);
            assert_eq!(df.explode(["x"]).count().unwrap(), 6);
            let filtered = df
                .explode(["x"])
                .filter(col("id").gt(0) & col("x").is_not_null());
            assert_eq!(rows(&filtered), ["3,3"]);
            assert_eq!(
                rows(&df.filter(col("id").neq(1)).explode(["x"]).select(["id"])),
                ["0", "0", "2", "3", "3"]
            );
        }
    }
}

#[test]
fn lists_side_by_side() {
    let a = [some(&[1, 2]), some(&[]), some(&[5])];
    let fixed = Int32Array::from_iter([Some(7), None, Some(9), None, Some(1), Some(2)]);
    let field = Arc::new(arrow::datatypes::Field::new_list_field(
        DataType::Int32,
        true,
    ));
    let fixed = FixedSizeListArray::new(field, 2, Arc::new(fixed), None);
    for ctx in every_setting() {
        let columns = [
            ("a", lists(&a)),
            ("b", lists(&[a[0].clone(), None, a[2].clone()])),
        ];
        let df = pieces(&ctx, columns);
        assert_eq!(
            rows(&df.explode(["b", "a"])),
            ["1,1", "2,2", "NULL,NULL", "5,5"]
        );
        let fixed: ArrayRef = Arc::new(fixed.clone());
        let df = pieces(&ctx, [("a", lists(&a)), ("f", fixed)]);
        let rows_of_f = rows(&df.select(["f"]).explode(["f"]));
        assert_eq!(rows_of_f, ["7", "NULL", "9", "NULL", "1", "2"]);
        // What comes before the row is there, whatever the size of batches.
        let first = rows(&df.explode(["a", "f"]).limit(1));
        assert_eq!(first, ["1,7"]);
        let error = df.explode(["a", "f"]).collect().unwrap_err().to_string();
        let wanted = "explode of lists of different lengths in a row: 1 values beside 2";
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn encoded_lists_and_elements() {
    let values = lists(&[some(&[1, 2]), None, some(&[])]);
    let codes = Int32Array::from(vec![Some(2), Some(0), None, Some(0), Some(1)]);
    let coded: ArrayRef = Arc::new(DictionaryArray::new(codes, values));
    let texts: DictionaryArray<Int32Type> = ["a", "b", "a"].into_iter().collect();
    let field = arrow::datatypes::Field::new_list_field(texts.data_type().clone(), true);
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 1]);
    let texts: ArrayRef = Arc::new(ListArray::new(field.into(), offsets, Arc::new(texts), None));
    for ctx in every_setting() {
        let df = table(&ctx, Arc::clone(&coded)).explode(["x"]);
        assert_eq!(
            rows(&df),
            ["0,NULL", "1,1", "1,2", "2,NULL", "3,1", "3,2", "4,NULL"]
        );
        let df = table(&ctx, Arc::clone(&texts)).explode(["x"]);
        assert_eq!(rows(&df), ["0,a", "0,b", "1,a"]);
        let ones = df.filter(col("x").eq("a")).select([col("id") + 1]);
        assert_eq!(rows(&ones), ["1", "2"]);
    }
}

#[test]
fn a_long_list_gives_batches_of_bounded_length() {
    let ctx = ExecutionContext::builder()
        .threads(2)
        .batch_size(1000)
        .build()
        .unwrap();
    let long: Vec<i32> = (0..100_000).collect();
    let names = strings([Some("long"), Some("short")]);
    let df = pieces(
        &ctx,
        [("name", names), ("x", lists(&[some(&long), some(&[-1])]))],
    );
    let longest = df.explode(["x"]).stream().unwrap();
    let lengths = longest.map(|batch| batch.unwrap().num_rows());
    assert!(lengths.max().unwrap() <= 2000);
    let sums = df
        .explode(["x"])
        .group_by(["name"])
        .agg([col("x").sum(), len()]);
    assert_eq!(row_set(&sums), ["long,4999950000,100000", "short,-1,1"]);
    let first = df.explode(["x"]).limit(2);
    assert_eq!(rows(&first), ["long,0", "long,1"]);
}

#[test]
fn mistakes_name_the_column() {
    let ctx = context(1);
    let df = table(&ctx, lists(&[some(&[1])]));
    let error = |df: DataFrame| df.schema().unwrap_err().to_string();
    assert!(
        error(df.explode(["y"])).contains("y"),
        "{}",
        error(df.explode(["y"]))
    );
    let no_list = error(df.explode(["id"]));
    let want = "explode takes lists, and id is Int64: lists are x";
    assert!(no_list.contains(want), "{no_list}");
    let twice = error(df.explode(["x", "x"]));
    assert!(twice.contains("each column once, not x twice"), "{twice}");
    let none = error(df.explode(Vec::<Expr>::new()));
    assert!(none.contains("at least one column"), "{none}");
    let computed = error(df.explode([col("id") + 1]));
    assert!(computed.contains("explode takes columns"), "{computed}");
    // The values have another type than the list had.
    let sum = error(df.agg([col("x").sum()]));
    assert!(sum.contains("sum"), "{sum}");
    assert_eq!(rows(&df.explode(["x"]).agg([col("x").sum()])), ["1"]);
}

#[test]
fn plans_with_lists() {
    let ctx = context(1);
    let pair = [
        ("x", lists(&[some(&[1])])),
        ("y", ints([1])),
        ("z", ints([2])),
    ];
    let df = pieces(&ctx, pair);
    let df = df
        .explode(["x"])
        .filter(col("y").gt(0) & col("x").gt(0))
        .select(["x"])
        .limit(5);
    assert_eq!(
        df.optimized_plan().unwrap().to_string(),
        "Limit: 5\n    Filter: #x > 0\n        Unnest: #x\n            \
         Scan: pieces; projection=[x]; filters=[#y > Int64(0)]\n"
    );
}

#[test]
fn the_best_few_of_each_group() {
    for ctx in every_setting() {
        let keys = strings(["a", "b", "a", "a", "c", "b"].map(Some));
        let df = pieces(&ctx, [("k", keys), ("v", ints([3, 1, 9, 5, 7, 2]))]);
        let best = df.group_by(["k"]).maintain_order(true);
        let top = best.agg([col("v").top_k(2).alias("v")]);
        assert_eq!(rows(&top), ["a,[9, 5]", "b,[2, 1]", "c,[7]"]);
        assert_eq!(
            rows(&top.explode(["v"])),
            ["a,9", "a,5", "b,2", "b,1", "c,7"]
        );
        let all = df.agg([
            col("v").bottom_k(9).alias("v"),
            col("k").top_k(1).alias("k"),
        ]);
        assert_eq!(rows(&all), ["[1, 2, 3, 5, 7, 9],[c]"]);
        let none = df.filter(col("v").gt(100)).agg([col("v").top_k(2)]);
        assert_eq!(rows(&none), ["NULL"]);
    }
}

#[test]
fn numbers_of_groups() {
    for ctx in every_setting() {
        let df = pieces(
            &ctx,
            [
                ("k", ints([0, 1, 0, 0, 1, 2])),
                ("x", ints([1, 10, 2, 6, 30, 5])),
                ("y", ints([2, 9, 4, 12, 4, 5])),
            ],
        );
        let groups = df.group_by(["k"]).maintain_order(true);
        let numbers = groups.agg([
            col("x").median().alias("m"),
            col("x").quantile(0.25).alias("q"),
            col("x").var().alias("v"),
            Std::new().ddof(0).of("x").alias("s"),
            Var::new().ddof(2).of("x").alias("w"),
            corr("x", "y"),
        ]);
        let numbers = collect(&numbers.with_column("x_corr", col("x_corr").abs().gt(0.999)));
        let lines: Vec<String> = numbers.batches().iter().flat_map(crate::lines).collect();
        assert_eq!(
            lines,
            [
                "0,2.0,1.5,7.0,2.160246899469287,14.0,true",
                "1,20.0,15.0,200.0,10.0,NULL,true",
                "2,5.0,5.0,NULL,0.0,NULL,NULL",
            ]
        );
    }
    let df = frame(&context(1), "x", ints([1]));
    let error = df
        .agg([col("x").quantile(1.5)])
        .schema()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("quantile() takes a share from 0 to 1, not 1.5"),
        "{error}"
    );
}

/// Lists and how the rows are cut.
fn lists_strategy() -> impl Strategy<Value = Vec<Row>> {
    let value = prop_oneof![1 => Just(None), 4 => (-9..9i32).prop_map(Some)];
    let list = prop_oneof![
        1 => Just(None),
        1 => Just(Some(Vec::new())),
        6 => prop::collection::vec(value, 1..12).prop_map(Some),
    ];
    prop::collection::vec(list, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rows_are_those_of_the_definition(
        lists in lists_strategy(),
        batch_size in prop_oneof![1..20usize, Just(8192)],
        threads in 1..3usize,
        keep: bool,
    ) {
        let ctx = ExecutionContext::builder().threads(threads).batch_size(batch_size);
        let ctx = ctx.build().unwrap();
        let df = table(&ctx, self::lists(&lists));
        let df = match keep {
            true => df,
            // A selection, of which the rows lie apart.
            false => df.filter((col("id") % 3).neq(1)),
        };
        let id_of = |line: &String| line.split(',').next().unwrap().parse::<i64>().unwrap();
        let want = exploded(&lists).into_iter();
        let want: Vec<String> = want.filter(|line| keep || id_of(line) % 3 != 1).collect();
        let df = df.explode(["x"]);
        prop_assert_eq!(rows(&df), want);
    }
}

#[test]
fn an_aggregate_that_stands_twice_is_computed_once() {
    let ctx = context(1);
    let df = pieces(&ctx, [("x", ints([1, 2])), ("y", ints([3, 5]))]);
    let r = corr("x", "y");
    let squared = df.agg([(r.clone() * r).alias("r2")]);
    let plan = squared.optimized_plan().unwrap().to_string();
    assert_eq!(plan.matches("CORR").count(), 1, "{plan}");
    assert_eq!(rows(&squared.select([col("r2").gt(0.999)])), ["true"]);
}

#[test]
fn great_states_are_merged_and_given_in_shares() {
    const ROWS: i64 = 600_000;
    for threads in [1, 4] {
        let ctx = context(threads);
        // Each batch a split, so that all workers have all groups.
        let batches = (0..ROWS).step_by(10_000).map(|start| {
            let rows = start..start + 10_000;
            let keys = ints(rows.clone().map(|row| row % 3));
            crate::batch([("k", keys), ("x", ints(rows))])
        });
        let df = ctx.from_batches(batches).unwrap();
        let shares = [0.0, 0.25, 0.5, 1.0];
        let quantiles = shares.map(|share| col("x").quantile(share).alias(format!("q{share}")));
        let found = row_set(&df.group_by(["k"]).agg(quantiles));
        let want = (0..3).map(|k| {
            let of = |share: f64| k as f64 + 3.0 * share * (ROWS / 3 - 1) as f64;
            let values = shares.map(|share| format!("{:?}", of(share)));
            format!("{k},{}", values.join(","))
        });
        assert_eq!(found, want.collect::<Vec<_>>());
    }
}
