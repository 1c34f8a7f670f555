//! The sink of a join's build side: keeps the batches, then makes chunks and a table of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_datatypes::{Batch, Column, Error, Order, Result};
use esker_kernels::hash_table::{JoinPart, JoinTable, KeyChunk, KeySet};
use esker_kernels::select::chunks::{CHUNK_ROWS, ChunkParts, Chunked, chunk_of};
use esker_runtime::{Reservation, TaskContext};

use super::super::held::{Held, held_batch_size, plan_held_chunks};
use super::Shared;
use super::build_keys::BuildKeys;
use super::built::{Built, Marks, constant_if_one};
use crate::expression::ProgramState;
use crate::pipeline::{FinalizeTask, LocalSink, Sink, SinkStatus, Streaming};

/// A table of fewer rows is built by one task.
const ONE_PART: usize = CHUNK_ROWS;

/// Keeps the build side.
///
/// Row ids ascend with the order of the input for any number of workers: batches are put in order
/// before they are cut into chunks.
pub(super) struct BuildSink {
    shared: Arc<Shared>,
    keys: Option<Arc<BuildKeys>>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The rows so far, where there must not be more than one.
    single: AtomicUsize,
    building: Mutex<Building>,
}

/// What one stage leaves to the next.
#[derive(Default)]
struct Building {
    batches: Vec<Kept>,
    rows: usize,
    lengths: Vec<usize>,
    chunks: Vec<Option<Chunk>>,
    columns: Vec<Option<Chunked>>,
    parts: Vec<Option<JoinPart>>,
    sets: Vec<Option<Arc<KeySet>>>,
    memory: Held,
}

/// What is kept of a batch: the payload, and what the keys are made of.
struct Kept {
    order: Order,
    columns: Vec<Column>,
    rows: usize,
}

struct Chunk {
    payload: Vec<Column>,
    keys: Option<KeyChunk>,
}

