//! Functions of numbers against arithmetic on one row in wider integers.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, Float32Array, Float64Array, Int8Array,
    Int64Array, NullArray, PrimitiveArray, UInt8Array, UInt64Array,
};
use arrow::datatypes::{Decimal64Type, Decimal128Type};
use esker_datatypes::{DataType, ScalarValue, decimal_parts, literal_as};
use esker_logical_expr::{Expr, col};
use proptest::prelude::*;

use super::MathExpr;
use crate::testing::{check, typed};

/// All pairs of these, nulls included.
fn pairs<T: Copy>(values: &[T]) -> (Vec<Option<T>>, Vec<Option<T>>) {
    let all: Vec<Option<T>> = values.iter().copied().map(Some).chain([None]).collect();
    let pairs = all.iter().flat_map(|a| all.iter().map(|b| (*a, *b)));
    pairs.unzip()
}

fn decimals<T: ArrowPrimitiveType>(
    values: Vec<Option<T::Native>>,
    data_type: &DataType,
) -> ArrayRef {
    let array: PrimitiveArray<T> = values.into_iter().collect();
    Arc::new(array.with_data_type(data_type.clone()))
}

/// The oracle of a function of two integers of one type: null for a null.
fn integers(
    of: impl Fn(i128, i128) -> Option<i128>,
) -> impl Fn(&[ScalarValue]) -> Option<ScalarValue> {
    move |row| {
        let data_type = row[0].data_type();
        let null = ScalarValue::null(data_type);
        let (Some(a), Some(b)) = (row[0].as_i128(), row[1].as_i128()) else {
            return Some(null);
        };
        let Some(result) = of(a, b) else {
            return Some(null);
        };
        match i64::try_from(result) {
            Ok(result) => literal_as(&result.into(), data_type),
            Err(_) => literal_as(&u64::try_from(result).ok()?.into(), data_type),
        }
    }
}

fn floor_div(a: i128, b: i128) -> Option<i128> {
    let (quotient, rest) = (a.checked_div(b)?, a % b);
    Some(quotient - i128::from(rest != 0 && (rest < 0) != (b < 0)))
}

fn floor_mod(a: i128, b: i128) -> Option<i128> {
    Some(a - b * floor_div(a, b)?)
}

fn quotient() -> Expr {
    col("a").floor_div(col("b"))
}

fn rest() -> Expr {
    col("a").floor_mod(col("b"))
}

#[test]
fn types() {
    use DataType as T;
    let check = |call: Expr, types: &[T], want: &str| match typed(call, types) {
        Ok(got) => assert_eq!(got, want),
        Err(error) => assert!(error.to_string().contains(want), "{error}"),
    };
    let (cents, mills) = (T::Decimal128(5, 2), T::Decimal64(10, 3));
    let two = [cents.clone(), mills.clone()];
    check(col("a").abs(), &[T::Int8], "abs(#a): Int8");
    check(
        col("a").abs(),
        std::slice::from_ref(&cents),
        "abs(#a): Decimal128(5, 2)",
    );
    check(col("a").abs(), &[T::Null], "abs(CAST(#a AS Int64)): Int64?");
    check(
        col("a").abs(),
        &[T::Utf8],
        "abs() takes numbers, not (Utf8)",
    );
    check(
        quotient(),
        &[T::Int8, T::Int32],
        "floor_div(CAST(#a AS Int32), #b): Int32?",
    );
    check(quotient(), &two, "floor_div(#a, #b): Decimal128(6, 0)?");
    check(rest(), &two, "floor_mod(#a, #b): Decimal128(10, 3)?");
    check(
        col("a").floor_div(2),
        &two,
        "floor_div(#a, Decimal(2, 1, 0)): Decimal128(4, 0)?",
    );
    check(
        col("a").floor_mod(0.25),
        &two,
        "floor_mod(#a, Decimal(0.25, 2, 2)): Decimal128(2, 2)?",
    );
    let div = |scale| col("a").div_decimal(col("b"), scale);
    check(
        div(4),
        &two,
        "div_decimal(#a, #b, scale=4): Decimal128(38, 4)?",
    );
    check(
        div(4),
        &[T::Int8, T::Int8],
        "div_decimal() takes decimals, not (Int8, Int8)",
    );
    check(div(39), &two, "at most 38 digits behind the point, not 39");
    let full = [T::Decimal128(38, 38), T::Int64];
    check(
        div(4),
        &full,
        "div_decimal(#a, CAST(#b AS Decimal128(19, 0)), scale=4): Decimal128(38, 4)?",
    );
}

