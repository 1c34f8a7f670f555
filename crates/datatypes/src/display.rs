//! Values as text.

use std::fmt::Write as _;

use arrow::array::{Array, AsArray};
use arrow::compute;
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The value at a row, as people read it: `NULL` for a null, floats by [`format_float`], dates and
/// times in ISO form, binary in hexadecimal, text as it is.
pub fn format_value(array: &dyn Array, row: usize) -> String {
    if row >= array.len() {
        return String::new();
    }
    match array.data_type() {
        _ if array.is_null(row) => "NULL".to_owned(),
        DataType::Float16 => format_float(f64::from(
            array.as_primitive::<Float16Type>().value(row).to_f32(),
        )),
        DataType::Float32 => format!("{:?}", array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => format_float(array.as_primitive::<Float64Type>().value(row)),
        _ => {
            let options = FormatOptions::new().with_null("NULL");
            let text = ArrayFormatter::try_new(array, &options)
                .and_then(|formatter| formatter.value(row).try_to_string());
            // A day or instant beyond Arrow's calendar is shown as what is stored.
            text.or_else(|error| {
                let count = compute::cast(&array.slice(row, 1), &DataType::Int64);
                count.map_or(Err(error), |count| {
                    Ok(count.as_primitive::<Int64Type>().value(0).to_string())
                })
            })
            // A type that Arrow cannot print.
            .unwrap_or_else(|error| format!("<{error}>"))
        }
    }
}

/// The shortest text that reads back as this float, with a point or an exponent: `1.0`, `0.1`,
/// `1e300`, `NaN`, `inf`, `-inf`.
pub fn format_float(value: f64) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{value:?}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BinaryArray, Date32Array, Decimal128Array, Float32Array, TimestampMicrosecondArray,
    };

    #[test]
    fn floats_read_back() {
        for value in [
            1.0,
            0.1,
            -0.0,
            1e16,
            1e-7,
            f64::MAX,
            f64::MIN_POSITIVE,
            12345.678,
        ] {
            let text = format_float(value);
            assert_eq!(
                text.parse::<f64>().unwrap().to_bits(),
                value.to_bits(),
                "{text}"
            );
            assert!(text.contains(['.', 'e']), "{text}");
        }
        assert_eq!(format_value(&Float32Array::from(vec![0.1]), 0), "0.1");
    }

    #[test]
    fn values_of_other_types() {
        let check = |array: &dyn Array, want: &str| assert_eq!(format_value(array, 0), want);
        check(
            &TimestampMicrosecondArray::from(vec![0]),
            "1970-01-01T00:00:00",
        );
        check(&Date32Array::from(vec![i32::MAX]), "2147483647");
        check(&BinaryArray::from_vec(vec![b"\x01\xff"]), "01ff");
        let decimal = Decimal128Array::from(vec![-5])
            .with_precision_and_scale(3, 2)
            .unwrap();
        check(&decimal, "-0.05");
    }
}
