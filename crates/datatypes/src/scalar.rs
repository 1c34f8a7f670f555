//! Single values of any type.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, StringViewArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array, new_null_array,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::display::format_value;
use crate::{Column, Error, Result, value_type};

/// One value of any Arrow type, null included.
///
/// It is a plain array of one row, so each type that arrays have scalars have too (encodings are no
/// types), and a kernel reads a constant as it reads a column. Cheap to clone.
///
/// ```
/// use esker_datatypes::{DataType, ScalarValue};
/// assert_eq!(ScalarValue::from(5i64).as_i128(), Some(5));
/// assert!(ScalarValue::null(&DataType::Utf8View).is_null());
/// assert_eq!(ScalarValue::from(5i64).to_string(), "Int64(5)");
/// assert_eq!(ScalarValue::from("it's").to_string(), "'it''s'");
/// ```
#[derive(Clone)]
pub struct ScalarValue(ArrayRef);

impl ScalarValue {
    /// The null of a type; of a dictionary or run-end type, that of its values.
    pub fn null(data_type: &DataType) -> Self {
        Self(new_null_array(value_type(data_type), 1))
    }

    /// The decimal `digits * 10^-scale`, as `Decimal128(precision, scale)`.
    ///
    /// # Errors
    /// `InvalidInput` when the digits do not fit the precision.
    pub fn decimal(digits: i128, precision: u8, scale: i8) -> Result<Self> {
        let array = Decimal128Array::from(vec![digits])
            .with_precision_and_scale(precision, scale)
            .and_then(|a| a.validate_decimal_precision(precision).map(|()| a))
            .map_err(|e| Error::invalid_input(e.to_string()))?;
        Ok(Self(Arc::new(array)))
    }

    /// The day that lies this many days after 1970-01-01, as `Date32`.
    pub fn date(days: i32) -> Self {
        Self(Arc::new(Date32Array::from(vec![days])))
    }

    /// The value of an array at a row; of a dictionary or run-end array, the value that is encoded.
    ///
    /// # Errors
    /// `Internal` when there is no such row, `Unsupported` for a dictionary within a dictionary.
    pub fn from_array(array: &dyn Array, row: usize) -> Result<Self> {
        if row >= array.len() {
            return Err(Error::internal(format!(
                "row {row} of {} rows",
                array.len()
            )));
        }
        let one = array.slice(row, 1);
        if value_type(one.data_type()) == one.data_type() {
            return Ok(Self(one));
        }
        Ok(Self(Column::from_arrow(&one)?.to_flat()))
    }

    /// The value as an array of one row.
    pub fn as_array(&self) -> &ArrayRef {
        &self.0
    }

    /// The value's type.
    pub fn data_type(&self) -> &DataType {
        self.0.data_type()
    }

    /// Whether the value is null.
    pub fn is_null(&self) -> bool {
        // Logical: a `Null` array has no mask.
        self.0.logical_null_count() > 0
    }

    /// The value of a boolean that is not null.
    pub fn as_bool(&self) -> Option<bool> {
        self.0
            .as_boolean_opt()
            .filter(|a| a.is_valid(0))
            .map(|a| a.value(0))
    }

    /// The value of any integer that is not null.
    pub fn as_i128(&self) -> Option<i128> {
        macro_rules! value {
            ($type:ty) => {
                i128::from(self.0.as_primitive::<$type>().value(0))
            };
        }
        if self.is_null() {
            return None;
        }
        Some(match self.data_type() {
            DataType::Int8 => value!(Int8Type),
            DataType::Int16 => value!(Int16Type),
            DataType::Int32 => value!(Int32Type),
            DataType::Int64 => value!(Int64Type),
            DataType::UInt8 => value!(UInt8Type),
            DataType::UInt16 => value!(UInt16Type),
            DataType::UInt32 => value!(UInt32Type),
            DataType::UInt64 => value!(UInt64Type),
            _ => return None,
        })
    }

    /// The value of any float that is not null.
    pub fn as_f64(&self) -> Option<f64> {
        if self.is_null() {
            return None;
        }
        match self.data_type() {
            DataType::Float16 => Some(self.0.as_primitive::<Float16Type>().value(0).to_f64()),
            DataType::Float32 => Some(f64::from(self.0.as_primitive::<Float32Type>().value(0))),
            DataType::Float64 => Some(self.0.as_primitive::<Float64Type>().value(0)),
            _ => None,
        }
    }

