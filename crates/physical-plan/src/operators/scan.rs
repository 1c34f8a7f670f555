//! Reads the splits of a table.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use esker_datatypes::{Batch, Error, Order, Result, SchemaRef, is_string};
use esker_logical_plan::{
    Claim, ScanFilter, ScanReader, ScanRequest, ScanStatus, TableScan, TableSource,
};
use esker_runtime::{TaskContext, Waker};

use crate::pipeline::{LocalSource, Source, SourceStatus};

/// How many splits a worker may be ahead of the oldest that has not ended.
const AHEAD_PER_WORKER: u64 = 4;

/// What a scan is asked for.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// See [`ScanRequest::schema`].
    pub schema: SchemaRef,
    /// See [`ScanRequest::columns`].
    pub columns: Vec<usize>,
    /// See [`ScanRequest::projection`].
    pub projection: Vec<usize>,
    /// See [`ScanRequest::filters`].
    pub filters: Vec<ScanFilter>,
    /// See [`ScanRequest::limit`].
    pub limit: Option<u64>,
    /// How many rows a batch has at most.
    pub batch_size: usize,
    /// A verification setting: string columns come as dictionaries.
    pub dictionary_strings: bool,
}

/// Filters that operators above a scan give it while they are planned, and fill while they run.
///
/// A scan may ignore them: whoever gives one looks at all rows that come.
pub(crate) type RuntimeFilters = Arc<Mutex<Vec<ScanFilter>>>;

/// Reads a table: each worker claims a split, reads it to its end, and claims the next.
///
/// The scan is prepared when the first worker opens it. Workers run at most a few splits ahead of
/// the oldest one that has not ended, so that whoever needs the order holds a bounded number of
/// rows.
#[derive(Debug)]
pub struct ScanExec {
    source: Arc<dyn TableSource>,
    options: ScanOptions,
    runtime_filters: RuntimeFilters,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    scan: OnceLock<Result<Arc<dyn TableScan>>>,
    window: Mutex<Window>,
}

/// The splits between the oldest that has not ended and the last that was claimed.
#[derive(Debug, Default)]
struct Window {
    oldest: u64,
    /// Whether each of them has ended.
    ended: VecDeque<bool>,
    /// Claims under way.
    claiming: u64,
    waiting: Vec<Waker>,
}

impl ScanExec {
    /// A scan of a source.
    pub fn new(source: Arc<dyn TableSource>, options: ScanOptions) -> Self {
        Self {
            source,
            options,
            runtime_filters: Arc::default(),
            shared: Arc::default(),
        }
    }

    /// What it is asked for.
    pub(crate) fn options(&self) -> &ScanOptions {
        &self.options
    }

    /// Where operators above leave filters.
    pub(crate) fn runtime_filters(&self) -> &RuntimeFilters {
        &self.runtime_filters
    }

    fn prepare(&self, cx: &TaskContext) -> Result<Arc<dyn TableScan>> {
        let mut options = self.options.clone();
        let runtime = self.runtime_filters.lock();
        let runtime = runtime.unwrap_or_else(PoisonError::into_inner).clone();
        // Behind the others, which may fail on rows that these would drop.
        options.filters.extend(runtime);
        guarded(|| {
            self.source.scan(ScanRequest {
                schema: options.schema,
                columns: options.columns,
                projection: options.projection,
                filters: options.filters,
                limit: options.limit,
                batch_size: options.batch_size,
                query: Arc::clone(&cx.query),
            })
        })
    }
}

impl Source for ScanExec {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        let scan = self.shared.scan.get_or_init(|| self.prepare(cx)).clone()?;
        let reader = guarded(|| scan.open(cx))?;
        Ok(Box::new(LocalScan {
            scan,
            reader,
            shared: Arc::clone(&self.shared),
            dictionary_strings: self.options.dictionary_strings,
            split: None,
            order: Order::default(),
            rows: 0,
        }))
    }
}

impl Window {
    /// Asks for a claim; `false` when too many splits are open, and the waker will be called.
    fn may_claim(&mut self, ahead: u64, waker: impl FnOnce() -> Waker) -> bool {
        if self.ended.len() as u64 + self.claiming >= ahead {
            self.waiting.push(waker());
            return false;
        }
        self.claiming += 1;
        true
    }

    /// The split that nobody has claimed yet.
    fn next(&self) -> u64 {
        self.oldest + self.ended.len() as u64
    }

