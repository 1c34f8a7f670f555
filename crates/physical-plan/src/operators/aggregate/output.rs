//! What comes out of an aggregation: splits of groups, claimed by the workers.

#![allow(
    clippy::indexing_slicing,
    reason = "ranges are those of the splits, which were cut from the parts; numbers of columns are \
              those of the grouping"
)]

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use esker_datatypes::{Batch, Buffers, Column, Order, Result};
use esker_kernels::select::chunks::Chunked;
use esker_runtime::{Reservation, TaskContext};

use super::first_rows::KeptColumns;
use super::groups::Groups;
use super::shared_keys::ranges_without;
use super::spec::Grouping;
use crate::pipeline::{LocalSource, Source, SourceStatus};

/// How many rows a split has at most.
const SPLIT_ROWS: usize = 1 << 16;
/// About so many bytes of states a split has, unless that is less than a group: results of great
/// states are dear.
const SPLIT_BYTES: usize = 1 << 23;

/// The complete groups.
pub(super) struct Output {
    parts: Vec<Slot>,
    splits: Vec<Split>,
    next: AtomicUsize,
    /// The bytes that the parts took when they were complete.
    pub(super) bytes: u64,
}

/// A part, until its last split is claimed.
struct Slot {
    part: Mutex<Option<Arc<Part>>>,
    unclaimed: AtomicUsize,
}

#[derive(Clone)]
struct Split {
    part: usize,
    groups: Range<usize>,
}

/// Some of the groups, complete.
pub(super) struct Part {
    pub(super) rows: PartRows,
    /// The columns kept of first rows, of all parts.
    pub(super) kept: Arc<KeptColumns>,
    /// The memory of all that.
    pub(super) reservations: Vec<Reservation>,
}

/// The rows of a part.
pub(super) enum PartRows {
    /// Groups as they lie in their table.
    Groups {
        groups: Box<Groups>,
        /// Some of them, ascending, which come out of another part.
        elsewhere: Vec<u32>,
    },
    /// Groups in another order than they lie in.
    Ordered {
        /// Keys and results.
        columns: Vec<Chunked>,
        /// Their row ids.
        ids: Vec<u32>,
        /// The row ids of their first rows, if any columns of those are kept.
        first_ids: Vec<u32>,
    },
}

impl Part {
    /// The rows that come out, in ranges of at most so many.
    fn ranges(&self, most: usize) -> Vec<Range<usize>> {
        match &self.rows {
            PartRows::Groups { groups, elsewhere } => ranges_without(groups.len(), elsewhere, most),
            PartRows::Ordered { ids, .. } => ranges_without(ids.len(), &[], most),
        }
    }

    /// How many rows a split has.
    fn split_rows(&self) -> usize {
        match &self.rows {
            PartRows::Groups { groups, .. } => groups.rows_of(SPLIT_BYTES).min(SPLIT_ROWS),
            PartRows::Ordered { .. } => SPLIT_ROWS,
        }
    }

    /// The rows of a range, in the columns of the output.
    fn columns(
        &self,
        spec: &Grouping,
        range: Range<usize>,
        buffers: &mut Buffers,
    ) -> Result<Vec<Column>> {
        let mut all = Vec::with_capacity(spec.output.len());
        match &self.rows {
            PartRows::Groups { groups, .. } => {
                all.extend(groups.finish(spec, range.clone())?);
                if !self.kept.columns.is_empty() {
                    let mut ids = buffers.take::<u32>(range.len());
                    ids.extend(groups.rows()[range].iter().map(|&row| row as u32));
                    for column in &self.kept.columns {
                        all.push(column.gather(&ids, buffers)?);
                    }
                    buffers.give(ids);
                }
            }
            PartRows::Ordered {
                columns,
                ids,
                first_ids,
            } => {
                for column in columns {
                    all.push(column.gather(&ids[range.clone()], buffers)?);
                }
                for column in &self.kept.columns {
                    all.push(column.gather(&first_ids[range.clone()], buffers)?);
                }
            }
        }
        let places = spec.output.iter().zip(spec.schema.fields());
        let columns = places.map(|(&at, field)| {
            let column: &Column = &all[at];
            column.clone().with_declared_type(field.data_type())
        });
        Ok(columns.collect())
    }
}

