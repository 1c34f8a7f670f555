//! Fixed-width values, compared as slices or with one value.

use super::op::Relation;
use crate::bits::Target;
use crate::value::Value;
use crate::vector::Operand;

/// The values of a side.
pub(super) fn operand<T: Value>(values: &[T], constant: bool) -> Operand<'_, T> {
    match values {
        [value] if constant => Operand::Constant(*value),
        _ => Operand::Rows(values),
    }
}

/// The comparison of fixed-width values.
pub(super) fn values<T: Value>(
    relation: Relation,
    negated: bool,
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    target: Target<'_>,
) {
    match (left, right, relation) {
        (Operand::Rows(l), Operand::Rows(r), Relation::Same) => target.zip(l, r, negated, T::same),
        (Operand::Rows(l), Operand::Rows(r), Relation::Less) => target.zip(l, r, negated, T::less),
        (Operand::Rows(l), Operand::Rows(r), Relation::Greater) => {
            target.zip(r, l, negated, T::less);
        }
        (Operand::Rows(l), Operand::Constant(r), Relation::Same) => {
            target.each(l, negated, |l| l.same(r));
        }
        (Operand::Rows(l), Operand::Constant(r), Relation::Less) => {
            target.each(l, negated, |l| l.less(r));
        }
        (Operand::Rows(l), Operand::Constant(r), Relation::Greater) => {
            target.each(l, negated, |l| r.less(l));
        }
        (Operand::Constant(l), Operand::Rows(r), relation) => {
            target.each(r, negated, |r| match relation {
                Relation::Same => l.same(r),
                Relation::Less => l.less(r),
                Relation::Greater => r.less(l),
            })
        }
        // Two constants are compared as columns of one row.
        (Operand::Constant(l), Operand::Constant(r), relation) => {
            target.each(&[l], negated, |l| match relation {
                Relation::Same => l.same(r),
                Relation::Less => l.less(r),
                Relation::Greater => r.less(l),
            })
        }
    }
}

/// The exact comparison of `Int64` with `UInt64`: a negative number is below all others.
pub(super) fn signed_with_unsigned(
    relation: Relation,
    negated: bool,
    left: Operand<'_, i64>,
    right: Operand<'_, u64>,
    target: Target<'_>,
) {
    let answer = move |l: i64, r: u64| match relation {
        Relation::Same => l >= 0 && l as u64 == r,
        Relation::Less => l < 0 || (l as u64) < r,
        Relation::Greater => l >= 0 && l as u64 > r,
    };
    match (left, right) {
        (Operand::Rows(l), Operand::Rows(r)) => target.zip(l, r, negated, answer),
        (Operand::Rows(l), Operand::Constant(r)) => target.each(l, negated, |l| answer(l, r)),
        (Operand::Constant(l), Operand::Rows(r)) => target.each(r, negated, |r| answer(l, r)),
        (Operand::Constant(l), Operand::Constant(r)) => {
            target.each(&[l], negated, |l| answer(l, r));
        }
    }
}
