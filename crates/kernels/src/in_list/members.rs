//! The members of a list: a few keys, a bitmap over a small range, or a hash set.

#![allow(
    clippy::indexing_slicing,
    reason = "rows are below the length of the column; words below the span of the bitmap"
)]

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, downcast_primitive, make_view};
use arrow::buffer::NullBuffer;
use arrow::datatypes::i256;
use esker_datatypes::{DataType, Error, Result, is_binary, is_string};

use crate::bits::{Target, is_set, set};
use crate::compare::bytes::{Bytes, INLINE};
use crate::compare::nested::comparator;
use crate::hash::{fold, hash_bytes};
use crate::value::{Fixed, Key, Value};

/// So many keys are compared one by one, which vectorizes.
const FEW: usize = 8;
/// So many bits may a bitmap have for each key, or this many in any case.
const BITS_PER_KEY: u64 = 64;
const SMALL_SPAN: u64 = 1 << 16;

type Set<K> = HashSet<K, BuildHasherDefault<Folded>>;

/// The members that are not null.
pub(super) enum Members {
    /// None.
    None,
    /// Booleans: whether FALSE and TRUE are members.
    Flags([bool; 2]),
    /// Up to [`FEW`] keys of 64 bits, the last repeated.
    Few([u64; FEW]),
    /// Keys of 64 bits in a range that starts here and is as long as the bitmap.
    Range(u64, Vec<u64>),
    /// Keys of 64 bits.
    Narrow(Set<u64>),
    /// Keys of 128 bits.
    Wide(Set<u128>),
    /// Keys of 256 bits.
    Huge(Set<i256>),
    /// Text and binary: the short ones as views, the long ones as bytes.
    Bytes(Set<u128>, Set<Box<[u8]>>),
    /// Lists, structs, maps, unions: compared one by one.
    Nested(ArrayRef, Vec<usize>),
}

impl Members {
    /// The members of an array.
    pub(super) fn new(array: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<Self> {
        let rows = || (0..array.len()).filter(|&row| nulls.is_none_or(|n| n.is_valid(row)));
        if rows().next().is_none() {
            return Ok(Self::None);
        }
        macro_rules! primitive {
            ($type:ty) => {{
                let values = <$type>::values(array.as_primitive::<$type>());
                MemberKey::collect(rows().map(|row| values[row].key()).collect())
            }};
        }
        Ok(downcast_primitive! {
            array.data_type() => (primitive),
            DataType::Boolean => {
                let mut flags = [false; 2];
                rows().for_each(|row| flags[usize::from(array.as_boolean().value(row))] = true);
                Self::Flags(flags)
            }
            data_type if is_string(data_type) || is_binary(data_type) => {
                let bytes = Bytes::new(array)?;
                let (mut short, mut long) = (Set::default(), Set::default());
                for bytes in rows().map(|row| bytes.value(row)) {
                    if bytes.len() <= INLINE as usize {
                        short.insert(make_view(bytes, 0, 0));
                    } else {
                        long.insert(bytes.into());
                    }
                }
                Self::Bytes(short, long)
            }
            _ => {
                // Refused now rather than at the first batch.
                drop(comparator(array, array)?);
                Self::Nested(ArrayRef::clone(array), rows().collect())
            }
        })
    }

    /// Sends to the target whether each value of a plain array is a member.
    pub(super) fn test(&self, array: &ArrayRef, target: Target<'_>) -> Result<()> {
        let rows = array.len();
        macro_rules! primitive {
            ($type:ty) => {{
                let values = <$type>::values(array.as_primitive::<$type>());
                test_values(self, &values, target)?
            }};
        }
        if matches!(self, Self::None) {
            target.rows(rows, false, |_| false);
            return Ok(());
        }
        downcast_primitive! {
            array.data_type() => (primitive),
            DataType::Boolean => {
                let Self::Flags(flags) = self else { return mismatch(array.data_type()) };
                let values = array.as_boolean().values();
                target.rows(rows, false, |row| flags[usize::from(values.value(row))]);
            }
            data_type if is_string(data_type) || is_binary(data_type) => {
                let Self::Bytes(short, long) = self else { return mismatch(data_type) };
                test_bytes(short, long, &Bytes::new(array)?, rows, target);
            }
            data_type => {
                let Self::Nested(members, list) = self else { return mismatch(data_type) };
                let compare = comparator(array, members)?;
                let found = |row| list.iter().any(|&member| compare(row, member).is_eq());
                target.rows(rows, false, found);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Flags(_) => "Flags",
            Self::Few(_) => "Few",
            Self::Range(_, _) => "Range",
            Self::Narrow(_) => "Narrow",
            Self::Wide(_) => "Wide",
            Self::Huge(_) => "Huge",
            Self::Bytes(_, _) => "Bytes",
            Self::Nested(_, _) => "Nested",
        })
    }
}

fn mismatch<T>(data_type: &DataType) -> Result<T> {
    Err(Error::internal(format!(
        "{data_type} in a list of another type"
    )))
}

fn test_bytes(
    short: &Set<u128>,
    long: &Set<Box<[u8]>>,
    bytes: &Bytes,
    rows: usize,
    target: Target<'_>,
) {
    let few: Option<[u128; FEW]> = padded(short.iter().copied());
    let among_short = |view: u128| match &few {
        Some(few) => few.iter().fold(false, |found, key| found | (*key == view)),
        None => short.contains(&view),
    };
    let among_long = |bytes: &[u8]| !long.is_empty() && long.contains(bytes);
    match bytes {
        // No long member: then a long value's view, which is no short one, tells as much.
        Bytes::Views(array) if long.is_empty() => target.each(array.views(), false, among_short),
        Bytes::Views(array) => {
            let views = array.views();
            target.rows(rows, false, |row| {
                let view = views[row];
                if view as u32 <= INLINE {
                    among_short(view)
                } else {
                    among_long(array.value(row))
                }
            });
        }
        Bytes::Offsets(_) | Bytes::LargeOffsets(_) | Bytes::Fixed(_) => {
            target.rows(rows, false, |row| {
                let bytes = bytes.value(row);
                if bytes.len() <= INLINE as usize {
                    among_short(make_view(bytes, 0, 0))
                } else {
                    among_long(bytes)
                }
            });
        }
    }
}

/// The keys with the last repeated, when there are at least one and at most [`FEW`].
fn padded<K: Copy>(keys: impl ExactSizeIterator<Item = K>) -> Option<[K; FEW]> {
    if keys.len() > FEW {
        return None;
    }
    let mut keys = keys.peekable();
    let mut last = *keys.peek()?;
    Some(std::array::from_fn(|_| {
        last = keys.next().unwrap_or(last);
        last
    }))
}

/// Tests fixed-width values by their keys.
fn test_values<V: Value<Key: MemberKey>>(
    members: &Members,
    values: &[V],
    target: Target<'_>,
) -> Result<()> {
    V::Key::test(members, values, target)
}

/// Keys of one width: how members are made of them and searched.
trait MemberKey: Key {
    fn collect(keys: Vec<Self>) -> Members;
    fn test<V: Value<Key = Self>>(
        members: &Members,
        values: &[V],
        target: Target<'_>,
    ) -> Result<()>;
}

impl MemberKey for u64 {
    fn collect(mut keys: Vec<Self>) -> Members {
        keys.sort_unstable();
        keys.dedup();
        if let Some(few) = padded(keys.iter().copied()) {
            return Members::Few(few);
        }
        // Sorted as signed numbers, those around zero lie side by side.
        keys.sort_unstable_by_key(|&key| key as i64);
        if let (Some(&first), Some(&last)) = (keys.first(), keys.last()) {
            let span = last.wrapping_sub(first);
            if span < SMALL_SPAN.max(keys.len() as u64 * BITS_PER_KEY) {
                let mut words = vec![0; span as usize / 64 + 1];
                keys.iter()
                    .for_each(|key| set(&mut words, key.wrapping_sub(first) as usize));
                return Members::Range(first, words);
            }
        }
        Members::Narrow(keys.into_iter().collect())
    }

