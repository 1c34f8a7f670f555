//! Verifies a claim that rows are sorted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_datatypes::{Batch, Column, Error, Result};
use esker_kernels::select;
use esker_kernels::sort_key::KeyRows;
use esker_runtime::TaskContext;

use super::sort::SortSpec;
use crate::expression::ProgramState;
use crate::pipeline::{BEHIND_ALL, LocalOperator, OpStatus, Operator};

/// Passes batches through, and fails when a row comes before one that should precede it (S16).
///
/// A worker compares the rows of its splits, also from batch to batch. Where two splits meet, the
/// last row of one and the first of the next are compared by whoever comes to know the second of
/// them, so that nobody waits.
pub struct CheckSortedExec {
    shared: Arc<Shared>,
}

struct Shared {
    spec: SortSpec,
    /// The keys as the user knows them.
    keys: String,
    seams: Mutex<Seams>,
}

impl CheckSortedExec {
    /// A check of the order of `spec`; `keys` is what an error calls its keys.
    pub fn new(spec: SortSpec, keys: impl Into<String>) -> Self {
        Self {
            shared: Arc::new(Shared {
                spec,
                keys: keys.into(),
                seams: Mutex::default(),
            }),
        }
    }
}

impl fmt::Debug for CheckSortedExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckSortedExec")
            .field("keys", &self.shared.keys)
            .finish_non_exhaustive()
    }
}

impl Operator for CheckSortedExec {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        Ok(Box::new(LocalCheck {
            shared: Arc::clone(&self.shared),
            state: ProgramState::default(),
            split: None,
            rows: 0,
            last: None,
        }))
    }
}

/// A row's keys and its place.
struct Row {
    key: KeyRows,
    values: Vec<Column>,
    split: u64,
    /// Its number in the split, from 0.
    number: u64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seams> {
        self.seams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails unless the first row may come before the second.
    fn compare(&self, before: &Row, behind: &Row) -> Result<()> {
        if before.key.compare(0, &behind.key, 0).is_le() {
            return Ok(());
        }
        Err(Error::invalid_input(format!(
            "the rows are not sorted by {}, as the `sorted` hint says: {} comes before {} (row {} \
             of split {}, both counted from 0)",
            self.keys,
            before.text()?,
            behind.text()?,
            behind.number,
            behind.split
        )))
    }

    /// A split has a first row.
    fn begin(&self, split: u64, first: &Arc<Row>) -> Result<()> {
        let mut seams = self.lock();
        if let Some(last) = seams.last_before(split) {
            self.compare(&last, first)?;
        }
        seams.open.entry(split).or_default().first = Some(Arc::clone(first));
        Ok(())
    }

    /// A split has ended with this row, or without one.
    fn end(&self, split: u64, last: Option<Arc<Row>>) -> Result<()> {
        let mut seams = self.lock();
        let before = match &last {
            Some(last) => Some(Arc::clone(last)),
            None => seams.last_before(split),
        };
        if let Some(before) = before
            && let Some(behind) = seams.first_behind(split)
        {
            self.compare(&before, &behind)?;
        }
        let ends = seams.open.entry(split).or_default();
        (ends.last, ends.ended) = (last, true);
        seams.advance();
        Ok(())
    }
}

impl Row {
    /// The values of its keys.
    fn text(&self) -> Result<String> {
        let values = self.values.iter();
        let texts = values.map(|value| Ok(value.value(0)?.to_string()));
        Ok(texts.collect::<Result<Vec<_>>>()?.join(", "))
    }
}

/// Where splits meet.
#[derive(Default)]
struct Seams {
    /// The first split that has not ended.
    head: u64,
    /// The last row of the splits before it.
    last: Option<Arc<Row>>,
    /// What is known of splits from there on.
    open: BTreeMap<u64, Ends>,
}

/// The ends of a split.
#[derive(Default)]
struct Ends {
    first: Option<Arc<Row>>,
    last: Option<Arc<Row>>,
    ended: bool,
}

impl Seams {
    /// The last row before a split, if it is known that no other comes between.
    fn last_before(&self, split: u64) -> Option<Arc<Row>> {
        for before in (self.head..split).rev() {
            let ends = self.open.get(&before).filter(|ends| ends.ended)?;
            if let Some(last) = &ends.last {
                return Some(Arc::clone(last));
            }
        }
        self.last.clone()
    }

    /// The first row behind a split, if it is known that no other comes between.
    fn first_behind(&self, split: u64) -> Option<Arc<Row>> {
        for behind in split + 1.. {
            let ends = self.open.get(&behind)?;
            if let Some(first) = &ends.first {
                return Some(Arc::clone(first));
            }
            if !ends.ended {
                return None;
            }
        }
        None
    }

    /// Forgets splits whose seams have been compared.
    fn advance(&mut self) {
        while self.open.get(&self.head).is_some_and(|ends| ends.ended) {
            if let Some(last) = self.open.remove(&self.head).and_then(|ends| ends.last) {
                self.last = Some(last);
            }
            self.head += 1;
        }
    }
}

struct LocalCheck {
    shared: Arc<Shared>,
    state: ProgramState,
    /// The split being read, how many rows came of it, and the last of them.
    split: Option<u64>,
    rows: u64,
    last: Option<Arc<Row>>,
}

impl LocalCheck {
    fn check(&mut self, input: &Batch, cx: &mut TaskContext) -> Result<()> {
        let (split, selected) = (input.order().ordinal, input.selected());
        let spec = &self.shared.spec;
        let computed = spec.compute(input, &mut self.state, &mut cx.buffers)?;
        let mut columns = Vec::new();
        for column in spec.key_columns(input.columns(), &computed)? {
            columns.push(select::compact(column, input.selection(), &mut cx.buffers)?);
        }
        let refs: Vec<&Column> = columns.iter().collect();
        let keys = spec.encode(&refs, selected, &mut cx.buffers)?;
        let start = self.rows;
        let mut row = |at: usize| -> Result<Arc<Row>> {
            let rows = [at as u32];
            let take = |column| select::take(column, &rows, &mut cx.buffers);
            Ok(Arc::new(Row {
                key: keys.take(&rows),
                values: columns.iter().map(take).collect::<Result<_>>()?,
                split,
                number: start + at as u64,
            }))
        };
        let first = row(0)?;
        match &self.last {
            Some(last) => self.shared.compare(last, &first)?,
            // What stands behind all splits is in no order among workers.
            None if split == BEHIND_ALL => {}
            None => self.shared.begin(split, &first)?,
        }
        let falls = |at: &usize| keys.compare(*at - 1, &keys, *at).is_gt();
        if let Some(at) = (1..selected).find(falls) {
            self.shared.compare(&*row(at - 1)?, &*row(at)?)?;
        }
        self.last = Some(row(selected - 1)?);
        self.rows += selected as u64;
        Ok(())
    }
}

impl LocalOperator for LocalCheck {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        let order = input.order();
        if self.split != Some(order.ordinal) {
            (self.split, self.rows, self.last) = (Some(order.ordinal), 0, None);
        }
        if input.selected() > 0 {
            self.check(input, cx)?;
        }
        if order.last && order.ordinal != BEHIND_ALL {
            self.split = None;
            self.shared.end(order.ordinal, self.last.take())?;
        }
        std::mem::swap(input, out);
        Ok(OpStatus::NeedInput)
    }
}
