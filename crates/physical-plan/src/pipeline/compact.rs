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

    /// The selected rows of a batch, from which it takes the columns when it can.
    fn compact(input: &mut Batch, out: &mut Batch, cx: &mut TaskContext) -> Result<()> {
        if input.selection().is_all() {
            std::mem::swap(input, out);
            return Ok(());
        }
        let selection = input.selection();
        let compact = |column| select::compact(column, selection, &mut cx.buffers);
        let columns = input.columns().iter().map(compact).collect::<Result<_>>()?;
        out.replace(columns, selection.count());
        Ok(())
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
        if self.rows == 0 && (selected >= self.enough || order.last) {
            // Nothing to merge.
            Self::compact(input, out, cx)?;
        } else if selected > 0 {
            let mut dense = Batch::default();
            Self::compact(input, &mut dense, cx)?;
            self.held.push(dense.clear());
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::pipeline::BEHIND_ALL;

    /// What comes out for batches of so many rows of these splits, the last of each split marked by
    /// a `true`: split, number, rows and mark.
    fn check(given: &[(u64, i64, bool)], want: &[(u64, u32, usize, bool)]) {
        let mut cx = TaskContext::standalone();
        let mut compact = Compact::new(8);
        let (mut next, mut values, mut got) = (0, Vec::new(), Vec::new());
        let mut add = |out: &Batch| {
            let Order {
                ordinal,
                sequence,
                last,
            } = out.order();
            if out.selected() > 0 || last {
                assert!(out.selection().is_all());
                got.push((ordinal, sequence, out.rows(), last));
                for column in out.columns() {
                    values.extend_from_slice(column.to_flat().as_primitive::<Int64Type>().values());
                }
            }
        };
        for &(ordinal, rows, last) in given {
            // Every second row is selected.
            let all: Int64Array = (2 * next..2 * (next + rows)).collect();
            next += rows;
            let mut input = Batch::new(vec![Column::flat(Arc::new(all))], 2 * rows as usize);
            input.selection_mut().retain(|row| row % 2 == 0);
            let mut input = input.with_order(Order {
                ordinal,
                sequence: 0,
                last,
            });
            let mut out = Batch::default();
            let status = compact.execute(&mut input, &mut out, &mut cx).unwrap();
            assert_eq!(status, OpStatus::NeedInput);
            add(&out);
        }
        let mut out = Batch::default();
        compact.flush(&mut out, &mut cx).unwrap();
        add(&out);
        assert_eq!(got, want);
        assert_eq!(values, (0..next).map(|v| 2 * v).collect::<Vec<_>>());
    }

    #[test]
    fn small_batches_of_a_split_become_one() {
        // Four rows are enough.
        check(
            &[(0, 4, false), (0, 9, true)],
            &[(0, 0, 4, false), (0, 1, 9, true)],
        );
        check(
            &[(0, 1, false), (0, 2, false), (0, 3, true)],
            &[(0, 0, 6, true)],
        );
        check(&[(0, 3, false), (0, 0, true)], &[(0, 0, 3, true)]);
        check(
            &[(0, 1, true), (3, 3, false), (3, 1, false), (3, 1, true)],
            &[(0, 0, 1, true), (3, 0, 4, false), (3, 1, 1, true)],
        );
    }

    #[test]
    fn marks_and_leftovers_are_kept() {
        check(&[(2, 0, true)], &[(2, 0, 0, true)]);
        check(&[(2, 0, false)], &[]);
        check(
            &[(2, 5, false), (2, 1, false)],
            &[(2, 0, 5, false), (2, 1, 1, false)],
        );
        check(
            &[(2, 1, true), (BEHIND_ALL, 1, false), (BEHIND_ALL, 1, false)],
            &[(2, 0, 1, true), (BEHIND_ALL, 0, 2, false)],
        );
    }
}
