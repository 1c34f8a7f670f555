//! The value of the first or last row of each group, by the positions of the rows.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to, and \
              rows below the number of rows"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, UInt32Array, UInt64Array, downcast_primitive,
    new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::datatypes::UInt64Type;
use esker_datatypes::{Buffers, Column, DataType, Encoding, Error, Result, Selection};
use esker_kernels::compare::Bytes;
use esker_logical_expr::function::{AggregateProperties, GroupsAccumulator};

use super::byte_values::ByteValues;
use super::common::{
    bytes_of, check_range, chosen_type, columns, grow, only, primitive, states_of_rows, typed,
    validity,
};
use super::rows::{keep, same_rows};

/// The rank of a group without a row: no row's rank is as great.
const NO_ROW: u64 = u64::MAX;

/// Order matters, and a row that comes twice does not.
pub(super) fn edge_properties() -> AggregateProperties {
    let mut properties = AggregateProperties::default();
    properties.order_sensitive = true;
    properties.duplicate_insensitive = true;
    properties
}

/// The empty states of `first` or `last`.
pub(super) fn edges<const LAST: bool>(
    name: &str,
    args: &[DataType],
    ignore_nulls: bool,
) -> Result<Box<dyn GroupsAccumulator>> {
    let out = chosen_type(only(name, args)?);
    Ok(Box::new(EdgeGroups::<LAST>::new(out, ignore_nulls)))
}

/// The values of all groups, of one type.
trait Values: Send + Sync {
    /// Makes room for more groups.
    fn resize(&mut self, n_groups: usize);

    /// Sets the values of groups to those of rows of the array, one after the other.
    fn set(&mut self, winners: &[Winner], array: &ArrayRef) -> Result<()>;

    /// The values of a range of groups; those under null are not told.
    fn array(&self, groups: Range<usize>, nulls: Option<NullBuffer>) -> Result<ArrayRef>;

    /// The bytes taken.
    fn size(&self) -> usize;
}

/// A row that comes before (or after) all that its group had.
#[derive(Clone, Copy)]
struct Winner {
    group: u32,
    row: u32,
}

fn values_of(out: &DataType) -> Box<dyn Values> {
    fn fixed<T: ArrowPrimitiveType>(out: &DataType) -> Box<dyn Values> {
        Box::new(FixedValues::<T> {
            values: Vec::new(),
            out: out.clone(),
        })
    }
    macro_rules! fixed {
        ($type:ty) => {
            fixed::<$type>(out)
        };
    }
    downcast_primitive! {
        out => (fixed),
        DataType::Utf8View | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Box::new(TextValues {
                values: ByteValues::default(),
                out: out.clone(),
            })
        }
        _ => Box::new(AnyValues::new(out.clone())),
    }
}

struct EdgeGroups<const LAST: bool> {
    /// The rank of each group's row: the position, or how far it is from the end.
    ranks: Vec<u64>,
    valid: Vec<bool>,
    values: Box<dyn Values>,
    out: DataType,
    ignore_nulls: bool,
    winners: Vec<Winner>,
}

impl<const LAST: bool> EdgeGroups<LAST> {
    fn new(out: DataType, ignore_nulls: bool) -> Self {
        Self {
            ranks: Vec::new(),
            valid: Vec::new(),
            values: values_of(&out),
            out,
            ignore_nulls,
            winners: Vec::new(),
        }
    }

    fn resize(&mut self, n_groups: usize) {
        grow(&mut self.ranks, n_groups, NO_ROW);
        grow(&mut self.valid, n_groups, false);
        self.values.resize(n_groups);
    }

    /// What is least for the row that wins; its own inverse.
    #[inline]
    fn rank(position: u64) -> u64 {
        if LAST {
            (NO_ROW - 1).wrapping_sub(position)
        } else {
            position
        }
    }

