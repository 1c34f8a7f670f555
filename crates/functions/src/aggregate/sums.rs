//! Sums of all groups: exact ones of integers and decimals, and those of floats.
//!
//! An exact sum is a machine word that wraps and a count of how often it did: `low + carry * 2^n`.
//! It never overflows (the carry counts rows), so no split of the input changes the outcome, and
//! it takes eight bytes a group as long as nothing wrapped, where an `i128` takes sixteen.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowNativeTypeOp, Decimal128Array, Float64Array, downcast_integer};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type, Int64Type, UInt64Type, i256,
};
use esker_datatypes::{
    Buffers, Column, DataType, Error, Result, ScalarValue, Selection, decimal_parts, value_type,
};

use super::common::{bytes_of, counts_column, grow, is_zero, primitive, typed};
use super::rows::{Rows, with_valid};

/// The digits that the widest decimals of 128 and 256 bits hold.
const DIGITS: (u8, u8) = (38, 76);

/// The sums of all groups; which groups have values is known elsewhere.
pub(super) trait Sums: Send + Sync {
    /// Makes room for more groups.
    fn resize(&mut self, n_groups: usize);

    /// Adds values.
    fn add(&mut self, rows: &Rows<'_>) -> Result<()>;

    /// The states of a range of groups, null where there are no values.
    fn state(&self, groups: Range<usize>, nulls: Option<NullBuffer>) -> Vec<Column>;

    /// Adds states to groups.
    fn merge(&mut self, groups: &[u32], state: &[Column], buffers: &mut Buffers) -> Result<()>;

    /// The sums in their type, or an overflow error.
    fn sums(&self, groups: Range<usize>, nulls: Option<NullBuffer>) -> Result<ArrayRef>;

    /// The sums as floats.
    fn floats(&self, groups: Range<usize>) -> Vec<f64>;

    /// Makes groups empty.
    fn reset(&mut self, groups: Range<usize>);

    /// The bytes taken.
    fn size(&self) -> usize;
}

/// The type of a sum.
pub(super) fn sum_type(data_type: &DataType) -> Result<DataType> {
    let data_type = value_type(data_type);
    Ok(match data_type {
        t if t.is_signed_integer() => DataType::Int64,
        t if t.is_unsigned_integer() => DataType::UInt64,
        t if t.is_floating() => DataType::Float64,
        DataType::Decimal256(_, scale) => DataType::Decimal256(DIGITS.1, *scale),
        t => match decimal_parts(t) {
            Some((_, scale)) => DataType::Decimal128(DIGITS.0, scale),
            None => return Err(Error::type_mismatch(format!("{t} cannot be summed"))),
        },
    })
}

/// Empty sums of values of this type.
pub(super) fn sums_of(data_type: &DataType) -> Result<Box<dyn Sums>> {
    let data_type = value_type(data_type);
    let out = sum_type(data_type)?;
    macro_rules! integer {
        ($type:ty) => {
            match out {
                DataType::UInt64 => unsigned::<$type>(out),
                _ => signed::<$type>(out),
            }
        };
    }
    Ok(match data_type {
        DataType::Float16 => Box::new(Floats::new(add_floats::<Float16Type>)),
        DataType::Float32 => Box::new(Floats::new(add_floats::<Float32Type>)),
        DataType::Float64 => Box::new(Floats::new(add_floats::<Float64Type>)),
        DataType::Decimal32(_, _) => {
            Box::new(Exact::<i64>::new(add_exact::<Decimal32Type, _>, out))
        }
        DataType::Decimal64(_, _) => {
            Box::new(Exact::<i64>::new(add_exact::<Decimal64Type, _>, out))
        }
        DataType::Decimal128(_, _) => {
            Box::new(Exact::<i128>::new(add_exact::<Decimal128Type, _>, out))
        }
        DataType::Decimal256(_, _) => {
            Box::new(Exact::<i256>::new(add_exact::<Decimal256Type, _>, out))
        }
        other => downcast_integer! {
            other => (integer),
            _ => return Err(Error::type_mismatch(format!("{other} cannot be summed"))),
        },
    })
}

fn signed<T: ArrowPrimitiveType>(out: DataType) -> Box<dyn Sums>
where
    i128: From<T::Native>,
{
    Box::new(Exact::<i64>::new(add_narrow::<T, i64>, out))
}

fn unsigned<T: ArrowPrimitiveType>(out: DataType) -> Box<dyn Sums>
where
    i128: From<T::Native>,
{
    Box::new(Exact::<u64>::new(add_narrow::<T, u64>, out))
}

/// A word that wraps.
pub(super) trait Word: ArrowNativeTypeOp {
    /// The Arrow type that holds the word.
    type Arrow: ArrowPrimitiveType<Native = Self>;

