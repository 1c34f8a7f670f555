//! Who is served next.
//!
//! A query's ready tasks stand in the query's queue, and the queries with ready tasks stand in a
//! ring: the first gives one task for a slice and goes to the end. So a query of one task gets as
//! many turns as one of a thousand.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::task::TaskCell;
use crate::{QueryContext, Task};

/// The queues of all queries; a worker holds them under one lock.
#[derive(Default)]
pub(crate) struct Queues {
    /// The queries with ready tasks, in the order of their turns; each stands here at most once,
    /// and may have lost its ready tasks to a wait meanwhile.
    ring: VecDeque<u64>,
    /// The queries with live tasks.
    queries: HashMap<u64, QueryTasks>,
    /// How many tasks live, over all queries.
    live: usize,
    /// How many workers sleep.
    pub(crate) idle: usize,
    /// How many tasks there ever were: the next task's id.
    admitted: u64,
    /// No more workers.
    pub(crate) closed: bool,
}

/// The tasks of one query.
#[derive(Default)]
struct QueryTasks {
    ready: VecDeque<Arc<TaskCell>>,
    /// Those and all others that are not done, by id: the pool is who owns a parked task.
    live: HashMap<u64, Arc<TaskCell>>,
    in_ring: bool,
}

impl Queues {
    /// A new live task, in no queue yet, and how many there are with it. Gives the task back when
    /// there are no more workers.
    pub(crate) fn admit(
        &mut self,
        query: &Arc<QueryContext>,
        task: Box<dyn Task>,
    ) -> std::result::Result<(Arc<TaskCell>, usize), Box<dyn Task>> {
        if self.closed {
            return Err(task);
        }
        let id = self.admitted;
        self.admitted += 1;
        self.live += 1;
        let cell = TaskCell::new(id, Arc::clone(query), task);
        let tasks = self.queries.entry(query.id()).or_default();
        tasks.live.insert(id, Arc::clone(&cell));
        Ok((cell, self.live))
    }

    /// Adds a ready task.
    pub(crate) fn push(&mut self, cell: Arc<TaskCell>) {
        let query = cell.query().id();
        let tasks = self.queries.entry(query).or_default();
        tasks.ready.push_back(cell);
        if !tasks.in_ring {
            tasks.in_ring = true;
            self.ring.push_back(query);
        }
    }

    /// Takes the next ready task of the next query.
    pub(crate) fn pop(&mut self) -> Option<Arc<TaskCell>> {
        while let Some(query) = self.ring.pop_front() {
            let Some(tasks) = self.queries.get_mut(&query) else {
                continue;
            };
            let cell = tasks.ready.pop_front();
            tasks.in_ring = !tasks.ready.is_empty();
            if tasks.in_ring {
                self.ring.push_back(query);
            }
            if cell.is_some() {
                return cell;
            }
        }
        None
    }

    /// Takes the next ready task of this query.
    pub(crate) fn pop_of(&mut self, query: u64) -> Option<Arc<TaskCell>> {
        self.queries.get_mut(&query)?.ready.pop_front()
    }

    /// The live tasks of a query.
    pub(crate) fn live_of(&self, query: u64) -> Vec<Arc<TaskCell>> {
        let tasks = self.queries.get(&query);
        tasks.map_or_else(Vec::new, |tasks| tasks.live.values().cloned().collect())
    }

    /// Forgets a task, and its query with the last one.
    pub(crate) fn remove(&mut self, cell: &TaskCell) -> Option<Arc<TaskCell>> {
        let query = cell.query().id();
        let tasks = self.queries.get_mut(&query)?;
        let removed = tasks.live.remove(&cell.id());
        self.live -= usize::from(removed.is_some());
        if tasks.live.is_empty() {
            if tasks.in_ring {
                self.ring.retain(|&other| other != query);
            }
            self.queries.remove(&query);
        }
        removed
    }

    /// Lets nobody in any more and gives all tasks out.
    pub(crate) fn close(&mut self) -> Vec<Arc<TaskCell>> {
        self.closed = true;
        self.ring.clear();
        self.live = 0;
        let queries = std::mem::take(&mut self.queries).into_values();
        // Ready tasks are live too: of those, only second counts go here.
        queries.flat_map(|tasks| tasks.live.into_values()).collect()
    }
}
