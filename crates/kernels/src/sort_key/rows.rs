//! The keys of rows.

#![allow(
    clippy::indexing_slicing,
    reason = "rows are below the number of rows, as the caller of `compare` and `take` sees to"
)]

use std::cmp::Ordering;

use esker_datatypes::Selection;

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
            Keys::Bytes { offsets, data } => {
                offsets.capacity() * size_of::<usize>() + data.capacity()
            }
        }
    }

    /// The order of two rows, both of which exist.
    #[inline]
    pub fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        match (&self.0, &other.0) {
            (Keys::Bytes { .. }, Keys::Bytes { .. }) => self.bytes(row).cmp(other.bytes(other_row)),
            _ => self.word(row).cmp(&other.word(other_row)),
        }
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
            Keys::Narrow { high, low } => match (limit >> 64).cmp(&u128::from(*high)) {
                Ordering::Less => *selection = Selection::none(selection.len()),
                Ordering::Greater => {}
                Ordering::Equal => {
                    let limit = limit as u64;
                    if or_equal {
                        narrow(selection, low, |key| key <= limit);
                    } else {
                        narrow(selection, low, |key| key < limit);
                    }
                }
            },
            Keys::Wide(keys) if or_equal => narrow(selection, keys, |key| key <= limit),
            Keys::Wide(keys) => narrow(selection, keys, |key| key < limit),
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
        if parts
            .iter()
            .any(|part| matches!(part.0, Keys::Bytes { .. }))
        {
            return Self(of_bytes(rows().map(|(part, row)| part.bytes(row))));
        }
        // A part without rows has nothing to say about the upper word.
        let mut highs = parts.iter().filter(|part| !part.is_empty()).map(Self::high);
        let first = highs.next().unwrap_or(Some(0));
        if let Some(high) = first
            && highs.all(|other| other == first)
        {
            let words = rows().map(|(part, row)| part.word(row) as u64);
            let low = words.collect();
            return Self(Keys::Narrow { high, low });
        }
        Self(Keys::Wide(
            rows().map(|(part, row)| part.word(row)).collect(),
        ))
    }

    /// The upper word of all keys, if that is known to be the same.
    fn high(&self) -> Option<u64> {
        match &self.0 {
            Keys::Narrow { high, .. } => Some(*high),
            Keys::Wide(_) | Keys::Bytes { .. } => None,
        }
    }

    /// A key as a word; of bytes only the first.
    #[inline]
    pub(super) fn word(&self, row: usize) -> u128 {
        match &self.0 {
            Keys::Narrow { high, low } => u128::from(*high) << 64 | u128::from(low[row]),
            Keys::Wide(keys) => keys[row],
            Keys::Bytes { .. } => u128::from(prefix(self.bytes(row))),
        }
    }

    /// A key as bytes; none if it is a word.
    #[inline]
    pub(super) fn bytes(&self, row: usize) -> &[u8] {
        match &self.0 {
            Keys::Bytes { offsets, data } => &data[offsets[row]..offsets[row + 1]],
            Keys::Narrow { .. } | Keys::Wide(_) => &[],
        }
    }
}

/// The first eight bytes, zeros behind the end.
#[inline]
pub(super) fn prefix(bytes: &[u8]) -> u64 {
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

/// Keeps the selected rows whose key passes the test.
#[inline]
fn narrow<K: Copy>(selection: &mut Selection, keys: &[K], test: impl Fn(K) -> bool) {
    if listed(selection, Cost::Cheap).is_some() {
        Target::Rows(selection).each(keys, false, test);
    } else {
        let mut words = Vec::with_capacity(bits::word_count(keys.len()));
        Target::Mask(&mut words).each(keys, false, test);
        bits::narrow(selection, &words);
    }
}
