//! The keys of rows.

#![allow(
    clippy::indexing_slicing,
    reason = "rows are below the number of rows, as the caller of `compare` and `take` sees to"
)]

use std::cmp::Ordering;

use esker_datatypes::{Buffers, Selection};

use super::word::U256;
use crate::bits::{self, Target};
use crate::vector::{Cost, listed};

/// The keys of some rows, which compare as the rows do.
///
/// Only keys of one encoder compare with each other; what comes of others is of no use.
///
/// ```
/// use esker_datatypes::{Buffers, Column, DataType, ScalarValue, Selection};
/// use esker_kernels::sort_key::{SortKeys, SortOptions};
/// let options = SortOptions { descending: false, nulls_first: true };
/// let keys = SortKeys::new(&[(DataType::Int64, options)])?;
/// let three = Column::constant(ScalarValue::from(3i64), 2);
/// let null = Column::constant(ScalarValue::from(None::<i64>), 2);
/// let three = keys.encode(&[&three], 2, &mut Buffers::default())?;
/// let null = keys.encode(&[&null], 2, &mut Buffers::default())?;
/// assert!(null.compare(0, &three, 1).is_lt());
/// let mut selection = Selection::all(2);
/// null.select_below(&three, 0, false, &mut selection);
/// assert_eq!(selection.count(), 2);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyRows(Keys);

/// The keys, by their width.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    /// The lower words of keys that have the same upper one.
    Narrow { high: u64, low: Vec<u64> },
    /// Words of 128 bits.
    Wide(Vec<u128>),
    /// Words of 256 bits, of which the upper ones hold the key.
    Double(Vec<U256>),
    /// Where the bytes of each row begin, with the end of the last, and the bytes.
    Bytes { offsets: Vec<usize>, data: Vec<u8> },
}

impl KeyRows {
    pub(super) fn new(keys: Keys) -> Self {
        Self(keys)
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.0
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Keys::Narrow { low, .. } => low.len(),
            Keys::Wide(keys) => keys.len(),
            Keys::Double(keys) => keys.len(),
            Keys::Bytes { offsets, .. } => offsets.len().saturating_sub(1),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that the keys take.
    pub fn size(&self) -> usize {
        match &self.0 {
            Keys::Narrow { low, .. } => low.capacity() * size_of::<u64>(),
            Keys::Wide(keys) => keys.capacity() * size_of::<u128>(),
            Keys::Double(keys) => keys.capacity() * size_of::<U256>(),
            Keys::Bytes { offsets, data } => {
                offsets.capacity() * size_of::<usize>() + data.capacity()
            }
        }
    }

    /// The order of two rows, both of which exist.
    #[inline]
    pub fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        if matches!(
            (&self.0, &other.0),
            (Keys::Bytes { .. }, Keys::Bytes { .. })
        ) {
            return self.bytes(row).cmp(other.bytes(other_row));
        }
        self.word(row).cmp(&other.word(other_row))
    }

    /// Keeps the selected rows whose key is less than that of the other's row (or, with `or_equal`,
    /// equal to it). This is what a top-k does with rows that come too late.
    ///
    /// The selection is one of these rows; the other row exists.
    pub fn select_below(
        &self,
        other: &Self,
        other_row: usize,
        or_equal: bool,
        selection: &mut Selection,
    ) {
        let limit = other.word(other_row);
        match &self.0 {
            Keys::Narrow { high, low } => match (limit.low >> 64).cmp(&u128::from(*high)) {
                Ordering::Less => *selection = Selection::none(selection.len()),
                Ordering::Greater => {}
                Ordering::Equal => narrow(selection, low, limit.low as u64, or_equal),
            },
            Keys::Wide(keys) => narrow(selection, keys, limit.low, or_equal),
            Keys::Double(keys) => narrow(selection, keys, limit, or_equal),
            Keys::Bytes { .. } => {
                let wanted = |order: Ordering| order.is_lt() || or_equal && order.is_eq();
                let limit = other.bytes(other_row);
                let start = prefix(limit);
                selection.retain(|row| {
                    let key = self.bytes(row);
                    wanted(prefix(key).cmp(&start).then_with(|| key.cmp(limit)))
                });
            }
        }
    }

