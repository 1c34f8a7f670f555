//! One worker's part of a pipeline, in slices.

use std::sync::Arc;
use std::time::Duration;

use esker_datatypes::{Batch, Error};
use esker_runtime::{Stopwatch, Task, TaskContext, TaskStatus};

use super::build::Pipeline;
use super::chain::Chain;
use super::chain_run::BEHIND_ALL;
use super::driver::QueryRun;
use super::stage::{StageMetrics, nanos, says_something};
use super::traits::{LocalSink, SinkStatus, SourceStatus};

/// How long a task runs before other queries have their turn.
const SLICE: Duration = Duration::from_millis(1);

/// Drives a chain into a sink.
pub(crate) struct PipelineTask {
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
        metrics: StageMetrics,
        batch: Batch,
        /// The sink has not taken the batch yet.
        offered: bool,
        /// The sink has failed: what it holds is of no use.
        failed: bool,
    },
    Closed,
}

impl PipelineTask {
    pub(crate) fn new(run: Arc<QueryRun>, index: usize) -> Self {
        Self {
            run,
            index,
            state: State::New,
            done: false,
        }
    }

    fn open(&self, cx: &mut TaskContext) -> State {
        let Some(pipeline) = self.run.pipeline(self.index) else {
            return State::Closed;
        };
        let dense = pipeline.sink.needs_dense();
        let Some(chain) = Chain::open(&pipeline.chain, dense, self.run.batch_size(), cx) else {
            return State::Closed;
        };
        match pipeline.sink.open(cx) {
            Ok(sink) => State::Open {
                chain: Box::new(chain),
                sink,
                metrics: StageMetrics::of(&pipeline.sink_spec, cx),
                batch: Batch::default(),
                offered: false,
                failed: false,
            },
            Err(error) => {
                pipeline.fail(0, error);
                State::Closed
            }
        }
    }

    /// Drives batches into the sink for a while.
    fn drive(&mut self, cx: &mut TaskContext) -> TaskStatus {
        let clock = Stopwatch::start();
        let Some(pipeline) = self.run.pipeline(self.index) else {
            return TaskStatus::Finished;
        };
        let State::Open {
            chain,
            sink,
            metrics,
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
                        (*offered, *failed) = (false, true);
                        pipeline.fail(chain.ordinal(), error);
                        chain.end();
                    }
                }
            }
            // What comes behind a failure is not wanted; what comes behind all may be, when the
            // failure turns out not to matter.
            let ordinal = batch.order().ordinal;
            *offered &= ordinal == BEHIND_ALL || !chain.run().is_behind_failure(ordinal);
            if !*offered {
                cx.buffers.recycle_batch(batch);
                match chain.next(batch, cx) {
                    SourceStatus::More => *offered = says_something(batch),
                    SourceStatus::Blocked => return TaskStatus::Blocked,
                    SourceStatus::Finished { .. } => break,
                }
            }
            if *offered {
                let (consuming, rows) = (Stopwatch::start(), batch.selected() as u64);
                let status = sink.consume(batch, cx);
                metrics.local.nanos += nanos(&consuming);
                if !matches!(status, Ok(SinkStatus::Blocked)) {
                    metrics.local.rows_in += rows;
                    metrics.local.batches += 1;
                }
                match status {
                    Ok(SinkStatus::NeedInput) => *offered = false,
                    Ok(SinkStatus::Blocked) => {
                        metrics.flush();
                        return TaskStatus::Blocked;
                    }
                    Ok(SinkStatus::Finished) => {
                        *offered = false;
                        chain.run().finish(pipeline.chain.sink_stage());
                    }
                    Err(error) => {
                        (*offered, *failed) = (false, true);
                        pipeline.fail(batch.order().ordinal, error);
                        chain.end();
                    }
                }
            }
            if clock.elapsed() >= SLICE {
                return TaskStatus::Yield;
            }
        }
        // Combine before the task is done, or the outcome would be asked too early. Also when a stage
        // has failed: it does not matter when a limit behind it turns out to have all its rows.
        if let State::Open {
            sink,
            mut metrics,
            failed,
            ..
        } = std::mem::replace(&mut self.state, State::Closed)
        {
            let combining = Stopwatch::start();
            if !failed && let Err(error) = sink.combine(cx) {
                pipeline.fail(BEHIND_ALL, error);
            }
            metrics.local.nanos += nanos(&combining);
            metrics.flush();
        }
        TaskStatus::Finished
    }

    fn close(&mut self, cx: Option<&mut TaskContext>) {
        if !self.done {
            self.state = State::Closed;
            self.done = true;
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
        let run = Arc::clone(&self.run);
        let Some(pipeline) = run.pipeline(self.index) else {
            return;
        };
        let panic = |name: &str| Error::internal(format!("panic in {name}: {message}"));
        let of_sink = || panic(&pipeline.sink_spec.name);
        if self.done {
            // It was the last task, and went on with what comes behind.
            return run.end(Err(pipeline.sink_spec.annotate(of_sink())));
        }
        let mut cx = TaskContext::for_query(Arc::clone(run.query()));
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Open {
                offered: true,
                batch,
                ..
            } => pipeline.fail(batch.order().ordinal, of_sink()),
            State::Open {
                chain,
                sink,
                failed,
                ..
            } => {
                let error = chain.annotate_current(panic(&chain.current_name()));
                let (stage, ordinal) = (chain.current_stage(), chain.current_ordinal());
                chain.run().fail(stage, ordinal, error);
                // As after any other error of a stage.
                if !failed && let Err(error) = sink.combine(&mut cx) {
                    pipeline.fail(BEHIND_ALL, error);
                }
            }
            State::New => pipeline.fail(0, of_sink()),
            State::Closed => pipeline.fail(BEHIND_ALL, of_sink()),
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

impl Pipeline {
    /// Its sink failed in this split.
    fn fail(&self, ordinal: u64, error: Error) {
        let error = self.sink_spec.annotate(error);
        self.chain.run.fail(self.chain.sink_stage(), ordinal, error);
    }
}
