//! Groups: their keys, the states of their aggregates, and their first rows.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which all vectors have grown to; columns are \
              those that the grouping has types for"
)]

use std::borrow::Cow;
use std::ops::Range;

use esker_datatypes::{Buffers, Column, Error, Result, Selection};
use esker_kernels::hash_table::{AscendingKeys, GroupKeys, GroupTable};
use esker_kernels::select::take;
use esker_logical_expr::function::GroupsAccumulator;
use esker_runtime::Reservation;

use super::first_rows::{FirstRows, Winner};
use super::spec::Grouping;
use crate::operators::position::column_of;

/// A set of groups, with what is known of each.
pub(super) struct Groups {
    /// The keys; `None` when there are no key columns, and at most one group.
    table: Option<GroupTable>,
    len: usize,
    states: Vec<Box<dyn GroupsAccumulator>>,
    /// The positions of the groups' first rows, where they are wanted.
    firsts: Vec<u64>,
    /// Where the first rows are kept, if they are: places, and row ids once all workers are done.
    rows: Vec<u64>,
    /// All rows so far have positions below this one.
    reached: u64,
    /// The groups of the rows at hand.
    ids: Vec<u32>,
    winners: Vec<Winner>,
}

/// What is known of some groups, as columns of one entry a group.
pub(super) struct GroupColumns {
    len: usize,
    keys: Vec<Column>,
    states: Vec<Vec<Column>>,
    firsts: Vec<u64>,
    rows: Vec<u64>,
}

impl Groups {
    /// No groups.
    pub(super) fn new(spec: &Grouping) -> Result<Self> {
        let table = |types: &[_]| {
            let table = GroupTable::new(types)?;
            Ok::<_, esker_datatypes::Error>(table.with_constant_hash(spec.options.constant_hash))
        };
        let table = (!spec.keys.is_empty()).then(|| table(&spec.keys));
        let states = spec.calls.iter().map(|call| call.accumulator());
        Ok(Self {
            table: table.transpose()?,
            len: 0,
            states: states.collect::<Result<_>>()?,
            firsts: Vec::new(),
            rows: Vec::new(),
            reached: 0,
            ids: Vec::new(),
            winners: Vec::new(),
        })
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        let states: usize = self.states.iter().map(|state| state.size()).sum();
        let table = self.table.as_ref().map_or(0, GroupTable::size);
        let vectors = (self.firsts.capacity() + self.rows.capacity()) * size_of::<u64>()
            + self.ids.capacity() * size_of::<u32>()
            + self.winners.capacity() * size_of::<Winner>();
        states + table + vectors
    }

    /// How many groups take about so many bytes; at least one.
    pub(super) fn rows_of(&self, bytes: usize) -> usize {
        (bytes / (self.size() / self.len.max(1)).max(1)).max(1)
    }

    /// Finds the group of each selected row by the columns of the keys, which come first. `held` is
    /// what is reserved for the groups: it grows ahead of them where they take much more at once.
    pub(super) fn assign(
        &mut self,
        spec: &Grouping,
        columns: &[Column],
        selection: &Selection,
        held: &mut Reservation,
        buffers: &mut Buffers,
    ) -> Result<()> {
        match &mut self.table {
            Some(table) => {
                let keys: Vec<&Column> = columns[..spec.keys.len()].iter().collect();
                let mut reserve = |bytes| held.try_grow(bytes as u64);
                table.intern_reserving(&keys, selection, buffers, &mut self.ids, &mut reserve)?;
                self.len = table.len();
            }
            None => {
                self.ids.clear();
                self.ids.resize(selection.count(), 0);
                self.len = self.len.max(usize::from(!self.ids.is_empty()));
            }
        }
        Ok(())
    }

    /// Adds the selected rows of a batch, whose groups were [found](Self::assign): the columns of the
    /// grouping's program, and the positions of all rows where they are needed.
    pub(super) fn update(
        &mut self,
        spec: &Grouping,
        columns: &[Column],
        positions: Range<u64>,
        selection: &Selection,
        first_rows: &mut FirstRows,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let ordered = spec.calls.iter().any(|call| call.ordered);
        let numbers = ordered.then(|| column_of(positions.clone(), buffers));
        for (state, call) in self.states.iter_mut().zip(&spec.calls) {
            let given = &columns[call.args.clone()];
            let updated = match &numbers {
                Some(numbers) if call.ordered => {
                    let given: Vec<Column> = given.iter().chain([numbers]).cloned().collect();
                    state.update(&self.ids, self.len, &given, selection, buffers)
                }
                _ => state.update(&self.ids, self.len, given, selection, buffers),
            };
            updated.map_err(|error| error.in_expr(&call.expr))?;
        }
        if let Some(numbers) = numbers {
            buffers.recycle_column(numbers);
        }
        if spec.keeps_firsts() {
            self.compete(positions, selection);
            if !spec.kept.is_empty() {
                self.rows.resize(self.len, 0);
                if !self.winners.is_empty() {
                    let kept = &columns[spec.kept.clone()];
                    first_rows.keep(&self.winners, kept, &mut self.rows, buffers)?;
                }
            }
        }
        Ok(())
    }

