//! Casts as tables, through text and back, and against `can_cast` over all pairs of types.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array,
    DurationSecondArray, FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Float64Array,
    Int8Array, Int32Array, Int64Array, ListArray, StringArray, StructArray, Time32SecondArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt32Array,
    UInt64Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, Fields, Float64Type, Int32Type, IntervalUnit, TimeUnit, i256};
use esker_datatypes::{Buffers, Column, DataType, ErrorKind, Result, ScalarValue, Selection};
use proptest::prelude::*;

use super::*;

/// Every way into the kernel: as it is, sliced, as a dictionary, as constants, with a selection.
/// All must agree; the values come back as text, `None` for null.
fn texts(array: &ArrayRef, to: &DataType, mode: CastMode) -> Result<Vec<Option<String>>> {
    let mut buffers = Buffers::default();
    let rows = array.len();
    let all = Selection::all(rows);
    let plain = Column::flat(Arc::clone(array));
    let show = |column: &Column| -> Vec<Option<String>> {
        assert_eq!((column.data_type(), column.len()), (to, rows));
        let flat = column.to_flat();
        flat.to_data().validate_full().unwrap();
        (0..rows)
            .map(|row| flat.is_valid(row).then(|| format_value(&flat, row)))
            .collect()
    };
    let result = cast(&plain, to, mode, &all, &mut buffers);
    let encoded = cast(&plain.dictionary_encoded(), to, mode, &all, &mut buffers);
    match (&result, &encoded) {
        (Ok(flat), Ok(encoded)) => assert_eq!(show(flat), show(encoded)),
        (Err(flat), Err(encoded)) => assert_eq!(flat.to_string(), encoded.to_string()),
        _ => panic!("{result:?} but encoded {encoded:?}"),
    }
    let values = show(&cast(&plain, to, CastMode::Try, &all, &mut buffers)?);
    for (row, want) in values.iter().enumerate() {
        let constant = Column::constant(ScalarValue::from_array(array, row)?, rows);
        let one = cast(&constant, to, CastMode::Try, &all, &mut buffers)?;
        assert!(one.as_constant().is_some());
        assert_eq!(show(&one), vec![want.clone(); rows]);
        // Only this row counts: whether it fails depends on it alone.
        let only = Selection::from_rows(rows, vec![row as u32]);
        for column in [&plain, &plain.dictionary_encoded()] {
            let one = cast(column, to, CastMode::Strict, &only, &mut buffers);
            match one {
                Ok(one) => assert_eq!(&show(&one)[row], want),
                Err(_) => {
                    // Of a nested value only the item is null.
                    assert!((want.is_none() || to.is_nested()) && array.is_valid(row));
                }
            }
        }
        let sliced = cast(
            &plain.slice(row, 1),
            to,
            CastMode::Try,
            &Selection::all(1),
            &mut buffers,
        )?;
        let sliced = sliced.to_flat();
        assert_eq!(sliced.is_valid(0).then(|| format_value(&sliced, 0)), *want);
    }
    let none = cast(
        &plain,
        to,
        CastMode::Strict,
        &Selection::none(rows),
        &mut buffers,
    )?;
    assert_eq!(none.len(), rows);
    result.map(|column| show(&column))
}

/// Every value fits.
fn check(array: impl Array + 'static, to: DataType, want: &[Option<&str>]) {
    let array: ArrayRef = Arc::new(array);
    let got = texts(&array, &to, CastMode::Strict).unwrap();
    let got: Vec<_> = got.iter().map(Option::as_deref).collect();
    assert_eq!(got, want, "{} to {to}", array.data_type());
}

/// With nulls where a value does not fit, and the error of the first of them.
fn check_fails(array: impl Array + 'static, to: DataType, want: &[Option<&str>], error: &str) {
    let array: ArrayRef = Arc::new(array);
    let got = texts(&array, &to, CastMode::Try).unwrap();
    let got: Vec<_> = got.iter().map(Option::as_deref).collect();
    assert_eq!(got, want, "{} to {to}", array.data_type());
    let strict = texts(&array, &to, CastMode::Strict).unwrap_err();
    assert!(matches!(strict.kind(), ErrorKind::Evaluation { .. }));
    assert_eq!(strict.to_string(), error);
}

fn text(values: &[Option<&str>]) -> StringArray {
    StringArray::from(values.to_vec())
}

fn decimal(values: Vec<Option<i128>>, precision: u8, scale: i8) -> Decimal128Array {
    Decimal128Array::from(values)
        .with_precision_and_scale(precision, scale)
        .unwrap()
}

fn timestamp(unit: TimeUnit, zone: Option<&str>) -> DataType {
    DataType::Timestamp(unit, zone.map(Into::into))
}

