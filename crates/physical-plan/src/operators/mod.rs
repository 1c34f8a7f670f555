//! Sources, operators and sinks, one file each.

mod empty;
mod filter;
mod held;
mod limit;
mod projection;
mod result;
mod scan;
mod sort;
mod sorted;
mod write;

pub use empty::EmptySource;
pub use filter::FilterExec;
pub use limit::LimitExec;
pub use projection::ProjectionExec;
pub use result::{Delivery, ResultSink};
pub use scan::{ScanExec, ScanOptions};
pub use sort::{SortExec, SortSpec, TopKExec};
pub use sorted::CheckSortedExec;
pub use write::WriteExec;
