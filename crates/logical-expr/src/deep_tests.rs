//! Trees 100,000 deep on a small stack: build, print, resolve, type, coerce, bound, fold, drop.

use std::collections::HashMap;

use esker_datatypes::{DataType, Field, Schema};

use crate::test_util::double;
use crate::{
    Expr, Interval, bounds, coerce, col, columns_of, evaluate_constant, expr_field, expr_type,
    is_constant, lit, resolve, substitute, when,
};

const DEEP: usize = 100_000;

/// Runs on a thread with a stack of 512 KiB.
#[expect(
    clippy::disallowed_methods,
    reason = "a test of the stack needs a thread with a small one"
)]
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(test)
        .unwrap();
    thread.join().unwrap();
}

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("b", DataType::Boolean, true),
        Field::new("f", DataType::Float64, true),
    ])
}

/// Does all that can be done with an expression.
fn check(build: impl FnOnce() -> Expr + Send + 'static) {
    on_small_stack(move || {
        let schema = schema();
        let expr = build();
        assert!(expr.to_string().len() > DEEP);
        let name = expr.output_name();
        let resolved = resolve(expr.clone(), &schema).unwrap();
        drop(expr);
        let data_type = expr_type(&resolved, &schema).unwrap().data_type;
        let field = expr_field(&resolved, &schema).unwrap();
        assert_eq!(field.name().as_ref(), name);
        let coerced = coerce(resolved.clone(), &schema).unwrap().data;
        assert!(!coerce(coerced.clone(), &schema).unwrap().changed);
        assert!(coerced.same_as(&coerced.clone()));
        assert!(!coerced.has_aggregate());
        assert_eq!(
            columns_of(&coerced).unwrap().is_empty(),
            is_constant(&coerced)
        );

        let column = |id| Interval::of_field(schema.field_of(id).unwrap());
        assert_eq!(bounds(&coerced, &column).data_type(), &data_type);
        if is_constant(&coerced) {
            assert_eq!(evaluate_constant(&coerced).unwrap().data_type(), &data_type);
        }
        let by = HashMap::from([(schema.fields()[0].id(), lit(1i64))]);
        let replaced = substitute(coerced.clone(), &by).unwrap();
        assert!(replaced.changed || !coerced.to_string().contains("#a"));
    });
}

#[test]
fn left_deep_arithmetic() {
    check(|| (0..DEEP).fold(col("a"), |sum, _| sum + 1));
}

#[test]
fn right_deep_arithmetic() {
    check(|| (0..DEEP).fold(col("a"), |sum, _| lit(1i64) - sum));
}

#[test]
fn deep_constants() {
    check(|| (0..DEEP).fold(lit(1i64), |sum, _| sum + 1));
}

#[test]
fn or_of_many_terms() {
    check(|| (0..DEEP).fold(col("b"), |any, i| any | col("a").eq(i as i64)));
    check(|| (0..DEEP).fold(col("b"), |any, _| col("b") | any));
}

#[test]
fn deep_nots_casts_calls_and_aliases() {
    check(|| (0..DEEP).fold(col("b"), |expr, _| !expr));
    check(|| (0..DEEP).fold(col("a"), |expr, _| expr.cast(DataType::Int64)));
    check(|| (0..DEEP).fold(col("f"), |expr, _| double(expr)));
    check(|| (0..DEEP).fold(col("a"), |expr, _| expr.alias("x")));
}

#[test]
fn deep_conditions() {
    check(|| {
        (0..DEEP).fold(lit(1i64), |expr, _| {
            when(lit(true)).then(expr).otherwise(2i64)
        })
    });
    check(|| (0..DEEP).fold(lit(true), |expr, _| when(expr).then(lit(true)).end()));
    check(|| (0..DEEP).fold(lit(true), |expr, _| expr.is_in([true, false])));
}

#[test]
fn terms_of_many() {
    on_small_stack(move || {
        let chain = Expr::all_of((0..DEEP).map(|i| col("a").neq(i as i64))).unwrap();
        assert_eq!(chain.conjuncts().len(), DEEP);
        let wide = col("a").is_in(0..DEEP as i64);
        assert!(wide.to_string().len() > DEEP);
    });
}
