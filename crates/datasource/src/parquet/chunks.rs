//! The bytes of a row group, as far as they are wanted, read once for all who read its rows.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use esker_datatypes::{Buffers, Error, Result};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};

use super::flat::{Piece, SharedColumns};
use super::footer::{Footer, fill};
use super::headers;
use crate::read_at::ReadAt;

/// Column chunks that lie side by side are read together up to this size.
const MERGED: u64 = 4 << 20;
/// How many buffers that others hold a reader waits for.
const LENT: usize = 8;
/// How many bytes of buffers a reader keeps for later.
const KEPT: usize = 64 << 20;
/// How many bytes of them it leaves to the next reader.
const LEFT: usize = 32 << 20;

/// The bytes of a row group.
#[derive(Debug, Default)]
pub(super) struct RowGroupBytes {
    loaded: Mutex<Loaded>,
    /// What has been decoded of it, where several read pieces.
    shared: Option<Arc<SharedColumns>>,
}

#[derive(Debug, Default)]
struct Loaded {
    /// The columns that are there, by position in the file.
    columns: Vec<usize>,
    blocks: Vec<Block>,
    /// Those of the columns whose pages begin with lengths.
    lengths: Vec<usize>,
    /// Those of the columns with levels packed as old writers did.
    packed_levels: Vec<usize>,
}

/// Bytes and where in the file they stand.
#[derive(Clone, Debug)]
struct Block {
    start: u64,
    len: usize,
    /// These, and whatever was in the buffer behind them.
    buffer: Bytes,
}

impl RowGroupBytes {
    /// Bytes of which several read.
    pub(super) fn of_pieces() -> Self {
        Self {
            loaded: Mutex::default(),
            shared: Some(Arc::default()),
        }
    }

    /// Reads those of the columns that are not there yet, and says how many bytes that were.
    ///
    /// # Errors
    /// `Io`; `Data` for columns that do not lie within the file, or lie on each other, and for pages
    /// that claim more than they can hold.
    pub(super) fn load(
        &self,
        file: &dyn ReadAt,
        len: u64,
        footer: &Footer,
        row_group: usize,
        columns: &[usize],
        pool: &mut Pool,
    ) -> Result<u64> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let absent = columns.iter().filter(|&c| !loaded.columns.contains(c));
        let absent: Vec<usize> = absent.copied().collect();
        if absent.is_empty() {
            return Ok(0);
        }
        let mut chunks = Vec::with_capacity(absent.len());
        for (leaf, chunk) in footer.row_group(row_group)?.columns().iter().enumerate() {
            let root = footer.plain.parquet_schema().get_column_root_idx(leaf);
            if absent.contains(&root) {
                let range = range_of(chunk, len).and_then(|range| loaded.apart(range));
                let range = range.map_err(|e| in_column(e, chunk))?;
                chunks.push((range, root, chunk));
            }
        }
        chunks.sort_unstable_by_key(|(range, ..)| (range.start, range.end));
        for (left, right) in chunks.iter().zip(chunks.get(1..).unwrap_or_default()) {
            if left.0.end > right.0.start {
                let name = left.2.column_path().string();
                let message = format!("the column's bytes are those of '{name}' too");
                return Err(in_column(Error::data(message), right.2));
            }
        }
        let mut read = 0;
        for range in merge(chunks.iter().map(|(range, ..)| range.clone())) {
            let len = (range.end - range.start) as usize;
            let mut buffer = pool.take(len);
            fill(file, range.start, buffer.get_mut(..len).unwrap_or_default())?;
            read += len as u64;
            loaded.blocks.push(Block {
                start: range.start,
                len,
                buffer: buffer.into(),
            });
        }
        loaded.blocks.sort_unstable_by_key(|block| block.start);
        let rows = footer.rows(row_group);
        for (range, root, chunk) in chunks {
            let bytes = bytes_of(&loaded.blocks, range.start);
            let bytes = bytes.and_then(|bytes| bytes.get(..(range.end - range.start) as usize));
            let checked = headers::check(chunk, bytes.unwrap_or_default(), rows);
            let checked = checked.map_err(|e| in_column(e, chunk))?;
            if checked.has_lengths {
                loaded.lengths.push(root);
            }
            if checked.has_packed_levels {
                loaded.packed_levels.push(root);
            }
        }
        loaded.columns.extend(absent);
        Ok(read)
    }

    /// What is there, for a decoder of these rows.
    pub(super) fn view(&self, len: u64, rows: Range<usize>) -> ChunkView {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        ChunkView {
            len,
            blocks: loaded.blocks.as_slice().into(),
            lengths: loaded.lengths.as_slice().into(),
            packed_levels: loaded.packed_levels.as_slice().into(),
            shared: self.shared.clone().zip(Some(rows)),
        }
    }

    /// Gives the buffers back, when nobody else reads them.
    pub(super) fn recycle(self: Arc<Self>, pool: &mut Pool) {
        if let Some(Self { loaded, shared }) = Arc::into_inner(self) {
            if let Some(shared) = shared.and_then(Arc::into_inner) {
                shared.recycle(pool);
            }
            let loaded = loaded.into_inner().unwrap_or_else(PoisonError::into_inner);
            for block in loaded.blocks {
                pool.give(block.buffer);
            }
        }
    }
}

