//! Opening files.

use std::sync::Arc;

use esker_datasource::{CsvOptions, CsvSource, FileSet, ParquetOptions, ParquetSource};
use esker_datatypes::Result;
use esker_logical_plan::Origin;

use crate::{DataFrame, ExecutionContext};

impl ExecutionContext {
    /// Opens a CSV file with a header, or several as one table: reads their heads to learn names and
    /// types, and nothing more. Which files is said as in [`parquet`](Self::parquet); those of a
    /// folder end in `.csv`.
    ///
    /// An empty field is null; types are inferred from the first rows, and a later value that does
    /// not fit is an error that names file, line and column.
    ///
    /// # Errors
    /// `Io` for a file that cannot be read, `Data` for one without a header or with another than the
    /// first, `InvalidInput` for a pattern that matches no file and an empty list.
    #[track_caller]
    pub fn csv(&self, files: impl Into<FileSet>) -> Result<DataFrame> {
        let origin = Origin::caller("csv");
        self.open_csv(files.into(), CsvOptions::default(), origin)
    }

    /// Opens CSV files of another form: another delimiter, no header, a given schema.
    ///
    /// # Errors
    /// Those of [`csv`](Self::csv).
    #[track_caller]
    pub fn csv_with(&self, files: impl Into<FileSet>, options: CsvOptions) -> Result<DataFrame> {
        let origin = Origin::caller("csv_with");
        self.open_csv(files.into(), options, origin)
    }

    fn open_csv(&self, files: FileSet, options: CsvOptions, origin: Origin) -> Result<DataFrame> {
        let source = CsvSource::open(files, options).map_err(|error| origin.annotate(error))?;
        let name = source.name().to_owned();
        Ok(self.scan(&name, Arc::new(source), origin))
    }

    /// Opens a Parquet file, or several as one table: reads their footers. A query reads the columns
    /// it looks at, and leaves out the row groups in which no row can pass its filters. The context
    /// remembers footers: a file that has not changed is opened again without parsing.
    ///
    /// Which files is said by a path, a folder (its `.parquet` files, by name), a pattern such as
    /// `"data/2024-*/*.parquet"` (what matches, by path; `**` is any number of folders), or a list of
    /// these, whose order is kept. A path that exists as it is written is never read as a pattern.
    ///
    /// Text is `Utf8View`, bytes are `BinaryView`, decimals are as wide as they are stored.
    ///
    /// # Errors
    /// `Io` for a file that cannot be read, `Data` for one that is no Parquet file, for files whose
    /// columns differ, and for a folder without files, `InvalidInput` for a pattern that matches no
    /// file and an empty list.
    ///
    /// ```no_run
    /// use esker_dataframe::prelude::*;
    ///
    /// let ctx = ExecutionContext::new();
    /// let orders = ctx.parquet("orders.parquet")?.filter(col("total").gt(1000));
    /// println!("{}", orders.collect()?);
    /// let years = ctx.parquet(["archive/*.parquet", "2025.parquet"])?;
    /// println!("{} rows", years.count()?);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn parquet(&self, files: impl Into<FileSet>) -> Result<DataFrame> {
        let origin = Origin::caller("parquet");
        self.open_parquet(files.into(), ParquetOptions::default(), origin)
    }

    /// Opens Parquet files that are to be read in another way.
    ///
    /// # Errors
    /// Those of [`parquet`](Self::parquet).
    #[track_caller]
    pub fn parquet_with(
        &self,
        files: impl Into<FileSet>,
        options: ParquetOptions,
    ) -> Result<DataFrame> {
        let origin = Origin::caller("parquet_with");
        self.open_parquet(files.into(), options, origin)
    }

    fn open_parquet(
        &self,
        files: FileSet,
        mut options: ParquetOptions,
        origin: Origin,
    ) -> Result<DataFrame> {
        if options.footers.is_none() {
            options.footers = Some(self.footers().clone());
        }
        let source =
            ParquetSource::open_with(files, options).map_err(|error| origin.annotate(error))?;
        let name = source.name().to_owned();
        Ok(self.scan(&name, Arc::new(source), origin))
    }
}
