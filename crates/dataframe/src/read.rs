//! Opening files.

use std::path::Path;
use std::sync::Arc;

use esker_datasource::{CsvOptions, CsvSource};
use esker_datatypes::Result;
use esker_logical_plan::Origin;

use crate::{DataFrame, ExecutionContext};

impl ExecutionContext {
    /// Opens a CSV file with a header: reads its head to learn names and types, and nothing more.
    ///
    /// An empty field is null; types are inferred from the first rows, and a later value that does
    /// not fit is an error that names file, line and column.
    ///
    /// # Errors
    /// `Io` for a file that cannot be read, `Data` for one without a header.
    #[track_caller]
    pub fn csv(&self, path: impl AsRef<Path>) -> Result<DataFrame> {
        let origin = Origin::caller("csv");
        self.open_csv(path.as_ref(), CsvOptions::default(), origin)
    }

    /// Opens a CSV file of another form: another delimiter, no header, a given schema.
    ///
    /// # Errors
    /// Those of [`csv`](Self::csv).
    #[track_caller]
    pub fn csv_with(&self, path: impl AsRef<Path>, options: CsvOptions) -> Result<DataFrame> {
        let origin = Origin::caller("csv_with");
        self.open_csv(path.as_ref(), options, origin)
    }

    fn open_csv(&self, path: &Path, options: CsvOptions, origin: Origin) -> Result<DataFrame> {
        let source = CsvSource::open(path, options).map_err(|error| origin.annotate(error))?;
        let name = source.name().to_owned();
        Ok(self.scan(&name, Arc::new(source), origin))
    }
}