    /// The wrapped sum, and what it must be carried: -1, 0 or 1.
    fn plus(self, other: Self) -> (Self, i64);

    /// The number `self + carry * 2^n` as a float.
    fn float(self, carry: i64) -> f64;

    /// The word of a number that is known to fit.
    fn wrap(number: i128) -> Self;

    /// The sums that are not null as an array of the type, unless one does not fit it.
    fn array(
        low: &[Self],
        carry: &dyn Fn(usize) -> i64,
        nulls: Option<NullBuffer>,
        out: &DataType,
    ) -> Option<ArrayRef>;
}

/// The sums, when none is carried (rows under null do not count).
fn uncarried<W: Word>(
    low: &[W],
    carry: &dyn Fn(usize) -> i64,
    nulls: Option<NullBuffer>,
    out: &DataType,
    fits: impl Fn(W) -> bool,
) -> Option<ArrayRef> {
    let valid = |at| nulls.as_ref().is_none_or(|n| n.is_valid(at));
    let fit = |(at, &low)| !valid(at) || (carry(at) == 0 && fits(low));
    let all = low.iter().enumerate().all(fit);
    all.then(|| primitive::<W::Arrow>(low, nulls, out))
}

impl Word for i64 {
    type Arrow = Int64Type;

    #[inline]
    fn plus(self, other: Self) -> (Self, i64) {
        let (sum, wrapped) = self.overflowing_add(other);
        (sum, i64::from(wrapped) * (other >> 63 | 1))
    }

    fn float(self, carry: i64) -> f64 {
        (i128::from(self) + (i128::from(carry) << 64)) as f64
    }

    #[inline]
    fn wrap(number: i128) -> Self {
        number as Self
    }

    /// Integers and the digits of narrow decimals, whose sums are wide.
    fn array(
        low: &[Self],
        carry: &dyn Fn(usize) -> i64,
        nulls: Option<NullBuffer>,
        out: &DataType,
    ) -> Option<ArrayRef> {
        if *out == DataType::Int64 {
            return uncarried(low, carry, nulls, out, |_| true);
        }
        let number = |(at, &low)| i128::from(low) + (i128::from(carry(at)) << 64);
        let wide: Vec<i128> = low.iter().enumerate().map(number).collect();
        let valid = |at| nulls.as_ref().is_none_or(|n| n.is_valid(at));
        let mut pairs = wide.iter().enumerate();
        let fits = pairs.all(|(at, &number)| !valid(at) || fits_decimal(number));
        fits.then(|| {
            let array = Decimal128Array::new(wide.into(), nulls);
            Arc::new(array.with_data_type(out.clone())) as ArrayRef
        })
    }
}

impl Word for u64 {
    type Arrow = UInt64Type;

    #[inline]
    fn plus(self, other: Self) -> (Self, i64) {
        let (sum, wrapped) = self.overflowing_add(other);
        (sum, i64::from(wrapped))
    }

    fn float(self, carry: i64) -> f64 {
        (i128::from(self) + (i128::from(carry) << 64)) as f64
    }

    #[inline]
    fn wrap(number: i128) -> Self {
        number as Self
    }

    fn array(
        low: &[Self],
        carry: &dyn Fn(usize) -> i64,
        nulls: Option<NullBuffer>,
        out: &DataType,
    ) -> Option<ArrayRef> {
        uncarried(low, carry, nulls, out, |_| true)
    }
}

impl Word for i128 {
    type Arrow = Decimal128Type;

    #[inline]
    fn plus(self, other: Self) -> (Self, i64) {
        let (sum, wrapped) = self.overflowing_add(other);
        (sum, i64::from(wrapped) * if other < 0 { -1 } else { 1 })
    }

    fn float(self, carry: i64) -> f64 {
        carry as f64 * 2f64.powi(128) + self as f64
    }

    #[inline]
    fn wrap(number: i128) -> Self {
        number
    }

    fn array(
        low: &[Self],
        carry: &dyn Fn(usize) -> i64,
        nulls: Option<NullBuffer>,
        out: &DataType,
    ) -> Option<ArrayRef> {
        uncarried(low, carry, nulls, out, fits_decimal)
    }
}

impl Word for i256 {
    type Arrow = Decimal256Type;

    #[inline]
    fn plus(self, other: Self) -> (Self, i64) {
        let (sum, wrapped) = self.overflowing_add(other);
        let sign = if other.is_negative() { -1 } else { 1 };
        (sum, i64::from(wrapped) * sign)
    }

