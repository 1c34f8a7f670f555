//! Runs pipelines on the workers of a query, each when those before it are done.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use esker_datatypes::{Batch, Error, Result};
use esker_runtime::{QueryContext, Stopwatch, Task, TaskContext, TaskStatus};

use super::build::Pipeline;
use super::chain::Chain;
use super::chain_run::ChainRun;
use super::traits::{FinalizeTask, LocalSink, SinkStatus, SourceStatus};

/// How long a task runs before other queries have their turn.
const SLICE: Duration = Duration::from_millis(1);

/// Told once how a query ended.
type OnEnd = Box<dyn FnOnce(Result<()>) + Send>;

/// A query in flight: its pipelines and what they wait for.
pub struct QueryRun {
    query: Arc<QueryContext>,
    batch_size: usize,
    pipelines: Vec<PipelineRun>,
    on_end: Mutex<Option<OnEnd>>,
}

struct PipelineRun {
    pipeline: Pipeline,
    chain: Arc<ChainRun>,
    /// How many of the pipelines before it are not done.
    waits_for: AtomicUsize,
    /// How many of its tasks are not done.
    tasks: AtomicUsize,
}

impl fmt::Debug for QueryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryRun")
            .field("pipelines", &self.pipelines.len())
            .finish_non_exhaustive()
    }
}

/// Starts pipelines (the last one is the root's) on the workers of a query and returns at once.
/// `on_end` is called when all is done, or at the first failure, when no task of the pipeline that
/// failed runs any more.
///
/// # Errors
/// `ResourcesExhausted` when no thread can be started.
pub fn run_pipelines(
    pipelines: Vec<Pipeline>,
    query: Arc<QueryContext>,
    batch_size: usize,
    on_end: impl FnOnce(Result<()>) + Send + 'static,
) -> Result<Arc<QueryRun>> {
    let pipelines = pipelines.into_iter().map(|pipeline| PipelineRun {
        waits_for: AtomicUsize::new(pipeline.after.len()),
        pipeline,
        chain: Arc::default(),
        tasks: AtomicUsize::new(0),
    });
    let run = Arc::new(QueryRun {
        query,
        batch_size,
        pipelines: pipelines.collect(),
        on_end: Mutex::new(Some(Box::new(on_end))),
    });
    for (index, pipeline) in run.pipelines.iter().enumerate() {
        if pipeline.pipeline.after.is_empty() {
            run.launch(index)?;
        }
    }
    Ok(run)
}

impl QueryRun {
    /// Starts a pipeline: one task for each worker.
    fn launch(self: &Arc<Self>, index: usize) -> Result<()> {
        let Some(pipeline) = self.pipelines.get(index) else {
            return Ok(());
        };
        let tasks = self.query.threads();
        pipeline.tasks.store(tasks, Ordering::Release);
        for _ in 0..tasks {
            self.query.spawn(Box::new(PipelineTask {
                run: Arc::clone(self),
                index,
                state: State::New,
                done: false,
            }))?;
        }
        Ok(())
    }

    /// A task of a pipeline is done; the last one goes on with what comes behind.
    fn task_done(self: &Arc<Self>, index: usize, cx: Option<&mut TaskContext>) {
        let Some(pipeline) = self.pipelines.get(index) else {
            return;
        };
        if pipeline.tasks.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        if let Err((_, error)) = pipeline.chain.outcome() {
            return self.end(Err(error));
        }
        let Some(cx) = cx.filter(|_| !self.query.is_cancelled()) else {
            return self.end(Err(Error::cancelled()));
        };
        let spec = &pipeline.pipeline.sink_spec;
        match pipeline.pipeline.sink.finalize(cx) {
            Ok(tasks) if tasks.is_empty() => self.pipeline_done(index),
            Ok(tasks) => {
                pipeline.tasks.store(tasks.len(), Ordering::Release);
                for task in tasks {
                    let task = FinalTask {
                        run: Arc::clone(self),
                        index,
                        task: Some(task),
                    };
                    if let Err(error) = self.query.spawn(Box::new(task)) {
                        return self.end(Err(error));
                    }
                }
            }
            Err(error) => self.end(Err(spec.annotate(error))),
        }
    }

