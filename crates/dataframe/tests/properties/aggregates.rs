//! Every aggregate of every type of value, over groups and over all rows.

use crate::common::{Shape, TYPES, check, named, scan, table};
use crate::oracle::{AggFn, ArithOp, Expr, Grouping, Plan, Table, Type};

/// The aggregates that a type has, of the column `x`.
fn aggregates(data_type: Type) -> Vec<(String, Expr)> {
    let mut functions = vec![
        AggFn::Count(false),
        AggFn::Count(true),
        AggFn::NUnique(false),
        AggFn::NUnique(true),
        AggFn::Min,
        AggFn::Max,
        AggFn::First(false),
        AggFn::First(true),
        AggFn::Last(false),
        AggFn::Last(true),
    ];
    if data_type.is_number() {
        functions.extend([0, 25, 50, 99].map(AggFn::Quantile));
    }
    let sums = match data_type {
        // Extremes add up to more than there is room for: their sums are for a test of their own.
        Type::Int { bits: 64, .. } | Type::Decimal(..) => data_type == Type::Decimal(5, 2),
        other => other.is_number(),
    };
    if sums {
        functions.extend([AggFn::Sum, AggFn::Mean, AggFn::Var, AggFn::Std]);
    }
    let named = functions.into_iter().enumerate().map(|(at, function)| {
        let agg = Expr::agg(function, Expr::col("x"));
        (format!("a{at}"), agg)
    });
    let rows = ("rows".to_owned(), Expr::Agg(AggFn::Len, None));
    named.chain([rows]).collect()
}

fn check_groups(data_type: Type, shape: Shape, keys: &[(&str, Type)], seed: u64) {
    let mut columns = keys.to_vec();
    columns.push(("x", data_type));
    let tables = [table(seed, &columns, shape)];
    let names = keys.iter().map(|(name, _)| (*name).to_owned());
    let by: Vec<(String, Expr)> = names.map(|name| (name.clone(), Expr::Col(name))).collect();
    let options = match seed.is_multiple_of(2) && !keys.is_empty() {
        true => Grouping::IN_ORDER,
        false => Grouping::default(),
    };
    let aggs = aggregates(data_type);
    check(&Plan::Aggregate(scan(0), by, aggs, options), &tables);
}

/// Aggregates of every type over every shape, grouped by keys of these types.
fn check_all(keys: &[(&str, Type)]) {
    for (at, data_type) in TYPES.into_iter().enumerate() {
        for shape in Shape::ALL {
            check_groups(data_type, shape, keys, at as u64);
        }
    }
}

#[test]
fn aggregates_of_all_rows() {
    check_all(&[]);
}

#[test]
fn aggregates_of_groups() {
    check_all(&[("k", Type::int(8))]);
}

#[test]
fn groups_of_every_key() {
    for (at, key) in TYPES.into_iter().enumerate() {
        for shape in [Shape::ManyBatches, Shape::Skewed, Shape::AllNull] {
            let two = [("k", key), ("l", TYPES[(at + 4) % TYPES.len()])];
            check_groups(Type::int(8), shape, &two[..1], at as u64 + 100);
            check_groups(Type::Text, shape, &two, at as u64 + 200);
        }
    }
}

#[test]
fn groups_of_expressions_and_expressions_around_aggregates() {
    let tables = [table(
        8,
        &[("k", Type::Text), ("x", Type::int(16))],
        Shape::ManyBatches,
    )];
    let half = Expr::arith(ArithOp::FloorMod, Expr::col("id"), Expr::int(2));
    let keys = named([("half", half), ("k", Expr::col("k"))]);
    let aggs = named([
        (
            "range",
            Expr::arith(
                ArithOp::Sub,
                Expr::Cast(
                    Expr::agg(AggFn::Max, Expr::col("x")).into(),
                    Type::INT64,
                    false,
                ),
                Expr::agg(AggFn::Min, Expr::col("x")),
            ),
        ),
        (
            "average",
            Expr::arith(
                ArithOp::Div,
                Expr::agg(AggFn::Sum, Expr::col("x")),
                Expr::Agg(AggFn::Len, None),
            ),
        ),
    ]);
    check(
        &Plan::Aggregate(scan(0), keys, aggs, Grouping::default()),
        &tables,
    );
}

#[test]
fn sums_of_wide_values() {
    for (at, data_type) in [Type::INT64, Type::UINT64, Type::Decimal(20, 3)]
        .into_iter()
        .enumerate()
    {
        for shape in Shape::ALL {
            // Of several tables, some have sums that fit and some have none.
            for seed in 0..4 {
                let tables: [Table; 1] = [table(at as u64 * 10 + seed, &[("x", data_type)], shape)];
                let aggs = named([
                    ("sum", Expr::agg(AggFn::Sum, Expr::col("x"))),
                    ("rows", Expr::Agg(AggFn::Len, None)),
                ]);
                let mean = named([("mean", Expr::agg(AggFn::Mean, Expr::col("x")))]);
                for aggs in [aggs, mean] {
                    let all = Plan::Aggregate(scan(0), Vec::new(), aggs, Grouping::default());
                    check(&all, &tables);
                }
            }
        }
    }
}
