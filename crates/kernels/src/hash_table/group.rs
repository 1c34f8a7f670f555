//! Groups of rows of equal keys.

use std::borrow::Cow;
use std::ops::Range;

use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};

use super::ascending::AscendingKeys;
use super::group_keys::GroupKeys;
use super::layout::KeyLayout;
use super::resolve::{Hashing, Lookup, Memo, resolve};
use super::table::{KeyTable, UNSURE};
use super::values::{Pieces, columns};
use super::words::Keys;

/// Numbers the distinct keys of rows: the groups of GROUP BY and DISTINCT.
///
/// A key is one value of each key column. Equality is that of grouping: null is a value like
/// others, NaN equals NaN, -0.0 equals 0.0, text and binary are compared by bytes in any layout,
/// nested values by their elements. Integers, dates and other keys of one word that lie close together
/// are told without hashing, and so are those that come in [ascending order](Self::ascending), as
/// long as they do.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{AsArray, StringViewArray};
/// use esker_datatypes::{Buffers, Column, DataType, Selection};
/// use esker_kernels::hash_table::GroupTable;
/// let mut table = GroupTable::new(&[DataType::Utf8View])?;
/// let (mut buffers, mut groups) = (Buffers::default(), Vec::new());
/// let states = StringViewArray::from(vec![Some("CO"), None, Some("CA"), None, Some("CO")]);
/// let states = Column::flat(Arc::new(states));
/// table.intern(&[&states], &Selection::all(5), &mut buffers, &mut groups)?;
/// assert_eq!(groups, [0, 1, 2, 1, 0]);
/// assert_eq!(table.len(), 3);
/// let keys = table.keys(0..3)?;
/// let keys = keys[0].to_flat();
/// let keys: Vec<_> = keys.as_string_view().iter().collect();
/// assert_eq!(keys, [Some("CO"), None, Some("CA")]);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub struct GroupTable {
    hashing: Hashing,
    groups: Groups,
    memo: Memo<u32>,
}

struct Groups {
    table: KeyTable,
    /// The values of nested columns.
    pieces: Vec<Pieces>,
}

impl GroupTable {
    /// An empty table for key columns of these declared types. No columns at all make one group of
    /// all rows.
    ///
    /// # Errors
    /// `Unsupported` for nested types whose values have no equality.
    pub fn new(types: &[DataType]) -> Result<Self> {
        let layout = KeyLayout::new(types, true)?;
        Ok(Self {
            groups: Groups {
                table: KeyTable::new(&layout, true).while_ascending(&layout),
                pieces: Pieces::new(&layout),
            },
            hashing: Hashing {
                layout,
                constant_hash: false,
            },
            memo: Memo::default(),
        })
    }

    /// Whether all rows get the same hash, so that all collide: a verification setting, under which
    /// no key is told without its hash. To be set before the first row comes.
    #[must_use]
    pub fn with_constant_hash(mut self, on: bool) -> Self {
        let layout = &self.hashing.layout;
        let table = KeyTable::new(layout, !on);
        self.groups.table = if on {
            table
        } else {
            table.while_ascending(layout)
        };
        self.hashing.constant_hash = on;
        self
    }

    /// Finds the group of each selected row, new groups among them: `out[i]` becomes that of the
    /// i-th selected row. Groups are numbered from 0 in the order of their first rows. What was in
    /// `out` before is dropped.
    ///
    /// The columns have the declared value types, in any encoding; text and binary columns may have
    /// another layout. Sorted or clustered rows, constant columns and combinations of small
    /// dictionaries cost less than a look-up for each row.
    ///
    /// # Errors
    /// `Internal` for columns of other types or lengths, `Unsupported` for texts of 4 GiB and more,
    /// `ResourcesExhausted` for 2^32 - 1 groups. After an error the rows before it may have been
    /// entered.
    pub fn intern(
        &mut self,
        columns: &[&Column],
        selection: &Selection,
        buffers: &mut Buffers,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        self.intern_reserving(columns, selection, buffers, out, &mut |_| Ok(()))
    }

    /// Like [`intern`](Self::intern), and asks for memory before it takes several times what it has:
    /// when the keys cease to [ascend](Self::ascending), all of them are hashed at once. `reserve` is
    /// given the number of bytes that takes, and by its error ends the call; what remains in the end
    /// is seen from [`size`](Self::size), as always.
    ///
    /// # Errors
    /// As [`intern`](Self::intern), and those of `reserve`: then the table is as it was, but for rows
    /// that went on ascending.
    pub fn intern_reserving(
        &mut self,
        columns: &[&Column],
        selection: &Selection,
        buffers: &mut Buffers,
        out: &mut Vec<u32>,
        reserve: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        self.check_open()?;
        let Self {
            hashing,
            groups,
            memo,
        } = self;
        let mut lookup = Interning { groups, reserve };
        let result = resolve(hashing, &mut lookup, memo, columns, selection, buffers, out);
        if result.is_err() {
            memo.clear();
        }
        result
    }

