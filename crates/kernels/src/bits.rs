//! Bit masks as words of the worker's pool, and loops that write them or narrow a selection.
//!
//! Bit `row % 64` of word `row / 64` is the row's; the bits behind the last row may be anything.

#![allow(
    clippy::indexing_slicing,
    reason = "a mask has ceil(rows / 64) words and a row is below the number of rows"
)]

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use esker_datatypes::{Buffers, Column, Selection};

/// How many words hold the bits of this many rows.
pub(crate) fn word_count(rows: usize) -> usize {
    rows.div_ceil(64)
}

/// A mask of `rows` bits, all like `bit`.
pub(crate) fn filled(rows: usize, bit: bool, buffers: &mut Buffers) -> Vec<u64> {
    let mut words = buffers.take::<u64>(word_count(rows));
    words.resize(word_count(rows), if bit { u64::MAX } else { 0 });
    words
}

/// The bits of an Arrow bitmap.
pub(crate) fn from_bitmap(bitmap: &BooleanBuffer, buffers: &mut Buffers) -> Vec<u64> {
    let count = word_count(bitmap.len());
    let mut words = buffers.take::<u64>(count);
    words.extend(bitmap.bit_chunks().iter_padded().take(count));
    words
}

/// The mask of rows that are valid.
pub(crate) fn validity(nulls: Option<&NullBuffer>, rows: usize, buffers: &mut Buffers) -> Vec<u64> {
    match nulls {
        Some(nulls) => from_bitmap(nulls.inner(), buffers),
        None => filled(rows, true, buffers),
    }
}

/// Clears the bits of null rows.
pub(crate) fn clear_nulls(words: &mut [u64], nulls: Option<&NullBuffer>) {
    if let Some(nulls) = nulls {
        let chunks = nulls.inner().bit_chunks();
        words
            .iter_mut()
            .zip(chunks.iter_padded())
            .for_each(|(word, valid)| *word &= valid);
    }
}

/// The mask as an Arrow bitmap.
pub(crate) fn into_bitmap(words: Vec<u64>, rows: usize) -> BooleanBuffer {
    #[cfg(target_endian = "big")]
    let words: Vec<u64> = words.into_iter().map(u64::swap_bytes).collect();
    BooleanBuffer::new(Buffer::from_vec(words), 0, rows)
}

/// The mask as a null mask, or `None` when every row is valid.
pub(crate) fn into_nulls(words: Vec<u64>, rows: usize) -> Option<NullBuffer> {
    Some(NullBuffer::new(into_bitmap(words, rows))).filter(|n| n.null_count() > 0)
}

/// The mask as a Boolean column.
pub(crate) fn into_column(words: Vec<u64>, rows: usize, nulls: Option<NullBuffer>) -> Column {
    Column::flat(Arc::new(BooleanArray::new(into_bitmap(words, rows), nulls)))
}

/// Whether the row's bit is set.
#[inline]
pub(crate) fn is_set(words: &[u64], row: usize) -> bool {
    words[row / 64] >> (row % 64) & 1 == 1
}

/// Sets the row's bit.
#[inline]
pub(crate) fn set(words: &mut [u64], row: usize) {
    words[row / 64] |= 1 << (row % 64);
}

/// Whether any bit is set, of the first `len`.
pub(crate) fn any_set(words: &[u64], len: usize) -> bool {
    let (whole, rest) = (len / 64, len % 64);
    let last = || words[whole] & ((1 << rest) - 1);
    words[..whole].iter().any(|&word| word != 0) || rest > 0 && last() != 0
}

/// Calls with the number of each bit that is set, of the first `len`.
pub(crate) fn each_set(words: &[u64], len: usize, mut call: impl FnMut(usize)) {
    for (at, &word) in words.iter().enumerate() {
        let mut word = word;
        while word != 0 {
            let row = at * 64 + word.trailing_zeros() as usize;
            if row >= len {
                return;
            }
            call(row);
            word &= word - 1;
        }
    }
}

/// Keeps the selected rows whose bit is set.
pub(crate) fn narrow(selection: &mut Selection, words: &[u64], buffers: &mut Buffers) {
    if !selection.is_all() {
        selection.retain(|row| is_set(words, row));
        return;
    }
    let rows = selection.len();
    let word_of = |at: usize, word: u64| {
        let end = rows - at * 64;
        if end < 64 {
            word & ((1 << end) - 1)
        } else {
            word
        }
    };
    let masked = || {
        words
            .iter()
            .enumerate()
            .map(|(at, &word)| (at, word_of(at, word)))
    };
    let count: usize = masked().map(|(_, word)| word.count_ones() as usize).sum();
    if count == rows {
        return;
    }
    // Eight places at a time, the last ones perhaps for nothing: a loop of as many rounds as a word
    // has bits ends where nobody can foretell.
    let (mut kept, mut end) = (buffers.take(count + 8), 0);
    for (at, mut word) in masked() {
        let (base, found) = ((at * 64) as u32, word.count_ones() as usize);
        for _ in (0..found).step_by(8) {
            let places: [u32; 8] = std::array::from_fn(|_| {
                let place = base + word.trailing_zeros();
                word &= word.wrapping_sub(1);
                place
            });
            kept.extend_from_slice(&places);
        }
        end += found;
        kept.truncate(end);
    }
    *selection = Selection::from_rows(rows, kept);
}

