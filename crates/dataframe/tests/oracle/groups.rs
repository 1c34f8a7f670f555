//! Groups of rows, and the first row of each kind.

use std::collections::BTreeMap;

use super::eval::{Scope, eval};
use super::expr::Expr;
use super::plan::Grouping;
use super::relation::{Column, Relation, Row, Stop};
use super::rows::no_aggregate;
use super::typing::{Typed, compile};
use super::value::Value;

/// The first row of each kind.
pub(super) fn distinct(
    input: &Relation,
    on: Option<&[String]>,
    options: Grouping,
) -> Result<Relation, Stop> {
    let all: Vec<String> = input.columns.iter().map(|c| c.name.clone()).collect();
    let on = on.unwrap_or(&all);
    let positions = on.iter().map(|name| input.position(name));
    let positions = positions.collect::<Result<Vec<usize>, _>>()?;
    if positions.iter().any(|&at| input.columns[at].approximate) {
        return Err(Stop::Ambiguous);
    }
    let key = |row: &Row| positions.iter().map(|&at| row.values[at].clone()).collect();
    if options.sorted {
        let keys = input.rows.iter().map(|row| (row.rank, key(row)));
        check_sorted(&keys.collect::<Vec<_>>())?;
    }
    let mut groups: BTreeMap<Vec<Value>, Vec<&Row>> = BTreeMap::new();
    for row in &input.rows {
        let key = key(row);
        groups.entry(key).or_default().push(row);
    }
    let mut firsts = Vec::new();
    for rows in groups.values() {
        if let Some(first) = Relation::first(rows)? {
            firsts.push((first.rank, first.values.clone()));
        }
    }
    let distinct = Relation::ranked_by(input.columns.clone(), firsts, usize::cmp);
    Ok(if options.maintain_order {
        distinct
    } else {
        distinct.unordered()
    })
}

/// A row for each group.
pub(super) fn group(
    input: &Relation,
    keys: &[(String, Expr)],
    aggs: &[(String, Expr)],
    options: Grouping,
) -> Result<Relation, Stop> {
    let mut compiled = Vec::new();
    for (_, key) in keys {
        no_aggregate(key)?;
        compiled.push(compile(key, &input.columns)?.exact()?);
    }
    let key_column = |((name, _), typed): (&(String, Expr), &Typed)| Column {
        name: name.clone(),
        data_type: typed.data_type,
        approximate: false,
    };
    let mut columns: Vec<Column> = keys.iter().zip(&compiled).map(key_column).collect();
    // Outside of aggregates there are the keys, under their names.
    let mut outputs = Vec::new();
    for (name, expr) in aggs {
        check_grouped(expr, keys)?;
        let typed = compile(expr, &input.columns)?;
        columns.push(Column {
            name: name.clone(),
            data_type: typed.data_type,
            approximate: typed.approximate,
        });
        outputs.push(typed);
    }
    Relation::check_names(&columns)?;
    let mut groups: BTreeMap<Vec<Value>, Vec<&Row>> = BTreeMap::new();
    let mut in_order = Vec::new();
    for row in &input.rows {
        let scope = Scope::row(&row.values);
        let key = compiled.iter().map(|key| eval(key, &scope));
        let key = key.collect::<Result<Vec<Value>, Stop>>()?;
        in_order.push((row.rank, key.clone()));
        groups.entry(key).or_default().push(row);
    }
    if options.sorted {
        check_sorted(&in_order)?;
    }
    if keys.is_empty() {
        groups.entry(Vec::new()).or_default();
    }
    let nothing = vec![Value::Null; input.columns.len()];
    let mut rows = Vec::new();
    for (key, group) in groups {
        let first = group.first().map_or(&nothing, |row| &row.values);
        let rank = group.iter().map(|row| row.rank).min().unwrap_or(0);
        let mut values = key;
        for (at, output) in outputs.iter().enumerate() {
            let scope = Scope::group(first, &group);
            values.push(eval(output, &scope)?);
            columns[keys.len() + at].approximate |= scope.rounded.get();
        }
        rows.push((rank, values));
    }
    let groups = Relation::ranked_by(columns, rows, usize::cmp);
    Ok(if options.maintain_order {
        groups
    } else {
        groups.unordered()
    })
}

/// That rows of these ranks and keys are sorted, nulls last.
pub(super) fn check_sorted(keys: &[(usize, Vec<Value>)]) -> Result<(), Stop> {
    for pair in keys.windows(2) {
        let [(rank, before), (next, behind)] = pair else {
            continue;
        };
        let mut orders = before
            .iter()
            .zip(behind)
            .map(|(a, b)| match (a.is_null(), b.is_null()) {
                (false, false) => a.cmp(b),
                (a, b) => a.cmp(&b),
            });
        let order = orders.find(|order| order.is_ne());
        match order {
            Some(_) if rank == next => return Err(Stop::Ambiguous),
            Some(std::cmp::Ordering::Greater) => return Stop::fails("rows that are not sorted"),
            _ => {}
        }
    }
    Ok(())
}

/// That an expression uses columns outside of aggregates only where they are keys.
fn check_grouped(expr: &Expr, keys: &[(String, Expr)]) -> Result<(), Stop> {
    match expr {
        Expr::Agg(_, arg) => arg.as_deref().map_or(Ok(()), no_aggregate),
        Expr::Col(name) => {
            let is_key = |(_, key): &(String, Expr)| matches!(key, Expr::Col(own) if own == name);
            match keys.iter().any(is_key) {
                true => Ok(()),
                false => Stop::invalid("a column that is neither a key nor in an aggregate"),
            }
        }
        _ => expr
            .children()
            .into_iter()
            .try_for_each(|child| check_grouped(child, keys)),
    }
}
