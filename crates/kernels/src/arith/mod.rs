//! Checked arithmetic on integers, floats and decimals.

/// Decimals.
mod decimal;
/// Floats.
mod float;
/// Integers.
mod integer;
#[cfg(test)]
mod tests;
/// Operations on one operand.
mod unary;

use std::fmt;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use esker_datatypes::{
    Buffers, Column, DataType, Encoding, Error, Result, ScalarValue, Selection, decimal_parts,
    format_value, is_decimal,
};

pub use self::unary::{abs, negate};
use crate::vector::{Input, same_rows};

/// An arithmetic operation on two operands.
///
/// | operation | integers | floats | decimals |
/// |---|---|---|---|
/// | `Add`, `Sub`, `Mul` | checked | IEEE | exact, checked against the result's precision |
/// | `Div` | (cast first) | IEEE | `Float64`, the exact quotient rounded once |
/// | `Rem` | sign of the dividend | `fmod` | sign of the dividend |
/// | `FloorDiv`, `FloorMod` | toward minus infinity | of the exact quotient | toward minus infinity |
///
/// A zero divisor makes null for integers and decimals, but IEEE's infinity or NaN wherever the
/// result is a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithOp {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`, true division
    Div,
    /// `a % b`, with the sign of `a`
    Rem,
    /// The quotient rounded toward minus infinity.
    FloorDiv,
    /// What `FloorDiv` leaves, with the sign of `b`.
    FloorMod,
}

impl ArithOp {
    /// The operator, or the function's name where there is no operator.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
            Self::FloorDiv => "floor_div",
            Self::FloorMod => "floor_mod",
        }
    }

    /// Whether a zero on the right has no integer result.
    fn divides(self) -> bool {
        match self {
            Self::Add | Self::Sub | Self::Mul => false,
            Self::Div | Self::Rem | Self::FloorDiv | Self::FloorMod => true,
        }
    }
}

impl fmt::Display for ArithOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

/// `left op right`, row by row; null where either is null.
///
/// Integers and floats: both sides and `out` are of one type (`Div`: floats only). Decimals: any
/// two decimal types, `out` a decimal of scale `max(s1, s2)` for `Add`, `Sub`, `Rem` and
/// `FloorMod`, `s1 + s2` for `Mul`, 0 for `FloorDiv`; `Float64` for `Div`.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, Int8Array};
/// use esker_datatypes::{Buffers, Column, DataType, ScalarValue, Selection};
/// use esker_kernels::arith::{ArithOp, binary};
///
/// let array: ArrayRef = Arc::new(Int8Array::from(vec![Some(1), None, Some(127)]));
/// let (column, one) = (Column::flat(array), Column::constant(ScalarValue::from(1i8), 3));
/// let mut buffers = Buffers::default();
/// let mut add = |selection: &Selection| {
///     binary(ArithOp::Add, &column, &one, &DataType::Int8, selection, &mut buffers)
/// };
/// // The last row overflows, but only where it is selected.
/// let sum = add(&Selection::from_rows(3, vec![0, 1]))?;
/// assert_eq!(sum.value(0)?.as_i128(), Some(2));
/// let error = add(&Selection::all(3)).unwrap_err();
/// assert_eq!(error.to_string(), "overflow: 127 + 1 does not fit Int8");
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
///
/// # Errors
/// `Evaluation` when the result of a selected row that is not null does not fit `out`; `Internal`
/// for types that the typing should not have let through.
pub fn binary(
    op: ArithOp,
    left: &Column,
    right: &Column,
    out: &DataType,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let compute = kernel(op, left.value_type(), right.value_type(), out)?;
    over_encodings(left, right, out, selection, buffers, &|call, buffers| {
        compute(op, call, buffers)
            .map_err(|failure| failure.explain(call, |l, r| call_text(op, l, r)))
    })
}

/// Decimal division that stays decimal: `left / right` rounded half away from zero to the scale of
/// `out` (a decimal); null where either is null or the divisor is zero.
///
/// # Errors
/// `Evaluation` when a quotient does not fit `out`; `Internal` unless all three are decimals.
pub fn div_decimal(
    left: &Column,
    right: &Column,
    out: &DataType,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    if !(is_decimal(left.value_type()) && is_decimal(right.value_type()) && is_decimal(out)) {
        return Err(untyped(
            "div_decimal",
            &[left.value_type(), right.value_type()],
            out,
        ));
    }
    over_encodings(left, right, out, selection, buffers, &|call, buffers| {
        decimal::div_decimal(call, buffers)
            .map_err(|failure| failure.explain(call, |l, r| format!("{l} / {r}")))
    })
}

/// What the typed kernels get: neither side a null constant, not both constant.
struct Call<'a> {
    left: Input,
    right: Input,
    out: &'a DataType,
    selection: &'a Selection,
}

