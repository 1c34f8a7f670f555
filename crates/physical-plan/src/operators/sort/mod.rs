//! The rows in the order of keys.
//!
//! Rows are never moved until their place is known. The sink keeps the batches as they come; then,
//! in stages of tasks that run side by side, they are packed into chunks and their keys encoded, the
//! ids of the rows are sorted in runs, and the runs are merged in pieces. The source gathers the
//! columns by the sorted ids, split by split, so that each value is copied once.

/// What a worker of a top-k keeps.
mod candidates;
/// What rows are sorted by.
mod keys;
/// Sorted rows, as a source.
mod source;
/// From chunks to sorted ids.
mod stages;
/// What the first key must reach.
mod threshold;
/// The same as a filter of a scan.
mod threshold_filter;
/// The first rows of an order.
mod top_k;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_datatypes::{Batch, Buffers, Column, Order, Result};
use esker_kernels::select::chunks::chunk_of;
use esker_runtime::{Reservation, TaskContext};

use super::held::{Held, held_batch_size, plan_held_chunks_of};
use crate::expression::ProgramState;
use crate::pipeline::{FinalizeTask, LocalSink, Sink, SinkStatus, Source, Streaming};
use source::SortedSource;
use stages::{MakeChunk, Stages, chunk_rows};

pub use keys::SortSpec;
pub use top_k::TopKExec;

/// Sorts all rows by keys; stable, for any number of workers (S10). It may give out the first ones
/// alone.
///
/// Row ids ascend with the order of the input, and rows with equal keys are put in the order of
/// their ids. (Graefe, *Implementing Sorting in Database Systems*, ACM Computing Surveys 2006, on
/// normalized keys and merging.)
pub struct SortExec {
    shared: Arc<Shared>,
}

struct Shared {
    spec: Arc<SortSpec>,
    stages: Arc<Stages>,
    input: Mutex<Input>,
}

#[derive(Default)]
struct Input {
    batches: Vec<Kept>,
    held: Held,
}

/// A dense batch of the input: its columns, then the computed keys.
struct Kept {
    order: Order,
    columns: Vec<Column>,
    rows: usize,
}

impl SortExec {
    /// A sort that gives out the first `fetch` rows of the order, or all, in batches of at most
    /// `batch_size` rows.
    pub fn new(spec: SortSpec, fetch: Option<u64>, batch_size: usize) -> Self {
        let spec = Arc::new(spec);
        let fetch = fetch.map_or(usize::MAX, |fetch| {
            usize::try_from(fetch).unwrap_or(usize::MAX)
        });
        let stages = Stages::new("SortExec", Arc::clone(&spec), fetch, batch_size);
        Self {
            shared: Arc::new(Shared {
                spec,
                stages: Arc::new(stages),
                input: Mutex::default(),
            }),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Input> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The batches in the order of the input, as recipes for chunks.
    fn chunks(mut batches: Vec<Kept>, threads: usize) -> Result<Vec<MakeChunk>> {
        // What stands behind all splits has no order among workers.
        batches.sort_by_key(|batch| (batch.order.ordinal, batch.order.sequence));
        let rows: Vec<usize> = batches.iter().map(|batch| batch.rows).collect();
        let mut chunks = Vec::new();
        let most = chunk_rows(rows.iter().sum(), threads);
        for parts in plan_held_chunks_of(most, "SortExec", &rows)? {
            let (mut columns, mut own) = (Vec::with_capacity(parts.len()), Vec::new());
            for (at, range) in parts {
                own.push((columns.len(), range));
                columns.extend(batches.get(at).map(|batch| batch.columns.clone()));
            }
            let make = move |_: &mut Buffers| chunk_of(&columns, &own);
            chunks.push(Box::new(make) as MakeChunk);
        }
        Ok(chunks)
    }
}

impl fmt::Debug for SortExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SortExec")
            .field("keys", &self.shared.spec)
            .finish_non_exhaustive()
    }
}

