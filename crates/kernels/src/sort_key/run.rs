//! Sorted lists of row ids.

#![allow(
    clippy::indexing_slicing,
    reason = "groups of entries lie within the entries, and positions are below their number"
)]

use std::cmp::Ordering;
use std::ops::Range;

use super::packing::Packing;
use super::radix::{self, Entry, Pair};
use super::rows::{KeyRows, Keys};
use super::word::U256;
use crate::select::chunks::{CHUNK_ROWS, chunk, row};

/// Rows of some chunks in the order of their keys; those of equal keys in the order of their ids.
/// If it is not [whole](Self::is_whole), the same of the first eight bytes of the keys.
///
/// A row's id is `chunk << 16 | row in the chunk`, and a chunk has at most
/// [`CHUNK_ROWS`] rows.
#[derive(Clone, Debug)]
pub struct Run {
    pub(super) entries: Entries,
    pub(super) packing: Packing,
    pub(super) chunks: Range<usize>,
}

/// Keys, as short as they are when packed, and ids.
#[derive(Clone, Debug)]
pub(super) enum Entries {
    /// Keys of up to 32 bits.
    Short(Vec<u64>),
    /// Keys of up to 64 bits.
    Long(Vec<Pair<u64>>),
    /// Keys of up to 128 bits.
    Wide(Vec<Pair<u128>>),
    /// The first eight bytes of longer keys.
    Prefixes(Vec<Pair<u64>>),
    /// The same, in the order of these bytes alone, and of the ids where they are equal.
    Groups(Vec<Pair<u64>>),
}

impl Run {
    /// Sorts the rows of a range of chunks. Rows that are in order already, or in long runs, are
    /// noticed.
    pub fn sort(keys: &[KeyRows], chunks: Range<usize>) -> Self {
        Self::new(keys, chunks, true)
    }

    /// Sorts the rows of a range of chunks as far as it pays before they are merged with others: long
    /// keys perhaps by their first bytes alone. To compare such keys means to wait for memory; by
    /// merging groups of equal beginnings and sorting these afterwards each key is read once. Only
    /// for [`cut_runs`](super::cut_runs) and [`merge_runs`](super::merge_runs).
    pub fn sort_to_merge(keys: &[KeyRows], chunks: Range<usize>) -> Self {
        Self::new(keys, chunks, false)
    }

    fn new(keys: &[KeyRows], chunks: Range<usize>, whole: bool) -> Self {
        let end = chunks.end.min(keys.len());
        let chunks = chunks.start.min(end)..end;
        let parts = || keys[chunks.clone()].iter().zip(chunks.clone());
        debug_assert!(parts().all(|(keys, _)| keys.len() <= CHUNK_ROWS));
        let rows = parts().map(|(keys, _)| keys.len()).sum();
        let packing = Packing::of(parts().map(|(keys, _)| keys));
        let entries = match packing.bits() {
            0..=32 => Entries::Short(packed(parts(), rows, &packing)),
            33..=64 => Entries::Long(packed(parts(), rows, &packing)),
            65..=128 => Entries::Wide(packed(parts(), rows, &packing)),
            _ => prefixes(parts(), rows, keys, whole),
        };
        Self {
            entries,
            packing,
            chunks,
        }
    }

    /// Whether the rows are in the order of their whole keys, not of their first bytes alone.
    pub fn is_whole(&self) -> bool {
        !matches!(self.entries, Entries::Groups(_))
    }

    /// The run in the order of whole keys. `keys` are the chunks that it was sorted from.
    #[must_use]
    pub fn into_whole(self, keys: &[KeyRows]) -> Self {
        let entries = match self.entries {
            Entries::Groups(mut entries) => {
                let mut scratch = vec![Pair::default(); entries.len()];
                sort_equals(&mut entries, &mut scratch, keys, 0);
                Entries::Prefixes(entries)
            }
            whole @ (Entries::Short(_)
            | Entries::Long(_)
            | Entries::Wide(_)
            | Entries::Prefixes(_)) => whole,
        };
        Self { entries, ..self }
    }

