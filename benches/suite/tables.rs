//! The files of a suite.

use std::path::{Path, PathBuf};

use esker_dataframe::prelude::*;

use crate::args::Args;

/// The tables of a suite, to be opened in the context of one run.
pub(crate) struct Tables<'a> {
    args: &'a Args,
    context: &'a ExecutionContext,
}

impl<'a> Tables<'a> {
    /// The tables that the arguments name.
    pub(crate) fn new(args: &'a Args, context: &'a ExecutionContext) -> Self {
        Self { args, context }
    }

    /// Opens a table.
    pub(crate) fn open(&self, table: &str) -> Result<DataFrame> {
        let path = self.path(table);
        match path.extension().is_some_and(|extension| extension == "csv") {
            true => self.context.csv(path),
            false => self.context.parquet(path),
        }
    }

    /// The scale factor: the number that the folder's name begins with.
    pub(crate) fn scale(&self) -> f64 {
        let number = self.args.sf.split('-').next().unwrap_or_default();
        number.parse().unwrap_or(1.0)
    }

    /// Where a table's file is.
    fn path(&self, table: &str) -> PathBuf {
        let Args {
            sf, rows_h2o, k, ..
        } = self.args;
        let data = Path::new(&self.args.data);
        let tpch = || data.join(format!("tpch-sf{sf}/{table}.parquet"));
        match (self.args.suite.as_str(), table) {
            ("h2o-groupby", _) => data.join(format!("h2o/G1_{rows_h2o}_{k}_0_0.parquet")),
            ("h2o-join", _) => data.join(format!("h2o/J1_{rows_h2o}_{table}.parquet")),
            ("csv", "g1") => data.join(format!("h2o/G1_{rows_h2o}_{k}_0_0.csv")),
            ("csv", _) => {
                let plain = sf.strip_suffix("-decimal").unwrap_or(sf);
                data.join(format!("tpch-sf{plain}-csv/{table}.csv"))
            }
            ("sort", "jx") => data.join(format!("h2o/J1_{rows_h2o}_NA.parquet")),
            _ => tpch(),
        }
    }
}
