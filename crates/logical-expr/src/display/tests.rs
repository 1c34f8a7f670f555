//! Tests of plan text.

use std::collections::HashMap;

use esker_datatypes::{DataType, Field, Name, ScalarValue, Schema};
use proptest::prelude::*;

use crate::test_util::{double, fail_on, total};
use crate::tree::TreeNode;
use crate::{BinaryOp, Expr, UnaryOp, col, lit, resolve, when};

#[test]
fn parentheses_where_precedence_needs_them() {
    let check = |expr: Expr, want: &str| assert_eq!(expr.to_string(), want);
    let [a, b, c] = ["a", "b", "c"].map(col);
    let (a, b, c) = (|| a.clone(), || b.clone(), || c.clone());
    check(a() + b() + c(), "#a + #b + #c");
    check(a() + (b() + c()), "#a + (#b + #c)");
    check(a() - (b() - c()), "#a - (#b - #c)");
    check((a() + b()) * c(), "(#a + #b) * #c");
    check(a() + b() * c(), "#a + #b * #c");
    check(a() & b() & c(), "#a AND #b AND #c");
    check(a() & (b() & c()), "#a AND (#b AND #c)");
    check(a() & b() | c(), "#a AND #b OR #c");
    check(a() & (b() | c()), "#a AND (#b OR #c)");
    check(a().eq(b()).eq(c()), "(#a = #b) = #c");
    check(a().eq(b().eq(c())), "#a = (#b = #c)");
    check((a() + 1).lt(b()), "#a + 1 < #b");
    check(!a() & b(), "NOT #a AND #b");
    check(!(a() & b()), "NOT (#a AND #b)");
    check(!!a(), "NOT NOT #a");
    check((!a()).eq(b()), "(NOT #a) = #b");
    check(!a().eq(b()), "NOT #a = #b");
    check(a().eq(b()).is_null(), "(#a = #b) IS NULL");
    check(a().is_null().eq(b()), "(#a IS NULL) = #b");
    check((a() + b()).is_not_null(), "#a + #b IS NOT NULL");
    check((-a()).is_nan(), "-#a IS NAN");
    check(a().is_true().is_false(), "(#a IS TRUE) IS FALSE");
    check(-lit(5), "-(5)");
    check(lit(-5), "-5");
    check(-(-a()), "-(-#a)");
    check(-(a() + b()), "-(#a + #b)");
    check(-a() * b(), "-#a * #b");
    check(a() - -5, "#a - -5");
    check(
        a().between(b() + 1, c()) & b(),
        "#a BETWEEN #b + 1 AND #c AND #b",
    );
    check(a().between(b() & c(), 1), "#a BETWEEN (#b AND #c) AND 1");
    check(a().eq(1).is_in([true]), "(#a = 1) IN (TRUE)");
    check(a().not_in([b().eq(1)]), "#a NOT IN (#b = 1)");
    check(
        (a() + b()).cast(DataType::Int8) * c(),
        "CAST(#a + #b AS Int8) * #c",
    );
    check(a().alias("x") + b(), "(#a as x) + #b");
    check(a().alias("x").alias("y"), "(#a as x) as y");
    check((a() & b()).alias("x y"), "#a AND #b as \"x y\"");
    check(double(a().alias("x")), "double((#a as x))");
    check(
        fail_on(a(), 3) + total(b()),
        "fail_on(#a, value=3) + TOTAL(#b)",
    );
    check(
        when(a()).then(b() + 1).when(b()).then(2).otherwise(c()) + 1,
        "CASE WHEN #a THEN #b + 1 WHEN #b THEN 2 ELSE #c END + 1",
    );
}

#[test]
fn names_are_quoted_unless_plain() {
    let check = |name: &str, want: &str| assert_eq!(col(name).to_string(), want);
    check("a", "#a");
    check("_a1", "#_a1");
    check("größe", "#größe");
    check("a b", "#\"a b\"");
    check("1a", "#\"1a\"");
    check("", "#\"\"");
    check("a.b", "#\"a.b\"");
    check("say \"hi\"", "#\"say \"\"hi\"\"\"");
    let orders = Name::from("o");
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false).with_qualifiers([orders.clone()]),
        Field::new("a b", DataType::Int64, false).with_qualifiers([orders]),
        Field::new("a.b", DataType::Int64, false),
    ]);
    let check = |name: &str, want: &str| {
        assert_eq!(resolve(col(name), &schema).unwrap().to_string(), want);
    };
    check("id", "#id");
    check("o.id", "#o.id");
    check("o.a b", "#o.\"a b\"");
    check("a.b", "#\"a.b\"");
}

