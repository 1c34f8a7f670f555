//! Cutting and joining batches into chunks.

use std::ops::Range;

use esker_datatypes::{Column, Error, Result};

use super::CHUNK_ROWS;
use crate::select::concat;

/// What a chunk is made of: numbers of batches, each with a range of its rows.
pub type ChunkParts = Vec<(usize, Range<usize>)>;

/// Which rows of which batches make up each chunk, when dense batches of these numbers of rows are
/// kept in chunks of at most [`CHUNK_ROWS`] rows, in their order.
///
/// Small batches are put together until a chunk is full. A batch of half a chunk or more stands
/// alone, and a longer one is cut: neither is copied. Empty batches are left out.
///
/// ```
/// use esker_kernels::select::chunks::plan_chunks;
/// let chunks = plan_chunks(&[8_000, 8_000, 100_000]);
/// assert_eq!(chunks[0], [(0, 0..8_000), (1, 0..8_000)]);
/// assert_eq!(chunks[1], [(2, 0..65_536)]);
/// assert_eq!(chunks[2], [(2, 65_536..100_000)]);
/// ```
pub fn plan_chunks(rows: &[usize]) -> Vec<ChunkParts> {
    plan_chunks_of(CHUNK_ROWS, rows)
}

/// The same with chunks of at most `most` rows, where these are fewer and more than none.
///
/// ```
/// use esker_kernels::select::chunks::plan_chunks_of;
/// let chunks = plan_chunks_of(10, &[4, 4, 15]);
/// assert_eq!(chunks[0], [(0, 0..4), (1, 0..4)]);
/// assert_eq!(chunks[1..], [[(2, 0..10)], [(2, 10..15)]]);
/// ```
pub fn plan_chunks_of(most: usize, rows: &[usize]) -> Vec<ChunkParts> {
    let most = most.clamp(1, CHUNK_ROWS);
    let (mut chunks, mut open, mut filled) = (Vec::new(), Vec::new(), 0);
    for (batch, &rows) in rows.iter().enumerate() {
        let mut start = 0;
        while start < rows {
            let length = (rows - start).min(most);
            let alone = length >= most.div_ceil(2);
            if !open.is_empty() && (alone || filled + length > most) {
                chunks.push(std::mem::take(&mut open));
                filled = 0;
            }
            let part = (batch, start..start + length);
            if alone {
                chunks.push(vec![part]);
            } else {
                open.push(part);
                filled += length;
            }
            start += length;
        }
    }
    if !open.is_empty() {
        chunks.push(open);
    }
    chunks
}

/// The columns of a chunk: those of its parts one behind the other, see [`concat()`]. One part is
/// not copied.
///
/// # Errors
/// `Internal` for no parts, for rows that the batches do not have, and for batches of different
/// columns.
pub fn chunk_of(batches: &[Vec<Column>], parts: &[(usize, Range<usize>)]) -> Result<Vec<Column>> {
    let batch = |at: usize| {
        let batch = batches.get(at).map(Vec::as_slice);
        batch.ok_or_else(|| Error::internal(format!("batch {at} of {}", batches.len())))
    };
    let Some((first, _)) = parts.first() else {
        return Err(Error::internal("a chunk of no parts"));
    };
    let width = batch(*first)?.len();
    let mut pieces: Vec<Vec<Column>> = Vec::with_capacity(width);
    pieces.resize_with(width, || Vec::with_capacity(parts.len()));
    for (at, rows) in parts {
        let columns = batch(*at)?;
        if columns.len() != width {
            let found = columns.len();
            return Err(Error::internal(format!("{found} columns among {width}")));
        }
        for (pieces, column) in pieces.iter_mut().zip(columns) {
            pieces.push(part_of(column, rows)?);
        }
    }
    pieces.iter().map(|pieces| concat(pieces)).collect()
}

fn part_of(column: &Column, rows: &Range<usize>) -> Result<Column> {
    if rows.start > rows.end || rows.end > column.len() {
        let len = column.len();
        return Err(Error::internal(format!("rows {rows:?} of {len}")));
    }
    Ok(if rows.len() == column.len() {
        column.clone()
    } else {
        column.slice(rows.start, rows.len())
    })
}