    fn test<V: Value<Key = Self>>(
        members: &Members,
        values: &[V],
        target: Target<'_>,
    ) -> Result<()> {
        match members {
            Members::Few(keys) => target.each(values, false, |value| {
                let value = value.key();
                keys.iter()
                    .fold(false, |found, key| found | (*key == value))
            }),
            Members::Range(first, words) => {
                let span = words.len() as u64 * 64;
                target.each(values, false, |value| {
                    let at = value.key().wrapping_sub(*first);
                    at < span && is_set(words, at as usize)
                });
            }
            Members::Narrow(keys) => target.each(values, false, |v| keys.contains(&v.key())),
            _ => return Err(Error::internal("a list of members of another width")),
        }
        Ok(())
    }
}

impl MemberKey for u128 {
    fn collect(keys: Vec<Self>) -> Members {
        Members::Wide(keys.into_iter().collect())
    }

    fn test<V: Value<Key = Self>>(
        members: &Members,
        values: &[V],
        target: Target<'_>,
    ) -> Result<()> {
        let Members::Wide(keys) = members else {
            return Err(Error::internal("a list of members of another width"));
        };
        target.each(values, false, |value| keys.contains(&value.key()));
        Ok(())
    }
}

impl MemberKey for i256 {
    fn collect(keys: Vec<Self>) -> Members {
        Members::Huge(keys.into_iter().collect())
    }

    fn test<V: Value<Key = Self>>(
        members: &Members,
        values: &[V],
        target: Target<'_>,
    ) -> Result<()> {
        let Members::Huge(keys) = members else {
            return Err(Error::internal("a list of members of another width"));
        };
        target.each(values, false, |value| keys.contains(&value.key()));
        Ok(())
    }
}

/// The folded multiply as a hasher of std's sets.
#[derive(Default)]
pub(super) struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.write_u64(hash_bytes(bytes));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = fold(
            self.0 ^ value ^ 0x9e37_79b9_7f4a_7c15,
            0xd1b5_4a32_d192_ed03,
        );
    }

    fn write_u128(&mut self, value: u128) {
        self.write_u64(value.digest());
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}
