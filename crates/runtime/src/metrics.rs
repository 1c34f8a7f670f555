//! What each operator of a query did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::event::lock;

/// The metrics of a query, by operator.
///
/// ```
/// use esker_runtime::{Metrics, OperatorCounters};
/// let metrics = Metrics::default();
/// let filter = metrics.operator(2, "FilterExec");
/// // A worker counts in plain fields, and adds them up once in a while.
/// let mut local = OperatorCounters::default();
/// local.rows_in += 8192;
/// local.rows_out += 100;
/// filter.add(&local);
/// assert_eq!(metrics.snapshot()[0].counters.rows_out, 100);
/// ```
#[derive(Debug, Default)]
pub struct Metrics {
    operators: Mutex<BTreeMap<u32, Arc<OperatorMetrics>>>,
}

impl Metrics {
    /// The metrics of the operator with this id in the plan, made at the first call.
    pub fn operator(&self, id: u32, name: &str) -> Arc<OperatorMetrics> {
        let mut operators = lock(&self.operators);
        let metrics = operators
            .entry(id)
            .or_insert_with(|| Arc::new(OperatorMetrics::new(id, name)));
        Arc::clone(metrics)
    }

    /// The numbers now, by ascending operator id.
    pub fn snapshot(&self) -> Vec<OperatorSnapshot> {
        let operators = lock(&self.operators);
        operators.values().map(|m| m.snapshot()).collect()
    }
}

/// What one operator did, over all workers.
#[derive(Debug)]
pub struct OperatorMetrics {
    id: u32,
    name: String,
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    batches: AtomicU64,
    nanos: AtomicU64,
    bytes: AtomicU64,
    detail: Mutex<Option<String>>,
}

impl OperatorMetrics {
    fn new(id: u32, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            rows_in: AtomicU64::new(0),
            rows_out: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            detail: Mutex::default(),
        }
    }

    /// Adds what a worker counted; the caller then starts again from zero.
    pub fn add(&self, counters: &OperatorCounters) {
        let add = |to: &AtomicU64, count: u64| {
            if count > 0 {
                to.fetch_add(count, Ordering::Relaxed);
            }
        };
        add(&self.rows_in, counters.rows_in);
        add(&self.rows_out, counters.rows_out);
        add(&self.batches, counters.batches);
        add(&self.nanos, counters.nanos);
        add(&self.bytes, counters.bytes);
    }

    /// Says in words what the counters do not: the last text is kept.
    pub fn describe(&self, detail: String) {
        *lock(&self.detail) = Some(detail);
    }

    /// The numbers now.
    pub fn snapshot(&self) -> OperatorSnapshot {
        OperatorSnapshot {
            id: self.id,
            name: self.name.clone(),
            detail: lock(&self.detail).clone(),
            counters: OperatorCounters {
                rows_in: self.rows_in.load(Ordering::Relaxed),
                rows_out: self.rows_out.load(Ordering::Relaxed),
                batches: self.batches.load(Ordering::Relaxed),
                nanos: self.nanos.load(Ordering::Relaxed),
                bytes: self.bytes.load(Ordering::Relaxed),
            },
        }
    }
}

/// Plain counters of one operator: a worker's own, or a sum of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperatorCounters {
    /// Selected rows that came in.
    pub rows_in: u64,
    /// Selected rows that went out.
    pub rows_out: u64,
    /// Batches that came in, or, at a source, went out.
    pub batches: u64,
    /// Nanoseconds of work, summed over workers.
    pub nanos: u64,
    /// Bytes read, written or held, as the operator's kind has it.
    pub bytes: u64,
}

impl OperatorCounters {
    /// Adds these counters to `metrics` and starts again from zero.
    pub fn flush(&mut self, metrics: &OperatorMetrics) {
        metrics.add(&std::mem::take(self));
    }
}

/// The numbers of one operator at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorSnapshot {
    /// The operator's id in the plan.
    pub id: u32,
    /// The operator's name.
    pub name: String,
    /// What it says of its work beside the counters: row groups that a scan left out.
    pub detail: Option<String>,
    /// What it did.
    pub counters: OperatorCounters,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_made_once_and_counters_add_up() {
        let metrics = Metrics::default();
        metrics.operator(7, "SortExec");
        let mut local = OperatorCounters {
            rows_in: 5,
            nanos: 9,
            ..Default::default()
        };
        local.flush(&metrics.operator(3, "ScanExec"));
        local.flush(&metrics.operator(3, "ScanExec"));
        metrics.operator(3, "ScanExec").add(&OperatorCounters {
            rows_in: 1,
            bytes: 2,
            ..Default::default()
        });
        let [scan, sort] = &metrics.snapshot()[..] else {
            panic!("two operators")
        };
        assert_eq!((scan.id, scan.name.as_str()), (3, "ScanExec"));
        assert_eq!(
            scan.counters,
            OperatorCounters {
                rows_in: 6,
                nanos: 9,
                bytes: 2,
                ..Default::default()
            }
        );
        assert_eq!(sort.counters, OperatorCounters::default());
    }
}
