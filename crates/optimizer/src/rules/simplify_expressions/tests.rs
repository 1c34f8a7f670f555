//! Expressions before and after, and golden plans of `simplify_expressions`.

use std::collections::HashMap;

use esker_datatypes::{DataType, Field, ScalarValue, Schema};
use esker_logical_expr::test_util::fail_on;
use esker_logical_expr::{Expr, col, lit, substitute, when};
use esker_logical_plan::{FilterPushdown, JoinType, PlanNode, Sort};

use super::*;
use crate::Analyzer;
use crate::test_util::{apply, filter, join, project, random, scan, scan_of, side, sort};

/// The text of an expression over the test table after the rule.
fn check(expr: Expr, want: &str) {
    let before = expr.to_string();
    let text = apply(SimplifyExpressions, project(scan("t"), [expr.alias("x")]));
    let line = text.lines().next().unwrap_or_default();
    let got = line
        .trim_start_matches("Projection: ")
        .trim_end_matches(" as x");
    assert_eq!(got, want, "{before}");
}

fn null() -> Expr {
    lit(None::<bool>)
}

#[test]
fn constants() {
    check(lit(1) + lit(2) * lit(3), "7");
    check(col("a") + (lit(1i64) + lit(2i64)), "#a + Int64(3)");
    check(lit(1).lt(2), "TRUE");
    check(lit("a").is_in(["a", "b"]), "TRUE");
    check(lit("12").cast(DataType::Int64), "Int64(12)");
    check(lit(5).between(1, 9), "TRUE");
    check(lit(None::<i32>) + 1, "Int32(NULL)");
    check(random() + (lit(1.0) + 2.0), "random() + 3.0");
    let coded = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    check(lit("a").cast(coded), "CAST('a' AS Dictionary(Int8, Utf8))");
}

#[test]
fn what_fails_stays() {
    check(lit("x").cast(DataType::Int64), "CAST('x' AS Int64)");
    check(
        lit(i64::MAX) + lit(1i64),
        "Int64(9223372036854775807) + Int64(1)",
    );
    check(
        fail_on(lit(3i64), 3) + 1,
        "fail_on(Int64(3), value=3) + Int64(1)",
    );
    check(fail_on(lit(4i64), 3) + 1, "Int64(5)");
}

#[test]
fn and_or() {
    let p = || col("p");
    check(p().and(true), "#p");
    check(lit(true).and(p()), "#p");
    check(p().and(false), "FALSE");
    check(lit(false).and(p()), "FALSE");
    check(p().or(true), "TRUE");
    check(p().or(false), "#p");
    check(p().and(null()), "#p AND Boolean(NULL)");
    check(p().or(null()), "#p OR Boolean(NULL)");
    check(p().and(p()), "#p");
    check(
        random().lt(0.5).and(random().lt(0.5)),
        "random() < 0.5 AND random() < 0.5",
    );
}

#[test]
fn not() {
    check(col("p").not().not(), "#p");
    check(col("a").lt(col("b")).not(), "#a >= #b");
    check(col("a").eq(col("b")).not(), "#a != #b");
    check(col("a").is_null().not(), "#a IS NOT NULL");
    check(
        col("a").is_in([1, 2]).not(),
        "#a NOT IN (Int64(1), Int64(2))",
    );
    check(
        col("a").between(1, 2).not(),
        "#a NOT BETWEEN Int64(1) AND Int64(2)",
    );
    check(
        col("p").or(col("a").gt(1)).not(),
        "NOT #p AND #a <= Int64(1)",
    );
    check(
        col("p").and(col("a").gt(1)).not(),
        "NOT (#p AND #a > Int64(1))",
    );
    check(col("p").is_true().not(), "NOT #p IS TRUE");
    check(col("p").eq(true), "#p");
    check(col("p").eq(false), "NOT #p");
}

#[test]
fn nulls() {
    check(col("a").eq(lit(None::<i64>)), "Boolean(NULL)");
    check(col("a").is_null(), "#a IS NULL");
    check(col("k").is_null(), "FALSE");
    check(col("k").is_not_null(), "TRUE");
    check(col("a").eq(col("a")), "#a = #a");
    check(col("k").eq(col("k")), "TRUE");
    check(col("k").lt(col("k")), "FALSE");
}

#[test]
fn comparisons() {
    check(lit(5i64).lt(col("a")), "#a > Int64(5)");
    check(lit(5i64).eq(col("a")), "#a = Int64(5)");
    check(col("a").is_in([1]), "#a = Int64(1)");
    check(col("a").not_in([1]), "#a != Int64(1)");
    check(col("a").is_in([lit(None::<i64>)]), "Boolean(NULL)");
}

