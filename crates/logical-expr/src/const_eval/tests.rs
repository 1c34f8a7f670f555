//! Tests of evaluation.

use std::sync::Arc;

use arrow::array::{Int64Array, StringViewArray};
use esker_datatypes::{ErrorKind, Field};

use super::*;
use crate::expr::Expr;
use crate::test_util::{double, fail_on, total};
use crate::{CaseWhen, coerce, col, lit, when};

fn coerced(expr: Expr) -> Expr {
    coerce(expr, &Schema::default()).unwrap().data
}

#[test]
fn constants() {
    let check = |expr: Expr, want: &str| {
        assert!(is_constant(&expr), "{expr}");
        let value = evaluate_constant(&coerced(expr.clone()));
        assert_eq!(
            value.map_or_else(|e| e.to_string(), |v| v.to_string()),
            want,
            "{expr}"
        );
    };
    let null = || lit(None::<bool>);
    check(lit(1) + 2 * lit(3), "7");
    check(lit(7) / 2, "3.5");
    check(lit(-7) % 2, "-1");
    check(lit(7) % 0, "Int32(NULL)");
    check(-lit(5), "-5");
    let overflow = "overflow: 2147483647 + 1 does not fit Int32 (in expression 2147483647 + 1)";
    check(lit(i32::MAX) + 1, overflow);
    check(lit(0.1f32) + 1, "1.1000000014901161");
    check(lit(1).eq(1i64), "TRUE");
    check(lit("a").lt("b"), "TRUE");
    check(lit(f64::NAN).eq(f64::NAN), "TRUE");
    check(lit(-0.0).lt(0.0), "FALSE");
    check(null() & false, "FALSE");
    check(null() | false, "Boolean(NULL)");
    check(!null(), "Boolean(NULL)");
    check(null().is_null(), "TRUE");
    check(null().is_not_null(), "FALSE");
    check(null().is_true(), "FALSE");
    check(lit(false).is_false(), "TRUE");
    check(lit(f64::NAN).is_nan(), "TRUE");
    check(lit("12").cast(DataType::Int64), "Int64(12)");
    check(lit("x").try_cast(DataType::Int64), "Int64(NULL)");
    check(lit(1).is_in([1, 2]), "TRUE");
    check(lit(3).is_in([1, 2]), "FALSE");
    check(lit(3).not_in([1, 2]), "TRUE");
    check(lit(3).is_in([Some(1), None]), "Boolean(NULL)");
    check(lit(1).is_in([Some(1), None]), "TRUE");
    check(lit(1).not_in([Some(1), None]), "FALSE");
    check(lit(None::<i32>).is_in([1]), "Boolean(NULL)");
    check(lit(1).is_in(Vec::<Expr>::new()), "FALSE");
    check(lit(1).not_in(Vec::<Expr>::new()), "TRUE");
    check(lit(2).between(1, 3), "TRUE");
    check(lit(2).not_between(1, 3), "FALSE");
    check(lit(0).between(1, None::<i32>), "FALSE");
    check(lit(2).between(1, None::<i32>), "Boolean(NULL)");
    let nothing = || lit(ScalarValue::null(&DataType::Null));
    check(nothing().eq(nothing()), "Boolean(NULL)");
    check(nothing() + nothing(), "Int64(NULL)");
    check(-nothing(), "Int64(NULL)");
    check(!nothing(), "Boolean(NULL)");
    check(nothing().is_null(), "TRUE");
    check(nothing().is_nan(), "Boolean(NULL)");
    check(nothing().is_in([nothing()]), "Boolean(NULL)");
    check(nothing().is_in([1]), "Boolean(NULL)");
    check(nothing().between(nothing(), 1), "Boolean(NULL)");
    check(when(nothing()).then(nothing()).end(), "NULL");
    check(nothing().cast(DataType::Int8), "Int8(NULL)");
    check(double(nothing()), "Float64(NULL)");
    check(lit(1).alias("a"), "1");
    check(double(lit(4)), "8.0");
    check(fail_on(lit(1i64), 2), "Int64(1)");
    check(
        fail_on(lit(2i64), 2),
        "fail_on met 2 (in expression fail_on(Int64(2), value=2))",
    );
}

