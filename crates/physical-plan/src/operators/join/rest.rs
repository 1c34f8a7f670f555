//! The rows of the build side that come last: those without a match, or those with one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use esker_datatypes::{Batch, Order, Result};
use esker_runtime::TaskContext;

use super::built::nulls;
use super::{Rest, Shared};
use crate::pipeline::{LocalSource, Source, SourceStatus};

/// Gives rows of the build side in their order, a chunk a split. It starts when all have probed.
#[derive(Debug)]
pub(super) struct RestSource {
    shared: Arc<Shared>,
    rest: Rest,
    next: Arc<AtomicUsize>,
}

impl RestSource {
    pub(super) fn new(shared: Arc<Shared>, rest: Rest) -> Self {
        Self {
            shared,
            rest,
            next: Arc::default(),
        }
    }
}

impl Source for RestSource {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(LocalRest {
            shared: Arc::clone(&self.shared),
            rest: self.rest,
            next: Arc::clone(&self.next),
            chunk: 0,
            rows: 0..0,
            sequence: 0,
        }))
    }
}

struct LocalRest {
    shared: Arc<Shared>,
    rest: Rest,
    /// The chunk that nobody has claimed.
    next: Arc<AtomicUsize>,
    /// The chunk that is being given.
    chunk: usize,
    /// Those of its rows that have not been looked at.
    rows: std::ops::Range<u32>,
    sequence: u32,
}

impl LocalSource for LocalRest {
    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<SourceStatus> {
        let shared = &self.shared;
        let built = shared.built()?;
        if self.rows.is_empty() {
            self.chunk = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(&rows) = built.chunks.get(self.chunk) else {
                let splits = built.chunks.len() as u64;
                return Ok(SourceStatus::Finished { splits });
            };
            (self.rows, self.sequence) = (0..rows as u32, 0);
        }
        let mut ids = cx.buffers.take(shared.batch_size.min(self.rows.len()));
        let wanted = self.rest == Rest::Matched;
        for row in self.rows.by_ref() {
            let id = (self.chunk as u32) << 16 | row;
            if built.marks.is_set(id) == wanted {
                ids.push(id);
                if ids.len() == shared.batch_size {
                    break;
                }
            }
        }
        let mut columns = built.gather(built.payload.len(), &ids, &mut cx.buffers)?;
        if !shared.left_only {
            let probe = shared.probe_types.iter();
            let probe = probe.map(|data_type| nulls(data_type, ids.len()));
            let at = if shared.build_first { columns.len() } else { 0 };
            columns.splice(at..at, probe);
        }
        out.replace(columns, ids.len());
        out.set_order(Order {
            ordinal: self.chunk as u64,
            sequence: self.sequence,
            last: self.rows.is_empty(),
        });
        cx.buffers.give(ids);
        self.sequence += 1;
        Ok(SourceStatus::More)
    }
}