    /// The keys of these rows, in this order, with repeats; all of them exist.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Self {
        let rows = rows.iter().map(|&row| row as usize);
        Self(match &self.0 {
            Keys::Narrow { high, low } => Keys::Narrow {
                high: *high,
                low: rows.map(|row| low[row]).collect(),
            },
            Keys::Wide(keys) => Keys::Wide(rows.map(|row| keys[row]).collect()),
            Keys::Double(keys) => Keys::Double(rows.map(|row| keys[row]).collect()),
            Keys::Bytes { .. } => of_bytes(rows.map(|row| self.bytes(row))),
        })
    }

    /// The keys one behind the other. No parts are no rows.
    #[must_use]
    pub fn concat(parts: &[Self]) -> Self {
        let rows = || {
            let parts = parts.iter();
            parts.flat_map(|part| (0..part.len()).map(move |row| (part, row)))
        };
        let any = |kind: fn(&Keys) -> bool| parts.iter().any(|part| kind(&part.0));
        if any(|keys| matches!(keys, Keys::Bytes { .. })) {
            return Self(of_bytes(rows().map(|(part, row)| part.bytes(row))));
        }
        let words = rows().map(|(part, row)| part.word(row));
        if any(|keys| matches!(keys, Keys::Double(_))) {
            return Self(Keys::Double(words.collect()));
        }
        // A part without rows has nothing to say about the upper word.
        let mut highs = parts.iter().filter(|part| !part.is_empty()).map(Self::high);
        let first = highs.next().unwrap_or(Some(0));
        Self(match first {
            Some(high) if highs.all(|other| other == first) => Keys::Narrow {
                high,
                low: words.map(|word| word.low as u64).collect(),
            },
            _ => Keys::Wide(words.map(|word| word.low).collect()),
        })
    }

    /// The upper word of all keys, if that is known to be the same.
    fn high(&self) -> Option<u64> {
        match &self.0 {
            Keys::Narrow { high, .. } => Some(*high),
            Keys::Wide(_) | Keys::Double(_) | Keys::Bytes { .. } => None,
        }
    }

    /// A key as a word; of bytes the first eight.
    #[inline]
    pub(super) fn word(&self, row: usize) -> U256 {
        match &self.0 {
            Keys::Narrow { high, low } => {
                U256::from(u128::from(*high) << 64 | u128::from(low[row]))
            }
            Keys::Wide(keys) => U256::from(keys[row]),
            Keys::Double(keys) => keys[row],
            Keys::Bytes { .. } => U256::from(u128::from(prefix(self.bytes(row)))),
        }
    }

    /// The eighth part of a key that begins after `depth` bytes, or zeros; and whether there are
    /// more behind it. Words are read in parts only if they are double ones.
    #[inline]
    pub(super) fn part(&self, row: usize, depth: usize) -> (u64, bool) {
        match &self.0 {
            Keys::Double(keys) => {
                let part = |word: u128| [(word >> 64) as u64, word as u64];
                let [[a, b], [c, d]] = [part(keys[row].high), part(keys[row].low)];
                let part = [a, b, c, d].get(depth / 8).copied();
                (part.unwrap_or(0), depth + 8 < size_of::<U256>())
            }
            Keys::Bytes { .. } => {
                let rest = self.bytes(row).get(depth..).unwrap_or_default();
                (prefix(rest), rest.len() > 8)
            }
            Keys::Narrow { .. } | Keys::Wide(_) => (0, false),
        }
    }

    /// A key as bytes; none if it is a word.
    #[inline]
    fn bytes(&self, row: usize) -> &[u8] {
        match &self.0 {
            Keys::Bytes { offsets, data } => &data[offsets[row]..offsets[row + 1]],
            Keys::Narrow { .. } | Keys::Wide(_) | Keys::Double(_) => &[],
        }
    }
}

/// The first eight bytes, zeros behind the end.
#[inline]
fn prefix(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            u64::from_be_bytes(eight)
        }
    }
}

fn of_bytes<'a>(keys: impl Iterator<Item = &'a [u8]>) -> Keys {
    let (mut offsets, mut data) = (vec![0], Vec::new());
    for key in keys {
        data.extend_from_slice(key);
        offsets.push(data.len());
    }
    Keys::Bytes { offsets, data }
}

/// Keeps the selected rows whose key is below the limit.
fn narrow<K: Copy + Ord>(selection: &mut Selection, keys: &[K], limit: K, or_equal: bool) {
    if or_equal {
        keep(selection, keys, |key| key <= limit);
    } else {
        keep(selection, keys, |key| key < limit);
    }
}

#[inline]
fn keep<K: Copy>(selection: &mut Selection, keys: &[K], test: impl Fn(K) -> bool) {
    if listed(selection, Cost::Cheap).is_some() {
        Target::Rows(selection).each(keys, false, test);
    } else {
        let mut words = Vec::with_capacity(bits::word_count(keys.len()));
        Target::Mask(&mut words).each(keys, false, test);
        bits::narrow(selection, &words, &mut Buffers::default());
    }
}
