//! Scans, as an engine drives them: any number of readers, taking turns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use esker_datatypes::{Batch, Error, Order, Result, Schema};
use esker_runtime::{Stopwatch, TaskContext};

use super::rows::Rows;
use super::{broken, context};
use crate::source::{
    Claim, ScanFilter, ScanReader, ScanRequest, ScanStatus, TableScan, TableSource,
};

/// A source that says `Blocked` for so long never goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// What to ask of a scan.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) columns: Vec<usize>,
    pub(super) projection: Vec<usize>,
    pub(super) filters: Vec<ScanFilter>,
    pub(super) limit: Option<u64>,
    pub(super) batch_size: usize,
}

impl Ask {
    /// All columns and rows of a source.
    pub(super) fn all(width: usize) -> Self {
        Self {
            columns: (0..width).collect(),
            projection: (0..width).collect(),
            filters: Vec::new(),
            limit: None,
            batch_size: 64,
        }
    }

    /// The columns delivered, by position in the source.
    pub(super) fn delivered(&self) -> Vec<usize> {
        self.projection
            .iter()
            .filter_map(|&i| self.columns.get(i).copied())
            .collect()
    }

    /// Reads to the end, by so many readers.
    pub(super) fn read(&self, source: &dyn TableSource, readers: usize) -> Result<Rows> {
        let read = || {
            let mut reading = Reading::start(source, self, readers)?;
            while reading.turn()? {}
            reading.finish()
        };
        read().map_err(|e| self.explain(e))
    }

    /// Adds to an error in which scan it was.
    pub(super) fn explain(&self, error: Error) -> Error {
        let mut text = format!("a scan of columns {:?}", self.delivered());
        // Writing to a string does not fail.
        let _ = write!(text, " in batches of {}", self.batch_size);
        for filter in &self.filters {
            let _ = match &filter.expr {
                Some(expr) => write!(text, ", where {expr}"),
                None => write!(text, ", where {:?}", filter.predicate),
            };
        }
        if let Some(limit) = self.limit {
            let _ = write!(text, ", limited to {limit}");
        }
        error.in_node(text)
    }
}

/// A scan under way.
pub(super) struct Reading {
    scan: Arc<dyn TableScan>,
    cx: TaskContext,
    schema: ArrowSchemaRef,
    batch_size: usize,
    readers: Vec<(Box<dyn ScanReader>, State)>,
    next: usize,
    claimed: u64,
    parts: BTreeMap<u64, Vec<RecordBatch>>,
    blocked: Option<Stopwatch>,
}

#[derive(Clone, Copy)]
enum State {
    /// Without a split.
    Free,
    /// In this split.
    Split(u64),
    /// Told that there were so many splits.
    Finished(u64),
}

impl Reading {
    pub(super) fn start(source: &dyn TableSource, ask: &Ask, readers: usize) -> Result<Self> {
        let (query, mut cx) = context();
        let schema = source.schema();
        let delivered = ask.delivered();
        let fields = delivered.iter().filter_map(|&i| schema.field(i).cloned());
        let scan = source.scan(ScanRequest {
            schema: source.schema(),
            columns: ask.columns.clone(),
            projection: ask.projection.clone(),
            filters: ask.filters.clone(),
            limit: ask.limit,
            batch_size: ask.batch_size,
            query,
        })?;
        let mut open = Vec::with_capacity(readers);
        for _ in 0..readers {
            open.push((scan.open(&mut cx)?, State::Free));
        }
        Ok(Self {
            scan,
            cx,
            schema: fields.collect::<Schema>().to_arrow(),
            batch_size: ask.batch_size,
            readers: open,
            next: 0,
            claimed: 0,
            parts: BTreeMap::new(),
            blocked: None,
        })
    }

    pub(super) fn cancel(&self) {
        self.cx.query.cancel();
    }

    /// Drops the readers, wherever they are, and what they read in splits that they had not
    /// finished; opens one that goes on.
    pub(super) fn replace_readers(&mut self) -> Result<()> {
        for (_, state) in self.readers.drain(..) {
            if let State::Split(ordinal) = state {
                self.parts.remove(&ordinal);
            }
        }
        self.readers
            .push((self.scan.open(&mut self.cx)?, State::Free));
        Ok(())
    }

