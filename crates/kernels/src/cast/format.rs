//! Numbers, truth values, dates, times, durations and intervals as text.

use std::fmt::Write as _;

use arrow::array::{
    Array, ArrayRef, AsArray, GenericStringBuilder, OffsetSizeTrait, StringViewBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use esker_datatypes::{Result, decimal_parts};

use super::decimal::with_decimal;
use super::flat::{Converted, Cx, astray, retype};
use super::number::F16;
use crate::parse;

/// A value to text of the asked layout. Unselected rows are null.
pub(super) fn format(array: &ArrayRef, to: &DataType, cx: &mut Cx<'_>) -> Result<Converted> {
    let mut text = String::new();
    let write = writer(array, to)?;
    // Every row's text is there for the moment of its append only.
    let mut each = |append: &mut Append<'_>| {
        let mut done = 0;
        for row in cx.selection.iter() {
            (done..row).for_each(|_| append(None));
            done = row + 1;
            if array.is_null(row) {
                append(None);
                continue;
            }
            text.clear();
            write(&mut text, row);
            append(Some(&text));
        }
        (done..array.len()).for_each(|_| append(None));
    };
    match to {
        DataType::Utf8View => {
            let mut builder = StringViewBuilder::with_capacity(array.len());
            each(&mut |text| builder.append_option(text));
            Ok(Converted::sound(builder.finish()))
        }
        DataType::Utf8 => Ok(offsets::<i32>(array.len(), &mut each)),
        DataType::LargeUtf8 => Ok(offsets::<i64>(array.len(), &mut each)),
        _ => Err(astray(array.data_type(), to)),
    }
}

/// Takes the text of the next row.
type Append<'a> = dyn FnMut(Option<&str>) + 'a;

fn offsets<O: OffsetSizeTrait>(len: usize, each: &mut dyn FnMut(&mut Append<'_>)) -> Converted {
    let mut builder = GenericStringBuilder::<O>::with_capacity(len, len * 8);
    each(&mut |text| builder.append_option(text));
    Converted::sound(builder.finish())
}

/// Appends the text of a row that is not null.
type Writer<'a> = Box<dyn Fn(&mut String, usize) + 'a>;

/// How values of a type are written. Writing to a string does not fail.
fn writer<'a>(array: &'a ArrayRef, to: &DataType) -> Result<Writer<'a>> {
    use DataType as T;
    macro_rules! display {
        ($T:ty, $form:literal) => {{
            let array = array.as_primitive::<$T>();
            Box::new(move |out: &mut String, row: usize| {
                let _ = write!(out, $form, array.value(row));
            })
        }};
    }
    Ok(match array.data_type() {
        T::Boolean => {
            let array = array.as_boolean();
            Box::new(|out, row| out.push_str(if array.value(row) { "true" } else { "false" }))
        }
        T::Int8 => display!(Int8Type, "{}"),
        T::Int16 => display!(Int16Type, "{}"),
        T::Int32 => display!(Int32Type, "{}"),
        T::Int64 => display!(Int64Type, "{}"),
        T::UInt8 => display!(UInt8Type, "{}"),
        T::UInt16 => display!(UInt16Type, "{}"),
        T::UInt32 => display!(UInt32Type, "{}"),
        T::UInt64 => display!(UInt64Type, "{}"),
        T::Float16 => {
            let array = array.as_primitive::<Float16Type>();
            Box::new(|out, row| write_half(out, array.value(row)))
        }
        // `Debug` is the shortest that reads back, with a point or an exponent.
        T::Float32 => display!(Float32Type, "{:?}"),
        T::Float64 => display!(Float64Type, "{:?}"),
        T::Decimal32(_, _) | T::Decimal64(_, _) | T::Decimal128(_, _) | T::Decimal256(_, _) => {
            let (_, scale) = decimal_parts(array.data_type()).unwrap_or_default();
            with_decimal!(array.data_type(), D => {
                let array = array.as_primitive::<D>();
                Box::new(move |out: &mut String, row| {
                    parse::write_decimal(out, array.value(row), scale);
                })
            }, else return Err(astray(array.data_type(), to)))
        }
        T::Date32 => {
            let array = array.as_primitive::<Date32Type>();
            Box::new(|out, row| parse::write_date(out, array.value(row).into()))
        }
        T::Date64 => {
            let array = array.as_primitive::<Date64Type>();
            Box::new(|out, row| write_date_64(out, array.value(row)))
        }
        T::Time32(unit) => {
            let nanos = 1_000_000_000 / parse::per_second(*unit);
            let array = retype(array, &T::Int32)?
                .as_primitive::<Int32Type>()
                .clone();
            Box::new(move |out, row| {
                parse::write_time(out, i64::from(array.value(row)).wrapping_mul(nanos));
            })
        }
        T::Time64(unit) => {
            let nanos = 1_000_000_000 / parse::per_second(*unit);
            let array = retype(array, &T::Int64)?
                .as_primitive::<Int64Type>()
                .clone();
            Box::new(move |out, row| parse::write_time(out, array.value(row).wrapping_mul(nanos)))
        }
        T::Timestamp(unit, zone) => {
            let unit = *unit;
            let array_64 = retype(array, &T::Int64)?
                .as_primitive::<Int64Type>()
                .clone();
            match zone.as_ref().map(|zone| parse::zone_offset(zone)) {
                None => Box::new(move |out, row| {
                    parse::write_datetime(out, array_64.value(row), unit);
                }),
                Some(Some(offset)) => Box::new(move |out, row| {
                    write_zoned(out, array_64.value(row), unit, offset);
                }),
                Some(None) => return Err(astray(array.data_type(), to)),
            }
        }
        T::Duration(_) | T::Interval(_) => {
            let options = FormatOptions::new().with_display_error(true);
            let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
            Box::new(move |out, row| {
                let _ = write!(out, "{}", formatter.value(row));
            })
        }
        other => return Err(astray(other, to)),
    })
}