    /// Finds the rows that come before those that the groups have. In the usual order of positions
    /// that is at most one row a group: `last` goes through the rows from the end.
    fn compete(&mut self, groups: &[u32], rows: Option<&[u32]>, positions: &[u64]) {
        self.winners.clear();
        let (ranks, winners) = (&mut self.ranks, &mut self.winners);
        let mut meet = |group: u32, row: u32| {
            let rank = Self::rank(positions[row as usize]);
            let best = &mut ranks[group as usize];
            if rank < *best {
                *best = rank;
                winners.push(Winner { group, row });
            }
        };
        let dense = groups.iter().zip(0u32..);
        match rows {
            None if LAST => {
                let backwards = groups.iter().enumerate().rev();
                backwards.for_each(|(row, &group)| meet(group, row as u32));
            }
            None => dense.for_each(|(&group, row)| meet(group, row)),
            Some(rows) => {
                let pairs = groups.iter().zip(rows);
                if LAST {
                    pairs.rev().for_each(|(&group, &row)| meet(group, row));
                } else {
                    pairs.for_each(|(&group, &row)| meet(group, row));
                }
            }
        }
    }

    /// Takes over the values of the rows that were found.
    fn take(&mut self, column: &Column) -> Result<()> {
        if self.winners.is_empty() {
            return Ok(());
        }
        let nulls = column.nulls();
        let valid = &mut self.valid;
        self.winners.retain(|winner| {
            let is_valid = nulls
                .as_ref()
                .is_none_or(|n| n.is_valid(winner.row as usize));
            valid[winner.group as usize] = is_valid;
            is_valid
        });
        match column.encoding() {
            Encoding::Flat(array) => self.values.set(&self.winners, array),
            Encoding::Constant { value, .. } => {
                self.winners.iter_mut().for_each(|winner| winner.row = 0);
                self.values.set(&self.winners, value.as_array())
            }
            Encoding::Dictionary { codes, values } => {
                for winner in &mut self.winners {
                    winner.row = codes.values()[winner.row as usize];
                }
                self.values.set(&self.winners, values)
            }
        }
    }

    fn add(
        &mut self,
        groups: &[u32],
        column: &Column,
        positions: &[u64],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        same_rows(column, groups, selection)?;
        match column.nulls().filter(|_| self.ignore_nulls) {
            Some(nulls) => {
                let valid = |row| nulls.is_valid(row);
                let (groups, rows) = keep(groups, selection, valid, |row| row as u32, buffers);
                self.compete(&groups, Some(&rows), positions);
                buffers.give(groups);
                buffers.give(rows);
            }
            None => self.compete(groups, selection.rows(), positions),
        }
        self.take(column)
    }
}

impl<const LAST: bool> GroupsAccumulator for EdgeGroups<LAST> {
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let [column, positions] = columns(values)?;
        same_rows(positions, groups, selection)?;
        self.resize(n_groups);
        let positions = positions.to_flat();
        let positions = typed::<UInt64Type>(&positions)?.values();
        self.add(groups, column, positions, selection, buffers)
    }

    /// The state is the value and the position, which is null for a group without a row.
    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        let [column, positions] = columns(state)?;
        let positions = positions.to_flat();
        let positions = typed::<UInt64Type>(&positions)?;
        if positions.len() != groups.len() || column.len() != groups.len() {
            return Err(Error::internal("merging positions without groups"));
        }
        self.resize(n_groups);
        let rows = (0..groups.len()).filter(|&row| positions.is_valid(row));
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        let owners: Vec<u32> = rows.iter().map(|&row| groups[row as usize]).collect();
        self.compete(&owners, Some(&rows), positions.values());
        self.take(column)
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        let values = self.finish(groups.clone())?;
        let ranks = &self.ranks[groups];
        let found: Vec<bool> = ranks.iter().map(|&rank| rank != NO_ROW).collect();
        let positions: Vec<u64> = ranks.iter().map(|&rank| Self::rank(rank)).collect();
        let positions = UInt64Array::new(positions.into(), validity(&found));
        Ok(vec![values, Column::flat(Arc::new(positions))])
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.ranks.len())?;
        let nulls = validity(&self.valid[groups.clone()]);
        Ok(Column::flat(self.values.array(groups, nulls)?))
    }

    fn size(&self) -> usize {
        bytes_of(&self.ranks) + bytes_of(&self.valid) + bytes_of(&self.winners) + self.values.size()
    }

    /// The values of the groups stay until others come: nobody sees them.
    fn reset(&mut self, groups: Range<usize>) -> Result<()> {
        check_range(&groups, self.ranks.len())?;
        self.ranks[groups.clone()].fill(NO_ROW);
        self.valid[groups].fill(false);
        Ok(())
    }

    fn convert_to_state(&self, values: &[Column], selection: &Selection) -> Result<Vec<Column>> {
        let fresh = Self::new(self.out.clone(), self.ignore_nulls);
        states_of_rows(fresh, values, selection)
    }
}