impl std::fmt::Debug for BuildSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuildSink")
            .field("keys", &self.keys.as_ref().map(|keys| keys.at.len()))
            .field("payload", &self.shared.payload)
            .finish_non_exhaustive()
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Building> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BuildSink {
    pub(super) fn new(shared: Arc<Shared>, keys: Option<BuildKeys>) -> Self {
        Self {
            shared,
            keys: keys.map(Arc::new),
            state: Arc::default(),
        }
    }

    /// Puts the batches in order: tasks that make a chunk each, and its keys.
    fn chunk_tasks(&self) -> Result<Vec<FinalizeTask>> {
        let mut building = self.state.lock();
        if self.shared.single && self.state.single.load(Ordering::Relaxed) > 1 {
            return Err(Error::invalid_input(
                "the right side of this join must not have more than one row, but it has",
            ));
        }
        let mut batches = std::mem::take(&mut building.batches);
        batches.sort_unstable_by_key(|kept| kept.order);
        let lengths: Vec<usize> = batches.iter().map(|kept| kept.rows).collect();
        let plan = plan_held_chunks(self.shared.name, &lengths)?;
        building.rows = lengths.iter().sum();
        building.chunks.resize_with(plan.len(), || None);
        let rows_of =
            |chunk: &ChunkParts| -> usize { chunk.iter().map(|(_, rows)| rows.len()).sum() };
        building.lengths = plan.iter().map(rows_of).collect();
        let lengths = building.lengths.clone();
        drop(building);
        let mut tasks: Vec<FinalizeTask> = Vec::with_capacity(plan.len());
        for (number, (mut parts, rows)) in plan.into_iter().zip(lengths).enumerate() {
            // Each task holds its own batches, which are gone when their chunk is made.
            let mut own = Vec::with_capacity(parts.len());
            for (at, rows) in &mut parts {
                let Some(kept) = batches.get_mut(*at) else {
                    continue;
                };
                // Behind its last row nobody else wants the batch.
                own.push(if rows.end == kept.rows {
                    std::mem::take(&mut kept.columns)
                } else {
                    kept.columns.clone()
                });
                *at = own.len() - 1;
            }
            let (state, keys) = (Arc::clone(&self.state), self.keys.clone());
            let width = self.shared.payload.len();
            tasks.push(Box::new(move |cx| {
                let mut columns = chunk_of(&own, &parts)?;
                drop(own);
                let prepared = match keys {
                    None => None,
                    Some(keys) => {
                        let of = |&at: &usize| columns.get(at);
                        let of_keys: Vec<&Column> = keys.at.iter().filter_map(of).collect();
                        Some(keys.keys.prepare(&of_keys, rows, &mut cx.buffers)?)
                    }
                };
                columns.truncate(width);
                let bytes = prepared.as_ref().map_or(0, KeyChunk::size) as u64;
                let mut building = state.lock();
                building.memory.try_grow(bytes)?;
                if let Some(chunk) = building.chunks.get_mut(number) {
                    *chunk = Some(Chunk {
                        payload: columns,
                        keys: prepared,
                    });
                }
                Ok(())
            }));
        }
        if tasks.is_empty() {
            self.publish()?;
        }
        Ok(tasks)
    }

    /// The chunks are made: tasks that make a column, and tasks that build a part of the table.
    fn table_tasks(&self, threads: usize) -> Result<Vec<FinalizeTask>> {
        let mut building = self.state.lock();
        let width = self.shared.payload.len();
        let mut columns: Vec<Vec<Column>> = Vec::with_capacity(width);
        columns.resize_with(width, || Vec::with_capacity(building.chunks.len()));
        let mut keys = Vec::with_capacity(building.chunks.len());
        for chunk in std::mem::take(&mut building.chunks).into_iter().flatten() {
            for (column, part) in columns.iter_mut().zip(chunk.payload) {
                column.push(part);
            }
            keys.extend(chunk.keys);
        }
        building.columns.resize_with(width, || None);
        let mut tasks: Vec<FinalizeTask> = Vec::new();
        if let Some(build_keys) = &self.keys {
            let parts = if building.rows < ONE_PART {
                1
            } else {
                threads.next_power_of_two()
            };
            let bytes = JoinTable::estimate(&build_keys.keys, &keys);
            building.memory.try_grow(bytes as u64)?;
            building.parts.resize_with(parts, || None);
            let chunks = Arc::new(keys);
            let (keys, all, state) = (
                Arc::clone(&build_keys.keys),
                Arc::clone(&chunks),
                Arc::clone(&self.state),
            );
            let count = build_keys.at.len();
            let wanted = self.shared.wanted_keys.lock();
            let mut wanted = wanted.unwrap_or_else(PoisonError::into_inner).clone();
            // The table itself asks for its only key.
            if count == 1 && JoinTable::is_hashed(&keys, &chunks) {
                wanted.push(0);
            }
            wanted.sort_unstable();
            wanted.dedup();
            building.sets.resize_with(count, || None);
            tasks.extend(wanted.into_iter().map(|key| -> FinalizeTask {
                let (keys, all, state) = (Arc::clone(&keys), Arc::clone(&all), Arc::clone(&state));
                Box::new(move |_| {
                    let set = KeySet::of(&keys, &all, key).map(Arc::new);
                    let mut building = state.lock();
                    let bytes = set.as_ref().map_or(0, |set| set.size());
                    building.memory.try_grow(bytes as u64)?;
                    if let Some(slot) = building.sets.get_mut(key) {
                        *slot = set;
                    }
                    Ok(())
                })
            }));
            for part in 0..parts {
                let (keys, chunks) = (Arc::clone(&build_keys.keys), Arc::clone(&chunks));
                let state = Arc::clone(&self.state);
                tasks.push(Box::new(move |_| {
                    let built = JoinTable::build_part(&keys, &chunks, part, parts)?;
                    if let Some(slot) = state.lock().parts.get_mut(part) {
                        *slot = Some(built);
                    }
                    Ok(())
                }));
            }
        }
        for (number, chunks) in columns.into_iter().enumerate() {
            let (shared, state) = (Arc::clone(&self.shared), Arc::clone(&self.state));
            tasks.push(Box::new(move |_| {
                let Some((_, data_type)) = shared.payload.get(number) else {
                    return Ok(());
                };
                let column = Chunked::new(data_type, constant_if_one(chunks)?)?;
                if let Some(slot) = state.lock().columns.get_mut(number) {
                    *slot = Some(column);
                }
                Ok(())
            }));
        }
        drop(building);
        if tasks.is_empty() {
            self.publish()?;
        }
        Ok(tasks)
    }

    /// All is made: now the probe may read it.
    fn publish(&self) -> Result<()> {
        let mut building = self.state.lock();
        let rows = building.rows;
        let parts: Vec<JoinPart> = std::mem::take(&mut building.parts)
            .into_iter()
            .flatten()
            .collect();
        let sets = std::mem::take(&mut building.sets);
        let table = match &self.keys {
            Some(keys) if !parts.is_empty() => {
                let table = JoinTable::assemble(Arc::clone(&keys.keys), parts);
                Some(match sets.as_slice() {
                    [set] => table.with_key_set(set.clone()),
                    _ => table,
                })
            }
            _ => None,
        };
        let chunks = std::mem::take(&mut building.lengths);
        let mut all = Vec::new();
        if self.keys.is_none() {
            all.reserve_exact(rows);
            for (chunk, &rows) in (0..).zip(&chunks) {
                let first: u32 = chunk << 16;
                all.extend((0..rows as u32).map(|row| first | row));
            }
        }
        let mut columns = std::mem::take(&mut building.columns).into_iter();
        let mut payload = Vec::with_capacity(self.shared.payload.len());
        for (_, data_type) in &self.shared.payload {
            // Without rows, nobody has made the columns.
            let column = match columns.next().flatten() {
                Some(column) => column,
                None => Chunked::new(data_type, Vec::new())?,
            };
            payload.push((data_type.clone(), column));
        }
        let marks = match self.shared.rest {
            Some(_) => Marks::new(&chunks),
            None => Marks::default(),
        };
        let mut built = Built {
            chunks,
            payload,
            table,
            keys: sets,
            all,
            marks,
            memory: Held::default(),
        };
        building.memory.try_resize(built.size())?;
        built.memory = std::mem::take(&mut building.memory);
        drop(building);
        match self.shared.built.set(built) {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::internal("a build side is built twice")),
        }
    }
}

