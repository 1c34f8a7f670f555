//! The traits of sources, and of the filters pushed into them.

use std::fmt::Debug;
use std::sync::Arc;

use esker_datatypes::{Batch, Buffers, Result, Schema, SchemaRef, Selection, TableStatistics};
use esker_logical_expr::{Expr, Interval};
use esker_runtime::{QueryContext, TaskContext};

use crate::prune::Verdict;

/// A table: something that rows can be read from, many times and by many queries at once.
pub trait TableSource: Send + Sync + Debug {
    /// The columns, in the source's order. Their ids mean nothing: each scan makes its own.
    fn schema(&self) -> SchemaRef;

    /// What is known about the rows without reading them.
    fn properties(&self) -> SourceProperties {
        SourceProperties::default()
    }

    /// What a scan would do with each of these resolved, coerced predicates. `columns` are the
    /// source's columns as the plan knows them: a predicate's column ids are theirs.
    fn supports_filters(&self, filters: &[&Expr], columns: &Schema) -> Vec<FilterPushdown> {
        let _ = columns;
        vec![FilterPushdown::Unsupported; filters.len()]
    }

    /// Prepares a scan: opens what must be open, plans the splits, reads no rows.
    ///
    /// # Errors
    /// `Io`, `Data`, or `InvalidInput` for columns that do not exist.
    fn scan(&self, request: ScanRequest) -> Result<Arc<dyn TableScan>>;
}

/// What is known about a source without reading its rows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceProperties {
    /// Counts and bounds.
    pub statistics: TableStatistics,
    /// Columns by which the rows are sorted, ascending with nulls last, the first one first.
    pub ordering: Vec<usize>,
    /// Columns whose equal values stand together.
    pub clustering: Vec<usize>,
    /// Sets of columns of which no two rows hold the same values.
    pub unique: Vec<Vec<usize>>,
    /// Whether the rows come to an end.
    pub bounded: bool,
    /// Whether the rows can be read by one scan only: the next one is an error.
    pub read_once: bool,
    /// Whether values are parsed while they are read, and one that is none of its type is an error:
    /// which rows are left out must not depend on how workers take turns then.
    pub parsed: bool,
    /// The same text for the same rows, across queries; `None` when nothing is promised.
    pub id: Option<String>,
}

impl Default for SourceProperties {
    /// Bounded, to be read many times, and nothing else is known.
    fn default() -> Self {
        Self {
            statistics: TableStatistics::default(),
            ordering: Vec::new(),
            clustering: Vec::new(),
            unique: Vec::new(),
            bounded: true,
            read_once: false,
            parsed: false,
            id: None,
        }
    }
}

/// What a scan does with a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterPushdown {
    /// Gives only rows that pass: the plan's filter is dropped.
    Exact,
    /// Leaves out some rows that do not pass: the plan's filter stays.
    Inexact,
    /// Nothing.
    Unsupported,
}

/// What is asked of a scan.
#[derive(Clone, Debug)]
pub struct ScanRequest {
    /// The source's columns as the plan knows them: the ids in [`ScanFilter::expr`] are theirs.
    pub schema: SchemaRef,
    /// The columns to read, by position in the source, ascending: those delivered and those that
    /// only filters use.
    pub columns: Vec<usize>,
    /// Which of [`columns`](Self::columns) are delivered, by position in that list, in this order.
    pub projection: Vec<usize>,
    /// The filters, all of which a delivered row must pass where the source said `Exact`. Behind
    /// those that the source was asked about may come [dynamic](PredicateProperties::dynamic) ones,
    /// of no expression, that the source may ignore.
    pub filters: Vec<ScanFilter>,
    /// At least this many rows (of those that pass) are wanted, more may be given.
    pub limit: Option<u64>,
    /// How many rows a batch has at most.
    pub batch_size: usize,
    /// The query that reads.
    pub query: Arc<QueryContext>,
}

/// A filter as an expression and ready to run.
#[derive(Clone, Debug)]
pub struct ScanFilter {
    /// The resolved, coerced predicate; `None` for one that only exists while running.
    pub expr: Option<Expr>,
    /// The same, over the columns of [`ScanRequest::columns`].
    pub predicate: Arc<dyn RowPredicate>,
}

