//! Rows, and how they compare.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute;
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use esker_datatypes::{Column, Error, Result, Schema, format_value};

use super::broken;

/// All rows of a table or a scan, in order.
#[derive(Clone, Debug)]
pub(super) struct Rows(RecordBatch);

impl Rows {
    /// The rows that a source of this schema should hold.
    pub(super) fn expected(schema: &Schema, batches: &[RecordBatch]) -> Result<Self> {
        for batch in batches {
            let found = batch.schema_ref().fields();
            if found.len() != schema.len() {
                return Err(broken(format!(
                    "the schema ({schema}) has {} columns, the expected rows have {}",
                    schema.len(),
                    found.len()
                )));
            }
            for (field, found) in schema.fields().iter().zip(found) {
                if field.name().as_ref() != found.name() || field.data_type() != found.data_type() {
                    return Err(broken(format!(
                        "the schema has a column '{}' of {}, where the expected rows have '{}' of \
                         {}",
                        field.name(),
                        field.data_type(),
                        found.name(),
                        found.data_type()
                    )));
                }
            }
        }
        Self::of_batches(&schema.to_arrow(), batches)
    }

    /// The rows of batches of the same types, one after the other.
    pub(super) fn of_batches(schema: &ArrowSchemaRef, batches: &[RecordBatch]) -> Result<Self> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
        for (i, field) in schema.fields().iter().enumerate() {
            let parts: Vec<&dyn Array> = batches
                .iter()
                .filter_map(|b| b.columns().get(i))
                .map(AsRef::as_ref)
                .collect();
            columns.push(match parts.as_slice() {
                [] => arrow::array::new_empty_array(field.data_type()),
                parts => compute::concat(parts)?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
            .map(Self)
            .map_err(|e| broken(format!("the rows do not fit the schema: {e}")))
    }

    pub(super) fn len(&self) -> usize {
        self.0.num_rows()
    }

    pub(super) fn width(&self) -> usize {
        self.0.num_columns()
    }

    pub(super) fn array(&self, column: usize) -> Result<&ArrayRef> {
        self.0
            .columns()
            .get(column)
            .ok_or_else(|| Error::internal(format!("no column {column}")))
    }

    pub(super) fn column(&self, column: usize) -> Result<Column> {
        Column::from_arrow(self.array(column)?)
    }

    pub(super) fn name(&self, column: usize) -> &str {
        self.0
            .schema_ref()
            .fields()
            .get(column)
            .map_or("", |f| f.name().as_str())
    }

    /// These columns, by position.
    pub(super) fn project(&self, columns: &[usize]) -> Result<Self> {
        Ok(Self(self.0.project(columns)?))
    }

    /// The rows at which a mask is true.
    pub(super) fn filter(&self, mask: &[bool]) -> Result<Self> {
        Ok(Self(compute::filter_record_batch(
            &self.0,
            &BooleanArray::from(mask.to_vec()),
        )?))
    }

    /// The first rows, at most this many.
    pub(super) fn first(&self, rows: usize) -> Self {
        Self(self.0.slice(0, rows.min(self.len())))
    }

    /// These are the wanted rows, in order.
    pub(super) fn check_equals(&self, wanted: &Self) -> Result<()> {
        let both = self.len().min(wanted.len());
        if self.first(both).0.columns() != wanted.first(both).0.columns() {
            for row in 0..both {
                self.check_row(row, wanted, row)?;
            }
        }
        if self.len() != wanted.len() {
            let (more, row) = if self.len() > both {
                ("first too many", self)
            } else {
                ("first missing", wanted)
            };
            return Err(broken(format!(
                "the source gave {} rows where {} were expected; the {more} is {}",
                self.len(),
                wanted.len(),
                row.show(both)
            )));
        }
        Ok(())
    }

    /// These are the first `limit` of all rows, in order, and perhaps some of the others.
    pub(super) fn check_limited(&self, all: &Self, limit: usize) -> Result<()> {
        self.first(limit).check_equals(&all.first(limit))?;
        self.check_part_of(all)
    }

    /// These are some of all rows, in order.
    pub(super) fn check_part_of(&self, all: &Self) -> Result<()> {
        let mut candidates = 0..all.len();
        for row in 0..self.len() {
            if !candidates.any(|candidate| self.differs(row, all, candidate).is_none()) {
                return Err(broken(format!(
                    "the source gave the row {} that it does not hold, or out of order",
                    self.show(row)
                )));
            }
        }
        Ok(())
    }

    fn check_row(&self, row: usize, wanted: &Self, wanted_row: usize) -> Result<()> {
        let Some(column) = self.differs(row, wanted, wanted_row) else {
            return Ok(());
        };
        Err(broken(format!(
            "row {row} is {} where {} was expected",
            self.show(row),
            wanted.show(wanted_row)
        ))
        .in_column(self.name(column)))
    }

    /// The first column in which two rows differ.
    fn differs(&self, row: usize, other: &Self, other_row: usize) -> Option<usize> {
        let pairs = self.0.columns().iter().zip(other.0.columns());
        pairs
            .into_iter()
            .position(|(a, b)| a.slice(row, 1).as_ref() != b.slice(other_row, 1).as_ref())
    }

    /// A row as text.
    pub(super) fn show(&self, row: usize) -> String {
        let values: Vec<String> = self
            .0
            .columns()
            .iter()
            .map(|c| format_value(c.as_ref(), row))
            .collect();
        format!("({})", values.join(", "))
    }
}
