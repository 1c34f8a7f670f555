//! What breakers hold of their input, and the memory that is reserved for it.

use esker_datatypes::{Column, Error, Result};
use esker_kernels::select::chunks::{CHUNK_ROWS, ChunkParts, held_size, plan_chunks_of};
use esker_runtime::Reservation;

/// How many bytes a batch's columns take that are held together with those of the batch before it.
pub(crate) fn held_batch_size(columns: &[Column], before: Option<&[Column]>) -> usize {
    let before = before.unwrap_or_default();
    let sizes = columns.iter().enumerate();
    sizes.map(|(i, c)| held_size(c, before.get(i))).sum()
}

/// Which rows of which held batches make up each chunk, as [`plan_chunks_of`] says.
///
/// # Errors
/// `ResourcesExhausted` for more chunks than row ids can name; `name` is who holds the batches.
pub(crate) fn plan_held_chunks(name: &str, rows: &[usize]) -> Result<Vec<ChunkParts>> {
    plan_held_chunks_of(CHUNK_ROWS, name, rows)
}

/// The same with chunks of at most `most` rows.
pub(crate) fn plan_held_chunks_of(
    most: usize,
    name: &str,
    rows: &[usize],
) -> Result<Vec<ChunkParts>> {
    let plan = plan_chunks_of(most, rows);
    // The last id names no row.
    if plan.len() >= CHUNK_ROWS {
        let message = format!("{name} keeps 2^32 rows of its input at most");
        return Err(Error::resources_exhausted(message));
    }
    Ok(plan)
}

/// The reservations of all workers, held together.
#[derive(Debug, Default)]
pub(crate) struct Held(Vec<Reservation>);

impl Held {
    /// Adds what a worker has reserved.
    pub(crate) fn add(&mut self, reservation: Reservation) {
        self.0.push(reservation);
    }

    /// The bytes that are held.
    pub(crate) fn size(&self) -> u64 {
        self.0.iter().map(Reservation::size).sum()
    }

    /// Takes so many bytes more.
    ///
    /// # Errors
    /// `ResourcesExhausted`.
    pub(crate) fn try_grow(&mut self, bytes: u64) -> Result<()> {
        match self.0.first_mut() {
            Some(first) => first.try_grow(bytes),
            None => Ok(()),
        }
    }

    /// Grows or shrinks to so many bytes in all.
    ///
    /// # Errors
    /// `ResourcesExhausted`; the size is then as before.
    pub(crate) fn try_resize(&mut self, bytes: u64) -> Result<()> {
        let size = self.size();
        if let Some(more) = bytes.checked_sub(size) {
            return self.try_grow(more);
        }
        let mut less = size - bytes;
        for reservation in &mut self.0 {
            let some = less.min(reservation.size());
            reservation.shrink(some);
            less -= some;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use esker_datatypes::ErrorKind;

    use super::*;

    #[test]
    fn there_are_ids_for_all_rows_or_an_error() {
        let mut rows = vec![CHUNK_ROWS; CHUNK_ROWS - 1];
        let plan = plan_held_chunks("SortExec", &rows).unwrap();
        assert_eq!(plan.len(), CHUNK_ROWS - 1);
        rows.push(1);
        let error = plan_held_chunks("SortExec", &rows).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ResourcesExhausted { .. }));
        assert!(error.to_string().contains("SortExec"), "{error}");
    }
}
