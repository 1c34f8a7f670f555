//! What the property tests share: columns of every type and encoding, and values as an oracle
//! reads them, row by row and independent of the kernels.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray,
    FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array,
    LargeListArray, ListArray, ListViewArray, MapBuilder, PrimitiveArray, StringArray,
    StringBuilder, StringViewArray, StructArray, UInt32Array, downcast_primitive, new_null_array,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute;
use arrow::datatypes::{
    DataType, Decimal256Type, Field, Float16Type, Float32Type, Float64Type, Int32Type,
    IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit, TimeUnit, i256,
};
use esker_datatypes::{Column, ScalarValue, Selection};
use proptest::prelude::*;

/// A value as the oracle sees it.
#[derive(Clone, Debug)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Int(i128),
    Big(i256),
    Float(f64),
    Parts([i64; 3]),
    Bytes(Vec<u8>),
    List(Vec<Plain>),
}

impl Plain {
    /// The value of an array's row.
    pub(crate) fn of(array: &dyn Array, row: usize) -> Self {
        if array.is_null(row) || matches!(array.data_type(), DataType::Null) {
            return Self::Null;
        }
        let list = |array: ArrayRef| {
            Self::List((0..array.len()).map(|row| Self::of(&array, row)).collect())
        };
        macro_rules! integer {
            ($type:ty) => {{
                let value = array.as_primitive::<$type>().value(row);
                Self::Int(format!("{value:?}").parse().unwrap())
            }};
        }
        match array.data_type() {
            DataType::Float16 => {
                Self::Float(f64::from(array.as_primitive::<Float16Type>().value(row)))
            }
            DataType::Float32 => {
                Self::Float(f64::from(array.as_primitive::<Float32Type>().value(row)))
            }
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>().value(row)),
            DataType::Decimal256(_, _) => {
                Self::Big(array.as_primitive::<Decimal256Type>().value(row))
            }
            DataType::Interval(IntervalUnit::DayTime) => {
                let value = array.as_primitive::<IntervalDayTimeType>().value(row);
                Self::Parts([0, i64::from(value.days), i64::from(value.milliseconds)])
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
                Self::Parts([
                    i64::from(value.months),
                    i64::from(value.days),
                    value.nanoseconds,
                ])
            }
            DataType::Boolean => Self::Bool(array.as_boolean().value(row)),
            DataType::Utf8 => Self::Bytes(array.as_string::<i32>().value(row).into()),
            DataType::LargeUtf8 => Self::Bytes(array.as_string::<i64>().value(row).into()),
            DataType::Utf8View => Self::Bytes(array.as_string_view().value(row).into()),
            DataType::Binary => Self::Bytes(array.as_binary::<i32>().value(row).into()),
            DataType::LargeBinary => Self::Bytes(array.as_binary::<i64>().value(row).into()),
            DataType::BinaryView => Self::Bytes(array.as_binary_view().value(row).into()),
            DataType::FixedSizeBinary(_) => {
                Self::Bytes(array.as_fixed_size_binary().value(row).into())
            }
            DataType::List(_) => list(array.as_list::<i32>().value(row)),
            DataType::LargeList(_) => list(array.as_list::<i64>().value(row)),
            DataType::ListView(_) => list(array.as_list_view::<i32>().value(row)),
            DataType::FixedSizeList(_, _) => list(array.as_fixed_size_list().value(row)),
            DataType::Map(_, _) => list(Arc::new(array.as_map().value(row))),
            DataType::Struct(_) => {
                let columns = array.as_struct().columns().iter();
                Self::List(columns.map(|child| Self::of(child, row)).collect())
            }
            other => downcast_primitive! {
                other => (integer),
                other => panic!("no plain value of {other}"),
            },
        }
    }

    /// The value of a column's row.
    pub(crate) fn at(column: &Column, row: usize) -> Self {
        Self::of(column.value(row).unwrap().as_array(), 0)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The order of two values of one type; a null is the greatest.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Greater,
            (_, Self::Null) => Ordering::Less,
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Big(a), Self::Big(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => match (a.is_nan(), b.is_nan()) {
                (false, false) => a.partial_cmp(b).unwrap(),
                (a, b) => a.cmp(&b),
            },
            (Self::Parts(a), Self::Parts(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => {
                let first = a.iter().zip(b).map(|(a, b)| a.order(b)).find(|o| o.is_ne());
                first.unwrap_or(a.len().cmp(&b.len()))
            }
            _ => panic!("{self:?} and {other:?} are of different types"),
        }
    }
}

/// The value of a Boolean column's row.
pub(crate) fn truth(column: &Column, row: usize) -> Option<bool> {
    column.value(row).unwrap().as_bool()
}

/// Types whose columns compare with each other, among them those of one type alone.
pub(crate) fn families() -> Vec<Vec<DataType>> {
    use DataType as T;
    let units = [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ];
    let mut families = vec![
        vec![T::Utf8, T::LargeUtf8, T::Utf8View],
        vec![
            T::Binary,
            T::LargeBinary,
            T::BinaryView,
            T::FixedSizeBinary(3),
        ],
        vec![T::Int64, T::UInt64],
        vec![T::Decimal128(10, 2), T::Decimal128(38, 2)],
    ];
    let mut alone = vec![
        T::Boolean,
        T::Int8,
        T::Int16,
        T::Int32,
        T::UInt8,
        T::UInt16,
        T::UInt32,
        T::Float16,
        T::Float32,
        T::Float64,
        T::Decimal32(9, 2),
        T::Decimal64(18, 2),
        T::Decimal256(76, 10),
        T::Date32,
        T::Date64,
        T::Time32(TimeUnit::Second),
        T::Time32(TimeUnit::Millisecond),
        T::Time64(TimeUnit::Microsecond),
        T::Time64(TimeUnit::Nanosecond),
        T::Interval(IntervalUnit::YearMonth),
        T::Interval(IntervalUnit::DayTime),
        T::Interval(IntervalUnit::MonthDayNano),
    ];
    alone.extend(units.map(|unit| T::Timestamp(unit, None)));
    alone.extend(units.map(|unit| T::Timestamp(unit, Some("UTC".into()))));
    alone.extend(units.map(T::Duration));
    alone.extend(nested().iter().map(|array| array.data_type().clone()));
    families.extend(alone.into_iter().map(|data_type| vec![data_type]));
    families
}

/// Values of a type that are apt to go wrong.
pub(crate) fn pool(data_type: &DataType) -> ArrayRef {
    fn primitive<T: ArrowPrimitiveType>(data_type: &DataType) -> ArrayRef {
        type N<T> = <T as ArrowPrimitiveType>::Native;
        let (zero, one) = (N::<T>::ZERO, N::<T>::ONE);
        let two = one.add_wrapping(one);
        let values = vec![
            N::<T>::MIN_TOTAL_ORDER,
            N::<T>::MAX_TOTAL_ORDER,
            zero,
            one,
            two,
            zero.sub_wrapping(one),
            zero.neg_wrapping(),
            two.add_wrapping(one),
            // Floats: an infinity and a NaN. Others: whatever dividing by one gives.
            one.div_checked(zero).unwrap_or(one),
            zero.div_checked(zero).unwrap_or(zero),
        ];
        let array = PrimitiveArray::<T>::new(ScalarBuffer::from(values), None);
        Arc::new(array.with_data_type(data_type.clone()))
    }
    macro_rules! primitive {
        ($type:ty) => {
            primitive::<$type>(data_type)
        };
    }
    let cast = |array: ArrayRef| compute::cast(&array, data_type).unwrap();
    downcast_primitive! {
        data_type => (primitive),
        DataType::Boolean => Arc::new(BooleanArray::from(vec![true, false])),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            cast(Arc::new(StringArray::from_iter_values(texts())))
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            cast(Arc::new(BinaryArray::from_iter_values(texts())))
        }
        DataType::FixedSizeBinary(_) => Arc::new(
            FixedSizeBinaryArray::try_from_iter(["abc", "abd", "aba", "\0\0\0"].into_iter()).unwrap(),
        ),
        other => nested().into_iter().find(|array| array.data_type() == other).unwrap(),
    }
}

