//! One row for each value of a list.

#![allow(
    clippy::indexing_slicing,
    reason = "rows are those of the batch, which all columns have; ranges lie within the values"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, LargeListArray, ListArray, UInt64Array,
};
use arrow::compute;
use esker_datatypes::{Batch, Buffers, Column, DataType, Encoding, Error, Result};
use esker_kernels::select::take;
use esker_runtime::TaskContext;

use crate::pipeline::{LocalOperator, OpStatus, Operator};

/// Replaces columns of lists by their values, a row each; the other columns repeat. A null or empty
/// list gives a row of null.
///
/// A batch with long lists gives many batches. Where the values of a batch lie side by side they are
/// not copied, and the columns beside a list that fills a batch are constants.
#[derive(Debug)]
pub struct UnnestExec {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The columns of lists, and the types of their values.
    lists: Vec<(usize, DataType)>,
    batch_size: usize,
}

impl UnnestExec {
    /// Unnests the columns at these positions, whose values have these types, in batches of at most
    /// so many rows.
    pub fn new(lists: Vec<(usize, DataType)>, batch_size: usize) -> Self {
        let shared = Shared { lists, batch_size };
        Self {
            shared: Arc::new(shared),
        }
    }
}

impl Operator for UnnestExec {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        Ok(Box::new(LocalUnnest {
            shared: Arc::clone(&self.shared),
            input: Batch::default(),
            lists: Vec::new(),
            slot: 0,
            given: 0,
            busy: false,
            pieces: Vec::new(),
        }))
    }
}

/// One worker's side: where it was left off in a batch is kept.
struct LocalUnnest {
    shared: Arc<Shared>,
    /// The batch being unnested.
    input: Batch,
    lists: Vec<Lists>,
    /// The selected row that is next, and how many of its values were given.
    slot: usize,
    given: usize,
    /// There is more of the batch.
    busy: bool,
    /// The values of a batch of the output, by rows of the input.
    pieces: Vec<Piece>,
}

/// Some values of a row.
#[derive(Clone, Copy)]
struct Piece {
    row: u32,
    /// The number of the first value in each of the row's lists, and how many there are.
    start: usize,
    len: usize,
}

impl LocalUnnest {
    fn start(&mut self, input: &mut Batch) -> Result<()> {
        let order = input.order();
        self.input = std::mem::take(input);
        input.set_order(order);
        (self.slot, self.given) = (0, 0);
        let columns = self.shared.lists.iter();
        let lists = columns.map(|(at, _)| Lists::of(self.input.column(*at)?));
        self.lists = lists.collect::<Result<_>>()?;
        Ok(())
    }

    /// How many rows a row of the input makes.
    fn len_of(&self, row: usize) -> Result<usize> {
        let mut lengths = self.lists.iter().map(|lists| lists.range(row).len().max(1));
        let first = lengths.next().unwrap_or(1);
        match lengths.find(|len| *len != first) {
            None => Ok(first),
            Some(other) => Err(Error::evaluation(format!(
                "explode of lists of different lengths in a row: {first} values beside {other}"
            ))),
        }
    }

    /// Finds the next rows of the output, and says how many.
    fn next_pieces(&mut self) -> Result<usize> {
        self.pieces.clear();
        let (mut rows, room) = (0, self.shared.batch_size);
        while rows < room && self.slot < self.input.selected() {
            let row = match self.input.selection().rows() {
                None => self.slot,
                Some(rows) => rows[self.slot] as usize,
            };
            let len = match self.len_of(row) {
                // The rows before it come first: nobody may want more.
                Err(_) if rows > 0 => break,
                len => len?,
            };
            let some = (len - self.given).min(room - rows);
            self.pieces.push(Piece {
                row: row as u32,
                start: self.given,
                len: some,
            });
            rows += some;
            self.given += some;
            if self.given == len {
                (self.slot, self.given) = (self.slot + 1, 0);
            }
        }
        Ok(rows)
    }

    /// A column of the input, its rows as often as they have values.
    fn repeated(&self, column: &Column, rows: &[u32], buffers: &mut Buffers) -> Result<Column> {
        match self.pieces.as_slice() {
            [piece] if piece.len > 1 => {
                let value = column.value(piece.row as usize)?;
                let constant = Column::constant(value, piece.len);
                Ok(constant.with_declared_type(column.data_type()))
            }
            _ => take(column, rows, buffers),
        }
    }

