//! Whether the engine's rows are the wanted ones.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type,
    TimestampMicrosecondType, UInt64Type,
};
use esker_dataframe::{Error, ErrorKind, Table};

use super::plan::Plan;
use super::relation::{Relation, Row, Stop};
use super::settings::{Optimizing, Setting};
use super::types::Type;
use super::value::{Decimal, Value};

/// What is wrong with an outcome, if something is.
pub(crate) type Judgement = Result<(), String>;

/// Compares what the engine gave for a plan with what is wanted.
///
/// Where evaluating fails the engine must fail alike, unless it was free to leave out what fails: a
/// rule may (S17), and so may whatever wants a part of the rows only.
pub(crate) fn judge(
    plan: &Plan,
    setting: Setting,
    wanted: &Result<Relation, Stop>,
    got: &Result<Table, Error>,
) -> Judgement {
    match (wanted, got) {
        (Ok(wanted), Ok(got)) => judge_rows(wanted, got),
        (Ok(wanted), Err(error)) => Err(format!(
            "wanted {} rows, got the error: {error}",
            wanted.rows.len()
        )),
        (Err(Stop::Fails(why)), Ok(_)) => {
            let must_fail = setting.optimizing == Optimizing::Off && !leaves_out(plan);
            let missing = || Err(format!("wanted an error ({why}), got rows"));
            if must_fail { missing() } else { Ok(()) }
        }
        (Err(Stop::Fails(why)), Err(error)) => match error.kind() {
            ErrorKind::Evaluation { .. } | ErrorKind::InvalidInput { .. } => Ok(()),
            _ => Err(format!("wanted an error ({why}), got another: {error}")),
        },
        (Err(stop), _) => Err(format!("this is no test: {stop:?}")),
    }
}

/// Whether only a part of some rows is wanted: then how far a plan reads is open.
pub(crate) fn leaves_out(plan: &Plan) -> bool {
    plan.any(&|plan: &Plan| matches!(plan, Plan::Slice(..) | Plan::Sort(_, _, Some(_))))
}

fn judge_rows(wanted: &Relation, got: &Table) -> Judgement {
    let names: Vec<&str> = wanted.columns.iter().map(|c| c.name.as_str()).collect();
    let fields = got.schema().fields();
    let got_names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    if names != got_names {
        return Err(format!("wanted columns {names:?}, got {got_names:?}"));
    }
    for (column, field) in wanted.columns.iter().zip(fields) {
        if Type::of(field.data_type()) != Some(column.data_type) {
            return Err(format!(
                "column {} should be {:?} and is {}",
                column.name,
                column.data_type,
                field.data_type()
            ));
        }
    }
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for batch in got.batches() {
        let columns = batch.columns().iter().map(values_of);
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let row = |at: usize| columns.iter().map(|column| column[at].clone()).collect();
        rows.extend((0..batch.num_rows()).map(row));
    }
    if rows.len() != wanted.rows.len() {
        let extra = difference(wanted, &rows);
        return Err(format!(
            "wanted {} rows, got {}{extra}",
            wanted.rows.len(),
            rows.len()
        ));
    }
    // Rows of one rank may come in any order.
    let mut start = 0;
    while let Some(first) = wanted.rows.get(start) {
        let rest = wanted.rows[start..].iter();
        let end = start + rest.take_while(|row| row.rank == first.rank).count();
        compare_block(wanted, start, &mut rows[start..end])?;
        start = end;
    }
    Ok(())
}

/// Compares rows of one rank, beginning at a row, as sets.
fn compare_block(wanted: &Relation, start: usize, got: &mut [Vec<Value>]) -> Judgement {
    let block = &wanted.rows[start..start + got.len()];
    let mut block: Vec<&Vec<Value>> = block.iter().map(|row| &row.values).collect();
    if block.len() > 1 {
        let approximate: Vec<bool> = wanted.columns.iter().map(|c| c.approximate).collect();
        block.sort_by(|a, b| exact_columns_first(a, b, &approximate));
        got.sort_by(|a, b| exact_columns_first(a, b, &approximate));
    }
    for (at, (want, got)) in block.iter().zip(got.iter()).enumerate() {
        let mut cells = want.iter().zip(got).zip(&wanted.columns);
        if !cells.all(|((want, got), column)| same(want, got, column.approximate)) {
            let one = block.len() == 1;
            let place = if one { "row" } else { "sorted row" };
            return Err(format!(
                "{place} {}: wanted {}, got {}",
                start + at,
                show(want),
                show(got)
            ));
        }
    }
    Ok(())
}

