//! The context: configuration, worker pool, memory, tables.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, PoisonError, RwLock};

use arrow::array::{RecordBatch, RecordBatchReader};
use esker_datasource::FooterCache;
use esker_datatypes::{Error, Result};
use esker_logical_plan::{LogicalPlan, MemTable, Origin, Scan, StreamTable, TableSource};
use esker_optimizer::Optimizer;
use esker_physical_plan::Planner;
use esker_runtime::{MemoryBudget, QueryContext, WorkerPool, available_threads};

use crate::DataFrame;

/// Rows in a batch, unless the context says otherwise: a chain's working set stays in the L2 cache.
const BATCH_SIZE: usize = 8192;

/// Where frames come from: opens files, holds tables, and owns the threads and the memory that
/// queries share. A cheap handle; clones are the same context.
///
/// ```
/// use esker_dataframe::prelude::*;
/// let ctx = ExecutionContext::builder().threads(2).memory_limit(1 << 30).build()?;
/// assert_eq!(ctx.threads(), 2);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct ExecutionContext {
    inner: Arc<Inner>,
}

struct Inner {
    pool: WorkerPool,
    memory: Arc<MemoryBudget>,
    batch_size: usize,
    /// `None`: the analyzer only.
    optimizer: Option<Optimizer>,
    planner: Planner,
    tables: RwLock<BTreeMap<String, DataFramePlan>>,
    /// Of the Parquet files that were opened.
    footers: FooterCache,
}

/// A registered table's plan.
type DataFramePlan = LogicalPlan;

impl Default for ExecutionContext {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ExecutionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutionContext")
            .field("threads", &self.threads())
            .field("batch_size", &self.inner.batch_size)
            .field("memory_limit", &self.inner.memory.limit())
            .finish_non_exhaustive()
    }
}

impl ExecutionContext {
    /// A context that uses all cores and all memory. Its threads start with the first query.
    pub fn new() -> Self {
        let builder = Self::builder();
        let optimizer = Some(Optimizer::new());
        Self::assemble(builder, optimizer)
    }

    /// Says how the context should be.
    pub fn builder() -> ExecutionContextBuilder {
        ExecutionContextBuilder {
            threads: None,
            batch_size: BATCH_SIZE,
            memory_limit: None,
            optimizer: true,
            without_rules: Vec::new(),
            dictionary_strings: false,
            constant_hash: false,
            runtime_filters: true,
        }
    }

    fn assemble(builder: ExecutionContextBuilder, optimizer: Option<Optimizer>) -> Self {
        let memory = match builder.memory_limit {
            Some(bytes) => MemoryBudget::with_limit(bytes),
            None => MemoryBudget::unlimited(),
        };
        let planner = Planner::new(builder.batch_size)
            .with_dictionary_strings(builder.dictionary_strings)
            .with_constant_hash(builder.constant_hash)
            .with_runtime_filters(builder.runtime_filters);
        Self {
            inner: Arc::new(Inner {
                pool: WorkerPool::new(builder.threads.unwrap_or_else(available_threads)),
                memory,
                batch_size: builder.batch_size,
                optimizer,
                planner,
                tables: RwLock::default(),
                footers: FooterCache::default(),
            }),
        }
    }

    /// How many workers run queries.
    pub fn threads(&self) -> usize {
        self.inner.pool.threads()
    }

    /// The memory that queries share.
    pub fn memory(&self) -> &Arc<MemoryBudget> {
        &self.inner.memory
    }

    /// A frame of batches in memory.
    ///
    /// # Errors
    /// `InvalidInput` when there is no batch, or when their schemas differ.
    #[track_caller]
    pub fn from_batches(
        &self,
        batches: impl IntoIterator<Item = RecordBatch>,
    ) -> Result<DataFrame> {
        let origin = Origin::caller("from_batches");
        let table = MemTable::try_new(batches.into_iter().collect());
        let table = table.map_err(|error| origin.annotate(error))?;
        Ok(self.scan("memory", Arc::new(table), origin))
    }