    /// The days since 1970-01-01 of a date that is not null.
    pub fn as_date(&self) -> Option<i32> {
        let dates = self.0.as_primitive_opt::<Date32Type>()?;
        (!self.is_null()).then(|| dates.value(0))
    }

    /// The value of any string type that is not null.
    pub fn as_str(&self) -> Option<&str> {
        if self.is_null() {
            return None;
        }
        match self.data_type() {
            DataType::Utf8 => Some(self.0.as_string::<i32>().value(0)),
            DataType::LargeUtf8 => Some(self.0.as_string::<i64>().value(0)),
            DataType::Utf8View => Some(self.0.as_string_view().value(0)),
            _ => None,
        }
    }

    /// The unscaled digits of a `Decimal128` that is not null.
    pub fn as_decimal_digits(&self) -> Option<i128> {
        self.0
            .as_primitive_opt::<Decimal128Type>()
            .filter(|a| a.is_valid(0))
            .map(|a| a.value(0))
    }

    /// Whether both are the same value of the same type, to the bit: NaN is the same as NaN, -0.0
    /// is not the same as 0.0, null is the same as null.
    pub fn same_as(&self, other: &Self) -> bool {
        self.data_type() == other.data_type() && self.0.to_data() == other.0.to_data()
    }
}

macro_rules! from_native {
    ($($native:ty => $array:ty),*) => {$(
        impl From<$native> for ScalarValue {
            fn from(value: $native) -> Self {
                Self(Arc::new(<$array>::from(vec![value])))
            }
        }

        impl From<Option<$native>> for ScalarValue {
            /// `None` is the null of the type.
            fn from(value: Option<$native>) -> Self {
                Self(Arc::new(<$array>::from(vec![value])))
            }
        }
    )*};
}

from_native!(
    bool => BooleanArray, i8 => Int8Array, i16 => Int16Array, i32 => Int32Array,
    i64 => Int64Array, u8 => UInt8Array, u16 => UInt16Array, u32 => UInt32Array,
    u64 => UInt64Array, f32 => Float32Array, f64 => Float64Array,
    &str => StringViewArray, String => StringViewArray
);

impl fmt::Display for ScalarValue {
    /// As plan text: `Int32`, `Float64`, text and truth values bare, any other type by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data_type = self.data_type();
        if self.is_null() {
            return match data_type {
                DataType::Null => f.write_str("NULL"),
                _ => write!(f, "{data_type}(NULL)"),
            };
        }
        let text = format_value(self.0.as_ref(), 0);
        match data_type {
            DataType::Int32 => f.write_str(&text),
            DataType::Float64 => match self.as_f64() {
                Some(value) if value.is_finite() => f.write_str(&text),
                _ => write!(f, "Float64({text})"),
            },
            DataType::Boolean => f.write_str(if text == "true" { "TRUE" } else { "FALSE" }),
            DataType::Utf8View => write!(f, "'{}'", text.replace('\'', "''")),
            DataType::Decimal128(precision, scale) => {
                write!(f, "Decimal({text}, {precision}, {scale})")
            }
            DataType::Int8
            | DataType::Int16
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Float16
            | DataType::Float32 => write!(f, "{data_type}({text})"),
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(_, _)
            | DataType::Map(_, _)
            | DataType::Struct(_) => {
                write!(f, "{data_type}(")?;
                write_items(self.0.as_ref(), f)?;
                f.write_str(")")
            }
            _ => write!(f, "{data_type}('{}')", text.replace('\'', "''")),
        }
    }
}

/// The items of a nested value, each as a scalar of its own: `['a', 'b']` is not `['a, b']`.
fn write_items(value: &dyn Array, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let items: Vec<(ArrayRef, usize)> = match value.data_type() {
        DataType::Struct(_) => {
            let columns = value.as_struct().columns().iter();
            columns.map(|column| (Arc::clone(column), 0)).collect()
        }
        data_type => {
            let items: ArrayRef = match data_type {
                DataType::LargeList(_) => value.as_list::<i64>().value(0),
                DataType::FixedSizeList(_, _) => value.as_fixed_size_list().value(0),
                DataType::Map(_, _) => Arc::new(value.as_map().value(0)),
                _ => value.as_list::<i32>().value(0),
            };
            (0..items.len())
                .map(|row| (Arc::clone(&items), row))
                .collect()
        }
    };
    f.write_str("[")?;
    for (i, (array, row)) in items.into_iter().enumerate() {
        let separator = if i > 0 { ", " } else { "" };
        // There is such a row.
        let item = ScalarValue::from_array(&array, row).map_err(|_| fmt::Error)?;
        write!(f, "{separator}{item}")?;
    }
    f.write_str("]")
}

