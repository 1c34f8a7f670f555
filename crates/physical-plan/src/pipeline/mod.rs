//! Pipelines: the traits of sources, operators and sinks, and what drives them.

mod build;
mod chain;
mod chain_run;
mod compact;
mod concat;
mod driver;
mod spec;
mod stage;
mod task;
mod traits;

pub use build::{Pipeline, build_pipelines};
pub(crate) use chain_run::BEHIND_ALL;
pub use driver::{QueryRun, run_pipelines};
pub use spec::{ChainSpec, StageSpec};
pub use traits::{
    FinalizeTask, LocalOperator, LocalSink, LocalSource, OpStatus, Operator, Sink, SinkStatus,
    Source, SourceStatus, Streaming,
};
