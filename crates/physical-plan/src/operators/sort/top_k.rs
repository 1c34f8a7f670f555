//! The first rows of an order.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering as Memory};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use esker_datatypes::{Batch, Buffers, Column, Result, Selection};
use esker_kernels::select;
use esker_kernels::sort_key::KeyRows;
use esker_logical_plan::ScanFilter;
use esker_runtime::{Reservation, TaskContext};

use super::super::held::Held;
use super::candidates::Candidates;
use super::keys::SortSpec;
use super::source::SortedSource;
use super::stages::Stages;
use super::threshold::Threshold;
use super::threshold_filter::ThresholdFilter;
use crate::expression::ProgramState;
use crate::pipeline::{FinalizeTask, LocalSink, Sink, SinkStatus, Source, Streaming};

/// So many parts more than they need are put together: while reading, and at the end, when the parts
/// of all workers are numbered through.
const SCATTERED: usize = 1 << 14;
const SCATTERED_AT_END: usize = 1 << 8;

/// The first rows of a stable sort, without sorting the others (S10).
///
/// Each worker keeps candidates. When they are many it sorts them, drops those that are out, and
/// tells all workers the last key that is in: no row behind it can be in, and such rows are dropped
/// before their columns are copied, most of them by their first key, before the others are encoded.
/// The scan below may drop them before it reads their other columns. Of rows with equal keys the
/// earlier ones are in, so a worker drops rows that equal that key only if they come behind the row
/// that has it.
pub struct TopKExec {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    spec: Arc<SortSpec>,
    fetch: usize,
    stages: Arc<Stages>,
    /// Counts the bounds, so that workers need no lock to see that there is no new one.
    version: AtomicU64,
    bound: RwLock<Option<Arc<Bound>>>,
    input: Mutex<Input>,
}

#[derive(Default)]
struct Input {
    candidates: Vec<Candidates>,
    held: Held,
    workers: u64,
}

/// A row that has so many others before it that no row behind it is wanted.
#[derive(Debug)]
pub(super) struct Bound {
    key: KeyRows,
    /// What the first key must reach, where it can be tested alone and not all do.
    pub(super) threshold: Option<Threshold>,
    /// Its split.
    pub(super) ordinal: u64,
    /// The worker that read it.
    worker: u64,
}

impl TopKExec {
    /// The first `fetch` rows of the order, in batches of at most `batch_size` rows.
    pub fn new(spec: SortSpec, fetch: u64, batch_size: usize) -> Self {
        let spec = Arc::new(spec);
        let fetch = usize::try_from(fetch).unwrap_or(usize::MAX);
        let stages = Stages::new("TopKExec", Arc::clone(&spec), fetch, batch_size);
        Self {
            shared: Arc::new(Shared {
                spec,
                fetch,
                stages: Arc::new(stages),
                version: AtomicU64::new(0),
                bound: RwLock::default(),
                input: Mutex::default(),
            }),
        }
    }

    /// The column of the input that a filter of a scan may be about: the first key, if rows that it
    /// drops are missed by no other.
    pub(crate) fn filtered_column(&self) -> Option<usize> {
        self.shared.spec.first_column()
    }