    /// Lets the next reader that is not finished do a step. `false` when all are.
    pub(super) fn turn(&mut self) -> Result<bool> {
        let count = self.readers.len();
        for offset in 0..count {
            let turn = (self.next + offset) % count;
            let Some((reader, state)) = self.readers.get_mut(turn) else {
                continue;
            };
            let progress = match *state {
                State::Finished(_) => continue,
                State::Free => match reader.claim(&mut self.cx)? {
                    Claim::Split(ordinal) if ordinal == self.claimed => {
                        self.claimed += 1;
                        self.parts.insert(ordinal, Vec::new());
                        *state = State::Split(ordinal);
                        true
                    }
                    Claim::Split(ordinal) => {
                        return Err(broken(format!(
                            "a reader claimed split {ordinal} where {} was next",
                            self.claimed
                        )));
                    }
                    Claim::Finished { splits } => {
                        *state = State::Finished(splits);
                        true
                    }
                    Claim::Blocked => false,
                },
                State::Split(ordinal) => {
                    let mark = Order {
                        ordinal: 77,
                        sequence: 7,
                        last: true,
                    };
                    let mut batch = Batch::default().with_order(mark);
                    let status = reader.next(&mut batch, &mut self.cx)?;
                    if status == ScanStatus::Blocked {
                        false
                    } else {
                        if batch.order() != mark {
                            return Err(broken("a reader set the order of a batch"));
                        }
                        let rows = delivered(&batch, &self.schema, self.batch_size)
                            .map_err(|e| e.in_node(format!("split {ordinal}")))?;
                        self.parts.entry(ordinal).or_default().push(rows);
                        if status == ScanStatus::SplitFinished {
                            *state = State::Free;
                        }
                        true
                    }
                }
            };
            self.next = turn + 1;
            return if progress {
                self.progress()
            } else {
                self.wait()
            };
        }
        Ok(false)
    }

    fn progress(&mut self) -> Result<bool> {
        self.blocked = None;
        Ok(true)
    }

    /// There is no task to park here: ask again.
    fn wait(&mut self) -> Result<bool> {
        if self.blocked.get_or_insert_with(Stopwatch::start).elapsed() > PATIENCE {
            return Err(broken("the source says Blocked and never goes on"));
        }
        std::thread::yield_now();
        Ok(true)
    }

    /// The rows in the order of their splits.
    pub(super) fn finish(self) -> Result<Rows> {
        for (_, state) in &self.readers {
            match *state {
                State::Finished(splits) if splits == self.claimed => {}
                State::Finished(splits) => {
                    return Err(broken(format!(
                        "a reader was told of {splits} splits, but {} were claimed",
                        self.claimed
                    )));
                }
                State::Free | State::Split(_) => {
                    return Err(Error::internal("the scan is not read to its end"));
                }
            }
        }
        let batches: Vec<RecordBatch> = self.parts.into_values().flatten().collect();
        Rows::of_batches(&self.schema, &batches)
    }
}

/// The rows of a batch, when it is as was asked.
fn delivered(batch: &Batch, schema: &ArrowSchemaRef, batch_size: usize) -> Result<RecordBatch> {
    if batch.rows() > batch_size {
        return Err(broken(format!(
            "a batch has {} rows where {batch_size} were asked for",
            batch.rows()
        )));
    }
    if batch.columns().len() != schema.fields().len() {
        return Err(broken(format!(
            "a batch has {} columns where {} were asked for",
            batch.columns().len(),
            schema.fields().len()
        )));
    }
    for (column, field) in batch.columns().iter().zip(schema.fields()) {
        if column.data_type() != field.data_type() {
            return Err(broken(format!(
                "a batch has {} where the schema says {}",
                column.data_type(),
                field.data_type()
            ))
            .in_column(field.name()));
        }
        if column.len() != batch.rows() {
            return Err(broken(format!(
                "a column has {} rows in a batch of {}",
                column.len(),
                batch.rows()
            ))
            .in_column(field.name()));
        }
    }
    batch.to_arrow(schema).map_err(|e| broken(e.to_string()))
}
