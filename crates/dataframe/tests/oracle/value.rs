//! Single values, with the equality and the order of the semantics (S8).

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A value. Equality and order are those of grouping: null equals null and is the least, NaN equals
/// NaN and is the greatest float, -0.0 equals 0.0.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// An integer of any width.
    Int(i128),
    /// A float of either width.
    Float(f64),
    Decimal(Decimal),
    Text(Arc<str>),
    /// Days since 1970.
    Date(i32),
    /// Microseconds since 1970.
    Instant(i64),
}

/// The number `digits / 10^scale`, without zeros at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) digits: i128,
    pub(crate) scale: u32,
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

impl Decimal {
    /// The number `digits / 10^scale`.
    pub(crate) fn new(mut digits: i128, mut scale: u32) -> Self {
        while scale > 0 && digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        Self { digits, scale }
    }

    /// The digits at a scale that has room for all of them; `None` beyond 128 bits.
    pub(crate) fn at_scale(self, scale: u32) -> Option<i128> {
        let more = scale.checked_sub(self.scale)?;
        self.digits.checked_mul(10i128.checked_pow(more)?)
    }

    /// The nearest float, or one beside it.
    pub(crate) fn to_float(self) -> f64 {
        self.digits as f64 / 10f64.powi(self.scale as i32)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.at_scale(scale), other.at_scale(scale)) {
            (Some(left), Some(right)) => left.cmp(&right),
            // One is so great that the other's fraction does not count.
            _ => self.to_float().total_cmp(&other.to_float()),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is TRUE: not FALSE, and not null.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// The order of two values that are not null and whose types compare: numbers by their value,
    /// in floats if one is a float; a date as its midnight.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Float(_), Self::Int(_) | Self::Decimal(_))
            | (Self::Int(_) | Self::Decimal(_), Self::Float(_)) => {
                compare_floats(self.to_float(), other.to_float())
            }
            (Self::Int(int), Self::Decimal(decimal)) => Decimal::new(*int, 0).cmp(decimal),
            (Self::Decimal(decimal), Self::Int(int)) => decimal.cmp(&Decimal::new(*int, 0)),
            (Self::Date(days), Self::Instant(micros)) => midnight(*days).cmp(micros),
            (Self::Instant(micros), Self::Date(days)) => micros.cmp(&midnight(*days)),
            _ => self.cmp(other),
        }
    }

    /// A number as a float; NaN for what is no number.
    pub(crate) fn to_float(&self) -> f64 {
        match self {
            Self::Int(int) => *int as f64,
            Self::Float(float) => *float,
            Self::Decimal(decimal) => decimal.to_float(),
            _ => f64::NAN,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::Decimal(_) => 4,
            Self::Text(_) => 5,
            Self::Date(_) => 6,
            Self::Instant(_) => 7,
        }
    }
}

fn midnight(days: i32) -> i64 {
    i64::from(days) * MICROS_PER_DAY
}

/// NaN equals NaN and is the greatest, and zeros are equal.
fn compare_floats(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right)
        .unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => compare_floats(*a, *b),
            (Self::Decimal(a), Self::Decimal(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Decimal(value) => write!(f, "{}e-{}", value.digits, value.scale),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Date(value) => write!(f, "day {value}"),
            Self::Instant(value) => write!(f, "{value} us"),
        }
    }
}
