//! Text and binary values of any layout, compared by bytes.

#![allow(
    clippy::indexing_slicing,
    reason = "rows are below the number of rows, which is that of the views"
)]

use std::cmp::Ordering;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray,
    make_view,
};
use esker_datatypes::{DataType, Error, Result};

use super::op::Relation;
use crate::bits::Target;
use crate::vector::Input;

/// Up to this many bytes stand in a view itself.
pub(crate) const INLINE: u32 = 12;

/// The bytes of a text or binary array, by its layout.
pub enum Bytes {
    /// With 32-bit offsets.
    Offsets(BinaryArray),
    /// With 64-bit offsets.
    LargeOffsets(LargeBinaryArray),
    /// Views.
    Views(BinaryViewArray),
    /// All of one length.
    Fixed(FixedSizeBinaryArray),
}

impl Bytes {
    /// The array's values; text is read as its UTF-8 bytes. Shares the buffers.
    ///
    /// # Errors
    /// `Internal` for an array of anything else.
    pub fn new(array: &ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Offsets(array.as_string::<i32>().clone().into()),
            DataType::LargeUtf8 => Self::LargeOffsets(array.as_string::<i64>().clone().into()),
            DataType::Utf8View => Self::Views(array.as_string_view().clone().to_binary_view()),
            DataType::Binary => Self::Offsets(array.as_binary().clone()),
            DataType::LargeBinary => Self::LargeOffsets(array.as_binary().clone()),
            DataType::BinaryView => Self::Views(array.as_binary_view().clone()),
            DataType::FixedSizeBinary(_) => Self::Fixed(array.as_fixed_size_binary().clone()),
            other => {
                return Err(Error::internal(format!(
                    "{other} where text or binary is due"
                )));
            }
        })
    }

    /// The bytes of a row; those of a null may be any.
    #[inline]
    pub fn value(&self, row: usize) -> &[u8] {
        match self {
            Self::Offsets(array) => array.value(row),
            Self::LargeOffsets(array) => array.value(row),
            Self::Views(array) => array.value(row),
            Self::Fixed(array) => array.value(row),
        }
    }
}

/// Sends the comparison of every row to the target.
pub(super) fn test(
    relation: Relation,
    negated: bool,
    left: &Input,
    right: &Input,
    rows: usize,
    target: Target<'_>,
) -> Result<()> {
    let (l, r) = (Bytes::new(left.array())?, Bytes::new(right.array())?);
    if right.is_constant() && !left.is_constant() {
        with_constant(relation, negated, &l, r.value(0), rows, target);
        return Ok(());
    }
    if let (Bytes::Views(l), Bytes::Views(r)) = (&l, &r)
        && !left.is_constant()
    {
        let (left, right) = (l.views(), r.views());
        match relation {
            Relation::Same => target.rows(rows, negated, |row| {
                let (left, right) = (left[row], right[row]);
                left as u64 == right as u64
                    && if left as u32 <= INLINE {
                        left == right
                    } else {
                        l.value(row) == r.value(row)
                    }
            }),
            Relation::Less | Relation::Greater => {
                let wanted = relation.ordering();
                target.rows(rows, negated, |row| {
                    order(left[row], right[row], || l.value(row).cmp(r.value(row))) == wanted
                });
            }
        }
        return Ok(());
    }
    scan(relation, negated, rows, target, |row| {
        (l.value(left.index(row)), r.value(right.index(row)))
    });
    Ok(())
}

/// The comparison with one value.
fn with_constant(
    relation: Relation,
    negated: bool,
    left: &Bytes,
    right: &[u8],
    rows: usize,
    target: Target<'_>,
) {
    match left {
        Bytes::Offsets(l) => scan(relation, negated, rows, target, |row| (l.value(row), right)),
        Bytes::LargeOffsets(l) => {
            scan(relation, negated, rows, target, |row| (l.value(row), right));
        }
        Bytes::Fixed(l) => scan(relation, negated, rows, target, |row| (l.value(row), right)),
        Bytes::Views(l) => {
            let (views, view) = (l.views(), make_view(right, 0, 0));
            match relation {
                // The whole value stands in the view.
                Relation::Same if view as u32 <= INLINE => {
                    target.each(views, negated, |left| left == view);
                }
                // Length and the first four bytes do.
                Relation::Same => target.rows(rows, negated, |row| {
                    views[row] as u64 == view as u64 && l.value(row) == right
                }),
                Relation::Less | Relation::Greater => {
                    let wanted = relation.ordering();
                    target.rows(rows, negated, |row| {
                        order(views[row], view, || l.value(row).cmp(right)) == wanted
                    });
                }
            }
        }
    }
}

/// The comparison of the pair of values that each row has.
#[inline]
fn scan<'a>(
    relation: Relation,
    negated: bool,
    rows: usize,
    target: Target<'_>,
    pair: impl Fn(usize) -> (&'a [u8], &'a [u8]),
) {
    match relation {
        Relation::Same => target.rows(rows, negated, |row| {
            let (left, right) = pair(row);
            left == right
        }),
        Relation::Less => target.rows(rows, negated, |row| {
            let (left, right) = pair(row);
            left < right
        }),
        Relation::Greater => target.rows(rows, negated, |row| {
            let (left, right) = pair(row);
            left > right
        }),
    }
}

/// The order of two views: by what stands in them where that decides, else by the whole values.
#[inline]
fn order(left: u128, right: u128, whole: impl FnOnce() -> Ordering) -> Ordering {
    if left as u32 <= INLINE && right as u32 <= INLINE {
        let key = BinaryViewArray::inline_key_fast;
        return key(left).cmp(&key(right));
    }
    // Short values are padded with zeros: a difference decides, equality does not.
    let prefix = |view: u128| ((view >> 32) as u32).swap_bytes();
    prefix(left).cmp(&prefix(right)).then_with(whole)
}