impl Sink for SortExec {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        Ok(Box::new(LocalSort {
            shared: Arc::clone(&self.shared),
            batches: Vec::new(),
            reservation: cx.query.memory().reserve("SortExec"),
            state: ProgramState::default(),
        }))
    }

    fn finalize(&self, stage: usize, cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        if stage > 0 {
            return self.shared.stages.advance(cx);
        }
        let Input { batches, held } = std::mem::take(&mut *self.shared.lock());
        let chunks = Shared::chunks(batches, cx.query.threads())?;
        Ok(self.shared.stages.begin(chunks, held, cx))
    }

    fn output_source(&self) -> Option<Arc<dyn Source>> {
        let stages = Arc::clone(&self.shared.stages);
        Some(Arc::new(SortedSource::new(stages)))
    }

    fn held(&self) -> u64 {
        self.shared.stages.held()
    }

    fn needs_dense(&self) -> bool {
        true
    }

    fn streaming(&self) -> Streaming {
        Streaming::Refuse("a sort needs all of its input")
    }
}

struct LocalSort {
    shared: Arc<Shared>,
    batches: Vec<Kept>,
    reservation: Reservation,
    state: ProgramState,
}

impl LocalSink for LocalSort {
    fn consume(&mut self, input: &mut Batch, cx: &mut TaskContext) -> Result<SinkStatus> {
        let (order, rows) = (input.order(), input.rows());
        if rows == 0 {
            return Ok(SinkStatus::NeedInput);
        }
        let spec = &self.shared.spec;
        let computed = spec.compute(input, &mut self.state, &mut cx.buffers)?;
        let mut columns = input.clear();
        columns.extend(computed);
        let before = self.batches.last().map(|batch| batch.columns.as_slice());
        let size = held_batch_size(&columns, before);
        self.reservation.try_grow(size as u64)?;
        self.batches.push(Kept {
            order,
            columns,
            rows,
        });
        Ok(SinkStatus::NeedInput)
    }

    fn combine(self: Box<Self>, _cx: &mut TaskContext) -> Result<()> {
        let mut input = self.shared.lock();
        input.held.add(self.reservation);
        input.batches.extend(self.batches);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use esker_datatypes::{DataType, Field, Schema};
    use esker_logical_expr::{col, resolve};

    use super::*;
    use crate::pipeline::SourceStatus;

    #[test]
    fn only_the_first_rows_come_out() {
        let schema: Schema = std::iter::once(Field::new("k", DataType::Int64, false)).collect();
        for (fetch, want) in [(Some(0), 0), (Some(70_000), 70_000), (None, 100_000)] {
            let key = resolve(col("k"), &schema).unwrap().asc();
            let spec = SortSpec::compile(&[key], &schema).unwrap();
            let sort = SortExec::new(spec, fetch, 1000);
            let mut cx = TaskContext::standalone();
            let mut local = sort.open(&mut cx).unwrap();
            let keys = (0..100_000).map(|n| n * 7919 % 100_000);
            let column = Column::flat(Arc::new(Int64Array::from_iter_values(keys)));
            let mut batch = Batch::new(vec![column], 100_000);
            local.consume(&mut batch, &mut cx).unwrap();
            local.combine(&mut cx).unwrap();
            for stage in 0.. {
                let tasks = sort.finalize(stage, &mut cx).unwrap();
                if tasks.is_empty() {
                    break;
                }
                tasks.into_iter().for_each(|task| task(&mut cx).unwrap());
            }
            let mut source = sort.output_source().unwrap().open(&mut cx).unwrap();
            let (mut found, mut out) = (Vec::new(), Batch::default());
            while source.next(&mut out, &mut cx).unwrap() == SourceStatus::More {
                let keys = out.column(0).unwrap().to_flat();
                found.extend_from_slice(keys.as_primitive::<Int64Type>().values());
            }
            assert!(found.into_iter().eq(0..want), "{fetch:?}");
        }
    }
}
