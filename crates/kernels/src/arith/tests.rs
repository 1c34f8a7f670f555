//! Arithmetic against naive oracles: `i128` for integers, schoolbook base ten for decimals.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Float32Array, Float64Array, Int8Array,
    Int64Array, PrimitiveArray, StringArray, UInt8Array, UInt32Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::*;
use esker_datatypes::{Buffers, Column, DataType, ErrorKind, ScalarValue, Selection, format_value};
use proptest::prelude::*;

use super::decimal::oracle::{Number, exact, quotient};
use super::*;

/// What a row should give: a value's text, null, or an error.
#[derive(Clone, Debug, PartialEq)]
enum Want {
    Text(String),
    Null,
    Overflow,
}

/// The operation under test.
#[derive(Clone, Copy, Debug)]
enum Op {
    Binary(ArithOp),
    DivDecimal,
}

/// A column in the making: some values and which of them each row holds.
#[derive(Clone, Debug)]
struct Pool {
    values: ArrayRef,
    codes: Vec<u32>,
}

impl Pool {
    fn of(values: impl Array + 'static) -> Self {
        let codes = (0..values.len() as u32).collect();
        Self {
            values: Arc::new(values),
            codes,
        }
    }

    /// Each encoding, with the row of `values` that stands at each of its rows.
    fn encodings(&self) -> Vec<(Column, Vec<usize>)> {
        let codes = UInt32Array::from(self.codes.clone());
        let rows: Vec<usize> = self.codes.iter().map(|&code| code as usize).collect();
        let constant = ScalarValue::from_array(&self.values, 0).unwrap();
        vec![
            (
                Column::flat(take(&self.values, &codes, None).unwrap()),
                rows.clone(),
            ),
            (
                Column::dictionary(codes, Arc::clone(&self.values)),
                rows.clone(),
            ),
            (Column::constant(constant, rows.len()), vec![0; rows.len()]),
        ]
    }
}

/// The value as text; of a decimal only the digits.
fn text(array: &dyn Array, row: usize) -> String {
    match array.data_type() {
        DataType::Decimal32(_, _) => array.as_primitive::<Decimal32Type>().value(row).to_string(),
        DataType::Decimal64(_, _) => array.as_primitive::<Decimal64Type>().value(row).to_string(),
        DataType::Decimal128(_, _) => array
            .as_primitive::<Decimal128Type>()
            .value(row)
            .to_string(),
        DataType::Decimal256(_, _) => array
            .as_primitive::<Decimal256Type>()
            .value(row)
            .to_string(),
        _ => format_value(array, row),
    }
}

/// Runs the operation on both columns in every encoding and compares the selected rows.
fn check(
    op: Op,
    left: &Pool,
    right: &Pool,
    out: &DataType,
    selection: &Selection,
    oracle: &dyn Fn(usize, usize) -> Want,
) {
    let mut buffers = Buffers::default();
    let wanted: Vec<Vec<Want>> = (0..left.values.len())
        .map(|a| {
            let null = |b| left.values.is_null(a) || right.values.is_null(b);
            let want = |b| if null(b) { Want::Null } else { oracle(a, b) };
            (0..right.values.len()).map(want).collect()
        })
        .collect();
    for (l, lefts) in left.encodings() {
        for (r, rights) in right.encodings() {
            let got = match op {
                Op::Binary(op) => binary(op, &l, &r, out, selection, &mut buffers),
                Op::DivDecimal => div_decimal(&l, &r, out, selection, &mut buffers),
            };
            let want = |row: usize| &wanted[lefts[row]][rights[row]];
            let case = format!("{op:?} of\n{l:?}\nand\n{r:?}\nto {out}, {selection:?}");
            if let Some(row) = selection.iter().find(|&row| *want(row) == Want::Overflow) {
                let error = got.expect_err(&case).to_string();
                let shown = |array: &ArrayRef, at: usize| format_value(array, at);
                assert!(error.starts_with("overflow: "), "{error} in {case}");
                assert!(
                    error.contains(&shown(&left.values, lefts[row])),
                    "{error} in {case}"
                );
                assert!(
                    error.contains(&shown(&right.values, rights[row])),
                    "{error} in {case}"
                );
                assert!(
                    error.ends_with(&format!(" does not fit {out}")),
                    "{error} in {case}"
                );
                continue;
            }
            let got = got.expect(&case);
            assert_eq!(got.len(), selection.len());
            assert_eq!(got.data_type(), out);
            let both = l.as_constant().is_some() && r.as_constant().is_some();
            assert!(
                !both || got.as_constant().is_some(),
                "constants stay so: {case}"
            );
            let array = got.to_flat();
            for row in selection.iter() {
                let got = match array.is_null(row) {
                    true => Want::Null,
                    false => Want::Text(text(&array, row)),
                };
                assert_eq!(got, *want(row), "row {row}: {case}");
            }
            buffers.recycle_column(got);
        }
    }
}

