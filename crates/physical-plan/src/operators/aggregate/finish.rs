//! From the groups of all workers to the output, in phases of tasks that run side by side.
//!
//! | phase | tasks |
//! |---|---|
//! | `Collecting` | one merges all groups into the largest table; or one merges those that tables share, the others stay where they are; or many cut the tables by hash |
//! | `Cutting` | for each part, one merges its groups of all workers |
//! | `Merging` | nothing; or, for an order that the parts do not have, many compute the results |
//! | `Ordering` | one sorts the groups by their first rows |
//!
//! Beside them, columns kept of first rows are put into chunks, each by a task.

#![allow(
    clippy::indexing_slicing,
    reason = "bounds are those that groups were cut at, and tables those that there are"
)]

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use esker_datatypes::{Buffers, Error, Result};
use esker_runtime::{Reservation, TaskContext};

use super::super::held::Held;
use super::super::slots::Slots;
use super::first_rows::{FirstRows, Keeping, Kept, KeptColumns};
use super::groups::{GroupColumns, Groups};
use super::order::{Chunk, compute_chunks, in_order, in_sorted_order};
use super::output::{Part, PartRows};
use super::shared_keys::{part_tables, ranges_without, shared_keys};
use super::spec::Grouping;
use crate::pipeline::FinalizeTask;

/// How many groups are merged at once at most, and about how many bytes of them: their states are
/// copied.
const AT_ONCE: (usize, usize) = (1 << 14, 1 << 23);
/// How many groups of a table are cut at a time.
const CUT: usize = 1 << 18;
/// How many groups a part has about, so that its table stays in the cache.
const PART: usize = 1 << 16;
/// At most so many parts.
const MOST_PARTS: usize = 256;

/// What one worker has come to.
pub(super) struct Worker {
    pub(super) groups: Groups,
    pub(super) held_by_groups: Reservation,
    pub(super) first_rows: FirstRows,
    pub(super) held_by_rows: Reservation,
}

impl Worker {
    pub(super) fn new(spec: &Grouping, cx: &TaskContext) -> Result<Self> {
        Ok(Self {
            groups: Groups::new(spec)?,
            held_by_groups: cx.query.memory().reserve(spec.name),
            first_rows: FirstRows::default(),
            held_by_rows: cx.query.memory().reserve(spec.name),
        })
    }
}

/// How far the groups are.
pub(super) enum Phase {
    /// Workers hand in what they have.
    Collecting(Vec<Worker>),
    /// The groups of all tables are being cut.
    Cutting {
        parts: usize,
        cuts: Arc<Slots<Cut>>,
        kept: Keeping,
    },
    /// Parts are being merged.
    Merging {
        merged: Arc<Slots<Merged>>,
        kept: Keeping,
    },
    /// Results are being computed, to be put in order.
    Ordering {
        chunks: Arc<Slots<Chunk>>,
        kept: Arc<KeptColumns>,
    },
    /// Groups are being put in order.
    Sorting(Arc<Slots<Part>>),
    /// They are complete.
    Done(Vec<Part>),
}

impl Default for Phase {
    fn default() -> Self {
        Self::Collecting(Vec::new())
    }
}

/// The phase that follows, once these tasks are done.
pub(super) struct Step {
    pub(super) next: Phase,
    pub(super) tasks: Vec<FinalizeTask>,
}

/// Groups of one table, those of the first part first.
pub(super) struct Cut {
    /// Where their keys are, and their numbers there, if not in columns.
    keys: Option<(Arc<[Merged]>, usize, Vec<u32>)>,
    columns: GroupColumns,
    /// Where each part starts, and the end.
    bounds: Vec<usize>,
    _reservation: Reservation,
}

/// The groups of a part.
pub(super) struct Merged {
    pub(super) groups: Groups,
    /// Some of them, ascending, that are complete in another part and do not come out of this one.
    pub(super) elsewhere: Vec<u32>,
    reservation: Reservation,
}

