//! Text as numbers, truth values, dates and times.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder};
use arrow::array::{LargeStringArray, StringArray, StringViewArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};
use arrow::datatypes::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, TimeUnit};
use esker_datatypes::Result;

use super::decimal::with_decimal;
use super::flat::{Converted, Cx, astray, map_rows, retype, without};
use super::number::{NumberTo, with_number};
use crate::parse;

/// Text to a value of another type, by the parsers of this crate.
pub(super) fn read(array: &ArrayRef, to: &DataType, cx: &mut Cx<'_>) -> Result<Converted> {
    use DataType as T;
    let texts = Texts::new(array)?;
    match to {
        T::Boolean => Ok(booleans(&texts, cx)),
        T::Date32 => values::<Date32Type>(&texts, to, cx, parse::parse_date),
        T::Date64 => {
            let parse = |text: &[u8]| local(text, TimeUnit::Millisecond);
            values::<Int64Type>(&texts, to, cx, parse)
        }
        T::Time32(unit) => {
            let nanos = 1_000_000_000 / parse::per_second(*unit);
            let parse = |text: &[u8]| i32::try_from(parse::parse_time(text)? / nanos).ok();
            values::<Int32Type>(&texts, to, cx, parse)
        }
        T::Time64(unit) => {
            let nanos = 1_000_000_000 / parse::per_second(*unit);
            values::<Int64Type>(&texts, to, cx, |text| {
                Some(parse::parse_time(text)? / nanos)
            })
        }
        T::Timestamp(unit, None) => values::<Int64Type>(&texts, to, cx, |text| local(text, *unit)),
        T::Timestamp(unit, Some(zone)) => {
            let Some(zone) = parse::zone_offset(zone) else {
                return Err(astray(array.data_type(), to));
            };
            let parse = |text: &[u8]| {
                let mut time = parse::parse_datetime(text)?;
                let offset = time.offset.unwrap_or(zone);
                time.seconds = time.seconds.checked_sub(offset.into())?;
                time.in_unit(*unit)
            };
            values::<Int64Type>(&texts, to, cx, parse)
        }
        T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal128(p, s) => {
            with_decimal!(to, D => {
                let parse = |text: &[u8]| narrow::<D>(parse::parse_decimal(text, *p, *s)?);
                values::<D>(&texts, to, cx, parse)
            }, else Err(astray(array.data_type(), to)))
        }
        T::Decimal256(p, s) => {
            let parse = |text: &[u8]| parse::parse_decimal_wide::<i256>(text, *p, *s);
            values::<Decimal256Type>(&texts, to, cx, parse)
        }
        to => with_number!(to, O => values::<O>(&texts, to, cx, O::read_number),
            else Err(astray(array.data_type(), to))),
    }
}

/// A timestamp without a zone.
fn local(text: &[u8], unit: TimeUnit) -> Option<i64> {
    let time = parse::parse_datetime(text)?;
    if time.offset.is_some() {
        None
    } else {
        time.in_unit(unit)
    }
}

fn narrow<D: ArrowPrimitiveType<Native: arrow::compute::DecimalCast>>(
    digits: i128,
) -> Option<D::Native> {
    <D::Native as arrow::compute::DecimalCast>::from_decimal(digits)
}

/// Texts of any layout.
enum Texts<'a> {
    Small(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
}

impl<'a> Texts<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self> {
        match array.data_type() {
            DataType::Utf8 => Ok(Self::Small(array.as_string())),
            DataType::LargeUtf8 => Ok(Self::Large(array.as_string())),
            DataType::Utf8View => Ok(Self::View(array.as_string_view())),
            other => Err(astray(other, other)),
        }
    }

    fn array(&self) -> &'a dyn Array {
        match self {
            Self::Small(array) => *array,
            Self::Large(array) => *array,
            Self::View(array) => *array,
        }
    }

    #[inline]
    fn get(&self, row: usize) -> &'a [u8] {
        match self {
            Self::Small(array) => array.value(row).as_bytes(),
            Self::Large(array) => array.value(row).as_bytes(),
            Self::View(array) => array.value(row).as_bytes(),
        }
    }
}

/// Each text as a value of a fixed width, `to` a type of the same layout as `O`.
fn values<O: ArrowPrimitiveType>(
    texts: &Texts<'_>,
    to: &DataType,
    cx: &mut Cx<'_>,
    parse: impl Fn(&[u8]) -> Option<O::Native>,
) -> Result<Converted> {
    let (array, failed) = map_rows::<O>(texts.array(), cx, |row| parse(texts.get(row)));
    let array = if array.data_type() == to {
        Arc::new(array)
    } else {
        retype(&array, to)?
    };
    Ok(Converted { array, failed })
}

fn booleans(texts: &Texts<'_>, cx: &mut Cx<'_>) -> Converted {
    let array = texts.array();
    let mut values = BooleanBufferBuilder::new(array.len());
    values.append_n(array.len(), false);
    let mut failed = Vec::new();
    for row in cx.selection.iter().filter(|&row| array.is_valid(row)) {
        match parse::parse_bool(texts.get(row)) {
            Some(value) => values.set_bit(row, value),
            None => failed.push(row as u32),
        }
    }
    let nulls = without(array.nulls(), array.len(), &failed);
    Converted {
        failed,
        ..Converted::sound(BooleanArray::new(values.finish(), nulls))
    }
}

/// A number from text.
trait ReadNumber: ArrowPrimitiveType {
    fn read_number(text: &[u8]) -> Option<Self::Native>;
}

/// `type: parser, the type that it gives;`
macro_rules! read_number {
    ($($type:ty: $parse:path, $given:ty;)*) => {$(
        impl ReadNumber for $type {
            fn read_number(text: &[u8]) -> Option<Self::Native> {
                <$given as NumberTo<$type>>::number_to($parse(text)?)
            }
        }
    )*};
}

read_number! {
    Int8Type: parse::parse_i64, Int64Type;
    Int16Type: parse::parse_i64, Int64Type;
    Int32Type: parse::parse_i64, Int64Type;
    Int64Type: parse::parse_i64, Int64Type;
    UInt8Type: parse::parse_i64, Int64Type;
    UInt16Type: parse::parse_i64, Int64Type;
    UInt32Type: parse::parse_i64, Int64Type;
    UInt64Type: parse::parse_u64, UInt64Type;
    Float16Type: parse::parse_f64, Float64Type;
    Float32Type: parse::parse_f32, Float32Type;
    Float64Type: parse::parse_f64, Float64Type;
}
