//! Values of a fixed width, as pages have them, and views of texts, which pages have not.

use arrow::datatypes::ArrowNativeType;
use esker_datatypes::Buffers;

use super::texts::Blocks;

/// The bits of a value of fixed width.
pub(super) trait Word: ArrowNativeType {
    /// A value that is seldom of use: NaN as a float, and near the end of integers and times.
    const POISON: Self;

    /// Appends values of so many bytes each, as the format has them.
    fn extend(out: &mut Vec<Self>, bytes: &[u8], width: usize);

    /// Appends those at these places, counted from `base` on; 0 for one that is not there.
    fn pick(out: &mut Vec<Self>, bytes: &[u8], width: usize, places: (&[u32], usize));

    /// The vector of this width, to be changed.
    fn of_mut(words: &mut AnyWidth) -> &mut Vec<Self>;

    /// A code as a value.
    fn of_code(code: u32) -> Self;

    /// Whether values are views of texts.
    const VIEWS: bool = false;

    /// The view of a text as a value; 0 where values are no views.
    fn of_view(_view: u128) -> Self {
        Self::default()
    }
}

/// Values of as many bytes as the word, the lowest first.
macro_rules! little_endian {
    ($word:ty, $vector:ident, $poison:expr) => {
        impl Word for $word {
            const POISON: Self = $poison;

            fn extend(out: &mut Vec<Self>, bytes: &[u8], _width: usize) {
                let (values, _) = bytes.as_chunks();
                out.extend(values.iter().map(|&value| Self::from_le_bytes(value)));
            }

            fn pick(
                out: &mut Vec<Self>,
                bytes: &[u8],
                _width: usize,
                (places, base): (&[u32], usize),
            ) {
                let (values, _) = bytes.as_chunks();
                out.extend(places.iter().map(|&place| {
                    let value = values.get((place as usize).wrapping_sub(base));
                    value.map_or(0, |&value| Self::from_le_bytes(value))
                }));
            }

            fn of_mut(words: &mut AnyWidth) -> &mut Vec<Self> {
                &mut words.$vector
            }

            fn of_code(code: u32) -> Self {
                code.into()
            }
        }
    };
}

little_endian!(u32, four, 0x7fc0_dead);
little_endian!(u64, eight, 0x7ff8_dead_dead_dead);

/// Numbers with a sign, of as many bytes as the word or fewer, the highest first.
macro_rules! big_endian {
    ($word:ty, $vector:ident) => {
        impl Word for $word {
            const POISON: Self = Self::MAX / 3;

            fn extend(out: &mut Vec<Self>, bytes: &[u8], width: usize) {
                let start = out.len();
                let words = bytes.windows(size_of::<Self>()).step_by(width);
                let word = |word: &[u8]| word.first_chunk().copied().unwrap_or_default();
                out.extend(
                    words.map(|bytes| Self::from_be_bytes(word(bytes)) >> behind::<Self>(width)),
                );
                let rest = bytes.chunks_exact(width).skip(out.len() - start);
                out.extend(rest.map(|bytes| of_bytes(bytes) as Self));
            }

            fn pick(
                out: &mut Vec<Self>,
                bytes: &[u8],
                width: usize,
                (places, base): (&[u32], usize),
            ) {
                out.extend(places.iter().map(|&place| {
                    let start = (place as usize).wrapping_sub(base).wrapping_mul(width);
                    let bytes = bytes.get(start..).unwrap_or_default();
                    match bytes.first_chunk() {
                        Some(word) => Self::from_be_bytes(*word) >> behind::<Self>(width),
                        None => bytes.get(..width).map_or(0, of_bytes) as Self,
                    }
                }));
            }

            fn of_mut(words: &mut AnyWidth) -> &mut Vec<Self> {
                &mut words.$vector
            }

            fn of_code(code: u32) -> Self {
                code.into()
            }
        }
    };
}

big_endian!(i64, digits_64);
big_endian!(i128, digits_128);

/// Views of texts, which do not stand in pages.
impl Word for u128 {
    const POISON: Self = 0;
    const VIEWS: bool = true;

    fn extend(_out: &mut Vec<Self>, _bytes: &[u8], _width: usize) {}

    fn pick(_out: &mut Vec<Self>, _bytes: &[u8], _width: usize, _places: (&[u32], usize)) {}

    fn of_mut(words: &mut AnyWidth) -> &mut Vec<Self> {
        &mut words.views
    }

    fn of_code(_code: u32) -> Self {
        0
    }

    fn of_view(view: u128) -> Self {
        view
    }
}

/// How many bits of a word that begins with a number are behind the number.
#[inline]
fn behind<T>(width: usize) -> usize {
    8 * size_of::<T>().saturating_sub(width)
}

/// A number of up to 16 bytes with a sign, the highest first.
#[inline]
fn of_bytes(bytes: &[u8]) -> i128 {
    let sign = bytes.first().map_or(0, |&first| first.cast_signed() >> 7);
    let start = i128::from(sign);
    bytes
        .iter()
        .fold(start, |number, &byte| number << 8 | i128::from(byte))
}

/// Buffers that are used again.
#[derive(Default)]
pub(super) struct Scratch {
    /// Values of a page that has nulls, without these.
    pub(super) dense: AnyWidth,
    /// Picked values, and codes of such.
    pub(super) picked: AnyWidth,
    pub(super) codes: Vec<u32>,
    /// What views of texts point into.
    pub(super) blocks: Blocks,
    /// Where picked values are.
    pub(super) places: Vec<u32>,
}

/// Values of any width.
#[derive(Default)]
pub(super) struct AnyWidth {
    four: Vec<u32>,
    eight: Vec<u64>,
    digits_64: Vec<i64>,
    digits_128: Vec<i128>,
    views: Vec<u128>,
}

impl AnyWidth {
    /// Gives the buffers back.
    fn recycle(self, buffers: &mut Buffers) {
        buffers.give(self.four);
        buffers.give(self.eight);
        buffers.give(self.digits_64);
        buffers.give(self.digits_128);
        buffers.give(self.views);
    }
}

impl Scratch {
    /// Gives the buffers back.
    pub(super) fn recycle(self, buffers: &mut Buffers) {
        self.dense.recycle(buffers);
        self.picked.recycle(buffers);
        buffers.give(self.codes);
        buffers.give(self.places);
    }
}
