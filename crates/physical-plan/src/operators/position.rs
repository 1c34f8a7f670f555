//! Where rows stand in the order of the whole input, as one number.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::UInt64Array;
use esker_datatypes::{Buffers, Column, Error, Order, Result};

use crate::pipeline::BEHIND_ALL;

/// The bits of a position that number the row in its split; those above number the split.
const ROW_BITS: u32 = 36;
/// The number of what stands behind all splits.
const BEHIND: u64 = (1 << (u64::BITS - ROW_BITS)) - 1;
/// The number of rows that a split may have. The last number is never given: `u64::MAX` is no
/// position.
const ROWS: u64 = (1 << ROW_BITS) - 1;

/// Numbers the rows that one worker is given: positions ascend with the order of the input, over
/// all workers.
///
/// The rows of a split come to one worker, in sequence; so it is enough to count them here. Rows
/// behind all splits, which several workers may have, are in no promised order among each other.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    split: u64,
    rows: u64,
}

impl Positions {
    /// The positions of the next rows of the split, selected or not.
    ///
    /// # Errors
    /// `Unsupported` for more splits or more rows in a split than there are numbers.
    pub(crate) fn next(&mut self, order: Order, rows: usize) -> Result<Range<u64>> {
        if order.ordinal != self.split {
            *self = Self {
                split: order.ordinal,
                rows: 0,
            };
        }
        let split = match self.split {
            BEHIND_ALL => BEHIND,
            split => split,
        };
        let start = self.rows;
        self.rows += rows as u64;
        if self.rows > ROWS || (split >= BEHIND && self.split != BEHIND_ALL) {
            return Err(Error::unsupported(format!(
                "numbering row {} of split {split}: order is kept for up to {BEHIND} splits of \
                 {ROWS} rows",
                self.rows
            )));
        }
        let base = split << ROW_BITS;
        Ok(base + start..base + self.rows)
    }
}

/// Positions as a column.
pub(crate) fn column_of(positions: Range<u64>, buffers: &mut Buffers) -> Column {
    let count = positions.end.saturating_sub(positions.start);
    let mut values = buffers.take::<u64>(usize::try_from(count).unwrap_or(0));
    values.extend(positions);
    Column::flat(Arc::new(UInt64Array::new(values.into(), None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_ascend_over_batches_splits_and_what_is_behind_them() {
        let mut positions = Positions::default();
        let batches = [(0, 3), (0, 2), (4, 0), (4, 7), (5, 1), (BEHIND_ALL, 2)];
        let mut last = None;
        for (ordinal, rows) in batches {
            let order = Order {
                ordinal,
                ..Order::default()
            };
            for position in positions.next(order, rows).unwrap() {
                assert!(last.is_none_or(|last| last < position));
                last = Some(position);
            }
        }
        assert!(last.is_some_and(|last| last < u64::MAX));
        // Other workers number the same rows alike.
        let order = Order {
            ordinal: 4,
            ..Order::default()
        };
        let other = Positions::default().next(order, 1).unwrap();
        assert_eq!(other, 4 << ROW_BITS..(4 << ROW_BITS) + 1);
    }

    #[test]
    fn what_has_no_number_is_refused() {
        let order = |ordinal| Order {
            ordinal,
            ..Order::default()
        };
        assert!(Positions::default().next(order(BEHIND), 1).is_err());
        assert!(Positions::default().next(order(BEHIND - 1), 1).is_ok());
        let mut positions = Positions::default();
        assert!(positions.next(order(0), ROWS as usize).is_ok());
        assert!(positions.next(order(0), 1).is_err());
        assert!(positions.next(order(1), 1).is_ok());
    }
}