    /// Finds the rows that come before those that their groups had.
    fn compete(&mut self, positions: Range<u64>, selection: &Selection) {
        self.winners.clear();
        let ascending = positions.start >= self.reached;
        self.reached = self.reached.max(positions.end);
        let row_of = |at: usize| selection.rows().map_or(at as u32, |rows| rows[at]);
        if ascending {
            // Only the rows of new groups, which are numbered in the order of their first rows.
            let mut ids = self.ids.iter().enumerate();
            while self.firsts.len() < self.len
                && let Some((at, &group)) = ids.next()
            {
                if group as usize == self.firsts.len() {
                    let row = row_of(at);
                    self.firsts.push(positions.start + u64::from(row));
                    self.winners.push(Winner { group, row });
                }
            }
            return;
        }
        self.firsts.resize(self.len, u64::MAX);
        for (at, &group) in self.ids.iter().enumerate() {
            let row = row_of(at);
            let position = positions.start + u64::from(row);
            let first = &mut self.firsts[group as usize];
            if position < *first {
                *first = position;
                self.winners.push(Winner { group, row });
            }
        }
    }

    /// Makes the group of an aggregation without keys, of no rows.
    pub(super) fn touch(&mut self, spec: &Grouping, buffers: &mut Buffers) -> Result<()> {
        self.len = self.len.max(1);
        for (state, call) in self.states.iter_mut().zip(&spec.calls) {
            let given: Vec<Column> = call.given().map(Column::empty).collect();
            let none = Selection::all(0);
            let touched = state.update(&[], self.len, &given, &none, buffers);
            touched.map_err(|error| error.in_expr(&call.expr))?;
        }
        if spec.keeps_firsts() {
            self.firsts.resize(self.len, u64::MAX);
        }
        Ok(())
    }

    /// Turns the places of first rows into row ids.
    pub(super) fn locate(&mut self, id: impl Fn(u64) -> u32) {
        for row in &mut self.rows {
            *row = u64::from(id(*row));
        }
    }

    /// The keys of these groups for others to take over; `None` where they go by columns.
    pub(super) fn cut_keys(&self, groups: &[u32]) -> Result<Option<GroupKeys>> {
        let keys = self.table.as_ref().map(|table| table.cut(groups));
        Ok(keys.transpose()?.flatten())
    }

    /// Drops what it takes to find groups: from now on they are only read.
    pub(super) fn close(&mut self) {
        if let Some(table) = &mut self.table {
            table.close();
        }
    }

    /// Makes room for so many groups whose long texts have so many bytes, if there are none yet and
    /// the memory is granted: they find room without, too.
    pub(super) fn reserve(
        &mut self,
        groups: usize,
        text_bytes: usize,
        held: &mut Reservation,
    ) -> Result<()> {
        let Some(table) = &mut self.table else {
            return Ok(());
        };
        let cost = table.cost_of(groups, text_bytes);
        if held.try_grow(cost as u64).is_ok() {
            table.reserve(groups, text_bytes)?;
        }
        Ok(())
    }

    /// Finds the groups of keys of another table.
    fn take_over(&mut self, from: &GroupKeys, keys: Range<usize>) -> Result<()> {
        let Some(table) = &mut self.table else {
            return Err(Error::internal("keys of groups without keys"));
        };
        table.intern_keys(from, keys, &mut self.ids)?;
        self.len = table.len();
        Ok(())
    }

    /// Merges groups, no two of which have the same key. The keys are columns, or these.
    pub(super) fn merge(
        &mut self,
        spec: &Grouping,
        from: &GroupColumns,
        keys: Option<(&GroupKeys, Range<usize>)>,
        held: &mut Reservation,
        buffers: &mut Buffers,
    ) -> Result<()> {
        match keys {
            Some((from, keys)) => self.take_over(from, keys)?,
            None => {
                let all = Selection::all(from.len);
                self.assign(spec, &from.keys, &all, held, buffers)?;
            }
        }
        let calls = self.states.iter_mut().zip(&spec.calls);
        for ((state, call), columns) in calls.zip(&from.states) {
            let merged = state.merge(&self.ids, self.len, columns);
            merged.map_err(|error| error.in_expr(&call.expr))?;
        }
        if spec.keeps_firsts() {
            self.firsts.resize(self.len, u64::MAX);
            self.rows
                .resize(if spec.kept.is_empty() { 0 } else { self.len }, 0);
            for (at, (&group, &first)) in self.ids.iter().zip(&from.firsts).enumerate() {
                let group = group as usize;
                if first < self.firsts[group] {
                    self.firsts[group] = first;
                    if let Some(row) = self.rows.get_mut(group) {
                        *row = from.rows[at];
                    }
                }
            }
        }
        Ok(())
    }

