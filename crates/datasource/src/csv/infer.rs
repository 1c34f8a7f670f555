//! Which type a column has, from the texts of its first rows.

use arrow::datatypes::{DataType, TimeUnit};
use esker_kernels::parse::{parse_bool, parse_date, parse_f64, parse_i64, parse_timestamp};

/// What a text can be read as, the narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer = 1,
    /// Digits that Int64 does not hold: as a float they would lose some.
    LongInteger = 2,
    Float = 4,
    Boolean = 8,
    Date = 16,
    Timestamp = 32,
    Text = 64,
}

/// The kinds of text a column was seen to hold.
///
/// Quotes do not matter: `"1"` is an integer. Dates and timestamps are ISO ones without a zone;
/// other forms (`1/2/2024`) are text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kinds(u8);

impl Kinds {
    /// Adds the text of a field that is not null.
    pub(super) fn add(&mut self, text: &[u8]) {
        // What is text already stays text.
        if self.0 & Kind::Text as u8 == 0 {
            self.0 |= kind(text) as u8;
        }
    }

    /// The type that holds all of them.
    pub(super) fn data_type(self) -> DataType {
        const INTEGER: u8 = Kind::Integer as u8;
        const NUMBERS: u8 = INTEGER | Kind::LongInteger as u8 | Kind::Float as u8;
        const FLOAT: u8 = Kind::Float as u8;
        const BOOLEAN: u8 = Kind::Boolean as u8;
        const DATE: u8 = Kind::Date as u8;
        const TIMESTAMP: u8 = Kind::Timestamp as u8;
        match self.0 {
            INTEGER => DataType::Int64,
            kinds if kinds & FLOAT != 0 && kinds & !NUMBERS == 0 => DataType::Float64,
            BOOLEAN => DataType::Boolean,
            DATE => DataType::Date32,
            kinds if kinds & TIMESTAMP != 0 && kinds & !(DATE | TIMESTAMP) == 0 => {
                DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            _ => DataType::Utf8View,
        }
    }
}

fn kind(text: &[u8]) -> Kind {
    let digits = text
        .strip_prefix(b"-")
        .or_else(|| text.strip_prefix(b"+"))
        .unwrap_or(text);
    if parse_i64(text).is_some() {
        Kind::Integer
    } else if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        Kind::LongInteger
    } else if parse_f64(text).is_some() {
        Kind::Float
    } else if parse_bool(text).is_some() {
        Kind::Boolean
    } else if parse_date(text).is_some() {
        Kind::Date
    } else if parse_timestamp(text).is_some() {
        Kind::Timestamp
    } else {
        Kind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_from_texts() {
        let check = |texts: &[&str], want: DataType| {
            let mut kinds = Kinds::default();
            texts.iter().for_each(|text| kinds.add(text.as_bytes()));
            assert_eq!(kinds.data_type(), want, "{texts:?}");
        };
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
        check(&[], DataType::Utf8View);
        check(&["1", "-2", "+3", "007"], DataType::Int64);
        check(&["1", "2.5"], DataType::Float64);
        check(&["1e3", "-.5", "nan", "inf"], DataType::Float64);
        check(&["9223372036854775807"], DataType::Int64);
        check(&["1", "9223372036854775808"], DataType::Utf8View);
        check(&["1.5", "9223372036854775808"], DataType::Float64);
        check(&["true", "FALSE", "True"], DataType::Boolean);
        check(&["true", "1"], DataType::Utf8View);
        check(&["2024-01-15"], DataType::Date32);
        check(&["2024-01-15", "2024-01-15 08:30:00"], timestamp.clone());
        check(&["2024-01-15T08:30", "2024-01-15"], timestamp.clone());
        check(&["2024-01-15T08:30:00.123456"], timestamp);
        check(&["2024-01-15T08:30:00Z"], DataType::Utf8View);
        check(&["2024-01-15", "1"], DataType::Utf8View);
        check(&["2024-02-30"], DataType::Utf8View);
        check(&["01/02/2024"], DataType::Utf8View);
        check(&["1", ""], DataType::Utf8View);
        check(&["x", "1"], DataType::Utf8View);
        check(&[" 1"], DataType::Utf8View);
        check(&["-"], DataType::Utf8View);
    }
}