/// A scan: the splits of a source, to be read by any number of workers.
pub trait TableScan: Send + Sync + Debug {
    /// A reader for one worker.
    ///
    /// # Errors
    /// `Io`, `Data`.
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn ScanReader>>;

    /// What the scan adds to its line in `explain_analyze`: files, row groups pruned, bytes read.
    fn describe(&self) -> Option<String> {
        None
    }
}

/// One worker's reader: claims a split, reads it to its end, claims the next.
pub trait ScanReader: Send {
    /// Claims the next split. Over all readers of a scan the ordinals are dense and ascend in the
    /// order of the claims.
    ///
    /// # Errors
    /// `Io`, `Data`, `Cancelled`.
    fn claim(&mut self, cx: &mut TaskContext) -> Result<Claim>;

    /// Reads a batch of the claimed split into `out`: the delivered columns, at most the requested
    /// number of rows, perhaps none. Sets columns and selection, not the order.
    ///
    /// # Errors
    /// `Io`, `Data` naming file, place and column, `Cancelled`.
    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<ScanStatus>;
}

/// What a claim gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// This split is the reader's now.
    Split(u64),
    /// None yet: the task's waker will be called when there may be one.
    Blocked,
    /// None any more: all readers together claimed this many.
    Finished {
        /// The number of splits.
        splits: u64,
    },
}

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanStatus {
    /// A batch; the split may hold more.
    More,
    /// A batch, the last of the split (perhaps without rows).
    SplitFinished,
    /// No batch yet: the task's waker will be called when there may be one.
    Blocked,
}

/// One conjunct of a filter, ready to run inside a scan. Filters that only exist while a query runs
/// (of a join's build side, of a top-k's threshold) are `RowPredicate`s too.
pub trait RowPredicate: Send + Sync + Debug {
    /// The columns it reads, by position in [`ScanRequest::columns`].
    fn columns(&self) -> &[usize];

    /// What a scan may assume.
    fn properties(&self) -> PredicateProperties;

    /// What it would do with rows of which this is known. Asked anew for each row group: the answer
    /// of a dynamic predicate moves.
    fn prune(&self, stats: &dyn ColumnStats) -> Verdict;

    /// Keeps the selected rows for which it is TRUE. The batch has the columns of
    /// [`ScanRequest::columns`]; those that the predicate does not name may be absent or empty. The
    /// ordinal of its order is that of its split, or 0 where the source does not say.
    ///
    /// # Errors
    /// `Evaluation` for a value without a result.
    fn select(&self, batch: &Batch, selection: &mut Selection, buffers: &mut Buffers)
    -> Result<()>;
}

/// What a scan may assume of a predicate.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PredicateProperties {
    /// Whether it can fail on a value: such a one is never tried on rows that an earlier one
    /// removes.
    pub fallible: bool,
    /// The cost of a row, in units of a comparison of two integers.
    pub cost: f64,
    /// Whether it keeps rows that a later exact check removes (a Bloom filter).
    pub false_positives: bool,
    /// Whether its answers change while the query runs.
    pub dynamic: bool,
    /// Whether it passes all rows as yet, and will not when some have been seen: a scan had better
    /// give a few before it reads many.
    pub undecided: bool,
}

impl Default for PredicateProperties {
    /// Infallible, cost 1, exact, fixed and decided.
    fn default() -> Self {
        Self {
            fallible: false,
            cost: 1.0,
            false_positives: false,
            dynamic: false,
            undecided: false,
        }
    }
}

/// What is known about the rows of a row group, page, partition or file.
pub trait ColumnStats {
    /// How many rows there are, when known.
    fn rows(&self) -> Option<u64>;

    /// What a column (by position in [`ScanRequest::columns`]) can hold: an interval that is never
    /// too small. `None` when nothing is known.
    fn interval(&self, column: usize) -> Option<Interval>;

    /// Whether a column may hold this value: `false` only when it surely does not (Bloom filter,
    /// exact dictionary).
    fn may_contain(&self, column: usize, value: &esker_datatypes::ScalarValue) -> bool {
        let _ = (column, value);
        true
    }
}