#[test]
fn every_pair_of_bytes() {
    let signed: Vec<i8> = (i8::MIN..=i8::MAX).step_by(3).chain([-1, 0, 127]).collect();
    let (a, b) = pairs(&signed);
    let columns: [ArrayRef; 2] = [Arc::new(Int8Array::from(a)), Arc::new(Int8Array::from(b))];
    check(quotient(), &columns, integers(floor_div));
    check(rest(), &columns, integers(floor_mod));
    check(col("a").abs(), &columns, integers_of_one(i128::abs));
    let unsigned: Vec<u8> = (0..=u8::MAX).step_by(5).collect();
    let (a, b) = pairs(&unsigned);
    let columns: [ArrayRef; 2] = [Arc::new(UInt8Array::from(a)), Arc::new(UInt8Array::from(b))];
    check(quotient(), &columns, integers(floor_div));
    check(rest(), &columns, integers(floor_mod));
    check(col("a").abs(), &columns, integers_of_one(i128::abs));
}

/// The oracle of a function of the first column.
fn integers_of_one(of: impl Fn(i128) -> i128) -> impl Fn(&[ScalarValue]) -> Option<ScalarValue> {
    let oracle = integers(move |a, _| Some(of(a)));
    move |row| oracle(&[row[0].clone(), row[0].clone()])
}

#[test]
fn the_ends_of_wide_integers() {
    let (a, b) = pairs(&[i64::MIN, i64::MIN + 1, -7, -1, 0, 1, 3, i64::MAX]);
    let columns: [ArrayRef; 2] = [Arc::new(Int64Array::from(a)), Arc::new(Int64Array::from(b))];
    check(quotient(), &columns, integers(floor_div));
    check(rest(), &columns, integers(floor_mod));
    check(col("a").abs(), &columns, integers_of_one(i128::abs));
    let (a, b) = pairs(&[0, 1, 2, 1 << 63, u64::MAX]);
    let columns: [ArrayRef; 2] = [
        Arc::new(UInt64Array::from(a)),
        Arc::new(UInt64Array::from(b)),
    ];
    check(quotient(), &columns, integers(floor_div));
    check(rest(), &columns, integers(floor_mod));
}

proptest! {
    #[test]
    fn integers_of_64_bits(values in prop::collection::vec(any::<(Option<i64>, Option<i64>)>(), 0..40)) {
        let (a, b): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        let columns: [ArrayRef; 2] = [Arc::new(Int64Array::from(a)), Arc::new(Int64Array::from(b))];
        check(quotient(), &columns, integers(floor_div));
        check(rest(), &columns, integers(floor_mod));
    }
}

