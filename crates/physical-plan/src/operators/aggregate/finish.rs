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
use esker_kernels::hash_table::GroupKeys;
use esker_runtime::{Reservation, TaskContext};

use super::super::held::Held;
use super::super::slots::Slots;
use super::cut::{Cut, MOST_PARTS, cut, merge_parts};
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
/// Of groups that take more than so many bytes, so many times as many are merged by one task: cutting
/// copies them.
const HEAVY: (usize, usize) = (8, 1 << 25);
/// How many groups of a table are cut at a time.
const CUT: usize = 1 << 18;
/// How many groups a part has about, so that its table stays in the cache.
const PART: usize = 1 << 16;

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
    Collecting {
        workers: Vec<Worker>,
        /// Groups of tables that were set aside.
        aside: Vec<Cut>,
    },
    /// The groups of all tables are being cut.
    Cutting {
        parts: usize,
        cuts: Arc<Slots<Cut>>,
        aside: Vec<Cut>,
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
        Self::Collecting {
            workers: Vec::new(),
            aside: Vec::new(),
        }
    }
}

/// The phase that follows, once these tasks are done.
pub(super) struct Step {
    pub(super) next: Phase,
    pub(super) tasks: Vec<FinalizeTask>,
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
        if let Self::Collecting { workers, .. } = self {
            workers.push(worker);
        }
    }

    /// Takes groups of a table that was set aside.
    pub(super) fn set_aside(&mut self, groups: Cut) {
        if let Self::Collecting { aside, .. } = self {
            aside.push(groups);
        }
    }

    /// What is next: called when the tasks of this phase are done.
    pub(super) fn step(self, spec: &Arc<Grouping>, cx: &mut TaskContext) -> Result<Step> {
        match self {
            Self::Collecting { workers, aside } => collected(workers, aside, spec, cx),
            Self::Cutting {
                parts,
                cuts,
                aside,
                kept,
            } => {
                let all_meet = aside.is_empty();
                let cuts = cuts.take()?.into_iter().chain(aside);
                Ok(merge_parts(spec, parts, cuts.collect(), all_meet, kept))
            }
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
fn collected(
    mut workers: Vec<Worker>,
    aside: Vec<Cut>,
    spec: &Arc<Grouping>,
    cx: &mut TaskContext,
) -> Result<Step> {
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
        && aside.is_empty()
        && total > spec.options.few
        && let Some(shared) = shared_keys(&tables)
    {
        let (merged, more) = part_tables(spec, tables, shared, &rows, cx)?;
        tasks.extend(more);
        let next = Phase::Merging { merged, kept };
        return Ok(Step { next, tasks });
    }
    let others: usize = tables.iter().skip(1).map(|table| table.groups.len()).sum();
    let bytes: usize = tables.iter().map(|table| table.groups.size()).sum();
    let few = match bytes > HEAVY.1 {
        true => spec.options.few * HEAVY.0,
        false => spec.options.few,
    };
    if others <= few && aside.is_empty() {
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
    let total = total + aside.iter().map(Cut::len).sum::<usize>();
    let parts = (total / PART).max(2 * cx.query.threads()).min(MOST_PARTS);
    let parts = parts.next_power_of_two();
    let pieces = |table: &Merged| table.groups.len().div_ceil(CUT);
    let cuts = Arc::new(Slots::new(tables.iter().map(pieces).sum()));
    // The tables live until the last of them is cut.
    let tables: Arc<[Merged]> = tables.into();
    let before = tasks.len();
    for (worker, table) in tables.iter().enumerate() {
        for start in (0..table.groups.len()).step_by(CUT) {
            let groups = start..(start + CUT).min(table.groups.len());
            let number = tasks.len() - before;
            let (spec, to) = (Arc::clone(spec), Arc::clone(&cuts));
            let (tables, rows) = (Arc::clone(&tables), Arc::clone(&rows));
            tasks.push(Box::new(move |cx| {
                let table = &tables[worker].groups;
                let id = |place| rows.id(worker, place);
                to.put(number, cut(&spec, table, groups, id, cx)?);
                Ok(())
            }));
        }
    }
    let next = Phase::Cutting {
        parts,
        cuts,
        aside,
        kept,
    };
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
        keys: Option<(&GroupKeys, Range<usize>)>,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let held = &mut self.reservation;
        self.groups.merge(spec, from, keys, held, buffers)?;
        self.hold()
    }

    /// Makes room for so many groups, as far as memory is granted.
    pub(super) fn reserve(&mut self, groups: usize, text_bytes: usize) -> Result<()> {
        let held = &mut self.reservation;
        self.groups.reserve(groups, text_bytes, held)
    }

    /// Drops what only merging takes.
    pub(super) fn close(&mut self) -> Result<()> {
        self.groups.close();
        self.hold()
    }

    /// Holds as much memory as the groups take.
    fn hold(&mut self) -> Result<()> {
        self.reservation.try_resize(self.groups.size() as u64)
    }
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