#[test]
fn casts_move_to_the_literal_where_it_is_exact() {
    let wide = || col("d").cast(DataType::Int64);
    check(wide().gt(5i64), "#d > 5");
    check(lit(5i64).gt(wide()), "#d < 5");
    check(
        wide().gt(1i64 << 40),
        "CAST(#d AS Int64) > Int64(1099511627776)",
    );
    check(wide().is_in([1i64, 2]), "#d IN (1, 2)");
    check(
        wide().is_in([1i64, 1 << 40]),
        "CAST(#d AS Int64) IN (Int64(1), Int64(1099511627776))",
    );
    check(col("d").cast(DataType::Float64).lt(2.0), "#d < 2");
    check(
        col("d").cast(DataType::Float64).lt(2.5),
        "CAST(#d AS Float64) < 2.5",
    );
    check(
        col("a").cast(DataType::Float64).lt(2.0),
        "CAST(#a AS Float64) < 2.0",
    );
    check(
        col("a").cast(DataType::Int32).lt(2),
        "CAST(#a AS Int32) < 2",
    );
    check(
        col("a").cast(DataType::Utf8View).eq("2"),
        "CAST(#a AS Utf8View) = '2'",
    );
}

#[test]
fn casts_of_every_number_type() {
    use DataType as T;
    let numbers = [
        T::Int8,
        T::Int16,
        T::Int32,
        T::Int64,
        T::UInt8,
        T::UInt16,
        T::UInt32,
        T::UInt64,
        T::Float32,
        T::Float64,
    ];
    for own in &numbers {
        for to in &numbers {
            let schema = Schema::new(vec![Field::new("x", own.clone(), true)]);
            let source = scan_of("t", schema, |_| FilterPushdown::Unsupported);
            let seven = evaluate_constant(&lit(7).cast(to.clone())).unwrap();
            let plan = filter(source, col("x").cast(to.clone()).lt(lit(seven)));
            let text = apply(SimplifyExpressions, plan);
            let keeps_cast = text.contains("CAST");
            let lossless = match (own, to) {
                _ if own == to => continue,
                (T::Int64 | T::UInt64, T::Float32 | T::Float64) => false,
                (T::Int32 | T::UInt32, T::Float32) | (T::Float64, T::Float32) => false,
                (T::Float32, T::Float64) => true,
                (T::Float32 | T::Float64, _) => false,
                _ => {
                    esker_datatypes::common_type(own, to).as_ref() == Some(to)
                    // Int64 beside UInt64 is checked, not lossless.
                    && *own != T::UInt64
                        || to.is_floating()
                }
            };
            assert_eq!(!keeps_cast, lossless, "{own} -> {to}: {text}");
        }
    }
}

/// Wider decimals beside columns of narrower ones, and of integers: where the cast goes, the answer
/// is the same for every value.
#[test]
fn casts_to_decimals() {
    use DataType as T;
    let digits = |digits: i128, to: &DataType| {
        let wide = lit(ScalarValue::decimal(digits, 38, 3).unwrap());
        evaluate_constant(&wide.try_cast(to.clone())).unwrap()
    };
    let own = [
        T::Decimal32(5, 2),
        T::Decimal64(5, 2),
        T::Decimal64(15, 2),
        T::Decimal128(5, 0),
        T::Decimal128(5, -2),
        T::Int16,
        T::UInt8,
    ];
    let wider = [
        T::Decimal128(15, 2),
        T::Decimal128(20, 3),
        T::Decimal64(9, 4),
        T::Decimal256(40, 3),
        T::Decimal128(4, 2),
    ];
    // In thousandths: exact in all types, in some, or in none.
    let literals = [
        0,
        7_000,
        -7_000,
        500,
        60,
        55,
        -55,
        99_999_999,
        i128::from(u32::MAX),
    ];
    let (mut gone, mut kept) = (0, 0);
    for (own, to) in own
        .iter()
        .flat_map(|own| wider.iter().map(move |to| (own, to)))
    {
        for literal in literals {
            let bound = digits(literal, to);
            if bound.is_null() {
                continue;
            }
            let column = || col("x").cast(to.clone());
            let bound = || lit(bound.clone());
            let tests = [
                column().lt(bound()),
                column().eq(bound()),
                column().between(bound(), bound()),
                column().not_between(bound(), lit(ScalarValue::null(to))),
                column().is_in([bound(), lit(digits(1_000, to))]),
                column().not_in([bound(), lit(ScalarValue::null(to))]),
            ];
            for test in tests {
                let schema = Schema::new(vec![Field::new("x", own.clone(), true)]);
                let source = scan_of("t", schema, |_| FilterPushdown::Unsupported);
                let LogicalPlan::Filter(plain) = Analyzer::analyze(filter(source, test)).unwrap()
                else {
                    panic!("a filter stays one");
                };
                let id = plain.schema().field(0).unwrap().id();
                let simple = simplify(plain.predicate().clone(), plain.schema())
                    .unwrap()
                    .data;
                match simple.to_string().contains("CAST") {
                    true => kept += 1,
                    false => gone += 1,
                }
                let values = literals.map(|value| digits(value, own));
                for value in values.into_iter().chain([ScalarValue::null(own)]) {
                    let values = HashMap::from([(id, lit(value))]);
                    let answer = |expr: &Expr| {
                        let expr = substitute(expr.clone(), &values).unwrap().data;
                        evaluate_constant(&expr).ok().map(|answer| answer.as_bool())
                    };
                    let before = answer(plain.predicate());
                    if before.is_some() {
                        assert_eq!(
                            answer(&simple),
                            before,
                            "{} of {values:?}",
                            plain.predicate()
                        );
                    }
                }
            }
        }
    }
    assert!(gone > 100 && kept > 100, "{gone} gone, {kept} kept");
    check(
        col("d")
            .cast(T::Decimal128(12, 2))
            .lt(lit(digits(2_000, &T::Decimal128(12, 2)))),
        "#d < 2",
    );
}