fn exact_columns_first(a: &[Value], b: &[Value], approximate: &[bool]) -> Ordering {
    let by = |wanted: bool| {
        let cells = a.iter().zip(b).zip(approximate);
        let mut orders = cells.filter(|(_, own)| **own == wanted);
        let order = orders.find_map(|((a, b), _)| Some(a.cmp(b)).filter(|order| order.is_ne()));
        order.unwrap_or(Ordering::Equal)
    };
    by(false).then_with(|| by(true))
}

/// Whether two values are the same, up to rounding where that is allowed.
fn same(want: &Value, got: &Value, approximate: bool) -> bool {
    match (want, got) {
        (Value::Float(want), Value::Float(got)) if approximate => {
            let tolerance = 1e-9 * want.abs().max(got.abs());
            want == got || (want.is_nan() && got.is_nan()) || (want - got).abs() <= tolerance
        }
        (want, got) => want == got,
    }
}

/// The first row that only one side has.
fn difference(wanted: &Relation, got: &[Vec<Value>]) -> String {
    let mut left: Vec<&Vec<Value>> = wanted.rows.iter().map(|row: &Row| &row.values).collect();
    let mut right: Vec<&Vec<Value>> = got.iter().collect();
    left.sort();
    right.sort();
    let same = left.iter().zip(&right).take_while(|(l, r)| l == r).count();
    let side = |rows: &[&Vec<Value>]| rows.get(same).map_or("none".to_owned(), |row| show(row));
    format!(
        "; the first that differ, sorted: wanted {}, got {}",
        side(&left),
        side(&right)
    )
}

fn show(row: &[Value]) -> String {
    let cells: Vec<String> = row.iter().map(Value::to_string).collect();
    format!("[{}]", cells.join(", "))
}

/// The values of an array.
fn values_of(array: &ArrayRef) -> Result<Vec<Value>, String> {
    let to = |to: DataType| cast(array, &to).map_err(|error| error.to_string());
    let values: Vec<Value> = match Type::of(array.data_type()) {
        Some(Type::Int {
            bits: 64,
            signed: false,
        }) => {
            let array = array.as_primitive::<UInt64Type>();
            array
                .values()
                .iter()
                .map(|&v| Value::Int(v.into()))
                .collect()
        }
        Some(Type::Int { .. }) => {
            let array = to(DataType::Int64)?;
            let array = array.as_primitive::<Int64Type>();
            array
                .values()
                .iter()
                .map(|&v| Value::Int(v.into()))
                .collect()
        }
        Some(Type::Float32) => {
            let array = array.as_primitive::<Float32Type>();
            array
                .values()
                .iter()
                .map(|&v| Value::Float(v.into()))
                .collect()
        }
        Some(Type::Float64) => {
            let array = array.as_primitive::<Float64Type>();
            array.values().iter().map(|&v| Value::Float(v)).collect()
        }
        Some(Type::Decimal(_, scale)) => {
            let array = array.as_primitive::<Decimal128Type>();
            let value = |&digits: &i128| Value::Decimal(Decimal::new(digits, scale.into()));
            array.values().iter().map(value).collect()
        }
        Some(Type::Bool) => {
            let array = array.as_boolean();
            array.values().iter().map(Value::Bool).collect()
        }
        Some(Type::Date) => {
            let array = array.as_primitive::<Date32Type>();
            array.values().iter().map(|&v| Value::Date(v)).collect()
        }
        Some(Type::Instant) => {
            let array = array.as_primitive::<TimestampMicrosecondType>();
            array.values().iter().map(|&v| Value::Instant(v)).collect()
        }
        Some(Type::Text) => {
            let array = to(DataType::Utf8)?;
            let array = array.as_string::<i32>();
            let text = |value: Option<&str>| Value::text(value.unwrap_or_default());
            array.iter().map(text).collect()
        }
        None => return Err(format!("a column of {}", array.data_type())),
    };
    let Some(nulls) = array.logical_nulls() else {
        return Ok(values);
    };
    let values = values.into_iter().enumerate();
    let value = |(at, value)| {
        if nulls.is_null(at) {
            Value::Null
        } else {
            value
        }
    };
    Ok(values.map(value).collect())
}
