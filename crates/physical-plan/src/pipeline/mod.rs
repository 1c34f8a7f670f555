//! Pipelines: the traits of sources, operators and sinks, and what drives them.

mod build;
mod chain;
mod chain_run;
mod compact;
mod concat;
mod driver;
mod traits;

pub use build::{Pipeline, build_pipelines};
pub use chain::{ChainSpec, StageSpec};
pub use driver::{QueryRun, run_pipelines};
pub use traits::{
    FinalizeTask, LocalOperator, LocalSink, LocalSource, OpStatus, Operator, Sink, SinkStatus,
    Source, SourceStatus, Streaming,
};
