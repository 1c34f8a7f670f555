//! Every kind of join on every kind of key, with and without a condition.

use crate::common::{Shape, check, scan, table};
use crate::oracle::{CmpOp, Expr, Join, JoinKind, Plan, Table, Type};

/// The types of a key on the left and on the right.
const KEYS: [(Type, Type); 13] = [
    (Type::INT64, Type::INT64),
    (Type::int(8), Type::int(32)),
    (Type::UINT64, Type::INT64),
    (Type::uint(16), Type::UINT64),
    (Type::Float64, Type::Float64),
    (Type::Float32, Type::Float64),
    (Type::int(32), Type::Float64),
    (Type::Decimal(5, 2), Type::Decimal(20, 3)),
    (Type::Decimal(5, 2), Type::int(16)),
    (Type::Text, Type::Text),
    (Type::Bool, Type::Bool),
    (Type::Date, Type::Date),
    (Type::Date, Type::Instant),
];

fn tables(left: Type, right: Type, shapes: (Shape, Shape), seed: u64) -> Vec<Table> {
    let columns = |key, extra| [("k", key), ("b", Type::Bool), extra];
    vec![
        table(seed, &columns(left, ("x", Type::int(8))), shapes.0),
        table(seed + 1, &columns(right, ("y", Type::int(8))), shapes.1),
    ]
}

/// A condition on both sides.
fn condition() -> Expr {
    Expr::cmp(CmpOp::LtEq, Expr::col("x"), Expr::col("y"))
}

/// Joins on these columns: with and without a condition, null keys equal or not, in order or not.
fn check_kinds(kind: JoinKind, names: &[&str], tables: &[Table]) {
    for filter in [None, Some(condition())] {
        for nulls_equal in [false, true] {
            let options = Join {
                nulls_equal,
                maintain_order: nulls_equal == filter.is_some(),
                filter: filter.clone(),
                ..Join::on(kind, names)
            };
            check(&Plan::Join(scan(0), scan(1), options.into()), tables);
        }
    }
}

/// Joins of a kind on keys of every type.
fn check_keys(kind: JoinKind) {
    for (at, (left, right)) in KEYS.into_iter().enumerate() {
        let shapes = (Shape::Wide, Shape::ManyBatches);
        check_kinds(kind, &["k"], &tables(left, right, shapes, at as u64 * 7));
    }
}

#[test]
fn inner_joins_on_every_key() {
    check_keys(JoinKind::Inner);
}

#[test]
fn left_joins_on_every_key() {
    check_keys(JoinKind::Left);
}

#[test]
fn right_joins_on_every_key() {
    check_keys(JoinKind::Right);
}

#[test]
fn full_joins_on_every_key() {
    check_keys(JoinKind::Full);
}

#[test]
fn semi_joins_on_every_key() {
    check_keys(JoinKind::Semi);
}

#[test]
fn anti_joins_on_every_key() {
    check_keys(JoinKind::Anti);
}

#[test]
fn joins_on_several_keys() {
    let shapes = (Shape::ManyBatches, Shape::Skewed);
    for (at, (left, right)) in [(Type::Text, Type::Text), (Type::Float64, Type::int(8))]
        .into_iter()
        .enumerate()
    {
        for kind in JoinKind::ALL {
            check_kinds(kind, &["k", "b"], &tables(left, right, shapes, at as u64));
        }
    }
}

#[test]
fn joins_of_every_shape() {
    let shapes = [Shape::Empty, Shape::OneRow, Shape::Skewed, Shape::AllNull];
    for left in shapes {
        for right in shapes {
            let tables = tables(Type::INT64, Type::INT64, (left, right), 5);
            for kind in JoinKind::ALL {
                let plan = Plan::Join(scan(0), scan(1), Join::on(kind, &["k"]).into());
                check(&plan, &tables);
            }
            check(&Plan::Cross(scan(0), scan(1)), &tables);
        }
    }
}

#[test]
fn joins_on_a_condition_alone() {
    for right in [Shape::Empty, Shape::AllNull, Shape::Wide] {
        let tables = tables(Type::INT64, Type::Text, (Shape::ManyBatches, right), 9);
        for kind in JoinKind::ALL {
            let options = Join {
                filter: Some(condition()),
                ..Join::on(kind, &[])
            };
            check(&Plan::Join(scan(0), scan(1), options.into()), &tables);
        }
    }
}

#[test]
fn joins_of_a_table_with_itself() {
    let tables = [table(
        3,
        &[("k", Type::Text), ("x", Type::int(8))],
        Shape::Skewed,
    )];
    for kind in JoinKind::ALL {
        for coalesce in [true, false] {
            let options = Join {
                coalesce,
                filter: Some(Expr::cmp(CmpOp::Lt, Expr::col("id"), Expr::col("id_right"))),
                ..Join::on(kind, &["k"])
            };
            check(&Plan::Join(scan(0), scan(0), options.into()), &tables);
        }
    }
}

#[test]
fn a_row_beside_all_rows() {
    for left in Shape::ALL {
        for right in [Shape::Empty, Shape::OneRow] {
            let tables = tables(Type::Text, Type::Float64, (left, right), 11);
            check(&Plan::Broadcast(scan(0), scan(1)), &tables);
        }
    }
}
