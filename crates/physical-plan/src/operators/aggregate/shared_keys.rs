//! Tables of ascending keys, each of which is nearly alone with its keys: there is hardly anything
//! to merge.
//!
//! Workers that share out sorted input meet the same key only where one's rows end and another's
//! begin. The groups of these few keys are merged; all others come out of the tables they are in.

#![allow(
    clippy::indexing_slicing,
    reason = "tables are those that there are, and a table's next group is below its number of \
              groups where one is looked at"
)]

use std::ops::Range;
use std::sync::Arc;

use esker_datatypes::{Error, Result};
use esker_kernels::hash_table::AscendingKeys;
use esker_runtime::TaskContext;

use super::super::slots::Slots;
use super::finish::Merged;
use super::first_rows::Kept;
use super::spec::Grouping;
use crate::pipeline::FinalizeTask;

/// Tables may take turns so often, whatever the number of groups ...
const TURNS: usize = 16;
/// ... and once more for so many groups.
const GROUPS_A_TURN: usize = 1024;

/// The groups of each table whose keys another table has, too, ascending; `None` unless the keys of
/// all tables ascend and the tables take turns in long stretches.
pub(super) fn shared_keys(tables: &[Merged]) -> Option<Vec<Vec<u32>>> {
    let keys = tables.iter().map(|table| table.groups.ascending());
    let keys: Vec<AscendingKeys<'_>> = keys.collect::<Option<_>>()?;
    let total: usize = keys.iter().map(AscendingKeys::len).sum();
    let most = TURNS + total / GROUPS_A_TURN;
    let mut shared = vec![Vec::new(); keys.len()];
    let mut next = vec![0; keys.len()];
    for _ in 0..=most {
        // The table with the least key to come, and the least of the others.
        let (mut least, mut second) = (None, None);
        for table in (0..keys.len()).filter(|&table| next[table] < keys[table].len()) {
            let less = |other: Option<usize>| {
                other.is_none_or(|other| {
                    let order = keys[table].compare(next[table], &keys[other], next[other]);
                    order.is_lt()
                })
            };
            if less(least) {
                second = least.replace(table);
            } else if less(second) {
                second = Some(table);
            }
        }
        let (Some(least), Some(second)) = (least, second) else {
            return Some(shared);
        };
        let (key, at) = (keys[second], next[second]);
        if key.compare(at, &keys[least], next[least]).is_gt() {
            next[least] = keys[least].first_from(next[least], &key, at);
            continue;
        }
        for table in 0..keys.len() {
            let group = next[table];
            if group < keys[table].len() && keys[table].compare(group, &key, at).is_eq() {
                shared[table].push(group as u32);
                next[table] += 1;
            }
        }
    }
    None
}

/// The tasks that make parts of the tables as they are, and one of the groups that they share.
pub(super) fn part_tables(
    spec: &Arc<Grouping>,
    tables: Vec<Merged>,
    shared: Vec<Vec<u32>>,
    rows: &Arc<Kept>,
    cx: &TaskContext,
) -> Result<(Arc<Slots<Merged>>, Vec<FinalizeTask>)> {
    let merged = Arc::new(Slots::new(tables.len() + 1));
    let mut reservation = cx.query.memory().reserve(spec.name);
    let mut apart = Vec::new();
    for (worker, (table, shared)) in tables.iter().zip(&shared).enumerate() {
        for &group in shared {
            let mut columns = table.groups.columns(group as usize..group as usize + 1)?;
            columns.locate(|place| rows.id(worker, place));
            reservation.try_grow(columns.size() as u64)?;
            apart.push(columns);
        }
    }
    let mut tasks: Vec<FinalizeTask> = Vec::new();
    let (of, to, number) = (Arc::clone(spec), Arc::clone(&merged), tables.len());
    tasks.push(Box::new(move |cx| {
        let mut all = Merged::new(&of, cx)?;
        for columns in apart {
            if cx.query.is_cancelled() {
                return Err(Error::cancelled());
            }
            all.merge(&of, &columns, None, &mut cx.buffers)?;
        }
        drop(reservation);
        to.put(number, all);
        Ok(())
    }));
    for (worker, (mut table, shared)) in tables.into_iter().zip(shared).enumerate() {
        let (rows, to) = (Arc::clone(rows), Arc::clone(&merged));
        tasks.push(Box::new(move |_| {
            table.groups.locate(|place| rows.id(worker, place));
            table.elsewhere = shared;
            to.put(worker, table);
            Ok(())
        }));
    }
    Ok((merged, tasks))
}

/// The numbers below `len`, but for some that ascend, in ranges of at most so many.
pub(super) fn ranges_without(len: usize, some: &[u32], most: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::with_capacity(some.len() + len / most + 1);
    let mut start = 0;
    for end in some.iter().map(|&one| one as usize).chain([len]) {
        while start < end {
            let next = start.saturating_add(most).min(end);
            ranges.push(start..next);
            start = next;
        }
        start = end + 1;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::ranges_without;

    #[test]
    fn ranges_leave_some_out() {
        let all = |len, some: &[u32], most| {
            let ranges = ranges_without(len, some, most);
            assert!(ranges.iter().all(|range| (1..=most).contains(&range.len())));
            ranges.into_iter().flatten().collect::<Vec<usize>>()
        };
        assert_eq!(all(0, &[], 4), []);
        assert_eq!(all(5, &[], 4), [0, 1, 2, 3, 4]);
        assert_eq!(all(5, &[0, 4], 4), [1, 2, 3]);
        assert_eq!(all(9, &[2, 3, 6], 1), [0, 1, 4, 5, 7, 8]);
        assert_eq!(all(2, &[0, 1], 10), []);
        assert_eq!(ranges_without(9, &[4], 3), [0..3, 3..4, 5..8, 8..9]);
    }
}