/// Why a typed kernel gave no column.
enum Failure {
    /// The result of this row does not fit.
    Overflow(usize),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Failure {
    fn explain(self, call: &Call<'_>, text: impl Fn(&str, &str) -> String) -> Error {
        match self {
            Self::Overflow(row) => {
                let show = |input: &Input| format_value(input.array(), input.index(row));
                let text = text(&show(&call.left), &show(&call.right));
                Error::evaluation(format!("overflow: {text} does not fit {}", call.out))
            }
            Self::Other(error) => error,
        }
    }
}

type Kernel = fn(ArithOp, &Call<'_>, &mut Buffers) -> Result<Column, Failure>;

/// The kernel for these types.
fn kernel(op: ArithOp, left: &DataType, right: &DataType, out: &DataType) -> Result<Kernel> {
    use DataType as T;
    let refuse = || untyped(op.symbol(), &[left, right], out);
    if is_decimal(left) && is_decimal(right) {
        if op == ArithOp::Div {
            return if out == &T::Float64 {
                Ok(decimal::divide)
            } else {
                Err(refuse())
            };
        }
        let (Some((_, ls)), Some((_, rs)), Some((_, scale))) = (
            decimal_parts(left),
            decimal_parts(right),
            decimal_parts(out),
        ) else {
            return Err(refuse());
        };
        let due = match op {
            ArithOp::Mul => i16::from(ls) + i16::from(rs),
            ArithOp::FloorDiv => 0,
            ArithOp::Add | ArithOp::Sub | ArithOp::Div | ArithOp::Rem | ArithOp::FloorMod => {
                i16::from(ls.max(rs))
            }
        };
        return if i16::from(scale) == due {
            Ok(decimal::binary)
        } else {
            Err(refuse())
        };
    }
    if left != out || right != out || (op == ArithOp::Div && !out.is_floating()) {
        return Err(refuse());
    }
    Ok(match out {
        T::Int8 => integer::binary::<Int8Type>,
        T::Int16 => integer::binary::<Int16Type>,
        T::Int32 => integer::binary::<Int32Type>,
        T::Int64 => integer::binary::<Int64Type>,
        T::UInt8 => integer::binary::<UInt8Type>,
        T::UInt16 => integer::binary::<UInt16Type>,
        T::UInt32 => integer::binary::<UInt32Type>,
        T::UInt64 => integer::binary::<UInt64Type>,
        T::Float16 => float::binary::<Float16Type>,
        T::Float32 => float::binary::<Float32Type>,
        T::Float64 => float::binary::<Float64Type>,
        _ => return Err(refuse()),
    })
}

/// Answers what the encodings alone decide, and calls the typed kernel for the rest.
fn over_encodings(
    left: &Column,
    right: &Column,
    out: &DataType,
    selection: &Selection,
    buffers: &mut Buffers,
    compute: &dyn Fn(&Call<'_>, &mut Buffers) -> Result<Column>,
) -> Result<Column> {
    let rows = same_rows(&[left, right], selection)?;
    let null = |column: &Column| column.as_constant().is_some_and(ScalarValue::is_null);
    if selection.is_none() || null(left) || null(right) {
        return Ok(Column::constant(ScalarValue::null(out), rows));
    }
    let dense = |left: Input, right: Input, rows: usize, buffers: &mut Buffers| {
        let selection = Selection::all(rows);
        compute(
            &Call {
                left,
                right,
                out,
                selection: &selection,
            },
            buffers,
        )
    };
    match (left.encoding(), right.encoding()) {
        (Encoding::Constant { value: l, .. }, Encoding::Constant { value: r, .. }) => {
            let one = dense(
                Input::flat(l.as_array()),
                Input::flat(r.as_array()),
                1,
                buffers,
            )?;
            return Ok(Column::constant(one.value(0)?, rows));
        }
        // Once per value of the dictionary. If one of them fails, perhaps no selected row uses it:
        // look at the rows.
        (Encoding::Dictionary { codes, values }, Encoding::Constant { .. })
            if pays(values, selection) =>
        {
            let result = dense(
                Input::flat(values),
                Input::new(right),
                values.len(),
                buffers,
            );
            if let Ok(column) = result {
                return Ok(Column::dictionary(codes.clone(), column.to_flat()));
            }
        }
        (Encoding::Constant { .. }, Encoding::Dictionary { codes, values })
            if pays(values, selection) =>
        {
            let result = dense(Input::new(left), Input::flat(values), values.len(), buffers);
            if let Ok(column) = result {
                return Ok(Column::dictionary(codes.clone(), column.to_flat()));
            }
        }
        _ => {}
    }
    let call = Call {
        left: Input::new(left),
        right: Input::new(right),
        out,
        selection,
    };
    compute(&call, buffers)
}

/// Whether computing every value of a dictionary is less than computing the selected rows.
fn pays(values: &ArrayRef, selection: &Selection) -> bool {
    !values.is_empty() && values.len() <= selection.count() / 2
}

fn call_text(op: ArithOp, left: &str, right: &str) -> String {
    match op {
        ArithOp::FloorDiv | ArithOp::FloorMod => format!("{op}({left}, {right})"),
        ArithOp::Add | ArithOp::Sub | ArithOp::Mul | ArithOp::Div | ArithOp::Rem => {
            format!("{left} {op} {right}")
        }
    }
}

fn untyped(name: &str, operands: &[&DataType], out: &DataType) -> Error {
    let operands: Vec<String> = operands.iter().map(ToString::to_string).collect();
    Error::internal(format!(
        "the kernel {name} of {} giving {out}",
        operands.join(" and ")
    ))
}
