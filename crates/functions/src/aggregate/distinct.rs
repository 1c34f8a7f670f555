//! The sets of distinct values of all groups: one hash table a column, keyed by group and value.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, and places in the table are masked by its \
              size, a power of two"
)]

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, make_view};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Decimal128Type, Decimal256Type, UInt64Type, i256};
use esker_datatypes::{Buffers, DataType, Error, Result};
use esker_kernels::compare::Bytes;
use esker_kernels::hash::{fold, hash_bytes};
use esker_kernels::value::{Fixed, Key, Value};
use esker_kernels::views::{INLINE, view_array, with_value};

use super::common::{bytes_of, typed};
use super::rows::{Rows, with_distinct};

// Odd numbers without pattern: the fractions of the golden ratio and of the root of two.
const GROUP: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX: u64 = 0x6a09_e667_f3bc_c909;

/// No group: the place is free.
const FREE: u32 = u32::MAX;

/// Sets of values.
pub(super) trait Sets: Send {
    /// There are more groups from now on.
    fn more_groups(&mut self);

    /// Adds values, and one to the count of each group that did not have the value.
    fn add(&mut self, rows: &Rows<'_>, counts: &mut [i64], buffers: &mut Buffers) -> Result<()>;

    /// Adds what [`items`](Self::items) gave.
    fn add_items(
        &mut self,
        rows: &Rows<'_>,
        counts: &mut [i64],
        buffers: &mut Buffers,
    ) -> Result<()>;

    /// The distinct values of a range of groups, one group behind the other, and where each begins.
    fn items(&self, groups: Range<usize>, n_groups: usize)
    -> Result<(OffsetBuffer<i64>, ArrayRef)>;

    /// The type of the items.
    fn item_type(&self) -> DataType;

    /// Makes the sets of groups empty.
    fn clear(&mut self, groups: &Range<usize>);

    /// The bytes taken.
    fn size(&self) -> usize;
}

/// What an entry of a table must tell.
trait Entry: Copy {
    /// The group, or [`FREE`].
    fn group(&self) -> u32;

    /// The hash of group and value.
    fn hash(&self) -> u64;
}

/// A table with linear probing, at most five eighths full.
struct Table<E> {
    places: Vec<E>,
    free: E,
    len: usize,
}

impl<E: Entry> Table<E> {
    fn new(free: E) -> Self {
        Self {
            places: Vec::new(),
            free,
            len: 0,
        }
    }

    /// Makes room for one more entry.
    #[inline]
    fn reserve(&mut self) {
        if (self.len + 1) * 8 > self.places.len() * 5 {
            self.rebuild((self.places.len() * 2).max(64), |_| true);
        }
    }

    /// The place where an entry of this hash stands or is to stand. There must be a free one.
    #[inline]
    fn find(&self, hash: u64, same: impl Fn(&E) -> bool) -> usize {
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        while self.places[at].group() != FREE && !same(&self.places[at]) {
            at = (at + 1) & mask;
        }
        at
    }

    #[cold]
    fn rebuild(&mut self, size: usize, keep: impl Fn(&E) -> bool) {
        let old = std::mem::replace(&mut self.places, vec![self.free; size]);
        self.len = 0;
        for entry in old {
            if entry.group() != FREE && keep(&entry) {
                let at = self.find(entry.hash(), |_| false);
                self.places[at] = entry;
                self.len += 1;
            }
        }
    }

    fn clear(&mut self, groups: &Range<usize>) {
        if !self.places.is_empty() {
            self.rebuild(self.places.len(), |entry| {
                !groups.contains(&(entry.group() as usize))
            });
        }
    }

    /// The entries in the order of their groups, and where each group begins.
    fn grouped(&self, n_groups: usize) -> Grouped<E> {
        let entries = || self.places.iter().filter(|entry| entry.group() != FREE);
        let mut starts = vec![0; n_groups + 1];
        entries().for_each(|entry| starts[entry.group() as usize + 1] += 1);
        for group in 0..n_groups {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut sorted = vec![self.free; self.len];
        for entry in entries() {
            let at = &mut next[entry.group() as usize];
            sorted[*at] = *entry;
            *at += 1;
        }
        Grouped {
            starts,
            entries: sorted,
        }
    }
}

/// The entries of a table by group: made when states are asked for, dropped by the next change.
struct Grouped<E> {
    starts: Vec<usize>,
    entries: Vec<E>,
}

impl<E> Grouped<E> {
    fn range(&self, groups: Range<usize>) -> (OffsetBuffer<i64>, &[E]) {
        let lengths = self.starts[groups.start..=groups.end].windows(2);
        let offsets = OffsetBuffer::from_lengths(lengths.map(|pair| pair[1] - pair[0]));
        (
            offsets,
            &self.entries[self.starts[groups.start]..self.starts[groups.end]],
        )
    }