impl fmt::Debug for ScalarValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, ListBuilder, RunArray, StringViewBuilder, StructArray};
    use arrow::datatypes::Field;

    #[test]
    fn every_type_prints_apart() {
        let check = |value: ScalarValue, want: &str| assert_eq!(value.to_string(), want);
        check(1i32.into(), "1");
        check((-1i32).into(), "-1");
        check(1i8.into(), "Int8(1)");
        check(1u64.into(), "UInt64(1)");
        check(1.0f64.into(), "1.0");
        check((-0.0f64).into(), "-0.0");
        check(1e300f64.into(), "1e300");
        check(f64::NAN.into(), "Float64(NaN)");
        check(f64::INFINITY.into(), "Float64(inf)");
        check(0.1f32.into(), "Float32(0.1)");
        check(true.into(), "TRUE");
        check("a'b".into(), "'a''b'");
        check(ScalarValue::date(10561), "Date32('1998-12-01')");
        check(ScalarValue::null(&DataType::Null), "NULL");
        check(None::<i32>.into(), "Int32(NULL)");
        check(
            ScalarValue::decimal(5, 3, 2).unwrap(),
            "Decimal(0.05, 3, 2)",
        );
    }

    #[test]
    fn nested_values_print_apart() {
        let check = |array: &dyn Array, want: &str| {
            let value = ScalarValue::from_array(array, 0).unwrap();
            assert_eq!(value.to_string(), want);
        };
        let texts = |texts: &[&str]| {
            let mut list = ListBuilder::new(StringViewBuilder::new());
            texts
                .iter()
                .for_each(|text| list.values().append_value(text));
            list.append(true);
            list.finish()
        };
        check(&texts(&["a, b"]), "List(Utf8View)(['a, b'])");
        check(&texts(&["a", "b"]), "List(Utf8View)(['a', 'b'])");
        check(&texts(&[]), "List(Utf8View)([])");
        let fields = vec![Field::new("x", DataType::Int32, true)].into();
        let values: ArrayRef = Arc::new(Int32Array::from(vec![None::<i32>]));
        let row = StructArray::new(fields, vec![values], None);
        let want = format!("{}([Int32(NULL)])", row.data_type());
        check(&row, &want);
    }

    #[test]
    fn same_is_to_the_bit() {
        let same = |a: ScalarValue, b: ScalarValue| a.same_as(&b);
        assert!(same(f64::NAN.into(), f64::NAN.into()));
        assert!(!same(0.0.into(), (-0.0).into()));
        assert!(!same(1i32.into(), 1i64.into()));
        assert!(same(None::<i32>.into(), None::<i32>.into()));
        assert!(!same(None::<i32>.into(), Some(0).into()));
        assert!(!same("a".into(), "b".into()));
    }

    #[test]
    fn scalars_are_not_encoded() {
        let check = |array: &dyn Array, row, want: &str| {
            let value = ScalarValue::from_array(array, row).unwrap();
            assert_eq!(value.to_string(), want);
        };
        let codes = Int8Array::from(vec![Some(1), Some(0), None]);
        let values = Arc::new(Int32Array::from(vec![None, Some(7)]));
        let coded = DictionaryArray::new(codes, values.clone());
        check(&coded, 0, "7");
        check(&coded, 1, "Int32(NULL)");
        check(&coded, 2, "Int32(NULL)");
        let runs =
            RunArray::<Int32Type>::try_new(&Int32Array::from(vec![2, 3]), values.as_ref()).unwrap();
        check(&runs, 1, "Int32(NULL)");
        check(&runs, 2, "7");
        let null = ScalarValue::null(coded.data_type());
        assert_eq!(null.data_type(), &DataType::Int32);
    }

    #[test]
    fn decimals_must_fit() {
        assert!(ScalarValue::decimal(1000, 3, 2).is_err());
        assert!(ScalarValue::decimal(1, 39, 2).is_err());
    }
}
