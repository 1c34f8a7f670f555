//! Pipelines of the cases as frames.

use esker_dataframe::prelude::*;
use serde_json::Value as Json;

use crate::case::Case;
use crate::compare::Want;
use crate::expr::expr;
use crate::input::Input;
use crate::settings::Setting;
use crate::verbs;

/// Why a case has no outcome.
pub(crate) enum Stop {
    /// It needs what we do not have: the feature's name.
    Missing(String),
    /// It cannot be run, or went wrong: what happened.
    Case(String),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Case(reason)
    }
}

/// The frame of a case's pipeline, or the engine's error where a file could not be opened.
pub(crate) fn build(
    case: &Case,
    inputs: &[Input],
    setting: &Setting,
) -> Result<Result<DataFrame>, Stop> {
    if has_slash_dates(case) {
        return Err(Stop::Missing("slash dates".to_owned()));
    }
    let open = |name: &str| {
        let input = inputs.iter().find(|input| input.name() == name);
        let input = input.ok_or_else(|| format!("there is no table `{name}`"))?;
        Ok::<_, Stop>(input.open(setting))
    };
    let first = inputs
        .first()
        .ok_or_else(|| "it has no tables".to_owned())?;
    let mut frame = match open(first.name())? {
        Ok(frame) => frame,
        Err(error) => return Ok(Err(error)),
    };
    for json in &case.pipeline {
        let (name, arguments) = named(json)?;
        frame = match (name, arguments) {
            ("filter", [predicate]) => frame.filter(expr(predicate)?),
            ("select", [columns]) => {
                let columns = items(columns)?.iter().map(|column| match column {
                    Json::String(name) => Ok(col(name.as_str())),
                    column => expr(column),
                });
                frame.select(columns.collect::<Result<Vec<_>, _>>()?)
            }
            ("with_column", [name, column]) => frame.with_column(text(name)?, expr(column)?),
            ("head", [rows]) => {
                let rows = rows.as_u64().ok_or_else(|| format!("{rows} rows"))?;
                frame.head(rows)
            }
            ("group_by", [keys, aggregates, sorted @ ..]) => {
                verbs::group_by(&frame, keys, aggregates, sorted)?
            }
            ("join", [table, options]) => {
                let joined = open(text(table)?)?.map(|right| verbs::join(&frame, &right, options));
                match joined.unwrap_or_else(|error| Ok(Err(error)))? {
                    Ok(joined) => joined,
                    Err(error) => return Ok(Err(error)),
                }
            }
            ("sort", [columns, ascending @ ..]) => verbs::sort(&frame, columns, ascending)?,
            ("unique", [columns, sorted @ ..]) => verbs::unique(&frame, columns, sorted)?,
            ("explode", [column]) => frame.explode([text(column)?]),
            ("union", [table]) => match open(text(table)?)? {
                Ok(other) => frame.union(&other),
                Err(error) => return Ok(Err(error)),
            },
            ("rename", [Json::Object(names)]) => {
                let names = names.iter().map(|(old, new)| Ok((old, text(new)?)));
                frame.rename(names.collect::<Result<Vec<_>, Stop>>()?)
            }
            ("drop", [names]) => {
                let names = items(names)?.iter().map(text);
                frame.drop(names.collect::<Result<Vec<_>, _>>()?)
            }
            (name, _) => return Err(Stop::Missing(name.to_owned())),
        };
    }
    Ok(Ok(frame))
}

/// Splits a list into the name it starts with and the arguments.
pub(crate) fn named(json: &Json) -> Result<(&str, &[Json]), Stop> {
    match items(json)? {
        [name, arguments @ ..] => Ok((text(name)?, arguments)),
        [] => Err(Stop::Case("a list without a name".to_owned())),
    }
}

/// What a list holds.
pub(crate) fn items(json: &Json) -> Result<&[Json], Stop> {
    let items = json
        .as_array()
        .ok_or_else(|| format!("{json} is no list"))?;
    Ok(items)
}

/// What a text says.
pub(crate) fn text(json: &Json) -> Result<&str, Stop> {
    Ok(json.as_str().ok_or_else(|| format!("{json} is no text"))?)
}

/// Whether a case needs dates as Americans and Europeans write them: a field of a CSV is one, and
/// the wanted rows do not show it as text.
fn has_slash_dates(case: &Case) -> bool {
    let texts = case
        .tables
        .iter()
        .filter_map(|(_, table)| table["csv"].as_str());
    let mut fields = texts.flat_map(|text| text.split([',', ';', '\t', '|', '"', '\r', '\n']));
    fields.any(|field| {
        let shown = match &case.want {
            Want::Rows(rows) => rows.contain_text(field),
            Want::Error => false,
        };
        is_slash_date(field) && !shown
    })
}

/// Whether a text is like `1/31/2024` or `31/01/2024`, a time of day behind it or not.
fn is_slash_date(text: &str) -> bool {
    let date = text.trim().split([' ', 'T']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split('/').collect();
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match parts.as_slice() {
        [a, b, year] => digits(a, 2) && digits(b, 2) && digits(year, 4),
        _ => false,
    }
}