#[test]
fn integers_and_floats() {
    use DataType as T;
    check(
        Int64Array::from(vec![Some(-128), None, Some(127)]),
        T::Int8,
        &[Some("-128"), None, Some("127")],
    );
    check_fails(
        Int32Array::from(vec![Some(1), Some(300), None, Some(-129)]),
        T::Int8,
        &[Some("1"), None, None, None],
        "cannot cast 300 to Int8: out of range",
    );
    check_fails(
        Int64Array::from(vec![-1, i64::MAX]),
        T::UInt64,
        &[None, Some("9223372036854775807")],
        "cannot cast -1 to UInt64: out of range",
    );
    check_fails(
        UInt64Array::from(vec![u64::MAX]),
        T::Int64,
        &[None],
        "cannot cast 18446744073709551615 to Int64: out of range",
    );
    check_fails(
        Float64Array::from(vec![
            2.9,
            -2.9,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            9.3e18,
            9.2e18,
        ]),
        T::Int64,
        &[
            Some("2"),
            Some("-2"),
            Some("0"),
            None,
            None,
            None,
            Some("9200000000000000000"),
        ],
        "cannot cast NaN to Int64: out of range",
    );
    check_fails(
        Float64Array::from(vec![-128.9, 127.9, 128.0, -129.0]),
        T::Int8,
        &[Some("-128"), Some("127"), None, None],
        "cannot cast 128.0 to Int8: out of range",
    );
    check_fails(
        Float32Array::from(vec![-9223372036854775808.0, 9223372036854775808.0]),
        T::Int64,
        &[Some("-9223372036854775808"), None],
        "cannot cast 9.223372e18 to Int64: out of range",
    );
    check(
        Int64Array::from(vec![i64::MAX, 3]),
        T::Float64,
        &[Some("9.223372036854776e18"), Some("3.0")],
    );
    check(
        Int64Array::from(vec![16777217]),
        T::Float32,
        &[Some("16777216.0")],
    );
    check_fails(
        Float64Array::from(vec![0.1, 1e300, f64::NEG_INFINITY, f64::NAN]),
        T::Float32,
        &[Some("0.1"), None, Some("-inf"), Some("NaN")],
        "cannot cast 1e300 to Float32: out of range",
    );
    check_fails(
        Int32Array::from(vec![65504, 65520]),
        T::Float16,
        &[Some("65504.0"), None],
        "cannot cast 65520 to Float16: out of range",
    );
    check(
        BooleanArray::from(vec![Some(true), None, Some(false)]),
        T::Int8,
        &[Some("1"), None, Some("0")],
    );
    check(BooleanArray::from(vec![true]), T::Float64, &[Some("1.0")]);
    check(
        Int32Array::from(vec![Some(0), Some(-5), None]),
        T::Boolean,
        &[Some("false"), Some("true"), None],
    );
    check(
        Float64Array::from(vec![-0.0, f64::NAN]),
        T::Boolean,
        &[Some("false"), Some("true")],
    );
}

#[test]
fn what_lies_below_a_null_does_not_fail() {
    let nulls = Some(NullBuffer::from(vec![true, false]));
    check(
        Int64Array::new(vec![1, 999].into(), nulls.clone()),
        DataType::Int8,
        &[Some("1"), None],
    );
    let decimals = Decimal128Array::new(vec![1, i128::MIN].into(), nulls);
    check(decimals, DataType::Decimal32(4, 2), &[Some("0.00"), None]);
}

#[test]
fn numbers_and_text() {
    use DataType as T;
    for view in [T::Utf8, T::LargeUtf8, T::Utf8View] {
        check(
            Int8Array::from(vec![10, 20, 30, -128, 127]),
            view.clone(),
            &[
                Some("10"),
                Some("20"),
                Some("30"),
                Some("-128"),
                Some("127"),
            ],
        );
        check(
            Float64Array::from(vec![
                Some(250.0),
                None,
                Some(0.1),
                Some(1e300),
                Some(f64::NAN),
                Some(-0.0),
            ]),
            view.clone(),
            &[
                Some("250.0"),
                None,
                Some("0.1"),
                Some("1e300"),
                Some("NaN"),
                Some("-0.0"),
            ],
        );
        check(
            BooleanArray::from(vec![Some(true), Some(false), None]),
            view,
            &[Some("true"), Some("false"), None],
        );
    }
    check(
        Float32Array::from(vec![0.1, 3.0, f32::MAX]),
        T::Utf8,
        &[Some("0.1"), Some("3.0"), Some("3.4028235e38")],
    );
    check_fails(
        text(&[Some("1"), Some("abc"), None, Some(" 2"), Some("300")]),
        T::Int64,
        &[Some("1"), None, None, None, Some("300")],
        "cannot cast 'abc' to Int64",
    );
    check_fails(
        text(&[Some("300"), Some("-5")]),
        T::Int8,
        &[None, Some("-5")],
        "cannot cast '300' to Int8",
    );
    check_fails(
        text(&[Some("it's")]),
        T::UInt8,
        &[None],
        "cannot cast 'it''s' to UInt8",
    );
    check_fails(
        text(&[Some("")]),
        T::Float64,
        &[None],
        "cannot cast '' to Float64",
    );
    let long = "x".repeat(1000);
    let error = format!("cannot cast '{}…' to Int8", "x".repeat(80));
    check_fails(text(&[Some(&long)]), T::Int8, &[None], &error);
    check(
        text(&[Some("1e3"), Some("-Inf"), Some("nan")]),
        T::Float64,
        &[Some("1000.0"), Some("-inf"), Some("NaN")],
    );
    check_fails(
        text(&[Some("1e300"), Some("1")]),
        T::Float32,
        &[None, Some("1.0")],
        "cannot cast '1e300' to Float32",
    );
    check_fails(
        text(&[Some("TRUE"), Some("False"), Some("1")]),
        T::Boolean,
        &[Some("true"), Some("false"), None],
        "cannot cast '1' to Boolean",
    );
}

