//! Joins as nested loops.

use super::eval::{Scope, cast, eval};
use super::expr::Expr;
use super::groups::check_sorted;
use super::plan::{Join, JoinKind};
use super::relation::{Column, Relation, Row, Stop};
use super::rows::{condition, no_aggregate};
use super::typing::{Typed, compile};
use super::value::Value;

/// Where a column of the result comes from.
enum Origin {
    Left(usize),
    Right(usize),
    /// A key of both sides.
    Both(usize, usize),
}

/// Which row a result's row is of: its place, and the rows of both sides.
type Pair<'a> = ((bool, usize, usize), Option<&'a Row>, Option<&'a Row>);

/// A join as a user sees it: keys of one name once, equal names apart by the suffix.
pub(super) fn join(left: &Relation, right: &Relation, options: &Join) -> Result<Relation, Stop> {
    let mut keys = Vec::new();
    for (l, r) in &options.on {
        no_aggregate(l)?;
        no_aggregate(r)?;
        let l = compile(l, &left.columns)?.exact()?;
        let r = compile(r, &right.columns)?.exact()?;
        comparable(&l, &r)?;
        keys.push((l, r));
    }
    if keys.is_empty() && options.filter.is_none() {
        return Stop::invalid("a join without a condition");
    }
    let (columns, origins) = output(left, right, options)?;
    let filter = match &options.filter {
        Some(filter) => {
            let both = columns_of_filter(left, right, options)?;
            Some(condition(filter, &both)?)
        }
        None => None,
    };
    let lefts = key_values(left, keys.iter().map(|(l, _)| l))?;
    let rights = key_values(right, keys.iter().map(|(_, r)| r))?;
    if options.sorted {
        for (side, keys) in [(left, &lefts), (right, &rights)] {
            let ranks = side.rows.iter().map(|row| row.rank);
            check_sorted(&ranks.zip(keys.iter().cloned()).collect::<Vec<_>>())?;
        }
    }
    let matches = |l: usize, r: usize| {
        let mut pairs = lefts[l].iter().zip(&rights[r]);
        let equal = pairs.all(|(a, b)| match (a.is_null(), b.is_null()) {
            (false, false) => a.compare(b).is_eq(),
            (true, true) => options.nulls_equal,
            _ => false,
        });
        match (&filter, equal) {
            (Some(filter), true) => {
                let values = [&left.rows[l].values[..], &right.rows[r].values[..]].concat();
                Ok(eval(filter, &Scope::row(&values))?.is_true())
            }
            (_, equal) => Ok(equal),
        }
    };
    let pairs = pairs(left, right, options.kind, matches)?;
    let mut rows = Vec::new();
    for (place, l, r) in pairs {
        let value =
            |row: Option<&Row>, at: usize| row.map_or(Value::Null, |row| row.values[at].clone());
        let values = origins
            .iter()
            .zip(&columns)
            .map(|(origin, column)| match origin {
                Origin::Left(at) => Ok(value(l, *at)),
                Origin::Right(at) => Ok(value(r, *at)),
                Origin::Both(at, other) => match options.kind {
                    JoinKind::Right => Ok(value(r, *other)),
                    JoinKind::Full => {
                        let own = value(l, *at);
                        let own = if own.is_null() { value(r, *other) } else { own };
                        cast(own, column.data_type)
                    }
                    _ => Ok(value(l, *at)),
                },
            });
        rows.push((place, values.collect::<Result<Vec<_>, Stop>>()?));
    }
    let joined = Relation::ranked_by(columns, rows, |a, b| a.cmp(b));
    Ok(if options.maintain_order {
        joined
    } else {
        joined.unordered()
    })
}

/// The pairs of rows, and the rows without a partner that the kind keeps.
fn pairs<'a>(
    left: &'a Relation,
    right: &'a Relation,
    kind: JoinKind,
    matches: impl Fn(usize, usize) -> Result<bool, Stop>,
) -> Result<Vec<Pair<'a>>, Stop> {
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    let mut right_matched = vec![false; right.rows.len()];
    let of_rank = |rank: usize| left.rows.iter().filter(move |row| row.rank == rank);
    for (at, l) in left.rows.iter().enumerate() {
        let mut matched = false;
        // Which of several left rows comes first is open, and with it which right row does.
        let alone = of_rank(l.rank).count() == 1;
        for (other, r) in right.rows.iter().enumerate() {
            if !matches(at, other)? {
                continue;
            }
            matched = true;
            right_matched[other] = true;
            if !matches!(kind, JoinKind::Semi | JoinKind::Anti) {
                let second = if alone { r.rank } else { 0 };
                pairs.push(((false, l.rank, second), Some(l), Some(r)));
            }
        }
        let keeps = match kind {
            JoinKind::Left | JoinKind::Full | JoinKind::Anti => !matched,
            JoinKind::Semi => matched,
            JoinKind::Inner | JoinKind::Right => false,
        };
        if keeps {
            pairs.push(((false, l.rank, 0), Some(l), None));
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        let alone = right.rows.iter().zip(right_matched).filter(|(_, m)| !m);
        pairs.extend(alone.map(|(r, _)| ((true, 0, r.rank), None, Some(r))));
    }
    Ok(pairs)
}

