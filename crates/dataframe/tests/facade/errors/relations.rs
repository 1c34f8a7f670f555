//! Mistakes in groups, joins, sorts and duplicates.

use esker_dataframe::prelude::*;

use super::said;
use crate::settings::{every_setting, pieces};
use crate::{batch, context, employees, ints, strings};

const NO_STAT: &str = "column 'stat' not found: did you mean 'state'?";

/// The first mistake of a frame, made by this method at this line.
#[track_caller]
fn check(wrong: &DataFrame, method: &str, line: u32, want: &str) {
    let error = wrong.schema().unwrap_err();
    assert_eq!(
        said(&error, method, line),
        format!("{want} (in {method}() called at HERE)")
    );
    assert_eq!(wrong.collect().unwrap_err().to_string(), error.to_string());
}

/// Like [`check`], of a mistake that names an expression.
#[track_caller]
fn check_expr(wrong: &DataFrame, method: &str, line: u32, [want, expr]: [&str; 2]) {
    let error = wrong.schema().unwrap_err();
    let want = format!("{want} (in expression {expr}, in {method}() called at HERE)");
    assert_eq!(said(&error, method, line), want);
}

#[test]
fn mistakes_in_groups() {
    let df = employees(&context(1));
    let max = || col("salary").max();

    // A key's mistake is one of the call that takes the keys.
    let line = line!() + 1;
    let groups = df.group_by(["stat"]);
    let wrong = groups.maintain_order(true).agg([max()]);
    check(&wrong, "group_by", line, NO_STAT);
    let line = line!() + 1;
    let wrong = df.group_by([max()]).agg([len()]);
    let want = ["rows cannot be grouped by an aggregate", "MAX(#salary)"];
    check_expr(&wrong, "group_by", line, want);
    let line = line!() + 1;
    let wrong = df.aggregate(["stat"], [max()]);
    check(&wrong, "aggregate", line, NO_STAT);
    let line = line!() + 1;
    let groups = df.group_by(["state", "state"]);
    let want = "two columns are named 'state': give one another name with .alias(..)";
    check(&groups.agg([max()]), "group_by", line, want);

    let line = line!() + 1;
    let wrong = df.group_by(["state"]).agg([col("salry").max()]);
    check(
        &wrong,
        "agg",
        line,
        "column 'salry' not found: did you mean 'salary'?",
    );
    let neither = "is neither a key nor inside an aggregate: add it to the keys, or say which of \
                   its values is meant, with first() or another aggregate";
    let line = line!() + 1;
    let wrong = df.group_by(["state"]).agg([col("salary") + 1]);
    let want = [&format!("column 'salary' {neither}"), "#salary + 1"];
    check_expr(&wrong, "agg", line, want);
    let line = line!() + 1;
    let wrong = df.agg(["salary"]);
    check_expr(
        &wrong,
        "agg",
        line,
        [&format!("column 'salary' {neither}"), "#salary"],
    );
    let line = line!() + 1;
    let wrong = df.agg([max().sum()]);
    let want = ["an aggregate takes no other aggregate", "SUM(MAX(#salary))"];
    check_expr(&wrong, "agg", line, want);
    let line = line!() + 1;
    let wrong = df.agg([max(), max()]);
    let want = "two columns are named 'salary_max': give one another name with .alias(..)";
    check(&wrong, "agg", line, want);
    let line = line!() + 1;
    let wrong = df.agg([col("first_name").sum()]);
    let want = ["sum() takes numbers, not (Utf8View)", "SUM(#first_name)"];
    check_expr(&wrong, "agg", line, want);
}