#[test]
fn decimals() {
    use DataType as T;
    let d = T::Decimal128;
    check(
        decimal(vec![Some(-12345), None, Some(5)], 7, 2),
        T::Utf8View,
        &[Some("-123.45"), None, Some("0.05")],
    );
    check(decimal(vec![Some(15)], 7, -2), T::Utf8, &[Some("1500")]);
    check(
        decimal(vec![Some(12345)], 7, 2),
        d(9, 4),
        &[Some("123.4500")],
    );
    check(
        decimal(vec![Some(12345), Some(-12345), Some(12344)], 7, 2),
        d(7, 1),
        &[Some("123.5"), Some("-123.5"), Some("123.4")],
    );
    check_fails(
        decimal(vec![Some(99999)], 5, 2),
        d(4, 1),
        &[None],
        "cannot cast 999.99 to Decimal128(4, 1): out of range",
    );
    check(
        decimal(vec![Some(12345)], 7, 2),
        T::Decimal256(60, 30),
        &[Some(&format!("123.45{}", "0".repeat(28)))],
    );
    check(
        decimal(vec![Some(12345)], 7, 2),
        T::Decimal32(5, 2),
        &[Some("123.45")],
    );
    check_fails(
        decimal(vec![Some(12345)], 7, 2),
        T::Decimal32(4, 2),
        &[None],
        "cannot cast 123.45 to Decimal32(4, 2): out of range",
    );
    check_fails(
        decimal(vec![Some(299), Some(-299), Some(30000)], 7, 2),
        T::Int8,
        &[Some("2"), Some("-2"), None],
        "cannot cast 300.00 to Int8: out of range",
    );
    check(decimal(vec![Some(15)], 7, -2), T::Int32, &[Some("1500")]);
    check(
        decimal(vec![Some(1), Some(10i128.pow(38) - 1)], 38, 1),
        T::Float64,
        &[Some("0.1"), Some("1e37")],
    );
    check(
        decimal(vec![Some(16777217)], 38, 0),
        T::Float32,
        &[Some("16777216.0")],
    );
    check_fails(
        Int64Array::from(vec![99, 100, -100]),
        d(4, 2),
        &[Some("99.00"), None, None],
        "cannot cast 100 to Decimal128(4, 2): out of range",
    );
    check(
        UInt64Array::from(vec![u64::MAX]),
        d(20, 0),
        &[Some("18446744073709551615")],
    );
    check(
        Int64Array::from(vec![150, -149]),
        d(3, -2),
        &[Some("200"), Some("-100")],
    );
    check_fails(
        Float64Array::from(vec![0.1, 2.675, -2.675, 1e10, f64::NAN, f64::INFINITY]),
        d(8, 2),
        &[Some("0.10"), Some("2.68"), Some("-2.68"), None, None, None],
        "cannot cast 10000000000.0 to Decimal128(8, 2): out of range",
    );
    check(
        Float32Array::from(vec![0.1]),
        d(20, 15),
        &[Some("0.100000000000000")],
    );
    check_fails(
        text(&[Some("1.005"), Some("-7"), Some("1000"), Some("x")]),
        d(5, 2),
        &[Some("1.01"), Some("-7.00"), None, None],
        "cannot cast '1000' to Decimal128(5, 2)",
    );
    let digits = "1234567890123456789012345678901234567890123456789012345678901234567890";
    check(text(&[Some(digits)]), T::Decimal256(76, 0), &[Some(digits)]);
    assert!(!can_cast(&T::Int64, &d(39, 0)) && !can_cast(&T::Int64, &d(0, 0)));
    let wide = arrow::array::Decimal256Array::from(vec![Some(i256::MIN), None]);
    let nulls = NullBuffer::from(vec![false, false]);
    let wide = arrow::array::Decimal256Array::new(wide.values().clone(), Some(nulls));
    check(wide, T::Decimal32(2, 0), &[None, None]);
}

