//! Key columns: their types, how many bits a key takes, and values as integers of the same order.

use arrow::array::ArrowPrimitiveType;
use arrow::array::downcast_primitive;
use arrow::datatypes::{IntervalDayTime, IntervalMonthDayNano, i256};
use esker_datatypes::{DataType, Error, Result, is_binary, is_string, value_type};

use super::SortOptions;
use crate::value::{Half, Value};

/// A key column.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) kind: Kind,
    pub(super) options: SortOptions,
}

/// What the values of a key column are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but nulls.
    Null,
    Boolean,
    /// Values of a fixed width.
    Fixed {
        bits: u32,
        /// Whether no value has the least or greatest code, so that null can have it: floats,
        /// whose extremes are NaNs that count as one, and decimals, which are bound by their
        /// digits.
        spare: bool,
    },
    /// Text or binary.
    Bytes,
    /// Binary values of this length.
    FixedBytes(usize),
    /// Lists, structs and maps.
    Nested(DataType),
}

impl Kind {
    /// The kind of columns of a type.
    pub(super) fn of(data_type: &DataType) -> Result<Self> {
        let data_type = value_type(data_type);
        macro_rules! fixed {
            ($type:ty) => {
                Self::Fixed {
                    bits: 8 * size_of::<<$type as ArrowPrimitiveType>::Native>() as u32,
                    spare: data_type.is_decimal()
                        || matches!(data_type, DataType::Float32 | DataType::Float64),
                }
            };
        }
        Ok(downcast_primitive! {
            data_type => (fixed),
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean,
            DataType::FixedSizeBinary(size) => Self::FixedBytes(*size as usize),
            other if is_string(other) || is_binary(other) => Self::Bytes,
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::ListView(field)
            | DataType::LargeListView(field)
            | DataType::FixedSizeList(field, _)
            | DataType::Map(field, _) => {
                Self::of(field.data_type())?;
                Self::Nested(data_type.clone())
            }
            DataType::Struct(fields) => {
                fields.iter().try_for_each(|f| Self::of(f.data_type()).map(|_| ()))?;
                Self::Nested(data_type.clone())
            }
            other => return Err(Error::unsupported(format!("sorting values of type {other}"))),
        })
    }
}

impl Field {
    pub(super) fn new(data_type: &DataType, options: SortOptions) -> Result<Self> {
        let kind = Kind::of(data_type)?;
        Ok(Self { kind, options })
    }

    /// How many bits of a word a key takes, null included; `None` if no word holds it.
    pub(super) fn bits(&self) -> Option<u32> {
        match &self.kind {
            Kind::Null => Some(0),
            Kind::Boolean => Some(2),
            Kind::Fixed { bits, spare } => {
                Some(bits + u32::from(!spare)).filter(|&bits| bits <= u128::BITS)
            }
            Kind::Bytes | Kind::FixedBytes(_) | Kind::Nested(_) => None,
        }
    }

    /// Whether the extra bit, if there is one, is set in values and not in null.
    pub(super) fn marks_values(&self) -> bool {
        let marked = match self.kind {
            Kind::Boolean | Kind::Fixed { spare: false, .. } => true,
            Kind::Null
            | Kind::Fixed { spare: true, .. }
            | Kind::Bytes
            | Kind::FixedBytes(_)
            | Kind::Nested(_) => false,
        };
        marked && self.options.nulls_first
    }
}

/// A value as an unsigned integer of the same order.
pub(super) trait Ordered: Value {
    /// How many bits the integer has.
    const BITS: u32;

    /// The integer: its upper 128 bits, which are zero but for the widest type, and its lower ones.
    fn ordered(self) -> [u128; 2];

    /// The integer as bytes of the same order, into as many as it has.
    #[inline]
    fn put(self, out: &mut [u8]) {
        let [high, low] = self.ordered();
        let (high, low) = (high.to_be_bytes(), low.to_be_bytes());
        let bytes = high.iter().chain(&low).skip(32 - Self::BITS as usize / 8);
        out.iter_mut()
            .zip(bytes)
            .for_each(|(out, byte)| *out = *byte);
    }
}

macro_rules! ordered {
    ($($native:ty, $bits:expr, $value:ident => $ordered:expr;)*) => {$(
        impl Ordered for $native {
            const BITS: u32 = $bits;

            #[inline]
            fn ordered(self) -> [u128; 2] {
                let $value = self;
                [0, u128::from($ordered)]
            }
        }
    )*};
}

ordered! {
    i8, 8, v => v as u8 ^ 1 << 7;
    i16, 16, v => v as u16 ^ 1 << 15;
    i32, 32, v => signed(v);
    i64, 64, v => v as u64 ^ 1 << 63;
    i128, 128, v => v as u128 ^ 1 << 127;
    u8, 8, v => v;
    u16, 16, v => v;
    u32, 32, v => v;
    u64, 64, v => v;
    // The keys of halves are in order.
    Half, 16, v => v.key();
    f32, 32, v => {
        let bits = v.key() as u32;
        if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
    };
    f64, 64, v => {
        let bits = v.key();
        if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
    };
    IntervalDayTime, 64, v => u64::from(signed(v.days)) << 32 | u64::from(signed(v.milliseconds));
    IntervalMonthDayNano, 128, v => u128::from(signed(v.months)) << 96
        | u128::from(signed(v.days)) << 64
        | u128::from(v.nanoseconds as u64 ^ 1 << 63);
}

impl Ordered for i256 {
    const BITS: u32 = 256;

    #[inline]
    fn ordered(self) -> [u128; 2] {
        let (low, high) = self.to_parts();
        [high as u128 ^ 1 << 127, low]
    }
}

#[inline]
fn signed(value: i32) -> u32 {
    value as u32 ^ 1 << 31
}
