//! The oracle: aggregates of a group's rows, one value at a time.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray,
    FixedSizeBinaryArray, ListArray, NullArray, PrimitiveArray, downcast_primitive,
};
use arrow::compute;
use arrow::datatypes::{
    DataType, Decimal256Type, Field, Float16Type, Float32Type, Float64Type, Int32Type,
    IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit, TimeUnit, i256,
};
use esker_datatypes::{Column, Error, Result, decimal_parts, is_binary, is_string};
use esker_logical_expr::function::AggregateFunction;

/// A value as the oracle sees it.
#[derive(Clone, Debug)]
pub(super) enum Plain {
    Null,
    Bool(bool),
    /// Integers, digits of decimals, units of time.
    Int(i256),
    Float(f64),
    Parts([i64; 3]),
    Bytes(Vec<u8>),
    Other(String),
    List(Vec<Plain>),
}

/// A row of a group.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) position: u64,
    pub(super) value: Plain,
}

impl Plain {
    /// The value of a column's row.
    pub(super) fn at(column: &Column, row: usize) -> Self {
        let value = column.value(row).unwrap();
        if value.is_null() {
            return Self::Null;
        }
        let array = value.as_array();
        macro_rules! integer {
            ($type:ty) => {{
                let value = array.as_primitive::<$type>().value(0);
                Self::Int(i256::from_i128(format!("{value:?}").parse().unwrap()))
            }};
        }
        let binary = |array: &ArrayRef| {
            let array = compute::cast(array, &DataType::LargeBinary).unwrap();
            Self::Bytes(array.as_binary::<i64>().value(0).into())
        };
        match array.data_type() {
            DataType::Float16 => {
                Self::Float(f64::from(array.as_primitive::<Float16Type>().value(0)))
            }
            DataType::Float32 => {
                Self::Float(f64::from(array.as_primitive::<Float32Type>().value(0)))
            }
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>().value(0)),
            DataType::Decimal256(_, _) => {
                Self::Int(array.as_primitive::<Decimal256Type>().value(0))
            }
            DataType::Interval(IntervalUnit::DayTime) => {
                let value = array.as_primitive::<IntervalDayTimeType>().value(0);
                Self::Parts([0, i64::from(value.days), i64::from(value.milliseconds)])
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let value = array.as_primitive::<IntervalMonthDayNanoType>().value(0);
                Self::Parts([
                    i64::from(value.months),
                    i64::from(value.days),
                    value.nanoseconds,
                ])
            }
            DataType::Boolean => Self::Bool(array.as_boolean().value(0)),
            DataType::Utf8View => Self::Bytes(array.as_string_view().value(0).into()),
            DataType::BinaryView => Self::Bytes(array.as_binary_view().value(0).into()),
            DataType::FixedSizeBinary(_) => {
                Self::Bytes(array.as_fixed_size_binary().value(0).into())
            }
            t if is_string(t) || is_binary(t) => binary(array),
            DataType::List(_) => {
                let items = Column::flat(array.as_list::<i32>().value(0));
                Self::List((0..items.len()).map(|row| Self::at(&items, row)).collect())
            }
            t => downcast_primitive! {
                t => (integer),
                _ => Self::Other(format!("{array:?}")),
            },
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether a result is the one that was wanted; means and variances up to rounding.
    pub(super) fn same(&self, want: &Self) -> bool {
        match (self, want) {
            (Self::Null, Self::Null) => true,
            (Self::Float(found), Self::Float(want)) => {
                found == want
                    || (found.is_nan() && want.is_nan())
                    || (found - want).abs() <= 1e-13 * want.abs()
            }
            (Self::Other(found), Self::Other(want)) => found == want,
            (Self::List(found), Self::List(want)) => {
                found.len() == want.len() && found.iter().zip(want).all(|(f, w)| f.same(w))
            }
            (Self::Null, _) | (_, Self::Null) => false,
            _ => self.order(want).is_eq(),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => match (a.is_nan(), b.is_nan()) {
                (false, false) => a.partial_cmp(b).unwrap(),
                (a, b) => a.cmp(&b),
            },
            (Self::Parts(a), Self::Parts(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            _ => panic!("{self:?} and {other:?} have no order"),
        }
    }
}

/// The result for the rows of a group, in the order of their positions.
pub(super) fn expected(
    function: &dyn AggregateFunction,
    data_type: &DataType,
    rows: &[Row],
) -> Result<Plain> {
    let option = function.options_text().is_some();
    let all: Vec<&Plain> = rows.iter().map(|row| &row.value).collect();
    let values: Vec<&Plain> = all.iter().copied().filter(|v| !v.is_null()).collect();
    let int = |count: usize| Plain::Int(i256::from_i128(count as i128));
    let or_null = |value: Option<&&Plain>| value.map_or(Plain::Null, |v| (*v).clone());
    Ok(match function.name() {
        "len" => int(all.len()),
        "count" => int(if option { all.len() } else { values.len() }),
        "n_unique" => {
            let mut sorted = values.clone();
            sorted.sort_by(|a, b| a.order(b));
            sorted.dedup_by(|a, b| a.order(b).is_eq());
            let null = option && values.len() < all.len();
            int(sorted.len() + usize::from(null))
        }
        "first" => or_null(if option { &values } else { &all }.first()),
        "last" => or_null(if option { &values } else { &all }.last()),
        "min" => or_null(values.iter().min_by(|a, b| a.order(b))),
        "max" => or_null(values.iter().max_by(|a, b| a.order(b))),
        "sum" if values.is_empty() => Plain::Null,
        "mean" if values.is_empty() => Plain::Null,
        "sum" if data_type.is_floating() => Plain::Float(values.iter().map(|v| float(v)).sum()),
        "mean" if data_type.is_floating() => {
            let sum: f64 = values.iter().map(|v| float(v)).sum();
            Plain::Float(sum / values.len() as f64)
        }
        "sum" => Plain::Int(Total::of(&values).checked(data_type)?),
        "mean" => {
            let scale = decimal_parts(data_type).map_or(0, |(_, scale)| i32::from(scale));
            let sum = Total::of(&values).float() / 10f64.powi(scale);
            Plain::Float(sum / values.len() as f64)
        }
        "var" | "std" => {
            let scale = decimal_parts(data_type).map_or(0, |(_, scale)| i32::from(scale));
            let values: Vec<f64> = values.iter().map(|v| number(v, scale)).collect();
            let ddof = match function.options_text() {
                Some(text) => text.trim_start_matches("ddof=").parse().unwrap(),
                None => 1.0,
            };
            match variance(&values, ddof) {
                Some(variance) if function.name() == "std" => Plain::Float(variance.sqrt()),
                Some(variance) => Plain::Float(variance),
                None => Plain::Null,
            }
        }
        "median" | "quantile" => {
            let scale = decimal_parts(data_type).map_or(0, |(_, scale)| i32::from(scale));
            let mut sorted: Vec<f64> = values.iter().map(|v| number(v, scale)).collect();
            sorted.sort_by(|a, b| Plain::Float(*a).order(&Plain::Float(*b)));
            let share = match function.options_text() {
                Some(text) => text.parse().unwrap(),
                None => 0.5,
            };
            quantile(&sorted, share).map_or(Plain::Null, Plain::Float)
        }
        "top_k" | "bottom_k" if values.is_empty() => Plain::Null,
        "top_k" | "bottom_k" => {
            let mut sorted: Vec<Plain> = values.iter().map(|v| (*v).clone()).collect();
            sorted.sort_by(|a, b| a.order(b));
            if function.name() == "top_k" {
                sorted.reverse();
            }
            sorted.truncate(function.options_text().unwrap().parse().unwrap());
            Plain::List(sorted)
        }
        // Of a column with itself.
        "corr" => {
            let values: Vec<f64> = values.iter().map(|v| number(v, 0)).collect();
            match variance(&values, 1.0) {
                Some(_) if values.iter().all(|v| *v == values[0]) => Plain::Float(f64::NAN),
                Some(variance) if variance.is_finite() => Plain::Float(1.0),
                Some(_) => Plain::Float(f64::NAN),
                None => Plain::Null,
            }
        }
        other => panic!("no oracle for {other}"),
    })
}

/// The number that a value stands for, as a float.
fn number(value: &Plain, scale: i32) -> f64 {
    match value {
        Plain::Float(value) => *value,
        Plain::Int(digits) => format!("{digits}e{}", -scale).parse().unwrap(),
        other => panic!("{other:?} is no number"),
    }
}

/// The variance in two passes, of distances from the first value.
pub(super) fn variance(values: &[f64], ddof: f64) -> Option<f64> {
    let values: Vec<f64> = values.iter().map(|v| v - values[0]).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let variance = squares / (count - ddof);
    let found = if variance.is_finite() {
        variance
    } else {
        f64::NAN
    };
    (count > ddof).then_some(found)
}

/// The quantile of sorted values.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    let part = place.fract();
    Some(match part == 0.0 || low == high {
        true => low,
        // The two forms differ by what the greater value is rounded to.
        false if (high - low).is_finite() => low + (high - low) * part,
        false => low * (1.0 - part) + high * part,
    })
}

fn float(value: &Plain) -> f64 {
    match value {
        Plain::Float(value) => *value,
        other => panic!("{other:?} is no float"),
    }
}

/// A sum of any size: `high * 10^38 + low`.
struct Total {
    high: i256,
    low: i256,
}

impl Total {
    fn of(values: &[&Plain]) -> Self {
        let base = i256::from_i128(10i128.pow(38));
        let (mut high, mut low) = (i256::ZERO, i256::ZERO);
        for value in values {
            let Plain::Int(value) = value else {
                panic!("{value:?} is no integer");
            };
            high += value.wrapping_div(base);
            low += value.wrapping_rem(base);
        }
        high += low.wrapping_div(base);
        low = low.wrapping_rem(base);
        Self { high, low }
    }

    fn float(&self) -> f64 {
        let float = |number: i256| number.to_string().parse::<f64>().unwrap();
        float(self.high) * 1e38 + float(self.low)
    }

    /// The sum, if the type of the sums of this type holds it.
    fn checked(&self, data_type: &DataType) -> Result<i256> {
        let base = i256::from_i128(10i128.pow(38));
        let small = self.high <= base && self.high >= base.wrapping_neg();
        let sum = self.high.wrapping_mul(base).wrapping_add(self.low);
        let power = |digits| i256::from_i128(10).wrapping_pow(digits) - i256::ONE;
        let (least, most) = match data_type {
            DataType::Decimal256(_, _) => (power(76).wrapping_neg(), power(76)),
            t if decimal_parts(t).is_some() => (power(38).wrapping_neg(), power(38)),
            t if t.is_unsigned_integer() => (i256::ZERO, i256::from_i128(u64::MAX.into())),
            _ => (
                i256::from_i128(i64::MIN.into()),
                i256::from_i128(i64::MAX.into()),
            ),
        };
        if small && sum >= least && sum <= most {
            Ok(sum)
        } else {
            Err(Error::evaluation("overflow"))
        }
    }
}

/// The types under test.
pub(super) fn types() -> Vec<DataType> {
    use DataType as T;
    vec![
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
        T::Decimal64(18, 3),
        T::Decimal128(38, 2),
        T::Decimal128(15, -2),
        T::Decimal256(76, 5),
        T::Boolean,
        T::Utf8,
        T::LargeUtf8,
        T::Utf8View,
        T::Binary,
        T::LargeBinary,
        T::BinaryView,
        T::FixedSizeBinary(3),
        T::FixedSizeBinary(20),
        T::Date32,
        T::Date64,
        T::Time32(TimeUnit::Second),
        T::Time64(TimeUnit::Nanosecond),
        T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        T::Duration(TimeUnit::Millisecond),
        T::Interval(IntervalUnit::YearMonth),
        T::Interval(IntervalUnit::DayTime),
        T::Interval(IntervalUnit::MonthDayNano),
        T::List(Arc::new(Field::new_list_field(T::Int32, true))),
        T::Null,
    ]
}

/// Different values of a type, the ends of its range among them.
pub(super) fn pool(data_type: &DataType) -> ArrayRef {
    fn fixed<T: ArrowPrimitiveType>(data_type: &DataType) -> ArrayRef {
        let (zero, one) = (T::Native::ZERO, T::Native::ONE);
        let two = one.add_wrapping(one);
        let mut values = vec![
            zero,
            one,
            two,
            two.mul_wrapping(two),
            two.mul_wrapping(two.add_wrapping(one)),
        ];
        values.push(zero.sub_wrapping(one));
        values.push(T::Native::MIN_TOTAL_ORDER);
        values.push(T::Native::MAX_TOTAL_ORDER);
        if data_type.is_floating() {
            values.push(zero.neg_wrapping());
            values.push(one.div_wrapping(zero));
            values.push(one.div_wrapping(two));
            values.push(one.neg_wrapping().div_wrapping(zero));
        }
        let array = PrimitiveArray::<T>::from_iter_values(values);
        Arc::new(array.with_data_type(data_type.clone()))
    }
    macro_rules! fixed {
        ($type:ty) => {
            fixed::<$type>(data_type)
        };
    }
    let texts = [
        "",
        "a",
        "b",
        "ab",
        "abcd",
        "abcde",
        "é",
        "twelve bytes",
        "thirteen byte",
        "thirteen bytf",
        "a text of some thirty letters or so",
        "a text of some thirty letters, too",
    ];
    downcast_primitive! {
        data_type => (fixed),
        DataType::Boolean => Arc::new(BooleanArray::from(vec![true, false])),
        DataType::Null => Arc::new(NullArray::new(2)),
        DataType::FixedSizeBinary(width) => {
            let width = *width as usize;
            let values = [0u8, 1, 2, 255].map(|last| {
                let mut value = vec![7; width];
                value[width - 1] = last;
                value
            });
            Arc::new(FixedSizeBinaryArray::try_from_iter(values.into_iter()).unwrap())
        }
        DataType::List(_) => {
            let some = |values: &[i32]| Some(values.iter().map(|&v| Some(v)).collect::<Vec<_>>());
            let lists = vec![some(&[1, 2]), some(&[]), some(&[3]), some(&[1, 2, 3])];
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))
        }
        t if is_string(t) || is_binary(t) => {
            let texts = BinaryArray::from_iter_values(texts);
            let texts: ArrayRef = Arc::new(texts);
            let strings = compute::cast(&texts, &DataType::Utf8).unwrap();
            compute::cast(if is_string(t) { &strings } else { &texts }, t).unwrap()
        }
        other => panic!("no pool of {other}"),
    }
}
