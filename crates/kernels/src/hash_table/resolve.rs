//! From the rows of a batch to the rows that a table must look up.
//!
//! Rows that are known to have the key of another row cost no look-up: all rows of constant
//! columns, rows of the same combination of dictionary codes, and rows beside a row of the same
//! key (sorted and clustered input).

#![allow(
    clippy::indexing_slicing,
    reason = "combined codes are below the product of the dictionaries' sizes, and rows below the \
              number of rows"
)]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use esker_datatypes::{Buffers, Column, Encoding, Result, Selection};

use super::HASH_SEED;
use super::layout::KeyLayout;
use super::width::{Any, Exactly, Width};
use super::words::{Keys, is_long};
use crate::hash::hash_rows;
use crate::select::compact;

/// What a table says of rows.
pub(super) trait Lookup {
    /// What it says of a row.
    type Found: Copy + PartialEq;

    /// What it never says.
    const UNKNOWN: Self::Found;

    /// Tells all rows by their order, if the table can.
    fn by_order(
        &mut self,
        _hashing: &Hashing,
        _keys: &Keys,
        _out: &mut [Self::Found],
    ) -> Result<bool> {
        Ok(false)
    }

    /// Tells rows without their hashes, if the table can: [`UNKNOWN`](Self::UNKNOWN) for those that
    /// have yet to be looked up.
    fn by_value(&mut self, keys: &Keys, out: &mut [Self::Found]) -> bool;

    /// Looks rows up: those listed, or all. `hashes` and `out` have an item for each.
    fn look_up(
        &mut self,
        keys: &Keys,
        rows: Option<&[u32]>,
        hashes: &[u64],
        out: &mut [Self::Found],
    ) -> Result<()>;
}

/// How keys are made and hashed.
pub(super) struct Hashing {
    pub(super) layout: KeyLayout,
    /// All rows collide: a verification setting.
    pub(super) constant_hash: bool,
}

impl Hashing {
    /// The hashes of the selected rows.
    pub(super) fn hashes(
        &self,
        columns: &[&Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<Vec<u64>> {
        let mut hashes = buffers.take::<u64>(selection.count());
        if self.constant_hash {
            hashes.resize(selection.count(), HASH_SEED);
        } else {
            hash_rows(columns, selection, HASH_SEED, &mut hashes)?;
        }
        Ok(hashes)
    }
}

/// Answers are remembered for up to this many combinations of codes, of up to so many for each row
/// that was seen: to make room for an answer costs far less than a look-up.
const MOST_COMBINATIONS: usize = 1 << 18;
const COMBINATIONS_OF_A_ROW: usize = 8;

/// Answers for the combinations of codes of the dictionaries that came last.
pub(super) struct Memo<F> {
    /// The values of each column: of dictionaries, or the one of a constant.
    values: Vec<ArrayRef>,
    /// How many rows with these values were seen.
    rows: usize,
    /// The answer for each combination; none before enough rows were seen.
    found: Vec<F>,
}

impl<F> Default for Memo<F> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            rows: 0,
            found: Vec::new(),
        }
    }
}

impl<F> Memo<F> {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.rows = 0;
        self.found.clear();
    }

    /// Turns to the values of these columns, of which some rows come, and says whether there are
    /// rows enough by now to remember an answer for each combination of codes.
    fn is_for(&mut self, columns: &[&Column], combinations: usize, rows: usize) -> bool {
        let known = columns.len() == self.values.len()
            && columns
                .iter()
                .zip(&self.values)
                .all(|(column, values)| Arc::ptr_eq(values_of(column), values));
        if !known {
            self.clear();
            let values = columns.iter().map(|column| Arc::clone(values_of(column)));
            self.values.extend(values);
        }
        self.rows = self.rows.saturating_add(rows);
        let most = self.rows.saturating_mul(COMBINATIONS_OF_A_ROW);
        combinations <= most.min(MOST_COMBINATIONS)
    }

    /// The bytes taken, but for the dictionaries, which others hold too.
    pub(super) fn size(&self) -> usize {
        self.found.capacity() * size_of::<F>() + self.values.capacity() * size_of::<ArrayRef>()
    }
}

/// Looks up the selected rows; `out[i]` becomes what the table says of the i-th.
pub(super) fn resolve<L: Lookup>(
    hashing: &Hashing,
    lookup: &mut L,
    memo: &mut Memo<L::Found>,
    columns: &[&Column],
    selection: &Selection,
    buffers: &mut Buffers,
    out: &mut Vec<L::Found>,
) -> Result<()> {
    crate::vector::same_rows(columns, selection)?;
    out.clear();
    let count = selection.count();
    let Some(first) = selection.iter().next() else {
        return Ok(());
    };
    if columns.iter().all(|column| column.as_constant().is_some()) {
        let one = Selection::from_rows(selection.len(), vec![first as u32]);
        by_rows(hashing, lookup, columns, &one, buffers, out)?;
        out.resize(count, out.first().copied().unwrap_or(L::UNKNOWN));
        return Ok(());
    }
    if let Some(combinations) = combinations(columns)
        && memo.is_for(columns, combinations, count)
    {
        memo.found.resize(combinations, L::UNKNOWN);
        return by_codes(hashing, lookup, memo, columns, selection, buffers, out);
    }
    by_rows(hashing, lookup, columns, selection, buffers, out)
}

