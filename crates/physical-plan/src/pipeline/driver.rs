//! Runs pipelines on the workers of a query, each when those before it are done.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use esker_datatypes::{Error, Result};
use esker_runtime::{QueryContext, Stopwatch, Task, TaskContext, TaskStatus};

use super::build::Pipeline;
use super::stage::{StageMetrics, nanos};
use super::task::PipelineTask;
use super::traits::FinalizeTask;

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
        tasks: AtomicUsize::new(0),
    });
    let run = Arc::new(QueryRun {
        query,
        batch_size,
        pipelines: pipelines.collect(),
        on_end: Mutex::new(Some(Box::new(on_end))),
    });
    for (index, pipeline) in run.pipelines.iter().enumerate() {
        if pipeline.pipeline.after.is_empty()
            && let Err(error) = run.launch(index)
        {
            run.end(Err(error.clone()));
            return Err(error);
        }
    }
    Ok(run)
}

impl QueryRun {
    pub(crate) fn query(&self) -> &Arc<QueryContext> {
        &self.query
    }

    pub(crate) fn batch_size(&self) -> usize {
        self.batch_size
    }

    pub(crate) fn pipeline(&self, index: usize) -> Option<&Pipeline> {
        self.pipelines.get(index).map(|run| &run.pipeline)
    }

    /// Starts a pipeline: one task for each worker.
    fn launch(self: &Arc<Self>, index: usize) -> Result<()> {
        let Some(pipeline) = self.pipelines.get(index) else {
            return Ok(());
        };
        let tasks = self.query.threads();
        pipeline.tasks.store(tasks, Ordering::Release);
        for _ in 0..tasks {
            let task = PipelineTask::new(Arc::clone(self), index);
            self.query.spawn(Box::new(task))?;
        }
        Ok(())
    }

    /// A task of a pipeline is done; the last one goes on with what comes behind.
    pub(crate) fn task_done(self: &Arc<Self>, index: usize, cx: Option<&mut TaskContext>) {
        let Some(pipeline) = self.pipelines.get(index) else {
            return;
        };
        if pipeline.tasks.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        if self.query.is_cancelled() {
            // Nobody knows whether an error would have mattered.
            return self.end(Err(Error::cancelled()));
        }
        if let Err((_, error)) = pipeline.pipeline.chain.run.outcome() {
            return self.end(Err(error));
        }
        let Some(cx) = cx else {
            return self.end(Err(Error::cancelled()));
        };
        self.finalize(index, 0, cx);
    }

    /// Starts the tasks of a stage of a sink's finalization; when there are none it is done.
    fn finalize(self: &Arc<Self>, index: usize, stage: usize, cx: &mut TaskContext) {
        let Some(pipeline) = self.pipelines.get(index) else {
            return;
        };
        match pipeline.pipeline.sink.finalize(stage, cx) {
            Ok(tasks) if tasks.is_empty() => {
                let held = pipeline.pipeline.sink.held();
                let mut metrics = StageMetrics::of(&pipeline.pipeline.sink_spec, cx);
                metrics.local.bytes += held;
                metrics.flush();
                self.pipeline_done(index);
            }
            Ok(tasks) => {
                pipeline.tasks.store(tasks.len(), Ordering::Release);
                for task in tasks {
                    let task = FinalTask {
                        run: Arc::clone(self),
                        index,
                        stage,
                        task: Some(task),
                    };
                    if let Err(error) = self.query.spawn(Box::new(task)) {
                        return self.end(Err(error));
                    }
                }
            }
            Err(error) => self.end(Err(pipeline.pipeline.sink_spec.annotate(error))),
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
    pub(crate) fn end(&self, result: Result<()>) {
        let on_end = self
            .on_end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(on_end) = on_end {
            let failed = result.is_err();
            if failed {
                for run in &self.pipelines {
                    run.pipeline.sink.abort();
                }
            }
            on_end(result);
            if failed {
                self.query.cancel();
            }
            self.query.notify();
        }
    }
}

/// A part of a sink's finalization.
struct FinalTask {
    run: Arc<QueryRun>,
    index: usize,
    stage: usize,
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
            let clock = Stopwatch::start();
            let result = task(cx);
            let mut metrics = StageMetrics::of(&pipeline.pipeline.sink_spec, cx);
            metrics.local.nanos += nanos(&clock);
            metrics.flush();
            result
        };
        match result {
            Err(error) => self
                .run
                .end(Err(pipeline.pipeline.sink_spec.annotate(error))),
            Ok(()) => {
                if pipeline.tasks.fetch_sub(1, Ordering::AcqRel) == 1 {
                    self.run.finalize(self.index, self.stage + 1, cx);
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
