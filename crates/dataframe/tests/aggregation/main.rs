//! Aggregations and distinct through planner and pipelines, against naive oracles: over keys of
//! several types, encodings, selections, splits, and every setting that must not matter.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod distinct;
mod errors;
mod groups;
mod types;

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, StringViewArray,
};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use esker_datatypes::Result;
use esker_logical_expr::col;
use esker_logical_plan::{LogicalPlan, LogicalPlanBuilder, MemTable};
use esker_optimizer::Analyzer;
use esker_physical_plan::{Delivery, PhysicalPlan, Planner, start};
use esker_runtime::{MemoryBudget, QueryContext, WorkerPool};
use proptest::prelude::*;

/// A value as the oracles see it: equal as grouping has it.
#[derive(Clone, Debug)]
enum Cell {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
}

impl Cell {
    fn of(array: &ArrayRef, row: usize) -> Self {
        if array.is_null(row) {
            return Self::Null;
        }
        match array.data_type() {
            DataType::Int64 => Self::Int(array.as_primitive::<Int64Type>().value(row)),
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>().value(row)),
            DataType::Utf8 => Self::Text(array.as_string::<i32>().value(row).to_owned()),
            DataType::Utf8View => Self::Text(array.as_string_view().value(row).to_owned()),
            other => panic!("no cell of {other}"),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 3,
            Self::Int(_) => 0,
            Self::Float(_) => 1,
            Self::Text(_) => 2,
        }
    }
}

impl Ord for Cell {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) if a.is_nan() || b.is_nan() => {
                a.is_nan().cmp(&b.is_nan())
            }
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b).unwrap(),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Cell {}

type Row = Vec<Cell>;

/// The columns of the input: i and n are integers, f floats, s text in the old layout, t views.
const NAMES: [&str; 5] = ["i", "f", "s", "t", "n"];

fn schema() -> Arc<Schema> {
    let types = [
        DataType::Int64,
        DataType::Float64,
        DataType::Utf8,
        DataType::Utf8View,
        DataType::Int64,
    ];
    let fields = NAMES.iter().zip(types);
    let fields: Vec<Field> = fields.map(|(n, t)| Field::new(*n, t, true)).collect();
    Arc::new(Schema::new(fields))
}