    /// The keys of these groups, for another table to [take over](Self::intern_keys). `None` where
    /// they have to go by [columns](Self::keys): as long as they [ascend](Self::ascending), and
    /// nested ones.
    ///
    /// # Errors
    /// `Internal` for groups that do not exist.
    pub fn cut(&self, groups: &[u32]) -> Result<Option<GroupKeys>> {
        if self.ascending().is_some() || !self.groups.pieces.is_empty() {
            return Ok(None);
        }
        if groups.iter().any(|&group| group as usize >= self.len()) {
            return Err(Error::internal("groups that a table does not have"));
        }
        Ok(Some(GroupKeys::new(&self.groups.table, groups)))
    }

    /// Finds the groups of keys of another table, new groups among them: `out[i]` becomes that of the
    /// i-th of the keys in the range. No key is made a value of a column, nor hashed anew.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow::array::StringViewArray;
    /// use esker_datatypes::{Buffers, Column, DataType, Selection};
    /// use esker_kernels::hash_table::GroupTable;
    /// let (mut buffers, mut groups) = (Buffers::default(), Vec::new());
    /// let mut table = |texts: [&str; 3]| {
    ///     let mut table = GroupTable::new(&[DataType::Utf8View])?;
    ///     let texts = Column::flat(Arc::new(StringViewArray::from(texts.to_vec())));
    ///     table.intern(&[&texts], &Selection::all(3), &mut buffers, &mut groups)?;
    ///     Ok::<_, esker_datatypes::Error>(table)
    /// };
    /// let (mut all, some) = (table(["b", "a", "c"])?, table(["c", "d", "a"])?);
    /// if let Some(keys) = some.cut(&[2, 1, 0])? {
    ///     all.intern_keys(&keys, 0..3, &mut groups)?;
    ///     assert_eq!(groups, [1, 3, 2]);
    /// }
    /// # Ok::<(), esker_datatypes::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Internal` for a range beyond the keys, and for keys of another number of words;
    /// `ResourcesExhausted` for 2^32 - 1 groups.
    pub fn intern_keys(
        &mut self,
        from: &GroupKeys,
        keys: Range<usize>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        self.check_open()?;
        let (hashing, own) = (&self.hashing, &mut self.groups);
        let there = keys.start <= keys.end && keys.end <= from.len();
        if !there || own.table.stride() != from.stride() || !own.pieces.is_empty() {
            return Err(Error::internal(format!("keys {keys:?} of {}", from.len())));
        }
        out.clear();
        out.resize(keys.len(), UNSURE);
        if own.table.ascending().is_some() {
            let hashes = own.hashes(hashing, 0..own.table.len())?;
            own.table.leave_ascending(hashes);
        }
        let (keys, hashes) = from.some(keys);
        own.table.intern(&keys, None, hashes, out)
    }

    /// Makes room for so many groups, if there are none yet, whose long texts have so many bytes: keys
    /// that do not [ascend](Self::ascending). [`cost_of`](Self::cost_of) says what that takes.
    ///
    /// # Errors
    /// `Internal` for a [closed](Self::close) table.
    pub fn reserve(&mut self, groups: usize, text_bytes: usize) -> Result<()> {
        self.check_open()?;
        if self.is_empty() && groups > 0 {
            let table = &mut self.groups.table;
            table.leave_ascending(Vec::new());
            table.reserve(groups, text_bytes);
        }
        Ok(())
    }

    /// How many bytes it takes to [make room](Self::reserve) for groups.
    pub fn cost_of(&self, groups: usize, text_bytes: usize) -> usize {
        self.groups.table.cost_of(groups, text_bytes)
    }

    fn check_open(&self) -> Result<()> {
        match self.groups.table.is_sealed() {
            true => Err(Error::internal("groups are looked for in a closed table")),
            false => Ok(()),
        }
    }

    /// Drops what it takes to find groups: from now on the keys are only read.
    pub fn close(&mut self) {
        self.groups.table.close();
        self.memo.clear();
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.groups.table.len()
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes taken.
    pub fn size(&self) -> usize {
        let pieces: usize = self.groups.pieces.iter().map(Pieces::size).sum();
        self.groups.table.size() + pieces + self.memo.size()
    }

    /// The hash of the key of each of some groups, which is that of
    /// [`hash_rows`](crate::hash::hash_rows) with [`HASH_SEED`](super::HASH_SEED): tables of the same
    /// types agree on it. Computed when it is asked for as long as the keys
    /// [ascend](Self::ascending).
    ///
    /// # Errors
    /// `Internal` for groups that do not exist.
    pub fn hashes(&self, groups: Range<usize>) -> Result<Cow<'_, [u64]>> {
        if self.ascending().is_some() {
            return Ok(self.groups.hashes(&self.hashing, groups)?.into());
        }
        let hashes = self.groups.table.hashes().get(groups.clone());
        let hashes = hashes.ok_or_else(|| Error::internal(format!("hashes of {groups:?}")))?;
        Ok(hashes.into())
    }

