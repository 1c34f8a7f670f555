//! The suite on sources that keep their promises, and on some that break one each.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::take;
use esker_datatypes::{
    Batch, Column, ColumnStatistics, DataType, Precision, Schema, SchemaRef, Selection,
};
use esker_logical_expr::Expr;

use super::*;
use crate::mem_table::MemTable;
use crate::source::{
    Claim, FilterPushdown, ScanReader, ScanRequest, ScanStatus, SourceProperties, TableScan,
};

/// What a source may do wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    LosesTheLastRow,
    GivesARowTwice,
    SwapsSplits,
    SkipsAnOrdinal,
    MiscountsSplits,
    IgnoresTheBatchSize,
    IgnoresTheProjection,
    LosesRowsWithoutColumns,
    DeclaresAnotherType,
    SetsTheOrder,
    StopsAfterTheLimitTooEarly,
    ClaimsExactButFiltersNothing,
    ClaimsInexactButLosesRows,
    AnswersTooFewFilters,
    TriesFallibleFiltersEarly,
    IgnoresTheCancellation,
    RunsOnceOnly,
    MiscountsRows,
    MiscountsNulls,
    HidesNan,
    BoundsTooTightly,
    ClaimsAnOrder,
    ClaimsUniqueness,
    ClaimsClusters,
    BlocksForAWhile,
}

/// A table with a fault.
#[derive(Debug)]
struct Faulty {
    table: MemTable,
    fault: Fault,
    scanned: std::sync::atomic::AtomicBool,
}

impl TableSource for Faulty {
    fn schema(&self) -> SchemaRef {
        let schema = self.table.schema();
        if self.fault != Fault::DeclaresAnotherType {
            return schema;
        }
        let fields = schema.fields().iter();
        Arc::new(
            fields
                .map(|f| f.clone().with_type(DataType::Boolean))
                .collect::<Schema>(),
        )
    }

    fn properties(&self) -> SourceProperties {
        let mut properties = self.table.properties();
        let statistics = &mut properties.statistics;
        let known = ColumnStatistics {
            null_count: Precision::Exact(2),
            min: Some((-0.0).into()),
            max: Some(4.5.into()),
            may_hold_nan: true,
            distinct_count: Precision::Exact(6),
        };
        let mut bounded = vec![ColumnStatistics::default(); 3];
        match self.fault {
            Fault::MiscountsRows => statistics.rows = Precision::Exact(9),
            Fault::MiscountsNulls => {
                bounded[2] = ColumnStatistics {
                    null_count: Precision::Exact(1),
                    ..known
                };
                statistics.columns = bounded;
            }
            Fault::HidesNan => {
                bounded[2] = ColumnStatistics {
                    may_hold_nan: false,
                    ..known
                };
                statistics.columns = bounded;
            }
            Fault::BoundsTooTightly => {
                bounded[2] = ColumnStatistics {
                    max: Some(4.0.into()),
                    ..known
                };
                statistics.columns = bounded;
            }
            Fault::ClaimsAnOrder => properties.ordering = vec![1, 0],
            Fault::ClaimsUniqueness => properties.unique = vec![vec![0], vec![1]],
            Fault::ClaimsClusters => properties.clustering = vec![1],
            _ => {
                bounded[2] = known;
                statistics.columns = bounded;
                properties.ordering = vec![0, 1];
                properties.unique = vec![vec![0]];
            }
        }
        properties
    }

    fn supports_filters(&self, filters: &[&Expr], columns: &Schema) -> Vec<FilterPushdown> {
        match self.fault {
            Fault::ClaimsInexactButLosesRows => vec![FilterPushdown::Inexact; filters.len()],
            Fault::AnswersTooFewFilters => Vec::new(),
            _ => self.table.supports_filters(filters, columns),
        }
    }

