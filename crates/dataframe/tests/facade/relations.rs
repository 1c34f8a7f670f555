//! Groups, joins, sorts and duplicates, beyond the cases of KQuery.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use esker_dataframe::prelude::*;

use crate::kquery::plan_text;
use crate::settings::{every_setting, pieces};
use crate::{context, employees, ints, names, row_set, rows, strings};

/// A frame of ids and texts.
pub(crate) fn pairs(
    ctx: &ExecutionContext,
    name: &str,
    pairs: &[(Option<i64>, &str)],
) -> DataFrame {
    let ids = pairs.iter().map(|(id, _)| *id);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter(ids));
    let texts = strings(pairs.iter().map(|(_, text)| Some(*text)));
    pieces(ctx, [("id", ids), (name, texts)])
}

pub(crate) fn people(ctx: &ExecutionContext) -> DataFrame {
    let people = [(Some(1), "Alice"), (Some(2), "Bob"), (Some(3), "Carol")];
    pairs(ctx, "name", &people)
}

pub(crate) fn departments(ctx: &ExecutionContext) -> DataFrame {
    let departments = [
        (Some(1), "Engineering"),
        (Some(2), "Sales"),
        (Some(4), "Marketing"),
    ];
    pairs(ctx, "dept", &departments)
}

/// Joins in the order of the left rows and in any: `want` is in that order.
pub(crate) fn check_join(left: &DataFrame, right: &DataFrame, join: Join, want: &[&str]) {
    let ordered = left.join(right, join.clone().maintain_order(true));
    assert_eq!(rows(&ordered), want, "{ordered:?}");
    let mut want: Vec<&str> = want.to_vec();
    want.sort_unstable();
    let joined = left.join(right, join);
    assert_eq!(row_set(&joined), want, "{joined:?}");
}

#[test]
fn groups_keep_the_order_of_their_first_rows_when_asked() {
    for ctx in every_setting() {
        let df = employees(&ctx);
        let ordered = df.group_by(["state"]).maintain_order(true).agg([len()]);
        assert_eq!(rows(&ordered), ["CA,1", "CO,2", "NULL,1"]);
        // Without an aggregate the keys are there, each once.
        let keys = df.group_by(["state"]).maintain_order(true);
        assert_eq!(rows(&keys.agg(Vec::<Expr>::new())), ["CA", "CO", "NULL"]);
        // Expressions around aggregates and over keys.
        let exprs = [
            (col("salary").sum() / len()).alias("mean"),
            (col("id") % 2 + 1).alias("k"),
        ];
        let around = df.group_by([col("id") % 2]).maintain_order(true).agg(exprs);
        assert_eq!(names(&around), ["id", "mean", "k"]);
        assert_eq!(rows(&around), ["1,11750.0,2", "0,10750.0,1"]);
    }
}

#[test]
fn conditions_beside_keys_and_without() {
    for ctx in every_setting() {
        let (l, r) = (people(&ctx), departments(&ctx));
        let condition = || col("dept").neq("Sales");
        let inner = Join::inner().on(["id"]).filter(condition());
        check_join(&l, &r, inner, &["1,Alice,Engineering"]);
        let left = Join::left().on(["id"]).filter(condition());
        check_join(
            &l,
            &r,
            left,
            &["1,Alice,Engineering", "2,Bob,NULL", "3,Carol,NULL"],
        );
        let anti = Join::anti().on(["id"]).filter(condition());
        check_join(&l, &r, anti, &["2,Bob", "3,Carol"]);
        // Conditions add up.
        let none = Join::inner()
            .on(["id"])
            .filter(condition())
            .filter(col("name").eq("Bob"));
        check_join(&l, &r, none, &[]);

        let less = Join::inner().filter(col("id").gt(col("id_right")));
        let want = [
            "2,Bob,1,Engineering",
            "3,Carol,1,Engineering",
            "3,Carol,2,Sales",
        ];
        check_join(&l, &r, less, &want);
        let semi = Join::semi().filter(col("id").gt(col("id_right")));
        check_join(&l, &r, semi, &["2,Bob", "3,Carol"]);
    }
}

#[test]
fn one_row_is_broadcast() {
    for ctx in every_setting() {
        let l = people(&ctx);
        let with = |one: &DataFrame| rows(&l.broadcast(one).sort(["id"]));
        let total = l.agg([col("id").sum().alias("total")]);
        assert_eq!(with(&total), ["1,Alice,6", "2,Bob,6", "3,Carol,6"]);
        let none = total.filter(col("total").lt(0));
        assert_eq!(with(&none), ["1,Alice,NULL", "2,Bob,NULL", "3,Carol,NULL"]);
        let two = departments(&ctx).select(["dept"]).limit(2);
        let error = l.broadcast(&two).collect().unwrap_err();
        assert_eq!(error.call().unwrap().0, "broadcast");
        assert!(
            !matches!(error.kind(), ErrorKind::Internal { .. }),
            "{error}"
        );
    }
}

#[test]
fn joins_explain_themselves() {
    let ctx = context(1);
    let join = Join::left()
        .on(["id"])
        .maintain_order(true)
        .nulls_equal(true);
    let df = people(&ctx).join(&departments(&ctx), join);
    assert_eq!(
        plan_text(&df),
        "Projection: #id, #name, #dept\n    \
             Join: type=Left, on=[(#id, #id)], nulls_equal=true, maintain_order=true\n        \
                 Scan: pieces; projection=None\n        \
                 Scan: pieces; projection=None"
    );
    let cross = people(&ctx).cross_join(&departments(&ctx).select(["dept"]));
    assert!(
        plan_text(&cross).starts_with("Join: type=Cross\n"),
        "{cross:?}"
    );
}