#[test]
fn dates_and_timestamps() {
    use DataType as T;
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    check(
        Date32Array::from(vec![Some(10561), Some(-1), None]),
        T::Utf8View,
        &[Some("1998-12-01"), Some("1969-12-31"), None],
    );
    check(
        Date64Array::from(vec![86_400_000, 1]),
        T::Utf8,
        &[Some("1970-01-02"), Some("1970-01-01T00:00:00.001")],
    );
    check_fails(
        text(&[Some("1998-12-01"), Some("1998-2-1")]),
        T::Date32,
        &[Some("1998-12-01"), None],
        "cannot cast '1998-2-1' to Date32",
    );
    check(
        text(&[Some("1998-12-01"), Some("1998-12-01 10:30:00.5")]),
        timestamp(Microsecond, None),
        &[Some("1998-12-01T00:00:00"), Some("1998-12-01T10:30:00.500")],
    );
    check(
        TimestampMicrosecondArray::from(vec![1, -1, 1_000_000]),
        T::Utf8,
        &[
            Some("1970-01-01T00:00:00.000001"),
            Some("1969-12-31T23:59:59.999999"),
            Some("1970-01-01T00:00:01"),
        ],
    );
    check(
        TimestampMicrosecondArray::from(vec![-1, 1_999_999]),
        timestamp(Second, None),
        &[Some("1969-12-31T23:59:59"), Some("1970-01-01T00:00:01")],
    );
    check_fails(
        TimestampSecondArray::from(vec![0, i64::MAX]),
        timestamp(Nanosecond, None),
        &[Some("1970-01-01T00:00:00"), None],
        "cannot cast +292277026596-12-04T15:30:07 to Timestamp(ns): out of range",
    );
    check(
        Date32Array::from(vec![1, -1]),
        timestamp(Millisecond, None),
        &[Some("1970-01-02T00:00:00"), Some("1969-12-31T00:00:00")],
    );
    check(
        Date32Array::from(vec![1]),
        T::Date64,
        &[Some("1970-01-02T00:00:00")],
    );
    check(
        Date64Array::from(vec![-1]),
        T::Date32,
        &[Some("1969-12-31")],
    );
    check(
        TimestampNanosecondArray::from(vec![-1, 86_400_000_000_000]),
        T::Date32,
        &[Some("1969-12-31"), Some("1970-01-02")],
    );
    check(
        TimestampNanosecondArray::from(vec![-1]),
        T::Date64,
        &[Some("1969-12-31T00:00:00")],
    );
    check(
        TimestampSecondArray::from(vec![-1]),
        T::Time32(Millisecond),
        &[Some("23:59:59")],
    );
    check(
        TimestampNanosecondArray::from(vec![1_999]),
        T::Time64(Microsecond),
        &[Some("00:00:00.000001")],
    );
    check(
        Time32SecondArray::from(vec![3_661]),
        T::Time64(Nanosecond),
        &[Some("01:01:01")],
    );
    check(
        Time32SecondArray::from(vec![3_661]),
        T::Utf8,
        &[Some("01:01:01")],
    );
    check_fails(
        text(&[Some("01:01:01.25"), Some("25:00")]),
        T::Time64(Microsecond),
        &[Some("01:01:01.250"), None],
        "cannot cast '25:00' to Time64(µs)",
    );
    check(
        DurationSecondArray::from(vec![-1, 2]),
        T::Duration(Millisecond),
        &[Some("-PT1S"), Some("PT2S")],
    );
    check(Date32Array::from(vec![7]), T::Int64, &[Some("7")]);
    check_fails(
        Int64Array::from(vec![7, 1 << 40]),
        T::Date32,
        &[Some("1970-01-08"), None],
        "cannot cast 1099511627776 to Date32: out of range",
    );
    check_fails(
        Int64Array::from(vec![7, 86_400, -1, 1 << 40]),
        T::Time32(Second),
        &[Some("00:00:07"), None, None, None],
        "cannot cast 86400 to Time32(s): out of range",
    );
}

