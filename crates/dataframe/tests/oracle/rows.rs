//! The plan nodes over one or more relations, but for joins and groups.

use super::eval::{Scope, cast, eval};
use super::expr::Expr;
use super::groups::{distinct, group};
use super::join::{broadcast, cross, join};
use super::plan::{Plan, SortKey};
use super::relation::{Column, Relation, Row, Stop};
use super::table::Table;
use super::types::Type;
use super::typing::{Typed, compile};
use super::value::Value;

/// The rows of a plan over tables.
pub(crate) fn evaluate(plan: &Plan, tables: &[Table]) -> Result<Relation, Stop> {
    let inputs = plan.inputs().into_iter();
    let inputs = inputs.map(|input| evaluate(input, tables));
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    apply(plan, &inputs.iter().collect::<Vec<_>>(), tables)
}

/// The rows of a step over the rows of those below.
pub(crate) fn apply(plan: &Plan, inputs: &[&Relation], tables: &[Table]) -> Result<Relation, Stop> {
    let missing = || Stop::Invalid("an input is missing".to_owned());
    let input = inputs.first().copied();
    let both = || Some((input?, inputs.get(1).copied()?));
    match plan {
        Plan::Scan(at) => Ok(tables.get(*at).ok_or_else(missing)?.to_relation()),
        Plan::Filter(_, predicate) => filter(input.ok_or_else(missing)?, predicate),
        Plan::Select(_, exprs) => select(input.ok_or_else(missing)?, exprs),
        Plan::WithColumn(_, name, expr) => with_column(input.ok_or_else(missing)?, name, expr),
        Plan::Slice(_, offset, rows) => slice(input.ok_or_else(missing)?, *offset, *rows),
        Plan::Sort(_, keys, rows) => {
            let sorted = sort(input.ok_or_else(missing)?, keys)?;
            rows.map_or(Ok(sorted.clone()), |rows| slice(&sorted, 0, Some(rows)))
        }
        Plan::Distinct(_, on, options) => {
            distinct(input.ok_or_else(missing)?, on.as_deref(), *options)
        }
        Plan::Aggregate(_, keys, aggs, options) => {
            group(input.ok_or_else(missing)?, keys, aggs, *options)
        }
        Plan::Union(..) => {
            let (left, right) = both().ok_or_else(missing)?;
            union(left, right)
        }
        Plan::Join(_, _, options) => {
            let (left, right) = both().ok_or_else(missing)?;
            join(left, right, options)
        }
        Plan::Cross(..) => {
            let (left, right) = both().ok_or_else(missing)?;
            cross(left, right)
        }
        Plan::Broadcast(..) => {
            let (left, right) = both().ok_or_else(missing)?;
            broadcast(left, right)
        }
    }
}

/// A condition on a relation's rows.
pub(super) fn condition(predicate: &Expr, columns: &[Column]) -> Result<Typed, Stop> {
    no_aggregate(predicate)?;
    compile(predicate, columns)?.exact()?.of_type(Type::Bool)
}

pub(super) fn no_aggregate(expr: &Expr) -> Result<(), Stop> {
    match expr.has_agg() {
        true => Stop::invalid("an aggregate where none may be"),
        false => Ok(()),
    }
}

fn filter(input: &Relation, predicate: &Expr) -> Result<Relation, Stop> {
    let predicate = condition(predicate, &input.columns)?;
    let mut rows = Vec::new();
    for row in &input.rows {
        if eval(&predicate, &Scope::row(&row.values))?.is_true() {
            rows.push(row.clone());
        }
    }
    let columns = input.columns.clone();
    Ok(Relation { columns, rows })
}

fn select(input: &Relation, exprs: &[(String, Expr)]) -> Result<Relation, Stop> {
    let mut columns = Vec::new();
    let mut compiled = Vec::new();
    for (name, expr) in exprs {
        no_aggregate(expr)?;
        let typed = compile(expr, &input.columns)?;
        columns.push(Column {
            name: name.clone(),
            data_type: typed.data_type,
            approximate: typed.approximate,
        });
        compiled.push(typed);
    }
    Relation::check_names(&columns)?;
    let row = |row: &Row| {
        let scope = Scope::row(&row.values);
        let values = compiled.iter().map(|typed| eval(typed, &scope));
        Ok(Row {
            rank: row.rank,
            values: values.collect::<Result<_, Stop>>()?,
        })
    };
    let rows = input.rows.iter().map(row).collect::<Result<_, Stop>>()?;
    Ok(Relation { columns, rows })
}