    /// A frame of the batches that an Arrow `RecordBatchReader` gives: another crate's file reader,
    /// a database driver, the [`reader`](DataFrame::reader) of another frame.
    ///
    /// The batches are read when a query runs and are not kept, so that there may be more of them
    /// than memory holds. A reader goes forward only: the frame can be run *once*. A second run, or
    /// a plan that uses the frame twice (a join with itself), is an error; where that is wanted
    /// collect the batches first and give them to [`from_batches`](Self::from_batches).
    ///
    /// ```
    /// use esker_dataframe::arrow::array::{Int64Array, RecordBatch, RecordBatchIterator};
    /// use esker_dataframe::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ids = std::sync::Arc::new(Int64Array::from(vec![1, 2, 3]));
    /// let batch = RecordBatch::try_from_iter([("id", ids as _)])?;
    /// let reader = RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
    ///
    /// let df = ExecutionContext::new().from_reader(reader).filter(col("id").gt(1));
    /// assert_eq!(df.collect()?.num_rows(), 2);
    /// assert!(df.collect().is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn from_reader(&self, reader: impl RecordBatchReader + Send + 'static) -> DataFrame {
        let origin = Origin::caller("from_reader");
        self.scan("reader", Arc::new(StreamTable::new(reader)), origin)
    }

    /// A frame of somebody's own source, under a name for display.
    #[track_caller]
    pub fn from_source(&self, name: &str, source: Arc<dyn TableSource>) -> DataFrame {
        let origin = Origin::caller("from_source");
        self.scan(name, source, origin)
    }

    /// Keeps a frame under a name; a former one of that name is replaced. The frame stays lazy: it
    /// is computed by each query that uses the table.
    ///
    /// # Errors
    /// The frame's first mistake.
    pub fn register(&self, name: impl Into<String>, frame: &DataFrame) -> Result<()> {
        let plan = frame.logical_plan()?;
        let mut tables = self
            .inner
            .tables
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        tables.insert(name.into(), plan);
        Ok(())
    }

    /// The frame that was registered under a name.
    ///
    /// # Errors
    /// `InvalidInput` when there is none, with the names there are.
    #[track_caller]
    pub fn table(&self, name: &str) -> Result<DataFrame> {
        let tables = self
            .inner
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match tables.get(name) {
            Some(plan) => Ok(DataFrame::new(self.clone(), plan.clone())),
            None => {
                let names: Vec<&str> = tables.keys().map(String::as_str).collect();
                let known = match names.as_slice() {
                    [] => "none is registered".to_owned(),
                    names => format!("registered are {}", names.join(", ")),
                };
                Err(
                    Error::invalid_input(format!("there is no table '{name}': {known}"))
                        .in_call("table", Location::caller()),
                )
            }
        }
    }

    /// A frame that scans a source.
    pub(crate) fn scan(
        &self,
        name: &str,
        source: Arc<dyn TableSource>,
        origin: Origin,
    ) -> DataFrame {
        let scan = LogicalPlan::Scan(Scan::new(name, source)).with_origin(Some(origin));
        DataFrame::new(self.clone(), scan)
    }

    pub(crate) fn footers(&self) -> &FooterCache {
        &self.inner.footers
    }

    pub(crate) fn batch_size(&self) -> usize {
        self.inner.batch_size
    }

    pub(crate) fn optimizer(&self) -> Option<&Optimizer> {
        self.inner.optimizer.as_ref()
    }

    pub(crate) fn planner(&self) -> &Planner {
        &self.inner.planner
    }

    /// What a new query shares among its tasks.
    pub(crate) fn new_query(&self) -> Arc<QueryContext> {
        QueryContext::new(&self.inner.pool, Arc::clone(&self.inner.memory))
    }
}

/// Says how an [`ExecutionContext`] should be.
#[derive(Clone, Debug)]
#[must_use]
pub struct ExecutionContextBuilder {
    /// As many as the machine runs at once, when not said: to ask takes a tenth of a millisecond.
    threads: Option<usize>,
    batch_size: usize,
    memory_limit: Option<u64>,
    optimizer: bool,
    without_rules: Vec<String>,
    dictionary_strings: bool,
    constant_hash: bool,
    runtime_filters: bool,
}

impl ExecutionContextBuilder {
    /// How many workers run queries: at least 1; by default as many as there are cores.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// How many rows a batch has at most: at least 1; by default 8192.
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.batch_size = rows.max(1);
        self
    }

    /// How many bytes all queries together may hold; by default there is no limit. A query that
    /// would need more ends with `ResourcesExhausted`.
    ///
    /// Buffers that are used again are not counted: of those of its last query a worker keeps up to
    /// 32 MiB that files were read into, and up to 16 MiB of vectors of each width (1 to 16 bytes).
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Whether plans are optimized (a verification setting: results never change).
    pub fn optimizer(mut self, on: bool) -> Self {
        self.optimizer = on;
        self
    }

    /// Switches an optimizer rule off by name (a verification setting: results never change).
    pub fn without_rule(mut self, name: impl Into<String>) -> Self {
        self.without_rules.push(name.into());
        self
    }

    /// Whether scans give string columns as dictionaries (a verification setting: results never
    /// change).
    pub fn dictionary_strings(mut self, on: bool) -> Self {
        self.dictionary_strings = on;
        self
    }

    /// Whether all keys of groups and joins have the same hash, so that the tables must tell every
    /// key from every other by its value (a verification setting: results never change, and large
    /// tables take forever).
    pub fn constant_hash(mut self, on: bool) -> Self {
        self.constant_hash = on;
        self
    }

    /// Whether joins tell the scans of their larger sides which keys can find a partner, and a
    /// top-k tells the scan below which rows come too late (a verification setting: results never
    /// change).
    pub fn runtime_filters(mut self, on: bool) -> Self {
        self.runtime_filters = on;
        self
    }

    /// The context.
    ///
    /// # Errors
    /// `InvalidInput` for a rule that does not exist, with the names of those that do.
    pub fn build(self) -> Result<ExecutionContext> {
        let mut optimizer = Optimizer::new();
        for rule in &self.without_rules {
            optimizer.without(rule)?;
        }
        let optimizer = self.optimizer.then_some(optimizer);
        Ok(ExecutionContext::assemble(self, optimizer))
    }
}
