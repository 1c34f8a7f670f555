//! Small batches made dense and worth their cost, in front of what needs it.

use esker_datatypes::{Batch, Column, Order, Result};
use esker_kernels::select;
use esker_runtime::TaskContext;

use super::traits::{LocalOperator, OpStatus};

/// Compacts batches with a selection, and merges small ones within a split.
///
/// It belongs to the driver, which puts it before operators and sinks that ask for it, so that no
/// operator has to think of it.
pub(crate) struct Compact {
    /// Batches of at least this many rows pass as they are.
    enough: usize,
    held: Vec<Vec<Column>>,
    rows: usize,
    split: u64,
    sequence: u32,
}

impl Compact {
    pub(crate) fn new(batch_size: usize) -> Self {
        Self {
            enough: batch_size.div_ceil(2),
            held: Vec::new(),
            rows: 0,
            split: 0,
            sequence: 0,
        }
    }

    /// What is held, as one batch.
    fn emit(&mut self, out: &mut Batch) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut held = std::mem::take(&mut self.held);
        let columns = match held.as_mut_slice() {
            [one] => std::mem::take(one),
            several => {
                let width = several.first().map_or(0, Vec::len);
                let mut parts: Vec<_> = held.into_iter().map(Vec::into_iter).collect();
                (0..width)
                    .map(|_| {
                        let pieces: Vec<Column> =
                            parts.iter_mut().filter_map(Iterator::next).collect();
                        select::concat(&pieces)
                    })
                    .collect::<Result<_>>()?
            }
        };
        out.replace(columns, rows);
        Ok(())
    }
}

impl LocalOperator for Compact {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        let order = input.order();
        if order.ordinal != self.split {
            (self.split, self.sequence) = (order.ordinal, 0);
        }
        let selected = input.selected();
        if selected > 0 {
            let dense = if input.selection().is_all() {
                input.clear()
            } else {
                let selection = input.selection();
                let compact = |column| select::compact(column, selection, &mut cx.buffers);
                input.columns().iter().map(compact).collect::<Result<_>>()?
            };
            self.held.push(dense);
            self.rows += selected;
        }
        if self.rows >= self.enough || (order.last && self.rows > 0) {
            self.emit(out)?;
        }
        if out.selected() > 0 || order.last {
            out.set_order(Order {
                sequence: self.sequence,
                ..order
            });
            self.sequence += 1;
        }
        Ok(OpStatus::NeedInput)
    }

    fn flush(&mut self, out: &mut Batch, _cx: &mut TaskContext) -> Result<OpStatus> {
        // Rows are left when their split did not end: a stage before had all it wanted.
        if self.rows > 0 {
            self.emit(out)?;
            out.set_order(Order {
                ordinal: self.split,
                sequence: self.sequence,
                last: false,
            });
            self.sequence += 1;
        }
        Ok(OpStatus::NeedInput)
    }
}
