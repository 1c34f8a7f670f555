//! Dates and times as text: names, and patterns of `strftime`.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewArray, StringViewBuilder, UInt32Array};
use esker_datatypes::{Buffers, Column, Encoding, Error, Result, ScalarValue, Selection};

use super::civil::{Civil, civil, weekday};
use super::part::{DatePart, part};
use super::unit::{Counts, DAY, Scale};
use crate::per_value::per_value;

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Nanoseconds of a second.
const NANOS: i64 = 1_000_000_000;

/// The English name of the day of the week of each date or timestamp; null for null.
///
/// # Errors
/// Those of [`part`].
pub fn day_name(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    named(
        &DAYS,
        part(DatePart::Weekday, column, selection, buffers)?,
        0,
    )
}

/// The English name of the month of each date or timestamp; null for null.
///
/// # Errors
/// Those of [`part`].
pub fn month_name(column: &Column, selection: &Selection, buffers: &mut Buffers) -> Result<Column> {
    named(
        &MONTHS,
        part(DatePart::Month, column, selection, buffers)?,
        1,
    )
}

/// Names by their number, the first one's being `first`: a dictionary, unless it is a constant.
fn named(names: &[&str], numbers: Column, first: i32) -> Result<Column> {
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;
    if let Encoding::Constant { value, len } = numbers.encoding() {
        let number = value.as_i128().map(|n| n - i128::from(first));
        let name = number.and_then(|n| names.get(usize::try_from(n).ok()?));
        return Ok(Column::constant(
            ScalarValue::from(name.map(|name| (*name).to_owned())),
            *len,
        ));
    }
    let flat = numbers.to_flat();
    let codes: UInt32Array = flat
        .as_primitive::<Int32Type>()
        .unary(|number| (number - first).rem_euclid(names.len() as i32) as u32);
    let names = StringViewArray::from_iter_values(names);
    Ok(Column::dictionary(codes, Arc::new(names)))
}

/// Each date, time or timestamp as text after a pattern of C's `strftime`; null for null.
///
/// Of the pattern stand `%Y %m %d %H %M %S` for year to second, `%y` for the year of the century,
/// `%e` for the day without a zero, `%f` for microseconds, `%j` for the day of the year, `%I` and `%p`
/// for the hour of 12 with `AM` or `PM`, `%a %A` and `%b %B` for the names of day and month, short and
/// whole, `%u` (Monday 1) and `%w` (Sunday 0) for the day of the week, `%G` and `%V` for year and week
/// after ISO 8601, `%F` for `%Y-%m-%d`, `%T` for `%H:%M:%S`, `%%` for `%`. Time of a date is its
/// midnight; timestamps with a zone are in local time.
///
/// # Errors
/// `InvalidInput` for another pattern; `Internal` for another type; `Unsupported` for a zone whose
/// offset changes.
///
/// ```
/// use esker_datatypes::{Buffers, Column, ScalarValue, Selection};
/// use esker_kernels::temporal::format;
/// let column = Column::constant(ScalarValue::date(10561), 1);
/// let text = format("%d %b %Y", &column, &Selection::all(1), &mut Buffers::default())?;
/// assert_eq!(text.value(0)?.as_str(), Some("01 Dec 1998"));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn format(
    pattern: &str,
    column: &Column,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let items = items(pattern)?;
    per_value(column, selection, buffers, |array, selection, _| {
        format_rows(&items, array, selection)
    })
}

/// Checks a pattern of [`format()`].
///
/// # Errors
/// `InvalidInput` for a pattern that it does not know.
pub fn check_format(pattern: &str) -> Result<()> {
    items(pattern).map(|_| ())
}

fn format_rows(items: &[Item], array: &ArrayRef, selection: &Selection) -> Result<ArrayRef> {
    let scale = Scale::of(array.data_type())?;
    let counts = Counts::of(array)?;
    let count = |row: usize| match &counts {
        Counts::Narrow(counts) => counts.values().get(row).map(|&count| i64::from(count)),
        Counts::Wide(counts) => counts.values().get(row).copied(),
    };
    let mut out = StringViewBuilder::with_capacity(array.len());
    let mut text = String::new();
    let mut row = 0;
    let mut gap = |out: &mut StringViewBuilder, to: usize| {
        (row..to).for_each(|_| out.append_null());
        row = to + 1;
    };
    for selected in selection.iter() {
        if let Some(count) = count(selected).filter(|_| array.is_valid(selected)) {
            gap(&mut out, selected);
            text.clear();
            let moment = Moment::of(scale, count);
            items.iter().for_each(|item| item.write(&moment, &mut text));
            out.append_value(&text);
        }
    }
    gap(&mut out, array.len());
    Ok(Arc::new(out.finish()))
}

/// A date and a time of day.
struct Moment {
    days: i64,
    date: Civil,
    seconds: i64,
    nanos: i64,
}

impl Moment {
    fn of(scale: Scale, count: i64) -> Self {
        let (days, time, per_second) = match scale {
            Scale::Days => (count, 0, 1),
            Scale::Moments { per_second, ahead } => {
                // 128 bits, since the last hours may overflow.
                let (local, per_day) = (
                    i128::from(count) + i128::from(ahead),
                    i128::from(DAY * per_second),
                );
                let (days, time) = (local.div_euclid(per_day), local.rem_euclid(per_day));
                (days as i64, time as i64, per_second)
            }
            Scale::TimeOfDay { per_second } => (0, count, per_second),
        };
        Self {
            days,
            date: civil(days),
            seconds: time / per_second,
            nanos: time % per_second * (NANOS / per_second),
        }
    }
}

