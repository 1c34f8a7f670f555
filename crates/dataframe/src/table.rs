//! A collected result.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use esker_datatypes::Result;

mod display;

pub(crate) use display::grouped;

/// A collected result: Arrow batches of one schema, in order.
///
/// It prints as a table, shortened to the terminal.
#[derive(Clone, Debug)]
pub struct Table {
    schema: ArrowSchemaRef,
    batches: Vec<RecordBatch>,
}

impl Table {
    pub(crate) fn new(schema: ArrowSchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self { schema, batches }
    }

    /// The names and types of the columns.
    pub fn schema(&self) -> &ArrowSchemaRef {
        &self.schema
    }

    /// How many rows there are.
    pub fn num_rows(&self) -> u64 {
        self.batches
            .iter()
            .map(|batch| batch.num_rows() as u64)
            .sum()
    }

    /// How many columns there are.
    pub fn num_columns(&self) -> usize {
        self.schema.fields().len()
    }

    /// The batches, in order.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// All rows in one batch.
    ///
    /// # Errors
    /// `Evaluation` when the strings of a column are too many for its offsets.
    pub fn to_batch(&self) -> Result<RecordBatch> {
        Ok(concat_batches(&self.schema, &self.batches)?)
    }
}

impl IntoIterator for Table {
    type Item = RecordBatch;
    type IntoIter = std::vec::IntoIter<RecordBatch>;

    fn into_iter(self) -> Self::IntoIter {
        self.batches.into_iter()
    }
}
