//! Conversion between types: `cast` and `try_cast`.
//!
//! | from | to | rule |
//! |---|---|---|
//! | `Null` | any | null |
//! | integer | integer | the same number, or it does not fit |
//! | integer | float | the nearest |
//! | float | integer | toward zero; NaN, infinities and what is out of range do not fit |
//! | float | float | the nearest; a finite value beyond the range does not fit |
//! | decimal | integer | toward zero, as a float |
//! | decimal, integer | decimal | digits that the scale has no room for are rounded, half away from zero |
//! | float | decimal | its shortest text as a decimal (as a float literal is one), rounded so |
//! | decimal | float | the nearest to the exact value |
//! | number | `Boolean` | not zero is true |
//! | `Boolean` | number | 0, 1 |
//! | any number, `Boolean`, date, time, timestamp, duration, interval | text | reads back; floats are the shortest text with a point or an exponent |
//! | text | number, `Boolean`, date, time, timestamp, interval | [`parse`](crate::parse): the whole text, nothing trimmed |
//! | date | timestamp | its midnight |
//! | timestamp | date, time | that of its zone |
//! | timestamp, time | another unit | toward the past; durations toward zero |
//! | timestamp without zone | with zone | as the local time there, and back; only `UTC` and fixed offsets |
//! | timestamp with zone | with another zone | the same instant |
//! | date, time, timestamp, duration | integer | the stored count, and back |
//! | text, binary | any layout of either | the same bytes; to text they must be UTF-8, to a fixed size of that length |
//! | list, struct, map | its like | item by item; fields by name, else by position |
//!
//! Text with a zone never becomes a timestamp without one; text without a zone becomes one with a
//! zone as local time there. Nothing else has a cast, and [`can_cast`](crate::cast::can_cast) says so.

/// Text and binary in their layouts.
mod bytes;
/// Decimals from and to numbers.
mod decimal;
/// Plain arrays: dispatch and the loops that the conversions share.
mod flat;
/// Values as text.
mod format;
/// Lists, structs and maps.
mod nested;
/// Integers, floats and truth values among each other.
mod number;
/// Text as values.
mod read;
/// Which pairs of types have a cast.
mod route;
/// Dates, times, timestamps and durations among each other.
mod temporal;

use arrow::array::{Array, ArrayRef, UInt32Array};
use esker_datatypes::{
    Buffers, Column, DataType, Encoding, Error, Result, ScalarValue, Selection, format_value,
    is_string, value_type,
};

use crate::vector::same_rows;
use flat::{Cx, convert};
use route::{Route, route};

/// What a cast does with a value that does not fit or parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CastMode {
    /// It fails, naming the value.
    Strict,
    /// It gives null there.
    Try,
}

/// Whether [`cast`] knows how to get from a type to another. Dictionary and run-end wrappers count
/// as the type of their values.
///
/// ```
/// use esker_datatypes::DataType;
/// use esker_kernels::cast::can_cast;
/// assert!(can_cast(&DataType::Utf8View, &DataType::Int64));
/// assert!(!can_cast(&DataType::Boolean, &DataType::Date32));
/// ```
pub fn can_cast(from: &DataType, to: &DataType) -> bool {
    route(value_type(from), value_type(to)).is_some()
}

/// The column in another type, null where it is null; the rules stand at the head of this module.
///
/// A constant stays a constant, and a dictionary a dictionary: its values are cast once, and one
/// that no selected row uses raises no error.
///
/// # Errors
/// `Unsupported` when [`can_cast`] says no. With [`CastMode::Strict`] `Evaluation`, naming the first
/// selected value that does not fit or parse: `cannot cast 'abc' to Int64`,
/// `cannot cast 300 to Int8: out of range`. `Internal` when the selection has another length than
/// the column.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{AsArray, StringArray};
/// use arrow::datatypes::Int64Type;
/// use esker_datatypes::{Buffers, Column, DataType, Selection};
/// use esker_kernels::cast::{CastMode, cast};
///
/// let texts = Column::flat(Arc::new(StringArray::from(vec!["1", "x"])));
/// let mut buffers = Buffers::default();
/// let all = Selection::all(2);
/// let numbers = cast(&texts, &DataType::Int64, CastMode::Try, &all, &mut buffers)?;
/// assert_eq!(numbers.value(0)?.as_i128(), Some(1));
/// assert!(numbers.value(1)?.is_null());
/// let error = cast(&texts, &DataType::Int64, CastMode::Strict, &all, &mut buffers);
/// assert_eq!(error.unwrap_err().to_string(), "cannot cast 'x' to Int64");
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn cast(
    column: &Column,
    to: &DataType,
    mode: CastMode,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let rows = same_rows(&[column], selection)?;
    let from = column.value_type();
    let target = value_type(to);
    let Some(route) = route(from, target) else {
        return Err(Error::unsupported(format!(
            "a cast from {} to {to}",
            column.data_type()
        )));
    };
    let result = match (&route, column.encoding()) {
        (Route::Same, _) => column.clone(),
        (Route::Null, _) => Column::constant(ScalarValue::null(target), rows),
        (_, Encoding::Constant { value, .. }) => {
            // Nobody looks at the value when no row is selected.
            let mode = if selection.is_none() {
                CastMode::Try
            } else {
                mode
            };
            let one = Selection::all(1);
            let array = flat(
                &route,
                value.as_array(),
                target,
                mode,
                &mut Cx::new(&one, buffers),
            )?;
            Column::constant(ScalarValue::from_array(&array, 0)?, rows)
        }
        (_, _) if selection.is_none() => Column::constant(ScalarValue::null(target), rows),
        (_, Encoding::Dictionary { codes, values })
            if values.len() <= selection.count() && !target.is_nested() =>
        {
            dictionary(&route, codes, values, target, mode, selection, buffers)?
        }
        (_, Encoding::Dictionary { .. } | Encoding::Flat(_)) => {
            let mut cx = Cx::new(selection, buffers);
            Column::flat(flat(&route, &column.to_flat(), target, mode, &mut cx)?)
        }
    };
    Ok(result.with_declared_type(to))
}

