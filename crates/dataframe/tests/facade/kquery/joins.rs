//! Joins.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array};
use esker_dataframe::prelude::*;

use super::optimized_text;
use crate::relations::{check_join, departments, pairs, people};
use crate::settings::{every_setting, pieces};
use crate::{context, ints, names, row_set, rows, strings, types};

/// With the null keys of case 43.
fn with_nulls(ctx: &ExecutionContext) -> (DataFrame, DataFrame) {
    let zed = pairs(ctx, "name", &[(None, "Zed")]);
    let ghost = pairs(ctx, "dept", &[(None, "Ghost")]);
    (people(ctx).union(&zed), departments(ctx).union(&ghost))
}

/// All types.
fn every_type() -> [(Join, &'static str); 6] {
    [
        (Join::inner(), "inner"),
        (Join::left(), "left"),
        (Join::right(), "right"),
        (Join::full(), "full"),
        (Join::semi(), "semi"),
        (Join::anti(), "anti"),
    ]
}

#[test]
fn kquery_39_to_42_every_type() {
    for ctx in every_setting() {
        let (l, r) = (people(&ctx), departments(&ctx));
        let check = |join: Join, want: &[&str]| check_join(&l, &r, join.on(["id"]), want);
        let both = ["1,Alice,Engineering", "2,Bob,Sales"];
        check(Join::inner(), &both);
        check(Join::left(), &[both[0], both[1], "3,Carol,NULL"]);
        check(Join::right(), &[both[0], both[1], "4,NULL,Marketing"]);
        check(
            Join::full(),
            &[both[0], both[1], "3,Carol,NULL", "4,NULL,Marketing"],
        );
        check(Join::semi(), &["1,Alice", "2,Bob"]);
        check(Join::anti(), &["3,Carol"]);
        for join in [Join::inner(), Join::left(), Join::right(), Join::full()] {
            assert_eq!(names(&l.join(&r, join.on(["id"]))), ["id", "name", "dept"]);
        }
        let cross = l.cross_join(&r);
        assert_eq!(names(&cross), ["id", "name", "id_right", "dept"]);
        assert_eq!(row_set(&cross).len(), 9);
        assert_eq!(row_set(&cross)[8], "3,Carol,4,Marketing");
    }
}

#[test]
fn kquery_43_null_keys() {
    for ctx in every_setting() {
        let (l, r) = with_nulls(&ctx);
        let check_all = |equal: bool, join: Join, want: &[&str]| {
            check_join(&l, &r, join.on(["id"]).nulls_equal(equal), want);
        };
        let both = ["1,Alice,Engineering", "2,Bob,Sales"];
        let carol = "3,Carol,NULL";
        let check = |join, want: &[&str]| check_all(false, join, want);
        check(Join::inner(), &both);
        check(Join::left(), &[both[0], both[1], carol, "NULL,Zed,NULL"]);
        let right = ["4,NULL,Marketing", "NULL,NULL,Ghost"];
        check(Join::right(), &[both[0], both[1], right[0], right[1]]);
        let full = [both[0], both[1], carol, "NULL,Zed,NULL", right[0], right[1]];
        check(Join::full(), &full);
        check(Join::semi(), &["1,Alice", "2,Bob"]);
        check(Join::anti(), &["3,Carol", "NULL,Zed"]);

        let check = |join, want: &[&str]| check_all(true, join, want);
        let zed = "NULL,Zed,Ghost";
        check(Join::inner(), &[both[0], both[1], zed]);
        check(Join::left(), &[both[0], both[1], carol, zed]);
        check(Join::right(), &[both[0], both[1], zed, right[0]]);
        check(Join::full(), &[both[0], both[1], carol, zed, right[0]]);
        check(Join::semi(), &["1,Alice", "2,Bob", "NULL,Zed"]);
        check(Join::anti(), &["3,Carol"]);
    }
}

#[test]
fn kquery_44_duplicates_types_and_empty_inputs() {
    for ctx in every_setting() {
        let l = pairs(&ctx, "l", &[(Some(1), "a"), (Some(1), "b")]);
        let r = pairs(&ctx, "r", &[(Some(1), "x"), (Some(1), "y"), (Some(1), "z")]);
        let six = ["1,a,x", "1,a,y", "1,a,z", "1,b,x", "1,b,y", "1,b,z"];
        check_join(&l, &r, Join::inner().on(["id"]), &six);

        let narrow: ArrayRef = Arc::new(Int32Array::from(vec![2, 1]));
        let narrow = pieces(&ctx, [("id", narrow), ("n", ints([20, 10]))]);
        let on = || Join::inner().on(["id"]);
        check_join(
            &narrow,
            &departments(&ctx),
            on(),
            &["2,20,Sales", "1,10,Engineering"],
        );
        assert_eq!(
            types(&narrow.join(&departments(&ctx), on()))[0],
            DataType::Int32
        );
        check_join(
            &departments(&ctx),
            &narrow,
            on(),
            &["1,Engineering,10", "2,Sales,20"],
        );

        let texts = strings([Some("x"), Some("y"), Some("x")]);
        let other = pieces(
            &ctx,
            [
                ("id", ints([1, 1, 2])),
                ("r", texts),
                ("n", ints([7, 8, 9])),
            ],
        );
        check_join(
            &r,
            &other,
            Join::inner().on(["id", "r"]),
            &["1,x,7", "1,y,8"],
        );
        let other = other.rename([("id", "a"), ("r", "b")]);
        let pairs = Join::inner().left_on(["id", "r"]).right_on(["a", "b"]);
        check_join(&r, &other, pairs, &["1,x,1,x,7", "1,y,1,y,8"]);

        let (l, r) = (people(&ctx), departments(&ctx));
        let (no_l, no_r) = (l.filter(col("id").lt(0)), r.filter(col("id").lt(0)));
        for (join, join_type) in every_type() {
            let join = join.on(["id"]);
            let left_alone: &[&str] = match join_type {
                "left" | "full" => &["1,Alice,NULL", "2,Bob,NULL", "3,Carol,NULL"],
                "anti" => &["1,Alice", "2,Bob", "3,Carol"],
                _ => &[],
            };
            check_join(&l, &no_r, join.clone(), left_alone);
            let right_alone: &[&str] = match join_type {
                "right" | "full" => &["1,NULL,Engineering", "2,NULL,Sales", "4,NULL,Marketing"],
                _ => &[],
            };
            check_join(&no_l, &r, join.clone(), right_alone);
            check_join(&no_l, &no_r, join, &[]);
        }
    }
}

#[test]
fn kquery_45_equal_names() {
    let ctx = context(2);
    let l = pieces(&ctx, [("id", ints([1, 2])), ("x", ints([10, 20]))]);
    let r = pieces(&ctx, [("id", ints([1, 2])), ("x", ints([11, 21]))]);
    let on = || Join::inner().on(["id"]);
    let joined = l.join(&r, on());
    assert_eq!(names(&joined), ["id", "x", "x_right"]);
    assert_eq!(row_set(&joined), ["1,10,11", "2,20,21"]);
    assert_eq!(names(&l.join(&r, on().suffix("_r"))), ["id", "x", "x_r"]);
    let kept = l.join(&r, on().coalesce(false));
    assert_eq!(names(&kept), ["id", "x", "id_right", "x_right"]);

    let qualified = l.alias("o").join(&r.alias("c"), on());
    assert_eq!(names(&qualified), ["id", "o.x", "c.x"]);
    assert_eq!(row_set(&qualified), ["1,10,11", "2,20,21"]);
    let sum = (col("o.x") + col("c.x")).alias("sum");
    assert_eq!(row_set(&qualified.select([sum])), ["21", "41"]);
    // The key answers to all its names.
    for id in ["id", "o.id", "c.id"] {
        assert_eq!(rows(&qualified.filter(col(id).eq(1)).select([id])), ["1"]);
    }
    let error = qualified.filter(col("x").gt(1)).schema().unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::AmbiguousColumn { .. }),
        "{error}"
    );
    // A frame joins itself.
    let twice = l.join(&l, Join::inner().on(["x"]));
    assert_eq!(row_set(&twice), ["1,10,1", "2,20,2"]);
    assert_eq!(names(&twice), ["id", "x", "id_right"]);
}