    fn put(&mut self, rows: usize, out: &mut Batch, buffers: &mut Buffers) -> Result<()> {
        let mut repeats = buffers.take::<u32>(rows);
        for piece in &self.pieces {
            repeats.extend(std::iter::repeat_n(piece.row, piece.len));
        }
        let mut columns = Vec::with_capacity(self.input.columns().len());
        for (at, column) in self.input.columns().iter().enumerate() {
            let list = self.shared.lists.iter().position(|(list, _)| *list == at);
            columns.push(match list {
                None => self.repeated(column, &repeats, buffers)?,
                Some(list) => {
                    let values = self.lists[list].values_of(&self.pieces, rows)?;
                    let (_, data_type) = &self.shared.lists[list];
                    Column::from_arrow(&values)?.with_declared_type(data_type)
                }
            });
        }
        buffers.give(repeats);
        out.replace(columns, rows);
        Ok(())
    }
}

impl LocalOperator for LocalUnnest {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        if !self.busy {
            self.start(input)?;
        }
        let rows = self.next_pieces()?;
        if rows > 0 {
            self.put(rows, out, &mut cx.buffers)?;
        }
        self.busy = self.slot < self.input.selected();
        if self.busy {
            return Ok(OpStatus::HaveMore);
        }
        self.lists.clear();
        cx.buffers.recycle_batch(&mut self.input);
        Ok(OpStatus::NeedInput)
    }
}

/// The lists of a batch, in whatever encoding.
struct Lists {
    lists: AnyList,
    values: ArrayRef,
    /// Which list a row has; its own number, if that is not said.
    place: Place,
}

enum AnyList {
    Small(ListArray),
    Large(LargeListArray),
    Fixed(FixedSizeListArray),
}

enum Place {
    Own,
    First,
    Coded(arrow::array::UInt32Array),
}

impl Lists {
    fn of(column: &Column) -> Result<Self> {
        let (array, place) = match column.encoding() {
            Encoding::Flat(array) => (array, Place::Own),
            Encoding::Constant { value, .. } => (value.as_array(), Place::First),
            Encoding::Dictionary { codes, values } => (values, Place::Coded(codes.clone())),
        };
        let (lists, values) = if let Some(lists) = array.as_list_opt::<i32>() {
            (AnyList::Small(lists.clone()), Arc::clone(lists.values()))
        } else if let Some(lists) = array.as_list_opt::<i64>() {
            (AnyList::Large(lists.clone()), Arc::clone(lists.values()))
        } else if let Some(lists) = array.as_fixed_size_list_opt() {
            (AnyList::Fixed(lists.clone()), Arc::clone(lists.values()))
        } else {
            return Err(Error::internal(format!(
                "unnesting {}, which is no list",
                array.data_type()
            )));
        };
        Ok(Self {
            lists,
            values,
            place,
        })
    }

    /// Where the values of a row's list are; nowhere, when it is null.
    fn range(&self, row: usize) -> Range<usize> {
        let at = match &self.place {
            Place::Own => row,
            Place::First => 0,
            Place::Coded(codes) if codes.is_null(row) => return 0..0,
            Place::Coded(codes) => codes.values()[row] as usize,
        };
        match &self.lists {
            AnyList::Small(lists) if lists.is_valid(at) => {
                let offsets = lists.value_offsets();
                offsets[at] as usize..offsets[at + 1] as usize
            }
            AnyList::Large(lists) if lists.is_valid(at) => {
                let offsets = lists.value_offsets();
                offsets[at] as usize..offsets[at + 1] as usize
            }
            AnyList::Fixed(lists) if lists.is_valid(at) => {
                let len = lists.value_length() as usize;
                at * len..(at + 1) * len
            }
            AnyList::Small(_) | AnyList::Large(_) | AnyList::Fixed(_) => 0..0,
        }
    }

    /// The values of some rows' lists, null for those that have none.
    fn values_of(&self, pieces: &[Piece], rows: usize) -> Result<ArrayRef> {
        let ranges = pieces.iter().map(|piece| {
            let range = self.range(piece.row as usize);
            let start = range.start + piece.start;
            (!range.is_empty()).then_some(start..start + piece.len)
        });
        if let Some(all) = side_by_side(ranges.clone()) {
            return Ok(self.values.slice(all.start, all.len()));
        }
        let mut places = UInt64Array::builder(rows);
        for range in ranges {
            match range {
                Some(range) => places.extend(range.map(|at| Some(at as u64))),
                None => places.append_null(),
            }
        }
        Ok(compute::take(&self.values, &places.finish(), None)?)
    }
}

/// The ranges as one, if each begins where the one before it ends.
fn side_by_side(ranges: impl Iterator<Item = Option<Range<usize>>>) -> Option<Range<usize>> {
    let mut all: Option<Range<usize>> = None;
    for range in ranges {
        let range = range?;
        all = Some(match all {
            None => range,
            Some(before) if before.end == range.start => before.start..range.end,
            Some(_) => return None,
        });
    }
    all
}