impl Phase {
    /// Takes what a worker has come to.
    pub(super) fn collect(&mut self, worker: Worker) {
        if let Self::Collecting(workers) = self {
            workers.push(worker);
        }
    }

    /// What is next: called when the tasks of this phase are done.
    pub(super) fn step(self, spec: &Arc<Grouping>, cx: &mut TaskContext) -> Result<Step> {
        match self {
            Self::Collecting(workers) => collected(workers, spec, cx),
            Self::Cutting { parts, cuts, kept } => Ok(merge_parts(spec, parts, cuts.take()?, kept)),
            Self::Merging { merged, kept } => {
                let (merged, kept) = (merged.take()?, Arc::new(kept.done()?));
                if spec.options.maintain_order && !in_order(&merged) {
                    let (chunks, tasks) = compute_chunks(spec, merged)?;
                    let next = Self::Ordering { chunks, kept };
                    return Ok(Step { next, tasks });
                }
                Ok(done(parts_of(merged, &kept)))
            }
            Self::Ordering { chunks, kept } => {
                let sorted = Arc::new(Slots::new(1));
                let (spec, to) = (Arc::clone(spec), Arc::clone(&sorted));
                let task: FinalizeTask = Box::new(move |_| {
                    to.put(0, in_sorted_order(&spec, chunks.take()?, kept)?);
                    Ok(())
                });
                Ok(Step {
                    next: Self::Sorting(sorted),
                    tasks: vec![task],
                })
            }
            Self::Sorting(sorted) => Ok(done(sorted.take()?)),
            Self::Done(_) => Err(Error::internal("groups are complete, and asked for again")),
        }
    }
}

fn done(parts: Vec<Part>) -> Step {
    Step {
        next: Phase::Done(parts),
        tasks: Vec::new(),
    }
}

/// All workers have handed in their groups.
fn collected(mut workers: Vec<Worker>, spec: &Arc<Grouping>, cx: &mut TaskContext) -> Result<Step> {
    if workers.is_empty() && spec.options.global {
        let mut worker = Worker::new(spec, cx)?;
        worker.groups.touch(spec, &mut cx.buffers)?;
        workers.push(worker);
    }
    // The largest first: the others are merged into it.
    workers.sort_by_key(|worker| Reverse(worker.groups.len()));
    let (mut tables, mut rows, mut held) = (Vec::new(), Vec::new(), Held::default());
    for worker in workers {
        rows.push(worker.first_rows);
        held.add(worker.held_by_rows);
        tables.push(Merged {
            groups: worker.groups,
            elsewhere: Vec::new(),
            reservation: worker.held_by_groups,
        });
    }
    let rows = Arc::new(Kept::new(spec.name, rows)?);
    let (kept, mut tasks) = Keeping::start(spec, &rows, held);
    let total: usize = tables.iter().map(|table| table.groups.len()).sum();
    if tables.len() > 1
        && total > spec.options.few
        && let Some(shared) = shared_keys(&tables)
    {
        let (merged, more) = part_tables(spec, tables, shared, &rows, cx)?;
        tasks.extend(more);
        let next = Phase::Merging { merged, kept };
        return Ok(Step { next, tasks });
    }
    let others: usize = tables.iter().skip(1).map(|table| table.groups.len()).sum();
    if others <= spec.options.few {
        let merged = Arc::new(Slots::new(tables.len().min(1)));
        let (spec, to) = (Arc::clone(spec), Arc::clone(&merged));
        tasks.push(Box::new(move |cx| {
            if let Some(all) = merge_tables(&spec, tables, &rows, cx)? {
                to.put(0, all);
            }
            Ok(())
        }));
        let next = Phase::Merging { merged, kept };
        return Ok(Step { next, tasks });
    }
    let parts = (total / PART).max(2 * cx.query.threads()).min(MOST_PARTS);
    let parts = parts.next_power_of_two();
    let pieces = |table: &Merged| table.groups.len().div_ceil(CUT);
    let cuts = Arc::new(Slots::new(tables.iter().map(pieces).sum()));
    for table in &mut tables {
        table.groups.close();
        table.hold()?;
    }
    // The tables live until the last of them is cut, or merged.
    let tables: Arc<[Merged]> = tables.into();
    let before = tasks.len();
    for (worker, table) in tables.iter().enumerate() {
        for start in (0..table.groups.len()).step_by(CUT) {
            let groups = start..(start + CUT).min(table.groups.len());
            let number = tasks.len() - before;
            let (spec, to) = (Arc::clone(spec), Arc::clone(&cuts));
            let (tables, rows) = (Arc::clone(&tables), Arc::clone(&rows));
            tasks.push(Box::new(move |cx| {
                let id = |place| rows.id(worker, place);
                to.put(number, cut(&spec, &tables, worker, groups, parts, id, cx)?);
                Ok(())
            }));
        }
    }
    let next = Phase::Cutting { parts, cuts, kept };
    Ok(Step { next, tasks })
}