    /// What is known of a range of groups.
    pub(super) fn columns(&self, groups: Range<usize>) -> Result<GroupColumns> {
        let keys = self.keys(groups.clone())?;
        let known = self.columns_beside_keys(groups)?;
        Ok(GroupColumns { keys, ..known })
    }

    /// What is known of a range of groups but for their keys.
    pub(super) fn columns_beside_keys(&self, groups: Range<usize>) -> Result<GroupColumns> {
        let states = self.states.iter().map(|state| state.state(groups.clone()));
        let some = |all: &[u64]| all.get(groups.clone()).unwrap_or_default().to_vec();
        Ok(GroupColumns {
            len: groups.len(),
            keys: Vec::new(),
            states: states.collect::<Result<_>>()?,
            firsts: some(&self.firsts),
            rows: some(&self.rows),
        })
    }

    fn keys(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        let keys = self.table.as_ref().map(|table| table.keys(groups));
        Ok(keys.transpose()?.unwrap_or_default())
    }

    /// The hashes of the keys of a range of groups.
    pub(super) fn hashes(&self, groups: Range<usize>) -> Result<Cow<'_, [u64]>> {
        let hashes = self.table.as_ref().map(|table| table.hashes(groups));
        Ok(hashes.transpose()?.unwrap_or_default())
    }

    /// The keys, if there are any and they have come in ascending order.
    pub(super) fn ascending(&self) -> Option<AscendingKeys<'_>> {
        self.table.as_ref()?.ascending()
    }

    /// The positions of the groups' first rows.
    pub(super) fn firsts(&self) -> &[u64] {
        &self.firsts
    }

    /// The row ids of the groups' first rows.
    pub(super) fn rows(&self) -> &[u64] {
        &self.rows
    }

    /// The keys and the results of a range of groups.
    pub(super) fn finish(&self, spec: &Grouping, groups: Range<usize>) -> Result<Vec<Column>> {
        let mut columns = self.keys(groups.clone())?;
        for (state, call) in self.states.iter().zip(&spec.calls) {
            let result = state.finish(groups.clone());
            columns.push(result.map_err(|error| error.in_expr(&call.expr))?);
        }
        Ok(columns)
    }
}

impl GroupColumns {
    /// The groups listed, in this order.
    pub(super) fn take(&self, groups: &[u32], buffers: &mut Buffers) -> Result<Self> {
        let mut some = |columns: &[Column]| -> Result<Vec<Column>> {
            let columns = columns.iter().map(|column| take(column, groups, buffers));
            columns.collect()
        };
        let picked = |all: &[u64]| match all {
            [] => Vec::new(),
            all => groups.iter().map(|&group| all[group as usize]).collect(),
        };
        Ok(Self {
            len: groups.len(),
            keys: some(&self.keys)?,
            states: self.states.iter().map(|s| some(s)).collect::<Result<_>>()?,
            firsts: picked(&self.firsts),
            rows: picked(&self.rows),
        })
    }

    /// A range of the groups.
    pub(super) fn slice(&self, groups: Range<usize>) -> Self {
        let some = |columns: &Vec<Column>| {
            let columns = columns.iter();
            let slice = |column: &Column| column.slice(groups.start, groups.len());
            columns.map(slice).collect::<Vec<_>>()
        };
        let picked = |all: &[u64]| all.get(groups.clone()).unwrap_or_default().to_vec();
        Self {
            len: groups.len(),
            keys: some(&self.keys),
            states: self.states.iter().map(some).collect(),
            firsts: picked(&self.firsts),
            rows: picked(&self.rows),
        }
    }

    /// Turns the places of first rows into row ids.
    pub(super) fn locate(&mut self, id: impl Fn(u64) -> u32) {
        for row in &mut self.rows {
            *row = u64::from(id(*row));
        }
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        let columns = self.keys.iter().chain(self.states.iter().flatten());
        let vectors = (self.firsts.len() + self.rows.len()) * size_of::<u64>();
        columns.map(Column::memory_size).sum::<usize>() + vectors
    }
}