#[test]
fn zones() {
    use DataType as T;
    use TimeUnit::{Millisecond, Second};
    let zoned =
        |seconds: i64, zone: &str| TimestampSecondArray::from(vec![seconds]).with_timezone(zone);
    check(
        zoned(0, "+02:00"),
        T::Utf8,
        &[Some("1970-01-01T02:00:00+02:00")],
    );
    check(zoned(0, "UTC"), T::Utf8, &[Some("1970-01-01T00:00:00Z")]);
    check(
        zoned(0, "+02:00"),
        timestamp(Second, None),
        &[Some("1970-01-01T02:00:00")],
    );
    check(zoned(0, "-01:00"), T::Date32, &[Some("1969-12-31")]);
    check(zoned(0, "-01:00"), T::Time32(Second), &[Some("23:00:00")]);
    check(
        TimestampSecondArray::from(vec![7200]),
        timestamp(Millisecond, Some("+02:00")),
        &[Some("1970-01-01T02:00:00+02:00")],
    );
    check(
        Date32Array::from(vec![0]),
        timestamp(Second, Some("+02:00")),
        &[Some("1970-01-01T00:00:00+02:00")],
    );
    check(
        text(&[Some("1970-01-01"), Some("1970-01-01T00:00Z")]),
        timestamp(Second, Some("+02:00")),
        &[
            Some("1970-01-01T00:00:00+02:00"),
            Some("1970-01-01T02:00:00+02:00"),
        ],
    );
    check_fails(
        text(&[Some("1970-01-01T00:00:00Z")]),
        timestamp(Second, None),
        &[None],
        "cannot cast '1970-01-01T00:00:00Z' to Timestamp(s)",
    );
    let paris = timestamp(Second, Some("Europe/Paris"));
    assert!(can_cast(&paris, &timestamp(Millisecond, Some("UTC"))));
    for other in [timestamp(Second, None), T::Date32, T::Utf8] {
        assert!(
            !can_cast(&paris, &other) && !can_cast(&other, &paris),
            "{other}"
        );
    }
    // An instant keeps its count, whatever the zone.
    let mut buffers = Buffers::default();
    let column = Column::flat(Arc::new(zoned(5, "UTC")));
    let cast = cast(
        &column,
        &timestamp(Millisecond, Some("Europe/Paris")),
        CastMode::Strict,
        &Selection::all(1),
        &mut buffers,
    )
    .unwrap();
    let counts = super::cast(
        &cast,
        &T::Int64,
        CastMode::Strict,
        &Selection::all(1),
        &mut buffers,
    )
    .unwrap();
    assert_eq!(counts.value(0).unwrap().as_i128(), Some(5000));
}

#[test]
fn text_and_binary() {
    use DataType as T;
    let layouts = [T::Utf8, T::LargeUtf8, T::Utf8View];
    for from in &layouts {
        let mut buffers = Buffers::default();
        let column = Column::flat(Arc::new(text(&[
            Some("é"),
            None,
            Some("a text of more than twelve bytes"),
        ])));
        let column = cast(
            &column,
            from,
            CastMode::Strict,
            &Selection::all(3),
            &mut buffers,
        )
        .unwrap();
        for to in &layouts {
            let array = column.to_flat();
            let got = texts(&array, to, CastMode::Strict).unwrap();
            assert_eq!(
                got,
                [
                    Some("é".to_owned()),
                    None,
                    Some("a text of more than twelve bytes".to_owned())
                ]
            );
        }
        for to in [T::Binary, T::LargeBinary, T::BinaryView] {
            let got = texts(&column.to_flat(), &to, CastMode::Strict).unwrap();
            assert_eq!(got[0].as_deref(), Some("c3a9"), "{to}");
        }
        check_fails(
            text(&[Some("ab"), Some("abc"), None]),
            T::FixedSizeBinary(2),
            &[Some("6162"), None, None],
            "cannot cast 'abc' to FixedSizeBinary(2): wrong length",
        );
    }
    let bytes: Vec<Option<&[u8]>> = vec![Some(b"ok"), Some(b"\xff\x00"), None];
    for to in layouts {
        let error = format!("cannot cast ff00 to {to}: not valid UTF-8");
        check_fails(
            BinaryArray::from(bytes.clone()),
            to.clone(),
            &[Some("ok"), None, None],
            &error,
        );
        let fixed =
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes.iter().copied(), 2).unwrap();
        check_fails(fixed, to, &[Some("ok"), None, None], &error);
    }
    check(
        BinaryArray::from(bytes),
        T::FixedSizeBinary(2),
        &[Some("6f6b"), Some("ff00"), None],
    );
}

#[test]
fn nested() {
    use DataType as T;
    let list_of = |item| T::List(Arc::new(Field::new("item", item, true)));
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
        Some(vec![Some(300), Some(2)]),
    ]);
    let large = T::LargeList(Arc::new(Field::new("x", T::Utf8View, false)));
    check(
        list.clone(),
        list_of(T::Utf8),
        &[Some("[1, NULL]"), None, Some("[]"), Some("[300, 2]")],
    );
    check(list.slice(3, 1), large.clone(), &[Some("[300, 2]")]);
    check_fails(
        list.clone(),
        list_of(T::Int8),
        &[Some("[1, NULL]"), None, Some("[]"), Some("[NULL, 2]")],
        "cannot cast 300 to Int8: out of range",
    );
    // Items below a null list do not count.
    let items: ArrayRef = Arc::new(text(&[Some("x"), Some("7")]));
    let field = Arc::new(Field::new("item", T::Utf8, true));
    let hidden = ListArray::new(
        field,
        OffsetBuffer::new(vec![0, 1, 2].into()),
        items,
        Some(NullBuffer::from(vec![false, true])),
    );
    check(hidden, list_of(T::Int64), &[None, Some("[7]")]);
    // A null where the field takes none.
    let mut buffers = Buffers::default();
    let column = Column::flat(Arc::new(list));
    let error = cast(
        &column,
        &large,
        CastMode::Strict,
        &Selection::all(4),
        &mut buffers,
    )
    .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Evaluation { .. }),
        "{error}"
    );

    let fields = Fields::from(vec![
        Field::new("a", T::Int32, true),
        Field::new("b", T::Utf8, true),
    ]);
    let a: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let b: ArrayRef = Arc::new(text(&[Some("x"), Some("5")]));
    let row = StructArray::new(
        fields,
        vec![a, b],
        Some(NullBuffer::from(vec![false, true])),
    );
    let to = |names: [&str; 2], types: [T; 2]| {
        T::Struct(
            names
                .into_iter()
                .zip(types)
                .map(|(n, t)| Field::new(n, t, true))
                .collect(),
        )
    };
    check(
        row.clone(),
        to(["b", "a"], [T::Int64, T::Utf8]),
        &[None, Some("{b: 5, a: 2}")],
    );
    check(
        row.clone(),
        to(["x", "y"], [T::Int64, T::Int8]),
        &[None, Some("{x: 2, y: 5}")],
    );
    assert!(!can_cast(row.data_type(), &list_of(T::Int8)));
    assert!(!can_cast(&list_of(T::Boolean), &list_of(T::Date32)));
}

