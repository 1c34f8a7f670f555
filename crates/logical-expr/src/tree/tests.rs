//! Tests of the walks over trees.

use esker_datatypes::Error;

use super::*;
use crate::{Binary, Expr, col, lit};

/// `(a + b) * (c + 1)`
fn sample() -> Expr {
    (col("a") + col("b")) * (col("c") + 1)
}

#[test]
fn visits_come_before_the_children() {
    let check = |of: &dyn Fn(&Expr) -> Visit, want: &[&str], stopped: bool| {
        let mut seen = Vec::new();
        let stop = visit(&sample(), |node| {
            seen.push(node.to_string());
            of(node)
        });
        assert_eq!(
            (seen.iter().map(String::as_str).collect::<Vec<_>>(), stop),
            (want.into(), stopped)
        );
    };
    let all = [
        "(#a + #b) * (#c + 1)",
        "#a + #b",
        "#a",
        "#b",
        "#c + 1",
        "#c",
        "1",
    ];
    check(&|_| Visit::Continue, &all, false);
    check(&|_| Visit::Skip, &all[..1], false);
    check(
        &|node| {
            if node.to_string() == "#b" {
                Visit::Stop
            } else {
                Visit::Continue
            }
        },
        &all[..4],
        true,
    );
    check(
        &|node| {
            if node.to_string() == "#a + #b" {
                Visit::Skip
            } else {
                Visit::Continue
            }
        },
        &["(#a + #b) * (#c + 1)", "#a + #b", "#c + 1", "#c", "1"],
        false,
    );
    assert!(any(&sample(), |node| node.as_literal().is_some()));
}

#[test]
fn folds_come_after_the_children() {
    let mut seen = Vec::new();
    let count = fold(&sample(), |node, children: &[usize]| {
        seen.push(node.to_string());
        Ok(1 + children.iter().sum::<usize>())
    });
    assert_eq!(count.unwrap(), 7);
    assert_eq!(
        seen,
        [
            "#a",
            "#b",
            "#a + #b",
            "#c",
            "1",
            "#c + 1",
            "(#a + #b) * (#c + 1)"
        ]
    );
    let failed: Result<()> = fold(&sample(), |_, _| Err(Error::internal("no")));
    assert!(failed.is_err());
}

fn left(expr: &Expr) -> &Child<Expr> {
    let Expr::Binary(Binary { left, .. }) = expr else {
        panic!("{expr}")
    };
    left
}

#[test]
fn what_does_not_change_stays_shared() {
    let original = sample();
    let rename = |node: Expr| match &node {
        Expr::Column(column) if column.name().as_ref() == "c" => Ok(Transformed::yes(col("d"))),
        _ => Ok(Transformed::no(node)),
    };
    let renamed = transform_up(original.clone(), rename).unwrap();
    assert!(renamed.changed);
    assert_eq!(renamed.data.to_string(), "(#a + #b) * (#d + 1)");
    assert!(left(&renamed.data).ptr_eq(left(&original)));
    assert_eq!(original.to_string(), "(#a + #b) * (#c + 1)");
    let again = transform_down(renamed.data.clone(), rename).unwrap();
    assert!(!again.changed);
    assert!(left(&again.data).ptr_eq(left(&original)));
}

#[test]
fn down_goes_into_what_it_wrote() {
    // Each literal above zero becomes a sum with one less.
    let expand = |node: Expr| match node.as_literal().and_then(|value| value.as_i128()) {
        Some(n @ 1..) => Ok(Transformed::yes(col("x") + (n - 1) as i32)),
        _ => Ok(Transformed::no(node)),
    };
    let text = |done: Result<Transformed<Expr>>| done.unwrap().data.to_string();
    assert_eq!(text(transform_down(lit(2), expand)), "#x + (#x + 0)");
    assert_eq!(text(transform_up(lit(2), expand)), "#x + 1");
}

#[test]
fn shared_children_outlive_their_parent() {
    let parent = sample();
    let child = left(&parent).clone();
    drop(parent);
    assert_eq!(child.to_string(), "#a + #b");
    assert_eq!(child.into_inner().to_string(), "#a + #b");
}
