//! Schoolbook arithmetic in base ten: the oracle that decimals are tested against.

use std::cmp::Ordering;
use std::fmt;

use crate::arith::ArithOp;

/// A sign and decimal digits, least first, without leading zeros. Zero has no digits and no sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    negative: bool,
    digits: Vec<u8>,
}

impl Number {
    pub(crate) fn new(negative: bool, text: &str) -> Self {
        Self::of(negative, text.bytes().rev().map(|b| b - b'0').collect())
    }

    fn of(negative: bool, mut digits: Vec<u8>) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self {
            negative: negative && !digits.is_empty(),
            digits,
        }
    }

    pub(crate) fn digits(&self) -> usize {
        self.digits.len()
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    fn zeros(&self, count: i32) -> Self {
        let mut digits = vec![0; usize::try_from(count).unwrap()];
        digits.extend(&self.digits);
        Self::of(self.negative, digits)
    }

    fn opposite(&self) -> Self {
        Self::of(!self.negative, self.digits.clone())
    }

    fn smaller(&self, other: &Self) -> bool {
        let by_length = self.digits.len().cmp(&other.digits.len());
        by_length.then_with(|| self.digits.iter().rev().cmp(other.digits.iter().rev()))
            == Ordering::Less
    }

    fn plus(&self, other: &Self) -> Self {
        let digit = |number: &Self, at: usize| number.digits.get(at).copied().unwrap_or(0) as i8;
        if self.negative == other.negative {
            let (mut digits, mut carry) = (Vec::new(), 0);
            for at in 0..=self.digits().max(other.digits()) {
                let sum = digit(self, at) + digit(other, at) + carry;
                digits.push((sum % 10) as u8);
                carry = sum / 10;
            }
            return Self::of(self.negative, digits);
        }
        let (large, small) = if self.smaller(other) {
            (other, self)
        } else {
            (self, other)
        };
        let (mut digits, mut borrow) = (Vec::new(), 0);
        for at in 0..large.digits() {
            let difference = digit(large, at) - digit(small, at) - borrow;
            digits.push(difference.rem_euclid(10) as u8);
            borrow = i8::from(difference < 0);
        }
        Self::of(large.negative, digits)
    }

    fn times(&self, other: &Self) -> Self {
        let mut sums = vec![0u32; self.digits() + other.digits() + 1];
        for (i, a) in self.digits.iter().enumerate() {
            for (j, b) in other.digits.iter().enumerate() {
                sums[i + j] += u32::from(*a) * u32::from(*b);
            }
        }
        let mut carry = 0;
        let digits = sums.into_iter().map(|sum| {
            let sum = sum + carry;
            carry = sum / 10;
            (sum % 10) as u8
        });
        let digits = digits.collect();
        Self::of(self.negative != other.negative, digits)
    }

    /// Toward zero, and the remainder with the sign of `self`.
    fn divide(&self, other: &Self) -> (Self, Self) {
        let divisor = Self::of(false, other.digits.clone());
        let mut rest = Self::of(false, Vec::new());
        let mut quotient = Vec::new();
        for &digit in self.digits.iter().rev() {
            rest = rest.zeros(1).plus(&Self::of(false, vec![digit]));
            let mut times = 0;
            while !rest.smaller(&divisor) {
                rest = rest.plus(&divisor.opposite());
                times += 1;
            }
            quotient.insert(0, times);
        }
        (
            Self::of(self.negative != other.negative, quotient),
            Self::of(self.negative, rest.digits),
        )
    }

    /// `self * 10^zeros / other`, rounded half away from zero; `None` for a zero divisor.
    pub(crate) fn rounded(&self, other: &Self, zeros: i32) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let (left, right) = (self.zeros(zeros.max(0)), other.zeros((-zeros).max(0)));
        let (quotient, rest) = left.divide(&right);
        let twice = rest.plus(&rest);
        let away = Self::of(left.negative != right.negative, vec![1]);
        Some(if twice.smaller(&right) {
            quotient
        } else {
            quotient.plus(&away)
        })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        let sign = if self.negative { "-" } else { "" };
        let digits: String = self
            .digits
            .iter()
            .rev()
            .map(|d| char::from(b'0' + d))
            .collect();
        write!(f, "{sign}{digits}")
    }
}

/// The digits of the result; `None` for a zero divisor.
pub(crate) fn exact(
    op: ArithOp,
    a: &Number,
    a_scale: i32,
    b: &Number,
    b_scale: i32,
) -> Option<Number> {
    if op == ArithOp::Mul {
        return Some(a.times(b));
    }
    let scale = a_scale.max(b_scale);
    let (a, b) = (a.zeros(scale - a_scale), b.zeros(scale - b_scale));
    match op {
        ArithOp::Add => return Some(a.plus(&b)),
        ArithOp::Sub => return Some(a.plus(&b.opposite())),
        _ if b.is_zero() => return None,
        _ => {}
    }
    let (quotient, rest) = a.divide(&b);
    let below = !rest.is_zero() && a.negative != b.negative;
    Some(match op {
        ArithOp::Rem => rest,
        ArithOp::FloorMod => {
            if below {
                rest.plus(&b)
            } else {
                rest
            }
        }
        _ => {
            if below {
                quotient.plus(&Number::new(true, "1"))
            } else {
                quotient
            }
        }
    })
}

/// `a / b * 10^exponent` as the nearest float: the text of eighty digits, read by the standard
/// library, which rounds correctly.
pub(crate) fn quotient(a: &Number, b: &Number, exponent: i32) -> f64 {
    let sign = |number: &Number| {
        if number.negative {
            -1.0
        } else {
            f64::from(!number.is_zero())
        }
    };
    if a.is_zero() || b.is_zero() {
        return sign(a) / sign(b);
    }
    let shift = 80 + b.digits() as i32;
    let (quotient, rest) = a.zeros(shift).divide(b);
    let sticky = if rest.is_zero() { "0" } else { "1" };
    format!("{quotient}{sticky}e{}", exponent - shift - 1)
        .parse()
        .unwrap()
}