#[test]
fn encodings_and_declared_types() {
    use DataType as T;
    let mut buffers = Buffers::default();
    let codes = UInt32Array::from(vec![Some(0), None, Some(0), Some(2)]);
    let values: ArrayRef = Arc::new(text(&[
        Some("1"),
        Some("unused"),
        Some("bad"),
        Some("more"),
    ]));
    let column = Column::dictionary(codes, values);
    let mut run = |rows: Vec<u32>, mode| {
        cast(
            &column,
            &T::Int64,
            mode,
            &Selection::from_rows(4, rows),
            &mut buffers,
        )
    };
    assert_eq!(
        run(vec![0, 1, 2], CastMode::Strict)
            .unwrap()
            .value(2)
            .unwrap()
            .as_i128(),
        Some(1)
    );
    assert_eq!(
        run(vec![1, 3], CastMode::Strict).unwrap_err().to_string(),
        "cannot cast 'bad' to Int64"
    );
    let kept = run(vec![0, 1, 2, 3], CastMode::Try).unwrap();
    assert!(matches!(kept.encoding(), Encoding::Dictionary { .. }));
    assert!(kept.value(3).unwrap().is_null());
    let declared = T::Dictionary(Box::new(T::Int8), Box::new(T::Utf8View));
    let all = Selection::all(4);
    let cast_to = cast(&column, &declared, CastMode::Strict, &all, &mut buffers).unwrap();
    assert_eq!(
        (cast_to.data_type(), cast_to.value_type()),
        (&declared, &T::Utf8View)
    );
    assert_eq!(cast_to.to_arrow().unwrap().data_type(), &declared);
    let error = cast(
        &column,
        &T::Int8,
        CastMode::Try,
        &Selection::all(3),
        &mut buffers,
    )
    .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Internal { .. }));
    let error = cast(
        &column,
        &list_type(T::Int8),
        CastMode::Try,
        &all,
        &mut buffers,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "not supported: a cast from Utf8 to List(Int8)"
    );
}

#[test]
fn maps_fixed_lists_and_intervals() {
    use DataType as T;
    let mut builder = arrow::array::MapBuilder::new(
        None,
        arrow::array::StringBuilder::new(),
        arrow::array::Int32Builder::new(),
    );
    for (key, value) in [("a", 1), ("b", 300)] {
        builder.keys().append_value(key);
        builder.values().append_value(value);
        builder.append(true).unwrap();
    }
    builder.append(false).unwrap();
    let map = builder.finish();
    let to = |value| {
        let fields = vec![
            Field::new("k", T::Utf8View, false),
            Field::new("v", value, true),
        ];
        let entries = Field::new("e", T::Struct(fields.into()), false);
        T::Map(Arc::new(entries), false)
    };
    check(
        map.clone(),
        to(T::Float64),
        &[Some("{a: 1.0}"), Some("{b: 300.0}"), None],
    );
    let error = "cannot cast 300 to Int8: out of range";
    check_fails(
        map,
        to(T::Int8),
        &[Some("{a: 1}"), Some("{b: NULL}"), None],
        error,
    );

    let pair = |item| T::FixedSizeList(Arc::new(Field::new("item", item, true)), 2);
    let pairs = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
        [
            Some(vec![Some(1), Some(2)]),
            None,
            Some(vec![Some(300), None]),
        ],
        2,
    );
    let want = [Some("[1, 2]"), None, Some("[300, NULL]")];
    check(pairs.clone(), pair(T::Utf8View), &want);
    check(pairs.clone(), list_type(T::Int64), &want);
    check_fails(
        pairs,
        pair(T::Int8),
        &[Some("[1, 2]"), None, Some("[NULL, NULL]")],
        error,
    );

    let months = T::Interval(IntervalUnit::MonthDayNano);
    check_fails(
        text(&[Some("1 month 2 days"), Some("soon"), None]),
        months.clone(),
        &[Some("1 mons 2 days"), None, None],
        "cannot cast 'soon' to Interval(MonthDayNano)",
    );
    let years = arrow::array::IntervalYearMonthArray::from(vec![14]);
    check(years, months, &[Some("14 mons")]);
    check(
        DurationSecondArray::from(vec![90]),
        T::Utf8View,
        &[Some("PT90S")],
    );

    let views = arrow::array::BinaryViewArray::from(vec![Some(&b"ok"[..]), Some(b"\xff")]);
    for to in [T::Utf8, T::LargeUtf8, T::Utf8View] {
        let error = format!("cannot cast ff to {to}: not valid UTF-8");
        check_fails(views.clone(), to, &[Some("ok"), None], &error);
    }
    check_fails(
        views,
        T::FixedSizeBinary(2),
        &[Some("6f6b"), None],
        "cannot cast ff to FixedSizeBinary(2): wrong length",
    );
}

