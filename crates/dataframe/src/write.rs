//! Writing files.

use std::path::Path;
use std::sync::Arc;

use esker_datasource::{ParquetSink, ParquetWriteOptions};
use esker_datatypes::Result;
use esker_logical_plan::{Origin, TableSink, WriteSummary};
use esker_physical_plan::{WriteExec, run_to_sink};

use crate::DataFrame;

impl DataFrame {
    /// Runs the query and writes its rows to a Parquet file, in their order; says how many rows and
    /// bytes it has. Row groups are encoded side by side, and no more of them are in memory than a
    /// few for each worker.
    ///
    /// The file appears when it is whole. Until then one that was there before stays as it is, also
    /// when the query fails or the process is killed.
    ///
    /// ```
    /// use esker_dataframe::prelude::*;
    /// # fn main() -> Result<()> {
    /// # let folder = std::env::temp_dir();
    /// # let input = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/employee.csv");
    /// # let output = folder.join(format!("esker-doc-{}.parquet", std::process::id()));
    /// let employees = ExecutionContext::new().csv(input)?;
    /// let written = employees.filter(col("state").eq("CO")).write_parquet(&output)?;
    /// assert_eq!(written.rows, 2);
    /// # std::fs::remove_file(output).ok();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`collect`](Self::collect), `Io` naming the file, `Unsupported` for a type that
    /// Parquet does not have.
    #[track_caller]
    pub fn write_parquet(&self, path: impl AsRef<Path>) -> Result<WriteSummary> {
        let origin = Origin::caller("write_parquet");
        self.write_to_parquet(path.as_ref(), &ParquetWriteOptions::default(), origin)
    }

    /// The same with another compression, other row groups, without dictionaries or statistics.
    ///
    /// # Errors
    /// Those of [`write_parquet`](Self::write_parquet); `InvalidInput` for options that make no
    /// sense.
    #[track_caller]
    pub fn write_parquet_with(
        &self,
        path: impl AsRef<Path>,
        options: ParquetWriteOptions,
    ) -> Result<WriteSummary> {
        let origin = Origin::caller("write_parquet_with");
        self.write_to_parquet(path.as_ref(), &options, origin)
    }

    fn write_to_parquet(
        &self,
        path: &Path,
        options: &ParquetWriteOptions,
        origin: Origin,
    ) -> Result<WriteSummary> {
        let schema = self.schema()?;
        self.write_to(|| Ok(Arc::new(ParquetSink::create(path, schema, options)?)))
            .map_err(|error| origin.annotate(error))
    }

    /// Runs the query into a sink, which is made when the plan is.
    fn write_to(&self, sink: impl FnOnce() -> Result<Arc<dyn TableSink>>) -> Result<WriteSummary> {
        let plan = self.physical_plan()?;
        let write = Arc::new(WriteExec::new(sink()?));
        let (query, batch_size) = (self.context().new_query(), self.context().batch_size());
        let sink: Arc<WriteExec> = Arc::clone(&write);
        run_to_sink(&plan, sink, &query, batch_size)?;
        Ok(write.summary().unwrap_or_default())
    }
}
