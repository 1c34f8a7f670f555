//! `coalesce` and `fill_null` against the first value that is not null.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int8Array, Int32Array, Int64Array, ListArray,
    NullArray, StringArray, StringViewArray,
};
use arrow::datatypes::{DataType, Int32Type};
use esker_datatypes::ScalarValue;
use esker_logical_expr::{Expr, col, lit};

use super::{ConditionalExpr, coalesce};
use crate::testing::{check, typed};

/// The first value that is not null, else the last.
fn first(row: &[ScalarValue]) -> Option<ScalarValue> {
    row.iter()
        .find(|value| !value.is_null())
        .or(row.last())
        .cloned()
}

fn all() -> Expr {
    coalesce(["a", "b", "c"])
}

#[test]
fn types() {
    use DataType as T;
    let check = |call: Expr, types: &[T], want: &str| match typed(call, types) {
        Ok(got) => assert_eq!(got, want),
        Err(error) => assert!(error.to_string().contains(want), "{error}"),
    };
    check(coalesce(["a"]), &[T::Int8], "coalesce(#a): Int8?");
    check(
        coalesce(["a", "b"]),
        &[T::Int8, T::UInt8],
        "coalesce(CAST(#a AS Int16), CAST(#b AS Int16)): Int16?",
    );
    check(
        col("a").fill_null(0),
        &[T::Int8],
        "coalesce(#a, Int8(0)): Int8?",
    );
    check(
        col("a").fill_null("x"),
        &[T::Utf8],
        "coalesce(CAST(#a AS Utf8View), 'x'): Utf8View?",
    );
    check(
        col("a").fill_null("x"),
        &[T::Int8],
        "takes arguments of one type",
    );
    check(
        coalesce(Vec::<Expr>::new()),
        &[],
        "takes at least 1 argument",
    );
    check(
        coalesce([lit(ScalarValue::null(&T::Null)), col("a")]),
        &[T::Date32],
        "coalesce(Date32(NULL), #a): Date32?",
    );
}

#[test]
fn numbers() {
    let a: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(1), None, None, Some(5)]));
    let b: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(2), Some(3), None, None]));
    let c: ArrayRef = Arc::new(Int64Array::from(vec![
        Some(7),
        Some(8),
        Some(9),
        None,
        None,
    ]));
    check(all(), &[a.clone(), b, c], first);
    let or_zero = |row: &[ScalarValue]| first(&[row[0].clone(), ScalarValue::from(0i64)]);
    check(col("a").fill_null(0), &[a], or_zero);
    let nan = Float64Array::from(vec![Some(f64::NAN), None, Some(-0.0), None]);
    let or = Float64Array::from(vec![1.0, f64::NAN, 2.0, -0.0]);
    let columns: [ArrayRef; 2] = [Arc::new(nan), Arc::new(or)];
    check(coalesce(["a", "b"]), &columns, first);
}

#[test]
fn without_nulls_the_first_counts_alone() {
    let a: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let b: ArrayRef = Arc::new(Int32Array::from(vec![4, 5, 6]));
    check(coalesce(["a", "b"]), &[a, b], first);
}

#[test]
fn text_of_every_layout() {
    let values = [Some("a"), None, None, Some("")];
    let others = ["x", "a text that is longer than a view", "z", "w"];
    let view: ArrayRef = Arc::new(StringViewArray::from(values.to_vec()));
    let or: ArrayRef = Arc::new(StringViewArray::from(others.to_vec()));
    check(coalesce(["a", "b"]), &[view.clone(), or.clone()], first);
    let plain: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
    let as_view = |row: &[ScalarValue]| {
        let text = row.iter().find_map(ScalarValue::as_str);
        Some(ScalarValue::from(text.map(str::to_owned)))
    };
    check(coalesce(["a", "b"]), &[plain, or], as_view);
    let filled = |row: &[ScalarValue]| first(&[row[0].clone(), "none".into()]);
    check(col("a").fill_null("none"), &[view], filled);
}

#[test]
fn dictionaries_lists_and_nulls() {
    let codes = Int8Array::from(vec![Some(0), Some(1), None]);
    let values = StringArray::from(vec![Some("a"), None]);
    let coded: ArrayRef = Arc::new(DictionaryArray::new(codes, Arc::new(values)));
    let plain: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "z"]));
    check(coalesce(["a", "b"]), &[coded, plain.clone()], first);
    let none: ArrayRef = Arc::new(NullArray::new(3));
    check(coalesce(["a", "b"]), &[none.clone(), plain], first);
    check(coalesce(["a", "b"]), &[none.clone(), none], first);
    let list = |lists: [Option<Vec<Option<i32>>>; 3]| -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))
    };
    let some = list([Some(vec![None]), None, Some(vec![])]);
    let more = list([None, Some(vec![Some(1)]), None]);
    check(coalesce(["a", "b"]), &[some, more], first);
}
