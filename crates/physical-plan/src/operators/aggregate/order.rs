//! Groups in the order of their first rows.

#![allow(
    clippy::indexing_slicing,
    reason = "a chunk has an entry in each of its lists for each of its groups, and ids name chunks \
              and groups that there are"
)]

use std::ops::Range;
use std::sync::Arc;

use esker_datatypes::{Column, Error, Result};
use esker_kernels::select::chunks::{CHUNK_ROWS, Chunked};
use esker_runtime::{Reservation, TaskContext};

use super::super::slots::Slots;
use super::finish::Merged;
use super::first_rows::KeptColumns;
use super::groups::Groups;
use super::output::{Part, PartRows};
use super::spec::Grouping;
use crate::pipeline::FinalizeTask;

/// Row ids number chunks by 16 bits.
const MOST_CHUNKS: usize = 1 << 16;

/// Whether the groups lie in the order of their first rows.
pub(super) fn in_order<'a>(parts: &'a [Merged]) -> bool {
    let firsts = |part: &'a Merged| {
        let ranges = part.ranges(usize::MAX).into_iter();
        ranges.flat_map(|range| &part.groups.firsts()[range])
    };
    parts.iter().flat_map(firsts).is_sorted()
}

/// The keys and results of groups, to be put in order.
pub(super) struct Chunk {
    columns: Vec<Column>,
    /// The position of each group's first row and the group's number, ascending.
    order: Vec<(u64, u32)>,
    /// The row ids of first rows, by group.
    first_ids: Vec<u32>,
    reservation: Reservation,
}

/// The groups are to come in another order than they lie in: computes their results, in chunks.
///
/// # Errors
/// `Unsupported` for more groups than have row ids.
pub(super) fn compute_chunks(
    spec: &Arc<Grouping>,
    merged: Vec<Merged>,
) -> Result<(Arc<Slots<Chunk>>, Vec<FinalizeTask>)> {
    let ranges: Vec<_> = merged.iter().map(|part| part.ranges(CHUNK_ROWS)).collect();
    let chunks = Arc::new(Slots::new(ranges.iter().map(Vec::len).sum()));
    let merged: Arc<[Merged]> = merged.into();
    let mut tasks: Vec<FinalizeTask> = Vec::new();
    for (part, ranges) in ranges.into_iter().enumerate() {
        for range in ranges {
            let (number, merged) = (tasks.len(), Arc::clone(&merged));
            let (spec, to) = (Arc::clone(spec), Arc::clone(&chunks));
            tasks.push(Box::new(move |cx| {
                to.put(
                    number,
                    chunk(&spec, &merged[part].groups, range, number, cx)?,
                );
                Ok(())
            }));
        }
    }
    if tasks.len() >= MOST_CHUNKS {
        return Err(Error::unsupported(format!(
            "keeping the order of more than {} groups",
            MOST_CHUNKS * CHUNK_ROWS
        )));
    }
    Ok((chunks, tasks))
}

fn chunk(
    spec: &Grouping,
    groups: &Groups,
    range: Range<usize>,
    number: usize,
    cx: &mut TaskContext,
) -> Result<Chunk> {
    let columns = groups.finish(spec, range.clone())?;
    let rows = groups.rows().get(range.clone()).unwrap_or_default();
    let firsts = groups.firsts()[range].iter();
    let mut order: Vec<(u64, u32)> = firsts.copied().zip((number as u32) << 16..).collect();
    order.sort_unstable();
    let bytes: usize = columns.iter().map(Column::memory_size).sum();
    let mut reservation = cx.query.memory().reserve(spec.name);
    reservation.try_grow((bytes + size_of_val(order.as_slice())) as u64)?;
    Ok(Chunk {
        columns,
        order,
        first_ids: rows.iter().map(|&row| row as u32).collect(),
        reservation,
    })
}

/// All groups in the order of their first rows.
pub(super) fn in_sorted_order(
    spec: &Grouping,
    chunks: Vec<Chunk>,
    kept: Arc<KeptColumns>,
) -> Result<Part> {
    let types = spec.output_types().collect::<Vec<_>>();
    let mut columns: Vec<Vec<Column>> = Vec::new();
    columns.resize_with(types.len(), || Vec::with_capacity(chunks.len()));
    let (mut order, mut first_ids, mut reservations) = (Vec::new(), Vec::new(), Vec::new());
    for chunk in chunks {
        for (pieces, column) in columns.iter_mut().zip(chunk.columns) {
            pieces.push(column);
        }
        order.extend(chunk.order);
        first_ids.push(chunk.first_ids);
        reservations.push(chunk.reservation);
    }
    // Sorted runs, which this merges.
    order.sort();
    let ids: Vec<u32> = order.into_iter().map(|(_, id)| id).collect();
    let first_id = |&id: &u32| {
        let chunk: &Vec<u32> = &first_ids[(id >> 16) as usize];
        chunk[(id & 0xffff) as usize]
    };
    let first_ids = if kept.columns.is_empty() {
        Vec::new()
    } else {
        ids.iter().map(first_id).collect()
    };
    let columns = types.into_iter().zip(columns);
    let columns = columns.map(|(data_type, chunks)| Chunked::new(data_type, chunks));
    Ok(Part {
        rows: PartRows::Ordered {
            columns: columns.collect::<Result<_>>()?,
            ids,
            first_ids,
        },
        kept,
        reservations,
    })
}