fn selections(rows: usize) -> impl Strategy<Value = Selection> {
    prop_oneof![
        2 => Just(Selection::all(rows)),
        1 => Just(Selection::none(rows)),
        3 => proptest::collection::vec(any::<bool>(), rows).prop_map(|mask| chosen(&mask)),
        // Few: the loops over listed rows.
        2 => proptest::collection::vec(proptest::bool::weighted(0.08), rows)
            .prop_map(|mask| chosen(&mask)),
    ]
}

fn chosen(mask: &[bool]) -> Selection {
    let rows = (0..mask.len() as u32)
        .filter(|&row| mask[row as usize])
        .collect();
    Selection::from_rows(mask.len(), rows)
}

/// Two columns' codes (into four values each) and a selection of their rows.
fn shape() -> impl Strategy<Value = (Vec<u32>, Vec<u32>, Selection)> {
    (0..60usize).prop_flat_map(|rows| {
        let codes = || proptest::collection::vec(0..4u32, rows);
        (codes(), codes(), selections(rows))
    })
}

const INTEGER_OPS: [ArithOp; 6] = [
    ArithOp::Add,
    ArithOp::Sub,
    ArithOp::Mul,
    ArithOp::Rem,
    ArithOp::FloorDiv,
    ArithOp::FloorMod,
];

fn exact_integer(op: ArithOp, a: i128, b: i128) -> Option<i128> {
    let divides = matches!(op, ArithOp::Rem | ArithOp::FloorDiv | ArithOp::FloorMod);
    if divides && b == 0 {
        return None;
    }
    let floor = || {
        if b > 0 {
            a.div_euclid(b)
        } else {
            (-a).div_euclid(-b)
        }
    };
    Some(match op {
        ArithOp::Add => a + b,
        ArithOp::Sub => a - b,
        ArithOp::Mul => a.checked_mul(b).unwrap_or(i128::MAX),
        ArithOp::Rem => a % b,
        ArithOp::FloorDiv => floor(),
        ArithOp::FloorMod => a - floor() * b,
        ArithOp::Div => panic!("no integer"),
    })
}

/// A number of a type's range: where in it, by a shape that favours the ends and small ones.
#[derive(Clone, Copy, Debug)]
enum Place {
    FromLeast(i128),
    FromGreatest(i128),
    NearZero(i128),
    Anywhere(u64),
}

fn place() -> impl Strategy<Value = Option<Place>> {
    prop_oneof![
        1 => Just(None),
        1 => (0..3i128).prop_map(|n| Some(Place::FromLeast(n))),
        1 => (0..3i128).prop_map(|n| Some(Place::FromGreatest(n))),
        4 => (-11..=11i128).prop_map(|n| Some(Place::NearZero(n))),
        1 => any::<u64>().prop_map(|n| Some(Place::Anywhere(n))),
    ]
}

fn integers<T: ArrowPrimitiveType>(places: &[Option<Place>]) -> (Vec<i128>, PrimitiveArray<T>)
where
    T::Native: TryFrom<i128> + Into<i128>,
{
    let least: i128 = T::Native::MIN_TOTAL_ORDER.into();
    let greatest: i128 = T::Native::MAX_TOTAL_ORDER.into();
    let number = |place: Place| match place {
        Place::FromLeast(n) => least + n,
        Place::FromGreatest(n) => greatest - n,
        Place::NearZero(n) => n.clamp(least, greatest),
        Place::Anywhere(n) => least + i128::from(n) % (greatest - least + 1),
    };
    let numbers: Vec<Option<i128>> = places.iter().map(|p| p.map(number)).collect();
    let array = numbers
        .iter()
        .map(|n| n.and_then(|n| T::Native::try_from(n).ok()))
        .collect();
    (
        numbers.into_iter().map(Option::unwrap_or_default).collect(),
        array,
    )
}

