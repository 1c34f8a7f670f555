//! Which rows of a batch an aggregate looks at, in two shapes whatever the encoding.

#![allow(
    clippy::indexing_slicing,
    reason = "rows are below the column's length, codes below that of the dictionary, and scratch \
              has an item for each selected row"
)]

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use esker_datatypes::{Buffers, Column, Encoding, Error, Result, Selection};

/// Values of an array and the groups they belong to; none of them is null.
///
/// Selections, nulls, dictionaries and constants all come down to an index into the array, so that
/// an aggregate has two loops a type: dense and indexed.
pub(super) struct Rows<'a> {
    /// The values: those of a flat column, of a dictionary, or the one of a constant.
    pub(super) array: &'a ArrayRef,
    /// The groups.
    pub(super) groups: &'a [u32],
    /// `groups[i]` gets the value at `index[i]`; without an index, that at `i`.
    pub(super) index: Option<&'a [u32]>,
    /// Whether the index is likely to name a value more than once: codes of a dictionary.
    pub(super) coded: bool,
}

impl Rows<'_> {
    /// Calls with each group and its value.
    #[inline]
    pub(super) fn for_each<V: Copy>(&self, values: &[V], mut call: impl FnMut(usize, V)) {
        match self.index {
            None => {
                for (&group, &value) in self.groups.iter().zip(values) {
                    call(group as usize, value);
                }
            }
            Some(index) => {
                for (&group, &at) in self.groups.iter().zip(index) {
                    call(group as usize, values[at as usize]);
                }
            }
        }
    }

    /// Calls with each group and the number of its value in the array.
    #[inline]
    pub(super) fn for_each_at(&self, mut call: impl FnMut(usize, usize)) {
        match self.index {
            None => {
                for (at, &group) in self.groups.iter().enumerate() {
                    call(group as usize, at);
                }
            }
            Some(index) => {
                for (&group, &at) in self.groups.iter().zip(index) {
                    call(group as usize, at as usize);
                }
            }
        }
    }

    /// Folds the values, when all belong to one group.
    #[inline]
    pub(super) fn fold<V: Copy, A>(
        &self,
        values: &[V],
        start: A,
        mut add: impl FnMut(A, V) -> A,
    ) -> A {
        match self.index {
            None => values.iter().fold(start, |sum, &value| add(sum, value)),
            Some(index) => {
                let add = |sum, &at: &u32| add(sum, values[at as usize]);
                index.iter().fold(start, add)
            }
        }
    }

    /// The group of all rows, when they have one in common: a global aggregate, a sorted key.
    pub(super) fn one_group(&self) -> Option<usize> {
        one_group(self.groups)
    }
}

/// The group that all rows have in common, if there is one (and a row).
pub(super) fn one_group(groups: &[u32]) -> Option<usize> {
    let (&first, rest) = groups.split_first()?;
    // Mostly decided by the last row; checked block by block, which vectorizes.
    let same = |block: &[u32]| block.iter().fold(true, |same, &g| same & (g == first));
    let one = groups.last() == Some(&first) && rest.chunks(64).all(same);
    one.then_some(first as usize)
}