/// What an integer is in a narrower type, if it fits.
type Fit = fn(i64) -> Option<i128>;

fn list_type(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

fn many_types() -> Vec<DataType> {
    use DataType as T;
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    let entries = T::Struct(vec![Field::new("k", T::Utf8, false), field("v", T::Int32)].into());
    vec![
        T::Null,
        T::Boolean,
        T::Int8,
        T::Int16,
        T::Int32,
        T::Int64,
        T::UInt8,
        T::UInt16,
        T::UInt32,
        T::UInt64,
        T::Float16,
        T::Float32,
        T::Float64,
        T::Decimal32(9, 2),
        T::Decimal64(18, 0),
        T::Decimal128(38, 10),
        T::Decimal128(5, -3),
        T::Decimal256(76, 40),
        T::Utf8,
        T::LargeUtf8,
        T::Utf8View,
        T::Binary,
        T::LargeBinary,
        T::BinaryView,
        T::FixedSizeBinary(3),
        T::Date32,
        T::Date64,
        T::Time32(Second),
        T::Time32(Millisecond),
        T::Time64(Microsecond),
        T::Time64(Nanosecond),
        timestamp(Second, None),
        timestamp(Nanosecond, None),
        timestamp(Microsecond, Some("+01:00")),
        timestamp(Microsecond, Some("Asia/Tokyo")),
        T::Duration(Second),
        T::Duration(Nanosecond),
        T::Interval(IntervalUnit::YearMonth),
        T::Interval(IntervalUnit::DayTime),
        T::Interval(IntervalUnit::MonthDayNano),
        list_type(T::Int32),
        list_type(T::Utf8View),
        T::LargeList(Arc::new(field("x", T::Float64))),
        T::FixedSizeList(Arc::new(field("x", T::Int8)), 2),
        T::Struct(vec![field("a", T::Int32), field("b", T::Utf8)].into()),
        T::Struct(vec![field("b", T::Utf8View)].into()),
        T::Map(Arc::new(Field::new("entries", entries, false)), false),
        T::Dictionary(Box::new(T::Int8), Box::new(T::Utf8)),
        list_type(T::Dictionary(Box::new(T::Int32), Box::new(T::Utf8))),
        T::ListView(Arc::new(field("x", T::Int8))),
    ]
}

#[test]
fn can_cast_tells_the_truth() {
    let types = many_types();
    let mut buffers = Buffers::default();
    for from in &types {
        for to in &types {
            let zeros = arrow::array::make_array(arrow::array::ArrayData::new_null(from, 1));
            for array in [new_null_array(from, 0), new_null_array(from, 1), zeros] {
                let column = Column::from_arrow(&array).unwrap();
                let all = Selection::all(array.len());
                for mode in [CastMode::Strict, CastMode::Try] {
                    let got = cast(&column, to, mode, &all, &mut buffers);
                    assert_eq!(got.is_ok(), can_cast(from, to), "{from} to {to}: {got:?}");
                    let Ok(got) = got else { continue };
                    assert_eq!((got.data_type(), got.len()), (to, array.len()), "{from}");
                    assert_eq!(got.nulls().map_or(0, |n| n.null_count()), array.len());
                    got.to_flat().to_data().validate_full().unwrap();
                }
            }
        }
        assert!(can_cast(from, from) && can_cast(&DataType::Null, from));
    }
}

/// From a type to text and back: the same values.
fn back(array: impl Array + 'static) {
    let array: ArrayRef = Arc::new(array);
    let mut buffers = Buffers::default();
    let column = Column::flat(Arc::clone(&array));
    let all = Selection::all(array.len());
    for layout in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View] {
        let there = cast(&column, &layout, CastMode::Strict, &all, &mut buffers).unwrap();
        let back = cast(
            &there,
            array.data_type(),
            CastMode::Strict,
            &all,
            &mut buffers,
        )
        .unwrap();
        assert_eq!(&back.to_flat(), &array);
    }
}