fn check_integers<T: ArrowPrimitiveType>(
    places: (&[Option<Place>], &[Option<Place>]),
    codes: (&[u32], &[u32]),
    selection: &Selection,
) where
    T::Native: TryFrom<i128> + Into<i128>,
{
    let (lefts, left) = integers::<T>(places.0);
    let (rights, right) = integers::<T>(places.1);
    let left = Pool {
        values: Arc::new(left),
        codes: codes.0.to_vec(),
    };
    let right = Pool {
        values: Arc::new(right),
        codes: codes.1.to_vec(),
    };
    for op in INTEGER_OPS {
        check(
            Op::Binary(op),
            &left,
            &right,
            &T::DATA_TYPE,
            selection,
            &|a, b| match exact_integer(op, lefts[a], rights[b]) {
                None => Want::Null,
                Some(exact) if T::Native::try_from(exact).is_err() => Want::Overflow,
                Some(exact) => Want::Text(exact.to_string()),
            },
        );
    }
}

fn places() -> impl Strategy<Value = Vec<Option<Place>>> {
    proptest::collection::vec(place(), 4)
}

/// A decimal type, and digits that fit it.
fn decimals() -> impl Strategy<Value = (DataType, Vec<Option<Number>>)> {
    let kinds = prop_oneof![
        (Just(32u16), 1..=9u8),
        (Just(64), 1..=18u8),
        (Just(128), 1..=38u8),
        (Just(128), 30..=38u8),
        (Just(256), 1..=76u8),
        (Just(256), 70..=76u8),
    ];
    kinds.prop_flat_map(|(width, precision)| {
        let most = precision as i8;
        let scales = prop_oneof![4 => 0..=most, 1 => -3..=most, 1 => Just(-100i8)];
        let digit =
            prop_oneof![2 => proptest::char::range('0', '9'), 1 => Just('9'), 2 => Just('0')];
        let digits = (
            any::<bool>(),
            proptest::collection::vec(digit, 1..=precision as usize),
        );
        let number = digits.prop_map(|(negative, digits)| {
            Some(Number::new(
                negative,
                &digits.into_iter().collect::<String>(),
            ))
        });
        let numbers = proptest::collection::vec(prop_oneof![1 => Just(None), 6 => number], 4);
        (
            scales.prop_map(move |scale| decimal(width, precision, scale)),
            numbers,
        )
    })
}

fn decimal(width: u16, precision: u8, scale: i8) -> DataType {
    match width {
        32 => DataType::Decimal32(precision, scale),
        64 => DataType::Decimal64(precision, scale),
        128 => DataType::Decimal128(precision, scale),
        _ => DataType::Decimal256(precision, scale),
    }
}