#[test]
fn only_the_branch_taken_may_fail() {
    let check = |expr: Expr, want: Result<&str, &str>| match evaluate_constant(&coerced(expr)) {
        Ok(value) => assert_eq!(Ok(value.to_string().as_str()), want),
        Err(error) => assert!(
            want.is_err_and(|w| error.to_string().contains(w)),
            "{error}"
        ),
    };
    let fails = || fail_on(lit(2i64), 2);
    let if_true = |value: bool| -> CaseWhen { when(lit(value)) };
    check(if_true(true).then(1i64).otherwise(fails()), Ok("Int64(1)"));
    check(if_true(false).then(fails()).otherwise(1i64), Ok("Int64(1)"));
    check(
        if_true(true).then(fails()).otherwise(1i64),
        Err("fail_on met 2"),
    );
    check(
        if_true(true)
            .then(1i64)
            .when(fails().eq(2i64))
            .then(2i64)
            .end(),
        Ok("Int64(1)"),
    );
    check(
        if_true(false)
            .then(1i64)
            .when(fails().eq(2i64))
            .then(2i64)
            .end(),
        Err("fail_on met 2"),
    );
    check(if_true(false).then(fails()).end(), Ok("Int64(NULL)"));
    check(when(lit(None::<bool>)).then(1).otherwise(2), Ok("2"));
    check(if_true(true).then(1).otherwise(2.5), Ok("1.0"));
}

#[test]
fn what_is_no_constant() {
    let check = |expr: Expr| {
        assert!(!is_constant(&expr));
        let error = evaluate_constant(&expr).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Internal { .. }),
            "{error}"
        );
    };
    check(col("a") + 1);
    check(total(lit(1)));
}

#[test]
fn nodes_over_columns() {
    let schema = Schema::new(vec![
        Field::new("x", DataType::Int64, true),
        Field::new("t", DataType::Utf8View, true),
    ]);
    let x: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4)]));
    let t: ArrayRef = Arc::new(StringViewArray::from(vec![
        Some("a"),
        Some("b"),
        None,
        Some("d"),
    ]));
    let check = |expr: Expr, operands: &[&ArrayRef], want: &str| {
        let columns: Vec<Column> = operands
            .iter()
            .map(|a| Column::flat(Arc::clone(a)))
            .collect();
        let dictionaries = columns.iter().map(Column::dictionary_encoded).collect();
        let node = coerce(expr, &schema).unwrap().data;
        let out = expr_type(&node, &schema).unwrap().data_type;
        for columns in [columns, dictionaries] {
            let mut columns: Vec<Column> = columns;
            let mut literals = Vec::new();
            node.for_each_child(&mut |child| literals.extend(child.as_literal().cloned()));
            columns.extend(literals.into_iter().map(|value| Column::constant(value, 4)));
            // The last row is not selected.
            let selection = Selection::from_rows(4, vec![0, 1, 2]);
            let got = apply(
                &node,
                &columns,
                4,
                &out,
                &selection,
                &mut Buffers::default(),
            );
            let text = got.map_or_else(
                |error| error.to_string(),
                |column| {
                    assert_eq!(column.data_type(), &out);
                    assert_eq!(column.len(), 4);
                    let text = |row| column.value(row).unwrap().to_string();
                    selection.iter().map(text).collect::<Vec<_>>().join(" ")
                },
            );
            assert_eq!(text, want, "{node}");
        }
    };
    check(col("x") + 1, &[&x], "Int64(2) Int64(NULL) Int64(4)");
    check(col("x").eq(col("x")), &[&x, &x], "TRUE Boolean(NULL) TRUE");
    check(col("x").is_in([3, 4]), &[&x], "FALSE Boolean(NULL) TRUE");
    check(
        col("t").not_in(["a", "d"]),
        &[&t],
        "FALSE TRUE Boolean(NULL)",
    );
    check(
        col("x").is_in([col("x")]),
        &[&x, &x],
        "TRUE Boolean(NULL) TRUE",
    );
    check(col("x").between(1, 2), &[&x], "TRUE Boolean(NULL) FALSE");
    check(col("t").is_null(), &[&t], "FALSE FALSE TRUE");
    check(fail_on(col("x"), 4), &[&x], "Int64(1) Int64(NULL) Int64(3)");
    check(
        fail_on(col("x"), 3),
        &[&x],
        "fail_on met 3 (in expression fail_on(#x, value=3))",
    );
}