#[test]
fn kquery_46_filters_above_joins() {
    let filtered = |ctx: &ExecutionContext, join: Join, by: Expr| {
        people(ctx)
            .join(&departments(ctx), join.on(["id"]))
            .filter(by)
    };
    let ctx = context(2);
    let of_left = || col("name").eq("Bob");
    let inner = filtered(&ctx, Join::inner(), of_left());
    let lines: Vec<String> = optimized_text(&inner).lines().map(str::to_owned).collect();
    let join = lines
        .iter()
        .position(|line| line.contains("Join: type=Inner"));
    let filter = lines.iter().position(|line| line.contains("#name = 'Bob'"));
    assert!(join.is_some() && join < filter, "{lines:#?}");

    // Below the join it would only decide which left rows have nulls.
    let of_right = || col("dept").is_null();
    let left = filtered(&ctx, Join::left(), of_right());
    let lines: Vec<String> = optimized_text(&left).lines().map(str::to_owned).collect();
    let join = lines
        .iter()
        .position(|line| line.contains("Join: type=Left"));
    let filter = lines.iter().position(|line| line.contains("#dept IS NULL"));
    assert!(filter.is_some() && filter < join, "{lines:#?}");

    // A null is not 'Sales', so rows without a match are not wanted.
    let rejects = || col("dept").eq("Sales");
    let text = optimized_text(&filtered(&ctx, Join::left(), rejects()));
    assert!(text.contains("Join: type=Inner"), "{text}");

    for ctx in every_setting() {
        assert_eq!(
            rows(&filtered(&ctx, Join::inner(), of_left())),
            ["2,Bob,Sales"]
        );
        assert_eq!(
            rows(&filtered(&ctx, Join::left(), of_right())),
            ["3,Carol,NULL"]
        );
        assert_eq!(
            rows(&filtered(&ctx, Join::left(), rejects())),
            ["2,Bob,Sales"]
        );
        assert_eq!(
            rows(&filtered(&ctx, Join::full(), of_right())),
            ["3,Carol,NULL"]
        );
    }
}