fn digits(data_type: &DataType, numbers: &[Option<Number>]) -> ArrayRef {
    fn array<T: ArrowPrimitiveType>(
        data_type: &DataType,
        numbers: &[Option<Number>],
        parse: impl Fn(&str) -> Option<T::Native>,
    ) -> ArrayRef {
        let values = numbers
            .iter()
            .map(|n| n.as_ref().map(|n| parse(&n.to_string()).unwrap()));
        Arc::new(
            values
                .collect::<PrimitiveArray<T>>()
                .with_data_type(data_type.clone()),
        )
    }
    match data_type {
        DataType::Decimal32(_, _) => array::<Decimal32Type>(data_type, numbers, |t| t.parse().ok()),
        DataType::Decimal64(_, _) => array::<Decimal64Type>(data_type, numbers, |t| t.parse().ok()),
        DataType::Decimal128(_, _) => {
            array::<Decimal128Type>(data_type, numbers, |t| t.parse().ok())
        }
        _ => array::<Decimal256Type>(data_type, numbers, i256::from_string),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn integers_agree_with_the_oracle(
        left in places(), right in places(), (codes_l, codes_r, selection) in shape()
    ) {
        let places = (left.as_slice(), right.as_slice());
        let codes = (codes_l.as_slice(), codes_r.as_slice());
        check_integers::<Int8Type>(places, codes, &selection);
        check_integers::<Int16Type>(places, codes, &selection);
        check_integers::<Int32Type>(places, codes, &selection);
        check_integers::<Int64Type>(places, codes, &selection);
        check_integers::<UInt8Type>(places, codes, &selection);
        check_integers::<UInt16Type>(places, codes, &selection);
        check_integers::<UInt32Type>(places, codes, &selection);
        check_integers::<UInt64Type>(places, codes, &selection);
    }

    #[test]
    fn decimals_agree_with_the_oracle(
        (left_type, lefts) in decimals(),
        (right_type, rights) in decimals(),
        (codes_l, codes_r, selection) in shape(),
        wide in any::<bool>(),
        narrower in 0..12u8,
        quotient_scale in 0..=38i8,
    ) {
        let left = Pool { values: digits(&left_type, &lefts), codes: codes_l };
        let right = Pool { values: digits(&right_type, &rights), codes: codes_r };
        let (_, ls) = decimal_parts(&left_type).unwrap();
        let (_, rs) = decimal_parts(&right_type).unwrap();
        let number = |numbers: &[Option<Number>], at: usize| numbers[at].clone().unwrap();
        let out_type = |scale: i32| {
            let (width, most) = if wide { (256, 76) } else { (128, 38) };
            let scale = i8::try_from(scale).ok()?;
            Some(decimal(width, most - narrower, scale))
        };
        for op in INTEGER_OPS {
            let scale = match op {
                ArithOp::Mul => i32::from(ls) + i32::from(rs),
                ArithOp::FloorDiv => 0,
                _ => i32::from(ls.max(rs)),
            };
            let Some(out) = out_type(scale) else { continue };
            let (precision, _) = decimal_parts(&out).unwrap();
            check(Op::Binary(op), &left, &right, &out, &selection, &|a, b| {
                let (a, b) = (number(&lefts, a), number(&rights, b));
                want_decimal(exact(op, &a, i32::from(ls), &b, i32::from(rs)), precision)
            });
        }
        let out = out_type(i32::from(quotient_scale)).unwrap();
        let (precision, _) = decimal_parts(&out).unwrap();
        check(Op::DivDecimal, &left, &right, &out, &selection, &|a, b| {
            let zeros = i32::from(quotient_scale) + i32::from(rs) - i32::from(ls);
            want_decimal(number(&lefts, a).rounded(&number(&rights, b), zeros), precision)
        });
        check(Op::Binary(ArithOp::Div), &left, &right, &DataType::Float64, &selection, &|a, b| {
            let (a, b) = (number(&lefts, a), number(&rights, b));
            let float = quotient(&a, &b, i32::from(rs) - i32::from(ls));
            Want::Text(esker_datatypes::format_float(float))
        });
    }

    #[test]
    fn floor_of_floats_is_that_of_the_exact_quotient(
        pairs in proptest::collection::vec((-400..400i32, -40..40i32), 1..9),
    ) {
        // Eighths are exact in a float, and their quotient is that of the numerators.
        let eighths = |value: i32| f64::from(value) / 8.0;
        let left: Vec<f64> = pairs.iter().map(|p| eighths(p.0)).collect();
        let right: Vec<f64> = pairs.iter().map(|p| eighths(p.1)).collect();
        let (left, right) = (Pool::of(Float64Array::from(left)), Pool::of(Float64Array::from(right)));
        let rows = Selection::all(pairs.len());
        for data_type in [DataType::Float16, DataType::Float32, DataType::Float64] {
            let cast = |pool: &Pool| Pool {
                values: cast(&pool.values, &data_type).unwrap(),
                codes: pool.codes.clone(),
            };
            let (left, right) = (cast(&left), cast(&right));
            let zero = |float: f64| if float == 0.0 { 0.0 } else { float };
            let want = |op| {
                let pairs = &pairs;
                move |a: usize, b: usize| {
                    let (a, b) = (i128::from(pairs[a].0), i128::from(pairs[b].1));
                    exact_integer(op, a, b).map(|exact| zero(exact as f64))
                }
            };
            for (op, unit) in [(ArithOp::FloorDiv, 1.0), (ArithOp::FloorMod, 8.0)] {
                let mut buffers = Buffers::default();
                for (l, lefts) in left.encodings() {
                    for (r, rights) in right.encodings() {
                        let got = binary(op, &l, &r, &data_type, &rows, &mut buffers).unwrap();
                        let got = arrow::compute::cast(&got.to_flat(), &DataType::Float64).unwrap();
                        let got = got.as_primitive::<Float64Type>();
                        for row in rows.iter() {
                            if let Some(exact) = want(op)(lefts[row], rights[row]) {
                                prop_assert_eq!(zero(got.value(row)), exact / unit);
                            } else {
                                prop_assert!(!got.value(row).is_finite());
                            }
                        }
                    }
                }
            }
        }
    }
}

fn want_decimal(exact: Option<Number>, precision: u8) -> Want {
    match exact {
        None => Want::Null,
        Some(number) if number.digits() > usize::from(precision) => Want::Overflow,
        Some(number) => Want::Text(number.to_string()),
    }
}

#[test]
fn floats_follow_ieee() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let table = |op, a: f64, b: f64, want: f64| {
        let want = move |_: usize, _: usize| Want::Text(esker_datatypes::format_float(want));
        let (left, right) = (
            Pool::of(Float64Array::from(vec![a])),
            Float64Array::from(vec![b]),
        );
        let (right, all) = (Pool::of(right), Selection::all(1));
        check(
            Op::Binary(op),
            &left,
            &right,
            &DataType::Float64,
            &all,
            &want,
        );
    };
    table(ArithOp::Add, f64::MAX, f64::MAX, inf);
    table(ArithOp::Sub, inf, inf, nan);
    table(ArithOp::Mul, 0.1, 3.0, 0.1 * 3.0);
    table(ArithOp::Div, 1.0, 0.0, inf);
    table(ArithOp::Div, -1.0, 0.0, -inf);
    table(ArithOp::Div, 0.0, 0.0, nan);
    table(ArithOp::Rem, -7.5, 2.0, -1.5);
    table(ArithOp::Rem, 1.0, 0.0, nan);
    table(ArithOp::FloorDiv, 1.0, 0.1, 9.0);
    table(ArithOp::FloorDiv, -7.0, 2.0, -4.0);
    table(ArithOp::FloorDiv, 7.0, 0.0, inf);
    table(ArithOp::FloorDiv, -1.0, inf, -1.0);
    table(ArithOp::FloorDiv, inf, 2.0, inf);
    table(ArithOp::FloorDiv, 0.0, 0.0, nan);
    table(ArithOp::FloorMod, -7.5, 2.0, 0.5);
    table(ArithOp::FloorMod, 7.5, -2.0, -0.5);
    table(ArithOp::FloorMod, 7.5, 0.0, nan);
    table(ArithOp::FloorMod, 4.0, -2.0, -0.0);
    let half = |value: f32| {
        let values = cast(&Float32Array::from(vec![value]), &DataType::Float16).unwrap();
        Pool {
            values,
            codes: vec![0],
        }
    };
    let halves = |a: f32, b: f32, want: &str| {
        let want = |_: usize, _: usize| Want::Text(want.to_owned());
        let (add, all) = (Op::Binary(ArithOp::Add), Selection::all(1));
        check(add, &half(a), &half(b), &DataType::Float16, &all, &want);
    };
    halves(2048.0, 1.0, "2048.0");
    halves(65504.0, 65504.0, "inf");
}