    fn float(self, carry: i64) -> f64 {
        // Of the magnitude: the halves of a small negative number cancel each other out. (The
        // magnitude of the least number reads right as a number without a sign.)
        let (low, high) = self.wrapping_abs().to_parts();
        let magnitude = high as u128 as f64 * 2f64.powi(128) + low as f64;
        let sign = if self.is_negative() { -1.0 } else { 1.0 };
        carry as f64 * 2f64.powi(256) + magnitude * sign
    }

    #[inline]
    fn wrap(number: i128) -> Self {
        Self::from_i128(number)
    }

    fn array(
        low: &[Self],
        carry: &dyn Fn(usize) -> i64,
        nulls: Option<NullBuffer>,
        out: &DataType,
    ) -> Option<ArrayRef> {
        let bound = Self::from_i128(10).wrapping_pow(u32::from(DIGITS.1));
        let fits = |number: Self| number < bound && number > bound.wrapping_neg();
        uncarried(low, carry, nulls, out, fits)
    }
}

/// Whether 38 digits hold the number.
fn fits_decimal(number: i128) -> bool {
    number.unsigned_abs() < 10u128.pow(u32::from(DIGITS.0))
}

type Add<S> = fn(&mut S, &Rows<'_>) -> Result<()>;

/// Exact sums.
struct Exact<W> {
    low: Vec<W>,
    /// Empty until a word wraps.
    carry: Vec<i64>,
    add: Add<Self>,
    out: DataType,
}

impl<W: Word> Exact<W> {
    fn new(add: Add<Self>, out: DataType) -> Self {
        Self {
            low: Vec::new(),
            carry: Vec::new(),
            add,
            out,
        }
    }

    #[inline]
    fn put(&mut self, group: usize, value: W) {
        let (sum, carry) = self.low[group].plus(value);
        self.low[group] = sum;
        if carry != 0 {
            self.carry(group, carry);
        }
    }

    #[cold]
    fn carry(&mut self, group: usize, carry: i64) {
        grow(&mut self.carry, self.low.len(), 0);
        self.carry[group] += carry;
    }

    fn carry_at(&self, group: usize) -> i64 {
        self.carry.get(group).copied().unwrap_or(0)
    }
}

/// Adds integers; those of one group in registers.
fn add_narrow<T: ArrowPrimitiveType, W: Word>(sums: &mut Exact<W>, rows: &Rows<'_>) -> Result<()>
where
    i128: From<T::Native>,
{
    let values = typed::<T>(rows.array)?.values();
    match rows.one_group() {
        Some(group) => {
            let start = (W::default(), 0);
            let (sum, carry) = rows.fold(values, start, |(sum, carry): (W, i64), value| {
                let (sum, more) = sum.plus(W::wrap(i128::from(value)));
                (sum, carry + more)
            });
            sums.put(group, sum);
            if carry != 0 {
                sums.carry(group, carry);
            }
        }
        None => rows.for_each(values, |group, value| {
            sums.put(group, W::wrap(i128::from(value)));
        }),
    }
    Ok(())
}

/// Adds the digits of decimals.
fn add_exact<T: ArrowPrimitiveType, W: Word + From<T::Native>>(
    sums: &mut Exact<W>,
    rows: &Rows<'_>,
) -> Result<()> {
    let values = typed::<T>(rows.array)?.values();
    rows.for_each(values, |group, value| sums.put(group, W::from(value)));
    Ok(())
}

impl<W: Word> Sums for Exact<W> {
    fn resize(&mut self, n_groups: usize) {
        grow(&mut self.low, n_groups, W::default());
        if !self.carry.is_empty() {
            grow(&mut self.carry, n_groups, 0);
        }
    }

    fn add(&mut self, rows: &Rows<'_>) -> Result<()> {
        (self.add)(self, rows)
    }

    /// The words, and how often they wrapped.
    fn state(&self, groups: Range<usize>, nulls: Option<NullBuffer>) -> Vec<Column> {
        let carry = match self.carry.get(groups.clone()) {
            Some(carry) if carry.iter().any(|&c| c != 0) => counts_column(carry),
            _ => Column::constant(ScalarValue::from(0i64), groups.len()),
        };
        let data_type = match self.out {
            // The words of narrow decimals; the digits of wide ones may be more than fit.
            DataType::Decimal128(_, _) => W::Arrow::DATA_TYPE,
            ref out => out.clone(),
        };
        let low = primitive::<W::Arrow>(&self.low[groups], nulls, &data_type);
        vec![Column::flat(low), carry]
    }

    fn merge(&mut self, groups: &[u32], state: &[Column], buffers: &mut Buffers) -> Result<()> {
        let [low, carry] = super::common::columns(state)?;
        let all = Selection::all(groups.len());
        with_valid(low, groups, &all, buffers, |rows, _| {
            let values = typed::<W::Arrow>(rows.array)?.values();
            rows.for_each(values, |group, value| self.put(group, value));
            Ok(())
        })?;
        if is_zero(carry) {
            return Ok(());
        }
        with_valid(carry, groups, &all, buffers, |rows, _| {
            let values = typed::<Int64Type>(rows.array)?.values();
            rows.for_each(values, |group, value| {
                if value != 0 {
                    self.carry(group, value);
                }
            });
            Ok(())
        })
    }

    fn sums(&self, groups: Range<usize>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let start = groups.start;
        let carry = |at: usize| self.carry_at(start + at);
        W::array(&self.low[groups], &carry, nulls, &self.out).ok_or_else(|| {
            Error::evaluation(format!("overflow: the sum does not fit {}", self.out))
        })
    }

    fn floats(&self, groups: Range<usize>) -> Vec<f64> {
        let scale = decimal_parts(&self.out).map_or(0, |(_, scale)| i32::from(scale));
        let unit = 10f64.powi(scale.abs());
        groups
            .map(|group| {
                let sum = self.low[group].float(self.carry_at(group));
                if scale < 0 { sum * unit } else { sum / unit }
            })
            .collect()
    }

    fn reset(&mut self, groups: Range<usize>) {
        self.low[groups.clone()].fill(W::default());
        if let Some(carry) = self.carry.get_mut(groups) {
            carry.fill(0);
        }
    }

    fn size(&self) -> usize {
        bytes_of(&self.low) + bytes_of(&self.carry)
    }
}

/// Sums of floats.
struct Floats {
    sums: Vec<f64>,
    add: Add<Self>,
}

impl Floats {
    fn new(add: Add<Self>) -> Self {
        Self {
            sums: Vec::new(),
            add,
        }
    }
}

fn add_floats<T: ArrowPrimitiveType>(sums: &mut Floats, rows: &Rows<'_>) -> Result<()>
where
    f64: From<T::Native>,
{
    /// Additions under way at a time: one alone waits for the one before.
    const LANES: usize = 8;
    let values = typed::<T>(rows.array)?.values();
    let sums = &mut sums.sums;
    match (rows.one_group(), rows.index) {
        (Some(group), None) => {
            let mut lanes = [0.0; LANES];
            let (chunks, rest) = values.as_chunks::<LANES>();
            for chunk in chunks {
                for (lane, &value) in lanes.iter_mut().zip(chunk) {
                    *lane += f64::from(value);
                }
            }
            let rest: f64 = rest.iter().map(|&value| f64::from(value)).sum();
            sums[group] += lanes.iter().sum::<f64>() + rest;
        }
        (Some(group), Some(_)) => {
            sums[group] += rows.fold(values, 0.0, |sum, value| sum + f64::from(value));
        }
        (None, _) => rows.for_each(values, |group, value| sums[group] += f64::from(value)),
    }
    Ok(())
}

impl Sums for Floats {
    fn resize(&mut self, n_groups: usize) {
        grow(&mut self.sums, n_groups, 0.0);
    }

    fn add(&mut self, rows: &Rows<'_>) -> Result<()> {
        (self.add)(self, rows)
    }

    fn state(&self, groups: Range<usize>, nulls: Option<NullBuffer>) -> Vec<Column> {
        let sums = Float64Array::new(self.floats(groups).into(), nulls);
        vec![Column::flat(Arc::new(sums))]
    }

    fn merge(&mut self, groups: &[u32], state: &[Column], buffers: &mut Buffers) -> Result<()> {
        let [sums] = super::common::columns(state)?;
        let all = Selection::all(groups.len());
        with_valid(sums, groups, &all, buffers, |rows, _| {
            add_floats::<Float64Type>(self, rows)
        })
    }

    fn sums(&self, groups: Range<usize>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::new(
            self.floats(groups).into(),
            nulls,
        )))
    }

    fn floats(&self, groups: Range<usize>) -> Vec<f64> {
        self.sums[groups].to_vec()
    }

    fn reset(&mut self, groups: Range<usize>) {
        self.sums[groups].fill(0.0);
    }

    fn size(&self) -> usize {
        bytes_of(&self.sums)
    }
}