    /// A pipeline is done, finalized and all.
    fn pipeline_done(self: &Arc<Self>, index: usize) {
        if index + 1 == self.pipelines.len() {
            return self.end(Ok(()));
        }
        for (next, pipeline) in self.pipelines.iter().enumerate() {
            let times = pipeline
                .pipeline
                .after
                .iter()
                .filter(|&&before| before == index)
                .count();
            if times > 0
                && pipeline.waits_for.fetch_sub(times, Ordering::AcqRel) == times
                && let Err(error) = self.launch(next)
            {
                return self.end(Err(error));
            }
        }
    }

    /// The query is over; only the first call counts.
    fn end(&self, result: Result<()>) {
        let on_end = self
            .on_end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(on_end) = on_end {
            let failed = result.is_err();
            on_end(result);
            if failed {
                self.query.cancel();
            }
            self.query.notify();
        }
    }
}

/// One worker's part of a pipeline.
struct PipelineTask {
    run: Arc<QueryRun>,
    index: usize,
    state: State,
    done: bool,
}

enum State {
    New,
    Open {
        chain: Box<Chain>,
        sink: Box<dyn LocalSink>,
        batch: Batch,
        /// The sink has not taken the batch yet.
        offered: bool,
        /// The sink has failed: what it holds is of no use.
        failed: bool,
    },
    Closed,
}

impl PipelineTask {
    fn pipeline(&self) -> Option<&PipelineRun> {
        self.run.pipelines.get(self.index)
    }

    fn open(&self, cx: &mut TaskContext) -> State {
        let Some(PipelineRun {
            pipeline, chain, ..
        }) = self.pipeline()
        else {
            return State::Closed;
        };
        let dense = pipeline.sink.needs_dense();
        let opened = Chain::open(&pipeline.chain, chain, dense, self.run.batch_size, cx);
        let opened = opened.and_then(|opened| match opened {
            None => Ok(None),
            Some(open) => Ok(Some((open, pipeline.sink.open(cx)?))),
        });
        match opened {
            Ok(Some((chain, sink))) => State::Open {
                chain: Box::new(chain),
                sink,
                batch: Batch::default(),
                offered: false,
                failed: false,
            },
            Ok(None) => State::Closed,
            Err(error) => {
                chain.fail(0, 0, error);
                State::Closed
            }
        }
    }

    /// Drives batches into the sink for a while.
    fn drive(&mut self, cx: &mut TaskContext) -> TaskStatus {
        let clock = Stopwatch::start();
        let run = Arc::clone(&self.run);
        let Some(pipeline) = run.pipelines.get(self.index) else {
            return TaskStatus::Finished;
        };
        let spec = &pipeline.pipeline.sink_spec;
        let State::Open {
            chain,
            sink,
            batch,
            offered,
            failed,
        } = &mut self.state
        else {
            return TaskStatus::Finished;
        };
        loop {
            if cx.query.is_cancelled() {
                return TaskStatus::Finished;
            }
            if let Some(bytes) = cx.query.memory().reclaim_requested() {
                match sink.reclaim(bytes, cx) {
                    Ok(freed) => cx.query.memory().reclaimed(freed),
                    Err(error) => {
                        *failed = true;
                        chain
                            .run()
                            .fail(chain.sink_stage(), chain.ordinal(), spec.annotate(error));
                        chain.end();
                    }
                }
            }
            if *offered && chain.run().has_failed_before(batch.order().ordinal) {
                // What comes behind a failure is not wanted.
                *offered = false;
            }
            if !*offered {
                cx.buffers.recycle_batch(batch);
                match chain.next(batch, cx) {
                    SourceStatus::More => *offered = true,
                    SourceStatus::Blocked => return TaskStatus::Blocked,
                    SourceStatus::Finished { .. } => break,
                }
            }
            match sink.consume(batch, cx) {
                Ok(SinkStatus::NeedInput) => *offered = false,
                Ok(SinkStatus::Blocked) => return TaskStatus::Blocked,
                Ok(SinkStatus::Finished) => {
                    *offered = false;
                    chain.run().finish(chain.sink_stage());
                }
                Err(error) => {
                    (*offered, *failed) = (false, true);
                    let ordinal = batch.order().ordinal;
                    chain
                        .run()
                        .fail(chain.sink_stage(), ordinal, spec.annotate(error));
                }
            }
            if clock.elapsed() >= SLICE {
                return TaskStatus::Yield;
            }
        }
        // Combine before the task is done, or the outcome would be asked too early. Also when a stage
        // has failed: it does not matter when a limit behind it turns out to have all its rows.
        let stage = chain.sink_stage();
        if let State::Open { sink, failed, .. } = std::mem::replace(&mut self.state, State::Closed)
            && !failed
            && let Err(error) = sink.combine(cx)
        {
            pipeline
                .chain
                .fail(stage, u64::MAX - 1, spec.annotate(error));
        }
        TaskStatus::Finished
    }

