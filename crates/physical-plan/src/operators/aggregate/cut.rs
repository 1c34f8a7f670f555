//! Groups cut by the hashes of their keys into pieces, and merged piece by piece.

#![allow(
    clippy::indexing_slicing,
    reason = "bounds are those that groups were cut at, of all pieces and the end"
)]

use std::ops::Range;
use std::sync::Arc;

use esker_datatypes::{Error, Result};
use esker_kernels::hash_table::GroupKeys;
use esker_runtime::{Reservation, TaskContext};

use super::super::slots::Slots;
use super::finish::{Merged, Phase, Step, Worker};
use super::first_rows::Keeping;
use super::groups::{GroupColumns, Groups};
use super::spec::Grouping;
use crate::pipeline::FinalizeTask;

/// At most so many parts, a power of two. Tables are cut into as many pieces.
pub(super) const MOST_PARTS: usize = 256;

/// Groups of one table, those of the first piece first.
pub(super) struct Cut {
    /// The keys, if they are not among the columns.
    keys: Option<GroupKeys>,
    columns: GroupColumns,
    /// Where each of [`MOST_PARTS`] pieces starts, and the end.
    bounds: Vec<usize>,
    _reservation: Reservation,
}

impl Cut {
    pub(super) fn len(&self) -> usize {
        self.bounds[MOST_PARTS]
    }

    /// The groups of one of some parts.
    fn part(&self, part: usize, parts: usize) -> Range<usize> {
        let pieces = MOST_PARTS / parts;
        self.bounds[part * pieces]..self.bounds[(part + 1) * pieces]
    }
}

impl Worker {
    /// Cuts the groups, in favour of another table that will have as many like them.
    pub(super) fn set_aside(
        self,
        spec: &Grouping,
        next: &mut Self,
        cx: &mut TaskContext,
    ) -> Result<Cut> {
        let groups = 0..self.groups.len();
        // First rows are not kept of tables that are set aside.
        let cut = cut(spec, &self.groups, groups.clone(), |_| 0, cx)?;
        drop(self);
        if let Some(keys) = &cut.keys {
            let bytes = keys.text_bytes(groups.clone());
            let held = &mut next.held_by_groups;
            next.groups.reserve(groups.len(), bytes, held)?;
        }
        Ok(cut)
    }
}

/// Cuts a range of groups into pieces. `id` turns places of first rows into row ids.
pub(super) fn cut(
    spec: &Grouping,
    table: &Groups,
    groups: Range<usize>,
    id: impl Fn(u64) -> u32,
    cx: &mut TaskContext,
) -> Result<Cut> {
    let hashes = table.hashes(groups.clone())?;
    let mut bounds = vec![0; MOST_PARTS + 1];
    for &hash in &*hashes {
        bounds[piece_of(hash) + 1] += 1;
    }
    for piece in 0..MOST_PARTS {
        bounds[piece + 1] += bounds[piece];
    }
    let mut next = bounds.clone();
    let mut order = cx.buffers.take::<u32>(hashes.len());
    order.resize(hashes.len(), 0);
    for (group, &hash) in (0u32..).zip(&*hashes) {
        let at = &mut next[piece_of(hash)];
        order[*at] = group;
        *at += 1;
    }
    // What they take in the table, about, they take once more.
    let mut reservation = cx.query.memory().reserve(spec.name);
    let share = table.size() as u128 * groups.len() as u128 / table.len().max(1) as u128;
    reservation.try_grow(share as u64)?;
    let first = groups.start as u32;
    let numbers: Vec<u32> = order.iter().map(|group| first + group).collect();
    let keys = table.cut_keys(&numbers)?;
    let columns = match keys {
        Some(_) => table.columns_beside_keys(groups)?,
        None => table.columns(groups)?,
    };
    let mut columns = columns.take(&order, &mut cx.buffers)?;
    cx.buffers.give(order);
    columns.locate(id);
    let size = columns.size() + keys.as_ref().map_or(0, GroupKeys::size);
    reservation.try_resize(size as u64)?;
    Ok(Cut {
        keys,
        columns,
        bounds,
        _reservation: reservation,
    })
}

/// The piece of a hash: its upper bits.
fn piece_of(hash: u64) -> usize {
    (hash >> (u64::BITS - MOST_PARTS.ilog2())) as usize
}

/// The groups are cut: each part is merged on its own. `all_meet` says that no table was set aside.
pub(super) fn merge_parts(
    spec: &Arc<Grouping>,
    parts: usize,
    cuts: Vec<Cut>,
    all_meet: bool,
    kept: Keeping,
) -> Step {
    let cuts: Arc<[Cut]> = cuts.into();
    let merged = Arc::new(Slots::new(parts));
    let task = |part: usize| -> FinalizeTask {
        let (spec, cuts, to) = (Arc::clone(spec), Arc::clone(&cuts), Arc::clone(&merged));
        Box::new(move |cx| {
            let mut all = Merged::new(&spec, cx)?;
            let of_cuts = cuts.iter().filter_map(|cut| {
                let groups = cut.part(part, parts);
                let bytes = cut.keys.as_ref()?.text_bytes(groups.clone());
                Some((groups.len(), bytes))
            });
            // Of tables that were set aside hardly any two groups are the same, most often; else as
            // many are to be expected as one of them has.
            let expected = if all_meet {
                of_cuts.max()
            } else {
                of_cuts.reduce(|all, one| (all.0 + one.0, all.1 + one.1))
            };
            if let Some((groups, bytes)) = expected {
                all.reserve(groups, bytes)?;
            }
            for cut in cuts.iter() {
                let groups = cut.part(part, parts);
                if cx.query.is_cancelled() {
                    return Err(Error::cancelled());
                }
                if groups.is_empty() {
                    continue;
                }
                let columns = cut.columns.slice(groups.clone());
                let keys = cut.keys.as_ref().map(|keys| (keys, groups));
                all.merge(&spec, &columns, keys, &mut cx.buffers)?;
            }
            all.close()?;
            to.put(part, all);
            Ok(())
        })
    };
    let tasks = (0..parts).map(task).collect();
    let next = Phase::Merging { merged, kept };
    Step { next, tasks }
}