/// A date; one that (against Arrow's rule) has a time of day is written with it.
fn write_date_64(out: &mut String, millis: i64) {
    if millis % 86_400_000 == 0 {
        parse::write_date(out, millis / 86_400_000);
    } else {
        parse::write_datetime(out, millis, TimeUnit::Millisecond);
    }
}

/// An instant as the local time of a zone and its offset.
fn write_zoned(out: &mut String, value: i64, unit: TimeUnit, offset: i32) {
    match value.checked_add(i64::from(offset) * parse::per_second(unit)) {
        Some(local) => {
            parse::write_datetime(out, local, unit);
            parse::write_offset(out, offset);
        }
        // The local time lies beyond the unit's range: the same instant, in UTC.
        None => {
            parse::write_datetime(out, value, unit);
            parse::write_offset(out, 0);
        }
    }
}

/// The fewest digits that read back as this half-precision float.
fn write_half(out: &mut String, value: F16) {
    let wide = value.to_f64();
    let start = out.len();
    for digits in 0..5usize {
        out.truncate(start);
        let _ = write!(out, "{wide:.digits$e}");
        let read = out.get(start..).and_then(|text| text.parse::<f64>().ok());
        if let Some(read) = read
            && F16::from_f64(read) == value
        {
            out.truncate(start);
            let _ = write!(out, "{read:?}");
            return;
        }
    }
    out.truncate(start);
    let _ = write!(out, "{wide:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_reads_back() {
        for bits in 0..=u16::MAX {
            let value = F16::from_bits(bits);
            let mut text = String::new();
            write_half(&mut text, value);
            let read = F16::from_f64(text.parse::<f64>().unwrap());
            assert!(read.to_bits() == bits || value.is_nan(), "{text}");
        }
        let mut text = String::new();
        write_half(&mut text, F16::from_f64(0.1));
        assert_eq!(text, "0.1");
    }
}