impl Loaded {
    /// A range of the file of which nothing has been read yet, as nothing of it belongs to another
    /// column.
    ///
    /// # Errors
    /// `Data` for another one.
    fn apart(&self, range: Range<u64>) -> Result<Range<u64>> {
        let overlaps =
            |block: &Block| block.start < range.end && range.start < block.start + block.len as u64;
        if self.blocks.iter().any(overlaps) {
            let message = "the column's bytes are those of another one too";
            return Err(Error::data(message));
        }
        Ok(range)
    }
}

fn in_column(error: Error, chunk: &ColumnChunkMetaData) -> Error {
    error.in_column(chunk.column_path().string())
}

/// The bytes that are there from `start` on, of blocks in order.
fn bytes_of(blocks: &[Block], start: u64) -> Option<&[u8]> {
    let (block, offset) = place_of(blocks, start)?;
    block.buffer.get(offset..block.len)
}

/// Which of the blocks, in order, has this place, and where.
fn place_of(blocks: &[Block], start: u64) -> Option<(&Block, usize)> {
    let next = blocks.partition_point(|block| block.start <= start);
    let block = blocks.get(next.checked_sub(1)?)?;
    let offset = usize::try_from(start - block.start).ok()?;
    (offset < block.len).then_some((block, offset))
}

/// Where the bytes of a column chunk stand, dictionary included.
///
/// # Errors
/// `Data` when that is not within a file of `len` bytes.
fn range_of(chunk: &ColumnChunkMetaData, len: u64) -> Result<Range<u64>> {
    if chunk.file_path().is_some() {
        return Err(Error::unsupported("columns that stand in another file"));
    }
    let dictionary = chunk.dictionary_page_offset();
    let start = dictionary.unwrap_or(chunk.data_page_offset());
    let size = chunk.compressed_size();
    let range = u64::try_from(start).ok().zip(u64::try_from(size).ok());
    let range = range.and_then(|(start, size)| Some(start..start.checked_add(size)?));
    range.filter(|range| range.end <= len).ok_or_else(|| {
        let message = format!("the column has {size} bytes at {start} in a file of {len}");
        Error::data(message)
    })
}