#[test]
fn sorts_are_stable_and_take_expressions() {
    for ctx in every_setting() {
        let df = employees(&ctx).select(["id", "salary"]);
        let want = ["2,10000", "3,11500", "4,11500", "1,12000"];
        assert_eq!(rows(&df.sort(["salary"])), want);
        assert_eq!(rows(&df.top_k(2, ["salary"])), want[..2]);
        assert_eq!(rows(&df.top_k(99, ["salary"])), want);
        assert_eq!(rows(&df.top_k(0, ["salary"])), [""; 0]);
        let want = ["2,10000", "4,11500", "1,12000", "3,11500"];
        assert_eq!(rows(&df.sort([col("id") % 2, col("salary") % 1000])), want);
    }
}

#[test]
fn duplicates_go_and_the_first_stays() {
    for ctx in every_setting() {
        let keys = strings([Some("a"), None, Some("a"), Some("b"), None, Some("a")]);
        let df = pieces(&ctx, [("k", keys), ("n", ints([1, 2, 1, 4, 5, 6]))]);
        assert_eq!(
            row_set(&df.distinct()),
            ["NULL,2", "NULL,5", "a,1", "a,6", "b,4"]
        );
        assert_eq!(row_set(&df.distinct_on(["k"])), ["NULL,2", "a,1", "b,4"]);
        let of = |distinct: Distinct| rows(&df.distinct_with(distinct.maintain_order(true)));
        assert_eq!(
            of(Distinct::all()),
            ["a,1", "NULL,2", "b,4", "NULL,5", "a,6"]
        );
        assert_eq!(of(Distinct::on(["k"])), ["a,1", "NULL,2", "b,4"]);
        // Columns that are not wanted later do not change which rows are equal.
        assert_eq!(
            row_set(&df.distinct().select(["k"])),
            ["NULL", "NULL", "a", "a", "b"]
        );
        assert_eq!(
            row_set(&df.distinct_on(["k"]).select(["n"])),
            ["1", "2", "4"]
        );
        assert_eq!(df.distinct().count().unwrap(), 5);
    }
}

#[test]
fn floats_are_equal_and_ordered_the_same_everywhere() {
    for ctx in every_setting() {
        let x = || {
            vec![
                Some(f64::NAN),
                Some(0.0),
                None,
                Some(-f64::NAN),
                Some(-0.0),
                Some(-1.0),
            ]
        };
        let column: ArrayRef = Arc::new(Float64Array::from(x()));
        let df = pieces(&ctx, [("x", column), ("n", ints(0..6))]);
        let groups = df.group_by(["x"]).maintain_order(true).agg([len()]);
        assert_eq!(rows(&groups.select(["len"])), ["2", "2", "1", "1"]);
        assert_eq!(df.select(["x"]).distinct().count().unwrap(), 4);
        let pairs = df.join(&df.select(["x"]), Join::inner().on(["x"]));
        assert_eq!(pairs.count().unwrap(), 4 + 4 + 1);
        let order = |key: SortKey| rows(&df.sort([key]).select(["n"])).concat();
        assert_eq!(order(col("x").asc()), "514032");
        assert_eq!(order(col("x").desc()), "031452");
        assert_eq!(order(col("x").asc().nulls_first()), "251403");
        assert_eq!(order(col("x").desc().nulls_first()), "203145");
    }
}

#[test]
fn options_of_aggregates() {
    for ctx in every_setting() {
        let n: ArrayRef = Arc::new(Int64Array::from(vec![
            None,
            Some(1),
            Some(1),
            Some(2),
            None,
        ]));
        let df = pieces(&ctx, [("n", n)]);
        let all = df.agg([
            col("n").first(),
            col("n").last(),
            First::new().ignore_nulls(true).of("n").alias("f"),
            Last::new().ignore_nulls(true).of("n").alias("l"),
            col("n").n_unique(),
            NUnique::new().nulls(true).of("n").alias("u"),
            col("n").count(),
            Count::new().nulls(true).of("n").alias("c"),
        ]);
        assert_eq!(rows(&all), ["NULL,NULL,1,2,2,3,3,5"]);
    }
}

#[test]
fn steps_of_every_kind_on_top_of_each_other() {
    for ctx in every_setting() {
        let (l, r) = (people(&ctx), departments(&ctx));
        let full = l.join(&r, Join::full().on(["id"]));
        let groups = full.group_by([(col("id") % 2).alias("odd")]).agg([
            len().alias("n"),
            col("name").count(),
            col("dept").max(),
        ]);
        let ranked = groups.sort([col("odd").desc()]);
        assert_eq!(rows(&ranked), ["1,2,2,Engineering", "0,2,1,Sales"]);
        let twice = ranked
            .union(&ranked)
            .distinct()
            .join(&ranked, Join::semi().on(["odd", "n"]));
        assert_eq!(row_set(&twice), ["0,2,1,Sales", "1,2,2,Engineering"]);
        let limited = twice
            .sort(["odd"])
            .limit(1)
            .cross_join(&l.select(["name"]).top_k(2, ["name"]));
        assert_eq!(row_set(&limited), ["0,2,1,Sales,Alice", "0,2,1,Sales,Bob"]);
    }
}
