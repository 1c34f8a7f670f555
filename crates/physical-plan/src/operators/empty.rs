//! No rows.

use esker_datatypes::{Batch, Result};
use esker_runtime::TaskContext;

use crate::pipeline::{LocalSource, Source, SourceStatus};

/// A source without rows: what `limit(0)` makes of its input.
#[derive(Debug)]
pub struct EmptySource;

impl Source for EmptySource {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(Self))
    }
}

impl LocalSource for EmptySource {
    fn next(&mut self, _out: &mut Batch, _cx: &mut TaskContext) -> Result<SourceStatus> {
        Ok(SourceStatus::Finished { splits: 0 })
    }
}
