//! Sorted runs, merged in pieces that are independent of each other.

#![allow(
    clippy::indexing_slicing,
    reason = "pieces are ranges of the runs, as `cut_runs` gives them, and a merge takes as many \
              entries as both of its inputs have"
)]

use std::cmp::Ordering;
use std::ops::Range;

use super::packing::Packing;
use super::radix::{self, Entry, Pair};
use super::rows::KeyRows;
use super::run::{Entries, Run, ids, order_prefixes, order_rows, sort_equals};

/// How many samples of the runs a piece has: its size is right within a few parts of this.
const SAMPLES: usize = 64;
/// More runs than this are not merged but sorted anew, which costs as much for any number.
const MERGED: usize = 8;

/// Cuts runs so that all rows of a piece come before all of the next one: item `run` of piece `piece` is the
/// range of the run's rows. The pieces are about equally long, however often a key occurs; of runs
/// [to be merged](Run::sort_to_merge) that are not [whole](Run::is_whole), as nearly as keys that
/// begin alike can stay together.
///
/// `keys` are the chunks that the runs were sorted from.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::Int64Array;
/// use esker_datatypes::{Buffers, Column, DataType};
/// use esker_kernels::sort_key::{Run, SortKeys, SortOptions, cut_runs, merge_runs};
/// let options = SortOptions { descending: false, nulls_first: false };
/// let encoder = SortKeys::new(&[(DataType::Int64, options)])?;
/// let mut keys = Vec::new();
/// for values in [vec![5, 1, 3], vec![4, 2]] {
///     let column = Column::flat(Arc::new(Int64Array::from(values)));
///     keys.push(encoder.encode(&[&column], column.len(), &mut Buffers::default())?);
/// }
/// let runs = [Run::sort(&keys, 0..1), Run::sort(&keys, 1..2)];
/// let mut ids = Vec::new();
/// for piece in cut_runs(&runs, &keys, 2) {
///     ids.extend(merge_runs(&runs, &keys, &piece));
/// }
/// assert_eq!(ids, [1, 1 << 16 | 1, 2, 1 << 16, 0]);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn cut_runs(runs: &[Run], keys: &[KeyRows], pieces: usize) -> Vec<Vec<Range<usize>>> {
    if is_in_groups(runs) {
        // Between keys that do not begin alike.
        let first = |run: &Run, position: usize| prefixes(run)[position].key;
        let before = |run: &Run, border| prefixes(run).partition_point(|entry| entry.key < border);
        return cut_at(runs, pieces, first, u64::cmp, before);
    }
    let order = |&a: &u32, &b: &u32| order_rows(keys, a, b);
    cut_at(runs, pieces, Run::id, order, |run, border| {
        rows_before(run, border, keys)
    })
}

/// Cuts runs at borders from among samples of the rows: what a sample is of a row, their order, and
/// how many rows of a run come before one.
fn cut_at<S: Copy>(
    runs: &[Run],
    pieces: usize,
    sample: impl Fn(&Run, usize) -> S,
    order: impl Fn(&S, &S) -> Ordering,
    rows_before: impl Fn(&Run, S) -> usize,
) -> Vec<Vec<Range<usize>>> {
    let pieces = pieces.max(1);
    let total: usize = runs.iter().map(Run::len).sum();
    let step = (total / (pieces * SAMPLES)).max(1);
    let mut samples = Vec::with_capacity(total / step + runs.len());
    for run in runs {
        let positions = (step / 2..run.len()).step_by(step);
        samples.extend(positions.map(|position| sample(run, position)));
    }
    samples.sort_unstable_by(order);
    let mut starts = vec![0; runs.len()];
    let mut cut = Vec::with_capacity(pieces);
    for piece in 1..=pieces {
        let border = samples.get(piece * samples.len() / pieces);
        let border = border.filter(|_| piece < pieces);
        let end = |run: &Run| border.map_or(run.len(), |&border| rows_before(run, border));
        let ends: Vec<usize> = runs.iter().map(end).collect();
        let ranges = starts.iter().zip(&ends);
        cut.push(ranges.map(|(&start, &end)| start..end).collect());
        starts = ends;
    }
    cut
}

