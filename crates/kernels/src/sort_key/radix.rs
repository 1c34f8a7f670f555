//! Sorting by digits: each pass moves the entries to where their digit says.
//!
//! Many entries are first spread by their uppermost digit, until what shares one lies in the cache.
//! Such a part is sorted by as many of its upper bits as are likely to tell its keys apart, from
//! the lowest digit to the highest; the few that still share these are sorted once more. Only bits
//! that vary make digits. (McIlroy, Bostic and McIlroy, *Engineering Radix Sort*, Computing
//! Systems 6(1), 1993, for the first part.)

#![allow(
    clippy::indexing_slicing,
    reason = "a digit is below the number of counts, and counts add up to the number of entries, \
              which both slices have"
)]

use std::cmp::Ordering;

/// A key and the row it belongs to. Entries are ordered by key, then by row.
pub(super) trait Entry: Copy + Ord + Default {
    /// The entry of a key that fits.
    fn new(key: u128, id: u32) -> Self;
    /// The key.
    fn key(self) -> u128;
    /// The row.
    fn id(self) -> u32;
    /// The bits of the key from `shift` on, the lower ones of which `mask` keeps.
    fn digit(self, shift: u32, mask: usize) -> usize;
}

/// A key of up to 32 bits above the row id.
impl Entry for u64 {
    #[inline]
    fn new(key: u128, id: u32) -> Self {
        (key as Self) << 32 | Self::from(id)
    }

    #[inline]
    fn key(self) -> u128 {
        u128::from(self >> 32)
    }

    #[inline]
    fn id(self) -> u32 {
        self as u32
    }

    #[inline]
    fn digit(self, shift: u32, mask: usize) -> usize {
        (self >> 32 >> shift) as usize & mask
    }
}

/// A key beside its row id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pair<K> {
    pub(super) key: K,
    pub(super) id: u32,
}

impl Ord for Pair<u64> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // As one number: compares without a branch.
        let whole = |pair: &Self| u128::from(pair.key) << 32 | u128::from(pair.id);
        whole(self).cmp(&whole(other))
    }
}

impl PartialOrd for Pair<u64> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pair<u128> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        (self.key, self.id).cmp(&(other.key, other.id))
    }
}

impl PartialOrd for Pair<u128> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Entry for Pair<u64> {
    #[inline]
    fn new(key: u128, id: u32) -> Self {
        Self {
            key: key as u64,
            id,
        }
    }

    #[inline]
    fn key(self) -> u128 {
        u128::from(self.key)
    }

    #[inline]
    fn id(self) -> u32 {
        self.id
    }

    #[inline]
    fn digit(self, shift: u32, mask: usize) -> usize {
        (self.key >> shift) as usize & mask
    }
}

impl Entry for Pair<u128> {
    #[inline]
    fn new(key: u128, id: u32) -> Self {
        Self { key, id }
    }

    #[inline]
    fn key(self) -> u128 {
        self.key
    }

    #[inline]
    fn id(self) -> u32 {
        self.id
    }

    #[inline]
    fn digit(self, shift: u32, mask: usize) -> usize {
        (self.key >> shift) as usize & mask
    }
}

/// Fewer entries are sorted by comparing.
const SMALL: usize = 64;
/// So many entries and their copies lie in the second cache.
const CACHED: usize = 1 << 15;
/// The bits of a digit of cached entries.
const DIGIT: u32 = 11;
/// The bits of a digit that spreads many entries: few enough places to write to.
const SPREAD: u32 = 8;

/// Where the entries of each digit go.
type Counts = [u32; 1 << DIGIT];

/// Sorts entries by key; those of equal whole keys have ascending ids already, and those of equal
/// parts of keys stay in their order. The scratch is as long.
pub(super) fn sort<E: Entry>(entries: &mut [E], scratch: &mut [E]) {
    debug_assert_eq!(entries.len(), scratch.len());
    sort_part(entries, scratch, true);
}

/// Sorts the entries in `from`, and leaves them there or in `other`.
fn sort_part<E: Entry>(from: &mut [E], other: &mut [E], stay: bool) {
    if from.len() <= SMALL {
        from.sort_unstable();
        if !stay {
            other.copy_from_slice(from);
        }
        return;
    }
    let first = from[0].key();
    let varying = from
        .iter()
        .fold(0, |all, entry| all | (entry.key() ^ first));
    // The bits that vary lie between these two.
    let low = varying
        .trailing_zeros()
        .min(u128::BITS - varying.leading_zeros());
    let high = u128::BITS - varying.leading_zeros();
    if from.len() <= CACHED || high - low <= 2 * DIGIT {
        sort_cached(from, other, stay, low, high);
        return;
    }
    let shift = high - SPREAD;
    let mut counts: Counts = [0; 1 << DIGIT];
    let ends = scatter(from, other, shift, SPREAD, &mut counts);
    let mut start = 0;
    for &end in ends {
        let end = end as usize;
        if end > start {
            sort_part(&mut other[start..end], &mut from[start..end], !stay);
        }
        start = end;
    }
}