fn with_column(input: &Relation, name: &str, expr: &Expr) -> Result<Relation, Stop> {
    let own = |column: &Column| (column.name.clone(), Expr::Col(column.name.clone()));
    let mut exprs: Vec<_> = input.columns.iter().map(own).collect();
    match exprs.iter_mut().find(|(own, _)| own == name) {
        Some((_, old)) => *old = expr.clone(),
        None => exprs.push((name.to_owned(), expr.clone())),
    }
    select(input, &exprs)
}

/// Some rows; ambiguous when an end falls among rows in no order that differ.
fn slice(input: &Relation, offset: u64, rows: Option<u64>) -> Result<Relation, Stop> {
    let len = input.rows.len();
    let start = (offset as usize).min(len);
    let end = rows.map_or(len, |rows| start.saturating_add(rows as usize).min(len));
    let mut ends = vec![start, end];
    ends.retain(|&at| start < end && 0 < at && at < len);
    for at in ends {
        let rank = input.rows[at].rank;
        if input.rows[at - 1].rank != rank {
            continue;
        }
        let mut peers = input.rows.iter().filter(|row| row.rank == rank);
        if !peers.all(|row| row.values == input.rows[at].values) {
            return Err(Stop::Ambiguous);
        }
    }
    Ok(Relation {
        columns: input.columns.clone(),
        rows: input.rows[start..end].to_vec(),
    })
}

fn union(left: &Relation, right: &Relation) -> Result<Relation, Stop> {
    if left.columns.len() != right.columns.len() {
        return Stop::invalid("a union of relations that differ");
    }
    let mut columns = Vec::new();
    for (l, r) in left.columns.iter().zip(&right.columns) {
        let inexact = |a: Type, b: Type| a.is_decimal() && b.is_float();
        let common = l.data_type.common(r.data_type).filter(|_| l.name == r.name);
        let (Some(data_type), false) = (
            common,
            inexact(l.data_type, r.data_type) || inexact(r.data_type, l.data_type),
        ) else {
            return Stop::invalid("a union of columns that differ");
        };
        columns.push(Column {
            name: l.name.clone(),
            data_type,
            approximate: l.approximate || r.approximate,
        });
    }
    let next = left.rows.last().map_or(0, |row| row.rank + 1);
    let row = |row: &Row, offset: usize| {
        let values = row.values.iter().zip(&columns);
        let values = values.map(|(value, column)| cast(value.clone(), column.data_type));
        Ok(Row {
            rank: row.rank + offset,
            values: values.collect::<Result<_, Stop>>()?,
        })
    };
    let own = left.rows.iter().map(|left| row(left, 0));
    let rows = own.chain(right.rows.iter().map(|right| row(right, next)));
    let rows = rows.collect::<Result<_, Stop>>()?;
    Ok(Relation { columns, rows })
}

fn sort(input: &Relation, keys: &[SortKey]) -> Result<Relation, Stop> {
    if keys.is_empty() {
        return Stop::invalid("a sort without keys");
    }
    let mut compiled = Vec::new();
    for key in keys {
        no_aggregate(&key.expr)?;
        compiled.push(compile(&key.expr, &input.columns)?.exact()?);
    }
    let mut keyed = Vec::new();
    for row in &input.rows {
        let scope = Scope::row(&row.values);
        let key = compiled.iter().map(|key| eval(key, &scope));
        let key = key.collect::<Result<Vec<Value>, _>>()?;
        keyed.push(((key, row.rank), row.values.clone()));
    }
    let columns = input.columns.clone();
    Ok(Relation::ranked_by(columns, keyed, |(a, old), (b, new)| {
        let pairs = keys.iter().zip(a.iter().zip(b));
        let orders = pairs.map(|(key, (a, b))| match (a.is_null(), b.is_null()) {
            (false, false) if key.descending => b.cmp(a),
            (false, false) => a.cmp(b),
            // TRUE is greater.
            (a, b) if key.nulls_first => b.cmp(&a),
            (a, b) => a.cmp(&b),
        });
        orders
            .fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            .then(old.cmp(new))
    }))
}