const FLOATS: [f64; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.5,
    -7.0,
    0.1,
    3.0,
    1e300,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// IEEE's remainder is exact; what it leaves is a multiple of the divisor but for one rounding.
fn float_floor_div(a: f64, b: f64) -> f64 {
    if !a.is_finite() || b == 0.0 {
        return (a / b).floor();
    }
    let rest = a % b;
    let below = rest != 0.0 && (rest < 0.0) != (b < 0.0);
    ((a - rest) / b).round() - f64::from(u8::from(below))
}

fn float_floor_mod(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

/// The oracle of a function of two floats; zeros count as equal.
fn floats(
    of: impl Fn(f64, f64) -> f64,
    float: impl Fn(Option<f64>) -> ScalarValue,
) -> impl Fn(&[ScalarValue]) -> Option<ScalarValue> {
    move |row| {
        let pair = row[0].as_f64().zip(row.get(1).unwrap_or(&row[0]).as_f64());
        Some(float(pair.map(|(a, b)| of(a, b))))
    }
}

#[test]
fn floats_follow_ieee() {
    let (a, b) = pairs(&FLOATS);
    let columns: [ArrayRef; 2] = [
        Arc::new(Float64Array::from(a.clone())),
        Arc::new(Float64Array::from(b)),
    ];
    let double = |value: Option<f64>| ScalarValue::from(value);
    // A sum with 0.0 makes a positive zero of each.
    check(
        quotient() + 0.0,
        &columns,
        floats(|a, b| float_floor_div(a, b) + 0.0, double),
    );
    check(
        rest() + 0.0,
        &columns,
        floats(|a, b| float_floor_mod(a, b) + 0.0, double),
    );
    check(
        col("a").abs(),
        &columns[..1],
        floats(|a, _| a.abs(), double),
    );
    let single = |value: Option<f64>| ScalarValue::from(value.map(|value| value as f32));
    let a: Float32Array = a.iter().map(|a| a.map(|a| a as f32)).collect();
    check(
        col("a").abs(),
        &[Arc::new(a)],
        floats(|a, _| a.abs(), single),
    );
}

/// The oracle of a function of two decimals: their digits at the larger scale give the digits of
/// the result.
fn decimal(
    out: DataType,
    of: impl Fn(i128, i128) -> Option<i128>,
) -> impl Fn(&[ScalarValue]) -> Option<ScalarValue> {
    move |row| {
        let (precision, scale) = decimal_parts(&out).unwrap();
        let parts = |value: &ScalarValue| decimal_parts(value.data_type()).unwrap().1;
        let common = parts(&row[0]).max(parts(&row[1]));
        let digits = |value: &ScalarValue| {
            // Plain text: 1.50 at scale 3 is 1500.
            let text =
                (!value.is_null()).then(|| esker_datatypes::format_value(value.as_array(), 0))?;
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            format!("{whole}{fraction:0<width$}", width = common as usize)
                .parse::<i128>()
                .ok()
        };
        let result = digits(&row[0])
            .zip(digits(&row[1]))
            .and_then(|(a, b)| of(a, b));
        match result {
            None => Some(ScalarValue::null(&out)),
            Some(result) => ScalarValue::decimal(result, precision, scale).ok(),
        }
    }
}

#[test]
fn decimals_keep_every_digit() {
    let cents = DataType::Decimal128(5, 2);
    let mills = DataType::Decimal64(6, 3);
    let (a, b) = pairs(&[0i128, 1, -1, 150, -250, 99999, -99999]);
    let b: Vec<Option<i64>> = b.into_iter().map(|b| b.map(|b| b as i64)).collect();
    let columns = [
        decimals::<Decimal128Type>(a, &cents),
        decimals::<Decimal64Type>(b, &mills),
    ];
    check(
        quotient(),
        &columns,
        decimal(DataType::Decimal128(6, 0), floor_div),
    );
    check(
        rest(),
        &columns,
        decimal(DataType::Decimal128(6, 3), floor_mod),
    );
    let other_way = || [Arc::clone(&columns[1]), Arc::clone(&columns[0])];
    check(
        quotient(),
        &other_way(),
        decimal(DataType::Decimal128(6, 0), floor_div),
    );
    check(
        rest(),
        &other_way(),
        decimal(DataType::Decimal128(6, 3), floor_mod),
    );
    let rounded = |a: i128, b: i128| {
        let (a, twice) = (a * 10_000, 2 * b);
        // Half away from zero.
        let half = if (a < 0) == (b < 0) { b } else { -b };
        (2 * a + half).checked_div(twice)
    };
    let div = col("a").div_decimal(col("b"), 4);
    check(div, &columns, decimal(DataType::Decimal128(38, 4), rounded));
}

#[test]
fn decimals_of_38_digits() {
    let most = 10i128.pow(38) - 1;
    let whole = DataType::Decimal128(38, 0);
    let column = decimals::<Decimal128Type>(vec![Some(most), Some(-most), None, Some(1)], &whole);
    let columns = [column];
    let abs = |row: &[ScalarValue]| {
        let digits = row[0].as_decimal_digits().map(i128::abs);
        Some(digits.map_or_else(
            || ScalarValue::null(&DataType::Decimal128(38, 0)),
            |digits| ScalarValue::decimal(digits, 38, 0).unwrap(),
        ))
    };
    check(col("a").abs(), &columns, abs);
    // Four more digits behind the point do not fit, but for the last row.
    let quotient = |row: &[ScalarValue]| match row[0].as_decimal_digits() {
        None => Some(ScalarValue::null(&DataType::Decimal128(38, 4))),
        Some(1) => ScalarValue::decimal(10_000, 38, 4).ok(),
        Some(_) => None,
    };
    check(col("a").div_decimal(1, 4), &columns, quotient);
    // One digit behind the point leaves room for 37 before it.
    let small = decimals::<Decimal128Type>(vec![Some(1); 4], &DataType::Decimal128(1, 1));
    let rest = |row: &[ScalarValue]| match row[1].as_decimal_digits() {
        None => Some(ScalarValue::null(&DataType::Decimal128(38, 1))),
        Some(b) if b < 0 => None,
        Some(_) => ScalarValue::decimal(1, 38, 1).ok(),
    };
    check(
        super::MathExpr::floor_mod(col("a"), col("b")),
        &[small, columns[0].clone()],
        rest,
    );
}

#[test]
fn nulls_without_a_type() {
    let columns: [ArrayRef; 2] = [
        Arc::new(NullArray::new(3)),
        Arc::new(Int64Array::from(vec![1, 0, -1])),
    ];
    let null = |_: &[ScalarValue]| Some(ScalarValue::from(None::<i64>));
    check(col("a").abs(), &columns, null);
    check(quotient(), &columns, null);
    check(rest(), &columns, null);
}

#[test]
fn calls_on_a_dictionary() {
    let codes = Int8Array::from(vec![Some(0), Some(1), None, Some(2), Some(0)]);
    let values = Int8Array::from(vec![Some(-7), None, Some(i8::MIN)]);
    let coded: ArrayRef = Arc::new(DictionaryArray::new(codes, Arc::new(values)));
    check(col("a").abs(), &[coded], integers_of_one(i128::abs));
}