    /// The keys, as long as they have come in ascending order: one key of each group, those of later
    /// groups greater. The order is that of the first column, if that has integers, dates, times or
    /// decimals, then that of the others; for other types it is some order of the keys, the same in
    /// all tables of these types. Texts, nested values and nulls in a single column have none.
    ///
    /// Such a table has no hashes and takes no memory beyond its keys.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow::array::Int32Array;
    /// use esker_datatypes::{Buffers, Column, DataType, Selection};
    /// use esker_kernels::hash_table::GroupTable;
    /// let mut table = GroupTable::new(&[DataType::Int32])?;
    /// let (mut buffers, mut groups) = (Buffers::default(), Vec::new());
    /// let mut intern = |table: &mut GroupTable, numbers: Vec<i32>| {
    ///     let all = Selection::all(numbers.len());
    ///     let numbers = Column::flat(Arc::new(Int32Array::from(numbers)));
    ///     table.intern(&[&numbers], &all, &mut buffers, &mut groups)?;
    ///     Ok::<_, esker_datatypes::Error>(groups.clone())
    /// };
    /// assert_eq!(intern(&mut table, vec![3, 3, 8])?, [0, 0, 1]);
    /// assert_eq!(intern(&mut table, vec![8, 9])?, [1, 2]);
    /// assert_eq!(table.ascending().map(|keys| keys.len()), Some(3));
    /// assert_eq!(intern(&mut table, vec![3, 10])?, [0, 3]);
    /// assert!(table.ascending().is_none());
    /// # Ok::<(), esker_datatypes::Error>(())
    /// ```
    pub fn ascending(&self) -> Option<AscendingKeys<'_>> {
        self.groups.table.ascending()
    }

    /// The key columns of a range of groups, each of its declared type. Of equal values that differ
    /// (-0.0 and 0.0) one stands for all: in nested columns the first that came, else 0.0.
    ///
    /// # Errors
    /// `Internal` for groups that do not exist, `Unsupported` when a text column of 32-bit offsets
    /// would have more than 2 GiB.
    pub fn keys(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        columns(
            &self.hashing.layout,
            &self.groups.table,
            &self.groups.pieces,
            groups,
        )
    }
}

impl Groups {
    /// The hashes of the keys of some groups.
    fn hashes(&self, hashing: &Hashing, groups: Range<usize>) -> Result<Vec<u64>> {
        let (layout, all) = (&hashing.layout, Selection::all(groups.len()));
        let columns = columns(layout, &self.table, &self.pieces, groups)?;
        let columns: Vec<&Column> = columns.iter().collect();
        hashing.hashes(&columns, &all, &mut Buffers::default())
    }
}

/// Groups that rows are entered into.
struct Interning<'a> {
    groups: &'a mut Groups,
    /// Asked before many bytes more are taken.
    reserve: &'a mut dyn FnMut(usize) -> Result<()>,
}

impl Lookup for Interning<'_> {
    type Found = u32;

    const UNKNOWN: u32 = UNSURE;

    fn by_order(&mut self, hashing: &Hashing, keys: &Keys, out: &mut [u32]) -> Result<bool> {
        let groups = &mut *self.groups;
        if groups.table.ascending().is_none() {
            return Ok(false);
        }
        let all = groups.table.intern_ascending(keys, out);
        if !all {
            (self.reserve)(groups.table.cost_of_leaving())?;
            let hashes = groups.hashes(hashing, 0..groups.table.len())?;
            groups.table.leave_ascending(hashes);
            out.fill(Self::UNKNOWN);
        }
        Ok(all)
    }

    fn by_value(&mut self, keys: &Keys, out: &mut [u32]) -> bool {
        self.groups.table.find_by_value(keys, out)
    }

    fn look_up(
        &mut self,
        keys: &Keys,
        rows: Option<&[u32]>,
        hashes: &[u64],
        out: &mut [u32],
    ) -> Result<()> {
        let Groups { table, pieces } = &mut *self.groups;
        let before = table.len();
        table.intern(keys, rows, hashes, out)?;
        if pieces.is_empty() || before == table.len() {
            return Ok(());
        }
        // New groups are numbered in the order of their first rows.
        let mut next = before as u32;
        let mut fresh = Vec::with_capacity(table.len() - before);
        for (at, &group) in (0u32..).zip(out.iter()) {
            if group == next {
                let row = rows.and_then(|rows| rows.get(at as usize)).copied();
                fresh.push(row.unwrap_or(at));
                next += 1;
            }
        }
        let stride = table.stride();
        pieces
            .iter_mut()
            .try_for_each(|pieces| pieces.add(keys, stride, &fresh))
    }
}

#[cfg(test)]
mod tests;
