//! Tests of signatures.

use std::slice::from_ref;

use super::*;

#[test]
fn arguments_are_coerced() {
    use DataType as T;
    let of = |data_type: &T| Operand {
        data_type: data_type.clone(),
        nullable: true,
        literal: None,
    };
    let literal = |value: ScalarValue| Operand {
        data_type: value.data_type().clone(),
        nullable: false,
        literal: Some(value),
    };
    let check = |signature: Signature, args: &[Operand], want: Result<&[T], &str>| match (
        signature.coerce("f", args),
        want,
    ) {
        (Ok(types), Ok(want)) => assert_eq!(types, want),
        (Err(error), Err(want)) => assert_eq!(error.to_string(), want),
        (got, want) => panic!("{got:?} instead of {want:?}"),
    };
    let (int, long, text) = (of(&T::Int8), of(&T::Int64), of(&T::Utf8));
    let one = || literal(1i32.into());
    check(Signature::any(1..=2), from_ref(&text), Ok(&[T::Utf8]));
    check(
        Signature::any(1..=1),
        &[],
        Err("f() takes 1 argument, not 0"),
    );
    check(
        Signature::any(1..=usize::MAX),
        &[],
        Err("f() takes at least 1 arguments, not 0"),
    );
    check(
        Signature::any(1..=2),
        &vec![int.clone(); 3],
        Err("f() takes 1 to 2 arguments, not 3"),
    );
    check(
        Signature::common(1..=9),
        &[int.clone(), long.clone()],
        Ok(&[T::Int64, T::Int64]),
    );
    check(
        Signature::common(1..=9),
        &[int.clone(), one()],
        Ok(&[T::Int8, T::Int8]),
    );
    check(
        Signature::common(1..=9),
        &[int.clone(), text.clone()],
        Err("f() takes arguments of one type, not (Int8, Utf8)"),
    );
    check(
        Signature::numeric(1..=9),
        &[literal(ScalarValue::null(&T::Null))],
        Ok(&[T::Int64]),
    );
    let cents = of(&T::Decimal128(5, 2));
    check(
        Signature::numeric(1..=9),
        &[cents.clone(), int.clone(), one(), literal(0.125.into())],
        Ok(&[
            T::Decimal128(5, 2),
            T::Decimal128(3, 0),
            T::Decimal128(1, 0),
            T::Decimal128(3, 3),
        ]),
    );
    check(
        Signature::numeric(1..=9),
        &[cents.clone(), of(&T::Decimal256(50, 1))],
        Ok(&[T::Decimal256(5, 2), T::Decimal256(50, 1)]),
    );
    check(
        Signature::numeric(1..=9),
        &[cents, of(&T::Float32)],
        Ok(&[T::Float64, T::Float64]),
    );
    check(
        Signature::numeric(1..=9),
        from_ref(&text),
        Err("f() takes numbers, not (Utf8)"),
    );
    check(
        Signature::text(1..=9),
        &[text.clone(), of(&T::Null)],
        Ok(&[T::Utf8, T::Utf8View]),
    );
    check(
        Signature::text(1..=9),
        from_ref(&int),
        Err("f() takes text, not (Int8)"),
    );
    check(
        Signature::exact([T::Int64, T::Utf8View]),
        &[int.clone(), text.clone()],
        Ok(&[T::Int64, T::Utf8View]),
    );
    check(Signature::exact([T::Int8]), &[one()], Ok(&[T::Int8]));
    check(
        Signature::exact([T::Int8]),
        from_ref(&long),
        Err("f() takes (Int8), not (Int64)"),
    );
    let dictionary = T::Dictionary(Box::new(T::Int32), Box::new(T::Utf8));
    check(Signature::text(1..=1), &[of(&dictionary)], Ok(&[T::Utf8]));
    let moved = || {
        let arguments = [
            Argument::DateOrTime,
            Argument::Exact(T::Int64),
            Argument::Text,
        ];
        Signature::each(arguments, 2)
    };
    let (date, null) = (of(&T::Date32), literal(ScalarValue::null(&T::Null)));
    check(moved(), &[date.clone(), one()], Ok(&[T::Date32, T::Int64]));
    check(
        moved(),
        &[null.clone(), int.clone(), null],
        Ok(&[
            T::Timestamp(TimeUnit::Microsecond, None),
            T::Int64,
            T::Utf8View,
        ]),
    );
    check(
        moved(),
        &[date.clone(), literal(1.5f64.into())],
        Err("f() takes (date or time, Int64), not (Date32, Float64)"),
    );
    check(
        moved(),
        &[long, int, text],
        Err("f() takes (date or time, Int64, text), not (Int64, Int8, Utf8)"),
    );
    check(moved(), &[date], Err("f() takes 2 to 3 arguments, not 1"));
}