    /// The ids of the rows, in order, if the run [is whole](Self::is_whole).
    pub fn ids(&self) -> Vec<u32> {
        self.ids_of(0..self.len())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match &self.entries {
            Entries::Short(entries) => entries.len(),
            Entries::Long(entries) | Entries::Prefixes(entries) | Entries::Groups(entries) => {
                entries.len()
            }
            Entries::Wide(entries) => entries.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes taken.
    pub fn size(&self) -> usize {
        match &self.entries {
            Entries::Short(entries) => entries.capacity() * size_of::<u64>(),
            Entries::Long(entries) | Entries::Prefixes(entries) | Entries::Groups(entries) => {
                entries.capacity() * size_of::<Pair<u64>>()
            }
            Entries::Wide(entries) => entries.capacity() * size_of::<Pair<u128>>(),
        }
    }

    /// The ids of the rows at a range of positions.
    pub(super) fn ids_of(&self, range: Range<usize>) -> Vec<u32> {
        match &self.entries {
            Entries::Short(entries) => ids(&entries[range]),
            Entries::Long(entries) | Entries::Prefixes(entries) | Entries::Groups(entries) => {
                ids(&entries[range])
            }
            Entries::Wide(entries) => ids(&entries[range]),
        }
    }

    /// The id at a position.
    pub(super) fn id(&self, position: usize) -> u32 {
        match &self.entries {
            Entries::Short(entries) => entries[position].id(),
            Entries::Long(entries) | Entries::Prefixes(entries) | Entries::Groups(entries) => {
                entries[position].id()
            }
            Entries::Wide(entries) => entries[position].id(),
        }
    }
}

pub(super) fn ids<E: Entry>(entries: &[E]) -> Vec<u32> {
    entries.iter().map(|entry| entry.id()).collect()
}

/// The order of the keys of two rows, and of their ids if these are equal.
pub(super) fn order_rows(keys: &[KeyRows], a: u32, b: u32) -> Ordering {
    let order = match (keys.get(chunk(a)), keys.get(chunk(b))) {
        (Some(left), Some(right)) => left.compare(row(a), right, row(b)),
        _ => Ordering::Equal,
    };
    order.then(a.cmp(&b))
}

/// The order of entries that hold the first bytes of their keys.
pub(super) fn order_prefixes(keys: &[KeyRows], a: &Pair<u64>, b: &Pair<u64>) -> Ordering {
    a.key.cmp(&b.key).then_with(|| order_rows(keys, a.id, b.id))
}

/// What a row's key has after `depth` bytes, see [`KeyRows::part`].
fn part(keys: &[KeyRows], id: u32, depth: usize) -> (u64, bool) {
    keys.get(chunk(id))
        .map_or((0, false), |keys| keys.part(row(id), depth))
}

/// The sorted entries of packed words.
fn packed<'a, E: Entry>(
    parts: impl Iterator<Item = (&'a KeyRows, usize)>,
    rows: usize,
    packing: &Packing,
) -> Vec<E> {
    let mut entries = match packing.low_piece() {
        Some((from, mask)) => {
            entries_of(parts, rows, |key| u128::from(key.low as u64 >> from & mask))
        }
        None => entries_of(parts, rows, |key| packing.pack(key)),
    };
    match order_of(&entries, E::cmp) {
        Presorted::Up => {}
        Presorted::Down => entries.reverse(),
        Presorted::Runs => entries.sort(),
        Presorted::No => {
            let mut scratch = vec![E::default(); entries.len()];
            radix::sort(&mut entries, &mut scratch);
        }
    }
    entries
}

/// An entry for each row whose key is a word, in the order of the rows.
fn entries_of<'a, E: Entry>(
    parts: impl Iterator<Item = (&'a KeyRows, usize)>,
    rows: usize,
    pack: impl Fn(U256) -> u128,
) -> Vec<E> {
    let mut entries = Vec::with_capacity(rows);
    for (keys, chunk) in parts {
        let ids = (chunk * CHUNK_ROWS) as u32..;
        match keys.keys() {
            Keys::Narrow { high, low } => {
                let high = u128::from(*high) << 64;
                let words = low.iter().map(|&low| U256::from(high | u128::from(low)));
                entries.extend(words.zip(ids).map(|(word, id)| E::new(pack(word), id)));
            }
            Keys::Wide(keys) => {
                let words = keys.iter().map(|&low| U256::from(low));
                entries.extend(words.zip(ids).map(|(word, id)| E::new(pack(word), id)));
            }
            Keys::Double(keys) => {
                entries.extend(
                    keys.iter()
                        .zip(ids)
                        .map(|(&word, id)| E::new(pack(word), id)),
                );
            }
            Keys::Bytes { .. } => {}
        }
    }
    entries
}

/// Keys are left in groups when the largest has at most one of so many of them: more would be left to
/// one worker. Tests have few keys.
const GROUPS: usize = if cfg!(test) { 2 } else { 64 };

/// The sorted entries of keys that are too long for words; in groups, if that is enough.
fn prefixes<'a>(
    parts: impl Iterator<Item = (&'a KeyRows, usize)>,
    rows: usize,
    keys: &[KeyRows],
    whole: bool,
) -> Entries {
    let mut entries = Vec::with_capacity(rows);
    for (keys, chunk) in parts {
        let ids = (chunk * CHUNK_ROWS) as u32..;
        let rows = (0..keys.len()).zip(ids);
        entries.extend(rows.map(|(row, id)| Pair {
            key: keys.part(row, 0).0,
            id,
        }));
    }
    match order_of(&entries, |a, b| order_prefixes(keys, a, b)) {
        Presorted::Up => {}
        Presorted::Down => entries.reverse(),
        Presorted::Runs => entries.sort_by(|a, b| order_prefixes(keys, a, b)),
        Presorted::No => {
            let mut scratch = vec![Pair::default(); entries.len()];
            radix::sort(&mut entries, &mut scratch);
            if !whole && are_bytes(keys) && has_small_groups(&entries) {
                return Entries::Groups(entries);
            }
            sort_equals(&mut entries, &mut scratch, keys, 0);
        }
    }
    Entries::Prefixes(entries)
}

fn are_bytes(keys: &[KeyRows]) -> bool {
    let mut keys = keys.iter().map(KeyRows::keys);
    keys.all(|keys| matches!(keys, Keys::Bytes { .. }))
}

fn has_small_groups(entries: &[Pair<u64>]) -> bool {
    let mut groups = entries.chunk_by(|a, b| a.key == b.key);
    groups.all(|group| group.len() * GROUPS <= entries.len())
}

/// How far a list is sorted already.
enum Presorted {
    Up,
    /// Each entry is less than the one before.
    Down,
    /// Up, in runs that are worth merging.
    Runs,
    No,
}

fn order_of<E: Copy>(entries: &[E], order: impl Fn(&E, &E) -> Ordering) -> Presorted {
    let falls = entries
        .windows(2)
        .filter(|pair| order(&pair[1], &pair[0]).is_lt())
        .count();
    match falls {
        0 => Presorted::Up,
        _ if falls + 1 == entries.len() => Presorted::Down,
        // std's stable sort merges runs of at least the square root of the number of entries.
        _ if (falls + 1).saturating_mul(entries.len().isqrt().max(64)) <= entries.len() => {
            Presorted::Runs
        }
        _ => Presorted::No,
    }
}

/// Groups of fewer entries are sorted by comparing.
const SMALL_GROUP: usize = 32;
/// Keys that share more than this many bytes, too: each eight are a call within a call.
const DEEP: usize = 256;

/// Sorts entries whose keys share their first `depth` bytes and that hold the next eight: by
/// these, and then what shares them too by the next eight.
fn sort_group(
    entries: &mut [Pair<u64>],
    scratch: &mut [Pair<u64>],
    keys: &[KeyRows],
    depth: usize,
) {
    if entries.len() <= SMALL_GROUP || depth >= DEEP {
        entries.sort_unstable_by(|a, b| order_prefixes(keys, a, b));
        return;
    }
    radix::sort(entries, scratch);
    sort_equals(entries, scratch, keys, depth);
}

/// Sorts what shares the bytes that entries hold, those from `depth` on, by the bytes behind.
pub(super) fn sort_equals(
    entries: &mut [Pair<u64>],
    scratch: &mut [Pair<u64>],
    keys: &[KeyRows],
    depth: usize,
) {
    let mut start = 0;
    while start < entries.len() {
        let key = entries[start].key;
        let equal = entries[start..]
            .iter()
            .take_while(|entry| entry.key == key)
            .count();
        let group = start..start + equal;
        start = group.end;
        // No key begins another: if one of them ends here, all do, and they are equal.
        if equal == 1 || !part(keys, entries[group.start].id, depth).1 {
            continue;
        }
        let (entries, scratch) = (&mut entries[group.clone()], &mut scratch[group]);
        for entry in entries.iter_mut() {
            entry.key = part(keys, entry.id, depth + 8).0;
        }
        sort_group(entries, scratch, keys, depth + 8);
        entries.iter_mut().for_each(|entry| entry.key = key);
    }
}
