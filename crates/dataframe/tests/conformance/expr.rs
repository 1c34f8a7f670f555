//! Expressions of the cases, prefix lists, as expressions of ours.

use esker_dataframe::prelude::*;
use esker_functions::{DtNamespace, StrNamespace};
use serde_json::Value as Json;

use crate::input::scalar;
use crate::pipeline::{Stop, items, named, text};

/// The expression that a prefix list stands for.
pub(crate) fn expr(json: &Json) -> Result<Expr, Stop> {
    let (name, arguments) = named(json)?;
    Ok(match (name, arguments) {
        ("col", [name]) => col(text(name)?),
        ("lit", [value]) => lit(scalar(value)?),
        ("alias", [x, name]) => expr(x)?.alias(text(name)?),

        (">", [x, y]) => expr(x)?.gt(expr(y)?),
        (">=", [x, y]) => expr(x)?.gt_eq(expr(y)?),
        ("<", [x, y]) => expr(x)?.lt(expr(y)?),
        ("<=", [x, y]) => expr(x)?.lt_eq(expr(y)?),
        ("==", [x, y]) => expr(x)?.eq(expr(y)?),
        ("!=", [x, y]) => expr(x)?.neq(expr(y)?),

        ("+", [x, y]) => expr(x)? + expr(y)?,
        ("-", [x, y]) => expr(x)? - expr(y)?,
        ("*", [x, y]) => expr(x)? * expr(y)?,
        ("/", [x, y]) => expr(x)? / expr(y)?,
        ("//", [x, y]) => expr(x)?.floor_div(expr(y)?),
        ("%", [x, y]) => expr(x)?.floor_mod(expr(y)?),
        ("neg", [x]) => -expr(x)?,

        ("&", [x, y]) => expr(x)? & expr(y)?,
        ("|", [x, y]) => expr(x)? | expr(y)?,
        ("not", [x]) => !expr(x)?,
        ("is_null", [x]) => expr(x)?.is_null(),
        ("is_not_null", [x]) => expr(x)?.is_not_null(),
        ("is_in", [x, values]) => {
            let values = items(values)?.iter().map(scalar);
            expr(x)?.is_in(values.collect::<Result<Vec<_>, _>>()?)
        }

        ("sum", [x]) => expr(x)?.sum(),
        ("mean", [x]) => expr(x)?.mean(),
        ("min", [x]) => expr(x)?.min(),
        ("max", [x]) => expr(x)?.max(),
        ("count", [x]) => expr(x)?.count(),
        ("first", [x]) => expr(x)?.first(),
        ("last", [x]) => expr(x)?.last(),
        ("n_unique", [x]) => expr(x)?.n_unique(),

        ("cast", [x, to]) => expr(x)?.cast(cast_type(to)?),
        ("when", [branches]) => case(branches, None)?,
        ("when", [branches, otherwise]) => case(branches, Some(otherwise))?,
        (name, [x, rest @ ..]) if name.starts_with("str.") => of_text(name, expr(x)?.str(), rest)?,
        (name, [x, rest @ ..]) if name.starts_with("dt.") => of_time(name, expr(x)?.dt(), rest)?,
        (name, _) => return Err(Stop::Missing(feature(name).to_owned())),
    })
}

/// A function of text.
fn of_text(name: &str, x: StrNamespace, arguments: &[Json]) -> Result<Expr, Stop> {
    Ok(match (name, arguments) {
        ("str.upper", []) => x.upper(),
        ("str.lower", []) => x.lower(),
        ("str.title", []) => x.title(),
        ("str.strip", []) => x.strip(),
        ("str.len", []) => x.len_chars(),
        ("str.contains", [wanted]) => x.contains(text(wanted)?),
        ("str.startswith", [wanted]) => x.starts_with(text(wanted)?),
        ("str.endswith", [wanted]) => x.ends_with(text(wanted)?),
        ("str.replace", [old, new]) => x.replace(text(old)?, text(new)?),
        ("str.slice", [start] | [start, Json::Null]) => x.slice_from(scalar(start)?),
        ("str.slice", [start, end]) => x.slice(scalar(start)?, scalar(end)?),
        (name, _) => return Err(Stop::Missing(name.to_owned())),
    })
}

/// A function of dates and times.
fn of_time(name: &str, x: DtNamespace, arguments: &[Json]) -> Result<Expr, Stop> {
    Ok(match (name, arguments) {
        ("dt.year", []) => x.year(),
        ("dt.quarter", []) => x.quarter(),
        ("dt.month", []) => x.month(),
        ("dt.week", []) => x.week(),
        ("dt.day", []) => x.day(),
        ("dt.weekday", []) => x.weekday(),
        ("dt.isoweekday", []) => x.iso_weekday(),
        ("dt.day_of_year", []) => x.day_of_year(),
        ("dt.hour", []) => x.hour(),
        ("dt.minute", []) => x.minute(),
        ("dt.second", []) => x.second(),
        ("dt.microsecond", []) => x.microsecond(),
        ("dt.day_name", []) => x.day_name(),
        ("dt.month_name", []) => x.month_name(),
        ("dt.date", []) => x.date(),
        ("dt.time", []) => x.time(),
        ("dt.epoch_seconds", []) => x.epoch_seconds(),
        ("dt.truncate", [unit]) => x.truncate(text(unit)?),
        ("dt.strftime", [format]) => x.strftime(text(format)?),
        ("dt.add_days", [days]) => x.add_days(scalar(days)?),
        ("dt.add_hours", [hours]) => x.add_hours(scalar(hours)?),
        ("dt.add_minutes", [minutes]) => x.add_minutes(scalar(minutes)?),
        ("dt.add_seconds", [seconds]) => x.add_seconds(scalar(seconds)?),
        (name, _) => return Err(Stop::Missing(name.to_owned())),
    })
}

/// The type that a cast names.
fn cast_type(json: &Json) -> Result<DataType, Stop> {
    match text(json)? {
        "int" => Ok(DataType::Int64),
        "float" => Ok(DataType::Float64),
        "str" => Ok(DataType::Utf8View),
        "bool" => Ok(DataType::Boolean),
        other => Err(Stop::Case(format!("there is no cast to `{other}`"))),
    }
}

/// `[[condition, value]..]`, and what stands where none of them holds.
fn case(branches: &Json, otherwise: Option<&Json>) -> Result<Expr, Stop> {
    let mut built = None;
    for branch in items(branches)? {
        let [condition, value] = items(branch)? else {
            return Err(Stop::Case(format!("{branch} is no branch")));
        };
        let (condition, value) = (expr(condition)?, expr(value)?);
        let next = match built {
            None => when(condition),
            Some(case) => esker_logical_expr::CaseBuilder::when(case, condition),
        };
        built = Some(next.then(value));
    }
    let built = built.ok_or_else(|| Stop::Case("`when` has no branches".to_owned()))?;
    match otherwise {
        None | Some(Json::Null) => Ok(built.end()),
        Some(value) => Ok(built.otherwise(expr(value)?)),
    }
}

/// The feature that an expression we do not build belongs to: itself, when no list of features
/// speaks of it.
fn feature(name: &str) -> &str {
    match name {
        "over" | "row_number" | "rank" | "dense_rank" | "lag" | "lead" | "cumsum" | "cummax"
        | "cummin" => "windows",
        _ => name,
    }
}