    fn size(&self) -> usize {
        bytes_of(&self.starts) + bytes_of(&self.entries)
    }
}

/// The hash of a group and the digest of a value.
#[inline]
fn hash(group: u32, digest: u64) -> u64 {
    fold(digest ^ u64::from(group).wrapping_mul(GROUP), MIX)
}

/// A key of a fixed width that equal values share, and the Arrow type that keeps it in a state.
pub(super) trait FixedKey: Key + Default + Send + Sync + 'static {
    /// The type of the state's items.
    type Item: Fixed<Value: Value<Key = Self>>;

    /// The key as an item, whose key it is.
    fn item(self) -> <Self::Item as ArrowPrimitiveType>::Native;
}

impl FixedKey for u64 {
    type Item = UInt64Type;

    fn item(self) -> u64 {
        self
    }
}

impl FixedKey for u128 {
    type Item = Decimal128Type;

    fn item(self) -> i128 {
        self as i128
    }
}

impl FixedKey for i256 {
    type Item = Decimal256Type;

    fn item(self) -> i256 {
        self
    }
}

#[derive(Clone, Copy)]
struct KeyEntry<K> {
    key: K,
    group: u32,
}

impl<K: FixedKey> Entry for KeyEntry<K> {
    #[inline]
    fn group(&self) -> u32 {
        self.group
    }

    #[inline]
    fn hash(&self) -> u64 {
        hash(self.group, self.key.digest())
    }
}

/// Writes the keys of rows.
pub(super) type Keys<K> = fn(&Rows<'_>, &mut Vec<K>) -> Result<()>;

/// Sets of values of a fixed width.
pub(super) struct KeySets<K> {
    table: Table<KeyEntry<K>>,
    grouped: OnceCell<Grouped<KeyEntry<K>>>,
    keys: Keys<K>,
    scratch: Vec<K>,
}

/// The keys of values of a fixed width: NaN is one value, and so is zero.
pub(super) fn fixed_keys<T: Fixed>(
    rows: &Rows<'_>,
    keys: &mut Vec<<T::Value as Value>::Key>,
) -> Result<()> {
    let values = T::values(typed::<T>(rows.array)?);
    match rows.index {
        None => keys.extend(values.iter().map(|value| value.key())),
        Some(index) => keys.extend(index.iter().map(|&at| values[at as usize].key())),
    }
    Ok(())
}

/// The keys of truth values.
pub(super) fn flag_keys(rows: &Rows<'_>, keys: &mut Vec<u64>) -> Result<()> {
    let Some(array) = rows.array.as_boolean_opt() else {
        return Err(Error::internal(
            "counting distinct values that are not Boolean",
        ));
    };
    let values = array.values();
    rows.for_each_at(|_, at| keys.push(u64::from(values.value(at))));
    Ok(())
}

impl<K: FixedKey> KeySets<K> {
    pub(super) fn new(keys: Keys<K>) -> Self {
        Self {
            table: Table::new(KeyEntry {
                key: K::default(),
                group: FREE,
            }),
            grouped: OnceCell::new(),
            keys,
            scratch: Vec::new(),
        }
    }

    fn put(&mut self, groups: &[u32], keys: &[K], counts: &mut [i64]) {
        self.grouped.take();
        let table = &mut self.table;
        let mut last = None;
        for (&group, &key) in groups.iter().zip(keys) {
            // Runs of one value are common.
            if last == Some((group, key)) {
                continue;
            }
            last = Some((group, key));
            table.reserve();
            let entry = KeyEntry { key, group };
            let at = table.find(entry.hash(), |e| e.group == group && e.key == key);
            if table.places[at].group == FREE {
                table.places[at] = entry;
                table.len += 1;
                counts[group as usize] += 1;
            }
        }
    }

    fn add_by(&mut self, keys: Keys<K>, rows: &Rows<'_>, counts: &mut [i64]) -> Result<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        keys(rows, &mut scratch)?;
        self.put(rows.groups, &scratch, counts);
        self.scratch = scratch;
        Ok(())
    }
}

impl<K: FixedKey> Sets for KeySets<K> {
    fn more_groups(&mut self) {
        self.grouped.take();
    }

    fn add(&mut self, rows: &Rows<'_>, counts: &mut [i64], buffers: &mut Buffers) -> Result<()> {
        with_distinct(rows, buffers, |rows, _| {
            self.add_by(self.keys, rows, counts)
        })
    }

    fn add_items(
        &mut self,
        rows: &Rows<'_>,
        counts: &mut [i64],
        _buffers: &mut Buffers,
    ) -> Result<()> {
        self.add_by(fixed_keys::<K::Item>, rows, counts)
    }

    fn items(
        &self,
        groups: Range<usize>,
        n_groups: usize,
    ) -> Result<(OffsetBuffer<i64>, ArrayRef)> {
        let grouped = self.grouped.get_or_init(|| self.table.grouped(n_groups));
        let (offsets, entries) = grouped.range(groups);
        let items = entries.iter().map(|entry| entry.key.item());
        let items = PrimitiveArray::<K::Item>::from_iter_values(items);
        Ok((offsets, Arc::new(items)))
    }

    fn item_type(&self) -> DataType {
        K::Item::DATA_TYPE
    }

    fn clear(&mut self, groups: &Range<usize>) {
        self.grouped.take();
        self.table.clear(groups);
    }

    fn size(&self) -> usize {
        let grouped = self.grouped.get().map_or(0, Grouped::size);
        bytes_of(&self.table.places) + bytes_of(&self.scratch) + grouped
    }
}

#[derive(Clone, Copy)]
struct ByteEntry {
    view: u128,
    hash: u64,
    group: u32,
}

impl Entry for ByteEntry {
    #[inline]
    fn group(&self) -> u32 {
        self.group
    }

    #[inline]
    fn hash(&self) -> u64 {
        self.hash
    }
}

/// Sets of text or binary values.
pub(super) struct ByteSets {
    table: Table<ByteEntry>,
    arena: Vec<u8>,
    grouped: OnceCell<Grouped<ByteEntry>>,
}

impl ByteSets {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(ByteEntry {
                view: 0,
                hash: 0,
                group: FREE,
            }),
            arena: Vec::new(),
            grouped: OnceCell::new(),
        }
    }