/// All groups in one table, unless there is no table at all.
fn merge_tables(
    spec: &Grouping,
    tables: Vec<Merged>,
    rows: &Kept,
    cx: &mut TaskContext,
) -> Result<Option<Merged>> {
    let mut all: Option<Merged> = None;
    for (worker, mut table) in tables.into_iter().enumerate() {
        table.groups.locate(|place| rows.id(worker, place));
        let Some(all) = &mut all else {
            all = Some(table);
            continue;
        };
        let rows = table.groups.rows_of(AT_ONCE.1).min(AT_ONCE.0);
        for start in (0..table.groups.len()).step_by(rows) {
            let groups = start..(start + rows).min(table.groups.len());
            if cx.query.is_cancelled() {
                return Err(Error::cancelled());
            }
            let columns = table.groups.columns(groups)?;
            all.merge(spec, &columns, None, &mut cx.buffers)?;
        }
    }
    Ok(all)
}

impl Merged {
    /// No groups.
    pub(super) fn new(spec: &Grouping, cx: &TaskContext) -> Result<Self> {
        Ok(Self {
            groups: Groups::new(spec)?,
            elsewhere: Vec::new(),
            reservation: cx.query.memory().reserve(spec.name),
        })
    }

    /// The groups that come out, in ranges of at most so many.
    pub(super) fn ranges(&self, most: usize) -> Vec<Range<usize>> {
        ranges_without(self.groups.len(), &self.elsewhere, most)
    }

    /// Merges groups, no two of which have the same key.
    pub(super) fn merge(
        &mut self,
        spec: &Grouping,
        from: &GroupColumns,
        keys: Option<(&Groups, &[u32])>,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let held = &mut self.reservation;
        self.groups.merge(spec, from, keys, held, buffers)?;
        self.hold()
    }

    /// Holds as much memory as the groups take.
    fn hold(&mut self) -> Result<()> {
        self.reservation.try_resize(self.groups.size() as u64)
    }
}

/// The part of a hash: its upper bits.
fn part_of(hash: u64, parts: usize) -> usize {
    debug_assert!(parts.is_power_of_two());
    ((u128::from(hash) * parts as u128) >> u64::BITS) as usize
}