/// Texts of length 0 to 20 that share long prefixes, and a few that zeros could confuse.
fn texts() -> Vec<String> {
    let base = "abcdabcdabcdabcdabcd";
    let mut texts: Vec<String> = (0..=20).map(|len| base[..len].to_owned()).collect();
    texts.extend((1..=20).map(|len| format!("{}z", &base[..len - 1])));
    texts.extend((1..=20).map(|len| format!("{}A", &base[..len - 1])));
    texts.extend(["a\0", "\0", "a\0\0\0", "a\0b", "é", "abcdabcdabc\0"].map(str::to_owned));
    texts
}

/// Arrays of nested types.
fn nested() -> Vec<ArrayRef> {
    let floats = vec![
        Some(vec![Some(0.0), Some(f64::NAN)]),
        Some(vec![Some(-0.0), Some(-f64::NAN)]),
        Some(vec![]),
        Some(vec![None]),
        Some(vec![Some(0.0)]),
        Some(vec![Some(1.0), None]),
    ];
    let pairs: Vec<_> = floats
        .iter()
        .map(|_| Some(vec![Some(1), Some(2)]))
        .collect();
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for entries in [
        vec![("a", "b")],
        vec![],
        vec![("a", "c"), ("b", "b")],
        vec![("a", "c")],
    ] {
        for (key, value) in entries {
            map.keys().append_value(key);
            map.values().append_value(value);
        }
        map.append(true).unwrap();
    }
    let list = ListArray::from_iter_primitive::<Float64Type, _, _>(floats.clone());
    let field = |name: &str, data_type: &DataType| Field::new(name, data_type.clone(), true);
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(1), None, Some(2)]));
    let names: ArrayRef = Arc::new(StringViewArray::from(vec![
        Some("x"),
        None,
        Some("x"),
        Some("a longer text"),
    ]));
    let zeros: ArrayRef = Arc::new(Float32Array::from(vec![0.0, -0.0, f32::NAN, 1.0]));
    let members = [("n", numbers), ("s", names), ("f", zeros)];
    let members = members.map(|(name, a)| (Arc::new(field(name, a.data_type())), a));
    vec![
        Arc::new(list.clone()),
        Arc::new(LargeListArray::from_iter_primitive::<Float64Type, _, _>(
            floats,
        )),
        Arc::new(FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
            pairs, 2,
        )),
        Arc::new(ListViewArray::from(list)),
        Arc::new(StructArray::from(members.to_vec())),
        Arc::new(map.finish()),
    ]
}