/// How many combinations of codes there can be, if all columns have codes. Null has one too.
fn combinations(columns: &[&Column]) -> Option<usize> {
    columns
        .iter()
        .try_fold(1usize, |product, column| match column.encoding() {
            Encoding::Constant { .. } => Some(product),
            Encoding::Dictionary { values, .. } => product.checked_mul(values.len() + 1),
            Encoding::Flat(_) => None,
        })
}

/// Looks up one row of each combination of codes.
fn by_codes<L: Lookup>(
    hashing: &Hashing,
    lookup: &mut L,
    memo: &mut Memo<L::Found>,
    columns: &[&Column],
    selection: &Selection,
    buffers: &mut Buffers,
    out: &mut Vec<L::Found>,
) -> Result<()> {
    let combined = combined_codes(columns, selection, buffers);
    let found = &mut memo.found;
    out.extend(combined.iter().map(|&code| found[code as usize]));
    if out.contains(&L::UNKNOWN) {
        // The first row of each combination that is new: they ascend, as rows of a selection do.
        let mut seen = buffers.take::<u8>(found.len());
        seen.resize(found.len(), 0);
        let (mut rows, mut codes) = (Vec::new(), Vec::new());
        for (row, &code) in selection.iter().zip(&combined) {
            let seen = &mut seen[code as usize];
            if *seen == 0 && found[code as usize] == L::UNKNOWN {
                *seen = 1;
                rows.push(row as u32);
                codes.push(code);
            }
        }
        buffers.give(seen);
        let some = Selection::from_rows(selection.len(), rows);
        let columns = columns
            .iter()
            .map(|column| {
                let column = compact(column, &some, buffers)?;
                Ok(match column.encoding() {
                    Encoding::Dictionary { .. } => Column::flat(column.to_flat()),
                    Encoding::Constant { .. } | Encoding::Flat(_) => column,
                })
            })
            .collect::<Result<Vec<Column>>>()?;
        let columns: Vec<&Column> = columns.iter().collect();
        by_rows(
            hashing,
            lookup,
            &columns,
            &Selection::all(codes.len()),
            buffers,
            out,
        )?;
        codes
            .iter()
            .zip(out.iter())
            .for_each(|(&code, &answer)| found[code as usize] = answer);
        out.clear();
        out.extend(combined.iter().map(|&code| found[code as usize]));
    }
    buffers.give(combined);
    Ok(())
}

/// The array of a dictionary's values or a constant's value.
fn values_of(column: &Column) -> &ArrayRef {
    match column.encoding() {
        Encoding::Constant { value, .. } => value.as_array(),
        Encoding::Dictionary { values, .. } => values,
        Encoding::Flat(array) => array,
    }
}

/// For each selected row the number of its combination of codes.
fn combined_codes(columns: &[&Column], selection: &Selection, buffers: &mut Buffers) -> Vec<u32> {
    let mut combined = buffers.take::<u32>(selection.count());
    combined.resize(selection.count(), 0);
    let mut step = 1;
    for column in columns {
        let Encoding::Dictionary { codes, values } = column.encoding() else {
            continue;
        };
        let null = values.len() as u32;
        let list = codes.values();
        let nulls = codes.nulls().filter(|nulls| nulls.null_count() > 0);
        let code = |row: usize| match nulls {
            // The code of a null row may be anything.
            Some(nulls) if nulls.is_null(row) => null,
            _ => list[row],
        };
        match (selection.rows(), nulls) {
            (None, None) => {
                combined
                    .iter_mut()
                    .zip(list)
                    .for_each(|(all, &code)| *all += code * step);
            }
            _ => {
                let rows = selection.iter();
                combined
                    .iter_mut()
                    .zip(rows)
                    .for_each(|(all, row)| *all += code(row) * step);
            }
        }
        step *= null + 1;
    }
    combined
}

