//! Steps whose arguments need some reading: groups, joins, sorts, duplicates.

use esker_dataframe::prelude::*;
use serde_json::Value as Json;

use crate::expr::expr;
use crate::pipeline::{Stop, items, text};

/// `["group_by", [keys], [[name, aggregate]..], sorted?]`.
pub(crate) fn group_by(
    frame: &DataFrame,
    keys: &Json,
    aggregates: &Json,
    sorted: &[Json],
) -> Result<DataFrame, Stop> {
    let mut values = Vec::new();
    for aggregate in items(aggregates)? {
        let [name, value] = items(aggregate)? else {
            return Err(Stop::Case(format!("{aggregate} is no aggregate")));
        };
        values.push(expr(value)?.alias(text(name)?));
    }
    let groups = frame.group_by(texts(keys)?);
    let groups = groups.maintain_order(true).sorted(hint(sorted)?);
    Ok(groups.agg(values))
}

/// `["join", table, {on | left_on, right_on, how, sorted}]`: the right table's columns that the
/// left one has too are `right_x`, keys among them.
pub(crate) fn join(
    left: &DataFrame,
    right: &DataFrame,
    options: &Json,
) -> Result<Result<DataFrame>, Stop> {
    let mut join = match &options["how"] {
        Json::Null => Join::inner(),
        how => match text(how)? {
            "inner" => Join::inner(),
            "left" => Join::left(),
            "full" => Join::full(),
            other => return Err(Stop::Case(format!("there is no join `{other}`"))),
        },
    };
    join = match &options["on"] {
        Json::Null => {
            let (left, right) = (&options["left_on"], &options["right_on"]);
            join.left_on(texts(left)?).right_on(texts(right)?)
        }
        keys => join.on(texts(keys)?),
    };
    let sorted = options.get("sorted").map(std::slice::from_ref);
    let sorted = hint(sorted.unwrap_or_default())?;
    let join = join.coalesce(false).maintain_order(true).sorted(sorted);
    let (left_schema, right_schema) = match (left.schema(), right.schema()) {
        (Ok(left), Ok(right)) => (left, right),
        (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
    };
    let names = right_schema.fields().iter().map(|field| field.name());
    let both = names.filter(|name| left_schema.index_of(name).is_ok());
    let renamed = both.map(|name| (format!("{name}_right"), format!("right_{name}")));
    Ok(Ok(left.join(right, join).rename(renamed)))
}

/// `["sort", [columns], ascending]`: one direction for all, or one for each; descending is the
/// whole order turned round, so nulls come first.
pub(crate) fn sort(
    frame: &DataFrame,
    columns: &Json,
    ascending: &[Json],
) -> Result<DataFrame, Stop> {
    let columns = texts(columns)?;
    let ascending = match ascending {
        [] => vec![true; columns.len()],
        [Json::Bool(ascending)] => vec![*ascending; columns.len()],
        [list] => {
            let list = items(list)?.iter().map(Json::as_bool);
            list.collect::<Option<Vec<bool>>>().unwrap_or_default()
        }
        _ => Vec::new(),
    };
    if ascending.len() != columns.len() {
        return Err(Stop::Case("a sort needs a direction a column".to_owned()));
    }
    let keys = columns.into_iter().zip(ascending);
    Ok(frame.sort(keys.map(|(column, ascending)| match ascending {
        true => col(column).asc(),
        false => col(column).desc().nulls_first(),
    })))
}

/// `["unique", [columns], sorted?]`: of all columns when none are named.
pub(crate) fn unique(
    frame: &DataFrame,
    columns: &Json,
    sorted: &[Json],
) -> Result<DataFrame, Stop> {
    let distinct = match texts(columns)?.as_slice() {
        [] => Distinct::all(),
        columns => Distinct::on(columns.iter().copied()),
    };
    let distinct = distinct.maintain_order(true).sorted(hint(sorted)?);
    Ok(frame.distinct_with(distinct))
}

/// A text, or a list of some.
fn texts(json: &Json) -> Result<Vec<&str>, Stop> {
    match json {
        Json::String(text) => Ok(vec![text]),
        list => items(list)?.iter().map(text).collect(),
    }
}

/// Whether a step, by the last of its arguments, is told that its input is sorted.
fn hint(sorted: &[Json]) -> Result<bool, Stop> {
    match sorted {
        [] => Ok(false),
        [Json::Bool(sorted)] => Ok(*sorted),
        other => Err(Stop::Case(format!("{other:?} is no hint"))),
    }
}