/// Where the answer of a test on each row goes.
pub(crate) enum Target<'a> {
    /// Into an empty mask: one bit for every row.
    Mask(&'a mut Vec<u64>),
    /// Into a selection: only the selected rows are tested, those that fail are dropped.
    Rows(&'a mut Selection),
}

impl Target<'_> {
    /// Tests the values of two columns pairwise; `negated` turns the answers around.
    #[inline]
    pub(crate) fn zip<A: Copy, B: Copy>(
        self,
        left: &[A],
        right: &[B],
        negated: bool,
        mut test: impl FnMut(A, B) -> bool,
    ) {
        match self {
            Self::Mask(words) => {
                let ((lefts, left_rest), (rights, right_rest)) =
                    (left.as_chunks::<64>(), right.as_chunks::<64>());
                for (left, right) in lefts.iter().zip(rights) {
                    let mut bytes = [0u8; 64];
                    for ((byte, &left), &right) in bytes.iter_mut().zip(left).zip(right) {
                        *byte = u8::from(test(left, right) != negated);
                    }
                    words.push(pack(&bytes));
                }
                let pairs = left_rest.iter().zip(right_rest);
                push_rest(
                    words,
                    pairs.map(|(&left, &right)| test(left, right) != negated),
                );
            }
            Self::Rows(rows) => rows.retain(|row| test(left[row], right[row]) != negated),
        }
    }

    /// Tests the values of a column; `negated` turns the answers around.
    #[inline]
    pub(crate) fn each<A: Copy>(
        self,
        values: &[A],
        negated: bool,
        mut test: impl FnMut(A) -> bool,
    ) {
        match self {
            Self::Mask(words) => {
                let (chunks, rest) = values.as_chunks::<64>();
                for chunk in chunks {
                    let mut bytes = [0u8; 64];
                    for (byte, &value) in bytes.iter_mut().zip(chunk) {
                        *byte = u8::from(test(value) != negated);
                    }
                    words.push(pack(&bytes));
                }
                push_rest(words, rest.iter().map(|&value| test(value) != negated));
            }
            Self::Rows(rows) => rows.retain(|row| test(values[row]) != negated),
        }
    }

    /// Tests rows by their number; `negated` turns the answers around.
    #[inline]
    pub(crate) fn rows(self, rows: usize, negated: bool, mut test: impl FnMut(usize) -> bool) {
        match self {
            Self::Mask(words) => {
                let mut start = 0;
                while start < rows {
                    let end = rows.min(start + 64);
                    push_rest(words, (start..end).map(|row| test(row) != negated));
                    start = end;
                }
            }
            Self::Rows(selection) => selection.retain(|row| test(row) != negated),
        }
    }
}

/// A word of up to 64 bits, if there is any.
#[inline]
fn push_rest(words: &mut Vec<u64>, bits: impl ExactSizeIterator<Item = bool>) {
    if bits.len() > 0 {
        let word = bits
            .enumerate()
            .fold(0, |word, (at, bit)| word | u64::from(bit) << at);
        words.push(word);
    }
}

/// 64 bytes that are 0 or 1 as bits.
///
/// The loops that compare write bytes, which vectorizes; one multiplication then moves the low
/// bits of eight bytes side by side (the products' bits never meet, so nothing carries).
#[inline]
fn pack(bytes: &[u8; 64]) -> u64 {
    const SIDE_BY_SIDE: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = bytes.as_chunks::<8>();
    eights.iter().enumerate().fold(0, |word, (at, eight)| {
        word | (u64::from_le_bytes(*eight).wrapping_mul(SIDE_BY_SIDE) >> 56) << (at * 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_selections_agree() {
        let check = |rows: usize, step: usize, selected: Option<Vec<u32>>| {
            let values: Vec<usize> = (0..rows).collect();
            let test = |value: usize| value.is_multiple_of(step);
            let selection = match selected {
                Some(list) => Selection::from_rows(rows, list),
                None => Selection::all(rows),
            };
            let want: Vec<usize> = selection.iter().filter(|&row| !test(row)).collect();
            let (mut each, mut zip, mut by_row) = (Vec::new(), Vec::new(), Vec::new());
            Target::Mask(&mut each).each(&values, true, test);
            Target::Mask(&mut zip).zip(&values, &values, true, |a, b| a == b && test(a));
            Target::Mask(&mut by_row).rows(rows, true, test);
            for words in [&each, &zip, &by_row] {
                assert_eq!(words.len(), word_count(rows));
                let mut narrowed = selection.clone();
                narrow(&mut narrowed, words, &mut Buffers::default());
                assert_eq!(narrowed.iter().collect::<Vec<_>>(), want, "{rows} {step}");
            }
            let mut narrowed = selection.clone();
            Target::Rows(&mut narrowed).each(&values, true, test);
            assert_eq!(narrowed.iter().collect::<Vec<_>>(), want);
        };
        for rows in [0, 1, 63, 64, 65, 128, 200] {
            for step in [1, 2, 3, 64, 1000] {
                check(rows, step, None);
                check(rows, step, Some((0..rows as u32).step_by(3).collect()));
            }
        }
    }
}