/// Whether some runs are sorted by the first bytes of keys alone; then all are of keys of bytes.
fn is_in_groups(runs: &[Run]) -> bool {
    let in_groups = |run: &Run| matches!(run.entries, Entries::Groups(_));
    runs.iter().any(in_groups)
}

/// The first bytes of keys of bytes, in order.
fn prefixes(run: &Run) -> &[Pair<u64>] {
    match &run.entries {
        Entries::Prefixes(entries) | Entries::Groups(entries) => entries,
        Entries::Short(_) | Entries::Long(_) | Entries::Wide(_) => &[],
    }
}

/// Merges groups of keys that begin alike, and sorts these.
fn merge_groups(parts: &[Part<'_>], keys: &[KeyRows]) -> Vec<u32> {
    let (mut entries, bounds) = gather::<Pair<u64>>(parts, None);
    // The parts are in the order of their chunks: equal keys stay in the order of their ids.
    let few = parts.len() <= MERGED;
    if few {
        entries = merge(entries, bounds, &|a, b| a.key < b.key);
    }
    let mut scratch = vec![Pair::default(); entries.len()];
    if !few {
        radix::sort(&mut entries, &mut scratch);
    }
    sort_equals(&mut entries, &mut scratch, keys, 0);
    ids(&entries)
}

/// The ids of the rows of a piece, in order; equal keys in the order of their ids.
///
/// `keys` are the chunks that the runs were sorted from, no chunk for two of them, and `piece` is
/// one of [`cut_runs`].
pub fn merge_runs(runs: &[Run], keys: &[KeyRows], piece: &[Range<usize>]) -> Vec<u32> {
    let mut parts: Vec<Part<'_>> = runs.iter().zip(piece.iter().cloned()).collect();
    parts.retain(|(_, range)| !range.is_empty());
    if is_in_groups(runs) {
        parts.sort_by_key(|(run, _)| run.chunks.start);
        return merge_groups(&parts, keys);
    }
    let first = |(run, range): &Part<'_>| run.id(range.start);
    let last = |(run, range): &Part<'_>| run.id(range.end - 1);
    parts.sort_by(|a, b| order_rows(keys, first(a), first(b)));
    let apart = |pair: &[Part<'_>]| order_rows(keys, last(&pair[0]), first(&pair[1])).is_lt();
    if parts.windows(2).all(apart) {
        let parts = parts.into_iter();
        return parts.flat_map(|(run, range)| run.ids_of(range)).collect();
    }
    parts.sort_by_key(|(run, _)| run.chunks.start);
    let packings = parts.iter().map(|(run, _)| run.packing.clone());
    let packing = packings.reduce(|all, packing| all.union(&packing));
    let packing = packing.unwrap_or_else(|| Packing::of(std::iter::empty()));
    match packing.bits() {
        0..=32 => merge_words::<u64>(&parts, &packing),
        33..=64 => merge_words::<Pair<u64>>(&parts, &packing),
        65..=128 => merge_words::<Pair<u128>>(&parts, &packing),
        _ => {
            let (entries, bounds) = gather::<Pair<u64>>(&parts, None);
            let less = |a: &Pair<u64>, b: &Pair<u64>| order_prefixes(keys, a, b).is_lt();
            ids(&merge(entries, bounds, &less))
        }
    }
}

/// The rows of a run that belong to a piece.
type Part<'a> = (&'a Run, Range<usize>);

/// How many rows of a run come before a row.
fn rows_before(run: &Run, id: u32, keys: &[KeyRows]) -> usize {
    let (mut low, mut high) = (0, run.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if order_rows(keys, run.id(middle), id).is_lt() {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

fn merge_words<E: Entry>(parts: &[Part<'_>], packing: &Packing) -> Vec<u32> {
    let (mut entries, bounds) = gather::<E>(parts, Some(packing));
    if parts.len() <= MERGED {
        return ids(&merge(entries, bounds, &|a, b| a < b));
    }
    // The parts are in the order of their chunks: equal keys stay in the order of their ids.
    let mut scratch = vec![E::default(); entries.len()];
    radix::sort(&mut entries, &mut scratch);
    ids(&entries)
}

/// The entries of all parts, packed anew, or else with the first bytes of their keys; and where
/// each part begins and the last ends.
fn gather<E: Entry>(parts: &[Part<'_>], packing: Option<&Packing>) -> (Vec<E>, Vec<usize>) {
    let total = parts.iter().map(|(_, range)| range.len()).sum();
    let mut all = Vec::with_capacity(total);
    let mut bounds = vec![0];
    for (run, range) in parts {
        let range = range.clone();
        match &run.entries {
            Entries::Short(entries) => add(&mut all, &entries[range], &run.packing, packing),
            Entries::Long(entries) => add(&mut all, &entries[range], &run.packing, packing),
            Entries::Wide(entries) => add(&mut all, &entries[range], &run.packing, packing),
            Entries::Prefixes(entries) | Entries::Groups(entries) => {
                let entries = entries[range].iter();
                all.extend(entries.map(|entry| E::new(entry.key(), entry.id())));
            }
        }
        bounds.push(all.len());
    }
    (all, bounds)
}

fn add<F: Entry, E: Entry>(all: &mut Vec<E>, entries: &[F], from: &Packing, to: Option<&Packing>) {
    let entries = entries.iter();
    match to {
        Some(to) if to == from => {
            all.extend(entries.map(|entry| E::new(entry.key(), entry.id())));
        }
        Some(to) => {
            all.extend(entries.map(|entry| E::new(to.pack(from.unpack(entry.key())), entry.id())))
        }
        // The key is longer in other runs: it is a double word.
        None => {
            all.extend(entries.map(|entry| E::new(from.unpack(entry.key()).high >> 64, entry.id())))
        }
    }
}

/// Merges sorted parts, two and two until one is left.
fn merge<E: Entry>(
    mut entries: Vec<E>,
    mut bounds: Vec<usize>,
    less: &impl Fn(&E, &E) -> bool,
) -> Vec<E> {
    let mut merged = vec![E::default(); entries.len()];
    while bounds.len() > 2 {
        let mut next = vec![0];
        for at in (0..bounds.len() - 1).step_by(2) {
            let (start, middle) = (bounds[at], bounds[at + 1]);
            // The last part of an odd number is merged with nothing.
            let end = bounds.get(at + 2).copied().unwrap_or(middle);
            let (left, right) = (&entries[start..middle], &entries[middle..end]);
            merge_two(left, right, &mut merged[start..end], less);
            next.push(end);
        }
        std::mem::swap(&mut entries, &mut merged);
        bounds = next;
    }
    entries
}

/// Merges two sorted lists from both ends at once: two chains of comparisons that do not wait for
/// each other, without a branch that depends on one.
fn merge_two<E: Copy>(left: &[E], right: &[E], out: &mut [E], less: &impl Fn(&E, &E) -> bool) {
    if let (Some(last), Some(first)) = (left.last(), right.first())
        && less(last, first)
    {
        out[..left.len()].copy_from_slice(left);
        out[left.len()..].copy_from_slice(right);
        return;
    }
    let both = (out.len() / 2).min(left.len()).min(right.len());
    let (mut left_start, mut right_start) = (0, 0);
    let (mut left_end, mut right_end) = (left.len(), right.len());
    for at in 0..both {
        let (a, b) = (&left[left_start], &right[right_start]);
        let from_right = less(b, a);
        out[at] = *std::hint::select_unpredictable(from_right, b, a);
        left_start += usize::from(!from_right);
        right_start += usize::from(from_right);

        let (a, b) = (&left[left_end - 1], &right[right_end - 1]);
        let from_left = less(b, a);
        let end = left_end + right_end - 1;
        out[end] = *std::hint::select_unpredictable(from_left, a, b);
        left_end -= usize::from(from_left);
        right_end -= usize::from(!from_left);
    }
    // What is left between the ends.
    let between = left_start + right_start..left_end + right_end;
    for out in &mut out[between] {
        let from_right = left_start == left_end
            || right_start < right_end && less(&right[right_start], &left[left_start]);
        let next = if from_right {
            (right, &mut right_start)
        } else {
            (left, &mut left_start)
        };
        *out = next.0[*next.1];
        *next.1 += 1;
    }
}