    fn close(&mut self, cx: Option<&mut TaskContext>) {
        if !self.done {
            self.done = true;
            self.state = State::Closed;
            self.run.task_done(self.index, cx);
        }
    }
}

impl Task for PipelineTask {
    fn run(&mut self, cx: &mut TaskContext) -> TaskStatus {
        if cx.query.is_cancelled() {
            return TaskStatus::Finished;
        }
        if matches!(self.state, State::New) {
            self.state = self.open(cx);
        }
        let status = self.drive(cx);
        if status == TaskStatus::Finished {
            self.close(Some(cx));
        }
        status
    }

    fn panicked(&mut self, message: &str) {
        let mut cx = TaskContext::for_query(Arc::clone(&self.run.query));
        let state = std::mem::replace(&mut self.state, State::Closed);
        let run = Arc::clone(&self.run);
        if let Some(pipeline) = run.pipelines.get(self.index) {
            let spec = &pipeline.pipeline.sink_spec;
            let panic = |name: &str| Error::internal(format!("panic in {name}: {message}"));
            match state {
                State::Open { chain, offered, .. } if offered => {
                    let error = spec.annotate(panic(&spec.name));
                    pipeline
                        .chain
                        .fail(chain.sink_stage(), chain.ordinal(), error);
                }
                State::Open {
                    chain,
                    sink,
                    failed,
                    ..
                } => {
                    let error = chain.annotate_current(panic(&chain.current_name()));
                    let (stage, ordinal) = (chain.current_stage(), chain.ordinal());
                    pipeline.chain.fail(stage, ordinal, error);
                    // As after any other error of a stage.
                    if !failed && let Err(error) = sink.combine(&mut cx) {
                        let error = spec.annotate(error);
                        pipeline
                            .chain
                            .fail(chain.sink_stage(), u64::MAX - 1, error);
                    }
                }
                State::New | State::Closed => pipeline.chain.fail(0, 0, panic(&spec.name)),
            }
        }
        self.close(Some(&mut cx));
    }
}

impl Drop for PipelineTask {
    /// The query was cancelled, or the pool is gone.
    fn drop(&mut self) {
        self.close(None);
    }
}

/// A part of a sink's finalization.
struct FinalTask {
    run: Arc<QueryRun>,
    index: usize,
    task: Option<FinalizeTask>,
}

impl Task for FinalTask {
    fn run(&mut self, cx: &mut TaskContext) -> TaskStatus {
        let Some(task) = self.task.take() else {
            return TaskStatus::Finished;
        };
        let Some(pipeline) = self.run.pipelines.get(self.index) else {
            return TaskStatus::Finished;
        };
        let result = if cx.query.is_cancelled() {
            Err(Error::cancelled())
        } else {
            task(cx)
        };
        match result {
            Err(error) => self
                .run
                .end(Err(pipeline.pipeline.sink_spec.annotate(error))),
            Ok(()) => {
                if pipeline.tasks.fetch_sub(1, Ordering::AcqRel) == 1 {
                    self.run.pipeline_done(self.index);
                }
            }
        }
        TaskStatus::Finished
    }

    fn panicked(&mut self, message: &str) {
        self.run.end(Err(Error::internal(format!(
            "panic while finalizing: {message}"
        ))));
    }
}

impl Drop for FinalTask {
    /// Dropped before it ran: the query was cancelled, or the pool is gone.
    fn drop(&mut self) {
        if self.task.is_some() {
            self.run.end(Err(Error::cancelled()));
        }
    }
}