/// Whether two trees are the same in everything, names included.
fn same_tree(left: &Expr, right: &Expr) -> bool {
    let own = |expr: &Expr| match expr {
        Expr::Alias(alias) => Some(alias.name.to_string()),
        Expr::Column(column) => Some(format!("{:?}.{}", column.qualifier(), column.name())),
        _ => None,
    };
    let children = |expr: &Expr| {
        let mut children = Vec::new();
        expr.for_each_child(&mut |child| children.push(Expr::clone(child)));
        children
    };
    let (lefts, rights) = (children(left), children(right));
    std::mem::discriminant(left) == std::mem::discriminant(right)
        && own(left) == own(right)
        && (matches!(left, Expr::Alias(_)) || left.same_node(right))
        && lefts.len() == rights.len()
        && lefts.iter().zip(&rights).all(|(l, r)| same_tree(l, r))
}

/// Each text must stand for one tree.
fn check_apart(trees: impl IntoIterator<Item = Expr>) {
    let mut seen: HashMap<String, Expr> = HashMap::new();
    for tree in trees {
        let text = tree.to_string();
        if let Some(other) = seen.get(&text) {
            assert!(same_tree(&tree, other), "two trees print as {text}");
        } else {
            seen.insert(text, tree);
        }
    }
}

const BINARY: [BinaryOp; 13] = [
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Rem,
    BinaryOp::Eq,
    BinaryOp::NotEq,
    BinaryOp::Lt,
    BinaryOp::LtEq,
    BinaryOp::Gt,
    BinaryOp::GtEq,
    BinaryOp::And,
    BinaryOp::Or,
];
const UNARY: [UnaryOp; 7] = [
    UnaryOp::Not,
    UnaryOp::Negate,
    UnaryOp::IsNull,
    UnaryOp::IsNotNull,
    UnaryOp::IsTrue,
    UnaryOp::IsFalse,
    UnaryOp::IsNan,
];

/// All nodes with these children.
fn nodes_over(x: &Expr, y: &Expr, z: &Expr) -> Vec<Expr> {
    let (x, y, z) = (|| x.clone(), || y.clone(), || z.clone());
    let mut nodes: Vec<Expr> = Vec::new();
    nodes.extend(BINARY.map(|op| Expr::binary(x(), op, y())));
    nodes.extend(UNARY.map(|op| Expr::unary(op, x())));
    for to in [DataType::Int8, DataType::Utf8View] {
        nodes.extend([x().cast(to.clone()), x().try_cast(to)]);
    }
    nodes.extend([
        x().between(y(), z()),
        x().not_between(y(), z()),
        x().is_in(Vec::<Expr>::new()),
        x().not_in([y()]),
        x().is_in([y(), z()]),
        when(x()).then(y()).end(),
        when(x()).then(y()).otherwise(z()),
        when(x()).then(y()).when(z()).then(x()).end(),
        double(x()),
        fail_on(x(), 1),
        fail_on(x(), 2),
        total(x()),
        x().alias("x"),
        x().alias("a b"),
    ]);
    nodes
}

#[test]
fn small_trees_print_apart() {
    let leaves = [col("a"), lit(5), lit(-5)];
    let mut small = leaves.to_vec();
    for x in &leaves {
        for y in &leaves {
            small.extend(nodes_over(x, y, &leaves[0]));
        }
    }
    let mut trees = small.clone();
    for x in &small {
        for y in &leaves {
            trees.extend(nodes_over(x, y, &leaves[0]));
            trees.extend(nodes_over(y, x, &leaves[0]));
            trees.extend(nodes_over(y, &leaves[0], x));
        }
    }
    check_apart(trees);
}

fn leaf() -> impl Strategy<Value = Expr> {
    prop::sample::select(vec![
        col("a"),
        col("b"),
        col("a b"),
        col("a.b"),
        lit(5),
        lit(-5),
        lit(5i64),
        lit(5.0),
        lit(-0.0),
        lit(0.0),
        lit(f64::NAN),
        lit(f64::NEG_INFINITY),
        lit(0.1f32),
        lit(0.1),
        lit("a"),
        lit("it's"),
        lit("#a"),
        lit("NULL"),
        lit(true),
        lit(None::<i32>),
        lit(None::<String>),
        lit(ScalarValue::null(&DataType::Null)),
        lit(ScalarValue::date(0)),
        lit(ScalarValue::decimal(5, 3, 2).unwrap()),
        lit(ScalarValue::decimal(5, 4, 2).unwrap()),
    ])
}

fn tree() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        let kinds = nodes_over(&lit(0), &lit(0), &lit(0)).len();
        (inner.clone(), inner.clone(), inner, 0..kinds)
            .prop_map(|(x, y, z, kind)| nodes_over(&x, &y, &z)[kind].clone())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_trees_print_apart(trees in prop::collection::vec(tree(), 64)) {
        check_apart(trees);
    }
}
