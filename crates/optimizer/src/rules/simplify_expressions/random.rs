//! Random expressions on random rows: what the rule makes of one has the same type and value, and
//! fails only where the plain one does (S17).

use std::collections::HashMap;
use std::sync::Arc;

use esker_datatypes::{DataType, Result, ScalarValue, Schema};
use esker_logical_expr::test_util::fail_on;
use esker_logical_expr::{Expr, col, evaluate_constant, expr_type, lit, substitute, when};
use esker_logical_plan::{LogicalPlan, Projection};
use proptest::prelude::*;

use super::SimplifyExpressions;
use crate::test_util::{filter, scan};
use crate::{Analyzer, Optimizer, OptimizerRule};

/// A value for each column of the test table.
fn row() -> impl Strategy<Value = HashMap<&'static str, ScalarValue>> {
    let long = || prop::sample::select(vec![i64::MIN, -1, 0, 1, 3, 5, i64::MAX]);
    let int = prop::sample::select(vec![i32::MIN, -1, 0, 1, 3, i32::MAX]);
    let float = prop::sample::select(vec![-0.0, 0.0, 1.0, 2.5, f64::NAN, f64::INFINITY]);
    let text = prop::sample::select(vec!["", "a", "1", "x"]);
    let values = (
        prop::option::weighted(0.8, long()),
        prop::option::weighted(0.8, long()),
        prop::option::weighted(0.8, int),
        prop::option::weighted(0.8, text),
        prop::option::weighted(0.8, float),
        prop::option::weighted(0.8, any::<bool>()),
        long(),
    );
    values.prop_map(|(a, b, d, s, f, p, k)| {
        HashMap::from([
            ("a", a.into()),
            ("b", b.into()),
            ("d", d.into()),
            ("s", s.map(str::to_owned).into()),
            ("f", f.into()),
            ("p", p.into()),
            ("k", k.into()),
        ])
    })
}

fn number(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        3 => prop::sample::select(["a", "b", "d", "f", "k"].map(col).to_vec()),
        2 => prop::sample::select(vec![
            lit(0), lit(1), lit(3i64), lit(300), lit(2.0), lit(2.5), lit(-0.0), lit(f64::NAN),
            lit(i64::MAX), lit(u64::MAX), lit(None::<i32>), lit(1i8),
        ]),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let (number, truth) = (number(depth - 1), truth(depth - 1));
    let wider = prop::sample::select(vec![
        DataType::Int8,
        DataType::Int64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(12, 2),
    ]);
    prop_oneof![
        2 => leaf,
        2 => (number.clone(), number.clone(), 0..4u8).prop_map(|(x, y, op)| match op {
            0 => x + y,
            1 => x - y,
            2 => x % y,
            _ => x / y,
        }),
        2 => (number.clone(), wider, any::<bool>()).prop_map(|(x, to, strict)| {
            if strict { x.cast(to) } else { x.try_cast(to) }
        }),
        1 => Just(fail_on(col("a"), 3)),
        1 => (truth, number.clone(), number).prop_map(|(c, x, y)| when(c).then(x).otherwise(y)),
    ]
    .boxed()
}

fn truth(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop::sample::select(vec![col("p"), lit(true), lit(false), lit(None::<bool>)]);
    if depth == 0 {
        return leaf.boxed();
    }
    let (truth, number) = (truth(depth - 1), number(depth - 1));
    let text = prop::sample::select(vec![col("s"), lit("a"), lit("x"), lit(None::<String>)]);
    let operands = prop_oneof![
        3 => (number.clone(), number.clone(), number.clone()),
        1 => (text.clone(), text.clone(), text),
        1 => (truth.clone(), truth.clone(), truth.clone()),
    ];
    prop_oneof![
        1 => leaf,
        4 => (operands, 0..10u8).prop_map(|((x, y, z), op)| match op {
            0 => x.eq(y),
            1 => x.neq(y),
            2 => x.lt(y),
            3 => x.gt_eq(y),
            4 => x.between(y, z),
            5 => x.not_between(y, z),
            6 => x.is_in([y]),
            7 => x.is_in([y, z]),
            8 => x.not_in([y, z]),
            _ => x.is_null(),
        }),
        3 => (truth.clone(), truth, 0..5u8).prop_map(|(x, y, op)| match op {
            0 => x.and(y),
            1 => x.or(y),
            2 => x.not(),
            3 => x.is_true(),
            _ => x.clone().and(x.or(y)),
        }),
    ]
    .boxed()
}

fn rule() -> Optimizer {
    Optimizer::with_rules([Arc::new(SimplifyExpressions) as Arc<dyn OptimizerRule>])
}

/// The value of an expression in a row.
fn value_in(
    row: &HashMap<&'static str, ScalarValue>,
    schema: &Schema,
    expr: &Expr,
) -> Result<ScalarValue> {
    let fields = schema.fields().iter();
    let values: HashMap<_, _> = fields
        .map(|field| (field.id(), lit(row[field.name().as_ref()].clone())))
        .collect();
    evaluate_constant(&substitute(expr.clone(), &values)?.data)
}

fn check(expr: Expr, row: &HashMap<&'static str, ScalarValue>) {
    let Ok(plan) = Projection::try_new([expr.alias("x")], scan("t")) else {
        return;
    };
    // A literal that does not fit the type it must take.
    let Ok(plain) = Analyzer::analyze(LogicalPlan::Projection(plan)) else {
        return;
    };
    let simple = rule().optimize(plain.clone()).unwrap();
    let (LogicalPlan::Projection(plain), LogicalPlan::Projection(simple)) = (plain, simple) else {
        panic!("a projection stays one");
    };
    let schema = plain.input().schema();
    let (plain, simple) = (&plain.exprs()[0], &simple.exprs()[0]);
    assert_eq!(
        expr_type(plain, schema).unwrap().data_type,
        expr_type(simple, schema).unwrap().data_type,
        "{plain} became {simple}"
    );
    let value = |expr: &Expr| value_in(row, schema, expr);
    let Ok(want) = value(plain) else { return };
    let got = value(simple).unwrap_or_else(|error| panic!("{plain} became {simple}: {error}"));
    assert!(got.same_as(&want), "{plain} is {want}, {simple} is {got}");
}

/// A filter keeps the row, or does not, as before.
fn check_filter(predicate: Expr, row: &HashMap<&'static str, ScalarValue>) {
    let Ok(plain) = Analyzer::analyze(filter(scan("t"), predicate)) else {
        return;
    };
    let simple = rule().optimize(plain.clone()).unwrap();
    let LogicalPlan::Filter(plain) = plain else {
        panic!("a filter stays one before the rule");
    };
    let schema = plain.input().schema();
    let value = |expr: &Expr| value_in(row, schema, expr);
    let Ok(want) = value(plain.predicate()) else {
        return;
    };
    let kept = match &simple {
        LogicalPlan::Filter(simple) => value(simple.predicate()).unwrap().as_bool() == Some(true),
        LogicalPlan::Limit(_) => false,
        other => panic!("{other}"),
    };
    assert_eq!(
        kept,
        want.as_bool() == Some(true),
        "{}:\n{simple}",
        plain.predicate()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn values_stay(number in number(3), truth in truth(3), row in row()) {
        check(number, &row);
        check(truth, &row);
    }

    #[test]
    fn filters_keep_the_same_rows(predicate in truth(3), row in row()) {
        check_filter(predicate, &row);
    }
}