    /// A filter for the scan of whose columns, at this place, the [first key](Self::filtered_column)
    /// is one.
    pub(crate) fn filter(&self, column: usize) -> ScanFilter {
        ScanFilter {
            expr: None,
            predicate: Arc::new(ThresholdFilter::new(Arc::clone(&self.shared), column)),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Input> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether rows whose first keys are equal are equal.
    pub(super) fn is_single(&self) -> bool {
        self.spec.is_single()
    }

    /// The tightest bound that has been told.
    pub(super) fn bound(&self) -> Option<Arc<Bound>> {
        let bound = self.bound.read();
        bound.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells a bound, which counts if it lets fewer rows in than the one there is.
    fn tell(&self, new: Bound) {
        let mut bound = self.bound.write().unwrap_or_else(PoisonError::into_inner);
        let tighter = bound.as_ref().is_none_or(|old| {
            let order = new.key.compare(0, &old.key, 0);
            order.then(new.ordinal.cmp(&old.ordinal)).is_lt()
        });
        if tighter {
            *bound = Some(Arc::new(new));
            self.version.fetch_add(1, Memory::Release);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopKExec")
            .field("keys", &self.spec)
            .field("fetch", &self.fetch)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TopKExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl Sink for TopKExec {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        let mut input = self.shared.lock();
        input.workers += 1;
        Ok(Box::new(LocalTopK {
            worker: input.workers,
            shared: Arc::clone(&self.shared),
            candidates: Candidates::default(),
            version: 0,
            bound: None,
            reservation: cx.query.memory().reserve("TopKExec"),
            state: ProgramState::default(),
        }))
    }

    fn finalize(&self, stage: usize, cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        let stages = &self.shared.stages;
        if stage > 0 {
            return stages.advance(cx);
        }
        let input = std::mem::take(&mut *self.shared.lock());
        let chunks = Candidates::in_order(input.candidates, &self.shared.spec)?;
        Ok(stages.begin(chunks, input.held, cx))
    }

    fn output_source(&self) -> Option<Arc<dyn Source>> {
        let stages = Arc::clone(&self.shared.stages);
        Some(Arc::new(SortedSource::new(stages)))
    }

    fn held(&self) -> u64 {
        self.shared.stages.held()
    }

    fn streaming(&self) -> Streaming {
        Streaming::Refuse("the first rows of an order are known at the end of the input")
    }
}

struct LocalTopK {
    worker: u64,
    shared: Arc<Shared>,
    candidates: Candidates,
    /// The bound that this worker has seen, and its number.
    version: u64,
    bound: Option<Arc<Bound>>,
    reservation: Reservation,
    state: ProgramState,
}

impl LocalTopK {
    /// Looks whether there is a new bound.
    fn look_up(&mut self) {
        let version = self.shared.version.load(Memory::Acquire);
        if version != self.version {
            self.version = version;
            self.bound = self.shared.bound();
        }
    }

    /// The rows of a batch that may be in, with their keys.
    fn admit(
        &mut self,
        input: &mut Batch,
        cx: &mut TaskContext,
    ) -> Result<Option<(Vec<Column>, usize, KeyRows)>> {
        let ordinal = input.order().ordinal;
        self.look_up();
        let (spec, buffers) = (&self.shared.spec, &mut cx.buffers);
        // Rows of another worker's splits may come before the bound's; those of this worker come
        // behind all it has read.
        let bound = self.bound.as_deref().map(|bound| {
            let or_equal = bound.worker != self.worker && ordinal <= bound.ordinal;
            (bound, or_equal)
        });
        let before = spec.first_column().is_some();
        let mut computed = Vec::new();
        if !before {
            computed = spec.compute(input, &mut self.state, buffers)?;
        }
        if let Some((bound, or_equal)) = bound
            && let Some(threshold) = &bound.threshold
        {
            let mut kept = input.selection().clone();
            let column = spec.first_key_column(input.columns(), &computed)?;
            let exceed = spec.is_single() && !or_equal;
            threshold.narrow(column, exceed, &mut kept, buffers)?;
            if kept.is_none() {
                return Ok(None);
            }
            *input.selection_mut() = kept;
        }
        if before {
            computed = spec.compute(input, &mut self.state, buffers)?;
        }
        let dense = |column: &&Column| select::compact(column, input.selection(), buffers);
        let columns = spec.key_columns(input.columns(), &computed)?;
        let columns: Vec<Column> = columns.iter().map(dense).collect::<Result<_>>()?;
        let columns: Vec<&Column> = columns.iter().collect();
        let mut keys = spec.encode(&columns, input.selected(), &mut cx.buffers)?;
        if let Some((bound, or_equal)) = bound {
            let mut kept = Selection::all(keys.len());
            keys.select_below(&bound.key, 0, or_equal, &mut kept);
            if kept.is_none() {
                return Ok(None);
            }
            if let Some(kept) = kept.rows() {
                keys = keys.take(kept);
                let of_batch = match input.selection().rows() {
                    Some(rows) => kept
                        .iter()
                        .filter_map(|&row| rows.get(row as usize).copied())
                        .collect(),
                    None => kept.to_vec(),
                };
                *input.selection_mut() = Selection::from_rows(input.rows(), of_batch);
            }
        }
        let (rows, selection) = (input.selected(), input.selection().clone());
        let columns = input.clear().into_iter().chain(computed);
        let columns: Vec<Column> = columns
            .map(|column| select::compact(&column, &selection, &mut cx.buffers))
            .collect::<Result<_>>()?;
        Ok(Some((columns, rows, keys)))
    }

    /// Drops candidates that are out, and says which key is the last one in.
    fn cut(&mut self, buffers: &mut Buffers) -> Result<()> {
        let Shared { spec, fetch, .. } = &*self.shared;
        if let Some(last) = self.candidates.cut(*fetch, spec, buffers)? {
            let first = spec.first().zip(last.first);
            self.shared.tell(Bound {
                key: last.key,
                threshold: first.and_then(|(key, value)| key.threshold(value)),
                ordinal: last.ordinal,
                worker: self.worker,
            });
        }
        self.reservation.try_resize(self.candidates.size() as u64)
    }

    /// Whether so many candidates are worth a look. Twice as many as are wanted are, be they few:
    /// while the bound is old, a scan reads rows that are out.
    fn is_full(&self) -> bool {
        let enough = self.shared.fetch.saturating_mul(2);
        self.candidates.rows() >= enough || self.candidates.is_scattered(SCATTERED)
    }
}

impl LocalSink for LocalTopK {
    fn consume(&mut self, input: &mut Batch, cx: &mut TaskContext) -> Result<SinkStatus> {
        if self.shared.fetch == 0 {
            return Ok(SinkStatus::Finished);
        }
        if input.selected() == 0 {
            return Ok(SinkStatus::NeedInput);
        }
        let ordinal = input.order().ordinal;
        let Some((columns, rows, keys)) = self.admit(input, cx)? else {
            return Ok(SinkStatus::NeedInput);
        };
        self.candidates.push(columns, rows, keys, ordinal)?;
        let size = self.candidates.size() as u64;
        let granted = self.reservation.try_resize(size);
        if self.is_full() {
            self.cut(&mut cx.buffers)?;
        } else if let Err(error) = granted {
            if self.candidates.rows() <= self.shared.fetch {
                return Err(error);
            }
            self.cut(&mut cx.buffers)?;
        }
        Ok(SinkStatus::NeedInput)
    }

    fn combine(mut self: Box<Self>, cx: &mut TaskContext) -> Result<()> {
        let more = self.candidates.rows() > self.shared.fetch;
        if more || self.candidates.is_scattered(SCATTERED_AT_END) {
            self.cut(&mut cx.buffers)?;
        }
        let mut input = self.shared.lock();
        input.held.add(self.reservation);
        input.candidates.push(self.candidates);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use esker_datatypes::{DataType, Field, Order, Schema};
    use esker_logical_expr::{col, resolve};

    use super::*;

    /// Numbered rows of a split, all with the same key.
    fn batch(ordinal: u64, from: i64, rows: i64) -> Batch {
        let columns = [
            Int64Array::from_iter_values((0..rows).map(|_| 7)),
            Int64Array::from_iter_values(from..from + rows),
        ];
        let columns = columns.map(|values| Column::flat(Arc::new(values)));
        Batch::new(columns.to_vec(), rows as usize).with_order(Order {
            ordinal,
            sequence: 0,
            last: true,
        })
    }

    #[test]
    fn of_equal_rows_those_of_the_first_splits_are_in_whoever_reads_them_when() {
        let fields = ["k", "n"].map(|name| Field::new(name, DataType::Int64, false));
        let schema: Schema = fields.into_iter().collect();
        let key = resolve(col("k"), &schema).unwrap().asc();
        let spec = SortSpec::compile(&[key], &schema).unwrap();
        let top = TopKExec::new(spec, 3, 8);
        let mut cx = TaskContext::standalone();
        let mut one = top.open(&mut cx).unwrap();
        let mut two = top.open(&mut cx).unwrap();
        two.consume(&mut batch(1, 10_000, 5000), &mut cx).unwrap();
        assert!(top.shared.bound().is_some(), "a bound is told");
        // A scan may drop equal rows of later splits alone.
        let filter = top.filter(0).predicate;
        let kept = [0, 1, 2].map(|ordinal| {
            let mut kept = Selection::all(2);
            let columns = batch(ordinal, 0, 2);
            filter.select(&columns, &mut kept, &mut cx.buffers).unwrap();
            kept.count()
        });
        assert_eq!(kept, [2, 2, 0]);
        // Nothing that comes behind the bound is kept, ...
        let used = cx.query.memory().used();
        two.consume(&mut batch(2, 20_000, 100), &mut cx).unwrap();
        one.consume(&mut batch(3, 30_000, 100), &mut cx).unwrap();
        assert_eq!(cx.query.memory().used(), used);
        // ... but what comes before it is.
        let mut early = top.open(&mut cx).unwrap();
        early.consume(&mut batch(0, 0, 2), &mut cx).unwrap();
        for worker in [two, early, one] {
            worker.combine(&mut cx).unwrap();
        }
        for stage in 0.. {
            let tasks = top.finalize(stage, &mut cx).unwrap();
            if tasks.is_empty() {
                break;
            }
            tasks.into_iter().for_each(|task| task(&mut cx).unwrap());
        }
        let mut out = Batch::default();
        let mut source = top.output_source().unwrap().open(&mut cx).unwrap();
        source.next(&mut out, &mut cx).unwrap();
        let numbers = out.column(1).unwrap().to_flat();
        assert_eq!(
            numbers.as_primitive::<Int64Type>().values(),
            &[0, 1, 10_000]
        );
        drop((source, out));
        assert_eq!(cx.query.memory().used(), 0, "all is given back");
    }
}