/// An item of a pattern.
enum Item {
    Text(String),
    Year,
    YearOfCentury,
    Month,
    MonthName { short: bool },
    Day,
    DayUnpadded,
    DayName { short: bool },
    DayOfYear,
    IsoYear,
    IsoWeek,
    IsoWeekday,
    SundayWeekday,
    Hour,
    HourOf12,
    AmPm,
    Minute,
    Second,
    Micros,
}

/// Checks a pattern.
///
/// # Errors
/// `InvalidInput` for what stands for nothing.
fn items(pattern: &str) -> Result<Vec<Item>> {
    let (mut items, mut text) = (Vec::new(), String::new());
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            text.push(char);
            continue;
        }
        let letter = chars.next();
        if letter == Some('%') {
            text.push('%');
            continue;
        }
        if !text.is_empty() {
            items.push(Item::Text(std::mem::take(&mut text)));
        }
        let dash = || Item::Text("-".to_owned());
        let colon = || Item::Text(":".to_owned());
        match letter {
            Some('Y') => items.push(Item::Year),
            Some('y') => items.push(Item::YearOfCentury),
            Some('m') => items.push(Item::Month),
            Some('b' | 'h') => items.push(Item::MonthName { short: true }),
            Some('B') => items.push(Item::MonthName { short: false }),
            Some('d') => items.push(Item::Day),
            Some('e') => items.push(Item::DayUnpadded),
            Some('a') => items.push(Item::DayName { short: true }),
            Some('A') => items.push(Item::DayName { short: false }),
            Some('j') => items.push(Item::DayOfYear),
            Some('G') => items.push(Item::IsoYear),
            Some('V') => items.push(Item::IsoWeek),
            Some('u') => items.push(Item::IsoWeekday),
            Some('w') => items.push(Item::SundayWeekday),
            Some('H') => items.push(Item::Hour),
            Some('I') => items.push(Item::HourOf12),
            Some('p') => items.push(Item::AmPm),
            Some('M') => items.push(Item::Minute),
            Some('S') => items.push(Item::Second),
            Some('f') => items.push(Item::Micros),
            Some('F') => items.extend([Item::Year, dash(), Item::Month, dash(), Item::Day]),
            Some('T') => items.extend([Item::Hour, colon(), Item::Minute, colon(), Item::Second]),
            other => {
                let given = other.map_or_else(|| "%".to_owned(), |letter| format!("%{letter}"));
                return Err(Error::invalid_input(format!(
                    "the pattern '{pattern}' has '{given}', which stands for nothing; '%%' is a '%'"
                )));
            }
        }
    }
    if !text.is_empty() {
        items.push(Item::Text(text));
    }
    Ok(items)
}

impl Item {
    fn write(&self, moment: &Moment, out: &mut String) {
        let Civil {
            year,
            month,
            day,
            ordinal,
        } = moment.date;
        let hour = moment.seconds / 3_600;
        let weekday = weekday(moment.days);
        let thursday = || civil(moment.days - weekday + 3);
        let name = |names: &[&'static str], at: i64, short: bool| {
            let name = usize::try_from(at)
                .ok()
                .and_then(|at| names.get(at))
                .copied();
            let name = name.unwrap_or_default();
            if short {
                name.get(..3).unwrap_or(name)
            } else {
                name
            }
        };
        // Writing to a string does not fail.
        let _ = match self {
            Self::Text(text) => out.write_str(text),
            Self::Year => write_year(out, year),
            Self::YearOfCentury => write!(out, "{:02}", year.rem_euclid(100)),
            Self::Month => write!(out, "{month:02}"),
            Self::MonthName { short } => out.write_str(name(&MONTHS, i64::from(month) - 1, *short)),
            Self::Day => write!(out, "{day:02}"),
            Self::DayUnpadded => write!(out, "{day:2}"),
            Self::DayName { short } => out.write_str(name(&DAYS, weekday, *short)),
            Self::DayOfYear => write!(out, "{ordinal:03}"),
            Self::IsoYear => write_year(out, thursday().year),
            Self::IsoWeek => write!(out, "{:02}", thursday().ordinal.div_ceil(7)),
            Self::IsoWeekday => write!(out, "{}", weekday + 1),
            Self::SundayWeekday => write!(out, "{}", (weekday + 1) % 7),
            Self::Hour => write!(out, "{hour:02}"),
            Self::HourOf12 => write!(out, "{:02}", (hour + 11) % 12 + 1),
            Self::AmPm => out.write_str(if hour < 12 { "AM" } else { "PM" }),
            Self::Minute => write!(out, "{:02}", moment.seconds / 60 % 60),
            Self::Second => write!(out, "{:02}", moment.seconds % 60),
            Self::Micros => write!(out, "{:06}", moment.nanos / 1_000),
        };
    }
}

/// A year of four digits or more, one before the year 0 with a sign.
fn write_year(out: &mut String, year: i64) -> std::fmt::Result {
    match year {
        0.. => write!(out, "{year:04}"),
        _ => write!(out, "-{:04}", year.unsigned_abs()),
    }
}