/// Values of a fixed width.
struct FixedValues<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    out: DataType,
}

impl<T: ArrowPrimitiveType> Values for FixedValues<T> {
    fn resize(&mut self, n_groups: usize) {
        grow(&mut self.values, n_groups, T::Native::default());
    }

    fn set(&mut self, winners: &[Winner], array: &ArrayRef) -> Result<()> {
        let values = typed::<T>(array)?.values();
        for winner in winners {
            self.values[winner.group as usize] = values[winner.row as usize];
        }
        Ok(())
    }

    fn array(&self, groups: Range<usize>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        Ok(primitive::<T>(&self.values[groups], nulls, &self.out))
    }

    fn size(&self) -> usize {
        bytes_of(&self.values)
    }
}

/// Text and binary values.
struct TextValues {
    values: ByteValues,
    out: DataType,
}

impl Values for TextValues {
    fn resize(&mut self, n_groups: usize) {
        self.values.grow(n_groups);
    }

    fn set(&mut self, winners: &[Winner], array: &ArrayRef) -> Result<()> {
        let bytes = Bytes::new(array)?;
        for winner in winners {
            let value = bytes.value(winner.row as usize);
            self.values.set(winner.group as usize, value)?;
        }
        Ok(())
    }

    fn array(&self, groups: Range<usize>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        self.values.to_array(groups, nulls, &self.out)
    }

    fn size(&self) -> usize {
        self.values.bytes()
    }
}

/// Values of any other type: pieces of the arrays they came in, gathered anew when most of what
/// the pieces hold is not wanted any more.
struct AnyValues {
    out: DataType,
    /// The first piece is a null.
    pieces: Vec<ArrayRef>,
    /// Piece and row in it.
    places: Vec<(u32, u32)>,
    /// How many rows the pieces hold.
    held: usize,
}

impl AnyValues {
    fn new(out: DataType) -> Self {
        Self {
            pieces: vec![new_null_array(&out, 1)],
            places: Vec::new(),
            held: 0,
            out,
        }
    }

    fn gather(&self, groups: Range<usize>) -> Result<ArrayRef> {
        let places: Vec<(usize, usize)> = self.places[groups]
            .iter()
            .map(|&(piece, row)| (piece as usize, row as usize))
            .collect();
        if places.is_empty() {
            return Ok(new_null_array(&self.out, 0));
        }
        let pieces: Vec<&dyn Array> = self.pieces.iter().map(AsRef::as_ref).collect();
        Ok(compute::interleave(&pieces, &places)?)
    }
}

impl Values for AnyValues {
    fn resize(&mut self, n_groups: usize) {
        grow(&mut self.places, n_groups, (0, 0));
    }

    fn set(&mut self, winners: &[Winner], array: &ArrayRef) -> Result<()> {
        if winners.is_empty() {
            return Ok(());
        }
        let rows = UInt32Array::from_iter_values(winners.iter().map(|winner| winner.row));
        let piece = self.pieces.len() as u32;
        self.pieces.push(compute::take(array, &rows, None)?);
        self.held += winners.len();
        for (row, winner) in (0u32..).zip(winners) {
            self.places[winner.group as usize] = (piece, row);
        }
        let wanted = self.places.len();
        if self.held > 2 * wanted + 1024 || self.pieces.len() > 64 + wanted / 256 {
            let all = self.gather(0..wanted)?;
            self.pieces.truncate(1);
            self.pieces.push(all);
            self.held = wanted;
            for (row, place) in (0u32..).zip(&mut self.places) {
                *place = (1, row);
            }
        }
        Ok(())
    }

    /// A group whose last row was null still has the place of an older value.
    fn array(&self, groups: Range<usize>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let values = self.gather(groups)?;
        let Some(nulls) = nulls else {
            return Ok(values);
        };
        let rows: UInt32Array = (0..values.len() as u32)
            .map(|row| nulls.is_valid(row as usize).then_some(row))
            .collect();
        Ok(compute::take(&values, &rows, None)?)
    }

    fn size(&self) -> usize {
        let pieces: usize = self.pieces.iter().map(|p| p.get_array_memory_size()).sum();
        pieces + bytes_of(&self.places)
    }
}