impl Output {
    /// The parts in their order.
    pub(super) fn new(parts: Vec<Part>) -> Self {
        let mut splits = Vec::new();
        let mut slots = Vec::with_capacity(parts.len());
        // The columns kept of first rows are shared by all parts.
        let mut bytes = parts.first().map_or(0, |part| part.kept.bytes());
        for (at, part) in parts.into_iter().enumerate() {
            let ranges = part.ranges(part.split_rows());
            let unclaimed = AtomicUsize::new(ranges.len());
            // A part of which nothing comes out is let go of at once.
            let part = (!ranges.is_empty()).then(|| Arc::new(part));
            let held = part.iter().flat_map(|part| &part.reservations);
            bytes += held.map(Reservation::size).sum::<u64>();
            splits.extend(ranges.into_iter().map(|groups| Split { part: at, groups }));
            slots.push(Slot {
                part: Mutex::new(part),
                unclaimed,
            });
        }
        Self {
            parts: slots,
            splits,
            next: AtomicUsize::new(0),
            bytes,
        }
    }

    /// The next split that nobody has claimed.
    fn claim(&self) -> Option<Claimed> {
        let ordinal = self.next.fetch_add(1, Ordering::Relaxed);
        let split = self.splits.get(ordinal)?;
        let slot = &self.parts[split.part];
        let mut part = slot.part.lock().unwrap_or_else(PoisonError::into_inner);
        // Who has claimed a part's last split is the one to let go of it.
        let part = if slot.unclaimed.fetch_sub(1, Ordering::Relaxed) == 1 {
            part.take()
        } else {
            part.clone()
        };
        Some(Claimed {
            part: part?,
            groups: split.groups.clone(),
            order: Order {
                ordinal: ordinal as u64,
                ..Order::default()
            },
        })
    }
}

/// A split that a worker gives.
struct Claimed {
    part: Arc<Part>,
    /// What is left of it.
    groups: Range<usize>,
    order: Order,
}

/// The source of the pipeline behind an aggregation.
pub(super) struct GroupSource {
    pub(super) spec: Arc<Grouping>,
    pub(super) output: Arc<OnceLock<Output>>,
}

impl std::fmt::Debug for GroupSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "groups of {:?}", self.spec)
    }
}

impl Source for GroupSource {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(LocalGroups {
            spec: Arc::clone(&self.spec),
            output: Arc::clone(&self.output),
            claimed: None,
        }))
    }
}

struct LocalGroups {
    spec: Arc<Grouping>,
    output: Arc<OnceLock<Output>>,
    claimed: Option<Claimed>,
}

impl LocalSource for LocalGroups {
    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<SourceStatus> {
        let Some(output) = self.output.get() else {
            return Ok(SourceStatus::Finished { splits: 0 });
        };
        if self.claimed.is_none() {
            self.claimed = output.claim();
        }
        let Some(claimed) = &mut self.claimed else {
            let splits = output.splits.len() as u64;
            return Ok(SourceStatus::Finished { splits });
        };
        let Range { start, end } = claimed.groups;
        let range = start..(start + self.spec.options.batch_size).min(end);
        claimed.groups.start = range.end;
        claimed.order.last = range.end == end;
        // In case of an error, this is where.
        out.set_order(claimed.order);
        let (rows, last) = (range.len(), claimed.order.last);
        let columns = claimed.part.columns(&self.spec, range, &mut cx.buffers)?;
        out.replace(columns, rows);
        claimed.order.sequence += 1;
        if last {
            self.claimed = None;
        }
        Ok(SourceStatus::More)
    }
}