impl Sink for BuildSink {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        Ok(Box::new(LocalBuild {
            shared: Arc::clone(&self.shared),
            keys: self.keys.clone(),
            state: Arc::clone(&self.state),
            batches: Vec::new(),
            memory: cx.query.memory().reserve(self.shared.name),
            program: ProgramState::default(),
        }))
    }

    fn finalize(&self, stage: usize, cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        match stage {
            0 => self.chunk_tasks(),
            1 => self.table_tasks(cx.query.threads()),
            _ => {
                self.publish()?;
                Ok(Vec::new())
            }
        }
    }

    fn held(&self) -> u64 {
        self.shared.built.get().map_or(0, Built::size)
    }

    fn needs_dense(&self) -> bool {
        true
    }

    fn streaming(&self) -> Streaming {
        Streaming::Refuse("a join needs all rows of one of its sides first")
    }
}

struct LocalBuild {
    shared: Arc<Shared>,
    keys: Option<Arc<BuildKeys>>,
    state: Arc<State>,
    batches: Vec<Kept>,
    memory: Reservation,
    program: ProgramState,
}

impl LocalSink for LocalBuild {
    fn consume(&mut self, input: &mut Batch, cx: &mut TaskContext) -> Result<SinkStatus> {
        let rows = input.rows();
        if rows == 0 {
            return Ok(SinkStatus::NeedInput);
        }
        let payload = self.shared.payload.iter().map(|(at, _)| at);
        let extra = self.keys.iter().flat_map(|keys| &keys.extra);
        let kept = payload.chain(extra);
        let mut columns = kept
            .map(|&at| input.column(at).cloned())
            .collect::<Result<Vec<_>>>()?;
        if let Some(keys) = &self.keys
            && let Some(computed) = &keys.computed
        {
            let (state, buffers) = (&mut self.program, &mut cx.buffers);
            columns.extend(computed.evaluate(input, input.selection(), state, buffers)?);
        }
        if self.shared.single && self.state.single.fetch_add(rows, Ordering::Relaxed) > 1 {
            // There are too many already: the join fails when it has seen all.
            return Ok(SinkStatus::NeedInput);
        }
        let before = self.batches.last().map(|kept| kept.columns.as_slice());
        let bytes = held_batch_size(&columns, before);
        self.memory.try_grow(bytes as u64)?;
        self.batches.push(Kept {
            order: input.order(),
            columns,
            rows,
        });
        Ok(SinkStatus::NeedInput)
    }

    fn combine(self: Box<Self>, _cx: &mut TaskContext) -> Result<()> {
        let mut building = self.state.lock();
        building.batches.extend(self.batches);
        building.memory.add(self.memory);
        Ok(())
    }
}