/// Cuts a range of groups into parts.
fn cut(
    spec: &Grouping,
    tables: &Arc<[Merged]>,
    number: usize,
    groups: Range<usize>,
    parts: usize,
    id: impl Fn(u64) -> u32,
    cx: &mut TaskContext,
) -> Result<Cut> {
    let table = &tables[number].groups;
    let hashes = table.hashes(groups.clone())?;
    let mut bounds = vec![0; parts + 1];
    for &hash in &*hashes {
        bounds[part_of(hash, parts) + 1] += 1;
    }
    for part in 0..parts {
        bounds[part + 1] += bounds[part];
    }
    let mut next = bounds.clone();
    let mut order = cx.buffers.take::<u32>(hashes.len());
    order.resize(hashes.len(), 0);
    for (group, &hash) in (0u32..).zip(&*hashes) {
        let at = &mut next[part_of(hash, parts)];
        order[*at] = group;
        *at += 1;
    }
    let first = groups.start as u32;
    let gives_keys = table.gives_keys();
    let columns = match gives_keys {
        true => table.columns_beside_keys(groups)?,
        false => table.columns(groups)?,
    };
    let mut columns = columns.take(&order, &mut cx.buffers)?;
    columns.locate(id);
    let mut reservation = cx.query.memory().reserve(spec.name);
    reservation.try_grow((columns.size() + size_of_val(&*order)) as u64)?;
    let keys = if gives_keys {
        order.iter_mut().for_each(|group| *group += first);
        Some((Arc::clone(tables), number, order))
    } else {
        cx.buffers.give(order);
        None
    };
    Ok(Cut {
        keys,
        columns,
        bounds,
        _reservation: reservation,
    })
}

/// The groups are cut: each part is merged on its own.
fn merge_parts(spec: &Arc<Grouping>, parts: usize, cuts: Vec<Cut>, kept: Keeping) -> Step {
    let cuts: Arc<[Cut]> = cuts.into();
    let merged = Arc::new(Slots::new(parts));
    let task = |part: usize| -> FinalizeTask {
        let (spec, cuts, to) = (Arc::clone(spec), Arc::clone(&cuts), Arc::clone(&merged));
        Box::new(move |cx| {
            let mut all = Merged::new(&spec, cx)?;
            if let Some((groups, like)) = most_of(&cuts, part) {
                all.groups.reserve(groups, like);
                all.hold()?;
            }
            for cut in cuts.iter() {
                let groups = cut.bounds[part]..cut.bounds[part + 1];
                if cx.query.is_cancelled() {
                    return Err(Error::cancelled());
                }
                if groups.is_empty() {
                    continue;
                }
                let columns = cut.columns.slice(groups.clone());
                let keys = cut.keys.as_ref();
                let keys =
                    keys.map(|(tables, table, numbers)| (&tables[*table].groups, &numbers[groups]));
                all.merge(&spec, &columns, keys, &mut cx.buffers)?;
            }
            all.groups.seal();
            all.hold()?;
            to.put(part, all);
            Ok(())
        })
    };
    let tasks = (0..parts).map(task).collect();
    let next = Phase::Merging { merged, kept };
    Step { next, tasks }
}

/// About how many groups a part comes to, and others with such keys: as many as the largest table
/// has of it; or all, where tables were set aside because hardly any of their rows met.
fn most_of(cuts: &[Cut], part: usize) -> Option<(usize, &Groups)> {
    let table = |cut: &Cut| cut.keys.as_ref().map(|(_, table, _)| *table);
    let of_tables = cuts.chunk_by(|a, b| table(a) == table(b)).map(|cuts| {
        let groups = cuts.iter();
        let groups = groups.map(|cut| cut.bounds[part + 1] - cut.bounds[part]);
        groups.sum::<usize>()
    });
    let (tables, _, _) = cuts.first()?.keys.as_ref()?;
    let groups = if tables.iter().any(|table| table.groups.is_aside()) {
        of_tables.sum()
    } else {
        of_tables.max()?
    };
    Some((groups, &tables.first()?.groups))
}

fn parts_of(merged: Vec<Merged>, kept: &Arc<KeptColumns>) -> Vec<Part> {
    let part = |merged: Merged| Part {
        rows: PartRows::Groups {
            groups: Box::new(merged.groups),
            elsewhere: merged.elsewhere,
        },
        kept: Arc::clone(kept),
        reservations: vec![merged.reservation],
    };
    merged.into_iter().map(part).collect()
}