    fn scan(&self, mut request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        let again = self
            .scanned
            .swap(true, std::sync::atomic::Ordering::Relaxed);
        let mut fault = self.fault;
        match self.fault {
            Fault::RunsOnceOnly if again => return Err(broken("it was scanned before")),
            Fault::IgnoresTheBatchSize => request.batch_size = 1024,
            Fault::IgnoresTheProjection => {
                request.projection = (0..request.columns.len()).collect()
            }
            Fault::LosesRowsWithoutColumns if !request.projection.is_empty() => fault = Fault::None,
            Fault::StopsAfterTheLimitTooEarly => {
                request.limit = request.limit.map(|limit| limit.saturating_sub(1));
            }
            Fault::ClaimsExactButFiltersNothing => request.filters.clear(),
            Fault::ClaimsInexactButLosesRows if request.filters.is_empty() => fault = Fault::None,
            Fault::TriesFallibleFiltersEarly => request.filters.reverse(),
            _ => {}
        }
        Ok(Arc::new(FaultyScan {
            scan: self.table.scan(request)?,
            fault,
        }))
    }
}

#[derive(Debug)]
struct FaultyScan {
    scan: Arc<dyn TableScan>,
    fault: Fault,
}

impl TableScan for FaultyScan {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn ScanReader>> {
        let reader = self.scan.open(cx)?;
        Ok(Box::new(FaultyReader {
            reader,
            fault: self.fault,
            ordinal: 0,
            calls: 0,
        }))
    }
}

struct FaultyReader {
    reader: Box<dyn ScanReader>,
    fault: Fault,
    ordinal: u64,
    calls: u64,
}

impl FaultyReader {
    /// The context that the table gets to see.
    fn context<'a>(
        &self,
        cx: &'a mut TaskContext,
        other: &'a mut TaskContext,
    ) -> &'a mut TaskContext {
        if self.fault == Fault::IgnoresTheCancellation {
            other
        } else {
            cx
        }
    }
}

impl ScanReader for FaultyReader {
    fn claim(&mut self, cx: &mut TaskContext) -> Result<Claim> {
        self.calls += 1;
        if self.fault == Fault::BlocksForAWhile && !self.calls.is_multiple_of(3) {
            return Ok(Claim::Blocked);
        }
        let mut other = TaskContext::standalone();
        let claim = self.reader.claim(self.context(cx, &mut other))?;
        Ok(match (claim, self.fault) {
            (Claim::Split(ordinal), fault) => {
                self.ordinal = ordinal;
                match fault {
                    Fault::SwapsSplits => Claim::Split(ordinal ^ 1),
                    Fault::SkipsAnOrdinal if ordinal > 0 => Claim::Split(ordinal + 1),
                    _ => Claim::Split(ordinal),
                }
            }
            (Claim::Finished { splits }, Fault::MiscountsSplits) => {
                Claim::Finished { splits: splits + 1 }
            }
            (claim, _) => claim,
        })
    }

    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<ScanStatus> {
        self.calls += 1;
        if self.fault == Fault::BlocksForAWhile && !self.calls.is_multiple_of(2) {
            return Ok(ScanStatus::Blocked);
        }
        let mut other = TaskContext::standalone();
        let status = self.reader.next(out, self.context(cx, &mut other))?;
        let last = status == ScanStatus::SplitFinished && self.ordinal == 1;
        match self.fault {
            Fault::LosesTheLastRow if last => {
                let selected = out.selected();
                out.selection_mut().slice(0, selected.saturating_sub(1));
            }
            Fault::GivesARowTwice if last && out.rows() > 1 => {
                let twice = UInt32Array::from(vec![0, 0]);
                let twice = |c: &Column| Column::flat(take(&c.to_flat(), &twice, None).unwrap());
                let columns: Vec<Column> = out.columns().iter().map(twice).collect();
                out.replace(columns, 2);
            }
            Fault::LosesRowsWithoutColumns | Fault::ClaimsInexactButLosesRows if last => {
                let rows = out.rows();
                *out.selection_mut() = Selection::none(rows);
            }
            Fault::SetsTheOrder => out.set_order(esker_datatypes::Order::default()),
            _ => {}
        }
        Ok(status)
    }
}