proptest! {
    #[test]
    fn numbers_come_back_from_text(values: Vec<Option<(i64, u64, f64, f32)>>, scale in 0i8..30) {
        use arrow::datatypes::{Int8Type, Int16Type, UInt8Type, UInt16Type, UInt32Type, Float32Type, Int64Type, UInt64Type};
        fn of<T: arrow::datatypes::ArrowPrimitiveType>(values: impl Iterator<Item = Option<T::Native>>) {
            back(values.collect::<arrow::array::PrimitiveArray<T>>());
        }
        let each = || values.iter().copied();
        of::<Int64Type>(each().map(|v| v.map(|v| v.0)));
        of::<Int32Type>(each().map(|v| v.map(|v| v.0 as i32)));
        of::<Int16Type>(each().map(|v| v.map(|v| v.0 as i16)));
        of::<Int8Type>(each().map(|v| v.map(|v| v.0 as i8)));
        of::<UInt64Type>(each().map(|v| v.map(|v| v.1)));
        of::<UInt32Type>(each().map(|v| v.map(|v| v.1 as u32)));
        of::<UInt16Type>(each().map(|v| v.map(|v| v.1 as u16)));
        of::<UInt8Type>(each().map(|v| v.map(|v| v.1 as u8)));
        of::<Float64Type>(each().map(|v| v.map(|v| v.2)));
        of::<Float32Type>(each().map(|v| v.map(|v| v.3)));
        back(decimal(each().map(|v| v.map(|v| i128::from(v.0) * 1_000_003)).collect(), 38, scale));
        back(each().map(|v| v.map(|v| v.0 as i32)).collect::<Date32Array>());
        back(each().map(|v| v.map(|v| v.0)).collect::<Date64Array>());
        back(each().map(|v| v.map(|v| v.0)).collect::<TimestampNanosecondArray>());
        back(each().map(|v| v.map(|v| v.0)).collect::<TimestampSecondArray>());
        back(each().map(|v| v.map(|v| v.0)).collect::<TimestampMicrosecondArray>().with_timezone("-03:30"));
        back(each().map(|v| v.map(|v| v.1.rem_euclid(86_400) as i32)).collect::<Time32SecondArray>());
        back(each().map(|v| v.map(|v| v.0 > 0)).collect::<BooleanArray>());
    }

    /// Against arithmetic in a wider type, with a selection, and with nulls.
    #[test]
    fn integers_fit_as_the_standard_library_says(
        values in prop::collection::vec(prop::option::of(prop_oneof![any::<i64>(), -300..300i64]), 0..70),
        mask: u128,
    ) {
        let mut buffers = Buffers::default();
        let mut selection = Selection::all(values.len());
        selection.retain(|row| mask >> row & 1 == 1);
        let column = Column::flat(Arc::new(Int64Array::from(values.clone())));
        let wants: [(DataType, Fit); 3] = [
            (DataType::Int8, |v| i8::try_from(v).ok().map(i128::from)),
            (DataType::UInt32, |v| u32::try_from(v).ok().map(i128::from)),
            (DataType::UInt64, |v| u64::try_from(v).ok().map(i128::from)),
        ];
        for (to, want) in wants {
            let got = cast(&column, &to, CastMode::Try, &selection, &mut buffers).unwrap();
            for row in selection.iter() {
                prop_assert_eq!(got.value(row).unwrap().as_i128(), values[row].and_then(want));
            }
            let strict = cast(&column, &to, CastMode::Strict, &selection, &mut buffers);
            let first = selection.iter().filter_map(|row| values[row]).find(|&v| want(v).is_none());
            match first {
                Some(value) => prop_assert_eq!(strict.unwrap_err().to_string(), format!("cannot cast {value} to {to}: out of range")),
                None => prop_assert!(strict.is_ok()),
            }
        }
    }

    /// Rescaling against division by hand.
    #[test]
    fn decimals_round_half_away(digits in -(10i128.pow(30))..10i128.pow(30), drop in 1u32..12) {
        let mut buffers = Buffers::default();
        let column = Column::flat(Arc::new(decimal(vec![Some(digits)], 38, 12)));
        let to = DataType::Decimal128(38, 12 - drop as i8);
        let got = cast(&column, &to, CastMode::Strict, &Selection::all(1), &mut buffers).unwrap();
        let power = 10i128.pow(drop);
        let want = (digits.abs() * 2 + power) / (power * 2) * digits.signum();
        prop_assert_eq!(got.value(0).unwrap().as_decimal_digits(), Some(want));
        let whole = cast(&column, &DataType::Int64, CastMode::Try, &Selection::all(1), &mut buffers).unwrap();
        let want = i64::try_from(digits / 10i128.pow(12)).ok().map(i128::from);
        prop_assert_eq!(whole.value(0).unwrap().as_i128(), want);
    }
}
