//! Groups and aggregates.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array};
use esker_dataframe::prelude::*;

use crate::settings::{every_setting, pieces};
use crate::{collect, employees, names, row_set, rows, strings, types};

/// MIN, MAX, SUM, COUNT and AVG of a column.
fn five(column: &str) -> [Expr; 5] {
    let x = || col(column);
    [x().min(), x().max(), x().sum(), x().count(), x().mean()]
}

#[test]
fn kquery_13_max_by_state() {
    for ctx in every_setting() {
        let max = col("salary").cast(DataType::Int32).max().alias("m");
        let df = employees(&ctx).aggregate(["state"], [max]);
        assert_eq!(row_set(&df), ["CA,12000", "CO,11500", "NULL,11500"]);
        assert_eq!(types(&df)[1], DataType::Int32);
    }
}

#[test]
fn kquery_14_sum_avg_count() {
    for ctx in every_setting() {
        let df = employees(&ctx);
        let salary = || col("salary");
        let colorado = df.filter(col("state").eq("CO"));
        let of = colorado.agg([salary().sum(), salary().mean(), salary().count()]);
        assert_eq!(rows(&of), ["21500,10750.0,2"]);
        assert_eq!(names(&of), ["salary_sum", "salary_mean", "salary_count"]);
        assert_eq!(rows(&df.agg([salary().mean()])), ["11250.0"]);
    }
}

#[test]
fn kquery_21_groups_of_float32() {
    for ctx in every_setting() {
        let values: ArrayRef = Arc::new(Float32Array::from(vec![1., 2., 4., 3.]));
        let keys = strings([Some("a"), Some("a"), Some("b"), Some("b")]);
        let df = pieces(&ctx, [("k", keys), ("x", values)]);
        let x = || col("x");
        let df = df.group_by(["k"]).agg([x().min(), x().max(), x().sum()]);
        assert_eq!(row_set(&df), ["a,1.0,2.0,3.0", "b,3.0,4.0,7.0"]);
    }
}

#[test]
fn kquery_27_nulls_are_skipped() {
    for ctx in every_setting() {
        let x = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
        let all = [
            col("x").sum(),
            col("x").min(),
            col("x").max(),
            col("x").mean(),
        ];
        let all = all.into_iter().chain([col("x").count(), len()]);
        let all: Vec<Expr> = all.collect();
        let nulls = pieces(&ctx, [("x", x(vec![None, None]))]);
        assert_eq!(rows(&nulls.agg(&all)), ["NULL,NULL,NULL,NULL,0,2"]);
        let some = pieces(&ctx, [("x", x(vec![Some(10), Some(14), Some(4)]))]);
        let mean = 28.0 / 3.0;
        assert_eq!(rows(&some.agg(&all)), [format!("28,4,14,{mean},3,3")]);
    }
}

#[test]
fn kquery_28_nulls_are_one_group() {
    for ctx in every_setting() {
        let keys = strings([Some("a"), None, Some("a"), None, Some("null")]);
        let df = pieces(&ctx, [("k", keys)]).group_by(["k"]).agg([len()]);
        assert_eq!(row_set(&df), ["NULL,2", "a,2", "null,1"]);
    }
}

#[test]
fn kquery_29_aggregates_of_no_rows() {
    for ctx in every_setting() {
        let none = employees(&ctx).filter(col("salary").lt(0));
        let all = [len()].into_iter().chain(five("salary"));
        let all: Vec<Expr> = all.collect();
        let global = none.agg(&all);
        assert_eq!(rows(&global), ["0,NULL,NULL,NULL,0,NULL"]);
        let grouped = none.group_by(["state"]).agg(&all);
        assert_eq!(collect(&grouped).num_rows(), 0);
        assert_eq!(names(&grouped)[..2], ["state", "len"]);
        assert_eq!(types(&grouped)[1..], types(&global));
    }
}

