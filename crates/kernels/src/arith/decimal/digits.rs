//! The integers that decimals are computed in, and how they are read and written.

use arrow::array::{ArrowNativeTypeOp, ArrowPrimitiveType};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, i256};
use esker_datatypes::{Buffers, Column, DataType, Result, Selection};

use super::Plan;
use crate::vector::{Cost, Input, Operand, map1, primitive};

/// The digits of decimals, in an integer that all decimals of a call fit.
pub(super) trait Digits: ArrowNativeTypeOp {
    /// `10^exponent`, where it fits.
    fn power_of_ten(exponent: u32) -> Option<Self>;
    fn plus(self, other: Self) -> Option<Self>;
    fn minus(self, other: Self) -> Option<Self>;
    fn times(self, other: Self) -> Option<Self>;
    /// The quotient truncated toward zero and the remainder; `None` where the quotient does not
    /// fit or the divisor is zero.
    fn quotient(self, other: Self) -> Option<(Self, Self)>;
    fn widen(self) -> i256;
    fn narrow(wide: i256) -> Option<Self>;
    /// The digits of a decimal column.
    fn read(input: &Input, buffers: &mut Buffers) -> Result<Values<Self>>;
    /// A column of a decimal type. Digits that the type does not hold stand in rows that do not
    /// count.
    fn column(
        values: Vec<Self>,
        nulls: Option<NullBuffer>,
        out: &DataType,
        buffers: &mut Buffers,
    ) -> Result<Column>;
    /// The loop that sums and products fit nearly always; `None` when a row, selected or not, may
    /// be one that does not.
    fn fast(
        plan: &Plan<Self>,
        left: Operand<'_, Self>,
        right: Operand<'_, Self>,
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Option<Vec<Self>>;
}

/// Digits of a column: its own buffer, or a converted copy.
pub(super) struct Values<N: ArrowNativeTypeOp> {
    digits: Owned<N>,
    constant: bool,
}

pub(super) enum Owned<N: ArrowNativeTypeOp> {
    Shared(ScalarBuffer<N>),
    Converted(Vec<N>),
}

impl<N: ArrowNativeTypeOp> Values<N> {
    pub(super) fn operand(&self) -> Operand<'_, N> {
        let digits: &[N] = match &self.digits {
            Owned::Shared(digits) => digits,
            Owned::Converted(digits) => digits,
        };
        match digits.first() {
            Some(&value) if self.constant => Operand::Constant(value),
            _ => Operand::Rows(digits),
        }
    }

    pub(super) fn release(self, buffers: &mut Buffers) {
        if let Owned::Converted(digits) = self.digits {
            buffers.give(digits);
        }
    }
}

impl Digits for i128 {
    fn power_of_ten(exponent: u32) -> Option<Self> {
        10_i128.checked_pow(exponent)
    }
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }
    fn minus(self, other: Self) -> Option<Self> {
        self.checked_sub(other)
    }
    fn times(self, other: Self) -> Option<Self> {
        self.checked_mul(other)
    }
    fn quotient(self, other: Self) -> Option<(Self, Self)> {
        // 64 bits divide several times faster than 128.
        if let (Ok(a), Ok(b)) = (i64::try_from(self), i64::try_from(other))
            && let Some(quotient) = a.checked_div(b)
        {
            return Some((quotient.into(), (a % b).into()));
        }
        let quotient = self.checked_div(other)?;
        Some((quotient, self - quotient * other))
    }
    fn widen(self) -> i256 {
        i256::from_i128(self)
    }
    fn narrow(wide: i256) -> Option<Self> {
        wide.to_i128()
    }

    fn read(input: &Input, buffers: &mut Buffers) -> Result<Values<Self>> {
        fn convert<T: ArrowPrimitiveType>(
            input: &Input,
            buffers: &mut Buffers,
        ) -> Result<Owned<i128>>
        where
            T::Native: Into<i128>,
        {
            let values = input.primitive::<T>()?.values();
            let all = Selection::all(values.len());
            let digits = map1(values, &all, Cost::Cheap, buffers, |v: T::Native| v.into());
            Ok(Owned::Converted(digits))
        }
        let digits = match input.data_type() {
            DataType::Decimal32(_, _) => convert::<Decimal32Type>(input, buffers)?,
            DataType::Decimal64(_, _) => convert::<Decimal64Type>(input, buffers)?,
            _ => Owned::Shared(input.primitive::<Decimal128Type>()?.values().clone()),
        };
        Ok(Values {
            digits,
            constant: input.is_constant(),
        })
    }

    fn column(
        values: Vec<Self>,
        nulls: Option<NullBuffer>,
        out: &DataType,
        buffers: &mut Buffers,
    ) -> Result<Column> {
        let all = Selection::all(values.len());
        match out {
            DataType::Decimal32(_, _) => {
                let narrow = map1(&values, &all, Cost::Cheap, buffers, |digits| digits as i32);
                buffers.give(values);
                primitive::<Decimal32Type>(narrow, nulls, out)
            }
            DataType::Decimal64(_, _) => {
                let narrow = map1(&values, &all, Cost::Cheap, buffers, |digits| digits as i64);
                buffers.give(values);
                primitive::<Decimal64Type>(narrow, nulls, out)
            }
            _ => primitive::<Decimal128Type>(values, nulls, out),
        }
    }

    fn fast(
        plan: &Plan<Self>,
        left: Operand<'_, Self>,
        right: Operand<'_, Self>,
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Option<Vec<Self>> {
        plan.fast(left, right, selection, buffers)
    }
}

impl Digits for i256 {
    fn power_of_ten(exponent: u32) -> Option<Self> {
        Self::from_i128(10).checked_pow(exponent)
    }
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }
    fn minus(self, other: Self) -> Option<Self> {
        self.checked_sub(other)
    }
    fn times(self, other: Self) -> Option<Self> {
        self.checked_mul(other)
    }
    fn quotient(self, other: Self) -> Option<(Self, Self)> {
        self.checked_div_rem(other)
    }
    fn widen(self) -> i256 {
        self
    }
    fn narrow(wide: i256) -> Option<Self> {
        Some(wide)
    }

    fn read(input: &Input, buffers: &mut Buffers) -> Result<Values<Self>> {
        if let DataType::Decimal256(_, _) = input.data_type() {
            let digits = Owned::Shared(input.primitive::<Decimal256Type>()?.values().clone());
            return Ok(Values {
                digits,
                constant: input.is_constant(),
            });
        }
        let narrow = i128::read(input, buffers)?;
        let digits = match &narrow.digits {
            Owned::Shared(digits) => digits.iter().copied().map(Self::from_i128).collect(),
            Owned::Converted(digits) => digits.iter().copied().map(Self::from_i128).collect(),
        };
        narrow.release(buffers);
        Ok(Values {
            digits: Owned::Converted(digits),
            constant: input.is_constant(),
        })
    }

    fn column(
        values: Vec<Self>,
        nulls: Option<NullBuffer>,
        out: &DataType,
        buffers: &mut Buffers,
    ) -> Result<Column> {
        if let DataType::Decimal256(_, _) = out {
            return primitive::<Decimal256Type>(values, nulls, out);
        }
        let mut narrow = buffers.take::<i128>(values.len());
        narrow.extend(values.iter().map(|digits| digits.as_i128()));
        i128::column(narrow, nulls, out, buffers)
    }

    fn fast(
        _plan: &Plan<Self>,
        _left: Operand<'_, Self>,
        _right: Operand<'_, Self>,
        _selection: &Selection,
        _buffers: &mut Buffers,
    ) -> Option<Vec<Self>> {
        None
    }
}