/// Ranges, in order, that follow on each other as one.
fn merge(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if last.end == range.start && range.end - last.start <= MERGED => {
                last.end = range.end;
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Bytes of a row group as its decoders see them: a file of which only a part is there.
#[derive(Clone, Debug)]
pub(super) struct ChunkView {
    len: u64,
    blocks: Arc<[Block]>,
    /// The columns, by position in the file, whose pages begin with lengths.
    lengths: Arc<[usize]>,
    /// The columns, by position in the file, with levels packed as old writers did.
    packed_levels: Arc<[usize]>,
    /// The rows that are read, where others read others.
    shared: Option<(Arc<SharedColumns>, Range<usize>)>,
}

impl ChunkView {
    /// The bytes from `start` on, as far as they are there.
    fn rest(&self, start: u64) -> Option<Bytes> {
        let (block, offset) = place_of(&self.blocks, start)?;
        Some(block.buffer.slice(offset..block.len))
    }

    /// The rows of a column (by position in the file), where others read others.
    pub(super) fn piece(&self, column: usize) -> Option<Piece> {
        let (columns, rows) = self.shared.as_ref()?;
        Some(columns.piece(column, rows.clone()))
    }

    /// Whether a column (by position in the file) has levels packed as old writers did.
    pub(super) fn has_packed_levels(&self, column: usize) -> bool {
        self.packed_levels.contains(&column)
    }

    /// Whether the pages of a column (by position in the file) begin with lengths.
    pub(super) fn has_lengths(&self, column: usize) -> bool {
        self.lengths.contains(&column)
    }
}

impl Length for ChunkView {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for ChunkView {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let absent = || ParquetError::General(format!("no page at {start} in the column's bytes"));
        Ok(self.rest(start).ok_or_else(absent)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let rest = self.rest(start).filter(|rest| rest.len() >= length);
        let Some(rest) = rest else {
            let message = format!("a page of {length} bytes at {start} is not in the column's");
            return Err(ParquetError::General(message));
        };
        Ok(rest.slice(..length))
    }
}

/// Buffers that were read into before: the worker's, while a reader has them.
#[derive(Debug, Default)]
pub(super) struct Pool {
    free: Vec<Vec<u8>>,
    bytes: usize,
    /// Buffers that others still held when they were given back.
    lent: VecDeque<Bytes>,
}

impl Pool {
    /// A pool of the buffers that the worker's last reader left.
    pub(super) fn of(buffers: &mut Buffers) -> Self {
        let free = buffers.take_read();
        Self {
            bytes: free.iter().map(Vec::len).sum(),
            free,
            lent: VecDeque::new(),
        }
    }

    /// Leaves the buffers to the worker's next reader, as many as may be, of those used last first,
    /// with those of another reader that has left some since.
    pub(super) fn leave(&mut self, buffers: &mut Buffers) {
        self.take_lent();
        let of_others = buffers.take_read();
        let all = self.free.drain(..).rev().chain(of_others);
        let mut bytes = 0;
        let mut left: Vec<Vec<u8>> = all
            .filter(|buffer| {
                let fits = bytes + buffer.len() <= LEFT;
                bytes += if fits { buffer.len() } else { 0 };
                fits
            })
            .collect();
        left.reverse();
        self.bytes = 0;
        buffers.give_read(left);
    }

    /// A buffer of `len` bytes or more, whatever they are.
    pub(super) fn take(&mut self, len: usize) -> Vec<u8> {
        self.take_within(len, usize::MAX)
    }

    /// The same of about `len` bytes, for what will be held for long.
    pub(super) fn take_close(&mut self, len: usize) -> Vec<u8> {
        self.take_within(len, 2 * len)
    }

    fn take_within(&mut self, len: usize, most: usize) -> Vec<u8> {
        self.take_lent();
        let fits = |free: &Vec<u8>| (len..=most).contains(&free.len());
        match self.free.iter().rposition(fits) {
            Some(at) => {
                let buffer = self.free.swap_remove(at);
                self.bytes -= buffer.len();
                buffer
            }
            // A little more: the next one may be a little longer.
            None => vec![0; len + len / 8],
        }
    }

    /// Takes back what others held and do no longer.
    fn take_lent(&mut self) {
        for _ in 0..self.lent.len() {
            if let Some(lent) = self.lent.pop_front() {
                self.give(lent);
            }
        }
    }

    /// Takes a buffer back that nobody else holds.
    pub(super) fn give(&mut self, bytes: Bytes) {
        if bytes.is_unique() {
            let buffer = Vec::from(bytes);
            if self.bytes + buffer.len() <= KEPT {
                self.bytes += buffer.len();
                self.free.push(buffer);
            }
        } else if !bytes.is_empty() && self.lent.len() < LENT {
            self.lent.push_back(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_together() {
        let check = |ranges: &[(u64, u64)], want: &[(u64, u64)]| {
            let merged = merge(ranges.iter().map(|&(start, end)| start..end));
            let merged: Vec<(u64, u64)> = merged.iter().map(|r| (r.start, r.end)).collect();
            assert_eq!(merged, want);
        };
        check(&[], &[]);
        check(&[(0, 5), (5, 9)], &[(0, 9)]);
        check(&[(0, 5), (6, 9)], &[(0, 5), (6, 9)]);
        let full = [(0, MERGED), (MERGED, MERGED + 1)];
        check(&full, &full);
    }

    #[test]
    fn views_show_what_is_there() {
        let block = |start, len, text: &'static str| Block {
            start,
            len,
            buffer: Bytes::from_static(text.as_bytes()),
        };
        let view = ChunkView {
            len: 100,
            blocks: [block(10, 3, "abc??"), block(20, 4, "defg")].into(),
            lengths: [].into(),
            packed_levels: [].into(),
            shared: None,
        };
        let check = |start, length, want: Option<&str>| {
            let found = view.get_bytes(start, length).ok();
            assert_eq!(found.as_deref(), want.map(str::as_bytes), "{start}");
        };
        check(10, 3, Some("abc"));
        check(11, 2, Some("bc"));
        check(21, 2, Some("ef"));
        check(0, 0, Some(""));
        check(9, 1, None);
        check(11, 3, None);
        check(13, 1, None);
        check(24, 1, None);
        assert!(view.get_read(13).is_err() && view.get_read(23).is_ok());
    }

    #[test]
    fn buffers_come_back() {
        let mut pool = Pool::default();
        let shared = Bytes::from(pool.take(1000));
        let other = shared.slice(3..);
        pool.give(shared);
        assert!(pool.free.is_empty() && other.len() == 1122);
        let buffer = pool.take(1000);
        let at = buffer.as_ptr();
        pool.give(buffer.into());
        assert_eq!(pool.bytes, 1125);
        let close = pool.take_close(500);
        assert_ne!(close.as_ptr(), at);
        let again = pool.take(900);
        assert!(again.as_ptr() == at && again.len() == 1125);
        assert_eq!(pool.bytes, 0);
    }

    #[test]
    fn buffers_are_left_to_the_next_reader() {
        let mut buffers = Buffers::default();
        let mut pools = [Pool::of(&mut buffers), Pool::of(&mut buffers)];
        let places = pools.each_mut().map(|pool| {
            let buffer = pool.take(1000);
            let place = buffer.as_ptr();
            pool.give(buffer.into());
            place
        });
        pools.iter_mut().for_each(|pool| pool.leave(&mut buffers));
        assert!(pools.iter().all(|pool| pool.bytes == 0));
        let mut next = Pool::of(&mut buffers);
        assert_eq!(next.bytes, 2 * 1125);
        let again = [next.take(1125), next.take(1125)].map(|buffer| buffer.as_ptr());
        assert_eq!(again, [places[1], places[0]]);
        let long = [LEFT - 1000, 500, 500, 500, LEFT + 1];
        long.into_iter()
            .for_each(|len| next.give(vec![0; len].into()));
        next.leave(&mut buffers);
        let lens: Vec<usize> = buffers.take_read().iter().map(Vec::len).collect();
        assert_eq!(lens, [500, 500, 500]);
    }

    #[test]
    fn buffers_that_others_hold_come_back_later() {
        let mut pool = Pool::default();
        (0..=LENT).for_each(|_| pool.give(Bytes::new()));
        let shared = Bytes::from(pool.take(1000));
        let (at, other) = (shared.as_ptr(), shared.slice(3..));
        pool.give(shared);
        let new = pool.take(1000);
        assert_ne!(new.as_ptr(), at);
        drop(other);
        let again = pool.take(1000);
        assert_eq!(again.as_ptr(), at);
    }
}