/// A recipe for a column: which of the pool's values each row holds, and the encoding.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    rows: Vec<Option<usize>>,
    encoding: usize,
}

impl Recipe {
    /// The column of a type.
    pub(crate) fn column(&self, data_type: &DataType) -> Column {
        self.encoded(&pool(data_type))
    }

    /// The column of values of an array.
    pub(crate) fn encoded(&self, pool: &ArrayRef) -> Column {
        let at = |row: &Option<usize>| row.map(|row| (row % pool.len()) as u32);
        let rows: UInt32Array = self.rows.iter().map(at).collect();
        let take = |rows: &UInt32Array| compute::take(pool, rows, None).unwrap();
        match self.encoding {
            0 => Column::flat(take(&rows)),
            // A slice of something longer.
            1 => {
                let mut longer = vec![Some(0), None, Some(0)];
                longer.extend(rows.iter());
                longer.push(None);
                Column::flat(take(&longer.into()).slice(3, rows.len()))
            }
            // A dictionary with unused values.
            2 => Column::dictionary(rows, Arc::clone(pool)),
            // A dictionary with repeated and null values, and wild codes under null.
            3 => {
                let null = new_null_array(pool.data_type(), 1);
                let values = compute::concat(&[pool.as_ref(), &null, pool.as_ref()]).unwrap();
                let code = |(at, row): (usize, Option<u32>)| match row {
                    Some(row) if at % 2 == 0 => row,
                    Some(row) => row + pool.len() as u32 + 1,
                    None if at % 2 == 0 => pool.len() as u32,
                    None => u32::MAX,
                };
                let codes: Vec<u32> = rows.iter().enumerate().map(code).collect();
                let valid: Vec<bool> = codes.iter().map(|&code| code != u32::MAX).collect();
                Column::dictionary(UInt32Array::new(codes.into(), Some(valid.into())), values)
            }
            // More values than rows.
            4 => Column::flat(take(&rows)).dictionary_encoded(),
            _ => {
                let value = match rows.iter().next().flatten() {
                    Some(row) => ScalarValue::from_array(pool, row as usize).unwrap(),
                    None => ScalarValue::null(pool.data_type()),
                };
                Column::constant(value, rows.len())
            }
        }
    }
}

/// `count` recipes of columns of one length, and a selection of their rows.
pub(crate) fn recipes(count: usize) -> impl Strategy<Value = (Vec<Recipe>, Selection)> {
    let len = prop_oneof![0..4usize, 60..70usize, 100..200usize];
    (len, 0..4u8).prop_flat_map(move |(len, density)| {
        let row = prop_oneof![1 => Just(None), 6 => (0..1000usize).prop_map(Some)];
        let valid = (0..1000usize).prop_map(Some).boxed();
        let rows = prop_oneof![
            prop::collection::vec(row, len),
            prop::collection::vec(valid, len),
        ];
        let recipe = (rows, 0..6usize).prop_map(|(rows, encoding)| Recipe { rows, encoding });
        let chance = [1.0, 0.7, 0.1, 0.02][usize::from(density)];
        let selected = prop::collection::vec(prop::bool::weighted(chance), len);
        (prop::collection::vec(recipe, count), selected).prop_map(move |(recipes, selected)| {
            let rows = (0..len as u32)
                .filter(|&row| selected[row as usize])
                .collect();
            (recipes, Selection::from_rows(len, rows))
        })
    })
}

#[test]
fn pools_hold_what_they_promise() {
    let floats = pool(&DataType::Float64);
    let floats: &Float64Array = floats.as_primitive();
    assert!(
        floats
            .values()
            .iter()
            .any(|v| v.is_nan() && v.is_sign_negative())
    );
    assert!(
        floats
            .values()
            .iter()
            .any(|v| *v == 0.0 && v.is_sign_negative())
    );
    let ints = pool(&DataType::Int64);
    let ints: &Int64Array = ints.as_primitive();
    assert!(ints.values().contains(&i64::MIN) && ints.values().contains(&-1));
    for data_type in families().into_iter().flatten() {
        assert!(pool(&data_type).len() > 1, "{data_type}");
    }
}