/// Looks up each row, or each that has not the key of the row before.
fn by_rows<L: Lookup>(
    hashing: &Hashing,
    lookup: &mut L,
    columns: &[&Column],
    selection: &Selection,
    buffers: &mut Buffers,
    out: &mut Vec<L::Found>,
) -> Result<()> {
    let keys = Keys::new(&hashing.layout, columns, selection, buffers)?;
    out.clear();
    out.resize(keys.len(), L::UNKNOWN);
    let told = lookup.by_order(hashing, &keys, out)?
        || by_value(hashing, lookup, columns, selection, &keys, buffers, out)?;
    if !told {
        match runs(&hashing.layout, &keys, buffers) {
            None => {
                let hashes = hashing.hashes(columns, selection, buffers)?;
                lookup.look_up(&keys, None, &hashes, out)?;
                buffers.give(hashes);
            }
            Some(starts) => {
                let found = some(hashing, lookup, columns, selection, &keys, &starts, buffers)?;
                out.clear();
                let ends = starts.iter().skip(1).map(|&start| start as usize);
                for (end, answer) in ends.chain([keys.len()]).zip(found) {
                    out.resize(end, answer);
                }
                buffers.give(starts);
            }
        }
    }
    keys.recycle(buffers);
    Ok(())
}

/// Tells rows without hashes, but for those that are new; whether it could.
fn by_value<L: Lookup>(
    hashing: &Hashing,
    lookup: &mut L,
    columns: &[&Column],
    selection: &Selection,
    keys: &Keys,
    buffers: &mut Buffers,
    out: &mut [L::Found],
) -> Result<bool> {
    if !lookup.by_value(keys, out) {
        return Ok(false);
    }
    if !out.contains(&L::UNKNOWN) {
        return Ok(true);
    }
    let words = keys.words();
    let mut rows = buffers.take::<u32>(out.len());
    let unknown = (0..out.len()).filter(|&row| out[row] == L::UNKNOWN);
    // Of rows of one key that lie side by side the first is enough.
    rows.extend(
        unknown
            .filter(|&row| row == 0 || !same_word(keys, words, row))
            .map(|row| row as u32),
    );
    let found = some(hashing, lookup, columns, selection, keys, &rows, buffers)?;
    for (at, answer) in rows.iter().zip(found) {
        let mut row = *at as usize;
        out[row] = answer;
        while row + 1 < out.len() && out[row + 1] == L::UNKNOWN && same_word(keys, words, row + 1) {
            row += 1;
            out[row] = answer;
        }
    }
    buffers.give(rows);
    Ok(true)
}

/// Whether a row of one word is the same as the row before.
fn same_word(keys: &Keys, words: &[u64], row: usize) -> bool {
    words[row] == words[row - 1] && keys.is_null(row) == keys.is_null(row - 1)
}

/// Looks up some rows.
fn some<L: Lookup>(
    hashing: &Hashing,
    lookup: &mut L,
    columns: &[&Column],
    selection: &Selection,
    keys: &Keys,
    rows: &[u32],
    buffers: &mut Buffers,
) -> Result<Vec<L::Found>> {
    let mut selected = buffers.take::<u32>(rows.len());
    match selection.rows() {
        None => selected.extend_from_slice(rows),
        Some(list) => selected.extend(rows.iter().map(|&row| list[row as usize])),
    }
    let selection = Selection::from_rows(selection.len(), selected);
    let hashes = hashing.hashes(columns, &selection, buffers)?;
    let mut found = vec![L::UNKNOWN; rows.len()];
    lookup.look_up(keys, Some(rows), &hashes, &mut found)?;
    buffers.give(hashes);
    Ok(found)
}

/// The rows that have another key than the row before, if these are at most half of all.
fn runs(layout: &KeyLayout, keys: &Keys, buffers: &mut Buffers) -> Option<Vec<u32>> {
    match layout.words() {
        1 => runs_as(Exactly::<1>, layout, keys, buffers),
        2 => runs_as(Exactly::<2>, layout, keys, buffers),
        3 => runs_as(Exactly::<3>, layout, keys, buffers),
        4 => runs_as(Exactly::<4>, layout, keys, buffers),
        words => runs_as(Any(words), layout, keys, buffers),
    }
}

fn runs_as<W: Width>(
    width: W,
    layout: &KeyLayout,
    keys: &Keys,
    buffers: &mut Buffers,
) -> Option<Vec<u32>> {
    let words = keys.words();
    let same_words = |row: usize| width.same(words, row - 1, words, row);
    let followers = (1..keys.len()).map(|row| usize::from(same_words(row)));
    if followers.sum::<usize>() * 2 < keys.len() {
        return None;
    }
    let same = |row: usize| {
        same_words(row)
            && keys.is_null(row - 1) == keys.is_null(row)
            && (!keys.has_long_texts()
                || keys.texts().iter().enumerate().all(|(number, text)| {
                    !is_long(words[row * layout.words() + number * 2])
                        || text.value(row - 1) == text.value(row)
                }))
    };
    let mut starts = buffers.take::<u32>(keys.len() / 2 + 1);
    starts.push(0);
    starts.extend(
        (1..keys.len())
            .filter(|&row| !same(row))
            .map(|row| row as u32),
    );
    Some(starts)
}