fn batch_of(rows: &[Row]) -> RecordBatch {
    let int = |at: usize| -> ArrayRef {
        let value = |row: &Row| match row[at] {
            Cell::Int(value) => Some(value),
            _ => None,
        };
        Arc::new(rows.iter().map(value).collect::<Int64Array>())
    };
    let float = |row: &Row| match row[1] {
        Cell::Float(value) => Some(value),
        _ => None,
    };
    let text = |at: usize| {
        rows.iter().map(move |row| match &row[at] {
            Cell::Text(value) => Some(value.clone()),
            _ => None,
        })
    };
    let columns: Vec<ArrayRef> = vec![
        int(0),
        Arc::new(rows.iter().map(float).collect::<Float64Array>()),
        Arc::new(text(2).collect::<StringArray>()),
        Arc::new(text(3).collect::<StringViewArray>()),
        int(4),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn row() -> impl Strategy<Value = Row> {
    let int = prop_oneof![1 => Just(Cell::Null), 6 => (-2..3i64).prop_map(Cell::Int)];
    let float = prop_oneof![
        Just(Cell::Null),
        Just(Cell::Float(0.0)),
        Just(Cell::Float(-0.0)),
        Just(Cell::Float(f64::NAN)),
        Just(Cell::Float(-f64::NAN)),
        Just(Cell::Float(1.5)),
    ];
    let text = || {
        prop_oneof![
            Just(Cell::Null),
            Just(Cell::Text(String::new())),
            Just(Cell::Text("a".to_owned())),
            Just(Cell::Text("more than twelve bytes".to_owned())),
            Just(Cell::Text("more than twelve bytes, too".to_owned())),
        ]
    };
    let value = prop_oneof![1 => Just(Cell::Null), 4 => (-100..100i64).prop_map(Cell::Int)];
    (int, float, text(), text(), value).prop_map(|(i, f, s, t, n)| vec![i, f, s, t, n])
}

/// What must not matter.
#[derive(Clone, Debug)]
struct Settings {
    threads: usize,
    batch_size: usize,
    split_rows: usize,
    dictionaries: bool,
    constant_hash: bool,
    memory: Arc<MemoryBudget>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: 2,
            batch_size: 1024,
            split_rows: 1 << 16,
            dictionaries: false,
            constant_hash: false,
            memory: MemoryBudget::unlimited(),
        }
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let threads = prop_oneof![Just(1usize), Just(2), Just(4)];
    let batch_size = prop_oneof![Just(1usize), Just(3), Just(1024)];
    let split_rows = prop_oneof![Just(1usize), Just(5), Just(64)];
    let any = prop::bool::ANY;
    (threads, batch_size, split_rows, any, any).prop_map(
        |(threads, batch_size, split_rows, dictionaries, constant_hash)| Settings {
            threads,
            batch_size,
            split_rows,
            dictionaries,
            constant_hash,
            ..Settings::default()
        },
    )
}

/// Rows in batches.
#[derive(Clone, Debug)]
struct Input {
    batches: Vec<Vec<Row>>,
    /// Rows whose n is 0 or null are filtered out.
    filtered: bool,
}

impl Input {
    /// The rows that the filter leaves.
    fn rows(&self) -> Vec<Row> {
        let mut rows = self.batches.concat();
        if self.filtered {
            rows.retain(|row| matches!(row[4], Cell::Int(n) if n != 0));
        }
        rows
    }

    fn plan(&self, settings: &Settings) -> LogicalPlanBuilder {
        let batches = self.batches.iter().map(|rows| batch_of(rows)).collect();
        let table = MemTable::with_schema(schema(), batches).unwrap();
        let table = table.with_split_rows(settings.split_rows);
        let plan = LogicalPlanBuilder::scan("input", Arc::new(table));
        if self.filtered {
            plan.filter(col("n").neq(0i64)).unwrap()
        } else {
            plan
        }
    }
}

fn inputs() -> impl Strategy<Value = Input> {
    let batch = prop_oneof![
        prop::collection::vec(row(), 0..4),
        prop::collection::vec(row(), 20..60)
    ];
    let batches = prop::collection::vec(batch, 0..6);
    (batches, prop::bool::ANY).prop_map(|(batches, filtered)| Input { batches, filtered })
}

fn physical(plan: LogicalPlan, settings: &Settings) -> PhysicalPlan {
    let planner = Planner::new(settings.batch_size)
        .with_dictionary_strings(settings.dictionaries)
        .with_constant_hash(settings.constant_hash);
    planner.plan(&Analyzer::analyze(plan).unwrap()).unwrap()
}

/// The batches of a plan's result, whose types are those that the plan has.
fn collect(plan: LogicalPlan, settings: &Settings) -> Result<Vec<RecordBatch>> {
    let schema = plan.schema().to_arrow();
    let physical = physical(plan, settings);
    let pool = WorkerPool::new(settings.threads);
    let query = QueryContext::new(&pool, Arc::clone(&settings.memory));
    let running = start(
        &physical,
        Arc::clone(&schema),
        query,
        settings.batch_size,
        Delivery::Collect,
    )?;
    let batches = running.collect()?;
    for batch in &batches {
        assert!(batch.num_rows() <= settings.batch_size, "batches are small");
        assert_eq!(batch.schema(), schema);
    }
    Ok(batches)
}

/// The rows of a plan's result.
fn run(plan: LogicalPlan, settings: &Settings) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for batch in collect(plan, settings)? {
        let columns = batch.columns();
        let row = |row| columns.iter().map(|column| Cell::of(column, row)).collect();
        rows.extend((0..batch.num_rows()).map(row));
    }
    Ok(rows)
}

/// Compares rows: in their order, or in any.
fn check(mut found: Vec<Row>, mut want: Vec<Row>, ordered: bool) {
    if !ordered {
        found.sort();
        want.sort();
    }
    assert_eq!(found, want);
}