#[test]
fn conditions() {
    let case = |condition: Expr| when(condition).then(col("a")).otherwise(col("b"));
    check(case(lit(true)), "#a");
    check(case(lit(false)), "#b");
    check(case(null()), "#b");
    check(
        when(lit(false)).then(col("a")).end(),
        "CASE WHEN FALSE THEN #a END",
    );
    let two = when(col("p"))
        .then(col("a"))
        .when(lit(true))
        .then(col("b"))
        .otherwise(col("k"));
    check(two, "CASE WHEN #p THEN #a ELSE #b END");
}

#[test]
fn a_filter_asks_each_term_once() {
    let plan = filter(
        scan("t"),
        col("a").gt(1).and(col("p")).and(lit(1i64).lt(col("a"))),
    );
    insta::assert_snapshot!(apply(SimplifyExpressions, plan), @r"
    Filter: #a > Int64(1) AND #p
        Scan: t; projection=None
    ");
}

#[test]
fn a_filter_that_is_never_true_keeps_nothing() {
    for never in [null(), lit(false), lit(ScalarValue::null(&DataType::Null))] {
        let plan = filter(scan("t"), col("a").gt(1).and(never));
        insta::allow_duplicates! {
            insta::assert_snapshot!(apply(SimplifyExpressions, plan), @r"
            Limit: 0
                Scan: t; projection=None
            ");
        }
    }
}

#[test]
fn columns_keep_their_names() {
    let plan = project(
        scan("t"),
        [col("a").is_in([1]), (lit(1) + 2).alias("three"), lit(1) + 3],
    );
    insta::assert_snapshot!(apply(SimplifyExpressions, plan), @r"
    Projection: #a = Int64(1), 3 as three, 4
        Scan: t; projection=None
    ");
}

#[test]
fn keys_that_decide_nothing_are_dropped() {
    let keys = || {
        [
            lit(1).asc(),
            col("a").asc(),
            (lit(1) + 2).desc(),
            col("a").desc(),
        ]
    };
    let all = keys().into_iter().chain([random().asc(), random().asc()]);
    let plan = |keys: Vec<_>| apply(SimplifyExpressions, sort(scan("t"), keys));
    insta::assert_snapshot!(plan(all.collect()), @r"
    Sort: #a ASC NULLS LAST, random() ASC NULLS LAST, random() ASC NULLS LAST
        Scan: t; projection=None
    ");
    insta::assert_snapshot!(plan(vec![lit(1).asc()]), @"Scan: t; projection=None");
    let first = Sort::try_new([lit(1).asc()], Some(3), scan("t")).unwrap();
    insta::assert_snapshot!(apply(SimplifyExpressions, LogicalPlan::Sort(first)), @r"
    Limit: 3
        Scan: t; projection=None
    ");
}

#[test]
fn conditions_and_keys_of_joins() {
    let of = |join_type, condition: Expr| {
        let on = [("la", "ra"), ("lb", "rb"), ("la", "ra")];
        join(side("l"), side("r"), join_type, &on, Some(condition))
    };
    let check = |plan| apply(SimplifyExpressions, LogicalPlan::Join(plan));
    insta::assert_snapshot!(check(of(JoinType::Left, lit(1).lt(2))), @r"
    Join: type=Left, on=[(#la, #ra), (#lb, #rb)]
        Scan: l; projection=None
        Scan: r; projection=None
    ");
    insta::assert_snapshot!(check(of(JoinType::Inner, col("ld").gt(1).and(lit(1).gt(2)))), @r"
    Limit: 0
        Join: type=Inner, on=[(#la, #ra), (#lb, #rb)]
            Scan: l; projection=None
            Scan: r; projection=None
    ");
    insta::assert_snapshot!(check(of(JoinType::Anti, lit(1).gt(2)).with_sorted(true)), @r"
    Join: type=Anti, on=[(#la, #ra), (#lb, #rb), (#la, #ra)], filter=FALSE, sorted=true
        Scan: l; projection=None
        Scan: r; projection=None
    ");
}