/// Casts a plain array; unselected rows do not fail.
fn flat(
    route: &Route,
    array: &ArrayRef,
    to: &DataType,
    mode: CastMode,
    cx: &mut Cx<'_>,
) -> Result<ArrayRef> {
    let converted = convert(route, array, to, mode, cx)?;
    if mode == CastMode::Strict {
        let selected = |row: &&u32| match cx.selection.rows() {
            None => true,
            Some(rows) => rows.binary_search(row).is_ok(),
        };
        if let Some(&row) = converted.failed.iter().find(selected) {
            return Err(misfit(array, row as usize, to));
        }
    }
    Ok(converted.array)
}

/// Casts each value of a dictionary once.
fn dictionary(
    route: &Route,
    codes: &UInt32Array,
    values: &ArrayRef,
    to: &DataType,
    mode: CastMode,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let all = Selection::all(values.len());
    let converted = convert(
        route,
        values,
        to,
        CastMode::Try,
        &mut Cx::new(&all, buffers),
    )?;
    if mode == CastMode::Strict && !converted.failed.is_empty() {
        // Some value failed: is it one that a selected row uses?
        let failed = |row: &usize| {
            codes.is_valid(*row) && converted.failed.binary_search(&codes.value(*row)).is_ok()
        };
        if let Some(row) = selection.iter().find(failed) {
            return Err(misfit(values, codes.value(row) as usize, to));
        }
    }
    Ok(Column::dictionary(codes.clone(), converted.array))
}

/// The error of a value that does not fit or parse.
fn misfit(array: &ArrayRef, row: usize, to: &DataType) -> Error {
    /// How much of a long value an error shows.
    const SHOWN: usize = 80;
    let from = array.data_type();
    let mut value = shown(array, row);
    if let Some((end, _)) = value.char_indices().nth(SHOWN) {
        value.truncate(end);
        value.push('…');
    }
    if is_string(from) {
        value = format!("'{}'", value.replace('\'', "''"));
    }
    let why = match (from, to) {
        (from, DataType::FixedSizeBinary(_)) if !from.is_null() => ": wrong length",
        (from, _) if is_string(from) => "",
        (DataType::Binary | DataType::LargeBinary | DataType::BinaryView, _)
        | (DataType::FixedSizeBinary(_), _) => ": not valid UTF-8",
        _ => ": out of range",
    };
    Error::evaluation(format!("cannot cast {value} to {to}{why}"))
}

/// The text of a value: what a cast to text gives where there is one, for it shows values (years
/// of six digits) that others cannot.
fn shown(array: &ArrayRef, row: usize) -> String {
    let value = array.slice(row, 1);
    // An instant in a zone whose offsets are not known is shown in UTC.
    let value = match value.data_type() {
        DataType::Timestamp(unit, Some(_)) if !can_cast(value.data_type(), &DataType::Utf8View) => {
            let utc = DataType::Timestamp(*unit, Some("UTC".into()));
            flat::retype(&value, &utc).unwrap_or(value)
        }
        _ => value,
    };
    if route(value.data_type(), &DataType::Utf8View) == Some(Route::Format) {
        let (one, mut buffers) = (Selection::all(1), Buffers::default());
        let mut cx = Cx::new(&one, &mut buffers);
        if let Ok(text) = format::format(&value, &DataType::Utf8View, &mut cx) {
            return format_value(text.array.as_ref(), 0);
        }
    }
    format_value(value.as_ref(), 0)
}

#[cfg(test)]
mod tests;