#[test]
fn aggregates_where_rows_are_wanted() {
    let df = employees(&context(1));
    let max = || col("salary").max();
    let no_aggregate =
        "a projection takes no aggregate: aggregate first, then compute with its result";
    let line = line!() + 1;
    let wrong = df.filter(col("salary").eq(max()));
    check_expr(
        &wrong,
        "filter",
        line,
        [
            "a filter takes no aggregate: aggregate first, then filter its result",
            "#salary = MAX(#salary)",
        ],
    );
    let line = line!() + 1;
    let wrong = df.select([max()]);
    check_expr(&wrong, "select", line, [no_aggregate, "MAX(#salary)"]);
    let line = line!() + 1;
    let wrong = df.with_column("share", col("salary") / max());
    check_expr(
        &wrong,
        "with_column",
        line,
        [no_aggregate, "#salary / MAX(#salary) as share"],
    );
    let line = line!() + 1;
    let wrong = df.sort([max()]);
    let want = "a sort takes no aggregate: aggregate first, then sort its result";
    check_expr(&wrong, "sort", line, [want, "MAX(#salary)"]);
    let line = line!() + 1;
    let wrong = df.join(&df, Join::inner().on([max()]));
    check_expr(
        &wrong,
        "join",
        line,
        ["a join key holds no aggregate", "MAX(#salary)"],
    );
}

#[test]
fn mistakes_in_joins() {
    let df = employees(&context(1));
    let other = df.select(["id", "state"]);

    let line = line!() + 1;
    let wrong = df.join(&other, Join::left());
    let want = "a join needs keys: give it .on([..]), or .left_on([..]) and .right_on([..]), or a \
                condition with .filter(..); all pairs of rows are cross_join(..)";
    check(&wrong, "join", line, want);
    let line = line!() + 1;
    let wrong = df.join(
        &other,
        Join::inner().left_on(["id", "state"]).right_on(["id"]),
    );
    let want = "the join has 2 left keys and 1 right key: .left_on(..) and .right_on(..) go in \
                pairs";
    check(&wrong, "join", line, want);

    let line = line!() + 1;
    let wrong = df.join(&other, Join::inner().on(["salary"]));
    let want = "column 'salary' not found: the columns are id, state";
    check(&wrong, "join", line, want);
    let line = line!() + 1;
    let wrong = df.join(&other, Join::inner().on(["ids"]));
    check(
        &wrong,
        "join",
        line,
        "column 'ids' not found: did you mean 'id'?",
    );
    let line = line!() + 1;
    let wrong = df.join(&other, Join::inner().left_on(["id"]).right_on(["state"]));
    let want = "cannot join #id, which is Int64, with #state, which is Utf8View; cast one side";
    check(&wrong, "join", line, want);
    let line = line!() + 1;
    let wrong = df.join(&other, Join::inner().on(["id"]).filter(col("salary") + 1));
    let want = [
        "a join's condition is a truth value, not Int64",
        "#salary + 1",
    ];
    check_expr(&wrong, "join", line, want);
    // A mistake of the right frame is its own.
    let line = line!() + 1;
    let right = df.select(["stat"]);
    let wrong = df.join(&right, Join::inner());
    check(&wrong, "select", line, NO_STAT);

    // The suffix is no way out when it is taken.
    let taken = df.rename([("salary", "state_right")]);
    let line = line!() + 1;
    let wrong = taken.join(&other, Join::inner().on(["id"]));
    let want = "two columns are named 'state_right': give one another name with .alias(..)";
    check(&wrong, "join", line, want);

    let both = df
        .alias("e")
        .join(&other.alias("o"), Join::inner().on(["id"]));
    let line = line!() + 1;
    let wrong = both.filter(col("state").eq("CO"));
    let want = "column 'state' is ambiguous: it could be 'e.state' or 'o.state'";
    check(&wrong, "filter", line, want);
}

