//! What a source says of its rows.

use std::collections::HashSet;

use arrow::array::{Array, AsArray};
use esker_datatypes::{Buffers, Column, ColumnStatistics, Result, ScalarValue, Selection};
use esker_kernels::compare::{CompareOp, compare};

use super::broken;
use super::rows::Rows;
use crate::source::SourceProperties;

/// Whatever is said to be exact is true.
pub(super) fn check(properties: &SourceProperties, all: &Rows) -> Result<()> {
    if let Some(rows) = properties.statistics.rows.exact()
        && rows != all.len() as u64
    {
        return Err(broken(format!(
            "the source says it has {rows} rows, not {}",
            all.len()
        )));
    }
    let columns = &properties.statistics.columns;
    if !columns.is_empty() && columns.len() != all.width() {
        return Err(broken(format!(
            "there are statistics of {} columns, not {}",
            columns.len(),
            all.width()
        )));
    }
    for (i, statistics) in columns.iter().enumerate() {
        check_column(statistics, &all.column(i)?).map_err(|e| e.in_column(all.name(i)))?;
    }
    check_ordering(&properties.ordering, all)?;
    for columns in &properties.unique {
        let mut seen = HashSet::new();
        for row in 0..all.len() {
            let values = shown(all, columns, row)?;
            if !seen.insert(values.clone()) {
                return Err(broken(format!("columns {columns:?} hold {values} twice")));
            }
        }
    }
    for &column in &properties.clustering {
        let mut seen = HashSet::new();
        let mut last = None;
        for row in 0..all.len() {
            let value = shown(all, &[column], row)?;
            if last.as_ref() != Some(&value) && !seen.insert(value.clone()) {
                return Err(broken(format!(
                    "column {column} is not clustered: {value} comes again in row {row}"
                )));
            }
            last = Some(value);
        }
    }
    Ok(())
}

fn check_column(statistics: &ColumnStatistics, column: &Column) -> Result<()> {
    let nulls = column.nulls().map_or(0, |nulls| nulls.null_count() as u64);
    if let Some(said) = statistics.null_count.exact()
        && said != nulls
    {
        return Err(broken(format!(
            "the source says {said} values are null, but {nulls} are"
        )));
    }
    let mut distinct = HashSet::new();
    for row in 0..column.len() {
        let value = column.value(row)?;
        let nan = value.as_f64().is_some_and(f64::is_nan);
        if nan && !statistics.may_hold_nan {
            return Err(broken(format!(
                "row {row} is NaN, which the source says there is not"
            )));
        }
        if value.is_null() {
            continue;
        }
        distinct.insert(value.to_string());
        if nan {
            continue;
        }
        let outside = |op, bound: &Option<ScalarValue>| match bound {
            Some(bound) if !bound.is_null() => holds(op, &value, bound),
            _ => Ok(false),
        };
        if outside(CompareOp::Lt, &statistics.min)? || outside(CompareOp::Gt, &statistics.max)? {
            return Err(broken(format!(
                "{value} in row {row} is outside of the bounds"
            )));
        }
    }
    if let Some(said) = statistics.distinct_count.exact()
        && said != distinct.len() as u64
    {
        return Err(broken(format!(
            "the source says there are {said} different values, but there are {}",
            distinct.len()
        )));
    }
    Ok(())
}

/// Ascending, nulls last, the first column first.
fn check_ordering(ordering: &[usize], all: &Rows) -> Result<()> {
    let columns: Vec<Column> = ordering
        .iter()
        .map(|&c| all.column(c))
        .collect::<Result<_>>()?;
    for row in 1..all.len() {
        for column in &columns {
            let (before, after) = (column.value(row - 1)?, column.value(row)?);
            let ascends = match (before.is_null(), after.is_null()) {
                (true, true) => continue,
                (false, true) => true,
                (true, false) => false,
                (false, false) if holds(CompareOp::Eq, &before, &after)? => continue,
                (false, false) => holds(CompareOp::Lt, &before, &after)?,
            };
            if !ascends {
                return Err(broken(format!(
                    "the rows are not sorted by columns {ordering:?}: {} comes before {}",
                    all.show(row - 1),
                    all.show(row)
                )));
            }
            break;
        }
    }
    Ok(())
}

fn holds(op: CompareOp, left: &ScalarValue, right: &ScalarValue) -> Result<bool> {
    let column = |value: &ScalarValue| Column::constant(value.clone(), 1);
    let (left, right) = (column(left), column(right));
    let result = compare(
        op,
        &left,
        &right,
        &Selection::all(1),
        &mut Buffers::default(),
    )?
    .to_flat();
    Ok(result
        .as_boolean_opt()
        .is_some_and(|mask| mask.is_valid(0) && mask.value(0)))
}

/// The values of a row in some columns, as text.
fn shown(all: &Rows, columns: &[usize], row: usize) -> Result<String> {
    let mut values = Vec::with_capacity(columns.len());
    for &column in columns {
        values.push(all.column(column)?.value(row)?.to_string());
    }
    Ok(values.join(", "))
}
