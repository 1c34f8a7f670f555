//! What was asked on the command line.

use std::iter::Peekable;

/// The arguments of one call.
pub(crate) struct Args {
    /// The suite's name.
    pub(crate) suite: String,
    /// The folder of the data.
    pub(crate) data: String,
    /// What follows `tpch-sf` in the folder's name.
    pub(crate) sf: String,
    /// The rows of the h2o tables.
    pub(crate) rows_h2o: u64,
    /// The groups of the h2o tables.
    pub(crate) k: u64,
    /// How many workers run a query.
    pub(crate) threads: usize,
    /// How often a query runs after the warm-up.
    pub(crate) runs: usize,
    /// The queries, by the first words of their names; none for all.
    pub(crate) only: Vec<String>,
    /// Where answers are written.
    pub(crate) answers: Option<String>,
    /// Whether the plans are shown as they ran, instead of times.
    pub(crate) explain: bool,
}

impl Args {
    /// Reads `--name value` pairs, and `--explain`.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            suite: "tpch".to_owned(),
            data: ".".to_owned(),
            sf: "1".to_owned(),
            rows_h2o: 10_000_000,
            k: 100,
            threads: 2,
            runs: 3,
            only: Vec::new(),
            answers: None,
            explain: false,
        };
        let mut args = args.peekable();
        while let Some(name) = args.next() {
            if name == "--explain" {
                parsed.explain = true;
                continue;
            }
            let value = value(&name, &mut args)?;
            match name.as_str() {
                "--suite" => parsed.suite = value,
                "--data" => parsed.data = value,
                "--sf" => parsed.sf = value,
                "--rows-h2o" => parsed.rows_h2o = number(&name, &value)?,
                "--k" => parsed.k = number(&name, &value)?,
                "--threads" => parsed.threads = number(&name, &value)?,
                "--runs" => parsed.runs = number(&name, &value)?,
                "--only" => {
                    parsed.only = value
                        .split(',')
                        .map(|name| name.trim().to_owned())
                        .collect();
                }
                "--answers" => parsed.answers = Some(value),
                _ => return Err(format!("there is no option {name}")),
            }
        }
        Ok(parsed)
    }

    /// The queries to run: those asked for, or all of the suite.
    pub(crate) fn queries(&self, all: &[String]) -> Vec<String> {
        match self.only.as_slice() {
            [] if all.is_empty() => vec![self.suite.clone()],
            [] => all.to_vec(),
            only => only.to_vec(),
        }
    }
}

fn value(name: &str, args: &mut Peekable<impl Iterator<Item = String>>) -> Result<String, String> {
    args.next().ok_or_else(|| format!("{name} wants a value"))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{name} wants a number, not '{value}'"))
}