#[test]
fn mistakes_in_sorts_and_duplicates() {
    let df = employees(&context(1));
    let line = line!() + 1;
    let wrong = df.sort(["stat"]);
    check(&wrong, "sort", line, NO_STAT);
    let line = line!() + 1;
    let wrong = df.top_k(3, [col("stat").desc()]);
    check(&wrong, "top_k", line, NO_STAT);
    let line = line!() + 1;
    let wrong = df.sort(Vec::<SortKey>::new());
    check(&wrong, "sort", line, "a sort needs at least one key");
    let line = line!() + 1;
    let wrong = df.distinct_on(["stat"]);
    check(&wrong, "distinct_on", line, NO_STAT);
    let line = line!() + 1;
    let wrong = df.distinct_on(Vec::<Expr>::new());
    check(
        &wrong,
        "distinct_on",
        line,
        "distinct needs at least one column",
    );
    let line = line!() + 1;
    let wrong = df.distinct_with(Distinct::on([col("id") + 1]));
    let want = "distinct takes columns: compute the expression with with_column() first";
    check_expr(&wrong, "distinct_with", line, [want, "#id + 1"]);
}

#[test]
fn what_goes_wrong_while_running_names_its_call() {
    for ctx in every_setting() {
        let df = pieces(
            &ctx,
            [("k", ints([1, 1, 2])), ("n", ints([1, i64::MAX, 3]))],
        );
        let check = |wrong: DataFrame, method: &str, line: u32, want: &str| {
            let error = wrong.collect().unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Evaluation { .. }),
                "{error}"
            );
            let said = said(&error, method, line);
            assert!(said.contains(want), "{said}");
        };
        let line = line!() + 1;
        let wrong = df.group_by(["k"]).agg([(col("n") + 1).max()]);
        check(wrong, "agg", line, "#n + ");
        let line = line!() + 1;
        let wrong = df.group_by([col("n") + 1]).agg([len()]);
        check(wrong, "agg", line, "#n + ");
        let line = line!() + 1;
        let wrong = df.group_by(["k"]).agg([col("n").sum()]);
        check(wrong, "agg", line, "SUM(#n)");
        let line = line!() + 1;
        let wrong = df.group_by(["k"]).agg([(col("n").max() + 1).alias("m")]);
        check(wrong, "agg", line, "#n_max + ");
        let line = line!() + 1;
        let wrong = df.sort([col("n") + 1]);
        check(wrong, "sort", line, "#n + ");
        let line = line!() + 1;
        let wrong = df.join(&df, Join::inner().on([col("n") + 1]));
        check(wrong, "join", line, "#n + ");
        let line = line!() + 1;
        let wrong = df.join(&df, Join::inner().on(["k"]).filter((col("n") + 1).gt(0)));
        check(wrong, "join", line, "#n + ");
    }
}

#[test]
fn claims_of_order_are_verified() {
    for ctx in every_setting() {
        let keys = strings([Some("a"), Some("b"), None, Some("a")]);
        let df = ctx.from_batches([batch([("k", keys)])]).unwrap();
        let check = |wrong: DataFrame, method: &str, line: u32| {
            let error = wrong.collect().unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::InvalidInput { .. }),
                "{error}"
            );
            let said = said(&error, method, line);
            assert!(said.contains("sorted"), "{said}");
        };
        let line = line!() + 1;
        let wrong = df.group_by(["k"]).sorted(true).agg([len()]);
        check(wrong, "agg", line);
        let line = line!() + 1;
        let wrong = df.distinct_with(Distinct::on(["k"]).sorted(true));
        check(wrong, "distinct_with", line);
        let line = line!() + 1;
        let wrong = df.distinct_with(Distinct::all().sorted(true));
        check(wrong, "distinct_with", line);
        let line = line!() + 1;
        let wrong = df.join(&df.limit(1), Join::inner().on(["k"]).sorted(true));
        check(wrong, "join", line);
        let line = line!() + 1;
        let wrong = df.limit(1).join(&df, Join::inner().on(["k"]).sorted(true));
        check(wrong, "join", line);
        // What is sorted, nulls last, passes.
        let sorted = df.limit(3);
        let groups = sorted.group_by(["k"]).sorted(true).agg([len()]);
        assert_eq!(groups.count().unwrap(), 3);
    }
}
