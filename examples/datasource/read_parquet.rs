//! A Parquet file, read by hand: two of its columns, for the rows in which a third is large enough.
#![expect(clippy::disallowed_macros, reason = "an example prints its result")]

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use esker_datasource::{ParquetSink, ParquetSource, ParquetWriteOptions};
use esker_datatypes::{Batch, Buffers, Column, Order, Result, Schema, Selection};
use esker_kernels::compare::{CompareOp, compare};
use esker_logical_expr::{Expr, col, resolve};
use esker_logical_plan::{
    Claim, ColumnStats, PredicateProperties, RowPredicate, ScanFilter, ScanRequest, ScanStatus,
    TableSink, TableSource, Verdict, prune,
};
use esker_runtime::TaskContext;

/// `salary >= least`, where the salary is the column of this position in the scan.
#[derive(Debug)]
struct Earns {
    columns: [usize; 1],
    expr: Expr,
    schema: Arc<Schema>,
    least: i64,
}

impl RowPredicate for Earns {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn properties(&self) -> PredicateProperties {
        PredicateProperties::default()
    }

    // A scan asks this of row groups and pages, and leaves out those in which no row passes.
    fn prune(&self, stats: &dyn ColumnStats) -> Verdict {
        let position = |id| self.schema.index_of(id);
        prune(&self.expr, &position, stats)
    }

    fn select(&self, batch: &Batch, rows: &mut Selection, buffers: &mut Buffers) -> Result<()> {
        let [salary] = self.columns;
        let least = Column::constant(self.least.into(), batch.rows());
        let salary = batch.column(salary)?;
        let mask = compare(CompareOp::GtEq, salary, &least, rows, buffers)?.to_flat();
        rows.retain_true(arrow::array::AsArray::as_boolean(&mask));
        Ok(())
    }
}

fn main() -> Result<()> {
    let mut cx = TaskContext::standalone();
    let path = std::env::temp_dir().join(format!("esker-staff-{}.parquet", std::process::id()));
    write_staff(&path, &mut cx)?;
    let source = ParquetSource::open(&path)?;
    println!("{}: {}", source.name(), source.schema());

    // Two columns come out, in this order; the third is read for the filter alone.
    let schema = source.schema();
    let columns = ["title", "name", "salary"].map(|name| schema.resolve(name));
    let columns = columns.into_iter().collect::<Result<Vec<usize>>>()?;
    let fields = columns.iter().filter_map(|&column| schema.field(column));
    let read = Schema::new(fields.cloned().collect());
    let expr = resolve(col("salary").gt_eq(11_500i64), &read)?;
    let earns = Earns {
        columns: [2],
        expr: expr.clone(),
        schema: Arc::new(read),
        least: 11_500,
    };
    let scan = source.scan(ScanRequest {
        schema,
        columns,
        projection: vec![1, 0],
        filters: vec![ScanFilter {
            expr: Some(expr),
            predicate: Arc::new(earns),
        }],
        limit: None,
        batch_size: 1024,
        query: Arc::clone(&cx.query),
    })?;

    // Each worker opens a reader, claims splits until there are none, and reads each to its end.
    let mut reader = scan.open(&mut cx)?;
    while let Claim::Split(split) = reader.claim(&mut cx)? {
        let mut batch = Batch::default();
        let mut status = ScanStatus::More;
        while status != ScanStatus::SplitFinished {
            status = reader.next(&mut batch, &mut cx)?;
            for row in batch.selection().iter() {
                let name = batch.column(0)?.value(row)?;
                let title = batch.column(1)?.value(row)?;
                println!("split {split}: {name} is {title}");
            }
        }
    }
    println!("{}", scan.describe().unwrap_or_default());
    std::fs::remove_file(&path).map_err(|e| esker_datatypes::Error::io(&path, e))
}

/// A file of two row groups, of which the first holds small salaries alone.
fn write_staff(path: &std::path::Path, cx: &mut TaskContext) -> Result<()> {
    let names: ArrayRef = Arc::new(StringArray::from(vec!["Ann", "Ben", "Bill", "Von"]));
    let titles = vec!["Trainee", "Driver", "Manager", "Defensive End"];
    let titles: ArrayRef = Arc::new(StringArray::from(titles));
    let salaries: ArrayRef = Arc::new(Int64Array::from(vec![9000, 10_000, 12_000, 11_500]));
    let staff = [("name", names), ("title", titles), ("salary", salaries)];
    let staff = RecordBatch::try_from_iter(staff)?;
    let options = ParquetWriteOptions::default().with_row_group_rows(2);
    let sink = ParquetSink::create(path, staff.schema(), &options)?;
    let mut writer = sink.open_writer(cx)?;
    let last = Order {
        last: true,
        ..Order::default()
    };
    writer.write(&Batch::from_arrow(&staff)?.with_order(last), cx)?;
    writer.close(cx)?;
    sink.finish()?;
    Ok(())
}