fn rows() -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
    let texts = (0..10).map(|i| (i % 4 != 0).then(|| format!("text {}", i % 3)));
    let texts: ArrayRef = Arc::new(texts.collect::<StringViewArray>());
    let floats = (0..10).map(|i| match i % 5 {
        0 => None,
        1 => Some(f64::NAN),
        2 => Some(0.0),
        _ => Some(f64::from(i) / 2.0),
    });
    let floats: ArrayRef = Arc::new(floats.collect::<Float64Array>());
    RecordBatch::try_from_iter([("id", ids), ("text", texts), ("float", floats)]).unwrap()
}

fn run(fault: Fault) -> Result<()> {
    let batch = rows();
    let table = MemTable::try_new(vec![batch.clone()])
        .unwrap()
        .with_split_rows(5);
    check(
        &Faulty {
            table,
            fault,
            scanned: false.into(),
        },
        &[batch],
    )
}

#[test]
fn a_good_source_passes() {
    run(Fault::BlocksForAWhile).unwrap();
}

#[test]
fn every_fault_is_found() {
    let check = |fault: Fault, want: &str| {
        let error = run(fault)
            .expect_err(&format!("{fault:?} was not found"))
            .to_string();
        assert!(error.contains(want), "{fault:?}: {error}");
    };
    check(Fault::LosesTheLastRow, "the first missing is (9,");
    check(Fault::GivesARowTwice, "row 9 is (8, NULL, 4.0) where (9,");
    check(Fault::SwapsSplits, "claimed split 1 where 0 was next");
    check(Fault::SkipsAnOrdinal, "claimed split 2 where 1 was next");
    check(
        Fault::MiscountsSplits,
        "was told of 3 splits, but 2 were claimed",
    );
    check(
        Fault::IgnoresTheBatchSize,
        "a batch has 5 rows where 1 were asked for",
    );
    check(
        Fault::IgnoresTheProjection,
        "a batch has 3 columns where 0 were asked for",
    );
    check(
        Fault::LosesRowsWithoutColumns,
        "the source gave 5 rows where 10 were expected",
    );
    check(
        Fault::DeclaresAnotherType,
        "the schema has a column 'id' of Boolean",
    );
    check(Fault::SetsTheOrder, "a reader set the order");
    check(Fault::StopsAfterTheLimitTooEarly, "limited to 1");
    check(Fault::ClaimsExactButFiltersNothing, "where #id IS NULL");
    check(Fault::ClaimsInexactButLosesRows, "out of order");
    check(
        Fault::AnswersTooFewFilters,
        "supports_filters gave 0 answers to one filter",
    );
    check(
        Fault::TriesFallibleFiltersEarly,
        "a fallible filter was tried on row",
    );
    check(
        Fault::IgnoresTheCancellation,
        "cancelled after 0 steps read on to the end",
    );
    check(Fault::RunsOnceOnly, "it was scanned before");
    check(
        Fault::MiscountsRows,
        "the source says it has 9 rows, not 10",
    );
    check(
        Fault::MiscountsNulls,
        "the source says 1 values are null, but 2 are",
    );
    check(
        Fault::HidesNan,
        "row 1 is NaN, which the source says there is not",
    );
    check(
        Fault::BoundsTooTightly,
        "4.5 in row 9 is outside of the bounds",
    );
    check(
        Fault::ClaimsAnOrder,
        "the rows are not sorted by columns [1, 0]",
    );
    check(Fault::ClaimsUniqueness, "twice");
    check(Fault::ClaimsClusters, "is not clustered");
}

#[test]
fn errors_name_scan_row_and_column() {
    let batch = rows();
    let table = MemTable::try_new(vec![batch.clone()]).unwrap();
    let other: ArrayRef = Arc::new(Int64Array::from_iter_values((0..10).map(|i| i.min(8))));
    let mut columns = batch.columns().to_vec();
    columns[0] = other;
    let other = RecordBatch::try_new(batch.schema(), columns).unwrap();
    assert_eq!(
        check(&table, &[other]).unwrap_err().to_string(),
        "row 9 is (9, text 0, 4.5) where (8, text 0, 4.5) was expected (in column 'id', in a scan \
         of columns [0, 1, 2] in batches of 1)"
    );
}