    fn claimed(&mut self, ordinal: u64) {
        let at = usize::try_from(ordinal.saturating_sub(self.oldest)).unwrap_or(usize::MAX);
        // Claims come back in any order: make room up to this one.
        while self.ended.len() <= at {
            self.ended.push_back(false);
        }
    }

    fn end(&mut self, ordinal: u64) -> Vec<Waker> {
        let at = usize::try_from(ordinal.saturating_sub(self.oldest)).unwrap_or(usize::MAX);
        if let Some(ended) = self.ended.get_mut(at) {
            *ended = true;
        }
        while self.ended.front() == Some(&true) {
            self.ended.pop_front();
            self.oldest += 1;
        }
        std::mem::take(&mut self.waiting)
    }
}

struct LocalScan {
    scan: Arc<dyn TableScan>,
    reader: Box<dyn ScanReader>,
    shared: Arc<Shared>,
    dictionary_strings: bool,
    split: Option<u64>,
    order: Order,
    /// Rows read that the query's progress does not show yet.
    rows: u64,
}

impl LocalScan {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.shared
            .window
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(&mut self, cx: &mut TaskContext) -> Result<Claim> {
        let ahead = AHEAD_PER_WORKER * cx.query.threads() as u64;
        if !self.window().may_claim(ahead, || cx.waker()) {
            return Ok(Claim::Blocked);
        }
        let claim = guarded(|| self.reader.claim(cx));
        let mut window = self.window();
        window.claiming -= 1;
        if let Ok(Claim::Split(ordinal)) = claim {
            window.claimed(ordinal);
            drop(window);
            cx.query.progress().add_splits(1);
            self.split = Some(ordinal);
            self.order = Order {
                ordinal,
                sequence: 0,
                last: false,
            };
        } else {
            // Whoever waited for this claim to become a split looks again.
            let waiting = std::mem::take(&mut window.waiting);
            let next = window.next();
            drop(window);
            if claim.is_err() {
                // It comes behind all splits that were claimed.
                self.order.ordinal = next;
            }
            waiting.iter().for_each(Waker::wake);
        }
        claim
    }

    fn end_split(&mut self, ordinal: u64, cx: &TaskContext) {
        self.split = None;
        let waiting = self.window().end(ordinal);
        waiting.iter().for_each(Waker::wake);
        cx.query.progress().add_rows(std::mem::take(&mut self.rows));
        cx.query.progress().finish_splits(1);
    }

    /// Every string column in a dictionary of its own.
    fn encode(batch: &mut Batch) {
        let (order, selection, rows) = (batch.order(), batch.selection().clone(), batch.rows());
        let columns = batch.clear().into_iter().map(|column| {
            if is_string(column.value_type()) {
                column.dictionary_encoded()
            } else {
                column
            }
        });
        *batch = Batch::new(columns.collect(), rows)
            .with_selection(selection)
            .with_order(order);
    }
}

impl LocalSource for LocalScan {
    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<SourceStatus> {
        let ordinal = match self.split {
            Some(ordinal) => ordinal,
            None => {
                let claim = self.claim(cx);
                if claim.is_err() {
                    out.set_order(self.order);
                }
                match claim? {
                    Claim::Split(ordinal) => ordinal,
                    Claim::Blocked => return Ok(SourceStatus::Blocked),
                    Claim::Finished { splits } => return Ok(SourceStatus::Finished { splits }),
                }
            }
        };
        let status = guarded(|| self.reader.next(out, cx));
        out.set_order(self.order);
        let status = status?;
        if status == ScanStatus::Blocked {
            cx.query.progress().add_rows(std::mem::take(&mut self.rows));
            return Ok(SourceStatus::Blocked);
        }
        if self.dictionary_strings {
            Self::encode(out);
        }
        let last = status == ScanStatus::SplitFinished;
        out.set_order(Order { last, ..self.order });
        self.order.sequence += 1;
        self.rows += out.rows() as u64;
        if last {
            self.end_split(ordinal, cx);
        }
        Ok(SourceStatus::More)
    }

    fn describe(&self) -> Option<String> {
        self.scan.describe()
    }
}

/// A panic while decoding is the file's fault, whatever it is that it broke.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        Err(Error::data(format!(
            "the data broke its reader: {}",
            message(panic.as_ref())
        )))
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
