//! Values packed into rows of words, and read out of them.

#![allow(
    clippy::indexing_slicing,
    reason = "rows have the layout's number of words, and a value's index is below the number of \
              values"
)]

use arrow::array::make_view;
use arrow::datatypes::{ArrowPrimitiveType, i256};

use super::layout::Place;
use super::source::Index;
use crate::compare::bytes::{Bytes, INLINE};
use crate::value::{Fixed, Key, Value};

/// Writes the keys of texts, and returns the greatest length.
pub(super) fn texts_at(
    words: &mut [u64],
    bytes: &Bytes,
    rows: impl Iterator<Item = usize>,
    place: Place,
    stride: usize,
) -> u32 {
    let mut longest = 0;
    let mut seen = |key: u128| {
        longest = longest.max(key as u32);
        key
    };
    match bytes {
        Bytes::Views(array) => {
            let views = array.views();
            let key = |at: usize| seen(view_key(views[at], || array.value(at)));
            fill(words, place, stride, rows.map(key));
        }
        Bytes::Offsets(array) => {
            fill(
                words,
                place,
                stride,
                rows.map(|at| seen(bytes_key(array.value(at)))),
            );
        }
        Bytes::LargeOffsets(array) => {
            fill(
                words,
                place,
                stride,
                rows.map(|at| seen(bytes_key(array.value(at)))),
            );
        }
        Bytes::Fixed(array) => {
            fill(
                words,
                place,
                stride,
                rows.map(|at| seen(bytes_key(array.value(at)))),
            );
        }
    }
    longest
}

/// Writes the keys of values of a fixed width.
pub(super) fn values_at<V: Value<Key: KeyWords>>(
    words: &mut [u64],
    values: &[V],
    index: &Index,
    place: Place,
    stride: usize,
) {
    match index {
        Index::Dense => fill(words, place, stride, values.iter().map(|value| value.key())),
        Index::Rows(list) | Index::Codes(list) => {
            let key = |&at: &u32| values[at as usize].key();
            fill(words, place, stride, list.iter().map(key));
        }
        Index::One => fill(words, place, stride, std::iter::repeat(values[0].key())),
    }
}

/// Writes a key into each row. The bits where it goes are zero, unless it has words for itself.
#[inline]
pub(super) fn fill<K: KeyWords>(
    words: &mut [u64],
    place: Place,
    stride: usize,
    keys: impl Iterator<Item = K>,
) {
    if stride == 1 {
        let rows = words.iter_mut().map(std::slice::from_mut);
        rows.zip(keys).for_each(|(row, key)| key.put(row, place));
        return;
    }
    let rows = words.chunks_exact_mut(stride);
    rows.zip(keys)
        .for_each(|(row, key)| key.put(&mut row[place.word..], place));
}

/// A key as words of a row.
pub(super) trait KeyWords: Key {
    /// Writes the key to the place, which the first of the words begins.
    fn put(self, words: &mut [u64], place: Place);

    /// Reads what was put.
    fn get(words: &[u64], place: Place) -> Self;
}

impl KeyWords for u64 {
    #[inline]
    fn put(self, words: &mut [u64], place: Place) {
        if place.bits >= 64 {
            words[0] = self;
        } else {
            words[0] |= (self & place.mask()) << place.shift;
        }
    }

    #[inline]
    fn get(words: &[u64], place: Place) -> Self {
        words[0] >> place.shift & place.mask()
    }
}

impl KeyWords for u128 {
    #[inline]
    fn put(self, words: &mut [u64], _place: Place) {
        words[0] = self as u64;
        words[1] = (self >> 64) as u64;
    }

    #[inline]
    fn get(words: &[u64], _place: Place) -> Self {
        u128::from(words[0]) | u128::from(words[1]) << 64
    }
}

impl KeyWords for i256 {
    #[inline]
    fn put(self, words: &mut [u64], place: Place) {
        let (low, high) = self.to_parts();
        low.put(words, place);
        (high as u128).put(&mut words[2..], place);
    }

    #[inline]
    fn get(words: &[u64], place: Place) -> Self {
        Self::from_parts(
            u128::get(words, place),
            u128::get(&words[2..], place) as i128,
        )
    }
}

/// A value of an Arrow type out of the words of a row.
#[inline]
pub(super) fn native<T: Fixed<Value: Value<Key: KeyWords>>>(
    words: &[u64],
    place: Place,
) -> <T as ArrowPrimitiveType>::Native {
    let key = <<T::Value as Value>::Key as KeyWords>::get(&words[place.word..], place);
    T::native(T::Value::of_key(key))
}

/// The key of a text whose view this is.
#[inline]
fn view_key<'a>(view: u128, value: impl FnOnce() -> &'a [u8]) -> u128 {
    if view as u32 <= INLINE {
        return view;
    }
    let last = value().last_chunk::<8>();
    let last = last.map_or(0, |last| u64::from_le_bytes(*last));
    u128::from(view as u64) | u128::from(last) << 64
}

#[inline]
fn bytes_key(bytes: &[u8]) -> u128 {
    view_key(make_view(bytes, 0, 0), || bytes)
}
