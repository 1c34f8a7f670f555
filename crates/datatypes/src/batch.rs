//! Batches: what flows between operators.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef as ArrowSchemaRef;

use crate::{Column, Error, Result, Selection};

/// Where the rows of a batch stand in the order of the input.
///
/// A source cuts its input into *splits* with dense ascending ordinals; each split gives batches
/// in sequence, the last of them marked. Operators keep the order of their input, so that ordered
/// consumers can put the batches of all workers back in line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The number of the split, from 0.
    pub ordinal: u64,
    /// The number of the batch in its split, from 0.
    pub sequence: u32,
    /// Whether this is the last batch of its split. It may be empty: the mark is what counts.
    pub last: bool,
}

impl Order {
    /// The ordinal of what stands behind all splits: rows that an operator gave when its input had
    /// ended. Several workers may have some, in no order among each other.
    pub const BEHIND_ALL: u64 = u64::MAX;
}

/// What streaming with updates adds to a batch; batch queries have none of it.
#[derive(Clone, Debug, Default)]
pub struct StreamInfo {
    /// +1 for a row that came, -1 for one that is taken back; `None` when all rows came.
    pub changes: Option<Column>,
    /// No later row has an event time (in microseconds) below this.
    pub watermark: Option<i64>,
}

/// Columns of equal length, a selection, and a place in the order of the input.
#[derive(Clone, Debug)]
pub struct Batch {
    columns: Vec<Column>,
    selection: Selection,
    order: Order,
    stream: Option<Box<StreamInfo>>,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new(Vec::new(), 0)
    }
}

impl Batch {
    /// A batch of columns of `rows` rows each, all selected, first in order.
    pub fn new(columns: Vec<Column>, rows: usize) -> Self {
        debug_assert!(
            columns.iter().all(|c| c.len() == rows),
            "columns have {rows} rows"
        );
        Self {
            columns,
            selection: Selection::all(rows),
            order: Order::default(),
            stream: None,
        }
    }

    /// The columns of an Arrow batch.
    ///
    /// # Errors
    /// `Unsupported` for a dictionary within a dictionary.
    pub fn from_arrow(batch: &RecordBatch) -> Result<Self> {
        let columns = batch
            .columns()
            .iter()
            .map(Column::from_arrow)
            .collect::<Result<_>>()?;
        Ok(Self::new(columns, batch.num_rows()))
    }

    /// The selected rows as an Arrow batch of this schema, every value written.
    ///
    /// # Errors
    /// `Internal` when columns and schema do not agree.
    pub fn to_arrow(&self, schema: &ArrowSchemaRef) -> Result<RecordBatch> {
        let rows = self
            .selection
            .rows()
            .map(|r| arrow::array::UInt32Array::from(r.to_vec()));
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let mut array = column.to_arrow()?;
            if let Some(rows) = &rows {
                array = arrow::compute::take(array.as_ref(), rows, None)?;
            }
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.selected()));
        RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
            .map_err(|e| Error::internal(format!("a batch does not fit its schema: {e}")))
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column at a position.
    ///
    /// # Errors
    /// `Internal` when there is none.
    pub fn column(&self, index: usize) -> Result<&Column> {
        self.columns.get(index).ok_or_else(|| {
            Error::internal(format!(
                "column {index} of a batch of {}",
                self.columns.len()
            ))
        })
    }

    /// How many rows the columns have, selected or not.
    pub fn rows(&self) -> usize {
        self.selection.len()
    }

    /// How many rows are selected.
    pub fn selected(&self) -> usize {
        self.selection.count()
    }

    /// Which rows are selected.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The selection, to narrow it.
    pub fn selection_mut(&mut self) -> &mut Selection {
        &mut self.selection
    }

    /// The same columns with this selection, which must be of the batch's length.
    #[must_use]
    pub fn with_selection(mut self, selection: Selection) -> Self {
        debug_assert_eq!(selection.len(), self.rows());
        self.selection = selection;
        self
    }

    /// Where the batch stands in the order of the input.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Sets the batch's place in the order of the input.
    pub fn set_order(&mut self, order: Order) {
        self.order = order;
    }

    /// The batch at this place in the order of the input.
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// What streaming adds, if anything.
    pub fn stream(&self) -> Option<&StreamInfo> {
        self.stream.as_deref()
    }

    /// Sets what streaming adds.
    pub fn set_stream(&mut self, stream: Option<StreamInfo>) {
        self.stream = stream.map(Box::new);
    }

    /// Puts other columns of `rows` rows in place, all selected; the order stays.
    pub fn replace(&mut self, columns: Vec<Column>, rows: usize) {
        debug_assert!(
            columns.iter().all(|c| c.len() == rows),
            "columns have {rows} rows"
        );
        self.columns = columns;
        self.selection = Selection::all(rows);
    }

    /// Takes the columns out and leaves a batch of no rows; the order stays.
    pub fn clear(&mut self) -> Vec<Column> {
        self.selection = Selection::all(0);
        self.stream = None;
        std::mem::take(&mut self.columns)
    }

    /// The columns, selection and order.
    pub fn into_parts(self) -> (Vec<Column>, Selection, Order) {
        (self.columns, self.selection, self.order)
    }

    /// How many bytes the columns' rows take in memory; see [`Column::memory_size`].
    pub fn memory_size(&self) -> usize {
        self.columns.iter().map(Column::memory_size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringViewArray};
    use arrow::datatypes::{DataType, Field, Schema};

    #[test]
    fn only_selected_rows_are_delivered() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("b", DataType::Utf8View, true),
        ]));
        let columns = vec![
            Column::flat(Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
            Column::flat(Arc::new(StringViewArray::from(vec!["x", "y", "z"]))),
        ];
        let mut batch = Batch::new(columns, 3);
        batch.selection_mut().retain(|row| row > 0);
        let arrow = batch.to_arrow(&schema).unwrap();
        assert_eq!(arrow.num_rows(), 2);
        let back = Batch::from_arrow(&arrow).unwrap();
        assert!(back.column(0).unwrap().value(0).unwrap().is_null());
        assert!(back.column(2).is_err());
    }

    #[test]
    fn batches_without_columns_keep_their_rows() {
        let mut batch = Batch::new(Vec::new(), 5);
        batch.selection_mut().slice(1, 3);
        assert_eq!(
            batch
                .to_arrow(&Arc::new(Schema::empty()))
                .unwrap()
                .num_rows(),
            3
        );
        assert!(batch.clear().is_empty());
        assert_eq!(batch.rows(), 0);
    }
}
