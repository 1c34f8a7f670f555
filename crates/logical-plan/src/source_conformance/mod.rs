//! The suite that every source must pass.
//!
//! A source is somebody's code that the engine trusts: if it loses a row, answers are wrong, and if
//! it keeps one that its filter should have removed, so are they. `check` puts a source through
//! what engines do with one, and compares with the rows it should hold, to the bit.
//!
//! It scans the source many hundred times: give it a table of a few dozen rows, of several splits if
//! the source can make them small, with nulls and repeated values.

/// Filters pushed into scans.
mod filters;
/// Scans, as an engine drives them.
mod reading;
/// Rows, and how they compare.
mod rows;
/// What a source says of its rows.
mod statistics;

use std::sync::Arc;

use arrow::array::RecordBatch;
use esker_datatypes::{Error, Result};
use esker_runtime::TaskContext;

use crate::source::TableSource;
use reading::{Ask, Reading};
use rows::Rows;

/// Checks that a source holds these rows, in this order, and keeps its promises:
///
/// - the schema has the names and types of the expected batches;
/// - a scan gives the expected rows when its splits are put in the order of their ordinals, whatever
///   the batch size, with any projection (none of the columns, too) and with one reader or two;
/// - ordinals are dense and ascend in the order of the claims;
/// - batches are no larger than was asked for, and of the declared types;
/// - a limit leaves the rows from the front;
/// - filters that it claims to apply exactly are, also those on columns that are not delivered, and
///   no fallible one is tried on rows that an earlier one removed; inexact ones lose no row;
/// - it can be scanned again and again, also while another scan is on, and after a reader was
///   dropped half-way;
/// - a cancelled query ends with `Cancelled`;
/// - what it says of its rows exactly (counts, bounds, order, uniqueness) is true.
///
/// # Errors
/// `InvalidInput` with the promise that was broken, and in which scan; errors of the source.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Int64Array, RecordBatch};
/// use esker_logical_plan::{MemTable, source_conformance};
///
/// let ids = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
/// let batch = RecordBatch::try_from_iter([("id", ids as _)]).map_err(esker_datatypes::Error::from)?;
/// let table = MemTable::try_new(vec![batch.clone()])?;
/// source_conformance::check(&table, &[batch.clone()])?;
/// assert!(source_conformance::check(&table, &[batch.slice(0, 2)]).is_err());
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn check(source: &dyn TableSource, expected: &[RecordBatch]) -> Result<()> {
    let all = Rows::expected(&source.schema(), expected)?;
    let width = all.width();
    for batch_size in [1, 3, 1024] {
        let ask = Ask {
            batch_size,
            ..Ask::all(width)
        };
        ask.read(source, 1)?
            .check_equals(&all)
            .map_err(|e| ask.explain(e))?;
    }
    for ask in projections(width) {
        let wanted = all.project(&ask.delivered())?;
        ask.read(source, 1)?
            .check_equals(&wanted)
            .map_err(|e| ask.explain(e))?;
    }
    for limit in [0, 1, 2, all.len() / 2, all.len(), all.len() + 1] {
        let ask = Ask {
            limit: Some(limit as u64),
            batch_size: 2,
            ..Ask::all(width)
        };
        ask.read(source, 1)?
            .check_limited(&all, limit)
            .map_err(|e| ask.explain(e))?;
    }
    for readers in [2, 3] {
        let ask = Ask {
            batch_size: 2,
            ..Ask::all(width)
        };
        let rows = ask.read(source, readers)?;
        rows.check_equals(&all)
            .map_err(|e| ask.explain(e).in_node("two readers together"))?;
    }
    two_scans_at_once(source, &all)?;
    half_read(source, &all)?;
    cancelled(source, &all)?;
    filters::check(source, &all)?;
    statistics::check(&source.properties(), &all)
}

/// An error that names the promise that a source broke.
fn broken(promise: impl Into<String>) -> Error {
    Error::invalid_input(promise)
}

/// No column, each alone, all backwards, every other one of all and of themselves.
fn projections(width: usize) -> Vec<Ask> {
    let mut asks = vec![Ask {
        columns: Vec::new(),
        projection: Vec::new(),
        ..Ask::all(width)
    }];
    asks.push(Ask {
        projection: Vec::new(),
        ..Ask::all(width)
    });
    for column in 0..width {
        asks.push(Ask {
            columns: vec![column],
            projection: vec![0],
            ..Ask::all(width)
        });
    }
    asks.push(Ask {
        projection: (0..width).rev().collect(),
        ..Ask::all(width)
    });
    asks.push(Ask {
        projection: (0..width).step_by(2).collect(),
        ..Ask::all(width)
    });
    let odd: Vec<usize> = (0..width).skip(1).step_by(2).collect();
    asks.push(Ask {
        projection: (0..odd.len()).collect(),
        columns: odd,
        ..Ask::all(width)
    });
    asks
}

/// Two scans of a source do not know of each other.
fn two_scans_at_once(source: &dyn TableSource, all: &Rows) -> Result<()> {
    let ask = Ask {
        batch_size: 2,
        ..Ask::all(all.width())
    };
    let (mut first, mut second) = (
        Reading::start(source, &ask, 1)?,
        Reading::start(source, &ask, 1)?,
    );
    while first.turn()? | second.turn()? {}
    for reading in [first, second] {
        let rows = reading.finish()?;
        rows.check_equals(all)
            .map_err(|e| e.in_node("two scans at once"))?;
    }
    Ok(())
}

/// A reader that is dropped takes its split along and nothing else.
fn half_read(source: &dyn TableSource, all: &Rows) -> Result<()> {
    let ask = Ask {
        batch_size: 1,
        ..Ask::all(all.width())
    };
    let mut reading = Reading::start(source, &ask, 1)?;
    // A claim and, if there is anything, a batch.
    let _ = reading.turn()? && reading.turn()?;
    reading.replace_readers()?;
    while reading.turn()? {}
    let explain = |e: Error| e.in_node("a scan of which a reader was dropped half-way");
    let rest = reading.finish().map_err(explain)?;
    rest.check_part_of(all).map_err(explain)?;
    ask.read(source, 1)?.check_equals(all).map_err(explain)
}

/// Whoever reads on after a query was cancelled is told so.
fn cancelled(source: &dyn TableSource, all: &Rows) -> Result<()> {
    let ask = Ask {
        batch_size: 1,
        ..Ask::all(all.width())
    };
    // With the last row read there may be nothing left to refuse.
    for turns in [0, 1, 2].into_iter().take(all.len()) {
        let mut reading = Reading::start(source, &ask, 1)?;
        for _ in 0..turns {
            reading.turn()?;
        }
        reading.cancel();
        let ended = loop {
            match reading.turn() {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => break Some(error),
            }
        };
        match ended {
            Some(error) if matches!(error.kind(), esker_datatypes::ErrorKind::Cancelled) => {}
            Some(error) => return Err(error.in_node("a cancelled query")),
            None => {
                return Err(broken(format!(
                    "a query that was cancelled after {turns} steps read on to the end"
                )));
            }
        }
    }
    Ok(())
}

/// A context of a query without workers.
fn context() -> (Arc<esker_runtime::QueryContext>, TaskContext) {
    let cx = TaskContext::standalone();
    (Arc::clone(&cx.query), cx)
}

#[cfg(test)]
mod tests;
