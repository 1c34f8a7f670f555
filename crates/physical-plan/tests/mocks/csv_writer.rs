//! A CSV writer: a table sink whose file keeps the order of the rows and appears when it is whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use esker_datatypes::{Batch, Error, Order, Result};
use esker_logical_plan::{SinkStatus, SinkWriter, TableSink, WriteSummary};
use esker_physical_plan::pipeline::{LocalSource, Source, SourceStatus};
use esker_physical_plan::{PhysicalPlan, Role, WriteExec, run_to_sink};
use esker_runtime::{MemoryBudget, TaskContext};

use crate::{Row, Runner, rows_of, scan, schema, settings};

#[derive(Debug)]
struct CsvSink {
    path: PathBuf,
    parts: Arc<Mutex<BTreeMap<Order, String>>>,
}

impl CsvSink {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            parts: Arc::default(),
        }
    }

    fn temporary(&self) -> PathBuf {
        self.path.with_extension("tmp")
    }
}

impl TableSink for CsvSink {
    fn describe(&self) -> String {
        format!("csv '{}'", self.path.display())
    }

    fn open_writer(&self, _cx: &mut TaskContext) -> Result<Box<dyn SinkWriter>> {
        // What a failed query would leave behind, if nobody removed it.
        let temporary = self.temporary();
        fs::write(&temporary, "").map_err(|e| Error::io(&temporary, e))?;
        Ok(Box::new(CsvWriter {
            parts: Arc::clone(&self.parts),
        }))
    }

    fn finish(&self) -> Result<WriteSummary> {
        let parts = std::mem::take(&mut *self.parts.lock().unwrap());
        let text: String = parts.into_values().collect();
        let summary = WriteSummary {
            rows: text.lines().count() as u64,
            bytes: text.len() as u64,
        };
        let temporary = self.temporary();
        fs::write(&temporary, text).map_err(|e| Error::io(&temporary, e))?;
        fs::rename(&temporary, &self.path).map_err(|e| Error::io(&self.path, e))?;
        Ok(summary)
    }

    fn abort(&self) {
        // There may be nothing to remove.
        let _ = fs::remove_file(self.temporary());
    }
}

struct CsvWriter {
    parts: Arc<Mutex<BTreeMap<Order, String>>>,
}

impl SinkWriter for CsvWriter {
    fn write(&mut self, batch: &Batch, _cx: &mut TaskContext) -> Result<SinkStatus> {
        // Encoded by each worker for itself; put in place by order.
        let value = |v: &Option<i64>| v.map(|v| v.to_string()).unwrap_or_default();
        let line = |row: Row| row.iter().map(value).collect::<Vec<_>>().join(",") + "\n";
        let text: String = rows_of(batch).into_iter().map(line).collect();
        self.parts.lock().unwrap().insert(batch.order(), text);
        Ok(SinkStatus::NeedInput)
    }

    fn close(&mut self, _cx: &mut TaskContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn the_file_keeps_the_order() {
    for (threads, batch_size) in settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let splits: Vec<Vec<Row>> = (0..10)
            .map(|s| {
                (0..7)
                    .map(|i| vec![Some(s * 7 + i), (i % 2 == 0).then_some(i)])
                    .collect()
            })
            .collect();
        let plan = scan(0, &["a", "b"], &splits, batch_size);
        let runner = Runner::new(threads, batch_size, MemoryBudget::unlimited());
        let sink = Arc::new(WriteExec::new(Arc::new(CsvSink::new(&path))));
        run_to_sink(&plan, sink, &runner.query, batch_size).unwrap();
        let want: String = (0..70)
            .map(|i| {
                if i % 7 % 2 == 0 {
                    format!("{i},{}\n", i % 7)
                } else {
                    format!("{i},\n")
                }
            })
            .collect();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            want,
            "{threads}, {batch_size}"
        );
    }
}

#[derive(Debug)]
struct Broken;

impl Source for Broken {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(Self))
    }
}

impl LocalSource for Broken {
    fn next(&mut self, _out: &mut Batch, _cx: &mut TaskContext) -> Result<SourceStatus> {
        Err(Error::data("broken"))
    }
}

#[test]
fn a_failed_query_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    fs::write(&path, "old\n").unwrap();
    let role = Role::Source(Arc::new(Broken));
    let plan = PhysicalPlan::new(0, "Broken", "", role, [], schema(&["a"]));
    let runner = Runner::new(2, 8, MemoryBudget::unlimited());
    let sink = Arc::new(WriteExec::new(Arc::new(CsvSink::new(&path))));
    let error = run_to_sink(&plan, sink, &runner.query, 8).unwrap_err();
    assert!(error.to_string().contains("broken"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing else is left"
    );
}