/// Hands the values of the selected rows that are not null to `each`, unless there are none.
///
/// # Errors
/// `Internal` when the lengths do not match, and what `each` returns.
pub(super) fn with_valid(
    column: &Column,
    groups: &[u32],
    selection: &Selection,
    buffers: &mut Buffers,
    each: impl FnOnce(&Rows<'_>, &mut Buffers) -> Result<()>,
) -> Result<()> {
    same_rows(column, groups, selection)?;
    if groups.is_empty() {
        return Ok(());
    }
    let coded = !matches!(column.encoding(), Encoding::Flat(_));
    let call = |array, groups, index, buffers: &mut Buffers| {
        let rows = Rows {
            array,
            groups,
            index,
            coded,
        };
        each(&rows, buffers)
    };
    match column.encoding() {
        Encoding::Constant { value, .. } if value.is_null() => Ok(()),
        Encoding::Constant { value, .. } => {
            let mut index = buffers.take::<u32>(groups.len());
            index.resize(groups.len(), 0);
            call(value.as_array(), groups, Some(&index), buffers)?;
            buffers.give(index);
            Ok(())
        }
        Encoding::Flat(array) => match array.logical_nulls().filter(|n| n.null_count() > 0) {
            None => call(array, groups, selection.rows(), buffers),
            Some(nulls) => {
                let (groups, index) = keep(
                    groups,
                    selection,
                    |row| nulls.is_valid(row),
                    |row| row as u32,
                    buffers,
                );
                let done = if groups.is_empty() {
                    Ok(())
                } else {
                    call(array, &groups, Some(&index), buffers)
                };
                buffers.give(groups);
                buffers.give(index);
                done
            }
        },
        Encoding::Dictionary { codes, values } => {
            let codes_at = codes.values();
            let code_nulls = codes.nulls().filter(|n| n.null_count() > 0);
            let value_nulls = values.logical_nulls().filter(|n| n.null_count() > 0);
            if code_nulls.is_none() && value_nulls.is_none() {
                return match selection.rows() {
                    None => call(values, groups, Some(codes_at), buffers),
                    Some(rows) => {
                        let mut index = buffers.take::<u32>(rows.len());
                        index.extend(rows.iter().map(|&row| codes_at[row as usize]));
                        call(values, groups, Some(&index), buffers)?;
                        buffers.give(index);
                        Ok(())
                    }
                };
            }
            let valid = |row: usize| {
                code_nulls.is_none_or(|n| n.is_valid(row))
                    && value_nulls
                        .as_ref()
                        .is_none_or(|n| n.is_valid(codes_at[row] as usize))
            };
            let (groups, index) = keep(groups, selection, valid, |row| codes_at[row], buffers);
            let done = if groups.is_empty() {
                Ok(())
            } else {
                call(values, &groups, Some(&index), buffers)
            };
            buffers.give(groups);
            buffers.give(index);
            done
        }
    }
}

/// Like the rows, with pairs of group and value that come twice left out where that is cheap to
/// find: the values of small dictionaries (and constants) in few groups.
pub(super) fn with_distinct(
    rows: &Rows<'_>,
    buffers: &mut Buffers,
    each: impl FnOnce(&Rows<'_>, &mut Buffers) -> Result<()>,
) -> Result<()> {
    let index = rows.index.filter(|_| rows.coded);
    let pairs =
        index.and_then(|index| distinct_pairs(rows.groups, index, rows.array.len(), buffers));
    let Some((groups, index)) = pairs else {
        return each(rows, buffers);
    };
    let distinct = Rows {
        array: rows.array,
        groups: &groups,
        index: Some(&index),
        coded: false,
    };
    each(&distinct, buffers)?;
    buffers.give(groups);
    buffers.give(index);
    Ok(())
}

/// Pairs of a group and a number below a limit, each once; `None` where that is not cheap to find:
/// it is when there are few that are possible.
pub(super) fn distinct_pairs(
    groups: &[u32],
    numbers: &[u32],
    limit: usize,
    buffers: &mut Buffers,
) -> Option<(Vec<u32>, Vec<u32>)> {
    let most = groups.iter().max().map_or(0, |&group| group as usize + 1);
    let bits = most.saturating_mul(limit);
    if bits / 16 > numbers.len() {
        return None;
    }
    let mut seen = buffers.take::<u64>(bits.div_ceil(64));
    seen.resize(bits.div_ceil(64), 0);
    let mut kept_groups = buffers.take::<u32>(0);
    let mut kept_numbers = buffers.take::<u32>(0);
    for (&group, &number) in groups.iter().zip(numbers) {
        let bit = group as usize * limit + number as usize;
        let mask = 1u64 << (bit % 64);
        if seen[bit / 64] & mask == 0 {
            seen[bit / 64] |= mask;
            kept_groups.push(group);
            kept_numbers.push(number);
        }
    }
    buffers.give(seen);
    Some((kept_groups, kept_numbers))
}

/// The groups of the selected rows that are valid, and where their values stand.
pub(super) fn keep(
    groups: &[u32],
    selection: &Selection,
    valid: impl Fn(usize) -> bool,
    place: impl Fn(usize) -> u32,
    buffers: &mut Buffers,
) -> (Vec<u32>, Vec<u32>) {
    let mut kept = buffers.take::<u32>(groups.len());
    let mut index = buffers.take::<u32>(groups.len());
    kept.resize(groups.len(), 0);
    index.resize(groups.len(), 0);
    let mut count = 0;
    // Written always, kept when valid: no branch to mispredict.
    let mut put = |group: u32, row: usize| {
        kept[count] = group;
        index[count] = place(row);
        count += usize::from(valid(row));
    };
    match selection.rows() {
        None => (0..groups.len()).for_each(|row| put(groups[row], row)),
        Some(rows) => {
            let pairs = groups.iter().zip(rows);
            pairs.for_each(|(&group, &row)| put(group, row as usize));
        }
    }
    kept.truncate(count);
    index.truncate(count);
    (kept, index)
}

/// Counts the null rows that are selected, by group.
pub(super) fn for_each_null(
    nulls: Option<&NullBuffer>,
    groups: &[u32],
    selection: &Selection,
    mut call: impl FnMut(usize),
) {
    if let Some(nulls) = nulls {
        let rows = selection.iter().zip(groups);
        let null = rows.filter(|(row, _)| nulls.is_null(*row));
        null.for_each(|(_, &group)| call(group as usize));
    }
}

/// That a column, its selection and the groups of the selected rows belong together.
pub(super) fn same_rows(column: &Column, groups: &[u32], selection: &Selection) -> Result<()> {
    if column.len() == selection.len() && groups.len() == selection.count() {
        return Ok(());
    }
    Err(Error::internal(format!(
        "aggregating {} rows, {} selected of {}, in {} groups",
        column.len(),
        selection.count(),
        selection.len(),
        groups.len()
    )))
}