#[test]
fn signs_change() {
    let check = |values: ArrayRef, negated: &[Option<&str>], magnitudes: &[Option<&str>]| {
        let column = Column::flat(Arc::clone(&values));
        let rows = Selection::all(values.len());
        let mut buffers = Buffers::default();
        for column in [column.dictionary_encoded(), column] {
            for (got, want) in [
                (negate(&column, &rows, &mut buffers).unwrap(), negated),
                (abs(&column, &rows, &mut buffers).unwrap(), magnitudes),
            ] {
                let got = got.to_flat();
                assert_eq!(got.data_type(), values.data_type());
                for (row, want) in want.iter().enumerate() {
                    let got = got.is_valid(row).then(|| format_value(&got, row));
                    assert_eq!(got.as_deref(), *want);
                }
            }
        }
    };
    let ints = Int8Array::from(vec![Some(-127), None, Some(0), Some(127)]);
    check(
        Arc::new(ints),
        &[Some("127"), None, Some("0"), Some("-127")],
        &[Some("127"), None, Some("0"), Some("127")],
    );
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(-1.5), None, Some(0.0)]));
    for data_type in [DataType::Float16, DataType::Float32, DataType::Float64] {
        check(
            cast(&floats, &data_type).unwrap(),
            &[Some("1.5"), None, Some("-0.0")],
            &[Some("1.5"), None, Some("0.0")],
        );
    }
    let texts = Float64Array::from(vec![Some(-1.25), None, Some(3.5)]);
    for data_type in [32, 64, 128, 256].map(|width| decimal(width, 5, 2)) {
        check(
            cast(&texts, &data_type).unwrap(),
            &[Some("1.25"), None, Some("-3.50")],
            &[Some("1.25"), None, Some("3.50")],
        );
    }
}