    /// Adds a value; whether the group did not have it.
    #[inline]
    fn put(&mut self, group: u32, digest: u64, value: &[u8]) -> bool {
        let hash = hash(group, digest);
        let view = make_view(value, 0, 0);
        let arena = &self.arena;
        self.table.reserve();
        let at = self.table.find(hash, |entry| {
            entry.hash == hash
                && entry.group == group
                && if value.len() <= INLINE {
                    entry.view == view
                } else {
                    // Length and first bytes, then all of them.
                    entry.view as u64 == view as u64
                        && with_value(entry.view, arena, |old| old == value)
                }
        });
        if self.table.places[at].group != FREE {
            return false;
        }
        let view = if value.len() <= INLINE {
            view
        } else {
            let place = self.arena.len() as u64;
            self.arena.extend_from_slice(value);
            u128::from(view as u64) | u128::from(place) << 64
        };
        self.table.places[at] = ByteEntry { view, hash, group };
        self.table.len += 1;
        true
    }
}

impl Sets for ByteSets {
    fn more_groups(&mut self) {
        self.grouped.take();
    }

    fn add(&mut self, rows: &Rows<'_>, counts: &mut [i64], buffers: &mut Buffers) -> Result<()> {
        self.grouped.take();
        with_distinct(rows, buffers, |rows, buffers| {
            let bytes = Bytes::new(rows.array)?;
            let mut put = |group: usize, digest, value: &[u8]| {
                counts[group] += i64::from(self.put(group as u32, digest, value));
            };
            // Each value of a small dictionary is hashed once.
            if rows.coded && rows.array.len() <= rows.groups.len() {
                let mut known = buffers.take::<u64>(rows.array.len());
                known.extend((0..rows.array.len()).map(|at| hash_bytes(bytes.value(at))));
                rows.for_each_at(|group, at| put(group, known[at], bytes.value(at)));
                buffers.give(known);
                return Ok(());
            }
            macro_rules! each {
                ($array:expr) => {
                    rows.for_each_at(|group, at| {
                        let value: &[u8] = $array.value(at);
                        put(group, hash_bytes(value), value);
                    })
                };
            }
            match &bytes {
                Bytes::Offsets(array) => each!(array),
                Bytes::LargeOffsets(array) => each!(array),
                Bytes::Views(array) => each!(array),
                Bytes::Fixed(array) => each!(array),
            }
            Ok(())
        })
    }

    fn add_items(
        &mut self,
        rows: &Rows<'_>,
        counts: &mut [i64],
        buffers: &mut Buffers,
    ) -> Result<()> {
        self.add(rows, counts, buffers)
    }

    fn items(
        &self,
        groups: Range<usize>,
        n_groups: usize,
    ) -> Result<(OffsetBuffer<i64>, ArrayRef)> {
        let grouped = self.grouped.get_or_init(|| self.table.grouped(n_groups));
        let (offsets, entries) = grouped.range(groups);
        let views: Vec<u128> = entries.iter().map(|entry| entry.view).collect();
        let items = view_array(&views, &self.arena, None, &DataType::BinaryView)?;
        Ok((offsets, items))
    }

    fn item_type(&self) -> DataType {
        DataType::BinaryView
    }

    /// The bytes of the values that go stay in the arena, until nothing else does.
    fn clear(&mut self, groups: &Range<usize>) {
        self.grouped.take();
        self.table.clear(groups);
        if self.table.len == 0 {
            self.arena.clear();
        }
    }

    fn size(&self) -> usize {
        let grouped = self.grouped.get().map_or(0, Grouped::size);
        bytes_of(&self.table.places) + self.arena.capacity() + grouped
    }
}

/// Whether the items of a state belong to these sets.
pub(super) fn same_items(sets: &dyn Sets, items: &dyn Array) -> Result<()> {
    let (want, found) = (sets.item_type(), items.data_type());
    if want == *found {
        return Ok(());
    }
    Err(Error::internal(format!(
        "merging sets of {found} into {want}"
    )))
}
