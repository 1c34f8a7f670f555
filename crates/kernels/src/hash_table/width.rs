//! The number of words of a key, known to the compiler where it is small.

#![allow(
    clippy::indexing_slicing,
    reason = "rows are below the number of rows, which have this number of words"
)]

/// The number of words of a key: known to the compiler, or not.
pub(super) trait Width: Copy {
    /// Whether two rows have the same words.
    fn same(self, left: &[u64], left_row: usize, right: &[u64], right_row: usize) -> bool;

    /// Appends a row's words to others.
    fn push(self, to: &mut Vec<u64>, from: &[u64], row: usize);
}

/// So many words.
#[derive(Clone, Copy)]
pub(super) struct Exactly<const N: usize>;

impl<const N: usize> Width for Exactly<N> {
    #[inline]
    fn same(self, left: &[u64], left_row: usize, right: &[u64], right_row: usize) -> bool {
        let (left, right) = (
            &left.as_chunks::<N>().0[left_row],
            &right.as_chunks::<N>().0[right_row],
        );
        // Without branches: the words are nearly always all the same.
        let differences = left
            .iter()
            .zip(right)
            .fold(0, |all, (left, right)| all | (left ^ right));
        differences == 0
    }

    #[inline]
    fn push(self, to: &mut Vec<u64>, from: &[u64], row: usize) {
        from.as_chunks::<N>().0[row]
            .iter()
            .for_each(|&word| to.push(word));
    }
}

/// Any number of words.
#[derive(Clone, Copy)]
pub(super) struct Any(pub(super) usize);

impl Width for Any {
    #[inline]
    fn same(self, left: &[u64], left_row: usize, right: &[u64], right_row: usize) -> bool {
        let row = |row: usize| row * self.0..(row + 1) * self.0;
        left[row(left_row)] == right[row(right_row)]
    }

    fn push(self, to: &mut Vec<u64>, from: &[u64], row: usize) {
        to.extend_from_slice(&from[row * self.0..(row + 1) * self.0]);
    }
}
