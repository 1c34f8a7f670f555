//! Fixed-width values: equality and order as Esker means them, and exact keys for sets and hashes.

use std::borrow::Cow;

use arrow::array::{ArrowPrimitiveType, PrimitiveArray};
use arrow::datatypes::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalDayTime, IntervalDayTimeType, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalYearMonthType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    i256,
};

use crate::hash::fold;

/// The values of a fixed-width Arrow type.
pub trait Fixed: ArrowPrimitiveType + Sized {
    /// What they are.
    type Value: Value;

    /// The array's values; those of null rows may be any.
    fn values(array: &PrimitiveArray<Self>) -> Cow<'_, [Self::Value]>;

    /// A value as arrays of the type hold it.
    fn native(value: Self::Value) -> Self::Native;
}

macro_rules! fixed {
    ($($value:ty: $($type:ty),*;)*) => {$($(
        impl Fixed for $type {
            type Value = $value;

            #[inline]
            fn values(array: &PrimitiveArray<Self>) -> Cow<'_, [$value]> {
                Cow::Borrowed(array.values())
            }

            #[inline]
            fn native(value: $value) -> $value {
                value
            }
        }
    )*)*};
}

fixed! {
    i8: Int8Type;
    i16: Int16Type;
    i32: Int32Type, Date32Type, Time32SecondType, Time32MillisecondType, IntervalYearMonthType,
        Decimal32Type;
    i64: Int64Type, Date64Type, Time64MicrosecondType, Time64NanosecondType, Decimal64Type,
        TimestampSecondType, TimestampMillisecondType, TimestampMicrosecondType,
        TimestampNanosecondType, DurationSecondType, DurationMillisecondType,
        DurationMicrosecondType, DurationNanosecondType;
    u8: UInt8Type;
    u16: UInt16Type;
    u32: UInt32Type;
    u64: UInt64Type;
    i128: Decimal128Type;
    i256: Decimal256Type;
    f32: Float32Type;
    f64: Float64Type;
    IntervalDayTime: IntervalDayTimeType;
    IntervalMonthDayNano: IntervalMonthDayNanoType;
}

impl Fixed for Float16Type {
    type Value = Half;

    fn values(array: &PrimitiveArray<Self>) -> Cow<'_, [Half]> {
        array
            .values()
            .iter()
            .map(|value| Half::new(value.to_bits()))
            .collect()
    }

    fn native(value: Half) -> Self::Native {
        Self::Native::from_bits(value.bits())
    }
}

/// A half-precision float as an integer of the same order, one NaN (the greatest) and one zero.
/// Arrow's type of halves comes from a crate that is no dependency of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Half(u16);

impl Half {
    const SIGN: u16 = 0x8000;

    fn new(bits: u16) -> Self {
        const SIGN: u16 = Half::SIGN;
        const INFINITY: u16 = 0x7c00;
        Self(match bits & !SIGN {
            0 => SIGN,
            magnitude if magnitude > INFINITY => u16::MAX,
            magnitude if bits & SIGN == 0 => SIGN | magnitude,
            magnitude => SIGN - magnitude,
        })
    }

    fn bits(self) -> u16 {
        const NAN: u16 = 0x7e00;
        match self.0 {
            u16::MAX => NAN,
            positive if positive >= Self::SIGN => positive - Self::SIGN,
            negative => Self::SIGN | (Self::SIGN - negative),
        }
    }
}

/// A value of a fixed width. Floats have the order of S8: NaN equals NaN and is the greatest, and
/// -0.0 equals 0.0. Intervals are ordered by their largest unit first, without carrying over.
pub trait Value: Copy {
    /// The key type.
    type Key: Key;

    /// Whether both are the same value.
    fn same(self, other: Self) -> bool;

    /// Whether this is the smaller value.
    fn less(self, other: Self) -> bool;

    /// A key that equal values share and others do not.
    fn key(self) -> Self::Key;

    /// The value of a key: of several values that share it, always the same.
    fn of_key(key: Self::Key) -> Self;
}

/// What stands for a value in sets and hashes.
pub trait Key: Copy + Eq + std::hash::Hash {
    /// The key as 64 bits, not yet mixed when it has no more.
    fn digest(self) -> u64;
}

impl Key for u64 {
    #[inline]
    fn digest(self) -> u64 {
        self
    }
}

impl Key for u128 {
    #[inline]
    fn digest(self) -> u64 {
        const LOW: u64 = 0x2d35_8dcc_aa6c_78a5;
        const HIGH: u64 = 0x8bb8_4b93_962e_acc9;
        fold(self as u64 ^ LOW, (self >> 64) as u64 ^ HIGH)
    }
}

impl Key for i256 {
    #[inline]
    fn digest(self) -> u64 {
        let (low, high) = self.to_parts();
        low.digest() ^ (high as u128).digest().rotate_left(32)
    }
}

macro_rules! ordered {
    ($($native:ty, $key:ty, $value:ident => $to_key:expr, $of:ident => $of_key:expr;)*) => {$(
        impl Value for $native {
            type Key = $key;

            #[inline]
            fn same(self, other: Self) -> bool {
                self == other
            }

            #[inline]
            fn less(self, other: Self) -> bool {
                self < other
            }

            #[inline]
            fn key(self) -> $key {
                let $value = self;
                $to_key
            }

            #[inline]
            fn of_key(key: $key) -> Self {
                let $of = key;
                $of_key
            }
        }
    )*};
}

ordered! {
    i8, u64, v => v as i64 as u64, k => k as i8;
    i16, u64, v => v as i64 as u64, k => k as i16;
    i32, u64, v => v as i64 as u64, k => k as i32;
    i64, u64, v => v as u64, k => k as i64;
    u8, u64, v => u64::from(v), k => k as u8;
    u16, u64, v => u64::from(v), k => k as u16;
    u32, u64, v => u64::from(v), k => k as u32;
    u64, u64, v => v, k => k;
    Half, u64, v => u64::from(v.0), k => Half(k as u16);
    i128, u128, v => v as u128, k => k as i128;
    i256, i256, v => v, k => k;
    IntervalDayTime, u64, v => u64::from(v.days as u32) << 32 | u64::from(v.milliseconds as u32),
        k => IntervalDayTime::new((k >> 32) as i32, k as i32);
    IntervalMonthDayNano, u128, v => u128::from(v.months as u32) << 96
        | u128::from(v.days as u32) << 64
        | u128::from(v.nanoseconds as u64),
        k => IntervalMonthDayNano::new((k >> 96) as i32, (k >> 64) as i32, k as i64);
}

macro_rules! float {
    ($($native:ty, $bits:ty;)*) => {$(
        impl Value for $native {
            type Key = u64;

            #[inline]
            fn same(self, other: Self) -> bool {
                (self == other) | (self.is_nan() & other.is_nan())
            }

            #[inline]
            fn less(self, other: Self) -> bool {
                (self < other) | (!self.is_nan() & other.is_nan())
            }

            #[inline]
            fn key(self) -> u64 {
                // Adding zero makes -0.0 the zero without a sign.
                let one = if self.is_nan() { <$native>::NAN } else { self + 0.0 };
                u64::from(one.to_bits())
            }

            #[inline]
            fn of_key(key: u64) -> Self {
                Self::from_bits(key as $bits)
            }
        }
    )*};
}

float! {
    f32, u32;
    f64, u64;
}