#[test]
fn errors_name_operands_and_type() {
    let all = Selection::all(1);
    let error =
        |result: Result<Column>, want: &str| assert_eq!(result.unwrap_err().to_string(), want);
    let run = |op, left: ArrayRef, right: ArrayRef, out: DataType| {
        let (left, right) = (Column::flat(left), Column::flat(right));
        binary(op, &left, &right, &out, &all, &mut Buffers::default())
    };
    let long = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value])) };
    let cents = |value: i128| -> ArrayRef {
        digits(
            &DataType::Decimal128(4, 2),
            &[Some(Number::new(value < 0, &value.abs().to_string()))],
        )
    };
    error(
        run(ArithOp::Add, long(i64::MAX), long(1), DataType::Int64),
        "overflow: 9223372036854775807 + 1 does not fit Int64",
    );
    error(
        run(ArithOp::FloorDiv, long(i64::MIN), long(-1), DataType::Int64),
        "overflow: floor_div(-9223372036854775808, -1) does not fit Int64",
    );
    error(
        run(
            ArithOp::Mul,
            cents(9999),
            cents(-9999),
            DataType::Decimal128(7, 4),
        ),
        "overflow: 99.99 * -99.99 does not fit Decimal128(7, 4)",
    );
    error(
        run(
            ArithOp::Add,
            cents(9999),
            cents(1),
            DataType::Decimal128(4, 2),
        ),
        "overflow: 99.99 + 0.01 does not fit Decimal128(4, 2)",
    );
    let least = Column::flat(Arc::new(Int8Array::from(vec![i8::MIN])));
    let mut buffers = Buffers::default();
    error(
        negate(&least, &all, &mut buffers),
        "overflow: -(-128) does not fit Int8",
    );
    error(
        abs(&least, &all, &mut buffers),
        "overflow: abs(-128) does not fit Int8",
    );
    assert!(negate(&least, &Selection::none(1), &mut buffers).is_ok());
}

#[test]
fn a_dictionary_value_that_no_selected_row_uses_raises_nothing() {
    let values: ArrayRef = Arc::new(Int8Array::from(vec![1, 127]));
    let codes = UInt32Array::from(vec![0, 0, 0, 0, 1, 0, 0, 0]);
    let column = Column::dictionary(codes, values);
    let one = Column::constant(ScalarValue::from(1i8), 8);
    let add = |selection: &Selection| {
        binary(
            ArithOp::Add,
            &column,
            &one,
            &DataType::Int8,
            selection,
            &mut Buffers::default(),
        )
    };
    let others = Selection::from_rows(8, vec![0, 1, 2, 3, 5, 6, 7]);
    assert_eq!(add(&others).unwrap().value(7).unwrap().as_i128(), Some(2));
    assert!(add(&Selection::all(8)).is_err());
}

