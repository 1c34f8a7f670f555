//! Expressions of the cases, prefix lists, as expressions of ours.

use esker_dataframe::prelude::*;
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
        (name, _) => return Err(Stop::Missing(feature(name).to_owned())),
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
        _ => match name.split_once('.') {
            Some((family @ ("str" | "dt"), _)) => family,
            _ => name,
        },
    }
}
