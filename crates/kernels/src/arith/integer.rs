//! Arithmetic of integers: one wrapping pass that notes whether anything overflowed, and a second
//! look only if so.

use arrow::array::{ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use esker_datatypes::{Buffers, Column, ScalarValue, Selection};

use super::unary::Unary;
use super::{ArithOp, Call, Failure};
use crate::vector::{Cost, Input, Operand, first_row, map1, map2, primitive, union_nulls};

/// An integer type. The wrapping operations raise the highest bit of `flag` when the exact result
/// does not fit; written without branches, so that the loops over them vectorize.
pub(super) trait Integer: ArrowNativeTypeOp {
    fn add(self, other: Self, flag: &mut Self) -> Self;
    fn sub(self, other: Self, flag: &mut Self) -> Self;
    fn mul(self, other: Self, flag: &mut Self) -> Self;
    /// Truncating remainder; 0 for a zero divisor.
    fn rem(self, other: Self) -> Self;
    /// Floored quotient; anything for a zero divisor.
    fn floor_div(self, other: Self, flag: &mut Self) -> Self;
    /// Floored remainder; anything for a zero divisor.
    fn floor_mod(self, other: Self) -> Self;
    /// Whether the highest bit is raised.
    fn raised(self) -> bool;
}

/// The highest bit of [`Integer`]'s flag.
macro_rules! top {
    ($native:ty) => {
        (1 as $native) << (<$native>::BITS - 1)
    };
}

macro_rules! common {
    ($native:ty) => {
        #[inline]
        fn rem(self, other: Self) -> Self {
            if other == 0 {
                0
            } else {
                self.wrapping_rem(other)
            }
        }
        #[inline]
        fn raised(self) -> bool {
            self & top!($native) != 0
        }
    };
}

macro_rules! signed {
    ($native:ident, $mul:ident $($wide:ident)?) => {
        impl Integer for $native {
            #[inline]
            fn add(self, other: Self, flag: &mut Self) -> Self {
                let sum = self.wrapping_add(other);
                // Overflow: the sum's sign differs from that of both.
                *flag |= (self ^ sum) & (other ^ sum);
                sum
            }
            #[inline]
            fn sub(self, other: Self, flag: &mut Self) -> Self {
                let difference = self.wrapping_sub(other);
                *flag |= (self ^ other) & (self ^ difference);
                difference
            }
            #[inline]
            fn floor_div(self, other: Self, flag: &mut Self) -> Self {
                if other == 0 {
                    return 0;
                }
                let (quotient, overflow) = self.overflowing_div(other);
                *flag |= if overflow { top!($native) } else { 0 };
                let rest = self.wrapping_rem(other);
                quotient - Self::from(rest != 0 && (rest < 0) != (other < 0))
            }
            #[inline]
            fn floor_mod(self, other: Self) -> Self {
                let rest = self.rem(other);
                if rest != 0 && (rest < 0) != (other < 0) { rest + other } else { rest }
            }
            common!($native);
            $mul!($native $(, $wide)?);
        }
    };
}

macro_rules! unsigned {
    ($native:ident, $mul:ident $($wide:ident)?) => {
        impl Integer for $native {
            #[inline]
            fn add(self, other: Self, flag: &mut Self) -> Self {
                let sum = self.wrapping_add(other);
                // The carry out of the highest bit.
                *flag |= (self & other) | ((self | other) & !sum);
                sum
            }
            #[inline]
            fn sub(self, other: Self, flag: &mut Self) -> Self {
                let difference = self.wrapping_sub(other);
                // The borrow.
                *flag |= (!self & other) | ((!self | other) & difference);
                difference
            }
            #[inline]
            fn floor_div(self, other: Self, _flag: &mut Self) -> Self {
                if other == 0 { 0 } else { self / other }
            }
            #[inline]
            fn floor_mod(self, other: Self) -> Self {
                self.rem(other)
            }
            common!($native);
            $mul!($native $(, $wide)?);
        }
    };
}

/// Multiplication where a type of twice the width vectorizes.
macro_rules! widening {
    ($native:ident, $wide:ident) => {
        #[inline]
        fn mul(self, other: Self, flag: &mut Self) -> Self {
            let exact = $wide::from(self) * $wide::from(other);
            let product = exact as Self;
            *flag |= if $wide::from(product) == exact {
                0
            } else {
                top!($native)
            };
            product
        }
    };
}

/// Multiplication by the processor's own overflow flag.
macro_rules! overflowing {
    ($native:ident) => {
        #[inline]
        fn mul(self, other: Self, flag: &mut Self) -> Self {
            let (product, overflow) = self.overflowing_mul(other);
            *flag |= Self::from(overflow) << (Self::BITS - 1);
            product
        }
    };
}

signed!(i8, widening i16);
signed!(i16, widening i32);
signed!(i32, widening i64);
signed!(i64, overflowing);
unsigned!(u8, widening u16);
unsigned!(u16, widening u32);
unsigned!(u32, widening u64);
unsigned!(u64, overflowing);

pub(super) fn binary<T>(
    op: ArithOp,
    call: &Call<'_>,
    buffers: &mut Buffers,
) -> Result<Column, Failure>
where
    T: ArrowPrimitiveType,
    T::Native: Integer,
{
    let (left, right) = (call.left.operand::<T>()?, call.right.operand::<T>()?);
    let selection = call.selection;
    let mut nulls = union_nulls(call.left.nulls(), call.right.nulls());
    if op.divides() {
        match nonzero(right) {
            Divisors::Zero => {
                let null = ScalarValue::null(call.out);
                return Ok(Column::constant(null, selection.len()));
            }
            Divisors::Some(mask) => nulls = union_nulls(nulls.as_ref(), Some(&mask)),
            Divisors::NotZero => {}
        }
    }
    let mut flag = T::Native::ZERO;
    let values = apply::<T::Native>(op, left, right, selection, buffers, &mut flag);
    if flag.raised() {
        let overflows = |row| {
            let mut flag = T::Native::ZERO;
            one(op, left.at(row), right.at(row), &mut flag);
            flag.raised()
        };
        if let Some(row) = first_row(selection, nulls.as_ref(), overflows) {
            buffers.give(values);
            return Err(Failure::Overflow(row));
        }
    }
    Ok(primitive::<T>(values, nulls, call.out)?)
}

/// `-x` or `|x|` of signed integers and of the digits of decimals.
pub(super) fn unary<T>(
    op: Unary,
    array: &ArrayRef,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column, Failure>
where
    T: ArrowPrimitiveType,
    T::Native: ArrowNativeTypeOp,
{
    let input = Input::flat(array);
    let values = input.primitive::<T>()?.values();
    let nulls = input.nulls();
    // For an integer this is the smallest value, the only one without an opposite.
    let smallest = T::Native::MIN_TOTAL_ORDER;
    let mut flag = false;
    let out = match op {
        Unary::Negate => map1(
            values,
            selection,
            Cost::Cheap,
            buffers,
            |value: T::Native| {
                flag |= value.is_eq(smallest);
                value.neg_wrapping()
            },
        ),
        Unary::Abs => map1(
            values,
            selection,
            Cost::Cheap,
            buffers,
            |value: T::Native| {
                flag |= value.is_eq(smallest);
                if value.is_lt(T::Native::ZERO) {
                    value.neg_wrapping()
                } else {
                    value
                }
            },
        ),
    };
    let values = Operand::Rows(values);
    let overflows = |row| values.at(row).is_eq(smallest);
    if flag && let Some(row) = first_row(selection, nulls, overflows) {
        buffers.give(out);
        return Err(Failure::Overflow(row));
    }
    Ok(primitive::<T>(out, nulls.cloned(), array.data_type())?)
}

/// What is known of the zeros among divisors.
pub(super) enum Divisors {
    /// There are none.
    NotZero,
    /// All are zero.
    Zero,
    /// Some are: they count as nulls.
    Some(NullBuffer),
}

/// Looks for zeros among divisors.
pub(super) fn nonzero<N: ArrowNativeTypeOp>(divisors: Operand<'_, N>) -> Divisors {
    match divisors {
        Operand::Constant(divisor) if divisor.is_zero() => Divisors::Zero,
        Operand::Constant(_) => Divisors::NotZero,
        Operand::Rows(values) => {
            let zeros = values
                .iter()
                .fold(false, |zeros, value| zeros | value.is_zero());
            if !zeros {
                return Divisors::NotZero;
            }
            let valid: BooleanBuffer = values.iter().map(|value| !value.is_zero()).collect();
            Divisors::Some(NullBuffer::new(valid))
        }
    }
}

/// One pass over the rows; each operation is a loop of its own.
fn apply<N: Integer>(
    op: ArithOp,
    left: Operand<'_, N>,
    right: Operand<'_, N>,
    selection: &Selection,
    buffers: &mut Buffers,
    flag: &mut N,
) -> Vec<N> {
    let mut seen = N::ZERO;
    let (cheap, dear) = (Cost::Cheap, Cost::Dear);
    let values = match op {
        ArithOp::Add => map2(left, right, selection, cheap, buffers, |a, b| {
            a.add(b, &mut seen)
        }),
        ArithOp::Sub => map2(left, right, selection, cheap, buffers, |a, b| {
            a.sub(b, &mut seen)
        }),
        ArithOp::Mul => map2(left, right, selection, cheap, buffers, |a, b| {
            a.mul(b, &mut seen)
        }),
        ArithOp::Rem => map2(left, right, selection, dear, buffers, |a, b| a.rem(b)),
        ArithOp::FloorMod => map2(left, right, selection, dear, buffers, |a, b| a.floor_mod(b)),
        // `Div` of integers was refused by the types.
        ArithOp::Div | ArithOp::FloorDiv => map2(left, right, selection, dear, buffers, |a, b| {
            a.floor_div(b, &mut seen)
        }),
    };
    *flag = seen;
    values
}

/// The operation on one row.
fn one<N: Integer>(op: ArithOp, left: N, right: N, flag: &mut N) -> N {
    match op {
        ArithOp::Add => left.add(right, flag),
        ArithOp::Sub => left.sub(right, flag),
        ArithOp::Mul => left.mul(right, flag),
        ArithOp::Rem => left.rem(right),
        ArithOp::FloorMod => left.floor_mod(right),
        ArithOp::Div | ArithOp::FloorDiv => left.floor_div(right, flag),
    }
}
