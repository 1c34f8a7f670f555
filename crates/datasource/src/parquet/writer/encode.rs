//! A row group on its way from arrays to encoded column chunks.

use std::sync::Arc;
use std::vec;

use arrow::array::NullArray;
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use esker_datatypes::{Error, Result};
use esker_runtime::Reservation;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};

use super::file::parquet_error;
use super::lineup::Piece;

/// A row group that one worker encodes, column by column.
pub(super) struct Encoding {
    schema: ArrowSchemaRef,
    index: usize,
    pieces: Vec<Piece>,
    column: usize,
    writers: vec::IntoIter<ArrowColumnWriter>,
    chunks: Vec<ArrowColumnChunk>,
}

/// A row group that is encoded and waits to be written.
pub(super) struct RowGroup {
    pub(super) chunks: Vec<ArrowColumnChunk>,
    pub(super) rows: u64,
    /// The memory of the rows that it was: more than it takes now, but given back soon.
    _reserved: Vec<Arc<Reservation>>,
}

impl Encoding {
    pub(super) fn new(
        factory: &ArrowRowGroupWriterFactory,
        schema: &ArrowSchemaRef,
        index: usize,
        pieces: Vec<Piece>,
    ) -> Result<Self> {
        let writers = factory.create_column_writers(index);
        Ok(Self {
            schema: Arc::clone(schema),
            index,
            pieces,
            column: 0,
            writers: writers.map_err(parquet_error)?.into_iter(),
            chunks: Vec::new(),
        })
    }

    /// Its number in the file.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Encodes one more column; `false` when there is none.
    pub(super) fn step(&mut self) -> Result<bool> {
        let Some(field) = self.schema.fields().get(self.column) else {
            return Ok(false);
        };
        // A nested column has several leaves, each with a writer of its own.
        let mut writers: Vec<ArrowColumnWriter> = Vec::new();
        for piece in &mut self.pieces {
            let Some(array) = piece.columns.get_mut(self.column) else {
                return Err(Error::internal("a batch has fewer columns than the file"));
            };
            // Gone when it is encoded.
            let array = std::mem::replace(array, Arc::new(NullArray::new(0)));
            let leaves = compute_leaves(field, &array).map_err(parquet_error)?;
            if writers.is_empty() {
                writers.extend(self.writers.by_ref().take(leaves.len()));
            }
            for (writer, leaf) in writers.iter_mut().zip(&leaves) {
                writer
                    .write(leaf)
                    .map_err(|e| parquet_error(e).in_column(field.name()))?;
            }
        }
        for writer in writers {
            self.chunks.push(writer.close().map_err(parquet_error)?);
        }
        self.column += 1;
        Ok(true)
    }

    /// What it has become.
    pub(super) fn finish(self) -> RowGroup {
        RowGroup {
            chunks: self.chunks,
            rows: self.pieces.iter().map(|piece| piece.rows as u64).sum(),
            _reserved: self
                .pieces
                .into_iter()
                .map(|piece| piece.reserved)
                .collect(),
        }
    }
}
