//! Types, and which of them hold the values of two (S4, S5).

use arrow::datatypes::{DataType, TimeUnit};

use super::value::Value;

/// A logical type: how text is laid out does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Int {
        bits: u8,
        signed: bool,
    },
    Float32,
    Float64,
    /// Precision and scale.
    Decimal(u8, u8),
    Text,
    Date,
    /// Microseconds, without a zone.
    Instant,
}

/// The widest decimals.
pub(crate) const MAX_DIGITS: u8 = 38;

impl Type {
    pub(crate) const INT64: Self = Self::Int {
        bits: 64,
        signed: true,
    };
    pub(crate) const UINT64: Self = Self::Int {
        bits: 64,
        signed: false,
    };

    pub(crate) const fn int(bits: u8) -> Self {
        Self::Int { bits, signed: true }
    }

    pub(crate) const fn uint(bits: u8) -> Self {
        Self::Int {
            bits,
            signed: false,
        }
    }

    /// The logical type of an Arrow type, if it is one of these.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Bool,
            DataType::Int8 => Self::int(8),
            DataType::Int16 => Self::int(16),
            DataType::Int32 => Self::int(32),
            DataType::Int64 => Self::int(64),
            DataType::UInt8 => Self::uint(8),
            DataType::UInt16 => Self::uint(16),
            DataType::UInt32 => Self::uint(32),
            DataType::UInt64 => Self::uint(64),
            DataType::Float32 => Self::Float32,
            DataType::Float64 => Self::Float64,
            DataType::Decimal128(precision, scale) => {
                Self::Decimal(*precision, u8::try_from(*scale).ok()?)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Dictionary(_, values) => return Self::of(values),
            DataType::Date32 => Self::Date,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::Instant,
            _ => return None,
        })
    }

    /// The Arrow type; text as it is computed.
    pub(crate) fn to_arrow(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int { bits, signed } => match (bits, signed) {
                (8, true) => DataType::Int8,
                (16, true) => DataType::Int16,
                (32, true) => DataType::Int32,
                (_, true) => DataType::Int64,
                (8, false) => DataType::UInt8,
                (16, false) => DataType::UInt16,
                (32, false) => DataType::UInt32,
                (_, false) => DataType::UInt64,
            },
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale as i8),
            Self::Text => DataType::Utf8View,
            Self::Date => DataType::Date32,
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, None),
        }
    }

    pub(crate) fn is_int(self) -> bool {
        matches!(self, Self::Int { .. })
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }

    pub(crate) fn is_decimal(self) -> bool {
        matches!(self, Self::Decimal(..))
    }

    pub(crate) fn is_number(self) -> bool {
        self.is_int() || self.is_float() || self.is_decimal()
    }

    /// The integers of the type; those of an `Int64` for what is no integer type.
    pub(crate) fn range(self) -> (i128, i128) {
        match self {
            Self::Int {
                bits,
                signed: false,
            } => (0, (1 << bits) - 1),
            Self::Int { bits, .. } => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
        }
    }

    /// Whether the type holds an integer exactly.
    pub(crate) fn holds(self, int: i128) -> bool {
        match self {
            Self::Float32 => (int as f32) as i128 == int,
            Self::Float64 => (int as f64) as i128 == int,
            _ => (self.range().0..=self.range().1).contains(&int),
        }
    }

    /// Digits before and behind the point of an exact number.
    pub(crate) fn decimal_parts(self) -> Option<(u8, u8)> {
        match self {
            Self::Int { bits, .. } => Some(match bits {
                8 => (3, 0),
                16 => (5, 0),
                32 => (10, 0),
                _ if self == Self::UINT64 => (20, 0),
                _ => (19, 0),
            }),
            Self::Decimal(precision, scale) => Some((precision - scale, scale)),
            _ => None,
        }
    }

    /// The decimal of so many digits before and behind the point, capped.
    pub(crate) fn decimal(whole: u8, scale: u8) -> Self {
        Self::Decimal((whole + scale).clamp(1, MAX_DIGITS), scale)
    }

    /// The smallest type that holds the values of both, if one does so silently.
    pub(crate) fn common(self, other: Self) -> Option<Self> {
        if self == other {
            return Some(self);
        }
        match (self, other) {
            (Self::Int { bits: a, signed: s }, Self::Int { bits: b, signed: t }) => {
                Some(match (s, t) {
                    (true, true) => Self::int(a.max(b)),
                    (false, false) => Self::uint(a.max(b)),
                    (true, false) => Self::int(a.max((b.min(32)) * 2)),
                    (false, true) => Self::int(b.max((a.min(32)) * 2)),
                })
            }
            (Self::Date, Self::Instant) | (Self::Instant, Self::Date) => Some(Self::Instant),
            (l, r) if !l.is_number() || !r.is_number() => None,
            (l, r) if l.is_float() || r.is_float() => Some(Self::Float64),
            (l, r) => {
                let (lw, ls) = l.decimal_parts()?;
                let (rw, rs) = r.decimal_parts()?;
                Some(Self::decimal(lw.max(rw), ls.max(rs)))
            }
        }
    }

    /// The type of an integer literal that the other side has no room for.
    pub(crate) fn smallest_int(int: i128) -> Self {
        let types = [8, 16, 32, 64].map(Self::int);
        let found = types.into_iter().find(|t| t.holds(int));
        found.unwrap_or(Self::UINT64)
    }

    /// The type of an integer literal beside a decimal.
    pub(crate) fn literal_decimal(value: &Value) -> Option<Self> {
        match value {
            Value::Int(int) => {
                let digits = int.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
                Some(Self::Decimal(digits as u8, 0))
            }
            _ => None,
        }
    }
}