fn comparable(left: &Typed, right: &Typed) -> Result<(), Stop> {
    let (l, r) = (left.data_type, right.data_type);
    let inexact = (l.is_decimal() && r.is_float()) || (l.is_float() && r.is_decimal());
    match l.common(r) {
        Some(_) if !inexact => Ok(()),
        _ => Stop::invalid("keys that do not compare"),
    }
}

fn key_values<'a>(
    side: &Relation,
    keys: impl Iterator<Item = &'a Typed> + Clone,
) -> Result<Vec<Vec<Value>>, Stop> {
    let row = |row: &Row| {
        let scope = Scope::row(&row.values);
        keys.clone().map(|key| eval(key, &scope)).collect()
    };
    side.rows.iter().map(row).collect()
}

/// The columns of the result and where they come from.
fn output(
    left: &Relation,
    right: &Relation,
    options: &Join,
) -> Result<(Vec<Column>, Vec<Origin>), Stop> {
    let merged = merged_keys(left, right, options)?;
    let (mut columns, mut origins) = (Vec::new(), Vec::new());
    for (at, column) in left.columns.iter().enumerate() {
        let mut column = column.clone();
        let both = merged.iter().find(|(own, _)| *own == at);
        if let Some(&(_, other)) = both {
            let of_right = right.columns[other].data_type;
            column.data_type = match options.kind {
                JoinKind::Right => of_right,
                JoinKind::Full => {
                    let common = column.data_type.common(of_right);
                    common.ok_or_else(|| Stop::Invalid("keys without a type".to_owned()))?
                }
                _ => column.data_type,
            };
        }
        columns.push(column);
        origins.push(match both {
            Some(&(_, other)) => Origin::Both(at, other),
            None => Origin::Left(at),
        });
    }
    if matches!(options.kind, JoinKind::Semi | JoinKind::Anti) {
        return Ok((columns, origins));
    }
    for (name, at) in right_names(left, right, &merged, &options.suffix) {
        let column = right.columns[at].clone();
        columns.push(Column { name, ..column });
        origins.push(Origin::Right(at));
    }
    Relation::check_names(&columns)?;
    Ok((columns, origins))
}

/// The keys that are one column of the result.
fn merged_keys(
    left: &Relation,
    right: &Relation,
    options: &Join,
) -> Result<Vec<(usize, usize)>, Stop> {
    let mut merged: Vec<(usize, usize)> = Vec::new();
    for (l, r) in options.on.iter().filter(|_| options.coalesce) {
        let (Expr::Col(l), Expr::Col(r)) = (l, r) else {
            continue;
        };
        let (at, other) = (left.position(l)?, right.position(r)?);
        let taken = merged.iter().any(|&(a, b)| a == at || b == other);
        if l == r && !taken {
            merged.push((at, other));
        }
    }
    Ok(merged)
}

/// The right columns that are no keys of both sides, and their names.
fn right_names(
    left: &Relation,
    right: &Relation,
    merged: &[(usize, usize)],
    suffix: &str,
) -> Vec<(String, usize)> {
    let own = right.columns.iter().enumerate();
    let own = own.filter(|(at, _)| !merged.iter().any(|(_, other)| other == at));
    let named = own.map(|(at, column)| match left.position(&column.name) {
        Ok(_) => (format!("{}{suffix}", column.name), at),
        Err(_) => (column.name.clone(), at),
    });
    named.collect()
}

/// The columns that a join's condition is over: those of both sides.
pub(crate) fn columns_of_filter(
    left: &Relation,
    right: &Relation,
    options: &Join,
) -> Result<Vec<Column>, Stop> {
    let merged = merged_keys(left, right, options)?;
    let names = right_names(left, right, &merged, &options.suffix);
    let mut both: Vec<Column> = left.columns.clone();
    for (at, column) in right.columns.iter().enumerate() {
        let name = names.iter().find(|(_, own)| *own == at);
        // A key of both sides means the left one.
        let name = name.map_or_else(
            || format!("{} of the right", column.name),
            |(n, _)| n.clone(),
        );
        both.push(Column {
            name,
            ..column.clone()
        });
    }
    Relation::check_names(&both)?;
    Ok(both)
}

/// All pairs of rows.
pub(super) fn cross(left: &Relation, right: &Relation) -> Result<Relation, Stop> {
    let mut options = Join::on(JoinKind::Inner, &[]);
    options.filter = Some(Expr::Lit(Value::Bool(true), super::types::Type::Bool));
    join(left, right, &options)
}

/// All rows with the one row of another relation, or with nulls if it has none.
pub(super) fn broadcast(left: &Relation, right: &Relation) -> Result<Relation, Stop> {
    if right.rows.len() > 1 {
        return Stop::fails("a second row where one may be");
    }
    let mut options = Join::on(JoinKind::Left, &[]);
    options.filter = Some(Expr::Lit(Value::Bool(true), super::types::Type::Bool));
    join(left, right, &options)
}