fn sort_cached<E: Entry>(from: &mut [E], other: &mut [E], stay: bool, low: u32, high: u32) {
    let count = from.len();
    // Of this many bits two random keys are hardly ever the same.
    let likely = 2 * count.ilog2() + 2;
    let passes = likely.min(high - low).div_ceil(DIGIT);
    let digit = likely.min(high - low).div_ceil(passes.max(1));
    let bottom = high.saturating_sub(digit * passes).max(low);
    let (mut sorted, mut free, mut moved) = (from, other, false);
    let mut counts: Counts = [0; 1 << DIGIT];
    for shift in (bottom..high).step_by(digit.max(1) as usize) {
        scatter(sorted, free, shift, digit.min(high - shift), &mut counts);
        std::mem::swap(&mut sorted, &mut free);
        moved = !moved;
    }
    if bottom > low {
        let mut start = 0;
        while start < count {
            let top = sorted[start].key() >> bottom;
            let rest = sorted[start..].iter();
            let equal = rest
                .take_while(|entry| entry.key() >> bottom == top)
                .count();
            let end = start + equal;
            if equal > 1 {
                sort_part(&mut sorted[start..end], &mut free[start..end], true);
            }
            start = end;
        }
    }
    if moved == stay {
        free.copy_from_slice(sorted);
    }
}

/// Moves the entries to where their digit says, those of a digit in the order they had. The ends of
/// the digits' places.
fn scatter<'a, E: Entry>(
    from: &[E],
    to: &mut [E],
    shift: u32,
    bits: u32,
    counts: &'a mut Counts,
) -> &'a [u32] {
    let mask = (1usize << bits) - 1;
    let counts = &mut counts[..=mask];
    counts.fill(0);
    for entry in from {
        counts[entry.digit(shift, mask)] += 1;
    }
    let mut sum = 0;
    for count in counts.iter_mut() {
        sum += std::mem::replace(count, sum);
    }
    for &entry in from {
        let place = &mut counts[entry.digit(shift, mask)];
        to[*place as usize] = entry;
        *place += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<E: Entry + std::fmt::Debug>(keys: &[u128]) {
        let entries = keys.iter().zip(0..);
        let entries: Vec<E> = entries.map(|(&key, id)| E::new(key, id)).collect();
        let (mut want, mut got) = (entries.clone(), entries);
        want.sort();
        let mut scratch = vec![E::default(); got.len()];
        sort(&mut got, &mut scratch);
        assert_eq!(got, want);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn entries_of_every_width(
            seeds in prop::collection::vec(any::<u128>(), 1..8),
            count in prop_oneof![0..200usize, 200..3000usize, 32_000..70_000usize],
            mask in prop_oneof![Just(u128::MAX), Just(0), any::<u128>()],
            shift in 0..128u32,
            few in prop::option::of(1..20usize),
        ) {
            let mut state = seeds[0] | 1;
            let mut keys = Vec::with_capacity(count);
            for at in 0..count {
                state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
                let key = state.rotate_left(50) & (mask >> shift);
                keys.push(few.map_or(key, |few| seeds[at % few.min(seeds.len())]));
            }
            check::<Pair<u128>>(&keys);
            check::<Pair<u64>>(&keys.iter().map(|key| key & u128::from(u64::MAX)).collect::<Vec<_>>());
            check::<u64>(&keys.iter().map(|key| key & u128::from(u32::MAX)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn keys_that_hardly_differ() {
        // One key apart from many equal ones, in any bit.
        for bit in 0..128 {
            let mut keys = vec![0u128; 1000];
            keys[500] = 1 << bit;
            check::<Pair<u128>>(&keys);
        }
        // Many keys that differ below the bits that are looked at first, beside one that is far.
        let mut keys: Vec<u128> = (0..40_000).map(|key| key * 7919 % 40_000).collect();
        keys[17] = 1 << 63;
        check::<Pair<u64>>(&keys);
    }
}