#[test]
fn decimal_corners() {
    let check = |op, (left, lt): (&str, DataType), (right, rt): (&str, DataType), out, want| {
        let number = |text: &str| {
            let digits = text.trim_start_matches('-');
            Some(Number::new(text.starts_with('-'), digits))
        };
        let one = |text, data_type: &DataType| Pool {
            values: digits(data_type, &[number(text)]),
            codes: vec![0],
        };
        let (left, right) = (one(left, &lt), one(right, &rt));
        check(
            op,
            &left,
            &right,
            &out,
            &Selection::all(1),
            &|_, _| match want {
                Some(text) => Want::Text(str::to_owned(text)),
                None => Want::Overflow,
            },
        );
    };
    let d128 = DataType::Decimal128;
    let (add, sub) = (Op::Binary(ArithOp::Add), Op::Binary(ArithOp::Sub));
    let (mul, div) = (Op::Binary(ArithOp::Mul), Op::Binary(ArithOp::Div));
    // Rescaled to 1.75e38 the left is beyond i128, the difference is not.
    let large = ("17500000000000000000000000000000000000", d128(38, 0));
    let less = ("90000000000000000000000000000000000001", d128(38, 1));
    let rest = Some("84999999999999999999999999999999999999");
    check(sub, large, less, d128(38, 1), rest);
    // 2^100 with 28 zeros wraps to 0 in 128 bits.
    let power = ("1267650600228229401496703205376", d128(38, 0));
    check(add, power, ("1", d128(38, 28)), d128(38, 28), None);
    // A product of 64-bit numbers that fits 126 bits, but not the precision.
    let long = || ("9000000000000000000", d128(19, 0));
    let square = "81000000000000000000000000000000000000";
    check(mul, long(), long(), d128(37, 0), None);
    check(mul, long(), long(), d128(38, 0), Some(square));
    // Half way between two floats, and a little more that only a remainder tells.
    let above = ("900719925474099300000000000000000001", d128(38, 0));
    check(
        div,
        above,
        ("100000000000000000000", d128(38, 0)),
        DataType::Float64,
        Some("9007199254740994.0"),
    );
    let even = ("900719925474099300000000000000000000", d128(38, 0));
    check(
        div,
        even,
        ("100000000000000000000", d128(38, 0)),
        DataType::Float64,
        Some("9007199254740992.0"),
    );
    let d256 = DataType::Decimal256;
    let above = (
        "9007199254740993000000000000000000000000000001",
        d256(60, 0),
    );
    let divisor = ("1000000000000000000000000000000", d256(60, 0));
    check(
        div,
        above,
        divisor,
        DataType::Float64,
        Some("9007199254740994.0"),
    );
    // Halves go away from zero.
    for (left, right, want) in [
        ("1", "2", "1"),
        ("-1", "2", "-1"),
        ("1", "-2", "-1"),
        ("-1", "-2", "1"),
        ("3", "2", "2"),
        ("1", "3", "0"),
        ("-2", "3", "-1"),
        ("7", "-14", "-1"),
    ] {
        let (left, right) = ((left, d128(9, 0)), (right, d128(9, 0)));
        check(Op::DivDecimal, left, right, d128(38, 0), Some(want));
    }
}

#[test]
fn wrong_types_and_lengths_are_our_mistake() {
    let columns = [
        Column::flat(Arc::new(Int64Array::from(vec![1]))),
        Column::flat(Arc::new(UInt8Array::from(vec![1]))),
        Column::flat(Arc::new(StringArray::from(vec!["a"]))),
        Column::flat(digits(&DataType::Decimal128(4, 2), &[None])),
    ];
    let mut buffers = Buffers::default();
    let mut check = |op, left: usize, right: usize, out: DataType, rows: usize| {
        let (left, right) = (&columns[left], &columns[right]);
        let error = binary(op, left, right, &out, &Selection::all(rows), &mut buffers).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Internal { .. }),
            "{error}"
        );
    };
    check(ArithOp::Add, 0, 1, DataType::Int64, 1);
    check(ArithOp::Add, 2, 2, DataType::Utf8, 1);
    check(ArithOp::Div, 0, 0, DataType::Int64, 1);
    check(ArithOp::Add, 0, 0, DataType::Int64, 2);
    check(ArithOp::Add, 3, 3, DataType::Decimal128(5, 1), 1);
    check(ArithOp::Mul, 3, 3, DataType::Decimal128(9, 2), 1);
    check(ArithOp::Div, 3, 3, DataType::Decimal128(9, 2), 1);
    check(ArithOp::Add, 3, 0, DataType::Decimal128(9, 2), 1);
    let all = Selection::all(1);
    assert!(negate(&columns[1], &all, &mut buffers).is_err());
    assert!(abs(&columns[1], &all, &mut buffers).is_ok());
    assert!(abs(&columns[2], &all, &mut buffers).is_err());
    let out = DataType::Decimal128(38, 2);
    assert!(div_decimal(&columns[0], &columns[3], &out, &all, &mut buffers).is_err());
}
