//! A source for tests: it counts what is read, and does as it is told meanwhile.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use esker_dataframe::prelude::*;
use esker_datatypes::{Batch, Column, Field, Schema, SchemaRef};
use esker_logical_plan::{
    Claim, ScanReader, ScanRequest, ScanStatus, SourceProperties, TableScan, TableSource,
};
use esker_runtime::TaskContext;

use crate::ints;

/// Rows in a split: one batch.
pub(crate) const ROWS: u64 = 10;

/// The whole numbers from 0, a column `n`, in splits of [`ROWS`].
#[derive(Clone)]
pub(crate) struct Numbers(Arc<Inner>);

struct Inner {
    schema: SchemaRef,
    splits: u64,
    read: AtomicU64,
    threads: Mutex<BTreeSet<String>>,
    on_split: Box<dyn Fn(u64) -> Result<()> + Send + Sync>,
}

impl Numbers {
    /// So many splits.
    pub(crate) fn new(splits: u64) -> Self {
        Self::with(splits, |_| Ok(()))
    }

    /// Numbers without end.
    pub(crate) fn endless() -> Self {
        Self::new(u64::MAX)
    }

    /// Does this before each split is read.
    pub(crate) fn with(
        splits: u64,
        on_split: impl Fn(u64) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            schema: Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)])),
            splits,
            read: AtomicU64::new(0),
            threads: Mutex::default(),
            on_split: Box::new(on_split),
        }))
    }

    pub(crate) fn frame(&self, ctx: &ExecutionContext) -> DataFrame {
        ctx.from_source("numbers", Arc::new(self.clone()))
    }

    /// How many splits were read.
    pub(crate) fn splits_read(&self) -> u64 {
        self.0.read.load(Ordering::SeqCst)
    }

    /// The threads that read, if they still live. (Only Linux tells.)
    pub(crate) fn living_threads(&self) -> Vec<String> {
        let threads = self.0.threads.lock().unwrap();
        threads
            .iter()
            .filter(|thread| Path::new("/proc").join(thread).exists())
            .cloned()
            .collect()
    }

    /// Whether any thread was seen reading.
    pub(crate) fn was_read(&self) -> bool {
        !self.0.threads.lock().unwrap().is_empty()
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Numbers({} splits)", self.0.splits)
    }
}

impl TableSource for Numbers {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }

    fn properties(&self) -> SourceProperties {
        let mut properties = SourceProperties::default();
        properties.bounded = self.0.splits != u64::MAX;
        properties
    }

    fn scan(&self, request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        let (source, width) = (Arc::clone(&self.0), request.projection.len());
        Ok(Arc::new(NumbersScan {
            source,
            width,
            claimed: Arc::default(),
        }))
    }
}

struct NumbersScan {
    source: Arc<Inner>,
    /// One column, or none.
    width: usize,
    claimed: Arc<AtomicU64>,
}

impl fmt::Debug for NumbersScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NumbersScan")
    }
}

impl TableScan for NumbersScan {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn ScanReader>> {
        if let Ok(thread) = std::fs::read_link("/proc/thread-self") {
            let thread = thread.to_string_lossy().into_owned();
            self.source.threads.lock().unwrap().insert(thread);
        }
        Ok(Box::new(NumbersReader {
            source: Arc::clone(&self.source),
            width: self.width,
            claimed: Arc::clone(&self.claimed),
            split: 0,
        }))
    }
}

struct NumbersReader {
    source: Arc<Inner>,
    width: usize,
    claimed: Arc<AtomicU64>,
    split: u64,
}

impl ScanReader for NumbersReader {
    fn claim(&mut self, _cx: &mut TaskContext) -> Result<Claim> {
        let splits = self.source.splits;
        let claimed = self
            .claimed
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |claimed| {
                (claimed < splits).then_some(claimed + 1)
            });
        match claimed {
            Ok(split) => {
                self.split = split;
                Ok(Claim::Split(split))
            }
            Err(_) => Ok(Claim::Finished { splits }),
        }
    }

    fn next(&mut self, out: &mut Batch, _cx: &mut TaskContext) -> Result<ScanStatus> {
        self.source.read.fetch_add(1, Ordering::SeqCst);
        (self.source.on_split)(self.split)?;
        let first = i64::try_from(self.split * ROWS).unwrap();
        let numbers = Column::flat(ints(first..first + ROWS as i64));
        let columns = std::iter::repeat_n(numbers, self.width).collect();
        out.replace(columns, ROWS as usize);
        Ok(ScanStatus::SplitFinished)
    }
}
