//! The rows of all workers, put back in line and cut into row groups.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray};
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use esker_datatypes::{Batch, Encoding, Error, Result};
use esker_runtime::Reservation;

/// Rows of a batch, as arrays that the encoder takes.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) rows: usize,
    /// Their memory, shared by the pieces of one batch.
    pub(super) reserved: Arc<Reservation>,
}

impl Piece {
    /// The selected rows of a batch of this schema, for whose memory there is a reservation.
    pub(super) fn new(
        batch: &Batch,
        schema: &ArrowSchemaRef,
        reservation: Reservation,
    ) -> Result<Self> {
        let rows = batch.selected();
        let columns = if batch.selection().is_all() {
            batch.columns().iter().map(array).collect::<Result<_>>()?
        } else {
            batch.to_arrow(schema)?.columns().to_vec()
        };
        Ok(Self {
            columns,
            rows,
            reserved: Arc::new(reservation),
        })
    }

    fn slice(&self, offset: usize, rows: usize) -> Self {
        Self {
            columns: self.columns.iter().map(|c| c.slice(offset, rows)).collect(),
            rows,
            reserved: Arc::clone(&self.reserved),
        }
    }
}

/// A column's values. Codes stay codes: the encoder takes them for any column of their values' type.
fn array(column: &esker_datatypes::Column) -> Result<ArrayRef> {
    match column.encoding() {
        Encoding::Dictionary { codes, values } => {
            let array = DictionaryArray::try_new(codes.clone(), Arc::clone(values));
            Ok(Arc::new(array.map_err(|e| {
                Error::internal(format!("codes without values: {e}"))
            })?))
        }
        Encoding::Flat(array) => Ok(Arc::clone(array)),
        Encoding::Constant { .. } => Ok(column.to_flat()),
    }
}

/// Puts rows back in line, whichever worker brings them.
#[derive(Debug, Default)]
pub(super) struct Lineup {
    /// The first split that has not ended.
    head: u64,
    /// The rows up to the head's last, as far as they have come.
    line: VecDeque<Piece>,
    line_rows: usize,
    /// Rows of splits behind the head.
    later: BTreeMap<u64, Split>,
    later_rows: usize,
}

#[derive(Debug, Default)]
struct Split {
    pieces: Vec<Piece>,
    ended: bool,
}

impl Lineup {
    /// The next rows of a split, of which none come any more when it has `ended`.
    pub(super) fn push(&mut self, ordinal: u64, pieces: Vec<Piece>, ended: bool) {
        let rows: usize = pieces.iter().map(|piece| piece.rows).sum();
        if ordinal != self.head {
            let split = self.later.entry(ordinal).or_default();
            split.pieces.extend(pieces);
            split.ended |= ended;
            self.later_rows += rows;
            return;
        }
        self.append(pieces);
        let mut goes_on = ended;
        while goes_on {
            self.head += 1;
            let next = self.later.remove(&self.head).unwrap_or_default();
            self.later_rows -= next.pieces.iter().map(|piece| piece.rows).sum::<usize>();
            self.append(next.pieces);
            goes_on = next.ended;
        }
    }

    /// Nothing more comes: what there is stands in line.
    pub(super) fn end(&mut self) {
        for split in std::mem::take(&mut self.later).into_values() {
            self.append(split.pieces);
        }
        self.later_rows = 0;
    }

    fn append(&mut self, pieces: Vec<Piece>) {
        self.line_rows += pieces.iter().map(|piece| piece.rows).sum::<usize>();
        self.line.extend(pieces);
    }

    pub(super) fn is_head(&self, ordinal: u64) -> bool {
        self.head == ordinal
    }

    /// How many rows are in line.
    pub(super) fn in_line(&self) -> usize {
        self.line_rows
    }

    /// How many rows wait for others before them.
    pub(super) fn later(&self) -> usize {
        self.later_rows
    }

    /// Takes the first rows, this many or all there are in line.
    pub(super) fn cut(&mut self, rows: usize) -> Vec<Piece> {
        let mut left = rows.min(self.line_rows);
        self.line_rows -= left;
        let mut cut = Vec::new();
        while left > 0
            && let Some(piece) = self.line.pop_front()
        {
            if piece.rows > left {
                self.line.push_front(piece.slice(left, piece.rows - left));
                cut.push(piece.slice(0, left));
                break;
            }
            left -= piece.rows;
            cut.push(piece);
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use esker_runtime::MemoryBudget;

    fn piece(values: std::ops::Range<i64>) -> Piece {
        Piece {
            rows: values.clone().count(),
            columns: vec![Arc::new(Int64Array::from_iter_values(values))],
            reserved: Arc::new(MemoryBudget::unlimited().reserve("test")),
        }
    }

    fn values(pieces: &[Piece]) -> Vec<i64> {
        let values = |piece: &Piece| {
            piece.columns[0]
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        };
        pieces.iter().flat_map(values).collect()
    }

    #[test]
    fn rows_wait_for_those_before_them() {
        let mut lineup = Lineup::default();
        lineup.push(2, vec![piece(20..25)], false);
        lineup.push(u64::MAX, vec![piece(90..92)], false);
        lineup.push(1, vec![piece(10..13)], true);
        assert_eq!((lineup.in_line(), lineup.later()), (0, 10));
        lineup.push(0, vec![piece(0..2)], false);
        lineup.push(0, vec![piece(2..4), piece(4..5)], true);
        assert!(lineup.is_head(2));
        assert_eq!((lineup.in_line(), lineup.later()), (13, 2));
        assert_eq!(values(&lineup.cut(4)), [0, 1, 2, 3]);
        assert_eq!(values(&lineup.cut(2)), [4, 10]);
        // An end without rows.
        lineup.push(2, Vec::new(), true);
        assert!(lineup.is_head(3));
        lineup.end();
        assert_eq!((lineup.in_line(), lineup.later()), (9, 0));
        assert_eq!(
            values(&lineup.cut(100)),
            [11, 12, 20, 21, 22, 23, 24, 90, 91]
        );
        assert!(lineup.cut(1).is_empty());
    }
}