#[test]
fn kquery_33_sums_are_wide_and_checked() {
    for ctx in every_setting() {
        let bytes: ArrayRef = Arc::new(Int8Array::from(vec![100, 100, 100]));
        let sum = pieces(&ctx, [("x", bytes)]).agg([col("x").sum()]);
        assert_eq!(
            (rows(&sum), types(&sum)),
            (vec!["300".into()], vec![DataType::Int64])
        );

        let wide = |values: [i64; 3]| {
            let values: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
            pieces(&ctx, [("x", values)]).agg([col("x").sum()])
        };
        // Only the end counts, whatever the order.
        assert_eq!(rows(&wide([i64::MAX, 1, -1])), [i64::MAX.to_string()]);
        let error = wide([i64::MAX, 1, 0]).collect().unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Evaluation { .. }),
            "{error}"
        );
        assert!(error.to_string().contains("SUM(#x)"), "{error}");
    }
}

#[test]
fn kquery_34_means_are_floats() {
    for ctx in every_setting() {
        let values: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
        let mean = pieces(&ctx, [("x", values)]).agg([col("x").mean()]);
        assert_eq!(
            (rows(&mean), types(&mean)),
            (vec!["1.5".into()], vec![DataType::Float64])
        );
    }
}

#[test]
fn kquery_37_text_has_no_sum() {
    let ctx = crate::context(1);
    let wrong = employees(&ctx)
        .group_by(["state"])
        .agg([col("last_name").sum()]);
    let error = wrong.schema().unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::TypeMismatch { .. }),
        "{error}"
    );
    assert_eq!(error.call().unwrap().0, "agg");
}

#[test]
fn kquery_49_equivalents() {
    for ctx in every_setting() {
        let df = employees(&ctx);
        let max = || col("salary").max();
        let by_state = df.group_by(["state"]).agg([max()]);
        let max_first = by_state.select(["salary_max", "state"]);
        assert_eq!(row_set(&max_first), ["11500,CO", "11500,NULL", "12000,CA"]);
        let two = df.group_by(["state", "job_title"]).agg([max()]);
        assert_eq!(names(&two), ["state", "job_title", "salary_max"]);
        let two = df.group_by(["job_title", "state"]).agg([max()]);
        assert_eq!(names(&two), ["job_title", "state", "salary_max"]);
        let having = by_state.filter(col("salary_max").gt(11_600));
        assert_eq!(rows(&having), ["CA,12000"]);
        assert_eq!(rows(&having.select(["state"])), ["CA"]);
    }
}

#[test]
fn kquery_58_partitions_merge() {
    let (rows_in, keys) = (1000, 7);
    let value = |i: i64| (i * 37 % 101) as f64 / 2.0;
    let key = |i: i64| i * i % keys;
    // In a single pass, naively.
    let want: Vec<String> = (0..keys)
        .filter_map(|k| {
            let of: Vec<f64> = (0..rows_in).filter(|&i| key(i) == k).map(value).collect();
            let sum: f64 = of.iter().sum();
            let min = of.iter().copied().reduce(f64::min)?;
            let max = of.iter().copied().reduce(f64::max)?;
            let mean = sum / of.len() as f64;
            Some(format!("{k},{min:?},{max:?},{sum:?},{},{mean:?}", of.len()))
        })
        .collect();
    assert!(want.len() > 3, "{want:?}");
    for partitions in 1..=8 {
        let ctx = crate::context(partitions);
        let part = |p: usize| {
            // One of them is empty.
            let of = |i: &i64| partitions == 1 || i % (partitions as i64 - 1) == p as i64;
            let ids: Vec<i64> = (0..rows_in).filter(of).collect();
            let keys: ArrayRef =
                Arc::new(Int64Array::from_iter_values(ids.iter().map(|&i| key(i))));
            let values = ids.iter().map(|&i| value(i));
            let values: ArrayRef = Arc::new(Float64Array::from_iter_values(values));
            ctx.from_batches([crate::batch([("k", keys), ("x", values)])])
                .unwrap()
        };
        let parts: Vec<DataFrame> = (0..partitions).map(part).collect();
        let all = parts[1..]
            .iter()
            .fold(parts[0].clone(), |all, part| all.union(part));
        let df = all.group_by(["k"]).agg(five("x"));
        assert_eq!(row_set(&df), want, "{partitions} partitions");
    }
}
